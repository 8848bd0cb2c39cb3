"""The rules in their order, and the loop that applies them to a query that does not bind.

Each round starts from the engine's error, makes one change that a rule justifies, and binds again. It ends with the
first text that binds, or when no rule applies. It never changes a query that binds: only `match_stored_values` does,
where a text is stored in another spelling.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from nl2sql.repair.binding import Binder, BindError, Fault, read_run_error
from nl2sql.repair.context import Edit, RepairContext
from nl2sql.repair.missing_names import find_missing_name, list_joins_to
from nl2sql.repair.name_matching import split_words
from nl2sql.repair.rules.column_names import correct_slip, spell_column, spell_label, use_own_name
from nl2sql.repair.rules.column_sources import choose_equal, move_column, move_dimension, move_to_unused, use_alias
from nl2sql.repair.rules.comparisons import compare_by_name, compare_truth, read_as_text
from nl2sql.repair.rules.foreign_syntax import (
    leave_out_prose,
    quote_reserved,
    read_foreign,
    translate_function,
    write_in_dialect,
)
from nl2sql.repair.rules.grouping import (
    compare_with_all,
    filter_groups,
    group_by_dependent,
    group_by_listed,
    take_extreme_row,
)
from nl2sql.repair.rules.join_keys import correct_join, join_along_key, join_holder
from nl2sql.repair.rules.periods import spell_out_periods
from nl2sql.repair.rules.quoted_text import quote_text
from nl2sql.repair.rules.table_names import spell_table
from nl2sql.repair.rules.text_columns import read_days, read_numbers, take_year
from nl2sql.repair.transpile import parse_dialect, spell_foreign, write_tree
from nl2sql.types import Proof, Repair, RepairKind, RepairReport, Schema

_LOGGER: Final = logging.getLogger(__name__)
MAX_ROUNDS: Final = 12
_FORBIDDEN: Final = frozenset({Fault.REFUSED, Fault.DENIED})
_UNREAD: Final = frozenset(Fault) - {Fault.VALUE, Fault.OTHER} - _FORBIDDEN
_NAMES: Final = frozenset({Fault.COLUMN, Fault.GROUPING})


@dataclass(frozen=True, slots=True)
class RepairRule:
    """One kind of change, how certain it is, and the faults that it may repair.

    `apply` returns the change, or None where its precondition does not hold.
    """

    name: str
    kind: RepairKind
    faults: frozenset[Fault]
    apply: Callable[[RepairContext], Edit | None]


@dataclass(frozen=True, slots=True)
class TextRepairRule:
    """A change to a text that does not parse: `apply` yields the texts that may be meant. All are EXACT."""

    name: str
    text: str
    apply: Callable[[str, Schema, str], Iterator[str]]


TEXT_RULES: Final = (
    TextRepairRule("prose", "words around the query are left out", leave_out_prose),
    TextRepairRule("reserved-word", "names that are reserved words are quoted", quote_reserved),
    TextRepairRule("dialect", "another dialect's syntax, in this one's words", read_foreign),
)

RULES: Final = (
    RepairRule("dialect", RepairKind.EXACT, _UNREAD, write_in_dialect),
    RepairRule("function", RepairKind.EXACT, frozenset({Fault.FUNCTION, Fault.COLUMN}), translate_function),
    RepairRule("table-spelling", RepairKind.EXACT, frozenset({Fault.TABLE}), spell_table),
    RepairRule("quoted-text", RepairKind.EXACT, _NAMES, quote_text),
    RepairRule("alias", RepairKind.EXACT, _NAMES, use_alias),
    RepairRule("spelling", RepairKind.EXACT, _NAMES, spell_column),
    RepairRule("label", RepairKind.EXACT, _NAMES, spell_label),
    RepairRule("own-name", RepairKind.EXACT, _NAMES, use_own_name),
    RepairRule("join-condition", RepairKind.KEYED, _NAMES, correct_join),
    RepairRule("source", RepairKind.EXACT, _NAMES, move_column),
    RepairRule("slip", RepairKind.EXACT, _NAMES, correct_slip),
    RepairRule("unused-source", RepairKind.KEYED, _NAMES, move_to_unused),
    RepairRule("dimension-source", RepairKind.KEYED, _NAMES, move_dimension),
    RepairRule("join", RepairKind.KEYED, _NAMES, join_along_key),
    RepairRule("ambiguous", RepairKind.EXACT, frozenset({Fault.AMBIGUOUS}), choose_equal),
    RepairRule("period", RepairKind.EXACT, frozenset({Fault.VALUE, Fault.TYPES}), spell_out_periods),
    RepairRule("truth-value", RepairKind.EXACT, frozenset({Fault.VALUE, Fault.TYPES}), compare_truth),
    RepairRule("key-name", RepairKind.KEYED, frozenset({Fault.VALUE, Fault.TYPES}), compare_by_name),
    RepairRule("as-text", RepairKind.EXACT, frozenset({Fault.TYPES}), read_as_text),
    RepairRule("year", RepairKind.KEYED, frozenset({Fault.TYPES}), take_year),
    RepairRule("text-number", RepairKind.KEYED, frozenset({Fault.TYPES}), read_numbers),
    RepairRule("text-day", RepairKind.KEYED, frozenset({Fault.TYPES}), read_days),
    RepairRule("group", RepairKind.EXACT, frozenset({Fault.GROUPING}), group_by_dependent),
    RepairRule("having", RepairKind.EXACT, frozenset({Fault.AGGREGATE}), filter_groups),
    RepairRule("whole-table", RepairKind.EXACT, frozenset({Fault.AGGREGATE}), compare_with_all),
    RepairRule("group-listed", RepairKind.GUESS, frozenset({Fault.GROUPING}), group_by_listed),
    RepairRule("extreme-row", RepairKind.GUESS, frozenset({Fault.GROUPING}), take_extreme_row),
    RepairRule("join-holder", RepairKind.GUESS, frozenset({Fault.COLUMN}), join_holder),
)
"""The rules in the order in which they are tried: the smallest change first. A GUESS is reported, never applied."""


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """A query to repair, and what is known about it.

    `question` tells which words are the user's own. `error` is the message of an error that was raised while the query
    ran, "" where it did not run. A query that names one of the `hidden_names` (tables or columns, lower case) is left
    alone: the guard must refuse it under the name written. Where anything is hidden no table name is corrected, because
    that would reveal which tables exist. A change that rests on one of the `disproved_proofs` is not made.
    """

    sql: str
    question: str
    schema: Schema
    dialect: str = "duckdb"
    error: str = ""
    hidden_names: frozenset[str] = frozenset()
    disproved_proofs: frozenset[Proof] = frozenset()


def repair(request: RepairRequest, binder: Binder) -> RepairReport:
    """Repair a query that does not bind, or report what it lacks.

    The report is empty where the query binds and `error` is "".
    """
    fault = binder.find_error(request.sql) or (read_run_error(request.error) if request.error else None)
    if fault is None:
        return RepairReport()
    attempt = _Attempt(request, binder, frozenset(split_words(request.question)))
    # A text that is nested too deep for the parser is left as it is.
    try:
        return attempt.run(request.sql, fault)
    except RecursionError:
        _LOGGER.debug("repair gave up: the query is nested too deep", exc_info=True)
        return RepairReport()


@dataclass(frozen=True, slots=True)
class _Change:
    """The text after a change, the proofs that it rests on, and the error that is left."""

    sql: str
    repair: Repair
    proofs: tuple[Proof, ...]
    next_error: BindError | None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The repair of one query."""

    request: RepairRequest
    binder: Binder
    question_words: frozenset[str]

    def run(self, sql: str, fault: BindError) -> RepairReport:
        """Change the query until it binds; where it cannot be made to, explain why."""
        repairs: list[Repair] = []
        proofs: list[Proof] = []
        for _ in range(MAX_ROUNDS):
            change = self._change_query(sql, fault)
            if change is None:
                return self._explain(sql, fault)
            sql = change.sql
            repairs.append(change.repair)
            proofs += change.proofs
            if change.next_error is None:
                return RepairReport(sql, tuple(dict.fromkeys(repairs)), tuple(dict.fromkeys(proofs)))
            fault = change.next_error
        return RepairReport()

    def _change_query(self, sql: str, fault: BindError) -> _Change | None:
        """Return the first justified change that leads to another error or none, with that error."""
        tree = parse_dialect(spell_foreign(sql), self.request.dialect)
        if tree is None:
            return self._change_text(sql, fault)
        if self._is_hidden(tree):
            return None
        for rule in self._list_rules(fault, justified=True):
            edit = rule.apply(self._make_context(tree, fault))
            if edit is None or not self.request.disproved_proofs.isdisjoint(edit.proofs):
                continue
            text = write_tree(edit.tree, self.request.dialect)
            if text is None or text == sql:
                continue
            after = self.binder.find_error(text)
            if after is None or (after.fault not in _FORBIDDEN and _is_progress(rule, fault, after)):
                return _Change(text, Repair(rule.name, rule.kind, edit.text), edit.proofs, after)
        return self._change_text(sql, fault) if fault.fault is Fault.SYNTAX else None

    def _change_text(self, sql: str, fault: BindError) -> _Change | None:
        """Return the first change of a text that does not parse which leads to another error or none."""
        for rule in TEXT_RULES:
            for text in rule.apply(sql, self.request.schema, self.request.dialect):
                tree = parse_dialect(text, self.request.dialect)
                if tree is None or self._is_hidden(tree):
                    continue
                after = self.binder.find_error(text)
                if after is None or (after.fault not in _FORBIDDEN and after.message != fault.message):
                    return _Change(text, Repair(rule.name, RepairKind.EXACT, rule.text), (), after)
        return None

    def _explain(self, sql: str, fault: BindError) -> RepairReport:
        """Report the name that is missing, the joins to where it is, and the guesses."""
        tree = parse_dialect(spell_foreign(sql), self.request.dialect)
        if tree is None or (self.request.hidden_names and fault.fault is Fault.TABLE):
            return RepairReport()
        context = self._make_context(tree, fault)
        missing = find_missing_name(context)
        if missing is not None:
            return RepairReport(missing=missing, joins=list_joins_to(context), guesses=tuple(self._guess(tree, fault)))
        return RepairReport(guesses=tuple(self._guess(tree, fault)))

    def _guess(self, tree: exp.Expr, fault: BindError) -> Iterator[str]:
        """Yield the readings that bind, each by one guessed change."""
        for rule in self._list_rules(fault, justified=False):
            edit = rule.apply(self._make_context(tree, fault))
            text = write_tree(edit.tree, self.request.dialect) if edit is not None else None
            if text is not None and self.binder.find_error(text) is None:
                yield text

    def _list_rules(self, fault: BindError, *, justified: bool) -> Iterator[RepairRule]:
        for rule in RULES:
            is_allowed = not (self.request.hidden_names and rule.apply is spell_table)
            if is_allowed and fault.fault in rule.faults and (rule.kind is not RepairKind.GUESS) is justified:
                yield rule

    def _make_context(self, tree: exp.Expr, fault: BindError) -> RepairContext:
        return RepairContext(
            tree.copy(), self.request.schema, fault, self.question_words, self.request.disproved_proofs
        )

    def _is_hidden(self, tree: exp.Expr) -> bool:
        return any(node.name.lower() in self.request.hidden_names for node in tree.find_all(exp.Table, exp.Column))


def _is_progress(rule: RepairRule, fault: BindError, after: BindError) -> bool:
    """Return whether the error after a change is a new one.

    Writing the text anew moves the position of an unchanged error, so for `write_in_dialect` the message decides.
    """
    return after.message != fault.message if rule.apply is write_in_dialect else after != fault

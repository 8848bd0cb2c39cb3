"""The rules in their order, and what becomes of a query that does not bind.

Each round starts from the engine's error, makes one change that a rule justifies, and binds again: it ends with the
first text that binds, or where no rule has anything to say. It never changes a query that binds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
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
from nl2sql.repair.rules.dialects import (
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

MAX_ROUNDS: Final = 12
_FORBIDDEN: Final = frozenset({Fault.REFUSED, Fault.DENIED})
_UNREAD: Final = frozenset(Fault) - {Fault.VALUE, Fault.OTHER} - _FORBIDDEN
_NAMES: Final = frozenset({Fault.COLUMN, Fault.GROUPING})


@dataclass(frozen=True, slots=True)
class RepairRule:
    """One kind of change, how certain it is, and the faults that it may repair. `apply` makes it, or says None."""

    name: str
    kind: RepairKind
    faults: frozenset[Fault]
    apply: Callable[[RepairContext], Edit | None]


@dataclass(frozen=True, slots=True)
class TextRepairRule:
    """A change to a text that the engine cannot read: `apply` gives the texts that it may have meant. All are EXACT."""

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
"""What is tried, in this order: what changes least comes first. A GUESS is only told."""


def repair(
    sql: str,
    question: str,
    schema: Schema,
    dialect: str,
    binder: Binder,
    *,
    error: str = "",
    hidden: frozenset[str] = frozenset(),
    disproved: Collection[Proof] = (),
) -> RepairReport:
    """What can be done for a query that does not bind; an empty report where it binds and no `error` came up in it.

    `error` is the message of an error that came up while it ran. `question` tells which words are the user's own.
    A query that names one of the `hidden` tables or columns (lower case) is left alone: it is to be refused, not
    read otherwise. Where anything is hidden no table is taken for another, which would tell what is. A change that
    rests on one of the `disproved` proofs is not made.
    """
    fault = binder.find_error(sql) or (read_run_error(error) if error else None)
    if fault is None:
        return RepairReport()
    words = frozenset(split_words(question))
    attempt = _Attempt(schema, dialect, binder, words, hidden, frozenset(disproved))
    # A text that is nested too deep for the parser is left as it is.
    try:
        return attempt.run(sql, fault)
    except RecursionError:
        return RepairReport()


@dataclass(frozen=True, slots=True)
class _Change:
    """The text after a change, what it rests on, and the error that is left."""

    sql: str
    repair: Repair
    proofs: tuple[Proof, ...]
    next_error: BindError | None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One query's repair."""

    schema: Schema
    dialect: str
    binder: Binder
    question_words: frozenset[str]
    hidden_names: frozenset[str]
    disproved_proofs: frozenset[Proof]

    def run(self, sql: str, fault: BindError) -> RepairReport:
        repairs: list[Repair] = []
        proofs: list[Proof] = []
        for _ in range(MAX_ROUNDS):
            found = self._change_query(sql, fault)
            if found is None:
                return self._explain(sql, fault)
            sql = found.sql
            repairs.append(found.repair)
            proofs += found.proofs
            if found.next_error is None:
                return RepairReport(sql, tuple(dict.fromkeys(repairs)), tuple(dict.fromkeys(proofs)))
            fault = found.next_error
        return RepairReport()

    def _change_query(self, sql: str, fault: BindError) -> _Change | None:
        """The first justified change that leaves another error or none, and that error."""
        tree = parse_dialect(spell_foreign(sql), self.dialect)
        if tree is None:
            return self._change_text(sql, fault)
        if self._is_hidden(tree):
            return None
        for rule in self._list_rules(fault, justified=True):
            edit = rule.apply(self._make_context(tree, fault))
            if edit is None or not self.disproved_proofs.isdisjoint(edit.proofs):
                continue
            text = write_tree(edit.tree, self.dialect)
            if text is None or text == sql:
                continue
            after = self.binder.find_error(text)
            if after is None or (after.fault not in _FORBIDDEN and _is_progress(rule, fault, after)):
                return _Change(text, Repair(rule.name, rule.kind, edit.text), edit.proofs, after)
        return self._change_text(sql, fault) if fault.fault is Fault.SYNTAX else None

    def _change_text(self, sql: str, fault: BindError) -> _Change | None:
        for rule in TEXT_RULES:
            for text in rule.apply(sql, self.schema, self.dialect):
                tree = parse_dialect(text, self.dialect)
                if tree is None or self._is_hidden(tree):
                    continue
                after = self.binder.find_error(text)
                if after is None or (after.fault not in _FORBIDDEN and after.message != fault.message):
                    return _Change(text, Repair(rule.name, RepairKind.EXACT, rule.text), (), after)
        return None

    def _explain(self, sql: str, fault: BindError) -> RepairReport:
        """What stands in the way."""
        tree = parse_dialect(spell_foreign(sql), self.dialect)
        if tree is None or (self.hidden_names and fault.fault is Fault.TABLE):
            return RepairReport()
        context = self._make_context(tree, fault)
        missing = find_missing_name(context)
        if missing is not None:
            return RepairReport(missing=missing, joins=list_joins_to(context), guesses=tuple(self._guess(tree, fault)))
        return RepairReport(guesses=tuple(self._guess(tree, fault)))

    def _guess(self, tree: exp.Expr, fault: BindError) -> Iterator[str]:
        """The readings that bind, each by one change."""
        for rule in self._list_rules(fault, justified=False):
            edit = rule.apply(self._make_context(tree, fault))
            text = write_tree(edit.tree, self.dialect) if edit is not None else None
            if text is not None and self.binder.find_error(text) is None:
                yield text

    def _list_rules(self, fault: BindError, *, justified: bool) -> Iterator[RepairRule]:
        for rule in RULES:
            is_kept = not (self.hidden_names and rule.apply is spell_table)
            if is_kept and fault.fault in rule.faults and (rule.kind is not RepairKind.GUESS) is justified:
                yield rule

    def _make_context(self, tree: exp.Expr, fault: BindError) -> RepairContext:
        return RepairContext(tree.copy(), self.schema, fault, self.question_words, self.disproved_proofs)

    def _is_hidden(self, tree: exp.Expr) -> bool:
        return any(node.name.lower() in self.hidden_names for node in tree.find_all(exp.Table, exp.Column))


def _is_progress(rule: RepairRule, fault: BindError, after: BindError) -> bool:
    """Whether the error is another one. Another spelling of the text alone moves the place of the same one."""
    return after.message != fault.message if rule.apply is write_in_dialect else after != fault

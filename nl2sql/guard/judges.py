"""The judges in their order: lexical, the engine's tree, the engine's plan, sqlglot. All must agree.

Parsers and binders can be bombed, so this runs in a process that can be killed; it bounds no time itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nl2sql.errors import GuardError, QueryError
from nl2sql.guard.bound_plan import plan_report, reads_too_much
from nl2sql.guard.engine_errors import (
    cannot_serialize,
    is_no_select,
    plan_error,
    tree_error,
    unserializable,
)
from nl2sql.guard.engine_tree import TreeReport, TreeRules
from nl2sql.guard.function_catalog import catalogue
from nl2sql.guard.lexical import lexical_findings
from nl2sql.guard.name_resolution import Names
from nl2sql.guard.parser_protocols import EngineParser
from nl2sql.guard.statement_rewrites import SHOWN, Rewriting, unplaced
from nl2sql.guard.token_scan import analyzes, explained, with_values_marked
from nl2sql.guard.unserializable_plan import nothing_hides
from nl2sql.schema.identifiers import quote, quote_table
from nl2sql.types import Column, Finding, Policy, Schema, Table, Verdict

LEXICAL: Final = "lexical"
# A plain query of as many rows tells some of them before it meets its limits; this would tell nothing.
MAX_ANALYZED: Final = 1_000_000_000
_PARSED: Final = (LEXICAL, "engine-tree")
_BOUND: Final = (*_PARSED, "engine-plan")
_ALL: Final = (*_BOUND, "sqlglot")
_OF_NAMES: Final = frozenset({"table", "table-function", "column", "type"})
_UNKNOWN_SHAPE: Final = (QueryError, ValueError, LookupError, TypeError, RecursionError)
_SMALLER: Final = "Take fewer columns, or fewer values: SUMMARIZE SELECT a, b FROM t; PIVOT t ON c IN ('a', 'b')."


def judge(
    sql: str, schema: Schema, policy: Policy, dialect: str, parser: EngineParser | None, *, thorough: bool = False
) -> Verdict:
    """What the judges say of one text, in the words of the schema and policy given.

    `parser` is the engine's own; without one sqlglot judges alone, in `dialect`. Objections are findings, never
    errors; only what ends the process's turn (out of memory, interrupts) gets through. `thorough` asks the later
    judges too of a tree that is refused.
    """
    names = Names(schema, policy, parser.catalog, parser.attached) if parser else Names(schema, policy)
    if findings := lexical_findings(sql, names.unseen):
        return Verdict(findings=findings, judges=(LEXICAL,))
    if parser is None:
        from nl2sql.guard.sqlglot_rules import judge_alone

        return judge_alone(sql, names, dialect)
    return _Judging(sql, names, parser, thorough).verdict()


class _Judging:
    """One text before the engine's parser, then before sqlglot."""

    def __init__(self, sql: str, names: Names, parser: EngineParser, thorough: bool) -> None:
        self._sql = sql
        self._names = names
        self._parser = parser
        self._thorough = thorough
        self._user_functions, self._user_types = parser.user_functions(), parser.user_types()

    def verdict(self) -> Verdict:
        """What the judges say of the text as asked."""
        try:
            text = self._parser.syntax_tree(self._sql)
            tree = json.loads(text)
            if is_no_select(tree):
                return self._statement_verdict(tree)
            if SHOWN in text and not tree.get("error") and (sql := self._rewritten(tree)):
                return self._outcome(sql)
            return self._tree_verdict(tree, text)
        except GuardError as refusal:
            return _refusal(*unplaced(refusal.findings))
        # A tree or plan of a shape that these rules don't know is refused like one that can't be had.
        except _UNKNOWN_SHAPE:
            return _refusal(unserializable())

    def _statement_verdict(self, tree: Mapping[str, Any]) -> Verdict:
        """The verdict on what DuckDB has no tree of: that of the SELECT that it can be written as, where it can."""
        tokens = self._parser.tokens(self._sql)
        if found := explained(tokens):
            explain, sql = found
            verdict = _Judging(sql, self._names, self._parser, self._thorough).verdict()
            if verdict.findings:
                return verdict
            if analyzes(explain) and _most_expected(json.loads(self._parser.physical_plan(verdict.sql))) > MAX_ANALYZED:
                told = f"EXPLAIN ANALYZE would run a query of which the engine expects more than {MAX_ANALYZED:,} rows"
                return _refusal(Finding("too-costly", told, "Write EXPLAIN without ANALYZE.", judge="engine-plan"))
            return replace(verdict, sql=explain + verdict.sql)
        marker = "values that are yet to be found"
        while marker in self._sql:
            marker += "."
        if marked := with_values_marked(tokens, marker):
            marked_tree = json.loads(self._parser.syntax_tree(marked))
            sql = "" if marked_tree.get("error") else self._rewritten(marked_tree, marker)
            if sql and marker not in sql:
                return self._outcome(sql)
        return _refusal(tree_error(tree, self._sql, self._names))

    def _rewritten(self, tree: Mapping[str, Any], marker: str = "") -> str:
        """The text as a plain SELECT; empty where it is one already, or more than one."""
        if len(tree["statements"]) != 1:
            return ""
        return Rewriting(self._parser, self._names, self._outcome, marker).text(tree)

    def _outcome(self, sql: str) -> Verdict:
        """The verdict on a text that was made here, from its first character on."""
        if findings := lexical_findings(sql, self._names.unseen):
            message = f"written as a plain SELECT, {findings[0].message}"
            return _refusal(Finding(findings[0].rule, message, _SMALLER, judge=LEXICAL))
        return self._plain_verdict(sql)

    def _plain_verdict(self, sql: str) -> Verdict:
        """The verdict on a text that holds nothing to rewrite."""
        judging = _Judging(sql, self._names, self._parser, self._thorough)
        text = self._parser.syntax_tree(sql)
        verdict = judging._tree_verdict(json.loads(text), text)
        return replace(verdict, findings=unplaced(verdict.findings))

    def _tree_verdict(self, tree: Mapping[str, Any], text: str) -> Verdict:
        if tree.get("error"):
            return _refusal(tree_error(tree, self._sql, self._names))
        asked = self._walk(self._sql, tree)
        if asked.findings:
            return self._later(asked, text) if self._thorough else _refusal(*asked.findings)
        return self._canonical_verdict(asked, text)

    def _canonical_verdict(self, asked: TreeReport, text: str) -> Verdict:
        """Judge the engine's own spelling of the tree anew, as that is what would run."""
        canonical = self._parser.written(text)
        if findings := lexical_findings(canonical, self._names.unseen):
            # What an escape in the text stands for is shown, and judged again when it runs again.
            message = f"spelled out, {findings[0].message}"
            return _refusal(replace(findings[0], message=message, line=None, column=None))
        spelling, planned = self._tree_and_plan(canonical)
        tree = json.loads(spelling)
        if tree.get("error"):
            return _refusal(unserializable())
        spelled = self._walk(canonical, tree)
        if spelled.findings or spelled.tables != asked.tables:
            return _refusal(*(unplaced(spelled.findings) or (unserializable(),)))
        return self._plan_verdict(canonical, spelled, _plan(planned))

    def _plan_verdict(self, canonical: str, spelled: TreeReport, document: Mapping[str, Any] | None) -> Verdict:
        if document is None:
            return self._planless_verdict(canonical, spelled)
        if document.get("error"):
            return self._unbound_verdict(self._bind_finding(document, canonical, spelled), canonical, spelled)
        plan = plan_report(document, self._names, self._user_types, canonical)
        if plan.generated and not plan.findings:
            plan.findings += self._reads_denied_generated(canonical, spelled, plan.generated[0])
        if plan.reads_denied_columns and (missing := self._told_of_readable(canonical, spelled)):
            return self._unbound_verdict(replace(missing, rule="column"), canonical, spelled)
        findings = [*plan.findings, *self._views_with_denied_columns(spelled, plan.tables)]
        findings += self._second_opinion(canonical, spelled) or ()
        if findings:
            return Verdict(findings=tuple(dict.fromkeys(findings)), judges=_ALL)
        functions = tuple(sorted(spelled.functions))
        return Verdict(canonical, tuple(sorted(plan.tables)), tuple(sorted(plan.columns)), functions, judges=_ALL)

    def _reads_denied_generated(self, canonical: str, spelled: TreeReport, table: Table) -> Sequence[Finding]:
        """What speaks against a text that reads a table with denied generated columns.

        A plan has their expressions in their place, so it is bound where all columns are plain ones. There a view is a
        table, and nothing would tell what it reads: then it must be their expressions that may not be read.
        """
        if all(one.kind == "table" for one in spelled.tables.values()):
            document = _plan(self._parser.bound_plan_over(self._names.whole, canonical))
            if document and not document.get("error"):
                return plan_report(document, self._names, self._user_types, canonical).findings
        elif not any(self._expression_may_be_read(column, table) for column in table.columns):
            return []
        return [reads_too_much(table, self._names)]

    def _expression_may_be_read(self, column: Column, table: Table) -> bool:
        """Whether that is a denied generated column, made only of what may be read."""
        if not column.generated or self._names.allows_column(table, column.name):
            return False
        sql = f"SELECT {quote(column.name)} FROM {quote_table(table)}"
        document = _plan(self._parser.bound_plan(sql))
        if document is None or document.get("error"):
            return True
        return not plan_report(document, self._names, self._user_types, sql).findings

    def _unbound_verdict(self, finding: Finding, canonical: str, spelled: TreeReport) -> Verdict:
        """The refusal of a text that does not bind, or would not if nothing else were there than what may be read."""
        opinion = self._second_opinion(canonical, spelled) or () if self._thorough else ()
        return Verdict(findings=(finding, *opinion), judges=_ALL if self._thorough else _BOUND)

    def _planless_verdict(self, canonical: str, spelled: TreeReport) -> Verdict:
        """The verdict by both syntax trees, where they leave nothing for a plan to reveal and sqlglot agrees."""
        judges = tuple(judge for judge in _ALL if judge != "engine-plan")
        opinion = self._second_opinion(canonical, spelled)
        if opinion is None or opinion or not nothing_hides(canonical, spelled, self._names, self._parser):
            guarded = any(map(self._names.denies_columns_of, spelled.tables.values()))
            if guarded and (missing := self._told_of_readable(canonical, spelled)):
                return self._unbound_verdict(replace(missing, rule="column"), canonical, spelled)
            return Verdict(findings=opinion or (unserializable(),), judges=judges)
        names = tuple(sorted({table.name for table in spelled.tables.values()}))
        return Verdict(canonical, names, functions=tuple(sorted(spelled.functions)), judges=judges)

    def _later(self, asked: TreeReport, text: str) -> Verdict:
        """The refusal of a tree, with what the later judges say of its spelling; whatever that is, it stays refused.

        A tree that names what may not be read is not bound: the binder would tell the hidden from the missing.
        """
        try:
            canonical = self._parser.written(text)
            names_the_unreadable = any(finding.rule in _OF_NAMES for finding in asked.findings) or not all(
                name in catalogue().functions for name in asked.functions
            )
            document = None if names_the_unreadable else _plan(self._tree_and_plan(canonical)[1])
        except QueryError:
            return _refusal(*asked.findings)
        missing = self._told_of_readable(canonical, asked) if document else None
        later = [missing] if missing else []
        if document and not document.get("error") and not later:
            later += plan_report(document, self._names, self._user_types, canonical).findings
        opinion = self._second_opinion(canonical, asked) or ()
        # The report of a tree that is refused lacks what it was refused for, so it is nothing to compare with.
        later += [finding for finding in opinion if finding.rule != "second-parser"]
        judges = tuple(judge for judge in _ALL if document or judge != "engine-plan")
        return Verdict(findings=(*asked.findings, *unplaced(tuple(later))), judges=judges)

    def _second_opinion(self, canonical: str, spelled: TreeReport) -> tuple[Finding, ...] | None:
        from nl2sql.guard.sqlglot_rules import second_opinion

        return second_opinion(canonical, spelled, self._names)

    def _tree_and_plan(self, canonical: str) -> tuple[str, str]:
        """The tree and plan of the engine's spelling; an empty plan where the engine raises instead of making one."""
        try:
            return self._parser.tree_and_plan(canonical)
        except QueryError:
            return self._parser.syntax_tree(canonical), ""

    def _walk(self, sql: str, tree: Mapping[str, Any]) -> TreeReport:
        return TreeRules(sql, self._names, self._user_functions, self._user_types).walk(tree)

    def _bind_finding(self, document: Mapping[str, Any], canonical: str, spelled: TreeReport) -> Finding:
        """The binder's objection, with its place in the text as asked where it objects to that text too.

        Of a text that names tables with denied columns, it is what a binder says that does not know them.
        """
        guarded = [table for table in spelled.tables.values() if self._names.denies_columns_of(table)]
        if guarded:
            return self._told_of_readable(canonical, spelled) or reads_too_much(guarded[0], self._names)
        try:
            asked = _plan(self._parser.bound_plan(self._sql))
        except QueryError:
            asked = None
        return self._placed(asked, document, canonical, spelled)

    def _told_of_readable(self, canonical: str, spelled: TreeReport) -> Finding | None:
        """The objection of a binder that knows only what may be read, to whom the hidden and the missing are one."""
        schema = self._names.readable
        try:
            document = _plan(self._parser.bound_plan_over(schema, canonical))
            asked = _plan(self._parser.bound_plan_over(schema, self._sql))
        except QueryError:
            return None
        if not document or not document.get("error"):
            return None
        return self._placed(asked, document, canonical, spelled)

    def _placed(
        self, asked: Mapping[str, Any] | None, document: Mapping[str, Any], canonical: str, spelled: TreeReport
    ) -> Finding:
        """The finding for the error of the text as asked, where it has one; else for that of its spelling."""
        tables = spelled.tables.values()
        if asked and asked.get("error"):
            return plan_error(asked, self._sql, self._names, tables)
        return unplaced((plan_error(document, canonical, self._names, tables),))[0]

    def _views_with_denied_columns(self, spelled: TreeReport, scanned: set[str]) -> list[Finding]:
        """A plan shows what a view is made of, not which of the view's own columns a query takes."""
        views = {table.name for table in spelled.tables.values() if self._is_view_with_denied_columns(table)}
        told = "{} is a view, and not all of it may be read"
        hint = "Read the tables that it is made of."
        return [Finding("column", told.format(name), hint, judge="engine-plan") for name in sorted(views - scanned)]

    def _is_view_with_denied_columns(self, table: Table) -> bool:
        return table.kind != "table" and self._names.denies_columns_of(table)


def _refusal(*findings: Finding) -> Verdict:
    """The refusal of a text that got no further than the engine's tree."""
    return Verdict(findings=findings, judges=_PARSED)


def _most_expected(steps: Sequence[Mapping[str, Any]]) -> int:
    """The most rows that the engine expects of any step of a physical plan, where it says so."""
    expected = (str((step.get("extra_info") or {}).get("Estimated Cardinality", "")) for step in steps)
    own = max((int(rows) for rows in expected if rows.isdecimal()), default=0)
    return max([own, *(_most_expected(step.get("children") or ()) for step in steps)])


def _plan(text: str) -> Mapping[str, Any] | None:
    """The bound plan or the binder's error; None where DuckDB cannot put this plan into JSON."""
    try:
        document: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return None
    return None if cannot_serialize(document) else document

"""DuckDB's judges in their order: lexical, the engine's tree, the engine's plan, and sqlglot as a helper.

Some texts make a parser or binder take too much time or memory, so this runs in a process that can be killed; it
bounds no time itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nl2sql.errors import GuardError, QueryError
from nl2sql.guard.bound_plan import is_limited_to_named_tables, judge_plan, make_denied_columns_finding
from nl2sql.guard.engine_errors import (
    is_no_select,
    is_unserializable,
    make_unserializable_finding,
    read_plan_error,
    read_tree_error,
)
from nl2sql.guard.engine_tree import TreeReport, TreeRules
from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.guard.lexical import LEXICAL, check_text_bounds
from nl2sql.guard.name_resolution import Names
from nl2sql.guard.parser_protocols import EngineParser
from nl2sql.guard.statement_rewrites import SHOWN, StatementRewriter, strip_positions
from nl2sql.guard.token_scan import is_explain_analyze, mark_pivot_values, split_explain
from nl2sql.schema.identifiers import quote, quote_table
from nl2sql.types import Column, Finding, Policy, Schema, Table, Verdict

# A plain query of as many rows tells some of them before it meets its limits; this would tell nothing.
MAX_ANALYZED_ROWS: Final = 1_000_000_000
_PARSED: Final = (LEXICAL, "engine-tree")
_BOUND: Final = (*_PARSED, "engine-plan")
DUCKDB_JUDGES: Final = (*_BOUND, "sqlglot")
_OF_NAMES: Final = frozenset({"table", "table-function", "column", "type"})
_UNKNOWN_SHAPE: Final = (QueryError, ValueError, LookupError, TypeError, RecursionError)
_SMALLER: Final = "Take fewer columns, or fewer values: SUMMARIZE SELECT a, b FROM t; PIVOT t ON c IN ('a', 'b')."


def judge(sql: str, schema: Schema, policy: Policy, parser: EngineParser, *, collect_all: bool = False) -> Verdict:
    """Return the verdict of DuckDB's judges on one text, in the words of the schema and policy given.

    Objections are findings, never errors; only what ends the process's turn (out of memory, interrupts) gets through.
    `collect_all` asks the later judges too of a tree that is refused.
    """
    names = Names(schema, policy, parser.catalog, parser.attached_catalogs)
    if findings := check_text_bounds(sql, names.invisible_names):
        return Verdict(findings=findings, judges=(LEXICAL,))
    return _TextJudge(sql, names, parser, collect_all).judge_text()


class _TextJudge:
    """One text before the engine's parser, then before sqlglot."""

    def __init__(self, sql: str, names: Names, parser: EngineParser, collect_all: bool) -> None:
        self._sql = sql
        self._names = names
        self._parser = parser
        self._collect_all = collect_all
        self._user_functions, self._user_types = parser.list_user_functions(), parser.list_user_types()

    def judge_text(self) -> Verdict:
        """Return what the judges say of the text as asked."""
        try:
            text = self._parser.read_syntax_tree(self._sql)
            tree = json.loads(text)
            if is_no_select(tree):
                return self._judge_statement(tree)
            if SHOWN in text and not tree.get("error") and (sql := self._rewrite(tree)):
                return self._judge_rewritten(sql)
            return self._judge_tree(tree, text)
        except GuardError as refusal:
            return _refuse(*strip_positions(refusal.findings))
        # A tree or plan of a shape that these rules don't know is refused like one that can't be had.
        except _UNKNOWN_SHAPE:
            return _refuse(make_unserializable_finding())

    def _judge_statement(self, tree: Mapping[str, Any]) -> Verdict:
        """Judge what DuckDB has no tree of, as the SELECT that it can be written as, if there is one."""
        tokens = self._parser.tokenize(self._sql)
        if found := split_explain(tokens):
            explain, sql = found
            verdict = _TextJudge(sql, self._names, self._parser, self._collect_all).judge_text()
            if verdict.findings:
                return verdict
            if (
                is_explain_analyze(explain)
                and _find_most_expected(json.loads(self._parser.read_physical_plan(verdict.sql))) > MAX_ANALYZED_ROWS
            ):
                told = (
                    "EXPLAIN ANALYZE would run a query of which the engine expects "
                    f"more than {MAX_ANALYZED_ROWS:,} rows"
                )
                return _refuse(Finding("too-costly", told, "Write EXPLAIN without ANALYZE.", judge="engine-plan"))
            return replace(verdict, sql=explain + verdict.sql)
        marker = "values that are yet to be found"
        while marker in self._sql:
            marker += "."
        if marked := mark_pivot_values(tokens, marker):
            marked_tree = json.loads(self._parser.read_syntax_tree(marked))
            sql = "" if marked_tree.get("error") else self._rewrite(marked_tree, marker)
            if sql and marker not in sql:
                return self._judge_rewritten(sql)
        return _refuse(read_tree_error(tree, self._sql, self._names))

    def _rewrite(self, tree: Mapping[str, Any], marker: str = "") -> str:
        """Return the text as a plain SELECT; empty where it is one already, or more than one."""
        if len(tree["statements"]) != 1:
            return ""
        return StatementRewriter(self._parser, self._names, self._judge_rewritten, marker).rewrite(tree)

    def _judge_rewritten(self, sql: str) -> Verdict:
        """Return the verdict on a text that was made here, from its first character on."""
        if findings := check_text_bounds(sql, self._names.invisible_names):
            message = f"written as a plain SELECT, {findings[0].message}"
            return _refuse(Finding(findings[0].rule, message, _SMALLER, judge=LEXICAL))
        return self._judge_plain(sql)

    def _judge_plain(self, sql: str) -> Verdict:
        """Return the verdict on a text that holds nothing to rewrite."""
        judging = _TextJudge(sql, self._names, self._parser, self._collect_all)
        text = self._parser.read_syntax_tree(sql)
        verdict = judging._judge_tree(json.loads(text), text)
        return replace(verdict, findings=strip_positions(verdict.findings))

    def _judge_tree(self, tree: Mapping[str, Any], text: str) -> Verdict:
        if tree.get("error"):
            return _refuse(read_tree_error(tree, self._sql, self._names))
        asked = self._walk(self._sql, tree)
        if asked.findings:
            return self._ask_later_judges(asked, text) if self._collect_all else _refuse(*asked.findings)
        return self._judge_canonical(asked, text)

    def _judge_canonical(self, asked: TreeReport, text: str) -> Verdict:
        """Judge the engine's own spelling of the tree anew, as that is what would run."""
        canonical = self._parser.write_sql(text)
        if findings := check_text_bounds(canonical, self._names.invisible_names):
            # What an escape in the text stands for is shown, and judged again when it runs again.
            message = f"spelled out, {findings[0].message}"
            return _refuse(replace(findings[0], message=message, line=None, column=None))
        spelling, planned = self._read_tree_and_plan(canonical)
        tree = json.loads(spelling)
        if tree.get("error"):
            return _refuse(make_unserializable_finding())
        spelled = self._walk(canonical, tree)
        if spelled.findings or spelled.tables != asked.tables:
            return _refuse(*(strip_positions(spelled.findings) or (make_unserializable_finding(),)))
        return self._judge_plan(canonical, spelled, _read_plan(planned))

    def _judge_plan(self, canonical: str, spelled: TreeReport, document: Mapping[str, Any] | None) -> Verdict:
        if document is None:
            return self._judge_without_plan(canonical, spelled)
        if document.get("error"):
            return self._refuse_unbound(self._find_bind_error(document, canonical, spelled), canonical, spelled)
        plan = judge_plan(document, self._names, self._user_types, canonical)
        if plan.generated_tables and not plan.findings:
            plan.findings += self._find_denied_generated(canonical, spelled, plan.generated_tables[0])
        if plan.has_denied_columns and (missing := self._bind_over_readable(canonical, spelled)):
            return self._refuse_unbound(replace(missing, rule="column"), canonical, spelled)
        findings = [*plan.findings, *self._find_views_with_denied_columns(spelled, plan.tables)]
        findings += self._cross_check(canonical, spelled) or ()
        if findings:
            return Verdict(findings=tuple(dict.fromkeys(findings)), judges=DUCKDB_JUDGES)
        functions = tuple(sorted(spelled.functions))
        return Verdict(
            canonical, tuple(sorted(plan.tables)), tuple(sorted(plan.columns)), functions, judges=DUCKDB_JUDGES
        )

    def _find_denied_generated(self, canonical: str, spelled: TreeReport, table: Table) -> Sequence[Finding]:
        """Return what speaks against a text that reads a table with denied generated columns.

        A plan has their expressions in their place, so it is bound where all columns are plain ones. There a view is a
        table, and nothing would tell what it reads: then it must be their expressions that may not be read.
        """
        if all(one.kind == "table" for one in spelled.tables.values()):
            document = _read_plan(self._parser.bind_plan_over(self._names.whole_schema, canonical))
            if document and not document.get("error"):
                return judge_plan(document, self._names, self._user_types, canonical).findings
        elif not any(self._may_read_expression(column, table) for column in table.columns):
            return []
        return [make_denied_columns_finding(table, self._names)]

    def _may_read_expression(self, column: Column, table: Table) -> bool:
        """Whether that is a denied generated column, made only of what may be read."""
        if not column.generated or self._names.allows_column(table, column.name):
            return False
        sql = f"SELECT {quote(column.name)} FROM {quote_table(table)}"
        document = _read_plan(self._parser.bind_plan(sql))
        if document is None or document.get("error"):
            return True
        return not judge_plan(document, self._names, self._user_types, sql).findings

    def _refuse_unbound(self, finding: Finding, canonical: str, spelled: TreeReport) -> Verdict:
        """Refuse a text that does not bind, or would not if there were nothing else than what may be read."""
        opinion = self._cross_check(canonical, spelled) or () if self._collect_all else ()
        return Verdict(findings=(finding, *opinion), judges=DUCKDB_JUDGES if self._collect_all else _BOUND)

    def _judge_without_plan(self, canonical: str, spelled: TreeReport) -> Verdict:
        """Return the verdict by both syntax trees, where they leave nothing for a plan to reveal and sqlglot agrees."""
        judges = tuple(judge for judge in DUCKDB_JUDGES if judge != "engine-plan")
        opinion = self._cross_check(canonical, spelled)
        if opinion is None or opinion or not is_limited_to_named_tables(canonical, spelled, self._names, self._parser):
            guarded = any(map(self._names.denies_columns_of, spelled.tables.values()))
            if guarded and (missing := self._bind_over_readable(canonical, spelled)):
                return self._refuse_unbound(replace(missing, rule="column"), canonical, spelled)
            return Verdict(findings=opinion or (make_unserializable_finding(),), judges=judges)
        names = tuple(sorted({table.name for table in spelled.tables.values()}))
        return Verdict(canonical, names, functions=tuple(sorted(spelled.functions)), judges=judges)

    def _ask_later_judges(self, asked: TreeReport, text: str) -> Verdict:
        """Refuse a tree, with what the later judges say of its spelling; whatever that is, it stays refused.

        A tree that names what may not be read is not bound: the binder would tell the hidden from the missing.
        """
        try:
            canonical = self._parser.write_sql(text)
            names_the_unreadable = any(finding.rule in _OF_NAMES for finding in asked.findings) or not all(
                name in load_catalogue().functions for name in asked.functions
            )
            document = None if names_the_unreadable else _read_plan(self._read_tree_and_plan(canonical)[1])
        except QueryError:
            return _refuse(*asked.findings)
        missing = self._bind_over_readable(canonical, asked) if document else None
        later = [missing] if missing else []
        if document and not document.get("error") and not later:
            later += judge_plan(document, self._names, self._user_types, canonical).findings
        opinion = self._cross_check(canonical, asked) or ()
        # The report of a tree that is refused lacks what it was refused for, so it is nothing to compare with.
        later += [finding for finding in opinion if finding.rule != "second-parser"]
        judges = tuple(judge for judge in DUCKDB_JUDGES if document or judge != "engine-plan")
        return Verdict(findings=(*asked.findings, *strip_positions(tuple(later))), judges=judges)

    def _cross_check(self, canonical: str, spelled: TreeReport) -> tuple[Finding, ...] | None:
        from nl2sql.guard.sqlglot_rules import cross_check

        return cross_check(canonical, spelled, self._names)

    def _read_tree_and_plan(self, canonical: str) -> tuple[str, str]:
        """Return the tree and plan of the engine's spelling; an empty plan where the engine raises instead."""
        try:
            return self._parser.read_tree_and_plan(canonical)
        except QueryError:
            return self._parser.read_syntax_tree(canonical), ""

    def _walk(self, sql: str, tree: Mapping[str, Any]) -> TreeReport:
        return TreeRules(sql, self._names, self._user_functions, self._user_types).walk(tree)

    def _find_bind_error(self, document: Mapping[str, Any], canonical: str, spelled: TreeReport) -> Finding:
        """Return the binder's objection, with its place in the text as asked where it objects to that text too.

        Of a text that names tables with denied columns, it is what a binder says that does not know them.
        """
        guarded = [table for table in spelled.tables.values() if self._names.denies_columns_of(table)]
        if guarded:
            return self._bind_over_readable(canonical, spelled) or make_denied_columns_finding(guarded[0], self._names)
        try:
            asked = _read_plan(self._parser.bind_plan(self._sql))
        except QueryError:
            asked = None
        return self._locate_error(asked, document, canonical, spelled)

    def _bind_over_readable(self, canonical: str, spelled: TreeReport) -> Finding | None:
        """Return the objection of a binder that knows only what may be read, and cannot tell hidden from missing."""
        schema = self._names.readable
        try:
            document = _read_plan(self._parser.bind_plan_over(schema, canonical))
            asked = _read_plan(self._parser.bind_plan_over(schema, self._sql))
        except QueryError:
            return None
        if not document or not document.get("error"):
            return None
        return self._locate_error(asked, document, canonical, spelled)

    def _locate_error(
        self, asked: Mapping[str, Any] | None, document: Mapping[str, Any], canonical: str, spelled: TreeReport
    ) -> Finding:
        """Return the finding for the error of the text as asked, where it has one; else for that of its spelling."""
        tables = spelled.tables.values()
        if asked and asked.get("error"):
            return read_plan_error(asked, self._sql, self._names, tables)
        return strip_positions((read_plan_error(document, canonical, self._names, tables),))[0]

    def _find_views_with_denied_columns(self, spelled: TreeReport, scanned: set[str]) -> list[Finding]:
        """Object to views with denied columns: a plan shows what a view is made of, not its columns that are read."""
        views = {table.name for table in spelled.tables.values() if self._is_view_with_denied_columns(table)}
        told = "{} is a view, and not all of it may be read"
        hint = "Read the tables that it is made of."
        return [Finding("column", told.format(name), hint, judge="engine-plan") for name in sorted(views - scanned)]

    def _is_view_with_denied_columns(self, table: Table) -> bool:
        return table.kind != "table" and self._names.denies_columns_of(table)


def _refuse(*findings: Finding) -> Verdict:
    """Return the refusal of a text that got no further than the engine's tree."""
    return Verdict(findings=findings, judges=_PARSED)


def _find_most_expected(steps: Sequence[Mapping[str, Any]]) -> int:
    """Return the most rows that the engine expects of any step of a physical plan, where it says so."""
    expected = (str((step.get("extra_info") or {}).get("Estimated Cardinality", "")) for step in steps)
    own = max((int(rows) for rows in expected if rows.isdecimal()), default=0)
    return max([own, *(_find_most_expected(step.get("children") or ()) for step in steps)])


def _read_plan(text: str) -> Mapping[str, Any] | None:
    """Return the bound plan or the binder's error; None where DuckDB cannot put this plan into JSON."""
    try:
        document: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return None
    return None if is_unserializable(document) else document

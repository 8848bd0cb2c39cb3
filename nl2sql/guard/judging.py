"""The judges in their order: lexical, the engine's tree, the engine's plan, sqlglot. All must agree.

Parsers and binders can be bombed, so this runs in a process that can be killed; it bounds no time itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nl2sql.errors import QueryError
from nl2sql.guard.bound_plan import plan_report
from nl2sql.guard.engine_errors import cannot_serialize, plan_error, tree_error, unserializable
from nl2sql.guard.engine_tree import TreeReport, TreeRules
from nl2sql.guard.lexical import lexical_findings
from nl2sql.guard.names import Names
from nl2sql.guard.parser import EngineParser
from nl2sql.types import Finding, Policy, Schema, Verdict


def judge(sql: str, schema: Schema, policy: Policy, dialect: str, parser: EngineParser | None) -> Verdict:
    """What the judges say of one text, in the words of the schema and policy given.

    `parser` is the engine's own; without one sqlglot judges alone, in `dialect`. Objections are findings, never
    errors; only what ends the process's turn (out of memory, interrupts) gets through.
    """
    if findings := lexical_findings(sql):
        return Verdict(findings=findings)
    if parser is None:
        from nl2sql.guard.sqlglot_rules import judge_alone

        return judge_alone(sql, Names(schema, policy), dialect)
    return _Judging(sql, Names(schema, policy, parser.catalog), parser).verdict()


class _Judging:
    """One text before the engine's parser, then before sqlglot."""

    def __init__(self, sql: str, names: Names, parser: EngineParser) -> None:
        self._sql = sql
        self._names = names
        self._parser = parser
        self._user_functions = parser.user_functions()

    def verdict(self) -> Verdict:
        try:
            tree = json.loads(self._parser.syntax_tree(self._sql))
            if tree.get("error"):
                return Verdict(findings=(tree_error(tree, self._sql, self._names),))
            asked = self._walk(self._sql, tree)
            if asked.findings:
                return Verdict(findings=tuple(asked.findings))
            return self._canonical_verdict(asked)
        # A tree or plan of a shape that these rules don't know is refused like one that can't be had.
        except (QueryError, ValueError, LookupError, TypeError, RecursionError):
            return Verdict(findings=(unserializable(),))

    def _canonical_verdict(self, asked: TreeReport) -> Verdict:
        """Judge the engine's own spelling anew, as that is what would run."""
        canonical = self._parser.canonical(self._sql)
        tree = json.loads(self._parser.syntax_tree(canonical))
        if tree.get("error"):
            return Verdict(findings=(unserializable(),))
        spelled = self._walk(canonical, tree)
        if spelled.findings or spelled.tables != asked.tables:
            return Verdict(findings=tuple(_unplaced(f) for f in spelled.findings) or (unserializable(),))
        return self._plan_verdict(canonical, spelled)

    def _plan_verdict(self, canonical: str, spelled: TreeReport) -> Verdict:
        from nl2sql.guard.sqlglot_rules import second_opinion

        document = self._plan(canonical)
        if document is None:
            opinion = second_opinion(canonical, spelled, self._names)
            return self._planless_verdict(canonical, spelled, opinion)
        if document.get("error"):
            return Verdict(findings=(self._bind_finding(document, canonical, spelled),))
        plan = plan_report(document, self._names)
        findings = [*plan.findings, *self._views_with_denied_columns(spelled, plan.tables)]
        findings += second_opinion(canonical, spelled, self._names) or ()
        if findings:
            return Verdict(findings=tuple(dict.fromkeys(findings)))
        functions = tuple(sorted(spelled.functions))
        return Verdict(canonical, tuple(sorted(plan.tables)), tuple(sorted(plan.columns)), functions)

    def _plan(self, sql: str) -> Mapping[str, Any] | None:
        """The bound plan or the binder's error; None where DuckDB cannot put this plan into JSON."""
        try:
            document: Mapping[str, Any] = json.loads(self._parser.bound_plan(sql))
        except (QueryError, ValueError):
            return None
        return None if cannot_serialize(document) else document

    def _planless_verdict(self, canonical: str, spelled: TreeReport, opinion: tuple[Finding, ...] | None) -> Verdict:
        """The verdict by both syntax trees alone, where they leave nothing for a plan to reveal.

        That is where every table named is a table proper without denied columns, no WITH is called like a table,
        and sqlglot reads the same tables. Macros of the database's own were refused before.
        """
        tables = [self._names.table(path) for path in spelled.tables]
        plain = all(t is not None and t.kind == "table" and not self._names.denies_columns_of(t) for t in tables)
        if opinion is None or opinion or not plain or any(map(self._names.has_table, spelled.ctes)):
            return Verdict(findings=opinion or (unserializable(),))
        names = tuple(sorted(set(spelled.tables.values())))
        return Verdict(canonical, names, functions=tuple(sorted(spelled.functions)))

    def _walk(self, sql: str, tree: Mapping[str, Any]) -> TreeReport:
        return TreeRules(sql, self._names, self._user_functions).walk(tree)

    def _bind_finding(self, document: Mapping[str, Any], canonical: str, spelled: TreeReport) -> Finding:
        """The binder's objection, with its place in the text as asked where it objects to that text too."""
        asked = self._plan(self._sql)
        if asked and asked.get("error"):
            return plan_error(asked, self._sql, self._names, spelled.tables.values())
        return _unplaced(plan_error(document, canonical, self._names, spelled.tables.values()))

    def _views_with_denied_columns(self, spelled: TreeReport, scanned: set[str]) -> list[Finding]:
        """A plan shows what a view is made of, not which of the view's own columns a query takes."""
        return [
            Finding(
                "column",
                f"{name} is a view, and not all of it may be read",
                "Read the tables that it is made of.",
                judge="engine-plan",
            )
            for name in sorted(set(spelled.tables.values()) - scanned)
            if (table := self._names.table([name])) and table.kind != "table" and self._names.denies_columns_of(table)
        ]


def _unplaced(finding: Finding) -> Finding:
    return Finding(finding.rule, finding.message, finding.hint, judge=finding.judge)

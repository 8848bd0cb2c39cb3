"""The one door to running SQL: `check` seals what the judges allow.

It runs in the caller's process and parses nothing; the judges sit where they can be killed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Protocol

from nl2sql.errors import BugError, GuardError, QueryError
from nl2sql.guard.lexical import LEXICAL, check_text_bounds
from nl2sql.types import CheckedSQL, Finding, Policy, Verdict
from nl2sql.types.query_types import _Seal

_ENGINE_RULES: Final = frozenset({"syntax", "bind"})
_COLUMN: Final = "column"


class Judge(Protocol):
    """Whoever runs `guard.judge` where it may be killed: an Engine."""

    def judge(self, sql: str, policy: Policy, *, collect_all: bool = False) -> Verdict:
        """Return what the judges say of the text.

        `collect_all` asks the later judges too of what an earlier one refuses: to be told, not to be run.

        Raises:
            LimitError: judging took too long.
        """
        ...


def examine(sql: str, policy: Policy, judge: Judge, *, collect_all: bool = False) -> Verdict:
    """Return what the judges say of a text, without raising for it.

    `collect_all` asks the later judges too of what an earlier one refuses, except of what the text's bounds stop.

    Raises:
        LimitError: judging took too long.
    """
    if findings := check_text_bounds(sql, None):
        return Verdict(findings=findings, judges=(LEXICAL,))
    return judge.judge(sql, policy, collect_all=collect_all)


def check(sql: str, policy: Policy, judge: Judge) -> CheckedSQL:
    """Return the text as it may run, in the engine's own spelling.

    Raises:
        GuardError: a rule or the policy objects.
        QueryError: the engine cannot run the text (spelling, unknown columns, types that do not fit).
        LimitError: judging took too long.
    """
    verdict = examine(sql, policy, judge)
    if not verdict.findings:
        if not verdict.sql:
            raise BugError("a judge allowed a query without saying what may run")
        return CheckedSQL(verdict.sql, sql, verdict.tables, verdict.columns, _Seal(verdict.sql))
    if all(finding.rule in _ENGINE_RULES for finding in verdict.findings):
        first = verdict.findings[0]
        raise QueryError(first.message + _format_position(first), first.hint)
    findings = sorted(verdict.findings, key=lambda finding: finding.rule in _ENGINE_RULES)
    # A column that is denied is told like one that is not there.
    told = (replace(f, message=f.message + _format_position(f)) if f.rule == _COLUMN else f for f in findings)
    raise GuardError(tuple(told))


def _format_position(finding: Finding) -> str:
    return f" (line {finding.line}, column {finding.column})" if finding.line else ""

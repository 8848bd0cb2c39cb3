"""Judging for engines without a parser to ask: sqlglot first, then each opinion, and the first objection stands."""

from __future__ import annotations

from collections.abc import Sequence

from nl2sql import guard
from nl2sql.types import Column, Finding, Policy, Schema, Table, Verdict

SCHEMA = Schema((Table("books", (Column("title", "VARCHAR"),)), Table("staff", (Column("name", "VARCHAR"),))))
POLICY = Policy(deny_tables=frozenset({"staff"}))


class Opinion:
    """Says what it was made to say, and keeps what it was asked."""

    def __init__(self, name: str, *findings: Finding) -> None:
        self.name, self._findings = name, findings
        self.asked: list[str] = []

    def find_objections(self, verdict: Verdict, names: guard.Names) -> Sequence[Finding]:
        self.asked.append(verdict.sql)
        return self._findings


def test_what_all_allow_runs_as_sqlglot_writes_it() -> None:
    plan = Opinion("plan")
    verdict = guard.judge_by_names("select title from books -- x", SCHEMA, POLICY, "postgres", [plan])
    assert verdict.is_allowed
    assert verdict.sql == "SELECT title FROM books"
    assert verdict.judges == ("lexical", "sqlglot", "plan")
    assert plan.asked == [verdict.sql]


def test_the_first_that_objects_has_the_last_word() -> None:
    objection = Finding("scan", "it would read a file", "Read the tables by name.", judge="plan")
    plan, later = Opinion("plan", objection), Opinion("later")
    verdict = guard.judge_by_names("SELECT title FROM books", SCHEMA, POLICY, "postgres", [plan, later])
    assert (verdict.sql, verdict.findings) == ("", (objection,))
    assert verdict.judges == ("lexical", "sqlglot", "plan")
    assert not later.asked


def test_nobody_else_is_asked_of_what_the_names_refuse() -> None:
    plan = Opinion("plan")
    for sql in ("SELECT name FROM staff", "DELETE FROM books", "", "SELECT ("):
        assert not guard.judge_by_names(sql, SCHEMA, POLICY, "postgres", [plan]).is_allowed
    assert not plan.asked

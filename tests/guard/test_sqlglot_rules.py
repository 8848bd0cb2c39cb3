"""sqlglot alone, for engines that the guard cannot ask: what it stops, and that it writes what it judged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nl2sql import guard
from nl2sql.errors import GuardError
from nl2sql.types import Policy

JudgeAlone = Callable[[str], guard.Judge]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM books",
        "SELECT name FROM staff",
        "SELECT count(*) FROM staff",
        "WITH late AS (SELECT * FROM loans) SELECT count(*) FROM late JOIN members m ON m.member_id = late.member_id",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n",
        "SELECT name FROM members UNION SELECT name FROM staff",
        "SELECT date_trunc('month', lent), count(*) FILTER (WHERE returned IS NULL) FROM loans GROUP BY 1",
    ],
)
@pytest.mark.parametrize("dialect", ["postgres", "mysql", "sqlite", "trino", "snowflake"])
def test_allowed(sql: str, dialect: str, judge_alone: JudgeAlone, policy: Policy) -> None:
    assert guard.check(sql, policy, judge_alone(dialect)).sql


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("read-only", "DELETE FROM books"),
        ("read-only", "DROP TABLE books"),
        ("read-only", "WITH x AS (DELETE FROM books RETURNING *) SELECT * FROM x"),
        ("read-only", "SELECT * INTO copy FROM books"),
        ("read-only", "SELECT * FROM books FOR UPDATE"),
        ("read-only", "COPY books TO PROGRAM 'sh'"),
        ("read-only", "SET ROLE admin"),
        ("read-only", "EXPLAIN ANALYZE DELETE FROM books"),
        ("one-statement", "SELECT 1; SELECT 2"),
        ("table", "SELECT * FROM vault"),
        ("table", "WITH vault AS (SELECT * FROM vault) SELECT * FROM vault"),
        ("table", 'WITH "VAULT" AS (SELECT 1) SELECT * FROM vault'),
        ("table", 'WITH vault AS (SELECT 1) SELECT * FROM "VAULT"'),
        ("table", 'WITH "boo\u212as" AS (SELECT 1), "pg_loc\u212as" AS (SELECT 1) SELECT * FROM pg_locks'),
        ("table", "SELECT * FROM pg_catalog.pg_shadow"),
        ("table", "SELECT title FROM books WHERE EXISTS (SELECT 1 FROM archive.loans)"),
        ("function", "SELECT pg_read_file('/etc/passwd')"),
        ("function", "SELECT pg_sleep(100)"),
        ("function", "SELECT current_setting('x')"),
        ("table-function", "SELECT * FROM dblink('host=x', 'SELECT 1')"),
        ("parameter", "SELECT %(x)s"),
        ("column", "SELECT * FROM staff"),
        ("column", "SELECT name FROM (SELECT * FROM staff) AS s"),
        ("column", "SELECT (SELECT s.*) FROM staff AS s"),
        ("column", "TABLE staff"),
        ("column", "SELECT wage FROM staff"),
        ("column", "SELECT s FROM staff AS s"),
        ("column", "SELECT d FROM staff AS t(a, b, c, d)"),
        ("column", "SELECT name FROM staff NATURAL JOIN members"),
        ("syntax", "SELEC * FORM books"),
    ],
)
def test_blocked(rule: str, sql: str, judge_alone: JudgeAlone, policy: Policy) -> None:
    assert rule in {finding.rule for finding in guard.examine(sql, policy, judge_alone("postgres")).findings}


def test_what_runs_is_what_was_judged(judge_alone: JudgeAlone, policy: Policy) -> None:
    checked = guard.check("SELECT title /* x */ FROM books -- y", policy, judge_alone("postgres"))
    assert checked.sql == "SELECT title FROM books"
    assert checked.tables == ("books",)


def test_a_refusal_hides_denied_names(judge_alone: JudgeAlone, policy: Policy) -> None:
    with pytest.raises(GuardError) as caught:
        guard.check("SELECT * FROM staff", policy, judge_alone("postgres"))
    assert "wage" not in f"{caught.value.message} {caught.value.hint}"

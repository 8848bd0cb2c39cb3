"""The case files: what may run gives its own rows; what may not is stopped by its rule, and writes nothing if run."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import duckdb
import pytest

from nl2sql import guard
from nl2sql.answer.sql_format import format_sql, lay_out_sql
from nl2sql.errors import GuardError, QueryError
from nl2sql.types import Policy

# What sqlglot cannot read stays in the engine's own spelling.
LEFT_AS_IT_WAS = re.compile(r"\b(DESCRIBE|SHOW|SUMMARIZE|EXPLAIN|USING KEY)\b|\bUNION\(")
HIDDEN = re.compile(r"\b(vault|codes|archive|wage|pin|opal-77|sealed-5)\b", re.IGNORECASE)


def test_allowed(allowed_sql: str, connection: duckdb.DuckDBPyConnection, judge: guard.Judge, policy: Policy) -> None:
    checked = guard.check(allowed_sql, policy, judge)
    written = connection.execute(allowed_sql)
    names, rows = [column[0] for column in written.description or ()], written.fetchall()
    ran = connection.execute(checked.sql)
    assert [column[0] for column in ran.description or ()] == names
    assert sorted(map(repr, ran.fetchall())) == sorted(map(repr, rows))
    assert rows
    assert checked.source_sql == allowed_sql


def test_allowed_is_laid_out_as_the_very_query(allowed_sql: str, judge: guard.Judge, policy: Policy) -> None:
    checked = guard.check(allowed_sql, policy, judge)
    shown = lay_out_sql(checked.sql, "duckdb", lambda text: guard.check(text, policy, judge))
    assert guard.check(shown, policy, judge).sql == checked.sql or shown == checked.sql
    if not LEFT_AS_IT_WAS.search(checked.sql):
        assert shown == format_sql(checked.sql, "duckdb") and "count_star" not in shown


def test_blocked(blocked_case: tuple[str, str], session_judge: guard.Judge, policy: Policy) -> None:
    rule, sql = blocked_case
    with pytest.raises((GuardError, QueryError)) as caught:
        guard.check(sql, policy, session_judge)
    findings = guard.examine(sql, policy, session_judge).findings
    assert findings[0].rule == rule
    assert isinstance(caught.value, QueryError) == (rule in {"syntax", "bind"})
    assert all(finding.message and finding.hint for finding in findings)
    written = {name.lower() for name in HIDDEN.findall(sql)}
    told = " ".join(f"{finding.message} {finding.hint}" for finding in findings)
    assert {name.lower() for name in HIDDEN.findall(told)} <= written


def test_blocked_by_the_lock_too(
    blocked_case: tuple[str, str],
    connection: duckdb.DuckDBPyConnection,
    library_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, sql = blocked_case
    monkeypatch.chdir(tmp_path)
    before = hashlib.sha256(library_file.read_bytes()).digest()
    try:
        connection.execute(sql).fetchall()
    except duckdb.Error as error:
        assert str(error)
    assert hashlib.sha256(library_file.read_bytes()).digest() == before
    assert list(tmp_path.iterdir()) == []
    assert list(library_file.parent.iterdir()) == [library_file]

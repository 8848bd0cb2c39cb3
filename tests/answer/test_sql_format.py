"""SQL laid out for reading: how it looks, and that the engine reads it as the query that it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from nl2sql.answer.plain_tree import parse_plain
from nl2sql.answer.sql_format import MAX_LINE_CHARS, format_sql, lay_out_sql, write_plain_sql
from nl2sql.errors import GuardError
from nl2sql.types import CheckedSQL, Finding

HERE = Path(__file__).parent
CASES = (HERE / "sql_format.sql").read_text(encoding="utf-8").strip().split("\n\n-- ")[1:]


def canonical(sql: str) -> str:
    """The engine's own spelling."""
    with duckdb.connect() as connection:
        (tree,) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0]
        assert not json.loads(tree)["error"], tree
        (text,) = connection.execute("SELECT json_deserialize_sql(?::JSON)", [tree]).fetchall()[0]
        return str(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.split("\n", 1)[0])
def test_laid_out(case: str) -> None:
    written, expected = case.split("\n", 1)[1].split("\n-- is laid out as\n")
    before = canonical(written)
    assert format_sql(before, "duckdb") == expected
    assert canonical(expected) == before


def test_lines_are_short_where_they_can_be() -> None:
    long = " AND ".join(f"column_{n} = 'value {n}'" for n in range(20))
    lines = format_sql(canonical(f"SELECT a FROM t WHERE {long}"), "duckdb").split("\n")
    assert len(lines) == 22 and max(map(len, lines)) <= MAX_LINE_CHARS


@pytest.mark.parametrize("sql", ["SELECT 'two\nlines' AS a", "DESCRIBE (SELECT * FROM t)", "no SQL at all"])
def test_what_may_not_be_moved_or_read_stays(sql: str) -> None:
    assert format_sql(sql, "duckdb") == sql


def test_a_part_of_a_query_as_one_line() -> None:
    tree = parse_plain(canonical("SELECT a FROM t WHERE (a + 1) * 2 > (SELECT max(b) FROM u)"))
    assert tree is not None
    assert write_plain_sql(tree.args["where"].this) == "(a + 1) * 2 > (SELECT max(b) FROM u)"
    assert write_plain_sql(tree).startswith("SELECT a FROM t WHERE")


def answering(sql: str) -> Callable[[str], CheckedSQL]:
    """A guard that reads every text as this one."""
    made = object.__new__(CheckedSQL)
    object.__setattr__(made, "sql", sql)
    return lambda text: made


def test_only_what_the_engine_reads_as_the_same_is_shown() -> None:
    before = canonical("SELECT a FROM t WHERE b = 1")
    assert lay_out_sql(before, "duckdb", answering(before)) == "SELECT a\nFROM t\nWHERE b = 1"
    assert lay_out_sql(before, "duckdb", answering("SELECT another")) == before

    def refuse(text: str) -> CheckedSQL:
        raise GuardError((Finding("table", "no"),))

    assert lay_out_sql(before, "duckdb", refuse) == before

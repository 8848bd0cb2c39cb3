"""Bounds on the text, before any parser: each is met from both sides."""

from __future__ import annotations

import pytest

from nl2sql.guard.lexical import MAX_CHARS, MAX_NESTING_LEVELS, check_text_bounds
from nl2sql.guard.name_resolution import Names
from nl2sql.types import Column, Policy, Schema, Table


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("", "empty"),
        (" ;\n", "empty"),
        ("SELECT 1" + " " * MAX_CHARS, "too-long"),
        ("SELECT " + "(" * (MAX_NESTING_LEVELS + 1), "too-deep"),
        ("SELECT " + "[{(" * MAX_NESTING_LEVELS, "too-deep"),
        ("SELECT 1\0; DROP TABLE books", "control-character"),
        ("SELECT \x1b[31m1", "control-character"),
        ("SELECT '\ud800'", "control-character"),
        ("SELECT \x85 1", "control-character"),
        ("SELECT 1 FROM books b\u200bJOIN\u200bvault", "invisible-character"),
        ("SELECT 1\ufeffFROM vault", "invisible-character"),
        ("SELECT '\u202eterces'", "invisible-character"),
        ("SELECT '\u2067'", "invisible-character"),
        ("SELECT '\u00ad'", "invisible-character"),
        ("SELECT '\U000e0041'", "invisible-character"),
    ],
)
def test_broken(sql: str, rule: str) -> None:
    assert [finding.rule for finding in check_text_bounds(sql)] == [rule]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT\t1\r\n",
        "x" * MAX_CHARS,
        "SELECT " + "(" * MAX_NESTING_LEVELS + ")" * MAX_NESTING_LEVELS,
        "SELECT " + "()" * 1000,
        "SELECT 'می\u200cخواهم'",
        "SELECT 1\u00a0AS x",
        "SELECT '東京 – naïve “quotes” 👩\u200d🚀'",
    ],
)
def test_kept(sql: str) -> None:
    assert check_text_bounds(sql) == ()


def test_place() -> None:
    (finding,) = check_text_bounds("SELECT 1,\n 'ü\u200b'")
    assert (finding.line, finding.column) == (2, 4)


def test_schema_name_may_hold_invisible_characters() -> None:
    names = {"pa\u00adge", 'a"\u200bb'}
    assert check_text_bounds('SELECT "pa\u00adge", "a""\u200bb" FROM books', names) == ()
    for sql in (
        'SELECT "pag\u00ade" FROM books',
        "SELECT pa\u00adge FROM books",
        "SELECT 'pa\u00adge'",
        'SELECT "pa\u00adge" -- \u202e',
        'SELECT "pa\u00adge\u200b"',
    ):
        assert [finding.rule for finding in check_text_bounds(sql, names)] == ["invisible-character"]
    assert check_text_bounds('SELECT "pag\u00ade" FROM books', None) == ()
    assert [finding.rule for finding in check_text_bounds("SELECT '\u00ad'", None)] == ["invisible-character"]


def test_invisible_characters_are_allowed_only_in_order_preserving_names() -> None:
    columns = tuple(
        Column(name, "INTEGER") for name in ("pa\u00adge", "ab\u202ecd", "x\u2067y", "twice", "twi\u200bce")
    )
    schema = Schema((Table("books", columns),), "duckdb", "1")
    assert Names(schema, Policy()).invisible_names == {"pa\u00adge"}

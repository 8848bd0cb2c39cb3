"""Texts that a query compares with: spelled as they are stored; what is further away is told and not taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pytest

from nl2sql.repair import match_stored_values
from nl2sql.schema.identifiers import quote, quote_literal
from nl2sql.types import Column, Table


class StoredTexts:
    """Implements `repair.StoredValues` over the festival."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def _rows(self, column: Column, table: Table, condition: str) -> list[str]:
        name = quote(column.name)
        found = self._connection.execute(
            f"SELECT DISTINCT {name} FROM {quote(table.name)} WHERE {condition}"
        ).fetchall()
        return [str(value) for (value,) in found]

    def find_spellings(self, table: Table, column: Column, text: str) -> Sequence[str]:
        return self._rows(column, table, f"lower({quote(column.name)}) = lower(trim({quote_literal(text)}))")

    def find_near(self, table: Table, column: Column, text: str) -> Sequence[str]:
        return ["Ada Lien"] if text == "Ada Lein" else []

    def find_columns(self, text: str) -> Sequence[tuple[str, str]]:
        return [("people", "full_name")] if text.lower() == "ada lien" else []

    def has_like(self, table: Table, column: Column, pattern: str, *, any_case: bool) -> bool:
        return bool(self._rows(column, table, f"{quote(column.name)} {'I' * any_case}LIKE {quote_literal(pattern)}"))


@pytest.mark.parametrize(
    ("sql", "becomes"),
    [
        ("SELECT id FROM people WHERE full_name = 'ada lien'", "SELECT id FROM people WHERE full_name = 'Ada Lien'"),
        (
            "SELECT 1 FROM people p WHERE ' Ada Lien ' = full_name",
            "SELECT 1 FROM people AS p WHERE 'Ada Lien' = full_name",
        ),
        (
            "SELECT id FROM people WHERE full_name IN ('ada lien', 'Bo Rossi')",
            "SELECT id FROM people WHERE full_name IN ('Ada Lien', 'Bo Rossi')",
        ),
        ("SELECT id FROM people WHERE full_name LIKE 'ada%'", "SELECT id FROM people WHERE full_name ILIKE 'ada%'"),
    ],
)
def test_texts_are_spelled_as_they_are_stored(festival: Any, sql: str, becomes: str) -> None:
    match = match_stored_values(sql, festival.schema, "duckdb", StoredTexts(festival.connection))
    assert match.sql == becomes and match.unmatched_texts == [] and match.repairs


@pytest.mark.parametrize(
    ("sql", "unmatched", "hint"),
    [
        (
            "SELECT id FROM people WHERE full_name = 'Ada Lein'",
            "Ada Lein",
            "'Ada Lein' is not in people.full_name; did you mean 'Ada Lien'?",
        ),
        (
            "SELECT title FROM films WHERE title = 'ada lien'",
            "ada lien",
            "'ada lien' is not in films.title; people.full_name has it",
        ),
        ("SELECT id FROM people WHERE full_name = 'Bo'", "Bo", "'Bo' is not in people.full_name"),
        ("SELECT id FROM people WHERE full_name LIKE 'Zoe%'", "Zoe%", ""),
    ],
)
def test_another_text_or_column_is_told_and_not_taken(festival: Any, sql: str, unmatched: str, hint: str) -> None:
    match = match_stored_values(sql, festival.schema, "duckdb", StoredTexts(festival.connection))
    assert match.sql == "" and match.repairs == [] and match.unmatched_texts == [unmatched]
    assert match.hints == ([hint] if hint else [])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM people WHERE full_name = 'Ada Lien' AND id = 99",
        "SELECT id FROM people WHERE full_name <> 'ada lien'",
        "SELECT id FROM people WHERE full_name NOT LIKE 'ada%'",
        "SELECT id FROM people WHERE id = 3",
        "SELECT id FROM people WHERE born = '1990-01-01'",
        "SELECT x FROM (SELECT 'a' AS x) t WHERE x = 'A'",
        "SELECT id FROM people WHERE full_name LIKE '19%'",
    ],
)
def test_what_is_stored_or_not_compared_so_is_left(festival: Any, sql: str) -> None:
    match = match_stored_values(sql, festival.schema, "duckdb", StoredTexts(festival.connection))
    assert (match.sql, match.repairs, match.hints, match.unmatched_texts) == ("", [], [], [])


def test_a_text_with_two_spellings_is_told(festival: Any) -> None:
    class TwoSpellings(StoredTexts):
        def find_spellings(self, table: Table, column: Column, text: str) -> Sequence[str]:
            return ["PAID", "Paid"]

    sql = "SELECT id FROM people WHERE full_name = 'paid'"
    match = match_stored_values(sql, festival.schema, "duckdb", TwoSpellings(festival.connection))
    assert match.sql == "" and match.hints == ["'paid' is not in people.full_name; did you mean 'PAID' or 'Paid'?"]

"""What the texts of one column are read as: a type, the values, and what is doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from nl2sql.importing.column_notations import choose_notation
from nl2sql.importing.column_shapes import collect_shapes, is_placeholder, make_shape
from nl2sql.importing.column_types import prove_types
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.number_notations import find_signs
from nl2sql.importing.plain_types import TextColumn
from tests.importing.generated_columns import PLACEHOLDERS

CASES = [
    [*line.split("\t"), "", "", ""][:5]
    for line in (Path(__file__).parent / "column_notations.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.mark.parametrize(
    ("texts", "kind", "values", "doubt", "sign"), CASES, ids=[f"{one[0]} {one[4]}" for one in CASES]
)
def test_a_column_is_read_as_what_its_texts_prove(
    connection: duckdb.DuckDBPyConnection, texts: str, kind: str, values: str, doubt: str, sign: str
) -> None:
    cells = texts.split("|")
    connection.execute("CREATE TABLE cells (c0 VARCHAR)")
    connection.executemany("INSERT INTO cells VALUES (?)", [[cell] for cell in cells])
    [typed], counts = prove_types(
        connection, "cells", "true", [TextColumn("c0", "measure", cells)], FileRules(decimal=sign)
    )
    found = [row[0] for row in connection.execute(f"SELECT {typed.sql} FROM cells").fetchall()]
    assert counts.rows == len(cells)
    assert typed.type == kind
    assert ["" if value is None else str(value) for value in found] == values.split("|")
    assert doubt in typed.doubt and bool(doubt) == bool(typed.doubt)


@pytest.mark.parametrize("word", PLACEHOLDERS)
def test_a_placeholder_is_no_value_where_the_rest_is_numbers(word: str) -> None:
    assert is_placeholder(f" {word} ")
    choice = choose_notation(collect_shapes(["1", "2", word]), "measure", None)
    assert [shape.example for shape in choice.nulls] == [word]
    assert choice.rivals


@pytest.mark.parametrize(
    ("texts", "decimal"),
    [
        (["1.234,56"], ","),
        (["1,234.56"], "."),
        (["0,5", "1,234"], ","),
        (["1.234.567"], ","),
        (["1.234"], None),
        (["12", "7"], None),
        (["1.5", "2,5"], None),
        (["1,5", "note"], None),
    ],
)
def test_a_column_proves_the_decimal_sign_or_does_not(texts: list[str], decimal: str | None) -> None:
    signs = find_signs(collect_shapes(texts), "measure")
    assert (signs.decimal if signs else None) == decimal


def test_a_shape_keeps_all_but_digits_and_outer_blanks() -> None:
    assert make_shape("\u00a0-1.234,50 € ") == "-9.999,99 €"

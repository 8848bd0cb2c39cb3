"""Results of very many values: what a reader has to hold is bounded, and what has become of the cells is said."""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest

from nl2sql.answer.cell_text import count_values, measure_cells
from nl2sql.answer.result_hash import hash_result
from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine
from nl2sql.errors import LimitError, QueryError
from nl2sql.types import MAX_CELL_VALUES, Limits, Result

from .conftest import run, sealed
from .test_arrow_compat import CASES

WIDE = ", ".join(f"f{i}: i" for i in range(600))
DEEP = f"{'[' * 40}i{']' * 40}"


def weight(result: Result) -> int:
    """What the result counts for, in bytes."""
    values = sum(count_values(chunk) for column in result.table.columns for chunk in column.chunks)
    return max(int(result.table.nbytes), 8 * values)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("list_resize([NULL], 5000)", "[NULL, NULL, NULL"),
        ("list_resize([true], 5000, true)", "[true, true"),
        ("range(501)", "[0, 1, 2"),
        ("list_resize([7::TINYINT], 900, 7::TINYINT)", "[7, 7"),
        ("map(range(300), range(300))", "{0=0, 1=1"),
        (f"{{{WIDE}}}", "{'f0': 0, 'f1': 0"),
        ("{'a': {'b': range(600)}}", "{'a': {'b': [0, 1"),
        ("[range(400), range(400)]", "[[0, 1"),
        ("list_resize([[]], 600, [])", "[[], []"),
        ("list_resize([true], 600, true)::BOOLEAN[600]", "[true, true"),
        ("union_value(n := range(600))", "[0, 1"),
        ("range(600)::VARIANT", "[0, 1"),
        ("to_json(range(600))", "[0,1,2"),
        ("[{'d': 'infinity'::DATE, 'l': range(600)}]", "[{'d': infinity"),
        (DEEP, "[[[["),
        ("['x', repeat('y', 200000)]", "[x, yyy"),
    ],
)
def test_a_cell_of_very_many_values_is_text(shared: DuckDBEngine, expression: str, value: str) -> None:
    result = run(shared, f"SELECT {expression} AS v FROM range(2) t(i)")
    cells = [row[0] for row in result.rows]
    assert cells[0].startswith(value) and all(isinstance(cell, str) and len(cell) <= 100_000 for cell in cells)
    is_cast_by_type = expression.startswith(("union", "to_json")) or expression.endswith("VARIANT")
    assert result.cut_cells == (0 if is_cast_by_type else 2)
    assert not result.truncated
    assert result.columns[0].type != "VARCHAR" or "repeat" in expression


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("range(300)", list(range(300))),
        (f"range({MAX_CELL_VALUES - 1})", list(range(MAX_CELL_VALUES - 1))),
        ("{'a': i, 'b': [i, NULL]}", {"a": 0, "b": [0, None]}),
        ("map(range(100), range(100))", [(n, n) for n in range(100)]),
        ("list_resize([{'a': 1}], 200, {'a': 1})", [{"a": 1}] * 200),
        ("[[[[[i]]]]]", [[[[[0]]]]]),
    ],
)
def test_other_nested_cells_come_as_they_are(shared: DuckDBEngine, expression: str, value: Any) -> None:
    result = run(shared, f"SELECT {expression} AS v FROM range(2) t(i)")
    assert result.rows[0][0] == value and result.cut_cells == 0


def test_one_large_cell_makes_its_column_text_and_no_other(shared: DuckDBEngine) -> None:
    sql = "SELECT range(CASE WHEN i = 700 THEN 600 ELSE 2 END) AS a, range(2) AS b FROM range({}) t(i)"
    result = run(shared, sql.format(1000))
    assert result.rows[0] == ("[0, 1]", [0, 1])
    assert result.cut_cells == 1 and result.columns[0].type == "BIGINT[]"
    assert run(shared, sql.format(1000), rows=700).rows[0] == ([0, 1], [0, 1]), "it is beyond the rows that are shown"
    assert run(shared, sql.format(1000), rows=701).rows[0] == ("[0, 1]", [0, 1])


def test_a_long_text_of_many_values_is_cut_and_counted_once(shared: DuckDBEngine) -> None:
    result = run(shared, "SELECT range(600) AS a, [i] AS b FROM range(3) t(i)", cell_bytes=100)
    text, few = result.rows[0]
    assert text.startswith("[0, 1, 2") and text.endswith("…") and len(text.encode()) <= 100
    assert few == [0] and result.cut_cells == 3
    assert run(shared, "SELECT range(200000) AS a").rows[0][0].endswith("…")


@pytest.mark.alone
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list_resize([NULL], 100000) AS v FROM range(1000)",
        f"SELECT {', '.join(f'list_resize([NULL], 499) AS v{i}' for i in range(30))} FROM range(1000)",
        f"SELECT {', '.join('i % 2 = 0' for i in range(900))} FROM range(100000) t(i)",
        "SELECT map(range(5000), range(5000)) AS v FROM range(1000)",
    ],
)
@pytest.mark.parametrize("rows", [1000, 10_000])
def test_a_result_is_bounded_by_what_its_values_take(shared: DuckDBEngine, sql: str, rows: int) -> None:
    result = run(shared, sql, rows=rows, result_bytes=8_000_000, seconds=30)
    assert result.truncated and 0 < result.row_count <= rows
    assert weight(result) <= 8_000_000
    started = time.perf_counter()
    assert len(result.rows) == result.row_count
    assert time.perf_counter() - started < 5


def test_types_of_very_many_fields_are_text_and_shown_in_short(shared: DuckDBEngine) -> None:
    sql = "SELECT 1 AS x"
    for _ in range(11):
        sql = f"SELECT {{'a': x, 'b': x}} AS x FROM ({sql})"
    result = run(shared, sql)
    assert isinstance(result.rows[0][0], str)
    assert len(result.columns[0].type) < 3000
    wide = ", ".join(f"{{{', '.join(f'f{i}: 1' for i in range(100))}}} AS c{n}" for n in range(120))
    assert all(isinstance(cell, str) for cell in run(shared, f"SELECT {wide}").rows[0])


def test_names_that_are_too_long_together_are_an_error(shared: DuckDBEngine) -> None:
    columns = ", ".join(f'1 AS "{"x" * 20_000}{i}"' for i in range(900))
    with pytest.raises(QueryError, match="too long"):
        run(shared, f"SELECT {columns}")


def test_a_whole_result_has_its_nested_cells_or_says_that_it_has_not(shared: DuckDBEngine) -> None:
    sql = "SELECT range(CASE WHEN i = 9000 THEN {} ELSE 3 END) AS v FROM range(10000) t(i)"
    result = run(shared, sql.format(12_000), rows=None)
    assert result.rows[0][0] == [0, 1, 2] and len(result.rows[9000][0]) == 12_000
    for last in (1_000_000, 12_500):
        with pytest.raises(LimitError, match="a cell of v holds more than 12,500 values") as caught:
            run(shared, sql.format(last), rows=None)
        assert caught.value.limit == "cell_bytes" and "cell_bytes" in caught.value.hint


def test_a_whole_result_is_read_in_pieces(shared: DuckDBEngine) -> None:
    with shared.stream(sealed("SELECT range(10000) AS v FROM range(300)"), Limits(rows=None)) as stream:
        sizes = [batch.num_rows for batch in stream.read_batches()]
    assert sum(sizes) == 300 and max(sizes) * 80_000 <= 10_000_000


def test_late_times_in_nested_cells_are_text(shared: DuckDBEngine) -> None:
    day = "CASE WHEN i = 290000 THEN 'infinity'::DATE ELSE DATE '2024-01-02' END"
    with shared.stream(sealed(f"SELECT [{day}] AS v, i FROM range(300000) t(i)"), Limits(rows=None)) as stream:
        last = [
            Result(stream.columns, batch) for batch in stream.read_batches() if batch.column(1)[0].as_py() > 280_000
        ]
    cells = [cell for result in last for (cell, _) in result.rows]
    assert [datetime.date(2024, 1, 2)] in cells and any(isinstance(cell[0], str) for cell in cells)


def test_the_hash_is_that_of_the_rows_that_came(shared: DuckDBEngine) -> None:
    selected = ", ".join(f"{expression} AS c{i}" for i, (expression, _, _) in enumerate(CASES))
    for sql in (
        f"SELECT {selected} FROM range(3)",
        "SELECT i, i / 3, 'x' || i FROM range(5000) t(i)",
        "SELECT range(600), [i] FROM range(9) t(i)",
        "SELECT 1 WHERE false",
    ):
        result = shared.execute(sealed(sql), Limits(rows=2000), hashed=True)
        assert result.hash == hash_result(Result(result.columns, result.table))
        assert shared.execute(sealed(sql), Limits(rows=2000)).hash is None
    few = shared.execute(sealed("SELECT i FROM range(10) t(i) ORDER BY i"), Limits(rows=3), hashed=True)
    assert few.truncated and few.hash == hash_result(run(shared, "SELECT i FROM range(3) t(i)"))


@pytest.mark.parametrize(
    ("expression", "sizes"),
    [
        ("i", 1),
        ("{'a': i, 'b': {'c': NULL}}", 4),
        ("range(i)", [1, 2, 3, 4]),
        ("[range(i), NULL]", [3, 4, 5, 6]),
        ("CASE WHEN i > 1 THEN {'a': range(i)} END", [2, 2, 4, 5]),
        ("map([i, 9], [[i], []])", [6, 6, 6, 6]),
        ("[range(i), range(1)]::BIGINT[][2]", [4, 5, 6, 7]),
        ("list_resize([NULL], i)", [1, 2, 3, 4]),
    ],
)
def test_values_are_counted_at_every_level(shared: DuckDBEngine, expression: str, sizes: int | list[int]) -> None:
    [column] = run(shared, f"SELECT {expression} AS v FROM range(4) t(i) ORDER BY i").table.columns
    [chunk] = column.chunks
    assert measure_cells(chunk) == sizes
    assert measure_cells(chunk.slice(1, 2)) == (sizes if isinstance(sizes, int) else sizes[1:3])

"""Every type of DuckDB crosses the pipe: cases in types.tsv, as expression, DuckDB's type name, Python value."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine

from .conftest import run

CASES = [line.split("\t") for line in (Path(__file__).parent / "types.tsv").read_text("utf-8").splitlines()]
NAMES = {"Decimal": Decimal, "datetime": datetime, "float": float}


@pytest.mark.parametrize(("expression", "type_name", "value"), CASES, ids=[case[0] for case in CASES])
def test_value_and_type(shared: DuckDBEngine, expression: str, type_name: str, value: str) -> None:
    result = run(shared, f"SELECT {expression} AS v, 1 AS one FROM range(2)")
    assert result.columns[0].type == type_name
    assert result.rows[0] == (eval(value, NAMES), 1)  # noqa: S307
    assert result.row_count == 2


def test_all_types_at_once_and_none_of_their_rows(shared: DuckDBEngine) -> None:
    selected = ", ".join(f"{expression} AS c{i}" for i, (expression, _, _) in enumerate(CASES))
    result = run(shared, f"SELECT {selected} WHERE 1 = 0")
    assert result.rows == []
    assert [column.type for column in result.columns] == [type_name for _, type_name, _ in CASES]
    assert result.table.num_columns == len(CASES)


def test_columns_of_one_name_stay_apart(shared: DuckDBEngine) -> None:
    result = run(shared, 'SELECT 1 AS a, 2 AS a, INTERVAL 1 DAY AS a, 4 AS "b "" c"')
    assert [column.name for column in result.columns] == ["a", "a", "a", 'b " c']
    assert result.table.column_names == ["a", "a", "a", 'b " c']
    assert result.rows == [(1, 2, "1 day", 4)]


def test_order_holds_where_a_column_is_cast(shared: DuckDBEngine) -> None:
    sql = "SELECT i, to_days(i::INTEGER) AS d FROM range(50000) t(i) ORDER BY i % 10 DESC, i -- end"
    plain = run(shared, sql.replace("to_days(i::INTEGER)", "1"), rows=None)
    cast = run(shared, sql, rows=None)
    assert [row[0] for row in cast.rows] == [row[0] for row in plain.rows]


def test_one_odd_time_makes_its_column_text_and_no_other(shared: DuckDBEngine) -> None:
    day = "CASE WHEN i = 2999 THEN 'infinity'::DATE WHEN i > 0 THEN DATE '2024-01-02' END"
    huge = "170141183460469231731687303715884105727::HUGEINT"
    sql = f"SELECT {day} AS d, DATE '2024-01-02' AS d, {huge} FROM range(3000) t(i)"
    result = run(shared, sql, rows=None)
    assert [column.type for column in result.columns] == ["DATE", "DATE", "HUGEINT"]
    assert [row[0] for row in result.rows[:2]] == [None, "2024-01-02"]
    assert result.rows[2999] == ("infinity", datetime.date(2024, 1, 2), Decimal(2**127 - 1))


def test_times_behind_nulls_are_not_looked_at(shared: DuckDBEngine) -> None:
    sql = "SELECT CASE WHEN d < 'infinity' THEN d END FROM (VALUES (DATE '2024-01-02'), ('infinity')) t(d) ORDER BY d"
    assert run(shared, sql).rows == [(datetime.date(2024, 1, 2),), (None,)]


def test_no_columns_is_an_error_and_not_a_crash(shared: DuckDBEngine) -> None:
    from nl2sql.errors import QueryError

    with pytest.raises(QueryError):
        run(shared, "SELECT COLUMNS('no such') FROM sale")

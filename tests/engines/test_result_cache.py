"""Pages of a query's rows: the engine sorts and filters, the order stays the same, and the limits hold."""

from __future__ import annotations

import os
import signal
import time
from decimal import Decimal
from pathlib import Path

import pytest

from nl2sql.cancellation import CancelToken
from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine
from nl2sql.errors import CancelledError, LimitError, QueryError
from nl2sql.types import Limits, Result, Window
from tests.engines.conftest import Open, run, sealed, worker_pid

CHANCE = "SELECT random() AS chance FROM range(1000)"


def page(engine: DuckDBEngine, sql: str, offset: int = 0, limit: int = 3, **window: object) -> Result:
    return engine.fetch_page(sealed(sql), Window(offset, limit, **window), Limits())  # type: ignore[arg-type]


def count(engine: DuckDBEngine, sql: str, **contains: str) -> int:
    return engine.count(sealed(sql), Window(contains=contains), Limits()).rows


def until_ended(pid: int) -> None:
    """Wait until the process has ended, though nobody has asked for its exit code yet."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_pages_are_the_query_in_its_own_order(shared: DuckDBEngine) -> None:
    sql = "SELECT id, amount FROM sale ORDER BY id % 10 DESC, id LIMIT 95"
    whole = run(shared, sql).rows
    paged = [row for offset in range(0, 100, 10) for row in page(shared, sql, offset, 10).rows]
    assert paged == whole
    assert page(shared, sql, 200).rows == []
    assert count(shared, sql) == 95


def test_rows_are_sorted_by_the_engine_with_nulls_last(shared: DuckDBEngine) -> None:
    sql = "SELECT city, name FROM customer"
    assert [row[0] for row in page(shared, sql, order_by="city").rows] == ["Lima", "Oslo", None]
    assert [row[0] for row in page(shared, sql, order_by="CITY", descending=True).rows] == ["Oslo", "Lima", None]
    assert page(shared, "SELECT id, amount FROM sale", order_by="amount", descending=True, limit=1).rows == [
        (100, Decimal("150.00"))
    ]


def test_rows_are_filtered_by_what_the_column_holds_in_any_case(shared: DuckDBEngine) -> None:
    sql = "SELECT name, city, id FROM customer"
    assert page(shared, sql, contains={"city": "LIM"}).rows == [("Ana", "Lima", 1)]
    assert page(shared, sql, contains={"name": "o", "id": "2"}).rows == [("Bo", "Oslo", 2)]
    assert page(shared, sql, contains={"name": ""}).row_count == 3
    assert count(shared, sql, city="s") == 1


@pytest.mark.parametrize("text", ["%", "' OR true --", "a' UNION SELECT 1", "\\", "_", "$1", "?"])
def test_a_filter_is_text_and_nothing_else(shared: DuckDBEngine, text: str) -> None:
    assert page(shared, "SELECT name FROM customer", contains={"name": text}).rows == []
    quoted = text.replace("'", "''")
    assert page(shared, f"SELECT '{quoted}' AS cell", contains={"cell": text}).rows == [(text,)]


def test_columns_of_one_name_stay_apart(shared: DuckDBEngine) -> None:
    sql = 'SELECT id, city AS id, name AS "a b""\'" FROM customer'
    result = page(shared, sql, order_by="a b\"'", descending=True)
    assert [column.name for column in result.columns] == ["id", "id", "a b\"'"]
    assert result.table.schema.names == ["id", "id", "a b\"'"]
    assert result.rows == [(3, None, "Cy"), (2, "Oslo", "Bo"), (1, "Lima", "Ana")]


def test_an_unknown_column_is_told(shared: DuckDBEngine) -> None:
    with pytest.raises(QueryError, match="no column nowhere"):
        page(shared, "SELECT 1 AS a", order_by="nowhere")
    with pytest.raises(QueryError, match='no column a"; DROP'):
        page(shared, "SELECT 1 AS a", contains={'a"; DROP': "x"})
    with pytest.raises(QueryError, match="EXPLAIN has no pages"):
        page(shared, "EXPLAIN (FORMAT text) SELECT 1")
    with pytest.raises(QueryError, match="only one SELECT"):
        page(shared, "DROP TABLE sale")


def test_odd_types_cross_as_in_a_whole_result(shared: DuckDBEngine) -> None:
    sql = (
        "SELECT INTERVAL 3 DAY AS i, NULL AS n, [1, 2] AS l, 'x'::ENUM('x') AS e, DATE '12000-01-01' AS d, 1::BIT AS b"
    )
    paged, whole = page(shared, sql), run(shared, sql)
    assert paged.columns == whole.columns
    assert paged.rows == whole.rows


def test_further_pages_do_not_run_the_query_again(shop: Path, opened: Open) -> None:
    engine = opened(shop, workers=2)
    first = page(engine, CHANCE, limit=1000, order_by="chance").rows
    assert page(engine, CHANCE, 500, 500, order_by="chance").rows == first[500:]
    run(engine, "SELECT count(*) FROM sale")
    assert page(engine, CHANCE, limit=1000, order_by="chance").rows == first


def test_a_lost_worker_costs_a_second_run(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    first = page(engine, CHANCE, limit=1000).rows
    pid = worker_pid(engine)
    os.kill(pid, signal.SIGKILL)
    until_ended(pid)
    again = page(engine, CHANCE, limit=1000).rows
    assert len(again) == 1000
    assert again != first


def test_kept_rows_make_room_for_other_queries(shop: Path, opened: Open) -> None:
    engine = opened(shop, memory=300_000_000)
    wide = "SELECT random() AS chance, repeat('x', 200) || i AS text FROM range(400000) t(i)"
    first = page(engine, wide).rows
    assert page(engine, wide, 3).row_count == 3
    run(engine, "SELECT 1", memory=300_000_000)
    assert page(engine, wide).rows != first


def test_the_number_of_rows_that_are_kept_is_bounded(shared: DuckDBEngine) -> None:
    sql = "SELECT i FROM range(1000010) t(i)"
    last = page(shared, sql, 999_999, 10)
    assert (last.rows, last.truncated) == ([(999_999,)], True)
    assert shared.count(sealed(sql), Window(), Limits()) == (1_000_000, False)
    assert not page(shared, "SELECT i FROM range(10) t(i)").truncated


def test_limits_and_cancelling_hold_for_pages(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    heavy = sealed("SELECT count(*) FROM range(1000000) a, range(100000) b WHERE a.range % 7 = b.range % 11")
    with pytest.raises(LimitError) as caught:
        engine.fetch_page(heavy, Window(), Limits(seconds=0.5))
    assert caught.value.limit == "seconds"
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        engine.fetch_page(heavy, Window(), Limits(), token)
    assert page(engine, "SELECT 1").rows == [(1,)]
    cut = engine.fetch_page(sealed("SELECT repeat('x', 5000) AS x"), Window(), Limits(cell_bytes=100))
    assert cut.cut_cells == 1


def test_the_first_page_of_many_rows_is_quick(shared: DuckDBEngine) -> None:
    columns = (
        "i AS id, i % 1000 AS customer, 'note ' || i AS note, i * 0.5 AS amount, DATE '2024-01-01' + (i % 365)::INT"
    )

    def took(attempt: int) -> float:
        sql = f"SELECT {columns} AS day, {attempt} AS attempt FROM range(100000) t(i) ORDER BY amount DESC"
        started = time.perf_counter()
        assert page(shared, sql, limit=100).row_count == 100
        return time.perf_counter() - started

    assert any(took(attempt) < 0.5 for attempt in range(10))


def test_a_column_is_known_by_its_position_too(shared: DuckDBEngine) -> None:
    sql = "SELECT n AS k, 10 - n AS k FROM range(3) t(n)"
    assert page(shared, sql, order_by=1).rows == [(2, 8), (1, 9), (0, 10)]
    assert page(shared, sql, order_by="k").rows == [(0, 10), (1, 9), (2, 8)]
    assert page(shared, sql, contains={1: "9"}).rows == [(1, 9)]
    assert shared.count(sealed(sql), Window(contains={0: "1", 1: "10"}), Limits()).rows == 0
    for position in (2, -1):
        with pytest.raises(QueryError, match=f"no column {position}"):
            page(shared, sql, order_by=position)

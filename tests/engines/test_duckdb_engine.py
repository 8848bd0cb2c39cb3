"""The engine under load and under fire: limits, cancelling, crashes, and the next query that must work."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nl2sql import guard
from nl2sql.cancellation import CancelToken
from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine, DuckDBOptions
from nl2sql.engines.files.data_sources import DatabaseFile
from nl2sql.errors import BugError, CancelledError, DatabaseError, LimitError, QueryError
from nl2sql.types import Limits, Policy

from .conftest import Open, run, sealed, worker_pid

SLOW = "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE (a.range * b.range) % 7 = 3"
DEAF = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"
HOARDING_BUFFERS = "SELECT * FROM (SELECT i, hash(i) AS h FROM range(60000000) t(i)) ORDER BY h"
HOARDING_STRINGS = "SELECT length(repeat(repeat('x', 1000), 1500000) || 'y')"


def works(engine: DuckDBEngine) -> bool:
    return run(engine, "SELECT sum(amount) FROM sale").rows == [(7575,)]


def test_guarded_query(shared: DuckDBEngine) -> None:
    checked = guard.check("select city, total from by_city order by total desc limit 1", Policy(), shared)
    result = shared.execute(checked, Limits())
    assert [column.name for column in result.columns] == ["city", "total"]
    assert result.rows[0][0] == "Oslo"
    assert 0 < result.seconds < 10


@pytest.mark.alone
@pytest.mark.parametrize("sql", [SLOW, DEAF], ids=["heeds interrupts", "ignores them"])
def test_overrunning_query_ends_near_its_time(shop: Path, opened: Open, sql: str) -> None:
    engine = opened(shop)
    assert works(engine)
    started = time.monotonic()
    with pytest.raises(LimitError, match=r"longer than 0\.4 s") as caught:
        run(engine, sql, seconds=0.4)
    assert caught.value.limit == "seconds"
    assert caught.value.hint
    assert time.monotonic() - started < 2.5
    assert works(engine)


def test_a_query_that_heeds_the_interrupt_keeps_its_worker(shared: DuckDBEngine) -> None:
    assert works(shared)
    before = worker_pid(shared)
    with pytest.raises(LimitError):
        run(shared, SLOW, seconds=0.3)
    assert worker_pid(shared) == before


@pytest.mark.parametrize("sql", [HOARDING_BUFFERS, HOARDING_STRINGS], ids=["buffers", "strings"])
def test_memory(shop: Path, opened: Open, sql: str) -> None:
    engine = opened(shop, memory=150_000_000)
    with pytest.raises(LimitError, match="out of memory") as caught:
        run(engine, sql, memory=150_000_000)
    assert caught.value.limit == "memory"
    assert works(engine)


def test_memory_of_one_call_is_its_own(shop: Path, opened: Open) -> None:
    engine = opened(shop, memory=20_000_000)
    sql = "SELECT length(repeat(repeat('x', 1000), 130000) || 'y')"
    with pytest.raises(LimitError):
        run(engine, sql, memory=20_000_000)
    assert run(engine, sql, memory=1_000_000_000).rows == [(130_000_001,)]


def test_sorting_spills_to_disk_where_allowed(shop: Path, opened: Open) -> None:
    sql = "SELECT i, hash(i) AS h FROM range(8000000) t(i) ORDER BY h"
    engine = opened(shop, memory=60_000_000)
    with pytest.raises(LimitError):
        run(engine, sql, memory=60_000_000, rows=10)
    assert run(engine, sql, memory=60_000_000, spill=2_000_000_000, rows=10, seconds=30).row_count == 10


def test_killed_worker_costs_one_query(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    assert works(engine)
    threading.Timer(0.3, os.kill, (worker_pid(engine), signal.SIGKILL)).start()
    with pytest.raises(DatabaseError, match="ended unexpectedly"):
        run(engine, SLOW)
    assert works(engine)


def test_worker_killed_while_idle_is_replaced_unnoticed(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    assert works(engine)
    os.kill(worker_pid(engine), signal.SIGKILL)
    time.sleep(0.1)
    assert works(engine)


@pytest.mark.alone
@pytest.mark.parametrize("sql", [SLOW, DEAF], ids=["heeds interrupts", "ignores them"])
def test_cancel_from_another_thread(shop: Path, opened: Open, sql: str) -> None:
    engine = opened(shop)
    assert works(engine)
    token = CancelToken()
    threading.Timer(0.2, token.cancel).start()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        engine.execute(sealed(sql), Limits(), token)
    assert time.monotonic() - started < 2
    assert works(engine)


def test_cancelled_before_it_began_or_while_it_queues(shared: DuckDBEngine) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        shared.execute(sealed("SELECT 1"), Limits(), token)
    queued = CancelToken()
    errors: list[BaseException] = []

    def wait_in_line() -> None:
        try:
            shared.execute(sealed("SELECT 1"), Limits(), queued)
        except CancelledError as error:
            errors.append(error)

    with shared.stream(sealed("SELECT 1"), Limits()):
        thread = threading.Thread(target=wait_in_line)
        thread.start()
        queued.cancel()
        thread.join(5)
    assert len(errors) == 1


def test_many_threads(shared: DuckDBEngine) -> None:

    def ask(number: int) -> int:
        return int(run(shared, f"SELECT {number} + count(*) FROM sale").rows[0][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(60))) == [number + 100 for number in range(60)]


def test_a_stream_left_early_frees_the_engine(shared: DuckDBEngine) -> None:
    with shared.stream(sealed("SELECT * FROM range(100000000000)"), Limits(rows=None)) as stream:
        first = next(stream.read_batches())
        assert first.num_rows > 0
        with pytest.raises(BugError):
            works(shared)
    assert works(shared)


def test_a_reader_may_take_its_time(shared: DuckDBEngine) -> None:
    rows = 0
    with shared.stream(sealed("SELECT * FROM range(20000)"), Limits(rows=None, seconds=0.6)) as stream:
        for batch in stream.read_batches():
            rows += batch.num_rows
            time.sleep(0.1)
    assert rows == 20_000
    assert not stream.truncated


@pytest.mark.parametrize(("rows", "truncated"), [(99, True), (100, False), (101, False), (0, True), (None, False)])
def test_rows_are_cut_at_the_limit(shared: DuckDBEngine, rows: int | None, truncated: bool) -> None:
    result = run(shared, "SELECT * FROM sale ORDER BY id", rows=rows)
    assert result.row_count == (100 if rows is None else min(rows, 100))
    assert result.truncated is truncated


def test_long_cells_are_cut(shared: DuckDBEngine) -> None:
    sql = "SELECT repeat('é', 100), repeat('x', 100)::BLOB, 'short' UNION ALL SELECT NULL, NULL, 'b'"
    result = run(shared, sql, cell_bytes=21)
    assert result.cut_cells == 2
    text, data, short = result.rows[0]
    assert text == "é" * 9 + "…"
    assert data == b"x" * 21
    assert short == "short"
    assert result.rows[1] == (None, None, "b")


def test_bytes_are_capped(shared: DuckDBEngine) -> None:
    result = run(shared, "SELECT repeat('x', 1000) AS x FROM range(5000)", rows=None, result_bytes=500_000)
    assert result.truncated
    assert 400 < result.row_count <= 500
    with pytest.raises(LimitError, match="one row alone") as caught:
        run(shared, "SELECT range(1000000) AS numbers", result_bytes=500_000)
    assert caught.value.limit == "result_bytes"


def test_columns_are_capped(shared: DuckDBEngine) -> None:
    wide = ", ".join(f"{i} AS c{i}" for i in range(1001))
    with pytest.raises(QueryError, match="1,001 columns"):
        run(shared, f"SELECT {wide}")
    assert len(run(shared, f"SELECT {wide.rpartition(',')[0]}").columns) == 1000


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nothing FROM sale", "nothing"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
        ("SELECT CASE WHEN i = 90000 THEN 'x' ELSE '1' END::INTEGER FROM range(100000) t(i)", "Could not convert"),
        ("SELECT FROM WHERE", "one SELECT"),
        ("", "one SELECT"),
        ("SELECT 1; SELECT 2", "one SELECT"),
    ],
)
def test_query_errors_keep_the_worker(shared: DuckDBEngine, sql: str, message: str) -> None:
    assert works(shared)
    before = worker_pid(shared)
    with pytest.raises(QueryError, match=message) as caught:
        run(shared, sql, rows=None)
    assert "LINE 1" not in caught.value.message
    assert worker_pid(shared) == before
    assert works(shared)


VALUE_CASES = [
    ("Ann", "n::INTEGER", "string '…' to INT32"),
    ("Ann O'Brien", "n::INTEGER", "string '…' to INT32"),
    ('a "b" c', "n::DATE", 'invalid date field format: "…", expected format'),
    ("a\n\nb", "n::INTEGER", "string '…' to INT32"),
    ('{"a": secret', "n::JSON", 'Input: "…"'),
    ("x' and 'y", "n::INTEGER[]", "value '…' can't be cast"),
    ("c", "n::INTEGER", "string '…' to INT32"),
    ("Ann", "strptime(n, '%Y')", 'Could not parse string "…": Expected a number'),
    ('a "b"\nc', "strptime(n, '%Y')", 'Could not parse string "…": Expected a number'),
]


@pytest.mark.parametrize(("value", "expression", "message"), VALUE_CASES)
def test_errors_tell_no_values(shared: DuckDBEngine, value: str, expression: str, message: str) -> None:
    cells = f"(SELECT decode(unhex('{value.encode().hex()}')) AS n FROM sale) AS cells"
    with pytest.raises(QueryError) as caught:
        run(shared, f"SELECT {expression} FROM {cells}")
    assert message in caught.value.message


@pytest.mark.parametrize("own", ["abc", "O'Neil"])
def test_errors_tell_values_that_the_query_holds(shared: DuckDBEngine, own: str) -> None:
    with pytest.raises(QueryError, match=f"string '{own}' to INT32"):
        run(shared, f"SELECT CAST('{own.replace(chr(39), chr(39) * 2)}' AS INTEGER) FROM sale")


def test_errors_are_short(shared: DuckDBEngine) -> None:
    with pytest.raises(QueryError) as caught:
        run(shared, "SELECT error(repeat('x', 100000))")
    assert len(caught.value.message) == 500


def test_less_time_needs_no_other_worker_but_less_memory_does(shop: Path, opened: Open) -> None:
    engine = opened(shop, seconds=5, memory=600_000_000)
    assert run(engine, "SELECT 1", seconds=5, memory=600_000_000).rows == [(1,)]
    before = worker_pid(engine)
    run(engine, "SELECT 1", seconds=1, memory=600_000_000)
    run(engine, "SELECT 1", seconds=5, memory=600_000_000)
    assert worker_pid(engine) == before
    run(engine, "SELECT 1", seconds=1, memory=500_000_000)
    after = worker_pid(engine)
    assert after != before
    run(engine, "SELECT 1", seconds=5, memory=500_000_000)
    assert worker_pid(engine) == after


def test_no_session_outlives_its_query(shared: DuckDBEngine) -> None:
    for sql in ("SET VARIABLE x = 1", "CREATE TEMP TABLE sale AS SELECT 0 AS amount", "USE archive"):
        with pytest.raises(QueryError):
            run(shared, sql)
    assert works(shared)


def test_judging_that_hangs_is_ended(shop: Path, tmp_path: Path) -> None:
    engine = DuckDBEngine("shop", DatabaseFile(shop), Limits(), tmp_path / "cache", DuckDBOptions(judge_seconds=0.3))
    try:
        engine.introspect()
        os.kill(worker_pid(engine), signal.SIGSTOP)
        with pytest.raises(LimitError, match="judging the query ran longer") as caught:
            engine.judge("SELECT 1", Policy())
        assert caught.value.limit == "seconds"
        assert works(engine)
    finally:
        engine.close()


def test_closed_engine_says_so(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    engine.close()
    engine.close()
    calls: list[Callable[[], object]] = [engine.introspect, lambda: works(engine)]
    for call in calls:
        with pytest.raises(DatabaseError, match="closed"):
            call()

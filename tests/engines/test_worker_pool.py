"""Several workers over one database: heavy and light side by side, a queue in order, idle workers ended."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from nl2sql.cancellation import CancelToken
from nl2sql.engines.duckdb.worker_handle import WorkerHandle
from nl2sql.engines.worker.worker_pool import WorkerPool
from nl2sql.errors import CancelledError, DatabaseError
from nl2sql.types import Limits, Policy, Result
from tests.engines.conftest import Open, run, sealed

HEAVY = "SELECT count(*) FROM range(1000000) a, range(100000) b WHERE a.range % 7 = b.range % 11"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def until(condition: object, seconds: float = 5.0) -> None:
    """Wait for what a callable says to become true."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_a_heavy_query_stops_nobody_else(shop: Path, opened: Open, threads: ThreadPoolExecutor) -> None:
    engine = opened(shop, workers=2)
    engine.introspect()
    token = CancelToken()
    heavy = threads.submit(engine.execute, sealed(HEAVY), Limits(seconds=30), token)
    until(lambda: len(engine._pool._busy) == 1)
    for _ in range(3):
        assert engine.judge("SELECT count(*) FROM sale", Policy()).is_allowed
        assert engine.execute(sealed("SELECT count(*) FROM sale"), Limits()).rows == [(100,)]
    assert not heavy.done()
    token.cancel()
    with pytest.raises(CancelledError):
        heavy.result()
    assert len(engine.worker_pids) == 2


def test_one_worker_is_enough_for_callers_that_take_turns(shop: Path, opened: Open) -> None:
    engine = opened(shop, workers=4)
    engine.introspect()
    for _ in range(3):
        run(engine, "SELECT 1")
    assert len(engine.worker_pids) == 1


def test_the_schema_is_read_once_for_all(shop: Path, opened: Open, threads: ThreadPoolExecutor) -> None:
    engine = opened(shop, workers=3)
    verdicts = list(threads.map(lambda _: engine.judge("SELECT name FROM customer", Policy()), range(6)))
    assert all(verdict.is_allowed for verdict in verdicts)
    schemas = list(threads.map(lambda _: engine.introspect(), range(3)))
    assert schemas[0] is schemas[1] is schemas[2]


def test_callers_wait_in_order_and_know_their_place(shop: Path, opened: Open, threads: ThreadPoolExecutor) -> None:
    engine = opened(shop)
    first, second, third = CancelToken(), CancelToken(), CancelToken()
    ended: list[str] = []

    def ask(name: str, token: CancelToken) -> Result:
        result = engine.execute(sealed(f"SELECT '{name}'"), Limits(), token)
        ended.append(name)
        return result

    with engine.stream(sealed("FROM range(100)"), Limits(rows=None), first):
        waiting: list[Future[Result]] = []
        for n, (name, token) in enumerate((("second", second), ("third", third)), start=1):
            waiting.append(threads.submit(ask, name, token))
            until(lambda token=token, n=n: engine.find_queue_position(token) == n)
        assert engine.find_queue_position(first) == 0
        second.cancel()
        with pytest.raises(CancelledError):
            waiting[0].result()
        assert engine.find_queue_position(third) == 1
        fourth = threads.submit(ask, "fourth", CancelToken())
        until(lambda: len(engine._pool._waiting) == 2)
    assert fourth.result().rows == [("fourth",)]
    assert waiting[1].result().rows == [("third",)]
    assert ended == ["third", "fourth"]
    assert engine.find_queue_position(third) == 0


def test_judging_waits_until_cancelled(shop: Path, opened: Open, threads: ThreadPoolExecutor) -> None:
    engine = opened(shop)
    token = CancelToken()
    with engine.stream(sealed("FROM range(100)"), Limits(rows=None)):
        judging = threads.submit(engine.judge, "SELECT 1", Policy(), cancel=token)
        until(lambda: engine.find_queue_position(token) == 1)
        token.cancel()
        with pytest.raises(CancelledError):
            judging.result()


def test_a_worker_that_dies_leaves_the_others_alone(shop: Path, opened: Open, threads: ThreadPoolExecutor) -> None:
    engine = opened(shop, workers=2)
    token = CancelToken()
    with engine.stream(sealed("FROM range(100000)"), Limits(rows=None)) as stream:
        [kept] = engine.worker_pids
        heavy = threads.submit(engine.execute, sealed(HEAVY), Limits(seconds=30), token)
        until(lambda: len(engine.worker_pids) == 2)
        [other] = set(engine.worker_pids) - {kept}
        os.kill(other, signal.SIGKILL)
        with pytest.raises(DatabaseError, match="ended unexpectedly"):
            heavy.result()
        assert sum(batch.num_rows for batch in stream.read_batches()) == 100_000
    assert run(engine, "SELECT 1").rows == [(1,)]
    assert kept in engine.worker_pids


def test_all_workers_see_a_file_that_changed(shop: Path, opened: Open, threads: ThreadPoolExecutor) -> None:
    engine = opened(shop, workers=2)
    with engine.stream(sealed("FROM range(100)"), Limits(rows=None)):
        threads.submit(run, engine, "SELECT 1").result()
    assert len(engine.worker_pids) == 2
    changed = shop.with_suffix(".new")
    with duckdb.connect(str(changed)) as connection:
        connection.execute("CREATE TABLE pet AS SELECT 7 AS legs")
    changed.replace(shop)
    assert [table.name for table in engine.introspect().tables] == ["pet"]
    gate = threading.Barrier(2)

    def count(_: int) -> Result:
        gate.wait()
        return run(engine, "SELECT legs, sum(i) FROM pet, range(500000) t(i) GROUP BY 1")

    assert [result.rows[0][0] for result in threads.map(count, range(2))] == [7, 7]


def test_who_waits_when_the_database_closes_is_told(shop: Path, opened: Open, threads: ThreadPoolExecutor) -> None:
    engine = opened(shop)
    token = CancelToken()
    with engine.stream(sealed("FROM range(10)"), Limits()):
        waiting = threads.submit(engine.execute, sealed("SELECT 1"), Limits(), token)
        until(lambda: engine.find_queue_position(token) == 1)
        closing = threads.submit(engine.close)
        with pytest.raises(DatabaseError, match="closed"):
            waiting.result()
        assert not closing.done()
    closing.result()
    assert engine.worker_pids == ()


@pytest.mark.parametrize("kept_warm", [0, 1])
def test_idle_workers_are_ended(kept_warm: int) -> None:
    pool = WorkerPool(3, lambda: WorkerHandle(Limits()), warm_count=kept_warm, idle_seconds=0.2)

    def held(_: int) -> None:
        with pool.take_worker(None):
            gate.wait()

    gate = threading.Barrier(3)
    with ThreadPoolExecutor(3) as executor:
        list(executor.map(held, range(3)))
    assert len(pool.workers) == 3
    until(lambda: len(pool.workers) == kept_warm)
    with contextlib.closing(pool), pool.take_worker(None) as worker:
        assert worker.pid is None

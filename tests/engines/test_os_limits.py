"""The worker's limits as the kernel sees them, and what is left of a query afterwards: each point by looking."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine
from nl2sql.engines.worker.os_limits import ADDRESS_SLACK_BYTES, MAX_OPEN_FILES, STDERR_BYTES
from nl2sql.errors import DatabaseError, LimitError

from .conftest import Open, run, worker_pid

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
BIG_SORT = "SELECT i, hash(i) AS h FROM range(4000000) t(i) ORDER BY h"
SMALL, ROOM = 50_000_000, 2_000_000_000


def proc(engine: DuckDBEngine, name: str) -> str:
    return Path(f"/proc/{worker_pid(engine)}/{name}").read_text("utf-8")


def folder(engine: DuckDBEngine) -> Path:
    return Path(f"/proc/{worker_pid(engine)}/cwd").readlink()


def spilled(engine: DuckDBEngine) -> int:
    """Bytes that lie in the worker's folder now."""
    return sum(path.stat().st_size for path in folder(engine).rglob("*") if path.is_file())


@linux
def test_the_kernel_holds_the_worker(shop: Path, opened: Open) -> None:
    engine = opened(shop, memory=300_000_000, seconds=2)
    run(engine, "SELECT 1", memory=300_000_000, seconds=2)
    limits = {line[:25].strip(): line[25:].split()[0] for line in proc(engine, "limits").splitlines()[1:]}
    size = int(proc(engine, "statm").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    assert 300_000_000 < int(limits["Max address space"]) <= size + 300_000_000 + ADDRESS_SLACK_BYTES
    assert int(limits["Max file size"]) == STDERR_BYTES
    assert int(limits["Max open files"]) == MAX_OPEN_FILES
    assert limits["Max core file size"] == limits["Max processes"] == "0"
    assert int(limits["Max cpu time"]) < 30


@linux
def test_the_worker_knows_nothing_of_its_parent(shared: DuckDBEngine) -> None:
    run(shared, "SELECT 1")
    assert "=" not in proc(shared, "environ")
    assert list(folder(shared).iterdir()) == []
    assert folder(shared).stat().st_mode & 0o077 == 0


@linux
def test_every_thread_of_the_worker_is_fenced(shared: DuckDBEngine) -> None:
    if not shared.list_worker_limits()["no_writing"]:
        pytest.skip("this kernel has no Landlock")
    run(shared, "SELECT count(*) FROM range(100000) a(x) JOIN range(100000) b(x) USING (x)")
    tasks = list(Path(f"/proc/{worker_pid(shared)}/task").iterdir())
    assert len(tasks) > 1
    for task in tasks:
        status = (task / "status").read_text("utf-8")
        # The allocator's own thread starts with the libraries, and runs no SQL.
        assert "NoNewPrivs:\t1" in status or status.startswith("Name:\tjemalloc_bg_thd\n")


@linux
def test_what_the_system_does_not_hold_is_not_claimed(shared: DuckDBEngine) -> None:
    assert shared.list_worker_limits()["processes"] is (os.geteuid() != 0)


def test_each_query_has_a_connection_of_its_own(shared: DuckDBEngine) -> None:
    seed, draw = "SELECT setseed(0.25)", "SELECT random()"
    with duckdb.connect() as connection:
        kept = [connection.execute(sql).fetchall() for sql in (seed, draw, seed, draw)]
    assert kept[1] == kept[3]
    drawn = [run(shared, sql).rows for sql in (seed, draw, seed, draw)]
    assert drawn[1] != drawn[3]


@linux
def test_spilling_is_capped_and_wiped(shop: Path, opened: Open) -> None:
    engine = opened(shop, memory=SMALL, spill=ROOM, seconds=60)
    run(engine, "SELECT 1", memory=SMALL, spill=ROOM)
    most = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.01):
            most = max(most, spilled(engine))

    watching = threading.Thread(target=watch)
    watching.start()
    assert run(engine, BIG_SORT, memory=SMALL, spill=ROOM, seconds=60, rows=5).row_count == 5
    done.set()
    watching.join()
    assert 1_000_000 < most <= ROOM
    assert spilled(engine) == 0
    with pytest.raises(LimitError, match="disk") as caught:
        run(engine, BIG_SORT, memory=SMALL, spill=10_000_000, seconds=60, rows=5)
    assert caught.value.limit == "spill"
    with pytest.raises(LimitError) as caught:
        run(engine, BIG_SORT, memory=SMALL, spill=0, seconds=60, rows=5)
    assert caught.value.limit == "memory"


@linux
def test_what_was_spilled_goes_with_a_worker_that_is_killed(shop: Path, opened: Open) -> None:
    engine = opened(shop, memory=SMALL, spill=ROOM, seconds=60)
    run(engine, "SELECT 1", memory=SMALL, spill=ROOM)
    own, pid = folder(engine), worker_pid(engine)

    def kill_while_it_spills() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not spilled(engine):
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)

    killing = threading.Thread(target=kill_while_it_spills)
    killing.start()
    with pytest.raises(DatabaseError, match="SIGKILL"):
        run(engine, BIG_SORT, memory=SMALL, spill=ROOM, seconds=60)
    killing.join()
    assert not own.exists()


@linux
def test_last_stderr_of_a_worker_is_reported(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    run(engine, "SELECT 1")
    with Path(f"/proc/{worker_pid(engine)}/fd/2").open("ab") as stderr:
        stderr.write(b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    threading.Timer(0.2, os.kill, (worker_pid(engine), signal.SIGABRT)).start()
    with pytest.raises(LimitError) as caught:
        run(engine, "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE (a.range * b.range) % 7 = 3")
    assert caught.value.limit == "memory"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_processor_time_that_ran_out_is_named(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    run(engine, "SELECT 1")
    threading.Timer(0.2, os.kill, (worker_pid(engine), signal.SIGXCPU)).start()
    with pytest.raises(LimitError) as caught:
        run(engine, "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE (a.range * b.range) % 7 = 3")
    assert caught.value.limit == "seconds"

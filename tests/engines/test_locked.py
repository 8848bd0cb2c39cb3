"""No statement writes or reaches outside, whether or not the guard looked at it: wall by wall."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from nl2sql.engines.duckdb import DuckDBEngine
from nl2sql.errors import QueryError

from .conftest import Open, run

STATEMENTS = [
    line for line in (Path(__file__).parent / "writes.sql").read_text("utf-8").splitlines() if not line.startswith("--")
]

# Runs each statement on a locked connection, with no guard, worker or statement check before it.
BARE_LOCK = """
import json, sys
from pathlib import Path
from nl2sql.engines import fence
request = json.load(sys.stdin)
fenced = fence.forbid_writing(None)
import duckdb
from nl2sql.engines.lock import open_locked
connection = open_locked(request["own"], memory=10**9, seconds=9, threads=1, data_files=request["data_files"])
done = []
for sql in request["statements"]:
    cursor = connection.cursor()
    try:
        cursor.execute(sql).fetchall()
    except duckdb.Error:
        continue
    done.append(sql)
print(json.dumps([fenced, done]))
"""


@pytest.fixture
def folder(shop: Path) -> Path:
    """The small database with a Parquet file and a secret beside it."""
    other = shop.parent / "other.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM range(10)) TO '{other}'")
    (shop.parent / "secret.csv").write_text("key\nhush\n", "utf-8")
    return shop.parent


def filled(folder: Path) -> list[str]:
    places = {"own": "shop.duckdb", "other": "other.parquet", "new": "new", "secret": "secret.csv"}
    paths = {key: str(folder / name) for key, name in places.items()}
    return [statement.format(**paths) for statement in STATEMENTS]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*")}


def test_the_worker_refuses_all_of_it(folder: Path, opened: Open) -> None:
    before = contents(folder)
    engine = opened(folder / "shop.duckdb")
    for statement in filled(folder):
        with pytest.raises(QueryError) as caught:
            run(engine, statement)
        assert str(folder) not in caught.value.message
    engine.close()
    assert contents(folder) == before


def test_the_worker_refuses_all_of_it_over_parquet(folder: Path, opened: Open, tmp_path: Path) -> None:
    before = contents(folder)
    engine = opened(folder / "other.parquet")
    assert run(engine, "SELECT count(*) FROM other").rows == [(10,)]
    cached = contents(tmp_path / "cache" / "imports")
    for statement in filled(folder):
        with pytest.raises(QueryError):
            run(engine, statement)
    engine.close()
    assert contents(folder) == before
    assert contents(tmp_path / "cache" / "imports") == cached


@pytest.mark.parametrize("data_files", [(), ("other.parquet",)], ids=["no data files", "a Parquet file"])
def test_lock_and_fence_hold_without_the_worker(folder: Path, data_files: tuple[str, ...]) -> None:
    before = contents(folder)
    request = {
        "own": str(folder / "shop.duckdb"),
        "data_files": [str(folder / name) for name in data_files],
        "statements": filled(folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", BARE_LOCK], input=json.dumps(request), capture_output=True, text=True, check=True
    )
    fenced, ran = json.loads(done.stdout)
    if not fenced and data_files:
        pytest.skip("this kernel has no Landlock: the worker's own check stands alone before Parquet files")
    assert contents(folder) == before
    # A secret that is not persistent lives in that process only, and nothing there can use it.
    assert [sql for sql in ran if not sql.startswith("CREATE SECRET")] == []


def test_a_data_frame_of_the_program_is_out_of_reach(shared: DuckDBEngine) -> None:
    frame = {"a": [1]}
    with pytest.raises(QueryError):
        run(shared, "SELECT * FROM frame")
    assert frame


def test_which_limits_hold_is_told(shared: DuckDBEngine) -> None:
    held = shared.worker_limits()
    assert set(held) >= {"no_writing", "address_space", "file_size", "open_files", "core", "processes", "cpu"}
    if sys.platform == "linux":
        assert all(held[name] for name in ("address_space", "file_size", "open_files", "core", "cpu"))

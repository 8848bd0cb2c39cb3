"""No statement writes or reaches outside, whether or not the guard looked at it: wall by wall."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine
from nl2sql.errors import QueryError

from .conftest import Open, run

STATEMENTS = [
    line
    for line in (Path(__file__).parent / "write_statements.sql").read_text("utf-8").splitlines()
    if not line.startswith("--")
]

# Runs each statement on a locked connection, with no guard, worker or statement check before it.
BARE_LOCK = """
import json, sys
from pathlib import Path
from nl2sql.engines.worker import landlock
request = json.load(sys.stdin)
fenced = landlock.forbid_writing(None)
import duckdb
from nl2sql.engines.duckdb.hardening import SessionOptions, open_locked
connection = open_locked(
    request["own"], SessionOptions(memory=10**9, seconds=9, data_files=request["data_files"])
)
done = []
for sql in request["statements"]:
    cursor = connection.cursor()
    try:
        cursor.execute(sql).fetchall()
    except duckdb.Error:
        continue
    done.append(sql)
settings = dict(connection.cursor().execute("SELECT name, value FROM duckdb_settings()").fetchall())
print(json.dumps([fenced, done, settings]))
"""
LOCKED = {
    "access_mode": "read_only",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "allow_unsigned_extensions": "false",
    "async_threads": "0",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
    "max_execution_time": "3600000",
    "max_expression_depth": "60",
    "max_temp_directory_size": "0 bytes",
    "memory_limit": "762.9 MiB",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "temp_directory": "",
    "threads": "1",
}
GUARD = Path(__file__).parent.parent / "guard"


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


def contents(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob(pattern)}


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


def under_the_lock(request: Mapping[str, Any]) -> tuple[bool, list[str], dict[str, str]]:
    """Whether the fence holds, which statements ran, and the settings that were in force."""
    done = subprocess.run(
        [sys.executable, "-c", BARE_LOCK], input=json.dumps(request), capture_output=True, text=True, check=True
    )
    fenced, ran, settings = json.loads(done.stdout)
    return fenced, ran, settings


@pytest.mark.parametrize("data_files", [(), ("other.parquet",)], ids=["no data files", "a Parquet file"])
def test_lock_and_fence_hold_without_the_worker(folder: Path, data_files: tuple[str, ...]) -> None:
    before = contents(folder)
    request = {
        "own": str(folder / "shop.duckdb"),
        "data_files": [str(folder / name) for name in data_files],
        "statements": filled(folder),
    }
    fenced, ran, _ = under_the_lock(request)
    if not fenced and data_files:
        pytest.skip("this kernel has no Landlock: the worker's own check stands alone before Parquet files")
    assert contents(folder) == before
    # A secret that is not persistent lives in that process only, and nothing there can use it.
    assert [sql for sql in ran if not sql.startswith("CREATE SECRET")] == []


def test_every_setting_of_the_lock_is_in_force_for_a_query_and_stays(folder: Path) -> None:
    turning = [f"{verb} {name}{value}" for name in LOCKED for verb, value in (("SET", " = DEFAULT"), ("RESET", ""))]
    request = {"own": str(folder / "shop.duckdb"), "data_files": [], "statements": turning}
    _, ran, settings = under_the_lock(request)
    assert ran == []
    assert {name: settings[name] for name in LOCKED} == LOCKED


def test_what_the_lock_alone_lets_through(tmp_path: Path) -> None:
    """The guard's own blocked texts without the guard: what still runs is what only the judges stop, and no write."""
    before = build_library(tmp_path)
    texts = [block.split("\n", 1) for block in (GUARD / "blocked.sql").read_text("utf-8").strip().split("\n\n")[1:]]
    statements = [sql for _, sql in texts]
    request = {"own": str(tmp_path / "library.duckdb"), "data_files": [], "statements": statements}
    _, ran, _ = under_the_lock(request)
    assert contents(tmp_path) == before
    recorded = (Path(__file__).parent / "allowed_by_locked_engine.txt").read_text("utf-8")
    through = sorted({f"{rule.removeprefix('-- rule: ')}: {ascii(sql)[1:-1]}" for rule, sql in texts if sql in ran})
    assert through == recorded.splitlines()[1:]


def test_the_worker_runs_only_selects_of_them(tmp_path: Path, opened: Open) -> None:
    before = build_library(tmp_path)
    engine = opened(tmp_path / "library.duckdb")
    for rule, sql in (
        block.split("\n", 1) for block in (GUARD / "blocked.sql").read_text("utf-8").strip().split("\n\n")[1:]
    ):
        if rule in ("-- rule: read-only", "-- rule: one-statement"):
            with pytest.raises(QueryError):
                run(engine, sql)
    engine.close()
    assert contents(tmp_path, "*.duckdb") == {"library.duckdb": before["library.duckdb"]}


def build_library(place: Path) -> dict[str, bytes]:
    with duckdb.connect(str(place / "library.duckdb")) as connection:
        connection.execute((GUARD / "library.sql").read_text("utf-8"))
    return contents(place)


def test_a_data_frame_of_the_program_is_out_of_reach(shared: DuckDBEngine) -> None:
    frame = {"a": [1]}
    with pytest.raises(QueryError):
        run(shared, "SELECT * FROM frame")
    assert frame


def test_which_limits_hold_is_told(shared: DuckDBEngine) -> None:
    held = shared.list_worker_limits()
    assert set(held) >= {"no_writing", "address_space", "file_size", "open_files", "core", "processes", "cpu"}
    if sys.platform == "linux":
        assert all(held[name] for name in ("address_space", "file_size", "open_files", "core", "cpu"))

"""Child processes as they really start: what they print reaches nobody, what they write is believed within bounds."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nl2sql.engines.duckdb import WORKER
from nl2sql.engines.files.data_sources import DataFiles
from nl2sql.engines.worker.child_process import ChildProcess, ProcessExitError
from nl2sql.errors import DatabaseError

from .conftest import Open, run

IMPORTER = "nl2sql.engines.files.file_importer"
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Stands before a real module on the path that a child is given, does something, and lets the real one follow.
SHADOW = """
import os, sys
sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
del sys.modules[__name__]
{code}
import importlib
importlib.import_module(__name__)
"""


def shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, code: str) -> None:
    """Have the next children run that code when they import that module; this process has imported it."""
    folder.mkdir()
    file = folder / f"{module}.py"
    file.write_text(SHADOW.format(code=code), "utf-8")
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize("module", [WORKER, IMPORTER])
@linux
def test_the_pipes_are_out_of_reach_before_anything_is_loaded(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    package = tmp_path / "first" / "nl2sql"
    package.mkdir(parents=True)
    look = f"open({str(told)!r}, 'w').write(' '.join(os.readlink(f'/proc/self/fd/{{n}}') for n in (0, 1, 2)))"
    (package / "__init__.py").write_text("import os, sys\n" + look + "\nsys.exit(7)\n", "utf-8")
    monkeypatch.syspath_prepend(package.parent)
    child = ChildProcess(module)
    try:
        with pytest.raises(ProcessExitError) as ended:
            child.receive()
    finally:
        child.close()
    assert ended.value.code == 7
    standard_in, standard_out, standard_error = told.read_text("utf-8").replace(" (deleted)", "").split()
    assert standard_in == os.devnull
    assert standard_out == standard_error


NOISE = """
os.write(1, b"x" * 5000)
print("a library that talks", flush=True)
assert sys.stdin.read() == "", "there is something to read"
"""


def test_what_libraries_print_and_read_is_nothing_to_a_child(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Open
) -> None:
    shadow(tmp_path / "first", monkeypatch, "queue", NOISE)
    shadow(tmp_path / "second", monkeypatch, "csv", NOISE)
    (tmp_path / "d.csv").write_text("a\n1\n", "utf-8")
    for path in (shop, tmp_path / "d.csv"):
        engine = opened(path)
        assert engine.introspect().tables
        assert run(engine, "SELECT 1").rows == [(1,)]


# DuckDB draws its bar where it takes the program for a prompt, and a query takes longer than two seconds.
SLOW = """
import __main__, duckdb
del __main__.__file__
connect = duckdb.connect
def eager(*arguments, **options):
    connection = connect(*arguments, **options)
    connection.execute("SET progress_bar_time=1")
    return connection
duckdb.connect = eager
"""


def test_no_progress_bar_gets_among_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shadow(tmp_path / "first", monkeypatch, "csv", SLOW)
    path = tmp_path / "d.csv"
    path.write_text("a,b\n" + "".join(f"{i},name {i}\n" for i in range(300_000)), "utf-8")
    told: list[tuple[str, int, int]] = []
    prepared = DataFiles(path, tmp_path / "cache", lambda *progress: told.append(progress)).prepare()
    assert prepared.database.stat().st_size > 1_000_000
    assert told[-1] == ("imported", 1, 1)


def test_worker_shows_no_progress_bar(opened: Open, shop: Path) -> None:
    assert run(opened(shop), "SELECT current_setting('enable_progress_bar')").rows == [(False,)]


CHILD = """
import os, sys, time
def main(requests, replies):
    {code}
"""


@pytest.fixture
def child_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ChildProcess]]:
    """Starts children that run that code."""
    folder = tmp_path / "children"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    children: list[ChildProcess] = []

    def start(code: str) -> ChildProcess:
        name = f"child_{len(children)}"
        (folder / f"{name}.py").write_text(CHILD.format(code=code), "utf-8")
        children.append(ChildProcess(name))
        return children[-1]

    yield start
    for child in children:
        child.close()


@pytest.mark.alone
@pytest.mark.parametrize(
    "written",
    [
        "b'hello there, this is no frame'",
        "b'nl2s' + bytes([255]) * 100",
        "b'nl2s' + bytes([0, 0, 0, 2] + [0] * 7 + [9]) + b'{}' + b'x' * 9",
        "b'nl2s' + bytes([0, 0, 0, 2] + [0] * 8) + b'[]'",
        "b'nl2s' + (100_000).to_bytes(4, 'big') + bytes(8) + b'[' * 100_000",
    ],
    ids=["words", "huge", "payload", "no object", "deep"],
)
def test_a_child_that_writes_no_frames_is_ended(written: str, child_of: Callable[[str], ChildProcess]) -> None:
    child = child_of(f"replies.write({written}); replies.flush(); time.sleep(60)")
    started = time.monotonic()
    with pytest.raises(ProcessExitError) as ended:
        child.receive()
    assert ended.value.is_garbled
    assert child.has_ended and time.monotonic() - started < 20


def test_first_and_last_stderr_bytes_are_kept(child_of: Callable[[str], ChildProcess]) -> None:
    child = child_of("os.write(2, b'memory allocation of 9 bytes' + b'.' * 9000 + b'end'); os.abort()")
    with pytest.raises(ProcessExitError) as ended:
        child.receive()
    assert ended.value.is_out_of_memory and ended.value.stderr.endswith("end") and len(ended.value.stderr) < 5000


# A child that has been taken over: it works until it sends messages of that kind.
TAKEN_OVER = """
import nl2sql.engines.worker.pipe_frames as frames
honest = frames.write_frame
def write_frame(pipe, message, payload=b"", **options):
    if message.get("kind") == {kind!r}:
        {code}
    honest(pipe, message, payload, **options)
frames.write_frame = write_frame
"""


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("batch", "payload = bytes(payload)[:-64]"),
        ("batch", "pipe.write(bytes(100)); pipe.flush()"),
        ("batch", "for _ in range(10 ** 6): honest(pipe, message, payload)"),
        ("opened", "message = {'kind': 'opened', 'limits': 3}"),
    ],
    ids=["damaged", "noise", "flood", "opening"],
)
def test_a_worker_that_was_taken_over_is_replaced(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Open, kind: str, code: str
) -> None:
    with monkeypatch.context() as hostile:
        shadow(tmp_path / "first", hostile, "queue", TAKEN_OVER.format(kind=kind, code=code))
        engine = opened(shop)
        with pytest.raises(DatabaseError, match="cannot be read") as caught:
            run(engine, "SELECT * FROM sale")
        assert caught.value.hint
    # The one that took its place may still have been started from there.
    with contextlib.suppress(DatabaseError):
        run(engine, "SELECT * FROM sale")
    assert run(engine, "SELECT count(*) FROM sale").rows == [(100,)]


@pytest.mark.parametrize(
    "code",
    [
        "message = {'kind': 'built', 'tables': [[7, 'x']]}",
        "message = {'kind': 'error'}",
        "message = {}",
        "pipe.write(b'{}')",
    ],
)
def test_an_importer_that_was_taken_over_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    path = tmp_path / "d.csv"
    path.write_text("a\n1\n", "utf-8")
    shadow(tmp_path / "first", monkeypatch, "tempfile", TAKEN_OVER.format(kind="built", code=code))
    with pytest.raises(DatabaseError, match="cannot be read"):
        DataFiles(path, tmp_path / "cache").prepare()
    assert [left.suffix for left in (tmp_path / "cache" / "imports").iterdir()] == [".lock"]

"""Workers end: with their engine, with their program, however it ends; and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import os, sys, warnings
from pathlib import Path
from nl2sql.engines import open_engine
from nl2sql.types import Limits

warnings.simplefilter("error")
engine = open_engine(sys.argv[1], Limits(spill=1000000), Path(sys.argv[2]))
print(engine.worker_pids[0], len(engine.introspect().tables), flush=True)
"""


def start(shop: Path, folder: Path, ending: str) -> tuple[subprocess.Popen[str], int]:
    folder.mkdir()
    program = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM + ending, str(shop), str(folder / "cache")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert program.stdout
    return program, int(program.stdout.readline().split()[0])


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("ending", ["engine.close()", ""], ids=["closed", "forgotten"])
def test_program_that_ends_leaves_nothing(shop: Path, tmp_path: Path, ending: str) -> None:
    program, pid = start(shop, tmp_path / "temporary", ending)
    _, errors = program.communicate(timeout=10)
    assert errors == ""
    assert program.returncode == 0
    assert gone(pid)
    assert [path.name for path in (tmp_path / "temporary").iterdir()] == ["cache"]


def test_program_that_is_killed_takes_its_worker_along(shop: Path, tmp_path: Path) -> None:
    program, pid = start(shop, tmp_path / "temporary", "sys.stdin.read()")
    os.kill(pid, 0)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=10)
    assert gone(pid)


def test_worker_starts_from_a_path_that_only_its_parent_knows(shop: Path, tmp_path: Path) -> None:
    package = Path(sys.modules["nl2sql"].__file__ or "").parent
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "nl2sql").symlink_to(package, target_is_directory=True)
    code = f"import sys; sys.path.insert(0, {str(elsewhere)!r})\n{PROGRAM}engine.close()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(shop), str(tmp_path / "cache")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


UNUSED = """
import os, signal, sys
from nl2sql.engines.duckdb import WORKER
from nl2sql.engines.worker.child_process import start_spare
start_spare(WORKER)
print(flush=True)
sys.stdin.read()
"""


def test_unused_worker_leaves_nothing_when_its_program_is_killed(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", UNUSED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert program.stdout
    program.stdout.readline()
    assert list(tmp_path.iterdir())
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=10)
    deadline = time.monotonic() + 20
    while list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []

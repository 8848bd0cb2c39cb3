"""kill -9 at any moment: the store opens, and nothing that was acknowledged is lost.

NL2SQL_TEST_KILLS sets how many kills; with 100 it takes minutes.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from nl2sql.store import Store
from tests.store import question_load

KILLS = int(os.environ.get("NL2SQL_TEST_KILLS", "4"))
PROCESSES = 2
SECONDS = 3.0


def start(store: Path, shop: Path, said: Path, errors: Path) -> subprocess.Popen[bytes]:
    with said.open("ab") as out, errors.open("ab") as err:
        return subprocess.Popen([sys.executable, question_load.__file__, str(store), str(shop)], stdout=out, stderr=err)


def acknowledged(said: Path) -> set[str]:
    """The whole lines: each was written at once, so a kill cuts none."""
    return set(said.read_text().split()) if said.exists() else set()


def test_a_kill_at_any_moment_loses_nothing_acknowledged(shop: Path, path: Path, tmp_path: Path) -> None:
    chance = random.Random(20)
    said, errors = tmp_path / "said", tmp_path / "errors"
    running = [start(path, shop, said, errors) for _ in range(PROCESSES)]
    try:
        for kill in range(KILLS):
            wait = chance.uniform(0, SECONDS)
            time.sleep(wait)
            victim = running.pop(chance.randrange(PROCESSES))
            victim.kill()
            victim.wait()
            expected = acknowledged(said)
            with Store(path) as store:
                kept = {entry.id for entry in store.list_entries(limit=None)}
                assert expected <= kept, f"kill {kill}: {len(expected - kept)} of {len(expected)} lost"
                assert not store.take_warnings()
            running.append(start(path, shop, said, errors))
        deadline = time.monotonic() + 30
        while not acknowledged(said) and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        for process in running:
            process.kill()
            process.wait()
    expected = acknowledged(said)
    assert expected and errors.read_text() == ""
    with Store(path) as store:
        assert expected <= {entry.id for entry in store.list_entries(limit=None)}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    print(f"{KILLS} kills, {len(expected)} acknowledged answers")  # noqa: T201 - the figure of a hand run

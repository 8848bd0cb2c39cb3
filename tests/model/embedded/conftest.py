"""The embedded model's room: a host with a fake model, and no process left behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nl2sql.model.embedded.embedded_server import stop_server
from nl2sql.model.embedded.server_state import ServerFolder

FAKE_HOST = (sys.executable, str(Path(__file__).with_name("fake_host.py")))


@pytest.fixture
def host_command() -> tuple[str, ...]:
    return FAKE_HOST


@pytest.fixture
def folder(home: Path) -> Iterator[ServerFolder]:
    """The server's folder of this test's home; whatever the test started there has ended afterwards."""
    folder = ServerFolder(home / "model")
    yield folder
    stop_server(home)
    assert not folder.is_host_running()


@pytest.fixture
def gguf(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a file that passes for a model of that name."""

    def make(name: str) -> Path:
        path = tmp_path / f"{name}.gguf"
        if not path.exists():
            path.write_bytes(b"GGUF" + name.encode())
        return path

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until something becomes true, and fails where it doesn't within ten seconds."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10.0
        while not holds():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    return wait

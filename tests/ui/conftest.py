"""The page as a real process, a scripted model behind a loopback endpoint, and a browser to look at it.

Every request of the browser is kept, and one that leaves loopback fails the test.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from .model_server import LARKMOOR, ModelServer, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 60_000
with contextlib.suppress(ImportError):
    from playwright.sync_api import expect as expect

    expect.set_options(timeout=PATIENCE_MS)
_START_SECONDS = 60.0


@contextmanager
def page_process(
    home: Path,
    model: ModelServer | None,
    *arguments: str,
    cwd: Path | None = None,
    program: Sequence[str] = (sys.executable, "-m", "nl2sql"),
) -> Iterator[str]:
    """`nl2sql ui` on a free port: its address, once it answers. Without a model server the embedded model answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "NL2SQL_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        **(model.variables if model else {}),
    }
    command = [*program, "ui", "--no-open", "--port", str(port), *arguments]
    log = home / f"page-{port}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=cwd or home, env=environment, stdout=subprocess.PIPE, stderr=out) as process,
    ):
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not answers(port):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8")
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            said = _output(process)
    assert said == b"", "stdout is for results"
    assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")


def _output(process: subprocess.Popen[bytes]) -> bytes:
    """What it printed until it ended, as it must by itself."""
    try:
        return process.communicate(timeout=20)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Analyst:
    """A person at the page: asks, waits and looks. `asked_for` is every address that the browser requested."""

    page: Page
    base: str
    asked_for: list[str] = field(default_factory=list)

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.base}/{path}")
        self.page.get_by_placeholder("Ask a question").wait_for()

    def ask(self, question: str) -> Locator:
        """Ask, and wait until it is answered: the turn."""
        turns = self.page.locator("[class*='st-key-turn-']")
        before = turns.count()
        self.send(question)
        turn = turns.nth(before)
        turn.get_by_role("button", name="Download", exact=True).wait_for()
        # What was shown while it was under way may stand beside it for a moment.
        expect(turn.locator("[class*='st-key-doing-']")).to_have_count(0)
        return turn

    def send(self, question: str) -> None:
        box = self.page.get_by_placeholder("Ask a question")
        box.fill(question)
        box.press("Enter")

    def read_sql(self, turn: Locator) -> str:
        """The SQL of the turn, behind the line that opens."""
        details = turn.locator("details").last
        if details.get_attribute("open") is None:
            details.locator("summary").click()
        code = details.get_by_test_id("stCode")
        code.wait_for()
        return str(code.inner_text())

    def cells(self, where: Locator) -> list[list[str]]:
        """What the table shows."""
        return [row.locator("td").all_inner_texts() for row in where.locator("tbody tr").all()]

    @property
    def strangers(self) -> list[str]:
        """The requested addresses that are not on this machine."""
        own = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:http://127.0.0.1:")
        return [address for address in self.asked_for if not address.startswith(own)]


@pytest.fixture(scope="session")
def model() -> Iterator[ModelServer]:
    """The endpoint that every page here asks; tests add lines to it."""
    state = ModelServer(list(LARKMOOR))
    server = serve(state)
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def larkmoor(model: ModelServer, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of the sample data."""
    with page_process(tmp_path_factory.mktemp("page-home"), model) as address:
        with browser.new_context() as first:
            first.set_default_timeout(2 * PATIENCE_MS)
            sit_down(first, address)
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def analyst(context: BrowserContext, larkmoor: str) -> Iterator[Analyst]:
    """Somebody at the page of the sample data."""
    analyst = sit_down(context, larkmoor)
    yield analyst
    assert analyst.strangers == []


def sit_down(context: BrowserContext, address: str) -> Analyst:
    """Open the page; what the browser requests is kept."""
    analyst = Analyst(context.new_page(), address)
    context.on("request", lambda request: analyst.asked_for.append(request.url))
    analyst.page.on("websocket", lambda socket: analyst.asked_for.append(socket.url))
    analyst.open()
    return analyst


@pytest.fixture(scope="session")
def make_database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a DuckDB file by a script of SQL."""

    def make(script: str, name: str = "made") -> Path:
        path = tmp_path_factory.mktemp("data") / f"{name}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(script)
        return path

    return make

"""The page is served under options of its own: whatever Streamlit's files and variables say, and whatever it adds."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nl2sql import Status, open_store
from nl2sql.config import Config
from ui.page_settings import Launch
from ui.serving import collect_options, make_folder, set_options

from .conftest import PATIENCE_MS, ROOT, answers, expect, page_process
from .model_server import Line, ModelServer
from .websocket_page import Wire

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OPTIONS = Path(__file__).with_name("streamlit_options.tsv")
KINDS = {"set", "look", "amount", "unused"}
HOSTILE = """
[server]
corsAllowedOrigins = ["http://evil.example"]
allowedHosts = ["*"]
enableCORS = false
enableXsrfProtection = false
cookieSecret = "known"
enableStaticServing = true
trustedUserHeaders = {"X-User" = "email"}
baseUrlPath = "elsewhere"
sslCertFile = "cert.pem"
sslKeyFile = "key.pem"
[client]
allowedOrigins = ["http://evil.example"]
[browser]
gatherUsageStats = true
[theme]
base = "theme.toml"
font = "E:http://127.0.0.1:9/evil.css"
[secrets]
files = ["secrets.toml"]
"""
OBEYED = """
import sys
from pathlib import Path
from nl2sql.config import Config
from ui.serving import collect_options, make_folder, set_options
from ui.page_settings import Launch
ours = collect_options(Launch(Config(Path("/home-of-ours"))), 8501)
set_options(ours, Path(sys.argv[1]))
from streamlit import config
for name, option in config.get_config_options().items():
    if option.value != ours[name] if name in ours else option.where_defined != "<default>":
        print(name, option.value)
"""


SERVES = """
import socket, sys
from pathlib import Path
from nl2sql.config import Config, ModelSettings
from nl2sql.types import Policy
from ui.serving import serve
from ui.page_settings import Launch
home = Path(sys.argv[2])
serve(Launch({}), socket.socket(fileno=int(sys.argv[1])))
"""


def classified() -> dict[str, str]:
    lines = (line for line in OPTIONS.read_text("utf-8").splitlines() if not line.startswith("#"))
    return {name: kind for name, _, kind in (line.partition("\t") for line in lines)}


def test_every_option_of_streamlit_is_classified() -> None:
    config = pytest.importorskip("streamlit").config
    known, ours = classified(), collect_options(Launch(Config(Path("/h"))), 8501)
    options = set(config._config_options_template)
    assert options - set(known) == set(), "say in streamlit_options.tsv what these are to the page"
    assert set(ours) - options == set(), "this Streamlit does not know them"
    assert set(known.values()) <= KINDS
    assert {name for name, kind in known.items() if kind == "set" and name in options} == set(ours)


def test_stray_config_files_set_no_option(tmp_path: Path) -> None:
    for place in ("home", "work"):
        (tmp_path / place / ".streamlit").mkdir(parents=True)
        (tmp_path / place / ".streamlit" / "config.toml").write_text(HOSTILE, "utf-8")
    ours = tmp_path / "ours"
    ours.mkdir()
    variables = {
        "HOME": str(tmp_path / "home"),
        "USERPROFILE": str(tmp_path / "home"),
        "STREAMLIT_SERVER_COOKIE_SECRET": "known",
        "STREAMLIT_SERVER_ENABLE_CORS": "false",
        "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false",
        "STREAMLIT_THEME_FONT": "E:http://127.0.0.1:9/evil.css",
    }
    done = subprocess.run(
        # The command has left the working folder by then.
        [sys.executable, "-c", f"import os; os.chdir({str(ours)!r})\n{OBEYED}", str(ours)],
        cwd=tmp_path / "work",
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_home_folder_is_the_users_again_once_the_options_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "mine"))
    monkeypatch.delenv("USERPROFILE", raising=False)
    set_options(collect_options(Launch(Config(tmp_path)), 8501), tmp_path)
    assert os.environ["HOME"] == str(tmp_path / "mine") and "USERPROFILE" not in os.environ


def test_the_page_works_in_a_folder_of_its_own_with_nothing_to_obey(tmp_path: Path, home: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "config.toml").write_text(HOSTILE, "utf-8")
    folder = make_folder(home)
    stale = folder / ".streamlit"
    folder.chmod(0o755)
    stale.symlink_to(theirs)
    assert make_folder(home) == folder and not stale.is_symlink() and (theirs / "config.toml").exists()
    shutil.copytree(theirs, stale)
    make_folder(home)
    assert not stale.exists() and folder.stat().st_mode & 0o777 == 0o700


def test_relative_paths_are_meant_from_the_folder_of_the_command(
    model: ModelServer, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "data").mkdir()
    sales = tmp_path / "data" / "sales.csv"
    sales.write_text("id,total\n1,10\n", "utf-8")
    (tmp_path / "settings.toml").write_text("[limits]\nrows = 5\n", "utf-8")
    model.lines.append(Line("how many sales", "SELECT count(*) AS n FROM sales"))
    flags = ("--db", "data/sales.csv", "--config", "settings.toml")
    with page_process(home, model, *flags, cwd=tmp_path) as address, Wire(address) as wire:
        wire.ask("how many sales")
    with open_store(Config(home=home)) as store:
        (entry,) = store.list_entries()
    assert entry.status is Status.ANSWERED and entry.url == str(sales)


@contextmanager
def served(browser: Browser, config: str, home: Path) -> Iterator[tuple[Page, list[str]]]:
    """A page of the sample data under this Config, and what the process has written to stderr once it has ended."""
    said: list[str] = []
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen(
            [sys.executable, "-c", SERVES.format(config), str(listener.fileno()), str(home)],
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        browser.new_context() as context,
    ):
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        try:
            yield page, said
        finally:
            process.terminate()
            said.append(process.communicate(timeout=20)[1])
    assert process.returncode == 0


@pytest.mark.browser
def test_what_nobody_expected_is_said_and_the_trace_is_kept(browser: Browser, home: Path) -> None:
    with served(browser, "Config(home, model=ModelSettings(choices=None))", home) as (page, said):
        expect(page.get_by_role("alert").first).to_contain_text("This is a bug in nl2sql")
        assert page.get_by_text("encountered an error").count() == 0
    assert "Traceback" in said[0]


@pytest.mark.browser
def test_what_was_not_obeyed_and_what_denies_nothing_is_said(browser: Browser, home: Path) -> None:
    policy = "Policy(deny_tables=frozenset({'nowhere'}), deny_columns=frozenset({'orders.nothing'}))"
    with served(browser, f"Config(home, notes=('[model] *was* not obeyed.',), policy={policy})", home) as (page, said):
        panel = page.get_by_test_id("stSidebar")
        for text in ("[model] *was* not obeyed.", "names nowhere", "names orders.nothing"):
            expect(panel.get_by_text(text)).to_be_visible()
    assert said == [""]


@pytest.mark.browser
def test_a_page_that_was_started_otherwise_says_how_to_start_it(browser: Browser, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--server.headless=true", f"--server.port={port}", "--server.address=127.0.0.1"]
    flags.append("--browser.gatherUsageStats=false")
    with (
        subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", *flags, str(ROOT / "ui" / "app.py")],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
        browser.new_context() as context,
    ):
        try:
            page = context.new_page()
            deadline = time.monotonic() + 30
            while not answers(port) and time.monotonic() < deadline:
                time.sleep(0.1)
            page.goto(f"http://127.0.0.1:{port}/")
            expect(page.get_by_role("alert").first).to_contain_text("Start it with: nl2sql ui")
            assert page.get_by_placeholder("Ask a question").count() == 0
        finally:
            process.terminate()


def test_cookie_key_is_random_without_a_sign_in() -> None:
    first, second = (collect_options(Launch(Config(Path("/h"))), 8501)["server.cookieSecret"] for _ in range(2))
    assert first != second and len(first) >= 64
    signed = collect_options(Launch(Config(Path("/h")), auth={"cookie_secret": "of the file"}), 8501)
    assert signed["server.cookieSecret"] == "of the file"

"""A folder that somebody else made: nothing that lies in it is run or obeyed, whatever command is used there.

Each trap leaves a mark if it is ever run, and names an address where nobody should be asked. Its rows may be read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .ui.conftest import PATIENCE_MS, expect, page_process, sit_down
from .ui.model_server import Line, ModelServer, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAM = (str(Path(sys.executable).with_name("nl2sql")),)
# What Python, Streamlit and nl2sql load by name, and what they would load where they are started otherwise.
CODE = (
    "nl2sql/__init__.py",
    "nl2sql/__main__.py",
    "streamlit/__init__.py",
    "starlette/__init__.py",
    "uvicorn/__init__.py",
    "xllamacpp/__init__.py",
    "ui/__init__.py",
    "ui/app.py",
    "sample_data/__init__.py",
    "pages/x.py",
    "static/x.py",
    "sitecustomize.py",
    "usercustomize.py",
    "conftest.py",
    "streamlit_app.py",
    "app.py",
    "duckdb.py",
    "pyarrow.py",
    "click.py",
    "filelock.py",
    "openai.py",
    "sqlglot.py",
    "json.py",
    "typing.py",
    "h/model/nl2sql/__init__.py",
    "h/model/json.py",
)
# The same without what `python -m` itself loads before any of our code.
OWN_CODE = tuple(name for name in CODE if name not in ("json.py", "typing.py") and not name.startswith("nl2sql/"))
COMMANDS = (
    ("ask", "how many sales"),
    ("ask", "how many are evil"),
    ("run", "SELECT count(*) FROM sales"),
    ("schema", "--prompt"),
    ("schema", "--prompt", "--db", "."),
    ("check", "SELECT 1"),
    ("doctor",),
    ("history",),
    ("queries", "list"),
    ("queries", "test"),
    ("eval", "cases.jsonl"),
    ("model", "status"),
)
KEY = "sk-of-the-user"


@dataclass
class Folder:
    """The folder, what it has done, and the user's own endpoint."""

    path: Path
    marks: Path
    model: ModelServer
    home: Path
    heard: list[str] = field(default_factory=list)

    @property
    def done(self) -> list[str]:
        """What was run or asked for: it must be nothing."""
        return sorted([*(mark.name for mark in self.marks.iterdir()), *self.heard])

    @property
    def asked(self) -> str:
        """All that the user's own endpoint was told."""
        return json.dumps(self.model.requests)

    def run(self, *command: str, program: tuple[str, ...] = PROGRAM) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STREAMLIT"))
        }
        return subprocess.run(
            [*program, *command],
            cwd=self.path,
            env={**environment, "OPENAI_API_KEY": KEY},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def folder(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """The folder with every trap, in the home folder of a user whose own settings name an endpoint."""
    model = ModelServer([Line("", "SELECT count(*) AS n FROM sales")])
    folder = Folder(tmp_path / "theirs", tmp_path / "marks", model, home)
    folder.path.mkdir()
    folder.marks.mkdir()
    (tmp_path / "user").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    own, sink = serve(model), listen(folder)
    (home / "config.toml").write_text(f'[model]\nbase_url = "{model.url}"\nname = "scripted"\n', "utf-8")
    (tmp_path / "outside.csv").write_text("secret\nof-the-outside\n", "utf-8")
    set_data(folder.path, tmp_path / "outside.csv")
    set_settings(folder.path, f"http://127.0.0.1:{sink.server_port}/v1")
    set_code(folder, CODE)
    yield folder
    for server in (own, sink):
        server.shutdown()
        server.server_close()


def listen(folder: Folder) -> ThreadingHTTPServer:
    """The address that the traps name: what is asked of it is heard."""

    class Sink(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            folder.heard.append(f"{self.command} {self.path} {self.headers.get('Authorization')}")
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def set_data(path: Path, outside: Path) -> None:
    (path / "sales.csv").write_text("id,total\n1,10\n2,20\n", "utf-8")
    (path / "notes.csv").symlink_to(outside)
    (path / "cases.jsonl").write_text('{"id": 1, "question": "q", "gold_sql": "SELECT count(*) FROM sales"}\n', "utf-8")
    (path / "store.sqlite").write_bytes(b"SQLite format 3\0 and then nothing")
    for name in ("duckdbrc", ".duckdbrc"):
        (path / name).write_text(".shell touch duckdbrc-ran\n", "utf-8")


def set_settings(path: Path, sink: str) -> None:
    variables = {
        "OPENAI_BASE_URL": sink,
        "OPENAI_MODEL": "theirs",
        "NL2SQL_HOME": "h",
        "NL2SQL_MODEL_PATH": "h/m.gguf",
        "LD_LIBRARY_PATH": "h",
        "PYTHONPATH": "h/model",
    }
    lines = "".join(f'{name} = "{value}"\n' for name, value in variables.items())
    texts = {
        "nl2sql.toml": f'[database]\nurl = "sales.csv"\n[model]\nbase_url = "{sink}"\nname = "theirs"\n'
        '[page]\neditors = ["mallory@example.com"]\n',
        "queries/evil.sql": "-- question: how many are evil\n\nSELECT 666 AS n;\n",
        "config.toml": f'[model]\nbase_url = "{sink}"\n',
        "secrets.toml": lines,
        ".env": lines.replace('"', ""),
        ".streamlit/secrets.toml": lines,
        ".streamlit/config.toml": '[server]\ncorsAllowedOrigins = ["http://evil.example"]\nenableStaticServing = true\n'
        f'[client]\nallowedOrigins = ["http://evil.example"]\n[theme]\nbase = "{sink}/theme.toml"\n'
        f'font = "E:{sink}/evil.css"\n',
        "pyvenv.cfg": "home = h\ninclude-system-site-packages = true\n",
        "python311._pth": "h/model\nimport site\n",
        "setup.cfg": "[tool:pytest]\n",
        "h/m.gguf": "GGUF",
    }
    for name, text in texts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, "utf-8")


def set_code(folder: Folder, names: tuple[str, ...]) -> None:
    """Put code there that leaves a mark, and nothing else of code."""
    for old in folder.path.rglob("*.py"):
        old.unlink()
    for name in (*names, "evil.pth"):
        mark = str(folder.marks / name.replace("/", "."))
        trap = folder.path / name
        trap.parent.mkdir(parents=True, exist_ok=True)
        trap.write_text(f"import os; os.close(os.open({mark!r}, os.O_CREAT | os.O_WRONLY))\n", "utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_runs_and_obeys_nothing_that_lies_there(folder: Folder, command: tuple[str, ...]) -> None:
    done = folder.run(*command)
    assert folder.done == [], done.stderr
    assert done.returncode != 1 and "Traceback" not in done.stderr, done.stderr
    assert "of-the-outside" not in done.stdout + folder.asked
    if command[0] == "ask":
        assert done.returncode == 0 and folder.model.requests, done.stderr
        assert "666" not in done.stdout


def test_the_module_runs_no_code_that_lies_there(folder: Folder) -> None:
    set_code(folder, OWN_CODE)
    done = folder.run("run", "SELECT count(*) AS n FROM sales", "-o", "csv", program=(sys.executable, "-m", "nl2sql"))
    assert folder.done == [] and done.stdout == "n\n2\n", done.stderr


@pytest.mark.browser
def test_the_page_runs_and_obeys_nothing_that_lies_there(folder: Folder, browser: Browser) -> None:
    complaints: list[str] = []
    with page_process(folder.home, None, cwd=folder.path, program=PROGRAM) as address, browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", lambda message: complaints.append(message.text))
        analyst = sit_down(context, address)
        turn = analyst.ask("how many sales")
        assert "SELECT" in analyst.read_sql(turn)
        assert analyst.strangers == []
    assert folder.done == []
    assert folder.model.requests
    assert not [text for text in complaints if "Content Security Policy" in text]
    log = next(folder.home.glob("page-*.log")).read_text("utf-8")
    assert f"{folder.path / '.streamlit' / 'secrets.toml'} is ignored" in log


@pytest.mark.local_model
@pytest.mark.browser
def test_the_embedded_model_of_the_page_loads_nothing_that_lies_there(
    folder: Folder, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.home / "config.toml").unlink()
    (folder.home / "no-model.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("NL2SQL_MODEL_PATH", str(folder.home / "no-model.gguf"))
    flags = ("-m", "local")
    with (
        page_process(folder.home, None, *flags, cwd=folder.path, program=PROGRAM) as address,
        browser.new_context() as context,
    ):
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        analyst.send("how many sales")
        expect(analyst.page.get_by_role("alert").first).to_contain_text("did not start")
    assert folder.done == []
    assert "no-model.gguf" in (folder.home / "model" / "server.log").read_text("utf-8")

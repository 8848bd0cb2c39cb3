"""The command line as a process, a small database, and a loopback endpoint that replies by script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

Cli = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, city VARCHAR, total DECIMAL(10,2), day DATE);"
            "INSERT INTO orders SELECT i, ['Oslo', 'Łódź'][i % 2 + 1], i * 1.5, DATE '2025-01-01' + i::INTEGER "
            "FROM range(1, 2001) t(i);"
        )
    return path


@pytest.fixture
def cli(home: Path, tmp_path: Path) -> Cli:
    """Run `nl2sql` as a process of its own in an empty folder; environment variables as keywords."""

    def run(
        *arguments: str, stdin: bytes = b"", timeout: float = 60, folder: Path | None = None, **variables: str
    ) -> Any:
        environment = {**os.environ, "NL2SQL_HOME": str(home), **variables}
        return subprocess.run(
            [sys.executable, "-m", "nl2sql", *arguments],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            cwd=folder or tmp_path,
            env=environment,
            check=False,
        )

    return run


@dataclass
class Endpoint:
    """A loopback endpoint: `replies` are sent one after another, `requests` keep what was asked."""

    url: str
    replies: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    def will_query(self, sql: str) -> None:
        function = {"name": "sql_query", "arguments": json.dumps({"query": sql})}
        call = {"id": f"call_{len(self.replies)}", "type": "function", "function": function}
        self.replies.append({"role": "assistant", "content": None, "tool_calls": [call]})

    def will_call(self, name: str, **arguments: Any) -> None:
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": f"call_{len(self.replies)}", "type": "function", "function": function}
        self.replies.append({"role": "assistant", "content": None, "tool_calls": [call]})

    def will_say(self, text: str) -> None:
        self.replies.append({"role": "assistant", "content": text})

    @property
    def variables(self) -> dict[str, str]:
        return {"OPENAI_BASE_URL": self.url, "OPENAI_API_KEY": "sk-of-the-test", "OPENAI_MODEL": "scripted"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state = Endpoint("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append(json.loads(body))
            message = state.replies.pop(0) if state.replies else {"role": "assistant", "content": "Nothing more."}
            reply = {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "scripted",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }
            if state.status != 200:
                reply = {"error": {"message": "no such key", "type": "auth"}}
            data = json.dumps(reply).encode()
            self.send_response(state.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()

"""A loopback endpoint that speaks the Chat Completions protocol as a test scripts it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nl2sql.model.openai.openai_client import ClientOptions, OpenAIChatModel

KEY = "not-a-real-key-7319"
DONE = "[DONE]"
T = TypeVar("T")


def tool(name: str, **types: str) -> dict[str, Any]:
    properties = {key: {"type": kind} for key, kind in types.items()}
    parameters = {"type": "object", "properties": properties, "required": list(types), "additionalProperties": False}
    return {
        "type": "function",
        "function": {"name": name, "description": f"About {name}.", "parameters": parameters, "strict": True},
    }


SQL_ONLY = [tool("sql_query", query="string")]
TOOLS = [
    *SQL_ONLY,
    tool("list_tables", pattern="string"),
    tool("find_values", text="string", table="string", column="string"),
    tool("top_plants", limit="integer", ripe="boolean"),
]


@dataclass
class Answer:
    """One scripted answer: `events` as a stream, else `body`. `breaks` ends the connection without an end.

    `waits` holds the answer before its headers, `stalls` after its last event, until the event is set.
    """

    events: Sequence[Any] | None = None
    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: str | None = None
    breaks: bool = False
    waits: threading.Event | None = None
    stalls: threading.Event | None = None


def says(text: str, **more: Any) -> Answer:
    """A streamed reply of plain text, a piece a word."""
    pieces = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in text.split("|")]
    return Answer([*pieces, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, DONE], **more)


def calls(query: str, **more: Any) -> Answer:
    """A streamed reply of one native call."""
    call = {"index": 0, "id": "c1", "function": {"name": "sql_query", "arguments": json.dumps({"query": query})}}
    delta = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    return Answer([{"choices": [delta]}, DONE], **more)


def error(status: int, message: str, headers: Mapping[str, str] | None = None, **fields: Any) -> Answer:
    """An error body as OpenAI writes it."""
    return Answer(body={"error": {"message": message, **fields}}, status=status, headers=headers or {})


class Endpoint:
    """The server: answers each request by the next line of its script, the last one again and again."""

    def __init__(self) -> None:
        self.script: list[Answer] = []
        self.models: list[str] | None = None
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.connections: list[Any] = []
        self.closed_early = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(endpoint) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                names = endpoint.models
                body = {"object": "list", "data": [{"id": name, "object": "model"} for name in names or ()]}
                self._whole(200 if names else 404, body, {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append(body)
                endpoint.authorizations.append(self.headers["Authorization"])
                endpoint.connections.append(self.client_address)
                answer = endpoint.script.pop(0) if len(endpoint.script) > 1 else endpoint.script[0]
                try:
                    self._answer(answer)
                except (BrokenPipeError, ConnectionResetError):
                    endpoint.closed_early.set()
                    self.close_connection = True

            def _answer(self, answer: Answer) -> None:
                if answer.waits:
                    self._hold(answer.waits)
                if answer.events is None and answer.raw is None:
                    self._whole(answer.status, answer.body, answer.headers)
                    return
                self.send_response(answer.status)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in answer.events or ():
                    data = event if isinstance(event, str) else json.dumps(event)
                    self._chunk(f"data: {data}\n\n")
                self._chunk(answer.raw or "")
                if answer.stalls:
                    self._hold(answer.stalls)
                if answer.breaks:
                    self.close_connection = True
                else:
                    self.wfile.write(b"0\r\n\r\n")

            def _hold(self, until: threading.Event) -> None:
                """Wait, and notice when the client goes away meanwhile."""
                self.connection.settimeout(0.02)
                while not until.is_set():
                    try:
                        if self.connection.recv(1) == b"":
                            raise BrokenPipeError
                    except TimeoutError:
                        continue
                self.connection.settimeout(None)

            def _chunk(self, text: str) -> None:
                if text:
                    data = text.encode()
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

            def _whole(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture
def open_model(endpoint: Endpoint, tmp_path: Path) -> Iterator[Callable[..., OpenAIChatModel]]:
    """Opens a model at the loopback endpoint; it waits for nothing between tries."""
    opened = []

    def open_it(
        name: str = "gpt-test", *, base_url: str = endpoint.url, api_key: str | None = KEY, **options: Any
    ) -> OpenAIChatModel:
        chosen = ClientOptions(**{"sleep": lambda seconds: None, **options})
        model = OpenAIChatModel(name, base_url=base_url, api_key=api_key, options=chosen, state_dir=tmp_path)
        opened.append(model)
        return model

    yield open_it
    for model in opened:
        model.close()


def drain(generator: Generator[str, None, T]) -> tuple[list[str], T]:
    """The pieces that a stream yields, and what it returns."""
    pieces = []
    while True:
        try:
            pieces.append(next(generator))
        except StopIteration as stop:
            returned: T = stop.value
            return pieces, returned


class RawServer:
    """A server that answers each connection with bytes as a test writes them. `heard` keeps what was sent to it."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None]) -> None:
        self.heard: list[bytes] = []
        self.closed = threading.Event()
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        # A thread that waits in `accept` is not woken by closing.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._speak, args=(connection,), daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        with connection:
            try:
                while request := _request(connection):
                    self.heard.append(request)
                    self._answer(connection, request)
            except OSError:
                self.closed.set()


def _request(connection: socket.socket) -> bytes:
    """One request with its body; empty where the other side has gone."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65536)
        if not piece:
            return b""
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket, bytes], None]], RawServer]]:
    """Starts servers that answer as they are told."""
    servers: list[RawServer] = []

    def start(answer: Callable[[socket.socket, bytes], None]) -> RawServer:
        servers.append(RawServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()

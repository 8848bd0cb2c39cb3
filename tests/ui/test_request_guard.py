"""The page answers to its own addresses alone, whatever is asked for, and weighs files before it holds them."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from nl2sql import ConfigError
from ui.request_guard import ALL_SESSIONS_RATIO, MAX_FILES, FileUsage, Refusals, UploadLimitMiddleware, parse_origin

from .conftest import page_process
from .websocket_page import Wire

PATHS = (
    "/",
    "/index.html",
    "/nowhere",
    "/_stcore/health",
    "/_stcore/metrics",
    "/_stcore/host-config",
    "/_stcore/script-health-check",
    "/_stcore/agent/openapi.json",
    "/_stcore/bidi-components/x/y",
    "/_stcore/upload_file/session/file",
    "/_stcore/stream",
    "/static/js/index.js",
    "/media/0000.csv",
    "/component/x/index.html",
    "/app/static/x",
    "/auth/login",
    "/oauth2callback?code=x&state=y",
    "//evil.example/x",
    "/%2e%2e/x",
    "http://evil.example/",
    "*",
)
PROXY = "https://data.example.com"
MB = 1_000_000


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_page(tmp_path_factory.mktemp("door")) as address:
        yield address


@pytest.fixture
def fresh_page(tmp_path: Path) -> Iterator[str]:
    """One that nobody has given a file: those of a session that has gone stay for a while."""
    with small_page(tmp_path) as address:
        yield address


@contextmanager
def small_page(folder: Path) -> Iterator[str]:
    """A page that may hold files of one megabyte, and that a proxy shows as `PROXY`."""
    (folder / "sales.csv").write_text("id,total\n1,10\n", "utf-8")
    settings = folder / "settings.toml"
    settings.write_text(f"[limits]\nupload_bytes = {MB}\n", "utf-8")
    flags = ("--db", str(folder / "sales.csv"), "--config", str(settings), "--origin", f"{PROXY.upper()}:443/")
    with page_process(folder, None, *flags) as address:
        yield address


def port_of(page: str) -> int:
    return int(page.rpartition(":")[2])


def answered(page: str, request: str) -> str:
    """What the page says to it, head and body."""
    with socket.create_connection(("127.0.0.1", port_of(page)), timeout=10) as raw:
        raw.sendall(request.replace("\n", "\r\n").encode("latin-1"))
        said = b""
        while piece := raw.recv(65536):
            said += piece
            if said.startswith(b"HTTP/1.1 101"):
                break
    return said.decode("latin-1")


def is_refused(page: str, method: str, path: str, *headers: str) -> bool:
    """Whether it is kept out: by the page, or by the parser of HTTP before it."""
    said = answered(page, "\n".join([f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", ""]))
    assert said.startswith("HTTP/1.1 ")
    refused = "at its own address only" in said or said.startswith("HTTP/1.1 400 Bad Request\r\ncontent-type")
    assert not refused or "Streamlit" not in said
    return refused


def own_hosts(page: str) -> list[str]:
    port = port_of(page)
    return [f"127.0.0.1:{port}", f"LocalHost:{port}", "data.example.com", "data.example.com:443"]


def other_hosts(page: str) -> list[str]:
    port = port_of(page)
    return [
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1",
        "localhost",
        f"127.0.0.1:{port + 1}",
        f"127.0.0.1:{port}.evil.example",
        f"127.0.0.1.:{port}",
        f"x.localhost:{port}",
        f"evil.example@127.0.0.1:{port}",
        f"127.0.0.2:{port}",
        f"127.1:{port}",
        f"[::1]:{port}",
        f"0.0.0.0:{port}",
        f"data.example.com:{port}",
        "evil.data.example.com",
        "",
    ]


def test_no_path_answers_to_another_name(page: str) -> None:
    for path, host in itertools.product(PATHS, other_hosts(page)):
        assert is_refused(page, "GET", path, f"Host: {host}"), (path, host)
    for path, method in itertools.product(PATHS, ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "ODD")):
        said = answered(page, f"{method} {path} HTTP/1.1\nHost: evil.example\nConnection: close\n\n")
        assert said.split(" ")[1] in ("400", "403"), (method, path)
    for path in PATHS:
        assert is_refused(page, "GET", path), "no Host at all"
        assert is_refused(page, "GET", path, "Host: evil.example", f"Host: {own_hosts(page)[0]}")
        assert is_refused(page, "GET", path, f"Host: {own_hosts(page)[0]}", "Host: evil.example")
    assert "403" in answered(page, "GET / HTTP/1.0\n\n").partition("\n")[0]


def test_its_own_names_are_answered(page: str) -> None:
    for host in own_hosts(page):
        for path in PATHS[:6]:
            assert not is_refused(page, "GET", path, f"Host: {host}"), (host, path)


def test_other_origins_are_refused_on_every_path(page: str) -> None:
    port = port_of(page)
    others = [
        "null",
        "",
        f"http://127.0.0.1:{port + 1}",
        "http://127.0.0.1",
        f"https://127.0.0.1:{port}",
        f"http://localhost:{port}.evil.example",
        "http://evil.example",
        "http://data.example.com",
        "https://data.example.com:8443",
        "https://evil.data.example.com",
        f"http://127.0.0.1:{port} https://evil.example",
    ]
    for path, origin in itertools.product(PATHS, others):
        assert is_refused(page, "GET", path, f"Host: 127.0.0.1:{port}", f"Origin: {origin}"), (path, origin)


def test_what_another_page_loads_of_it_is_refused_and_a_link_to_it_is_not(page: str) -> None:
    host = f"Host: 127.0.0.1:{port_of(page)}"
    for path, site in itertools.product(PATHS, ("cross-site", "same-site")):
        assert is_refused(page, "GET", path, host, f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: no-cors"), (path, site)
    assert not is_refused(page, "GET", "/", host, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")
    for site in ("same-origin", "none"):
        assert not is_refused(page, "GET", "/", host, f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: cors")


def opened(page: str, *headers: str) -> str:
    """The status of a WebSocket's opening."""
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
        "",
        "",
    ]
    return answered(page, "\n".join(lines)).split(" ")[1]


def test_a_websocket_is_opened_by_the_page_itself_alone(page: str) -> None:
    port = port_of(page)
    own = [f"http://127.0.0.1:{port}", f"http://localhost:{port}", PROXY]
    for host, origin in itertools.product(own_hosts(page), own):
        assert opened(page, f"Host: {host}", f"Origin: {origin}") == "101", (host, origin)
    others = ["null", "http://evil.example", f"http://localhost:{port + 1}", f"https://localhost:{port}", "file://"]
    for host, origin in itertools.product(own_hosts(page), others):
        assert opened(page, f"Host: {host}", f"Origin: {origin}") == "403", (host, origin)
    for host in other_hosts(page):
        assert opened(page, f"Host: {host}", f"Origin: {own[0]}") in ("403", "400"), host
        assert opened(page, f"Host: {host}", f"Origin: http://{host}") in ("403", "400"), host
    assert opened(page, f"Host: 127.0.0.1:{port}") == "403", "no browser is without an origin"
    assert opened(page, f"Host: 127.0.0.1:{port}", f"Origin: {own[0]}", "Origin: http://evil.example") == "400"


def test_no_other_page_may_frame_it_and_it_may_load_nothing_from_elsewhere(page: str) -> None:
    head = answered(page, f"GET / HTTP/1.1\nHost: 127.0.0.1:{port_of(page)}\nConnection: close\n\n").partition(
        "\r\n\r\n"
    )[0]
    policy = next(line for line in head.lower().split("\r\n") if line.startswith("content-security-policy:"))
    assert "frame-ancestors 'none'" in policy and "x-frame-options: deny" in head.lower()
    named = {part for rule in policy.split(";") for part in rule.split() if "://" in part or part.endswith(":")}
    local = {f"ws://127.0.0.1:{port_of(page)}", f"ws://localhost:{port_of(page)}", "wss://data.example.com"}
    assert named - {"content-security-policy:"} == local | {"data:", "blob:"}


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://nl2sql.example.com", "https://nl2sql.example.com"),
        (" HTTPS://NL2SQL.Example.com:443/ ", "https://nl2sql.example.com"),
        ("http://box:80", "http://box"),
        ("http://box:8080", "http://box:8080"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_origin_is_what_browsers_call_it(given: str, origin: str) -> None:
    assert parse_origin(given) == origin


@pytest.mark.parametrize(
    "given",
    [
        "nl2sql.example.com",
        "*",
        "https://",
        "https://*",
        "ftp://box",
        "https://box/path",
        "https://box?x",
        "https://box#x",
        "https://ann@box",
        "https://box:port",
        "https://box:99999",
        "https://bóx",
        "https://a b",
        "https://[",
        "https://[::1",
        "https://a\u2100b",
        "null",
        "",
    ],
)
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="is not a web address"):
        parse_origin(given)


@dataclass
class Uploader:
    """A session of the page that adds files as a browser does."""

    page: str
    session: str
    token: str
    sent: int = 0

    def put(self, size: int, *, chunked: bool = False) -> tuple[int, str]:
        """Send a file of so many bytes: the status and what is said."""
        self.sent += 1
        head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n'
        body = head + b"1" * size + b"\r\n--x--\r\n"
        connection = http.client.HTTPConnection("127.0.0.1", port_of(self.page), timeout=20)
        headers = {
            "Content-Type": "multipart/form-data; boundary=x",
            "Cookie": f"_streamlit_xsrf={self.token}",
            "X-Xsrftoken": self.token,
        }
        content = iter([body[at : at + 65536] for at in range(0, len(body), 65536)]) if chunked else body
        path = f"/_stcore/upload_file/{self.session}/{self.sent}"
        connection.request("PUT", path, content, headers, encode_chunked=chunked)
        response = connection.getresponse()
        said = response.status, response.read().decode()
        connection.close()
        return said


@contextmanager
def uploader(page: str) -> Iterator[Uploader]:
    with Wire(page) as wire:
        with closing(http.client.HTTPConnection("127.0.0.1", port_of(page), timeout=20)) as connection:
            connection.request("GET", "/_stcore/health")
            cookie = connection.getresponse().headers["Set-Cookie"]
        yield Uploader(page, wire.session, cookie.partition("=")[2].partition(";")[0])


def test_files_of_a_session_are_weighed_before_they_are_held(page: str) -> None:
    with uploader(page) as ann:
        assert ann.put(600_000)[0] == 204
        status, said = ann.put(600_000)
        assert status == 413 and "1 MB in total" in said
        status, said = ann.put(600_000, chunked=True)
        assert status == 413 and "1 MB in total" in said
        assert ann.put(300_000, chunked=True)[0] == 204
    with uploader(page) as bob:
        assert [bob.put(1)[0] for _ in range(MAX_FILES)] == [204] * MAX_FILES
        status, said = bob.put(1)
        assert status == 413 and f"{MAX_FILES} files" in said


def test_files_of_all_sessions_are_weighed_together(fresh_page: str) -> None:
    with ExitStack() as stack:
        sessions = [stack.enter_context(uploader(fresh_page)) for _ in range(ALL_SESSIONS_RATIO)]
        late = stack.enter_context(uploader(fresh_page))
        assert [one.put(MB)[0] for one in sessions] == [204] * ALL_SESSIONS_RATIO
        status, said = late.put(MB // 2)
        assert status == 413 and "other people" in said


def test_a_file_without_end_is_cut_off(fresh_page: str) -> None:
    port = port_of(fresh_page)
    with uploader(fresh_page) as ann, socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        head = (
            f"PUT /_stcore/upload_file/{ann.session}/1 HTTP/1.1\nHost: 127.0.0.1:{port}\n"
            f"Cookie: _streamlit_xsrf={ann.token}\nX-Xsrftoken: {ann.token}\n"
            "Content-Type: multipart/form-data; boundary=x\nTransfer-Encoding: chunked\n\n"
        )
        raw.sendall(head.replace("\n", "\r\n").encode())
        part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n'
        raw.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        chunk = b"10000\r\n" + b"1" * 65536 + b"\r\n"
        sent = 0
        with suppress(OSError):
            while sent < 100 * MB:
                raw.sendall(chunk)
                sent += 65536
        # The kernel's buffers take some megabytes more than anybody reads.
        assert sent < 50 * MB


def test_files_that_come_at_the_same_time_are_told_apart() -> None:
    async def receive_all(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass

    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    async def put_two(scale: UploadLimitMiddleware) -> None:
        pipes = [asyncio.Queue[Message]() for _ in range(3)]
        puts = []
        for name, pipe in enumerate(pipes):
            scope = {"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/ann/{name}", "headers": []}
            puts.append(asyncio.create_task(scale(scope, pipe.get, send)))
            await asyncio.sleep(0)
        # The later one ends while both look alike; the earlier one has yet to bring its bytes.
        for at, size in ((1, 0), (0, MB), (2, MB)):
            await pipes[at].put({"type": "http.request", "body": bytes(size), "more_body": False})
            await puts[at]

    scale = UploadLimitMiddleware(receive_all, MB, lambda session: FileUsage(), Refusals())
    # In a thread of its own: a browser's loop may run in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, put_two(scale)).result()
    assert not said, "each has room for itself"

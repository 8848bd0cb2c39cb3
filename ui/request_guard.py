"""Checks on every request before it reaches Streamlit: its origin, and the size of its files.

Requests must use one of the page's own addresses, and files are limited before they are in memory. It knows nothing
of the sign-in, and reads no content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nl2sql import ConfigError

HOSTS: Final = ("127.0.0.1", "localhost")
# One file at least, and three more conversations that add theirs at the same time.
ALL_SESSIONS_RATIO: Final = 4
MAX_FILES: Final = 50
_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")
_MAX_REFUSALS: Final = 100
_UPLOADS: Final = "/_stcore/upload_file/"
# Else the rest of what is refused would go on being read.
_CLOSE_HEADERS: Final = {"connection": "close"}
# The bytes around a file in its request.
_FRAMING_BYTES: Final = 65_536
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob: {sockets}; worker-src 'self' "
    "blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


def parse_origin(text: str) -> str:
    """Return the address as browsers write it: scheme, host, and the port unless it is the default.

    Raises:
        ConfigError: it is not a web address.
    """
    try:
        scheme, host, port = _split_origin(text.strip())
    except ValueError as exc:
        raise ConfigError(
            f"{text!r} is not a web address",
            "Give scheme and host only: --origin https://nl2sql.example.com",
        ) from exc
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" + (f":{port}" if port and port != _PORTS[scheme] else "")


def _split_origin(text: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address that has nothing else.

    Raises:
        ValueError: it has more, or is not a web address.
    """
    parts = urlsplit(text)
    host, port = parts.hostname or "", parts.port
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("more than scheme, host and port")
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        raise ValueError("no web address")
    return parts.scheme, host, port


def list_own_origins(port: int, origins: Iterable[str]) -> frozenset[str]:
    """Return every address of the page as browsers write it: two of this machine, and `origins`."""
    return frozenset([*(parse_origin(f"http://{host}:{port}") for host in HOSTS), *origins])


class OriginMiddleware:
    """Lets requests through that use one of the page's own addresses and come from the page itself.

    `port` is the one of 127.0.0.1; `origins` are the further addresses, as `parse_origin` gives them.
    """

    def __init__(self, app: ASGIApp, port: int, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = list_own_origins(port, origins)
        self._hosts = frozenset(name for origin in self._origins for name in _list_host_names(origin))
        sockets = " ".join(sorted(origin.replace("http", "ws", 1) for origin in self._origins))
        self._headers = {
            "content-security-policy": _POLICY.format(sockets=sockets),
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request, or refuse it with 403."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        own = self._is_own_host(headers.getlist("host")) and self._is_own_origin(origins, scope["type"])
        if not own or _is_cross_site(headers):
            await _refuse(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(_rewrite_host(scope, origins[0]), receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _is_own_host(self, named: list[str]) -> bool:
        return len(named) == 1 and named[0].lower() in self._hosts

    def _is_own_origin(self, named: list[str], kind: str) -> bool:
        """Return whether the request comes from the page.

        A page always names its origin when it opens a WebSocket; other programs must not open one.
        """
        if not named:
            return kind == "http"
        return len(named) == 1 and named[0].lower() in self._origins


def _is_cross_site(headers: Headers) -> bool:
    """Return whether the browser says that another page asks for this, other than by a link to the page."""
    site = headers.get("sec-fetch-site", "same-origin")
    return site not in ("same-origin", "none") and headers.get("sec-fetch-mode") != "navigate"


def _list_host_names(origin: str) -> tuple[str, ...]:
    """Return how the Host header may name it, with or without the default port."""
    parts = urlsplit(origin)
    return (parts.netloc,) if parts.port else (parts.netloc, f"{parts.netloc}:{_PORTS[parts.scheme]}")


def _rewrite_host(scope: Scope, origin: str) -> Scope:
    """Return the request with the origin's host: a proxy may name another one, which Streamlit would look up."""
    host = urlsplit(origin).netloc.encode("latin-1")
    return {**scope, "headers": [(name, host if name == b"host" else value) for name, value in scope["headers"]]}


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    text = (
        "This page can be opened at its own address only. Behind a proxy, start it with: nl2sql ui --origin https://…\n"
    )
    await PlainTextResponse(text, 403, _CLOSE_HEADERS)(scope, receive, send)


@dataclass(frozen=True, slots=True)
class FileUsage:
    """Files in memory: how many, and their bytes."""

    file_count: int = 0
    size_bytes: int = 0


@dataclass(slots=True, eq=False)
class _IncomingFile:
    """A file that is arriving, with its announced size or the bytes received, whichever is more.

    Files are compared by identity.
    """

    session: str
    size_bytes: int


class Refusals:
    """Why a session's last file was refused, until its page has shown it: a browser shows only that it was."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}

    def add(self, session: str, problem: str) -> None:
        """Keep the problem for that session. Problems that are never taken are dropped in time."""
        self._problems.pop(session, None)
        self._problems[session] = problem
        for old in list(self._problems)[:-_MAX_REFUSALS]:
            self._problems.pop(old, None)

    def take(self, session: str) -> str:
        """Return the problem of that session once; empty where there is none."""
        return self._problems.pop(session, "")


class UploadLimitMiddleware:
    """Limits files while they arrive, before they are in memory: of each session, and of all sessions together.

    A session may hold `max_bytes`, and all sessions together `ALL_SESSIONS_RATIO` times that. `count` returns what is
    there already, of one session or, given None, of all. `refusals` records why a file was refused.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, count: Callable[[str | None], FileUsage], refusals: Refusals
    ) -> None:
        self._app, self._max_bytes, self._count, self._refusals = app, max_bytes, count, refusals
        self._incoming: list[_IncomingFile] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request, or refuse a file that is too large with 413."""
        if scope["type"] != "http" or scope["method"] != "PUT" or not scope["path"].startswith(_UPLOADS):
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        session = scope["path"].removeprefix(_UPLOADS).partition("/")[0]
        file = _IncomingFile(session, int(length[:18]) if length.isdecimal() else 0)
        came = 0

        async def receive_and_weigh() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            file.size_bytes = max(file.size_bytes, came)
            if problem := self._explain_excess(file, self._incoming):
                self._refusals.add(session, problem)
                raise HTTPException(413, problem, _CLOSE_HEADERS)
            return message

        if problem := self._explain_excess(file, [*self._incoming, file]):
            self._refusals.add(session, problem)
            await _drain(receive, min(file.size_bytes, self._max_bytes))
            await PlainTextResponse(problem, 413, _CLOSE_HEADERS)(scope, receive, send)
            return
        self._incoming.append(file)
        try:
            await self._app(scope, receive_and_weigh, send)
        finally:
            self._incoming.remove(file)

    def _explain_excess(self, file: _IncomingFile, incoming: Sequence[_IncomingFile]) -> str:
        """Return why this incoming file is too much; empty where it is not."""
        session, everybody = self._count(file.session), self._count(None)
        own = [one.size_bytes for one in incoming if one.session == file.session]
        if session.file_count + len(own) > MAX_FILES:
            return f"at most {MAX_FILES} files can be added at a time"
        if session.size_bytes + sum(own) > self._max_bytes + _FRAMING_BYTES:
            return f"files may have {format_megabytes(self._max_bytes)} in total"
        if (
            everybody.size_bytes + sum(one.size_bytes for one in incoming)
            > ALL_SESSIONS_RATIO * self._max_bytes + _FRAMING_BYTES
        ):
            return "other people are adding too many files at the moment"
        return ""


def format_megabytes(size: int) -> str:
    """Return the size in MB, for reading."""
    return f"{size / 1e6:,.3g} MB"


async def _drain(receive: Receive, size: int) -> None:
    """Read and drop `size` bytes of the body: a browser that is cut off while it sends does not read the reason."""
    while size > 0:
        message = await receive()
        size -= len(message.get("body", b""))
        if not message.get("more_body"):
            return

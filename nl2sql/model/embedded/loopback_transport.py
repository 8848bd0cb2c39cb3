"""Sends requests to the embedded model's server over plain HTTP on this machine, with the standard library.

It does not use the SDK, which takes longer to import than a warm server takes to its first word. It has no retries,
redirects, proxies or encryption: `openai_transport` is for endpoints that may need them.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import socket
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Final

from nl2sql.cancellation import CancelToken
from nl2sql.model.embedded.server_state import LOOPBACK
from nl2sql.model.openai.endpoint_errors import Cause, Failure
from nl2sql.model.openai.sse_events import MAX_ERROR_BYTES, EndpointError, read_events, read_models, read_refusal
from nl2sql.model.transport import ReplyTimer, Timeouts

_CHUNK_BYTES: Final = 65536
_MAX_LIST_BYTES: Final = 4_000_000
_MIN_WAIT_SECONDS: Final = 0.001


class LoopbackTransport:
    """The server at that port of 127.0.0.1; each call opens a connection."""

    def __init__(self, port: int, api_key: str, timeouts: Timeouts) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._timeouts = timeouts

    def stream_events(
        self, body: Mapping[str, Any], cancel: CancelToken, has_begun: Callable[[], bool] = lambda: True
    ) -> Generator[Mapping[str, Any], None, None]:
        """Send the request body and yield the events of the answer, as `Transport.stream_events`."""
        timer = ReplyTimer(self._timeouts, has_begun)
        with self._exchange("POST", "/v1/chat/completions", body, cancel, timer) as (connection, response):
            for event in read_events(self._read_chunks(connection, response, cancel, timer)):
                yield event
                timer.renew()
                if event.get("done"):
                    return

    def list_models(self) -> list[str]:
        """Return the names of the server's models, as `Transport.list_models`."""
        timer = ReplyTimer(self._timeouts, lambda: False)
        with self._exchange("GET", "/v1/models", None, CancelToken(), timer) as (_, response):
            return read_models(response.read(_MAX_LIST_BYTES))

    def close(self) -> None:
        """Do nothing: no connection stays open between calls."""

    @contextlib.contextmanager
    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None, cancel: CancelToken, timer: ReplyTimer
    ) -> Iterator[tuple[socket.socket, http.client.HTTPResponse]]:
        """Yield the connection and the head of the answer; map errors raised within the block to EndpointError."""
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=self._timeouts.connect_seconds)
        opened: socket.socket | None = None
        try:
            connection.connect()
            opened = connection.sock
            opened.settimeout(_compute_wait(cancel, timer))
            with cancel.call_on_cancel(functools.partial(_abort, opened)):
                connection.request(method, path, None if body is None else json.dumps(body), self._headers)
                response = connection.getresponse()
                if response.status != 200:
                    raise EndpointError(read_refusal(response.status, response.read(MAX_ERROR_BYTES)))
                yield opened, response
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as exc:
            cancel.raise_if_cancelled()
            raise EndpointError(_map_failure(exc, connected=opened is not None)) from exc
        finally:
            connection.close()

    def _read_chunks(
        self,
        connection: socket.socket,
        response: http.client.HTTPResponse,
        cancel: CancelToken,
        timer: ReplyTimer,
    ) -> Iterator[bytes]:
        while chunk := response.read1(_CHUNK_BYTES):
            cancel.raise_if_cancelled()
            yield chunk
            connection.settimeout(_compute_wait(cancel, timer))
        cancel.raise_if_cancelled()


def _abort(connection: socket.socket) -> None:
    """Shut the connection down from another thread: whatever waits on it ends."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _compute_wait(cancel: CancelToken, timer: ReplyTimer) -> float:
    """Return the seconds that the connection may be silent; never 0, which would make the socket non-blocking."""
    return max(_MIN_WAIT_SECONDS, min(timer.seconds_left, cancel.seconds_left))


def _map_failure(exc: Exception, *, connected: bool) -> Failure:
    if isinstance(exc, TimeoutError):
        return Failure(Cause.TIMEOUT, detail="the time limit")
    if isinstance(exc, OSError) and not connected:
        return Failure(
            Cause.UNREACHABLE, detail="connection refused" if isinstance(exc, ConnectionRefusedError) else ""
        )
    if isinstance(exc, OSError | http.client.HTTPException):
        return Failure(Cause.BROKEN)
    return Failure(Cause.MALFORMED)

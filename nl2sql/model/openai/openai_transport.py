"""Sends requests to an OpenAI-compatible endpoint over the `openai` SDK, and yields the events of the answer.

The only module that imports the SDK: its exceptions are mapped to EndpointError here. The SDK does what it does well:
it builds URLs, headers and bodies, authenticates, keeps connections and reports what failed. Written by hand is what it
cannot do (docs/decisions/0006-openai-package.md):

- Retries (`max_retries=0`): `openai_client` changes the request between attempts, counts their tokens, and stops
  waiting when a question is cancelled.
- Cancelling: the SDK blocks until the next byte. A thread reads here, and the connection is shut down from another.
- Server-sent events (`sse_events`): the SDK's decoder raises at a line that is not JSON, and has no size limit.
- Error bodies, redirects, cookies and compression: the endpoint is not trusted. It cannot redirect to another address,
  set cookies, or send more than the limits allow.
"""

from __future__ import annotations

import contextlib
import functools
import json
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import httpx2
import openai
from openai import Stream

from nl2sql.cancellation import CancelToken
from nl2sql.model.openai.endpoint_errors import Cause, Failure
from nl2sql.model.openai.sse_events import (
    MAX_ERROR_BYTES,
    EndpointError,
    decompress,
    read_events,
    read_first_bytes,
    read_models,
    read_refusal,
)
from nl2sql.model.transport import ReplyTimer, Timeouts

Send = Callable[[openai.OpenAI], "Stream[object]"]

_DUMMY_KEY: Final = "none"
_MAX_IDLE_CONNECTIONS: Final = 4
_JOIN_SECONDS: Final = 0.25
_KEEP_ALIVE_SECONDS: Final = 60.0
_LIST_SECONDS: Final = 10.0
_MAX_LIST_BYTES: Final = 4_000_000
_MAX_QUEUED_CHUNKS: Final = 16
_POLL_SECONDS: Final = 0.2
_MAX_HOST_CHARS: Final = 100
_PORTS: Final = {"http": 80, "https": 443}


class EndpointConnection:
    """A connection to the endpoint, used by one call at a time, that another thread can shut down."""

    def __init__(self, client: openai.OpenAI, http_client: httpx2.Client) -> None:
        self.client = client
        self._http_client = http_client
        self._stream: Any = None
        self._broken = False
        http_client.event_hooks = {"request": [self._set_trace], "response": [_read_error_response]}

    @property
    def is_broken(self) -> bool:
        """Whether the call on it was abandoned."""
        return self._broken

    def track(self, response: httpx2.Response) -> None:
        """Note the socket of a response; needed for an HTTP client that the caller supplied."""
        self._handle_trace("response.complete", {"return_value": response.extensions.get("network_stream")})

    def abort(self) -> None:
        """Shut the connection down: whatever waits on it ends, and the endpoint sees it closed."""
        self._broken = True
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._http_client.close()

    def close_if_broken(self) -> None:
        """Close the connection if its call was abandoned."""
        if self._broken:
            self.close()

    def _set_trace(self, request: httpx2.Request) -> None:
        request.extensions["trace"] = self._handle_trace

    def _handle_trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete", "response.complete")) and info["return_value"]:
            self._stream = info["return_value"]
            if self._broken:
                self.abort()


class OpenAITransport:
    """The connections to one endpoint. `http_client` brings proxies or certificates; the caller closes it."""

    def __init__(
        self, base_url: str, api_key: str | None, timeouts: Timeouts, http_client: httpx2.Client | None = None
    ) -> None:
        self._base_url = base_url
        self._key = (api_key or "").strip()
        self._timeouts = timeouts
        self._http_client = http_client
        self._idle: list[EndpointConnection] = []
        self._lock = threading.Lock()

    def stream_events(
        self, body: Mapping[str, Any], cancel: CancelToken, has_begun: Callable[[], bool] = lambda: True
    ) -> Generator[Mapping[str, Any], None, None]:
        """Send the request body and yield the events of the answer, as `Transport.stream_events`."""

        def send(client: openai.OpenAI) -> Stream[object]:
            return client.post(
                "/chat/completions", body=dict(body), cast_to=object, stream=True, stream_cls=Stream[object]
            )

        timer = ReplyTimer(self._timeouts, has_begun)
        with self._exchange(send, cancel, timer) as chunks:
            for event in read_events(chunks):
                yield event
                timer.renew()
                if event.get("done"):
                    return

    def list_models(self) -> list[str]:
        """Return the names of the endpoint's models, as `Transport.list_models`."""

        def send(client: openai.OpenAI) -> Stream[object]:
            return client.get("/models", cast_to=object, stream=True, stream_cls=Stream[object])

        timer = ReplyTimer(replace(self._timeouts, first_seconds=_LIST_SECONDS), lambda: False)
        with self._exchange(send, CancelToken(), timer) as chunks:
            return read_models(read_first_bytes(chunks, _MAX_LIST_BYTES))

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _exchange(self, send: Send, cancel: CancelToken, timer: ReplyTimer) -> Iterator[Iterator[bytes]]:
        """Yield the body of an answer in chunks; shut the connection down if left before its end."""
        connection = self._take_connection()
        inbox: queue.Queue[object] = queue.Queue(_MAX_QUEUED_CHUNKS)
        arguments = (connection, send, inbox)
        reader = threading.Thread(target=self._fill_inbox, args=arguments, daemon=True, name="nl2sql-model")

        def wake() -> None:
            with contextlib.suppress(queue.Full):
                inbox.put_nowait(_CANCELLED)

        whole = False
        try:
            with cancel.call_on_cancel(wake):
                reader.start()
                yield self._read_chunks(inbox, cancel, timer)
            whole = True
        except EndpointError as exc:
            exc.failure = self._redact(exc.failure)
            raise
        finally:
            self._release_connection(connection, reader, whole=whole)

    def _read_chunks(self, inbox: queue.Queue[object], cancel: CancelToken, timer: ReplyTimer) -> Iterator[bytes]:
        while True:
            try:
                item = inbox.get(timeout=max(0.0, min(timer.seconds_left, cancel.seconds_left)))
            except queue.Empty:
                cancel.raise_if_cancelled()
                raise EndpointError(Failure(Cause.TIMEOUT, detail=f"{timer.limit_seconds:g} s")) from None
            cancel.raise_if_cancelled()
            if isinstance(item, EndpointError):
                raise item
            if not isinstance(item, bytes):
                return
            yield item

    def _fill_inbox(self, connection: EndpointConnection, send: Send, inbox: queue.Queue[object]) -> None:
        """Put the chunks of an answer into the queue. Runs in a thread: its reader can stop waiting at any time."""
        try:
            with contextlib.closing(send(connection.client).response) as response:
                connection.track(response)
                for chunk in decompress(response.iter_raw(), response.headers.get("content-encoding", "")):
                    _put(inbox, chunk, connection)
        except EndpointError as exc:
            _put(inbox, exc, connection)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ValueError) as exc:
            _put(inbox, EndpointError(_map_failure(exc)), connection)
        finally:
            _put(inbox, _END, connection)
            connection.close_if_broken()

    def _take_connection(self) -> EndpointConnection:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        return idle or self._open_connection()

    def _open_connection(self) -> EndpointConnection:
        timeouts = self._timeouts
        timeout = httpx2.Timeout(timeouts.first_seconds + timeouts.between_seconds, connect=timeouts.connect_seconds)
        if self._http_client is None:
            pool_limits = httpx2.Limits(max_connections=1, keepalive_expiry=_KEEP_ALIVE_SECONDS)
            http_client = httpx2.Client(
                verify=_load_certificates(), timeout=timeout, limits=pool_limits, follow_redirects=True
            )
        else:
            http_client = httpx2.Client(
                transport=_RelayTransport(self._http_client), timeout=timeout, follow_redirects=True
            )
        http_client.headers["Accept-Encoding"] = "identity"
        http_client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        try:
            client = openai.OpenAI(
                api_key=self._key or _DUMMY_KEY,
                base_url=self._base_url,
                timeout=timeout,
                max_retries=0,
                http_client=http_client,
            )
            return EndpointConnection(client, http_client)
        except (openai.OpenAIError, httpx2.InvalidURL, ValueError) as exc:
            raise EndpointError(self._redact(_map_failure(exc))) from None

    def _release_connection(self, connection: EndpointConnection, reader: threading.Thread, *, whole: bool) -> None:
        if not whole:
            connection.abort()
        if reader.ident is not None:
            reader.join(timeout=_JOIN_SECONDS)
            if reader.is_alive():
                connection.abort()
                return
        with self._lock:
            keep = whole and len(self._idle) < _MAX_IDLE_CONNECTIONS
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _redact(self, failure: Failure) -> Failure:
        """Return the failure without the API key, in case the endpoint sent it back."""
        words = f"{failure.message} {failure.detail} {json.dumps(failure.body, default=str)}"
        if not self._key or self._key not in words:
            return failure
        return replace(failure, message=failure.message.replace(self._key, "…"), body=None, detail="")


class _RelayTransport(httpx2.BaseTransport):
    """Sends through a client that the caller supplied: its proxies and certificates apply, and so do the rules here."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._client.send(request, stream=True, follow_redirects=False)
        assert isinstance(answer.stream, httpx2.SyncByteStream)
        return httpx2.Response(
            answer.status_code, headers=answer.headers, stream=answer.stream, extensions=answer.extensions
        )


_END: Final = object()
_CANCELLED: Final = object()


def _put(inbox: queue.Queue[object], item: object, connection: EndpointConnection) -> None:
    """Put the item into the queue once there is room; give up when the call is abandoned."""
    while not connection.is_broken:
        with contextlib.suppress(queue.Full):
            inbox.put(item, timeout=_POLL_SECONDS)
            return


def _split_address(url: httpx2.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def _check_redirect(response: httpx2.Response) -> None:
    """Refuse a redirect to another address; the same host over HTTPS instead of HTTP is allowed.

    Raises:
        EndpointError: the redirect leads elsewhere.
    """
    here = _split_address(response.request.url)
    try:
        there = _split_address(response.request.url.join(response.headers["location"]))
    except (httpx2.InvalidURL, ValueError) as exc:
        raise EndpointError(Failure(Cause.REDIRECTED)) from exc
    if there != here and (here[0], here[2], *there) != ("http", 80, "https", here[1], 443):
        raise EndpointError(Failure(Cause.REDIRECTED, detail=there[1][:_MAX_HOST_CHARS]))


def _read_error_response(response: httpx2.Response) -> None:
    """Read a bounded part of an error, and nothing of a redirect: the SDK and httpx would read the whole body.

    Raises:
        EndpointError: the response is an error, or a redirect that is refused.
    """
    if response.has_redirect_location:
        _check_redirect(response)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream.close()
        response.stream = httpx2.ByteStream(b"")
    elif response.status_code >= 400:
        encoding = response.headers.get("content-encoding", "")
        content = read_first_bytes(decompress(response.iter_raw(), encoding), MAX_ERROR_BYTES)
        raise EndpointError(read_refusal(response.status_code, content, response.headers))


@functools.cache
def _load_certificates() -> ssl.SSLContext:
    """Return the trusted certificates, read once a process: that takes longer than everything else here."""
    return httpx2.create_ssl_context()


def _map_failure(exc: Exception) -> Failure:
    inner = exc.__cause__ if isinstance(exc, openai.APIConnectionError) and exc.__cause__ else exc
    if isinstance(inner, EndpointError):
        return inner.failure
    if isinstance(inner, httpx2.ReadTimeout | httpx2.WriteTimeout | httpx2.PoolTimeout):
        return Failure(Cause.TIMEOUT, detail="the time limit")
    if isinstance(inner, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        return Failure(Cause.UNREACHABLE, detail=_describe_cause(inner))
    if isinstance(inner, httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError | httpx2.CloseError):
        return Failure(Cause.BROKEN)
    if isinstance(inner, httpx2.DecodingError | httpx2.TooManyRedirects | httpx2.StreamError):
        return Failure(Cause.MALFORMED)
    return Failure(Cause.UNSENDABLE)


def _describe_cause(exc: Exception) -> str:
    words = str(exc).lower()
    known = {
        "refused": "connection refused",
        "name": "unknown host",
        "certificate": "its certificate is not trusted",
        "timed out": "no answer to the connection",
    }
    return next((cause for word, cause in known.items() if word in words), "")

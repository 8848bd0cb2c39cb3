"""Speaks to an OpenAI-compatible endpoint over the `openai` SDK: one request, its events, and how it failed.

The one module that imports the SDK: its exceptions end here, as the errors of `stream_events`. It does not retry, and
it does not know what the events mean. The endpoint is not trusted: it is not followed to another address, its cookies
are not kept, and what it sends is read no faster than it is used.

The SDK makes client, request, authorization and connection. Not its retries (they cannot change the request, nor be
cancelled) and not its streams (without bounds): docs/decisions/0006-openai-package.md.
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
    read_events,
    read_first_bytes,
    read_models,
    read_refusal,
    unpack,
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
    """One connection to the endpoint, used by one call at a time, that another thread can break."""

    def __init__(self, client: openai.OpenAI, own: httpx2.Client) -> None:
        self.client = client
        self._own = own
        self._stream: Any = None
        self._broken = False
        own.event_hooks = {"request": [self._set_trace], "response": [_refuse_errors]}

    @property
    def is_broken(self) -> bool:
        """Whether the call on it was given up."""
        return self._broken

    def track(self, response: httpx2.Response) -> None:
        """Know the connection of a response, for a client that was handed in ready-made."""
        self._handle_trace("response.complete", {"return_value": response.extensions.get("network_stream")})

    def abort(self) -> None:
        """End whatever waits on this connection; the endpoint sees it closed."""
        self._broken = True
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the connection."""
        self._own.close()

    def close_if_broken(self) -> None:
        """Free the connection of a call that was given up."""
        if self._broken:
            self.close()

    def _set_trace(self, request: httpx2.Request) -> None:
        request.extensions["trace"] = self._handle_trace

    def _handle_trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete", "response.complete")) and info["return_value"]:
            self._stream = info["return_value"]
            if self._broken:
                self.abort()


class SDKWire:
    """Any OpenAI-compatible endpoint. `http_client` brings proxies or certificates; it stays the caller's."""

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
        """As `Wire.events`."""

        def send(client: openai.OpenAI) -> Stream[object]:
            return client.post(
                "/chat/completions", body=dict(body), cast_to=object, stream=True, stream_cls=Stream[object]
            )

        patience = ReplyTimer(self._timeouts, has_begun)
        with self._exchange(send, cancel, patience) as chunks:
            for event in read_events(chunks):
                yield event
                patience.renew()
                if event.get("done"):
                    return

    def list_models(self) -> list[str]:
        """As `Wire.models`."""

        def send(client: openai.OpenAI) -> Stream[object]:
            return client.get("/models", cast_to=object, stream=True, stream_cls=Stream[object])

        patience = ReplyTimer(replace(self._timeouts, first_seconds=_LIST_SECONDS), lambda: False)
        with self._exchange(send, CancelToken(), patience) as chunks:
            return read_models(read_first_bytes(chunks, _MAX_LIST_BYTES))

    def close(self) -> None:
        """Free the idle connections."""
        with self._lock:
            lanes, self._idle = self._idle, []
        for lane in lanes:
            lane.close()

    @contextlib.contextmanager
    def _exchange(self, send: Send, cancel: CancelToken, patience: ReplyTimer) -> Iterator[Iterator[bytes]]:
        """The body of an answer as it comes; leaving it by an error or a closed generator breaks the connection."""
        lane = self._take_connection()
        inbox: queue.Queue[object] = queue.Queue(_MAX_QUEUED_CHUNKS)
        worker = threading.Thread(target=self._fill_inbox, args=(lane, send, inbox), daemon=True, name="nl2sql-model")

        def wake() -> None:
            with contextlib.suppress(queue.Full):
                inbox.put_nowait(_CANCELLED)

        whole = False
        try:
            with cancel.call_on_cancel(wake):
                worker.start()
                yield self._read_chunks(inbox, cancel, patience)
            whole = True
        except EndpointError as exc:
            exc.failure = self._redact(exc.failure)
            raise
        finally:
            self._release_connection(lane, worker, whole=whole)

    def _read_chunks(self, inbox: queue.Queue[object], cancel: CancelToken, patience: ReplyTimer) -> Iterator[bytes]:
        while True:
            try:
                item = inbox.get(timeout=max(0.0, min(patience.seconds_left, cancel.seconds_left)))
            except queue.Empty:
                cancel.raise_if_cancelled()
                raise EndpointError(Failure(Cause.TIMEOUT, detail=f"{patience.limit_seconds:g} s")) from None
            cancel.raise_if_cancelled()
            if isinstance(item, EndpointError):
                raise item
            if not isinstance(item, bytes):
                return
            yield item

    def _fill_inbox(self, lane: EndpointConnection, send: Send, inbox: queue.Queue[object]) -> None:
        """Runs in a thread of its own, so that whoever waits can stop waiting whatever the network does."""
        try:
            with contextlib.closing(send(lane.client).response) as response:
                lane.track(response)
                for chunk in unpack(response.iter_raw(), response.headers.get("content-encoding", "")):
                    _put(inbox, chunk, lane)
        except EndpointError as exc:
            _put(inbox, exc, lane)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ValueError) as exc:
            _put(inbox, EndpointError(_map_failure(exc)), lane)
        finally:
            _put(inbox, _END, lane)
            lane.close_if_broken()

    def _take_connection(self) -> EndpointConnection:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        return idle or self._open_connection()

    def _open_connection(self) -> EndpointConnection:
        limits = self._timeouts
        timeout = httpx2.Timeout(limits.first_seconds + limits.between_seconds, connect=limits.connect_seconds)
        if self._http_client is None:
            kept = httpx2.Limits(max_connections=1, keepalive_expiry=_KEEP_ALIVE_SECONDS)
            own = httpx2.Client(verify=_load_certificates(), timeout=timeout, limits=kept, follow_redirects=True)
        else:
            own = httpx2.Client(transport=_RelayTransport(self._http_client), timeout=timeout, follow_redirects=True)
        own.headers["Accept-Encoding"] = "identity"
        own.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        try:
            client = openai.OpenAI(
                api_key=self._key or _DUMMY_KEY,
                base_url=self._base_url,
                timeout=timeout,
                max_retries=0,
                http_client=own,
            )
            return EndpointConnection(client, own)
        except (openai.OpenAIError, httpx2.InvalidURL, ValueError) as exc:
            raise EndpointError(self._redact(_map_failure(exc))) from None

    def _release_connection(self, lane: EndpointConnection, worker: threading.Thread, *, whole: bool) -> None:
        if not whole:
            lane.abort()
        if worker.ident is not None:
            worker.join(timeout=_JOIN_SECONDS)
            if worker.is_alive():
                lane.abort()
                return
        with self._lock:
            keep = whole and len(self._idle) < _MAX_IDLE_CONNECTIONS
            if keep:
                self._idle.append(lane)
        if not keep:
            lane.close()

    def _redact(self, failure: Failure) -> Failure:
        """The failure without the key, should the endpoint have sent it back."""
        told = f"{failure.message} {failure.detail} {json.dumps(failure.body, default=str)}"
        if not self._key or self._key not in told:
            return failure
        return replace(failure, message=failure.message.replace(self._key, "…"), body=None, detail="")


class _RelayTransport(httpx2.BaseTransport):
    """Sends by a client that was handed in, so that its proxies and certificates hold, and our rules too."""

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


def _put(inbox: queue.Queue[object], item: object, lane: EndpointConnection) -> None:
    """Hand it over once there is room; nobody takes it where the call was given up."""
    while not lane.is_broken:
        with contextlib.suppress(queue.Full):
            inbox.put(item, timeout=_POLL_SECONDS)
            return


def _split_address(url: httpx2.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def _check_redirect(response: httpx2.Response) -> None:
    """Refuse to be sent on to another address than the endpoint's own, but for the same one encrypted."""
    here = _split_address(response.request.url)
    try:
        there = _split_address(response.request.url.join(response.headers["location"]))
    except (httpx2.InvalidURL, ValueError) as exc:
        raise EndpointError(Failure(Cause.REDIRECTED)) from exc
    if there != here and (here[0], here[2], *there) != ("http", 80, "https", here[1], 443):
        raise EndpointError(Failure(Cause.REDIRECTED, detail=there[1][:_MAX_HOST_CHARS]))


def _refuse_errors(response: httpx2.Response) -> None:
    """Read of an error, or of a redirect, only what is needed: the SDK and httpx would read all of it."""
    if response.has_redirect_location:
        _check_redirect(response)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream.close()
        response.stream = httpx2.ByteStream(b"")
    elif response.status_code >= 400:
        packing = response.headers.get("content-encoding", "")
        content = read_first_bytes(unpack(response.iter_raw(), packing), MAX_ERROR_BYTES)
        raise EndpointError(read_refusal(response.status_code, content, response.headers))


@functools.cache
def _load_certificates() -> ssl.SSLContext:
    """The certificates that are trusted: reading them takes longer than all else here, so once a process."""
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
    return next((told for word, told in known.items() if word in words), "")

"""Speaks to an OpenAI-compatible endpoint over the `openai` SDK: one request, its events, and how it failed.

The one module that imports the SDK: its exceptions end here, as the errors of `events`. It does not retry, and it does
not know what the events mean.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import httpx2
import openai
from openai import Stream

from nl2sql.cancel import CancelToken
from nl2sql.model.events import EndpointError, events, retry_after, words
from nl2sql.model.failures import Cause, Failure
from nl2sql.model.wire import Timeouts

_DUMMY_KEY: Final = "none"
_IDLE_LANES: Final = 4
_GOODBYE_SECONDS: Final = 0.25
_KEPT_ALIVE_SECONDS: Final = 60.0


class Lane:
    """One connection to the endpoint, used by one call at a time, that another thread can break."""

    def __init__(self, client: openai.OpenAI, own: httpx2.Client | None) -> None:
        self.client = client
        self._own = own
        self._stream: Any = None
        self._broken = False
        if own is not None:
            own.event_hooks = {"request": [self._watch]}

    def hold(self, response: httpx2.Response) -> None:
        """Know the connection of a response, for a client that was handed in ready-made."""
        self._note("response.complete", {"return_value": response.extensions.get("network_stream")})

    def break_off(self) -> None:
        """End whatever waits on this connection; the endpoint sees it closed."""
        self._broken = True
        connection = self._stream.get_extra_info("socket") if self._stream is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the connection."""
        if self._own is not None:
            self._own.close()

    def close_if_broken(self) -> None:
        """Free the connection of a call that was given up."""
        if self._broken:
            self.close()

    def _watch(self, request: httpx2.Request) -> None:
        request.extensions["trace"] = self._note

    def _note(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete", "response.complete")) and info["return_value"]:
            self._stream = info["return_value"]
            if self._broken:
                self.break_off()


class SDKWire:
    """Any OpenAI-compatible endpoint. `http_client` brings proxies or certificates; it stays the caller's."""

    def __init__(
        self, base_url: str, api_key: str | None, timeouts: Timeouts, http_client: httpx2.Client | None = None
    ) -> None:
        self._base_url = base_url
        self._key = (api_key or "").strip()
        self._timeouts = timeouts
        self._http_client = http_client
        self._idle: list[Lane] = []
        self._lock = threading.Lock()

    def events(
        self, body: Mapping[str, Any], cancel: CancelToken, begun: Callable[[], bool] = lambda: True
    ) -> Generator[Mapping[str, Any], None, None]:
        """As `Wire.events`."""
        lane = self._take_lane()
        inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        worker = threading.Thread(
            target=self._exchange, args=(lane, dict(body), inbox), daemon=True, name="nl2sql-model"
        )
        whole = False
        try:
            with cancel.on_cancel(lambda: inbox.put(_CANCELLED)):
                worker.start()
                yield from self._received(inbox, cancel, begun)
            whole = True
        finally:
            self._give_back(lane, worker, whole=whole)

    def models(self) -> list[str]:
        """As `Wire.models`."""
        lane = self._take_lane()
        try:
            page = lane.client.with_options(timeout=10.0).get("/models", cast_to=object)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as exc:
            raise EndpointError(self._redacted(_failure(exc))) from exc
        finally:
            self._give_back(lane, None, whole=True)
        listed = page.get("data") if isinstance(page, dict) else None
        names = [m.get("id") for m in listed if isinstance(m, dict)] if isinstance(listed, list) else []
        return [n for n in names if isinstance(n, str)]

    def close(self) -> None:
        """Free the idle connections."""
        with self._lock:
            lanes, self._idle = self._idle, []
        for lane in lanes:
            lane.close()

    def _received(
        self, inbox: queue.SimpleQueue[object], cancel: CancelToken, begun: Callable[[], bool]
    ) -> Iterator[Mapping[str, Any]]:
        since = time.monotonic()
        while True:
            limit = self._timeouts.between if begun() else self._timeouts.first
            try:
                item = inbox.get(timeout=max(0.0, since + limit - time.monotonic()))
            except queue.Empty:
                raise EndpointError(Failure(Cause.TIMEOUT, detail=f"{limit:g} s")) from None
            cancel.raise_if_cancelled()
            if isinstance(item, EndpointError):
                raise item
            if not isinstance(item, Mapping):
                return
            yield item
            if item.get("done"):
                return
            since = time.monotonic()

    def _exchange(self, lane: Lane, body: dict[str, Any], inbox: queue.SimpleQueue[object]) -> None:
        """Runs in a thread of its own, so that whoever waits can stop waiting whatever the network does."""
        try:
            stream = lane.client.post(
                "/chat/completions", body=body, cast_to=object, stream=True, stream_cls=Stream[object]
            )
            with contextlib.closing(stream.response) as response:
                lane.hold(response)
                for event in events(response.iter_bytes()):
                    inbox.put(event)
        except EndpointError as exc:
            inbox.put(exc)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ValueError) as exc:
            inbox.put(EndpointError(self._redacted(_failure(exc))))
        finally:
            inbox.put(_END)
            lane.close_if_broken()

    def _take_lane(self) -> Lane:
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        return idle or self._new_lane()

    def _new_lane(self) -> Lane:
        limits = self._timeouts
        timeout = httpx2.Timeout(limits.first + limits.between, connect=limits.connect)
        own = None
        if self._http_client is None:
            kept = httpx2.Limits(max_connections=1, keepalive_expiry=_KEPT_ALIVE_SECONDS)
            own = httpx2.Client(verify=_trusted(), timeout=timeout, limits=kept, follow_redirects=True)
        try:
            client = openai.OpenAI(
                api_key=self._key or _DUMMY_KEY,
                base_url=self._base_url,
                timeout=timeout,
                max_retries=0,
                http_client=own or self._http_client,
            )
        except (openai.OpenAIError, httpx2.InvalidURL, ValueError) as exc:
            raise EndpointError(self._redacted(_failure(exc))) from None
        return Lane(client, own)

    def _give_back(self, lane: Lane, worker: threading.Thread | None, *, whole: bool) -> None:
        if not whole:
            lane.break_off()
        if worker is not None and worker.ident is not None:
            worker.join(timeout=_GOODBYE_SECONDS)
            if worker.is_alive():
                lane.break_off()
                return
        with self._lock:
            keep = whole and len(self._idle) < _IDLE_LANES
            if keep:
                self._idle.append(lane)
        if not keep:
            lane.close()

    def _redacted(self, failure: Failure) -> Failure:
        """The failure without the key, should the endpoint have sent it back."""
        if not self._key or self._key not in failure.all_words + failure.detail:
            return failure
        return replace(failure, said=failure.said.replace(self._key, "…"), body=None, detail="")


_END: Final = object()
_CANCELLED: Final = object()


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted: reading them takes longer than all else here, so once a process."""
    return httpx2.create_ssl_context()


def _failure(exc: Exception) -> Failure:
    if isinstance(exc, openai.APIStatusError):
        headers = exc.response.headers
        body = exc.body if exc.body is not None else exc.response.text[:2000]
        return Failure(
            Cause.STATUS,
            exc.status_code,
            words(body),
            body,
            retry_after(headers.get("retry-after-ms"), headers.get("retry-after")),
            {"true": True, "false": False}.get(headers.get("x-should-retry", "")),
        )
    inner = exc.__cause__ if isinstance(exc, openai.APIConnectionError) and exc.__cause__ else exc
    if isinstance(inner, httpx2.ReadTimeout | httpx2.WriteTimeout | httpx2.PoolTimeout):
        return Failure(Cause.TIMEOUT, detail="the time limit")
    if isinstance(inner, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        return Failure(Cause.UNREACHABLE, detail=_why(inner))
    if isinstance(inner, httpx2.ReadError | httpx2.WriteError | httpx2.RemoteProtocolError | httpx2.CloseError):
        return Failure(Cause.BROKEN)
    if isinstance(inner, httpx2.DecodingError | httpx2.TooManyRedirects | httpx2.StreamError):
        return Failure(Cause.MALFORMED)
    return Failure(Cause.UNSENDABLE)


def _why(exc: Exception) -> str:
    words = str(exc).lower()
    known = {
        "refused": "connection refused",
        "name": "unknown host",
        "certificate": "its certificate is not trusted",
        "timed out": "no answer to the connection",
    }
    return next((told for word, told in known.items() if word in words), "")

"""Reads what an endpoint sends: server-sent events or one JSON body, and its error messages.

Pure: bytes and headers in, dicts out. It opens no connection. Everything read has a size limit: an event, an answer, an
answer after decompression, and an error message.

Written by hand: the `openai` SDK's parser of events has no size limit and raises at the first oddity of a server.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from nl2sql.model.openai.endpoint_errors import Cause, Failure
from nl2sql.model.tool_calls.tolerant_json import decode_leniently

MAX_ERROR_BYTES: Final = 64_000
"""Bytes of an error's body that are read."""
# Room for a reply of the greatest length, each character escaped, with as much thought and arguments.
_MAX_EVENT_BYTES: Final = 4_000_000
# The same, sent in events of one character each.
_MAX_ANSWER_BYTES: Final = 64_000_000
_MAX_LINES: Final = 1_000_000
_ENVELOPES: Final = ("data", "result", "response", "output", "body", "completion", "payload")
_MAX_ENVELOPE_DEPTH: Final = 4
_MAX_ERROR_CHARS: Final = 2_000
_CHUNK_BYTES: Final = 65_536
_MAX_MODELS: Final = 2_000
_MAX_MODEL_NAME_CHARS: Final = 200
_ZLIB_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_MINIMAX_STATUSES: Final = {1002: 429, 1004: 401, 1008: 402, 2013: 400, 2049: 401}


class EndpointError(Exception):
    """A request that failed. Its text contains no key and no header."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.cause} {failure.status}")
        self.failure = failure


def read_events(chunks: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON events of a body: one for each `data:` line of server-sent events, else the whole body as one.

    Lines that are not JSON are skipped.

    Raises:
        EndpointError: the body has no JSON, reports an error, or exceeds the size limits.
    """
    has_events, plain, size = False, [], 0
    for line in _split_lines(chunks):
        name, colon, data = line.partition(b":")
        if name.strip() == b"data" and colon:
            event = _parse_object(data)
            if event is None:
                has_events = has_events or data.strip() == b"[DONE]"
                if data.strip() == b"[DONE]":
                    yield {"done": True}
                continue
            has_events = True
            yield _raise_for_error(_unwrap_envelope(event))
        elif not has_events and line.strip():
            size += len(line)
            if size > _MAX_EVENT_BYTES:
                raise _make_malformed_error("its answer has no end")
            plain.append(line)
    if not has_events:
        whole = _parse_object(b"\n".join(plain))
        if whole is None:
            shown = b" ".join(plain)[:200].decode("utf-8", errors="replace").strip()
            raise EndpointError(Failure(Cause.MALFORMED, detail="" if shown.startswith(("<", "{")) else shown))
        yield _raise_for_error({**_unwrap_envelope(whole), "done": True})


def _unwrap_envelope(event: dict[str, Any]) -> dict[str, Any]:
    """Return the reply inside a gateway's envelope if there is one, else the event itself."""
    inner: Any = event
    for _ in range(_MAX_ENVELOPE_DEPTH):
        if "choices" in inner or "error" in inner:
            break
        inner = next((found for key in _ENVELOPES if (found := _open_envelope(inner.get(key)))), None)
        if inner is None:
            return event
    return inner if "choices" in inner else event


def _open_envelope(value: Any) -> dict[str, Any] | None:
    """Return the object in an envelope's field: the value, the only item of a list, or parsed JSON text; else None."""
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        return _parse_object(value.encode("utf-8", "replace"))
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    begun: list[bytes] = []
    size = total = count = 0
    for chunk in chunks:
        first, *more = chunk.split(b"\n")
        total, count = total + len(chunk), count + len(more)
        if total > _MAX_ANSWER_BYTES or count > _MAX_LINES:
            raise _make_malformed_error("its answer has no end")
        begun.append(first)
        size += len(first)
        if size > _MAX_EVENT_BYTES:
            raise _make_malformed_error("a line of it has no end")
        if more:
            yield b"".join(begun)
            yield from more[:-1]
            begun, size = [more[-1]], len(more[-1])
    yield b"".join(begun)


def decompress(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the bytes of a body that the server compressed without being asked to, in pieces of bounded size.

    `encoding` is the value of the Content-Encoding header.

    Raises:
        EndpointError: the encoding is neither gzip nor deflate, or the data is corrupt.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in _ZLIB_WINDOW_BITS:
        raise _make_malformed_error("it is packed in a way that was not asked for")
    decompressor = zlib.decompressobj(_ZLIB_WINDOW_BITS[encoding])
    try:
        for chunk in chunks:
            while chunk:
                yield decompressor.decompress(chunk, _CHUNK_BYTES)
                chunk = decompressor.unconsumed_tail
        yield decompressor.flush()
    except zlib.error as exc:
        raise _make_malformed_error("what it has packed cannot be unpacked") from exc


def read_first_bytes(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    """Return the body, or its first `max_bytes` bytes if it is longer."""
    read: list[bytes] = []
    for chunk in chunks:
        read.append(chunk[:max_bytes])
        max_bytes -= len(read[-1])
        if max_bytes <= 0:
            break
    return b"".join(read)


def read_refusal(status: int, content: bytes, headers: Mapping[str, str] | None = None) -> Failure:
    """Return the failure that an error response describes."""
    headers = headers or {}
    body: Any = _parse_object(content)
    if body is None:
        body = content.decode("utf-8", errors="replace")[:_MAX_ERROR_CHARS]
    error = (body.get("error") or body) if isinstance(body, dict) else body
    return Failure(
        Cause.STATUS,
        status,
        extract_error_text(error),
        error,
        parse_retry_after(headers.get("retry-after-ms"), headers.get("retry-after")),
        {"true": True, "false": False}.get(headers.get("x-should-retry", "")),
    )


def read_models(content: bytes) -> list[str]:
    """Return the names in a list of models; an empty list if the body is no such list."""
    body = _parse_object(content)
    listed = body.get("data") if body else None
    names = [m.get("id") for m in listed[:_MAX_MODELS] if isinstance(m, dict)] if isinstance(listed, list) else []
    return [name for name in names if isinstance(name, str) and len(name) <= _MAX_MODEL_NAME_CHARS]


def _make_malformed_error(detail: str) -> EndpointError:
    return EndpointError(Failure(Cause.MALFORMED, detail=detail))


def _parse_object(data: bytes) -> dict[str, Any] | None:
    try:
        value = decode_leniently(data.decode("utf-8", errors="replace"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _raise_for_error(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event, unless it is an error that was sent with status 200.

    Raises:
        EndpointError: the event is an error.
    """
    response = event.get("base_resp")
    if isinstance(response, dict) and (code := response.get("status_code")):
        status = _MINIMAX_STATUSES.get(code, 500) if isinstance(code, int) else 500
        raise EndpointError(Failure(Cause.STATUS, status, extract_error_text(response.get("status_msg")), response))
    if error := event.get("error") or (event.get("object") == "error" and event):
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        raise EndpointError(
            Failure(Cause.STATUS, status, extract_error_text(error), error if isinstance(error, dict) else event)
        )
    return event


def extract_error_text(body: Any) -> str:
    """Return the message of an error body, in whichever field the server put it."""
    if isinstance(body, str):
        return body[:_MAX_ERROR_CHARS]
    if isinstance(body, dict):
        for key in ("message", "msg", "detail", "error", "error_description"):
            if body.get(key):
                return extract_error_text(body[key])
    if isinstance(body, list) and body:
        return "; ".join(extract_error_text(item) for item in body[:3])[:_MAX_ERROR_CHARS]
    return ""


def parse_retry_after(milliseconds: str | None, header: str | None) -> float | None:
    """Return the seconds to wait from `retry-after-ms`, or `Retry-After` as seconds or date; None without either."""
    for value, unit in ((milliseconds, 1000.0), (header, 1.0)):
        with contextlib.suppress(ValueError):
            if value is not None and 0 <= (seconds := float(value)) < float("inf"):
                return seconds / unit
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time()) if header else None
    except (ValueError, OverflowError, TypeError, OSError):
        return None

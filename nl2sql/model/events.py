"""Reads what an endpoint answers with: server-sent events or one JSON body, and the words of its errors.

Pure: bytes and headers in, dicts out. It opens no connection.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from nl2sql.model.failures import Cause, Failure

_LARGEST_BODY: Final = 16_000_000
_MINIMAX_STATUSES: Final = {1002: 429, 1004: 401, 1008: 402, 2013: 400, 2049: 401}


class EndpointError(Exception):
    """A request that failed. Its text carries no key and no header."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.cause} {failure.status}")
        self.failure = failure


def events(chunks: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """The JSON events of a body: of server-sent events one a `data:` line, else the whole body as one.

    What is not JSON is left out; EndpointError where nothing is.
    """
    some, plain, size = False, [], 0
    for line in _lines(chunks):
        name, colon, data = line.partition(b":")
        if name.strip() == b"data" and colon:
            event = _object(data)
            if event is None:
                some = some or data.strip() == b"[DONE]"
                if data.strip() == b"[DONE]":
                    yield {"done": True}
                continue
            some = True
            yield _checked(event)
        elif not some and size < _LARGEST_BODY:
            plain.append(line)
            size += len(line)
    if not some:
        whole = _object(b"\n".join(plain))
        if whole is None:
            shown = b" ".join(plain)[:200].decode("utf-8", errors="replace").strip()
            raise EndpointError(Failure(Cause.MALFORMED, detail="" if shown.startswith(("<", "{")) else shown))
        yield _checked({**whole, "done": True})


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LARGEST_BODY:
            raise EndpointError(Failure(Cause.MALFORMED, detail="a line of it has no end"))
        yield from lines
    yield rest


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data.decode("utf-8", errors="replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _checked(event: dict[str, Any]) -> dict[str, Any]:
    """The event, unless it is an error that came with status 200."""
    told = event.get("base_resp")
    if isinstance(told, dict) and told.get("status_code"):
        status = _MINIMAX_STATUSES.get(told["status_code"], 500)
        raise EndpointError(Failure(Cause.STATUS, status, words(told.get("status_msg")), told))
    if error := event.get("error") or (event.get("object") == "error" and event):
        code = error.get("code") if isinstance(error, dict) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        raise EndpointError(Failure(Cause.STATUS, status, words(error), error if isinstance(error, dict) else event))
    return event


def words(body: Any) -> str:
    """An error body's own sentence, wherever the server put it."""
    if isinstance(body, str):
        return body
    if isinstance(body, dict):
        for key in ("message", "msg", "detail", "error", "error_description"):
            if body.get(key):
                return words(body[key])
    if isinstance(body, list) and body:
        return "; ".join(words(item) for item in body[:3])
    return ""


def retry_after(milliseconds: str | None, told: str | None) -> float | None:
    """Seconds to wait, from `retry-after-ms`, or `Retry-After` as seconds or as a date; None where not told."""
    for value, unit in ((milliseconds, 1000.0), (told, 1.0)):
        with contextlib.suppress(ValueError):
            if value is not None and 0 <= (seconds := float(value)) < float("inf"):
                return seconds / unit
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time()) if told else None
    except (ValueError, OverflowError):
        return None

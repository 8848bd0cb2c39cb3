"""Frames on a pipe: a JSON message with raw bytes behind it, after a magic word and the length of each.

Lengths that a child writes are believed within bounds only, and memory is taken as the bytes arrive. It does not know
what the messages mean, and never unpickles anything.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any, Final

TEXT_BYTES: Final = 16_000_000
# What a parent writes is its own.
ANY_BYTES: Final = 1 << 32
_MAGIC: Final = b"nl2s"
_HEAD: Final = struct.Struct("!4sIQ")
_PIECE_BYTES: Final = 1 << 20

Message = dict[str, Any]


class FrameError(Exception):
    """What the pipe holds is no frame, or the frame is larger than its reader allows."""


def write_frame(
    pipe: IO[bytes], message: Mapping[str, Any], payload: Any = b"", *, text_bytes: int = TEXT_BYTES
) -> None:
    """Write one frame and flush. `payload` is anything with the buffer protocol.

    Raises:
        OSError: the pipe is broken.
        FrameError: the message is longer than `text_bytes`; nothing is written.
    """
    text = json.dumps(message, separators=(",", ":")).encode()
    if len(text) > text_bytes:
        raise FrameError(f"a message of {len(text):,} bytes")
    body = memoryview(payload)
    pipe.write(_HEAD.pack(_MAGIC, len(text), body.nbytes) + text)
    if body.nbytes:
        pipe.write(body)
    pipe.flush()


def read_frame(
    pipe: IO[bytes], payload_bytes: int = TEXT_BYTES, *, text_bytes: int = TEXT_BYTES
) -> tuple[Message, bytes] | None:
    """Return the next frame, or None where the pipe ended, be it in the middle of one.

    Raises:
        FrameError: it is none, or its message or payload is longer than given here.
    """
    head = pipe.read(_HEAD.size)
    if not head.startswith(_MAGIC[: len(head)]):
        raise FrameError("no frame")
    if len(head) < _HEAD.size:
        return None
    _, text_length, payload_length = _HEAD.unpack(head)
    if text_length > text_bytes or payload_length > payload_bytes:
        raise FrameError(f"a frame of {text_length:,} and {payload_length:,} bytes")
    text, payload = _read(pipe, text_length), _read(pipe, payload_length)
    if len(text) < text_length or len(payload) < payload_length:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise FrameError("a message that is not JSON") from exc
    if not isinstance(message, dict):
        raise FrameError("a message that is no object")
    return message, payload


def _read(pipe: IO[bytes], count: int) -> bytes:
    """So many bytes, or those that came before the pipe ended."""
    if count <= _PIECE_BYTES:
        return pipe.read(count)
    pieces = []
    while count and (piece := pipe.read(min(count, _PIECE_BYTES))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)

"""Frames on a pipe: a JSON message with raw bytes behind it, each with its length in front.

It does not know what the messages mean, and never unpickles anything.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any, Final

_LENGTHS: Final = struct.Struct("!IQ")

Message = dict[str, Any]


def write_frame(pipe: IO[bytes], message: Mapping[str, Any], payload: Any = b"") -> None:
    """Write one frame and flush. `payload` is anything with the buffer protocol. OSError where the pipe is broken."""
    text = json.dumps(message, separators=(",", ":")).encode()
    body = memoryview(payload)
    pipe.write(_LENGTHS.pack(len(text), body.nbytes) + text)
    if body.nbytes:
        pipe.write(body)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next frame, or None where the pipe ended, be it in the middle of one."""
    lengths = pipe.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text_length, payload_length = _LENGTHS.unpack(lengths)
    text = pipe.read(text_length)
    payload = pipe.read(payload_length) if payload_length else b""
    if len(text) < text_length or len(payload) < payload_length:
        return None
    message = json.loads(text)
    return message, payload

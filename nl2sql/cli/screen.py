"""Protect the terminal: control characters in data, model text or file names have no effect on it.

Everything written to stdout and stderr passes here where they are terminals, except for what the command line draws
itself. It knows no formats, except that JSON has escapes of its own.
"""

from __future__ import annotations

import codecs
import io
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

Spelling = Callable[[str], str]

_STEERS: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
_BREAKS: Final = "\x85\u2028\u2029"
_PICTURES_CODE_POINT: Final = 0x2400
_DELETE: Final = "\x7f"


def spell_as_picture(sign: str) -> str:
    """Return a visible sign of the same width for a control character."""
    if sign in _BREAKS:
        return "␤"
    if sign == _DELETE:
        return "␡"
    return chr(_PICTURES_CODE_POINT + ord(sign)) if sign < " " else "\ufffd"


def spell_as_json(sign: str) -> str:
    """Return the JSON escape of a control character: inside a string the value stays the same."""
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def escape_control_chars(text: str, spelling: Spelling = spell_as_picture) -> str:
    """Return the text with every control, bidirectional and hidden character spelled out.

    Line breaks and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(spelling(sign) if _is_control_char(sign) else sign for sign in text)


def _is_control_char(sign: str) -> bool:
    return not sign.isprintable() and sign not in "\n\t" and unicodedata.category(sign) in _STEERS


class Screen(io.BufferedIOBase):
    """A terminal's byte stream that spells out control characters. `replaced` counts them."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.replaced = 0
        self.spelling: Spelling = spell_as_picture
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lock = threading.Lock()

    def write(self, data: Any) -> int:
        """Write UTF-8 bytes, with control characters spelled out; return how many bytes were taken."""
        with self._lock:
            shown = escape_control_chars(self._decoder.decode(bytes(data)), self._spell)
            self.terminal.flush()
            self.terminal.buffer.write(shown.encode(self.terminal.encoding or "utf-8", "replace"))
        return len(data)

    def _spell(self, sign: str) -> str:
        self.replaced += 1
        return self.spelling(sign)

    def flush(self) -> None:
        """Flush the terminal."""
        self.terminal.buffer.flush()

    def close(self) -> None:
        """Flush; the terminal itself stays open."""
        self.flush()

    @property
    def name(self) -> str:
        """The terminal's name."""
        return str(self.terminal.name)

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False, so that libraries don't draw: their control characters would be spelled out."""
        return False

    def fileno(self) -> int:
        """Return the terminal's file descriptor."""
        return self.terminal.fileno()


@contextmanager
def guard_streams() -> Iterator[None]:
    """Send stdout and stderr through a Screen while inside, where they are terminals."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guard(sys.stdout), _guard(sys.stderr)
    try:
        yield
    finally:
        for stream, original in zip((sys.stdout, sys.stderr), before, strict=True):
            if stream is not original:
                stream.flush()
        sys.stdout, sys.stderr = before


def _guard(stream: TextIO) -> TextIO:
    if not stream.isatty():
        return stream
    # Nothing is lost in a buffer when the program ends: each piece goes on as it is written.
    return io.TextIOWrapper(Screen(stream), "utf-8", "replace", line_buffering=True, write_through=True)


def find_screen(stream: TextIO) -> Screen | None:
    """Return the Screen that a stream writes to; None where it is not a terminal."""
    buffer = getattr(stream, "buffer", None)
    return buffer if isinstance(buffer, Screen) else None


def find_terminal(stream: TextIO) -> TextIO:
    """Return the terminal itself, for what the command line draws."""
    screen = find_screen(stream)
    if screen is None:
        return stream
    stream.flush()
    return screen.terminal


@contextmanager
def expect_json(stream: TextIO) -> Iterator[None]:
    """Spell control characters as JSON escapes while inside."""
    screen = find_screen(stream)
    if screen is None:
        yield
        return
    screen.spelling = spell_as_json
    try:
        yield
        stream.flush()
    finally:
        screen.spelling = spell_as_picture

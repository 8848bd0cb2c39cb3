"""Reads the JSON that models write: trailing commas, single quotes, Python literals, raw newlines.

It does not guess: the result has the words of the text in their order, every string as written, and names as keys; text
that ends before its last bracket is refused. Every reader takes time proportional to the text. What could break a
program (endless nesting, numbers of thousands of digits, NaN, lone surrogates) is refused too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

MAX_DEPTH: Final = 64
_MAX_NUMBER_CHARS: Final = 100

_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\(?:.|\Z))*+(?:"|\Z)|(?P<opens>[\[{])|(?P<closes>[\]}])', re.DOTALL)
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_KEY: Final = re.compile(r"[\w$.-]{1,100}+")
_NUMBER: Final = re.compile(r"[-+]?\d{1,100}+(?:\.\d{1,100}+)?(?:[eE][-+]?\d{1,3})?(?![\w.])")
_WORD: Final = re.compile(r"[A-Za-z]{3,9}+(?![\w$.-])")
_LITERALS: Final = {"true": True, "false": False, "null": None, "none": None, "nil": None}
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([nrtbf\"'\\/]))")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_CLOSING: Final = {'"': '"', "'": "'", "“": "”"}
_STOPS: Final = {quote: re.compile(rf"[\\{quote}]") for quote in _CLOSING.values()}
_BLANK: Final = re.compile(r"\s*+")
_REST: Final = re.compile(r"[\s,;\]}]*+\Z")
_BETWEEN: Final = re.compile(r"[ \t\r\n,;]*+")
_MARK: Final = re.compile(r"[\"'{}\[\]\\]")

# What follows a quote that ends a key, an item of a list, the value of a key.
_AFTER_KEY: Final = re.compile(r"\s*+:")
_AFTER_ITEM: Final = re.compile(r"\s*+[,\]]")
_AFTER_VALUE: Final = re.compile(
    r"\s*+(?:\}|[,;]\s*+(?:\}|[\"'“]?[\w$.-]{1,100}+[\"'”]?\s*+:(?!:))|[\"'“][\w$.-]{1,100}+[\"'”]\s*+:(?!:))"
)


def decode(text: str) -> Any:
    """Return the value of JSON text; raw control characters in strings are allowed.

    Raises:
        ValueError: the text is not JSON.
    """
    _check_depth(text)
    value = _STRICT.decode(text)
    if _ESCAPED_SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def decode_leniently(text: str) -> Any:
    """Return the value of a server's JSON text: an oversized number becomes None, a lone surrogate a question mark.

    Raises:
        ValueError: the text is not JSON.
    """
    _check_depth(text)
    value = _LENIENT.decode(text)
    if _ESCAPED_SURROGATE.search(text):
        value = _LENIENT.decode(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode())
    return value


def parse_tolerantly(text: str) -> Any:
    """Return the value that nearly valid JSON text means.

    >>> parse_tolerantly("{'limit': 10, 'exact': True,}")
    {'limit': 10, 'exact': True}

    Raises:
        ValueError: the text cannot be read without guessing.
    """
    text = text.strip().lstrip("\ufeff")
    try:
        return decode(text)
    except ValueError:
        return _read_loosely(text)


def read_objects(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects of a text that holds nothing else: one, a list of them, or several in a row.

    Raises:
        ValueError: the text holds anything else.
    """
    try:
        value = parse_tolerantly(text)
    except ValueError:
        value = list(_read_in_a_row(text))
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, dict) for v in values):
        raise ValueError("not a JSON object")
    return values


def read_leading(text: str, start: int = 0) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, and where it ends.

    Raises:
        ValueError: there is none.
    """
    start = _find_end(_BLANK, text, start)
    end = _find_closing_bracket(text, start)
    try:
        return decode(text[start:end]), end
    except ValueError:
        return _read_loosely(text[start:end]), end


def join_surrogates(text: str) -> str:
    """Return the text with surrogate pairs joined into characters.

    Raises:
        ValueError: a surrogate has no partner.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def _read_in_a_row(text: str) -> Iterator[Any]:
    at, size = 0, len(text.rstrip(" \t\r\n,;"))
    while at < size:
        value, at = read_leading(text, at)
        yield value
        at = _find_end(_BETWEEN, text, at)


class BracketTracker:
    """Follows the brackets of a text that arrives in pieces; brackets within quotes do not count."""

    def __init__(self) -> None:
        self.closed = False
        self._depth, self._quote, self._skips = 0, "", False

    def feed(self, text: str, at: int = 0) -> int | None:
        """Read the next piece from `at` on; return where the outermost bracket closes, None if it does not.

        `closed` says that every bracket so far is closed.
        """
        if self._skips and at < len(text):
            self._skips, at = False, at + 1
        while found := _MARK.search(text, at):
            char, at = found[0], found.end()
            if self._quote:
                if char == "\\":
                    self._skips = at == len(text)
                    at += 1
                elif char == self._quote:
                    self._quote = ""
            elif char in "\"'":
                self._quote = char
            elif char in "{[":
                self._depth, self.closed = self._depth + 1, False
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self.closed = True
                    return at
        return None


def _find_closing_bracket(text: str, start: int) -> int:
    """Return the position after the bracket that closes the one at `start`.

    Raises:
        ValueError: it never closes.
    """
    if text[start : start + 1] not in ("{", "["):
        raise ValueError("not JSON")
    end = BracketTracker().feed(text, start)
    if end is None:
        raise ValueError("not JSON")
    return end


def _check_depth(text: str) -> None:
    """Check that brackets are not nested deeper than MAX_DEPTH.

    Raises:
        ValueError: they are.
    """
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth = 0
    for found in _BRACKET.finditer(text):
        depth += bool(found["opens"]) - bool(found["closes"])
        if depth > MAX_DEPTH:
            raise ValueError("nested too deep")


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _parse_integer(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_NUMBER_CHARS else _refuse_constant("a number that long")


def _parse_float(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse_constant("a number that large")


def _parse_finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


_STRICT: Final = json.JSONDecoder(
    strict=False, parse_int=_parse_integer, parse_float=_parse_float, parse_constant=_refuse_constant
)
_LENIENT: Final = json.JSONDecoder(
    strict=False,
    parse_int=lambda digits: int(digits) if len(digits) <= _MAX_NUMBER_CHARS else None,
    parse_float=_parse_finite,
    parse_constant=lambda constant: None,
)


def _read_loosely(text: str) -> Any:
    if text[:1] not in ("{", "[") or text.rstrip(" \t\r\n,;")[-1:] not in ("}", "]"):
        raise ValueError("not JSON")
    _check_depth(text)
    return _LooseReader(text).read()


def _find_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where a match at `at` ends; `at` itself if there is none."""
    found = pattern.match(text, at)
    return found.end() if found else at


class _LooseReader:
    """Reads one text from its first to its last character; raises ValueError where the meaning is unclear.

    An unescaped quote inside a string belongs to the string if what follows it cannot follow a string. Such quotes come
    in pairs, and two in a row may be a quote that SQL has doubled: neither is guessed at.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Any:
        """Return the value. Brackets that are missing or superfluous at the end are ignored."""
        value = self._read_value(_AFTER_VALUE)
        if not _REST.match(self._text, self._at):
            raise ValueError("not JSON, and not clear what was meant")
        return value

    def _peek(self) -> str:
        """Skip whitespace and return the next character; empty at the end."""
        self._at = _find_end(_BLANK, self._text, self._at)
        return self._text[self._at : self._at + 1]

    def _read_value(self, after: re.Pattern[str]) -> Any:
        char = self._peek()
        if char == "{":
            return self._read_object()
        if char == "[":
            return self._read_list()
        if char in _CLOSING and char:
            return self._read_string(after)
        if found := _NUMBER.match(self._text, self._at):
            self._at = found.end()
            return decode(found[0].removeprefix("+"))
        found = _WORD.match(self._text, self._at)
        if found is None or found[0].lower() not in _LITERALS:
            raise ValueError("not JSON, and not clear what was meant")
        self._at = found.end()
        return _LITERALS[found[0].lower()]

    def _read_object(self) -> dict[str, Any]:
        self._at += 1
        read: dict[str, Any] = {}
        while char := self._peek():
            if char == "}":
                self._at += 1
                break
            key = self._read_key(char)
            if self._peek() != ":":
                raise ValueError("not JSON: a key without a value")
            self._at += 1
            read[key] = self._read_value(_AFTER_VALUE)
            char = self._peek()
            if char and char in ",;":
                self._at += 1
            elif char and char != "}" and char not in _CLOSING:
                raise ValueError("not JSON, and not clear what was meant")
        return read

    def _read_list(self) -> list[Any]:
        self._at += 1
        read: list[Any] = []
        while char := self._peek():
            if char == "]":
                self._at += 1
                break
            read.append(self._read_value(_AFTER_ITEM))
            char = self._peek()
            if char == ",":
                self._at += 1
            elif char and char != "]":
                raise ValueError("not JSON, and not clear what was meant")
        return read

    def _read_key(self, char: str) -> str:
        if char in _CLOSING:
            key = self._read_string(_AFTER_KEY)
            if not _KEY.fullmatch(key):
                raise ValueError("not JSON: that is no key")
            return key
        found = _KEY.match(self._text, self._at)
        if found is None:
            raise ValueError("not JSON: there is no key")
        self._at = found.end()
        return found[0]

    def _read_string(self, after: re.Pattern[str]) -> str:
        """Read the string that begins here. Only the value of a key may hold unescaped quotes."""
        text, quote = self._text, _CLOSING[self._text[self._at]]
        pieces: list[str] = []
        at, inner = self._at + 1, 0
        while found := _STOPS[quote].search(text, at):
            pieces.append(text[at : found.start()])
            at = found.end()
            if found[0] == "\\":
                char, at = _unescape(text, found.start())
                pieces.append(char)
                continue
            if after.match(text, at):
                self._at = at
                if inner % 2:
                    break
                return join_surrogates("".join(pieces))
            if after is not _AFTER_VALUE or (text[at : at + 1] == quote and not after.match(text, at + 1)):
                break
            pieces.append(quote)
            inner += 1
        raise ValueError("not JSON: it is not clear where a string ends")


def _unescape(text: str, at: int) -> tuple[str, int]:
    found = _ESCAPE.match(text, at)
    if found is None:
        raise ValueError("not JSON: an escape that means nothing")
    code, char = found.groups()
    return (chr(int(code, 16)) if code else _ESCAPES.get(char, char)), found.end()

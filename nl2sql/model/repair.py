"""Reads the JSON that models really write: trailing commas, single quotes, Python literals, raw newlines.

It does not guess: a repair that adds, drops or changes anything but punctuation between the values is no
repair, and text that ends before its last bracket is not read at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LITERALS = {"none": "null", "nil": "null"}
_KEY = re.compile(r"[\w$.-]+")
_LARGEST = 100_000
_MOST_BRACKETS = 300


def load(text: str) -> Any:
    """The value that the text means. ValueError where it is not JSON and cannot be read as JSON without guessing."""
    text = text.strip().lstrip("\ufeff")
    try:
        return json.loads(text, strict=False)
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc
    except ValueError:
        return _repaired(text)


def objects(text: str) -> list[dict[str, Any]]:
    """The JSON objects of a text that holds nothing else: one, a list of them, or several in a row.

    ValueError where it holds anything else.
    """
    try:
        value = load(text)
    except ValueError:
        value = list(_in_a_row(text))
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(v, dict) for v in values):
        raise ValueError("not a JSON object")
    return values


def leading(text: str) -> tuple[Any, str]:
    """The JSON value that the text begins with, and what follows it. ValueError where there is none."""
    stripped = text.lstrip()
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(stripped)
        return value, stripped[end:]
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc
    except ValueError:
        end = _balanced(stripped)
        return _repaired(stripped[:end]), stripped[end:]


def _in_a_row(text: str) -> Iterator[Any]:
    rest = text.strip()
    while rest:
        value, rest = leading(rest)
        yield value
        rest = rest.lstrip(" \t\r\n,;")


def _balanced(text: str) -> int:
    """Where the bracket that opens the text closes, quotes looked over; ValueError where it never does."""
    depth, quote, skip = 0, "", False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = char == "\\"
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "{[":
            depth += 1
        elif char in "}]":
            depth -= 1
        if depth == 0 and not quote:
            return index + 1 if index else _no_json()
    return _no_json()


def _no_json() -> int:
    raise ValueError("not JSON")


def _repaired(text: str) -> Any:
    if len(text) > _LARGEST or text.count("{") + text.count("[") > _MOST_BRACKETS:
        raise ValueError("too large to repair")
    if text[:1] not in ("{", "[") or text.rstrip(" \t\r\n,;")[-1:] not in ("}", "]"):
        raise ValueError("not JSON")
    import json_repair

    try:
        value = json_repair.loads(text, skip_json_loads=True)
    except RecursionError as exc:
        raise ValueError("nested too deep") from exc
    if not isinstance(value, dict | list) or not _faithful(value, text):
        raise ValueError("not JSON, and not clear what was meant")
    return value


def _faithful(value: Any, text: str) -> bool:
    """Whether the repair only moved punctuation: the same words in order, every string as written, names as keys."""
    source = _unescaped(text)
    if not all(_KEY.fullmatch(key) for key in _keys(value)):
        return False
    return _words(_unescaped(json.dumps(value, ensure_ascii=False))) == _words(source) and all(
        _unescaped(leaf) in source for leaf in _strings(value)
    )


def _words(text: str) -> list[str]:
    return [_LITERALS.get(word, word) for word in (w.lower() for w in re.findall(r"\w+", text))]


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(item)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code, char = match.groups()
        return chr(int(code, 16)) if code else _ESCAPES.get(char, char)

    return _ESCAPE.sub(plain, text)

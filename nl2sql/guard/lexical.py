"""The first judge: bounds on the text itself, before any parser sees it; and where in a text something stands.

It knows no SQL. A text that passes is short, shallow, and shows a reader all that it holds. Places are line and column,
both from 1, in characters; DuckDB's own count bytes of UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from nl2sql.types import Finding

LEXICAL: Final = "lexical"
MAX_CHARS: Final = 20_000
MAX_NESTING_LEVELS: Final = 50

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Characters that print nothing, or print text in another order than it runs. U+200C and U+200D are left out here:
# Persian and emoji need them inside strings, and the engine's tree shows whether they stand elsewhere.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
_JOINERS: Final = frozenset("\u200c\u200d")
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*+"')
_STEERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")


def _find_empty(sql: str) -> Iterator[Finding]:
    if not sql.strip(" \t\r\n;"):
        yield Finding("empty", "there is no SQL to judge", "Write one SELECT statement.", judge="lexical")


def _find_excess_length(sql: str) -> Iterator[Finding]:
    if len(sql) > MAX_CHARS:
        message = f"the SQL has {len(sql):,} characters; at most {MAX_CHARS:,} are judged"
        yield Finding("too-long", message, "Write a shorter query.", judge="lexical")


def _find_excess_depth(sql: str) -> Iterator[Finding]:
    depth = 0
    for offset, character in enumerate(sql[: MAX_CHARS + 1]):
        if character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth = max(0, depth - 1)
        if depth > MAX_NESTING_LEVELS:
            line, column = find_position(sql, offset)
            message = f"brackets are nested more than {MAX_NESTING_LEVELS} deep"
            yield Finding("too-deep", message, "Split the query with WITH.", line, column, judge="lexical")
            return


def _find_control_character(sql: str) -> Iterator[Finding]:
    if found := _CONTROL.search(sql):
        line, column = find_position(sql, found.start())
        message = f"the SQL holds the control character U+{ord(found.group()):04X}"
        yield Finding("control-character", message, "Leave it out.", line, column, judge="lexical")


def _find_invisible_character(sql: str) -> Iterator[Finding]:
    if found := _INVISIBLE.search(sql):
        line, column = find_position(sql, found.start())
        message = f"the SQL holds the invisible character U+{ord(found.group()):04X}"
        hint = "Leave it out, or write chr(…) where a string needs it."
        yield Finding("invisible-character", message, hint, line, column, judge="lexical")


BOUNDS: Final[tuple[Callable[[str], Iterator[Finding]], ...]] = (
    _find_empty,
    _find_excess_length,
    _find_excess_depth,
    _find_control_character,
    _find_invisible_character,
)


def check_text_bounds(sql: str, names: Collection[str] | None = ()) -> tuple[Finding, ...]:
    """Each bound that the text breaks; empty where it keeps them all.

    `names` may stand in double quotes though they hold invisible characters; None lets any name do so, for a text that
    is judged again with the schema.
    """
    found = [finding for bound in BOUNDS if bound is not _find_invisible_character for finding in bound(sql)]
    if names is None or names:
        sql = _QUOTED.sub(lambda quoted: _blank_name(quoted[0], names), sql)
    return (*found, *_find_invisible_character(sql))


def _blank_name(quoted: str, names: Collection[str] | None) -> str:
    """As many letters, where that is one of the names; else the text itself."""
    is_known = names is None or quoted[1:-1].replace('""', '"') in names
    return "x" * len(quoted) if is_known else quoted


def has_steering_character(text: str) -> bool:
    """Whether the text holds a character that has what stands behind it shown in another order."""
    return _STEERING.search(text) is not None


def strip_invisible(text: str) -> str:
    """Return the text without characters that print nothing."""
    return "".join(sign for sign in _INVISIBLE.sub("", text) if sign not in _JOINERS)


def find_position(sql: str, offset: int) -> tuple[int, int]:
    """Line and column of the character at that offset."""
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def find_byte_position(sql: str, offset: int | None) -> tuple[int | None, int | None]:
    """Line and column of the byte at that offset of the UTF-8 text; both None where there is no such byte."""
    encoded = sql.encode()
    if offset is None or not 0 <= offset <= len(encoded):
        return None, None
    return find_position(sql, len(encoded[:offset].decode(errors="ignore")))

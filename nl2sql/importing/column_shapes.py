"""The shapes of a column's texts, with each digit as 9, and the texts that people write where there is no value.

It reads no data and chooses no type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

BLANKS: Final = " \t\u00a0\u1680\u2007\u2009\u202f\u3000\ufeff\u200b"
PLACEHOLDERS: Final = frozenset(
    "n/a na n.a. n.a #n/a #na - -- --- – — ―  . .. ... ? ?? null none nil nan #nan (null) (none) (blank) <na> <null>"
    " \\n k.a. k.a ka keine s.d. s/d n.d. nd n.v.t. b.d. nv #value! #ref! #div/0! #num! #name? #null! missing".split()
)
# What some databases write for a date that is missing.
ZERO_DATES: Final = (
    *(f"0000{sign}00{sign}00{time}" for sign in "-/." for time in ("", " 00:00:00", "T00:00:00")),
    *(f"00{sign}00{sign}0000" for sign in "-/."),
)
# No number or date is longer, and matching a long text would take time quadratic in its length.
MAX_SHAPE_CHARS: Final = 200


class Shape(NamedTuple):
    """Texts of one column that look alike: `text` with each digit as 9, the `frequency` of such texts, and one of them.

    `has_leading_zero` says that their first digit is a 0.
    """

    text: str
    frequency: int
    example: str
    has_leading_zero: bool = False


class Signs(NamedTuple):
    """The decimal sign and the group sign of a notation; `group` is a key of `number_notations._GROUPS`, or empty."""

    decimal: str
    group: str


@dataclass(frozen=True, slots=True)
class ColumnNotation:
    """A way to read a column: DuckDB's type, SQL over `{}` that is NULL for what it cannot read, and the reason."""

    type: str
    sql: str
    why: str


@dataclass(frozen=True, slots=True)
class NotationChoice:
    """The notations that the shapes of a column allow.

    Of the `rivals`, exactly one must hold for every value, else the column stays text. `fallbacks` are tried in turn
    where none holds. `nulls` are texts to read as NULL. `doubt` says why the column is text although much of it could
    be read.
    """

    rivals: tuple[ColumnNotation, ...] = ()
    fallbacks: tuple[ColumnNotation, ...] = ()
    nulls: tuple[Shape, ...] = ()
    doubt: str = ""


def make_shape(text: str) -> str:
    """Return the text without outer blanks and with each digit as 9.

    >>> make_shape(" 1.234,56 ")
    '9.999,99'
    """
    return re.sub("[0-9]", "9", text.strip(BLANKS))


def collect_shapes(texts: Iterable[str]) -> list[Shape]:
    """Return the shapes of some texts, the most frequent first."""
    found: dict[tuple[str, bool], Shape] = {}
    for text in texts:
        key = make_shape(text), has_leading_zero(text)
        known = found.get(key, Shape(key[0], 0, text, key[1]))
        found[key] = known._replace(frequency=known.frequency + 1)
    return sorted(found.values(), key=lambda shape: -shape.frequency)


def has_leading_zero(text: str) -> bool:
    """Return whether the first digit is a 0."""
    digit = re.search("[0-9]", text)
    return digit is not None and digit.group() == "0"


def is_placeholder(text: str) -> bool:
    """Return whether the text is one that people write where there is no value.

    >>> is_placeholder("N/A")
    True
    """
    return text.strip(BLANKS).lower() in PLACEHOLDERS


def is_null(shape: Shape) -> bool:
    # `#DIV/0!` has a digit.
    """Return whether texts of this shape stand for no value."""
    return shape.text.lower() in PLACEHOLDERS or shape.example.strip(BLANKS).lower() in PLACEHOLDERS

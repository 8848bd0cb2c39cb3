"""Families of column types: which of an engine's type names are numbers, texts, days, lists.

A type is the name that the engine gives it, such as `DECIMAL(10,2)`, `INTEGER[]` or `ENUM('a', 'b')`, in any case.
Each function but the two about nesting says no to a list of what it is about. What a room leaves out of a family on
purpose, such as nanoseconds that it cannot show, stands in that room.
"""

from __future__ import annotations

import re
from typing import Final

_WHOLE: Final = frozenset(
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT".split()
)
_FLOATS: Final = frozenset(("FLOAT", "DOUBLE"))
_FRACTIONAL: Final = _FLOATS | {"DECIMAL"}
_TEXTS: Final = frozenset(("VARCHAR", "ENUM", "TEXT"))
_NESTED: Final = frozenset(("STRUCT", "MAP", "UNION"))
_FIELDS: Final = re.compile(r"STRUCT|MAP|UNION|JSON|VARIANT|TUPLE|\[", re.IGNORECASE)


def name_family(kind: str) -> str:
    """Return the type's name in capitals without what stands in brackets after it; of a list the whole name.

    >>> name_family("decimal(10,2)"), name_family("INTEGER[3]"), name_family("ENUM('a[]', 'b')")
    ('DECIMAL', 'INTEGER[3]', 'ENUM')
    """
    name = kind.upper()
    return name if name.endswith("]") else name.partition("(")[0]


def is_numeric(kind: str) -> bool:
    """Return whether the values are numbers that can be added and compared."""
    family = name_family(kind)
    return family in _WHOLE or family in _FRACTIONAL


def is_whole(kind: str) -> bool:
    """Return whether the values are whole numbers by their type."""
    return name_family(kind) in _WHOLE


def is_fractional(kind: str) -> bool:
    """Return whether the values are numbers that may have decimals, exact or not."""
    return name_family(kind) in _FRACTIONAL


def is_float(kind: str) -> bool:
    """Return whether the values are binary numbers, which hold most decimals only nearly."""
    return name_family(kind) in _FLOATS


def is_text(kind: str) -> bool:
    """Return whether the values are texts, of any kind or of a fixed list."""
    return name_family(kind) in _TEXTS


def is_temporal(kind: str) -> bool:
    """Return whether the values are days or moments. Times of the day and spans of time are not."""
    return name_family(kind).startswith(("DATE", "TIMESTAMP")) and not kind.endswith("]")


def is_timestamp(kind: str) -> bool:
    """Return whether the values are moments: a day with a time."""
    return name_family(kind).startswith("TIMESTAMP") and not kind.endswith("]")


def is_time_of_day(kind: str) -> bool:
    """Return whether the values are times of the day, with a time zone or without."""
    family = name_family(kind)
    return family.startswith("TIME") and not family.startswith("TIMESTAMP") and not kind.endswith("]")


def is_boolean(kind: str) -> bool:
    """Return whether the values are true or false."""
    return name_family(kind) == "BOOLEAN"


def is_nested(kind: str) -> bool:
    """Return whether the values hold values: lists, structs, maps, unions."""
    return kind.endswith("]") or name_family(kind) in _NESTED


def may_have_fields(kind: str) -> bool:
    """Return whether a dot after the column's name may lead into its values.

    The careful answer: yes too where the type only mentions such a one, be it as a label of an ENUM.
    """
    return _FIELDS.search(kind) is not None

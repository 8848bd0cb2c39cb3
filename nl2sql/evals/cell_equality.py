"""Decide when two cells are the same: one plain form for each value, and a tolerance for numbers.

It knows no rows and no columns.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Hashable
from decimal import Decimal
from typing import Any, Final

TOLERANCE_RATIO: Final = 1e-6
_DECIMALS: Final = 2
_MAX_EXACT_INTEGER: Final = 10**15
_MIDNIGHTS: Final = (" 00:00:00", "T00:00:00", " 00:00:00.000000")

Cell = Hashable
SortKey = tuple[int, float, str]


def normalize_cell(value: Any) -> Cell:
    """Return the value in the form in which values of several types are compared.

    Whole numbers are int, booleans 0 and 1, NaN is NULL, times are ISO text, lists and structs are tuples.
    """
    match value:
        case None | str():
            return value
        case int():
            return int(value)
        case float():
            return _normalize_number(value) if math.isfinite(value) else (None if math.isnan(value) else value)
        case Decimal():
            return _normalize_number(value) if value.is_finite() else None
        case dt.datetime():
            return value.isoformat(sep=" ")
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return normalize_cell(value.total_seconds())
        case bytes() | bytearray() | memoryview():
            return _format_bytes(bytes(value))
        case uuid.UUID():
            return str(value)
        case dict():
            return tuple(("k", str(key), normalize_cell(item)) for key, item in value.items())
        case list() | tuple():
            return tuple(normalize_cell(item) for item in value)
        case set() | frozenset():
            return tuple(sorted((normalize_cell(item) for item in value), key=make_sort_key))
    return str(value)


def loosen_cell(cell: Cell) -> Cell:
    """Return a plain cell with its numbers at two decimals, text that is a number as one, and midnights as dates."""
    if isinstance(cell, str):
        return _loosen_text(cell.strip())
    if isinstance(cell, float) and math.isfinite(cell):
        return normalize_cell(round(cell + math.copysign(1e-9, cell), _DECIMALS))
    if isinstance(cell, tuple):
        return tuple(loosen_cell(item) for item in cell)
    return cell


def is_same_cell(one: Cell, other: Cell) -> bool:
    """Return whether two plain cells are equal, numbers within TOLERANCE_RATIO."""
    if one == other:
        return True
    if isinstance(one, int | float) and isinstance(other, int | float):
        try:
            return math.isclose(one, other, rel_tol=TOLERANCE_RATIO, abs_tol=TOLERANCE_RATIO)
        except OverflowError:
            return False
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(is_same_cell, one, other))
    return False


def make_sort_key(cell: Cell) -> SortKey:
    """Return a key that orders plain cells of any types, with equal numbers next to each other."""
    if cell is None:
        return (0, 0.0, "")
    if isinstance(cell, int | float):
        return (1, _round_number(cell), "")
    return (2, 0.0, cell) if isinstance(cell, str) else (3, 0.0, repr(cell))


def _round_number(number: float) -> float:
    try:
        return round(float(number), 4)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _normalize_number(value: float | Decimal) -> Cell:
    is_whole = value == int(value) and -_MAX_EXACT_INTEGER < value < _MAX_EXACT_INTEGER
    return int(value) if is_whole else float(value)


def _format_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()


def _loosen_text(text: str) -> Cell:
    digits = text.replace(",", "")
    if text[:1] in tuple("-+.0123456789") and digits[:1] in tuple("-+.0123456789"):
        try:
            number = float(digits)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return loosen_cell(normalize_cell(number))
    for midnight in _MIDNIGHTS:
        if text.endswith(midnight):
            return text.removesuffix(midnight)
    return text

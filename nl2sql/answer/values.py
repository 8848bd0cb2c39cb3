"""A cell's value as text and as JSON: the one place that says how a date, a decimal or a list is written.

It knows nothing of formats that hold many cells.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any, Final

_EXACT_FLOAT: Final = 2**53


def text_of(value: Any) -> str:
    """The value as a person reads it: no quotes around text, ISO dates, empty for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) + ".0" if value.is_integer() and abs(value) < _EXACT_FLOAT else repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {text_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(text_of(item) for item in value) + "]"
    return str(value)


def json_of(value: Any) -> Any:
    """The value as JSON carries it without loss.

    Dates are ISO text; a decimal is a number where a JSON reader's double holds it, else text; so are integers
    beyond 2**53 and floats that JSON has no word for.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _EXACT_FLOAT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return _json_of_decimal(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(key): json_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [json_of(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def _json_of_decimal(value: Decimal) -> int | float | str:
    if value == value.to_integral_value() and abs(value) <= _EXACT_FLOAT:
        return int(value)
    as_float = float(value)
    return as_float if Decimal(repr(as_float)) == value else format(value, "f")

"""A cell's value as text and as JSON, and the number of values in it.

The one place that defines how a date, a decimal or a list is written. Formats of many cells are defined elsewhere.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

MAX_EXACT_FLOAT: Final = 2**53
# The most common values, found by their type in one lookup.
_PLAIN: Final[dict[type, Callable[[Any], str]]] = {
    type(None): lambda _: "",
    bool: lambda value: "true" if value else "false",
    int: str,
    str: str,
}


def text_of(value: Any) -> str:
    """Return the value as a person reads it: text without quotes, ISO dates, an empty text for NULL."""
    if plain := _PLAIN.get(type(value)):
        return plain(value)
    if isinstance(value, float):
        return repr(int(value)) + ".0" if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else repr(value)
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
        return "[" + ", ".join(map(text_of, value)) + "]"
    return str(value)


def measure_cells(column: pa.Array) -> int | Sequence[int]:
    """Return how many values each cell of the column holds; one number where it is the same for all cells.

    A list, struct or map counts as one, and so does each value in it, NULL included.
    """
    import pyarrow.types as pt

    kind = column.type
    if pt.is_struct(kind):
        return _sum_sizes(1, [measure_cells(column.field(i)) for i in range(kind.num_fields)])
    if pt.is_fixed_size_list(kind):
        width = int(kind.list_size)
        sizes = measure_cells(column.values.slice(column.offset * width, len(column) * width))
        if isinstance(sizes, int):
            return 1 + sizes * width
        return [1 + sum(sizes[row * width : (row + 1) * width]) for row in range(len(column))]
    if not pt.is_map(kind) and not pt.is_list(kind) and not pt.is_large_list(kind):
        return 1
    offsets = memoryview(column.buffers()[1]).cast("q" if pt.is_large_list(kind) else "i")
    ends = offsets[column.offset : column.offset + len(column) + 1].tolist()
    first, length = ends[0], ends[-1] - ends[0]
    children = (column.keys, column.items) if pt.is_map(kind) else (column.values,)
    sizes = _sum_sizes(0, [measure_cells(child.slice(first, length)) for child in children])
    if isinstance(sizes, int):
        return [1 + sizes * (end - start) for start, end in itertools.pairwise(ends)]
    totals = [0, *itertools.accumulate(sizes)]
    return [1 + totals[end - first] - totals[start - first] for start, end in itertools.pairwise(ends)]


def count_values(column: pa.Array) -> int:
    """Return how many values all cells of the column hold together."""
    sizes = measure_cells(column)
    return sizes * len(column) if isinstance(sizes, int) else sum(sizes)


def _sum_sizes(own: int, parts: Sequence[int | Sequence[int]]) -> int | Sequence[int]:
    """Add the sizes of the parts, and `own` for each cell."""
    own += sum(part for part in parts if isinstance(part, int))
    uneven = [part for part in parts if not isinstance(part, int)]
    return [own + sum(sizes) for sizes in zip(*uneven, strict=True)] if uneven else own


def encode_json_value(value: Any) -> Any:
    """Return the value as JSON carries it without loss.

    Dates become ISO text. A decimal is a number where a double holds it exactly, else text; integers beyond 2**53, and
    floats that JSON has no notation for, are text too.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_EXACT_FLOAT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return _encode_decimal(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {str(key): encode_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [encode_json_value(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def spell_json(value: Any) -> str:
    """Return the value as JSON text, every number in its own digits, for a cell with a list, struct or map."""
    if isinstance(value, dict):
        items = (f"{json.dumps(str(key), ensure_ascii=False)}: {spell_json(value[key])}" for key in value)
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list | tuple | set):
        return "[" + ", ".join(map(spell_json, value)) + "]"
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    return str(value) if type(value) is int else json.dumps(encode_json_value(value), ensure_ascii=False)


def _encode_decimal(value: Decimal) -> int | float | str:
    if value == value.to_integral_value() and abs(value) <= MAX_EXACT_FLOAT:
        return int(value)
    as_float = float(value)
    return as_float if Decimal(repr(as_float)) == value else format(value, "f")

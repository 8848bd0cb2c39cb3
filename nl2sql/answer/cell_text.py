"""A cell's value as text and as JSON, and how many values it holds.

The one place that says how a date, a decimal or a list is written. It knows nothing of formats that hold many cells.
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
# By far the commonest values, known by their type at once.
_PLAIN: Final[dict[type, Callable[[Any], str]]] = {
    type(None): lambda _: "",
    bool: lambda value: "true" if value else "false",
    int: str,
    str: str,
}


def text_of(value: Any) -> str:
    """The value as a person reads it: no quotes around text, ISO dates, empty for NULL."""
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
    """How many values each cell of the column holds: one number where that is the same for all.

    A list, struct or map counts as one, and so does each value in it, NULL too.
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
    digits = memoryview(column.buffers()[1]).cast("q" if pt.is_large_list(kind) else "i")
    ends = digits[column.offset : column.offset + len(column) + 1].tolist()
    first, length = ends[0], ends[-1] - ends[0]
    children = (column.keys, column.items) if pt.is_map(kind) else (column.values,)
    sizes = _sum_sizes(0, [measure_cells(child.slice(first, length)) for child in children])
    if isinstance(sizes, int):
        return [1 + sizes * (end - start) for start, end in itertools.pairwise(ends)]
    before = [0, *itertools.accumulate(sizes)]
    return [1 + before[end - first] - before[start - first] for start, end in itertools.pairwise(ends)]


def count_values(column: pa.Array) -> int:
    """How many values the cells of the column hold together."""
    sizes = measure_cells(column)
    return sizes * len(column) if isinstance(sizes, int) else sum(sizes)


def _sum_sizes(own: int, parts: Sequence[int | Sequence[int]]) -> int | Sequence[int]:
    """The sizes of the parts together, and `own` on top of each cell's."""
    own += sum(part for part in parts if isinstance(part, int))
    uneven = [part for part in parts if not isinstance(part, int)]
    return [own + sum(sizes) for sizes in zip(*uneven, strict=True)] if uneven else own


def encode_json_value(value: Any) -> Any:
    """The value as JSON carries it without loss.

    Dates are ISO text; a decimal is a number where a JSON reader's double holds it, else text; so are integers
    beyond 2**53 and floats that JSON has no word for.
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
    """The value as JSON's text, every number in its own digits: for a cell that holds a list, struct or map."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(str(key), ensure_ascii=False)}: {spell_json(value[key])}" for key in value)
            + "}"
        )
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

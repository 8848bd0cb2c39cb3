"""The part of a result that is checked: its first rows, as numbers and as texts, nested values included.

It does not decide what they support.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from nl2sql.answer.cell_text import count_values
from nl2sql.answer.grounding.figure_reader import read_number

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CHECKED_CELLS: Final = 20_000
MAX_CHECKED_VALUES: Final = 500_000
MAX_CHECKED_BYTES: Final = 4_000_000
MAX_CELL_CHARS: Final = 2_000
_COUNT_BATCH_ROWS: Final = 1000
_MAX_NESTED_VALUES: Final = 200
_MAX_NUMBER_CHARS: Final = 40
_HAS_DIGIT: Final = re.compile(r"\d")


def take_first_rows(table: pa.Table) -> pa.Table:
    """Return the first rows, as many as are checked."""
    rows, values, size = 0, MAX_CHECKED_VALUES, MAX_CHECKED_BYTES
    max_rows = max(1, MAX_CHECKED_CELLS // max(1, table.num_columns))
    for batch in table.slice(0, max_rows).to_batches(max_chunksize=_COUNT_BATCH_ROWS):
        counted, weight = sum(count_values(column) for column in batch.columns), batch.nbytes
        if counted > values or weight > size:
            share = min(values / max(1, counted), size / max(1, weight))
            return table.slice(0, max(1, rows + int(share * batch.num_rows)))
        rows, values, size = rows + batch.num_rows, values - counted, size - weight
    return table.slice(0, rows)


def sum_columns(table: pa.Table, columns: Sequence[int]) -> Iterator[tuple[int, tuple[Decimal, int]]]:
    """Yield position, sum and count of the numeric columns among these, for results too long to be checked."""
    import pyarrow.compute as pc
    import pyarrow.types as pt

    for at in columns:
        column = table.column(at)
        if pt.is_integer(column.type) or pt.is_floating(column.type) or pt.is_decimal(column.type):
            total = read_cell(pc.sum(column).as_py())
            if total is not None:
                yield at, (total, len(column) - column.null_count)


def read_cell(cell: Any) -> Decimal | None:
    """Return the cell as a number: a number, or a text that is one. None for other values."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | Decimal):
        return Decimal(cell) if not isinstance(cell, Decimal) or cell.is_finite() else None
    if isinstance(cell, float):
        return Decimal(repr(cell)) if math.isfinite(cell) else None
    if isinstance(cell, str) and len(cell) <= _MAX_NUMBER_CHARS and _HAS_DIGIT.search(cell):
        read = read_number(cell)
        return read[-1] if read else None
    return None


def collect_numbers(cell: Any) -> list[Decimal]:
    """Return the numbers inside a nested cell, of at most 200 values."""
    found: list[Decimal] = []
    waiting: list[Any] = [cell]
    for _ in range(_MAX_NESTED_VALUES):
        if not waiting:
            break
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += list(item.values())[:_MAX_NESTED_VALUES]
        elif isinstance(item, list | tuple):
            waiting += list(item[:_MAX_NESTED_VALUES])
        elif (number := read_cell(item)) is not None:
            found.append(number)
    return found


def write_text(cell: Any) -> str:
    """Return the cell as text for searching, at most 2,000 characters; of nested cells, their values."""
    if isinstance(cell, str):
        return cell[:MAX_CELL_CHARS]
    if isinstance(cell, list | tuple):
        return " ".join(write_text(item) for item in cell[:_MAX_NESTED_VALUES])[:MAX_CELL_CHARS]
    if isinstance(cell, dict):
        items = list(cell.items())[:_MAX_NESTED_VALUES]
        return " ".join(f"{key} {write_text(item)}" for key, item in items)[:MAX_CELL_CHARS]
    return str(cell)[:MAX_CELL_CHARS]

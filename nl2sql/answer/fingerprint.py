"""A result as one short hash, so that two runs of a query can be compared without keeping rows.

Rows count as a bag: their order does not matter. It cannot say what has changed.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from nl2sql.answer.values import text_of
from nl2sql.types import Result, column_values

_BYTES: Final = 16
_BATCH: Final = 10_000


def result_hash(result: Result) -> str:
    """The hash of the rows' values. Floats count to ten digits: sums of them differ beyond from run to run."""
    total = 0
    for start in range(0, result.row_count, _BATCH):
        columns = [column_values(column) for column in result.table.slice(start, _BATCH).columns]
        for row in zip(*columns, strict=True):
            cells = json.dumps([_cell(value) for value in row]).encode()
            total += int.from_bytes(hashlib.blake2b(cells, digest_size=_BYTES).digest())
    return f"{total % (1 << 8 * _BYTES):0{2 * _BYTES}x}"


def _cell(value: Any) -> str | None:
    if isinstance(value, float):
        # Zero has two signs, and they are equal.
        return f"{value + 0.0:.10g}"
    return None if value is None else text_of(value)

"""A result as one short hash, so that two runs of a query can be compared without storing rows.

Rows count as a bag: their order does not matter. The hash cannot tell what has changed.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.types import Result, list_column_values

if TYPE_CHECKING:
    import pyarrow as pa

_HASH_BYTES: Final = 16
_BATCH_ROWS: Final = 10_000


class RowsHash:
    """The hash of rows that arrive in batches.

    Floats count to ten digits, because sums differ beyond these from run to run.
    """

    def __init__(self) -> None:
        self._total = 0

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add further rows."""
        columns = [list_column_values(column) for column in batch.columns]
        for row in zip(*columns, strict=True):
            cells = json.dumps([make_comparable_text(value) for value in row]).encode()
            self._total += int.from_bytes(hashlib.blake2b(cells, digest_size=_HASH_BYTES).digest())

    @property
    def text(self) -> str:
        """The hash of all rows added, as hexadecimal digits."""
        return f"{self._total % (1 << 8 * _HASH_BYTES):0{2 * _HASH_BYTES}x}"


def hash_result(result: Result) -> str:
    """Return the hash of the result's rows: the engine's where it sent one, else computed here."""
    if result.hash is not None:
        return result.hash
    rows = RowsHash()
    for start in range(0, result.row_count, _BATCH_ROWS):
        rows.add(result.table.slice(start, _BATCH_ROWS))
    return rows.text


def make_comparable_text(value: Any) -> str | None:
    """Return the text by which results are compared: the same for values that two runs may both give."""
    if isinstance(value, float):
        # Zero has two signs, and they are equal.
        return f"{value + 0.0:.10g}"
    return None if value is None else text_of(value)

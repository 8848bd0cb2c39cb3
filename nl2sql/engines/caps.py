"""Caps on a result while it is read: rows, bytes, and the length of a cell.

It reads Arrow batches and yields smaller ones; it does not run SQL. Nested values are never shortened: the cap on
bytes bounds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from nl2sql.errors import LimitError
from nl2sql.types import Limits

_ELLIPSIS: Final = "…"


@dataclass(slots=True)
class Capped:
    """Batches within the limits. `truncated` and `cut_cells` are right once they are exhausted.

    More rows than `limits.rows`, or more bytes than `limits.result_bytes`, end the result early, marked as
    truncated; LimitError only where not even the first row fits.
    """

    limits: Limits
    truncated: bool = False
    cut_cells: int = 0

    def batches(self, source: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The source's batches, shortened, until a cap is reached."""
        rows_left, bytes_left = self.limits.rows, self.limits.result_bytes
        first = True
        for batch in source:
            kept = batch if rows_left is None else batch.slice(0, rows_left)
            fitting = self._fitting(self._shortened(kept), bytes_left)
            if first and batch.num_rows and kept.num_rows and not fitting.num_rows:
                raise LimitError(
                    f"one row alone is larger than {self.limits.result_bytes:,} bytes",
                    "Select fewer columns, or shorten the long ones.",
                    limit="result_bytes",
                )
            if fitting.num_rows:
                yield fitting
                first = False
            if fitting.num_rows < batch.num_rows:
                self.truncated = True
                return
            bytes_left -= fitting.nbytes
            rows_left = None if rows_left is None else rows_left - fitting.num_rows

    def _fitting(self, batch: pa.RecordBatch, bytes_left: int) -> pa.RecordBatch:
        if batch.nbytes <= bytes_left:
            return batch
        low, high = 0, batch.num_rows
        while low < high:
            middle = (low + high + 1) // 2
            if batch.slice(0, middle).nbytes <= bytes_left:
                low = middle
            else:
                high = middle - 1
        return batch.slice(0, low)

    def _shortened(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [self._shortened_column(column) for column in batch.columns]
        if all(new is old for new, old in zip(columns, batch.columns, strict=True)):
            return batch
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    def _shortened_column(self, column: pa.Array) -> pa.Array:
        kind = column.type
        if not (pa.types.is_string(kind) or pa.types.is_binary(kind)) or column.nbytes <= self.limits.cell_bytes:
            return column
        cap = self.limits.cell_bytes
        offsets = memoryview(column.buffers()[1]).cast("i")[column.offset : column.offset + len(column) + 1]
        long = [i for i in range(len(column)) if offsets[i + 1] - offsets[i] > cap]
        if not long:
            return column
        self.cut_cells += len(long)
        values: list[Any] = column.to_pylist()
        for i in long:
            values[i] = _cut(values[i], cap)
        return pa.array(values, kind)


def _cut(value: str | bytes, cap: int) -> str | bytes:
    if isinstance(value, bytes):
        return value[:cap]
    head = value.encode()[: max(0, cap - len(_ELLIPSIS.encode()))]
    return head.decode(errors="ignore") + _ELLIPSIS

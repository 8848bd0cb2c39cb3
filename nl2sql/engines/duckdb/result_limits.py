"""Caps on a result while it is read: rows, values, bytes, and the length of a cell.

It reads Arrow batches and yields smaller ones; it does not run SQL. A value counts for eight bytes at least, be it NULL
or a bit in a list, since that is what it takes of whoever reads it. Nested cells that are too large have become text
before (`arrow_compat`), where they could.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import pyarrow as pa

from nl2sql.answer.cell_text import measure_cells
from nl2sql.errors import LimitError
from nl2sql.types import MAX_CELL_VALUES, Limits

VALUE_BYTES: Final = 8
# A whole result is read a piece at a time, so that its reader needs no more memory than for one.
PIECE_BYTES: Final = 8_000_000
_MAX_VALUES: Final = 1_000_000
_ELLIPSIS: Final = "…"


def compute_max_cell_values(limits: Limits) -> int:
    """Return the most values of a nested cell that comes as it is: more of them where the whole result is wanted."""
    return MAX_CELL_VALUES if limits.rows is not None else min(_MAX_VALUES, limits.cell_bytes // VALUE_BYTES)


class BatchWeights:
    """What the first rows of a batch weigh, and which cells are too large to cross as they are."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        sizes = [measure_cells(column) for column in batch.columns]
        self._sizes = sizes
        self._evenly = sum(size for size in sizes if isinstance(size, int))
        uneven = [size for size in sizes if not isinstance(size, int)]
        self._unevenly = [0, *itertools.accumulate(map(sum, zip(*uneven, strict=True)))] if uneven else None

    @property
    def total_bytes(self) -> int:
        """The weight of all its rows, in bytes."""
        return self.measure_rows(0, int(self._batch.num_rows))

    def measure_rows(self, start: int, end: int) -> int:
        """Return the weight of the rows from `start` on, before `end`."""
        values = self._evenly * (end - start)
        if self._unevenly:
            values += self._unevenly[end] - self._unevenly[start]
        return max(int(self._batch.slice(start, end - start).nbytes), VALUE_BYTES * values)

    def count_fitting(self, weight: int, start: int = 0, end: int | None = None) -> int:
        """How many rows from `start` on, before `end`, weigh no more than that."""
        end = int(self._batch.num_rows) if end is None else end
        if self.measure_rows(start, end) <= weight:
            return end - start
        low, high = start, end
        while low < high:
            middle = (low + high + 1) // 2
            if self.measure_rows(start, middle) <= weight:
                low = middle
            else:
                high = middle - 1
        return low - start

    def find_large_cells(self, column: int, limits: Limits) -> Sequence[int]:
        """Return the rows in which that column has a nested cell of too many values, or too many bytes."""
        array, size, most = self._batch.column(column), self._sizes[column], compute_max_cell_values(limits)
        if not pa.types.is_nested(array.type):
            return ()
        if isinstance(size, int):
            crowded = set(range(len(array))) if size > most else set()
        else:
            crowded = {row for row, values in enumerate(size) if values > most}
        return sorted(crowded | set(_find_heavy_cells(array, 0, limits.cell_bytes)))


def make_row_size_error(limits: Limits) -> LimitError:
    """Return the error where not even the first row is within the limits."""
    return LimitError(
        f"one row alone is larger than {limits.result_bytes:,} bytes",
        "Select fewer columns, or shorten the long ones.",
        limit="result_bytes",
    )


class ResultLimiter:
    """Batches within the limits. `truncated`, `cut_cells` and `rows` are right once they are exhausted.

    More rows than `limits.rows`, or more weight than `limits.result_bytes`, end the result early, marked as truncated.

    Raises:
        LimitError: not even the first row fits, or a whole result has a cell that is too large.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.truncated = False
        self.rows = 0
        self._cut_rows: list[int] = []

    @property
    def cut_cells(self) -> int:
        """How many cells of the rows that were let through are shortened."""
        return sum(row < self.rows for row in self._cut_rows)

    def limit_batches(self, source: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the source's batches, shortened and in pieces, until a cap is reached."""
        bytes_left = self.limits.result_bytes
        for batch in source:
            left = batch.num_rows if self.limits.rows is None else self.limits.rows - self.rows
            kept = self._shorten(batch.slice(0, left))
            weights = BatchWeights(kept)
            end = self._find_first_large_row(kept, weights)
            start = 0
            while start < end:
                rows = weights.count_fitting(bytes_left, start, end)
                if not rows and not self.rows:
                    raise make_row_size_error(self.limits)
                if not rows:
                    break
                rows = min(rows, max(1, weights.count_fitting(PIECE_BYTES, start, end)))
                yield kept.slice(start, rows)
                bytes_left -= weights.measure_rows(start, start + rows)
                start, self.rows = start + rows, self.rows + rows
            if start < batch.num_rows:
                self.truncated = True
                return

    def _find_first_large_row(self, batch: pa.RecordBatch, weights: BatchWeights) -> int:
        """Return the row before which the result ends because of a cell that is too large.

        Raises:
            LimitError: the whole result is wanted.
        """
        large = [(rows[0], i) for i in range(batch.num_columns) if (rows := weights.find_large_cells(i, self.limits))]
        if not large:
            return int(batch.num_rows)
        row, column = min(large)
        if self.limits.rows is None:
            name = batch.schema.names[column]
            raise LimitError(
                f"a cell of {name} holds more than {compute_max_cell_values(self.limits):,} values"
                f" or {self.limits.cell_bytes:,} bytes",
                "Select a part of it, or its text: CAST(… AS VARCHAR). Or raise cell_bytes under [limits].",
                limit="cell_bytes",
            )
        return row

    def _shorten(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [self._shorten_column(column) for column in batch.columns]
        if all(new is old for new, old in zip(columns, batch.columns, strict=True)):
            return batch
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    def _shorten_column(self, column: pa.Array) -> pa.Array:
        kind = column.type
        if not (pa.types.is_string(kind) or pa.types.is_binary(kind)) or column.nbytes <= self.limits.cell_bytes:
            return column
        long = find_long_texts(column, self.limits.cell_bytes)
        if not long:
            return column
        self._cut_rows += [self.rows + row for row in long]
        offsets, data = _read_offsets(column), memoryview(column.buffers()[2])
        values: list[bytes | None] = [
            bytes(data[offsets[i] : min(offsets[i + 1], offsets[i] + self.limits.cell_bytes + 1)])
            for i in range(len(column))
        ]
        for i in long:
            values[i] = _cut(values[i] or b"", self.limits.cell_bytes, is_text=pa.types.is_string(kind))
        if column.null_count:
            values = [value if cell.is_valid else None for value, cell in zip(values, column, strict=True)]
        return pa.array(values, pa.binary()).view(kind)


def find_long_texts(column: pa.Array, max_bytes: int) -> list[int]:
    """Return the rows in which a column of texts or bytes has more than so many bytes."""
    offsets = _read_offsets(column)
    return [i for i in range(len(column)) if offsets[i + 1] - offsets[i] > max_bytes]


def _read_offsets(column: pa.Array) -> memoryview:
    return memoryview(column.buffers()[1]).cast("i")[column.offset : column.offset + len(column) + 1]


def _find_heavy_cells(column: pa.Array, first: int, most: int) -> Iterator[int]:
    """Yield the rows, counted from `first` on, whose cell takes more than so many bytes."""
    if column.nbytes <= most or not len(column):
        return
    if len(column) == 1:
        yield first
        return
    middle = len(column) // 2
    yield from _find_heavy_cells(column.slice(0, middle), first, most)
    yield from _find_heavy_cells(column.slice(middle), first + middle, most)


def _cut(value: bytes, most: int, *, is_text: bool) -> bytes:
    if not is_text:
        return value[:most]
    end = _ELLIPSIS.encode()
    return value[: max(0, most - len(end))].decode(errors="ignore").encode() + end

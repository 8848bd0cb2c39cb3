"""Results that cross as something else: what Arrow, or Python after it, cannot hold or should not becomes text.

Types that never fit are cast by the SELECT, as are those of very many fields or levels. Times that Python cannot hold
(infinity, years before 1 and after 9999, 24:00) and nested cells of very many values are looked for in the rows. It
does not say what a column is: results keep DuckDB's own type names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import duckdb
import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

from nl2sql.engines.duckdb.result_limits import (
    BatchWeights,
    compute_max_cell_values,
    find_long_texts,
    make_row_size_error,
)
from nl2sql.schema.identifiers import quote_name
from nl2sql.types import Limits

_CARRIED_AS: Final = {
    "bignum": "VARCHAR",
    "bit": "VARCHAR",
    "enum": "VARCHAR",
    "geometry": "VARCHAR",
    "interval": "VARCHAR",
    "time with time zone": "VARCHAR",
    "time_ns": "TIME",
    "timestamp_ns": "TIMESTAMP",
    "timestamptz_ns": "TIMESTAMPTZ",
    "uhugeint": "VARCHAR",
    "union": "VARCHAR",
    "variant": "VARCHAR",
}
_TIMES: Final = (
    "date",
    "time",
    "timestamp",
    "timestamp_s",
    "timestamp_ms",
    "timestamp with time zone",
)
_AS_TEXT: Final = dict.fromkeys(_TIMES, "VARCHAR")
PEEK_BYTES: Final = 4_000_000
# Arrow reads no type of more than 64 levels, and Python's recursion ends before DuckDB's does.
MAX_LEVELS: Final = 16
MAX_FIELDS: Final = 10_000
MAX_TYPE_CHARS: Final = 2_000
# So much text is made at a time of cells that are too large to cross as they are: small blocks of memory are used
# again, large ones leave gaps in an address space that is limited.
_TEXT_BYTES: Final = 1_000_000
_NESTED_ROWS: Final = 256
_NESTED: Final = ("list", "array", "struct", "map")
_DAY_SECONDS: Final = 86_400
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, in days from 1970-01-01
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def cast_odd_columns(sql: str, types: Sequence[DuckDBPyType], limits: Limits) -> tuple[str, frozenset[int]]:
    """Return the SQL with its odd columns cast, and the positions of those cast for their many fields.

    It is the SQL as it was where no column is odd. Nanoseconds are rounded to microseconds.
    """
    fields = [_count_fields(column_type) for column_type in types]
    most = compute_max_cell_values(limits) if sum(fields) <= MAX_FIELDS + len(fields) else 1
    crowded = frozenset(
        i for i, count in enumerate(fields) if count > 1 and (count > most or _is_deep(types[i], MAX_LEVELS))
    )
    casts = ["VARCHAR" if i in crowded else _choose_cast(kind, _CARRIED_AS) for i, kind in enumerate(types)]
    if not any(casts):
        return sql, crowded
    columns = (f"CAST(#{i} AS {cast})" if cast else f"#{i}" for i, cast in enumerate(casts, start=1))
    return f"SELECT {', '.join(columns)} FROM (\n{sql.rstrip().rstrip(';')}\n)", crowded


def format_type(column_type: DuckDBPyType) -> str:
    """DuckDB's name of the type, e.g. `DECIMAL(10,2)`; of a very long one the beginning."""
    name = str(column_type).replace('"NULL"', "NULL")
    return name if len(name) <= MAX_TYPE_CHARS else f"{name[:MAX_TYPE_CHARS]}…"


class TransferRows:
    """The batches of a result once what cannot cross is text, and their `schema`. `connection` makes the texts.

    Of a result with a limit on its rows all those rows are looked at, as far as they fit into its bytes; of a whole
    one the first few megabytes, and for times only: a schema has to be known before the last row is. A result
    without times and nested values is not looked at. `crowded` are the columns that are text for their many fields.

    Raises:
        LimitError: the first row alone is larger than the limits let through.
    """

    def __init__(
        self,
        reader: pa.RecordBatchReader,
        limits: Limits,
        connection: duckdb.DuckDBPyConnection,
        crowded: frozenset[int] = frozenset(),
    ) -> None:
        self._crowded = crowded if limits.rows is not None else frozenset()
        timed = [i for i, field in enumerate(reader.schema) if _has_times(field.type)]
        nested = [i for i, field in enumerate(reader.schema) if pa.types.is_nested(field.type)]
        batches: Iterator[pa.RecordBatch] = iter(reader)
        if limits.rows is not None:
            batches = _take_rows(batches, limits.rows + 1)
        if nested:
            batches = itertools.chain.from_iterable(map(_split, batches))
        looks = bool(timed) or (bool(nested) and limits.rows is not None)
        first, large = _peek(batches, nested, limits) if looks else ([], frozenset[int]())
        odd = [i for i in timed if i not in large and any(_is_beyond(batch.column(i)) for batch in first)]
        self._texts = _TextWriter(connection, limits, odd, large)
        self.schema: pa.Schema = reader.schema
        self._batches = itertools.chain(first, batches)
        if odd or large:
            self._batches = itertools.chain.from_iterable(map(self._texts.insert_texts, self._batches))
            head = next(self._batches)
            self.schema, self._batches = head.schema, itertools.chain([head], self._batches)

    def read_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, once. Those of a result with a limit on its rows hold one row more, where there is one."""
        for batch in self._batches:
            for column in self._crowded:
                self._texts.note(batch.column(column), range(batch.num_rows))
            self._texts.rows += batch.num_rows
            yield batch

    def count_text_cells(self, rows: int) -> int:
        """How many cells of the first rows are text for their many values, without those that are cut besides."""
        return sum(row < rows for row in self._texts.noted)


class _TextWriter:
    """Puts texts in the place of what cannot cross: times in the `odd` columns, whole cells in `large` ones.

    `rows` is how many rows have been handed on, `noted` the rows of the cells that are text for their many values.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, limits: Limits, odd: Sequence[int], large: frozenset[int]
    ) -> None:
        self._connection, self._limits = connection, limits
        self._large, self._changed = large, (*odd, *large)
        self.rows = 0
        self.noted: list[int] = []

    def insert_texts(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Yield the batch, in pieces, with the texts as DuckDB prints them."""
        step = max(1, _TEXT_BYTES // self._limits.cell_bytes) if self._large else max(1, batch.num_rows)
        for start in range(0, batch.num_rows, step):
            piece = batch.slice(start, step)
            columns = dict(zip(self._changed, self._write_texts(piece), strict=True))
            if self._large:
                weights = BatchWeights(piece)
                for i in self._large:
                    self.note(columns[i], weights.find_large_cells(i, self._limits))
            arrays = [columns.get(i, column) for i, column in enumerate(piece.columns)]
            yield pa.RecordBatch.from_arrays(arrays, names=piece.schema.names)

    def note(self, column: pa.Array, rows: Iterable[int]) -> None:
        """Note these cells of a column of texts, except those that are too long and will be cut."""
        cut = set(find_long_texts(column, self._limits.cell_bytes))
        self.noted += [self.rows + row for row in rows if row not in cut and column[row].is_valid]

    def _write_texts(self, batch: pa.RecordBatch) -> list[pa.Array]:
        with self._connection.cursor() as cursor:
            arrays = [batch.column(i) for i in self._changed]
            given = cursor.from_arrow(pa.Table.from_arrays(arrays, names=[str(i) for i in self._changed]))
            texts = (
                self._write_large_text(n, kind) if i in self._large else f"CAST(#{n} AS {_choose_cast(kind, _AS_TEXT)})"
                for n, (i, kind) in enumerate(zip(self._changed, given.types, strict=True), start=1)
            )
            return [column.combine_chunks() for column in given.project(", ".join(texts)).to_arrow_table().columns]

    def _write_large_text(self, number: int, kind: DuckDBPyType) -> str:
        """As much of a cell's text as crosses, and a little more, so that it shows where it was cut."""
        most = self._limits.cell_bytes
        # Each value of a list takes three signs at least.
        cell = f"list_slice(#{number}, 1, {most // 3 + 2})" if kind.id == "list" else f"#{number}"
        return f"system.main.substring(CAST({cell} AS VARCHAR), 1, {most + 1})"


def _peek(
    batches: Iterable[pa.RecordBatch], nested: Sequence[int], limits: Limits
) -> tuple[list[pa.RecordBatch], frozenset[int]]:
    """Return the batches that decide, and, if rows are limited, the nested columns with a cell too large to cross."""
    most = PEEK_BYTES if limits.rows is None else max(PEEK_BYTES, limits.result_bytes)
    peeked: list[pa.RecordBatch] = []
    large: set[int] = set()
    rows = size = 0
    for batch in batches:
        weights = BatchWeights(batch)
        if limits.rows is not None:
            if nested and not rows and batch.num_rows and not weights.count_fitting(limits.result_bytes):
                raise make_row_size_error(limits)
            left = limits.rows - rows
            large |= {i for i in nested if any(row < left for row in weights.find_large_cells(i, limits))}
        peeked.append(batch)
        rows, size = rows + batch.num_rows, size + weights.total_bytes
        if size >= most:
            break
    return peeked, frozenset(large)


def _split(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yield the batch in smaller ones, so that of very many values only those are counted that may cross."""
    for start in range(0, batch.num_rows, _NESTED_ROWS):
        yield batch.slice(start, _NESTED_ROWS)


def _take_rows(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def _list_children(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Return the names and types of what a nested type holds; nothing where it is none."""
    if kind.id not in _NESTED:
        return []
    return [(name, part) for name, part in kind.children if isinstance(part, DuckDBPyType)]


def _count_fields(kind: DuckDBPyType) -> int:
    """How many values a cell of the type has at least: the type itself, its fields, and theirs; counted so far only."""
    waiting, count = [(kind, 1)], 0
    while waiting and count <= MAX_FIELDS:
        part, times = waiting.pop()
        count += times
        if part.id == "array":
            times *= _read_length(part)
        waiting += [(child, times) for _, child in _list_children(part)]
    return count


def _read_length(kind: DuckDBPyType) -> int:
    return next((int(part) for name, part in kind.children if name == "size" and isinstance(part, int)), 1)


def _is_deep(kind: DuckDBPyType, levels: int) -> bool:
    """Whether the type is nested more than so many levels deep."""
    return levels == 0 or any(_is_deep(part, levels - 1) for _, part in _list_children(kind))


def _has_times(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return any(_has_times(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind))


def _is_beyond(column: pa.Array) -> bool:
    """Whether any value in it, however deep, is a time that Python cannot hold."""
    kind = column.type
    if pa.types.is_struct(kind):
        return any(_is_beyond(column.field(i)) for i in range(kind.num_fields))
    if pa.types.is_map(kind):
        return _is_beyond(column.keys) or _is_beyond(column.items)
    if pa.types.is_nested(kind):
        return _is_beyond(column.values)
    if not len(column) or not _has_times(kind):
        return False
    low, high = _find_range(kind)
    numbers = pa.int64() if kind.bit_width == 64 else pa.int32()
    values = memoryview(column.buffers()[1]).cast("q" if kind.bit_width == 64 else "i")
    values = values[column.offset : column.offset + len(column)]
    if low <= min(values) and max(values) <= high:
        return False
    # Where there is a NULL, the buffer may hold anything.
    return any(value is not None and not low <= value <= high for value in column.view(numbers).to_pylist())


def _find_range(kind: pa.DataType) -> tuple[int, int]:
    """Return the least and the greatest number in a column of that type that Python can hold."""
    if pa.types.is_date(kind):
        return _FIRST_DAY, _LAST_DAY
    unit = _PER_SECOND[kind.unit]
    if pa.types.is_time(kind):
        return 0, _DAY_SECONDS * unit - 1
    return _FIRST_DAY * _DAY_SECONDS * unit, (_LAST_DAY + 1) * _DAY_SECONDS * unit - 1


def _choose_cast(column_type: DuckDBPyType, carried: Mapping[str, str]) -> str | None:
    """Return the type to cast to, or None where the type crosses as it is."""
    kind = column_type.id
    if kind in carried:
        return carried[kind]
    parts = _list_children(column_type)
    casts = [_choose_cast(part, carried) for _, part in parts]
    if not any(casts):
        return None
    inner = [cast or str(part) for cast, (_, part) in zip(casts, parts, strict=True)]
    if kind == "struct":
        return f"STRUCT({', '.join(f'{quote_name(n)} {t}' for (n, _), t in zip(parts, inner, strict=True))})"
    if kind == "map":
        return f"MAP({', '.join(inner)})"
    size = next((part for name, part in column_type.children if name == "size"), "")
    return f"{inner[0]}[{size}]"

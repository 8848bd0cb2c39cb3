"""Results that cross as something else: what Arrow, or Python after it, cannot hold becomes text.

Types that never fit are cast by the SELECT; times that Python cannot hold (infinity, years before 1 and after 9999,
24:00) are looked for in the first rows. It does not say what a column is: results keep DuckDB's own type names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import duckdb
import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

from nl2sql.engines.lock import quoted_name

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
PEEKED_BYTES: Final = 4_000_000
_DAY: Final = 86_400
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, in days from 1970-01-01
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def carrying(sql: str, types: Sequence[DuckDBPyType]) -> str:
    """The SQL with its odd columns cast, or as it is where there are none. Nanoseconds are rounded to microseconds."""
    casts = [_carried_as(column_type, _CARRIED_AS) for column_type in types]
    if not any(casts):
        return sql
    columns = (f"CAST(#{i} AS {cast})" if cast else f"#{i}" for i, cast in enumerate(casts, start=1))
    return f"SELECT {', '.join(columns)} FROM (\n{sql.rstrip().rstrip(';')}\n)"


def type_name(column_type: DuckDBPyType) -> str:
    """DuckDB's name of the type, e.g. `DECIMAL(10,2)`."""
    return str(column_type).replace('"NULL"', "NULL")


def held_by_python(
    reader: pa.RecordBatchReader, rows: int | None, connection: duckdb.DuckDBPyConnection
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The reader's schema and batches, in which columns with times that Python cannot hold are text.

    The first `rows` rows decide, or as many as fit into a few megabytes: a schema has to be known before the last
    row is. A result without times is not looked at.
    """
    timed = [i for i, field in enumerate(reader.schema) if _has_times(field.type)]
    first = _peeked(reader, rows) if timed else []
    batches = itertools.chain(first, reader)
    odd = [i for i in timed if any(_is_beyond(batch.column(i)) for batch in first)]
    if not odd:
        return reader.schema, batches
    texts = (_with_texts(batch, odd, connection) for batch in batches)
    head = next(texts)
    return head.schema, itertools.chain([head], texts)


def _peeked(reader: pa.RecordBatchReader, rows: int | None) -> list[pa.RecordBatch]:
    peeked: list[pa.RecordBatch] = []
    seen = size = 0
    for batch in reader:
        peeked.append(batch)
        seen, size = seen + batch.num_rows, size + batch.nbytes
        if size >= PEEKED_BYTES or (rows is not None and seen >= rows):
            break
    return peeked


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
    low, high = _range(kind)
    numbers = pa.int64() if kind.bit_width == 64 else pa.int32()
    values = memoryview(column.buffers()[1]).cast("q" if kind.bit_width == 64 else "i")
    values = values[column.offset : column.offset + len(column)]
    if low <= min(values) and max(values) <= high:
        return False
    # Where there is a NULL, the buffer may hold anything.
    return any(value is not None and not low <= value <= high for value in column.view(numbers).to_pylist())


def _range(kind: pa.DataType) -> tuple[int, int]:
    """The least and the greatest number in a column of that type that Python can hold."""
    if pa.types.is_date(kind):
        return _FIRST_DAY, _LAST_DAY
    unit = _PER_SECOND[kind.unit]
    if pa.types.is_time(kind):
        return 0, _DAY * unit - 1
    return _FIRST_DAY * _DAY * unit, (_LAST_DAY + 1) * _DAY * unit - 1


def _with_texts(batch: pa.RecordBatch, odd: Sequence[int], connection: duckdb.DuckDBPyConnection) -> pa.RecordBatch:
    """The batch with the times in those columns as DuckDB prints them."""
    columns, names = list(batch.columns), batch.schema.names
    with connection.cursor() as cursor:
        given = cursor.from_arrow(pa.Table.from_arrays([columns[i] for i in odd], names=[str(i) for i in odd]))
        casts = (_carried_as(column_type, _AS_TEXT) for column_type in given.types)
        text = ", ".join(f"CAST(#{n} AS {cast})" for n, cast in enumerate(casts, start=1))
        for i, column in zip(odd, given.project(text).to_arrow_table().columns, strict=True):
            columns[i] = column.combine_chunks()
    return pa.RecordBatch.from_arrays(columns, names=names)


def _carried_as(column_type: DuckDBPyType, carried: Mapping[str, str]) -> str | None:
    """The type to cast to, or None where the type crosses as it is."""
    kind = column_type.id
    if kind in carried:
        return carried[kind]
    if kind not in ("list", "array", "struct", "map"):
        return None
    parts = [(name, part) for name, part in column_type.children if isinstance(part, DuckDBPyType)]
    casts = [_carried_as(part, carried) for _, part in parts]
    if not any(casts):
        return None
    inner = [cast or str(part) for cast, (_, part) in zip(casts, parts, strict=True)]
    if kind == "struct":
        return f"STRUCT({', '.join(f'{quoted_name(n)} {t}' for (n, _), t in zip(parts, inner, strict=True))})"
    if kind == "map":
        return f"MAP({', '.join(inner)})"
    size = next((part for name, part in column_type.children if name == "size"), "")
    return f"{inner[0]}[{size}]"

"""A query's rows on the pipe to the parent: run, carried as what Arrow and Python can hold, cut at the limits.

It does not ask whether the text may run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import duckdb
import pyarrow as pa

from nl2sql.answer.result_hash import RowsHash
from nl2sql.engines.duckdb import arrow_compat
from nl2sql.engines.duckdb.result_limits import ResultLimiter
from nl2sql.engines.worker.pipe_frames import FrameError, write_frame
from nl2sql.engines.worker.pipe_messages import MAX_COLUMNS, compute_max_payload, encode_limits
from nl2sql.errors import LimitError
from nl2sql.types import Limits

BATCH_ROWS: Final = 2048


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A text with its parameters, and the columns that it gives."""

    sql: str
    names: Sequence[str]
    types: Sequence[Any]
    texts: Sequence[str] = ()


def send_rows(
    query: PreparedQuery,
    cursor: duckdb.DuckDBPyConnection,
    limits: Limits,
    pipe: IO[bytes],
    is_stopped: Callable[[], bool],
    *,
    hashed: bool = False,
) -> Mapping[str, Any]:
    """Run it in the cursor and write its columns and rows; the message that ends them, for the caller to write.

    `hashed` asks for the hash of the rows, which takes as long as reading them.
    """
    started = time.perf_counter()
    if len(query.names) > MAX_COLUMNS:
        return _refuse(f"the result has {len(query.names):,} columns, more than {MAX_COLUMNS:,}")
    carrying, crowded = arrow_compat.cast_odd_columns(query.sql, query.types, limits)
    reader = cursor.sql(carrying, params=list(query.texts) or None).to_arrow_reader(BATCH_ROWS)
    capped, rows_hash = ResultLimiter(limits), RowsHash() if hashed else None
    try:
        carried = arrow_compat.TransferRows(reader, limits, cursor, crowded)
        if problem := _write_columns(query, carried.schema, limits, pipe):
            return _refuse(problem)
        for batch in capped.limit_batches(carried.read_batches()):
            if is_stopped():
                return {"kind": "error", "error": "stopped", "message": ""}
            write_frame(pipe, {"kind": "batch"}, batch.serialize())
            if rows_hash is not None:
                rows_hash.add(batch)
    except LimitError as error:
        return {"kind": "error", "error": error.limit, "message": error.message, "hint": error.hint}
    return {
        "kind": "end",
        "truncated": capped.truncated,
        "cut_cells": capped.cut_cells + carried.count_text_cells(capped.rows),
        "seconds": time.perf_counter() - started,
        "hash": rows_hash.text if rows_hash is not None else None,
    }


def _write_columns(query: PreparedQuery, carried: pa.Schema, limits: Limits, pipe: IO[bytes]) -> str:
    """Write the columns' names and types; return why they cannot be, empty where they were."""
    columns = [[name, arrow_compat.format_type(kind)] for name, kind in zip(query.names, query.types, strict=True)]
    fields = zip(query.names, carried, strict=True)
    head = pa.schema([pa.field(name, field.type) for name, field in fields]).serialize()
    if head.size > compute_max_payload(encode_limits(limits)):
        return "the result's columns have too many fields"
    try:
        write_frame(pipe, {"kind": "columns", "columns": columns}, head)
    except FrameError:
        return "the names of the result's columns are too long"
    return ""


def _refuse(text: str) -> Mapping[str, Any]:
    return {"kind": "error", "error": "query", "message": text}

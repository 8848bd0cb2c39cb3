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

from nl2sql.engines import carry
from nl2sql.engines.caps import Capped
from nl2sql.engines.frames import write_frame
from nl2sql.errors import LimitError
from nl2sql.types import Limits

MAX_COLUMNS: Final = 1000
BATCH_ROWS: Final = 2048


@dataclass(frozen=True, slots=True)
class Query:
    """A text with its parameters, and the columns that it gives."""

    sql: str
    names: Sequence[str]
    types: Sequence[Any]
    texts: Sequence[str] = ()


def send_rows(
    query: Query,
    cursor: duckdb.DuckDBPyConnection,
    limits: Limits,
    pipe: IO[bytes],
    stopped: Callable[[], bool],
) -> Mapping[str, Any]:
    """Run it in the cursor and write its columns and rows; the message that ends them, for the caller to write."""
    started = time.perf_counter()
    if len(query.names) > MAX_COLUMNS:
        text = f"the result has {len(query.names):,} columns, more than {MAX_COLUMNS:,}"
        return {"kind": "error", "error": "query", "message": text}
    columns = [[name, carry.type_name(kind)] for name, kind in zip(query.names, query.types, strict=True)]
    carried = carry.carrying(query.sql, query.types)
    reader = cursor.sql(carried, params=list(query.texts) or None).to_arrow_reader(BATCH_ROWS)
    carried_schema, batches = carry.held_by_python(reader, limits.rows, cursor)
    arrow = pa.schema([pa.field(name, field.type) for name, field in zip(query.names, carried_schema, strict=True)])
    write_frame(pipe, {"kind": "columns", "columns": columns}, arrow.serialize())
    capped = Capped(limits)
    try:
        for batch in capped.batches(batches):
            if stopped():
                return {"kind": "error", "error": "stopped", "message": ""}
            write_frame(pipe, {"kind": "batch"}, batch.serialize())
    except LimitError as error:
        return {"kind": "error", "error": error.limit, "message": error.message, "hint": error.hint}
    seconds = time.perf_counter() - started
    return {"kind": "end", "truncated": capped.truncated, "cut_cells": capped.cut_cells, "seconds": seconds}

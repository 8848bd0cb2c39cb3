"""What the columns hold: row counts, distinct values, ranges and samples, within a time budget.

It does not read the catalogue (the engine does) and does not open connections: it is given a `run` that executes
SQL. A large table is sampled, so that a hundred million rows take a few seconds at most. What is marked as refused is
not read. The SQL calls functions by their full names, as a database may define its own of the same name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from nl2sql.errors import LimitError, QueryError
from nl2sql.schema.identifiers import quote, quote_table
from nl2sql.schema.key_inference import infer_keys
from nl2sql.types import Column, Schema, Table
from nl2sql.types.type_families import is_nested, is_numeric, is_time_of_day, name_family

Run = Callable[[str], list[tuple[Any, ...]]]

FULL_SCAN_ROWS: Final = 300_000
SAMPLE_ROWS: Final = 60_000
MAX_FEW_VALUES: Final = 20
VALUE_CHARS: Final = 60
MAX_SAMPLES: Final = 3
# The most texts that are kept for lookup: of one column, and of all.
MAX_COLUMN_TEXTS: Final = 1_000
MAX_TEXTS: Final = 20_000
MAX_PROFILED_COLUMNS: Final = 200

# Distinct values of these types are not counted, nor those of nested ones.
_UNCOUNTED: Final = ("BLOB", "BIT", "JSON")


def profile(
    schema: Schema, run: Run, seconds: float = 5.0, *, has_file_views: bool = False, known_schema: Schema | None = None
) -> Schema:
    """Return the schema with row counts, statistics and inferred keys.

    `run(sql)` returns rows; where it raises QueryError or LimitError, the table stays as it is. Once `seconds` are
    over, the remaining tables stay unprofiled. `has_file_views` says that each view is a data file and counts as a
    table. `known_schema` has tables that keys may lead to and that are profiled already.
    """
    deadline = time.monotonic() + seconds
    tables = []
    for table in schema.tables:
        if time.monotonic() < deadline and not table.refused:
            table = _profile_table(table, run, deadline)
        tables.append(table)
    if has_file_views:
        tables = [replace(table, kind="table") for table in tables]
    own = frozenset(table.name for table in tables)
    whole = replace(schema, tables=(*(known_schema.tables if known_schema else ()), *tables))
    inferred = infer_keys(whole, run, deadline, only_tables=own)
    return _limit_texts(replace(schema, tables=tuple(table for table in inferred.tables if table.name in own)))


def _limit_texts(schema: Schema) -> Schema:
    """Return the schema with at most MAX_TEXTS texts: the commonest of each column, the same number of each."""
    counts = sorted(len(column.texts) for table in schema.tables for column in table.columns if column.texts)
    room, most = MAX_TEXTS, MAX_COLUMN_TEXTS
    for at, count in enumerate(counts):
        most = room // (len(counts) - at)
        if count > most:
            break
        room, most = room - count, MAX_COLUMN_TEXTS
    if most >= MAX_COLUMN_TEXTS:
        return schema
    return replace(
        schema,
        tables=tuple(
            replace(table, columns=tuple(replace(column, texts=column.texts[:most]) for column in table.columns))
            for table in schema.tables
        ),
    )


def _profile_table(table: Table, run: Run, deadline: float) -> Table:
    name = quote_table(table)
    try:
        rows = table.row_count
        if rows is None or rows <= FULL_SCAN_ROWS:
            rows = int(run(f"SELECT system.main.count(*) FROM {name}")[0][0])
        profiled = [column for column in table.columns if not column.refused][:MAX_PROFILED_COLUMNS]
        source, sampled = _choose_source(table, profiled, name, rows)
        found = {column.name: column for column in _add_statistics(profiled, source, run)}
        columns = tuple(found.get(column.name, column) for column in table.columns)
        table = replace(table, row_count=rows, columns=columns, sampled=sampled)
        if sampled:
            table = _add_full_date_ranges(table, name, run, deadline)
        return _add_values(table, source, run, deadline)
    except (QueryError, LimitError):
        return table


def _choose_source(table: Table, columns: Sequence[Column], name: str, rows: int) -> tuple[str, bool]:
    """Return what to scan, and whether it is a sample: the whole table, some blocks, or the first rows of a view."""
    if rows <= FULL_SCAN_ROWS or not columns:
        return name, False
    wanted = ", ".join(quote(column.name) for column in columns)
    if table.kind == "view":
        return f"(SELECT {wanted} FROM {name} LIMIT {SAMPLE_ROWS})", True
    percent = max(0.0001, 100.0 * SAMPLE_ROWS / rows)
    return f"(SELECT {wanted} FROM {name} TABLESAMPLE system({percent:.4f}%))", True


def _add_statistics(columns: Sequence[Column], source: str, run: Run) -> tuple[Column, ...]:
    wanted: list[str] = ["system.main.count(*)"]
    for column in columns:
        name = quote(column.name)
        ranged = is_numeric(column.type) or column.is_temporal or is_time_of_day(column.type)
        counted = not is_nested(column.type) and name_family(column.type) not in _UNCOUNTED
        distinct = f"system.main.approx_count_distinct({name})" if counted else "NULL"
        wanted += [f"system.main.count({name})", distinct]
        wanted += [_write_range(name)] if ranged else ["NULL, NULL"]
    [(total, *cells)] = run(f"SELECT {', '.join(wanted)} FROM {source}")
    profiled = []
    for column, at in zip(columns, range(0, len(cells), 4), strict=True):
        present, distinct, minimum, maximum = cells[at : at + 4]
        profiled.append(
            replace(
                column,
                distinct=None if distinct is None else min(int(distinct), int(present)),
                null_fraction=1 - present / total if total else None,
                minimum=minimum,
                maximum=maximum,
            )
        )
    return tuple(profiled)


def _write_range(name: str) -> str:
    return f"system.main.min({name})::VARCHAR, system.main.max({name})::VARCHAR"


def _add_full_date_ranges(table: Table, name: str, run: Run, deadline: float) -> Table:
    """Return the table with the full range of its date columns, which questions such as "last month" depend on."""
    dates = [column for column in table.columns if column.is_temporal and not column.refused]
    if not dates or time.monotonic() > deadline:
        return table
    wanted = ", ".join(_write_range(quote(column.name)) for column in dates)
    try:
        [cells] = run(f"SELECT {wanted} FROM {name}")
    except (QueryError, LimitError):
        return table
    ranges = {c.name: (cells[i * 2], cells[i * 2 + 1]) for i, c in enumerate(dates)}
    columns = tuple(
        replace(c, minimum=ranges[c.name][0], maximum=ranges[c.name][1]) if c.name in ranges else c
        for c in table.columns
    )
    return replace(table, columns=columns)


def _add_values(table: Table, source: str, run: Run, deadline: float) -> Table:
    columns = []
    for column in table.columns:
        if column.is_text and column.distinct:
            if time.monotonic() > deadline:
                break
            column = _add_column_values(column, source, run)
        columns.append(column)
    return replace(table, columns=(*columns, *table.columns[len(columns) :]))


def _add_column_values(column: Column, source: str, run: Run) -> Column:
    name = quote(column.name)
    few = (column.distinct or 0) <= MAX_FEW_VALUES
    rows = run(
        f"SELECT system.main.left({name}::VARCHAR, {VALUE_CHARS}), system.main.count(*) AS n FROM {source} "
        f"WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 "
        f"LIMIT {MAX_FEW_VALUES + 1 if few else MAX_COLUMN_TEXTS}"
    )
    values = tuple(str(value) for value, _ in rows)
    if few and len(values) <= MAX_FEW_VALUES:
        return replace(column, distinct=len(values), values=tuple(sorted(values)), samples=values[:MAX_SAMPLES])
    return replace(
        column, samples=values[:MAX_SAMPLES], texts=tuple(text for text in values if len(text) < VALUE_CHARS)
    )

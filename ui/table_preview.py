"""A preview of one table: its first rows, and a profile of each column.

It comes from the schema and from queries under the same guard as any; columns that the policy hides are not in it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from nl2sql import Assistant, Column, NL2SQLError, Result, Table
from ui.error_text import show_error
from ui.grid import Cell, draw_grid
from ui.markdown_escape import escape_markdown
from ui.page_server import Server
from ui.result_table import draw_rows, write_row_count
from ui.switches import pin_tables

_FIRST_ROWS: Final = 20
_MAX_SAMPLE_ROWS: Final = 100_000
_MAX_FREQUENT_VALUES: Final = 3
_MAX_COLUMNS: Final = 60
_MAX_QUERY_SECONDS: Final = 5.0
_MAX_VALUE_CHARS: Final = 60
# The profile keeps so much of a text.
_MAX_PROFILE_CHARS: Final = 60
_MAX_COMMENT_CHARS: Final = 600
_MIN_DISTINCT_RATIO: Final = 0.95
_MIN_FREQUENT_RATIO: Final = 0.002
_PROFILE_HEADS: Final = ("name", "type", "key", "missing", "distinct", "min", "max", "most frequent", "comment")
ColumnValue = tuple[str, str]


def show_table(shared: Server, assistant: Assistant, table: Table, where: ColumnValue | None = None) -> None:
    """Open a dialog with the first rows of the table and the profile of its columns.

    With `where`, the rows are those that have that value in that column.
    """
    rows = f" · {write_row_count(table.row_count)}" if table.row_count is not None else ""
    st.dialog(escape_markdown(f"{table.name}{rows}"), width="large")(_show_table)(shared, assistant, table, where)


def _show_table(shared: Server, assistant: Assistant, table: Table, where: ColumnValue | None) -> None:
    if table.comment:
        st.caption(escape_markdown(table.comment, _MAX_COMMENT_CHARS))
    if st.button("Only ask about this table", key="pin-looked", on_click=pin_tables, args=(shared, [table.name])):
        st.rerun()
    try:
        sql = write_first_rows(table, where)
        result = assistant.run(sql)
    except NL2SQLError as exc:
        show_error(exc)
    else:
        st.caption(escape_markdown(f"Rows where {where[0]} is {where[1]}" if where else "First rows"))
        draw_rows(result, result.table, assistant.database.choose_column_formats(result, sql), key="looked-rows")
    st.caption("Columns")
    _show_profile(assistant, table)


def write_first_rows(table: Table, where: ColumnValue | None = None, rows: int = _FIRST_ROWS) -> str:
    """Return the query for a table's first rows, of its visible columns; with `where`, those with that value."""
    columns = ", ".join(quote_name(column.name) for column in table.columns)
    filters = f" WHERE {write_value_test(*where)}" if where else ""
    return f"SELECT {columns} FROM {quote_table(table)}{filters} LIMIT {rows}"


def write_value_test(column: str, text: str) -> str:
    """Return the condition that the column holds the text, which may be the beginning of a long one."""
    name = f"CAST({quote_name(column)} AS VARCHAR)"
    if len(text) >= _MAX_PROFILE_CHARS:
        return f"starts_with({name}, {quote_text(text)})"
    return f"{name} = {quote_text(text)}"


def quote_name(name: str) -> str:
    """Return the name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def quote_table(table: Table) -> str:
    """Return the table's quoted name: schema and table, after the catalog where SQL needs it."""
    schema, name = table.path
    return ".".join(quote_name(part) for part in ([table.catalog] if table.catalog else []) + [schema, name])


def _show_profile(assistant: Assistant, table: Table) -> None:
    columns = table.columns[:_MAX_COLUMNS]
    frequent: dict[int, str] = {}
    note = ""
    try:
        frequent = list_frequent(assistant, table)
    except NL2SQLError as exc:
        note = f"The most frequent values could not be found in time: {exc.message}"
    rows = [_make_profile_row(column, table, frequent.get(at, "")) for at, column in enumerate(columns)]
    # Heads without a value in any column are left out.
    used = [at for at in range(len(_PROFILE_HEADS)) if any(row[at] for row in rows)]
    heads = [{"name": _PROFILE_HEADS[at], "number": _PROFILE_HEADS[at] in ("missing", "distinct")} for at in used]
    cells = [[row[at] or "" for at in used] for row in rows]
    draw_grid(heads, cells, key="looked-columns", caption=f"Columns of {table.name}")
    notes = [note] if note else []
    if table.sampled:
        notes.append("Counts of distinct and missing values are from a sample.")
    if (table.row_count or 0) > _MAX_SAMPLE_ROWS:
        notes.append(f"The most frequent values are from the first {_MAX_SAMPLE_ROWS:,} rows.")
    if len(table.columns) > _MAX_COLUMNS:
        notes.append(f"and {len(table.columns) - _MAX_COLUMNS} more columns")
    for one in notes:
        st.caption(escape_markdown(one, _MAX_COMMENT_CHARS))


def _make_profile_row(column: Column, table: Table, frequent: str) -> list[Cell]:
    missing = column.null_fraction
    return [
        column.name,
        column.type[:_MAX_VALUE_CHARS],
        describe_key(column, table),
        "" if missing is None else f"{missing * 100:.1f}%" if 0 < missing < 1 else f"{missing * 100:.0f}%",
        "" if column.distinct is None else f"{column.distinct:,}",
        (column.minimum or "")[:_MAX_VALUE_CHARS],
        (column.maximum or "")[:_MAX_VALUE_CHARS],
        frequent,
        (column.comment or "")[:_MAX_COMMENT_CHARS],
    ]


def describe_key(column: Column, table: Table) -> str:
    """Return which key the column is part of, or which one it refers to; empty where there is none."""
    parts = ["key" + (", inferred" if table.inferred_key else "")] if column.name in table.primary_key else []
    for key in table.foreign_keys:
        if column.name in key.columns:
            target = key.target_columns[key.columns.index(column.name)]
            parts.append(f"→ {key.target_table}.{target}" + (" (inferred)" if key.inferred else ""))
    return " ".join(parts)


def list_frequent(assistant: Assistant, table: Table) -> dict[int, str]:
    """Return the most frequent values of each column by its position, found by one bounded query."""
    wanted = [
        (at, column)
        for at, column in enumerate(table.columns[:_MAX_COLUMNS])
        if not (column.distinct and table.row_count and column.distinct >= _MIN_DISTINCT_RATIO * table.row_count)
    ]
    if not wanted:
        return {}
    names = ", ".join(quote_name(column.name) for _, column in wanted)
    counts = " UNION ALL ".join(
        f"(SELECT {at} AS place, CAST({quote_name(column.name)} AS VARCHAR) AS shown, count(*) AS times FROM looked "
        f"WHERE {quote_name(column.name)} IS NOT NULL GROUP BY ALL "
        f"ORDER BY times DESC, shown LIMIT {_MAX_FREQUENT_VALUES})"
        for at, column in wanted
    )
    sql = f"WITH looked AS (SELECT {names} FROM {quote_table(table)} LIMIT {_MAX_SAMPLE_ROWS}) {counts}"
    limits = assistant.config.limits
    result: Result = assistant.run(sql, limits=replace(limits, seconds=min(_MAX_QUERY_SECONDS, limits.seconds)))
    least = _MIN_FREQUENT_RATIO * min(table.row_count or 0, _MAX_SAMPLE_ROWS)
    found: dict[int, list[str]] = {}
    for place, shown, times in result.rows:
        # What hardly ever comes twice is no frequent value.
        if times > max(1, least):
            found.setdefault(place, []).append(f"{shown[:_MAX_VALUE_CHARS]} ({times:,})")
    return {place: ", ".join(texts) for place, texts in found.items()}

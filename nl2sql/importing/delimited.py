"""Make a table of a file of rows in text: CSV and the like, or a sheet that was written as such.

Each column is read as text first, and as another type only where every value proves it. The number of rows must match
the number of lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nl2sql.importing.column_shapes import BLANKS
from nl2sql.importing.column_types import Counts, prove_types
from nl2sql.importing.import_account import ColumnAccount, TableAccount
from nl2sql.importing.import_errors import UnreadableError
from nl2sql.importing.import_names import clean_column_name, name_columns
from nl2sql.importing.layout import Layout, LeftOut, is_total
from nl2sql.importing.plain_text import count_empty_lines
from nl2sql.importing.plain_types import (
    TEXT,
    Target,
    TextColumn,
    TypedColumn,
    create_table,
    guess_plain_types,
    load_plain_table,
)
from nl2sql.importing.text_source import MAX_LINE_CHARS, TextSource
from nl2sql.schema.identifiers import escape_glob, quote_literal, quote_name
from nl2sql.types.type_families import is_numeric

if TYPE_CHECKING:
    import duckdb

_SIGN_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "": "none"}
_MAX_LISTED_LINES: Final = 3
_MAX_NAME_CHARS: Final = 1000
_MAX_REJECTS: Final = 100_000
_ALL: Final = "true"
_BAD_LINE: Final = re.compile(r"Line: (\d+)")
_EXPECTED: Final = re.compile(r"Expected Number of Columns: (\d+)")


def make_table(connection: duckdb.DuckDBPyConnection, source: TextSource, table: str, end: str = "") -> TableAccount:
    """Make the table, and return its account. `end` is SQL after the SELECT that limits its rows.

    Raises:
        UnreadableError: where a row is too long, or a name of a column is.
        duckdb.Error: where DuckDB cannot read the file.
    """
    layout = source.layout
    names = _name_source_columns(source)
    columns = _list_columns(source, names)
    keys = [column.key for column in columns]
    keep = _write_keep_condition(source, keys)
    loaded = _load_rows(connection, source, Target(table, keep, end), columns)
    total, doubts = _remove_total_row(connection, source, table, loaded.columns)
    if total and any(column.doubt for column in loaded.columns):
        # The word before the total may be the only value that kept a column of dates or numbers text.
        connection.execute(f"DROP TABLE {quote_name(table)}")
        return make_table(connection, _exclude_rows(source, total), table, end)
    records = loaded.counts.rows
    if keep != _ALL:
        [(records,)] = connection.execute(f"SELECT count(*) FROM {loaded.reader}").fetchall()
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {quote_name(table)}").fetchall()
    doubts = [*source.text.doubts, *source.doubts, *layout.doubts, *loaded.doubts, *doubts]
    doubts += _doubt_duplicates(source, records - loaded.counts.rows)
    if source.unit == "line" and (unknown := sorted(set(source.rules.types) - set(names))):
        doubts.append(f"`types` names {', '.join(map(repr, unknown))}, but there is no such column")
    doubts += _check_lines(connection, source, loaded.reader, keys, records)
    blank_rows = loaded.counts.blank_rows if layout.width > 1 else 0
    return TableAccount(
        table,
        source.label,
        rows,
        _describe_format(source),
        tuple(_make_column_account(column, layout, keys.index(column.key)) for column in loaded.columns),
        source.text.lines if source.unit == "line" else None,
        tuple(_describe_left_out([*layout.left_out, *total], source.unit, blank_rows)),
        tuple(doubts),
    )


@dataclass(frozen=True, slots=True)
class _LoadedRows:
    """Rows in their table: the call that read them, their columns and counts, and what is doubtful."""

    reader: str
    columns: list[TypedColumn]
    counts: Counts
    doubts: list[str]


def _load_rows(
    connection: duckdb.DuckDBPyConnection, source: TextSource, target: Target, columns: Sequence[TextColumn]
) -> _LoadedRows:
    """Make the target's table of the rows that its condition keeps, without empty ones."""
    keys, keep, layout = [column.key for column in columns], target.keep_condition, source.layout
    if layout.width > 1:
        blank = " AND ".join(f"{quote_name(key)} IS NULL" for key in keys)
        target = replace(target, keep_condition=f"({keep}) AND NOT ({blank})")
    reader = _write_reader(source, keys)
    if at_once := _load_at_once(connection, source, reader, target, columns):
        return _LoadedRows(reader, *at_once, [])
    loaded = _LoadedRows(*_prove_columns(connection, source, keys, columns, keep))
    # A column without a name and without a value is no column of the table.
    typed = [column for i, column in enumerate(loaded.columns) if not column.is_empty or _is_named(layout, i)]
    loaded = replace(loaded, columns=typed or loaded.columns)
    create_table(connection, loaded.reader, target, loaded.columns)
    return loaded


def _doubt_duplicates(source: TextSource, excluded: int) -> list[str]:
    """Return a doubt where more rows were excluded by their content than the layout leaves out."""
    expected = sum(_is_excluded_by_content(source, row) for row in source.layout.left_out)
    if (further := excluded - expected) <= 0:
        return []
    rows = "row is" if further == 1 else "rows are"
    return [f"{further:,} more {rows} left out: their cells equal those of a row left out"]


def _name_source_columns(source: TextSource) -> list[str]:
    layout = source.layout
    names = name_columns(layout.header, layout.width, clean_column_name)
    if long := next((name for name in names if len(name) > _MAX_NAME_CHARS), ""):
        raise UnreadableError(
            f"{source.label}, {source.unit} {layout.header_line}: {long[:40]}… is too long for a name of a column",
            "Shorten it in the file.",
        )
    return names


def _list_columns(source: TextSource, names: Sequence[str]) -> list[TextColumn]:
    """Return the columns, each with the texts of the first rows."""
    return [
        TextColumn(
            f"c{i}",
            name,
            [record.cells[i] for record in source.sample if i < len(record.cells)],
            is_numeric=i in source.numeric_columns,
            kinds=("number",) if i in source.numeric_columns else ("length",) if i in source.duration_columns else None,
        )
        for i, name in enumerate(names)
    ]


def _load_at_once(
    connection: duckdb.DuckDBPyConnection,
    source: TextSource,
    reader: str,
    target: Target,
    columns: Sequence[TextColumn],
) -> tuple[list[TypedColumn], Counts] | None:
    """Make the table in one pass where all types are plain and rows match lines; else return None without a table."""
    typed = guess_plain_types(columns, source.rules)
    if typed is None or target.select_end or not load_plain_table(connection, reader, target, typed):
        return None
    name = quote_name(target.table)
    counted = ", ".join(f"count({quote_name(column.name)})" for column in typed)
    [(rows, *filled)] = connection.execute(f"SELECT count(*), {counted} FROM {name}").fetchall()
    adds_up = source.unit != "line" or source.text.lines == source.skip_lines + rows
    if adds_up and all(filled):
        return typed, Counts(rows, 0)
    connection.execute(f"DROP TABLE {name}")
    return None


def _write_reader(source: TextSource, keys: Sequence[str], *, more: str = "") -> str:
    """Return the call of DuckDB that reads every record below the header as texts."""
    dialect = source.dialect
    columns = ", ".join(f"{quote_literal(key)}: 'VARCHAR'" for key in keys)
    path = quote_literal(escape_glob(str(source.text.path)))
    # Files written by this package end their lines so, whatever the first cell holds.
    more += ", new_line='\\n'" if source.unit == "row" else ""
    return (
        f"read_csv({path}, auto_detect=false, header=false, skip={source.skip_records + source.text.leading_lines}, "
        f"delim={quote_literal(dialect.delimiter or chr(31))}, "
        f"quote={quote_literal(dialect.quote)}, escape={quote_literal(dialect.escape)}, columns={{{columns}}}, "
        f"max_line_size={MAX_LINE_CHARS}{more})"
    )


def _prove_columns(
    connection: duckdb.DuckDBPyConnection,
    source: TextSource,
    keys: Sequence[str],
    columns: Sequence[TextColumn],
    keep: str,
) -> tuple[str, list[TypedColumn], Counts, list[str]]:
    """Return the call that reads every record, the types, the counts, and what is doubtful.

    Rows that are short are read only where strict reading fails, since that takes one thread.

    Raises:
        UnreadableError: where a row has more cells than the others.
    """
    import duckdb

    reader = _write_reader(source, keys)
    try:
        return reader, *prove_types(connection, reader, keep, columns, source.rules), []
    except duckdb.InvalidInputException as error:
        if _EXPECTED.search(str(error)) is None:
            raise
        short = _list_short_lines(connection, source, keys)
    reader = _write_reader(source, keys, more=", null_padding=true, parallel=false")
    try:
        typed, counts = prove_types(connection, reader, keep, columns, source.rules)
    except duckdb.InvalidInputException as error:
        if _EXPECTED.search(str(error)) is None:
            raise
        raise _describe_long_row(source, str(error)) from error
    return reader, typed, counts, _doubt_short_rows(source, short)


def _doubt_short_rows(source: TextSource, short_lines: Sequence[int]) -> list[str]:
    """Return a doubt where rows of data, given by their lines, have fewer cells than the header."""
    left_out = {row.record.line for row in source.layout.left_out}
    lines = [line for line in short_lines if line not in left_out]
    if not lines:
        return []
    more = ", …" if len(lines) > _MAX_LISTED_LINES else ""
    listed = ", ".join(f"{line:,}" for line in lines[:_MAX_LISTED_LINES]) + more
    rows = "row has" if len(lines) == 1 else "rows have"
    return [f"{len(lines):,} {rows} fewer cells than the header (line {listed}): the rest is NULL"]


def _list_short_lines(connection: duckdb.DuckDBPyConnection, source: TextSource, keys: Sequence[str]) -> list[int]:
    """Return the lines of rows that have fewer cells than there are columns, at most _MAX_REJECTS."""
    reader = _write_reader(source, keys, more=f", ignore_errors=true, store_rejects=true, rejects_limit={_MAX_REJECTS}")
    connection.execute(f"SELECT count(*) FROM {reader}").fetchall()
    found = connection.execute(
        "SELECT DISTINCT line FROM reject_errors WHERE error_type = 'MISSING COLUMNS' ORDER BY line"
    ).fetchall()
    for table in ("reject_errors", "reject_scans"):
        connection.execute(f"DROP TABLE {table}")
    return [line for (line,) in found]


def _describe_long_row(source: TextSource, text: str) -> UnreadableError:
    line, width = _BAD_LINE.search(text), _EXPECTED.search(text)
    place = f", line {line[1]}" if line else ""
    others = f", which have {width[1]}" if width else ""
    sign = _SIGN_NAMES.get(source.dialect.delimiter, "delimiter")
    return UnreadableError(
        f"{source.label}{place} cannot be read: it has more cells than the others{others}",
        f"Put quotes around the cell that holds a {sign}, or correct the line.",
    )


def _write_keep_condition(source: TextSource, keys: Sequence[str]) -> str:
    """Return the SQL condition that leaves out rows that are no data, by all of their cells."""
    tests = []
    for one in source.layout.left_out:
        if not _is_excluded_by_content(source, one):
            continue
        cells = [*one.record.cells, *[""] * (len(keys) - len(one.record.cells))]
        same = [
            f"{quote_name(key)} IS NOT DISTINCT FROM {quote_literal(cell) if cell else 'NULL'}"
            for key, cell in zip(keys, cells, strict=False)
        ]
        tests.append(f"NOT ({' AND '.join(same)})")
    return " AND ".join(tests) or _ALL


def _is_excluded_by_content(source: TextSource, one: LeftOut) -> bool:
    """Return whether the row lies among the rows that are read, so that only its cells identify it."""
    return one.record.line > max(source.layout.header_line, source.skip_lines)


def _check_lines(
    connection: duckdb.DuckDBPyConnection, source: TextSource, reader: str, keys: Sequence[str], records: int
) -> list[str]:
    """Return what is doubtful where the rows that were read do not match the lines of the file."""
    if source.unit != "line":
        return []
    missing = source.text.lines - source.skip_lines - records
    if missing and source.text.has_quotes:
        breaks = " + ".join(
            f"coalesce(length({key}) - length(replace({key}, chr(10), '')), 0)" for key in map(quote_name, keys)
        )
        [(within,)] = connection.execute(f"SELECT coalesce(sum({breaks}), 0) FROM {reader}").fetchall()
        missing -= int(within)
    if not missing or 0 < missing <= count_empty_lines(source.text):
        return []
    if missing > 0:
        return [f"{missing:,} of {source.text.lines:,} lines are not accounted for: compare the table with the file"]
    return [f"there are {-missing:,} more rows than lines: compare the table with the file"]


def _remove_total_row(
    connection: duckdb.DuckDBPyConnection, source: TextSource, table: str, typed: Sequence[TypedColumn]
) -> tuple[list[LeftOut], list[str]]:
    """Remove a last row called a total where it is the sum of the others in every number; else return a doubt."""
    last, places = source.last_record, {f"c{number}": number for number in range(source.layout.width)}
    texts = [i for i, column in enumerate(typed) if column.type == TEXT]
    numbers = [i for i, column in enumerate(typed) if is_numeric(column.type)]
    if last is None or not texts or not numbers or not is_total(next((c for c in last.cells if c.strip(BLANKS)), "")):
        return [], []
    label = next(cell for cell in last.cells if cell.strip(BLANKS))
    position = last.cells.index(label)
    names = [quote_name(typed[i].name) for i in texts if places[typed[i].key] == position]
    if not names:
        return [], []
    [name] = names
    is_last = f"{name} = {quote_literal(label)}"
    filled = [i for i in numbers if (at := places[typed[i].key]) < len(last.cells) and last.cells[at].strip(BLANKS)]
    if not filled:
        return [], []
    values = [quote_name(typed[i].name) for i in filled]
    # Sums of doubles are not exact.
    sums = ", ".join(
        f"abs(sum({value}) FILTER (NOT {is_last} OR {name} IS NULL) - any_value({value}) FILTER ({is_last})) "
        f"<= 1e-9 * greatest(1, abs(any_value({value}) FILTER ({is_last})))"
        for value in values
    )
    found = connection.execute(f"SELECT count(*) FILTER ({is_last}), {sums} FROM {quote_name(table)}").fetchall()[0]
    if found[0] != 1 or not all(found[1:]):
        return [], [
            f"the last row, {label!r}, may be a total, but it is not the sum of the others: it is kept as a row"
        ]
    connection.execute(f"DELETE FROM {quote_name(table)} WHERE {is_last}")
    return [LeftOut(last, "a total of the rows above it")], []


def _exclude_rows(source: TextSource, left_out: Sequence[LeftOut]) -> TextSource:
    """Return the same source without these rows at its end."""
    records = [one.record for one in left_out]
    layout = replace(source.layout, left_out=(*source.layout.left_out, *left_out))
    sample = tuple(record for record in source.sample if record not in records)
    return replace(source, layout=layout, sample=sample, last_record=None)


def _describe_format(source: TextSource) -> str:
    dialect = source.dialect
    parts = []
    if source.unit == "line":
        parts.append(source.text.encoding)
        sign = _SIGN_NAMES.get(dialect.delimiter, repr(dialect.delimiter))
        parts.append(f"cells separated by {sign}" if dialect.delimiter else "one column")
        if dialect.quote == "'":
            parts.append("quoted by '")
    line = source.layout.header_line
    parts.append(f"header in {source.unit} {line:,}" if line else "no header")
    return ", ".join(parts)


def _is_named(layout: Layout, number: int) -> bool:
    return number < len(layout.header) and bool(clean_column_name(layout.header[number]))


def _make_column_account(column: TypedColumn, layout: Layout, number: int) -> ColumnAccount:
    header = layout.header[number] if number < len(layout.header) else ""
    return ColumnAccount(column.name, header, column.type, column.why, dict(column.nulls) or None, column.doubt)


def _describe_left_out(left_out: Sequence[LeftOut], unit: str, blank: int) -> list[tuple[str, str]]:
    reasons = []
    for row in left_out:
        text = " ".join(cell.strip(BLANKS) for cell in row.record.cells if cell.strip(BLANKS))
        reasons.append((f"{unit} {row.record.line:,} is left out, {row.reason}", text[:60]))
    if blank:
        reasons.append((f"{blank:,} empty {'row is' if blank == 1 else 'rows are'} left out", ""))
    return reasons

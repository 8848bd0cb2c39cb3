"""Make a table of a file of rows in text: CSV and its like, or a sheet that was written as such.

Each column is read as text first, and as another type only where every value proves it. Rows and lines must add up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nl2sql.importing.column_shapes import BLANKS
from nl2sql.importing.column_types import Counts, prove_types
from nl2sql.importing.delimiters import Record, find_delimiter, find_quote, split_lines
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.headers import name_columns
from nl2sql.importing.import_account import ColumnAccount, TableAccount
from nl2sql.importing.import_names import UnreadableError, clean_column_name
from nl2sql.importing.layout import Layout, LeftOut, find_layout, is_total
from nl2sql.importing.plain_text import PlainText, count_empty_lines
from nl2sql.importing.plain_types import (
    TEXT,
    Target,
    TextColumn,
    TypedColumn,
    create_table,
    guess_plain_types,
    load_plain_table,
)
from nl2sql.schema.identifiers import escape_glob, quote_literal, quote_name
from nl2sql.types.type_families import is_numeric

if TYPE_CHECKING:
    import duckdb

_MAX_HEAD_RECORDS: Final = 2000
_MAX_TAIL_RECORDS: Final = 20
_MAX_LINE_CHARS: Final = 4_000_000
_SIGN_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "": "none"}
_MAX_LISTED_LINES: Final = 3
_MAX_NAME_CHARS: Final = 1000
_MAX_REJECTS: Final = 100_000
_ALL: Final = "true"
_BAD_LINE: Final = re.compile(r"Line: (\d+)")
_EXPECTED: Final = re.compile(r"Expected Number of Columns: (\d+)")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a file are written."""

    delimiter: str
    quote: str = '"'
    escape: str = '"'


@dataclass(frozen=True, slots=True)
class TextSource:
    """A file of text to make a table of: what people call it, its dialect, where its table is, what its owner says.

    `numeric` are the positions of columns that the file knows as numbers, `duration_columns` as lengths of time.
    `skip_records` records, which are `skip_lines` lines, lie above the first row; `last_record` is the last row. `unit`
    is what rows are counted by in the file.
    """

    label: str
    text: PlainText
    dialect: Dialect
    layout: Layout
    sample: tuple[Record, ...]
    rules: FileRules = FileRules()
    numeric_columns: frozenset[int] = frozenset()
    duration_columns: frozenset[int] = frozenset()
    unit: str = "line"
    skip_records: int = 0
    skip_lines: int = 0
    doubts: tuple[str, ...] = ()
    last_record: Record | None = None


def inspect_text(called: str, text: PlainText, rules: FileRules, *, tabs: bool = False) -> TextSource:
    """Find how the file is written and where its table is. UnreadableError."""
    lines = _split_head(text)
    quote, escape = find_quote(lines)
    told = rules.delimiter or ("\t" if tabs else "")
    delimiter = told or find_delimiter(lines, quote, escape)
    records = split_lines(lines, delimiter, quote, escape)
    is_whole = text.size <= len(text.head)
    if not is_whole:
        records = records[:_MAX_HEAD_RECORDS]
    tail = () if is_whole else _split_tail(text, delimiter, quote, escape)
    layout = find_layout(records, tail, called=called, header=rules.header)
    if not layout.width:
        raise UnreadableError(f"{called} holds no values", "Remove it, or put data in it.")
    noted = {one.record.line for one in layout.left_out}
    body = [record for record in records[layout.body_start :] if record.value_count]
    sample = tuple(record for record in body if record.line not in noted)
    # DuckDB counts a record that runs over several lines as one.
    skip = records.index(body[0]) if body else len(records)
    data = [record for record in (*sample, *tail) if record.value_count and record.line not in noted]
    dialect = Dialect(delimiter, quote, escape)
    return TextSource(
        called,
        text,
        dialect,
        layout,
        sample,
        rules,
        skip_records=skip,
        skip_lines=body[0].line - 1 if body else text.lines,
        last_record=data[-1] if data else None,
    )


def _split_head(text: PlainText) -> list[str]:
    """The first lines, without the last one where the head of the file ends within it."""
    # A csv reader takes lines at line feeds alone.
    *whole, last = text.head.decode("utf-8", errors="replace").split("\n")
    lines = [f"{line}\n" for line in whole] + ([last] if last else [])
    if text.size > len(text.head) and len(lines) > 1:
        lines.pop()
    return [line[:_MAX_LINE_CHARS] for line in lines]


def _split_tail(text: PlainText, delimiter: str, quote: str, escape: str) -> tuple[Record, ...]:
    lines = text.tail.decode("utf-8", errors="replace").split("\n")[1:]
    first = text.lines - len(lines) + 1
    records = split_lines([f"{line}\n" for line in lines if line], delimiter, quote, escape)
    return tuple(record._replace(line=record.line + first) for record in records[-_MAX_TAIL_RECORDS:])


def make_table(connection: duckdb.DuckDBPyConnection, source: TextSource, table: str, end: str = "") -> TableAccount:
    """Make the table and tell how. UnreadableError where rows and lines don't add up; duckdb.Error.

    `end` is the end of the SELECT that bounds its rows.
    """
    layout = source.layout
    names = name_columns(layout.header, layout.width, clean_column_name)
    if long := next((name for name in names if len(name) > _MAX_NAME_CHARS), ""):
        raise UnreadableError(
            f"{source.label}, {source.unit} {layout.header_line}: {long[:40]}… is too long for a name of a column",
            "Shorten it in the file.",
        )
    keys = [f"c{number}" for number in range(layout.width)]
    keep = keep_all = _write_keep_condition(source, keys)
    columns = _list_columns(source, keys, names)
    blank = " AND ".join(f"{quote_name(key)} IS NULL" for key in keys)
    filled = f"({keep}) AND NOT ({blank})" if layout.width > 1 else keep
    target = Target(table, filled, end)
    reader, extra = _write_reader(source, keys), list[str]()
    if loaded := _load_at_once(connection, source, reader, target, columns):
        typed, counts = loaded
    else:
        reader, typed, counts, extra = _prove_columns(connection, source, keys, columns, keep)
        # Cells that are empty in every row and have no name are none that a person wrote.
        typed = [column for i, column in enumerate(typed) if not column.is_empty or _is_named(layout, i)] or typed
        create_table(connection, reader, target, typed)
    total, doubt = _remove_total_row(connection, source, table, typed)
    if total and any(column.doubt for column in typed):
        # The word before the total may be all that kept a column of dates or numbers text.
        connection.execute(f"DROP TABLE {quote_name(table)}")
        return make_table(connection, _exclude_rows(source, total), table, end)
    left_out = [*layout.left_out, *total]
    records = counts.rows
    if keep_all != _ALL:
        [(records,)] = connection.execute(f"SELECT count(*) FROM {reader}").fetchall()
    by_content = sum(_is_excluded_by_content(source, one) for one in layout.left_out)
    if (alike := records - counts.rows - by_content) > 0:
        doubt = [*doubt, f"{alike:,} more {'row is' if alike == 1 else 'rows are'} left out, of the same cells"]
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {quote_name(table)}").fetchall()
    doubts = [*source.text.doubts, *source.doubts, *layout.doubts, *extra, *doubt]
    if source.unit == "line" and (unknown := sorted(set(source.rules.types) - set(names))):
        doubts.append(f"`types` names {', '.join(map(repr, unknown))}, but there is no such column")
    doubts += _check_lines(connection, source, reader, keys, records)
    return TableAccount(
        table,
        source.label,
        rows,
        _describe_format(source),
        tuple(_make_column_account(column, layout, keys.index(column.key)) for column in typed),
        source.text.lines if source.unit == "line" else None,
        tuple(_describe_left_out(left_out, source.unit, counts.blank_rows if layout.width > 1 else 0)),
        tuple(doubts),
    )


def _list_columns(source: TextSource, keys: Sequence[str], names: Sequence[str]) -> list[TextColumn]:
    """The columns, each with the texts of the first rows."""
    return [
        TextColumn(
            key,
            name,
            [record.cells[i] for record in source.sample if i < len(record.cells)],
            is_numeric=i in source.numeric_columns,
            kinds=("number",) if i in source.numeric_columns else ("length",) if i in source.duration_columns else None,
        )
        for i, (key, name) in enumerate(zip(keys, names, strict=True))
    ]


def _load_at_once(
    connection: duckdb.DuckDBPyConnection,
    source: TextSource,
    reader: str,
    target: Target,
    columns: Sequence[TextColumn],
) -> tuple[list[TypedColumn], Counts] | None:
    """Make the table in one pass, where all types are plain and lines and rows add up; else leave none behind."""
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


# How DuckDB reads it


def _write_reader(source: TextSource, keys: Sequence[str], *, more: str = "") -> str:
    """The call of DuckDB that gives every record below the header as texts."""
    dialect = source.dialect
    columns = ", ".join(f"{quote_literal(key)}: 'VARCHAR'" for key in keys)
    path = quote_literal(escape_glob(str(source.text.path)))
    # What was written here ends its lines so, whatever the first cell holds.
    more += ", new_line='\\n'" if source.unit == "row" else ""
    return (
        f"read_csv({path}, auto_detect=false, header=false, skip={source.skip_records + source.text.leading_lines}, "
        f"delim={quote_literal(dialect.delimiter or chr(31))}, "
        f"quote={quote_literal(dialect.quote)}, escape={quote_literal(dialect.escape)}, columns={{{columns}}}, "
        f"max_line_size={_MAX_LINE_CHARS}{more})"
    )


def _prove_columns(
    connection: duckdb.DuckDBPyConnection,
    source: TextSource,
    keys: Sequence[str],
    columns: Sequence[TextColumn],
    keep: str,
) -> tuple[str, list[TypedColumn], Counts, list[str]]:
    """The call that reads every record, the types, and what is doubtful. UnreadableError names a line too long.

    Rows that are short are read only where strict reading fails, since that takes one thread.
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
    noted = {one.record.line for one in source.layout.left_out}
    lines = [line for line in short if line not in noted]
    if not lines:
        return reader, typed, counts, []
    told = ", ".join(f"{line:,}" for line in lines[:_MAX_LISTED_LINES]) + (
        ", …" if len(lines) > _MAX_LISTED_LINES else ""
    )
    rows = "row has" if len(lines) == 1 else "rows have"
    return reader, typed, counts, [f"{len(lines):,} {rows} fewer cells than the header (line {told}): the rest is NULL"]


def _list_short_lines(connection: duckdb.DuckDBPyConnection, source: TextSource, keys: Sequence[str]) -> list[int]:
    """The lines of the rows that have fewer cells than there are columns, up to many."""
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
        f"Put quotes around the cell that holds a {sign}, or mend the line.",
    )


def _write_keep_condition(source: TextSource, keys: Sequence[str]) -> str:
    """The condition that leaves rows out that are no data, by all of their cells."""
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
    """Whether the row lies among the rows that are read, so that its content tells it from them."""
    return one.record.line > max(source.layout.header_line, source.skip_lines)


def _check_lines(
    connection: duckdb.DuckDBPyConnection, source: TextSource, reader: str, keys: Sequence[str], records: int
) -> list[str]:
    """Whether the rows that were read and the lines of the file add up. What is doubtful; UnreadableError."""
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


# What is no data, and what is told


def _remove_total_row(
    connection: duckdb.DuckDBPyConnection, source: TextSource, table: str, typed: Sequence[TypedColumn]
) -> tuple[list[LeftOut], list[str]]:
    """Remove a last row that says it sums up the others, where it does so in every number; else a doubt."""
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
    # Doubles lose a little as they are added up.
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
    """The same without these rows at its end."""
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
        parts.append(f"cells parted by {sign}" if dialect.delimiter else "one column")
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
    told = []
    for one in left_out:
        text = " ".join(cell.strip(BLANKS) for cell in one.record.cells if cell.strip(BLANKS))
        told.append((f"{unit} {one.record.line:,} is left out, {one.reason}", text[:60]))
    if blank:
        told.append((f"{blank:,} empty {'row is' if blank == 1 else 'rows are'} left out", ""))
    return told

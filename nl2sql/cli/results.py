"""Rows on stdout in the format asked for.

It knows formats and streams; it runs nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.result_notes import describe_renamed, list_cuts
from nl2sql.cli.screen import escape_control_chars, expect_json, find_screen
from nl2sql.cli.terminal import is_terminal, print_note, print_table
from nl2sql.errors import ConfigError
from nl2sql.exports.csv_text import PLAIN_CSV, CsvStyle
from nl2sql.exports.row_formats import write
from nl2sql.text_safety import make_one_line
from nl2sql.types import Result, ResultColumn, make_unique_names
from nl2sql.types.type_families import is_numeric

if TYPE_CHECKING:
    import pyarrow as pa

    from nl2sql.answer.display import ColumnFormat
    from nl2sql.assistant import Assistant

_JSON: Final = ("json", "jsonl")
EXPORTS: Final = ("csv", "jsonl", "md", "parquet")
TERMINAL_ROWS: Final = 50
_CELL_CHARS: Final = 200
_UNBOUNDED_BYTES: Final = 1 << 62


def write_result(
    form: str, result: Result, formats: Callable[[], Sequence[ColumnFormat]], style: CsvStyle = PLAIN_CSV
) -> None:
    """The rows on stdout: drawn on a terminal, plain elsewhere. On a terminal the table shows the first rows.

    One row that has text of several lines, such as a plan, is shown line by line. Says where columns were renamed.
    `formats` says how people read each column on a terminal.
    """
    if form == "table" and result.row_count == 1 and any(map(_has_lines, result.rows[0])):
        write_text("\n".join(_list_lines(result)))
    elif form == "table" and is_terminal(sys.stdout):
        _draw(result, formats())
    else:
        write_batches(form, result.columns, result.table.to_batches() or _make_empty_batch(result), style)
    print_renamed_columns(result.columns)


def print_renamed_columns(columns: Sequence[ResultColumn]) -> None:
    """Say which columns have another name than in the query, if any has."""
    if renamed := describe_renamed([column.name for column in columns]):
        print_note(f"note: {renamed}")


def write_batches(
    form: str, columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], style: CsvStyle = PLAIN_CSV
) -> int:
    """The rows on stdout as they come, and how many there were."""
    if form == "parquet" and is_terminal(sys.stdout):
        raise ConfigError(
            "parquet cannot be shown on a terminal", "Write it to a file or a pipe: … -o parquet > rows.parquet"
        )
    sys.stdout.flush()
    if form in _JSON:
        with expect_json(sys.stdout):
            return write(form, columns, batches, sys.stdout.buffer)
    screen = find_screen(sys.stdout)
    before = screen.replaced if screen else 0
    count = write(form, columns, batches, sys.stdout.buffer, style)
    sys.stdout.buffer.flush()
    if form == "csv" and screen and screen.replaced > before:
        signs = f"{screen.replaced - before:,} control characters are"
        print_note(f"note: {signs} shown as ␛ or \ufffd; a file or a pipe gets them unchanged: -o csv > rows.csv")
    return count


def write_all_rows(assistant: Assistant, sql: str, form: str, style: CsvStyle) -> None:
    """Every row that the query gives, streamed, within the limits on time and memory."""
    limits = replace(assistant.config.limits, rows=None, result_bytes=_UNBOUNDED_BYTES)
    with assistant.database.run_stream(sql, limits=limits) as rows:
        count = write_batches(form, rows.columns, rows.read_batches(), style)
    print_renamed_columns(rows.columns)
    for warning in list_cuts(count, rows.truncated, rows.cut_cells):
        print_note(f"warning: {warning}")


def write_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout: indented on a terminal, on one line elsewhere."""
    write_json_line(value, indent=2 if is_terminal(sys.stdout) else None)


def write_json_line(value: Mapping[str, Any], *, indent: int | None = None) -> None:
    """One JSON object on a line of stdout."""
    with expect_json(sys.stdout):
        _write(json.dumps(value, ensure_ascii=False, indent=indent))


def write_text(text: str) -> None:
    """A line for people, or several, on stdout."""
    _write(escape_control_chars(text))


def _write(text: str) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write((text + "\n").encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def write_text_table(names: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[int] = ()) -> None:
    """A table of texts that are not a query's result: drawn on a terminal, plain elsewhere."""
    rows = [[make_one_line(cell, _CELL_CHARS) for cell in row] for row in rows]
    if is_terminal(sys.stdout):
        print_table(names, rows, [position in numeric for position in range(len(names))])
        return
    widths = [max(len(row[i]) for row in [names, *rows]) for i in range(len(names))]
    for row in [names, *rows]:
        cells = [row[i].rjust(widths[i]) if i in numeric else row[i].ljust(widths[i]) for i in range(len(names))]
        write_text("  ".join(cells).rstrip())


def _has_lines(value: Any) -> bool:
    return isinstance(value, str) and len(value.splitlines()) > 1


def _list_lines(result: Result) -> Iterator[str]:
    """The one row, a column after the other; lines of a text are set in, so that none passes for more than that."""
    names = make_unique_names([column.name for column in result.columns])
    for name, value in zip(names, result.rows[0], strict=True):
        name = make_one_line(name, _CELL_CHARS)
        if _has_lines(value):
            yield f"{name}:"
            yield from (f"  {line}" for line in value.splitlines())
        else:
            yield f"{name}: {'NULL' if value is None else make_one_line(text_of(value), _CELL_CHARS)}"


def _draw(result: Result, formats: Sequence[ColumnFormat]) -> None:
    rows = [
        [
            "NULL" if value is None else make_one_line(one.show(value), _CELL_CHARS)
            for one, value in zip(formats, row, strict=True)
        ]
        for row in result.rows[:TERMINAL_ROWS]
    ]
    names = [make_one_line(name, _CELL_CHARS) for name in make_unique_names([column.name for column in result.columns])]
    print_table(names, rows, [is_numeric(column.type) for column in result.columns])
    if result.row_count > TERMINAL_ROWS:
        more = f"… {result.row_count - TERMINAL_ROWS:,} more rows: -o csv writes them all"
        write_text(more)


def _make_empty_batch(result: Result) -> Iterable[pa.RecordBatch]:
    """An empty result still has a schema, which Parquet wants to write."""
    import pyarrow as pa

    return [
        pa.RecordBatch.from_arrays(
            [pa.array([], field.type) for field in result.table.schema], result.table.schema.names
        )
    ]

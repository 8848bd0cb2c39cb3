"""Write results to stdout in the format asked for.

It knows formats and streams; only `write_all_rows` runs a query.
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
    """Write the rows to stdout: drawn on a terminal, plain elsewhere.

    A table on a terminal shows the first rows. A single row with text of several lines, such as a query plan, is
    shown line by line. `formats` says how each column is written on a terminal.
    """
    if form == "table" and result.row_count == 1 and any(map(_has_lines, result.rows[0])):
        write_text("\n".join(_list_lines(result)))
    elif form == "table" and is_terminal(sys.stdout):
        _draw(result, formats())
    else:
        write_batches(form, result.columns, result.table.to_batches() or _make_empty_batch(result), style)
    print_renamed_columns(result.columns)


def print_renamed_columns(columns: Sequence[ResultColumn]) -> None:
    """Print which columns have another name than in the query."""
    if renamed := describe_renamed([column.name for column in columns]):
        print_note(f"note: {renamed}")


def write_batches(
    form: str, columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], style: CsvStyle = PLAIN_CSV
) -> int:
    """Write the rows to stdout as they come, and return how many there were.

    Raises:
        ConfigError: Parquet would be written to a terminal.
    """
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
    """Write every row of the query, streamed, within the limits on time and memory."""
    limits = replace(assistant.config.limits, rows=None, result_bytes=_UNBOUNDED_BYTES)
    with assistant.database.run_stream(sql, limits=limits) as rows:
        count = write_batches(form, rows.columns, rows.read_batches(), style)
    print_renamed_columns(rows.columns)
    for warning in list_cuts(count, rows.truncated, rows.cut_cells):
        print_note(f"warning: {warning}")


def write_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout: indented on a terminal, on one line elsewhere."""
    write_json_line(value, indent=2 if is_terminal(sys.stdout) else None)


def write_json_line(value: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Write one JSON object as a line to stdout."""
    with expect_json(sys.stdout):
        _write(json.dumps(value, ensure_ascii=False, indent=indent))


def write_text(text: str) -> None:
    """Write a line or several to stdout, for people."""
    _write(escape_control_chars(text))


def _write(text: str) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write((text + "\n").encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def write_text_table(names: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[int] = ()) -> None:
    """Write a table of texts: drawn on a terminal, plain elsewhere."""
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
    """Yield the columns of a single row as lines; lines of a text are indented, so that none looks like a column."""
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
    """Return one empty batch: Parquet needs the schema of an empty result too."""
    import pyarrow as pa

    return [
        pa.RecordBatch.from_arrays(
            [pa.array([], field.type) for field in result.table.schema], result.table.schema.names
        )
    ]

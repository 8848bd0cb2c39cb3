"""Write rows as csv, json, jsonl, md, parquet, xlsx or a plain-text table, batch by batch as they arrive.

It does not know where they go, nor that there was a question.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from nl2sql.answer.cell_text import spell_json, text_of
from nl2sql.errors import ConfigError
from nl2sql.exports.csv_text import PLAIN_CSV, CsvStyle, choose_style, write_csv
from nl2sql.exports.held_batches import hold_batches
from nl2sql.exports.json_columns import JsonColumn, encode_batch
from nl2sql.text_safety import make_one_line
from nl2sql.types import ResultColumn, list_column_values, make_unique_names
from nl2sql.types.type_families import is_numeric

if TYPE_CHECKING:
    import pyarrow as pa

Writer = Callable[[Sequence[ResultColumn], Iterable["pa.RecordBatch"], BinaryIO], int]
MAX_CELL_CHARS: Final = 80
# These join characters, as in Persian and in emoji, and have no other effect.
_JOINERS: Final = "\u200c\u200d"
MAX_MEASURED_ROWS: Final = 1000
# What would end the cell, or begin a link, a picture, code or stress; `_` within a word begins nothing.
_MD_MARKS: Final = re.compile(r"[\\|\[\]`*]")
_LINE_BREAK: Final = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")


def write(
    form: str,
    columns: Sequence[ResultColumn],
    batches: Iterable[pa.RecordBatch],
    out: BinaryIO,
    style: CsvStyle = PLAIN_CSV,
) -> int:
    """Write the rows in that form and return how many. `form` is one of FORMS; text is UTF-8; `style` is for csv.

    Each batch is written as it comes, so that a large result needs no more memory than a batch. JSON waits for the last
    batch where the types alone do not say whether a column is numbers or text.
    """
    return write_csv(columns, batches, out, style) if form == "csv" else FORMS[form](columns, batches, out)


def export(  # noqa: PLR0913 - keywords are the public interface
    form: str,
    columns: Sequence[ResultColumn],
    batches: Iterable[pa.RecordBatch],
    out: BinaryIO,
    *,
    spreadsheet_safe: bool = True,
    delimiter: str | None = None,
    decimal: str | None = None,
    sql: str = "",
    title: str = "",
    about: Mapping[str, str] | None = None,
) -> int:
    """Write the rows in that form (csv, json, jsonl, md, parquet, xlsx) to a binary file, and return how many.

    Columns of the same name get different names: the second `a` is `a_2`. json, jsonl and xlsx begin to write after the
    last batch, the other forms with the first. Csv is for spreadsheets: a text that looks like a formula gets an
    apostrophe before it; `spreadsheet_safe=False` writes every text as it is. `delimiter` (`,`, `;`, `|`, `tab`) and
    `decimal` (`.`, `,`) are for csv. For xlsx, `sql` (the query of the rows) helps to choose number formats, `title`
    names the first sheet, and `about` has texts by name for a sheet of their own.

    Raises:
        ConfigError: where the form, the delimiter or the decimal sign is unknown, or a library is not installed.
        LimitError: where Excel has no room for so many columns, or the disk for so many rows.
    """
    from nl2sql.exports.excel import WorkbookTexts, write_xlsx

    style = choose_style(delimiter, decimal)
    style = CsvStyle(style.delimiter, style.decimal, spreadsheet_safe)
    writers: dict[str, Writer] = {
        **EXPORTS,
        "csv": partial(write_csv, style=style),
        "xlsx": partial(write_xlsx, texts=WorkbookTexts(sql, title, about or {})),
    }
    if form not in writers:
        raise ConfigError(f"{form!r} is not an export format", f"Choose one of: {', '.join(sorted(writers))}.")
    return writers[form](columns, batches, out)


def _write_jsonl(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    count = 0
    for record in _encode_records(columns, batches):
        out.write(record + b"\n")
        count += 1
    return count


def _write_json(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    """Write one array of objects, each on a line of its own."""
    count = 0
    out.write(b"[")
    for record in _encode_records(columns, batches):
        out.write(b",\n" * bool(count) + record)
        count += 1
    out.write(b"]\n")
    return count


def _encode_records(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch]) -> Iterable[bytes]:
    """Yield each row as a JSON object in UTF-8."""
    names = make_unique_names([column.name for column in columns])
    rest = iter(batches)
    first = next(rest, None)
    if first is None:
        return
    encoders = [JsonColumn(field.type) for field in first.schema]

    def observe(batch: pa.RecordBatch) -> None:
        for encoder, column in zip(encoders, batch.columns, strict=True):
            encoder.observe(column)

    whole = batches if isinstance(batches, Sequence) else chain([first], rest)
    is_doubtful = any(encoder.is_doubtful for encoder in encoders)
    with hold_batches(whole, observe) if is_doubtful else nullcontext(whole) as observed:
        for batch in observed:
            for row in encode_batch(encoders, batch):
                yield json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False).encode()


def _write_md(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    count = 0
    out.write(_write_md_line(make_unique_names([column.name for column in columns])))
    out.write(_write_md_line(["---:" if is_numeric(column.type) else "---" for column in columns]))
    for batch in batches:
        for row in _iterate_rows(batch):
            out.write(_write_md_line(list(map(_choose_text, row))))
            count += 1
    return count


def _choose_text(value: Any) -> str:
    if value is None:
        return "NULL"
    return spell_json(value) if isinstance(value, list | dict) else text_of(value)


def _write_md_line(cells: Sequence[str]) -> bytes:
    return f"| {' | '.join(map(_escape_md, cells))} |\n".encode()


def _escape_md(text: str) -> str:
    """Return the text for a cell of a Markdown table: no markup, no control characters, line breaks as `<br>`."""
    escaped = _MD_MARKS.sub(r"\\\g<0>", text).replace("<", "&lt;")
    lines = _LINE_BREAK.split(escaped)
    return "<br>".join(line if line.isprintable() else "".join(map(_hide_control, line)) for line in lines)


def _hide_control(sign: str) -> str:
    is_hidden = sign not in _JOINERS and unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return " " if is_hidden else sign


def _write_parquet(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = make_unique_names([column.name for column in columns])
    count = 0
    writer = None
    try:
        for batch in batches:
            batch = batch.rename_columns(names)
            if writer is None:
                writer = pq.ParquetWriter(pa.PythonFile(out, mode="w"), batch.schema)
            writer.write_batch(batch)
            count += batch.num_rows
        if writer is None:
            # Without a batch the types are unknown; a file with columns of NULL still names them.
            writer = pq.ParquetWriter(pa.PythonFile(out, mode="w"), pa.schema([(name, pa.null()) for name in names]))
    finally:
        if writer is not None:
            writer.close()
    return count


def _write_table(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    """Write aligned plain text. Widths are measured over the first MAX_MEASURED_ROWS rows; long cells are shortened."""
    pending: list[list[str]] = []
    widths: list[int] | None = None
    count = 0
    for batch in batches:
        for row in _iterate_rows(batch):
            cells = [make_one_line(text_of(value), MAX_CELL_CHARS) if value is not None else "NULL" for value in row]
            count += 1
            if widths is None and len(pending) < MAX_MEASURED_ROWS:
                pending.append(cells)
                continue
            if widths is None:
                widths = _flush(columns, pending, out)
            out.write(_align_cells(cells, widths, columns))
    if widths is None:
        _flush(columns, pending, out)
    return count


def _flush(columns: Sequence[ResultColumn], rows: list[list[str]], out: BinaryIO) -> list[int]:
    names = [make_one_line(name, MAX_CELL_CHARS) for name in make_unique_names([column.name for column in columns])]
    widths = [max([len(name), *(len(row[i]) for row in rows)]) for i, name in enumerate(names)]
    out.write(_align_cells(names, widths, columns))
    out.write(("  ".join("-" * width for width in widths) + "\n").encode())
    for row in rows:
        out.write(_align_cells(row, widths, columns))
    return widths


def _align_cells(cells: Sequence[str], widths: Sequence[int], columns: Sequence[ResultColumn]) -> bytes:
    padded = [
        cell.rjust(width) if is_numeric(column.type) else cell.ljust(width)
        for cell, width, column in zip(cells, widths, columns, strict=True)
    ]
    return ("  ".join(padded).rstrip() + "\n").encode()


def _iterate_rows(batch: pa.RecordBatch) -> Iterable[tuple[Any, ...]]:
    return zip(*[list_column_values(column) for column in batch.columns], strict=True)


EXPORTS: Final[dict[str, Writer]] = {
    "csv": write_csv,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "md": _write_md,
    "parquet": _write_parquet,
}
FORMS: Final[dict[str, Writer]] = {
    "table": _write_table,
    **{form: EXPORTS[form] for form in ("csv", "jsonl", "md", "parquet")},
}

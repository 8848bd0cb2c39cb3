"""Rows written out: csv, json, jsonl, md, parquet, xlsx and a plain-text table, batch by batch as they arrive.

It does not know where they go, nor that there was a question.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from nl2sql.answer.values import json_of, text_of
from nl2sql.errors import ConfigError
from nl2sql.schema.render import one_line
from nl2sql.types import ResultColumn, column_values

if TYPE_CHECKING:
    import pyarrow as pa

CELL_CHARS: Final = 80
MEASURED_ROWS: Final = 1000
_MD_CHARS: Final = 10_000


def write(form: str, columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    """Write the rows in that form and return how many. `form` is one of FORMS; text is UTF-8.

    Each batch is written as it comes, so that a whole result needs no more memory than a batch.
    """
    return FORMS[form](columns, batches, out)


def export(
    form: str,
    columns: Sequence[ResultColumn],
    batches: Iterable[pa.RecordBatch],
    out: BinaryIO,
    *,
    spreadsheet_safe: bool = True,
) -> int:
    """Write the rows in that form (csv, json, jsonl, md, parquet, xlsx) to a binary file; returns how many.

    The csv and xlsx are for spreadsheets: a text that one would take for a formula stays text (in the csv by an
    apostrophe before it), numbers and dates stay what they are. `spreadsheet_safe=False` writes csv for programs,
    every text as it is. Each batch is written as it comes. Raises ConfigError for an unknown form.
    """
    from nl2sql.answer.spreadsheet import write_safe_csv, write_xlsx

    writers = {**EXPORTS, "xlsx": write_xlsx}
    if spreadsheet_safe:
        writers["csv"] = write_safe_csv
    if form not in writers:
        raise ConfigError(f"{form!r} is not a form of export", f"Known are: {', '.join(sorted(writers))}.")
    return writers[form](columns, batches, out)


def _write_csv(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    count = 0
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for batch in batches:
            for row in _rows(batch):
                writer.writerow([text_of(value) for value in row])
                count += 1
            text.flush()
    finally:
        text.detach()
    return count


def _write_jsonl(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    names = _unique([column.name for column in columns])
    count = 0
    for batch in batches:
        for row in _rows(batch):
            record = dict(zip(names, map(json_of, row), strict=True))
            out.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            count += 1
    return count


def _write_json(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    """One array of objects, each on a line of its own."""
    names = _unique([column.name for column in columns])
    count = 0
    out.write(b"[")
    for batch in batches:
        for row in _rows(batch):
            record = json.dumps(dict(zip(names, map(json_of, row), strict=True)), ensure_ascii=False)
            out.write(b",\n" * bool(count) + record.encode())
            count += 1
    out.write(b"]\n")
    return count


def _write_md(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    count = 0
    out.write(_md_line([one_line(column.name, _MD_CHARS) for column in columns]))
    out.write(_md_line(["---:" if is_numeric(column.type) else "---" for column in columns]))
    for batch in batches:
        for row in _rows(batch):
            out.write(_md_line([one_line(text_of(value), _MD_CHARS) for value in row]))
            count += 1
    return count


def _md_line(cells: Sequence[str]) -> bytes:
    escaped = [cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in cells]
    return f"| {' | '.join(escaped)} |\n".encode()


def _write_parquet(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    writer = None
    try:
        for batch in batches:
            batch = batch.rename_columns(_unique([column.name for column in columns]))
            if writer is None:
                writer = pq.ParquetWriter(pa.PythonFile(out, mode="w"), batch.schema)
            writer.write_batch(batch)
            count += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def _write_table(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    """Aligned plain text. Widths are measured over the first thousand rows; longer cells are shortened."""
    pending: list[list[str]] = []
    widths: list[int] | None = None
    count = 0
    for batch in batches:
        for row in _rows(batch):
            cells = [one_line(text_of(value), CELL_CHARS) if value is not None else "NULL" for value in row]
            count += 1
            if widths is None and len(pending) < MEASURED_ROWS:
                pending.append(cells)
                continue
            if widths is None:
                widths = _flush(columns, pending, out)
            out.write(_aligned(cells, widths, columns))
    if widths is None:
        _flush(columns, pending, out)
    return count


def _flush(columns: Sequence[ResultColumn], rows: list[list[str]], out: BinaryIO) -> list[int]:
    names = [one_line(column.name, CELL_CHARS) for column in columns]
    widths = [max([len(name), *(len(row[i]) for row in rows)]) for i, name in enumerate(names)]
    out.write(_aligned(names, widths, columns))
    out.write(("  ".join("-" * width for width in widths) + "\n").encode())
    for row in rows:
        out.write(_aligned(row, widths, columns))
    return widths


def _aligned(cells: Sequence[str], widths: Sequence[int], columns: Sequence[ResultColumn]) -> bytes:
    padded = [
        cell.rjust(width) if is_numeric(column.type) else cell.ljust(width)
        for cell, width, column in zip(cells, widths, columns, strict=True)
    ]
    return ("  ".join(padded).rstrip() + "\n").encode()


def is_numeric(kind: str) -> bool:
    return kind.upper().startswith(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL")
    ) and not kind.upper().startswith(("UUID", "UNION"))


def _rows(batch: pa.RecordBatch) -> Iterable[tuple[Any, ...]]:
    return zip(*[column_values(column) for column in batch.columns], strict=True)


def _unique(names: Sequence[str]) -> list[str]:
    """Each name once, as Parquet and JSON objects want them: a second `a` becomes `a_2`."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return unique


EXPORTS: Final = {
    "csv": _write_csv,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "md": _write_md,
    "parquet": _write_parquet,
}
FORMS: Final = {"table": _write_table, **{form: EXPORTS[form] for form in ("csv", "jsonl", "md", "parquet")}}

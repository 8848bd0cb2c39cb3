"""A short-lived child process that builds one DuckDB file from data files: tables, and views over Parquet.

It opens the files its parent names, and nothing of it stays running when questions are asked.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nl2sql.engines.files import KINDS
from nl2sql.engines.frames import read_frame, write_frame
from nl2sql.engines.imported import TableNames, UnreadableError, table_name
from nl2sql.engines.lock import glob_escaped, quoted, quoted_name

if TYPE_CHECKING:
    import duckdb

SNIFFED_WHOLE: Final = 64_000_000
SNIFFED_ROWS: Final = 200_000
SPLIT_LINES: Final = 200
_LINE: Final = re.compile(r"\bLine: (\d+)|\bin (?:line|record/value) (\d+)")
_DELIMITERS: Final = ",;\t|"
_MAKE_ROOM: Final = "Free some space, or set NL2SQL_HOME to a folder on another disk."


def build(database: str, files: list[Path]) -> None:
    """Write the database. UnreadableError names the file that is not as it should be."""
    import duckdb

    names = TableNames()
    try:
        with duckdb.connect(database) as connection:
            connection.execute("SET python_enable_replacements=false")
            # Sheets come last: a file named like one of them keeps its name.
            for file in sorted(files, key=lambda file: KINDS[file.suffix.lower()] == "excel"):
                _refuse_unreadable(file)
                try:
                    _import(connection, file, names)
                except duckdb.Error as error:
                    if database in str(error):
                        raise
                    raise _unreadable(file, str(error)) from error
    except duckdb.Error as error:
        reason = str(error).rpartition(": ")[2]
        raise UnreadableError(f"the imported data cannot be written: {reason}", _MAKE_ROOM) from error


def _refuse_unreadable(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            empty = not opened.read(1)
    except OSError as error:
        raise UnreadableError(f"{file.name} cannot be read: {error.strerror}", "Check its permissions.") from error
    if empty:
        raise UnreadableError(f"{file.name} is empty", "Remove it, or put data in it.")


def _import(connection: duckdb.DuckDBPyConnection, file: Path, names: TableNames) -> None:
    kind = KINDS[file.suffix.lower()]
    if kind == "excel":
        from nl2sql.engines.spreadsheet import import_sheets

        import_sheets(connection, file, names)
        return
    table = quoted_name(names.take(table_name(file.stem), table_name(file.name)))
    source = quoted(glob_escaped(str(file)))
    if kind == "parquet":
        connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({source})")
    elif kind == "json":
        _import_sniffed(connection, file, table, f"read_json({source}, sample_size=%d)")
    else:
        options = ", delim='\t'" if kind == "tsv" else ""
        _import_sniffed(connection, file, table, f"read_csv({source}, sample_size=%d{options})")
        if not options:
            _refuse_unsplit(connection, file, table)


def _import_sniffed(connection: duckdb.DuckDBPyConnection, file: Path, table: str, reader: str) -> None:
    """Import by the types of the first rows, or of all rows where they are few or the first ones deceived."""
    import duckdb

    whole = file.stat().st_size <= SNIFFED_WHOLE
    statement = f"CREATE TABLE {table} AS SELECT * FROM {reader}"
    try:
        connection.execute(statement % (-1 if whole else SNIFFED_ROWS))
    except (duckdb.ConversionException, duckdb.InvalidInputException):
        if whole:
            raise
        connection.execute(statement % -1)


def _refuse_unsplit(connection: duckdb.DuckDBPyConnection, file: Path, table: str) -> None:
    """Lines of uneven length make DuckDB take each line as one value: read again, strictly, to name the line."""
    if len(connection.execute(f"DESCRIBE {table}").fetchall()) > 1:
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        head = [line for line, _ in zip(lines, range(SPLIT_LINES), strict=False)]
    delimiter = next((sign for sign in _DELIMITERS if _splits(head, sign)), None)
    if delimiter is None:
        return
    header = next(csv.reader(head[:1], delimiter=delimiter))
    columns = ", ".join(f"{quoted(f'column{i}')}: 'VARCHAR'" for i in range(len(header)))
    connection.execute(
        f"SELECT count(*) FROM read_csv({quoted(glob_escaped(str(file)))}, delim={quoted(delimiter)}, header=true, "
        f"quote='\"', escape='\"', auto_detect=false, columns={{{columns}}})"
    ).fetchall()


def _splits(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the header and most lines hold the delimiter."""
    return delimiter in lines[0] and 2 * sum(delimiter in line for line in lines) > len(lines)


def _unreadable(file: Path, text: str) -> UnreadableError:
    """DuckDB's complaint about a file as one sentence, with the line where it names one."""
    found = _LINE.search(text)
    line = f", line {found.group(1) or found.group(2)}" if found else ""
    if "not utf-8" in text.lower() or "invalid unicode" in text.lower():
        return UnreadableError(f"{file.name}{line} is not UTF-8 text", "Save the file as UTF-8, then try again.")
    sentences = [part for part in text.splitlines() if part and not part.startswith(("LINE ", "Original Line"))]
    first = sentences[1] if "CSV Error on Line" in sentences[0] and len(sentences) > 1 else sentences[0]
    reason = first.replace(str(file), file.name).partition(" Error: ")[2] or first.replace(str(file), file.name)
    return UnreadableError(f"{file.name}{line} cannot be read: {reason.strip()}", "Mend the file, or leave it out.")


def main() -> None:
    """Build what the one request on standard input asks for, and say how it went."""
    frame = read_frame(sys.stdin.buffer)
    if frame is None:
        return
    request: Mapping[str, Any] = frame[0]
    reply = {"kind": "built"}
    try:
        build(request["database"], [Path(file) for file in request["files"]])
    except UnreadableError as error:
        reply = {"kind": "error", "message": error.message, "hint": error.hint}
    except OSError as error:
        reply = {"kind": "error", "message": f"the import failed: {error.strerror}", "hint": _MAKE_ROOM}
    write_frame(sys.stdout.buffer, reply)

"""A short-lived child process that builds one DuckDB file from data files: tables, and views over Parquet.

It opens the files its parent names, and nothing of it stays running when questions are asked. Files of strangers are
imported within bounds, Parquet too: the limits of the operating system hold, and only the new file's folder may be
written. Which tables may be asked about is not known here.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nl2sql.engines import fence, os_limits
from nl2sql.engines.complaints import unreadable
from nl2sql.engines.files import KINDS
from nl2sql.engines.frames import read_frame, write_frame
from nl2sql.engines.imported import TableNames, UnreadableError, table_name
from nl2sql.engines.lock import BUFFER_SHARE, glob_escaped, quoted, quoted_name

if TYPE_CHECKING:
    import duckdb

SNIFFED_WHOLE: Final = 64_000_000
SNIFFED_ROWS: Final = 200_000
SPLIT_LINES: Final = 200
# Fewer lines before the header may be a title and remarks.
SKIPPED_LINES: Final = 5
_DELIMITERS: Final = ",;\t|"
_MAKE_ROOM: Final = "Free some space, or set NL2SQL_HOME to a folder on another disk."


@dataclass(frozen=True, slots=True)
class Bounds:
    """What files may take whose contents nobody vouches for: rows a table, bytes of memory, bytes of any file."""

    rows: int
    memory: int
    file_bytes: int

    @property
    def first_rows(self) -> str:
        """The end of a SELECT that takes one row more than there may be."""
        return f" LIMIT {self.rows + 1}"


def build(database: str, files: list[Path], bounds: Bounds | None = None) -> list[tuple[int, str]]:
    """Write the database. Returns the tables, each with the number of its file, in the order of the files.

    UnreadableError names the file that is not as it should be.
    """
    import duckdb

    names, made = TableNames(), []
    try:
        with duckdb.connect(database, config=_options(bounds)) as connection:
            connection.execute("SET python_enable_replacements=false")
            if bounds is not None:
                _confine(connection, files, Path(database).parent, bounds)
            # Sheets come last: a file named like one of them keeps its name.
            for number, file in sorted(enumerate(files), key=lambda entry: _kind(entry[1]) == "excel"):
                _refuse_unreadable(file)
                try:
                    tables = _import(connection, file, names, bounds)
                    _refuse_many_rows(connection, file, tables, bounds)
                except duckdb.OutOfMemoryException as error:
                    raise _too_large(file, "more memory than it may use", "memory") from error
                except duckdb.Error as error:
                    if database in str(error):
                        raise
                    raise unreadable(file, str(error)) from error
                made += [(number, table) for table in tables]
        return sorted(made, key=lambda entry: entry[0])
    except duckdb.Error as error:
        reason = str(error).rpartition(": ")[2]
        raise UnreadableError(f"the imported data cannot be written: {reason}", _MAKE_ROOM) from error


def _options(bounds: Bounds | None) -> dict[str, str | bool | int | float | list[str]]:
    if bounds is None:
        return {}
    return {"threads": 2, "async_threads": 0, "autoinstall_known_extensions": False, "autoload_known_extensions": False}


def _confine(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], folder: Path, bounds: Bounds) -> None:
    """Bind DuckDB to these files and that folder, and the process to its bounds; its threads have started by now."""
    paths = ", ".join(quoted(path) for file in files for path in (str(file), glob_escaped(str(file))))
    for setting in (
        f"memory_limit='{int(bounds.memory * BUFFER_SHARE)}B'",
        f"max_temp_directory_size='{bounds.file_bytes}B'",
        f"allowed_paths=[{paths}]",
        f"allowed_directories=[{quoted(str(folder))}]",
        "enable_external_access=false",
        "lock_configuration=true",
    ):
        connection.execute(f"SET {setting}")
    os_limits.set_limits(bounds.memory, bounds.file_bytes, len(files))


def _kind(file: Path) -> str:
    return KINDS[file.suffix.lower()]


def _refuse_many_rows(
    connection: duckdb.DuckDBPyConnection, file: Path, tables: Sequence[str], bounds: Bounds | None
) -> None:
    for table in tables if bounds is not None else ():
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {quoted_name(table)}").fetchall()
        if bounds is not None and rows > bounds.rows:
            raise _too_large(file, f"more than {bounds.rows:,} rows", "upload_rows")


def _too_large(file: Path, what: str, limit: str) -> UnreadableError:
    hint = f"Take a part of it, or raise {limit} under [limits] in the project file."
    return UnreadableError(f"{file.name} takes {what}", hint, limit=limit)


def _refuse_unreadable(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            empty = not opened.read(1)
    except OSError as error:
        raise UnreadableError(f"{file.name} cannot be read: {error.strerror}", "Check its permissions.") from error
    if empty:
        raise UnreadableError(f"{file.name} is empty", "Remove it, or put data in it.")


def _import(
    connection: duckdb.DuckDBPyConnection, file: Path, names: TableNames, bounds: Bounds | None
) -> Sequence[str]:
    """Make the file's tables and return their names."""
    kind = _kind(file)
    if kind == "excel":
        from nl2sql.engines.spreadsheet import import_sheets

        return import_sheets(connection, file, names)
    name = names.take(table_name(file.stem), table_name(file.name))
    table, source = quoted_name(name), quoted(glob_escaped(str(file)))
    end = bounds.first_rows if bounds is not None else ""
    if kind == "parquet":
        made = "TABLE" if bounds is not None else "VIEW"
        connection.execute(f"CREATE {made} {table} AS SELECT * FROM read_parquet({source}){end}")
    elif kind == "json":
        _import_sniffed(connection, file, table, f"read_json({source}, sample_size=%d){end}")
    else:
        options = ", delim='\t'" if kind == "tsv" else ""
        _import_sniffed(connection, file, table, f"read_csv({source}, sample_size=%d{options}){end}")
        if not options:
            _refuse_misread(connection, file, table)
    return [name]


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


def _refuse_misread(connection: duckdb.DuckDBPyConnection, file: Path, table: str) -> None:
    """Lines of uneven length make DuckDB take each line as one value, or skip all lines up to the uneven one.

    Such a file is read again, strictly, to name the line.
    """
    names = [str(row[0]).lower() for row in connection.execute(f"DESCRIBE {table}").fetchall()]
    with file.open(encoding="utf-8", errors="replace") as lines:
        head = [line for line, _ in zip(lines, range(SPLIT_LINES), strict=False)]
    delimiter = next((sign for sign in _DELIMITERS if _splits(head, sign)), None)
    if delimiter is None:
        return
    try:
        header = next(csv.reader(head[:1], delimiter=delimiter))
    except csv.Error as error:
        raise UnreadableError(
            f"{file.name}, line 1 cannot be read: {error}", "Mend the file, or leave it out."
        ) from error
    if names == [cell.strip().lower() for cell in header]:
        return
    source = quoted(glob_escaped(str(file)))
    if len(names) > 1:
        [(skipped,)] = connection.execute(f"SELECT SkipRows FROM sniff_csv({source}, sample_size=-1)").fetchall()
        if skipped < SKIPPED_LINES or not _splits(head[:skipped], delimiter):
            return
    columns = ", ".join(f"{quoted(f'column{i}')}: 'VARCHAR'" for i in range(len(header)))
    connection.execute(
        f"SELECT count(*) FROM read_csv({source}, delim={quoted(delimiter)}, header=true, "
        f"quote='\"', escape='\"', auto_detect=false, columns={{{columns}}})"
    ).fetchall()


def _splits(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the header and most lines hold the delimiter."""
    return delimiter in lines[0] and 2 * sum(delimiter in line for line in lines) > len(lines)


def main() -> None:
    """Build what the one request on standard input asks for, and say how it went."""
    frame = read_frame(sys.stdin.buffer)
    if frame is None:
        return
    request: Mapping[str, Any] = frame[0]
    bounds = Bounds(**request["bounds"]) if request["bounds"] else None
    if bounds is not None:
        folder = Path(request["database"]).parent
        fence.forbid_writing(folder)
        tempfile.tempdir = str(folder)
    reply: Mapping[str, Any]
    try:
        reply = {"kind": "built", "tables": build(request["database"], list(map(Path, request["files"])), bounds)}
    except UnreadableError as error:
        reply = {"kind": "error", "message": error.message, "hint": error.hint, "limit": error.limit}
    except OSError as error:
        reply = {"kind": "error", "message": f"the import failed: {error.strerror}", "hint": _MAKE_ROOM, "limit": ""}
    write_frame(sys.stdout.buffer, reply)

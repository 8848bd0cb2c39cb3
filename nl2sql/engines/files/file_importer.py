"""A short-lived child process that builds one DuckDB file from data files: tables, and views over Parquet.

It opens the files its parent names, and nothing of it stays running when questions are asked. Every import is within
bounds: DuckDB opens no other file, the limits of the operating system hold, and only the new file's folder may be
written. Which tables may be asked about is not known here.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from nl2sql.engines.files.allowed_paths import find_moved_file, write_allowed_paths
from nl2sql.engines.worker import landlock, os_limits
from nl2sql.engines.worker.pipe_frames import ANY_BYTES, read_frame, write_frame
from nl2sql.importing.delimited import make_table
from nl2sql.importing.file_kinds import find_kind, name_stem
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.file_series import unite_series
from nl2sql.importing.import_account import ColumnAccount, TableAccount, write_account
from nl2sql.importing.import_errors import UnreadableError, make_unreadable_error
from nl2sql.importing.import_names import TableNames, clean_column_name, clean_table_name, name_columns
from nl2sql.importing.plain_text import read_plain_text
from nl2sql.importing.text_source import inspect_text
from nl2sql.schema.identifiers import escape_glob, quote_literal, quote_name

if TYPE_CHECKING:
    import duckdb

THREADS: Final = 8
TELL_SECONDS: Final = 0.25
_ANY_SIZE_BYTES: Final = 1 << 50
_MAKE_ROOM: Final = "Free some space, or set NL2SQL_HOME to a folder on another disk."
# A file that is to be written is over its bound where it is this near to it.
_FULL_RATIO: Final = 0.9


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one import may take: rows of a table (None: all), bytes of memory, bytes of any file that it writes.

    `copies` says that Parquet is copied, and not only viewed; `settings` that the project file sets the bounds.
    """

    rows: int | None
    memory: int
    file_bytes: int
    copies: bool = False
    settings: bool = False

    @property
    def limit_clause(self) -> str:
        """The end of a SELECT that takes one row more than there may be."""
        return f" LIMIT {self.rows + 1}" if self.rows is not None else ""


class DataFile(NamedTuple):
    """A file to read, and the path that its table's name and its kind are known by."""

    path: Path
    listed_path: Path


class Reporter:
    """Tells the parent which file is being read and how many bytes of all are, while DuckDB reads.

    Without a pipe it tells nothing.
    """

    def __init__(self, pipe: IO[bytes] | None = None, *, often: bool = False) -> None:
        self._pipe = pipe
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._name, self._before, self._size, self._done, self._total = "", 0, 0, 0, 0
        if often:
            threading.Thread(target=self._tell_often, daemon=True).start()

    def start(self, connection: duckdb.DuckDBPyConnection, total: int) -> None:
        """Report from now on that this connection reads, of so many bytes in all."""
        self._connection, self._total = connection, total

    def begin(self, name: str, size: int) -> None:
        """Report that the next file is under way; an empty name stands for what is left to do once all are read."""
        self._before += self._size
        self._name, self._size, self._done = name, size, self._before
        self._tell()

    def end(self, reply: Mapping[str, Any]) -> None:
        """Send the last message."""
        self._ended.set()
        with self._writing:
            assert self._pipe is not None
            write_frame(self._pipe, reply)

    def _tell(self) -> None:
        with self._writing:
            if self._pipe is not None and not self._ended.is_set():
                told = {"kind": "progress", "file": self._name, "done": self._done, "total": self._total}
                write_frame(self._pipe, told)

    def _tell_often(self) -> None:
        while not self._ended.wait(TELL_SECONDS):
            if self._connection is not None and self._size:
                share = min(100.0, max(0.0, self._connection.query_progress())) / 100
                self._done = max(self._done, self._before + int(share * self._size))
                self._tell()


def build(
    database: str,
    files: Sequence[Path],
    bounds: Bounds | None = None,
    reporter: Reporter | None = None,
    listed_paths: Sequence[Path] = (),
    rules: Mapping[str, FileRules] | None = None,
) -> list[tuple[int, TableAccount]]:
    """Write the database. Return the account of each table, with the number of its file, in the order of the files.

    `listed_paths` are the paths by which tables and kinds are known, where those are other ones; `rules` are the
    owner's, by the files' names. Without bounds this process is not confined.

    Raises:
        UnreadableError: a file, which the text names, is not as it should be, or the database cannot be written.
    """
    import duckdb

    try:
        with duckdb.connect(database, config=_make_options(bounds)) as connection:
            _prepare(connection)
            sizes = [_check_size(file) for file in files]
            if bounds is not None:
                _confine(connection, files, Path(database).parent, bounds)
            run = _ImportRun(connection, database, files, listed_paths or files, rules or {}, bounds)
            made = run.import_all(sizes, reporter or Reporter())
            connection.execute("CHECKPOINT")
        return sorted(made, key=lambda entry: entry[0])
    except duckdb.Error as error:
        reason = str(error).rpartition(": ")[2]
        if bounds is not None and _is_full(Path(database).parent, bounds):
            raise _make_size_error("the data", "more room on the disk than it may use", "file_bytes", bounds) from error
        raise UnreadableError(f"the imported data cannot be written: {reason}", _MAKE_ROOM) from error


@dataclass(frozen=True, slots=True)
class _ImportRun:
    """One import under way: where to, of which files, by whose rules, within which bounds."""

    connection: duckdb.DuckDBPyConnection
    database: str
    files: Sequence[Path]
    listed_paths: Sequence[Path]
    rules: Mapping[str, FileRules]
    bounds: Bounds | None

    def import_all(self, sizes: Sequence[int], reporter: Reporter) -> list[tuple[int, TableAccount]]:
        """Make the tables of all files, each with its file's number; those that are parts of one become one."""
        names = TableNames()
        made: list[tuple[int, TableAccount]] = []
        reporter.start(self.connection, sum(sizes))
        # Sheets come last: a file named like one of them keeps its name.
        order = sorted(range(len(self.files)), key=lambda number: find_kind(self.listed_paths[number]) == "excel")
        for number in order:
            reporter.begin(self.files[number].name, sizes[number])
            made += [(number, account) for account in self._import_file(number, names, self.rules)]
        reporter.begin("", 0)
        return made if self.bounds is not None and self.bounds.copies else self._unite(made, names)

    def _unite(self, made: list[tuple[int, TableAccount]], names: TableNames) -> list[tuple[int, TableAccount]]:
        def read_again(number: int, found: FileRules) -> TableAccount:
            name = self.listed_paths[number].name
            own = self.rules.get(name, FileRules())
            settled = replace(own, dates=own.dates or found.dates, decimal=own.decimal or found.decimal)
            again = TableNames()
            for other, account in made:
                if other != number:
                    again.take_free_name(account.table)
            return self._import_file(number, again, {name: settled})[0]

        return unite_series(
            self.connection, sorted(made, key=lambda entry: entry[0]), self.listed_paths, names, read_again
        )

    def _import_file(self, number: int, names: TableNames, rules: Mapping[str, FileRules]) -> list[TableAccount]:
        source = DataFile(self.files[number], self.listed_paths[number])
        return _import_within(self.connection, source, names, self.bounds, rules, self.database)


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    # DuckDB measures progress only where it has a bar.
    for setting in ("enable_progress_bar_print=false", "enable_progress_bar=true", "python_enable_replacements=false"):
        connection.execute(f"SET {setting}")


def _make_options(bounds: Bounds | None) -> dict[str, str | bool | int | float | list[str]]:
    threads = 2 if bounds is not None and bounds.copies else min(THREADS, os.cpu_count() or 1)
    return {
        "threads": threads,
        "async_threads": 0,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def _confine(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], folder: Path, bounds: Bounds) -> None:
    """Bind DuckDB to these files and that folder, and the process to its bounds; its threads have started by now."""
    paths = [str(file) for file in files]
    for setting in (
        "preserve_insertion_order=true",
        f"memory_limit='{int(bounds.memory * os_limits.BUFFER_RATIO)}B'",
        f"max_temp_directory_size='{bounds.file_bytes}B'",
        write_allowed_paths(paths),
        f"allowed_directories=[{quote_literal(str(folder))}]",
        "enable_external_access=false",
        "lock_configuration=true",
    ):
        connection.execute(f"SET {setting}")
    if moved := find_moved_file(connection, paths):
        raise _make_link_error(Path(moved))
    os_limits.set_limits(bounds.memory, bounds.file_bytes, len(files))


def _import_within(
    connection: duckdb.DuckDBPyConnection,
    source: DataFile,
    names: TableNames,
    bounds: Bounds | None,
    rules: Mapping[str, FileRules],
    database: str,
) -> list[TableAccount]:
    """Make the file's tables, within the bounds, and return how each was made."""
    import duckdb

    file = source.path
    try:
        made = _import(connection, source, names, bounds, rules, Path(database).parent)
        _refuse_many_rows(file, made, bounds)
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise _make_size_error(file.name, "more memory than it may use", "memory", bounds) from error
    except duckdb.Error as error:
        if database in str(error):
            raise
        raise make_unreadable_error(file, str(error)) from error
    return made


def _refuse_many_rows(file: Path, made: Sequence[TableAccount], bounds: Bounds | None) -> None:
    if bounds is None or bounds.rows is None:
        return
    if any(account.rows > bounds.rows for account in made):
        raise _make_size_error(file.name, f"more than {bounds.rows:,} rows", "upload_rows", bounds)


def _make_size_error(what: str, takes: str, limit: str, bounds: Bounds | None) -> UnreadableError:
    hint = "Take a part of it, or make a .duckdb or Parquet file of it, which need no import."
    if bounds is not None and bounds.settings and limit != "file_bytes":
        hint = f"Take a part of it, or raise {limit} under [limits] in the project file."
    return UnreadableError(f"{what} takes {takes}", hint, limit=limit)


def _is_full(folder: Path, bounds: Bounds) -> bool:
    """Whether a file that is written there has come up to its bound."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return max(sizes, default=0) >= _FULL_RATIO * bounds.file_bytes


def _open(file: Path) -> IO[bytes]:
    """Open the file as what it is itself: no link, and nothing that would have its reader wait."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        opened = os.fdopen(os.open(file, flags), "rb")
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _make_link_error(file) from error
        raise UnreadableError(f"{file.name} cannot be read: {error.strerror}", "Check its permissions.") from error
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise UnreadableError(f"{file.name} is no file that can be read", "Leave it out.")
    return opened


def _make_link_error(file: Path) -> UnreadableError:
    return UnreadableError(f"there is a link now where {file.name} was", "Put the file itself there.")


def _check_size(file: Path) -> int:
    """Return its bytes.

    Raises:
        UnreadableError: it cannot be read, is empty, or has a name that DuckDB cannot be given.
    """
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        name = os.fsencode(file.name).decode(errors="replace")
        raise UnreadableError(f"the name of {name}, or of its folder, is not UTF-8", "Rename it.") from error
    with _open(file) as opened:
        size = os.fstat(opened.fileno()).st_size
        if not opened.read(1):
            raise UnreadableError(f"{file.name} is empty", "Remove it, or put data in it.")
    return size


def _import(
    connection: duckdb.DuckDBPyConnection,
    data_file: DataFile,
    names: TableNames,
    bounds: Bounds | None,
    rules: Mapping[str, FileRules],
    folder: Path,
) -> list[TableAccount]:
    """Make the file's tables and tell how."""
    file, called = data_file
    own = rules.get(called.name, FileRules())
    kind, stem = find_kind(called), Path(name_stem(called))
    end = bounds.limit_clause if bounds is not None else ""
    if kind == "parquet":
        table = names.take_free_name(clean_table_name(stem.name), clean_table_name(called.name))
        return [_view_parquet(connection, file, called, table, end, copies=bounds is not None and bounds.copies)]
    with _open(file) as opened:
        if kind == "excel":
            from nl2sql.importing.workbook import import_sheets
            from nl2sql.importing.workbook_size import WorkbookFile

            memory = bounds.memory if bounds is not None else None
            return import_sheets(connection, WorkbookFile(opened, called, folder, memory), names, rules, end)
        most = bounds.file_bytes if bounds is not None else _ANY_SIZE_BYTES
        text = read_plain_text(file, opened, folder, most, own.encoding)
    if kind == "json":
        from nl2sql.importing.records import make_tables

        made = make_tables(connection, called, text, names, own, end)
    else:
        table = names.take_free_name(clean_table_name(stem.name), clean_table_name(called.name))
        made = [make_table(connection, inspect_text(called.name, text, own, tabs=kind == "tsv"), table, end)]
    if text.path != file:
        text.path.unlink()
    return made


def _view_parquet(
    connection: duckdb.DuckDBPyConnection, file: Path, called: Path, table: str, end: str, *, copies: bool
) -> TableAccount:
    """Make a view of the file where it lies, or a copy; names that no query could hold are made plain."""
    reader = f"read_parquet({quote_literal(escape_glob(str(file)))})"
    found = [str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()]
    columns = name_columns(found, len(found), clean_column_name)
    shown = "*"
    if columns != found:
        shown = ", ".join(f"{quote_name(old)} AS {quote_name(new)}" for old, new in zip(found, columns, strict=True))
    made = "TABLE" if copies else "VIEW"
    connection.execute(f"CREATE {made} {quote_name(table)} AS SELECT {shown} FROM {reader}{end}")
    types = [str(row[1]) for row in connection.execute(f"DESCRIBE {quote_name(table)}").fetchall()]
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {quote_name(table)}").fetchall()
    accounts = tuple(ColumnAccount(new, old, kind) for old, new, kind in zip(found, columns, types, strict=True))
    return TableAccount(table, called.name, rows, "Parquet, its own types", accounts)


def main(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Build what the one request asks for, and say how it goes and how it went."""
    frame = read_frame(requests, text_bytes=ANY_BYTES)
    if frame is None:
        return
    request: Mapping[str, Any] = frame[0]
    folder, unused = Path(request["database"]).parent, Path.cwd()
    # All that is written goes into the one folder, and with it where the parent cannot see to it.
    os.chdir(folder)
    shutil.rmtree(unused, ignore_errors=True)
    landlock.forbid_writing(folder)
    tempfile.tempdir = str(folder)
    threading.Thread(target=_end_with_parent, args=(requests, folder), daemon=True).start()
    reporter = Reporter(replies, often=request["often"])
    reply: Mapping[str, Any]
    try:
        files, called = list(map(Path, request["files"])), list(map(Path, request["called"]))
        rules = {
            name: FileRules(**{**one, "null": tuple(one["null"])}) for name, one in request.get("rules", {}).items()
        }
        made = build(request["database"], files, Bounds(**request["bounds"]), reporter, called, rules)
        reply = {"kind": "built", "tables": [(number, write_account(account)) for number, account in made]}
    except UnreadableError as error:
        reply = {"kind": "error", "message": error.message, "hint": error.hint, "limit": error.limit}
    except OSError as error:
        reply = {"kind": "error", "message": f"the import failed: {error.strerror}", "hint": _MAKE_ROOM, "limit": ""}
    reporter.end(reply)


def _end_with_parent(requests: IO[bytes], folder: Path) -> None:
    """Wait for the end of the pipe: the parent has gone, nobody wants the import, and nothing of it is to stay."""
    requests.read(1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)

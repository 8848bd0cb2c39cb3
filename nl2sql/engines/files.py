"""Where the data is: a database file, or data files that are imported once into a database in the cache.

Parquet is not copied but read where it lies, through views. The import itself runs in a process of its own
(`importer`); nothing here opens a database.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from nl2sql.engines.frames import Message
from nl2sql.errors import ConfigError, DatabaseError, LimitError, NL2SQLError

FORMAT: Final = 2
KEPT_IMPORTS: Final = 8
DATABASE_SUFFIXES: Final = (".duckdb", ".db", ".ddb")
KINDS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".xlsx": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
KINDS_TEXT: Final = "CSV, TSV, Parquet, JSON, JSONL, Excel (.xlsx, .xls, .ods)"
_CONTENT_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Prepared:
    """A DuckDB file ready to be opened, the data files that its views read, and what is attached beside it.

    `attached` are DuckDB files by the names that SQL has for them.
    """

    database: Path
    data_files: tuple[Path, ...] = ()
    attached: Mapping[str, Path] = field(default_factory=dict)


class Source(Protocol):
    """Where an engine's data comes from."""

    def fingerprint(self) -> str:
        """Changes when the data may have changed: from names, sizes and times, without reading. DatabaseError."""
        ...

    def prepare(self) -> Prepared:
        """The database to open, built first where it has to be. DatabaseError."""
        ...


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """A DuckDB database file, opened where it lies."""

    path: Path

    def fingerprint(self) -> str:
        """Of the file and the write-ahead log beside it."""
        log = self.path.with_name(self.path.name + ".wal")
        return _fingerprint([self.path, *([log] if log.exists() else [])])

    def prepare(self) -> Prepared:
        return Prepared(self.path)


@dataclass(frozen=True, slots=True)
class DataFiles:
    """One data file, or the data files of a folder (not of the folders in it)."""

    path: Path
    cache_dir: Path

    def files(self) -> list[Path]:
        """The files, by name. DatabaseError where a folder holds none, or may not be read."""
        try:
            if not self.path.is_dir():
                return [self.path]
            found = sorted(p for p in self.path.iterdir() if p.suffix.lower() in KINDS and p.is_file() and _shown(p))
        except OSError as exc:
            raise DatabaseError(f"{self.path.name} cannot be read: {exc.strerror}", "Check its permissions.") from exc
        if not found:
            raise DatabaseError(
                f"no data files in {self.path.name or self.path}", f"Put files there that are one of: {KINDS_TEXT}."
            )
        return found

    def fingerprint(self) -> str:
        return _fingerprint(self.files())

    def prepare(self) -> Prepared:
        """The imported database, from the cache or built now; two commands don't build it twice.

        ConfigError where the cache cannot be written.
        """
        files = self.files()
        source = hashlib.sha256(str(self.path).encode()).hexdigest()[:_CONTENT_DIGITS]
        folder = self.cache_dir / "imports"
        database = folder / f"{source}-{_fingerprint(files)[:_CONTENT_DIGITS]}.duckdb"
        data_files = tuple(file for file in files if KINDS[file.suffix.lower()] == "parquet")
        try:
            if not database.exists():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _build(files, database)
                _forget_older(folder, source, database)
        except OSError as exc:
            raise ConfigError(
                f"the imported data cannot be written to {folder}: {exc.strerror}",
                "Set NL2SQL_HOME to a folder that you may write to, or open a .duckdb file, which needs no import.",
            ) from exc
        _note_use(database)
        return Prepared(database, data_files)


def _shown(path: Path) -> bool:
    """Whether it is a file for people: no hidden one, no lock file of a spreadsheet that is open."""
    return not path.name.startswith((".", "~$"))


def _fingerprint(files: Iterable[Path]) -> str:
    digest = hashlib.sha256(f"format {FORMAT}".encode())
    for file in files:
        try:
            status = file.stat()
        except OSError as exc:
            raise DatabaseError(f"{file.name} cannot be read: {exc.strerror}", "Check that it is still there.") from exc
        digest.update(f"\0{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}".encode())
    return digest.hexdigest()


def run_importer(request: Mapping[str, Any], seconds: float | None = None) -> Message:
    """What the importer's process answers; killed where it takes longer than `seconds`. DatabaseError, LimitError."""
    from nl2sql.engines.alarm import Alarm
    from nl2sql.engines.process import ChildProcess, ProcessEnded

    child, alarm = ChildProcess("nl2sql.engines.importer"), Alarm()
    overran = threading.Event()

    def end() -> None:
        overran.set()
        child.kill()

    try:
        if seconds is not None:
            alarm.set(seconds, end)
        child.send(request)
        reply, _ = child.receive()
    except ProcessEnded as exc:
        error: NL2SQLError = DatabaseError(
            "the import of the data files ended unexpectedly", "Is one of them very large?"
        )
        if overran.is_set():
            error = LimitError(f"the import took longer than {seconds:g} s", "Import less at once.", limit="seconds")
        error.add_note(exc.stderr)
        raise error from exc
    finally:
        alarm.close()
        child.close()
    if reply["kind"] == "error" and reply["limit"]:
        raise LimitError(reply["message"], reply["hint"], limit=reply["limit"])
    if reply["kind"] == "error":
        raise DatabaseError(reply["message"], reply["hint"])
    return reply


def _build(files: list[Path], database: Path) -> None:
    from filelock import FileLock

    with FileLock(f"{database}.lock"):
        if database.exists():
            return
        temporary = database.with_suffix(".tmp")
        _remove(temporary)
        try:
            run_importer({"database": str(temporary), "files": [str(file) for file in files], "bounds": None})
        except DatabaseError:
            _remove(temporary)
            raise
        temporary.replace(database)


def _forget_older(folder: Path, source: str, database: Path) -> None:
    """Remove imports of earlier states of the same source, and all but those used last; one that is open may stay."""
    for path in folder.glob(f"{source}-*"):
        if not path.name.startswith(database.name):
            _remove(path)
    others = sorted((path for path in folder.glob("*.duckdb") if path != database), key=_last_used, reverse=True)
    for path in others[KEPT_IMPORTS - 1 :]:
        _remove(path)
        _remove(path.with_name(path.name + ".lock"))


def _note_use(database: Path) -> None:
    """Set the time of its last use, which many file systems don't keep by themselves."""
    with contextlib.suppress(OSError):
        os.utime(database, ns=(time.time_ns(), database.stat().st_mtime_ns))


def _last_used(path: Path) -> float:
    try:
        status = path.stat()
    except OSError:
        return 0.0
    return max(status.st_atime, status.st_mtime)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)

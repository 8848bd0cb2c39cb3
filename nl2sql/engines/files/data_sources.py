"""Where the data is: a database file, or data files that are imported once into a database in the cache.

Parquet is not copied but read where it lies, through views. The import itself runs in a process of its own
(`file_importer`); nothing here opens a database.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from nl2sql.engines.worker import pipe_messages
from nl2sql.engines.worker.os_limits import find_machine_memory
from nl2sql.errors import ConfigError, DatabaseError, LimitError, NL2SQLError
from nl2sql.importing.file_kinds import KINDS_TEXT, find_kind, is_data_file
from nl2sql.importing.file_rules import FileRules, write_rules
from nl2sql.importing.import_account import TableAccount, read_account, write_account
from nl2sql.types import Progress

if TYPE_CHECKING:
    from nl2sql.engines.worker.child_process import ProcessExitError

FORMAT_VERSION: Final = 4
MAX_KEPT_IMPORTS: Final = 8
DATABASE_SUFFIXES: Final = (".duckdb", ".db", ".ddb")
_LOG: Final = logging.getLogger(__name__)
_CONTENT_DIGITS: Final = 32
_LEAVE_OUT: Final = "Leave the file out, or save it anew in another format."
# What an import may take: more of everything the larger the files are. A sheet is far larger than its packed file.
_MEMORY_BYTES: Final = 1_000_000_000
_MIN_MEMORY_BYTES: Final = 300_000_000
_MEMORY_RATIO: Final = 0.5
_DISK_BYTES: Final = 256_000_000
_GROWTH_RATIO: Final = 4
_SHEET_GROWTH_RATIO: Final = 40
_BASE_SECONDS: Final = 120.0
_BYTES_PER_SECOND: Final = 500_000


@dataclass(frozen=True, slots=True)
class PreparedDatabase:
    """A DuckDB file ready to be opened, the data files that its views read, and what is attached beside it.

    `attachments` are DuckDB files by the names that SQL has for them. `notes` say which files were left out; `accounts`
    tell how each table was made of its file, and `is_new` that it was made just now.
    """

    database: Path
    data_files: tuple[Path, ...] = ()
    attachments: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    accounts: tuple[TableAccount, ...] = ()
    is_new: bool = False


class DataSource(Protocol):
    """Where an engine's data comes from."""

    def compute_fingerprint(self) -> str:
        """Return a text that changes when the data may have: from names, sizes and times, without reading.

        Raises:
            DatabaseError: the data is not there.
        """
        ...

    def prepare(self) -> PreparedDatabase:
        """Return the database to open, built first where it has to be.

        Raises:
            DatabaseError: a file cannot be read.
            ConfigError: the cache cannot be written.
            LimitError: the files are too large for this machine.
        """
        ...


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """A DuckDB database file, opened where it lies."""

    path: Path

    def compute_fingerprint(self) -> str:
        """Return that of the file and of the write-ahead log beside it."""
        log = self.path.with_name(self.path.name + ".wal")
        return _compute_fingerprint([self.path, *([log] if log.exists() else [])])

    def prepare(self) -> PreparedDatabase:
        """As `DataSource.prepare`: the file itself."""
        return PreparedDatabase(self.path)


@dataclass(frozen=True, slots=True)
class Listing:
    """The data files of a source, by name. `targets` are the files themselves, which a link in a folder may lead to."""

    files: tuple[Path, ...]
    targets: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    def compute_fingerprint(self) -> str:
        """As `DataSource.compute_fingerprint`."""
        return _compute_fingerprint(self.files)


@dataclass(frozen=True, slots=True)
class DataFiles:
    """One data file, or the data files of a folder (not of the folders in it). `on_progress` hears of the import.

    `rules` are what the owner says of how files are read, by their names.
    """

    path: Path
    cache_dir: Path
    on_progress: Progress | None = field(default=None, compare=False)
    rules: Mapping[str, FileRules] = field(default_factory=dict)

    def list_files(self) -> Listing:
        """Return the files, by name.

        What is no plain file is left out, as is a link that leads out of its folder, to a file or a folder.

        Raises:
            DatabaseError: there are none, or a folder may not be read.
        """
        try:
            if not self.path.is_dir():
                if not self.path.is_file():
                    raise DatabaseError(
                        f"{self.path.name} is no file that can be read", "Name a data file, or a folder."
                    )
                return Listing((self.path,), (self.path.resolve(),))
            folder = self.path.resolve()
            shown = sorted(path for path in self.path.iterdir() if _is_shown(path))
            entries = [path for path in shown if is_data_file(path) or _is_linked_folder(path)]
        except OSError as exc:
            raise DatabaseError(f"{self.path.name} cannot be read: {exc.strerror}", "Check its permissions.") from exc
        places = [(path, *_follow(path, folder)) for path in entries]
        found = [(path, target) for path, target, _ in places if target is not None]
        notes = tuple(f"{path.name} is left out: {reason}" for path, _, reason in places if reason)
        if not found:
            hint = f"Put files there that are one of: {KINDS_TEXT}."
            if any(map(os.path.isdir, shown)):
                hint += " The folders in it are not read: name one of them."
            raise DatabaseError(f"no data files in {self.path.name or self.path}", ". ".join([*notes, hint]))
        return Listing(tuple(path for path, _ in found), tuple(target for _, target in found), notes)

    def compute_fingerprint(self) -> str:
        """As `DataSource.compute_fingerprint`: of the files and of the rules for them."""
        return self._compute_digest(self.list_files())

    def _compute_digest(self, listing: Listing) -> str:
        """Return that of the files and of the rules by which they are read."""
        rules = {file.name: write_rules(self.rules[file.name]) for file in listing.files if file.name in self.rules}
        if not rules:
            return listing.compute_fingerprint()
        return hashlib.sha256(
            f"{listing.compute_fingerprint()} {json.dumps(rules, sort_keys=True)}".encode()
        ).hexdigest()

    def prepare(self) -> PreparedDatabase:
        """Return the imported database, from the cache or built now; two commands don't build it twice.

        Raises:
            DatabaseError: a file cannot be read.
            ConfigError: the cache cannot be written.
            LimitError: the files are too large for this machine.
        """
        listing = self.list_files()
        source = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:_CONTENT_DIGITS]
        folder = _find_imports(self.cache_dir)
        database = folder / f"{source}-{self._compute_digest(listing)[:_CONTENT_DIGITS]}.duckdb"
        data_files = tuple(
            target for file, target in zip(listing.files, listing.targets, strict=True) if find_kind(file) == "parquet"
        )
        try:
            is_new = not database.exists()
            _LOG.info("import cache: %s, %d files", "miss" if is_new else "hit", len(listing.files))
            if is_new:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _build(listing, database, self.on_progress, self.rules)
                _forget_older(folder, source, database)
        except OSError as exc:
            raise ConfigError(
                f"the imported data cannot be written to {folder}: {exc.strerror}",
                "Set NL2SQL_HOME to a folder that you may write to, or open a .duckdb file, which needs no import.",
            ) from exc
        _note_use(database)
        accounts = _read_accounts(database)
        return PreparedDatabase(database, data_files, notes=listing.notes, accounts=accounts, is_new=is_new)


def _follow(path: Path, folder: Path) -> tuple[Path | None, str]:
    """Return the plain file that an entry of the folder is or leads to, or None; and why a link is left out.

    `folder` is a whole path without links.
    """
    try:
        target = path.resolve(strict=True)
        is_file = target.is_file()
    except (OSError, RuntimeError):
        return None, "it is a link that leads nowhere" if path.is_symlink() else ""
    if not target.is_relative_to(folder):
        return None, "it is a link that leads out of the folder"
    return (target if is_file else None), ""


def _is_linked_folder(path: Path) -> bool:
    """Whether it is a link to a folder, as far as can be told: what may not be looked at is none."""
    return path.is_symlink() and os.path.isdir(path)  # noqa: PTH112 - unlike Path's, it raises nothing


def _is_shown(path: Path) -> bool:
    """Whether it is a file for people: no hidden one, no lock file of a spreadsheet that is open."""
    return not path.name.startswith((".", "~$"))


def _compute_fingerprint(files: Iterable[Path]) -> str:
    digest = hashlib.sha256(f"format {FORMAT_VERSION}".encode())
    for file in files:
        status = _stat(file)
        digest.update(os.fsencode(f"\0{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"))
    return digest.hexdigest()


def _stat(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as exc:
        raise DatabaseError(f"{file.name} cannot be read: {exc.strerror}", "Check that it is still there.") from exc


def _find_imports(cache_dir: Path) -> Path:
    """Where imported databases lie."""
    return cache_dir / "imports"


def forget_unfinished(cache_dir: Path) -> None:
    """Remove what is left of imports whose program was killed."""
    halves = list(_find_imports(cache_dir).glob("*.tmp"))
    if not halves:
        return
    from filelock import FileLock, Timeout

    for half in halves:
        try:
            with FileLock(lock := _name_lock(half.with_suffix(".duckdb")), timeout=0):
                _remove(half)
                _remove(lock)
        except (Timeout, OSError):
            continue


def run_importer(
    request: Mapping[str, Any], files: Sequence[Path], seconds: float, on_progress: Progress | None = None
) -> list[tuple[int, TableAccount]]:
    """Have the importer's process make tables of the files: the account of each, with the number of its file.

    It is killed where it takes longer than `seconds`.

    Raises:
        DatabaseError: a file cannot be read, or the process ended unexpectedly.
        LimitError: it took more time, memory or room than it may.
    """
    from nl2sql.engines.worker.child_process import ChildProcess, ProcessExitError
    from nl2sql.engines.worker.deadline_timer import Alarm

    child, alarm = ChildProcess("nl2sql.engines.files.file_importer"), Alarm()
    overran = threading.Event()
    what = "the data files"

    def end() -> None:
        overran.set()
        child.kill()

    try:
        alarm.set(seconds, end)
        child.send({**request, "files": list(map(str, files)), "often": on_progress is not None})
        while isinstance(reply := _read_reply(child.receive()[0], len(files)), _Progress):
            what = reply.file or what
            if on_progress is not None:
                _report(reply, on_progress)
    except ProcessExitError as exc:
        raise _make_exit_error(exc, what, seconds if overran.is_set() else None) from exc
    finally:
        alarm.close()
        child.close()
    if on_progress is not None:
        on_progress("imported", 1, 1)
    return reply


def _make_exit_error(exc: ProcessExitError, what: str, overrun_seconds: float | None) -> NL2SQLError:
    """Return what to say of an importer that ended early: by our hand after so many seconds, or by itself."""
    error: NL2SQLError = DatabaseError(f"the import of {what} ended unexpectedly", _LEAVE_OUT)
    if overrun_seconds is not None:
        text = f"the import took longer than {overrun_seconds:,.0f} s"
        error = LimitError(text, "Import less at once.", limit="seconds")
    elif exc.is_garbled:
        error = _make_garbled_error()
    elif exc.is_out_of_memory:
        error = LimitError(f"{what} takes more memory than it may use", "Take a part of it.", limit="memory")
    error.add_note(exc.stderr)
    return error


class _Progress(NamedTuple):
    """How far the importer is: the file that it reads, none at the end, and bytes."""

    file: str
    done: int
    total: int


def _report(progress: _Progress, on_progress: Progress) -> None:
    text = f"importing {progress.file}" if progress.file else "writing the imported data"
    on_progress(text, progress.done, progress.total if progress.file else 0)


def _read_reply(message: Mapping[str, Any], files: int) -> _Progress | list[tuple[int, TableAccount]]:
    """Return what the importer says.

    Raises:
        DatabaseError, LimitError: it tells of one, or says nothing that can be read.
    """
    try:
        if message["kind"] == "progress":
            done, total = pipe_messages.expect_number(message["done"]), pipe_messages.expect_number(message["total"])
            return _Progress(pipe_messages.expect_text(message["file"]), done, total)
        if message["kind"] == "built":
            return [(range(files).index(number), read_account(account)) for number, account in message["tables"]]
        text, hint, limit = (pipe_messages.expect_text(message[name]) for name in ("message", "hint", "limit"))
    except (LookupError, TypeError, ValueError) as exc:
        raise _make_garbled_error() from exc
    raise LimitError(text, hint, limit=limit) if limit else DatabaseError(text, hint)


def _make_garbled_error() -> DatabaseError:
    return DatabaseError("the import gave a reply that cannot be read", _LEAVE_OUT)


def _build(listing: Listing, database: Path, on_progress: Progress | None, rules: Mapping[str, FileRules]) -> None:
    from filelock import FileLock

    with FileLock(_name_lock(database)):
        if database.exists():
            return
        # A folder of its own, since the importer may write to no other.
        folder = database.with_suffix(".tmp")
        _remove(folder)
        try:
            folder.mkdir(mode=0o700)
            half = folder / database.name
            request = {"database": str(half), "called": list(map(str, listing.files)), "rules": _write_rules(rules)}
            bounds, seconds = compute_import_bounds(listing)
            made = run_importer({**request, "bounds": bounds}, listing.targets, seconds, on_progress)
            accounts = _name_accounts(half)
            accounts.write_text(json.dumps([write_account(account) for _, account in made]), encoding="utf-8")
            accounts.replace(_name_accounts(database))
            half.replace(database)
        finally:
            _remove(folder)


def _write_rules(rules: Mapping[str, FileRules]) -> dict[str, Any]:
    return {name: write_rules(one) for name, one in rules.items()}


def _name_accounts(database: Path) -> Path:
    """Return the file that holds the accounts of that database's tables."""
    return database.with_name(f"{database.name}.json")


def _read_accounts(database: Path) -> tuple[TableAccount, ...]:
    """Return the accounts that were kept with the database.

    Raises:
        DatabaseError: they are no longer there.
    """
    try:
        kept = json.loads(_name_accounts(database).read_text(encoding="utf-8"))
        return tuple(map(read_account, kept))
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise DatabaseError(
            "the account of the import is damaged", f"Remove {database.name} in {database.parent}; it is made anew."
        ) from exc


def compute_import_bounds(listing: Listing) -> tuple[dict[str, Any], float]:
    """Return what the import may take of this machine, and how long it may take: no honest file comes near it."""
    kinds = [find_kind(file) for file in listing.files]
    sizes = [_stat(file).st_size for file in listing.targets]
    read = sum(size for size, kind in zip(sizes, kinds, strict=True) if kind not in ("parquet", "excel"))
    unpacked = _SHEET_GROWTH_RATIO * sum(size for size, kind in zip(sizes, kinds, strict=True) if kind == "excel")
    grown = max(_GROWTH_RATIO * read, unpacked)
    memory = max(_MIN_MEMORY_BYTES, min(max(_MEMORY_BYTES, grown), int(find_machine_memory() * _MEMORY_RATIO)))
    bounds = {"rows": None, "memory": memory, "file_bytes": max(_DISK_BYTES, _GROWTH_RATIO * read + unpacked)}
    return bounds, _BASE_SECONDS + len(sizes) + (read + unpacked) / _BYTES_PER_SECOND


def _name_lock(database: Path) -> Path:
    """Return the file that is locked while that database is built."""
    return database.with_name(f"{database.name}.lock")


def _forget_older(folder: Path, source: str, database: Path) -> None:
    """Remove imports of earlier states of the same source, and all but those used last; one that is open may stay."""
    for path in folder.glob(f"{source}-*"):
        is_being_built = (folder / path.name.partition(".")[0]).with_suffix(".tmp").exists()
        if not path.name.startswith(database.name) and not is_being_built:
            _remove(path)
    others = sorted((path for path in folder.glob("*.duckdb") if path != database), key=_find_last_use, reverse=True)
    for path in others[MAX_KEPT_IMPORTS - 1 :]:
        _remove(path)
        _remove(_name_accounts(path))
        _remove(_name_lock(path))


def _note_use(database: Path) -> None:
    """Set the time of its last use, which many file systems don't keep by themselves."""
    with contextlib.suppress(OSError):
        os.utime(database, ns=(time.time_ns(), database.stat().st_mtime_ns))


def _find_last_use(path: Path) -> float:
    try:
        status = path.stat()
    except OSError:
        return 0.0
    return max(status.st_atime, status.st_mtime)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)

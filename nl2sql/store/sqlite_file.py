"""One SQLite file that many processes and threads write to, any of which may be killed at any moment.

It opens, migrates and locks the file, and sets a damaged one aside; it does not know the content of the tables. The
only module that imports sqlite3.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from nl2sql.errors import StoreError
from nl2sql.store.migrations import MIGRATIONS

T = TypeVar("T")
Connection = sqlite3.Connection

BUSY_SECONDS: Final = 15.0
_OPEN_TRIES: Final = 5
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_HINTS: Final = {
    sqlite3.SQLITE_FULL: "Free some disk space.",
    sqlite3.SQLITE_READONLY: "Check the permissions of that folder, or name another with NL2SQL_HOME.",
    sqlite3.SQLITE_CANTOPEN: "Check the permissions of that folder, or name another with NL2SQL_HOME.",
    sqlite3.SQLITE_PERM: "Check the permissions of that folder, or name another with NL2SQL_HOME.",
    sqlite3.SQLITE_IOERR: "Check the disk: it may be full, or failing.",
    sqlite3.SQLITE_BUSY: "Another program holds it: try again.",
}


class StoreFile:
    """The open file. Methods may be called from several threads, and raise StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._closed = False
        self._warnings: list[str] = []
        try:
            self.read(lambda connection: None)
        except StoreError:
            self.close()
            raise

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads."""
        with self._lock:
            return self._run_with_recovery(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and return its value. All of it is on the disk then; nothing if it raised."""
        with self._lock:
            return self._run_with_recovery(lambda connection: _run_in_transaction(connection, work))

    def take_warnings(self) -> tuple[str, ...]:
        """Return the warnings for the user, and forget them."""
        with self._lock:
            taken, self._warnings = tuple(self._warnings), []
            return taken

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def _run_with_recovery(self, work: Callable[[Connection], T]) -> T:
        """Run `work`; if the file is damaged, set it aside and retry on a fresh one."""
        for _ in range(_OPEN_TRIES):
            try:
                return work(self._open())
            except sqlite3.IntegrityError:
                raise
            except sqlite3.DatabaseError as exc:
                if _read_error_code(exc) not in _DAMAGED:
                    raise self._make_error(exc) from exc
                self._set_aside(exc)
            except OSError as exc:
                reason = exc.strerror or "another program holds it"
                raise StoreError(
                    f"the store {self.path} cannot be opened: {reason}", _HINTS[sqlite3.SQLITE_CANTOPEN]
                ) from exc
        raise StoreError(f"the store {self.path} is damaged again and again", _HINTS[sqlite3.SQLITE_IOERR])

    def _open(self) -> Connection:
        """Return a connection to the current file: another process may have set the previous one aside."""
        if self._closed:
            raise StoreError("the store is closed", "Open it again.")
        if self._connection is not None and self._identity == _read_identity(self.path):
            return self._connection
        self._disconnect()
        for _ in range(_OPEN_TRIES):
            self._create()
            before = _read_identity(self.path)
            self._connection = _connect(self.path)
            if not _is_ready(self._connection, self.path):
                with self._lock_across_processes():
                    _prepare(self._connection)
            if before == _read_identity(self.path):
                self._identity = before
                return self._connection
            self._disconnect()
        raise StoreError(f"the store {self.path} does not stay in its place", "Look at what moves or deletes it.")

    def _create(self) -> None:
        """Create an empty file that only this user may read; SQLite gives its companion files the same permissions."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Do not open an existing file here: closing it would release the locks of this process's connections.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._identity = None, None

    @contextmanager
    def _lock_across_processes(self) -> Iterator[None]:
        """Keep other processes from creating, migrating or moving the store; the lock ends with its holder."""
        # Imported here: it is rarely needed, and takes as long to import as the rest of the store.
        from filelock import FileLock

        with FileLock(f"{self.path}.lock", timeout=BUSY_SECONDS, mode=0o600):
            yield

    def _set_aside(self, damage: sqlite3.DatabaseError) -> None:
        """Rename the damaged file, unless another process has done so in the meantime."""
        self._disconnect()
        with self._lock_across_processes():
            if not _is_damaged(self.path):
                return
            name = f"{self.path.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}{self.path.suffix}"
            # The log goes first: SQLite would apply it to the new store.
            for suffix in ("-wal", "-shm", ""):
                companion = Path(f"{self.path}{suffix}")
                if companion.exists():
                    companion.replace(self.path.with_name(name + suffix))
        self._warnings.append(
            f"the store of earlier answers was damaged ({damage}): it was set aside as "
            f"{self.path.with_name(name)}, and a new one begun"
        )

    def _make_error(self, exc: sqlite3.DatabaseError) -> StoreError:
        hint = _HINTS.get(_read_error_code(exc), "Move that file away to begin a new store.")
        return StoreError(f"the store {self.path} cannot be used: {exc}", hint)


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = _make_row_dict
        connection.create_function("casefold", 1, _fold_case, deterministic=True)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_damaged(path: Path) -> bool:
    try:
        connection = _connect(path)
    except sqlite3.DatabaseError as exc:
        return _read_error_code(exc) in _DAMAGED
    try:
        return [row["integrity_check"] for row in connection.execute("PRAGMA integrity_check(1)")] != ["ok"]
    except sqlite3.DatabaseError as exc:
        return _read_error_code(exc) in _DAMAGED
    finally:
        connection.close()


def _make_row_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _fold_case(text: str | None) -> str:
    """Fold the case of all of Unicode: SQLite's own functions fold ASCII only."""
    return (text or "").casefold()


def _read_error_code(exc: sqlite3.Error) -> int:
    """Return SQLite's primary error code; 0 if the error is not SQLite's own."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def _read_identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _run_in_transaction(connection: Connection, work: Callable[[Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        value = work(connection)
        connection.execute("COMMIT")
        return value
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _is_ready(connection: Connection, path: Path) -> bool:
    """Return whether the store has this program's version.

    Raises:
        StoreError: a newer version of nl2sql wrote it.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()["user_version"])
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store {path} was written by a newer version of nl2sql",
            "Update nl2sql, or name another folder with NL2SQL_HOME.",
        )
    return version == len(MIGRATIONS)


def _prepare(connection: Connection) -> None:
    """Let readers and a writer work at the same time, and run the missing migrations."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as exc:
            # The busy timeout does not apply to this pragma.
            if _read_error_code(exc) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)

    def migrate(connection: Connection) -> None:
        version = int(connection.execute("PRAGMA user_version").fetchone()["user_version"])
        for migration in MIGRATIONS[version:]:
            migration(connection)
        connection.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")

    _run_in_transaction(connection, migrate)

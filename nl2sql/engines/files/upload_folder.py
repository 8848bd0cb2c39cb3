"""A folder for one session's uploaded files: what the user gave, or what was made of it; gone when nobody uses it.

It reads none of them. What a killed program leaves is removed by the next one to start.
"""

from __future__ import annotations

import os
import shutil
import uuid
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from nl2sql.errors import ConfigError

FOLDER: Final = "uploads"


class UploadFolder:
    """A folder under the cache, `path`, that goes with `close`, with this object, or with the program."""

    def __init__(self, cache_dir: Path) -> None:
        """Make the folder.

        Raises:
            ConfigError: that is not possible.
        """
        parent = cache_dir / FOLDER
        self.path = parent / uuid.uuid4().hex
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Held for as long as the folder is used: whoever finds it free knows that nobody does.
            lock = FileLock(f"{self.path}.lock", thread_local=False)
            lock.acquire()
            self.path.mkdir(mode=0o700)
        except OSError as exc:
            raise ConfigError(
                f"uploads cannot be kept in {parent}: {exc.strerror}",
                "Set NL2SQL_HOME to a folder that you may write to.",
            ) from exc
        self._finalizer = weakref.finalize(self, _forget, self.path, lock, os.getpid())

    @property
    def is_open(self) -> bool:
        """Whether the folder is still there."""
        return self._finalizer.alive

    def close(self) -> None:
        """Remove it with all that it holds. May be called twice."""
        self._finalizer()


def forget_abandoned(cache_dir: Path) -> None:
    """Remove the uploads of programs that were killed."""
    for folder in _list_folders(cache_dir):
        lock = FileLock(f"{folder}.lock")
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        _forget(folder, lock, os.getpid())


def _list_folders(cache_dir: Path) -> Iterable[Path]:
    try:
        return [entry for entry in (cache_dir / FOLDER).iterdir() if entry.is_dir()]
    except OSError:
        return []


def _forget(folder: Path, lock: FileLock, owner: int) -> None:
    """Remove the folder and its lock, unless this is a child that its owner has forked."""
    if os.getpid() != owner:
        return
    shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()

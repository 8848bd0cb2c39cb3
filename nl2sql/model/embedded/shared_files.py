"""Files that processes share: private, written whole or not at all, and locks that are released when their holder ends.

It does not know the content of the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ModelError


def make_private_folder(folder: Path) -> None:
    """Create the folder for this user alone; leave one that exists as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def lock(path: Path, cancel: CancelToken | None = None) -> Iterator[None]:
    """Hold the lock within the block; wait while another process holds it.

    Raises:
        CancelledError: `cancel` was set.
        ModelError: this thread holds the lock already.
    """
    # A generator that holds it may end on another thread.
    file_lock = FileLock(path, thread_local=False)
    try:
        file_lock.acquire(cancel_check=(lambda: cancel.is_cancelled) if cancel else None)
    except Timeout:
        if cancel:
            cancel.raise_if_cancelled()
        raise
    except RuntimeError as exc:
        # This very thread holds it: waiting would never end.
        text = "the embedded model is in the middle of another answer that this thread began"
        raise ModelError(text, "Take that answer to its end, or close its stream, before the next question.") from exc
    try:
        yield
    finally:
        file_lock.release()


def is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock."""
    if not path.exists():
        return False
    file_lock = FileLock(path)
    try:
        file_lock.acquire(blocking=False)
    except Timeout:
        return True
    file_lock.release()
    return False

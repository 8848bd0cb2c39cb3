"""Stopping what is under way: one token that the query and the model call both listen to.

It does not stop anything itself: whoever waits registers how.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nl2sql.errors import CancelledError


class CancelToken:
    """Set once, from any thread. What waits registers a callback that makes its waiting end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """Stop what is under way; every registered callback runs, in this thread."""
        with self._lock:
            self._cancelled = True
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback()

    def raise_if_cancelled(self) -> None:
        """Raise CancelledError once cancelled."""
        if self._cancelled:
            raise CancelledError("stopped", "Ask again when you are ready.")

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """While inside, `cancel()` runs the callback; if it was cancelled before, the callback runs at once."""
        with self._lock:
            self._callbacks.append(callback)
            already = self._cancelled
        if already:
            callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)

"""One thread that acts when a time is up, made once, where a timer for each query would make a thread for each.

It measures wall time only, and does not know what it calls.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

Action = Callable[[], None]


class Alarm:
    """Holds at most one action and its time. The thread is a daemon: it never keeps a program alive."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: tuple[float, Action] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._wait, name="nl2sql-alarm", daemon=True)
        self._thread.start()

    def set(self, seconds: float, action: Action) -> None:
        """Call the action, in the alarm's thread, in so many seconds, and forget any that was set before."""
        with self._changed:
            self._due = (time.monotonic() + seconds, action)
            self._changed.notify()

    def clear(self) -> None:
        """Forget the action; one that has begun goes on."""
        with self._changed:
            self._due = None

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _wait(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                left = self._due[0] - time.monotonic() if self._due else None
                if left is None or left > 0:
                    self._changed.wait(left)
                    continue
                assert self._due is not None
                action, self._due = self._due[1], None
            action()

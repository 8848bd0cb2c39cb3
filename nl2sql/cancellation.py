"""Cancels what is running: one token for the query and the model call, and the time that is left.

It stops nothing itself: whatever waits registers how to stop it, and waits no longer than is left.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nl2sql.errors import CancelledError, LimitError


class CancelToken:
    """A token that is set once, from any thread. Whatever waits registers a callback that ends its waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    @property
    def seconds_left(self) -> float:
        """Seconds that may still be waited; infinite without a deadline."""
        return math.inf

    def cancel(self) -> None:
        """Stop what is running; every registered callback runs, in this thread."""
        with self._lock:
            self._cancelled = True
            callbacks = tuple(self._callbacks)
        for callback in callbacks:
            callback()

    def raise_if_cancelled(self) -> None:
        """Stop here if it was cancelled.

        Raises:
            CancelledError: it was cancelled.
        """
        if self._cancelled:
            raise CancelledError("stopped", "Ask again when you are ready.")

    @contextmanager
    def call_on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Run the callback on `cancel()` while inside the context; at once if it was cancelled before."""
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


class TimeUpError(LimitError):
    """The time that a question as a whole may take is over."""


class Deadline(CancelToken):
    """A token that is cancelled with its parent token, and once its seconds are over."""

    def __init__(
        self, seconds: float, token: CancelToken | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._token = token or CancelToken()
        self._seconds, self._clock = seconds, clock
        self._end = clock() + seconds
        self._paused_at: float | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether the parent token was cancelled, or the time is over."""
        return self._token.is_cancelled or self.seconds_left <= 0

    @property
    def seconds_left(self) -> float:
        """Seconds until its end; below 0 after it."""
        now = self._clock() if self._paused_at is None else self._paused_at
        return min(self._token.seconds_left, self._end - now)

    def has_time(self) -> bool:
        """Return whether any time is left.

        Raises:
            CancelledError: it was cancelled.
        """
        self._token.raise_if_cancelled()
        return self.seconds_left > 0

    def cancel(self) -> None:
        """Cancel the parent token."""
        self._token.cancel()

    def raise_if_cancelled(self) -> None:
        """Stop here if it was cancelled or the time is over.

        Raises:
            CancelledError: it was cancelled.
            TimeUpError: the time is over.
        """
        self._token.raise_if_cancelled()
        if self.seconds_left <= 0:
            raise TimeUpError(
                f"no answer within {self._seconds:g} s",
                "Ask about fewer things at once, or try a faster model.",
                limit="seconds",
            )

    @contextmanager
    def call_on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Run the callback when the parent token is cancelled; the end of the time runs none."""
        with self._token.call_on_cancel(callback):
            yield

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Stop the clock inside the context, for what has limits of its own or waits for a person."""
        if self._paused_at is not None:
            yield
            return
        self._paused_at = start = self._clock()
        try:
            yield
        finally:
            self._end += self._clock() - start
            self._paused_at = None

    def extend(self, seconds: float) -> Deadline:
        """Return the same deadline with at least so many seconds left."""
        return Deadline(max(seconds, self.seconds_left), self._token, clock=self._clock)

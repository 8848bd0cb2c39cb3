"""Stopping what is under way: one token that the query and the model call both listen to, and the time that is left.

It does not stop anything itself: whoever waits registers how, and waits no longer than is left.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nl2sql.errors import CancelledError, LimitError


class CancelToken:
    """Set once, from any thread. What waits registers a callback that makes its waiting end."""

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
        """Seconds that may still be waited: without end, where nobody has set one."""
        return math.inf

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
    def call_on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
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


class TimeUpError(LimitError):
    """The time that a question as a whole may take is over."""


class Deadline(CancelToken):
    """A token that is set with the one it is made from, and once its seconds are over."""

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
        return self._token.is_cancelled or self.seconds_left <= 0

    @property
    def seconds_left(self) -> float:
        """Seconds until its end; below 0 after it."""
        now = self._clock() if self._paused_at is None else self._paused_at
        return min(self._token.seconds_left, self._end - now)

    def has_time(self) -> bool:
        """Whether any is left. CancelledError once cancelled."""
        self._token.raise_if_cancelled()
        return self.seconds_left > 0

    def cancel(self) -> None:
        """As for the token that it is made from."""
        self._token.cancel()

    def raise_if_cancelled(self) -> None:
        """Raise CancelledError once cancelled, TimeUpError once the time is over."""
        self._token.raise_if_cancelled()
        if self.seconds_left <= 0:
            raise TimeUpError(
                f"no answer within {self._seconds:g} s",
                "Ask about fewer things at once, or try a faster model.",
                limit="seconds",
            )

    @contextmanager
    def call_on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """As for the token that it is made from; the end of the time calls nobody."""
        with self._token.call_on_cancel(callback):
            yield

    @contextmanager
    def pause(self) -> Iterator[None]:
        """What happens inside takes no time: a query has limits of its own, and a person reads as long as they like."""
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
        """The same with at least so many seconds left."""
        return Deadline(max(seconds, self.seconds_left), self._token, clock=self._clock)

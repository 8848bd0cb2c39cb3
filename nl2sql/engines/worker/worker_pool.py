"""Workers that calls take in turn: as many as may run side by side, made when needed, and a queue beyond them.

It does not know what the calls ask of a worker.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, Protocol, TypeVar

from nl2sql.cancellation import CancelToken
from nl2sql.engines.worker.deadline_timer import Alarm
from nl2sql.errors import BugError, DatabaseError

IDLE_SECONDS: Final = 120.0


class Closeable(Protocol):
    """What a pool must be able to end."""

    def close(self) -> None:
        """End the worker."""
        ...


Handle = TypeVar("Handle", bound=Closeable)


class WorkerPool(Generic[Handle]):
    """Up to `size` workers, each used by one call at a time. Callers beyond that go in the order in which they came.

    A worker that nobody used for `idle_seconds` is ended, except the `warm_count` last used ones.
    """

    def __init__(
        self, size: int, make: Callable[[], Handle], *, warm_count: int = 1, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._size, self._make = size, make
        self._kept_warm, self._idle_seconds = warm_count, idle_seconds
        self._changed = threading.Condition()
        self._waiting: deque[_Waiter] = deque()
        self._busy: dict[Handle, int] = {}
        # Each with the time since when it is free; the one used last is at the end.
        self._free: list[tuple[float, Handle]] = []
        self._closed = False
        self._watch = Alarm() if size > warm_count else None
        self._watching = False

    @property
    def workers(self) -> tuple[Handle, ...]:
        """Those that are there now, busy or not."""
        with self._changed:
            return (*self._busy, *(worker for _, worker in self._free))

    @contextlib.contextmanager
    def take_worker(
        self, cancel: CancelToken | None, is_preferred: Callable[[Handle], bool] | None = None
    ) -> Iterator[Handle]:
        """Open a context with a worker for this caller alone: a free one that it prefers, the last used, or a new one.

        Raises:
            DatabaseError: the pool is closed.
            CancelledError: `cancel` was set.
        """
        worker = self._wait_for_worker(cancel, is_preferred)
        try:
            yield worker
        finally:
            self._give_back(worker)

    def find_position(self, cancel: CancelToken) -> int:
        """Where in the queue the call that listens to this token stands: 1 is next, 0 does not wait."""
        with self._changed:
            return next((n for n, place in enumerate(self._waiting, start=1) if place.cancel is cancel), 0)

    def raise_if_closed(self) -> None:
        """Do nothing while the pool is open.

        Raises:
            DatabaseError: it is closed.
        """
        if self._closed:
            raise DatabaseError("the database is closed", "Open it again.")

    def close(self) -> None:
        """Refuse who waits, wait for who runs, end every worker. May be called twice."""
        with self._changed:
            self._refuse_second_turn()
            self._closed = True
            self._changed.notify_all()
            while self._busy:
                self._changed.wait()
            ended, self._free = self._free, []
        for _, worker in ended:
            worker.close()
        if self._watch is not None:
            self._watch.close()

    def _wait_for_worker(self, cancel: CancelToken | None, prefers: Callable[[Handle], bool] | None) -> Handle:
        place = _Waiter(cancel)
        woken = cancel.call_on_cancel(self._wake) if cancel else contextlib.nullcontext()
        with woken, self._changed:
            self._refuse_second_turn()
            self._waiting.append(place)
            try:
                while not self._may_go(place):
                    self._changed.wait()
                worker = self._pick(prefers) if self._free else self._make()
                self._busy[worker] = threading.get_ident()
                return worker
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def _may_go(self, place: _Waiter) -> bool:
        self.raise_if_closed()
        if place.cancel:
            place.cancel.raise_if_cancelled()
        return self._waiting[0] is place and (bool(self._free) or len(self._busy) < self._size)

    def _pick(self, prefers: Callable[[Handle], bool] | None) -> Handle:
        preferred = [i for i, (_, worker) in enumerate(self._free) if prefers and prefers(worker)]
        return self._free.pop(preferred[-1] if preferred else -1)[1]

    def _refuse_second_turn(self) -> None:
        if threading.get_ident() in self._busy.values():
            raise BugError("the engine was called while this thread still reads a stream from it")

    def _give_back(self, worker: Handle) -> None:
        with self._changed:
            del self._busy[worker]
            self._free.append((time.monotonic(), worker))
            self._changed.notify_all()
            if self._watch is not None and not self._watching and len(self._free) > self._kept_warm:
                self._watching = True
                self._watch.set(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        """End what has been free for long, and look again when the next one will have been."""
        now = time.monotonic()
        with self._changed:
            spare = self._free[: len(self._free) - self._kept_warm]
            idle = [entry for entry in spare if now - entry[0] >= self._idle_seconds]
            self._free = [entry for entry in self._free if entry not in idle]
            left = [since for since, _ in spare if now - since < self._idle_seconds]
            self._watching = bool(left) and not self._closed
            if self._watching and self._watch is not None:
                self._watch.set(min(left) + self._idle_seconds - now, self._end_idle)
        for _, worker in idle:
            worker.close()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class _Waiter:
    """A caller's place in the queue."""

    def __init__(self, cancel: CancelToken | None) -> None:
        self.cancel = cancel

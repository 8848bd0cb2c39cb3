"""A queue that admits a bounded number at once, first come, first served, and tells each its place.

It starts no thread and knows nothing of questions.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from nl2sql import CancelToken

_POLL_SECONDS: Final = 0.2


class AdmissionQueue:
    """At most `slots` tickets inside. A ticket lines up once, enters when its turn comes, and leaves."""

    def __init__(self, slots: int) -> None:
        self._changed = threading.Condition()
        self._free = slots
        self._line: deque[str] = deque()
        self._inside: set[str] = set()

    @property
    def length(self) -> int:
        """How many wait in line."""
        return len(self._line)

    def join(self, ticket: str) -> None:
        """Take a place at the end of the line."""
        with self._changed:
            self._line.append(ticket)

    def get_position(self, ticket: str) -> int:
        """Return the ticket's place in line: 1 is next, 0 is not waiting."""
        with self._changed:
            return self._line.index(ticket) + 1 if ticket in self._line else 0

    def enter(self, ticket: str, cancel: CancelToken) -> None:
        """Wait until it is this ticket's turn, and take a slot.

        Raises:
            CancelledError: `cancel` is set
            the place in line is given up.
        """
        with self._changed:
            entered = False
            try:
                while not (self._free and self._line[0] == ticket):
                    cancel.raise_if_cancelled()
                    self._changed.wait(_POLL_SECONDS)
                cancel.raise_if_cancelled()
                entered = True
            finally:
                self._line.remove(ticket)
                if entered:
                    self._free -= 1
                    self._inside.add(ticket)
                self._changed.notify_all()

    def leave(self, ticket: str) -> None:
        """Make room for the next, where it is inside."""
        with self._changed:
            if ticket in self._inside:
                self._inside.remove(ticket)
                self._free += 1
                self._changed.notify_all()

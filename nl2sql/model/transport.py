"""How a request reaches an endpoint: the protocol that the chat client speaks through, and its time limits.

It opens no connection: `openai_transport` does that for any endpoint, `loopback_transport` for a local server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nl2sql.cancellation import CancelToken


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds: to connect, until the first word of a reply, and between one word and the next."""

    connect_seconds: float = 10.0
    first_seconds: float = 180.0
    between_seconds: float = 60.0


class ReplyTimer:
    """Measures the wait for a reply: for its first word from the start, then for each next word from the one before."""

    def __init__(self, timeouts: Timeouts, has_begun: Callable[[], bool]) -> None:
        self._timeouts, self._begun = timeouts, has_begun
        self._since = time.monotonic()

    @property
    def limit_seconds(self) -> float:
        """The time limit, in seconds, for what comes next."""
        return self._timeouts.between_seconds if self._begun() else self._timeouts.first_seconds

    @property
    def seconds_left(self) -> float:
        """The seconds left of that limit; negative once it is over."""
        return self._since + self.limit_seconds - time.monotonic()

    def renew(self) -> None:
        """Start the limit anew after an event, provided that the model has said something."""
        if self._begun():
            self._since = time.monotonic()


class Transport(Protocol):
    """A connection to one endpoint."""

    def stream_events(
        self, body: Mapping[str, Any], cancel: CancelToken, has_begun: Callable[[], bool] = ...
    ) -> Generator[Mapping[str, Any], None, None]:
        """Send the request body and yield each event of the answer; the last has `done` if the endpoint completed it.

        Until `has_begun` returns true, all events together may take the time to the first word. Closing the generator
        closes the connection.

        Raises:
            EndpointError: the request failed, or a time limit passed.
            CancelledError: `cancel` was set.
            TimeUpError: the time of `cancel` is over.
        """
        ...

    def list_models(self) -> list[str]:
        """Return the names of the endpoint's models; an empty list if it lists none.

        Raises:
            EndpointError: the request failed.
        """
        ...

    def close(self) -> None:
        """Close the idle connections."""
        ...

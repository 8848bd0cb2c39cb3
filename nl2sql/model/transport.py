"""What carries a request to an endpoint: the protocol that the chat client speaks through.

It opens no connection: `openai_transport` does for any endpoint, `loopback_transport` for this machine's own server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nl2sql.cancellation import CancelToken


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the model says something, and between two things it says."""

    connect_seconds: float = 10.0
    first_seconds: float = 180.0
    between_seconds: float = 60.0


class ReplyTimer:
    """How long is waited for an answer: for its first word from when it is asked for, then for each next one."""

    def __init__(self, timeouts: Timeouts, has_begun: Callable[[], bool]) -> None:
        self._timeouts, self._begun = timeouts, has_begun
        self._since = time.monotonic()

    @property
    def limit_seconds(self) -> float:
        """Seconds that may be waited in all for what comes next."""
        return self._timeouts.between_seconds if self._begun() else self._timeouts.first_seconds

    @property
    def seconds_left(self) -> float:
        """Seconds of them that are left; below 0 once they are over."""
        return self._since + self.limit_seconds - time.monotonic()

    def renew(self) -> None:
        """Something has come: it counts once the model has said something."""
        if self._begun():
            self._since = time.monotonic()


class Transport(Protocol):
    """One endpoint; every method raises EndpointError where it fails."""

    def stream_events(
        self, body: Mapping[str, Any], cancel: CancelToken, has_begun: Callable[[], bool] = ...
    ) -> Generator[Mapping[str, Any], None, None]:
        """Send it; yield each event, the last one with `done` where the endpoint came to its end.

        Until `has_begun` is true, all may take the time to the first word. CancelledError at once when `cancel` is set,
        TimeUpError when its time is over. Closing the iterator closes the connection.
        """
        ...

    def list_models(self) -> list[str]:
        """The names of the endpoint's models; empty where it lists none."""
        ...

    def close(self) -> None:
        """Free the idle connections."""
        ...

"""What carries a request to an endpoint: the protocol that the chat client speaks through.

It opens no connection: `sdk_wire` does for any endpoint, `embedded.loopback` for this machine's own server.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nl2sql.cancel import CancelToken


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, until the model says something, and between two things it says."""

    connect: float
    first: float
    between: float


class Wire(Protocol):
    """One endpoint; every method raises EndpointError where it fails."""

    def events(
        self, body: Mapping[str, Any], cancel: CancelToken, begun: Callable[[], bool] = ...
    ) -> Generator[Mapping[str, Any], None, None]:
        """Send it; yield each event, the last one with `done` where the endpoint came to its end.

        Until `begun` is true, the next event may take the time to the first word. CancelledError at once when
        `cancel` is set. Closing the iterator closes the connection.
        """
        ...

    def models(self) -> list[str]:
        """The names of the endpoint's models; empty where it lists none."""
        ...

    def close(self) -> None:
        """Free the idle connections."""
        ...

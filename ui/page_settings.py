"""What the page was started with: its settings and its sign-in, handed over once, before Streamlit starts.

It reads no environment, so that nothing put there later changes them, and no arguments. It opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql import Config, ConfigError
from ui.request_guard import Refusals


@dataclass(frozen=True, slots=True)
class Launch:
    """What holds for as long as the page runs. `auth` is how people sign in; None where nobody does.

    `origins` are further addresses that browsers see the page under, such as `https://nl2sql.example.com`; `refusals`
    are why files were refused before the page saw them.
    """

    config: Config
    auth: Mapping[str, Any] | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    refusals: Refusals = field(default_factory=Refusals, compare=False)


_current_launch: Final[list[Launch]] = []


def set_launch(launch: Launch | None) -> None:
    """Have the page run with that; None takes it back."""
    _current_launch[:] = [] if launch is None else [launch]


def get_launch() -> Launch:
    """What the page was started with. ConfigError where it was not started by `nl2sql ui`."""
    if not _current_launch:
        raise ConfigError(
            "this page was not started by nl2sql ui, which provides its settings and protects its address",
            "Start it with: nl2sql ui",
        )
    return _current_launch[0]

"""What the page was started with: its settings and its sign-in, set once before Streamlit starts.

It reads neither environment nor arguments, so that later changes there have no effect. It opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql import Config, ConfigError
from ui.request_guard import Refusals


@dataclass(frozen=True, slots=True)
class Launch:
    """The settings of a running page. `auth` is the section of the sign-in; None where sign-in is off.

    `origins` are further addresses that browsers see the page under, such as `https://nl2sql.example.com`; `refusals`
    are why files were refused before the page saw them.
    """

    config: Config
    auth: Mapping[str, Any] | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    refusals: Refusals = field(default_factory=Refusals, compare=False)


_current_launch: Final[list[Launch]] = []


def set_launch(launch: Launch | None) -> None:
    """Set what the page is started with; None removes it."""
    _current_launch[:] = [] if launch is None else [launch]


def get_launch() -> Launch:
    """Return what the page was started with.

    Raises:
        ConfigError: it was not started by `nl2sql ui`.
    """
    if not _current_launch:
        raise ConfigError(
            "this page was not started by nl2sql ui, which provides its settings and protects its address",
            "Start it with: nl2sql ui",
        )
    return _current_launch[0]

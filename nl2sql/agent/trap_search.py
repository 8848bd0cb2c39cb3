"""Looks for traps in a query that ran: its probing queries pass the guard like any, within a small time for all.

It asks no model, and changes nothing; where nothing may run unasked it asks the data nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from nl2sql.agent.tools import Ran, Toolbox
from nl2sql.errors import DatabaseError, LimitError, ToolError
from nl2sql.types import Trap

TRAP_SECONDS: Final = 1.0
_PROBED_ROWS: Final = 20
# A probe reads about as much as the query did; one that could not end in time is not begun.
_SLOWER: Final = 2.0


def search_traps(ran: Ran, tools: Toolbox) -> tuple[Trap, ...]:
    """The traps of a query that a model wrote; none of one that a person has verified. CancelledError."""
    if ran.verified:
        return ()
    from nl2sql.answer.traps import find_traps

    deadline = time.monotonic() + TRAP_SECONDS

    def ask(probe: str) -> list[tuple[Any, ...]] | None:
        left = deadline - time.monotonic()
        if not tools.looks_up or left < _SLOWER * ran.result.seconds or left <= 0:
            return None
        try:
            limits = replace(tools.limits, seconds=min(left, tools.limits.seconds), rows=_PROBED_ROWS)
            return tools.look_up(probe, limits).rows
        except (ToolError, LimitError, DatabaseError):
            return None

    return find_traps(ran.checked.sql, tools.schema, ran.result, ask, tools.question)


def has_grave(traps: Iterable[Trap]) -> bool:
    """Whether one of them makes the figures others than those asked for."""
    return any(trap.changes_figure for trap in traps)

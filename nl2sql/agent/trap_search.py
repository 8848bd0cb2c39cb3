"""Looks for traps in a query that ran: its probing queries pass the guard like any, within a small time for all.

It asks no model, and changes nothing; where every query needs approval it runs none.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from nl2sql.agent.tools import ExecutedQuery, Toolbox
from nl2sql.errors import DatabaseError, LimitError, ToolError
from nl2sql.types import Trap

TRAP_SECONDS: Final = 1.0
_NO_TIME: Final = "there was no time or memory for it"
_UNAPPROVED: Final = "it takes further queries, which nobody approved"
_NOT_RUN: Final = "the query that checks it did not run"
_UNREAD: Final = "the SQL could not be read"
_PROBED_ROWS: Final = 20
# A probe reads about as much as the query did; one that could not end in time is not begun.
_MIN_TIME_RATIO: Final = 2.0


@dataclass(frozen=True, slots=True)
class TrapSearch:
    """The traps found, and a warning that says what could not be checked and why, where that is so."""

    traps: tuple[Trap, ...] = ()
    warning: str = ""


def search_traps(ran: ExecutedQuery, tools: Toolbox) -> TrapSearch:
    """Look for traps in a query that a model wrote; a verified query has none.

    Raises:
        CancelledError: the question was cancelled.
    """
    if ran.verified_query:
        return TrapSearch()
    from nl2sql.answer.traps import find_traps

    deadline = time.monotonic() + TRAP_SECONDS
    reasons: dict[str, None] = {}

    def ask(probe: str) -> list[tuple[Any, ...]] | None:
        left = deadline - time.monotonic()
        if not tools.is_lookup_allowed:
            reasons[_UNAPPROVED] = None
            return None
        if left < _MIN_TIME_RATIO * ran.result.seconds or left <= 0:
            reasons[_NO_TIME] = None
            return None
        try:
            limits = replace(tools.limits, seconds=min(left, tools.limits.seconds), rows=_PROBED_ROWS)
            return tools.look_up(probe, limits).rows
        except LimitError as exc:
            reasons[_UNAPPROVED if exc.limit == "rows" else _NO_TIME] = None
        except (ToolError, DatabaseError):
            reasons[_NOT_RUN] = None
        return None

    report = find_traps(ran.checked.sql, tools.schema, ran.result, ask, tools.question)
    warning = ""
    if report.unchecked_claims:
        why = " and ".join(reasons) or _UNREAD
        warning = f"not checked {', nor '.join(report.unchecked_claims)}: {why}"
    return TrapSearch(report.traps, warning)


def has_grave(traps: Iterable[Trap]) -> bool:
    """Return whether one of them means that the figures are not those asked for."""
    return any(trap.is_figure_changed for trap in traps)

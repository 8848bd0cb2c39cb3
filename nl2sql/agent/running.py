"""Runs one query that a model wrote: as it is where it binds, else as code mends it, with its texts as stored.

What it changed it tells as steps. It asks no model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Final

from nl2sql.agent.tools import Ran, Toolbox
from nl2sql.errors import GuardError, LimitError, QueryError, ToolError
from nl2sql.types import CheckedSQL, Event, EventKind, Result, Step

MEND: Final = "mend"
_NOTHING: Final = "nothing matched"

Approve = Callable[[CheckedSQL], bool] | None


class Declined(Exception):
    """The checked SQL was not let run: ends the loop, and carries the SQL."""

    def __init__(self, checked: CheckedSQL) -> None:
        super().__init__(checked.sql)
        self.checked = checked


def executed(query: str, tools: Toolbox, steps: list[Step], approve: Approve = None) -> Generator[Event, None, Ran]:
    """Run the query. `approve` is asked before; Declined where it says no.

    Raises QueryError and GuardError where it cannot run and is not mended, LimitError, CancelledError, DatabaseError.
    """
    try:
        checked = yield from _tidied(query, tools.check(query), tools, steps)
        ran = yield from _run(checked, tools, approve)
    except (QueryError, GuardError) as exc:
        if not _is_mendable(exc):
            raise
        ran = yield from _mended(query, exc, tools, steps, approve)
    if says_nothing(ran.result):
        ran = yield from _respelled(query, ran, tools, steps, approve)
    return ran


def verified(name: str, sql: str, tools: Toolbox, approve: Approve = None) -> Generator[Event, None, Ran]:
    """Run a verified query's SQL as it is. Errors as `executed`: nothing in it is mended."""
    ran = yield from _run(tools.check(sql), tools, approve)
    return replace(ran, verified=name)


def _run(checked: CheckedSQL, tools: Toolbox, approve: Approve) -> Generator[Event, None, Ran]:
    yield Event(EventKind.SQL, tools.lay_out(checked))
    if approve is not None and not approve(checked):
        raise Declined(checked)
    yield Event(EventKind.RUNNING)
    return Ran(checked, tools.run(checked))


def _mended(
    query: str, error: QueryError | GuardError, tools: Toolbox, steps: list[Step], approve: Approve
) -> Generator[Event, None, Ran]:
    """Run the query as code mends it; the engine's error to the query as it was where that does not help."""
    start = time.perf_counter()
    found = tools.mend(query)
    if found is None:
        raise error
    checked, mended = found
    text = "; ".join(mended.mends)
    yield Event(EventKind.MENDED, text)
    arguments = {"query": query, "error": error.message, "mends": text}
    step = Step(MEND, arguments, True, None, time.perf_counter() - start)
    try:
        ran = yield from _run(checked, tools, approve)
    except QueryError:
        raise error from None
    except Declined:
        steps.append(step)
        raise
    steps.append(step)
    return ran


def _tidied(query: str, checked: CheckedSQL, tools: Toolbox, steps: list[Step]) -> Generator[Event, None, CheckedSQL]:
    """The query without what would spoil its rows for nothing."""
    start = time.perf_counter()
    found = tools.mend(query, binds=True)
    if found is None:
        return checked
    text = "; ".join(found[1].mends)
    yield Event(EventKind.MENDED, text)
    arguments = {"query": query, "error": None, "mends": text}
    steps.append(Step(MEND, arguments, True, None, time.perf_counter() - start))
    return found[0]


def _is_mendable(error: QueryError | GuardError) -> bool:
    """Whether the engine could not bind the query. What is not there is told like what is denied."""
    return isinstance(error, QueryError) or error.rule in ("table", "function", "type")


def is_respelled(step: Step) -> bool:
    """Whether the step is a query that found something only with other texts than the model wrote."""
    return step.tool == MEND and step.arguments["error"] == _NOTHING


def says_nothing(result: Result) -> bool:
    """Whether there is no row, or only one of zeros and NULLs: what a filter that matches nothing gives."""
    return not result.row_count or (result.row_count == 1 and not any(result.rows[0]))


def _respelled(
    query: str, ran: Ran, tools: Toolbox, steps: list[Step], approve: Approve
) -> Generator[Event, None, Ran]:
    """The query with its texts as they are stored, where it is let run and finds something; else the one that ran."""
    start = time.perf_counter()
    found = tools.respell(ran.checked)
    if found is None:
        return ran
    checked, mended = found
    if approve is not None and not approve(checked):
        return ran
    try:
        result = tools.run(checked)
    except (ToolError, LimitError):
        return ran
    if says_nothing(result):
        return ran
    text = "; ".join(mended.mends)
    yield Event(EventKind.MENDED, text)
    yield Event(EventKind.SQL, tools.lay_out(checked))
    arguments = {"query": query, "error": _NOTHING, "mends": text}
    steps.append(Step(MEND, arguments, True, None, time.perf_counter() - start))
    return Ran(checked, result)

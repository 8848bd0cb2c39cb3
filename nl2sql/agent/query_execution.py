"""Runs one query that a model wrote: as it is where it binds, else as code can repair it, with its texts as stored.

Each change is recorded as a step, and in the ExecutedQuery. It asks no model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Final

from nl2sql.agent import prompts
from nl2sql.agent.question_scope import LookupPermit, allow_every_lookup
from nl2sql.agent.tools import ExecutedQuery, Toolbox
from nl2sql.errors import GuardError, LimitError, MissingNameError, QueryError, ToolError
from nl2sql.types import CheckedSQL, Event, EventKind, Repair, RepairReport, Result, Step, StepKind

_LOG: Final = logging.getLogger(__name__)
_NOTHING: Final = "nothing matched"
_DENIED: Final = "column"

Approver = Callable[[CheckedSQL], bool] | None


class ApprovalDeniedError(Exception):
    """The checked SQL was not approved; this ends the loop and carries the SQL."""

    def __init__(self, checked: CheckedSQL) -> None:
        super().__init__(checked.sql)
        self.checked = checked


def restrict_approval(
    approve: Approver, above_rows: int | None, estimate: Callable[[CheckedSQL], int | None]
) -> Approver:
    """Ask only where the engine guesses that a step of the query handles more rows than `above_rows`."""
    if approve is None or above_rows is None:
        return approve

    def approve_if_heavy(checked: CheckedSQL) -> bool:
        rows = estimate(checked)
        return rows is None or rows <= above_rows or approve(checked)

    return approve_if_heavy


def make_lookup_permit(
    approve: Approver, above_rows: int | None, estimate: Callable[[CheckedSQL], int | None]
) -> LookupPermit | None:
    """Return which further queries may run: those that need no approval; None where every query needs one."""
    if approve is None:
        return allow_every_lookup
    if above_rows is None:
        return None

    def is_light(checked: CheckedSQL) -> bool:
        rows = estimate(checked)
        return rows is None or rows <= above_rows

    return is_light


def execute_query(
    query: str, tools: Toolbox, steps: list[Step], approve: Approver = None
) -> Generator[Event, None, ExecutedQuery]:
    """Run the query, repaired where it does not bind. `approve` is called before anything runs.

    Raises:
        ApprovalDeniedError: `approve` returned False.
        QueryError: it cannot run and is not repaired.
        MissingNameError: it names what the data does not have.
        GuardError: a rule or the policy objects to it.
        LimitError: it takes more than the limits allow.
        CancelledError: the question was cancelled.
        DatabaseError: the engine itself fails.
    """
    try:
        ran = yield from _run(tools.check(query), tools, approve)
    except (QueryError, GuardError) as exc:
        if not _is_repairable(exc):
            raise
        ran = yield from _execute_repaired(query, exc, tools, steps, approve)
    if is_empty_or_zero(ran.result):
        ran = yield from _match_stored(query, ran, tools, steps, approve)
    return ran


def execute_verified(
    name: str, sql: str, tools: Toolbox, approve: Approver = None
) -> Generator[Event, None, ExecutedQuery]:
    """Run a verified query's SQL as it is, without repairs.

    Raises:
        NL2SQLError: as `execute_query`.
    """
    ran = yield from _run(tools.check(sql), tools, approve)
    return replace(ran, verified_query=name)


def is_empty_or_zero(result: Result) -> bool:
    """Return whether there is no row, or only one of zeros and NULLs: what a filter that matches nothing gives, too."""
    return not result.row_count or (result.row_count == 1 and not any(result.rows[0]))


def _run(checked: CheckedSQL, tools: Toolbox, approve: Approver) -> Generator[Event, None, ExecutedQuery]:
    yield Event(EventKind.SQL, tools.lay_out(checked))
    if approve is not None and not approve(checked):
        raise ApprovalDeniedError(checked)
    yield Event(EventKind.RUNNING)
    return ExecutedQuery(checked, tools.run(checked))


def _is_repairable(error: QueryError | GuardError) -> bool:
    """Return whether the engine could not bind the query. What is denied is treated as what is not there."""
    return isinstance(error, QueryError) or error.rule in ("table", "function", "type", _DENIED)


def _execute_repaired(
    query: str, error: QueryError | GuardError, tools: Toolbox, steps: list[Step], approve: Approver
) -> Generator[Event, None, ExecutedQuery]:
    """Run the query as code repairs it.

    Raises:
        ToolError: the repair fails; the error is about the query as it was.
    """
    start = time.perf_counter()
    checked, report = tools.repair(query, error.message)
    if checked is None:
        _log_failed_repair(error, report)
        raise _explain(error, report) from error
    step = _make_step(query, error.message, report.repairs, start)
    yield Event(EventKind.REPAIRED, _describe(report.repairs))
    try:
        ran = yield from _run(checked, tools, approve)
    except QueryError:
        _LOG.info("repair: the repaired query failed too")
        raise error from None
    except ApprovalDeniedError:
        steps.append(step)
        raise
    steps.append(step)
    return replace(ran, repairs=report.repairs)


def _log_failed_repair(error: QueryError | GuardError, report: RepairReport) -> None:
    """Log that no rule helped; the query and its names stay out of it."""
    found = "a name that the data does not have" if report.missing is not None else f"{len(report.guesses)} guesses"
    _LOG.info("repair gave up on a query that failed with %s: %s", error.code, found)


def _explain(error: QueryError | GuardError, report: RepairReport) -> QueryError | GuardError:
    """Return the error with what the report adds: the name that is missing, or readings that would run."""
    if report.missing is not None and isinstance(error, GuardError) and error.rule == _DENIED:
        message, hint = prompts.explain_missing(report.missing, report.joins, report.guesses)
        first = replace(error.findings[0], message=message, hint=hint)
        return GuardError((first, *error.findings[1:]), report.missing)
    if report.missing is not None:
        message, hint = prompts.explain_missing(report.missing, report.joins, report.guesses)
        return MissingNameError(message, hint, report.missing)
    if report.guesses and isinstance(error, QueryError):
        return QueryError(error.message, f"{error.hint} {prompts.offer_guesses(report.guesses)}".strip())
    return error


def _match_stored(
    query: str, ran: ExecutedQuery, tools: Toolbox, steps: list[Step], approve: Approver
) -> Generator[Event, None, ExecutedQuery]:
    """Run the query with its texts as they are stored, where that is approved; else return `ran` with what is near."""
    start = time.perf_counter()
    checked, match = tools.match_stored(ran.checked)
    ran = replace(ran, hints=tuple(match.hints), unmatched_texts=tuple(match.unmatched_texts))
    if checked is None or (approve is not None and not approve(checked)):
        return ran
    try:
        result = tools.run(checked)
    except (ToolError, LimitError):
        return ran
    yield Event(EventKind.REPAIRED, _describe(match.repairs))
    yield Event(EventKind.SQL, tools.lay_out(checked))
    steps.append(_make_step(query, _NOTHING, match.repairs, start))
    return replace(ran, checked=checked, result=result, repairs=(*ran.repairs, *match.repairs))


def _describe(repairs: Sequence[Repair]) -> str:
    return "; ".join(repair.text for repair in repairs)


def _make_step(query: str, error: str, repairs: Sequence[Repair], start: float) -> Step:
    arguments = {"query": query, "error": error, "repairs": _describe(repairs)}
    return Step(StepKind.REPAIR, arguments, True, None, time.perf_counter() - start)

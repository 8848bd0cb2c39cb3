"""Several queries for one question, grouped by the rows that they give: the largest group's is taken.

After self-consistency (arXiv 2203.11171), by the rows and not by the text, as in arXiv 2204.07498. It asks no model:
the replies are drawn by whoever calls.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from nl2sql.agent.query_execution import ApprovalDeniedError, Approver, execute_query
from nl2sql.agent.tools import ExecutedQuery, Toolbox
from nl2sql.cancellation import Deadline
from nl2sql.errors import LimitError, ToolError
from nl2sql.generators import drain
from nl2sql.model.chat import ChatModel
from nl2sql.types import Event, EventKind, Reply, Result, Step, StepKind, ToolName, Usage

MIN_AGREEING_QUERIES: Final = 2
_DECIMAL_PLACES: Final = 6


@dataclass(frozen=True, slots=True)
class Candidates:
    """How many queries are written for a question, the first included.

    With `is_only_if_doubtful`, further ones are written only where the first is in doubt.
    """

    count: int = 1
    is_only_if_doubtful: bool = False


# Others are written only where the first failed or gave no value: beside a good one they were never better.
_ONLY_IF_DOUBTFUL: Final = Candidates(4, is_only_if_doubtful=True)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A query that ran, and the reply that it came in."""

    reply: Reply
    executed_query: ExecutedQuery


@dataclass(slots=True)
class Vote:
    """The candidates that ran, in the order in which they came; `query_count` counts those that did not, too."""

    query_count: int = 0
    candidates: list[Candidate] = field(default_factory=list)
    _keys: list[Any] = field(default_factory=list)

    def add(self, candidate: Candidate | None) -> None:
        """Count one more; None where it did not run."""
        self.query_count += 1
        if candidate is not None:
            self.candidates.append(candidate)
            self._keys.append(make_rows_key(candidate.executed_query.result))

    @property
    def winner(self) -> Candidate | None:
        """The first of the largest group with the fewest repairs; None where nothing ran.

        Of groups of one size, those with rows and whose texts are stored come first, then the fewest repairs, then the
        earliest.
        """
        ranked = sorted(range(len(self.candidates)), key=self._rank)
        return self.candidates[ranked[0]] if ranked else None

    @property
    def winner_count(self) -> int:
        """How many of the candidates give the winner's rows."""
        winner = self.winner
        return 0 if winner is None else self._keys.count(make_rows_key(winner.executed_query.result))

    def count_agreeing(self, ran: ExecutedQuery) -> tuple[int, int]:
        """Return how many of the queries written give the rows of `ran`, itself included, and how many were written."""
        is_further = all(candidate.executed_query is not ran for candidate in self.candidates)
        return self._keys.count(make_rows_key(ran.result)) + is_further, self.query_count + is_further

    @property
    def has_majority(self) -> bool:
        """Whether two agree on rows. Two empty results are no agreement: any wrong filter gives one."""
        winner = self.winner
        return (
            winner is not None
            and self.winner_count >= MIN_AGREEING_QUERIES
            and bool(winner.executed_query.result.row_count)
        )

    def _rank(self, position: int) -> tuple[int, bool, int, int]:
        candidate = self.candidates[position]
        size = self._keys.count(self._keys[position])
        is_doubted = bool(candidate.executed_query.unmatched_texts) or not candidate.executed_query.result.row_count
        return -size, is_doubted, len(candidate.executed_query.repairs), position


def choose_candidates(model: ChatModel, count: int | None) -> Candidates:
    """Choose how many queries the model writes for a question: `count`, else as many as are worth their cost."""
    if count is not None:
        return Candidates(count)
    return _ONLY_IF_DOUBTFUL if model.samples_cheaply else Candidates()


def is_doubtful(ran: ExecutedQuery | None) -> bool:
    """Return whether the first query shows a sign that it is wrong.

    It did not run, gave no value at all, or compares with a text that is not stored. A zero alone is no such sign.
    """
    if ran is None or ran.unmatched_texts or not ran.result.row_count:
        return True
    return all(column.null_count == len(column) for column in ran.result.table.columns)


def elect(
    vote: Vote,
    replies: Iterable[Reply],
    tools: Toolbox,
    steps: list[Step],
    deadline: Deadline,
    approve: Approver = None,
) -> Generator[Event, None, Usage]:
    """Run the query of each reply until two agree; return what the replies cost. Each becomes a step.

    One that is not approved counts as one that cannot run.
    """
    usage = Usage()
    for reply in replies:
        usage += reply.usage
        with deadline.pause():
            vote.add(_run_candidate(reply, tools, steps, approve))
        yield Event(EventKind.CANDIDATE, f"{vote.winner_count} of {vote.query_count} agree")
        if vote.has_majority:
            break
    return usage


def _run_candidate(reply: Reply, tools: Toolbox, steps: list[Step], approve: Approver) -> Candidate | None:
    """Run the reply's query; return None where it has none that runs."""
    query = next((call.arguments.get("query") for call in reply.calls if call.name == ToolName.SQL_QUERY), None)
    if not isinstance(query, str):
        return None
    start, own = time.perf_counter(), list[Step]()
    arguments: dict[str, Any] = {"query": query}
    try:
        # Its events are not passed on: SQL that may not be taken is not shown as it runs.
        ran = drain(execute_query(query, tools, own, approve))
    except (ToolError, LimitError) as exc:
        steps.append(Step(StepKind.CANDIDATE, arguments, False, exc.message, time.perf_counter() - start))
        return None
    except ApprovalDeniedError:
        steps.append(Step(StepKind.CANDIDATE, arguments, False, "it was not let run", time.perf_counter() - start))
        return None
    arguments["repairs"] = "; ".join(repair.text for repair in ran.repairs) or None
    steps.append(Step(StepKind.CANDIDATE, arguments, True, None, time.perf_counter() - start))
    return Candidate(reply, ran)


def make_rows_key(result: Result) -> Any:
    """Return a key that is equal for results with the same rows, in any order of rows and columns.

    Numbers count to six decimal places.
    """
    columns = [tuple(map(_normalize_value, column)) for column in zip(*result.rows, strict=True)]
    columns.sort(key=lambda column: sorted(map(repr, column)))
    rows = sorted(zip(*columns, strict=True), key=repr) if columns else ()
    return len(result.columns), tuple(rows)


def _normalize_value(value: Any) -> Any:
    if isinstance(value, list | dict):
        return repr(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return value
    number = float(value)
    return round(number, _DECIMAL_PLACES) if math.isfinite(number) else repr(number)

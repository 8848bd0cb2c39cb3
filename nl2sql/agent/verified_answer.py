"""Answers a question from the verified query that it is known to have: no model is asked for the SQL.

A generator of events, as the loop; the SQL runs as it was verified, under the same guard. It repairs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Final

from nl2sql.agent.loop import Outcome
from nl2sql.agent.query_execution import ApprovalDeniedError, Approver, execute_verified
from nl2sql.agent.tools import Toolbox
from nl2sql.errors import LimitError
from nl2sql.types import Event, EventKind, Step

RECALL: Final = "verified_query"


def recall(name: str, sql: str, tools: Toolbox, approve: Approver = None) -> Generator[Event, None, Outcome]:
    """Run the verified query `name`. GuardError and QueryError where it cannot run any more."""
    outcome = Outcome()
    start = time.perf_counter()
    yield Event(EventKind.TOOL, f"{RECALL}({name})")
    try:
        outcome.executed_query = ran = yield from execute_verified(name, sql, tools, approve)
    except ApprovalDeniedError as declined:
        outcome.declined_sql = declined.checked
    except LimitError as exc:
        outcome.error = exc
    else:
        yield Event(EventKind.ROWS, f"{ran.result.row_count}", result=ran.result)
    error = outcome.error.message if outcome.error else None
    arguments = {"name": name, "query": sql}
    outcome.steps.append(Step(RECALL, arguments, error is None, error, time.perf_counter() - start))
    return outcome

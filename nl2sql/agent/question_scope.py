"""Defines what the tools know of the one question that they are for.

Values only: it calls nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nl2sql.agent.verified_query_tools import QueryFunction
from nl2sql.answer.notation import NEUTRAL, Notation
from nl2sql.config import ContextSettings
from nl2sql.types import CheckedSQL

LookupPermit = Callable[[CheckedSQL], bool]


def allow_every_lookup(checked: CheckedSQL) -> bool:
    """Let any further query run: nobody reads the SQL first."""
    return True


@dataclass(frozen=True, slots=True)
class QuestionScope:
    """What the tools know of the question that they are for.

    Attributes:
        question: The user's words.
        earlier_turns: What was asked before in the conversation, with its SQL.
        functions: Verified queries that the model may call.
        lookup_permit: Says whether a further query may run without approval. None where none may, which leaves out the
            tool `find_values`.
        reads_values: For the guard, as for `Engine.judge`.
        context: What day it is, and which words the owner has explained.
        notation: How numbers and dates are written.
    """

    question: str = ""
    earlier_turns: str = ""
    functions: Sequence[QueryFunction] = ()
    lookup_permit: LookupPermit | None = allow_every_lookup
    reads_values: bool = True
    context: ContextSettings = field(default_factory=ContextSettings)
    notation: Notation = NEUTRAL

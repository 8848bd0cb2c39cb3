"""Defines what the loop takes and returns: a question's task and budget, and how the loop ended.

Values only: it calls nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nl2sql.agent.query_execution import Approver
from nl2sql.agent.self_consistency import Candidates, Vote
from nl2sql.agent.tools import ExecutedQuery
from nl2sql.errors import LimitError, ToolError
from nl2sql.schema import estimate_tokens
from nl2sql.types import CheckedSQL, Clarification, ErrorInfo, Message, MissingName, Step, Trap, Usage


@dataclass(frozen=True, slots=True)
class QuestionBudget:
    """What one question may use.

    Attributes:
        steps: How many tool calls.
        tokens: How many tokens, sent and generated together.
        seconds: Wall time of the model and the program; queries have limits of their own.
        retries: How many failed queries a model that writes SQL blocks may correct.
    """

    steps: int = 8
    tokens: int = 200_000
    seconds: float = 600.0
    retries: int = 2


@dataclass(slots=True)
class Outcome:
    """How the loop ended: the model's last text, the last query that ran (or was denied), and what went before.

    Attributes:
        text: The model's last words.
        executed_query: The last query that ran.
        declined_sql: The query that was not approved.
        clarification: What the model asks the user.
        error: What stopped the last query.
        interruption: Why the model's words are missing though there are rows.
        was_reminded: Whether the model was reminded that its figures came with no query.
        was_unreadable: Whether the model sent a call that could not be read.
        shortfall: The first shortfall that its replies name.
        lack: What the data lacks, as the model says.
        has_given_up: Whether the model asked again for a name that the data does not have.
        failures: The errors by their query.
        missing: The names that the data does not have, in the order in which they were asked for.
        hints: Sentences about texts in the query that are not stored.
        steps: What was done, in order.
        vote: The candidates, where several queries were drawn.
        traps: The traps of the query that ran.
        unchecked_warning: Which traps could not be checked, and why.
        known_rules: The rules of the traps that were shown to the model.
        logprobs: Those of the reply that held the query.
        usage: Tokens and calls as the endpoint counts them.
        tokens: Those counted against the budget; estimated where an endpoint counts none.
        model_seconds: Wall time of the model's calls.
    """

    text: str = ""
    executed_query: ExecutedQuery | None = None
    declined_sql: CheckedSQL | None = None
    clarification: Clarification | None = None
    error: ToolError | LimitError | None = None
    interruption: str = ""
    was_reminded: bool = False
    was_unreadable: bool = False
    shortfall: ErrorInfo | None = None
    lack: str = ""
    has_given_up: bool = False
    failures: dict[str, ToolError] = field(default_factory=dict)
    missing: list[MissingName] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    vote: Vote | None = None
    traps: tuple[Trap, ...] = ()
    unchecked_warning: str = ""
    known_rules: set[str] = field(default_factory=set)
    logprobs: tuple[float, ...] = ()
    usage: Usage = Usage()
    tokens: int = 0
    model_seconds: float = 0.0

    @property
    def has_answer(self) -> bool:
        """Whether the last query ran."""
        return self.executed_query is not None and self.error is None

    def count_usage(self, usage: Usage, messages: Sequence[Message]) -> None:
        """Add what a call has cost; estimate it where the endpoint counts nothing, so that it spends the budget too."""
        self.usage += usage
        estimated = estimate_tokens("".join(map(str, messages))) if not usage.prompt_tokens else 0
        self.tokens += max(usage.prompt_tokens + usage.completion_tokens, estimated)


@dataclass(frozen=True, slots=True)
class AgentTask:
    """One question: the conversation so far, whether a sentence is wanted, who approves SQL before it runs.

    With `is_reviewed` no further candidates are drawn: comparing them would run SQL that nobody has approved.
    """

    messages: Sequence[Message]
    summary: bool = True
    approve: Approver = None
    is_reviewed: bool = False
    budget: QuestionBudget = QuestionBudget()
    candidates: Candidates = Candidates()

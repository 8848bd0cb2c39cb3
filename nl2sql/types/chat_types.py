"""The types of a conversation with a model: its replies, the tools that it called, and what that used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nl2sql.types.result_types import ErrorInfo

Message = Mapping[str, Any]
Messages = Sequence[Message]


class ToolName(StrEnum):
    """The tools that a model may call; a verified query is one more, by its own name."""

    SQL_QUERY = "sql_query"
    LIST_TABLES = "list_tables"
    DESCRIBE_TABLE = "describe_table"
    FIND_VALUES = "find_values"
    ASK_USER = "ask_user"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model wrote. `arguments` is a JSON object once parsed.

    Where its text could not be understood, `arguments` is empty and `problem` says how to correct it.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and calls. `cost_usd` is None where the endpoint names no price."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    model_calls: int = 0
    cost_usd: float | None = None

    def __add__(self, other: Usage) -> Usage:
        costs = [c for c in (self.cost_usd, other.cost_usd) if c is not None]
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.model_calls + other.model_calls,
            sum(costs) if costs else None,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a model: prose, calls, or both.

    `message` is the Chat Completions dict to append to the conversation, in the form that this model's protocol
    wants to see again. `finish` is the endpoint's finish reason, or `cut` where the stream broke off. `logprobs` are
    the natural logarithms of the probabilities that the model gave to the tokens of its SQL, empty where the endpoint
    gives none. `is_unreadable` says that it holds marks of a call but none that can be read; `text` is empty then.
    `shortfall` says what the endpoint silently withheld from the model, None where nothing was.
    """

    text: str
    calls: tuple[ToolCall, ...]
    message: Mapping[str, Any]
    usage: Usage = Usage()
    finish: str = "stop"
    logprobs: tuple[float, ...] = ()
    is_unreadable: bool = False
    shortfall: ErrorInfo | None = None


class StepKind(StrEnum):
    """The kinds of steps that are no call of the model's: `Step.tool` is one of these or a tool's name."""

    CANDIDATE = "candidate"
    RECONSIDER = "reconsider"
    REPAIR = "repair"
    VERIFIED_QUERY = "verified_query"


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call as it went. `seconds` is wall time; `error` is the text that the model got, or None."""

    tool: str
    arguments: Mapping[str, Any]
    ok: bool
    error: str | None = None
    seconds: float = 0.0

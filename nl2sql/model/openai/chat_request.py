"""What is sent to an endpoint: the body of a request, and what to ask otherwise where one is refused.

It sends nothing. `tool_protocols` writes tools and messages, `endpoint_errors` reads what a refusal says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nl2sql.model.chat import Tool
from nl2sql.model.openai import endpoint_errors, tool_protocols
from nl2sql.model.openai.capability_cache import Habits
from nl2sql.model.openai.endpoint_errors import Failure
from nl2sql.types import Messages

SEVERAL: Final = "n"
LENGTH_NAMES: Final = ("max_tokens", "max_completion_tokens")
# One alternative a token: llama.cpp tells twenty where no number is given.
_LOGPROBS: Final = {"logprobs": True, "top_logprobs": 1}


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a model, in the product's words. `count` replies are asked for at once where it is over 1."""

    model: str
    messages: Messages
    tools: Sequence[Tool]
    temperature: float
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    count: int = 1
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    def body(self, habits: Habits, protocol: str) -> dict[str, Any]:
        """The body in the endpoint's words, without what it refuses."""
        body: dict[str, Any] = {
            "model": self.model,
            **tool_protocols.request_fields(
                protocol,
                self.messages,
                self.tools,
                takes_system=habits.takes_system,
                strict="strict" not in habits.dropped,
            ),
            "temperature": self.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if self.tools:
            body.update(_LOGPROBS)
        if self.stop:
            body["stop"] = list(self.stop)
        if self.count > 1:
            body[SEVERAL] = self.count
        body.update(self.extra_body)
        for old, new in habits.renamed:
            if old in body:
                body[new] = body.pop(old)
        if not habits.streams:
            body = {**body, "stream": False, "stream_options": None}
        return {k: v for k, v in body.items() if k not in habits.dropped and v is not None}


def adapted(habits: Habits, failure: Failure, body: Mapping[str, Any], protocol: str, *, fixed: bool) -> Habits | None:
    """What to ask otherwise next time, so that the endpoint takes it; None where that would not help.

    `fixed` says that the protocol may not change. Each change goes one way only, so that the asking comes to an end.
    """
    has_strict = any("strict" in tool["function"] for tool in body.get("tools", ()))
    if _LOGPROBS.keys() & body.keys() and endpoint_errors.speaks_of_logprobs(failure):
        return replace(habits, dropped=(*habits.dropped, *_LOGPROBS))
    refused = endpoint_errors.refused_parameter(failure, [*body, *(["strict"] if has_strict else [])])
    if refused == "stream":
        return replace(habits, streams=False) if habits.streams else None
    if refused in LENGTH_NAMES and not habits.renamed:
        (other,) = set(LENGTH_NAMES) - {refused}
        if other in failure.all_words:
            return replace(habits, renamed=((refused, other),))
    if refused:
        return replace(habits, dropped=(*habits.dropped, refused))
    if habits.takes_system and endpoint_errors.refuses_system(failure):
        return replace(habits, takes_system=False)
    bound = next((name for name in LENGTH_NAMES if name in body), None)
    # Some endpoints want fewer tokens than that, and say so in words of their own; some count them as the prompt's.
    if bound and endpoint_errors.speaks_of_tokens(failure):
        return replace(habits, dropped=(*habits.dropped, bound))
    following = None if fixed else tool_protocols.after(protocol)
    if following and tool_protocols.speaks_of_calls(body) and endpoint_errors.refuses_tools(failure, protocol):
        return replace(habits, protocol=following)
    return None

"""Builds the body of a request, and decides what to change in it after a refusal.

It sends nothing. `tool_protocols` writes tools and messages, `endpoint_errors` reads what a refusal says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nl2sql.model.chat import Tool
from nl2sql.model.openai import endpoint_errors, tool_protocols
from nl2sql.model.openai.capability_cache import EndpointCapabilities
from nl2sql.model.openai.endpoint_errors import Failure
from nl2sql.types import Messages

COUNT_PARAMETER: Final = "n"
LENGTH_NAMES: Final = ("max_tokens", "max_completion_tokens")
# One alternative for each token: llama.cpp sends twenty if no number is given.
_LOGPROBS: Final = {"logprobs": True, "top_logprobs": 1}


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a model, independent of the endpoint. `count` is the number of replies to request at once."""

    model: str
    messages: Messages
    tools: Sequence[Tool]
    temperature: float
    max_tokens: int | None = None
    stop: Sequence[str] = ()
    count: int = 1
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    def make_body(self, capabilities: EndpointCapabilities, protocol: str) -> dict[str, Any]:
        """Return the request body in the endpoint's terms, without the parameters that it refuses."""
        body: dict[str, Any] = {
            "model": self.model,
            **tool_protocols.make_request_fields(
                protocol,
                self.messages,
                self.tools,
                takes_system=capabilities.takes_system,
                strict="strict" not in capabilities.dropped,
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
            body[COUNT_PARAMETER] = self.count
        body.update(self.extra_body)
        for old, new in capabilities.renamed:
            if old in body:
                body[new] = body.pop(old)
        if not capabilities.streams:
            body = {**body, "stream": False, "stream_options": None}
        return {k: v for k, v in body.items() if k not in capabilities.dropped and v is not None}


def find_fallback_capabilities(
    capabilities: EndpointCapabilities, failure: Failure, body: Mapping[str, Any], protocol: str, *, fixed: bool
) -> EndpointCapabilities | None:
    """Return capabilities under which the endpoint may accept the request next time; None if no change would help.

    With `fixed` the protocol may not change. Each change only ever takes something away, so the attempts come to an
    end.
    """
    has_strict = any("strict" in tool["function"] for tool in body.get("tools", ()))
    if _LOGPROBS.keys() & body.keys() and endpoint_errors.is_logprobs_refusal(failure):
        return replace(capabilities, dropped=(*capabilities.dropped, *_LOGPROBS))
    refused = endpoint_errors.find_refused_parameter(failure, [*body, *(["strict"] if has_strict else [])])
    if refused == "stream":
        return replace(capabilities, streams=False) if capabilities.streams else None
    if refused in LENGTH_NAMES and not capabilities.renamed:
        (other,) = set(LENGTH_NAMES) - {refused}
        if other in failure.full_text:
            return replace(capabilities, renamed=((refused, other),))
    if refused:
        return replace(capabilities, dropped=(*capabilities.dropped, refused))
    if capabilities.takes_system and endpoint_errors.is_system_refusal(failure):
        return replace(capabilities, takes_system=False)
    bound = next((name for name in LENGTH_NAMES if name in body), None)
    # Some endpoints allow fewer tokens and say so in their own words; some add them to those of the prompt.
    if bound and endpoint_errors.is_token_limit_refusal(failure):
        return replace(capabilities, dropped=(*capabilities.dropped, bound))
    following = None if fixed else tool_protocols.find_next_protocol(protocol)
    if following and tool_protocols.has_tools_or_calls(body) and endpoint_errors.is_tools_refusal(failure, protocol):
        return replace(capabilities, protocol=following)
    return None

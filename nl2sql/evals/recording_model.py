"""A chat model that records what it is sent and what it replies, so that a report can show it.

It changes nothing on the way. Closing it leaves the model open, since one model serves every database.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nl2sql.model.chat import ChatModel, Tool
from nl2sql.types import Message, Messages, Reply


@dataclass(frozen=True, slots=True)
class Exchange:
    """One model call. `seconds` is wall time."""

    messages: Messages
    reply: Reply
    seconds: float


class ModelRecorder:
    """A `ChatModel` that passes calls on to another; `exchanges` holds the calls since it was last cleared."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.exchanges: list[Exchange] = []

    def __getattr__(self, name: str) -> Any:
        # What a model can do beyond the protocol stays usable, so that the product is measured as it is.
        return getattr(self._model, name)

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def calls_tools(self) -> bool:
        """Whether the model calls tools."""
        return self._model.calls_tools

    @property
    def samples_cheaply(self) -> bool:
        """Whether further replies to the same messages are cheap."""
        return self._model.samples_cheaply

    def stream(self, messages: Messages, tools: Sequence[Tool] = (), **options: Any) -> Generator[str, None, Reply]:
        """Stream a reply of the model, and record it."""
        start = time.perf_counter()
        reply = yield from self._model.stream(messages, tools, **options)
        self.exchanges.append(Exchange(list(messages), reply, time.perf_counter() - start))
        return reply

    def sample(self, messages: Messages, tools: Sequence[Tool] = (), **options: Any) -> Generator[Reply, None, None]:
        """Yield replies of the model, and record each as a call of its own."""
        start = time.perf_counter()
        with contextlib.closing(self._model.sample(messages, tools, **options)) as replies:
            for reply in replies:
                now = time.perf_counter()
                self.exchanges.append(Exchange(list(messages), reply, now - start))
                start = now
                yield reply

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """Return the message that the model makes of a tool's result."""
        return self._model.make_tool_message(call_id, name, content)

    def close(self) -> None:
        """Do nothing: whoever opened the model closes it."""


def find_system_prompt(exchanges: Sequence[Exchange]) -> str:
    """Return the text before the question, rules and schema; empty where the model was not called."""
    if not exchanges or not exchanges[0].messages:
        return ""
    first = exchanges[0].messages[0]
    return str(first.get("content", "")) if first.get("role") == "system" else ""


def make_call_records(exchanges: Sequence[Exchange]) -> tuple[dict[str, Any], ...]:
    """Return each call as JSON: the messages that are new since the call before, the reply, its tokens and seconds."""
    calls = []
    before: Sequence[Message] = exchanges[0].messages[:1] if find_system_prompt(exchanges) else ()
    for exchange in exchanges:
        known = _count_common(before, exchange.messages)
        calls.append(
            {
                "sent": [dict(message) for message in exchange.messages[known:]],
                "reply": dict(exchange.reply.message),
                "prompt_tokens": exchange.reply.usage.prompt_tokens,
                "cached_tokens": exchange.reply.usage.cached_tokens,
                "completion_tokens": exchange.reply.usage.completion_tokens,
                "seconds": round(exchange.seconds, 3),
            }
        )
        before = [*exchange.messages, exchange.reply.message]
    return tuple(calls)


def _count_common(some: Sequence[Message], others: Sequence[Message]) -> int:
    """Return how many messages at the start are the same in both."""
    pairs = zip(some, others, strict=False)
    return next((i for i, (message, other) in enumerate(pairs) if message != other), min(len(some), len(others)))

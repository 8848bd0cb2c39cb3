"""A ChatModel that says what it was told to say: for tests, ours and yours.

It speaks to nobody. It keeps what it was sent, so that a test can look.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Final

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ModelError
from nl2sql.generators import drain
from nl2sql.model.chat import Tool
from nl2sql.types import Messages, Reply, ToolCall, Usage

_SURE: Final = (-0.01,)

Line = str | Reply | Callable[[Messages], Reply]


def says(text: str, *calls: ToolCall) -> Reply:
    """A reply of that text, with calls if any are given, of which the model is sure."""
    return Reply(text, calls, {"role": "assistant", "content": text}, Usage(10, 0, 5, 1), logprobs=_SURE)


def calls(name: str, **arguments: Any) -> Reply:
    """A reply that calls one tool."""
    return says("", ToolCall("call_1", name, arguments))


class ScriptedModel:
    """Replies line by line: a text, a Reply, or a function of the messages. `sent` holds each call's messages."""

    def __init__(self, *lines: Line, calls_tools: bool = True, name: str = "scripted") -> None:
        self._lines = list(lines)
        self._calls_tools = calls_tools
        self._name = name
        self.sent: list[list[Mapping[str, Any]]] = []
        self.offered: list[list[str]] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def calls_tools(self) -> bool:
        return self._calls_tools

    @property
    def samples_cheaply(self) -> bool:
        """False: a script has a line for each call that a test expects."""
        return False

    def stream(
        self,
        messages: Messages,
        tools: Sequence[Tool] = (),
        *,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        cancel: CancelToken | None = None,
    ) -> Generator[str, None, Reply]:
        """The next line of the script, word by word. ModelError where there is none left."""
        self.sent.append(list(messages))
        self.offered.append([tool["function"]["name"] for tool in tools])
        if not self._lines:
            raise ModelError("the script has no more lines", "Add the reply that this call should get.")
        line = self._lines.pop(0)
        reply = says(line) if isinstance(line, str) else line(messages) if callable(line) else line
        for word in reply.text.split(" "):
            if cancel is not None:
                cancel.raise_if_cancelled()
            yield word + " "
        return reply

    def sample(
        self,
        messages: Messages,
        tools: Sequence[Tool] = (),
        *,
        count: int,
        max_tokens: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Generator[Reply, None, None]:
        """The next lines of the script, as many as there are."""
        for _ in range(min(count, len(self._lines))):
            stream = self.stream(messages, tools, max_tokens=max_tokens, cancel=cancel)
            yield drain(stream)

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """A tool message, or the user message of a model that is asked for blocks."""
        if self._calls_tools:
            return {"role": "tool", "tool_call_id": call_id, "content": content}
        return {"role": "user", "content": content}

    def close(self) -> None:
        """Nothing is held."""

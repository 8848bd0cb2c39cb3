"""A ChatModel that replies from a script, for tests of this package and of programs that use it.

It sends nothing. It records the messages that it was given, so that a test can look at them.
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
    """Return a reply with that text, and with calls if any are given, written with high probability."""
    return Reply(text, calls, {"role": "assistant", "content": text}, Usage(10, 0, 5, 1), logprobs=_SURE)


def calls(name: str, **arguments: Any) -> Reply:
    """Return a reply that calls one tool."""
    return says("", ToolCall("call_1", name, arguments))


class ScriptedModel:
    """A model that replies line by line. A line is a text, a Reply, or a function from the messages to a Reply.

    `sent` holds the messages of each call, `offered` the names of the tools that were offered with them.
    """

    def __init__(self, *lines: Line, calls_tools: bool = True, name: str = "scripted") -> None:
        self._lines = list(lines)
        self._calls_tools = calls_tools
        self._name = name
        self.sent: list[list[Mapping[str, Any]]] = []
        self.offered: list[list[str]] = []

    @property
    def name(self) -> str:
        """The name given to the constructor."""
        return self._name

    @property
    def calls_tools(self) -> bool:
        """What the constructor was told."""
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
        """Yield the next line of the script word by word, and return it.

        Raises:
            ModelError: the script has no more lines.
            CancelledError: `cancel` was set.
        """
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
        """Yield the next lines of the script: `count` of them, or as many as are left."""
        for _ in range(min(count, len(self._lines))):
            stream = self.stream(messages, tools, max_tokens=max_tokens, cancel=cancel)
            yield drain(stream)

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """Return a tool message, or a user message if the model calls no tools."""
        if self._calls_tools:
            return {"role": "tool", "tool_call_id": call_id, "content": content}
        return {"role": "user", "content": content}

    def close(self) -> None:
        """Do nothing: the model holds nothing."""

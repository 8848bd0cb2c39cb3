"""The seam between the product and whatever writes the SQL: one protocol, one method.

It does not know HTTP, prompts or databases.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Protocol

from nl2sql.cancellation import CancelToken
from nl2sql.types import Messages, Reply

Tool = Mapping[str, Any]


class ChatModel(Protocol):
    """A chat model. Messages are Chat Completions dicts; tools are OpenAI function-calling definitions."""

    @property
    def name(self) -> str:
        """The model's name, as answers report it."""
        ...

    @property
    def calls_tools(self) -> bool:
        """False where the model is asked for a fenced SQL block instead of a tool call."""
        ...

    @property
    def samples_cheaply(self) -> bool:
        """Whether several replies to one prompt cost little more than one, so that they are drawn where it may help."""
        ...

    def stream(
        self,
        messages: Messages,
        tools: Sequence[Tool] = (),
        *,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        cancel: CancelToken | None = None,
    ) -> Generator[str, None, Reply]:
        """Send the conversation, yield the reply's text piece by piece, return the whole Reply.

        Raises ModelError where no reply can be had, CancelledError once `cancel` is set. Closing the generator
        ends the call at the endpoint too.
        """
        ...

    def sample(
        self,
        messages: Messages,
        tools: Sequence[Tool] = (),
        *,
        count: int,
        max_tokens: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Generator[Reply, None, None]:
        """Send the conversation, yield up to `count` replies that are drawn at random, each as it comes to its end.

        Their usage adds up to that of all. Closing the generator ends the replies that are still being written.
        Raises as `stream`.
        """
        ...

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """The message that carries a tool's result back, in the form that this model's protocol wants."""
        ...

    def close(self) -> None:
        """Free what the model holds."""
        ...

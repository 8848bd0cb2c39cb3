"""The protocol between the product and whatever writes the SQL.

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
        """Whether the model is offered tools; False if it is asked for a fenced SQL block instead."""
        ...

    @property
    def samples_cheaply(self) -> bool:
        """Whether several replies to one prompt cost little more than one, so that they may be drawn often."""
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
        """Send the conversation, yield the text of the reply piece by piece, and return the whole Reply.

        Closing the generator ends the call at the endpoint too.

        Raises:
            ModelError: no reply was received.
            CancelledError: `cancel` was set.
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
        """Send the conversation and yield up to `count` replies, drawn at random, each as soon as it is complete.

        The usage of the replies adds up to that of all of them. Closing the generator ends the replies that are still
        being written.

        Raises:
            ModelError: no reply was received.
            CancelledError: `cancel` was set.
        """
        ...

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """Return the message that carries a tool's result back, in the form that this model's protocol wants."""
        ...

    def close(self) -> None:
        """Release connections and whatever else the model holds."""
        ...

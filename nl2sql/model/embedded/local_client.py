"""The embedded model as a chat model: the OpenAI client over the user's own server, revived when it has ended.

It writes no prompt. Finding weights and starting servers is left to `embedded_server`.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ModelError
from nl2sql.model.chat import Tool
from nl2sql.model.embedded.loopback_transport import LoopbackTransport
from nl2sql.model.embedded.server_state import ServerInfo
from nl2sql.model.openai.openai_client import ClientOptions, OpenAIChatModel
from nl2sql.model.openai.tool_protocols import TEXT
from nl2sql.model.transport import Timeouts
from nl2sql.types import Messages, Reply

# Every call goes to the same slot: a cold one would read the same prefix again, and the prefixes of other databases
# come back from the server's memory.
# With a seed the same question gets the same further queries, and so the same answer.
_EXTRA_BODY: Final = {"cache_prompt": True, "id_slot": 0, "seed": 1}
# A long schema read for the first time on a busy machine takes minutes until the first word.
_TIMEOUTS: Final = Timeouts(connect_seconds=10.0, first_seconds=900.0, between_seconds=180.0)
_OPTIONS: Final = ClientOptions(protocol=TEXT, max_retries=1, extra_body=_EXTRA_BODY)
_TOKENIZE_SECONDS: Final = 30.0
_ABANDONED_CALL_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05


class LocalChatModel:
    """The model that `connect` starts or finds: called before every question, a few milliseconds when it is warm."""

    def __init__(
        self,
        connect: Callable[[CancelToken | None], ServerInfo],
        *,
        turn: Callable[[CancelToken | None], AbstractContextManager[None]],
        touch: Callable[[], None],
        cancel: CancelToken | None = None,
    ) -> None:
        self._connect = connect
        self._turn = turn
        self._touch = touch
        self._info = connect(cancel)
        self._client = self._open(self._info)

    def __repr__(self) -> str:
        return f"LocalChatModel({self.name!r})"

    @property
    def name(self) -> str:
        """The name of the model file, without its ending."""
        return self._info.model

    @property
    def calls_tools(self) -> bool:
        """False: the model is asked for a fenced SQL block."""
        return self._client.calls_tools

    @property
    def samples_cheaply(self) -> bool:
        """True: the prompt is read once for all of them."""
        return True

    def stream(
        self,
        messages: Messages,
        tools: Sequence[Tool] = (),
        *,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        cancel: CancelToken | None = None,
    ) -> Generator[str, None, Reply]:
        """As `ChatModel.stream`. A server that has ended since the last call is started again first."""
        with self._reserve_server(cancel):
            return (yield from self._client.stream(messages, tools, max_tokens=max_tokens, stop=stop, cancel=cancel))

    def sample(
        self,
        messages: Messages,
        tools: Sequence[Tool] = (),
        *,
        count: int,
        max_tokens: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Generator[Reply, None, None]:
        """As `ChatModel.samples`: one request, whose replies share the prompt that is read already."""
        with self._reserve_server(cancel):
            yield from self._client.sample(messages, tools, count=count, max_tokens=max_tokens, cancel=cancel)

    def prefill(self, messages: Messages, *, cancel: CancelToken | None = None) -> None:
        """Have the server read what every question begins with, so that the next one need not wait for it.

        ModelError where the server does not start, CancelledError once `cancel` is set.
        """
        self._revive(cancel)
        # The one token asked for may be blank, which counts as no reply; whatever else is wrong the question will say.
        with contextlib.suppress(ModelError):
            for _ in self.stream(messages, max_tokens=1, cancel=cancel):
                pass

    def count_tokens(self, text: str) -> int:
        """How many tokens the text is to this model, without the chat template's own. ModelError."""
        self._revive(None)
        try:
            reply = self._info.request("POST", "/tokenize", {"content": text}, timeout=_TOKENIZE_SECONDS)
            return len(reply["tokens"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as exc:
            raise ModelError(
                "the embedded model did not count the tokens", "Try `nl2sql model stop`, then again."
            ) from exc

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """The message that carries a tool's result back, as text."""
        return self._client.make_tool_message(call_id, name, content)

    def close(self) -> None:
        """Free the connections; the server stays warm for the next command."""
        self._client.close()

    @contextlib.contextmanager
    def _reserve_server(self, cancel: CancelToken | None) -> Iterator[None]:
        """The server, for one call at a time of all processes: with several at once replies were seen to mix."""
        with self._turn(cancel):
            self._revive(cancel)
            # What somebody has given up ends after the batch that it is in.
            deadline = time.monotonic() + _ABANDONED_CALL_SECONDS
            while time.monotonic() < deadline and self._info.is_busy(timeout=_ABANDONED_CALL_SECONDS):
                if cancel is not None:
                    cancel.raise_if_cancelled()
                time.sleep(_POLL_SECONDS)
            try:
                yield
            finally:
                self._touch()

    def _revive(self, cancel: CancelToken | None) -> None:
        info = self._connect(cancel)
        if info.instance != self._info.instance:
            self._client.close()
            self._info, self._client = info, self._open(info)

    def _open(self, info: ServerInfo) -> OpenAIChatModel:
        return OpenAIChatModel(
            info.model,
            base_url=info.base_url,
            api_key=info.api_key,
            options=_OPTIONS,
            transport=LoopbackTransport(info.port, info.api_key, _TIMEOUTS),
        )

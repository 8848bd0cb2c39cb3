"""The embedded model as a chat model: the OpenAI client over the user's server, which is restarted when it has ended.

It writes no prompt. `embedded_server` finds weights and starts servers.
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

# Every call uses the same slot: another one would read the same prefix again, and the server caches the prefixes of
# other databases. With a seed the same question gets the same samples, and so the same answer.
_EXTRA_BODY: Final = {"cache_prompt": True, "id_slot": 0, "seed": 1}
# Reading a long schema for the first time on a busy machine takes minutes.
_TIMEOUTS: Final = Timeouts(connect_seconds=10.0, first_seconds=900.0, between_seconds=180.0)
_OPTIONS: Final = ClientOptions(protocol=TEXT, max_retries=1, extra_body=_EXTRA_BODY)
_TOKENIZE_SECONDS: Final = 30.0
_ABANDONED_CALL_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05


class LocalChatModel:
    """The model behind the server that `connect` finds or starts.

    `connect` is called before every question and takes a few milliseconds if the server runs. `lock_server` holds the
    server for one call; `touch` marks it as used.
    """

    def __init__(
        self,
        connect: Callable[[CancelToken | None], ServerInfo],
        *,
        lock_server: Callable[[CancelToken | None], AbstractContextManager[None]],
        touch: Callable[[], None],
        cancel: CancelToken | None = None,
    ) -> None:
        self._connect = connect
        self._lock_server = lock_server
        self._touch = touch
        self._info = connect(cancel)
        self._client = self._open(self._info)

    def __repr__(self) -> str:
        return f"LocalChatModel({self.name!r})"

    @property
    def name(self) -> str:
        """The name of the model file, without its suffix."""
        return self._info.model

    @property
    def calls_tools(self) -> bool:
        """False: the model is asked for a fenced SQL block."""
        return self._client.calls_tools

    @property
    def samples_cheaply(self) -> bool:
        """True: the prompt is read once for all replies."""
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
        """Stream a reply as `ChatModel.stream`. A server that has ended is started again first.

        Raises:
            ModelError: no reply was received, or the server does not start.
            CancelledError: `cancel` was set.
        """
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
        """Yield replies as `ChatModel.sample`, by one request: the replies share the prompt, which is read once.

        Raises:
            ModelError: no reply was received, or the server does not start.
            CancelledError: `cancel` was set.
        """
        with self._reserve_server(cancel):
            yield from self._client.sample(messages, tools, count=count, max_tokens=max_tokens, cancel=cancel)

    def prefill(self, messages: Messages, *, cancel: CancelToken | None = None) -> None:
        """Have the server read the beginning that all questions share, so that the next question does not wait for it.

        Raises:
            ModelError: the server does not start.
            CancelledError: `cancel` was set.
        """
        self._revive(cancel)
        # The single token may be blank, which counts as no reply; any other error will appear with the question.
        with contextlib.suppress(ModelError):
            for _ in self.stream(messages, max_tokens=1, cancel=cancel):
                pass

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of the text for this model, without those of the chat template.

        Raises:
            ModelError: the server did not count them.
        """
        self._revive(None)
        try:
            reply = self._info.request("POST", "/tokenize", {"content": text}, timeout=_TOKENIZE_SECONDS)
            return len(reply["tokens"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as exc:
            raise ModelError(
                "the embedded model did not count the tokens", "Try `nl2sql model stop`, then again."
            ) from exc

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """Return the message that carries a tool's result back, as text."""
        return self._client.make_tool_message(call_id, name, content)

    def close(self) -> None:
        """Close the connections; the server keeps running for the next command."""
        self._client.close()

    @contextlib.contextmanager
    def _reserve_server(self, cancel: CancelToken | None) -> Iterator[None]:
        """Hold the server for one call: simultaneous calls, even of other processes, were seen to mix replies."""
        with self._lock_server(cancel):
            self._revive(cancel)
            # An abandoned call ends after its current batch.
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

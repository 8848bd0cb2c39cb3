"""A chat model behind any OpenAI-compatible endpoint: streams, retries, and learns what the endpoint takes.

It writes no prompt and runs no tool. How tools are offered is `tool_protocols`' affair, what a reply means is
`reply_parser`'s, and the network is `transport`'s.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ConfigError, ModelError
from nl2sql.generators import ReturnCapture, drain
from nl2sql.model.chat import Tool
from nl2sql.model.openai import endpoint_errors, prompt_size, several, tool_protocols
from nl2sql.model.openai.capability_cache import CapabilityCache, EndpointCapabilities
from nl2sql.model.openai.chat_request import COUNT_PARAMETER, LENGTH_NAMES, Request, find_fallback_capabilities
from nl2sql.model.openai.endpoint_errors import Cause, Failure
from nl2sql.model.openai.reply_builder import ReplyBuilder
from nl2sql.model.openai.sse_events import EndpointError
from nl2sql.model.openai.tool_protocols import PROTOCOLS, TEXT, TOOLS
from nl2sql.model.tool_calls import reply_parser
from nl2sql.model.tool_calls.text_tool_calls import cut_to_prose
from nl2sql.model.transport import Timeouts, Wire
from nl2sql.types import Messages, Reply, Usage

if TYPE_CHECKING:
    import httpx2

_OPENAI: Final = "https://api.openai.com/v1"
_NO_SUCH_PAGE: Final = (404, 405, 501)
# Warm enough that replies differ, cool enough that most are still sound (arXiv 2203.11171 samples at 0.5 to 0.7).
_SAMPLING_TEMPERATURE: Final = 0.7
# What can be shown of a reply is looked for anew each time that it has grown by this part of its length.
_GROWTH_DIVISOR: Final = 16


class OpenAIChatModel:
    """The model of that name at `base_url` (OpenAI's own without one).

    `protocol` is `tools`, `functions` or `text`; without it the first that the endpoint takes is used, and
    remembered in `state_dir`. `timeout` is how many seconds the model may take to its first word,
    `idle_timeout` to each next one, `connect_timeout` the network to connect. `max_retries` counts the tries after
    the first. `extra_body` goes into every request. `http_client` brings proxies or certificates of one's own;
    it stays the caller's to close. `wire` carries the requests instead of the SDK. `sleep` waits between tries
    (seconds). `address_setting` is what errors call the place where `base_url` was set.

    Raises ConfigError where the protocol is unknown, or neither key nor base URL is given.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        protocol: str | None = None,
        temperature: float = 0.0,
        timeout: float = 180.0,
        idle_timeout: float = 60.0,
        connect_timeout: float = 10.0,
        max_retries: int = 2,
        state_dir: Path | None = None,
        extra_body: Mapping[str, Any] | None = None,
        http_client: httpx2.Client | None = None,
        wire: Wire | None = None,
        sleep: Callable[[float], None] | None = None,
        address_setting: str = "OPENAI_BASE_URL",
    ) -> None:
        if protocol is not None and protocol not in PROTOCOLS:
            raise ConfigError(f"unknown protocol {protocol!r}", f"Use one of {', '.join(PROTOCOLS)}, or leave it out.")
        if not base_url and not api_key:
            raise ConfigError(
                "no API key", "Set OPENAI_API_KEY, or OPENAI_BASE_URL for your own server; -m local needs none."
            )
        self._name = name
        self._endpoint, self._place = _split_endpoint(base_url or _OPENAI)
        self._address_setting = address_setting
        self._fixed_protocol = protocol
        self._temperature = temperature
        self._extra_body = dict(extra_body or {})
        self._max_retries = max_retries
        self._sleep = sleep
        self._memory = CapabilityCache(state_dir)
        self._habits = self._memory.get(self._endpoint, name)
        if self._endpoint == _OPENAI and not self._habits.renamed:
            # All models there know the new name of the bound, the newer ones no other.
            self._habits = replace(self._habits, renamed=(LENGTH_NAMES,))
        self._wire = wire or _make_sdk_wire(
            base_url or _OPENAI, api_key, Timeouts(connect_timeout, timeout, idle_timeout), http_client
        )

    def __repr__(self) -> str:
        return f"OpenAIChatModel({self._name!r}, at {self._place!r}, protocol {self._choose_protocol(self._habits)!r})"

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._name

    @property
    def calls_tools(self) -> bool:
        """False where the protocol is text: the model is asked for a fenced SQL block."""
        return self._choose_protocol(self._habits) != TEXT

    @property
    def samples_cheaply(self) -> bool:
        """False: an endpoint is paid or shared."""
        return False

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """The message that carries a tool's result back, in the form of the protocol in use."""
        return tool_protocols.make_tool_message(self._choose_protocol(self._habits), call_id, name, content)

    def close(self) -> None:
        """Free the connections."""
        self._wire.close()

    def list_models(self) -> list[str]:
        """The names of the endpoint's models, asking for no reply; empty where it lists none.

        ModelError where it cannot be reached or refuses the key.
        """
        try:
            return self._wire.list_models()
        except EndpointError as exc:
            if exc.failure.status in _NO_SUCH_PAGE:
                return []
            raise self._make_error(exc.failure) from exc

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

        Text that may yet turn out to be a call is held back until that is known. Raises ModelError where no
        reply can be had, CancelledError once `cancel` is set. Closing the generator closes the connection.
        """
        request = self._make_request(messages, tools, self._temperature, max_tokens=max_tokens, stop=stop)
        return (yield from self._stream_with_retries(request, cancel or CancelToken()))

    def sample(
        self,
        messages: Messages,
        tools: Sequence[Tool] = (),
        *,
        count: int,
        max_tokens: int | None = None,
        cancel: CancelToken | None = None,
    ) -> Generator[Reply, None, None]:
        """As `ChatModel.samples`: in one request where the endpoint takes `n`, else one after another."""
        cancel, came = cancel or CancelToken(), 0
        request = self._make_request(
            messages, tools, max(self._temperature, _SAMPLING_TEMPERATURE), max_tokens=max_tokens, count=count
        )
        if count > 1 and COUNT_PARAMETER not in self._habits.dropped:
            for reply in self._sample_in_one_request(request, cancel):
                came += 1
                yield reply
        for _ in range(count - came):
            with contextlib.closing(self._stream_with_retries(replace(request, count=1), cancel)) as stream:
                yield drain(stream)

    def _sample_in_one_request(self, request: Request, cancel: CancelToken) -> Generator[Reply, None, None]:
        """The replies of one request, fewer than wanted where the endpoint does not know `n` or fails.

        The last one waits for the endpoint's own count of tokens.
        """
        habits, given, came = self._habits, Usage(), 0
        body = request.make_body(habits, self._choose_protocol(habits))
        held: Reply | None = None
        try:
            with contextlib.closing(self._wire.stream_events(body, cancel, lambda: True)) as events:
                drafts = ReturnCapture(several.split_replies(events, request.count))
                for draft in drafts:
                    reply, came = self._make_reply(draft, habits, request), came + 1
                    if came == request.count:
                        held = reply
                    else:
                        given += reply.usage
                        yield reply
                given = several.compute_remaining_usage(drafts.value, given)
            takes_several = came == request.count
        except EndpointError as exc:
            takes_several = endpoint_errors.find_refused_parameter(exc.failure, list(body)) != COUNT_PARAMETER
        if not takes_several:
            self._save_capabilities(replace(habits, dropped=(*habits.dropped, COUNT_PARAMETER)), ())
        if held is not None:
            yield replace(held, usage=given)

    def _make_request(self, messages: Messages, tools: Sequence[Tool], temperature: float, **more: Any) -> Request:
        return Request(self._name, messages, tools, temperature, extra_body=self._extra_body, **more)

    def _stream_with_retries(self, request: Request, cancel: CancelToken) -> Generator[str, None, Reply]:
        habits, retries, spent = self._habits, 0, Usage()
        while True:
            cancel.raise_if_cancelled()
            body = request.make_body(habits, self._choose_protocol(habits))
            draft = ReplyBuilder()
            shown, failure = yield from self._receive(draft, body, cancel, request.tools)
            reply = self._make_reply(draft, habits, request)
            failure = failure or _find_reply_failure(reply)
            if failure is None or shown:
                self._save_capabilities(habits, request.tools)
                break
            protocol, fixed = self._choose_protocol(habits), self._fixed_protocol is not None
            if otherwise := find_fallback_capabilities(habits, failure, body, protocol, fixed=fixed):
                habits = otherwise
            elif retries < self._max_retries and endpoint_errors.is_retryable(failure):
                self._wait(failure, retries, cancel)
                retries += 1
                spent += reply.usage if draft.has_begun else Usage()
            elif reply.calls or reply.text:
                break
            else:
                offered = self._list_offered_models() if endpoint_errors.is_unknown_model(failure) else ()
                raise self._make_error(failure, offered)
        if cut := prompt_size.find_cut(body, draft.usage):
            reply = replace(reply, shortfall=endpoint_errors.describe_cut(*cut, model=self._name, host=self._place))
        if reply.text != shown:
            yield reply.text[len(shown) :] if reply.text.startswith(shown) else reply.text
        return replace(reply, usage=spent + reply.usage)

    def _make_error(self, failure: Failure, offered: Sequence[str] = ()) -> ModelError:
        setting = self._address_setting
        return endpoint_errors.make_model_error(
            failure, model=self._name, host=self._place, available_models=offered, setting=setting
        )

    def _list_offered_models(self) -> list[str]:
        with contextlib.suppress(EndpointError):
            return self._wire.list_models()
        return []

    def _receive(
        self, draft: ReplyBuilder, body: Mapping[str, Any], cancel: CancelToken, tools: Sequence[Tool]
    ) -> Generator[str, None, tuple[str, Failure | None]]:
        """Fill the draft, and yield its text; what was yielded, and what went wrong, unless the reply was over."""
        shown, due = "", 0
        names = [tool["function"]["name"] for tool in tools]
        try:
            with contextlib.closing(self._wire.stream_events(body, cancel, lambda: draft.has_begun)) as events:
                for event in events:
                    if draft.feed(event) and draft.length >= due:
                        text = cut_to_prose(draft.text, names)
                        if len(text) > len(shown) and text.startswith(shown):
                            yield text[len(shown) :]
                            shown = text
                        due = draft.length + draft.length // _GROWTH_DIVISOR
                    if draft.full:
                        break
        except EndpointError as exc:
            if written := endpoint_errors.find_failed_generation(exc.failure):
                draft.feed({"choices": [{"message": {"content": written}, "finish_reason": "stop"}]})
            elif draft.finish is None or not draft.has_begun:
                return shown, exc.failure
        if not draft.has_begun and not draft.has_choices:
            return shown, Failure(Cause.MALFORMED, detail="it has no choices")
        return shown, None

    def _make_reply(self, draft: ReplyBuilder, habits: EndpointCapabilities, request: Request) -> Reply:
        finish = draft.finish or "cut"
        native = draft.calls
        text, calls = reply_parser.read_reply(
            draft.text,
            native,
            tools=request.tools,
            reasoning=draft.reasoning,
            cut=finish in ("cut", "length"),
            used_ids={c["id"] for m in request.messages for c in m.get("tool_calls") or ()},
        )
        if not native and calls and not any(call.name for call in calls):
            # Endpoints refuse a call without a name: what cannot be read goes back as the text that it was.
            told = {"role": "assistant", "content": draft.text}
            return Reply("", (), told, draft.usage, finish, is_unreadable=True)
        message = tool_protocols.make_reply_message(
            self._choose_protocol(habits), text, calls, draft.extras if native else {}, [c.extra for c in native]
        )
        written = next((query for call in calls if isinstance(query := call.arguments.get("query"), str)), "")
        return Reply(text, calls, message, draft.usage, finish, draft.find_logprobs(written))

    def _save_capabilities(self, habits: EndpointCapabilities, tools: Sequence[Tool]) -> None:
        """Keep what worked, for the next call and for the next process."""
        if tools and not self._fixed_protocol:
            habits = replace(habits, protocol=self._choose_protocol(habits))
        if habits != self._habits:
            self._habits = habits
            self._memory.put(self._endpoint, self._name, habits)

    def _choose_protocol(self, habits: EndpointCapabilities) -> str:
        known = habits.protocol if habits.protocol in PROTOCOLS else None
        return self._fixed_protocol or known or TOOLS

    def _wait(self, failure: Failure, retries: int, cancel: CancelToken) -> None:
        backoff = min(0.5 * 2**retries, 8.0) * (1 - 0.25 * random.random())
        seconds = backoff if failure.retry_after is None else failure.retry_after
        if self._sleep is not None:
            self._sleep(seconds)
            return
        cancelled = threading.Event()
        with cancel.call_on_cancel(cancelled.set):
            cancelled.wait(max(0.0, min(seconds, cancel.seconds_left)))
        cancel.raise_if_cancelled()


def _make_sdk_wire(base_url: str, api_key: str | None, timeouts: Timeouts, http_client: httpx2.Client | None) -> Wire:
    """Imported when an endpoint is spoken to: the SDK takes half a second to load."""
    from nl2sql.model.openai.openai_transport import SDKWire

    return SDKWire(base_url, api_key, timeouts, http_client)


def _find_reply_failure(reply: Reply) -> Failure | None:
    """Why a reply that came is no reply: it is empty, or broke off inside its call."""
    if reply.finish == "cut" and any(call.problem for call in reply.calls):
        return Failure(Cause.BROKEN)
    if reply.text or reply.calls or (reply.is_unreadable and reply.finish not in ("cut", "length")):
        return None
    if reply.finish == "cut" and reply.is_unreadable:
        return Failure(Cause.BROKEN)
    if reply.finish == "length":
        return Failure(Cause.EMPTY, may_retry=False, detail="its tokens ran out before it said anything")
    if reply.finish == "content_filter":
        return Failure(Cause.EMPTY, may_retry=False, detail="the endpoint's content filter stopped it")
    return Failure(Cause.EMPTY)


def _split_endpoint(base_url: str) -> tuple[str, str]:
    """The endpoint as it is remembered, and its host and port as messages name it; neither with a password."""
    parts = urlsplit(base_url)
    place = parts.netloc.rpartition("@")[2] or base_url.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}", place

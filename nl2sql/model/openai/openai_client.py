"""The chat client for any OpenAI-compatible endpoint: it streams, retries, and learns what the endpoint accepts.

It writes no prompt and runs no tool. `tool_protocols` decides how tools are offered, `reply_parser` what a reply means,
and a `Transport` sends the requests.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from nl2sql.cancellation import CancelToken
from nl2sql.errors import ConfigError, ModelError
from nl2sql.generators import drain
from nl2sql.model.chat import Tool
from nl2sql.model.openai import endpoint_errors, prompt_size, tool_protocols
from nl2sql.model.openai.call_log import CallLog
from nl2sql.model.openai.capability_cache import CapabilityCache, EndpointCapabilities
from nl2sql.model.openai.chat_request import COUNT_PARAMETER, LENGTH_NAMES, Request, find_fallback_capabilities
from nl2sql.model.openai.endpoint_errors import Cause, Failure
from nl2sql.model.openai.reply_builder import ReplyBuilder, ReplySplitter
from nl2sql.model.openai.sse_events import EndpointError
from nl2sql.model.openai.tool_protocols import PROTOCOLS, TEXT, TOOLS
from nl2sql.model.tool_calls import reply_parser
from nl2sql.model.tool_calls.text_tool_calls import cut_to_prose
from nl2sql.model.transport import Timeouts, Transport
from nl2sql.types import Messages, Reply, Usage

if TYPE_CHECKING:
    import httpx2

_OPENAI_URL: Final = "https://api.openai.com/v1"
_NOT_FOUND_STATUSES: Final = (404, 405, 501)
# High enough that replies differ, low enough that most are still sound (arXiv 2203.11171 samples at 0.5 to 0.7).
_SAMPLING_TEMPERATURE: Final = 0.7
_FIRST_BACKOFF_SECONDS: Final = 0.5
_MAX_BACKOFF_SECONDS: Final = 8.0
_BACKOFF_JITTER_RATIO: Final = 0.25
# The prose of a growing reply is computed anew each time that its text has grown by this part of its length.
_GROWTH_DIVISOR: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How a model is asked.

    `protocol` is `tools`, `functions` or `text`; None tries them in that order and remembers the first that the
    endpoint accepts. `max_retries` counts the attempts after the first. `extra_body` is added to every request body.
    `http_client` brings proxies or certificates; the caller closes it. `sleep` replaces the pause between attempts
    (it gets seconds). `address_setting` is what error hints call the setting that holds the base URL.
    """

    protocol: str | None = None
    temperature: float = 0.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_retries: int = 2
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    http_client: httpx2.Client | None = None
    sleep: Callable[[float], None] | None = None
    address_setting: str = "OPENAI_BASE_URL"


@dataclass(frozen=True, slots=True)
class _ChatAttempt:
    """One request and its outcome. `shown` is the text that was yielded, `failure` why there is no usable reply."""

    body: Mapping[str, Any]
    reply: Reply
    shown: str
    failure: Failure | None
    has_begun: bool


class OpenAIChatModel:
    """A model at an OpenAI-compatible endpoint: at `base_url`, or at OpenAI's own if that is None.

    `state_dir` is the folder that keeps what was learned about the endpoint; None keeps it in memory. `transport`
    sends the requests in place of the `openai` SDK.

    Raises:
        ConfigError: the protocol is unknown, or neither a key nor a base URL is given.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        options: ClientOptions | None = None,
        state_dir: Path | None = None,
        transport: Transport | None = None,
    ) -> None:
        options = options or ClientOptions()
        if options.protocol is not None and options.protocol not in PROTOCOLS:
            raise ConfigError(
                f"unknown protocol {options.protocol!r}", f"Use one of {', '.join(PROTOCOLS)}, or leave it out."
            )
        if not base_url and not api_key:
            raise ConfigError(
                "no API key", "Set OPENAI_API_KEY, or OPENAI_BASE_URL for your own server; -m local needs none."
            )
        self._name = name
        self._options = options
        self._endpoint, self._host = _split_endpoint(base_url or _OPENAI_URL)
        self._capability_cache = CapabilityCache(state_dir)
        self._capabilities = self._capability_cache.get(self._endpoint, name)
        if self._endpoint == _OPENAI_URL and not self._capabilities.renamed:
            # Every model there knows the new name of the token limit, the newer ones no other.
            self._capabilities = replace(self._capabilities, renamed=(LENGTH_NAMES,))
        self._transport = transport or _open_sdk_transport(base_url or _OPENAI_URL, api_key, options)

    def __repr__(self) -> str:
        protocol = self._choose_protocol(self._capabilities)
        return f"OpenAIChatModel({self._name!r}, at {self._host!r}, protocol {protocol!r})"

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._name

    @property
    def calls_tools(self) -> bool:
        """Whether the model calls tools; False with the text protocol, which asks for a fenced SQL block."""
        return self._choose_protocol(self._capabilities) != TEXT

    @property
    def samples_cheaply(self) -> bool:
        """False: each reply of an endpoint is paid for, or takes time from others."""
        return False

    def make_tool_message(self, call_id: str, name: str, content: str) -> Mapping[str, Any]:
        """Return the message that carries a tool's result back, in the form of the protocol in use."""
        return tool_protocols.make_tool_message(self._choose_protocol(self._capabilities), call_id, name, content)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def list_models(self) -> list[str]:
        """Return the names of the endpoint's models; an empty list if it lists none. No reply is generated.

        Raises:
            ModelError: the endpoint cannot be reached or refuses the key.
        """
        try:
            return self._transport.list_models()
        except EndpointError as exc:
            if exc.failure.status in _NOT_FOUND_STATUSES:
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
        """Send the conversation, yield the text of the reply piece by piece, and return the whole Reply.

        Text that may turn out to be a tool call is held back until that is known. Closing the generator closes the
        connection.

        Raises:
            ModelError: no reply was received.
            CancelledError: `cancel` was set.
        """
        request = self._make_request(messages, tools, self._options.temperature, max_tokens=max_tokens, stop=stop)
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
        """Yield `count` replies as `ChatModel.sample` does: by one request if the endpoint accepts `n`, else one each.

        Raises:
            ModelError: no reply was received.
            CancelledError: `cancel` was set.
        """
        cancel, received = cancel or CancelToken(), 0
        temperature = max(self._options.temperature, _SAMPLING_TEMPERATURE)
        request = self._make_request(messages, tools, temperature, max_tokens=max_tokens, count=count)
        if count > 1 and COUNT_PARAMETER not in self._capabilities.dropped:
            for reply in self._sample_in_one_request(request, cancel):
                received += 1
                yield reply
        for _ in range(count - received):
            with contextlib.closing(self._stream_with_retries(replace(request, count=1), cancel)) as stream:
                yield drain(stream)

    def _make_request(self, messages: Messages, tools: Sequence[Tool], temperature: float, **more: Any) -> Request:
        return Request(self._name, messages, tools, temperature, extra_body=self._options.extra_body, **more)

    def _stream_with_retries(self, request: Request, cancel: CancelToken) -> Generator[str, None, Reply]:
        """Attempt the request until a reply came: adapt it to the endpoint, repeat it after a pause, or raise.

        Once text has been yielded there is no further attempt: the caller has already shown it.
        """
        capabilities, retries, spent = self._capabilities, 0, Usage()
        while True:
            cancel.raise_if_cancelled()
            log = CallLog(self._name, self._host)
            attempt = yield from self._attempt(request, capabilities, cancel)
            reply, failure = attempt.reply, attempt.failure
            if failure is None or attempt.shown:
                log.log_reply(reply.usage) if failure is None else log.log_failure(failure)
                self._save_capabilities(capabilities, request.tools)
                break
            log.log_failure(failure)
            protocol, is_fixed = self._choose_protocol(capabilities), self._options.protocol is not None
            if fallback := find_fallback_capabilities(capabilities, failure, attempt.body, protocol, fixed=is_fixed):
                log.log_fallback(capabilities, fallback)
                capabilities = fallback
            elif retries < self._options.max_retries and endpoint_errors.is_retryable(failure):
                self._wait(failure, retries, cancel)
                retries += 1
                log.log_retry(retries)
                spent += reply.usage if attempt.has_begun else Usage()
            elif reply.calls or reply.text:
                break
            else:
                raise self._make_error(failure, self._list_available_models(failure))
        if cut := prompt_size.find_cut(attempt.body, reply.usage):
            reply = replace(reply, shortfall=prompt_size.describe_cut(*cut, model=self._name, host=self._host))
        if reply.text != attempt.shown:
            yield reply.text[len(attempt.shown) :] if reply.text.startswith(attempt.shown) else reply.text
        return replace(reply, usage=spent + reply.usage)

    def _attempt(
        self, request: Request, capabilities: EndpointCapabilities, cancel: CancelToken
    ) -> Generator[str, None, _ChatAttempt]:
        """Send the request once, and yield the text of the reply that can be shown already."""
        body = request.make_body(capabilities, self._choose_protocol(capabilities))
        draft = ReplyBuilder()
        shown, failure = yield from self._receive(draft, body, cancel, request.tools)
        reply = self._make_reply(draft, capabilities, request)
        return _ChatAttempt(body, reply, shown, failure or _find_reply_failure(reply), draft.has_begun)

    def _receive(
        self, draft: ReplyBuilder, body: Mapping[str, Any], cancel: CancelToken, tools: Sequence[Tool]
    ) -> Generator[str, None, tuple[str, Failure | None]]:
        """Fill the draft and yield its prose; return what was yielded, and the failure unless the reply was complete.

        An endpoint that could not parse a call may send the model's text with its error: that text is the reply.
        """
        shown, next_length = "", 0
        names = [tool["function"]["name"] for tool in tools]
        try:
            with contextlib.closing(self._transport.stream_events(body, cancel, lambda: draft.has_begun)) as events:
                for event in events:
                    if draft.feed(event) and draft.length >= next_length:
                        text = cut_to_prose(draft.text, names)
                        if len(text) > len(shown) and text.startswith(shown):
                            yield text[len(shown) :]
                            shown = text
                        next_length = draft.length + draft.length // _GROWTH_DIVISOR
                    if draft.is_full:
                        break
        except EndpointError as exc:
            if generated := endpoint_errors.find_failed_generation(exc.failure):
                draft.feed({"choices": [{"message": {"content": generated}, "finish_reason": "stop"}]})
            elif draft.finish is None or not draft.has_begun:
                return shown, exc.failure
        if not draft.has_begun and not draft.has_choices:
            return shown, Failure(Cause.MALFORMED, detail="it has no choices")
        return shown, None

    def _sample_in_one_request(self, request: Request, cancel: CancelToken) -> Generator[Reply, None, None]:
        """Yield the replies of one request: fewer than wanted if the endpoint does not know `n`, or fails.

        The last one is held back until the endpoint has counted its tokens, so that the usage adds up.
        """
        capabilities, given, received = self._capabilities, Usage(), 0
        body = request.make_body(capabilities, self._choose_protocol(capabilities))
        splitter = ReplySplitter(request.count)
        last: Reply | None = None
        try:
            with contextlib.closing(self._transport.stream_events(body, cancel, lambda: True)) as events:
                for draft in splitter.split(events):
                    reply, received = self._make_reply(draft, capabilities, request), received + 1
                    if received == request.count:
                        last = reply
                    else:
                        given += reply.usage
                        yield reply
            if last is not None:
                last = replace(last, usage=splitter.compute_remaining_usage(given))
            takes_count = received == request.count
        except EndpointError as exc:
            CallLog(self._name, self._host).log_failure(exc.failure)
            takes_count = endpoint_errors.find_refused_parameter(exc.failure, list(body)) != COUNT_PARAMETER
        if not takes_count:
            self._save_capabilities(replace(capabilities, dropped=(*capabilities.dropped, COUNT_PARAMETER)), ())
        if last is not None:
            yield last

    def _make_reply(self, draft: ReplyBuilder, capabilities: EndpointCapabilities, request: Request) -> Reply:
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
            # Endpoints refuse a call without a name: one that cannot be read is sent back as the text that it was.
            unread = {"role": "assistant", "content": draft.text}
            return Reply("", (), unread, draft.usage, finish, is_unreadable=True)
        message = tool_protocols.make_reply_message(
            self._choose_protocol(capabilities), text, calls, draft.extras if native else {}, [c.extra for c in native]
        )
        sql = next((query for call in calls if isinstance(query := call.arguments.get("query"), str)), "")
        return Reply(text, calls, message, draft.usage, finish, draft.find_logprobs(sql))

    def _save_capabilities(self, capabilities: EndpointCapabilities, tools: Sequence[Tool]) -> None:
        """Keep what worked, for the next call and for the next process."""
        if tools and not self._options.protocol:
            capabilities = replace(capabilities, protocol=self._choose_protocol(capabilities))
        if capabilities != self._capabilities:
            self._capabilities = capabilities
            self._capability_cache.put(self._endpoint, self._name, capabilities)

    def _choose_protocol(self, capabilities: EndpointCapabilities) -> str:
        known = capabilities.protocol if capabilities.protocol in PROTOCOLS else None
        return self._options.protocol or known or TOOLS

    def _wait(self, failure: Failure, retries: int, cancel: CancelToken) -> None:
        """Pause before the next attempt: as long as the endpoint asked for, else longer with each retry."""
        backoff = min(_FIRST_BACKOFF_SECONDS * 2**retries, _MAX_BACKOFF_SECONDS)
        backoff *= 1 - _BACKOFF_JITTER_RATIO * random.random()
        seconds = backoff if failure.retry_after is None else failure.retry_after
        if self._options.sleep is not None:
            self._options.sleep(seconds)
            return
        cancelled = threading.Event()
        with cancel.call_on_cancel(cancelled.set):
            cancelled.wait(max(0.0, min(seconds, cancel.seconds_left)))
        cancel.raise_if_cancelled()

    def _list_available_models(self, failure: Failure) -> list[str]:
        """Return what the endpoint offers in place of a model that it does not know; empty for other failures."""
        if endpoint_errors.is_unknown_model(failure):
            with contextlib.suppress(EndpointError):
                return self._transport.list_models()
        return []

    def _make_error(self, failure: Failure, available_models: Sequence[str] = ()) -> ModelError:
        return endpoint_errors.make_model_error(
            failure,
            model=self._name,
            host=self._host,
            available_models=available_models,
            setting=self._options.address_setting,
        )


def _open_sdk_transport(base_url: str, api_key: str | None, options: ClientOptions) -> Transport:
    """Return the transport over the SDK, which takes half a second to import: so it is imported only here."""
    from nl2sql.model.openai.openai_transport import OpenAITransport

    return OpenAITransport(base_url, api_key, options.timeouts, options.http_client)


def _find_reply_failure(reply: Reply) -> Failure | None:
    """Return why a reply that was received cannot be used: it is empty, or it ends inside a call; None if it can."""
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
    """Return the URL under which capabilities are kept, and host and port for messages; both without a password."""
    parts = urlsplit(base_url)
    host = parts.netloc.rpartition("@")[2] or base_url.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}", host

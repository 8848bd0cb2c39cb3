"""Builds replies from what an endpoint sends: pieces of a stream, or a whole body.

It accepts the shapes in which servers differ (indexes, ids, nulls, field names); `reply_parser` decides what the text
and the arguments mean. A reply has a greatest length: it is cut there, and counts as broken off. The work is
proportional to the bytes received, however small the pieces.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard

from nl2sql.model.tool_calls.tolerant_json import BracketTracker
from nl2sql.model.tool_calls.tool_call_shapes import MAX_CALLS, MAX_NAME_CHARS, RawCall
from nl2sql.types import Usage

MAX_REPLY_CHARS: Final = 100_000
"""Characters of a reply's text, of its thoughts, and of the arguments of its calls together."""

_CALL_FIELDS: Final = frozenset({"id", "index", "type", "function", "name", "arguments"})
_MAX_EXTRA_CHARS: Final = 400_000
_MAX_REASON_CHARS: Final = 60
_EMPTY_OBJECT_CHARS: Final = 16
# The finish reasons of other endpoints, mapped to OpenAI's; `cut` is a reply that did not come to its end.
_REASONS: Final = {
    **dict.fromkeys(
        ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "complete", "finished"), "stop"
    ),
    **dict.fromkeys(("tool_calls", "tool_use", "tool_call", "function_calls"), "tool_calls"),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "max_new_tokens", "max_length", "model_length", "token_limit"),
        "length",
    ),
    **dict.fromkeys(("model_context_window_exceeded", "context_length", "incomplete"), "length"),
    **dict.fromkeys(
        ("error", "network_error", "abort", "aborted", "cancelled", "timeout", "insufficient_system_resource"), "cut"
    ),
    **dict.fromkeys(
        (
            "content_filter",
            "safety",
            "sensitive",
            "recitation",
            "blocklist",
            "prohibited_content",
            "spii",
            "refusal",
            "guardrails",
        ),
        "content_filter",
    ),
}
_MAX_TOKENS: Final = 10**12
_MAX_LOGPROBS: Final = 20_000


class _TextBuffer:
    """A text that grows by pieces, joined when it is read."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.size = 0

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self.size += len(text)

    def cut(self, count: int) -> None:
        """Remove that many characters from the end."""
        remaining = self.read()[: max(0, self.size - count)]
        self._pieces, self.size = [remaining], len(remaining)

    def read(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""


@dataclass
class _PartialCall:
    """A call that is still being received. `object_arguments` is set if the arguments are an object, not text."""

    id: str = ""
    name: str = ""
    text: _TextBuffer = field(default_factory=_TextBuffer)
    brackets: BracketTracker = field(default_factory=BracketTracker)
    object_arguments: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> Any:
        return self.text.read() if self.object_arguments is None else self.object_arguments

    @property
    def is_complete(self) -> bool:
        return self.object_arguments is not None or self.brackets.closed

    def add(self, piece: str) -> None:
        """Add the next piece of the arguments: some servers repeat what they have sent, or begin with `{}`."""
        size = self.text.size
        repeats = len(piece) >= size > 1 and piece.startswith(self.text.read())
        if (
            self.object_arguments is not None
            or repeats
            or (size <= _EMPTY_OBJECT_CHARS and self.text.read().strip() == "{}")
        ):
            self.object_arguments, self.text, self.brackets = None, _TextBuffer(), BracketTracker()
        self.text.add(piece)
        end: int | None = 0
        while end is not None:
            end = self.brackets.feed(piece, end)


class ReplyBuilder:
    """A reply that is still being received: `feed` each event, then read the properties.

    `text` and `reasoning` are what the endpoint calls content and thought; `finish` is its finish reason, None until it
    gives one. `is_full` says that the reply has reached its greatest length: `finish` is then `length`, and further
    events add nothing.
    """

    def __init__(self) -> None:
        self.is_full = self.has_choices = False
        self.reasoning_details: list[Any] = []
        self.finish: str | None = None
        self.usage = Usage(model_calls=1)
        self._text, self._reasoning, self._reasoning_content = _TextBuffer(), _TextBuffer(), _TextBuffer()
        self._calls: list[_PartialCall] = []
        # The latest call of each index; under None the latest of all.
        self._last: dict[int | None, _PartialCall] = {}
        self._argument_chars = self._kept_chars = self._pieces = 0
        self._streamed = False
        self._logprobs: list[tuple[str, float]] = []

    @property
    def text(self) -> str:
        """The text of the reply."""
        return self._text.read()

    @property
    def length(self) -> int:
        """The number of characters of the text."""
        return self._text.size

    @property
    def reasoning(self) -> str:
        """The text that the endpoint marked as thought."""
        return self._reasoning.read()

    @property
    def has_begun(self) -> bool:
        """Whether any output of the model has been received."""
        return bool(self._text.size or self._reasoning.size or self._calls)

    @property
    def extras(self) -> dict[str, Any]:
        """The thoughts as fields of the message: some endpoints want them sent back with the calls."""
        fields = {"reasoning_content": self._reasoning_content.read(), "reasoning_details": self.reasoning_details}
        return {k: v for k, v in fields.items() if v}

    @property
    def calls(self) -> list[RawCall]:
        """The calls received so far, except those that have neither a name nor arguments."""
        return [RawCall(c.name, c.arguments, c.id, extra=c.extra) for c in self._calls if c.name or c.arguments]

    def find_logprobs(self, sql: str) -> tuple[float, ...]:
        """Return the log-probabilities of the tokens that make up the SQL; empty if the endpoint sent none.

        If the text of the tokens does not contain the SQL literally, as inside JSON, return those of the whole reply.
        """
        whole = "".join(token for token, _ in self._logprobs)
        start = whole.rfind(sql) if sql else -1
        if start < 0:
            return tuple(value for _, value in self._logprobs)
        found, at = [], 0
        for token, value in self._logprobs:
            if at < start + len(sql) and at + len(token) > start:
                found.append(value)
            at += len(token)
        return tuple(found)

    def feed(self, event: Mapping[str, Any]) -> str:
        """Add an event to the reply, and return what it added to the text."""
        self._count_usage(event)
        if event.get("done") and self.has_begun:
            self.finish = self.finish or "stop"
        choices = event.get("choices")
        self.has_choices = self.has_choices or isinstance(choices, list)
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
        if self.is_full:
            return ""
        self._take_logprobs(choice.get("logprobs"))
        reason = _read_text(choice.get("finish_reason"))[:_MAX_REASON_CHARS]
        self.finish = _REASONS.get(reason.lower(), reason) or self.finish
        delta, message = choice.get("delta"), choice.get("message")
        if isinstance(delta, Mapping) and delta:
            self._streamed = True
            return self._take(delta)
        if isinstance(message, Mapping) and not self._streamed:
            return self._take(message)
        if isinstance(message, Mapping) and not self._calls:
            self._take_calls(message)
        return ""

    def _take(self, part: Mapping[str, Any]) -> str:
        self._pieces += 1
        thought = _read_text(part.get("reasoning_content") or part.get("reasoning") or part.get("thinking"))
        self._append_within_limit(self._reasoning, thought)
        self._append_within_limit(self._reasoning_content, _read_text(part.get("reasoning_content")))
        if isinstance(details := part.get("reasoning_details"), list) and self._has_room_for(details):
            self.reasoning_details += details
        self._take_calls(part)
        return self._append_within_limit(self._text, _read_text(part.get("content")) or _read_text(part.get("refusal")))

    def _take_logprobs(self, logprobs: Any) -> None:
        """Keep the tokens with their log-probabilities, if the endpoint sends them."""
        tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
        for token in tokens if isinstance(tokens, list) else ():
            if len(self._logprobs) == _MAX_LOGPROBS:
                return
            value = token.get("logprob") if isinstance(token, Mapping) else None
            if isinstance(value, int | float) and math.isfinite(value):
                self._logprobs.append((_read_text(token.get("token")), min(0.0, float(value))))

    def _append_within_limit(self, pieces: _TextBuffer, added: str) -> str:
        """Append as much of the text as the greatest length allows, and return what was appended."""
        if pieces.size + len(added) > MAX_REPLY_CHARS:
            added = added[: MAX_REPLY_CHARS - pieces.size]
            self._mark_full()
        if added:
            pieces.add(added)
        return added

    def _has_room_for(self, value: Any) -> bool:
        """Count the size of these fields of the endpoint's own, and return whether the reply may hold them."""
        self._kept_chars += len(json.dumps(value))
        if self._kept_chars > _MAX_EXTRA_CHARS:
            self._mark_full()
        return not self.is_full

    def _mark_full(self) -> None:
        self.is_full, self.finish = True, "length"
        if not self.usage.completion_tokens:
            self.usage = replace(self.usage, completion_tokens=self._pieces)

    def _take_calls(self, part: Mapping[str, Any]) -> None:
        tool_calls = part.get("tool_calls")
        tool_calls = [tool_calls] if isinstance(tool_calls, Mapping) else tool_calls
        for piece in tool_calls if isinstance(tool_calls, list) else ():
            if self.is_full:
                return
            if isinstance(piece, Mapping):
                self._take_call(piece)
        if isinstance(piece := part.get("function_call"), Mapping):
            self._take_call({"index": 0, "function": piece})

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        inner = piece.get("function")
        function = inner if isinstance(inner, Mapping) else piece
        name, call_id = _read_text(function.get("name"))[: MAX_NAME_CHARS + 1], _read_text(piece.get("id"))
        call = self._find_call(piece.get("index"), call_id, name)
        if call is None:
            return
        call.id = call.id or call_id
        if name and name != call.name:
            call.name = (call.name + name)[: MAX_NAME_CHARS + 1]
        self._take_arguments(call, function.get("arguments", function.get("parameters")))
        extra = {k: v for k, v in piece.items() if k not in _CALL_FIELDS}
        if extra and self._has_room_for(extra):
            call.extra.update(extra)

    def _take_arguments(self, call: _PartialCall, arguments: Any) -> None:
        if arguments is None or arguments == "":
            return
        if not isinstance(arguments, str):
            self._argument_chars += len(json.dumps(arguments))
            call.object_arguments = arguments
        else:
            before = call.text.size
            call.add(arguments[: MAX_REPLY_CHARS + 1])
            self._argument_chars += call.text.size - before
        if self._argument_chars > MAX_REPLY_CHARS:
            call.object_arguments = None
            call.text.cut(self._argument_chars - MAX_REPLY_CHARS)
            self._mark_full()

    def _find_call(self, index: Any, call_id: str, name: str) -> _PartialCall | None:
        """Return the call that a piece belongs to; None if the reply already has the most calls it may have.

        Indexes may be missing or all alike, ids empty or repeated.
        """
        last = self._last.get(index if isinstance(index, int) else None)
        another = last is not None and bool(
            name
            and (
                (call_id and last.id and call_id != last.id)
                or (last.name and (not call_id or call_id != last.id) and last.is_complete)
                or (last.name and name != last.name and not name.startswith("_") and last.arguments)
            )
        )
        if last is None or another:
            if len(self._calls) == MAX_CALLS:
                self._mark_full()
                return None
            last = self._last[None] = _PartialCall()
            if isinstance(index, int):
                self._last[index] = last
            self._calls.append(last)
        return last

    def _count_usage(self, event: Mapping[str, Any]) -> None:
        """Read the token counts from whichever fields the endpoint uses; a later count replaces an earlier one."""
        usage, timings = _read_object(event, "usage"), _read_object(event, "timings")
        if not usage and not timings:
            return
        details = _read_object(usage, "prompt_tokens_details") or _read_object(usage, "input_tokens_details")
        cached = next(
            _list_counts(
                (details, "cached_tokens"),
                (usage, "prompt_cache_hit_tokens"),
                (usage, "cached_tokens"),
                (usage, "cache_read_input_tokens"),
                (timings, "cache_n"),
            ),
            0,
        )
        evaluated = next(_list_counts((timings, "prompt_n")), 0) + cached
        cost = usage.get("cost")
        self.usage = Usage(
            prompt_tokens=int(next(_list_counts((usage, "prompt_tokens"), (usage, "input_tokens")), evaluated)),
            cached_tokens=int(cached),
            completion_tokens=int(
                next(_list_counts((usage, "completion_tokens"), (usage, "output_tokens"), (timings, "predicted_n")), 0)
            ),
            model_calls=1,
            cost_usd=float(cost) if _is_count(cost) else None,
        )


class ReplySplitter:
    """Separates the replies that one request yields when it asks for several of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._drafts: dict[int, ReplyBuilder] = {}
        self._pieces: dict[int, int] = {}
        self._ended: set[int] = set()
        self._whole = ReplyBuilder()

    def split(self, events: Iterable[Mapping[str, Any]]) -> Iterator[ReplyBuilder]:
        """Yield each of the replies as it ends, then those that ended without a finish reason.

        The usage of a draft is what is known of it alone: its pieces as completion tokens, and the model call if it is
        the first.
        """
        for event in events:
            self._whole.feed({key: value for key, value in event.items() if key != "choices"})
            choices = event.get("choices")
            for position, choice in enumerate(choices if isinstance(choices, list) else ()):
                if not isinstance(choice, Mapping):
                    continue
                index = choice.get("index")
                number = index if isinstance(index, int) else position
                if number not in self._drafts and len(self._drafts) == self._count:
                    continue
                draft = self._drafts.setdefault(number, ReplyBuilder())
                self._pieces[number] = self._pieces.get(number, 0) + bool(draft.feed({"choices": [choice]}))
                if draft.finish is not None and number not in self._ended:
                    yield self._end_draft(number)
        for number, draft in self._drafts.items():
            if number not in self._ended and draft.has_begun:
                yield self._end_draft(number)

    def compute_remaining_usage(self, given: Usage) -> Usage:
        """Return the endpoint's count for the whole request, less the usage that was given to other replies."""
        whole = self._whole.usage
        completion_tokens = max(0, whole.completion_tokens - given.completion_tokens)
        model_calls = max(0, whole.model_calls - given.model_calls)
        return replace(whole, completion_tokens=completion_tokens, model_calls=model_calls)

    def _end_draft(self, number: int) -> ReplyBuilder:
        draft = self._drafts[number]
        draft.usage = Usage(completion_tokens=self._pieces[number], model_calls=int(not self._ended))
        self._ended.add(number)
        return draft


def _read_text(value: Any) -> str:
    """Return the text, or the joined texts of a list of parts; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(
            _read_text(p.get("text")) for p in value if isinstance(p, Mapping) and p.get("type") != "thinking"
        )
    return ""


def _read_object(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _list_counts(*places: tuple[Mapping[str, Any], str]) -> Iterator[float]:
    """Yield the counts that are present, in order; an endpoint that does not count sends 0 or null."""
    for fields, key in places:
        value = fields.get(key)
        if _is_count(value):
            yield value


def _is_count(value: Any) -> TypeGuard[float]:
    """Return whether the value is a finite, non-negative number of plausible size."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value < _MAX_TOKENS
    )

"""Puts one reply together from what an endpoint sends: pieces of a stream, or all of it at once.

It takes the shapes that servers differ in as they come (indexes, ids, nulls, names of fields); what the text
and the arguments mean is left to `reply_parser`. A reply has a length: what is longer is cut there, and counts as
broken off. The work is in proportion to what comes, however small the pieces.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard

from nl2sql.model.tool_calls.tolerant_json import Brackets
from nl2sql.model.tool_calls.tool_call_shapes import LONGEST_NAME, MOST_CALLS, RawCall
from nl2sql.types import Usage

LONGEST: Final = 100_000
"""Characters of a reply's text, of its thoughts, and of the arguments of its calls together."""

_CALL_FIELDS: Final = frozenset({"id", "index", "type", "function", "name", "arguments"})
_MOST_KEPT: Final = 400_000
_LONGEST_REASON: Final = 60
_EMPTY_OBJECT_CHARS: Final = 16
# Each endpoint's own words for why a reply ended, as OpenAI's; `cut` where it came to no end.
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
_MOST_TOKENS: Final = 10**12
_MOST_LOGPROBS: Final = 20_000


class _Pieces:
    """A text that grows by pieces, joined where it is read."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.size = 0

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self.size += len(text)

    def cut(self, count: int) -> None:
        """Leave out the last so many characters."""
        kept = self.read()[: max(0, self.size - count)]
        self._pieces, self.size = [kept], len(kept)

    def read(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""


@dataclass
class _Call:
    """A call in the making. `whole` are its arguments where they came as an object, not as text."""

    id: str = ""
    name: str = ""
    text: _Pieces = field(default_factory=_Pieces)
    brackets: Brackets = field(default_factory=Brackets)
    whole: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> Any:
        return self.text.read() if self.whole is None else self.whole

    @property
    def is_complete(self) -> bool:
        return self.whole is not None or self.brackets.closed

    def add(self, piece: str) -> None:
        """Take the next piece of the arguments: some servers repeat what they have sent, or begin with `{}`."""
        size = self.text.size
        repeats = len(piece) >= size > 1 and piece.startswith(self.text.read())
        if self.whole is not None or repeats or (size <= _EMPTY_OBJECT_CHARS and self.text.read().strip() == "{}"):
            self.whole, self.text, self.brackets = None, _Pieces(), Brackets()
        self.text.add(piece)
        end: int | None = 0
        while end is not None:
            end = self.brackets.feed(piece, end)


class Draft:
    """A reply in the making: `absorb` each event, then read the fields.

    `text` and `reasoning` are what the endpoint calls content and thought; `finish` is its reason to stop, None
    while it gave none. `full` says that there is more than a reply may have: `finish` is then `length`, and what comes
    further is not taken.
    """

    def __init__(self) -> None:
        self.full = self.has_choices = False
        self.reasoning_details: list[Any] = []
        self.finish: str | None = None
        self.usage = Usage(model_calls=1)
        self._text, self._reasoning, self._reasoning_content = _Pieces(), _Pieces(), _Pieces()
        self._calls: list[_Call] = []
        # The last one under each index, and under None the last of all.
        self._last: dict[int | None, _Call] = {}
        self._argument_chars = self._kept_chars = self._pieces = 0
        self._streamed = False
        self._logprobs: list[tuple[str, float]] = []

    @property
    def text(self) -> str:
        """What the endpoint calls content."""
        return self._text.read()

    @property
    def length(self) -> int:
        """How many characters the text has."""
        return self._text.size

    @property
    def reasoning(self) -> str:
        """What the endpoint put aside as thought."""
        return self._reasoning.read()

    @property
    def begun(self) -> bool:
        """Whether anything of the model's own has come."""
        return bool(self._text.size or self._reasoning.size or self._calls)

    @property
    def extras(self) -> dict[str, Any]:
        """The thoughts, as fields of the message: some endpoints want them again with the calls they led to."""
        fields = {"reasoning_content": self._reasoning_content.read(), "reasoning_details": self.reasoning_details}
        return {k: v for k, v in fields.items() if v}

    @property
    def calls(self) -> list[RawCall]:
        """The calls as far as they came; what names no tool and says nothing is none."""
        return [RawCall(c.name, c.arguments, c.id, extra=c.extra) for c in self._calls if c.name or c.arguments]

    def find_logprobs(self, sql: str) -> tuple[float, ...]:
        """Return the log-probabilities of the tokens that the SQL was written with, empty where none were told.

        Where the text of the tokens does not hold the SQL as it is, as inside JSON, those of the whole reply.
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

    def absorb(self, event: Mapping[str, Any]) -> str:
        """Take one event in; what it added to the text."""
        self._count(event)
        if event.get("done") and self.begun:
            self.finish = self.finish or "stop"
        choices = event.get("choices")
        self.has_choices = self.has_choices or isinstance(choices, list)
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
        if self.full:
            return ""
        self._take_logprobs(choice.get("logprobs"))
        reason = _text(choice.get("finish_reason"))[:_LONGEST_REASON]
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
        thought = _text(part.get("reasoning_content") or part.get("reasoning") or part.get("thinking"))
        self._bounded(self._reasoning, thought)
        self._bounded(self._reasoning_content, _text(part.get("reasoning_content")))
        if isinstance(details := part.get("reasoning_details"), list) and self._keeps(details):
            self.reasoning_details += details
        self._take_calls(part)
        return self._bounded(self._text, _text(part.get("content")) or _text(part.get("refusal")))

    def _take_logprobs(self, told: Any) -> None:
        """Keep the tokens with their log-probabilities, where the endpoint tells them."""
        tokens = told.get("content") if isinstance(told, Mapping) else None
        for token in tokens if isinstance(tokens, list) else ():
            if len(self._logprobs) == _MOST_LOGPROBS:
                return
            value = token.get("logprob") if isinstance(token, Mapping) else None
            if isinstance(value, int | float) and math.isfinite(value):
                self._logprobs.append((_text(token.get("token")), min(0.0, float(value))))

    def _bounded(self, pieces: _Pieces, added: str) -> str:
        """Add to it what the length of a reply still allows."""
        if pieces.size + len(added) > LONGEST:
            added = added[: LONGEST - pieces.size]
            self._fill()
        if added:
            pieces.add(added)
        return added

    def _keeps(self, value: Any) -> bool:
        """Whether a reply may still have these fields of the endpoint's own."""
        self._kept_chars += len(json.dumps(value))
        if self._kept_chars > _MOST_KEPT:
            self._fill()
        return not self.full

    def _fill(self) -> None:
        self.full, self.finish = True, "length"
        if not self.usage.completion_tokens:
            self.usage = replace(self.usage, completion_tokens=self._pieces)

    def _take_calls(self, part: Mapping[str, Any]) -> None:
        written = part.get("tool_calls")
        written = [written] if isinstance(written, Mapping) else written
        for piece in written if isinstance(written, list) else ():
            if self.full:
                return
            if isinstance(piece, Mapping):
                self._take_call(piece)
        if isinstance(piece := part.get("function_call"), Mapping):
            self._take_call({"index": 0, "function": piece})

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        inner = piece.get("function")
        function = inner if isinstance(inner, Mapping) else piece
        name, call_id = _text(function.get("name"))[: LONGEST_NAME + 1], _text(piece.get("id"))
        call = self._called(piece.get("index"), call_id, name)
        if call is None:
            return
        call.id = call.id or call_id
        if name and name != call.name:
            call.name = (call.name + name)[: LONGEST_NAME + 1]
        self._take_arguments(call, function.get("arguments", function.get("parameters")))
        extra = {k: v for k, v in piece.items() if k not in _CALL_FIELDS}
        if extra and self._keeps(extra):
            call.extra.update(extra)

    def _take_arguments(self, call: _Call, written: Any) -> None:
        if written is None or written == "":
            return
        if not isinstance(written, str):
            self._argument_chars += len(json.dumps(written))
            call.whole = written
        else:
            before = call.text.size
            call.add(written[: LONGEST + 1])
            self._argument_chars += call.text.size - before
        if self._argument_chars > LONGEST:
            call.whole = None
            call.text.cut(self._argument_chars - LONGEST)
            self._fill()

    def _called(self, index: Any, call_id: str, name: str) -> _Call | None:
        """The call that a piece belongs to. Indexes may be missing or all alike, ids empty or repeated.

        None where a reply has had all the calls that it may have.
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
            if len(self._calls) == MOST_CALLS:
                self._fill()
                return None
            last = self._last[None] = _Call()
            if isinstance(index, int):
                self._last[index] = last
            self._calls.append(last)
        return last

    def _count(self, event: Mapping[str, Any]) -> None:
        """The tokens, from whichever fields this endpoint counts them in; a later count replaces an earlier one."""
        usage, timings = _fields(event, "usage"), _fields(event, "timings")
        if not usage and not timings:
            return
        details = _fields(usage, "prompt_tokens_details") or _fields(usage, "input_tokens_details")
        cached = next(
            _numbers(
                (details, "cached_tokens"),
                (usage, "prompt_cache_hit_tokens"),
                (usage, "cached_tokens"),
                (usage, "cache_read_input_tokens"),
                (timings, "cache_n"),
            ),
            0,
        )
        evaluated = next(_numbers((timings, "prompt_n")), 0) + cached
        cost = usage.get("cost")
        self.usage = Usage(
            prompt_tokens=int(next(_numbers((usage, "prompt_tokens"), (usage, "input_tokens")), evaluated)),
            cached_tokens=int(cached),
            completion_tokens=int(
                next(_numbers((usage, "completion_tokens"), (usage, "output_tokens"), (timings, "predicted_n")), 0)
            ),
            model_calls=1,
            cost_usd=float(cost) if _is_count(cost) else None,
        )


def _text(value: Any) -> str:
    """Text, or the texts of a list of parts; what else a server puts there is nothing to read."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(p.get("text")) for p in value if isinstance(p, Mapping) and p.get("type") != "thinking")
    return ""


def _fields(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _numbers(*places: tuple[Mapping[str, Any], str]) -> Iterator[float]:
    """The counts that are there, in order; an endpoint that counts nothing says 0 or null."""
    for fields, key in places:
        value = fields.get(key)
        if _is_count(value):
            yield value


def _is_count(value: Any) -> TypeGuard[float]:
    """Whether it is a number that something can cost or count."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value < _MOST_TOKENS
    )

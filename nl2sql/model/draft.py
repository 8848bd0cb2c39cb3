"""Puts one reply together from what an endpoint sends: pieces of a stream, or all of it at once.

It takes the shapes that servers differ in as they come (indexes, ids, nulls, names of fields); what the text
and the arguments mean is `salvage`'s affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from nl2sql.model import repair
from nl2sql.model.shapes import RawCall
from nl2sql.types import Usage

_CALL_FIELDS: Final = frozenset({"id", "index", "type", "function", "name", "arguments"})


class Draft:
    """A reply in the making: `absorb` each event, then read the fields.

    `text` and `reasoning` are what the endpoint calls content and thought; `finish` is its reason to stop, None
    while it gave none.
    """

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.reasoning_details: list[Any] = []
        self._reasoning_content = ""
        self.finish: str | None = None
        self.usage = Usage(model_calls=1)
        self._calls: list[dict[str, Any]] = []
        self._streamed = False

    @property
    def begun(self) -> bool:
        """Whether anything of the model's own has come."""
        return bool(self.text or self.reasoning or self._calls)

    @property
    def extras(self) -> dict[str, Any]:
        """The thoughts, as fields of the message: some endpoints want them again with the calls they led to."""
        fields = {"reasoning_content": self._reasoning_content, "reasoning_details": self.reasoning_details}
        return {k: v for k, v in fields.items() if v}

    @property
    def calls(self) -> list[RawCall]:
        """The calls as far as they came; what names no tool and says nothing is none."""
        return [
            RawCall(c["name"], c["arguments"], c["id"], extra=c["extra"])
            for c in self._calls
            if c["name"] or c["arguments"]
        ]

    def absorb(self, event: Mapping[str, Any]) -> str:
        """Take one event in; what it added to the text."""
        self._count(event)
        if event.get("done") and self.begun:
            self.finish = self.finish or "stop"
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
        reason = _text(choice.get("finish_reason"))
        self.finish = "cut" if reason == "error" else reason or self.finish
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
        self.reasoning += _text(part.get("reasoning_content") or part.get("reasoning") or part.get("thinking"))
        self._reasoning_content += _text(part.get("reasoning_content"))
        if isinstance(details := part.get("reasoning_details"), list):
            self.reasoning_details += details
        self._take_calls(part)
        added = _text(part.get("content")) or _text(part.get("refusal"))
        self.text += added
        return added

    def _take_calls(self, part: Mapping[str, Any]) -> None:
        written = part.get("tool_calls")
        written = [written] if isinstance(written, Mapping) else written
        for piece in written if isinstance(written, list) else ():
            if isinstance(piece, Mapping):
                self._take_call(piece)
        if isinstance(piece := part.get("function_call"), Mapping):
            self._take_call({"index": 0, "function": piece})

    def _take_call(self, piece: Mapping[str, Any]) -> None:
        inner = piece.get("function")
        function = inner if isinstance(inner, Mapping) else piece
        name, call_id = _text(function.get("name")), _text(piece.get("id"))
        call = self._called(piece.get("index"), call_id, name)
        call["id"] = call["id"] or call_id
        if name and name != call["name"]:
            call["name"] += name
        call["arguments"] = _joined(call["arguments"], function.get("arguments", function.get("parameters")))
        call["extra"].update({k: v for k, v in piece.items() if k not in _CALL_FIELDS})

    def _called(self, index: Any, call_id: str, name: str) -> dict[str, Any]:
        """The call that a piece belongs to. Indexes may be missing or all alike, ids empty or repeated."""
        known = [c for c in self._calls if c["index"] == index] if isinstance(index, int) else self._calls
        last = known[-1] if known else None
        another = last is not None and (
            (call_id and last["id"] and call_id != last["id"] and bool(name))
            or (name and last["name"] and _complete(last["arguments"]) and (not call_id or call_id != last["id"]))
            or (name and last["name"] and name != last["name"] and not name.startswith("_") and bool(last["arguments"]))
        )
        if last is None or another:
            last = {"index": index, "id": "", "name": "", "arguments": "", "extra": {}}
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
            cost_usd=float(cost) if isinstance(cost, int | float) and not isinstance(cost, bool) else None,
        )


def _text(value: Any) -> str:
    """Text, or the texts of a list of parts; what else a server puts there is nothing to read."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(p.get("text")) for p in value if isinstance(p, Mapping) and p.get("type") != "thinking")
    return ""


def _joined(old: Any, new: Any) -> Any:
    """Arguments so far and the next piece: an object is all of them, and some servers repeat what they sent."""
    if new is None or new == "":
        return old
    if not isinstance(new, str):
        return new
    if not isinstance(old, str) or (len(old) > 1 and new.startswith(old)) or old.strip() == "{}":
        return new
    return old + new


def _complete(arguments: Any) -> bool:
    if not isinstance(arguments, str):
        return True
    try:
        repair.load(arguments)
    except ValueError:
        return False
    return True


def _fields(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _numbers(*places: tuple[Mapping[str, Any], str]) -> Iterator[float]:
    """The counts that are there, in order; an endpoint that counts nothing says 0 or null."""
    for fields, key in places:
        value = fields.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield value

"""Tells several replies of one request apart: a stream of events in, a draft for each reply out as it ends.

It sends nothing and reads no meaning into what comes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from typing import Any

from nl2sql.model.openai.reply_builder import ReplyBuilder
from nl2sql.types import Usage


def split_replies(events: Iterable[Mapping[str, Any]], count: int) -> Generator[ReplyBuilder, None, Usage]:
    """Each of `count` replies once the endpoint has said why it ended, in that order; then those that never said so.

    The usage of a draft is what can be told of it alone: its pieces as completion tokens, and the call where it is the
    first. What is returned in the end is the endpoint's own count of the whole request.
    """
    found: dict[int, ReplyBuilder] = {}
    pieces: dict[int, int] = {}
    told: set[int] = set()
    whole = ReplyBuilder()
    for event in events:
        whole.feed({key: value for key, value in event.items() if key != "choices"})
        choices = event.get("choices")
        for position, choice in enumerate(choices if isinstance(choices, list) else ()):
            if not isinstance(choice, Mapping):
                continue
            index = choice.get("index")
            number = index if isinstance(index, int) else position
            if number not in found and len(found) == count:
                continue
            draft = found.setdefault(number, ReplyBuilder())
            pieces[number] = pieces.get(number, 0) + bool(draft.feed({"choices": [choice]}))
            if draft.finish is not None and number not in told:
                draft.usage = Usage(completion_tokens=pieces[number], model_calls=int(not told))
                told.add(number)
                yield draft
    for number, draft in found.items():
        if number not in told and draft.has_begun:
            draft.usage = Usage(completion_tokens=pieces[number], model_calls=int(not told))
            told.add(number)
            yield draft
    return whole.usage


def compute_remaining_usage(whole: Usage, given: Usage) -> Usage:
    """What is left of a request's usage where that of some replies was given already."""
    completion = max(0, whole.completion_tokens - given.completion_tokens)
    return replace(whole, completion_tokens=completion, model_calls=max(0, whole.model_calls - given.model_calls))

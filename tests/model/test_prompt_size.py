"""A prompt that an endpoint cut without a word: told by the tokens that it says it read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from nl2sql.model.openai.openai_client import OpenAIChatModel
from nl2sql.model.openai.prompt_size import find_cut
from nl2sql.types import Usage

from .conftest import DONE, TOOLS, Answer, Endpoint, calls, drain, says

Open = Callable[..., OpenAIChatModel]
SCHEMA = "\n".join(f"CREATE TABLE bed_{i} (row INTEGER, plant VARCHAR, watered_on DATE);" for i in range(900))
WIDE = "CREATE TABLE 花壇 (植物 VARCHAR, 水やりの日 DATE);\n" * 500


def ask(schema: str = SCHEMA, question: str = "Which plants?", *more: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [{"role": "system", "content": schema}, {"role": "user", "content": question}, *more]


def with_usage(answer: Answer, **usage: Any) -> Answer:
    assert answer.events is not None
    return Answer([*answer.events[:-1], {"choices": [], "usage": usage}, DONE])


@pytest.mark.parametrize("reply", [says("There are 12."), calls("SELECT 1")])
def test_a_cut_prompt_is_told_beside_the_reply(endpoint: Endpoint, open_model: Open, reply: Answer) -> None:
    endpoint.script = [with_usage(reply, prompt_tokens=4096, completion_tokens=9)]
    _, came = drain(open_model().stream(ask(), TOOLS))
    assert came.shortfall is not None and (came.text or came.calls)
    assert re.search(r"cut the prompt: gpt-test read 4,096 of at least \d\d,\d{3} tokens", came.shortfall.message)
    assert "num_ctx" in came.shortfall.hint and "include" in came.shortfall.hint
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": 0},
        {"prompt_tokens": len(SCHEMA) // 5},
        {"prompt_tokens": 300, "prompt_tokens_details": {"cached_tokens": len(SCHEMA) // 5}},
        {"prompt_tokens": 5},
        {"prompt_tokens": 400},
    ],
    ids=["none", "nothing", "all", "the rest was cached", "only what is new", "what is new and the tools"],
)
def test_a_prompt_that_was_read_is_none(endpoint: Endpoint, open_model: Open, usage: dict[str, Any]) -> None:
    endpoint.script = [with_usage(says("There are 12."), completion_tokens=9, **usage)]
    came = drain(open_model().stream(ask(), TOOLS))[1]
    assert (came.text, came.shortfall) == ("There are 12.", None)


def test_a_later_call_may_count_only_what_came_since() -> None:
    rows = {"role": "tool", "content": "plant | n\n" * 400}
    assert find_cut({"messages": ask(SCHEMA, "?", rows)}, Usage(1500)) is None
    assert find_cut({"messages": ask(SCHEMA, "?")}, Usage(1500)) is not None


def test_wide_scripts_take_more_tokens() -> None:
    body = {"messages": ask(WIDE)}
    assert find_cut(body, Usage(2048)) is not None
    assert find_cut(body, Usage(len(WIDE) // 2)) is None


def test_a_short_prompt_is_never_too_long() -> None:
    assert find_cut({"messages": ask("Rules.", "?")}, Usage(1)) is None

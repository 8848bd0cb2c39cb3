"""Several replies of one request: endpoints that take `n`, that ignore it, that refuse it, and that answer whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from nl2sql.model.openai.openai_client import OpenAIChatModel
from nl2sql.types import Reply, Usage

from .conftest import DONE, SQL_ONLY, Answer, Endpoint, calls, error, says

Open = Callable[..., OpenAIChatModel]
ASK = [{"role": "user", "content": "Which plants?"}]
USED = {"prompt_tokens": 40, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 30}}


def piece(index: int, text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": finish}]}


TWO_AT_ONCE = [
    piece(0, "```sql\nSELECT"),
    piece(1, "```sql\nSELECT 2"),
    piece(1, "\n```", "stop"),
    piece(0, " 1\n```", "stop"),
    {"choices": [], "usage": USED},
    DONE,
]


def queries(replies: list[Reply]) -> list[Any]:
    return [reply.calls[0].arguments["query"] for reply in replies]


def test_replies_come_as_they_end_and_their_usage_adds_up(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer(TWO_AT_ONCE)]
    replies = list(open_model(protocol="text").sample(ASK, SQL_ONLY, count=2, max_tokens=50))
    assert queries(replies) == ["SELECT 2", "SELECT 1"]
    assert sum((reply.usage for reply in replies), Usage()) == Usage(40, 30, 9, 1)
    (sent,) = endpoint.requests
    assert (sent["n"], sent["max_tokens"], sent["temperature"]) == (2, 50, 0.7)


def test_an_error_after_the_last_reply_counts_no_reply_twice(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer([*TWO_AT_ONCE[:4], {"error": {"message": "down", "code": 503}}])]
    replies = list(open_model(protocol="text").sample(ASK, SQL_ONLY, count=2))
    assert queries(replies) == ["SELECT 2", "SELECT 1"]
    assert sum((reply.usage for reply in replies), Usage()) == Usage(completion_tokens=4, model_calls=1)


def test_one_is_asked_for_without_n(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [calls("SELECT 1")]
    assert queries(list(open_model().sample(ASK, SQL_ONLY, count=1))) == ["SELECT 1"]
    assert "n" not in endpoint.requests[0]


def test_an_endpoint_that_ignores_n_is_asked_again_and_that_is_remembered(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [calls("SELECT 1"), calls("SELECT 2"), calls("SELECT 3")]
    assert queries(list(open_model().sample(ASK, SQL_ONLY, count=3))) == ["SELECT 1", "SELECT 2", "SELECT 3"]
    assert ["n" in body for body in endpoint.requests] == [True, False, False]
    endpoint.script = [calls("SELECT 4")]
    list(open_model().sample(ASK, SQL_ONLY, count=2))
    assert ["n" in body for body in endpoint.requests[3:]] == [False, False]


def test_an_endpoint_that_refuses_n_is_asked_one_by_one(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(400, "Unsupported parameter: 'n'", param="n"), calls("SELECT 1"), calls("SELECT 2")]
    assert queries(list(open_model().sample(ASK, SQL_ONLY, count=2))) == ["SELECT 1", "SELECT 2"]
    endpoint.script = [calls("SELECT 3")]
    list(open_model().sample(ASK, SQL_ONLY, count=2))
    assert ["n" in body for body in endpoint.requests] == [True, False, False, False, False]


def test_a_passing_failure_is_not_held_against_n(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(503, "busy"), calls("SELECT 1"), calls("SELECT 2"), Answer(TWO_AT_ONCE)]
    model = open_model(protocol="text")
    assert len(list(model.sample(ASK, SQL_ONLY, count=2))) == 2
    list(model.sample(ASK, SQL_ONLY, count=2))
    assert "n" in endpoint.requests[-1]


def test_whole_answers_hold_every_reply(endpoint: Endpoint, open_model: Open) -> None:
    choices = [
        {"index": i, "message": {"role": "assistant", "content": f"```sql\nSELECT {i}\n```"}, "finish_reason": "stop"}
        for i in range(3)
    ]
    endpoint.script = [error(400, "stream is not supported", param="stream"), says("x")]
    model = open_model(protocol="text")
    for _ in model.stream(ASK):
        pass
    endpoint.script = [Answer(body={"choices": choices, "usage": USED})]
    replies = list(model.sample(ASK, SQL_ONLY, count=3))
    assert queries(replies) == ["SELECT 0", "SELECT 1", "SELECT 2"]
    assert sum((reply.usage for reply in replies), Usage()).completion_tokens == 9


def test_closing_it_ends_the_rest(endpoint: Endpoint, open_model: Open) -> None:
    never = threading.Event()
    events = [piece(0, "```sql\nSELECT 1\n```", "stop"), piece(1, "```sql\nSEL")]
    endpoint.script = [Answer(events, stalls=never)]
    replies = open_model(protocol="text").sample(ASK, SQL_ONLY, count=2)
    assert queries([next(replies)]) == ["SELECT 1"]
    replies.close()
    assert endpoint.closed_early.wait(5.0)

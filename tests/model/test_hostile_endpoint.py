"""An endpoint that means harm: what has no end, what is too large, too deep, or leads elsewhere."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from nl2sql.cancellation import CancelToken, Deadline, TimeUpError
from nl2sql.errors import CancelledError, ModelError
from nl2sql.model.openai.openai_client import ClientOptions, OpenAIChatModel
from nl2sql.model.openai.reply_builder import MAX_REPLY_CHARS, ReplyBuilder
from nl2sql.model.tool_calls.tool_call_shapes import MAX_CALLS
from nl2sql.model.transport import Timeouts
from nl2sql.types import Reply

from .conftest import DONE, KEY, SQL_ONLY, TOOLS, Answer, Endpoint, RawServer, calls, drain, error, says
from .fuzz_replies import ScriptedTransport

Open = Callable[..., OpenAIChatModel]
Serve = Callable[[Callable[[socket.socket, bytes], None]], RawServer]
ASK = [{"role": "user", "content": "Which plants?"}]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def said(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def endless(piece: Mapping[str, Any] | bytes, *, head: bytes = HEAD, pause: float = 0) -> Callable[..., None]:
    """An answer that goes on until the other side has gone."""
    data = piece if isinstance(piece, bytes) else event(piece)

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(data if pause else data * 50)
            time.sleep(pause)

    return answer


def replied(made: list[dict[str, Any]]) -> Reply:
    options, transport = ClientOptions(max_retries=0), ScriptedTransport(made)
    model = OpenAIChatModel("m", base_url="http://127.0.0.1:9/v1", options=options, transport=transport)
    return drain(model.stream(ASK, TOOLS))[1]


def event(fields: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


CALL = {"index": 0, "id": "a", "function": {"name": "sql_query", "arguments": '{"query": "'}}
MORE = {"index": 0, "function": {"arguments": "a, " * 100}}


@pytest.mark.parametrize(
    "piece",
    [
        said(content="word " * 20),
        said(content="x"),
        said(reasoning_content="hm " * 20),
        said(thinking="hm " * 20),
        said(reasoning_details=[{"type": "reasoning.text", "text": "hm " * 200}]),
        said(tool_calls=[{**CALL, "signature": "s" * 1000}]),
        said(tool_calls=[{"id": "", "function": {"name": "sql_query", "arguments": {"query": "SELECT 1"}}}]),
    ],
)
def test_a_reply_without_end_is_cut_at_its_length(serve: Serve, open_model: Open, piece: dict[str, Any]) -> None:
    server = serve(endless(piece))
    try:
        _, reply = drain(open_model(base_url=server.url, max_retries=0).stream(ASK, TOOLS))
    except ModelError as exc:
        assert "its tokens ran out" in exc.message or "empty reply" in exc.message
    else:
        assert reply.finish == "length" and len(reply.text) <= MAX_REPLY_CHARS and len(reply.calls) <= MAX_CALLS
        assert reply.usage.completion_tokens > 0
        assert len(json.dumps(reply.message)) < 8 * MAX_REPLY_CHARS
    assert server.closed.wait(5)


@pytest.mark.parametrize(
    "make", [lambda call: {"tool_calls": [call]}, lambda call: {"function_call": call["function"]}]
)
def test_a_call_without_end_is_cut_at_its_length(
    serve: Serve, open_model: Open, make: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    server = serve(endless(said(**make(MORE)), head=HEAD + event(said(**make(CALL)))))
    _, reply = drain(open_model(base_url=server.url, max_retries=0).stream(ASK, TOOLS))
    assert reply.finish == "length" and "broke off" in reply.calls[0].problem
    assert server.closed.wait(5)


def test_a_whole_reply_is_cut_too() -> None:
    message = {"content": "w" * 300_000, "reasoning_content": "t" * 300_000}
    reply = replied([{"choices": [{"message": message, "finish_reason": "stop"}], "done": True}])
    assert (len(reply.text), reply.finish) == (MAX_REPLY_CHARS, "length")


def test_calls_that_came_whole_before_the_end_are_made() -> None:
    whole = {"index": 0, "id": "a", "function": {"name": "sql_query", "arguments": '{"query": "SELECT 1"}'}}
    half = {
        "index": 1,
        "id": "b",
        "function": {"name": "sql_query", "arguments": '{"query": "' + "x" * 2 * MAX_REPLY_CHARS},
    }
    first, second = replied([said(tool_calls=[whole]), said(tool_calls=[half])]).calls
    assert (first.arguments, first.problem) == ({"query": "SELECT 1"}, "") and "broke off" in second.problem


def test_more_calls_than_a_question_may_make_are_left_out() -> None:
    tagged = "<tool_call>" + '{"name": "sql_query", "arguments": {"query": "SELECT 1"}}' * 300 + "</tool_call>"
    assert len(replied([said(content=tagged)]).calls) == MAX_CALLS
    native = [{"index": i, "id": f"c{i}", "function": {"name": "sql_query", "arguments": "{}"}} for i in range(300)]
    reply = replied([said(tool_calls=[one]) for one in native])
    assert (len(reply.calls), reply.finish) == (MAX_CALLS, "length")


@pytest.mark.parametrize(
    "make",
    [
        lambda piece: said(content=piece),
        lambda piece: said(reasoning=piece),
        lambda piece: said(tool_calls=[{"function": {"name": "sql_query", "arguments": piece}}]),
        lambda piece: said(tool_calls=[{"index": 0, "function": {"arguments": piece}}]),
    ],
)
@pytest.mark.parametrize("text", ["The plants are ", '"', "<"])
def test_what_a_stream_costs_grows_with_its_length(make: Callable[[str], dict[str, Any]], text: str) -> None:
    def cost(size: int) -> float:
        made = [make(piece) for piece in (text * size)[:size]]
        start = time.process_time()
        with contextlib.suppress(ModelError):
            replied(made)
        return time.process_time() - start

    first, last = cost(4_000), cost(24_000)
    assert last < max(0.4, 12 * first)


def test_several_replies_of_one_request_are_no_more_than_asked_for(endpoint: Endpoint, open_model: Open) -> None:
    pieces = [
        {"choices": [{"index": index, "delta": {"content": "```sql\nSELECT 1\n```"}, "finish_reason": "stop"}]}
        for index in range(100)
    ]
    endpoint.script = [Answer([*pieces, DONE])]
    assert len(list(open_model(protocol="text").sample(ASK, SQL_ONLY, count=3))) == 3


BOMB = zlib.compress(b"data: " + b" " * 200_000_000, 9)


def packed(packing: bytes, content: bytes, status: bytes = b"200 OK") -> Callable[..., None]:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head % (status, packing, len(content)) + content)

    return answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (endless(b"x" * 1000), "a line of it has no end"),
        (endless(b"data: x"), "a line of it has no end"),
        (endless(b": ping\n" * 100), "its answer has no end"),
        (endless(b"data: nothing\n\n" * 100), "its answer has no end"),
        (endless(b"word\n" * 100), "its answer has no end"),
        (endless(b"x", head=b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\n\r\n"), r"failed \(500\)"),
        (endless(b"X-Field: y\r\n", head=b"HTTP/1.1 200 OK\r\n"), "broke off"),
        (endless(b"x", head=b"HTTP/1.1 200 OK\r\nX-Field: "), "broke off"),
        (endless(b"x", head=b"HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n"), "not as a chat endpoint does"),
        (packed(b"deflate", BOMB), "has no end"),
        (packed(b"deflate", BOMB, b"400 Bad"), "refused the request"),
        (packed(b"gzip, gzip", gzip.compress(gzip.compress(b"{}"))), "packed in a way that was not asked for"),
        (packed(b"br", b"abc"), "packed in a way that was not asked for"),
        (packed(b"gzip", b"no gzip"), "cannot be unpacked"),
        (packed(b"identity", b'{"a": ' * 100_000), "not as a chat endpoint does"),
        (packed(b"identity", b'{"error": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", b"400 Bad"), "refused the request"),
        (packed(b"identity", b'{"error": ' * 900 + b"1" + b"}" * 900, b"400 Bad"), "refused the request"),
        (packed(b"identity", b'{"base_resp": {"status_code": [1], "status_msg": {"a": 1}}}'), r"failed \(500\)"),
        (packed(b"identity", b'{"error": {"code": ' + b"9" * 6000 + b"}}"), r"failed \(500\)"),
    ],
)
def test_answers_without_end_or_measure_end_in_an_error(
    serve: Serve, open_model: Open, answer: Callable[..., None], message: str
) -> None:
    model = open_model(base_url=serve(answer).url, max_retries=0, timeouts=Timeouts(first_seconds=20))
    start = time.process_time()
    with pytest.raises(ModelError, match=message) as caught:
        drain(model.stream(ASK, TOOLS))
    assert caught.value.hint and len(caught.value.message) < 500
    assert time.process_time() - start < 3


def test_a_server_that_packs_unasked_is_read(serve: Serve, open_model: Open) -> None:
    body = json.dumps({"choices": [{"message": {"content": "Twelve."}, "finish_reason": "stop"}]}).encode()
    server = serve(packed(b"gzip", gzip.compress(body)))
    assert drain(open_model(base_url=server.url).stream(ASK))[1].text == "Twelve."
    assert b"accept-encoding: identity" in server.heard[0].lower()


def test_a_long_list_of_models_is_cut(serve: Serve, open_model: Open) -> None:
    listed = json.dumps({"data": [{"id": f"m{i}"} for i in range(5000)] + [{"id": "x" * 5000}, {"id": 3}, 4]}).encode()
    assert len(open_model(base_url=serve(packed(b"identity", listed)).url).list_models()) == 2000
    assert open_model(base_url=serve(endless(b"x" * 1000)).url).list_models() == []


def drip(connection: socket.socket, request: bytes) -> None:
    connection.sendall(HEAD)
    for byte in b'data: {"choices": [{"delta": {"content": "' + b"x" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.alone
@pytest.mark.parametrize(
    "answer",
    [
        drip,
        endless(b": ping\n\n", pause=0.02),
        endless(said(role="assistant"), pause=0.02),
        endless(said(content="x"), pause=0.02),
        endless(said(reasoning="x"), pause=0.02),
        endless(b"X-Field: y\r\n", head=b"HTTP/1.1 200 OK\r\n", pause=0.02),
        endless(b"x", head=b"HTTP/1.1 400 Bad\r\n\r\n", pause=0.02),
    ],
)
def test_question_deadline_ends_a_slow_stream(serve: Serve, open_model: Open, answer: Callable[..., None]) -> None:
    server = serve(answer)
    start = time.monotonic()
    with pytest.raises(TimeUpError, match=r"no answer within 0\.4 s"):
        drain(open_model(base_url=server.url).stream(ASK, TOOLS, cancel=Deadline(0.4)))
    assert time.monotonic() - start < 1.5
    assert server.closed.wait(2)


def test_the_first_word_is_waited_for_no_longer_though_events_come(serve: Serve, open_model: Open) -> None:
    server = serve(endless(said(role="assistant"), pause=0.02))
    with pytest.raises(ModelError, match=r"gave no answer within 0\.3 s"):
        drain(open_model(base_url=server.url, timeouts=Timeouts(first_seconds=0.3), max_retries=0).stream(ASK))


def test_a_list_of_models_that_drips_is_not_waited_for(
    serve: Serve, open_model: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nl2sql.model.openai.openai_transport._LIST_SECONDS", 0.3)
    model = open_model(base_url=serve(endless(b" ", pause=0.02)).url)
    with pytest.raises(ModelError, match=r"within 0\.3 s"):
        model.list_models()


@pytest.mark.alone
def test_the_wait_between_tries_ends_with_the_time(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(429, "slow down", {"Retry-After": "50"})]
    start = time.monotonic()
    with pytest.raises(TimeUpError):
        drain(open_model(sleep=None).stream(ASK, cancel=Deadline(0.3)))
    assert time.monotonic() - start < 2


def test_a_token_that_is_cancelled_ends_a_deadline_too() -> None:
    token = CancelToken()
    deadline = Deadline(60, token)
    assert not deadline.is_cancelled and 59 < deadline.seconds_left <= 60
    token.cancel()
    with pytest.raises(CancelledError):
        deadline.raise_if_cancelled()


def test_reading_time_is_not_counted() -> None:
    now = [0.0]
    deadline = Deadline(10, clock=lambda: now[0])
    with deadline.pause():
        now[0] = 500.0
    assert deadline.seconds_left == 10
    now[0] = 511.0
    with pytest.raises(TimeUpError) as caught:
        deadline.raise_if_cancelled()
    assert caught.value.limit == "seconds" and caught.value.hint
    assert deadline.extend(3).seconds_left == 3


@pytest.mark.parametrize("told", ["864000", "1e300", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 99 Foo 1 1:1:1"])
def test_no_wait_of_days(endpoint: Endpoint, open_model: Open, told: str) -> None:
    waits: list[float] = []
    endpoint.script = [error(429, "slow down", {"Retry-After": told})]
    with pytest.raises(ModelError) as caught:
        drain(open_model(sleep=waits.append, max_retries=1).stream(ASK))
    assert sum(waits) <= 60 and len(caught.value.hint) < 60


def moved(location: str, status: int = 307) -> Callable[..., None]:
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head.encode())

    return answer


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_address_is_not_followed(
    serve: Serve, endpoint: Endpoint, open_model: Open, status: int
) -> None:
    endpoint.script, endpoint.models = [says("Gotcha.")], ["gpt-test"]
    model = open_model(base_url=serve(moved(f"{endpoint.url}/chat/completions", status)).url)
    with pytest.raises(ModelError, match=r"sends requests on to another address: 127\.0\.0\.1") as caught:
        drain(model.stream(ASK))
    with pytest.raises(ModelError, match="another address"):
        model.list_models()
    assert "OPENAI_BASE_URL" in caught.value.hint and endpoint.requests == []


@pytest.mark.parametrize(
    "location", ["//evil.example/v1", "http://[", "file:///etc/passwd", "https://user@evil.example"]
)
def test_redirect_without_address_is_not_followed(serve: Serve, open_model: Open, location: str) -> None:
    with pytest.raises(ModelError, match="another address"):
        drain(open_model(base_url=serve(moved(location)).url).stream(ASK))


def test_redirect_to_another_path_is_followed(serve: Serve, open_model: Open) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        if b"POST /elsewhere" not in request:
            moved("/elsewhere", 308)(connection, request)
            return
        body = json.dumps({"choices": [{"message": {"content": "Twelve."}}]}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    server = serve(answer)
    assert drain(open_model(base_url=server.url).stream(ASK))[1].text == "Twelve."
    assert all(KEY.encode() in request for request in server.heard)


def test_cookies_are_not_kept(serve: Serve, open_model: Open) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        body = b'{"choices": [{"message": {"content": "Ok."}}]}'
        head = b"HTTP/1.1 200 OK\r\nSet-Cookie: who=me; Path=/\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body)

    server = serve(answer)
    model = open_model(base_url=server.url)
    for _ in range(2):
        drain(model.stream(ASK))
    assert len(server.heard) == 2 and not any(b"cookie" in request.lower() for request in server.heard)


def test_the_server_waits_for_who_does_not_read(serve: Serve, open_model: Open) -> None:
    sent = [0]

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(HEAD + b'data: {"choices": [{"delta": {"content": "a b"}}]}\n\n')
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        while True:
            connection.sendall(b": " + b"x" * 65534 + b"\n")
            sent[0] += 65536

    stream = open_model(base_url=serve(answer).url).stream(ASK)
    next(stream)
    time.sleep(0.5)
    before = sent[0]
    time.sleep(0.2)
    assert sent[0] == before < 30_000_000
    stream.close()


def arguments_of(written: str) -> Any:
    event = said(tool_calls=[{"index": 0, "function": {"name": "top_plants", "arguments": written}}])
    event["choices"][0]["finish_reason"] = "tool_calls"
    (call,) = replied([event]).calls
    return call.problem or call.arguments


@pytest.mark.parametrize(
    "written",
    [
        '{"limit": NaN}',
        '{"limit": Infinity}',
        '{"limit": 1e999}',
        '{"limit": ' + "9" * 5000 + "}",
        "{'limit': " + "9" * 5000 + "}",
        '{"limit": "\\ud800"}',
        "{'limit': '\\udfff'}",
        '{"limit": ' + "[" * 70 + "]" * 70 + "}",
        '{"limit": ' * 5000 + "1" + "}" * 5000,
    ],
)
def test_arguments_that_no_program_takes_go_back(written: str) -> None:
    assert "The arguments" in arguments_of(written)


def test_arguments_that_programs_take_are_read() -> None:
    assert arguments_of('{"limit": ' + "9" * 90 + "}") == {"limit": int("9" * 90)}
    assert arguments_of('{"limit": "\\ud83c\\udf31"}') == {"limit": "🌱"}
    assert arguments_of('{"limit": ' + "[" * 60 + "]" * 60 + "}")


@pytest.mark.parametrize(
    "usage",
    [
        '{"prompt_tokens": NaN, "completion_tokens": 1e999, "cost": Infinity}',
        '{"prompt_tokens": %s, "completion_tokens": -5, "cost": -1}' % ("9" * 6000),
        '{"prompt_tokens": true, "completion_tokens": "9", "cost": [1]}',
        '{"prompt_tokens": 1e300, "completion_tokens": {}, "prompt_tokens_details": [1], "cost": 1e300}',
        "[1, 2]",
    ],
)
def test_counts_that_count_nothing_are_none(endpoint: Endpoint, open_model: Open, usage: str) -> None:
    event = '{"choices": [{"delta": {"content": "Twelve."}, "finish_reason": "stop"}], "usage": %s, "timings": %s}'
    endpoint.script = [Answer(raw=f"data: {event % (usage, usage)}\n\ndata: [DONE]\n\n")]
    _, reply = drain(open_model().stream(ASK))
    assert reply.text == "Twelve."
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cost_usd) == (0, 0, None)


def test_halves_of_characters_and_bytes_that_are_none_do_no_harm(serve: Serve, open_model: Open) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        piece = b'data: {"choices": [{"delta": {"content": "a\xff\xfe\\ud83d b\\ud83c\\udf31"}}]}\n\n'
        connection.sendall(HEAD + piece + b"data: [DONE]\n\n")
        connection.shutdown(socket.SHUT_WR)

    pieces, reply = drain(open_model(base_url=serve(answer).url).stream(ASK))
    assert reply.text == "a��? b🌱" == "".join(pieces)
    reply.text.encode()


SHAPES: list[Any] = [None, 0, -1, 2.5, True, "", "x", [], [None], {}, {"a": {}}, [[]], [{}], "\x00", 10**90]


def mangled(value: Any, depth: int = 0) -> Iterator[Any]:
    """The value with each of its parts replaced by each of some shapes."""
    if isinstance(value, dict):
        for key, inner in value.items():
            for other in [*SHAPES, *mangled(inner, depth + 1)]:
                yield {**value, key: other}
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for other in [*SHAPES, *mangled(inner, depth + 1)]:
                yield [*value[:index], other, *value[index + 1 :]]


def test_events_of_any_shape_are_absorbed() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "n", "arguments": "{}"}, "extra": 1}
    part = {
        "content": [{"type": "text", "text": "x"}],
        "reasoning": "t",
        "reasoning_details": [{}],
        "tool_calls": [call],
    }
    whole = {"choices": [{"delta": part, "message": part, "finish_reason": "stop", "index": 0}], "usage": {"cost": 1}}
    count = 0
    for event in mangled(whole):
        draft = ReplyBuilder()
        draft.feed(event)
        draft.feed(whole)
        assert isinstance(draft.text, str) and isinstance(draft.calls, list)
        count += 1
    assert count > 300


def test_a_bound_that_an_endpoint_does_not_take_is_left_out(endpoint: Endpoint, open_model: Open) -> None:
    refusals = [
        "maxOutputTokens value of 16000 but the supported range is from 1 (inclusive) to 8193 (exclusive)",
        "max_tokens: 16000 > 4096, which is the maximum allowed number of output tokens",
        "This model's maximum context length is 8192 tokens. However, you requested 17000 tokens",
    ]
    for name, refusal in enumerate(refusals):
        endpoint.script = [error(400, refusal), calls("SELECT 1")]
        drain(open_model(f"model-{name}").stream(ASK, TOOLS, max_tokens=16_000))
        first, second = endpoint.requests[-2:]
        assert first["max_tokens"] == 16_000 and "max_tokens" not in second


def test_openai_itself_is_told_the_bound_by_its_new_name() -> None:
    sent: list[Mapping[str, Any]] = []

    class Listening(ScriptedTransport):
        def stream_events(self, body: Mapping[str, Any], *more: Any) -> Any:
            sent.append(body)
            return super().stream_events(body, *more)

    transport = Listening([said(content="Twelve.")])
    drain(OpenAIChatModel("gpt", api_key=KEY, transport=transport).stream(ASK, max_tokens=9))
    assert sent[0]["max_completion_tokens"] == 9 and "max_tokens" not in sent[0]


def test_threads_end_with_their_calls(serve: Serve, open_model: Open) -> None:
    before = threading.active_count()
    model = open_model(base_url=serve(endless(said(content="word " * 20))).url)
    for _ in range(3):
        drain(model.stream(ASK))
    time.sleep(0.5)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("nl2sql-model") == 0 and threading.active_count() <= before + 4

"""The client against a loopback endpoint: streams, retries, cancelling, errors, and what it learns."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from nl2sql.cancellation import CancelToken
from nl2sql.errors import CancelledError, ConfigError, ModelError
from nl2sql.model.openai.openai_client import OpenAIChatModel
from nl2sql.model.transport import Timeouts

from .conftest import DONE, KEY, SQL_ONLY, TOOLS, Answer, Endpoint, calls, drain, error, says

Open = Callable[..., OpenAIChatModel]
ASK = [{"role": "system", "content": "Rules."}, {"role": "user", "content": "Which plants?"}]
NO_TOOLS = error(400, "this model does not support tools")


def piece(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def test_text_streams_and_the_request_is_as_it_should_be(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [says("There |are |12.")]
    pieces, reply = drain(open_model(extra_body={"seed": 7}).stream(ASK, TOOLS, max_tokens=99, stop=["#"]))
    assert (pieces, reply.text, reply.calls) == (["There", " are", " 12."], "There are 12.", ())
    assert reply.message == {"role": "assistant", "content": "There are 12."}
    assert endpoint.requests == [
        {
            "model": "gpt-test", "messages": ASK, "tools": TOOLS, "temperature": 0.0, "max_tokens": 99, "stop": ["#"],
            "stream": True, "stream_options": {"include_usage": True}, "logprobs": True, "top_logprobs": 1, "seed": 7,
        }
    ]  # fmt: skip
    assert endpoint.authorizations == [f"Bearer {KEY}"]


def _with_logprobs(*tokens: tuple[str, float]) -> Answer:
    events = [
        {
            "choices": [
                {"index": 0, "delta": {"content": text}, "logprobs": {"content": [{"token": text, "logprob": p}]}}
            ]
        }
        for text, p in tokens
    ]
    return Answer([*events, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, DONE])


def test_the_log_probabilities_are_those_of_the_sql(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [
        _with_logprobs(
            ("Here: ", -3.0), ("```sql\n", -0.5), ("SELECT", -0.1), (" name", -1.5), (" FROM t", 0.25), ("\n```", -2.0)
        )
    ]
    _, reply = drain(open_model(protocol="text").stream(ASK, SQL_ONLY))
    assert reply.calls[0].arguments == {"query": "SELECT name FROM t"}
    assert reply.logprobs == (-0.1, -1.5, 0.0)


@pytest.mark.parametrize(
    "told",
    [None, [], {"content": None}, {"content": [7, {"token": "x"}, {"token": "x", "logprob": "high"}]}],
)
def test_log_probabilities_in_no_known_shape_are_none(endpoint: Endpoint, open_model: Open, told: object) -> None:
    event = {"choices": [{"index": 0, "delta": {"content": "Ok."}, "logprobs": told, "finish_reason": "stop"}]}
    endpoint.script = [Answer([event, DONE])]
    _, reply = drain(open_model().stream(ASK, TOOLS))
    assert (reply.text, reply.logprobs) == ("Ok.", ())


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Unsupported parameter: 'logprobs' is not supported with this model."),
        (403, "You are not allowed to request logprobs from this model"),
        (422, '{"loc": ["body", "top_logprobs"], "msg": "Extra inputs are not permitted"}'),
    ],
)
def test_an_endpoint_that_tells_no_log_probabilities_is_asked_without(
    endpoint: Endpoint, open_model: Open, status: int, message: str
) -> None:
    endpoint.script = [error(status, message), says("Ok.")]
    model = open_model()
    for _ in range(2):
        _, reply = drain(model.stream(ASK, TOOLS))
        assert (reply.text, reply.logprobs) == ("Ok.", ())
    assert ["logprobs" in request for request in endpoint.requests] == [True, False, False]
    assert all("top_logprobs" not in request for request in endpoint.requests[1:])


def test_a_base_url_needs_no_key(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [says("Ok.")]
    drain(open_model(api_key=None).stream(ASK))
    assert endpoint.authorizations == ["Bearer none"]


def test_the_connection_is_used_again(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [says("Ok.")]
    model = open_model()
    for _ in range(3):
        drain(model.stream(ASK))
    assert len(set(endpoint.connections)) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_transient_failure_is_retried(endpoint: Endpoint, open_model: Open, status: int) -> None:
    waits: list[float] = []
    endpoint.script = [error(status, "busy"), error(status, "busy"), says("Ok.")]
    _, reply = drain(open_model(sleep=waits.append).stream(ASK))
    assert reply.text == "Ok."
    assert 0.375 <= waits[0] <= 0.5 and 0.75 <= waits[1] <= 1.0


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "0.25"}, 0.25, 0.25),
        ({"retry-after-ms": "1500", "Retry-After": "2"}, 1.5, 1.5),
        ({"Retry-After": "in 40 s"}, 5, 40),
        ({"Retry-After": format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)}, 0, 0),
        ({"Retry-After": "soon"}, 0.375, 0.5),
        ({"Retry-After": "nan"}, 0.375, 0.5),
    ],
)
def test_retry_after_is_honoured(
    endpoint: Endpoint, open_model: Open, header: dict[str, str], low: float, high: float
) -> None:
    if header.get("Retry-After") == "in 40 s":
        header = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)}
    waits: list[float] = []
    endpoint.script = [error(429, "slow down", header), says("Ok.")]
    drain(open_model(sleep=waits.append).stream(ASK))
    assert len(waits) == 1 and low <= waits[0] <= high


@pytest.mark.parametrize(
    "refusal",
    [
        error(429, "slow down", {"Retry-After": "3600"}),
        error(429, "You exceeded your current quota", code="insufficient_quota"),
        error(503, "down", {"x-should-retry": "false"}),
        error(400, "no such thing"),
        error(401, "bad key"),
        error(501, "not made yet"),
        Answer(body="<html>hello</html>"),
    ],
)
def test_permanent_failure_is_not_retried(endpoint: Endpoint, open_model: Open, refusal: Answer) -> None:
    endpoint.script = [refusal]
    with pytest.raises(ModelError):
        drain(open_model().stream(ASK))
    assert len(endpoint.requests) == 1


def test_retries_are_bounded(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(500, "oh")]
    with pytest.raises(ModelError, match=r"failed \(500\): oh"):
        drain(open_model(max_retries=2).stream(ASK))
    assert len(endpoint.requests) == 3


def test_a_stream_that_breaks_before_any_text_starts_again(endpoint: Endpoint, open_model: Open) -> None:
    half = {"index": 0, "id": "a", "function": {"name": "sql_query", "arguments": '{"query": "SEL'}}
    broken = Answer([{"choices": [{"delta": {"tool_calls": [half]}}]}], breaks=True)
    endpoint.script = [broken, calls("SELECT 1")]
    _, reply = drain(open_model().stream(ASK, TOOLS))
    assert [c.arguments for c in reply.calls] == [{"query": "SELECT 1"}]


def test_a_call_that_keeps_breaking_off_goes_back_to_the_model(endpoint: Endpoint, open_model: Open) -> None:
    half = {"index": 0, "id": "a", "function": {"name": "sql_query", "arguments": '{"query": "SEL'}}
    endpoint.script = [Answer([{"choices": [{"delta": {"tool_calls": [half]}}]}], breaks=True)]
    _, reply = drain(open_model(max_retries=1).stream(ASK, TOOLS))
    assert reply.finish == "cut" and "broke off" in reply.calls[0].problem
    assert reply.message["tool_calls"][0]["function"]["arguments"] == "{}"


def test_a_stream_that_breaks_after_some_text_is_cut(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer([piece("There are")], breaks=True), says("never")]
    pieces, reply = drain(open_model().stream(ASK))
    assert (pieces, reply.text, reply.finish) == (["There are"], "There are", "cut")
    assert len(endpoint.requests) == 1


def test_an_error_inside_the_stream_before_any_text_is_tried_again(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer([{"error": {"message": "overloaded", "code": 529}}, DONE]), says("Ok.")]
    assert drain(open_model().stream(ASK))[1].text == "Ok."


@pytest.mark.alone
@pytest.mark.parametrize("when", ["waits", "stalls"])
def test_cancel_ends_a_blocked_read(endpoint: Endpoint, open_model: Open, when: str) -> None:
    never = threading.Event()
    begun = [piece("There")]
    endpoint.script = [Answer(begun, waits=never) if when == "waits" else Answer(begun, stalls=never)]
    token = CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    stream = open_model().stream(ASK, cancel=token)
    timer.start()
    with pytest.raises(CancelledError):
        drain(stream)
    ended = time.monotonic()
    timer.join()
    assert time.monotonic() - ended < 0.5
    assert endpoint.closed_early.wait(2)


def test_cancel_before_headers_ends_a_reused_connection(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [says("Ok."), Answer([piece("late")], waits=threading.Event())]
    model, token = open_model(), CancelToken()
    drain(model.stream(ASK))
    timer = threading.Timer(0.1, token.cancel)
    timer.start()
    with pytest.raises(CancelledError):
        drain(model.stream(ASK, cancel=token))
    timer.join()
    assert endpoint.closed_early.wait(2)
    assert len(set(endpoint.connections)) == 1


@pytest.mark.alone
def test_cancel_ends_the_wait_between_tries(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(429, "slow down", {"Retry-After": "50"})]
    token = CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    started = time.monotonic()
    timer.start()
    with pytest.raises(CancelledError):
        drain(open_model(sleep=None).stream(ASK, cancel=token))
    assert time.monotonic() - started < 1
    timer.join()


def test_a_cancelled_token_sends_nothing(endpoint: Endpoint, open_model: Open) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        drain(open_model().stream(ASK, cancel=token))
    assert endpoint.requests == []


def test_closing_the_generator_closes_the_connection(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer([piece("There")], stalls=threading.Event()), says("Again.")]
    model = open_model()
    stream = model.stream(ASK)
    assert next(stream) == "There"
    stream.close()
    assert endpoint.closed_early.wait(2)
    assert drain(model.stream(ASK))[1].text == "Again."


def test_no_first_word_in_time(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer([{"choices": [{"delta": {"role": "assistant"}}]}], stalls=threading.Event())]
    with pytest.raises(ModelError, match=r"gave no answer within 0\.2 s"):
        drain(open_model(timeouts=Timeouts(first_seconds=0.2, between_seconds=9)).stream(ASK))
    assert len(endpoint.requests) == 1


def test_no_next_word_in_time_cuts_the_reply(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer([piece("There")], stalls=threading.Event())]
    _, reply = drain(open_model(timeouts=Timeouts(first_seconds=9, between_seconds=0.2)).stream(ASK))
    assert (reply.text, reply.finish) == ("There", "cut")


def test_a_whole_body_answers_a_streaming_request(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer(body={"choices": [{"message": {"content": "Ok."}, "finish_reason": "stop"}]})]
    assert drain(open_model().stream(ASK))[0] == ["Ok."]


def test_whole_answers_are_asked_for_where_streams_are_refused(endpoint: Endpoint, open_model: Open) -> None:
    whole = Answer(body={"choices": [{"message": {"content": "Ok."}, "finish_reason": "stop"}]})
    endpoint.script = [
        error(400, "Unsupported parameter: 'stream_options'"),
        error(400, "'stream' must be false"),
        whole,
    ]
    drain(open_model().stream(ASK))
    drain(open_model().stream(ASK))
    assert [r["stream"] for r in endpoint.requests] == [True, True, False, False]
    assert ["stream_options" in r for r in endpoint.requests] == [True, False, False, False]


@pytest.mark.parametrize(
    ("message", "gone", "come"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
         "max_tokens", "max_completion_tokens"),
        ("Unsupported value: 'temperature' does not support 0.0 with this model.", "temperature", None),
        ("Unrecognized request argument supplied: stop", "stop", None),
        ("[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Not permitted'}]", "seed", None),
        ("parallel_tool_calls is not supported", "parallel_tool_calls", None),
    ],
)  # fmt: skip
def test_refused_parameters_are_dropped_or_renamed_for_good(
    endpoint: Endpoint, open_model: Open, message: str, gone: str, come: str | None
) -> None:
    endpoint.script = [error(400, message), says("Ok.")]
    for _ in range(2):
        model = open_model(extra_body={"seed": 1, "parallel_tool_calls": False})
        drain(model.stream(ASK, TOOLS, max_tokens=5, stop=["#"]))
    first, *later = endpoint.requests
    assert gone in first and len(later) == 2
    assert all(gone not in r and len(r) == len(first) - (come is None) for r in later)
    assert all(come in r for r in later if come)


def test_strict_is_dropped_where_it_is_refused(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(400, "Unknown parameter: 'tools[0].function.strict'."), calls("SELECT 1")]
    drain(open_model().stream(ASK, TOOLS))
    assert ["strict" in r["tools"][0]["function"] for r in endpoint.requests] == [True, False]


def test_a_system_message_that_is_refused_joins_the_question(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(400, "System role not supported"), says("Ok.")]
    drain(open_model().stream(ASK))
    assert endpoint.requests[1]["messages"] == [{"role": "user", "content": "Rules.\n\nWhich plants?"}]


@pytest.mark.parametrize(
    "refusal",
    [
        NO_TOOLS,
        error(404, "No endpoints found that support tool use."),
        error(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        error(500, "tools param requires --jinja flag"),
        error(422, "Unrecognized request argument supplied: tools"),
    ],
)
def test_the_protocol_is_found_and_remembered(endpoint: Endpoint, open_model: Open, refusal: Answer) -> None:
    endpoint.script = [refusal, error(400, "functions are not supported"), says("```sql\nSELECT 1\n```")]
    model = open_model(max_retries=0)
    assert model.calls_tools
    _, reply = drain(model.stream(ASK, SQL_ONLY))
    assert [c.arguments for c in reply.calls] == [{"query": "SELECT 1"}]
    assert ["tools" in r for r in endpoint.requests] == [True, False, False]
    assert ["functions" in r for r in endpoint.requests] == [False, True, False]
    again = open_model()
    assert not model.calls_tools and not again.calls_tools
    assert again.make_tool_message("c", "sql_query", "1 row") == {
        "role": "user",
        "content": "Result of sql_query:\n1 row",
    }
    drain(again.stream(ASK, SQL_ONLY))
    assert len(endpoint.requests) == 4
    assert open_model("another").calls_tools


def test_a_failed_call_is_no_refusal_of_tools(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(500, "failed to parse the tool call"), calls("SELECT 1")]
    drain(open_model().stream(ASK, TOOLS))
    assert all("tools" in r for r in endpoint.requests)


def test_a_named_protocol_is_kept(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [NO_TOOLS]
    with pytest.raises(ModelError, match="does not support tools"):
        drain(open_model(protocol="tools").stream(ASK, TOOLS))
    with pytest.raises(ConfigError, match="unknown protocol 'json'"):
        open_model(protocol="json")


def test_tool_results_that_a_template_refuses_go_as_text(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [
        calls("SELECT 1"),
        error(400, "unexpected role tool"),
        error(400, "no function role"),
        says("One."),
    ]
    model = open_model()
    _, first = drain(model.stream(ASK, SQL_ONLY))
    messages = [*ASK, first.message, model.make_tool_message(first.calls[0].id, "sql_query", "1")]
    assert drain(model.stream(messages, SQL_ONLY))[1].text == "One."
    assert [m["role"] for m in endpoint.requests[-1]["messages"]] == ["system", "user", "assistant", "user"]


def test_a_call_that_the_endpoint_could_not_read_is_salvaged(endpoint: Endpoint, open_model: Open) -> None:
    written = '<function=sql_query>{"query": "SELECT 1"}</function>'
    endpoint.script = [error(400, "Failed to call a function.", code="tool_use_failed", failed_generation=written)]
    _, reply = drain(open_model().stream(ASK, TOOLS))
    assert [c.arguments for c in reply.calls] == [{"query": "SELECT 1"}]


def test_an_empty_reply_is_tried_again_then_told(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [says(""), says("Ok.")]
    assert drain(open_model().stream(ASK))[1].text == "Ok."
    endpoint.script = [says("")]
    with pytest.raises(ModelError, match="gpt-test sent an empty reply"):
        drain(open_model().stream(ASK))


def test_thinking_to_the_limit_is_told(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [Answer([{"choices": [{"delta": {"content": "<think>hm"}, "finish_reason": "length"}]}, DONE])]
    with pytest.raises(ModelError, match="tokens ran out"):
        drain(open_model().stream(ASK))
    assert len(endpoint.requests) == 1


ERRORS = [
    (error(401, f"Incorrect API key provided: {KEY}"), r"refused the API key \(401\)", "OPENAI_API_KEY"),
    (error(403, f"forbidden for {KEY}"), r"refused the API key \(403\)", "OPENAI_API_KEY"),
    (error(429, "rate limit"), r"no more requests now \(429\): rate limit", "Ask again in a minute"),
    (error(402, "pay"), "no quota left: pay", "billing"),
    (error(400, "This model's maximum context length is 8192 tokens"), "longer than gpt-test can read", "include"),
    (error(500, "the request exceeds the available context size"), "longer than gpt-test can read", "include"),
    (error(400, f"strange {KEY} thing"), "strange … thing", "settings"),
    (error(503, "down"), r"failed \(503\): down", "log"),
    (Answer(body="<html>404</html>", status=404), "no chat completions at this address", "/v1"),
    (Answer(body="<html>hello</html>"), "not as a chat endpoint does", "/v1"),
    (Answer(body="3"), "not as a chat endpoint does: 3", "/v1"),
    (
        Answer(body={"base_resp": {"status_code": 1004, "status_msg": "login"}, "choices": None}),
        "API key",
        "OPENAI_API_KEY",
    ),
    (Answer(body={"choices": []}), "empty reply", "another model"),
]


@pytest.mark.parametrize(("answer", "message", "hint"), ERRORS)
def test_errors_say_what_happened_and_what_to_do(
    endpoint: Endpoint, open_model: Open, answer: Answer, message: str, hint: str
) -> None:
    endpoint.script = [answer]
    with pytest.raises(ModelError, match=message) as caught:
        drain(open_model(max_retries=0).stream(ASK))
    assert hint in caught.value.hint
    chain: BaseException | None = caught.value
    while chain:
        assert KEY not in f"{chain!r} {chain} {chain.__dict__}"
        chain = chain.__cause__ or chain.__context__


def test_an_unknown_model_gets_the_nearest_name(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.models = ["llama-3", "gpt-tests", "qwen"]
    endpoint.script = [error(404, "The model `gpt-test` does not exist", code="model_not_found")]
    with pytest.raises(ModelError, match="has no model 'gpt-test'") as caught:
        drain(open_model().stream(ASK, TOOLS))
    assert caught.value.hint == "Did you mean gpt-tests? It has gpt-tests, llama-3, qwen."


def test_an_unknown_model_of_an_endpoint_that_lists_none(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [error(404, "model 'gpt-test' not found, try pulling it first")]
    with pytest.raises(ModelError, match="has no model 'gpt-test'") as caught:
        drain(open_model().stream(ASK))
    assert "OPENAI_MODEL" in caught.value.hint


def test_nobody_listens(open_model: Open) -> None:
    with pytest.raises(
        ModelError, match=r"cannot reach the model endpoint at 127\.0\.0\.1:9: connection refused"
    ) as caught:
        drain(open_model(base_url="http://user:secret@127.0.0.1:9/v1").stream(ASK))
    assert "OPENAI_BASE_URL" in caught.value.hint and "secret" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"base_url": "localhost:1/v1"}, {"api_key": "kéy"}, {"api_key": "a\nb"}])
def test_what_cannot_be_sent_is_told(open_model: Open, endpoint: Endpoint, settings: dict[str, str]) -> None:
    with pytest.raises(ModelError, match="cannot be sent") as caught:
        drain(open_model(**settings).stream(ASK))
    assert "OPENAI_API_KEY" in caught.value.hint and settings.get("api_key", "?") not in str(caught.value)
    assert endpoint.requests == []


def test_neither_key_nor_address() -> None:
    with pytest.raises(ConfigError, match="no API key"):
        OpenAIChatModel("gpt-test")


def test_the_key_is_in_no_repr_and_no_file(endpoint: Endpoint, open_model: Open, tmp_path: Path) -> None:
    endpoint.script = [NO_TOOLS, calls("SELECT 1")]
    model = open_model()
    drain(model.stream(ASK, TOOLS))
    assert repr(model) == f"OpenAIChatModel('gpt-test', at {endpoint.url[7:-3]!r}, protocol 'functions')"
    written = "".join(p.read_text() for p in tmp_path.iterdir())
    assert "functions" in written and KEY not in written


def test_the_key_is_in_no_log(endpoint: Endpoint, open_model: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    endpoint.script = [error(401, "no"), says("Ok.")]
    with pytest.raises(ModelError):
        drain(open_model().stream(ASK))
    assert caplog.text and KEY not in caplog.text


def test_a_client_of_ones_own_is_used_and_left_open(open_model: Open) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(request.content)["messages"][-1]["content"]
        return httpx2.Response(200, json={"choices": [{"message": {"content": f"{asked} Twelve."}}]})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as client:
        model = open_model(http_client=client)
        assert drain(model.stream(ASK))[1].text == "Which plants? Twelve."
        model.close()
        assert not client.is_closed


def test_calls_at_the_same_time_do_not_meet(endpoint: Endpoint, open_model: Open) -> None:
    endpoint.script = [says("Ok.")]
    model, texts = open_model(), []
    threads = [threading.Thread(target=lambda: texts.append(drain(model.stream(ASK))[1].text)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["Ok."] * 6


def test_the_sdk_is_loaded_only_by_opening_a_model() -> None:
    code = "import sys, nl2sql.model.openai.openai_client; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("told", "means"),
    [
        *((word, "stop") for word in ("stop", "STOP", "eos", "eos_token", "end_turn", "stop_sequence")),
        *((word, "tool_calls") for word in ("tool_calls", "tool_use")),
        *((word, "length") for word in ("length", "MAX_TOKENS", "max_tokens", "model_length")),
        *((word, "content_filter") for word in ("content_filter", "SAFETY", "sensitive", "RECITATION")),
    ],
)
def test_each_servers_word_for_the_end_is_understood(
    endpoint: Endpoint, open_model: Open, told: str, means: str
) -> None:
    endpoint.script = [Answer([piece("Twelve."), {"choices": [{"delta": {}, "finish_reason": told}]}, DONE])]
    assert drain(open_model().stream(ASK, TOOLS))[1].finish == means


@pytest.mark.parametrize("told", ["error", "network_error", "abort", "insufficient_system_resource"])
def test_a_reply_that_its_server_broke_off_is_asked_for_again(endpoint: Endpoint, open_model: Open, told: str) -> None:
    end = {"choices": [{"delta": {"content": "```sql\nSELECT na"}, "finish_reason": told}]}
    endpoint.script = [Answer([end, DONE]), calls("SELECT 1")]
    _, reply = drain(open_model().stream(ASK, TOOLS))
    assert [call.arguments for call in reply.calls] == [{"query": "SELECT 1"}]

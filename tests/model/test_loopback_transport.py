"""The way to the embedded model's server without the SDK, against a loopback endpoint."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nl2sql.cancellation import CancelToken, Deadline, TimeUpError
from nl2sql.errors import CancelledError, ModelError
from nl2sql.model.embedded.loopback_transport import LoopbackTransport
from nl2sql.model.openai.endpoint_errors import Cause
from nl2sql.model.openai.openai_client import ClientOptions, OpenAIChatModel
from nl2sql.model.openai.reply_builder import MAX_REPLY_CHARS
from nl2sql.model.openai.sse_events import EndpointError
from nl2sql.model.transport import Timeouts

from .conftest import KEY, Answer, Endpoint, drain, error, says

ASKED = [{"role": "user", "content": "How many plants?"}]
Open = Callable[..., OpenAIChatModel]


@pytest.fixture
def open_local(endpoint: Endpoint, tmp_path: Path) -> Iterator[Open]:
    def open_it(first: float = 10.0, between: float = 10.0) -> OpenAIChatModel:
        options = ClientOptions(protocol="text", sleep=lambda seconds: None)
        transport = LoopbackTransport(endpoint.port, KEY, Timeouts(5.0, first, between))
        return OpenAIChatModel("m", base_url=endpoint.url, options=options, state_dir=tmp_path, transport=transport)

    yield open_it


def test_text_streams_with_the_key(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [says("Twelve| plants.")]
    pieces, reply = drain(open_local().stream(ASKED))
    assert "".join(pieces) == reply.text == "Twelve plants."
    assert endpoint.authorizations == [f"Bearer {KEY}"]
    assert endpoint.requests[0]["messages"] == ASKED


def test_the_models_are_listed(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.models = ["this-one"]
    assert open_local().list_models() == ["this-one"]


def test_a_busy_server_is_asked_again(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [error(503, "Loading model"), says("Twelve.")]
    assert drain(open_local().stream(ASKED))[1].text == "Twelve."
    assert len(endpoint.requests) == 2


def test_a_refusal_says_the_servers_words(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [error(400, "the request exceeds the available context size")]
    with pytest.raises(ModelError, match="longer than m can read"):
        drain(open_local().stream(ASKED))


def test_a_stream_that_breaks_before_any_text_starts_again(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [Answer([], breaks=True), says("Twelve.")]
    assert drain(open_local().stream(ASKED))[1].text == "Twelve."


def test_nobody_listens(endpoint: Endpoint) -> None:
    port = endpoint.port
    endpoint.close()
    with pytest.raises(EndpointError) as caught:
        list(LoopbackTransport(port, KEY, Timeouts(1.0, 1.0, 1.0)).stream_events({}, CancelToken()))
    assert caught.value.failure.cause is Cause.UNREACHABLE


def test_no_first_word_in_time(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [says("late", waits=threading.Event())]
    with pytest.raises(ModelError, match="no answer within"):
        drain(open_local(first=0.05).stream(ASKED))


def test_no_next_word_in_time_cuts_the_reply(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [Answer([{"choices": [{"index": 0, "delta": {"content": "Twelve"}}]}], stalls=threading.Event())]
    assert drain(open_local(between=0.05).stream(ASKED))[1].finish == "cut"


@pytest.mark.alone
@pytest.mark.parametrize("when", ["before any answer", "inside the stream"])
def test_cancel_ends_a_blocked_read(endpoint: Endpoint, open_local: Open, when: str) -> None:
    never, cancel = threading.Event(), CancelToken()
    begun = [{"choices": [{"index": 0, "delta": {"content": "Twe"}}]}]
    endpoint.script = [Answer(begun, waits=never) if when.startswith("before") else Answer(begun, stalls=never)]
    threading.Timer(0.1, cancel.cancel).start()
    start = time.monotonic()
    with pytest.raises(CancelledError):
        drain(open_local().stream(ASKED, cancel=cancel))
    assert time.monotonic() - start < 2
    assert endpoint.closed_early.wait(2)


def test_closing_the_generator_closes_the_connection(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [Answer([{"choices": [{"index": 0, "delta": {"content": "Twelve"}}]}], stalls=threading.Event())]
    stream = open_local().stream(ASKED)
    assert next(stream) == "Twelve"
    stream.close()
    assert endpoint.closed_early.wait(2)


def piece(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def test_a_reply_without_end_is_cut_at_its_length(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [Answer([piece("word " * 1000)] * 100)]
    _, reply = drain(open_local().stream(ASKED))
    assert (len(reply.text), reply.finish) == (MAX_REPLY_CHARS - 1, "length")


@pytest.mark.alone
def test_question_deadline_ends_a_slow_stream(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [Answer([piece("x")], stalls=threading.Event())]
    start = time.monotonic()
    with pytest.raises(TimeUpError):
        drain(open_local().stream(ASKED, cancel=Deadline(0.3)))
    assert time.monotonic() - start < 1


def test_an_error_without_end_is_read_in_part(endpoint: Endpoint, open_local: Open) -> None:
    endpoint.script = [error(400, "x" * 1_000_000)]
    with pytest.raises(ModelError) as caught:
        drain(open_local().stream(ASKED))
    assert len(caught.value.message) < 500


def test_it_loads_no_sdk() -> None:
    code = (
        "import sys, nl2sql.model.embedded.local_client; sys.exit(any(n in sys.modules for n in ('openai', 'httpx2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Calls that came as text, from the endpoint to the answer: rows where they can be read, else nothing raw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant, ModelError, Status
from nl2sql.config import Config
from nl2sql.model.openai.openai_client import ClientOptions, OpenAIChatModel
from nl2sql.model.scripted import ScriptedModel, calls
from tests.model.conftest import DONE, Endpoint
from tests.model.conftest import Answer as Sent

SETUP = """
CREATE TABLE hives (id INTEGER PRIMARY KEY, state VARCHAR, honey DOUBLE);
INSERT INTO hives VALUES (1, 'strong', 20.5), (2, 'weak', 3.25), (3, 'strong', 18);
"""
QUESTION = "How many hives are strong?"
SQL = "SELECT count(*) AS n FROM hives WHERE state = 'strong'"
CALL = f'<|tool_call_begin|>functions.sql_query:0<|tool_call_argument_begin|>{{"query": "{SQL}"}}<|tool_call_end|>'
BROKEN = "<｜DSML｜tool_calls>\n<｜DSML｜invoke"

Ask = Callable[..., Answer]


def says(text: str, **more: Any) -> Sent:
    message = {"role": "assistant", "content": text}
    return Sent(body={"choices": [{"message": message, "finish_reason": "stop"}], **more})


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path = tmp_path_factory.mktemp("db") / "bees.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    config = Config(home=tmp_path_factory.mktemp("home"), url=str(path))
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


@pytest.fixture(params=["tools", "text"])
def ask(request: pytest.FixtureRequest, endpoint: Endpoint, opened: Assistant, tmp_path: Path) -> Ask:
    def ask_with(*script: Sent) -> Answer:
        endpoint.script = list(script)
        options = ClientOptions(protocol=request.param, sleep=lambda seconds: None)
        model = OpenAIChatModel("m", base_url=endpoint.url, options=options, state_dir=tmp_path)
        try:
            return opened.with_options(model=model).ask(QUESTION)
        finally:
            model.close()

    return ask_with


def test_a_call_in_the_text_runs(ask: Ask) -> None:
    answer = ask(says(f"I count. {CALL}"), says("2 hives are strong."))
    assert (answer.status, answer.rows, answer.text) == (Status.ANSWERED, [(2,)], "2 hives are strong.")


def test_what_cannot_be_read_goes_back_once_and_says_what_is_wanted(ask: Ask, endpoint: Endpoint) -> None:
    answer = ask(says(BROKEN), says(f"```sql\n{SQL}\n```"), says("2 hives are strong."))
    assert (answer.rows, answer.text) == ([(2,)], "2 hives are strong.")
    *_, told, wanted = endpoint.requests[1]["messages"]
    assert told == {"role": "assistant", "content": BROKEN}
    assert wanted["role"] == "user" and "can be read" in wanted["content"] and "```sql" in wanted["content"]


def test_what_cannot_be_read_twice_is_an_error(ask: Ask, endpoint: Endpoint) -> None:
    with pytest.raises(ModelError, match="cannot be read") as caught:
        ask(says(BROKEN))
    assert "-m" in caught.value.hint and len(endpoint.requests) == 2


def test_marks_beside_rows_are_never_the_sentence(ask: Ask) -> None:
    answer = ask(says(CALL), says(BROKEN))
    assert (answer.status, answer.rows) == (Status.ANSWERED, [(2,)])
    assert "2" in answer.text and "DSML" not in answer.text


@pytest.mark.parametrize("said", [f"{SQL};", f"```sql\n{SQL}\n```"])
def test_sql_is_never_the_sentence(opened: Assistant, said: str) -> None:
    model = ScriptedModel(calls("sql_query", query=SQL), said, calls_tools=False)
    answer = opened.with_options(model=model).ask(QUESTION)
    assert answer.rows == [(2,)] and "2" in answer.text
    assert "SELECT" not in answer.text


@pytest.mark.parametrize("keys", [["data"], ["result"], ["response"], ["data", "result"]])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_reply_in_an_envelope_is_read(ask: Ask, keys: list[str], streamed: bool) -> None:
    def wrap(sent: Sent) -> Sent:
        body = sent.body
        for key in keys:
            body = {key: body, "success": True}
        return Sent([body, DONE]) if streamed else Sent(body=body)

    answer = ask(wrap(says(f"```sql\n{SQL}\n```")), wrap(says("2 hives are strong.")))
    assert (answer.rows, answer.text) == ([(2,)], "2 hives are strong.")


def test_a_reply_in_a_list_or_as_json_text_is_read(ask: Ask) -> None:
    first, second = says(f"```sql\n{SQL}\n```").body, says("2 hives are strong.").body
    answer = ask(Sent(body={"statusCode": 200, "body": json.dumps(first)}), Sent(body={"data": [second]}))
    assert (answer.rows, answer.text) == ([(2,)], "2 hives are strong.")


@pytest.mark.parametrize("body", [{"data": {"text": "2"}}, {"answer": "2 hives"}, {}])
def test_a_body_without_a_reply_is_no_chat_endpoints(ask: Ask, body: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="not as a chat endpoint does"):
        ask(Sent(body=body))


def test_a_prompt_that_was_cut_is_a_warning_and_no_high_confidence(endpoint: Endpoint, tmp_path: Path) -> None:
    path = tmp_path / "wide.duckdb"
    with duckdb.connect(str(path)) as connection:
        for i in range(60):
            columns = ", ".join(f"reading_{j}_of_the_sensor INTEGER" for j in range(15))
            connection.execute(f"CREATE TABLE log_{i:02d} ({columns})")
        connection.execute("INSERT INTO log_00 (reading_0_of_the_sensor) VALUES (7)")
    used = {"usage": {"prompt_tokens": 2048, "completion_tokens": 9}}
    config = Config(home=tmp_path / "home", url=str(path))
    model = OpenAIChatModel("m", base_url=endpoint.url, options=ClientOptions(protocol="tools"), state_dir=tmp_path)
    with nl2sql.connect(config=config, model=model) as assistant:
        endpoint.script = [says("```sql\nSELECT count(*) AS n FROM log_00\n```", **used), says("1 row.", **used)]
        answer = assistant.ask("How many rows has the first log?")
        assert answer.rows == [(1,)] and answer.confidence is not None and answer.confidence.level != "high"
        assert any("read 2,048 of at least" in warning for warning in answer.warnings)
        for said in ("```sql\nSELECT count(*) AS n FROM sales\n```", "The data has no table of sales."):
            endpoint.script = [says(said, **used)]
            failed = assistant.ask("How many sales?")
            assert failed.status is Status.FAILED and failed.error is not None and failed.error.code == "model"
            assert "cut the prompt" in failed.error.message and "2,048" in failed.error.hint
            assert json.dumps(failed.warnings).count("cut the prompt") == 1

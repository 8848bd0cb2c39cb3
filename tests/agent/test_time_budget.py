"""The time of a question: what the model and the program may take of it, and what is left out where it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import Assistant, CancelledError, CancelToken, LimitError
from nl2sql.agent import loop
from nl2sql.agent.answer_building import MAX_SENTENCE_CHARS, AnswerBuilder
from nl2sql.agent.loop import MAX_REPLY_TOKENS, AgentRun
from nl2sql.agent.outcome import AgentTask, Outcome, QuestionBudget
from nl2sql.agent.question_scope import QuestionScope
from nl2sql.agent.tools import Toolbox
from nl2sql.cancellation import Deadline
from nl2sql.config import Config
from nl2sql.model.chat import Tool
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import CheckedSQL, Event, Messages, Reply, ToolCall, Usage

QUERY = "SELECT count(*) AS n FROM kites"
NOTHING = "SELECT n FROM kites WHERE n > 99 AND n < 5 AND n = 7"


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def slow(self, line: Reply, seconds: float) -> Callable[[Messages], Reply]:
        """A reply that took so long."""

        def reply(messages: Messages) -> Reply:
            self.now += seconds
            return line

        return reply


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path: Path = tmp_path_factory.mktemp("db") / "kites.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE kites AS SELECT range AS n, 'kite ' || range AS name FROM range(12)")
    with nl2sql.connect(config=Config(home=tmp_path_factory.mktemp("home"), url=str(path))) as assistant:
        yield assistant


def toolbox(opened: Assistant, cancel: CancelToken | None = None) -> Toolbox:
    scope = QuestionScope("How many kites?")
    return Toolbox(opened.database.engine, opened.database.allowed_schema, opened.config.limits, cancel, scope)


def ended(running: Generator[Event, None, Outcome]) -> Outcome:
    while True:
        try:
            next(running)
        except StopIteration as stopped:
            outcome: Outcome = stopped.value
            return outcome


def run(opened: Assistant, model: ScriptedModel, deadline: Deadline, **how: Any) -> Outcome:
    task = AgentTask([{"role": "user", "content": "?"}], **how)
    return ended(AgentRun(task, model, toolbox(opened), deadline).run())


def test_a_model_that_is_too_slow_ends_the_question(opened: Assistant) -> None:
    clock = Clock()
    model = ScriptedModel(clock.slow(calls("list_tables"), 30), clock.slow(calls("list_tables"), 30), "Never.")
    outcome = run(opened, model, Deadline(50, clock=clock))
    assert isinstance(outcome.error, LimitError) and outcome.error.message == "no answer within 50 s"
    assert len(model.sent) == 2


def test_rows_that_are_there_are_the_answer(opened: Assistant) -> None:
    clock = Clock()
    model = ScriptedModel(calls("sql_query", query=QUERY), clock.slow(calls("list_tables"), 60), "Never.")
    outcome = run(opened, model, Deadline(50, clock=clock))
    assert outcome.executed_query is not None and outcome.error is None and "within 50 s" in outcome.interruption


def test_approval_time_is_not_counted(opened: Assistant) -> None:
    clock = Clock()

    def approve(checked: CheckedSQL) -> bool:
        clock.now += 10_000
        return True

    model = ScriptedModel(calls("sql_query", query=QUERY), "Twelve.")
    outcome = run(opened, model, Deadline(50, clock=clock), approve=approve)
    assert outcome.text.strip() == "Twelve."


class EndlessModel(ScriptedModel):
    """A model that goes on until it is told that the time is over."""

    def stream(
        self, messages: Messages, tools: Sequence[Tool] = (), *, cancel: CancelToken | None = None, **more: Any
    ) -> Generator[str, None, Reply]:
        assert cancel is not None
        while True:
            time.sleep(0.01)
            cancel.raise_if_cancelled()
            yield "and "


def test_the_time_ends_a_reply_that_does_not(opened: Assistant) -> None:
    outcome = run(opened, EndlessModel(), Deadline(0.2))
    assert isinstance(outcome.error, LimitError) and outcome.error.limit == "seconds"


def test_a_token_ends_it_as_before(opened: Assistant) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(CancelledError):
        run(opened, EndlessModel(), Deadline(50, token))


class CountingModel(ScriptedModel):
    """A scripted model that keeps how many tokens it was let write."""

    def __init__(self, *lines: Any, calls_tools: bool = True) -> None:
        super().__init__(*lines, calls_tools=calls_tools)
        self.allowed: list[int | None] = []

    def stream(
        self, messages: Messages, tools: Sequence[Tool] = (), *, max_tokens: int | None = None, **more: Any
    ) -> Generator[str, None, Reply]:
        self.allowed.append(max_tokens)
        return (yield from super().stream(messages, tools, max_tokens=max_tokens, **more))


def test_each_reply_has_a_bound_and_it_shrinks_with_what_is_left(opened: Assistant) -> None:
    used = Usage(9_000, 0, 1_000, 1)
    heavy = says("", ToolCall("a", "list_tables", {}))
    heavy = Reply(heavy.text, heavy.calls, heavy.message, used)
    model = CountingModel(heavy, heavy, "Done.")
    run(opened, model, Deadline(50), budget=QuestionBudget(tokens=25_000))
    assert model.allowed == [MAX_REPLY_TOKENS, 15_000, 5_000]
    blocks = CountingModel(calls("sql_query", query=QUERY), "Twelve.", calls_tools=False)
    run(opened, blocks, Deadline(50))
    assert blocks.allowed == [loop.MAX_BLOCK_TOKENS, loop.MAX_SENTENCE_TOKENS]


def test_tokens_that_an_endpoint_does_not_count_are_spent_too(opened: Assistant) -> None:
    call = ToolCall("a", "list_tables", {})
    silent = Reply("", (call,), {"role": "assistant", "content": "word " * 4_000}, Usage(model_calls=1))
    outcome = run(opened, ScriptedModel(*[silent] * 9), Deadline(50), budget=QuestionBudget(tokens=20_000))
    assert isinstance(outcome.error, LimitError) and outcome.error.limit == "tokens"
    assert len(outcome.steps) == 2 and outcome.usage.prompt_tokens == 0


def concluded(
    opened: Assistant, query: str, text: str, ending: Deadline, tools: Toolbox | None = None
) -> nl2sql.Answer:
    outcome = run(opened, ScriptedModel(calls("sql_query", query=query), says(text)), Deadline(50))
    return AnswerBuilder(outcome, tools or toolbox(opened), ending).build()


def test_what_there_is_no_time_for_is_left_out_and_said(opened: Assistant) -> None:
    answer = concluded(opened, QUERY, "There are 12.", Deadline(0))
    assert answer.text == "n: 12." and answer.rows == [(12,)]
    assert (answer.chart, answer.grounding) == (None, None)
    assert answer.warnings == (
        "the time for the question was over, and with it there is no sentence of the model's, no check of the "
        "figures, no explanation of the SQL, no chart",
    )
    answer = concluded(opened, QUERY, "There are 12.", Deadline(50))
    assert (answer.text, answer.warnings) == ("There are 12.", ()) and answer.grounding is not None


def test_probes_end_with_the_time(opened: Assistant) -> None:
    clock, asked = Clock(), list[str]()

    def slow(checked: CheckedSQL) -> bool:
        asked.append(checked.sql)
        clock.now += 30
        return True

    scope = QuestionScope("How many kites?", lookup_permit=slow)
    tools = Toolbox(opened.database.engine, opened.database.allowed_schema, opened.config.limits, scope=scope)
    answer = concluded(opened, NOTHING, "None.", Deadline(50, clock=clock), tools)
    assert len(asked) == 2 and "no reason why nothing matched" in answer.warnings[-1]
    asked.clear()
    whole = concluded(opened, NOTHING, "None.", Deadline(500, clock=clock), tools)
    assert len(asked) == 4 and "n > 99" in whole.text and not whole.warnings


def test_a_cancelled_question_has_no_end(opened: Assistant) -> None:
    token = CancelToken()
    deadline = Deadline(50, token)
    token.cancel()
    with pytest.raises(CancelledError):
        concluded(opened, QUERY, "There are 12.", deadline)


def test_a_stop_while_it_is_concluded_stops_it(opened: Assistant) -> None:
    token = CancelToken()
    assistant = opened.with_options(model=ScriptedModel(calls("sql_query", query=NOTHING), "None."))
    with pytest.raises(CancelledError):
        for event in assistant.stream("How many kites?", cancel=token):
            if event.kind is nl2sql.EventKind.TEXT:
                token.cancel()


def test_a_long_sentence_is_cut(opened: Assistant) -> None:
    answer = concluded(opened, QUERY, "There are 12. " + "So it is. " * 5_000, Deadline(50))
    assert len(answer.text) == MAX_SENTENCE_CHARS and answer.text.endswith("…")
    abstained = opened.with_options(model=ScriptedModel("No. " * 20_000)).ask("How many?")
    assert len(abstained.text) == MAX_SENTENCE_CHARS


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (calls("list_tables", pattern="*a" * 5_000), "at most 500"),
        (calls("find_values", text="x" * 90_000), "at most 500"),
        (calls("describe_table", table="x" * 90_000), "Call list_tables"),
        (calls("ask_user", question="x" * 90_000, options=[]), "at most 20 options"),
        (calls("ask_user", question="Which?", options=["a"] * 1_000), "at most 20 options"),
        (calls("ask_user", question="Which?", options=["a" * 1_000]), "at most 20 options"),
        (calls("x" * 90_000), "Tools: sql_query"),
        (calls("sql_query", **{"x" * 90_000: "1"}), "It takes query"),
        (says("", ToolCall("a", "", {}, "This call names no tool.")), "names no tool"),
    ],
)
def test_calls_of_any_size_go_back_in_no_time(opened: Assistant, call: Reply, told: str) -> None:
    start = time.process_time()
    model = ScriptedModel(call, calls("sql_query", query=QUERY), "There are 12.")
    answer = opened.with_options(model=model).ask("How many kites?")
    said = str(model.sent[1][-1]["content"])
    assert answer.text == "There are 12." and told in said and len(said) < 3_000
    assert time.process_time() - start < 2

"""What becomes of a trap: the model is asked once for a query without it, and what stays is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant, EventKind, Status
from nl2sql.agent.tools import ExecutedQuery, Toolbox
from nl2sql.agent.trap_search import search_traps
from nl2sql.config import Config
from nl2sql.exports.answer_json import make_answer_object
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.schema.allowed_schema import AllowedSchema
from nl2sql.types import CheckedSQL, Limits, Policy, Reply, ToolCall

SETUP = """
CREATE TABLE boats (boat INTEGER PRIMARY KEY, harbour VARCHAR, value INTEGER);
INSERT INTO boats VALUES (1, 'Bergen', 100), (2, 'Bergen', 50), (3, 'Oslo', 10);
CREATE TABLE trips (trip INTEGER PRIMARY KEY, boat INTEGER REFERENCES boats (boat), guests INTEGER);
INSERT INTO trips VALUES (1, 1, 4), (2, 1, 5), (3, 2, 6), (4, 3, 7);
CREATE TABLE wages (trip INTEGER, amount INTEGER);
"""
TWICE = "SELECT sum(b.value) AS v FROM boats AS b JOIN trips AS t ON t.boat = b.boat"
ONCE = "SELECT sum(value) AS v FROM boats"
MESSAGE = (
    "the join to trips repeats each row of boats 1.3 times on average, so sum(b.value) counts its value more than once"
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path: Path = tmp_path_factory.mktemp("db") / "boats.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    config = Config(
        home=tmp_path_factory.mktemp("home"), url=str(path), policy=Policy(deny_tables=frozenset({"wages"}))
    )
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def ask(opened: Assistant, model: ScriptedModel, *, summary: bool = True) -> Answer:
    return opened.with_options(model=model).ask("What are the boats worth?", summary=summary)


def block(sql: str) -> Reply:
    return says("", ToolCall("1", "sql_query", {"query": sql}))


def blocks(*sqls: str, then: tuple[str, ...] = ("They are worth that.",)) -> ScriptedModel:
    """A model of blocks that writes these queries, and then a sentence."""
    return ScriptedModel(
        *[says("", ToolCall("1", "sql_query", {"query": sql})) for sql in sqls], *then, calls_tools=False
    )


def test_tool_calling_model_sees_the_trap_and_may_correct_it(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query=TWICE), calls("sql_query", query=ONCE), "They are worth 160.")
    answer = ask(opened, model)
    told = str(model.sent[1][-1]["content"])
    assert "260" in told and MESSAGE in told and "corrected query" in told
    assert answer.rows == [(160,)] and answer.traps == () and answer.warnings == ()
    assert answer.confidence is not None and "grave_traps" not in answer.confidence.signs


def test_a_trap_that_stays_is_a_warning_and_no_high(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query=TWICE), calls("sql_query", query=TWICE), "They are worth 260.")
    answer = ask(opened, model)
    assert MESSAGE not in str(model.sent[2][-1]["content"]), "it is told once"
    assert answer.rows == [(260,)] and answer.text == "They are worth 260."
    assert [(trap.rule, trap.message) for trap in answer.traps] == [("fan-out", MESSAGE)]
    assert answer.warnings == (MESSAGE,)
    assert answer.confidence is not None and answer.confidence.level == "check"
    assert answer.confidence.reasons[-1] == f"the figures may be others than those asked for: {MESSAGE}"
    assert json.loads(json.dumps(make_answer_object(answer)))["traps"] == [{"rule": "fan-out", "message": MESSAGE}]


def test_a_model_of_blocks_is_asked_once_for_the_corrected_query(opened: Assistant) -> None:
    model = blocks(TWICE, ONCE)
    answer = ask(opened, model)
    asked, worded = str(model.sent[1][-1]["content"]), str(model.sent[2][-1]["content"])
    assert MESSAGE in asked and "260" not in asked and model.offered == [["sql_query"], ["sql_query"], []]
    assert "160" in worded and MESSAGE not in worded and len(model.sent[2]) == len(model.sent[1])
    assert answer.rows == [(160,)] and answer.traps == ()
    (step,) = [step for step in answer.steps if step.tool == "reconsider"]
    assert step.ok and step.arguments == {"query": ONCE, "traps": ["fan-out"], "taken": True}


@pytest.mark.parametrize(
    "second",
    [
        TWICE,
        f"{TWICE} WHERE t.guests > 0",
        "SELECT sum(b.worth) FROM boats AS b",
        "SELECT amount FROM wages",
        f"{ONCE} WHERE boat > 9",
        "This is right.",
    ],
)
def test_what_is_no_better_leaves_the_first_answer_with_its_trap(opened: Assistant, second: str) -> None:
    lines = [block(TWICE), block(second) if second.startswith("SELECT") else second, "Worth 260."]
    model = ScriptedModel(*lines, calls_tools=False)
    answer = ask(opened, model)
    assert answer.status is Status.ANSWERED and answer.rows == [(260,)] and answer.text == "Worth 260."
    assert answer.warnings == (MESSAGE,) and answer.error is None
    assert answer.confidence is not None and answer.confidence.level == "check"
    assert "260" in str(model.sent[2][-1]["content"]), "the sentence is about the first rows"


@pytest.mark.parametrize("calls_tools", [True, False])
def test_without_a_sentence_the_model_is_asked_too(opened: Assistant, calls_tools: bool) -> None:
    lines = (
        [calls("sql_query", query=TWICE), calls("sql_query", query=ONCE)]
        if calls_tools
        else [block(TWICE), block(ONCE)]
    )
    model = ScriptedModel(*lines, calls_tools=calls_tools)
    answer = ask(opened, model, summary=False)
    assert answer.rows == [(160,)] and len(model.sent) == 2 and answer.traps == ()


def test_a_model_that_says_no_more_keeps_its_answer(opened: Assistant) -> None:
    answer = ask(opened, ScriptedModel(block(TWICE), calls_tools=False), summary=False)
    assert answer.rows == [(260,)] and answer.warnings == (MESSAGE,)


def test_a_correction_that_cannot_run_does_not_cost_the_answer(opened: Assistant) -> None:
    broken = calls("sql_query", query="SELECT sum(worth) FROM boats")
    answer = ask(opened, ScriptedModel(calls("sql_query", query=TWICE), broken, "They are worth 260."))
    assert answer.status is Status.ANSWERED and answer.rows == [(260,)] and answer.warnings == (MESSAGE,)


def test_informational_trap_costs_a_block_model_no_call(opened: Assistant) -> None:
    model = blocks("SELECT harbour FROM boats LIMIT 2")
    answer = ask(opened, model)
    assert len(model.sent) == 2 and [trap.rule for trap in answer.traps] == ["limit-without-order"]
    assert answer.confidence is not None and "grave_traps" not in answer.confidence.signs


def test_where_somebody_approves_nothing_is_probed(opened: Assistant) -> None:
    seen: list[str] = []

    def approve(checked: CheckedSQL) -> bool:
        seen.append(checked.sql)
        return True

    model = ScriptedModel(calls("sql_query", query=TWICE), "They are worth 260.")
    answer = opened.with_options(model=model).ask("What are they worth?", approve=approve)
    assert answer.traps == () and len(seen) == 1
    assert answer.warnings == (
        "not checked whether a join repeats rows: it takes further queries, which nobody approved",
    )


def test_a_probe_passes_the_guard_like_any_query(opened: Assistant) -> None:
    allowed = opened.database.allowed_schema
    ran = ExecutedQuery(opened.database.check_or_raise(TWICE), opened.run(TWICE))
    found = search_traps(ran, Toolbox(opened.database.engine, allowed, Limits()))
    assert [trap.rule for trap in found.traps] == ["fan-out"] and found.warning == ""
    strict = AllowedSchema(allowed.schema, Policy(deny_tables=frozenset({"trips"})), allowed.index)
    found = search_traps(ran, Toolbox(opened.database.engine, strict, Limits()))
    assert found.traps == () and found.warning == (
        "not checked whether a join repeats rows: the query that checks it did not run"
    )


def test_a_query_that_took_long_is_not_probed_and_that_is_said(opened: Assistant) -> None:
    tools = Toolbox(opened.database.engine, opened.database.allowed_schema, Limits())
    slow = replace(opened.run(TWICE), seconds=0.9)
    found = search_traps(ExecutedQuery(opened.database.check_or_raise(TWICE), slow), tools)
    assert found.traps == ()
    assert found.warning == "not checked whether a join repeats rows: there was no time or memory for it"
    plain = replace(opened.run(ONCE), seconds=0.9)
    assert search_traps(ExecutedQuery(opened.database.check_or_raise(ONCE), plain), tools).warning == "", (
        "nothing had to be asked"
    )


def test_the_second_look_is_an_event(opened: Assistant) -> None:
    assistant = opened.with_options(model=blocks(TWICE, ONCE))
    kinds = [event.kind for event in assistant.stream("What are the boats worth?")]
    assert kinds.count(EventKind.TRAP) == 1 and kinds.count(EventKind.ROWS) == 2

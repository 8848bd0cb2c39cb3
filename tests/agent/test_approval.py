"""Where each query is approved, no other runs: everything that reaches the database is recorded and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant
from nl2sql.cancellation import CancelToken
from nl2sql.config import Config, load_config
from nl2sql.database import Database
from nl2sql.engines.engine import Capabilities, Engine
from nl2sql.model.scripted import Line, ScriptedModel, calls, says
from nl2sql.types import CheckedSQL, Limits, Policy, Result, ToolCall, Verdict

SETUP = """
CREATE TABLE boats (id INTEGER PRIMARY KEY, name VARCHAR, harbour VARCHAR, crew INTEGER);
INSERT INTO boats SELECT i, 'boat ' || i, ['Århus', 'Bergen', 'Turku'][i % 3 + 1], i % 7 FROM range(1, 61) t(i);
CREATE TABLE trips (boat_id INTEGER REFERENCES boats (id), miles INTEGER);
INSERT INTO trips SELECT i % 60 + 1, i FROM range(600) t(i);
"""
VERIFIED = """-- question: Which boats lie in a harbour?
-- parameters:
--   harbour: text
SELECT name FROM boats WHERE harbour = $harbour"""
KNOWN = "-- question: How many boats are there?\nSELECT count(*) AS n FROM boats WHERE crew > 90"
NOTHING = "SELECT name FROM boats WHERE harbour = 'Oslo' AND crew > 3 AND id < 50"


class Recorder:
    """An engine that notes what is run on it, and whether values were read to judge a text."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.ran: list[str] = []
        self.reads_values: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def execute(self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None, **more: Any) -> Result:
        self.ran.append(checked.sql)
        result: Result = self._engine.execute(checked, limits, cancel, **more)
        return result

    def judge(self, sql: str, policy: Policy, *, reads_values: bool = True, **more: Any) -> Verdict:
        # The guess before a query is made of a text that was judged already.
        if not sql.startswith("EXPLAIN (FORMAT json)"):
            self.reads_values.append(reads_values)
        verdict: Verdict = self._engine.judge(sql, policy, reads_values=reads_values, **more)
        return verdict


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    folder: Path = tmp_path_factory.mktemp("harbour")
    with duckdb.connect(str(folder / "harbour.duckdb")) as connection:
        connection.execute(SETUP)
    (folder / "nl2sql.toml").write_text('[database]\nurl = "harbour.duckdb"\n')
    (folder / "queries").mkdir()
    (folder / "queries" / "in_harbour.sql").write_text(VERIFIED)
    (folder / "queries" / "known.sql").write_text(KNOWN)
    home = tmp_path_factory.mktemp("home")
    found = load_config(start=folder, environ={"NL2SQL_HOME": str(home)})
    config = Config(home=home, url=str(folder / "harbour.duckdb"), file=found.file, limits=Limits(steps=5))
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def block(sql: str) -> Any:
    return says("```sql", ToolCall("1", "sql_query", {"query": sql}))


CASES: dict[str, tuple[list[Line], bool]] = {
    "no rows": ([calls("sql_query", query=NOTHING), "None."], True),
    "no rows for a model of blocks": ([block(NOTHING)], False),
    "another spelling": (
        [calls("sql_query", query="SELECT name FROM boats WHERE harbour = 'arhus'"), "None."],
        True,
    ),
    "a repaired name": ([calls("sql_query", query="SELECT names FROM boats WHERE id = 3"), "One."], True),
    "a repaired table": ([calls("sql_query", query="SELECT name FROM boat WHERE id = 3"), "One."], True),
    "a value looked up": (
        [
            calls("find_values", text="arhus"),
            calls("sql_query", query="SELECT count(*) FROM boats"),
            "60.",
        ],
        True,
    ),
    "a verified function": ([calls("in_harbour", harbour="Turku"), "Twenty."], True),
    "a verified function without rows": ([calls("in_harbour", harbour="Oslo"), "None."], True),
    "two queries of one reply": (
        [
            says(
                "",
                ToolCall("a", "sql_query", {"query": "SELECT 1 AS a"}),
                ToolCall("b", "sql_query", {"query": "SELECT 2 AS b"}),
            ),
            "Two.",
        ],
        True,
    ),
    "a pivot": (
        [
            calls("sql_query", query="PIVOT boats ON harbour USING count(*) GROUP BY crew"),
            calls("sql_query", query="PIVOT boats ON harbour IN ('Turku') USING count(*) GROUP BY crew"),
            "There.",
        ],
        True,
    ),
    "described": (
        [
            calls("sql_query", query="SUMMARIZE boats"),
            calls("sql_query", query="DESCRIBE boats"),
            "So.",
        ],
        True,
    ),
    "explained": ([calls("sql_query", query="EXPLAIN SELECT * FROM boats"), "So."], True),
    "several queries": ([calls("sql_query", query=NOTHING), "None.", *["None."] * 4], True),
}


def asked(
    opened: Assistant, case: str, question: str, answer: bool, beyond: int | None = None
) -> tuple[Recorder, list[str], Answer]:
    lines, calls_tools = CASES.get(case, ([], True))
    recorder, approved = Recorder(opened.database.engine), list[str]()

    def approve(checked: CheckedSQL) -> bool:
        approved.append(checked.sql)
        return answer

    config = opened.config
    if case == "several queries":
        config = replace(config, model=replace(config.model, candidates=4))
    assistant = Assistant(Database(recorder, config), ScriptedModel(*lines, calls_tools=calls_tools))
    return recorder, approved, assistant.ask(question, approve=approve, approve_above_rows=beyond)


@pytest.mark.parametrize("case", CASES)
def test_nothing_runs_that_was_not_approved(opened: Assistant, case: str) -> None:
    recorder, approved, answer = asked(opened, case, "Which boats lie in Oslo?", True)
    assert recorder.ran == approved and answer.status is nl2sql.Status.ANSWERED
    assert not any(recorder.reads_values)


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_approved_does_not_run(opened: Assistant, case: str) -> None:
    recorder, approved, answer = asked(opened, case, "Which boats lie in Oslo?", False)
    assert recorder.ran == [] and len(approved) == 1 and answer.result is None
    assert not any(recorder.reads_values)


@pytest.mark.parametrize("answer", [True, False])
def test_a_known_question_is_approved_too(opened: Assistant, answer: bool) -> None:
    recorder, approved, _ = asked(opened, "", "How many boats are there?", answer)
    assert len(approved) == 1 and recorder.ran == (approved if answer else [])


@pytest.mark.parametrize("case", CASES)
def test_where_heavy_queries_are_approved_the_helping_ones_are_light(opened: Assistant, case: str) -> None:
    recorder, approved, _ = asked(opened, case, "Which boats lie in Oslo?", True, beyond=0)
    ran = [sql for sql in recorder.ran if not sql.startswith("EXPLAIN")]
    assert set(ran) <= {*approved, "SELECT 1 AS a", "SELECT 2 AS b"}
    assert not any(recorder.reads_values)


def test_without_approval_a_reason_is_looked_for(opened: Assistant) -> None:
    recorder = Recorder(opened.database.engine)
    lines, _ = CASES["no rows"]
    answer = Assistant(Database(recorder, opened.config), ScriptedModel(*lines)).ask("Which boats?")
    assert len(recorder.ran) > 1 and "harbour = 'Oslo'" in answer.text
    assert all(recorder.reads_values)


def test_a_pivot_that_is_not_judged_says_how_to_write_it(opened: Assistant) -> None:
    lines, _ = CASES["a pivot"]
    model = ScriptedModel(*lines)
    answer = opened.with_options(model=model).ask("How many?", approve=lambda checked: True)
    assert "List the values" in str(model.sent[1][-1]["content"])
    assert [column.name for column in answer.columns] == ["crew", "Turku"]


def test_where_no_cost_is_estimated_every_query_is_asked_about(opened: Assistant) -> None:
    class Unestimated(Recorder):
        capabilities = Capabilities()

    recorder, approved = Unestimated(opened.database.engine), list[str]()

    def refuse(checked: CheckedSQL) -> bool:
        approved.append(checked.sql)
        return False

    model = ScriptedModel(calls("sql_query", query="SELECT count(*) FROM boats"), "Sixty.")
    assistant = Assistant(Database(cast(Engine, recorder), opened.config), model)
    answer = assistant.ask("How many boats?", approve=refuse, approve_above_rows=1_000)
    assert len(approved) == 1 and recorder.ran == [] and answer.result is None

"""Mended queries in the loop: they run and are told as steps; what cannot be mended goes back to the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant, Status
from nl2sql.config import Config
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import CheckedSQL, Policy, Step, ToolCall

SETUP = """
CREATE TABLE cities (id INTEGER PRIMARY KEY, city_name VARCHAR);
INSERT INTO cities VALUES (1, 'Århus'), (2, 'Bergen');
CREATE TABLE shops (id INTEGER PRIMARY KEY, shop_name VARCHAR, city_id INTEGER REFERENCES cities (id), rent INTEGER);
INSERT INTO shops VALUES (1, 'Alma', 1, 10), (2, 'Bruun', 2, 20), (3, 'Cosmo', 1, 30);
CREATE TABLE pay (shop_id INTEGER, amount INTEGER);
INSERT INTO pay VALUES (1, 5);
"""
BROKEN = "SELECT shopname FROM shops WHERE city_name = 'Bergen'"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path: Path = tmp_path_factory.mktemp("db") / "shops.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    policy = Policy(deny_tables=frozenset({"pay"}), deny_columns=frozenset({"shops.rent"}))
    config = Config(home=tmp_path_factory.mktemp("home"), url=str(path), policy=policy)
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def ask(opened: Assistant, model: ScriptedModel, question: str = "Which shops are in Bergen?") -> Answer:
    return Assistant(opened._engine, opened.config, model).ask(question)


def block(sql: str) -> ScriptedModel:
    """A model of blocks that writes the query once, and then a sentence."""
    query = ToolCall("1", "sql_query", {"query": sql})
    return ScriptedModel(says("", query), "Bruun.", calls_tools=False)


def mends(answer: Answer) -> list[Step]:
    return [step for step in answer.steps if step.tool == "mend"]


@pytest.mark.parametrize("calls_tools", [True, False])
def test_the_mended_query_runs_and_the_model_is_not_asked_again(opened: Assistant, calls_tools: bool) -> None:
    tools = ScriptedModel(calls("sql_query", query=BROKEN), "Bruun.")
    answer = ask(opened, tools if calls_tools else block(BROKEN))
    assert answer.rows == [("Bruun",)] and answer.status is Status.ANSWERED
    assert answer.usage.model_calls == 2
    (step,) = mends(answer)
    assert step.ok and step.arguments["query"] == BROKEN
    assert "not found" in str(step.arguments["error"])
    assert "joined cities" in str(step.arguments["mends"])
    assert answer.confidence is not None and "mended" in answer.confidence.reasons[0]


def test_what_cannot_be_mended_goes_back_as_the_engine_said_it(opened: Assistant) -> None:
    model = ScriptedModel(
        calls("sql_query", query="SELECT mood FROM shops"),
        calls("sql_query", query="SELECT shop_name FROM shops WHERE id = 2"),
        "Bruun.",
    )
    answer = ask(opened, model)
    assert answer.rows == [("Bruun",)] and mends(answer) == []
    assert "mood" in str(model.sent[1][-1]["content"])


def test_a_mend_that_fails_as_well_tells_the_error_of_what_the_model_wrote(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query="SELECT shopname, mood FROM shops"), "I cannot tell.")
    answer = ask(opened, model)
    told = str(model.sent[1][-1]["content"])
    assert answer.status is Status.REFUSED and ("shopname" in told or "mood" in told)


def test_a_function_of_another_dialect_is_written_in_this_one(opened: Assistant) -> None:
    sql = "SELECT ROUND(julianday(DATE '2024-01-03') - julianday(DATE '2024-01-01')) AS days"
    answer = ask(opened, block(sql), "How many days?")
    assert answer.rows == [(2.0,)]
    (step,) = mends(answer)
    assert "julianday is JULIAN" in str(step.arguments["mends"])


@pytest.mark.parametrize("sql", ["SELECT getenv('HOME')", "SELECT * FROM read_csv('x.csv')"])
def test_a_function_that_is_denied_is_not_mended(opened: Assistant, sql: str) -> None:
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "I could not."))
    assert answer.status is Status.REFUSED and mends(answer) == []


@pytest.mark.parametrize("sql", ["SELECT rents FROM shops", "SELECT rent FROM shop", "SELECT amounts FROM pay"])
def test_a_mend_never_leads_to_what_the_policy_denies(opened: Assistant, sql: str) -> None:
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "I could not."))
    assert answer.rows == [] and answer.status in (Status.REFUSED, Status.FAILED)


def test_a_text_is_found_as_it_is_stored(opened: Assistant) -> None:
    sql = "SELECT shop_name FROM shops JOIN cities ON city_id = cities.id WHERE city_name = 'arhus' ORDER BY 1"
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "Alma and Cosmo."))
    assert answer.rows == [("Alma",), ("Cosmo",)]
    (step,) = mends(answer)
    assert step.arguments["error"] == "nothing matched" and "'Århus'" in str(step.arguments["mends"])


def test_where_each_query_is_approved_nothing_is_looked_up(opened: Assistant) -> None:
    approved: list[str] = []

    def approve(checked: CheckedSQL) -> bool:
        approved.append(checked.sql)
        return True

    model = ScriptedModel(
        calls("sql_query", query="SELECT id FROM cities WHERE city_name = 'arhus'"), "There is none.", "There is none."
    )
    answer = Assistant(opened._engine, opened.config, model).ask("Which city is Aarhus?", approve=approve)
    assert answer.rows == [] and mends(answer) == []
    assert len(approved) == 1


def test_a_mended_query_is_approved_as_it_will_run(opened: Assistant) -> None:
    approved: list[str] = []

    def approve(checked: CheckedSQL) -> bool:
        approved.append(checked.sql)
        return False

    model = ScriptedModel(calls("sql_query", query=BROKEN), "Bruun.")
    answer = Assistant(opened._engine, opened.config, model).ask("Which shops are in Bergen?", approve=approve)
    assert answer.rows == [] and len(approved) == 1
    assert "cities" in approved[0]


def test_another_value_is_not_taken_for_the_one_that_was_asked_for(opened: Assistant) -> None:
    query = "SELECT count(*) FROM cities WHERE city_name = 'Berge'"
    answer = ask(opened, ScriptedModel(calls("sql_query", query=query), "None."), "How many are called Berge?")
    assert answer.rows == [(0,)]
    assert not [step for step in answer.steps if step.tool == "mend"]


def test_stored_texts_that_the_question_speaks_of_are_told(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query="SELECT 2 AS n"), "It is 2.")
    ask(opened, model, "Which shops are in bergen, and is rent 10 there?")
    told = str(model.sent[0][-1]["content"])
    assert told.splitlines()[1:] == ["Stored: cities.city_name = 'Bergen'"]
    of_blocks = ScriptedModel("I cannot say.", calls_tools=False)
    ask(opened, of_blocks, "Which shops are in bergen?")
    assert of_blocks.sent[0][-1]["content"] == "Which shops are in bergen?"


def test_a_text_is_found_in_the_column_that_holds_it(opened: Assistant) -> None:
    sql = "SELECT shop_name FROM shops JOIN cities ON city_id = cities.id WHERE shop_name = 'bergen'"
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "Bruun."))
    assert answer.rows == [("Bruun",)]
    (step,) = mends(answer)
    assert step.arguments["mends"] == "'Bergen' is a city_name, not a shop_name"
    assert answer.warnings == ("nothing matched at first: 'Bergen' is a city_name, not a shop_name",)


def test_a_text_that_is_nearly_stored_is_taken_for_it_and_that_is_said(opened: Assistant) -> None:
    sql = "SELECT shop_name FROM shops JOIN cities ON city_id = cities.id WHERE city_name = 'Aarhus' ORDER BY 1"
    answer = ask(opened, ScriptedModel(calls("sql_query", query=sql), "Alma and Cosmo."))
    assert answer.rows == [("Alma",), ("Cosmo",)]
    assert answer.warnings == ("nothing matched at first: 'Aarhus' is stored as 'Århus'",)

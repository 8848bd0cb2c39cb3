"""Questions for something other than data, in several languages, and questions for data that sound alike."""

from __future__ import annotations

import doctest
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql.answer import beyond_data
from nl2sql.answer.beyond_data import ACTION, ADVICE, FORECAST, REASON, Wish, find_other_wish
from nl2sql.config import Config
from nl2sql.model.scripted import ScriptedModel, calls
from nl2sql.types import Column, Schema, Status, Table

EMPTY = Schema(())


@pytest.mark.parametrize(
    ("question", "wish"),
    [
        ("Why did fewer ferries run in May?", REASON),
        ("Fewer ferries ran in May, why?", REASON),
        ("Warum fuhren im Mai weniger Fähren?", REASON),
        ("Pourquoi y a-t-il moins de traversées ?", REASON),
        ("¿Por qué hay menos travesías?", REASON),
        ("Which harbour should we open next?", ADVICE),
        ("Do you think that the fares are fair?", ADVICE),
        ("Welchen Hafen sollten wir schließen?", ADVICE),
        ("Will the ferries be full in August?", FORECAST),
        ("Which line will have the most guests next year?", FORECAST),
        ("Predict the number of guests", FORECAST),
        ("Delete the crossings that were cancelled", ACTION),
        ("Please send each captain the timetable", ACTION),
        ("Raise all fares by ten percent", ACTION),
        ("Lösche die Überfahrten von gestern", ACTION),
        ("Supprimez les traversées annulées", ACTION),
    ],
)
def test_what_is_no_question_for_data(question: str, wish: Wish) -> None:
    assert find_other_wish(question, EMPTY) == wish.reply


@pytest.mark.parametrize(
    "question",
    [
        "Which ferries are named after people who left a will?",
        "How many captains are there?",
        "Remove cancelled crossings and show the guests of each line",
        "What is the total payment of each captain?",
        "Order the harbours by depth",
        "Set of harbours in the north",
        "Welche Häfen sind tiefer als 10 Meter?",
        "Which lines were updated in May?",
        "Sort the captains by name",
    ],
)
def test_what_is_a_question_for_data(question: str) -> None:
    assert find_other_wish(question, EMPTY) is None


def test_a_word_that_the_data_has_is_data() -> None:
    lines = Table("lines", (Column("name", "VARCHAR"), Column("forecast_guests", "INTEGER")))
    assert find_other_wish("Show the forecast of each line", EMPTY) == FORECAST.reply
    assert find_other_wish("Show the forecast of each line", Schema((lines,))) is None


def test_a_model_of_blocks_is_not_asked(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "ferries.duckdb")) as connection:
        connection.execute("CREATE TABLE lines AS SELECT 1 AS id, 40 AS guests")
    config = Config(home=tmp_path / "home", url=str(tmp_path / "ferries.duckdb"))
    query = calls("sql_query", query="SELECT guests FROM lines")
    for calls_tools in (True, False):
        model = ScriptedModel(query, "There are 40.", calls_tools=calls_tools)
        with nl2sql.connect(config=config, model=model) as assistant:
            answer = assistant.ask("Why are there so few guests?")
        assert answer.status is (Status.ANSWERED if calls_tools else Status.ABSTAINED)
        assert bool(model.sent) is calls_tools and (answer.text == REASON.reply) is not calls_tools


def test_the_examples() -> None:
    assert doctest.testmod(beyond_data).failed == 0

"""What the owner says is sent where a question touches it, and after what stays the same for all questions."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

import nl2sql
from nl2sql import Assistant
from nl2sql.agent.owner_notes import select_notes
from nl2sql.config import Config, ContextSettings
from nl2sql.model.scripted import ScriptedModel, calls
from nl2sql.schema.value_index import Hit
from nl2sql.types import Column, ForeignKey, Schema, Table

GUESTS = Table("guests", (Column("guest_id", "INTEGER"), Column("nickname", "VARCHAR")))
STAYS = Table(
    "stays",
    (Column("stay_id", "INTEGER"), Column("guest_id", "INTEGER"), Column("nights", "INTEGER")),
    foreign_keys=(ForeignKey(("guest_id",), "guests", ("guest_id",)),),
)
BOILERS = Table("boilers", (Column("boiler_id", "INTEGER"), Column("pressure", "DOUBLE")))
SCHEMA = Schema((GUESTS, STAYS, BOILERS))
CONTEXT = ContextSettings(
    rules=(
        "Answer in metric units.",
        "Stays of the owner's family do not count.",
        "Boilers under repair are left out.",
        "Occupancy is per season.",
    ),
    metrics={"regular guest": "a guest with three stays in a year", "occupancy": "nights sold / nights there were"},
    synonyms={"stays.nights": ("overnights", "Übernachtungen"), "boilers": ("kettles",)},
)


def touched(question: str, hits: tuple[Hit, ...] = ()) -> list[str]:
    return list(select_notes(question, CONTEXT, SCHEMA, hits).relevant)


def test_a_rule_that_names_no_table_and_no_metric_is_for_every_question() -> None:
    for question in ("How many guests?", "pressure of each boiler", "Hm?", "宿泊客は何人？"):
        assert select_notes(question, CONTEXT, SCHEMA).general == ("Answer in metric units.",)


@pytest.mark.parametrize(
    ("question", "rules"),
    [
        ("How many stays were there?", {"Stays"}),
        ("Which guest has most nights?", {"Stays"}),
        ("Who is the best guest?", {"Stays"}),
        ("pressure of each one?", {"Boilers"}),
        ("average kettle?", {"Boilers"}),
        ("What was the occupancy?", {"Occupancy"}),
        ("Wie viele Übernachtungen?", {"Stays"}),
    ],
)
def test_a_rule_goes_with_questions_about_its_table_or_a_near_one(question: str, rules: set[str]) -> None:
    found = {line.split()[0] for line in touched(question)}
    assert found & {"Stays", "Boilers", "Occupancy"} == rules


def test_metrics_and_synonyms_go_where_they_are_named() -> None:
    assert "regular guest means a guest with three stays in a year" in touched("How many regular guests are there?")
    assert "overnights means stays.nights" in touched("overnights by month")
    assert "Übernachtungen means stays.nights" in touched("Wie viele Übernachtungen?")
    lines = touched("pressure of each boiler")
    assert not any("occupancy" in line or "overnights" in line for line in lines)


def test_a_stored_text_touches_its_table() -> None:
    assert touched("How is Old Bess?", (Hit("Old Bess", "boilers", "name", "Old Bess"),)) == [
        "Boilers under repair are left out."
    ]


def test_where_no_word_is_known_everything_is_sent() -> None:
    assert len(touched("宿泊客は何人？")) == 3 + 2 + 2


def test_without_notes_nothing_is_sent() -> None:
    assert select_notes("How many guests?", ContextSettings(), SCHEMA).relevant == ()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path = tmp_path_factory.mktemp("db") / "inn.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE stays (nights INTEGER); CREATE TABLE boilers (pressure DOUBLE)")
    config = Config(home=tmp_path_factory.mktemp("home"), url=str(path), context=CONTEXT)
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def test_they_go_with_the_question_so_that_what_comes_before_stays(opened: Assistant) -> None:
    model = ScriptedModel("I cannot say.", "I cannot say.")
    assistant = opened.with_options(model=model)
    assistant.ask("How many overnights?")
    assistant.ask("Which pressure?")
    (system, first), (same, second) = model.sent
    assert system == same and "- Answer in metric units." in str(system["content"])
    assert "overnights" not in str(system["content"]) and "family" not in str(system["content"])
    assert "- overnights means stays.nights" in str(first["content"]) and "family" in str(first["content"])
    assert "under repair" in str(second["content"]) and "family" not in str(second["content"])
    assert str(first["content"]).endswith("\nHow many overnights?")


def test_a_follow_up_keeps_what_the_question_before_it_touched(opened: Assistant) -> None:
    query = "SELECT count(*) AS n FROM stays"
    model = ScriptedModel(calls("sql_query", query=query), "0 stays.", "I cannot say.")
    assistant = opened.with_options(model=model)
    first = assistant.ask("How many stays?")
    assistant.ask("And the pressure?", session=first.session)
    assert "family" in str(model.sent[-1][-1]["content"])


def test_a_model_that_looks_at_a_table_sees_its_synonyms(opened: Assistant) -> None:
    model = ScriptedModel(calls("describe_table", table="stays"), "I cannot say.")
    opened.with_options(model=model).ask("How many stays?")
    assert "also called overnights, Übernachtungen" in str(model.sent[-1][-1]["content"])

"""Words that came with no query: no figures of their own, and one more chance to write the query."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant, Status
from nl2sql.config import Config
from nl2sql.model.scripted import ScriptedModel, calls

SETUP = """
CREATE TABLE kayaks (id INTEGER PRIMARY KEY, state VARCHAR, rent DECIMAL(8,2), bought DATE);
INSERT INTO kayaks VALUES (1, 'out', 20.50, '2023-04-01'), (2, 'in', 31.25, '2024-02-11'), (3, 'out', 18, '2024-06-30');
"""
QUERY = "SELECT count(*) AS n FROM kayaks WHERE state = 'out'"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path = tmp_path_factory.mktemp("db") / "boats.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    config = Config(home=tmp_path_factory.mktemp("home"), url=str(path))
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def ask(opened: Assistant, model: ScriptedModel, question: str = "How many kayaks are out, of the top 10?") -> Answer:
    return opened.with_options(model=model).ask(question)


@pytest.mark.parametrize(
    "text",
    [
        "17 kayaks are out.",
        "Seventeen, that is 3.4 k.",
        "The rent is 23.25 on average.",
        "Two are out.",
        "It was on 3 May 2022.",
    ],
)
def test_figures_without_a_query_are_not_shown(opened: Assistant, text: str) -> None:
    model = ScriptedModel(text, text)
    answer = ask(opened, model)
    assert answer.status is Status.ABSTAINED
    assert answer.text.startswith("No query was run")
    assert any("no query ran" in warning for warning in answer.warnings)
    assert "No query has run" in str(model.sent[1][-1]["content"])


def test_a_model_that_is_told_so_may_write_the_query(opened: Assistant) -> None:
    model = ScriptedModel("17 kayaks are out.", calls("sql_query", query=QUERY), "2 kayaks are out.")
    answer = ask(opened, model)
    assert (answer.status, answer.text, answer.rows) == (Status.ANSWERED, "2 kayaks are out.", [(2,)])


def test_model_is_reminded_only_once(opened: Assistant) -> None:
    model = ScriptedModel("17 are out.", "Well, 18 are out.", "19")
    assert "18" not in ask(opened, model).text
    assert len(model.sent) == 2


@pytest.mark.parametrize(
    "text",
    [
        "The data has no column for profit.",
        "The top 10 cannot be told: nothing says how often a kayak went out.",
        "The data ends on 30 June 2024.",
        "Do you mean the rent or the day it was bought?",
    ],
)
def test_words_without_figures_stay(opened: Assistant, text: str) -> None:
    model = ScriptedModel(text)
    answer = ask(opened, model)
    assert (answer.status, answer.text, answer.warnings) == (Status.ABSTAINED, text, ())


def test_what_is_said_beside_a_made_up_figure_stays(opened: Assistant) -> None:
    text = "There is no column for profit. It would be 420 at best!"
    answer = ask(opened, ScriptedModel(text, text))
    assert answer.text == "There is no column for profit."
    assert "420" in answer.warnings[0]


def test_a_result_that_was_made_up_beside_the_sql_is_not_shown(opened: Assistant) -> None:
    written = f"```sql\n{QUERY}\n```\nResult: 17\n\n| n |\n|---|\n| 17 |"
    model = ScriptedModel(calls("sql_query", query=QUERY), written)
    answer = ask(opened, model)
    assert answer.rows == [(2,)]
    assert "17" not in answer.text and "```" not in answer.text


def test_the_answer_says_what_its_figures_rest_on(opened: Assistant) -> None:
    model = ScriptedModel(calls("sql_query", query="SELECT state, sum(rent) AS rent FROM kayaks GROUP BY 1 ORDER BY 1"))
    model._lines.append("Kayaks that are out earn 38.50, 55.2% of all 69.75.")
    answer = ask(opened, model)
    assert answer.grounding is not None
    assert [(one.text, one.basis) for one in answer.grounding.basis] == [
        ("38.50", "rent, row 2"),
        ("55.2%", "share of rent, row 2"),
        ("69.75", "total of rent"),
    ]

"""Several queries for one question: the vote by rows, its early stop, and what the answer tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import Answer, Assistant, Status
from nl2sql.config import Config
from nl2sql.database import Database
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import CheckedSQL, Reply, ToolCall

SETUP = """
CREATE TABLE tickets (id INTEGER PRIMARY KEY, price INTEGER, fair VARCHAR);
INSERT INTO tickets VALUES (1, 10, 'spring'), (2, 20, 'spring'), (3, 30, 'autumn');
"""
ONE = "SELECT count(*) AS n FROM tickets WHERE price > 25"
TWO = "SELECT count(*) AS n FROM tickets WHERE price > 15"
ALSO_TWO = "SELECT count(id) FROM tickets WHERE fair = 'spring'"
NOTHING = "SELECT id FROM tickets WHERE price > 99"
BROKEN = "SELECT mood FROM tickets"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path: Path = tmp_path_factory.mktemp("db") / "fair.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
    config = Config(home=tmp_path_factory.mktemp("home"), url=str(path))
    with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
        yield assistant


def ask(opened: Assistant, model: ScriptedModel, count: int, **how: Any) -> Answer:
    config = replace(opened.config, model=replace(opened.config.model, candidates=count))
    return Assistant(Database(opened.database.engine, config), model).ask("How many tickets are there?", **how)


def blocks(*queries: str) -> list[Reply]:
    return [
        replace(says(f"```sql {i}"), calls=(ToolCall(str(i), "sql_query", {"query": query}),))
        for i, query in enumerate(queries)
    ]


class CheapModel(ScriptedModel):
    """A scripted model of which several replies cost little, as of the embedded one."""

    @property
    def samples_cheaply(self) -> bool:
        return True


def candidates(answer: Answer) -> list[tuple[bool, object]]:
    return [(step.ok, step.arguments["query"]) for step in answer.steps if step.tool == "candidate"]


@pytest.mark.parametrize("calls_tools", [True, False])
def test_the_rows_that_most_give_are_the_answer(opened: Assistant, calls_tools: bool) -> None:
    queries = (ONE, TWO, BROKEN, ALSO_TWO)
    replies = [calls("sql_query", query=query) for query in queries] if calls_tools else blocks(*queries)
    model = ScriptedModel(*replies, "It is 2.", calls_tools=calls_tools)
    answer = ask(opened, model, 4)
    assert answer.rows == [(2,)] and answer.text == "It is 2."
    assert answer.sql is not None and "> 15" in answer.sql
    assert candidates(answer) == [(True, TWO), (False, BROKEN), (True, ALSO_TWO)]
    assert answer.confidence is not None
    assert "2 of 4 queries written for the question give these rows" in answer.confidence.reasons
    # The sentence is asked for after the winner's own message, not after the first one's.
    assert model.sent[-1][-2] == replies[1].message


def test_a_query_that_comes_after_the_vote_has_no_share_in_its_agreement(opened: Assistant) -> None:
    queries = [calls("sql_query", query=query) for query in (TWO, ALSO_TWO, ONE)]
    answer = ask(opened, ScriptedModel(*queries, "It is 1."), 2)
    assert answer.rows == [(1,)] and answer.confidence is not None
    assert "1 of 3 queries written for the question give these rows" in answer.confidence.reasons


def test_it_stops_once_two_agree(opened: Assistant) -> None:
    model = ScriptedModel(*blocks(TWO, ALSO_TWO, ONE, ONE), calls_tools=False)
    answer = ask(opened, model, 4, summary=False)
    assert answer.rows == [(2,)] and len(candidates(answer)) == 1 and len(model.sent) == 2


def test_empty_results_do_not_settle_it(opened: Assistant) -> None:
    queries = (NOTHING, NOTHING.replace("99", "98"), ONE, TWO, TWO)
    answer = ask(opened, ScriptedModel(*blocks(*queries), calls_tools=False), 5, summary=False)
    assert answer.rows == [(2,)] and len(candidates(answer)) == 4


def test_single_candidate_is_the_first_query(opened: Assistant) -> None:
    model = ScriptedModel(*blocks(ONE, TWO, TWO), calls_tools=False)
    answer = ask(opened, model, 1, summary=False)
    assert answer.rows == [(1,)] and not candidates(answer) and len(model.sent) == 1


def test_where_none_runs_the_model_is_told_why(opened: Assistant) -> None:
    model = ScriptedModel(*blocks(BROKEN, BROKEN + " WHERE 1", BROKEN + " WHERE 2", TWO), calls_tools=False)
    answer = ask(opened, model, 3, summary=False)
    assert answer.status is Status.ANSWERED and answer.rows == [(2,)]
    assert "mood" in str(model.sent[-1][-1]["content"])


def test_nothing_is_drawn_where_somebody_approves(opened: Assistant) -> None:
    seen: list[str] = []

    def approve(checked: CheckedSQL) -> bool:
        seen.append(checked.sql)
        return True

    answer = ask(opened, ScriptedModel(*blocks(ONE, TWO), calls_tools=False), 2, summary=False, approve=approve)
    assert answer.rows == [(1,)] and len(seen) == 1


def test_where_only_heavy_queries_are_approved_each_candidate_may_be_one(opened: Assistant) -> None:
    def approve(checked: CheckedSQL) -> bool:
        return "> 15" not in checked.sql

    model = ScriptedModel(*blocks(ONE, TWO, ALSO_TWO, ALSO_TWO), calls_tools=False)
    answer = ask(opened, model, 4, summary=False, approve=approve, approve_above_rows=0)
    assert answer.rows == [(2,)] and answer.sql is not None and "spring" in answer.sql
    assert candidates(answer) == [(False, TWO), (True, ALSO_TWO), (True, ALSO_TWO)]


@pytest.mark.parametrize(("first", "drawn"), [(ONE, 0), (BROKEN, 2), (NOTHING, 2), ("SELECT prices FROM tickets", 0)])
def test_only_a_doubtful_query_is_put_to_the_vote(opened: Assistant, first: str, drawn: int) -> None:
    model = CheapModel(*blocks(first, TWO, ALSO_TWO), calls_tools=False)
    answer = opened.with_options(model=model).ask("How many tickets are there?", summary=False)
    assert len(candidates(answer)) == drawn


def test_a_failing_drawing_leaves_the_first_answer(opened: Assistant) -> None:
    model = ScriptedModel(*blocks(ONE), calls_tools=False)
    assert ask(opened, model, 4, summary=False).rows == [(1,)]

"""Ties in a gold query: what it leaves open is right in any order, and nothing else is."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from nl2sql.evals.scorer import Score, has_top_level_order, score_result
from nl2sql.evals.ties import list_groups, write_tie_query, write_variants

SETUP = """
CREATE TABLE swims (id INTEGER, swimmer VARCHAR, club VARCHAR, seconds DOUBLE, points INTEGER);
INSERT INTO swims VALUES (1, 'Ada', 'Otters', 61.5, 5), (2, 'Bea', 'Otters', 61.5, 3), (3, 'Cem', 'Pikes', 60.25, 5),
    (4, 'Dov', 'Pikes', 61.5, 3), (5, 'Eva', 'Eels', 70, NULL), (6, 'Fay', 'Eels', 70, NULL), (7, 'Gus', 'Rays', 71, 1);
"""


@pytest.fixture(scope="module")
def lake() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(SETUP)
    return connection


def judge_inside(lake: duckdb.DuckDBPyConnection, gold: str, predicted: list[tuple[Any, ...]]) -> list[bool]:
    """Whether the rows are right by each of the gold's variants."""
    return [
        score_result(predicted, lake.execute(sql).fetchall(), ordered=has_top_level_order(gold)).strict
        for sql in write_variants(gold)
    ]


def judge(lake: duckdb.DuckDBPyConnection, gold: str, predicted: list[tuple[Any, ...]] | str) -> Score:
    query = write_tie_query(gold)
    groups = list_groups(lake.execute(query.sql).fetchall(), query) if query else ()
    rows = lake.execute(predicted).fetchall() if isinstance(predicted, str) else predicted
    return score_result(rows, lake.execute(gold).fetchall(), ordered=has_top_level_order(gold), groups=groups)


BY_TIME = "SELECT swimmer FROM swims ORDER BY seconds"
FIRST_TWO = f"{BY_TIME} LIMIT 2"


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        (BY_TIME, "SELECT swimmer FROM swims ORDER BY seconds, swimmer DESC"),
        (FIRST_TWO, [("Cem",), ("Dov",)]),
        (FIRST_TWO, [("Cem",), ("Ada",)]),
        (f"{BY_TIME} LIMIT 2 OFFSET 1", [("Dov",), ("Bea",)]),
        (f"{BY_TIME} LIMIT 4 OFFSET 3", [("Bea",), ("Fay",), ("Eva",), ("Gus",)]),
        ("SELECT swimmer FROM swims ORDER BY points DESC NULLS LAST LIMIT 1", [("Cem",)]),
        ("SELECT swimmer, points FROM swims ORDER BY points NULLS FIRST LIMIT 1", [("Fay", None)]),
        ("SELECT swimmer, seconds FROM swims ORDER BY 2 LIMIT 2", [("Cem", 60.25), ("Bea", 61.5)]),
        ("SELECT swimmer, seconds FROM swims ORDER BY 2 LIMIT 2", [(60.25, "Cem"), (61.5, "Bea")]),
        ("SELECT club, count(*) AS n FROM swims GROUP BY club ORDER BY n DESC LIMIT 1", [("Eels", 2)]),
        ("SELECT club FROM swims GROUP BY club ORDER BY count(*) DESC, max(points) LIMIT 2", [("Pikes",), ("Otters",)]),
        ("SELECT club, sum(seconds) AS s FROM swims GROUP BY 1 HAVING sum(points) > 1 ORDER BY round(s / 1000) LIMIT 1",
         [("Pikes", 121.75)]),
        ("SELECT DISTINCT club, points FROM swims ORDER BY points DESC NULLS LAST LIMIT 1", [("Pikes", 5)]),
        ("SELECT club FROM swims WHERE points = 5 UNION ALL SELECT club FROM swims WHERE points = 3 ORDER BY 1 LIMIT 3",
         "SELECT unnest(['Otters', 'Otters', 'Pikes'])"),
        ("WITH fast AS (SELECT * FROM swims WHERE seconds < 65) SELECT swimmer FROM fast ORDER BY seconds DESC LIMIT 1",
         [("Bea",)]),
        ("(SELECT swimmer FROM swims ORDER BY seconds LIMIT 2)", [("Cem",), ("Bea",)]),
        ("SELECT swimmer FROM swims LIMIT 2", [("Gus",), ("Cem",)]),
        ("SELECT upper(swimmer) AS swimmer FROM swims ORDER BY length(swimmer) LIMIT 1", [("GUS",)]),
        ("SELECT s.swimmer FROM swims s JOIN swims t USING (club) GROUP BY s.swimmer ORDER BY count(*) DESC LIMIT 3",
         [("Fay",), ("Eva",), ("Dov",)]),
    ],
)  # fmt: skip
def test_another_order_of_tied_rows_is_right(lake: Any, gold: str, predicted: Any) -> None:
    found = judge(lake, gold, predicted)
    assert (found.strict, found.lenient, found.reason) == (True, True, None)


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [
        (BY_TIME, "SELECT swimmer FROM swims ORDER BY seconds DESC"),
        (FIRST_TWO, [("Ada",), ("Cem",)]),
        (FIRST_TWO, [("Cem",), ("Eva",)]),
        (FIRST_TWO, [("Cem",), ("Cem",)]),
        (FIRST_TWO, [("Ada",), ("Bea",)]),
        (FIRST_TWO, [("Cem",)]),
        (FIRST_TWO, [("Cem",), ("Bea",), ("Dov",)]),
        (f"{BY_TIME} LIMIT 2 OFFSET 1", [("Dov",), ("Dov",)]),
        ("SELECT swimmer, seconds FROM swims ORDER BY 2 LIMIT 2", [("Cem", 60.25), ("Bea", 61.4)]),
        ("SELECT swimmer, club FROM swims ORDER BY seconds LIMIT 2", [("Cem", "Pikes"), ("Bea", "Pikes")]),
        ("SELECT club, count(*) AS n FROM swims GROUP BY club ORDER BY n DESC LIMIT 1", [("Rays", 1)]),
        ("SELECT swimmer FROM swims LIMIT 2", [("Gus",), ("Zoe",)]),
        ("SELECT DISTINCT ON (club) club, swimmer FROM swims ORDER BY club, seconds", [("Eels", "Fay")] * 4),
    ],
)
def test_what_no_order_of_ties_gives_is_wrong(lake: Any, gold: str, predicted: Any) -> None:
    found = judge(lake, gold, predicted)
    assert not found.strict and not found.is_tied and found.reason is not None


def test_ties_are_told_and_only_where_they_decide(lake: Any) -> None:
    assert judge(lake, FIRST_TWO, [("Cem",), ("Dov",)]).is_tied
    assert not judge(lake, FIRST_TWO, FIRST_TWO).is_tied
    wider = judge(lake, "SELECT swimmer FROM swims ORDER BY seconds LIMIT 2", [("Cem", 1), ("Dov", 2)])
    assert (wider.strict, wider.lenient, wider.is_tied, wider.reason) == (False, True, True, "extra_columns")


@pytest.mark.parametrize(
    "gold",
    [
        "SELECT swimmer FROM swims",
        "SELECT swimmer FROM swims ORDER BY seconds LIMIT (SELECT 2)",
        "SELECT DISTINCT ON (club) swimmer FROM swims ORDER BY club",
        "SELECT FROM nowhere (",
        "DESCRIBE swims",
    ],
)
def test_what_cannot_be_proved_has_no_ties(gold: str) -> None:
    assert write_tie_query(gold) is None


def test_many_tied_rows_are_compared_in_time(lake: Any) -> None:
    gold = "SELECT i, i % 7 AS a, i % 5 AS b FROM range(20000) t(i) ORDER BY i % 3 LIMIT 10000"
    assert judge(lake, gold, gold.replace("i % 3", "i % 3, i DESC")).strict
    assert not judge(lake, gold, gold.replace("i % 3", "i % 4")).strict


SECOND = "(SELECT club FROM swims WHERE seconds = 61.5 ORDER BY points LIMIT 1)"
NUMBERED = "row_number() OVER (PARTITION BY club ORDER BY seconds)"


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        (f"SELECT swimmer FROM swims WHERE club = {SECOND} AND points = 3", [("Dov",)], [("Ada",)]),
        (f"SELECT swimmer FROM swims WHERE club = {SECOND} AND points = 3", [("Bea",)], [("Eva",)]),
        ("SELECT club FROM (SELECT club, seconds FROM swims ORDER BY seconds LIMIT 2) q", [("Pikes",), ("Otters",)],
         [("Otters",), ("Otters",)]),
        ("SELECT club FROM (SELECT club, seconds FROM swims ORDER BY seconds LIMIT 2) q", [("Pikes",), ("Pikes",)],
         [("Pikes",), ("Eels",)]),
        ("WITH t AS (SELECT club, count(*) AS n FROM swims GROUP BY club ORDER BY n DESC LIMIT 1) SELECT club FROM t",
         [("Eels",)], [("Rays",)]),
        (f"SELECT swimmer FROM (SELECT swimmer, club, {NUMBERED} AS n FROM swims) q WHERE n = 1 AND club = 'Otters'",
         [("Bea",)], [("Cem",)]),
        (f"SELECT swimmer FROM (SELECT *, {NUMBERED} AS n FROM swims) q WHERE n = 1 AND club = 'Eels'",
         [("Fay",)], [("Gus",)]),
        (f"SELECT swimmer FROM swims WHERE club = 'Eels' QUALIFY {NUMBERED} = 1", [("Fay",)], [("Gus",)]),
    ],
)  # fmt: skip
def test_ties_inside_the_query_are_tried(
    lake: Any, gold: str, right: list[tuple[Any, ...]], wrong: list[tuple[Any, ...]]
) -> None:
    assert any(judge_inside(lake, gold, right))
    assert not any(judge_inside(lake, gold, wrong))


@pytest.mark.parametrize(
    "gold", [FIRST_TWO, "SELECT swimmer FROM swims", "SELECT sum(points) OVER (ORDER BY id) FROM swims"]
)
def test_query_without_inner_row_choice_has_no_variants(gold: str) -> None:
    assert write_variants(gold) == ()

"""Where a mend would change what was asked, or fail on an odd tree, the query is left as it is."""

from __future__ import annotations

import pytest

from nl2sql.mend import mend, tidy
from nl2sql.types import Column, ForeignKey, Schema, Table

SCHEMA = Schema(
    (
        Table(
            "orders",
            (
                Column("order_id", "INTEGER"),
                Column("country", "VARCHAR"),
                Column("amount", "INTEGER"),
                Column("grade_id", "INTEGER"),
            ),
            primary_key=("order_id",),
            foreign_keys=(ForeignKey(("grade_id",), "grades", ("id",)),),
        ),
        Table(
            "lines",
            (Column("order_id", "INTEGER", distinct=3), Column("product", "VARCHAR")),
            foreign_keys=(ForeignKey(("order_id",), "orders", ("order_id",)),),
            row_count=9,
        ),
        Table("grades", (Column("id", "INTEGER"), Column("grade", "VARCHAR")), primary_key=("id",)),
        Table(
            "visits",
            (Column("day", "VARCHAR"), Column("count", "INTEGER"), Column("shop_id", "INTEGER")),
            foreign_keys=(ForeignKey(("shop_id",), "shops", ("id",)),),
        ),
        Table(
            "shops",
            (Column("id", "INTEGER"), Column("shop", "VARCHAR", distinct=19), Column("town", "VARCHAR", distinct=4)),
            primary_key=("id",),
            row_count=20,
        ),
        Table("payroll", (Column("salary_band", "VARCHAR"), Column("person", "VARCHAR"))),
    )
)
JOINED = "SELECT o.country FROM orders AS o JOIN lines AS l ON o.order_id = l.order_id"


def test_rows_are_not_repeated_for_a_table_that_nothing_uses() -> None:
    tidied = tidy(JOINED, "Which countries?", SCHEMA, "duckdb")
    assert tidied is not None and "EXISTS" in tidied.sql and "JOIN" not in tidied.sql


@pytest.mark.parametrize(
    ("sql", "question"),
    [
        (JOINED, "The country of each line"),
        (f"SELECT count(*) FROM ({JOINED}) AS t", "How many items?"),
        (f"WITH x AS ({JOINED}) SELECT count(*) FROM x", "How many items?"),
        (f"{JOINED} UNION ALL {JOINED}", "Which countries?"),
        ("SELECT a.country FROM orders AS a JOIN orders AS b ON a.amount = b.amount", "Which countries?"),
        (JOINED.replace("SELECT o", "SELECT DISTINCT o"), "Which countries?"),
    ],
)
def test_what_may_be_meant_is_left(sql: str, question: str) -> None:
    assert tidy(sql, question, SCHEMA, "duckdb") is None


PINNED = "SELECT count(DISTINCT v.shop_id) FROM visits AS v JOIN shops AS s ON v.shop_id = s.id WHERE s.shop = 'Alma'"


@pytest.mark.parametrize(
    ("sql", "becomes"),
    [
        (PINNED, PINNED.replace("count(DISTINCT v.shop_id)", "COUNT(*)")),
        (PINNED.replace("s.shop", "s.town"), None),
        (PINNED.replace("=", "<>", 2).replace("<>", "=", 1), None),
        (PINNED + " GROUP BY v.day", None),
        (PINNED.replace("v.shop_id)", "v.day)"), None),
        (
            "SELECT count(DISTINCT day) FROM visits WHERE day = 'Monday'",
            "SELECT SUM(count) FROM visits WHERE day = 'Monday'",
        ),
    ],
)
def test_a_count_that_can_only_be_one_is_a_count_of_rows(sql: str, becomes: str | None) -> None:
    tidied = tidy(sql, "How many visits had Alma?", SCHEMA, "duckdb")
    assert (tidied.sql if tidied else None) == becomes


@pytest.mark.parametrize(
    "question",
    ["How many different ones had Alma?", "How many shops called Alma had visits?", "In how many shops was Alma?"],
)
def test_a_count_of_what_the_question_speaks_of_is_left_alone(question: str) -> None:
    assert tidy(PINNED, question, SCHEMA, "duckdb") is None


@pytest.mark.parametrize(
    ("sql", "question", "becomes"),
    [
        (
            "SELECT day, count(*) FROM visits GROUP BY day",
            "Visits a day",
            "SELECT day, SUM(count) FROM visits GROUP BY day",
        ),
        ("SELECT count(*) FROM visits", "How many records of visits?", None),
        ("SELECT count(*), sum(count) FROM visits", "How many visits?", None),
        ("SELECT count(day) FROM visits", "How many days?", None),
        ("SELECT count(*) FROM shops", "How many shops?", None),
    ],
)
def test_rows_that_stand_for_many_are_added_up(sql: str, question: str, becomes: str | None) -> None:
    tidied = tidy(sql, question, SCHEMA, "duckdb")
    assert (tidied.sql if tidied else None) == becomes


@pytest.mark.parametrize(
    ("sql", "question", "becomes"),
    [
        (
            "SELECT grade_id FROM orders WHERE order_id = 3",
            "What is the grade of order ID 3?",
            "SELECT grades.grade AS grade FROM orders LEFT JOIN grades ON orders.grade_id = grades.id "
            "WHERE order_id = 3",
        ),
        ("SELECT grade_id FROM orders", "The grade ids of all orders", None),
        ("SELECT grade_id FROM orders", "Show all orders\nHint: grade is grades.grade", None),
        ("SELECT DISTINCT grade_id FROM orders", "Which grades are there?", None),
        ("SELECT grade_id, count(*) FROM orders GROUP BY grade_id", "Orders of each grade", None),
        ("SELECT order_id FROM lines", "Which orders?", None),
    ],
)
def test_a_key_is_shown_by_its_name_where_the_name_is_asked_for(sql: str, question: str, becomes: str | None) -> None:
    tidied = tidy(sql, question, SCHEMA, "duckdb")
    assert (tidied.sql if tidied else None) == becomes


def test_an_aggregate_inside_does_not_keep_rows_repeated() -> None:
    tidied = tidy(JOINED + " WHERE o.amount = (SELECT max(amount) FROM orders)", "Which countries?", SCHEMA, "duckdb")
    assert tidied is not None and "EXISTS" in tidied.sql


def test_an_odd_position_in_group_by_is_no_position() -> None:
    mended = mend("SELECT country, sum(amount) FROM orders GROUP BY 1.5", "?", SCHEMA, "duckdb")
    assert mended is not None and mended.mends == ("grouped by country too",)


def test_the_extreme_of_each_is_grouped() -> None:
    sql = "SELECT country, max(amount) FROM orders"
    each = mend(sql, "the highest amount for each country", SCHEMA, "duckdb")
    assert each is not None and "GROUP BY" in each.sql
    one = mend(sql, "which country has the highest amount?", SCHEMA, "duckdb")
    assert one is not None and "LIMIT 1" in one.sql


@pytest.mark.parametrize("sql", ["SELECT persn, salary FROM payroll", "SELECT x FROM pay_secret"])
def test_a_query_that_names_what_is_hidden_is_left_to_be_refused(sql: str) -> None:
    assert mend(sql, "?", SCHEMA, "duckdb", frozenset({"salary", "pay_secret"})) is None


def test_where_something_is_hidden_no_table_is_taken_for_another() -> None:
    sql = "SELECT country FROM ordres"
    assert mend(sql, "?", SCHEMA, "duckdb") is not None
    assert mend(sql, "?", SCHEMA, "duckdb", frozenset({"vault"})) is None

"""Where a mend would change what was asked, or fail on an odd tree, the query is left as it is."""

from __future__ import annotations

import pytest

from nl2sql.mend import mend, tidy
from nl2sql.types import Column, ForeignKey, Schema, Table

SCHEMA = Schema(
    (
        Table(
            "orders",
            (Column("order_id", "INTEGER"), Column("country", "VARCHAR"), Column("amount", "INTEGER")),
            primary_key=("order_id",),
        ),
        Table(
            "lines",
            (Column("order_id", "INTEGER", distinct=3), Column("product", "VARCHAR")),
            foreign_keys=(ForeignKey(("order_id",), "orders", ("order_id",)),),
            row_count=9,
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

"""Where a total is sound, and the period before: by what the SQL computes, never by the type alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest

from nl2sql import Assistant, PeriodsBefore, compute_change, compute_share, connect

SCRIPT = """
CREATE TABLE sales (id INTEGER PRIMARY KEY, day DATE, shop VARCHAR, amount DECIMAL(10, 2), unit_price DOUBLE,
  quantity INTEGER, rating INTEGER);
INSERT INTO sales SELECT i, DATE '2024-11-15' + (i * 9)::INTEGER, ['a', 'b'][1 + i % 2], i * 1.5, i, i % 5, i % 6
  FROM range(30) r(i);
CREATE TABLE shops (shop VARCHAR PRIMARY KEY, year INTEGER);
INSERT INTO shops VALUES ('a', 2020), ('b', 2021);
CREATE VIEW daily AS SELECT day, shop, sum(amount) AS revenue FROM sales GROUP BY ALL;
"""
ADDABLE = [
    ("SELECT shop, sum(amount) AS revenue, count(*) AS n FROM sales GROUP BY 1", {"revenue", "n"}),
    ("SELECT shop, avg(amount) AS mean, max(amount) AS top, count(DISTINCT day) AS days FROM sales GROUP BY 1", set()),
    (
        "SELECT shop, sum(amount) / count(*) AS each, sum(amount) / 1000 AS thousands FROM sales GROUP BY 1",
        {"thousands"},
    ),
    ("SELECT shop, round(coalesce(sum(amount), 0), 1) AS r, -sum(quantity) AS q FROM sales GROUP BY 1", {"r", "q"}),
    ("SELECT shop, sum(amount) - sum(quantity) AS d, sum(amount) * 2 AS t FROM sales GROUP BY 1", {"d", "t"}),
    ("SELECT shop, sum(amount) AS revenue FROM sales GROUP BY ROLLUP (shop)", set()),
    ("SELECT day, sum(sum(amount)) OVER (ORDER BY day) AS revenue FROM sales GROUP BY 1", set()),
    ("SELECT id, amount, unit_price, quantity, rating FROM sales", {"amount", "quantity"}),
    ("SELECT s.id, s.amount FROM sales s JOIN shops p ON p.shop = s.shop", set()),
    ("SELECT year(day) AS year, sum(quantity) AS quantity FROM sales GROUP BY 1", {"quantity"}),
    ("WITH m AS (SELECT shop, sum(amount) AS r FROM sales GROUP BY 1) SELECT shop, r FROM m", {"r"}),
    ("WITH m AS (SELECT shop, avg(amount) AS r FROM sales GROUP BY 1) SELECT shop, r FROM m", set()),
    ("SELECT shop, revenue FROM daily", {"revenue"}),
    ("SELECT shop, sum(amount) AS running_total, sum(amount) AS stock FROM sales GROUP BY 1", set()),
    ("SELECT shop, sum(unit_price) AS unit_price FROM sales GROUP BY 1", {"unit_price"}),
    ("SELECT shop, sum(DISTINCT amount) AS revenue FROM sales GROUP BY 1", set()),
    ("SELECT 'a' AS k, 1 AS revenue UNION ALL SELECT 'b', 2", set()),
]


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path = tmp_path_factory.mktemp("figures") / "shops.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCRIPT)
    with connect(str(path)) as assistant:
        yield assistant


@pytest.mark.parametrize(("sql", "names"), ADDABLE)
def test_only_sums_counts_and_amounts_are_added_up(shops: Assistant, sql: str, names: set[str]) -> None:
    checked = shops.database.check_or_raise(sql).sql
    result = shops.run(checked)
    assert {result.columns[at].name for at in shops.database.find_addable(checked, result)} == names


def test_the_month_before_is_that_month_and_not_the_row_above(shops: Assistant) -> None:
    sql = (
        "SELECT date_trunc('month', day)::DATE AS month, shop, sum(amount) AS revenue FROM sales "
        "WHERE month(day) <> 2 GROUP BY ALL ORDER BY month DESC, shop"
    )
    result = shops.run(sql)
    periods = PeriodsBefore(result, shops.database.choose_column_formats(result, sql))
    assert periods.period == "month"
    by_key = {row[:2]: row for row in result.rows}
    for row in result.rows:
        month, shop = row[0], row[1]
        before = (month - dt.timedelta(days=1)).replace(day=1)
        assert periods.find(row) == by_key.get((before, shop))
    assert periods.find(by_key[dt.date(2025, 3, 1), "a"]) is None, "February is not there"
    assert periods.find(by_key[dt.date(2025, 1, 1), "a"]) == by_key[dt.date(2024, 12, 1), "a"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT shop, sum(amount) AS revenue FROM sales GROUP BY 1",
        "SELECT date_trunc('month', day)::DATE AS month, amount FROM sales",
        "SELECT day, [1] AS l, amount FROM sales",
    ],
)
def test_without_one_row_a_period_there_is_none_before(shops: Assistant, sql: str) -> None:
    result = shops.run(sql)
    assert PeriodsBefore(result, shops.database.choose_column_formats(result, sql)).period == ""


def test_shares_and_changes_are_decimals() -> None:
    assert compute_share(0.1, Decimal("0.4")) == Decimal("0.25")
    assert compute_change(0.3, 0.1) == Decimal("0.2")
    assert compute_share(1, Decimal(0)) is None and compute_share(None, Decimal(1)) is None
    assert compute_change("a", 1) is None and compute_change(True, 1) is None
    assert compute_share(float("nan"), Decimal(1)) is None

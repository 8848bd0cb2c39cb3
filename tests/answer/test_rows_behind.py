"""The rows behind a figure: computed again from them, each figure of each row comes out the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql import Assistant, Policy, connect, load_config

SCRIPT = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, ordered_at TIMESTAMP, city VARCHAR, region VARCHAR, shipped BOOLEAN,
  f DOUBLE, secret VARCHAR);
CREATE TABLE lines (order_id INTEGER REFERENCES orders (id), quantity INTEGER, price DECIMAL(10, 2));
INSERT INTO orders SELECT i, TIMESTAMP '2024-01-01' + INTERVAL (i * 50) HOUR,
  ['Köln', 'O''Hara', NULL, '', 'ü😀'][1 + i % 5],
  ['N', 'S'][1 + i % 2], CASE WHEN i % 3 > 0 THEN i % 3 = 1 END, (i % 4) / 3.0, 's' || i FROM range(120) r(i);
INSERT INTO lines SELECT i % 120, CASE WHEN i % 11 > 0 THEN i % 7 END, (i % 13) * 1.25 FROM range(500) r(i);
"""
# What is computed again: the figure of the query over the rows behind.
CERTAIN = [
    ("SELECT city, count(*) AS n FROM orders GROUP BY 1", {"n": "count(*)"}),
    (
        "SELECT date_trunc('month', ordered_at) AS month, region, sum(l.quantity * l.price) AS revenue, "
        "count(DISTINCT o.id) AS orders, avg(l.quantity) AS mean FROM orders o JOIN lines l ON l.order_id = o.id "
        "WHERE o.ordered_at < '2024-06-01' AND (region = 'N' OR city IS NULL) GROUP BY ALL ORDER BY 1 LIMIT 5",
        {"revenue": "sum(revenue)", "orders": "count(DISTINCT orders)", "mean": "avg(mean)"},
    ),
    (
        "SELECT city, sum(quantity) FILTER (WHERE price > 5) AS dear, count(quantity) AS known FROM orders "
        "LEFT JOIN lines ON orders.id = lines.order_id GROUP BY city HAVING sum(quantity) > 10",
        {"dear": "sum(dear)", "known": "count(known)"},
    ),
    ("SELECT sum(quantity) AS s, min(price) AS low FROM lines WHERE quantity > 2", {"s": "sum(s)", "low": "min(low)"}),
    ("SELECT f, shipped, max(ordered_at) AS last FROM orders GROUP BY f, shipped", {"last": "max(last)"}),
    ("SELECT o.city, year(ordered_at) AS y, max(o.id) AS m FROM orders o GROUP BY city, y", {"m": "max(m)"}),
    ("SELECT coalesce(city, '-') AS town, count(*) AS n FROM orders GROUP BY 1", {"n": "count(*)"}),
    ("SELECT id > 5 AND shipped AS late, count(*) AS n FROM orders GROUP BY 1", {"n": "count(*)"}),
    ("SELECT region, sum(CASE WHEN shipped THEN id END) AS s FROM orders GROUP BY region", {"s": "sum(s)"}),
    ("SELECT CAST(ordered_at AS DATE) AS day, count(*) AS n FROM orders GROUP BY day LIMIT 7", {"n": "count(*)"}),
]
UNCERTAIN = [
    "SELECT count(*) FROM orders GROUP BY city",
    "SELECT coalesce(city, '-') AS city, count(*) FROM orders GROUP BY city",
    "SELECT city, count(*) FROM (SELECT * FROM orders LIMIT 3) GROUP BY 1",
    "WITH x AS (SELECT * FROM orders) SELECT city, count(*) FROM x GROUP BY 1",
    "SELECT city, count(*) FROM orders GROUP BY ROLLUP (city)",
    "SELECT DISTINCT city FROM orders",
    "SELECT city, sum(count(*)) OVER () FROM orders GROUP BY 1",
    "SELECT city, id FROM orders",
    "SELECT city, count(*) FROM orders WHERE id IN (SELECT order_id FROM lines) GROUP BY 1",
    "SELECT city, count(*) FROM orders WHERE random() < 0.5 GROUP BY 1",
    "SELECT city, count(*) FROM orders GROUP BY 1 UNION ALL SELECT 'x', 1",
    "SELECT n, count(*) FROM range(5) t(n) GROUP BY 1",
    "SELECT [city] AS l, count(*) FROM orders GROUP BY 1",
    "SELECT city, round(sum(id) FILTER (WHERE shipped), 2) FROM orders GROUP BY 1",
    "SELECT city, count(*) FILTER (WHERE shipped) / count(*) FROM orders GROUP BY 1",
    "SELECT year(ordered_at) AS y, count(*) FROM orders WHERE y = 2024 GROUP BY 1",
    "SELECT lower(region) AS low, low || '!' AS loud, count(*) FROM orders GROUP BY ALL",
    "SELECT unnest([city]) AS town, count(*) FROM orders GROUP BY 1",
    "SELECT CASE WHEN city = 'Köln' THEN 'a' || chr(0) ELSE 'b' || chr(0) END AS c, count(*) FROM orders GROUP BY 1",
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("behind") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCRIPT)
    return path


@pytest.fixture(scope="module")
def shop(path: Path) -> Iterator[Assistant]:
    with connect(str(path)) as assistant:
        yield assistant


def is_close(one: Any, other: Any) -> bool:
    return bool(one == other or (isinstance(one, float | Decimal) and abs(float(one) - float(other)) < 1e-9))


@pytest.mark.parametrize(("sql", "figures"), CERTAIN)
def test_each_figure_comes_out_of_the_rows_behind_it(shop: Assistant, sql: str, figures: dict[str, str]) -> None:
    checked = shop.database.check_or_raise(sql).sql
    result = shop.run(checked)
    assert result.rows
    for row in result.rows:
        for at, column in enumerate(result.columns):
            if column.name in figures:
                behind = shop.database.write_rows_behind(checked, result, row, at)
                assert behind is not None
                again = shop.run(f"SELECT {figures[column.name]} FROM ({behind}) AS behind").rows[0][0]
                assert is_close(again, row[at]), (row, behind)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT region, count(city) AS n FROM orders GROUP BY 1",
        "SELECT region, count_if(shipped AND id > 50) AS n FROM orders GROUP BY 1",
        "SELECT region, count(*) FILTER (WHERE shipped) AS n FROM orders GROUP BY 1",
        "SELECT region, count(city) FILTER (WHERE id > 9 OR shipped) AS n FROM orders GROUP BY 1",
    ],
)
def test_behind_a_count_are_the_rows_that_it_counts(shop: Assistant, sql: str) -> None:
    checked = shop.database.check_or_raise(sql).sql
    result = shop.run(checked)
    for row in result.rows:
        behind = shop.database.write_rows_behind(checked, result, row, 1)
        assert behind is not None
        assert shop.database.count(behind) == row[1]


@pytest.mark.parametrize("sql", UNCERTAIN)
def test_what_is_not_certain_is_not_offered(shop: Assistant, sql: str) -> None:
    checked = shop.database.check_or_raise(sql).sql
    result = shop.run(checked)
    assert shop.database.write_rows_behind(checked, result, result.rows[0], len(result.columns) - 1) is None


def test_the_rows_behind_obey_the_policy(path: Path, tmp_path: Path) -> None:
    config = replace(load_config(url=str(path)), policy=Policy(deny_columns=frozenset(("orders.secret",))))
    with connect(config=config) as assistant:
        sql = assistant.database.check_or_raise("SELECT city, count(*) AS n FROM orders GROUP BY 1").sql
        result = assistant.run(sql)
        behind = assistant.database.write_rows_behind(sql, result, result.rows[0], 1)
        assert behind is not None
        found = assistant.run(behind)
        assert found.row_count == result.rows[0][1]
        assert "secret" not in [column.name for column in found.columns]

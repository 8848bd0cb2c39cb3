"""What the SQL says of each column: key, period, part, bucket, aggregate, sum; and of the order and the cut."""

from __future__ import annotations

import pytest

from nl2sql import ResultColumn
from nl2sql.charts.query_shape import ColumnOrigin, QueryShape, read_query


def read(sql: str, *names: str) -> QueryShape:
    return read_query(sql, [ResultColumn(name, "BIGINT") for name in names or ("a",)])


def first(expression: str, tail: str = "GROUP BY 1") -> ColumnOrigin:
    return read(f"SELECT {expression} AS a FROM t {tail}").origins[0]


@pytest.mark.parametrize(
    ("expression", "grain", "part"),
    [
        ("date_trunc('month', d)", "month", ""),
        ("date_trunc('week', d)::DATE", "week", ""),
        ("CAST(date_trunc('quarter', d) AS DATE)", "quarter", ""),
        ("d::DATE", "day", ""),
        ("CAST(d AS DATE)", "day", ""),
        ("time_bucket(INTERVAL '1 hour', d)", "hour", ""),
        ("year(d)", "year", ""),
        ("extract(year FROM d)", "year", ""),
        ("date_part('year', d)", "year", ""),
        ("strftime(d, '%Y-%m')", "month", ""),
        ("strftime(d, '%Y')", "year", ""),
        ("strftime(d, '%Y-%m-%d')", "day", ""),
        ("year(d) || '-Q' || quarter(d)", "quarter", ""),
        ("last_day(d)", "month", ""),
        ("month(d)", "", "month"),
        ("extract(month FROM d)", "", "month"),
        ("monthname(d)", "", "month"),
        ("isodow(d)", "", "isodow"),
        ("dayofweek(d)", "", "dow"),
        ("dayname(d)", "", "weekday"),
        ("hour(d)", "", "hour"),
        ("strftime(d, '%H')", "", "hour"),
        ("city", "", ""),
        ("amount::INTEGER", "", ""),
    ],
)
def test_periods(expression: str, grain: str, part: str) -> None:
    origin = first(expression)
    assert (origin.grain, origin.part, origin.is_key) == (grain, part, True)


@pytest.mark.parametrize(
    ("expression", "is_bucket"),
    [
        ("floor(x / 10) * 10", True),
        ("10 * floor(x / 10)", True),
        ("x - x % 10", True),
        ("round(x, -2)", True),
        ("width_bucket(x, 0, 100, 10)", True),
        ("(x // 10) * 10", True),
        ("CAST(x / 10 AS INTEGER) * 10", True),
        ("round(x, 2)", False),
        ("x / 10", False),
        ("x", False),
    ],
)
def test_buckets(expression: str, is_bucket: bool) -> None:
    assert first(expression).is_bucket is is_bucket


@pytest.mark.parametrize(
    ("expression", "adds_up"),
    [
        ("sum(x)", True),
        ("count(*)", True),
        ("round(sum(x * y), 2)", True),
        ("coalesce(sum(x), 0)", True),
        ("sum(x) - sum(y)", True),
        ("-sum(x)", True),
        ("sum(x) / 1000", True),
        ("1.19 * sum(x)", True),
        ("sum(x) FILTER (WHERE y > 0)", True),
        ("sum(CASE WHEN y THEN 1 ELSE 0 END)", True),
        ("count(DISTINCT x)", False),
        ("avg(x)", False),
        ("max(x)", False),
        ("sum(x) / count(*)", False),
        ("sum(x) * sum(y)", False),
        ("median(x)", False),
    ],
)
def test_what_adds_up(expression: str, adds_up: bool) -> None:
    assert first(expression, "GROUP BY z").is_additive is adds_up


@pytest.mark.parametrize(
    ("expression", "window"),
    [
        ("rank() OVER (ORDER BY x)", "rank"),
        ("row_number() OVER (ORDER BY sum(x) DESC)", "rank"),
        ("sum(x) OVER (ORDER BY d)", "running"),
        ("lag(x) OVER (ORDER BY d)", "lag"),
        ("x / sum(x) OVER ()", "sum"),
        ("x", ""),
    ],
)
def test_windows(expression: str, window: str) -> None:
    assert first(expression, "").window == window


def test_what_a_step_computes_is_known_outside() -> None:
    sql = (
        "WITH m AS (SELECT date_trunc('month', d) AS month, sum(x) AS total FROM t GROUP BY 1) "
        "SELECT month, total FROM m ORDER BY total DESC LIMIT 3"
    )
    shape = read(sql, "month", "total")
    assert [origin.grain for origin in shape.origins] == ["month", ""]
    assert shape.origins[0].is_key and shape.origins[1].is_additive and shape.origins[1].aggregate == "sum"
    assert (shape.order, shape.limit, shape.is_grouped) == (((1, True),), 3, True)


@pytest.mark.parametrize(
    ("tail", "order"),
    [
        ("ORDER BY 2 DESC", ((1, True),)),
        ("ORDER BY b DESC, a", ((1, True), (0, False))),
        ("ORDER BY sum(x) DESC", ((1, True),)),
        ("ORDER BY B", ((1, False),)),
        ("ORDER BY ALL", ((0, False), (1, False))),
        ("ORDER BY min(z), a", ()),
        ("", ()),
    ],
)
def test_the_order(tail: str, order: tuple[tuple[int, bool], ...]) -> None:
    assert read(f"SELECT a, sum(x) AS b FROM t GROUP BY a {tail}", "a", "b").order == order


def test_totals_among_the_rows_and_rows_as_they_are() -> None:
    assert read("SELECT a, sum(x) FROM t GROUP BY ROLLUP (a)", "a", "s").has_totals
    assert read("SELECT a FROM t").is_grouped is False
    assert read("SELECT DISTINCT a FROM t").is_grouped is True


@pytest.mark.parametrize(
    "sql", ["", "nonsense (", "SHOW TABLES", "SELECT COLUMNS('x.*') FROM t", "FROM t", "VALUES (1)"]
)
def test_what_cannot_be_read_says_nothing_of_columns(sql: str) -> None:
    shape = read(sql, "a", "b")
    assert shape.origins == (ColumnOrigin(), ColumnOrigin()) and not shape.has_totals

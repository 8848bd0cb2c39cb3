"""A chart as it is wished for, what is refused with what would fit, and rows that want to be more than values."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from nl2sql import ChartWish, Column, ConfigError, Result, ResultColumn, Schema, Table, draw_chart
from nl2sql.charts.labels import find_names

DAYS = [dt.date(2025, month, 1) for month in range(1, 13)]


def make_result(truncated: bool = False, **columns: tuple[str, list[Any]]) -> Result:
    table = pa.table({name: values for name, (_, values) in columns.items()})
    return Result(tuple(ResultColumn(name, kind) for name, (kind, _) in columns.items()), table, truncated)


BY_MONTH = make_result(
    month=("DATE", DAYS), revenue=("DECIMAL(18,2)", [Decimal(n) + Decimal("0.25") for n in range(12)])
)
MONTHLY = "SELECT date_trunc('month', ordered_at)::DATE AS month, sum(x) AS revenue FROM orders GROUP BY 1 ORDER BY 1"
CROSSED = make_result(
    region=("VARCHAR", [region for region in "NSWE" for _ in range(3)]),
    status=("VARCHAR", ["open", "paid", "sent"] * 4),
    n=("BIGINT", list(range(1, 13))),
)
COUNTED = "SELECT region, status, count(*) AS n FROM t GROUP BY 1, 2"
AVERAGED = "SELECT region, status, avg(x) AS n FROM t GROUP BY 1, 2"


def records(spec: Any) -> list[dict[str, Any]]:
    return list(spec["data"]["values"])


def test_tooltips_are_in_full_and_axes_are_short() -> None:
    rows = make_result(month=("DATE", DAYS[:4]), revenue=("DECIMAL(18,2)", [Decimal("1234567.89")] * 4))
    spec = draw_chart(rows, sql=MONTHLY, locale="de_DE").spec
    assert spec is not None
    assert records(spec)[0] == {
        "x": "2025-01-01T00:00:00.000Z",
        "y": 1234567.89,
        "label": "Jan. 2025",
        "text": "1.234.567,89",
    }
    assert spec["encoding"]["y"]["axis"]["format"] == ".4~s" and "Mrd." in spec["encoding"]["y"]["axis"]["labelExpr"]
    assert spec["encoding"]["x"]["axis"]["format"] == "%b %Y"


@pytest.mark.parametrize(
    ("wish", "kind", "stack"),
    [
        (ChartWish("bar"), "bar", "stacked"),
        (ChartWish(stack="percent"), "bar", "percent"),
        (ChartWish(stack="grouped"), "bar", "grouped"),
        (ChartWish("heatmap"), "heatmap", ""),
        (ChartWish("none"), "none", ""),
        (ChartWish(x=1), "bar", "stacked"),
    ],
)
def test_a_wish_is_followed(wish: ChartWish, kind: str, stack: str) -> None:
    chart = draw_chart(CROSSED, sql=COUNTED, wish=ChartWish(colour=0).lay_over(wish) if wish.x else wish)
    assert (chart.kind, chart.plan.stack) == (kind, stack)
    assert chart.stacks == (("grouped", "stacked", "percent") if kind == "bar" else ())


def test_every_kind_that_is_offered_can_be_had() -> None:
    for rows, sql in ((BY_MONTH, MONTHLY), (CROSSED, COUNTED), (CROSSED, AVERAGED)):
        kinds = draw_chart(rows, sql=sql).kinds
        assert len(kinds) > 1 and [draw_chart(rows, sql=sql, wish=ChartWish(kind)).kind for kind in kinds] == [*kinds]


@pytest.mark.parametrize(
    ("rows", "sql", "wish", "said"),
    [
        (BY_MONTH, MONTHLY, ChartWish("heatmap"), "no heat map"),
        (BY_MONTH, MONTHLY, ChartWish(stack="stacked"), "one series"),
        (BY_MONTH, MONTHLY, ChartWish(is_log=True), None),
        (BY_MONTH, MONTHLY, ChartWish(top=3), "only bars"),
        (BY_MONTH, MONTHLY, ChartWish(y=(0,)), "holds no numbers"),
        (BY_MONTH, MONTHLY, ChartWish(x=9), "do not have"),
        (CROSSED, AVERAGED, ChartWish(stack="stacked"), "do not add up"),
        (CROSSED, AVERAGED, ChartWish(stack="percent"), "do not add up"),
        (CROSSED, COUNTED, ChartWish("line", x=0, colour=0), "several rows have the same region"),
        (CROSSED, COUNTED, ChartWish("scatter"), "no scatter plot"),
        (make_result(city=("VARCHAR", ["a", "b"])), "", ChartWish("bar"), "no bar chart"),
    ],
)
def test_what_does_not_fit_is_said(rows: Result, sql: str, wish: ChartWish, said: str | None) -> None:
    if said is None:
        assert draw_chart(rows, sql=sql, wish=wish).spec is not None
        return
    with pytest.raises(ConfigError, match=said) as caught:
        draw_chart(rows, sql=sql, wish=wish)
    assert caught.value.hint


def test_a_log_scale_has_no_place_for_zero() -> None:
    rows = make_result(city=("VARCHAR", list("abc")), n=("BIGINT", [0, 10, 1000]))
    with pytest.raises(ConfigError, match="no place for 0"):
        draw_chart(rows, wish=ChartWish(is_log=True))
    above = make_result(city=("VARCHAR", list("abc")), n=("BIGINT", [1, 10, 1000]))
    spec = draw_chart(above, wish=ChartWish(is_log=True)).spec
    assert spec is not None and spec["mark"]["type"] == "point", "a bar has no length without a zero"


def test_title_number_format_top_and_horizontal_bars() -> None:
    rows = make_result(
        city=("VARCHAR", [f"c{n}" for n in range(40)]), n=("BIGINT", [n * 1000 for n in range(40, 0, -1)])
    )
    sql = "SELECT city, sum(x) AS n FROM t GROUP BY 1 ORDER BY 2 DESC"
    spec = draw_chart(rows, sql=sql, wish=ChartWish(top=3, title="Mine", numbers="full")).spec or {}
    assert spec["title"]["text"] == "Mine" and "the other 37" in spec["title"]["subtitle"][0]
    views = spec["layer"]
    assert views[0]["encoding"]["y"]["scale"]["domain"] == ["c0", "c1", "c2"]
    assert views[0]["encoding"]["x"]["axis"]["format"] == ",.0f"
    share = make_result(city=("VARCHAR", ["a", "b"]), n=("DOUBLE", [0.25, 0.75]))
    shown = draw_chart(share, wish=ChartWish(numbers="percent", is_lying=True)).spec or {}
    assert records(shown)[0]["text"] == "25.0%" and shown["layer"][0]["encoding"]["x"]["axis"]["format"].endswith("%")


def test_the_rest_is_one_bar_where_it_can_be_compared() -> None:
    sizes = [1000, *[100] * 19, *[10] * 20]
    rows = make_result(city=("VARCHAR", [f"c{n}" for n in range(40)]), n=("BIGINT", sizes))
    spec = draw_chart(rows, sql="SELECT city, sum(x) AS n FROM t GROUP BY 1 ORDER BY 2 DESC").spec or {}
    rest = next(record for record in records(spec) if record["x"] == "the other 20")
    assert (rest["y"], rest["open"], rest["text"]) == (200, True, "200")
    cut = make_result(True, city=("VARCHAR", [f"c{n}" for n in range(40)]), n=("BIGINT", sizes))
    said = draw_chart(cut, sql="SELECT city, sum(x) AS n FROM t GROUP BY 1 ORDER BY 2 DESC", total=90).spec or {}
    assert "the other" not in json.dumps(said) and "first 40 of 90 rows" in json.dumps(said), (
        "the others are not all there"
    )


def test_missing_months_break_the_line_and_are_no_zero() -> None:
    days = [day for day in DAYS if day.month != 6]
    rows = make_result(month=("DATE", days), revenue=("DOUBLE", [float(day.month) for day in days]))
    spec = draw_chart(rows, sql=MONTHLY).spec
    gap = [record for record in records(spec) if record["x"].startswith("2025-06")]
    assert gap == [{"x": "2025-06-01T00:00:00.000Z", "y": None}]
    bars = draw_chart(rows, sql=MONTHLY, wish=ChartWish("bar")).spec or {}
    assert len(bars["encoding"]["x"]["scale"]["domain"]) == 12 and len(records(bars)) == 11
    assert {record["x"] for record in records(bars)} < {*bars["encoding"]["x"]["scale"]["domain"]}
    sparse = make_result(day=("DATE", days[:3]), revenue=("DOUBLE", [1.0, 2.0, 3.0]))
    assert all(record["y"] is not None for record in records(draw_chart(sparse).spec))


@pytest.mark.parametrize(
    ("column", "is_open"),
    [
        (Column("ordered_at", "TIMESTAMP", minimum="2022-01-01", maximum="2025-12-07 10:00:00", distinct=40_000), True),
        (Column("ordered_at", "DATE", minimum="2022-01-01", maximum="2025-12-30", distinct=1_400), False),
        (Column("ordered_at", "DATE", minimum="2022-01-01", maximum="2025-12-01", distinct=48), False),
        (Column("ordered_at", "DATE", maximum="2025-12-07"), False),
        (Column("ordered_at", "DATE", minimum="2022-01-01", maximum="2026-01-09", distinct=1_400), False),
        (Column("ordered_at", "DATE"), False),
    ],
)
@pytest.mark.parametrize("kind", ["line", "bar"])
def test_a_last_month_that_is_not_over_is_marked(column: Column, is_open: bool, kind: str) -> None:
    schema = Schema((Table("orders", (column, Column("x", "DOUBLE"))),))
    spec = draw_chart(BY_MONTH, sql=MONTHLY, schema=schema, wish=ChartWish(kind)).spec or {}
    assert ("7 Dec 2025" in json.dumps(spec)) is is_open
    marked = [record for record in records(spec) if record.get("open")]
    assert len(marked) == is_open * (2 if kind == "line" else 1)


def test_the_best_months_are_bars_in_the_order_of_the_query() -> None:
    rows = make_result(month=("DATE", [DAYS[11], DAYS[2], DAYS[7]]), revenue=("DOUBLE", [30.0, 20.0, 10.0]))
    sql = MONTHLY.replace("ORDER BY 1", "ORDER BY 2 DESC LIMIT 3")
    spec = draw_chart(rows, sql=sql).spec or {}
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["Dec 2025", "Mar 2025", "Aug 2025"]
    assert [record["x"] for record in records(spec)] == ["Dec 2025", "Mar 2025", "Aug 2025"]


def test_months_as_text_keep_the_calendar() -> None:
    texts = ["Nov 2024", "Dec 2024", "Jan 2025", "Feb 2025"]
    rows = make_result(month=("VARCHAR", texts), revenue=("DOUBLE", [1.0, 2.0, 3.0, 4.0]))
    sql = "SELECT strftime(d, '%b %Y') AS month, sum(x) AS revenue FROM t GROUP BY 1 ORDER BY min(d)"
    spec = draw_chart(rows, sql=sql).spec or {}
    assert spec["encoding"]["x"]["scale"]["domain"] == texts
    mixed = make_result(month=("VARCHAR", ["2025-02", "2025-01", "2025-03", "2025-04"]), revenue=("DOUBLE", [1.0] * 4))
    assert (draw_chart(mixed).spec or {})["encoding"]["x"]["type"] == "temporal"


def test_a_row_of_totals_is_left_out_and_it_is_said() -> None:
    rows = make_result(channel=("VARCHAR", ["web", "shop", "Total"]), n=("BIGINT", [3, 4, 7]))
    spec = draw_chart(rows).spec or {}
    assert len(records(spec)) == 2 and "without the row of totals" in json.dumps(spec["title"])
    rolled = make_result(channel=("VARCHAR", ["web", "shop", "app", None]), n=("BIGINT", [3, 4, 5, 12]))
    sql = "SELECT channel, count(*) AS n FROM t GROUP BY ROLLUP (channel)"
    assert len(records(draw_chart(rolled, sql=sql).spec)) == 3
    kept = make_result(channel=("VARCHAR", ["web", "shop", "Total Wine"]), n=("BIGINT", [3, 4, 8]))
    assert len(records(draw_chart(kept).spec)) == 3


def test_first_and_last_name_label_a_person() -> None:
    rows = make_result(
        first_name=("VARCHAR", ["Ann", "Ann", "Bo"]),
        last_name=("VARCHAR", ["Ash", "Beech", "Ash"]),
        n=("BIGINT", [3, 2, 1]),
    )
    spec = draw_chart(rows, sql="SELECT first_name, last_name, count(*) AS n FROM t GROUP BY 1, 2 ORDER BY 3 DESC").spec
    assert [record["x"] for record in records(spec)] == ["Ann Ash", "Ann Beech", "Bo Ash"]


@pytest.mark.parametrize(
    ("labels", "tail", "first"),
    [
        (["Lyon", "Graz", "Cork"], "", "Cork"),
        (["Lyon", "Graz", "Cork"], "ORDER BY 1", "Lyon"),
        (["Lyon", "Graz", "Cork"], "ORDER BY min(z)", "Lyon"),
        (["18–25", "26–60", "> 60"], "", "18–25"),
    ],
)
def test_bars_without_an_order_go_by_size(labels: list[str], tail: str, first: str) -> None:
    rows = make_result(city=("VARCHAR", labels), n=("BIGINT", [1, 2, 3]))
    spec = draw_chart(rows, sql=f"SELECT city, count(*) AS n FROM t GROUP BY 1 {tail}").spec or {}
    assert spec["encoding"]["x"]["scale"]["domain"][0] == first


def test_small_counts_have_whole_ticks() -> None:
    for most, ticks in ((2, 2), (7, 7), (30, 10)):
        rows = make_result(city=("VARCHAR", ["a", "b", "c"]), n=("BIGINT", [1, 1, most]))
        spec = draw_chart(rows, sql="SELECT city, count(*) AS n FROM t GROUP BY 1 ORDER BY 1").spec or {}
        assert spec["encoding"]["y"]["axis"] == {"format": ",.0f", "tickCount": ticks}


def test_raw_values_are_not_added_up() -> None:
    rows = make_result(
        product=("VARCHAR", [f"p{n}" for n in range(80)]), price=("DOUBLE", [float(n) for n in range(80)])
    )
    spec = draw_chart(rows, sql="SELECT product, price FROM products").spec or {}
    assert "the other" not in json.dumps(spec) and "20 of 80 in product, the largest" in json.dumps(spec)


def test_figures_that_are_not_drawn_are_named() -> None:
    rows = make_result(
        city=("VARCHAR", [f"city number {n}" for n in range(6)]),
        orders=("BIGINT", [1, 2, 3, 4, 5, 6]),
        revenue=("DOUBLE", [1000.5, 2000.0, 3.0, 4.0, 5.0, 6.0]),
    )
    assert "not drawn: revenue" in json.dumps(draw_chart(rows, sql="SELECT city, orders, revenue FROM t").spec)


@pytest.mark.parametrize(
    ("steps", "kind"), [([60] * 40, "line"), ([60] * 30 + [600] + [60] * 9, "line"), (None, "none")]
)
def test_a_line_of_readings_and_none_of_single_events(steps: list[int] | None, kind: str) -> None:
    chance = random.Random(4)
    gaps = steps or [chance.randrange(5, 900) for _ in range(40)]
    moments = [dt.datetime(2025, 1, 1) + dt.timedelta(seconds=sum(gaps[:at])) for at in range(41)]
    rows = make_result(at=("TIMESTAMP", moments), celsius=("DOUBLE", [float(at % 7) for at in range(41)]))
    assert draw_chart(rows, sql="SELECT at, celsius FROM readings").kind == kind


def test_labels_stay_apart_and_are_one_word_where_null() -> None:
    names = ["x" * 70 + "a", "x" * 70 + "b", None, "NULL", ""]
    spec = draw_chart(make_result(city=("VARCHAR", names), n=("BIGINT", [5, 4, 3, 2, 1]))).spec or {}
    domain = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert len({*domain}) == 5 and domain[2] == "NULL" and "null" not in domain


def test_names_and_texts_of_the_data_are_only_values() -> None:
    texts = ["http://203.0.113.9/x.png", "<b>y</b>", "datum.x"]
    code = "datum['x'] + alert(1)"
    table = pa.table({"image": texts, code: [1, 2, 3]})
    rows = Result((ResultColumn("image", "VARCHAR"), ResultColumn(code, "BIGINT")), table)
    spec = draw_chart(rows).spec or {}
    views = spec.get("layer", [spec])
    fields = {entry["field"] for view in views for key, entry in view["encoding"].items() if key != "tooltip"}
    assert fields <= {"x", "y", "tip", "text"}
    assert [one["title"] for one in views[0]["encoding"]["tooltip"]] == ["image ", "datum['x'] + alert(1)"]


def test_figures_that_cannot_be_drawn_are_left_out() -> None:
    rows = make_result(city=("VARCHAR", ["a", "b", "c", None]), x=("DOUBLE", [float("nan"), float("inf"), 1.5, 2.0]))
    spec = draw_chart(rows).spec
    assert [record["y"] for record in records(spec)] == [None, None, 1.5, 2.0]
    json.dumps(spec, allow_nan=False)


def test_the_figure_before_is_known_by_its_name() -> None:
    pair = make_result(revenue=("DOUBLE", [5.0]), previous_revenue=("DOUBLE", [4.0]))
    assert draw_chart(pair).before == {0: 1}
    four = make_result(
        orders=("BIGINT", [5]), revenue=("DOUBLE", [5.0]), orders_last_year=("BIGINT", [4]), margin=("DOUBLE", [1.0])
    )
    assert (
        draw_chart(four).kind == "metric" and draw_chart(make_result(a=("BIGINT", [1]), b=("BIGINT", [2]))).before == {}
    )


def test_names_of_months_and_days_are_those_of_the_locale() -> None:
    assert find_names("").write_period(dt.date(2025, 3, 1), "month") == "Mar 2025"
    assert find_names("de_DE").write_period(dt.date(2025, 3, 1), "month") == "März 2025"
    assert find_names("").write_period(dt.datetime(2025, 3, 1, 4, 5), "hour") == "1 Mar 2025 04:05"
    rows = make_result(weekday=("BIGINT", list(range(1, 8))), n=("BIGINT", list(range(7))))
    spec = draw_chart(rows, sql="SELECT isodow(d) AS weekday, count(*) AS n FROM t GROUP BY 1 ORDER BY 1").spec or {}
    assert spec["encoding"]["x"]["scale"]["domain"][0] == "Mon"


def _make_column(chance: random.Random, rows: int) -> tuple[str, list[Any]]:
    day = dt.date(2025, 1, 1)
    makers: dict[str, Any] = {
        "BIGINT": lambda n: chance.randrange(-5, 3000),
        "DOUBLE": lambda n: chance.choice([chance.random() * 10 ** chance.randrange(-6, 12), float("nan"), -1.5, 0.0]),
        "VARCHAR": lambda n: (
            chance.choice(["", "a", "<b>", "image", "x" * 90, "2025-01", "Monday"]) + chance.choice("12 ")
        ),
        "DATE": lambda n: day + dt.timedelta(days=chance.choice([n, 31 * n, chance.randrange(900)])),
        "BOOLEAN": lambda n: chance.random() < 0.5,
        "HUGEINT": lambda n: Decimal(10) ** chance.randrange(30),
        "BIGINT[]": lambda n: [1, n],
    }
    kind = chance.choice([*makers])
    return kind, [None if chance.random() < 0.07 else makers[kind](n) for n in range(rows)]


def _make_sql(chance: random.Random, names: list[str]) -> str:
    made = ["{0}", "sum(z) AS {0}", "date_trunc('month', z) AS {0}", "avg(z) AS {0}", "floor(z / 10) * 10 AS {0}"]
    items = [chance.choice(made).format('"' + name + '"') for name in names]
    order = chance.choice(["", f" ORDER BY {chance.randrange(1, len(names) + 1)} DESC", " ORDER BY ALL"])
    return f"SELECT {', '.join(items)} FROM t{chance.choice([' GROUP BY ALL', ''])}{order}"


def _make_wish(chance: random.Random) -> ChartWish:
    return ChartWish(
        kind=chance.choice([None, "line", "area", "bar", "histogram", "scatter", "heatmap", "multiples"]),
        x=chance.choice([None, None, 0, 1, 7]),
        y=chance.choice([(), (), (1,), (0, 1)]),
        colour=chance.choice([None, None, 0, 2]),
        stack=chance.choice([None, None, "stacked", "percent", "grouped"]),
        top=chance.choice([None, None, 3]),
        is_log=chance.choice([None, None, True]),
        numbers=chance.choice([None, "compact", "full", "percent"]),
    )


@pytest.mark.parametrize("seed", range(400))
def test_any_rows_make_a_chart_or_none(seed: int) -> None:
    chance = random.Random(seed)
    known = ["month", "year", "name", "n", "share_pct", "rank", "id", "bucket", "image", "hour", "total", "x.y"]
    names = chance.sample(known, chance.randrange(1, 6))
    count = chance.choice([0, 1, 2, 5, 24, 80])
    rows = make_result(chance.random() < 0.2, **{name: _make_column(chance, count) for name in names})
    sql = chance.choice(["", _make_sql(chance, names)])
    chart = draw_chart(rows, sql=sql, locale=chance.choice(["", "de_DE"]))
    json.dumps(chart.spec, allow_nan=False)
    assert all(draw_chart(rows, sql=sql, wish=ChartWish(kind)).kind == kind for kind in chart.kinds)
    for _ in range(6):
        with contextlib.suppress(ConfigError):
            json.dumps(draw_chart(rows, sql=sql, wish=_make_wish(chance)).spec, allow_nan=False)


def test_rows_that_have_no_place_on_the_chart_are_told() -> None:
    late = make_result(month=("DATE", [*DAYS, None]), revenue=("DECIMAL(18,2)", [Decimal(n) for n in range(13)]))
    spec = draw_chart(late, sql=MONTHLY).spec
    assert spec is not None and len(records(spec)) == 12
    assert "not drawn: 1 row without month" in str(spec["title"])
    broken = make_result(name=("VARCHAR", ["a", "b", "c"]), revenue=("DOUBLE", [1.0, math.inf, 3.0]))
    spec = draw_chart(broken).spec
    assert spec is not None and "not drawn: 1 infinite or undefined figure" in str(spec["title"])


def test_scatter_reports_missing_rows_and_labels_points_by_row() -> None:
    prices = [1.5, None, *(n + 0.5 for n in range(2, 12))]
    amounts = [10.0, 20.0, None, *(float(n * n) for n in range(9))]
    pairs = make_result(price=("DOUBLE", prices), amount=("DOUBLE", amounts))
    spec = draw_chart(pairs, wish=ChartWish("scatter")).spec
    assert spec is not None and "not drawn: 2 rows without price or amount" in str(spec["title"])
    drawn = records(spec)
    assert len(drawn) == 10 and all(float(one["label"]) == one["x"] for one in drawn)

"""Which chart a result gets, what its spec holds, and what a spec may never hold."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from nl2sql import ConfigError, Result, ResultColumn, chart, charts, checked_spec


def result(**columns: tuple[str, list[Any]]) -> Result:
    table = pa.table({name: values for name, (_, values) in columns.items()})
    return Result(tuple(ResultColumn(name, kind) for name, (kind, _) in columns.items()), table, False)


DAYS = [dt.date(2025, month, 1) for month in range(1, 13)]
BY_MONTH = result(month=("DATE", DAYS), revenue=("DECIMAL(18,2)", [Decimal(n) for n in range(12)]))
BY_REGION = result(region=("VARCHAR", ["Nord", "Süd"]), orders=("BIGINT", [3, 4]))


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        (BY_MONTH, ("line", "bar")),
        (BY_REGION, ("bar",)),
        (result(n=("BIGINT", [7])), ("metric",)),
        (result(low=("BIGINT", [7]), high=("BIGINT", [9])), ("metric",)),
        (result(name=("VARCHAR", ["x"]), n=("BIGINT", [7])), ()),
        (result(name=("VARCHAR", ["x", "y"])), ()),
        (result(n=("BIGINT", [])), ()),
        (result(order_id=("BIGINT", [1, 2]), customer_id=("BIGINT", [3, 4])), ()),
        (result(year=("BIGINT", [2024, 2025]), n=("BIGINT", [3, 4])), ("line", "bar")),
        (result(month=("VARCHAR", ["2025-01", "2025-02"]), n=("BIGINT", [3, 4])), ("line", "bar")),
        (result(x=("DOUBLE", [1.0, 2.0]), y=("DOUBLE", [2.0, 4.0])), ("scatter",)),
        (result(city=("VARCHAR", ["a"] * 3), n=("BIGINT", [1, 2, 3])), ()),
        (result(city=("VARCHAR", [str(n) for n in range(90)]), n=("BIGINT", list(range(90)))), ()),
        (result(tags=("VARCHAR[]", [["a"], ["b"]]), n=("BIGINT", [1, 2])), ()),
        (result(d=("DATE", [None, None]), n=("BIGINT", [1, 2])), ()),
    ],
)
def test_the_kinds_that_fit(rows: Result, kinds: tuple[str, ...]) -> None:
    assert charts(rows) == kinds


def test_a_line_over_time_and_bars_over_a_category() -> None:
    line = chart(BY_MONTH)
    assert line is not None and line["mark"]["type"] == "line"
    assert line["encoding"]["x"] == {"field": "c0", "title": "month", "type": "temporal", "scale": {"type": "utc"}}
    assert line["data"]["values"][0] == {"c0": "2025-01-01", "t0": "2025-01-01", "c1": 0.0}
    bars = chart(BY_REGION)
    assert bars is not None and bars["mark"]["type"] == "bar" and bars["encoding"]["x"]["type"] == "nominal"
    assert chart(result(n=("BIGINT", [7]))) is None
    json.dumps([line, bars])


def test_a_series_colours_the_lines() -> None:
    spec = chart(
        result(
            month=("DATE", [DAYS[0], DAYS[0], DAYS[1], DAYS[1]]),
            country=("VARCHAR", ["DE", "FR", "DE", "FR"]),
            n=("BIGINT", [1, 2, 3, 4]),
        )
    )
    assert spec is not None and spec["encoding"]["color"]["field"] == "c1"


REGIONS, PRODUCTS = ["N", "S", "W", "E"], [f"p{n}" for n in range(12)]


def crossed(regions: list[str], products: list[str]) -> Result:
    places = [(region, product) for region in regions for product in products]
    return result(
        region=("VARCHAR", [region for region, _ in places]),
        product=("VARCHAR", [product for _, product in places]),
        mean=("DOUBLE", [float(n) for n in range(len(places))]),
    )


def test_bars_of_two_categories_stand_side_by_side() -> None:
    spec = chart(crossed(REGIONS, PRODUCTS))
    assert spec is not None and spec["encoding"]["color"]["field"] == "c0"
    assert "c1" in (spec["encoding"]["x"]["field"], spec["encoding"]["y"]["field"])
    offset = spec["encoding"].get("yOffset") or spec["encoding"]["xOffset"]
    assert offset["field"] == "c0"


def test_no_bar_hides_another() -> None:
    many = [f"r{n}" for n in range(11)]
    assert charts(crossed(many[:5], PRODUCTS)) == ("bar",)
    assert charts(crossed(many, many[:5])) == ("bar",)
    crowded = result(
        region=("VARCHAR", many + many), product=("VARCHAR", [*many, *many[::-1]]), n=("BIGINT", list(range(22)))
    )
    assert charts(crowded) == () and chart(crowded) is None
    both = crossed(REGIONS, ["p", "q"])
    turned = chart(both, "bar", x=1)
    assert turned is not None and turned["encoding"]["color"]["field"] == "c0"
    level = Result(
        (*both.columns, ResultColumn("n", "BIGINT")), both.table.append_column("n", pa.array([1] * 8)), False
    )
    with pytest.raises(ConfigError, match="several rows have the same n"):
        chart(level, "bar", x=3)


def test_what_is_measured_is_a_number() -> None:
    with pytest.raises(ConfigError, match="region holds no numbers"):
        chart(BY_REGION, "bar", y=0)


def test_what_cannot_be_drawn_is_left_out() -> None:
    spec = chart(result(city=("VARCHAR", ["a", None]), x=("DOUBLE", [float("nan"), float("inf")])))
    assert spec is not None
    assert spec["data"]["values"] == [{"c0": "a", "c1": None}, {"c0": None, "c1": None}]
    json.dumps(spec, allow_nan=False)


def test_a_kind_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not fit") as caught:
        chart(BY_REGION, "line")
    assert "bar" in caught.value.hint
    chosen = chart(BY_MONTH, "bar", x=0, y=1)
    assert chosen is not None and chosen["mark"]["type"] == "bar"


def test_names_and_texts_of_the_data_are_only_values() -> None:
    columns: dict[str, tuple[str, list[Any]]] = {
        "image": ("VARCHAR", ["http://203.0.113.9/x.png", "<b>y</b>"]),
        "datum['x'] + alert(1)": ("BIGINT", [1, 2]),
    }
    spec = chart(result(**columns))
    assert spec is not None
    fields = [channel["field"] for key, channel in spec["encoding"].items() if key != "tooltip"]
    titles = [one["title"].strip() for one in spec["encoding"]["tooltip"]]
    assert sorted(fields) == ["c0", "c1"] and "image " in [one["title"] for one in spec["encoding"]["tooltip"]]
    assert titles[-1] == "datum['x'] + alert(1)"


def _with(path: str, value: Any) -> Mapping[str, Any]:
    spec: Any = copy.deepcopy(dict(chart(BY_MONTH) or {}))
    place = spec
    *parents, last = path.split(".")
    for name in parents:
        place = place[name]
    place[last] = value
    return spec  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data", {"url": "http://203.0.113.9/data.json"}),
        ("data.url", "http://203.0.113.9/data.json"),
        ("data.values", [{"c0": {"url": "x"}}]),
        ("data.values", [{"href": "http://203.0.113.9/"}]),
        ("mark", {"type": "image", "url": "http://203.0.113.9/x.png"}),
        ("mark.href", "http://203.0.113.9/"),
        ("mark", "bar"),
        ("encoding.href", {"field": "c0", "type": "nominal"}),
        ("encoding.url", {"value": "http://203.0.113.9/x.png"}),
        ("encoding.x.field", "datum.c0"),
        ("encoding.x.axis", {"labelExpr": "alert(1)"}),
        ("encoding.x.title", {"signal": "alert(1)"}),
        ("encoding.x.title", "image"),
        ("encoding.x.scale", {"domain": {"expr": "1"}}),
        ("encoding.x.condition", {"test": "true", "value": "red"}),
        ("transform", [{"calculate": "1", "as": "c0"}]),
        ("params", [{"name": "p", "expr": "alert(1)"}]),
        ("usermeta", {"embedOptions": {"loader": {}}}),
        ("config", {"background": {"expr": "1"}}),
        ("height", {"signal": "1"}),
        ("$schema", "http://203.0.113.9/schema.json"),
    ],
)
def test_a_spec_holds_no_address_and_no_code(path: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        checked_spec(_with(path, value), BY_MONTH)


def test_what_chart_makes_passes() -> None:
    spec = chart(BY_MONTH)
    assert spec is not None and checked_spec(spec, BY_MONTH) is spec

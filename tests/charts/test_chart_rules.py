"""Sixty shapes of results over real rows, each with the chart that a demanding analyst would draw: `gallery.toml`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import Assistant, Chart, check_spec, dress_spec
from nl2sql.answer.display import ColumnFormat, Kind
from nl2sql.charts.chart_rules import RULES
from nl2sql.charts.column_roles import ROLES, Field, Role
from nl2sql.charts.query_shape import ColumnOrigin

HERE = Path(__file__).parent
SHAPES: list[dict[str, Any]] = tomllib.loads((HERE / "gallery.toml").read_text("utf-8"))["shape"]
WIDE = ", ".join(f"i * {k} AS c{k}" for k in range(59))
MARKS = {"line": "line", "area": "area", "bar": "bar", "histogram": "bar", "scatter": "point", "heatmap": "rect"}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    path = tmp_path_factory.mktemp("gallery") / "company.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute((HERE / "company.sql").read_text("utf-8"))
    with nl2sql.connect(str(path)) as database:
        yield database


def draw(company: Assistant, shape: dict[str, Any]) -> tuple[Chart, list[str]]:
    sql = shape["sql"].replace("{columns}", WIDE)
    if "rows" in shape:
        result = company.run(sql, limits=replace(company.config.limits, rows=shape["rows"]))
        chart = company.database.draw(result, sql, total=company.database.count(sql))
    else:
        result = company.run(sql)
        chart = company.database.draw(result, sql)
    return chart, [column.name for column in result.columns]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_the_chart_that_is_right(company: Assistant, shape: dict[str, Any]) -> None:
    chart, names = draw(company, shape)
    assert chart.kind in shape["kinds"]
    if chart.kind in ("none", "metric"):
        assert chart.spec is None
        return
    assert chart.spec is not None and check_spec(chart.spec) is chart.spec
    plan, text = chart.plan, json.dumps(chart.spec, ensure_ascii=False, allow_nan=False)
    assert plan.x is None or names[plan.x] == shape.get("x", names[plan.x])
    assert [names[at] for at in plan.y] == shape.get("y", [names[at] for at in plan.y])
    if "colour" in shape:
        assert plan.colour is not None and names[plan.colour] == shape["colour"]
    assert all(said in text for said in shape.get("says", ()))
    assert not any(said in text.replace("null", "") for said in shape.get("never", ()) if said != "null")
    _check_marks(chart, shape)


def _check_marks(chart: Chart, shape: dict[str, Any]) -> None:
    """What the plan says is what the spec draws."""
    spec, plan = chart.spec or {}, chart.plan
    views = spec.get("vconcat") or spec.get("layer") or [spec]
    first = views[0]
    if chart.kind == "multiples":
        assert len(views) == len(plan.y) and {view["mark"]["type"] for view in views} <= {"line", "bar"}
        return
    assert first["mark"]["type"] == MARKS[chart.kind]
    encoding = first["encoding"]
    labels, figures = (encoding["y"], encoding["x"]) if plan.is_lying else (encoding["x"], encoding["y"])
    assert not shape.get("lying") or plan.is_lying
    assert labels.get("axis", {}).get("labelAngle", 0) == 0, "no label stands on its head"
    if chart.kind == "bar":
        assert labels["type"] == "ordinal" and figures["type"] == "quantitative"
        drawn = (
            "stacked" if figures.get("stack") == "zero" else "grouped" if {"xOffset", "yOffset"} & {*encoding} else ""
        )
        assert drawn == shape.get("stack", drawn)
    if "first" in shape:
        assert labels["scale"]["domain"][0] == shape["first"]
    if "axis" in shape:
        assert shape["axis"] in figures["axis"]["format"]
    if shape.get("zero"):
        assert figures.get("scale", {}).get("zero", True)
    assert spec["height"] <= 520, "seen without scrolling"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_can_be_drawn(company: Assistant, theme: str) -> None:
    vl_convert = pytest.importorskip("vl_convert")
    for shape in SHAPES[::6]:
        chart, _ = draw(company, shape)
        if chart.spec is not None:
            picture = dress_spec(chart.spec, theme, title=shape["name"], footer="company", width=500, locale="de_DE")
            drawn = str(vl_convert.vegalite_to_svg(picture, allowed_base_urls=[]))
            assert shape["name"] in drawn and "company" in drawn and "NaN" not in drawn


def test_each_rule_has_a_shape_that_it_says_yes_to() -> None:
    names = {shape["name"] for shape in SHAPES}
    assert {example for _, example in RULES} <= names
    assert len({id(rule) for rule, _ in RULES}) == len(RULES) and len(SHAPES) == 60


def test_each_role_has_a_column_that_it_holds_for() -> None:
    for role, holds, (name, kind, values) in ROLES:
        how = ColumnFormat(Kind.CODE if name in ("customer_id", "year") else Kind.NUMBER)
        aggregate = "max" if name == "last_order" else ""
        one = Field(0, name, kind, values, how, ColumnOrigin(aggregate=aggregate))
        assert holds(one) and one.role is role, name


def test_the_labels_of_an_enum_do_not_keep_it_off_a_chart() -> None:
    one = Field(0, "kind", "ENUM('Roadmap', 'a[1]', 'JSON')", ("Roadmap", "JSON"), ColumnFormat(), ColumnOrigin())
    assert one.role is Role.CATEGORY

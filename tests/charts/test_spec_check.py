"""What a spec may never hold: addresses, links, pictures, expressions, signals, transforms, foreign fields."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from typing import Any

import pyarrow as pa
import pytest

from nl2sql import ConfigError, Result, ResultColumn, check_spec, draw_chart
from nl2sql.charts.labels import COMPACT_WORDS


def make_result(**columns: tuple[str, list[Any]]) -> Result:
    table = pa.table({name: values for name, (_, values) in columns.items()})
    return Result(tuple(ResultColumn(name, kind) for name, (kind, _) in columns.items()), table, False)


DAYS = [dt.date(2025, month, 1) for month in range(1, 13)]
BY_MONTH = make_result(month=("DATE", DAYS), revenue=("DOUBLE", [float(n * 10_000) for n in range(12)]))
RANKED = make_result(city=("VARCHAR", list("abcde")), revenue=("DOUBLE", [50.0, 40.0, 30.0, 20.0, 10.0]))
PANELS = make_result(
    month=("DATE", DAYS),
    orders=("BIGINT", list(range(1, 13))),
    revenue=("DOUBLE", [float(n * 10_000) for n in range(12)]),
)
GRID = make_result(
    weekday=("BIGINT", [day for day in range(1, 8) for _ in range(5)]),
    hour=("BIGINT", [hour for _ in range(7) for hour in range(5)]),
    n=("BIGINT", list(range(35))),
)


def change(result: Result, path: str, value: Any) -> dict[str, Any]:
    spec: Any = copy.deepcopy(dict(draw_chart(result).spec or {}))
    place = spec
    *parents, last = path.split(".")
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[int(last) if isinstance(place, list) else last] = value
    return spec  # type: ignore[no-any-return]


REFUSED: list[tuple[Result, str, Any]] = [
    (BY_MONTH, "data", {"url": "http://203.0.113.9/data.json"}),
    (BY_MONTH, "data.url", "http://203.0.113.9/data.json"),
    (BY_MONTH, "data.values", [{"x": {"url": "x"}}]),
    (BY_MONTH, "data.values", [{"href": "http://203.0.113.9/"}]),
    (BY_MONTH, "data.values", [{"url": "http://203.0.113.9/"}]),
    (BY_MONTH, "data.values", [{"image": "http://203.0.113.9/x.png"}]),
    (BY_MONTH, "data.values", "http://203.0.113.9/"),
    (BY_MONTH, "data.format", {"type": "csv"}),
    (BY_MONTH, "mark", {"type": "image", "url": "http://203.0.113.9/x.png"}),
    (BY_MONTH, "mark.href", "http://203.0.113.9/"),
    (BY_MONTH, "mark.tooltip", {"content": "data"}),
    (BY_MONTH, "mark.text", {"expr": "1"}),
    (BY_MONTH, "mark", "bar"),
    (BY_MONTH, "mark.type", "geoshape"),
    (BY_MONTH, "encoding.href", {"field": "x", "type": "nominal"}),
    (BY_MONTH, "encoding.url", {"value": "http://203.0.113.9/x.png"}),
    (BY_MONTH, "encoding.description", {"value": "x"}),
    (BY_MONTH, "encoding.x.field", "datum.x"),
    (BY_MONTH, "encoding.x.field", {"repeat": "layer"}),
    (BY_MONTH, "encoding.x.aggregate", "sum"),
    (BY_MONTH, "encoding.x.timeUnit", "month"),
    (BY_MONTH, "encoding.x.axis", {"labelExpr": "alert(1)"}),
    (BY_MONTH, "encoding.y.axis.labelExpr", "replace(datum.label, 'G', 'B') + alert(1)"),
    (BY_MONTH, "encoding.y.axis.labelExpr", {"signal": "alert(1)"}),
    (BY_MONTH, "encoding.y.axis.format", {"signal": "1"}),
    (BY_MONTH, "encoding.y.axis.format", "%{http}"),
    (BY_MONTH, "encoding.y.axis.labelColor", {"condition": {"test": "alert(1)", "value": "red"}, "value": "blue"}),
    (BY_MONTH, "encoding.x.axis.values", {"expr": "alert(1)"}),
    (BY_MONTH, "encoding.x.axis.values", [{"expr": "alert(1)"}]),
    (BY_MONTH, "encoding.x.axis.values", [{"year": "alert(1)"}]),
    (BY_MONTH, "encoding.x.title", {"signal": "alert(1)"}),
    (BY_MONTH, "encoding.x.title", "image"),
    (BY_MONTH, "encoding.tooltip.0.title", "Image"),
    (BY_MONTH, "encoding.tooltip.0.title", None),
    (BY_MONTH, "encoding.tooltip.0.format", "d"),
    (BY_MONTH, "encoding.tooltip", {"content": "data"}),
    (BY_MONTH, "encoding.x.scale", {"domain": {"expr": "1"}}),
    (BY_MONTH, "encoding.x.scale.range", {"field": "x"}),
    (BY_MONTH, "encoding.x.scale.domainMax", {"expr": "1"}),
    (BY_MONTH, "encoding.x.condition", {"test": "true", "value": "red"}),
    (BY_MONTH, "title", {"text": {"expr": "alert(1)"}}),
    (BY_MONTH, "title", {"text": "x", "href": "http://203.0.113.9/"}),
    (BY_MONTH, "title", "x"),
    (BY_MONTH, "transform", [{"calculate": "1", "as": "x"}]),
    (BY_MONTH, "params", [{"name": "p", "expr": "alert(1)"}]),
    (BY_MONTH, "datasets", {"a": []}),
    (BY_MONTH, "usermeta", {"embedOptions": {"loader": {}}}),
    (BY_MONTH, "config", {"background": {"expr": "1"}}),
    (BY_MONTH, "height", {"signal": "1"}),
    (BY_MONTH, "width", 100),
    (BY_MONTH, "layer", [{"mark": {"type": "image"}}]),
    (BY_MONTH, "vconcat", [{"mark": {"type": "image"}}]),
    (PANELS, "vconcat", [{}]),
    (BY_MONTH, "facet", {"field": "x"}),
    (BY_MONTH, "$schema", "http://203.0.113.9/schema.json"),
    (RANKED, "layer.0.mark.type", "image"),
    (RANKED, "layer.1.encoding.text", {"value": "x", "href": "y"}),
    (RANKED, "layer.1.encoding.text.field", "url"),
    (RANKED, "layer.1.data", {"url": "http://203.0.113.9/"}),
    (RANKED, "layer.0.transform", []),
    (RANKED, "layer", {"mark": {}}),
    (PANELS, "vconcat.0.data", {"url": "http://203.0.113.9/"}),
    (PANELS, "vconcat.1.encoding.x.scale.type", {"signal": "1"}),
    (PANELS, "vconcat.0.width", {"step": {"expr": "1"}}),
    (PANELS, "resolve", {}),
    (GRID, "encoding.color.legend", {"labelExpr": "alert(1)"}),
    (GRID, "encoding.color.scale.range", "http://203.0.113.9/"),
    (GRID, "encoding.color.scale.scheme", {"signal": "1"}),
]


@pytest.mark.parametrize(("result", "path", "value"), REFUSED)
def test_a_spec_holds_no_address_and_no_code(result: Result, path: str, value: Any) -> None:
    with pytest.raises(ConfigError):
        check_spec(change(result, path, value))


@pytest.mark.parametrize("result", [BY_MONTH, RANKED, PANELS, GRID])
def test_what_is_made_passes(result: Result) -> None:
    spec = draw_chart(result).spec
    assert spec is not None and check_spec(spec) is spec
    json.dumps(spec, allow_nan=False)


def test_the_expressions_are_constants_that_only_replace() -> None:
    for expression in COMPACT_WORDS.values():
        calls = re.findall(r"(\w+)\(", expression)
        names = re.findall(r"[a-z.]+(?=[,(])", re.sub(r"'[^']*'", "''", expression))
        assert {*calls} == {"replace"} and {*names} == {"replace", "datum.label"}

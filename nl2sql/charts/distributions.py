"""Histograms, scatter plots and heat maps as Vega-Lite: how figures are spread, and how they go together."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from nl2sql.charts.channels import HEIGHT_PIXELS, MAX_LABEL_PIXELS, ChartStyle, add_series, make_title
from nl2sql.charts.chart_rules import ChartPlan
from nl2sql.charts.column_relations import Sheet
from nl2sql.charts.column_roles import Field, Role
from nl2sql.charts.labels import choose_format, make_measure_axis, write_figure, write_label
from nl2sql.charts.points import Point, Points, convert_to_figure

_CELL_HEIGHT_PIXELS: Final = 24


def write_histogram(plan: ChartPlan, sheet: Sheet, points: Points, manner: ChartStyle) -> dict[str, Any]:
    """Bars that touch, over steps of a number: missing steps stay empty."""
    one = sheet.fields[plan.x or 0]
    begins = [point for point in points.points if point.end is not None]
    if not begins:
        begins = _find_ends(one, points)
    numbers = [number for point in begins for number in (float(point.x), point.end or 0.0)]
    records = []
    for point in begins:
        label = f"{_write_step(one, float(point.x), manner)} – {_write_step(one, point.end or 0.0, manner)}"
        records.append({"x": point.x, "end": point.end, "y": point.y, "label": label, "text": point.text})
    axis = make_measure_axis(numbers, choose_format(one, manner.numbers), manner.numbers, manner.names) | {
        "grid": False,
        "labelOverlap": True,
    }
    axis.pop("tickCount", None)
    counted = "rows" if plan.is_count else make_title(sheet.fields[plan.y[0]])
    form = {"format": ",.0f", "tickMinStep": 1} if plan.is_count else None
    figure = sheet.fields[plan.y[0]] if plan.y else one
    up = form or make_measure_axis(
        [point.y or 0 for point in begins], choose_format(figure, manner.numbers), manner.numbers, manner.names
    )
    encoding = {
        "x": {"field": "x", "type": "quantitative", "bin": "binned", "axis": axis, "title": make_title(one)},
        "x2": {"field": "end"},
        "y": {"field": "y", "type": "quantitative", "axis": up, "title": counted},
        "tooltip": [
            {"field": "label", "type": "nominal", "title": make_title(one)},
            {"field": "text", "type": "nominal", "title": counted},
        ],
    }
    return {
        "data": {"values": records},
        "mark": {"type": "bar"},
        "encoding": encoding,
        "width": "container",
        "height": HEIGHT_PIXELS,
    }


def _write_step(one: Field, number: float, manner: ChartStyle) -> str:
    value = int(number) if number.is_integer() else number
    return write_figure(choose_format(one, manner.numbers), value)


def _find_ends(one: Field, points: Points) -> list[Point]:
    """Each step with its end: the narrowest distance of two steps is how wide they are."""
    begins = [
        (float(begin), point)
        for value, point in zip(one.values, points.points, strict=True)
        if (begin := convert_to_figure(value, one, None)) is not None
    ]
    begins.sort(key=lambda pair: pair[0])
    width = min((b - a for (a, _), (b, _) in pairwise(begins)), default=1.0)
    return [replace(point, x=begin, end=round(begin + width, 12)) for begin, point in begins]


def write_scatter(plan: ChartPlan, sheet: Sheet, points: Points, manner: ChartStyle) -> dict[str, Any]:
    """A point for each row, named under the pointer."""
    first, second = sheet.fields[plan.x or 0], sheet.fields[plan.y[0]]
    label = next(
        (
            one
            for one in sheet.select_fields(Role.CATEGORY, Role.KEY)
            if one.is_distinct and one.position != plan.colour
        ),
        None,
    )
    records: list[dict[str, Any]] = []
    for row, point in enumerate(points.points):
        value = first.values[row]
        if isinstance(point.x, str) or point.y is None:
            continue
        x = {"x": point.x, "label": write_figure(choose_format(first, manner.numbers), value)}
        record = {**x, "y": point.y, "text": point.text}
        if point.series:
            record["series"] = point.series
        if label is not None:
            record["name"] = write_label(label, label.values[row], manner.names)
        records.append(record)
    encoding: dict[str, Any] = {}
    for channel, one, numbers in (
        ("x", first, [float(r["x"]) for r in records]),
        ("y", second, [float(r["y"]) for r in records]),
    ):
        scale: dict[str, Any] = {"zero": bool(numbers) and min(numbers) >= 0 and min(numbers) < 0.3 * max(numbers)}
        if manner.is_log and channel == "y":
            scale = {"type": "log"}
        encoding[channel] = {
            "field": channel,
            "type": "quantitative",
            "axis": make_measure_axis(numbers, choose_format(one, manner.numbers), manner.numbers, manner.names),
            "scale": scale,
            "title": make_title(one),
        }
    add_series(encoding, plan, sheet, points)
    named = [{"field": "name", "type": "nominal", "title": make_title(label)}] if label is not None else []
    encoding["tooltip"] = [
        *named,
        {"field": "label", "type": "nominal", "title": make_title(first)},
        {"field": "text", "type": "nominal", "title": make_title(second)},
    ]
    mark = {"type": "point", "filled": True, "size": 36, "opacity": 0.6}
    body = {"data": {"values": records}, "mark": mark, "encoding": encoding}
    return body | {"width": "container", "height": HEIGHT_PIXELS}


def write_cells(plan: ChartPlan, sheet: Sheet, points: Points, manner: ChartStyle) -> dict[str, Any]:
    """A cell for each pair of labels, the darker the larger."""
    across, down = sheet.fields[plan.x or 0], sheet.fields[plan.y[0]]
    one = sheet.fields[plan.colour or 0]
    records = []
    for point in points.points:
        records.append({"x": point.x, "series": point.series, "z": point.y, "text": point.text})
    figures = points.figures
    scale: dict[str, Any] = {"range": "heatmap"}
    if min(figures, default=0) < 0 < max(figures, default=0):
        scale = {"range": "diverging", "domainMid": 0}
    legend = make_measure_axis(figures, choose_format(one, manner.numbers), manner.numbers, manner.names)
    legend.pop("tickCount", None)
    plain = {"grid": False, "labelLimit": MAX_LABEL_PIXELS}
    encoding = {
        "x": {
            "field": "x",
            "type": "ordinal",
            "scale": {"domain": points.labels},
            "axis": {**plain, "labelAngle": 0, "labelOverlap": True, "labelSeparation": 8},
            "title": make_title(across),
        },
        "y": {
            "field": "series",
            "type": "ordinal",
            "scale": {"domain": points.series},
            "axis": plain,
            "title": make_title(down),
        },
        "color": {"field": "z", "type": "quantitative", "scale": scale, "legend": legend, "title": make_title(one)},
        "tooltip": [
            {"field": "x", "type": "nominal", "title": make_title(across)},
            {"field": "series", "type": "nominal", "title": make_title(down)},
            {"field": "text", "type": "nominal", "title": make_title(one)},
        ],
    }
    height = min(600, max(4, len(points.series)) * _CELL_HEIGHT_PIXELS)
    body = {"data": {"values": records}, "mark": {"type": "rect"}, "encoding": encoding}
    return body | {"width": "container", "height": height}

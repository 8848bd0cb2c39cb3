"""Histograms, scatter plots and heat maps as Vega-Lite: how figures are distributed, and how two of them relate."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from nl2sql.charts.channels import HEIGHT_PIXELS, MAX_LABEL_PIXELS, ChartStyle, add_series, make_title
from nl2sql.charts.chart_rules import ChartPlan
from nl2sql.charts.column_relations import ChartData
from nl2sql.charts.column_roles import Field, Role
from nl2sql.charts.labels import choose_format, make_measure_axis, write_figure, write_label
from nl2sql.charts.points import Point, Points, convert_to_figure

_CELL_HEIGHT_PIXELS: Final = 24


def write_histogram(plan: ChartPlan, data: ChartData, points: Points, style: ChartStyle) -> dict[str, Any]:
    """Return touching bars over steps of a number; a missing step stays empty."""
    column = data.fields[plan.x or 0]
    begins = [point for point in points.points if point.end is not None]
    if not begins:
        begins = _find_ends(column, points)
    numbers = [number for point in begins for number in (float(point.x), point.end or 0.0)]
    records = []
    for point in begins:
        label = f"{_write_step(column, float(point.x), style)} – {_write_step(column, point.end or 0.0, style)}"
        records.append({"x": point.x, "end": point.end, "y": point.y, "label": label, "text": point.text})
    axis = make_measure_axis(numbers, choose_format(column, style.numbers), style.numbers, style.names) | {
        "grid": False,
        "labelOverlap": True,
    }
    axis.pop("tickCount", None)
    counted = "rows" if plan.is_count else make_title(data.fields[plan.y[0]])
    form = {"format": ",.0f", "tickMinStep": 1} if plan.is_count else None
    figure = data.fields[plan.y[0]] if plan.y else column
    up = form or make_measure_axis(
        [point.y or 0 for point in begins], choose_format(figure, style.numbers), style.numbers, style.names
    )
    encoding = {
        "x": {"field": "x", "type": "quantitative", "bin": "binned", "axis": axis, "title": make_title(column)},
        "x2": {"field": "end"},
        "y": {"field": "y", "type": "quantitative", "axis": up, "title": counted},
        "tooltip": [
            {"field": "label", "type": "nominal", "title": make_title(column)},
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


def _write_step(column: Field, number: float, style: ChartStyle) -> str:
    value = int(number) if number.is_integer() else number
    return write_figure(choose_format(column, style.numbers), value)


def _find_ends(column: Field, points: Points) -> list[Point]:
    """Return each step with its end; the smallest distance between two steps is their width."""
    begins = [
        (float(begin), point)
        for value, point in zip(column.values, points.points, strict=True)
        if (begin := convert_to_figure(value, column, None)) is not None
    ]
    begins.sort(key=lambda pair: pair[0])
    width = min((b - a for (a, _), (b, _) in pairwise(begins)), default=1.0)
    return [replace(point, x=begin, end=round(begin + width, 12)) for begin, point in begins]


def write_scatter(plan: ChartPlan, data: ChartData, points: Points, style: ChartStyle) -> dict[str, Any]:
    """Return a point for each row, with its name in the tooltip."""
    first, second = data.fields[plan.x or 0], data.fields[plan.y[0]]
    labels = [column for column in data.select_fields(Role.CATEGORY, Role.KEY) if column.position != plan.colour]
    label = next((column for column in labels if column.is_distinct), None)
    records = _write_scatter_records(first, label, points, style)
    encoding: dict[str, Any] = {}
    for channel, column in (("x", first), ("y", second)):
        numbers = [float(record[channel]) for record in records]
        begins_low = bool(numbers) and min(numbers) >= 0 and min(numbers) < 0.3 * max(numbers)
        encoding[channel] = {
            "field": channel,
            "type": "quantitative",
            "axis": make_measure_axis(numbers, choose_format(column, style.numbers), style.numbers, style.names),
            "scale": {"type": "log"} if style.is_log and channel == "y" else {"zero": begins_low},
            "title": make_title(column),
        }
    add_series(encoding, plan, data, points)
    named = [{"field": "name", "type": "nominal", "title": make_title(label)}] if label is not None else []
    encoding["tooltip"] = [
        *named,
        {"field": "label", "type": "nominal", "title": make_title(first)},
        {"field": "text", "type": "nominal", "title": make_title(second)},
    ]
    mark = {"type": "point", "filled": True, "size": 36, "opacity": 0.6}
    body = {"data": {"values": records}, "mark": mark, "encoding": encoding}
    return body | {"width": "container", "height": HEIGHT_PIXELS}


def _write_scatter_records(
    first: Field, label: Field | None, points: Points, style: ChartStyle
) -> list[dict[str, Any]]:
    """Return a record for each row that has both figures."""
    records: list[dict[str, Any]] = []
    for row, point in enumerate(points.points):
        if isinstance(point.x, str) or point.y is None:
            continue
        text = write_figure(choose_format(first, style.numbers), first.values[row])
        record: dict[str, Any] = {"x": point.x, "label": text, "y": point.y, "text": point.text}
        if point.series:
            record["series"] = point.series
        if label is not None:
            record["name"] = write_label(label, label.values[row], style.names)
        records.append(record)
    return records


def write_cells(plan: ChartPlan, data: ChartData, points: Points, style: ChartStyle) -> dict[str, Any]:
    """Return a heat map: a cell for each pair of labels, coloured by its figure."""
    across, down = data.fields[plan.x or 0], data.fields[plan.y[0]]
    column = data.fields[plan.colour or 0]
    records = []
    for point in points.points:
        records.append({"x": point.x, "series": point.series, "z": point.y, "text": point.text})
    figures = points.figures
    scale: dict[str, Any] = {"range": "heatmap"}
    if min(figures, default=0) < 0 < max(figures, default=0):
        scale = {"range": "diverging", "domainMid": 0}
    legend = make_measure_axis(figures, choose_format(column, style.numbers), style.numbers, style.names)
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
        "color": {"field": "z", "type": "quantitative", "scale": scale, "legend": legend, "title": make_title(column)},
        "tooltip": [
            {"field": "x", "type": "nominal", "title": make_title(across)},
            {"field": "series", "type": "nominal", "title": make_title(down)},
            {"field": "text", "type": "nominal", "title": make_title(column)},
        ],
    }
    height = min(600, max(4, len(points.series)) * _CELL_HEIGHT_PIXELS)
    body = {"data": {"values": records}, "mark": {"type": "rect"}, "encoding": encoding}
    return body | {"width": "container", "height": height}

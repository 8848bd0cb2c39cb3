"""Write a plan and its points as a Vega-Lite spec: marks, channels, axes. It holds values and constants, and no code.

Colours, fonts and the locale belong to the theme, which `palette` adds where the spec is drawn.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any, Final

from nl2sql.charts.channels import (
    HEIGHT_PIXELS,
    MAX_VALUES,
    ChartStyle,
    add_series,
    make_silent_scale,
    write_along_channel,
    write_figure_channel,
    write_tooltip,
)
from nl2sql.charts.chart_rules import ChartPlan
from nl2sql.charts.column_relations import ChartData
from nl2sql.charts.column_roles import Role
from nl2sql.charts.distributions import write_cells, write_histogram, write_scatter
from nl2sql.charts.labels import MAX_LABEL_CHARS
from nl2sql.charts.points import Point, Points, fill_gaps
from nl2sql.charts.spec_check import SCHEMA
from nl2sql.errors import ConfigError
from nl2sql.text_safety import make_one_line

_ROW_HEIGHT_PIXELS: Final = 22
_GROUPED_HEIGHT_PIXELS: Final = 12
_PANEL_HEIGHT_PIXELS: Final = 110
_PANEL_WIDTH_PIXELS: Final = 600
_MAX_MARKED_POINTS: Final = 60
_MAX_FEW_POINTS: Final = 3
_AXIS_EXTENT_PIXELS: Final = 46


def write_spec(plan: ChartPlan, data: ChartData, points: Points, style: ChartStyle) -> dict[str, Any]:
    """Return the Vega-Lite spec of the plan.

    Raises:
        ConfigError: where its figures cannot be on a log scale.
    """
    if style.is_log and min(points.figures, default=0) <= 0:
        raise ConfigError("a log scale has no place for 0 and below", "Leave the log scale off, or filter those rows.")
    write = {"multiples": _write_panels, "heatmap": write_cells, "scatter": write_scatter}.get(plan.kind, _write_one)
    body = write(plan, data, points, style)
    notes = [*points.notes, *style.notes]
    spec: dict[str, Any] = {"$schema": SCHEMA}
    if style.title:
        spec["title"] = {"text": make_one_line(style.title, 2 * MAX_LABEL_CHARS)} | (
            {"subtitle": notes} if notes else {}
        )
    elif notes:
        spec["title"] = {"text": notes, "fontSize": 12, "fontWeight": "normal"}
    return spec | body


def _write_one(plan: ChartPlan, data: ChartData, points: Points, style: ChartStyle) -> dict[str, Any]:
    """Return the body of lines, areas, bars or histograms."""
    if plan.kind == "histogram":
        return write_histogram(plan, data, points, style)
    is_bars = plan.kind == "bar"
    if not is_bars:
        fill_gaps(points)
    along = write_along_channel(plan, data, points, style, has_upright_labels=is_bars)
    figure = write_figure_channel(plan, data, points, style)
    encoding: dict[str, Any] = {"y": along, "x": figure} if plan.is_lying else {"x": along, "y": figure}
    add_series(encoding, plan, data, points)
    encoding["tooltip"] = write_tooltip(plan, data, points)
    mark: dict[str, Any] = {"type": plan.kind}
    if is_bars and style.is_log:
        # A log scale has no zero, so bars would have no length.
        mark = {"type": "point", "filled": True, "size": 60}
    elif plan.kind == "line":
        mark["point"] = len({point.moment or point.x for point in points.points}) <= _MAX_MARKED_POINTS
    if is_bars:
        # The axis of bars has labels, even where they name moments.
        points = replace(points, points=[replace(point, moment=None) for point in points.points])
    records = [_write_record(point) for point in points.points]
    if plan.kind == "line" and any(point.is_faint for point in points.points):
        records = _part_open_end(points)
        encoding["strokeDash"] = make_silent_scale("open", [[1, 0], [4, 4]])
    elif any(point.is_faint for point in points.points):
        encoding["opacity"] = make_silent_scale("open", [1.0, 0.45])
    views = [{"mark": mark, "encoding": encoding}]
    if plan.is_lying and not points.series and len(points.labels) <= MAX_VALUES and not style.is_log:
        views.append(_write_values(encoding, points, records))
    if is_bars and min(points.figures, default=0) < 0:
        views.append(_write_zero("x" if plan.is_lying else "y"))
    elif plan.kind == "line" and min(points.figures, default=0) < 0 < max(points.figures, default=0):
        views.append(_write_zero("y"))
    body: dict[str, Any] = {"data": {"values": records}, "width": "container", "height": _find_height(plan, points)}
    return body | (views[0] if len(views) == 1 else {"layer": views})


def _find_height(plan: ChartPlan, points: Points) -> int:
    if not plan.is_lying:
        return HEIGHT_PIXELS
    beside = len(points.series) if plan.stack == "grouped" and points.series else 1
    rows = max(_ROW_HEIGHT_PIXELS, beside * _GROUPED_HEIGHT_PIXELS + 6)
    return max(2 * _ROW_HEIGHT_PIXELS, len(points.labels) * rows)


def _write_record(point: Point) -> dict[str, Any]:
    record: dict[str, Any] = {"x": _write_moment(point.moment) if point.moment is not None else point.x, "y": point.y}
    if point.y is not None:
        record |= {"label": point.x, "text": point.text}
    if point.series:
        record["series"] = point.series
    if point.end is not None:
        record["end"] = point.end
    if point.is_faint:
        record["open"] = True
    return record


def _write_moment(at: dt.datetime) -> str:
    return f"{at.isoformat(timespec='milliseconds')}Z"


def _part_open_end(points: Points) -> list[dict[str, Any]]:
    """Return the records of lines, with the segment to a period that is not over as a dashed line of its own."""
    records, last = [], dict[str, Point]()
    for point in points.points:
        if point.is_faint and point.series in last:
            records.append(_write_record(replace(last[point.series], is_faint=True)))
        records.append(_write_record(point))
        last[point.series] = point
    return [record | {"open": record.get("open", False)} for record in records]


def _write_values(encoding: dict[str, Any], points: Points, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the layer with the figures at the ends of horizontal bars."""
    for record in records:
        record["tip"] = max(0, record["y"] or 0)
    x = {key: value for key, value in encoding["x"].items() if key in ("type", "scale")} | {"field": "tip"}
    channels = {"y": encoding["y"], "x": x, "text": {"field": "text", "type": "nominal"}}
    return {"mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 4}, "encoding": channels}


def _write_zero(channel: str) -> dict[str, Any]:
    return {"mark": {"type": "rule"}, "encoding": {channel: {"datum": 0}}}


def _write_panels(plan: ChartPlan, data: ChartData, points: Points, style: ChartStyle) -> dict[str, Any]:
    """Return a panel for each measure, one above the other along the same axis."""
    fill_gaps(points)
    across = data.fields[plan.x or 0]
    is_bars = across.distinct_count <= _MAX_FEW_POINTS or not (points.is_time or across.role is Role.PERIOD)
    if is_bars:
        points = replace(points, points=[replace(point, moment=None) for point in points.points if point.x])
    views = []
    for at, position in enumerate(plan.y):
        panel = replace(plan, y=(position,), kind="bar" if is_bars else "line")
        name = points.series[at]
        shown = [point for point in points.points if point.series == name]
        own = replace(points, points=shown, series=[])
        is_last = at == len(plan.y) - 1
        along = write_along_channel(panel, data, own, style, has_upright_labels=is_bars, has_labels=is_last)
        figure = write_figure_channel(panel, data, own, style)
        figure["axis"] = {**figure["axis"], "minExtent": _AXIS_EXTENT_PIXELS, "tickCount": 4}
        mark = {"type": "bar"} if is_bars else {"type": "line", "point": len(own.points) <= _MAX_MARKED_POINTS}
        encoding = {"x": along, "y": figure, "tooltip": write_tooltip(panel, data, own)}
        records = [_write_record(replace(point, series="")) for point in own.points]
        if any(point.is_faint for point in own.points):
            records = records if is_bars else _part_open_end(replace(own, points=[*map(_drop_series, own.points)]))
            if is_bars:
                encoding["opacity"] = make_silent_scale("open", [1.0, 0.45])
            else:
                encoding["strokeDash"] = make_silent_scale("open", [[1, 0], [4, 4]])
        views.append(
            {
                "data": {"values": records},
                "mark": mark,
                "encoding": encoding,
                "width": _PANEL_WIDTH_PIXELS,
                "height": _PANEL_HEIGHT_PIXELS,
            }
        )
    return {"vconcat": views, "spacing": 14}


def _drop_series(point: Point) -> Point:
    return replace(point, series="")

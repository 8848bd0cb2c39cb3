"""A plan and its points as a Vega-Lite spec: marks, channels, axes. It holds values and constants, and no code.

Colours, fonts and the locale are the theme's, which `palette` adds where the spec is drawn.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from nl2sql.charts.choosing import Plan, Sheet
from nl2sql.charts.column_roles import Field, Role
from nl2sql.charts.labels import LABEL_CHARS, Names, choose_format, measure_axis, period_axis, write_figure, write_label
from nl2sql.charts.points import Point, Points, fill_gaps, list_missing_labels, to_figure
from nl2sql.charts.spec_check import SCHEMA, TAKEN_TITLES
from nl2sql.errors import ConfigError
from nl2sql.schema.render import one_line

_HEIGHT: Final = 260
_ROW_HEIGHT: Final = 22
_GROUPED_HEIGHT: Final = 12
_PANEL_HEIGHT: Final = 110
_CELL_HEIGHT: Final = 24
_PANEL_WIDTH: Final = 600
_MARKED_POINTS: Final = 60
_LABEL_LIMIT: Final = 200
_MOST_VALUES: Final = 25
_ROOM_FOR_VALUES: Final = 1.18
_FEW_BARS: Final = 5
_FLAT: Final = 0.5
_UPRIGHT_CHARS: Final = 70
_AXIS_EXTENT: Final = 46


@dataclass(frozen=True, slots=True)
class Manner:
    """How a chart is written whatever it shows: names of months, log scale, title, and how figures stand on axes."""

    names: Names
    is_log: bool = False
    title: str = ""
    numbers: str | None = None
    notes: tuple[str, ...] = ()


def write_spec(plan: Plan, sheet: Sheet, points: Points, manner: Manner) -> dict[str, Any]:
    """The Vega-Lite spec of the plan. ConfigError where its figures cannot be on a log scale."""
    if manner.is_log and min(points.figures, default=0) <= 0:
        raise ConfigError("a log scale has no place for 0 and below", "Leave the log scale off, or filter those rows.")
    write = {"multiples": _write_panels, "heatmap": _write_cells, "scatter": _write_scatter}.get(plan.kind, _write_one)
    body = write(plan, sheet, points, manner)
    notes = [*points.notes, *manner.notes]
    spec: dict[str, Any] = {"$schema": SCHEMA}
    if manner.title:
        spec["title"] = {"text": one_line(manner.title, 2 * LABEL_CHARS)} | ({"subtitle": notes} if notes else {})
    elif notes:
        spec["title"] = {"text": notes, "fontSize": 12, "fontWeight": "normal"}
    return spec | body


def _write_one(plan: Plan, sheet: Sheet, points: Points, manner: Manner) -> dict[str, Any]:
    """Lines, areas, bars and histograms."""
    if plan.kind == "histogram":
        return _write_histogram(plan, sheet, points, manner)
    is_bars = plan.kind == "bar"
    if not is_bars:
        fill_gaps(points)
    along = _write_along(plan, sheet, points, manner, labels_stand=is_bars)
    figure = _write_figure_axis(plan, sheet, points, manner)
    encoding: dict[str, Any] = {"y": along, "x": figure} if plan.is_lying else {"x": along, "y": figure}
    _add_series(encoding, plan, sheet, points)
    encoding["tooltip"] = _write_tooltip(plan, sheet, points)
    mark: dict[str, Any] = {"type": plan.kind}
    if is_bars and manner.is_log:
        # A bar has no length where there is no zero.
        mark = {"type": "point", "filled": True, "size": 60}
    elif plan.kind == "line":
        mark["point"] = len({point.at or point.x for point in points.points}) <= _MARKED_POINTS
    if is_bars:
        # Along bars stand labels, also where they name moments.
        points = replace(points, points=[replace(point, at=None) for point in points.points])
    records = [_write_record(point) for point in points.points]
    if plan.kind == "line" and any(point.is_faint for point in points.points):
        records = _part_open_end(points)
        encoding["strokeDash"] = _constant_scale("open", [[1, 0], [4, 4]])
    elif any(point.is_faint for point in points.points):
        encoding["opacity"] = _constant_scale("open", [1.0, 0.45])
    views = [{"mark": mark, "encoding": encoding}]
    if plan.is_lying and not points.series and len(points.labels) <= _MOST_VALUES and not manner.is_log:
        views.append(_write_values(encoding, points, records))
    if is_bars and min(points.figures, default=0) < 0:
        views.append(_write_zero("x" if plan.is_lying else "y"))
    elif plan.kind == "line" and min(points.figures, default=0) < 0 < max(points.figures, default=0):
        views.append(_write_zero("y"))
    body: dict[str, Any] = {"data": {"values": records}, "width": "container", "height": _find_height(plan, points)}
    return body | (views[0] if len(views) == 1 else {"layer": views})


def _find_height(plan: Plan, points: Points) -> int:
    if not plan.is_lying:
        return _HEIGHT
    beside = len(points.series) if plan.stack == "grouped" and points.series else 1
    rows = max(_ROW_HEIGHT, beside * _GROUPED_HEIGHT + 6)
    return max(2 * _ROW_HEIGHT, len(points.labels) * rows)


def _write_along(
    plan: Plan, sheet: Sheet, points: Points, manner: Manner, *, labels_stand: bool, has_labels: bool = True
) -> dict[str, Any]:
    """The channel along which the points lie: a time, or labels in their order."""
    title = _title(sheet.fields[plan.x]) if plan.x is not None else None
    if points.is_time and not labels_stand:
        days = [point.at for point in points.points if point.at is not None]
        axis = {
            **period_axis(days, points.grain),
            "grid": False,
            "labelAngle": 0,
            "labelOverlap": True,
            "labelSeparation": 8,
        }
        if not has_labels:
            axis, title = {"labels": False, "ticks": False, "grid": False, "values": axis["values"]}, None
        return {"field": "x", "type": "temporal", "scale": {"type": "utc"}, "axis": axis, "title": title}
    labels = list_missing_labels(points, manner.names) if not plan.is_lying else points.labels
    axis = {"labelLimit": _LABEL_LIMIT, "labelOverlap": not plan.is_lying, "labelSeparation": 4, "grid": False}
    if not plan.is_lying:
        is_ordered = plan.x is not None and sheet.fields[plan.x].is_ordered
        fits = is_ordered or sum(map(len, labels)) <= _UPRIGHT_CHARS or len(labels) > 20
        axis["labelAngle"] = 0 if fits else -35
    if not has_labels:
        axis, title = {"labels": False, "ticks": False, "grid": False}, None
    scale: dict[str, Any] = {"domain": labels}
    if labels_stand and not plan.is_lying and len(labels) <= _FEW_BARS and not points.series:
        # Two bars as wide as the page say no more than two slender ones.
        scale["padding"] = 0.6
    return {"field": "x", "type": "ordinal", "scale": scale, "axis": axis, "title": title}


def _write_figure_axis(plan: Plan, sheet: Sheet, points: Points, manner: Manner) -> dict[str, Any]:
    """The channel of the figures."""
    one = sheet.fields[plan.y[0]]
    figures = points.figures
    is_whole = plan.stack in ("stacked", "percent") and plan.kind in ("bar", "area")
    axis = measure_axis(
        _sum_stacks(points) if is_whole else figures, choose_format(one, manner.numbers), manner.numbers, manner.names
    )
    if plan.stack == "percent":
        axis = {"format": ".0%"}
    channel: dict[str, Any] = {
        "field": "y",
        "type": "quantitative",
        "axis": axis,
        "title": _title(one) if len(plan.y) == 1 else None,
    }
    if plan.kind in ("bar", "area"):
        channel["stack"] = {"stacked": "zero", "percent": "normalize"}.get(plan.stack)
    if manner.is_log:
        channel["scale"] = {"type": "log"}
    elif plan.kind == "line" and _is_level(one) and figures and min(figures) > _FLAT * max(figures):
        channel["scale"] = {"zero": False}
    if plan.is_lying and not points.series and len(points.labels) <= _MOST_VALUES and not manner.is_log:
        longest = max(figures, default=0)
        if longest > 0 and math.isfinite(longest):
            channel["scale"] = {"domainMax": longest * _ROOM_FOR_VALUES}
    return channel


def _is_level(one: Field) -> bool:
    """Whether it is a level, as an average is, whose changes count more than its height; sums begin at zero."""
    return one.origin.aggregate in ("avg", "mean", "median", "min", "max")


def _sum_stacks(points: Points) -> list[float]:
    sums: dict[str | float | dt.datetime, float] = {}
    for point in points.points:
        place = point.at or point.x
        sums[place] = sums.get(place, 0.0) + (point.y or 0)
    return list(sums.values())


def _add_series(encoding: dict[str, Any], plan: Plan, sheet: Sheet, points: Points) -> None:
    """Colour by series; bars that do not add up stand side by side."""
    if not points.series:
        return
    title = _title(sheet.fields[plan.colour]) if plan.colour is not None else None
    domain = {"domain": points.series}
    encoding["color"] = {"field": "series", "type": "nominal", "title": title, "scale": domain}
    if plan.kind == "bar" and plan.stack not in ("stacked", "percent"):
        offset = "yOffset" if plan.is_lying else "xOffset"
        encoding[offset] = {"field": "series", "type": "nominal", "scale": domain}


def _write_tooltip(plan: Plan, sheet: Sheet, points: Points) -> list[dict[str, Any]]:
    """What stands under the pointer: the period or label, the series, the figure in full."""
    entries = []
    if plan.x is not None:
        entries.append({"field": "label", "type": "nominal", "title": _title(sheet.fields[plan.x])})
    if points.series:
        title = _title(sheet.fields[plan.colour]) if plan.colour is not None else "measure"
        entries.append({"field": "series", "type": "nominal", "title": title})
    title = _title(sheet.fields[plan.y[0]]) if len(plan.y) == 1 else "value"
    return [*entries, {"field": "text", "type": "nominal", "title": title}]


def _write_record(point: Point) -> dict[str, Any]:
    record: dict[str, Any] = {"x": _write_moment(point.at) if point.at is not None else point.x, "y": point.y}
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
    """The records of lines, where the way to a period that is not over is a dashed line of its own."""
    records, last = [], dict[str, Point]()
    for point in points.points:
        if point.is_faint and point.series in last:
            records.append(_write_record(replace(last[point.series], is_faint=True)))
        records.append(_write_record(point))
        last[point.series] = point
    return [record | {"open": record.get("open", False)} for record in records]


def _constant_scale(name: str, outputs: Sequence[Any]) -> dict[str, Any]:
    """A channel that tells what is whole from what is not, without a legend."""
    return {
        "field": name,
        "type": "nominal",
        "scale": {"domain": [False, True], "range": list(outputs)},
        "legend": None,
    }


def _write_values(encoding: dict[str, Any], points: Points, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures at the ends of lying bars."""
    for record in records:
        record["tip"] = max(0, record["y"] or 0)
    x = {key: value for key, value in encoding["x"].items() if key in ("type", "scale")} | {"field": "tip"}
    channels = {"y": encoding["y"], "x": x, "text": {"field": "text", "type": "nominal"}}
    return {"mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 4}, "encoding": channels}


def _write_zero(channel: str) -> dict[str, Any]:
    return {"mark": {"type": "rule"}, "encoding": {channel: {"datum": 0}}}


def _write_histogram(plan: Plan, sheet: Sheet, points: Points, manner: Manner) -> dict[str, Any]:
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
    axis = measure_axis(numbers, choose_format(one, manner.numbers), manner.numbers, manner.names) | {
        "grid": False,
        "labelOverlap": True,
    }
    axis.pop("tickCount", None)
    counted = "rows" if plan.counts else _title(sheet.fields[plan.y[0]])
    form = {"format": ",.0f", "tickMinStep": 1} if plan.counts else None
    figure = sheet.fields[plan.y[0]] if plan.y else one
    up = form or measure_axis(
        [point.y or 0 for point in begins], choose_format(figure, manner.numbers), manner.numbers, manner.names
    )
    encoding = {
        "x": {"field": "x", "type": "quantitative", "bin": "binned", "axis": axis, "title": _title(one)},
        "x2": {"field": "end"},
        "y": {"field": "y", "type": "quantitative", "axis": up, "title": counted},
        "tooltip": [
            {"field": "label", "type": "nominal", "title": _title(one)},
            {"field": "text", "type": "nominal", "title": counted},
        ],
    }
    return {
        "data": {"values": records},
        "mark": {"type": "bar"},
        "encoding": encoding,
        "width": "container",
        "height": _HEIGHT,
    }


def _write_step(one: Field, number: float, manner: Manner) -> str:
    value = int(number) if number.is_integer() else number
    return write_figure(choose_format(one, manner.numbers), value)


def _find_ends(one: Field, points: Points) -> list[Point]:
    """Each step with its end: the narrowest distance of two steps is how wide they are."""
    begins = [
        (float(begin), point)
        for value, point in zip(one.values, points.points, strict=True)
        if (begin := to_figure(value, one, None)) is not None
    ]
    begins.sort(key=lambda pair: pair[0])
    width = min((b - a for (a, _), (b, _) in pairwise(begins)), default=1.0)
    return [replace(point, x=begin, end=round(begin + width, 12)) for begin, point in begins]


def _write_scatter(plan: Plan, sheet: Sheet, points: Points, manner: Manner) -> dict[str, Any]:
    """A point for each row, named under the pointer."""
    first, second = sheet.fields[plan.x or 0], sheet.fields[plan.y[0]]
    label = next(
        (one for one in sheet.of(Role.CATEGORY, Role.KEY) if one.is_distinct and one.position != plan.colour), None
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
            "axis": measure_axis(numbers, choose_format(one, manner.numbers), manner.numbers, manner.names),
            "scale": scale,
            "title": _title(one),
        }
    _add_series(encoding, plan, sheet, points)
    named = [{"field": "name", "type": "nominal", "title": _title(label)}] if label is not None else []
    encoding["tooltip"] = [
        *named,
        {"field": "label", "type": "nominal", "title": _title(first)},
        {"field": "text", "type": "nominal", "title": _title(second)},
    ]
    mark = {"type": "point", "filled": True, "size": 36, "opacity": 0.6}
    body = {"data": {"values": records}, "mark": mark, "encoding": encoding}
    return body | {"width": "container", "height": _HEIGHT}


def _write_cells(plan: Plan, sheet: Sheet, points: Points, manner: Manner) -> dict[str, Any]:
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
    legend = measure_axis(figures, choose_format(one, manner.numbers), manner.numbers, manner.names)
    legend.pop("tickCount", None)
    plain = {"grid": False, "labelLimit": _LABEL_LIMIT}
    encoding = {
        "x": {
            "field": "x",
            "type": "ordinal",
            "scale": {"domain": points.labels},
            "axis": {**plain, "labelAngle": 0, "labelOverlap": True, "labelSeparation": 8},
            "title": _title(across),
        },
        "y": {
            "field": "series",
            "type": "ordinal",
            "scale": {"domain": points.series},
            "axis": plain,
            "title": _title(down),
        },
        "color": {"field": "z", "type": "quantitative", "scale": scale, "legend": legend, "title": _title(one)},
        "tooltip": [
            {"field": "x", "type": "nominal", "title": _title(across)},
            {"field": "series", "type": "nominal", "title": _title(down)},
            {"field": "text", "type": "nominal", "title": _title(one)},
        ],
    }
    height = min(600, max(4, len(points.series)) * _CELL_HEIGHT)
    body = {"data": {"values": records}, "mark": {"type": "rect"}, "encoding": encoding}
    return body | {"width": "container", "height": height}


def _write_panels(plan: Plan, sheet: Sheet, points: Points, manner: Manner) -> dict[str, Any]:
    """A panel for each measure, one over the other along the same axis."""
    fill_gaps(points)
    is_bars = not points.is_time and sheet.fields[plan.x or 0].role is not Role.PERIOD
    views = []
    for at, position in enumerate(plan.y):
        one = replace(plan, y=(position,), kind="bar" if is_bars else "line")
        name = points.series[at]
        shown = [point for point in points.points if point.series == name]
        own = replace(points, points=shown, series=[])
        is_last = at == len(plan.y) - 1
        along = _write_along(one, sheet, own, manner, labels_stand=is_bars, has_labels=is_last)
        figure = _write_figure_axis(one, sheet, own, manner)
        figure["axis"] = {**figure["axis"], "minExtent": _AXIS_EXTENT, "tickCount": 4}
        mark = {"type": "bar"} if is_bars else {"type": "line", "point": len(own.points) <= _MARKED_POINTS}
        encoding = {"x": along, "y": figure, "tooltip": _write_tooltip(one, sheet, own)}
        records = [_write_record(replace(point, series="")) for point in own.points]
        if any(point.is_faint for point in own.points):
            records = records if is_bars else _part_open_end(replace(own, points=[*map(_drop_series, own.points)]))
            if is_bars:
                encoding["opacity"] = _constant_scale("open", [1.0, 0.45])
            else:
                encoding["strokeDash"] = _constant_scale("open", [[1, 0], [4, 4]])
        views.append(
            {
                "data": {"values": records},
                "mark": mark,
                "encoding": encoding,
                "width": _PANEL_WIDTH,
                "height": _PANEL_HEIGHT,
            }
        )
    return {"vconcat": views, "spacing": 14}


def _drop_series(point: Point) -> Point:
    return replace(point, series="")


def _title(one: Field) -> str:
    """A column's name as a title. A tooltip takes an entry called `image` for the address of a picture."""
    shown = one_line(one.name, LABEL_CHARS) or f"column {one.position + 1}"
    return f"{shown} " if shown.lower() in TAKEN_TITLES else shown

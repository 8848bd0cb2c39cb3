"""The channels of a Vega-Lite spec: the axes, the colours of series, and the tooltip."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.charts.chart_rules import ChartPlan
from nl2sql.charts.column_relations import ChartData
from nl2sql.charts.column_roles import Field
from nl2sql.charts.labels import MAX_LABEL_CHARS, LocaleNames, choose_format, make_measure_axis, make_period_axis
from nl2sql.charts.points import Points, list_missing_labels
from nl2sql.charts.spec_check import TAKEN_TITLES
from nl2sql.text_safety import make_one_line

HEIGHT_PIXELS: Final = 260
MAX_LABEL_PIXELS: Final = 200
_MAX_UPRIGHT_CHARS: Final = 70
MAX_VALUES: Final = 25
_VALUE_ROOM_RATIO: Final = 1.18
_MIN_FLAT_RATIO: Final = 0.5
_MAX_FEW_BARS: Final = 5
_MAX_TICKS: Final = 6


@dataclass(frozen=True, slots=True)
class ChartStyle:
    """How a chart is written whatever it shows: names of months, log scale, title, number format, notes above it.

    `numbers` is one of `labels.NUMBERS`, or None for what each column's format says.
    """

    names: LocaleNames
    is_log: bool = False
    title: str = ""
    numbers: str | None = None
    notes: tuple[str, ...] = ()


def write_along_channel(
    plan: ChartPlan,
    data: ChartData,
    points: Points,
    style: ChartStyle,
    *,
    has_upright_labels: bool,
    has_labels: bool = True,
) -> dict[str, Any]:
    """Return the channel along which the points lie: a time, or labels in their order.

    `has_upright_labels` treats moments as labels, as bars need them. `has_labels` is False for the upper panels of a
    chart whose panels share an axis.
    """
    title = make_title(data.fields[plan.x]) if plan.x is not None else None
    if points.is_time and not has_upright_labels:
        days = [point.moment for point in points.points if point.moment is not None]
        axis = {
            **make_period_axis(days, points.grain),
            "grid": False,
            "labelAngle": 0,
            "labelOverlap": True,
            "labelSeparation": 8,
        }
        if not has_labels:
            axis, title = {"labels": False, "ticks": False, "grid": False, "values": axis["values"]}, None
        return {"field": "x", "type": "temporal", "scale": {"type": "utc"}, "axis": axis, "title": title}
    labels = list_missing_labels(points, style.names) if not plan.is_lying else points.labels
    axis = {"labelLimit": MAX_LABEL_PIXELS, "labelOverlap": not plan.is_lying, "labelSeparation": 4, "grid": False}
    if not plan.is_lying:
        is_ordered = plan.x is not None and data.fields[plan.x].is_ordered
        fits = is_ordered or sum(map(len, labels)) <= _MAX_UPRIGHT_CHARS or len(labels) > 20
        axis["labelAngle"] = 0 if fits else -35
    if not has_labels:
        axis, title = {"labels": False, "ticks": False, "grid": False}, None
    scale: dict[str, Any] = {"domain": labels}
    if has_upright_labels and not plan.is_lying and len(labels) <= _MAX_FEW_BARS and not points.series:
        # A few bars as wide as the page are no easier to compare.
        scale["padding"] = 0.6
    return {"field": "x", "type": "ordinal", "scale": scale, "axis": axis, "title": title}


def write_figure_channel(plan: ChartPlan, data: ChartData, points: Points, style: ChartStyle) -> dict[str, Any]:
    """Return the channel of the figures, with its scale and its number format."""
    column = data.fields[plan.y[0]]
    figures = points.figures
    is_whole = plan.stack in ("stacked", "percent") and plan.kind in ("bar", "area")
    axis = make_measure_axis(
        _sum_stacks(points) if is_whole else figures, choose_format(column, style.numbers), style.numbers, style.names
    )
    if plan.stack == "percent":
        axis = {"format": ".0%"}
    if plan.is_lying:
        # Horizontal labels in a row need more room than labels in a column.
        axis.setdefault("tickCount", _MAX_TICKS)
    channel: dict[str, Any] = {
        "field": "y",
        "type": "quantitative",
        "axis": axis,
        "title": make_title(column) if len(plan.y) == 1 else None,
    }
    if plan.kind in ("bar", "area"):
        channel["stack"] = {"stacked": "zero", "percent": "normalize"}.get(plan.stack)
    if style.is_log:
        channel["scale"] = {"type": "log"}
    elif plan.kind == "line" and _is_level(column) and figures and min(figures) > _MIN_FLAT_RATIO * max(figures):
        channel["scale"] = {"zero": False}
    if plan.is_lying and not points.series and len(points.labels) <= MAX_VALUES and not style.is_log:
        longest = max(figures, default=0)
        if longest > 0 and math.isfinite(longest):
            channel["scale"] = {"domainMax": longest * _VALUE_ROOM_RATIO}
    return channel


def _is_level(column: Field) -> bool:
    """Return whether the measure is a level, such as an average, whose changes matter more than its height.

    The axis of a level need not begin at zero; that of a sum does.
    """
    return column.origin.aggregate in ("avg", "mean", "median", "min", "max")


def _sum_stacks(points: Points) -> list[float]:
    sums: dict[str | float | dt.datetime, float] = {}
    for point in points.points:
        place = point.moment or point.x
        sums[place] = sums.get(place, 0.0) + (point.y or 0)
    return list(sums.values())


def add_series(encoding: dict[str, Any], plan: ChartPlan, data: ChartData, points: Points) -> None:
    """Add the colour of each series, and put bars that do not add up side by side."""
    if not points.series:
        return
    title = make_title(data.fields[plan.colour]) if plan.colour is not None else None
    domain = {"domain": points.series}
    encoding["color"] = {"field": "series", "type": "nominal", "title": title, "scale": domain}
    if plan.kind == "bar" and plan.stack not in ("stacked", "percent"):
        offset = "yOffset" if plan.is_lying else "xOffset"
        encoding[offset] = {"field": "series", "type": "nominal", "scale": domain}


def write_tooltip(plan: ChartPlan, data: ChartData, points: Points) -> list[dict[str, Any]]:
    """Return the entries of the tooltip: the period or label, the series, and the figure in full."""
    entries = []
    if plan.x is not None:
        entries.append({"field": "label", "type": "nominal", "title": make_title(data.fields[plan.x])})
    if points.series:
        title = make_title(data.fields[plan.colour]) if plan.colour is not None else "measure"
        entries.append({"field": "series", "type": "nominal", "title": title})
    title = make_title(data.fields[plan.y[0]]) if len(plan.y) == 1 else "value"
    return [*entries, {"field": "text", "type": "nominal", "title": title}]


def make_silent_scale(name: str, outputs: Sequence[Any]) -> dict[str, Any]:
    """Return a channel without a legend that sets complete marks apart from incomplete ones.

    `outputs` are the values for complete and for incomplete marks, in this order.
    """
    return {
        "field": name,
        "type": "nominal",
        "scale": {"domain": [False, True], "range": list(outputs)},
        "legend": None,
    }


def make_title(column: Field) -> str:
    """Return a column's name as a title, with a space after a name that Vega's tooltip would treat as special.

    A tooltip entry called `image`, for example, is taken for the address of a picture.
    """
    shown = make_one_line(column.name, MAX_LABEL_CHARS) or f"column {column.position + 1}"
    return f"{shown} " if shown.lower() in TAKEN_TITLES else shown

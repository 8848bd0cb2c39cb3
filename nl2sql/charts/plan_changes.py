"""Change a chosen plan: to another kind of chart that fits the rows, or to what a person wishes.

It draws nothing. A wish that does not fit the rows is an error that says what does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nl2sql.charts.chart_rules import KINDS, MAX_BARS, MAX_SERIES, NOTHING, ChartPlan
from nl2sql.charts.chart_wish import ChartWish
from nl2sql.charts.column_relations import ChartData, are_alike, find_axis, has_lying_bars, is_addable
from nl2sql.charts.column_roles import Field, Role
from nl2sql.errors import ConfigError

_MAX_CELLS: Final = 1_000
_LEVELS: Final = ("avg", "mean", "median", "min", "max", "mode", "stddev", "quantile_cont")
_KIND_NAMES: Final = {
    "line": "line chart",
    "area": "area chart",
    "bar": "bar chart",
    "scatter": "scatter plot",
    "heatmap": "heat map",
    "multiples": "small multiples",
    "metric": "single figures",
}


def list_fitting_kinds(data: ChartData, chosen: ChartPlan) -> tuple[str, ...]:
    """Return the kinds that fit, the chosen one first."""
    if not data.rows or not data.measures or data.shape.has_totals:
        return ()
    first = () if chosen.kind == "none" else (chosen.kind,)
    return (*first, *(kind for kind in KINDS if kind not in first and _change_kind(data, chosen, kind) is not None))


def _change_kind(data: ChartData, chosen: ChartPlan, kind: str) -> ChartPlan | None:
    """Return the same rows as a chart of that kind; None where it would hide some of them or show nothing useful."""
    if chosen.kind == kind:
        return chosen
    if data.rows < 2 or kind == "metric" or not data.measures:
        return None
    turn = {
        "line": _change_to_line,
        "area": _change_to_line,
        "bar": _change_to_bars,
        "scatter": _change_to_scatter,
    }.get(kind)
    if turn is not None:
        plan = turn(data, chosen)
        if plan is None or (kind == "area" and has_series(plan) and not can_stack(data, plan)):
            return None
        return replace(plan, kind=kind)
    if kind == "heatmap":
        return _change_to_heatmap(data)
    along = find_axis(data)
    if kind == "multiples" and along is not None and len(data.measures) > 1 and data.has_one_row_each(along):
        return ChartPlan("multiples", along.position, tuple(column.position for column in data.measures[:4]))
    return None


def _change_to_line(data: ChartData, chosen: ChartPlan) -> ChartPlan | None:
    along = find_axis(data)
    if along is None or along.distinct_count < 2:
        return None
    colour = _find_colour(data, along)
    if not data.has_one_row_each(along, colour):
        return None
    y = _keep_measures(data, chosen)
    return ChartPlan("line", along.position, y, colour.position if colour is not None else None)


def _change_to_bars(data: ChartData, chosen: ChartPlan) -> ChartPlan | None:
    labels = [*data.select_fields(Role.CATEGORY, Role.KEY), *data.select_fields(Role.TIME, Role.PERIOD, Role.BUCKET)]
    label = data.fields[chosen.x] if chosen.x is not None and not data.fields[chosen.x].is_measure else None
    label = label or next((column for column in labels if column.is_distinct), None) or next(iter(labels), None)
    if label is None:
        return None
    colour = _find_colour(data, label)
    if not data.has_one_row_each(label, colour) or label.distinct_count > 10 * MAX_BARS:
        return None
    if (
        colour is not None
        and colour.distinct_count > MAX_SERIES
        and label.is_ordered
        and label.distinct_count > MAX_BARS
    ):
        return None
    y = _keep_measures(data, chosen)
    stack = ""
    if colour is not None or len(y) > 1:
        adds = colour is not None and is_addable(data.fields[y[0]]) and min(data.fields[y[0]].numbers) >= 0
        stack = "stacked" if adds else "grouped"
    position = colour.position if colour is not None else None
    top = 20 if label.distinct_count > 30 and not label.is_ordered else None
    return ChartPlan(
        "bar", label.position, y, position, stack, has_lying_bars(label), is_sorted_by_size=top is not None, top=top
    )


def _change_to_scatter(data: ChartData, chosen: ChartPlan) -> ChartPlan | None:
    if len(data.measures) < 2 or data.rows < 3:
        return None
    groups = [
        column
        for column in data.select_fields(Role.CATEGORY)
        if not column.is_distinct and column.distinct_count <= MAX_SERIES
    ]
    first, second = data.measures[:2]
    return ChartPlan("scatter", first.position, (second.position,), groups[0].position if groups else None)


def _change_to_heatmap(data: ChartData) -> ChartPlan | None:
    dims = [column for column in data.fields if column.is_label or column.is_ordered]
    if len(dims) != 2 or any(column.is_distinct for column in dims) or not data.has_one_row_each(*dims):
        return None
    first, second = sorted(dims, key=lambda column: (not column.is_ordered, column.distinct_count))
    if (
        min(first.distinct_count, second.distinct_count) < 2
        or first.distinct_count * second.distinct_count > _MAX_CELLS
    ):
        return None
    return ChartPlan("heatmap", first.position, (second.position,), data.measures[0].position)


def _find_colour(data: ChartData, along: Field) -> Field | None:
    """Return the column that tells rows at the same place along the axis apart."""
    if along.is_distinct:
        return None
    others = [column for column in data.fields if column is not along and (column.is_label or column.is_ordered)]
    return next((column for column in others if data.has_one_row_each(along, column)), None)


def _keep_measures(data: ChartData, chosen: ChartPlan) -> tuple[int, ...]:
    """Return the measures that were chosen, or the first where they cannot share an axis."""
    measures = [data.fields[at] for at in chosen.y if data.fields[at].is_measure]
    if not measures or chosen.kind in ("scatter", "heatmap"):
        measures = data.measures[:1]
    if len(measures) > 1 and not are_alike(measures):
        measures = measures[:1]
    return tuple(column.position for column in measures)


def apply_wish(data: ChartData, chosen: ChartPlan, kinds: Sequence[str], wish: ChartWish) -> ChartPlan:
    """Return the chosen plan changed as the wish says. `kinds` are those that fit the rows.

    Raises:
        ConfigError: where the wish does not fit the rows.
    """
    if wish.kind == "none":
        return NOTHING
    kind = wish.kind or chosen.kind
    has_axes = wish.x is not None or bool(wish.y) or wish.colour is not None
    if kind in ("none", "metric") and not has_axes:
        return chosen
    is_free = has_axes and kind in ("line", "area", "bar", "scatter") and data.measures
    if kind not in ("none", *kinds) and not is_free:
        fitting = ", ".join(kinds) or "none"
        raise ConfigError(f"these rows make no {_KIND_NAMES.get(kind, kind)}", f"What fits: {fitting}.")
    if kind == "none" and not data.measures:
        raise ConfigError("these rows hold no numbers to draw", "Ask for sums or counts.")
    plan = _change_kind(data, chosen, kind) or replace(chosen, kind=kind if kind != "none" else "bar")
    plan = _place_columns(data, plan, wish)
    if wish.is_lying is not None and plan.kind == "bar":
        plan = replace(plan, is_lying=wish.is_lying)
    if wish.top is not None and plan.kind != "bar":
        raise ConfigError("only bars can be cut to the first few", "Ask for bars, or for fewer rows.")
    if wish.top is not None:
        plan = replace(plan, top=wish.top, is_sorted_by_size=plan.is_sorted_by_size or not data.shape.order)
    return _apply_stack(data, plan, wish.stack)


def _place_columns(data: ChartData, plan: ChartPlan, wish: ChartWish) -> ChartPlan:
    """Return the plan with the columns that are wished for.

    Raises:
        ConfigError: where they do not exist, hide rows or hold no numbers.
    """
    _check_positions(data, plan, wish)
    if wish.x is None and not wish.y and wish.colour is None:
        return plan
    if plan.kind == "histogram":
        return _place_steps(data, plan, wish)
    x = wish.x if wish.x is not None else plan.x
    own = plan.y if plan.kind == "heatmap" else tuple(at for at in plan.y if data.fields[at].is_measure)
    y = wish.y or own or tuple(column.position for column in data.measures[:1])
    colour = _place_colour(data, plan, wish, x, y)
    if x is None or not y:
        raise ConfigError("the chart lacks an axis", "Choose a column for X and one for Y.")
    _check_places(data, plan.kind, x, y, colour)
    if plan.kind == "multiples":
        # Panels differ by their measures alone, and one panel is a line.
        plan, colour = replace(plan, kind="multiples" if len(y) > 1 else "line"), None
    stack = plan.stack
    has_series = colour is not None or len(y) > 1
    if plan.kind in ("bar", "area") and has_series and not stack:
        stack = "grouped" if plan.kind == "bar" else "stacked"
    is_moved = x != plan.x
    return replace(
        plan,
        x=x,
        y=y if plan.kind in ("line", "area", "bar", "multiples") else y[:1],
        colour=colour,
        stack=stack if has_series else "",
        is_lying=has_lying_bars(data.fields[x]) if is_moved and plan.kind == "bar" else plan.is_lying,
    )


def _check_positions(data: ChartData, plan: ChartPlan, wish: ChartWish) -> None:
    """Check that the columns wished for exist, and that those for Y hold numbers."""
    count = len(data.fields)
    if any(not 0 <= at < count for at in (wish.x, wish.colour, *wish.y) if at is not None):
        raise ConfigError(
            "the chart names a column that the rows do not have", f"Give a position from 0 to {count - 1}."
        )
    for at in wish.y:
        if not data.fields[at].numbers and plan.kind != "heatmap":
            raise ConfigError(f"{data.fields[at].name} holds no numbers to draw", "Choose another column.")


def _place_colour(data: ChartData, plan: ChartPlan, wish: ChartWish, x: int | None, y: tuple[int, ...]) -> int | None:
    """Return the column of the colours: the one wished for, or the plan's where it still tells rows apart."""
    if wish.colour is not None:
        return wish.colour if wish.colour != x else None
    if plan.colour is None or plan.colour == x or len(y) > 1:
        return None
    is_measure = data.fields[plan.colour].is_measure
    return None if is_measure and plan.kind != "heatmap" else plan.colour


def _check_places(data: ChartData, kind: str, x: int, y: tuple[int, ...], colour: int | None) -> None:
    """Check that the columns can be drawn in their places, and that no two rows fall on the same point."""
    along = data.fields[x]
    if kind == "heatmap" and (colour is None or not data.fields[colour].is_measure):
        raise ConfigError("the cells have nothing to be coloured by", "Choose a column of numbers as colour.")
    if kind == "scatter":
        if not along.numbers:
            raise ConfigError(f"{along.name} holds no numbers to draw", "Choose another column.")
        return
    if kind == "heatmap":
        other: Field | None = data.fields[y[0]]
    else:
        other = data.fields[colour] if colour is not None else None
    if not data.has_one_row_each(along, other):
        raise ConfigError(f"several rows have the same {along.name}", "Choose another column, or sum up in SQL.")


def _place_steps(data: ChartData, plan: ChartPlan, wish: ChartWish) -> ChartPlan:
    """Return the histogram of the column that is wished for.

    Raises:
        ConfigError: where it holds neither measured numbers nor steps.
    """
    x = wish.x if wish.x is not None else plan.x
    column = data.fields[x or 0]
    if column.is_measure and len({*filter(math.isfinite, column.numbers)}) > 1:
        return ChartPlan("histogram", column.position, is_count=True)
    if column.role is Role.BUCKET and column.is_distinct:
        y = wish.y or plan.y or tuple(other.position for other in data.measures)
        return ChartPlan("histogram", column.position, y[:1])
    raise ConfigError(f"{column.name} cannot be counted in steps", "Choose a column of measured numbers.")


def _apply_stack(data: ChartData, plan: ChartPlan, stack: str | None) -> ChartPlan:
    """Return the plan with its series combined as wished.

    Raises:
        ConfigError: where there is one series, or its figures do not add up.
    """
    if plan.kind == "area" and has_series(plan) and stack is None and not plan.stack:
        stack = "stacked"
    if stack is None:
        return plan
    if not has_series(plan) or plan.kind not in ("bar", "area", "line"):
        raise ConfigError("there is one series, so nothing to stack", "Choose a column to colour by.")
    if stack != "grouped" and any(_is_level(data, at) for at in plan.y):
        raise ConfigError("averages, highest and lowest values do not add up", "Leave them side by side.")
    if stack != "grouped" and any(number < 0 for at in plan.y for number in data.fields[at].numbers):
        raise ConfigError("figures below zero cannot be parts of a whole", "Leave them side by side.")
    kind = "area" if plan.kind == "line" and stack != "grouped" else plan.kind
    return replace(plan, kind="line" if kind == "area" and stack == "grouped" else kind, stack=stack)


def has_series(plan: ChartPlan) -> bool:
    """Return whether the plan draws several series."""
    return plan.colour is not None or len(plan.y) > 1


def can_stack(data: ChartData, plan: ChartPlan) -> bool:
    """Return whether the figures may be parts of a whole: none is below zero, and they can be added up."""
    return not any(_is_level(data, at) or min(data.fields[at].numbers, default=0) < 0 for at in plan.y)


def _is_level(data: ChartData, position: int) -> bool:
    """Return whether the values are known to be of a kind that does not add up."""
    column = data.fields[position]
    return column.origin.aggregate in _LEVELS and not column.origin.is_additive

"""The chart of a result: chosen, or as it is wished for, written and checked. The room's own door."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nl2sql.answer.display import ColumnFormat, choose_formats, find_keys
from nl2sql.answer.notation import find_notation
from nl2sql.charts.channels import ChartStyle
from nl2sql.charts.chart_rules import KINDS, MAX_BARS, MAX_SERIES, NOTHING, STACKS, ChartPlan, choose_plan
from nl2sql.charts.chart_wish import ChartWish
from nl2sql.charts.column_relations import Sheet, are_alike, find_axis, find_sorting_measure, has_lying_bars, is_addable
from nl2sql.charts.column_roles import MAX_POINTS, Field, Role, find_total, list_fields
from nl2sql.charts.labels import MAX_LABEL_CHARS, find_names
from nl2sql.charts.points import collect_points
from nl2sql.charts.query_shape import read_query
from nl2sql.charts.spec_check import check_spec
from nl2sql.charts.vega_lite import write_spec
from nl2sql.errors import ConfigError
from nl2sql.text_safety import make_one_line
from nl2sql.types import Result, Schema

_MAX_CELLS: Final = 1_000
_LEVELS: Final = ("avg", "mean", "median", "min", "max", "mode", "stddev", "quantile_cont")


@dataclass(frozen=True)
class Chart:
    """The chart of a result. `spec` is None for `none` and for `metric`, which is shown as figures.

    `kinds` are those that fit the rows, the chosen one first; `stacks` the ways in which its series can be put
    together. `axes`, `measures` and `groups` are the positions of columns that can go along, up, and into colours.
    `before` has, for a figure shown alone, the position of the one of the period before.
    """

    plan: ChartPlan
    spec: Mapping[str, Any] | None
    kinds: tuple[str, ...]
    stacks: tuple[str, ...] = ()
    axes: tuple[int, ...] = ()
    measures: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    before: Mapping[int, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """One of KINDS, or `none`."""
        return self.plan.kind


def draw_chart(
    result: Result,
    *,
    sql: str = "",
    schema: Schema | None = None,
    formats: Sequence[ColumnFormat] | None = None,
    wish: ChartWish | None = None,
    total: int | None = None,
    locale: str = "",
) -> Chart:
    """The chart of these rows, as `sql` (what gave them, as DuckDB reads it) and `wish` say.

    `schema` knows where the data ends. `total` is how many rows the query has, where the result lacks some. ConfigError
    where the wish does not fit the rows, with what would.
    """
    wish = wish or ChartWish()
    notation = find_notation(locale)
    if formats is None:
        formats = choose_formats(result, sql=sql, keys=find_keys(schema) if schema else (), notation=notation)
    shape = read_query(sql, result.columns, schema)
    rows = min(result.row_count, MAX_POINTS)
    cut = result.truncated or result.row_count > rows
    fields = list_fields(result, shape, formats)
    notes = []
    if (total_row := find_total(fields)) is not None:
        result = _drop_row(result, total_row)
        fields, rows = list_fields(result, shape, formats), rows - 1
        notes.append("without the row of totals")
        shape = replace(shape, has_totals=shape.has_totals and len([one for one in fields if one.is_label]) > 1)
    sheet = Sheet(fields, shape, rows, cut)
    chosen = choose_plan(sheet)
    kinds = _find_kinds(sheet, chosen)
    plan = _apply_wish(sheet, chosen, kinds, wish)
    about = Chart(plan, None, kinds, *_list_choices(sheet, plan))
    if plan.kind == "metric":
        return replace(about, before=_find_before(sheet))
    if plan.kind == "none":
        return about
    names = find_names(locale, notation)
    whole = max(total or 0, result.row_count)
    note = f"first {rows:,} of {whole:,} rows" if whole > rows else f"first {rows:,} rows only: there are more"
    notes += [note] if cut else []
    if not wish and (left_out := _list_missing_measures(sheet, plan)):
        notes.append(f"not drawn: {', '.join(left_out)}")
    manner = ChartStyle(names, bool(wish.is_log), wish.title or "", wish.numbers, tuple(notes))
    spec = write_spec(plan, sheet, collect_points(plan, sheet, names, wish.numbers), manner)
    return replace(about, spec=check_spec(spec))


def _drop_row(result: Result, row: int) -> Result:
    import pyarrow as pa

    table = pa.concat_tables([result.table.slice(0, row), result.table.slice(row + 1)])
    return replace(result, table=table)


def _list_missing_measures(sheet: Sheet, plan: ChartPlan) -> list[str]:
    """The measures that the chart does not show, where the query does not say which one counts."""
    if (
        plan.is_count
        or plan.kind not in ("bar", "line", "area", "multiples")
        or find_sorting_measure(sheet) is not None
    ):
        return []
    shown = {plan.x, plan.colour, *plan.y}
    return [make_one_line(one.name, MAX_LABEL_CHARS) for one in sheet.measures if one.position not in shown]


def _find_kinds(sheet: Sheet, chosen: ChartPlan) -> tuple[str, ...]:
    """The kinds that fit, the chosen one first."""
    if not sheet.rows or not sheet.measures or sheet.shape.has_totals:
        return ()
    first = () if chosen.kind == "none" else (chosen.kind,)
    return (*first, *(kind for kind in KINDS if kind not in first and _change_kind(sheet, chosen, kind) is not None))


def _change_kind(sheet: Sheet, chosen: ChartPlan, kind: str) -> ChartPlan | None:
    """The same rows as a chart of that kind; None where it would hide some of them or say nothing."""
    if chosen.kind == kind:
        return chosen
    if sheet.rows < 2 or kind == "metric" or not sheet.measures:
        return None
    turn = {
        "line": _change_to_line,
        "area": _change_to_line,
        "bar": _change_to_bars,
        "scatter": _change_to_scatter,
    }.get(kind)
    if turn is not None:
        plan = turn(sheet, chosen)
        if plan is None or (kind == "area" and _has_series(plan) and not _can_stack(sheet, plan)):
            return None
        return replace(plan, kind=kind)
    if kind == "heatmap":
        return _change_to_heatmap(sheet)
    along = find_axis(sheet)
    if kind == "multiples" and along is not None and len(sheet.measures) > 1 and sheet.has_one_row_each(along):
        return ChartPlan("multiples", along.position, tuple(one.position for one in sheet.measures[:4]))
    return None


def _change_to_line(sheet: Sheet, chosen: ChartPlan) -> ChartPlan | None:
    along = find_axis(sheet)
    if along is None or along.distinct_count < 2:
        return None
    colour = _find_colour(sheet, along)
    if not sheet.has_one_row_each(along, colour):
        return None
    y = _keep_measures(sheet, chosen)
    return ChartPlan("line", along.position, y, colour.position if colour is not None else None)


def _change_to_bars(sheet: Sheet, chosen: ChartPlan) -> ChartPlan | None:
    labels = [*sheet.select_fields(Role.CATEGORY, Role.KEY), *sheet.select_fields(Role.TIME, Role.PERIOD, Role.BUCKET)]
    label = sheet.fields[chosen.x] if chosen.x is not None and not sheet.fields[chosen.x].is_measure else None
    label = label or next((one for one in labels if one.is_distinct), None) or next(iter(labels), None)
    if label is None:
        return None
    colour = _find_colour(sheet, label)
    if not sheet.has_one_row_each(label, colour) or label.distinct_count > 10 * MAX_BARS:
        return None
    if (
        colour is not None
        and colour.distinct_count > MAX_SERIES
        and label.is_ordered
        and label.distinct_count > MAX_BARS
    ):
        return None
    y = _keep_measures(sheet, chosen)
    stack = ""
    if colour is not None or len(y) > 1:
        adds = colour is not None and is_addable(sheet.fields[y[0]]) and min(sheet.fields[y[0]].numbers) >= 0
        stack = "stacked" if adds else "grouped"
    position = colour.position if colour is not None else None
    top = 20 if label.distinct_count > 30 and not label.is_ordered else None
    return ChartPlan(
        "bar", label.position, y, position, stack, has_lying_bars(label), is_sorted_by_size=top is not None, top=top
    )


def _change_to_scatter(sheet: Sheet, chosen: ChartPlan) -> ChartPlan | None:
    if len(sheet.measures) < 2 or sheet.rows < 3:
        return None
    groups = [
        one for one in sheet.select_fields(Role.CATEGORY) if not one.is_distinct and one.distinct_count <= MAX_SERIES
    ]
    first, second = sheet.measures[:2]
    return ChartPlan("scatter", first.position, (second.position,), groups[0].position if groups else None)


def _change_to_heatmap(sheet: Sheet) -> ChartPlan | None:
    dims = [one for one in sheet.fields if one.is_label or one.is_ordered]
    if len(dims) != 2 or any(one.is_distinct for one in dims) or not sheet.has_one_row_each(*dims):
        return None
    first, second = sorted(dims, key=lambda one: (not one.is_ordered, one.distinct_count))
    if (
        min(first.distinct_count, second.distinct_count) < 2
        or first.distinct_count * second.distinct_count > _MAX_CELLS
    ):
        return None
    return ChartPlan("heatmap", first.position, (second.position,), sheet.measures[0].position)


def _find_colour(sheet: Sheet, along: Field) -> Field | None:
    """What tells rows at the same place apart."""
    if along.is_distinct:
        return None
    others = [one for one in sheet.fields if one is not along and (one.is_label or one.is_ordered)]
    return next((one for one in others if sheet.has_one_row_each(along, one)), None)


def _keep_measures(sheet: Sheet, chosen: ChartPlan) -> tuple[int, ...]:
    """The measures that were chosen; where they were panels, those that can share an axis."""
    kept = [sheet.fields[at] for at in chosen.y if sheet.fields[at].is_measure]
    if not kept or chosen.kind in ("scatter", "heatmap"):
        kept = sheet.measures[:1]
    if len(kept) > 1 and not are_alike(kept):
        kept = kept[:1]
    return tuple(one.position for one in kept)


def _apply_wish(sheet: Sheet, chosen: ChartPlan, kinds: Sequence[str], wish: ChartWish) -> ChartPlan:
    """The chosen plan with what is wished for. ConfigError where that does not fit."""
    if wish.kind == "none":
        return NOTHING
    kind = wish.kind or chosen.kind
    has_axes = wish.x is not None or bool(wish.y) or wish.colour is not None
    if kind in ("none", "metric") and not has_axes:
        return chosen
    is_free = has_axes and kind in ("line", "area", "bar", "scatter") and sheet.measures
    if kind not in ("none", *kinds) and not is_free:
        fitting = ", ".join(kinds) or "none"
        raise ConfigError(f"these rows make no {_NAMES.get(kind, kind)}", f"What fits: {fitting}.")
    if kind == "none" and not sheet.measures:
        raise ConfigError("these rows hold no numbers to draw", "Ask for sums or counts.")
    plan = _change_kind(sheet, chosen, kind) or replace(chosen, kind=kind if kind != "none" else "bar")
    plan = _place_columns(sheet, plan, wish)
    if wish.is_lying is not None and plan.kind == "bar":
        plan = replace(plan, is_lying=wish.is_lying)
    if wish.top is not None and plan.kind != "bar":
        raise ConfigError("only bars can be cut to the first few", "Ask for bars, or for fewer rows.")
    if wish.top is not None:
        plan = replace(plan, top=wish.top, is_sorted_by_size=plan.is_sorted_by_size or not sheet.shape.order)
    return _apply_stack(sheet, plan, wish.stack)


_NAMES: Final = {
    "line": "line chart",
    "area": "area chart",
    "bar": "bar chart",
    "scatter": "scatter plot",
    "heatmap": "heat map",
    "multiples": "small multiples",
    "metric": "single figures",
}


def _place_columns(sheet: Sheet, plan: ChartPlan, wish: ChartWish) -> ChartPlan:
    """The plan with the columns that are wished for. ConfigError where they hide rows or hold no numbers."""
    count = len(sheet.fields)
    if any(not 0 <= at < count for at in (wish.x, wish.colour, *wish.y) if at is not None):
        raise ConfigError(
            "the chart names a column that the rows do not have", f"Columns are counted from 0 to {count}."
        )
    if wish.x is None and not wish.y and wish.colour is None:
        return plan
    for at in wish.y:
        if not sheet.fields[at].numbers and plan.kind != "heatmap":
            raise ConfigError(f"{sheet.fields[at].name} holds no numbers to draw", "Choose another column.")
    if plan.kind == "histogram":
        return _place_steps(sheet, plan, wish)
    x = wish.x if wish.x is not None else plan.x
    own = plan.y if plan.kind == "heatmap" else tuple(at for at in plan.y if sheet.fields[at].is_measure)
    y = wish.y or own or tuple(one.position for one in sheet.measures[:1])
    colour = wish.colour if wish.colour is not None else plan.colour
    if plan.kind != "heatmap" and wish.colour is None and colour is not None and sheet.fields[colour].is_measure:
        colour = None
    if colour is not None and (colour == x or (len(y) > 1 and wish.colour is None)):
        colour = None
    if x is None or not y:
        raise ConfigError("the chart lacks an axis", "Choose a column for X and one for Y.")
    along = sheet.fields[x]
    if plan.kind == "heatmap" and (colour is None or not sheet.fields[colour].is_measure):
        raise ConfigError("the cells have nothing to be coloured by", "Choose a column of numbers as colour.")
    if plan.kind == "scatter":
        if not along.numbers:
            raise ConfigError(f"{along.name} holds no numbers to draw", "Choose another column.")
    else:
        by = sheet.fields[colour] if colour is not None and plan.kind != "heatmap" else None
        if plan.kind == "heatmap":
            by = sheet.fields[y[0]]
        if not sheet.has_one_row_each(along, by):
            raise ConfigError(f"several rows have the same {along.name}", "Choose another column, or sum up in SQL.")
    if plan.kind == "multiples":
        # Panels are told apart by measures alone, and one panel is a line.
        plan, colour = replace(plan, kind="multiples" if len(y) > 1 else "line"), None
    stack = plan.stack
    if plan.kind in ("bar", "area") and (colour is not None or len(y) > 1) and not stack:
        stack = "grouped" if plan.kind == "bar" else "stacked"
    is_moved = x != plan.x
    return replace(
        plan,
        x=x,
        y=y if plan.kind in ("line", "area", "bar", "multiples") else y[:1],
        colour=colour,
        stack=stack if colour is not None or len(y) > 1 else "",
        is_lying=has_lying_bars(along) if is_moved and plan.kind == "bar" else plan.is_lying,
    )


def _place_steps(sheet: Sheet, plan: ChartPlan, wish: ChartWish) -> ChartPlan:
    """The histogram of another column. ConfigError where that holds neither measured numbers nor steps."""
    x = wish.x if wish.x is not None else plan.x
    one = sheet.fields[x or 0]
    if one.is_measure and len({*filter(math.isfinite, one.numbers)}) > 1:
        return ChartPlan("histogram", one.position, is_count=True)
    if one.role is Role.BUCKET and one.is_distinct:
        y = wish.y or plan.y or tuple(other.position for other in sheet.measures)
        return ChartPlan("histogram", one.position, y[:1])
    raise ConfigError(f"{one.name} cannot be counted in steps", "Choose a column of measured numbers.")


def _apply_stack(sheet: Sheet, plan: ChartPlan, stack: str | None) -> ChartPlan:
    """The series put together as wished. ConfigError where there are none, or where they do not add up."""
    if plan.kind == "area" and _has_series(plan) and stack is None and not plan.stack:
        stack = "stacked"
    if stack is None:
        return plan
    if not _has_series(plan) or plan.kind not in ("bar", "area", "line"):
        raise ConfigError("there is one series, so nothing to stack", "Choose a column to colour by.")
    if stack != "grouped" and any(_is_level(sheet, at) for at in plan.y):
        raise ConfigError("averages, highest and lowest values do not add up", "Leave them side by side.")
    if stack != "grouped" and any(number < 0 for at in plan.y for number in sheet.fields[at].numbers):
        raise ConfigError("figures below zero cannot be parts of a whole", "Leave them side by side.")
    kind = "area" if plan.kind == "line" and stack != "grouped" else plan.kind
    return replace(plan, kind="line" if kind == "area" and stack == "grouped" else kind, stack=stack)


def _has_series(plan: ChartPlan) -> bool:
    return plan.colour is not None or len(plan.y) > 1


def _can_stack(sheet: Sheet, plan: ChartPlan) -> bool:
    """Whether the figures may be parts of a whole: none below zero, and none of a kind that does not add up."""
    return not any(_is_level(sheet, at) or min(sheet.fields[at].numbers, default=0) < 0 for at in plan.y)


def _is_level(sheet: Sheet, position: int) -> bool:
    """Whether values are known to be of a kind that does not add up."""
    one = sheet.fields[position]
    return one.origin.aggregate in _LEVELS and not one.origin.is_additive


def _find_before(sheet: Sheet) -> dict[int, int]:
    """The figure of the period before, for each that has one: told by its name, or as the other of two."""
    earlier = [one for one in sheet.measures if one.is_previous_period]
    current = [one for one in sheet.measures if not one.is_previous_period]
    if len(earlier) == 1 and len(current) == 1:
        return {current[0].position: earlier[0].position}
    pairs = {}
    for one in current:
        named = [other for other in earlier if {*one.words} < {*other.words}]
        if len(named) == 1:
            pairs[one.position] = named[0].position
    return pairs


def _list_choices(
    sheet: Sheet, plan: ChartPlan
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """What can be changed by hand: ways to stack, and the columns that can go along, up and into colours."""
    stacks: tuple[str, ...] = ()
    if _has_series(plan) and plan.kind in ("bar", "area", "line"):
        stacks = STACKS if _can_stack(sheet, plan) else STACKS[:1]
    usable = [one for one in sheet.fields if one.role is not Role.NOTHING]
    axes = tuple(
        one.position for one in usable if one.role is not Role.MEASURE or plan.kind in ("scatter", "histogram")
    )
    measures = tuple(one.position for one in usable if one.is_measure)
    groups = tuple(
        one.position
        for one in usable
        if not one.is_measure and 1 < one.distinct_count <= 3 * MAX_SERIES and not one.is_distinct
    )
    return stacks, axes, measures, groups

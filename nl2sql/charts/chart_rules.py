"""Which chart a result gets: the rules, each a small function that says yes to a shape or leaves it to the next.

No chart beats a bad one: where no rule says yes there is none. How it is written for Vega-Lite is `vega_lite`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from nl2sql.charts.column_relations import (
    Sheet,
    are_alike,
    find_axis,
    find_series,
    find_sorting_measure,
    has_lying_bars,
    has_steps,
    is_addable,
    is_share_of_whole,
)
from nl2sql.charts.column_roles import MAX_POINTS, Field, Role
from nl2sql.charts.labels import convert_to_moment

KINDS: Final = ("line", "area", "bar", "histogram", "scatter", "heatmap", "multiples", "metric")
STACKS: Final = ("grouped", "stacked", "percent")
MAX_SERIES: Final = 8
MAX_METRICS: Final = 4
MAX_PANELS: Final = 4
MAX_COLUMNS: Final = 12
MAX_BARS: Final = 60
MAX_SHOWN_BARS: Final = 20
_MAX_FEW_POINTS: Final = 3
_MIN_SCATTER_ROWS: Final = 12
_MIN_COUNTED_VALUES: Final = 20
_MAX_CELLS: Final = 1_000
_MAX_GROUPED_BARS: Final = 40
_MAX_KEY_ROWS: Final = 30
_MIN_REGULAR_RATIO: Final = 0.7
# Of several labels, the one that is a name says most.
_NAMING: Final = frozenset("name title titel label nom nombre product produkt customer kunde".split())
_CYCLES: Final = ("weekday", "isodow", "dow", "hour", "month", "quarter")


@dataclass(frozen=True, slots=True)
class ChartPlan:
    """What is drawn: the kind, and which columns, by position, go along, up and into colours.

    With several `y` each is a series of its own, or a panel where the kind is `multiples`. `stack` is one of STACKS, or
    empty for one series. `is_lying` lays bars on their side. `is_sorted_by_size` puts the largest bars first, and `top`
    says how many categories are shown. `is_count` has rows counted in steps of `x`.
    """

    kind: str
    x: int | None = None
    y: tuple[int, ...] = ()
    colour: int | None = None
    stack: str = ""
    is_lying: bool = False
    is_sorted_by_size: bool = False
    top: int | None = None
    is_count: bool = False


NOTHING: Final = ChartPlan("none")


def choose_plan(sheet: Sheet) -> ChartPlan:
    """The most telling chart of the rows; NOTHING where none helps."""
    return next((plan for rule, _ in RULES if (plan := rule(sheet)) is not None), NOTHING)


def _refuse(sheet: Sheet) -> ChartPlan | None:
    """No rows, no numbers, sums among what they sum up, or a list as wide as a form."""
    return (
        NOTHING
        if not sheet.rows or not sheet.measures or sheet.shape.has_totals or len(sheet.fields) > MAX_COLUMNS
        else None
    )


def _choose_metric(sheet: Sheet) -> ChartPlan | None:
    """One row of numbers: each as large as it deserves; many counts are bars."""
    if sheet.rows != 1:
        return None
    measures = sheet.measures
    if len(measures) != len(sheet.fields):
        return NOTHING
    if len(measures) <= MAX_METRICS:
        return ChartPlan("metric", y=_list_positions(measures))
    return ChartPlan("bar", y=_list_positions(measures), is_lying=True) if are_alike(measures) else NOTHING


def _choose_ranking(sheet: Sheet) -> ChartPlan | None:
    """Rows sorted by a measure: bars of the one label against the measure that they are sorted by."""
    measure = find_sorting_measure(sheet)
    if measure is None:
        return None
    labels = [
        one
        for one in sheet.select_fields(Role.CATEGORY, Role.KEY, Role.PERIOD, Role.TIME, Role.BUCKET)
        if one.is_distinct
    ]
    labels.sort(key=lambda one: (not one.is_label, one.role is Role.KEY, not _NAMING & {*one.words}))
    if not labels or _is_list_of_keys(sheet, labels[0]) or _is_uniform(sheet, measure):
        return None
    if not labels[0].is_label and sheet.rows > MAX_SHOWN_BARS:
        return None
    return ChartPlan("bar", labels[0].position, (measure.position,), is_lying=True, top=_find_top(sheet))


def _choose_years_beside(sheet: Sheet) -> ChartPlan | None:
    """A year and a part of the year: a line for each year over the year's parts."""
    years = [one for one in sheet.select_fields(Role.PERIOD) if one.grain == "year"]
    parts = [one for one in sheet.select_fields(Role.PERIOD) if one.part]
    if len(years) != 1 or len(parts) != 1 or sheet.select_fields(Role.CATEGORY, Role.TIME, Role.KEY, Role.BUCKET):
        return None
    year, part = years[0], parts[0]
    if not sheet.has_one_row_each(year, part) or year.distinct_count > MAX_SERIES:
        return None
    kind = "line" if part.distinct_count > _MAX_FEW_POINTS else "bar"
    return ChartPlan(
        kind, part.position, _list_positions(sheet.measures[:1]), year.position, "grouped" if kind == "bar" else ""
    )


def _choose_heatmap(sheet: Sheet) -> ChartPlan | None:
    """Two parts of dates, or a matrix of the same things: a cell for each pair."""
    ordered = sheet.select_fields(Role.PERIOD, Role.BUCKET, Role.TIME)
    labels = sheet.select_fields(Role.CATEGORY, Role.KEY)
    if len(sheet.measures) != 1:
        return None
    if len(ordered) == 2 and not labels:
        first, second = sorted(ordered, key=lambda one: -one.distinct_count)
        if min(first.distinct_count, second.distinct_count) < 2 or first.is_distinct or second.is_distinct:
            return None
    elif len(labels) == 2 and not ordered and {*map(str, labels[0].values)} == {*map(str, labels[1].values)}:
        first, second = labels
    else:
        return None
    fits = sheet.has_one_row_each(first, second) and first.distinct_count * second.distinct_count <= _MAX_CELLS
    return _make_heatmap(sheet, first, second) if fits else NOTHING


def _choose_trend(sheet: Sheet) -> ChartPlan | None:
    """Along a time or period: a line, several where a few categories or like measures are, panels for unlike ones."""
    along, category = find_axis(sheet), find_series(sheet)
    if along is None or along.role is Role.BUCKET:
        return None
    if (
        _is_list(sheet, along)
        or _has_event_rows(sheet, along)
        or len(sheet.select_fields(Role.CATEGORY, Role.KEY)) > 1
        or sheet.rows > MAX_POINTS
    ):
        return NOTHING
    if along.distinct_count < 2:
        return None
    if not sheet.has_one_row_each(along, category):
        return NOTHING
    kind = _choose_trend_kind(along)
    if category is not None:
        if sheet.rows < 2 * category.distinct_count:
            return NOTHING
        if category.distinct_count > MAX_SERIES and (category.distinct_count > MAX_BARS or sheet.is_cut):
            return NOTHING
        return _plan_series(sheet, along, category, kind)
    return _plan_measures(sheet, along, kind)


def _choose_steps(sheet: Sheet) -> ChartPlan | None:
    """Numbers in steps, one row each: a histogram; whole numbers one after the other are bars."""
    steps = sheet.select_fields(Role.BUCKET)
    if (
        len(steps) != 1
        or sheet.select_fields(Role.CATEGORY, Role.KEY, Role.TIME, Role.PERIOD)
        or not steps[0].is_distinct
    ):
        return None
    step, measure = steps[0], sheet.measures[0]
    if len(sheet.measures) > 2 or step.distinct_count > 4 * MAX_BARS:
        return None
    if not step.origin.is_bucket and _has_unit_steps(step) and step.distinct_count <= MAX_SHOWN_BARS:
        return ChartPlan("bar", step.position, (measure.position,))
    return ChartPlan("histogram", step.position, (measure.position,))


def _choose_crossing(sheet: Sheet) -> ChartPlan | None:
    """Two labels and one measure: stacked where sums add up, side by side where few do not, else a heat map."""
    labels = [*sheet.select_fields(Role.CATEGORY), *sheet.select_fields(Role.BUCKET), *sheet.select_fields(Role.KEY)]
    if len(labels) < 2:
        return None
    pairs = [(a, b) for a in labels for b in labels if a.position < b.position and sheet.has_one_row_each(a, b)]
    if any(one.is_distinct for one in labels):
        return None
    if len(sheet.measures) != 1 or len(labels) != 2 or not pairs:
        return NOTHING
    first, series = pairs[0]
    if series.distinct_count > first.distinct_count and series.distinct_count > MAX_SERIES:
        first, series = series, first
    return _plan_crossing(sheet, first, series)


def _choose_distribution(sheet: Sheet) -> ChartPlan | None:
    """One column of measured numbers: how often each size occurs."""
    one = sheet.measures[0]
    rest = [other for other in sheet.fields if other is not one and other.role is not Role.KEY]
    if (
        rest
        or sheet.shape.is_grouped
        or len(one.numbers) < _MIN_COUNTED_VALUES
        or sheet.is_cut
        or one.distinct_count < 2
    ):
        return None
    return ChartPlan("histogram", one.position, is_count=True)


def _choose_scatter(sheet: Sheet) -> ChartPlan | None:
    """Two measures of many things: how one goes with the other."""
    if len(sheet.measures) < 2 or not _MIN_SCATTER_ROWS <= sheet.rows <= MAX_POINTS:
        return None
    if sheet.select_fields(Role.TIME, Role.PERIOD, Role.RANK) or len(sheet.measures) > 3:
        return None
    labels = sheet.select_fields(Role.CATEGORY, Role.BUCKET)
    groups = [one for one in labels if not one.is_distinct]
    if len(groups) > 1 or (groups and groups[0].distinct_count > MAX_SERIES) or (labels and sheet.rows < _MAX_KEY_ROWS):
        return None
    first, second = sheet.measures[:2]
    if first.distinct_count < 3 or second.distinct_count < 3:
        return None
    return ChartPlan("scatter", first.position, (second.position,), groups[0].position if groups else None)


def _choose_bars(sheet: Sheet) -> ChartPlan | None:
    """One label, one row each: bars, of several measures where they are alike."""
    labels = [one for one in sheet.select_fields(Role.CATEGORY, Role.PERIOD, Role.BUCKET, Role.KEY) if one.is_distinct]
    if not labels:
        return None
    label, measures = labels[0], sheet.measures
    if _is_list_of_keys(sheet, label) or _is_list(sheet, label) or _is_uniform(sheet, measures[0]):
        return None
    is_long = sheet.rows > MAX_BARS
    if is_long and sheet.is_cut:
        return None
    # Sorted by their names, the largest ones are what is looked for once they do not fit.
    by_size = is_long or (sheet.shape.is_sorted is False and label.is_label and not has_steps(label))
    is_lying = has_lying_bars(label)
    if len(measures) > 1 and sheet.rows <= MAX_SHOWN_BARS:
        if len(measures) <= MAX_PANELS and are_alike(measures):
            return ChartPlan("bar", label.position, _list_positions(measures), stack="grouped", is_lying=is_lying)
        if len(measures) <= MAX_PANELS and not is_lying:
            return ChartPlan("multiples", label.position, _list_positions(measures))
    return ChartPlan(
        "bar",
        label.position,
        (measures[0].position,),
        is_lying=is_lying or is_long,
        is_sorted_by_size=by_size,
        top=_find_top(sheet),
    )


RULES: Final[tuple[tuple[Callable[[Sheet], ChartPlan | None], str], ...]] = (
    (_refuse, "sixty columns"),
    (_choose_metric, "one number"),
    (_choose_ranking, "best customers"),
    (_choose_years_beside, "months of several years beside each other"),
    (_choose_heatmap, "weekday and hour"),
    (_choose_trend, "revenue by month"),
    (_choose_steps, "buckets"),
    (_choose_crossing, "category and status"),
    (_choose_distribution, "one column of prices"),
    (_choose_scatter, "price and stock of each product"),
    (_choose_bars, "three channels"),
)
"""The first that says yes decides; each with the name of a shape in the gallery that it says yes to."""


def _list_positions(fields: Collection[Field]) -> tuple[int, ...]:
    return tuple(one.position for one in fields)


def _find_top(sheet: Sheet) -> int | None:
    """How many bars are shown where there are too many."""
    return MAX_SHOWN_BARS if sheet.rows > MAX_SHOWN_BARS * 3 // 2 else None


def _is_uniform(sheet: Sheet, measure: Field) -> bool:
    """Whether all bars would be as long."""
    return len({*measure.numbers}) < 2 and len(sheet.measures) == 1


def _is_list_of_keys(sheet: Sheet, label: Field) -> bool:
    return label.role is Role.KEY and (sheet.rows > _MAX_KEY_ROWS or _is_list(sheet, label))


def _is_list(sheet: Sheet, along: Field) -> bool:
    """Whether the rows are things out of a table with much to say of each, and no series of numbers."""
    if sheet.shape.is_grouped is not False:
        return False
    beside = [one for one in sheet.fields if one is not along and not one.is_measure]
    return any(one.distinct_count > max(MAX_SERIES, sheet.rows // 4) for one in beside)


def _has_event_rows(sheet: Sheet, along: Field) -> bool:
    """Whether each row is something that happened at a time of its own, so that a line between them says nothing."""
    if sheet.shape.is_grouped is not False or along.role is not Role.TIME or along.grain:
        return False
    moments = sorted(moment for value in along.present_values if (moment := convert_to_moment(value)) is not None)
    gaps = sorted((b - a).total_seconds() for a, b in pairwise(moments))
    middle = gaps[len(gaps) // 2] if gaps else 0.0
    return sum(abs(gap - middle) <= middle / 10 for gap in gaps) < _MIN_REGULAR_RATIO * len(gaps)


def _choose_trend_kind(along: Field) -> str:
    """A line, or bars where there are few points or each stands for itself, as weekdays do."""
    return "bar" if along.distinct_count <= _MAX_FEW_POINTS or along.part in _CYCLES else "line"


def _plan_series(sheet: Sheet, along: Field, category: Field, kind: str) -> ChartPlan:
    measure = find_sorting_measure(sheet) or sheet.measures[0]
    plan = ChartPlan(kind, along.position, (measure.position,), category.position)
    if is_share_of_whole(sheet, along, measure):
        return replace(plan, kind="area" if kind == "line" else "bar", stack="stacked")
    if kind == "line":
        return plan
    is_compared = along.distinct_count * category.distinct_count <= _MAX_FEW_POINTS * _MAX_FEW_POINTS and not along.part
    return replace(plan, stack="stacked" if is_addable(measure) and not is_compared else "grouped")


def _plan_measures(sheet: Sheet, along: Field, kind: str) -> ChartPlan:
    measures = sheet.measures
    if len(measures) == 1:
        return ChartPlan(kind, along.position, _list_positions(measures))
    if are_alike(measures) and len(measures) <= MAX_SERIES:
        kind = "line" if along.distinct_count > _MAX_FEW_POINTS else "bar"
        return ChartPlan(kind, along.position, _list_positions(measures), stack="grouped" if kind == "bar" else "")
    return ChartPlan("multiples", along.position, _list_positions(measures[:MAX_PANELS]))


def _plan_crossing(sheet: Sheet, first: Field, series: Field) -> ChartPlan:
    measure = sheet.measures[0]
    plan = ChartPlan("bar", first.position, (measure.position,), series.position, is_lying=has_lying_bars(first))
    adds_up = is_addable(measure) and min(measure.numbers) >= 0
    if (adds_up or is_share_of_whole(sheet, first, measure)) and series.distinct_count <= MAX_SERIES:
        if first.distinct_count <= MAX_BARS:
            return replace(plan, stack="stacked", top=_limit_bars(first))
    elif (
        series.distinct_count <= MAX_SERIES
        and first.distinct_count * series.distinct_count <= _MAX_GROUPED_BARS
        and series.distinct_count <= 4
    ):
        return replace(plan, stack="grouped")
    if first.distinct_count * series.distinct_count <= _MAX_CELLS // 2 and first.distinct_count <= MAX_BARS:
        return _make_heatmap(sheet, *sorted((first, series), key=lambda one: one.distinct_count))
    return NOTHING


def _limit_bars(first: Field) -> int | None:
    return MAX_SHOWN_BARS if first.distinct_count > MAX_SHOWN_BARS * 3 // 2 else None


def _make_heatmap(sheet: Sheet, first: Field, second: Field) -> ChartPlan:
    return ChartPlan("heatmap", first.position, (second.position,), sheet.measures[0].position)


def _has_unit_steps(step: Field) -> bool:
    numbers = step.numbers
    return step.is_whole and all(b - a == 1 for a, b in pairwise(numbers))

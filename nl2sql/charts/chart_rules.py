"""Choose the chart of a result by rules, each a small function that returns a plan or leaves the choice to the next.

Where no rule returns a plan there is no chart: none is better than a bad one. `vega_lite` writes the plan as a spec.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from nl2sql.charts.column_relations import (
    ChartData,
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
# Of several labels, one with such a word in its name is preferred.
_NAMING: Final = frozenset("name title titel label nom nombre product produkt customer kunde".split())
_CYCLES: Final = ("weekday", "isodow", "dow", "hour", "month", "quarter")


@dataclass(frozen=True, slots=True)
class ChartPlan:
    """What is drawn: the kind, and which columns, by position, are the axis, the figures and the colours.

    With several `y`, each is a series, or a panel where the kind is `multiples`. `stack` is one of STACKS, or empty for
    one series. `is_lying` makes bars horizontal. `is_sorted_by_size` puts the largest bars first, and `top` says how
    many categories are shown (None: all). `is_count` counts rows in steps of `x`.
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


def choose_plan(data: ChartData) -> ChartPlan:
    """Return the plan of the first rule that applies; NOTHING where no chart helps."""
    return next((plan for rule, _ in RULES if (plan := rule(data)) is not None), NOTHING)


def _refuse(data: ChartData) -> ChartPlan | None:
    """Draw nothing where there are no rows or numbers, totals among the rows that they sum up, or too many columns."""
    return (
        NOTHING
        if not data.rows or not data.measures or data.shape.has_totals or len(data.fields) > MAX_COLUMNS
        else None
    )


def _choose_metric(data: ChartData) -> ChartPlan | None:
    """Draw one row of numbers as single figures, or as bars where there are many similar ones."""
    if data.rows != 1:
        return None
    measures = data.measures
    if len(measures) != len(data.fields):
        return NOTHING
    if len(measures) <= MAX_METRICS:
        return ChartPlan("metric", y=_list_positions(measures))
    return ChartPlan("bar", y=_list_positions(measures), is_lying=True) if are_alike(measures) else NOTHING


def _choose_ranking(data: ChartData) -> ChartPlan | None:
    """Draw rows sorted by a measure as bars of their label against that measure."""
    measure = find_sorting_measure(data)
    if measure is None:
        return None
    labels = [
        column
        for column in data.select_fields(Role.CATEGORY, Role.KEY, Role.PERIOD, Role.TIME, Role.BUCKET)
        if column.is_distinct
    ]
    labels.sort(key=lambda column: (not column.is_label, column.role is Role.KEY, not _NAMING & {*column.words}))
    if not labels or _is_list_of_keys(data, labels[0]) or _is_uniform(data, measure):
        return None
    if not labels[0].is_label and data.rows > MAX_SHOWN_BARS:
        return None
    return ChartPlan("bar", labels[0].position, (measure.position,), is_lying=True, top=_find_top(data))


def _choose_years_beside(data: ChartData) -> ChartPlan | None:
    """Draw a year and a part of the year as a line for each year over the parts of the year."""
    years = [column for column in data.select_fields(Role.PERIOD) if column.grain == "year"]
    parts = [column for column in data.select_fields(Role.PERIOD) if column.part]
    if len(years) != 1 or len(parts) != 1 or data.select_fields(Role.CATEGORY, Role.TIME, Role.KEY, Role.BUCKET):
        return None
    year, part = years[0], parts[0]
    if not data.has_one_row_each(year, part) or year.distinct_count > MAX_SERIES:
        return None
    kind = "line" if part.distinct_count > _MAX_FEW_POINTS else "bar"
    return ChartPlan(
        kind, part.position, _list_positions(data.measures[:1]), year.position, "grouped" if kind == "bar" else ""
    )


def _choose_heatmap(data: ChartData) -> ChartPlan | None:
    """Draw two parts of dates, or a matrix of the same things, as a cell for each pair."""
    ordered = data.select_fields(Role.PERIOD, Role.BUCKET, Role.TIME)
    labels = data.select_fields(Role.CATEGORY, Role.KEY)
    if len(data.measures) != 1:
        return None
    if len(ordered) == 2 and not labels:
        first, second = sorted(ordered, key=lambda column: -column.distinct_count)
        if min(first.distinct_count, second.distinct_count) < 2 or first.is_distinct or second.is_distinct:
            return None
    elif len(labels) == 2 and not ordered and {*map(str, labels[0].values)} == {*map(str, labels[1].values)}:
        first, second = labels
    else:
        return None
    fits = data.has_one_row_each(first, second) and first.distinct_count * second.distinct_count <= _MAX_CELLS
    return _make_heatmap(data, first, second) if fits else NOTHING


def _choose_trend(data: ChartData) -> ChartPlan | None:
    """Draw a time or period as a line, as several for a few categories or similar measures, else as panels."""
    along, category = find_axis(data), find_series(data)
    if along is None or along.role is Role.BUCKET:
        return None
    if (
        _is_list(data, along)
        or _has_event_rows(data, along)
        or len(data.select_fields(Role.CATEGORY, Role.KEY)) > 1
        or data.rows > MAX_POINTS
    ):
        return NOTHING
    if along.distinct_count < 2:
        return None
    if not data.has_one_row_each(along, category):
        return NOTHING
    kind = _choose_trend_kind(along)
    if category is not None:
        if data.rows < 2 * category.distinct_count:
            return NOTHING
        if category.distinct_count > MAX_SERIES and (category.distinct_count > MAX_BARS or data.is_cut):
            return NOTHING
        return _plan_series(data, along, category, kind)
    return _plan_measures(data, along, kind)


def _choose_steps(data: ChartData) -> ChartPlan | None:
    """Draw numbers in steps, one row each, as a histogram, and consecutive whole numbers as bars."""
    steps = data.select_fields(Role.BUCKET)
    if (
        len(steps) != 1
        or data.select_fields(Role.CATEGORY, Role.KEY, Role.TIME, Role.PERIOD)
        or not steps[0].is_distinct
    ):
        return None
    step, measure = steps[0], data.measures[0]
    if len(data.measures) > 2 or step.distinct_count > 4 * MAX_BARS:
        return None
    if not step.origin.is_bucket and _has_unit_steps(step) and step.distinct_count <= MAX_SHOWN_BARS:
        return ChartPlan("bar", step.position, (measure.position,))
    return ChartPlan("histogram", step.position, (measure.position,))


def _choose_crossing(data: ChartData) -> ChartPlan | None:
    """Draw two labels and a measure as stacked bars where sums add up, as grouped bars if few, else as a heat map."""
    labels = [*data.select_fields(Role.CATEGORY), *data.select_fields(Role.BUCKET), *data.select_fields(Role.KEY)]
    if len(labels) < 2:
        return None
    pairs = [(a, b) for a in labels for b in labels if a.position < b.position and data.has_one_row_each(a, b)]
    if any(column.is_distinct for column in labels):
        return None
    if len(data.measures) != 1 or len(labels) != 2 or not pairs:
        return NOTHING
    first, series = pairs[0]
    if series.distinct_count > first.distinct_count and series.distinct_count > MAX_SERIES:
        first, series = series, first
    return _plan_crossing(data, first, series)


def _choose_distribution(data: ChartData) -> ChartPlan | None:
    """Draw one column of measured numbers as a histogram of how often each size occurs."""
    column = data.measures[0]
    rest = [other for other in data.fields if other is not column and other.role is not Role.KEY]
    if (
        rest
        or data.shape.is_grouped
        or len(column.numbers) < _MIN_COUNTED_VALUES
        or data.is_cut
        or column.distinct_count < 2
    ):
        return None
    return ChartPlan("histogram", column.position, is_count=True)


def _choose_scatter(data: ChartData) -> ChartPlan | None:
    """Draw two measures of many things as a scatter plot of how they relate."""
    if len(data.measures) < 2 or not _MIN_SCATTER_ROWS <= data.rows <= MAX_POINTS:
        return None
    if data.select_fields(Role.TIME, Role.PERIOD, Role.RANK) or len(data.measures) > 3:
        return None
    labels = data.select_fields(Role.CATEGORY, Role.BUCKET)
    groups = [column for column in labels if not column.is_distinct]
    if len(groups) > 1 or (groups and groups[0].distinct_count > MAX_SERIES) or (labels and data.rows < _MAX_KEY_ROWS):
        return None
    first, second = data.measures[:2]
    if first.distinct_count < 3 or second.distinct_count < 3:
        return None
    return ChartPlan("scatter", first.position, (second.position,), groups[0].position if groups else None)


def _choose_bars(data: ChartData) -> ChartPlan | None:
    """Draw one label with one row each as bars, of several measures where they can share an axis."""
    labels = [
        column for column in data.select_fields(Role.CATEGORY, Role.PERIOD, Role.BUCKET, Role.KEY) if column.is_distinct
    ]
    if not labels:
        return None
    label, measures = labels[0], data.measures
    if _is_list_of_keys(data, label) or _is_list(data, label) or _is_uniform(data, measures[0]):
        return None
    is_long = data.rows > MAX_BARS
    if is_long and data.is_cut:
        return None
    # Where names are sorted and do not all fit, readers look for the largest.
    by_size = is_long or (data.shape.is_sorted is False and label.is_label and not has_steps(label))
    is_lying = has_lying_bars(label)
    if len(measures) > 1 and data.rows <= MAX_SHOWN_BARS:
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
        top=_find_top(data),
    )


RULES: Final[tuple[tuple[Callable[[ChartData], ChartPlan | None], str], ...]] = (
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
"""The first that returns a plan decides; each has the name of a shape in the tests' gallery that it applies to."""


def _list_positions(fields: Collection[Field]) -> tuple[int, ...]:
    return tuple(column.position for column in fields)


def _find_top(data: ChartData) -> int | None:
    """Return how many bars are shown where there are too many; None for all."""
    return MAX_SHOWN_BARS if data.rows > MAX_SHOWN_BARS * 3 // 2 else None


def _is_uniform(data: ChartData, measure: Field) -> bool:
    """Return whether all bars would have the same length."""
    return len({*measure.numbers}) < 2 and len(data.measures) == 1


def _is_list_of_keys(data: ChartData, label: Field) -> bool:
    return label.role is Role.KEY and (data.rows > _MAX_KEY_ROWS or _is_list(data, label))


def _is_list(data: ChartData, along: Field) -> bool:
    """Return whether the rows are records of a table with several attributes each, and no series of numbers."""
    if data.shape.is_grouped is not False:
        return False
    beside = [column for column in data.fields if column is not along and not column.is_measure]
    return any(column.distinct_count > max(MAX_SERIES, data.rows // 4) for column in beside)


def _has_event_rows(data: ChartData, along: Field) -> bool:
    """Return whether rows are events at irregular times, so that a line between them would mean nothing."""
    if data.shape.is_grouped is not False or along.role is not Role.TIME or along.grain:
        return False
    moments = sorted(moment for value in along.present_values if (moment := convert_to_moment(value)) is not None)
    gaps = sorted((b - a).total_seconds() for a, b in pairwise(moments))
    middle = gaps[len(gaps) // 2] if gaps else 0.0
    return sum(abs(gap - middle) <= middle / 10 for gap in gaps) < _MIN_REGULAR_RATIO * len(gaps)


def _choose_trend_kind(along: Field) -> str:
    """Return `line`, or `bar` where there are few points or each stands for itself, as weekdays do."""
    return "bar" if along.distinct_count <= _MAX_FEW_POINTS or along.part in _CYCLES else "line"


def _plan_series(data: ChartData, along: Field, category: Field, kind: str) -> ChartPlan:
    measure = find_sorting_measure(data) or data.measures[0]
    plan = ChartPlan(kind, along.position, (measure.position,), category.position)
    if is_share_of_whole(data, along, measure):
        return replace(plan, kind="area" if kind == "line" else "bar", stack="stacked")
    if kind == "line":
        return plan
    is_compared = along.distinct_count * category.distinct_count <= _MAX_FEW_POINTS * _MAX_FEW_POINTS and not along.part
    return replace(plan, stack="stacked" if is_addable(measure) and not is_compared else "grouped")


def _plan_measures(data: ChartData, along: Field, kind: str) -> ChartPlan:
    measures = data.measures
    if len(measures) == 1:
        return ChartPlan(kind, along.position, _list_positions(measures))
    if are_alike(measures) and len(measures) <= MAX_SERIES:
        kind = "line" if along.distinct_count > _MAX_FEW_POINTS else "bar"
        return ChartPlan(kind, along.position, _list_positions(measures), stack="grouped" if kind == "bar" else "")
    return ChartPlan("multiples", along.position, _list_positions(measures[:MAX_PANELS]))


def _plan_crossing(data: ChartData, first: Field, series: Field) -> ChartPlan:
    measure = data.measures[0]
    plan = ChartPlan("bar", first.position, (measure.position,), series.position, is_lying=has_lying_bars(first))
    adds_up = is_addable(measure) and min(measure.numbers) >= 0
    if (adds_up or is_share_of_whole(data, first, measure)) and series.distinct_count <= MAX_SERIES:
        if first.distinct_count <= MAX_BARS:
            return replace(plan, stack="stacked", top=_limit_bars(first))
    elif (
        series.distinct_count <= MAX_SERIES
        and first.distinct_count * series.distinct_count <= _MAX_GROUPED_BARS
        and series.distinct_count <= 4
    ):
        return replace(plan, stack="grouped")
    if first.distinct_count * series.distinct_count <= _MAX_CELLS // 2 and first.distinct_count <= MAX_BARS:
        return _make_heatmap(data, *sorted((first, series), key=lambda column: column.distinct_count))
    return NOTHING


def _limit_bars(first: Field) -> int | None:
    return MAX_SHOWN_BARS if first.distinct_count > MAX_SHOWN_BARS * 3 // 2 else None


def _make_heatmap(data: ChartData, first: Field, second: Field) -> ChartPlan:
    return ChartPlan("heatmap", first.position, (second.position,), data.measures[0].position)


def _has_unit_steps(step: Field) -> bool:
    numbers = step.numbers
    return step.is_whole and all(b - a == 1 for a, b in pairwise(numbers))

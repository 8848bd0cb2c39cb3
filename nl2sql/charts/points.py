"""The points of a chart: the rows of a result, no more than can be read, with the rest summed up or noted.

It invents no figure: only what can be added up is added up, and what is missing stays missing.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.answer.display import Kind
from nl2sql.charts.chart_rules import MAX_SERIES, ChartPlan
from nl2sql.charts.column_relations import ChartData, is_addable
from nl2sql.charts.column_roles import PERIOD_TEXT, Field, Role, find_name_order
from nl2sql.charts.labels import (
    MAX_LABEL_CHARS,
    LocaleNames,
    choose_format,
    convert_to_moment,
    find_next_period,
    read_month,
    write_figure,
    write_label,
)
from nl2sql.charts.open_period import OpenPeriod, find_open_period
from nl2sql.text_safety import make_one_line
from nl2sql.types import make_unique_names

_MAX_FILLED_POINTS: Final = 2_000
_MAX_GAP_RATIO: Final = 0.2
_HISTOGRAM_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Point:
    """One mark: `x` is a label or the number itself, `moment` the place on a time axis, `y` a figure or None.

    `is_faint` marks what is incomplete: the rest drawn as one bar, or a period that is not over.
    """

    x: str | float
    y: float | None
    text: str
    series: str = ""
    moment: dt.datetime | None = None
    end: float | None = None
    is_faint: bool = False


@dataclass(slots=True)
class Points:
    """The points, the order of labels and of series, and the notes to be shown on the chart."""

    points: list[Point] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    series: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    open_period: str = ""
    is_time: bool = False
    grain: str = ""

    @property
    def figures(self) -> list[float]:
        """All figures that are not missing."""
        return [point.y for point in self.points if point.y is not None]


def collect_points(plan: ChartPlan, data: ChartData, names: LocaleNames, numbers: str | None = None) -> Points:
    """Return the points of that plan, with the notes on what they leave out."""
    made = Points()
    if plan.is_count:
        _count_steps(plan, data, names, made)
        return made
    along = data.fields[plan.x] if plan.x is not None else None
    figures = [data.fields[at] for at in plan.y]
    if along is None:
        _fold_row(figures, names, numbers, made)
        return made
    moments = _find_moments(along)
    made.is_time = moments is not None and plan.kind != "scatter"
    made.grain = along.grain or ("month" if made.is_time and along.role is Role.PERIOD else "")
    period = find_open_period(along) if plan.kind in ("line", "area", "bar", "multiples") else None
    colour = data.fields[plan.colour] if plan.colour is not None else None
    if plan.kind == "heatmap" and colour is not None:
        # The second axis of a heat map is a label too, and its figures are the colours.
        colour, figures = figures[0], [colour]
    axis = _Axis(along, _label_rows(along, names), moments, period)
    series = _label_rows(colour, names) if colour is not None else None
    titles = make_unique_names([_name_field(column) for column in figures])
    _add_rows(made, axis, dict(zip(titles, figures, strict=True)), series, numbers, is_scatter=plan.kind == "scatter")
    made.labels = _order_labels(along, axis.labels, as_sorted=plan.is_lying)
    made.series = _order_series(colour, series or [], titles)
    if period is not None:
        made.open_period = write_label(along, period.value, names)
        made.notes.append(f"{made.open_period} only to {names.write_period(period.end, 'day')}")
    if colour is not None and plan.kind != "heatmap" and len(made.series) > MAX_SERIES:
        _gather_series(plan.kind, made, data, figures[0], colour, names)
    if plan.kind == "bar":
        _sort_and_shorten(plan, data, figures, along, names, made)
    return made


@dataclass(frozen=True, slots=True)
class _Axis:
    """The column along which the points lie, with the label and, on a time axis, the moment of each row."""

    column: Field
    labels: list[str]
    moments: list[dt.datetime | None] | None
    open_period: OpenPeriod | None


def _add_rows(
    made: Points,
    axis: _Axis,
    figures: Mapping[str, Field],
    series: Sequence[str] | None,
    numbers: str | None,
    *,
    is_scatter: bool,
) -> None:
    """Add a point for each row and figure (by title), and notes on those that have no place or no finite figure."""
    along, columns = axis.column, figures.values()
    placeless = unfit = 0
    for row, label in enumerate(axis.labels):
        moment = axis.moments[row] if axis.moments is not None else None
        if axis.moments is not None and moment is None:
            placeless += 1
            continue
        across = convert_to_figure(along.values[row], along, numbers) if along.is_measure else None
        lacks_figures = is_scatter and all(column.values[row] is None for column in columns)
        # The row stays among the points of a scatter plot, whose writer counts rows, and is drawn nowhere.
        placeless += (along.is_measure and across is None) or lacks_figures
        is_open = axis.open_period is not None and along.values[row] == axis.open_period.value
        for title, column in figures.items():
            value = column.values[row]
            name = series[row] if series is not None else title if len(figures) > 1 else ""
            figure = convert_to_figure(value, column, numbers)
            unfit += figure is None and value is not None
            text = write_figure(choose_format(column, numbers), value)
            made.points.append(Point(label if across is None else across, figure, text, name, moment, None, is_open))
    if placeless:
        needed = " or ".join(_name_field(column) for column in ([along, *columns] if is_scatter else [along]))
        made.notes.append(f"not drawn: {placeless:,} row{'' if placeless == 1 else 's'} without {needed}")
    if unfit:
        made.notes.append(f"not drawn: {unfit:,} infinite or undefined figure{'' if unfit == 1 else 's'}")


def convert_to_figure(value: Any, column: Field, numbers: str | None) -> float | None:
    """Return a value as a number to draw, or None; percent as a fraction, since Vega's format multiplies by 100."""
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        return None
    if choose_format(column, numbers).kind is Kind.PERCENT_UNITS:
        return number / 100
    return int(number) if isinstance(value, int) else number


def _label_rows(column: Field, names: LocaleNames) -> list[str]:
    """Return each row's label; different values have different labels."""
    known: dict[str, str] = {}
    for value in column.values:
        known.setdefault(str(value), write_label(column, value, names))
    unique = dict(zip(known, make_unique_names(list(known.values())), strict=True))
    return [unique[str(value)] for value in column.values]


def _find_moments(along: Field) -> list[dt.datetime | None] | None:
    """Return the moments of a column of times, or of months and days written as text; else None."""
    if along.role is Role.TIME:
        return [convert_to_moment(value) for value in along.values]
    if along.role is not Role.PERIOD or along.numbers:
        return None
    found = [read_month(value) for value in along.values]
    return found if all(found) else None


def _order_labels(along: Field, labels: Sequence[str], *, as_sorted: bool = False) -> list[str]:
    """Return the labels in the order of the axis: that of the rows, of the calendar, or of the numbers."""
    unique = list(dict.fromkeys(labels))
    if as_sorted or not along.is_ordered:
        return unique
    value_of = dict(zip(labels, along.values, strict=True))
    places = find_name_order([value_of[label] for label in unique])
    if places is not None:
        turned = sum(b < a for a, b in zip(places, [*places[1:], places[0]], strict=True))
        return unique if turned <= 1 else [label for _, label in sorted(zip(places, unique, strict=True))]
    known = [label for label in unique if value_of[label] is not None]
    if any(isinstance(value, str) and not PERIOD_TEXT.match(value) for value in along.present_values):
        # `Q1 2025` and `Jan 2025` do not sort in the order of the calendar.
        return unique
    return sorted(known, key=lambda label: value_of[label]) + [label for label in unique if value_of[label] is None]


def _order_series(colour: Field | None, series: Sequence[str], titles: Sequence[str]) -> list[str]:
    if colour is None:
        return list(titles) if len(titles) > 1 else []
    return _order_labels(colour, series)


def _gather_series(kind: str, made: Points, data: ChartData, measure: Field, colour: Field, names: LocaleNames) -> None:
    """Keep the largest series. The others become one where they add up; else they are left out, with a note."""
    sizes: dict[str, float] = defaultdict(float)
    for point in made.points:
        sizes[point.series] += abs(point.y or 0)
    adds_up = is_addable(measure)
    largest = sorted(made.series, key=lambda series: -sizes[series])[: MAX_SERIES - adds_up]
    others = len(made.series) - len(largest)
    if not adds_up:
        made.points = [point for point in made.points if point.series in largest]
        made.series = largest
        made.notes.append(f"the {len(largest)} highest of {len(largest) + others} in {_name_field(colour)}")
        return
    rest = f"the other {others}"
    made.points = list(_sum_up(made.points, lambda point: point.series in largest, measure, names, series=rest))
    made.series = [*largest, rest]
    highest = max((abs(point.y or 0) for point in made.points if point.series != rest), default=0)
    if kind == "line" and any(abs(point.y or 0) > 2 * highest for point in made.points):
        made.points = [point for point in made.points if point.series != rest]
        made.series = largest
        made.notes.append(f"{rest} in {_name_field(colour)} are not drawn")


def _sum_up(
    points: Sequence[Point], is_kept: Any, measure: Field, names: LocaleNames, *, series: str = "", x: str = ""
) -> Iterator[Point]:
    """Yield the points that `is_kept` accepts, then the sums of the others under one name."""
    sums: dict[tuple[str | float, dt.datetime | None, str, bool], float] = defaultdict(float)
    for point in points:
        if is_kept(point):
            yield point
        elif point.y is not None:
            sums[(x or point.x, point.moment, series or point.series, point.is_faint or bool(x))] += point.y
    for (place, at, name, is_faint), total in sums.items():
        figure = round(total, 9)
        value = int(figure) if measure.is_whole else figure
        text = write_figure(measure.format, value)
        yield Point(place, figure, text, name, at, None, is_faint)


def _sort_and_shorten(
    plan: ChartPlan, data: ChartData, figures: Sequence[Field], along: Field, names: LocaleNames, made: Points
) -> None:
    """Sort the bars by size where the plan says so, and cut them to the number that it names."""
    if plan.is_sorted_by_size:
        sizes: dict[str | float, float] = defaultdict(float)
        for point in made.points:
            sizes[point.x] += point.y or 0
        made.labels.sort(key=lambda label: -sizes[label])
    count = len(made.labels)
    if plan.top is None or count <= plan.top:
        return
    shown = made.labels[: plan.top]
    others = count - len(shown)
    position = plan.y[0]
    if is_addable(data.fields[position]) and len(figures) == 1 and not data.is_cut:
        rest = f"the other {others:,}"
        made.points = list(_sum_up(made.points, lambda point: point.x in shown, figures[0], names, x=rest))
        made.labels = [*shown, rest]
        _note_giant_rest(made, rest, shown)
    else:
        made.points = [point for point in made.points if point.x in shown]
        made.labels = shown
        made.notes.append(
            f"{len(shown)} of {count:,} in {_name_field(along)}{', the largest' if plan.is_sorted_by_size else ''}"
        )


def _note_giant_rest(made: Points, rest: str, shown: Sequence[str]) -> None:
    """Replace the bar of the rest by a note where it would make all others too short to compare."""
    sizes: dict[str | float, float] = defaultdict(float)
    for point in made.points:
        sizes[point.x] += abs(point.y or 0)
    if sizes[rest] <= 2 * max((sizes[label] for label in shown), default=0):
        return
    texts = [point.text for point in made.points if point.x == rest]
    made.points = [point for point in made.points if point.x != rest]
    made.labels = list(shown)
    amount = f": {texts[0]} together" if len(texts) == 1 else ""
    made.notes.append(f"{rest} are not drawn{amount}")


def _fold_row(figures: Sequence[Field], names: LocaleNames, numbers: str | None, made: Points) -> None:
    """Make one row of several measures a bar for each."""
    titles = make_unique_names([make_one_line(column.name, MAX_LABEL_CHARS) for column in figures])
    for column, title in zip(figures, titles, strict=True):
        value = column.values[0]
        text = write_figure(choose_format(column, numbers), value)
        made.points.append(Point(title, convert_to_figure(value, column, numbers), text))
    made.labels = titles


def _count_steps(plan: ChartPlan, data: ChartData, names: LocaleNames, made: Points) -> None:
    """Count how many rows have a value in each of about twenty equal steps."""
    column = data.fields[plan.x or 0]
    numbers = [number for number in column.numbers if math.isfinite(number)]
    least, most = min(numbers), max(numbers)
    step = _round_step((most - least) / _HISTOGRAM_STEPS, column.is_whole)
    counts: dict[int, int] = defaultdict(int)
    for number in numbers:
        counts[math.floor(number / step + 1e-9)] += 1
    for at in range(min(counts), max(counts) + 1):
        begin, end = round(at * step, 12), round((at + 1) * step, 12)
        made.points.append(Point(begin, counts[at], names.notation.write(_make_decimal(counts[at]), 0), end=end))
    left_out = len(column.values) - len(numbers)
    if left_out:
        made.notes.append(f"{left_out:,} without a value")


def _round_step(width: float, is_whole: bool) -> float:
    """Return the smallest step of 1, 2, 2.5 or 5 times a power of ten that is not narrower than `width`."""
    power = 10.0 ** math.floor(math.log10(width)) if width > 0 else 1.0
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= width * 0.999)
    return max(1.0, float(round(step))) if is_whole else step


def _make_decimal(count: int) -> Any:
    from decimal import Decimal

    return Decimal(count)


def fill_gaps(made: Points) -> None:
    """Break lines where a few periods are missing, so that no line is drawn across them.

    Where many are missing the lines stay, and only the points show which periods there are.
    """
    if not made.is_time or made.grain not in ("year", "quarter", "month", "week", "day", "hour"):
        return
    present = sorted({point.moment for point in made.points if point.moment is not None})
    if len(present) < 2:
        return
    whole, at = [present[0]], present[0]
    while at < present[-1] and len(whole) <= _MAX_FILLED_POINTS:
        at = find_next_period(at, made.grain)
        whole.append(at)
    missing = [moment for moment in whole if moment not in {*present}]
    if len(whole) > _MAX_FILLED_POINTS or not missing or len(missing) > _MAX_GAP_RATIO * len(whole):
        return
    empty = [Point("", None, "", series, moment) for moment in missing for series in made.series or [""]]
    made.points = sorted([*made.points, *empty], key=lambda point: point.moment or dt.datetime.min)


def list_missing_labels(made: Points, names: LocaleNames) -> list[str]:
    """Return the labels of bars along time, with those of missing periods among them."""
    moments = sorted({point.moment for point in made.points if point.moment is not None})
    if not made.is_time or made.grain not in ("year", "quarter", "month", "week") or len(moments) < 2:
        return made.labels
    labels, at = list[str](), moments[0]
    while at <= moments[-1] and len(labels) <= 4 * len(moments):
        labels.append(names.write_period(at, made.grain))
        at = find_next_period(at, made.grain)
    return labels if {*made.labels} <= {*labels} else made.labels


def _name_field(column: Field) -> str:
    return make_one_line(column.name, MAX_LABEL_CHARS)

"""The points of a chart: the rows of a result, no more than can be read, with the rest summed up or told.

It invents no figure: what is added up is what can be, and what is missing stays missing.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.answer.display import Kind
from nl2sql.charts.chart_rules import MAX_SERIES, ChartPlan
from nl2sql.charts.column_relations import Sheet, is_addable
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
from nl2sql.charts.open_period import find_open_period
from nl2sql.text_safety import make_one_line
from nl2sql.types import make_unique_names

_MAX_FILLED_POINTS: Final = 2_000
_MAX_GAP_RATIO: Final = 0.2
_HISTOGRAM_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Point:
    """One mark: `x` is a label's text or the number itself, `moment` the moment of a time axis, `y` a figure or none.

    `is_faint` marks what is not a whole: the rest that is one bar, a period that is not over.
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
    """The points with the order of labels and of series, and what is to be said on the chart."""

    points: list[Point] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    series: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    open_period: str = ""
    is_time: bool = False
    grain: str = ""

    @property
    def figures(self) -> list[float]:
        """All figures that are there."""
        return [point.y for point in self.points if point.y is not None]


def collect_points(plan: ChartPlan, sheet: Sheet, names: LocaleNames, numbers: str | None = None) -> Points:
    """The points of that plan."""
    made = Points()
    if plan.is_count:
        _count_steps(plan, sheet, names, made)
        return made
    along = sheet.fields[plan.x] if plan.x is not None else None
    figures = [sheet.fields[at] for at in plan.y]
    if along is None:
        _fold_row(figures, names, numbers, made)
        return made
    labels = _label_rows(along, names)
    moments = _find_moments(along)
    made.is_time = moments is not None and plan.kind != "scatter"
    made.grain = along.grain or ("month" if made.is_time and along.role is Role.PERIOD else "")
    opened = find_open_period(along) if plan.kind in ("line", "area", "bar", "multiples") else None
    colour = sheet.fields[plan.colour] if plan.colour is not None else None
    if plan.kind == "heatmap" and colour is not None:
        # Its second axis is a label too, and what is measured is the colour.
        colour, figures = figures[0], [colour]
    series = _label_rows(colour, names) if colour is not None else None
    title_of = dict(
        zip([one.position for one in figures], make_unique_names([_name_field(one) for one in figures]), strict=True)
    )
    placeless = unfit = 0
    for row, label in enumerate(labels):
        at = moments[row] if moments is not None else None
        if moments is not None and at is None:
            placeless += 1
            continue
        across = convert_to_figure(along.values[row], along, numbers) if along.is_measure else None
        lacks = plan.kind == "scatter" and all(one.values[row] is None for one in figures)
        # It stays among the points, which go by rows there, and is drawn nowhere.
        placeless += (along.is_measure and across is None) or lacks
        is_open = opened is not None and along.values[row] == opened.value
        for one in figures:
            value = one.values[row]
            name = series[row] if series is not None else title_of[one.position] if len(figures) > 1 else ""
            figure = convert_to_figure(value, one, numbers)
            unfit += figure is None and value is not None
            text = write_figure(choose_format(one, numbers), value)
            made.points.append(Point(label if across is None else across, figure, text, name, at, None, is_open))
    if placeless:
        what = " or ".join(
            [_name_field(along), *map(_name_field, figures)] if plan.kind == "scatter" else [_name_field(along)]
        )
        made.notes.append(f"not drawn: {placeless:,} row{'' if placeless == 1 else 's'} without {what}")
    if unfit:
        made.notes.append(f"not drawn: {unfit:,} infinite or undefined figure{'' if unfit == 1 else 's'}")
    made.labels = _order_labels(along, labels, as_sorted=plan.is_lying)
    made.series = _order_series(colour, series or [], list(title_of.values()))
    if opened is not None:
        made.open_period = write_label(along, opened.value, names)
        made.notes.append(f"{made.open_period} only to {names.write_period(opened.end, 'day')}")
    if colour is not None and plan.kind != "heatmap" and len(made.series) > MAX_SERIES:
        _gather_series(plan.kind, made, sheet, figures[0], colour, names)
    if plan.kind == "bar":
        _sort_and_shorten(plan, sheet, figures, along, names, made)
    return made


def convert_to_figure(value: Any, one: Field, numbers: str | None) -> float | None:
    """A value as a number to draw; percent as a fraction, which Vega's format makes percent of again."""
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        return None
    if choose_format(one, numbers).kind is Kind.PERCENT_UNITS:
        return number / 100
    return int(number) if isinstance(value, int) else number


def _label_rows(one: Field, names: LocaleNames) -> list[str]:
    """Each row's label; different values have different ones."""
    known: dict[str, str] = {}
    for value in one.values:
        known.setdefault(str(value), write_label(one, value, names))
    unique = dict(zip(known, make_unique_names(list(known.values())), strict=True))
    return [unique[str(value)] for value in one.values]


def _find_moments(along: Field) -> list[dt.datetime | None] | None:
    """The moments of a column of times, or of months and days written as text; else None."""
    if along.role is Role.TIME:
        return [convert_to_moment(value) for value in along.values]
    if along.role is not Role.PERIOD or along.numbers:
        return None
    found = [read_month(value) for value in along.values]
    return found if all(found) else None


def _order_labels(along: Field, labels: Sequence[str], *, as_sorted: bool = False) -> list[str]:
    """The labels in the order of the axis: that of the rows, of the calendar, or of the numbers."""
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
        # `Q1 2025` and `Jan 2025` have no order of their own that is the calendar's.
        return unique
    return sorted(known, key=lambda label: value_of[label]) + [one for one in unique if value_of[one] is None]


def _order_series(colour: Field | None, series: Sequence[str], titles: Sequence[str]) -> list[str]:
    if colour is None:
        return list(titles) if len(titles) > 1 else []
    return _order_labels(colour, series)


def _gather_series(kind: str, made: Points, sheet: Sheet, measure: Field, colour: Field, names: LocaleNames) -> None:
    """Keep the largest series; the others are one where they add up, else they are left out and it is said."""
    sizes: dict[str, float] = defaultdict(float)
    for point in made.points:
        sizes[point.series] += abs(point.y or 0)
    adds_up = is_addable(measure)
    largest = sorted(made.series, key=lambda one: -sizes[one])[: MAX_SERIES - adds_up]
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
    """The points kept, then the sums of the others under one name."""
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
    plan: ChartPlan, sheet: Sheet, figures: Sequence[Field], along: Field, names: LocaleNames, made: Points
) -> None:
    """Sort the bars by size where the plan wants it, and show no more of them than it says."""
    if plan.is_sorted_by_size:
        sizes: dict[str | float, float] = defaultdict(float)
        for point in made.points:
            sizes[point.x] += point.y or 0
        made.labels.sort(key=lambda label: -sizes[label])
    count = len(made.labels)
    if plan.top is None or count <= plan.top:
        return
    kept = made.labels[: plan.top]
    others = count - len(kept)
    position = plan.y[0]
    if is_addable(sheet.fields[position]) and len(figures) == 1 and not sheet.is_cut:
        rest = f"the other {others:,}"
        made.points = list(_sum_up(made.points, lambda point: point.x in kept, figures[0], names, x=rest))
        made.labels = [*kept, rest]
        _take_out_giant(made, rest, kept)
    else:
        made.points = [point for point in made.points if point.x in kept]
        made.labels = kept
        made.notes.append(
            f"{len(kept)} of {count:,} in {_name_field(along)}{', the largest' if plan.is_sorted_by_size else ''}"
        )


def _take_out_giant(made: Points, rest: str, kept: Sequence[str]) -> None:
    """Say the rest in words where its bar would make all others too short to compare."""
    sizes: dict[str | float, float] = defaultdict(float)
    for point in made.points:
        sizes[point.x] += abs(point.y or 0)
    if sizes[rest] <= 2 * max((sizes[label] for label in kept), default=0):
        return
    texts = [point.text for point in made.points if point.x == rest]
    made.points = [point for point in made.points if point.x != rest]
    made.labels = list(kept)
    amount = f": {texts[0]} together" if len(texts) == 1 else ""
    made.notes.append(f"{rest} are not drawn{amount}")


def _fold_row(figures: Sequence[Field], names: LocaleNames, numbers: str | None, made: Points) -> None:
    """One row of several measures: a bar for each."""
    titles = make_unique_names([make_one_line(one.name, MAX_LABEL_CHARS) for one in figures])
    for one, title in zip(figures, titles, strict=True):
        value = one.values[0]
        text = write_figure(choose_format(one, numbers), value)
        made.points.append(Point(title, convert_to_figure(value, one, numbers), text))
    made.labels = titles


def _count_steps(plan: ChartPlan, sheet: Sheet, names: LocaleNames, made: Points) -> None:
    """How many rows have a value in each of some twenty equal steps."""
    one = sheet.fields[plan.x or 0]
    numbers = [number for number in one.numbers if math.isfinite(number)]
    least, most = min(numbers), max(numbers)
    step = _round_step((most - least) / _HISTOGRAM_STEPS, one.is_whole)
    counts: dict[int, int] = defaultdict(int)
    for number in numbers:
        counts[math.floor(number / step + 1e-9)] += 1
    for at in range(min(counts), max(counts) + 1):
        begin, end = round(at * step, 12), round((at + 1) * step, 12)
        made.points.append(Point(begin, counts[at], names.notation.write(_make_decimal(counts[at]), 0), end=end))
    left_out = len(one.values) - len(numbers)
    if left_out:
        made.notes.append(f"{left_out:,} without a value")


def _round_step(width: float, is_whole: bool) -> float:
    """A step of 1, 2, 2.5 or 5 times a power of ten that is not narrower."""
    power = 10.0 ** math.floor(math.log10(width)) if width > 0 else 1.0
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= width * 0.999)
    return max(1.0, float(round(step))) if is_whole else step


def _make_decimal(count: int) -> Any:
    from decimal import Decimal

    return Decimal(count)


def fill_gaps(made: Points) -> None:
    """Break lines where periods are missing, so that none is drawn over; where many are, only points say when."""
    if not made.is_time or made.grain not in ("year", "quarter", "month", "week", "day", "hour"):
        return
    present = sorted({point.moment for point in made.points if point.moment is not None})
    if len(present) < 2:
        return
    whole, at = [present[0]], present[0]
    while at < present[-1] and len(whole) <= _MAX_FILLED_POINTS:
        at = find_next_period(at, made.grain)
        whole.append(at)
    missing = [one for one in whole if one not in {*present}]
    if len(whole) > _MAX_FILLED_POINTS or not missing or len(missing) > _MAX_GAP_RATIO * len(whole):
        return
    empty = [Point("", None, "", series, one) for one in missing for series in made.series or [""]]
    made.points = sorted([*made.points, *empty], key=lambda point: point.moment or dt.datetime.min)


def list_missing_labels(made: Points, names: LocaleNames) -> list[str]:
    """The labels of bars along time with those of missing periods among them."""
    moments = sorted({point.moment for point in made.points if point.moment is not None})
    if not made.is_time or made.grain not in ("year", "quarter", "month", "week") or len(moments) < 2:
        return made.labels
    labels, at = list[str](), moments[0]
    while at <= moments[-1] and len(labels) <= 4 * len(moments):
        labels.append(names.write_period(at, made.grain))
        at = find_next_period(at, made.grain)
    return labels if {*made.labels} <= {*labels} else made.labels


def _name_field(one: Field) -> str:
    return make_one_line(one.name, MAX_LABEL_CHARS)

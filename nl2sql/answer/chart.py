"""A chart of a result, where one helps: a Vega-Lite spec chosen from types and shape, and checked before it is shown.

It draws nothing, asks no model, and makes no code: a spec holds values, and fields that are named by position.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from nl2sql.answer.chart_check import SCHEMA, TAKEN_TITLES, checked_spec
from nl2sql.answer.export import is_numeric
from nl2sql.answer.values import text_of
from nl2sql.errors import ConfigError
from nl2sql.schema.render import one_line
from nl2sql.types import Result, column_values

KINDS: Final = ("metric", "line", "bar", "scatter")
MOST_BARS: Final = 60
MOST_POINTS: Final = 5_000
MOST_SERIES: Final = 10
MOST_METRICS: Final = 4
MOST_COLUMNS: Final = 5
_NAME_CHARS: Final = 60
_LABEL_CHARS: Final = 60
_LONG_LABEL: Final = 10
_UPRIGHT_BARS: Final = 12
_BAR_HEIGHT: Final = 26
_BESIDE_HEIGHT: Final = 12
_AXIS_HEIGHT: Final = 60
_HEIGHT: Final = 240
_TEMPORAL: Final = re.compile(r"(DATE|TIMESTAMP)", re.I)
_WORDS: Final = re.compile(r"(VARCHAR|ENUM|BOOLEAN|UUID)(?!.*\[)", re.I)
_PERIOD_TEXT: Final = re.compile(r"\d{4}(-(\d{2}|Q[1-4]|W\d{2})(-\d{2})?)?\Z")
_PERIOD_NAME: Final = re.compile(
    r"(?:^|(?<!per)_)(year|quarter|month|week|day|hour|weekday)(?:_?(no|number|num))?$", re.I
)
_KEY_NAME: Final = re.compile(r"(?:^|_)(id|key|code|no|number|zip|postcode)$", re.I)


@dataclass(frozen=True, slots=True)
class _Role:
    """What a column can be in a chart: a measure, a time, a period that has an order, a category; or nothing."""

    measure: bool = False
    time: bool = False
    period: bool = False
    category: bool = False

    @property
    def along(self) -> bool:
        return self.time or self.period


def charts(result: Result) -> tuple[str, ...]:
    """The kinds of chart that fit the result, the most telling one first; empty where none helps."""
    roles = _roles(result)
    measures = [i for i, role in enumerate(roles) if role.measure]
    if result.row_count == 1:
        fits = measures and len(measures) <= MOST_METRICS and not any(role.category for role in roles)
        return ("metric",) if fits and len(roles) == len(measures) else ()
    if result.row_count < 2 or not measures:
        return ()
    kinds = []
    along = next((i for i, role in enumerate(roles) if role.along), None)
    categories = [i for i, role in enumerate(roles) if role.category]
    if along is not None and result.row_count <= MOST_POINTS and _is_one_line_each(result, along, categories):
        kinds.append("line")
    if result.row_count <= MOST_BARS and (categories or along is not None):
        first, series = _bar_axes(result, along, categories)
        if _is_one_row_each(result, first, series):
            kinds.append("bar")
    if len(measures) > 1 and result.row_count <= MOST_POINTS:
        kinds.append("scatter")
    return tuple(kinds)


def chart(
    result: Result, kind: str | None = None, *, x: int | None = None, y: int | None = None
) -> Mapping[str, Any] | None:
    """The Vega-Lite spec of the result, or None where no chart helps: a metric is none, and a wide list needs none.

    `kind` is one of `charts(result)`, `x` and `y` are positions of columns; what is left out is chosen. ConfigError
    where the kind does not fit.
    """
    fitting = charts(result)
    if kind is None:
        kind = fitting[0] if fitting and len(result.columns) <= MOST_COLUMNS else "metric"
    elif kind not in fitting:
        raise ConfigError(f"a {kind} chart does not fit these rows", f"Fitting: {', '.join(fitting) or 'none'}.")
    if kind == "metric":
        return None
    roles = _roles(result)
    measures = [i for i, role in enumerate(roles) if role.measure]
    along = next((i for i, role in enumerate(roles) if role.along), None)
    categories = [i for i, role in enumerate(roles) if role.category]
    first, series = _axes(kind, result, measures, along, categories)
    if x is not None:
        first, series = x, first if series == x else series
    others = [i for i in measures if i != first]
    second = y if y is not None else others[0] if others else first
    series = None if series in (first, second) or series is None or _distinct(result, series) > MOST_SERIES else series
    _refuse_unfit(kind, result, roles, first, second, series)
    spec = _spec(kind, result, roles, first, second, series)
    return checked_spec(spec, result)


def _axes(
    kind: str, result: Result, measures: Sequence[int], along: int | None, categories: Sequence[int]
) -> tuple[int, int | None]:
    """The column along the first axis, and the one that colours."""
    if kind == "line" and along is not None:
        return along, categories[0] if categories else None
    if kind == "bar":
        return _bar_axes(result, along, categories)
    return measures[0], categories[0] if categories else None


def _bar_axes(result: Result, along: int | None, categories: Sequence[int]) -> tuple[int, int | None]:
    """As `_axes` of bars: of two categories the one with few values colours, where one has few."""
    if along is not None:
        first, series = along, categories[0] if categories else None
    else:
        first, series = categories[0], categories[1] if len(categories) > 1 else None
        if series is not None and _distinct(result, series) > MOST_SERIES >= _distinct(result, first):
            first, series = series, first
    return first, None if series is None or _distinct(result, series) > MOST_SERIES else series


def _refuse_unfit(
    kind: str, result: Result, roles: Sequence[_Role], first: int, second: int, series: int | None
) -> None:
    """ConfigError where the chart would hide rows behind others, or measure what is no number."""
    if not roles[second].measure:
        raise ConfigError(f"{result.columns[second].name} holds no numbers to draw", "Choose another column as y.")
    if kind != "scatter" and not _is_one_row_each(result, first, series):
        name = result.columns[first].name
        raise ConfigError(f"several rows have the same {name}", "Choose another column as x, or sum them up in SQL.")


def _spec(
    kind: str, result: Result, roles: Sequence[_Role], first: int, second: int, series: int | None
) -> dict[str, Any]:
    shown = [first, second] + ([series] if series is not None else [])
    titles = {i: _title(result.columns[i].name, i) for i in shown}
    ahead = _channel(first, roles[first], titles[first], kind)
    value: dict[str, Any] = {"field": f"c{second}", "type": "quantitative", "title": titles[second]}
    if kind == "scatter":
        value["scale"] = ahead["scale"] = {"zero": False}
    lying = kind == "bar" and not roles[first].along and _lies(result, first)
    encoding: dict[str, Any] = {"x": value, "y": ahead} if lying else {"x": ahead, "y": value}
    if series is not None:
        colour = {"field": f"c{series}", "type": "nominal", "title": titles[series], "sort": None}
        encoding["color"] = colour
        if kind == "bar":
            # Side by side: stacked, what is no part of a sum would be read as one.
            encoding["yOffset" if lying else "xOffset"] = dict(colour)
    encoding["tooltip"] = [
        {"field": f"t{i}" if roles[i].time else f"c{i}", "type": _tooltip_type(roles[i]), "title": titles[i]}
        for i in dict.fromkeys(shown)
    ]
    mark: dict[str, Any] = {"type": {"scatter": "point"}.get(kind, kind)}
    if kind == "line":
        mark["point"] = result.row_count <= MOST_BARS
    beside = _distinct(result, series) if series is not None else 1
    row_height = max(_BAR_HEIGHT, beside * _BESIDE_HEIGHT)
    rows = _distinct(result, first) if lying else 0
    return {
        "$schema": SCHEMA,
        "data": {"values": _values(result, shown, roles)},
        "mark": mark,
        "encoding": encoding,
        "width": "container",
        "height": rows * row_height + _AXIS_HEIGHT if lying else _HEIGHT,
    }


def _channel(position: int, role: _Role, title: str, kind: str) -> dict[str, Any]:
    channel: dict[str, Any] = {"field": f"c{position}", "title": title}
    if role.time and kind != "bar":
        return {**channel, "type": "temporal", "scale": {"type": "utc"}}
    if role.measure and kind == "scatter":
        return {**channel, "type": "quantitative"}
    return {
        **channel,
        "field": f"t{position}" if role.time else f"c{position}",
        "type": "ordinal" if role.along else "nominal",
        "sort": None,
        "axis": {"labelLimit": 180},
    }


def _tooltip_type(role: _Role) -> str:
    return "quantitative" if role.measure and not role.along else "nominal"


def _values(result: Result, shown: Sequence[int], roles: Sequence[_Role]) -> list[dict[str, Any]]:
    columns = {i: column_values(result.table.column(i)) for i in dict.fromkeys(shown)}
    records = []
    for row in range(min(result.row_count, MOST_POINTS)):
        record: dict[str, Any] = {}
        for i, values in columns.items():
            record[f"c{i}"] = _scalar(values[row], roles[i])
            if roles[i].time:
                record[f"t{i}"] = one_line(text_of(values[row]), _LABEL_CHARS)
        records.append(record)
    return records


def _scalar(value: Any, role: _Role) -> str | int | float | bool | None:
    if value is None:
        return None
    if role.measure and isinstance(value, int | float | Decimal):
        number = float(value)
        return (int(value) if isinstance(value, int) else number) if math.isfinite(number) else None
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    return one_line(text_of(value), _LABEL_CHARS)


def _roles(result: Result) -> list[_Role]:
    return [_role(column.name, column.type, result, i) for i, column in enumerate(result.columns)]


def _role(name: str, kind: str, result: Result, position: int) -> _Role:
    values = result.table.column(position)
    if values.null_count == len(values):
        return _Role()
    if _TEMPORAL.match(kind):
        return _Role(time=True)
    if is_numeric(kind):
        if _PERIOD_NAME.search(name) and not kind.upper().startswith(("FLOAT", "DOUBLE")):
            return _Role(period=True)
        return _Role(category=True) if _KEY_NAME.search(name) else _Role(measure=True)
    if _WORDS.match(kind):
        texts = [text for text in column_values(values.slice(0, MOST_POINTS)) if text is not None]
        if all(isinstance(text, str) and _PERIOD_TEXT.match(text) for text in texts):
            return _Role(period=True)
        return _Role(category=True)
    return _Role()


def _is_one_line_each(result: Result, along: int, categories: Sequence[int]) -> bool:
    """Whether each series has one value at each point of time, and there are few series."""
    if len(categories) > 1 or _distinct(result, along) < 2:
        return False
    if categories and _distinct(result, categories[0]) > MOST_SERIES:
        return False
    return _is_one_row_each(result, along, categories[0] if categories else None)


def _is_one_row_each(result: Result, first: int, series: int | None) -> bool:
    """Whether no two rows have the same place."""
    columns = [column_values(result.table.column(i)) for i in (first, series) if i is not None]
    places = list(zip(*columns, strict=True))
    return len({tuple(map(str, place)) for place in places}) == len(places)


def _distinct(result: Result, position: int) -> int:
    return len({str(value) for value in column_values(result.table.column(position))})


def _lies(result: Result, position: int) -> bool:
    """Whether bars lie on their side: many of them, or labels too long to stand under them."""
    labels = {text_of(value) for value in column_values(result.table.column(position))}
    return len(labels) > _UPRIGHT_BARS or any(len(label) > _LONG_LABEL for label in labels)


def _title(name: str, position: int) -> str:
    """A column's name as a title. A tooltip takes an entry called `image` for the address of a picture."""
    shown = one_line(name, _NAME_CHARS) or f"column {position + 1}"
    return f"{shown} " if shown.lower() in TAKEN_TITLES else shown

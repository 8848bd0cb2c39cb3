"""How figures and periods are written on a chart: ticks, tooltips, names of months, in the notation of a locale.

Ticks are written by Vega's formats, whose signs come from the theme's locale. Labels in the data are text made here.
The only expressions are the constants in COMPACT_WORDS.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.display import ColumnFormat, Kind
from nl2sql.answer.notation import NEUTRAL, Notation
from nl2sql.charts.column_roles import Field
from nl2sql.charts.query_shape import GRAINS
from nl2sql.text_safety import make_one_line

MAX_LABEL_CHARS: Final = 60
NULL_TEXT: Final = "NULL"
NUMBERS: Final = ("compact", "full", "percent")
_MIN_COMPACT_FIGURE: Final = 10_000
_MAX_COUNTED_TICKS: Final = 40
_MONTH_TEXT: Final = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?\Z")
_MAX_TICKS: Final = 12
_MAX_FRACTION_RATIO: Final = 1.5
# Vega writes a thousand millions as G; people write B, or in some languages a word.
COMPACT_WORDS: Final[dict[str, str]] = {
    "": "replace(datum.label, 'G', 'B')",
    "de": "replace(replace(replace(replace(datum.label, 'T', ' Bio.'), 'M', ' Mio.'), 'G', ' Mrd.'), 'k', ' Tsd.')",
    "fr": "replace(datum.label, 'G', 'Md')",
    "es": "replace(replace(datum.label, 'G', ' mil M'), 'k', ' mil')",
}
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STEPS: Final = (
    ("hour", 1),
    ("hour", 3),
    ("hour", 6),
    ("day", 1),
    ("day", 2),
    ("week", 1),
    ("week", 2),
    ("month", 1),
    ("month", 2),
    ("month", 3),
    ("month", 6),
    ("year", 1),
    ("year", 2),
    ("year", 5),
    ("year", 10),
    ("year", 50),
)


class LocaleNames:
    """The names of months and days and the number signs of a locale; English ones where it is empty."""

    def __init__(self, locale: str = "", notation: Notation = NEUTRAL) -> None:
        self.language = locale.replace("-", "_").partition("_")[0].lower()
        self.notation = notation
        self.months = _list_months(locale)
        self.days = _list_days(locale)

    @property
    def compact_expression(self) -> str:
        """The Vega expression that writes the suffix of large numbers as the language does."""
        return COMPACT_WORDS.get(self.language, COMPACT_WORDS[""])

    def write_period(self, value: Any, grain: str) -> str:
        """Return a period as people write it: `Jan 2025`, `Q1 2025`, `6 Jan 2025`."""
        if not isinstance(value, dt.date):
            return text_of(value)
        if grain == "year":
            return str(value.year)
        if grain == "quarter":
            return f"Q{(value.month + 2) // 3} {value.year}"
        if grain == "month":
            return f"{self.months[value.month - 1]} {value.year}"
        day = f"{value.day} {self.months[value.month - 1]} {value.year}"
        if not isinstance(value, dt.datetime) or (value.time() == dt.time() and grain not in ("hour", "minute")):
            return day
        seconds = grain not in ("hour", "minute") and (value.second or value.microsecond)
        return f"{day} {value:%H:%M:%S}" if seconds else f"{day} {value:%H:%M}"

    def make_vega_locale(self) -> dict[str, Any]:
        """Return Vega's locale of numbers and dates."""
        grouping = [self.notation.first_group_digits, *[self.notation.further_group_digits] * 6]
        number = {
            "decimal": self.notation.decimal,
            "thousands": self.notation.group,
            "grouping": grouping,
            "currency": ["", ""],
            "percent": self.notation.percent_suffix or "%",
        }
        days = [self.days[-1], *self.days[:-1]]
        time = {
            "dateTime": "%x %X",
            "date": "%Y-%m-%d",
            "time": "%H:%M:%S",
            "periods": ["AM", "PM"],
            "days": days,
            "shortDays": days,
            "months": list(self.months),
            "shortMonths": list(self.months),
        }
        return {"number": number, "time": time}


@cache
def find_names(locale: str, notation: Notation = NEUTRAL) -> LocaleNames:
    """Return the names of that locale.

    Raises:
        ConfigError: where there is no such locale.
    """
    return LocaleNames(locale, notation)


# The parts of dates whose numbers have names, each with its lowest and highest number.
_NAMED: Final = {"month": (1, 12), "isodow": (1, 7), "dow": (0, 6)}


def _is_within(column: Field, low: int, high: int) -> bool:
    return bool(column.numbers) and low <= min(column.numbers) and max(column.numbers) <= high


def write_label(column: Field, value: Any, names: LocaleNames) -> str:
    """Return a value as a label of a chart: one short line, and `NULL` where there is none."""
    if value is None:
        return NULL_TEXT
    if isinstance(value, dt.date):
        return names.write_period(value, column.grain)
    if column.grain in ("month", "day") and (moment := read_month(value)) is not None:
        return names.write_period(moment, column.grain)
    if isinstance(value, int) and column.part in _NAMED and _is_within(column, *_NAMED[column.part]):
        return names.months[value - 1] if column.part == "month" else names.days[(value - 1) % 7]
    if column.is_measure or isinstance(value, float | Decimal):
        return column.format.show(value) if column.format.kind is not Kind.PLAIN else _write_plain(value)
    return make_one_line(text_of(value), MAX_LABEL_CHARS) or "(empty)"


def _write_plain(value: Any) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() else text_of(value)


def choose_format(column: Field, numbers: str | None) -> ColumnFormat:
    """Return how the column's figures are written: as elsewhere, or as percent where `numbers` says so."""
    if numbers != "percent" or column.is_percent:
        return column.format
    is_fraction = max(map(abs, column.numbers), default=0) <= _MAX_FRACTION_RATIO
    return replace(column.format, kind=Kind.PERCENT if is_fraction else Kind.PERCENT_UNITS, decimals=1, is_exact=False)


def write_figure(how: ColumnFormat, value: Any) -> str:
    """Return a figure for the tooltip: in full, even where the axis shortens it."""
    return NULL_TEXT if value is None else make_one_line(how.show(value), MAX_LABEL_CHARS)


def make_measure_axis(
    values: Sequence[float], how: ColumnFormat, numbers: str | None, names: LocaleNames
) -> dict[str, Any]:
    """Return how Vega writes the ticks of a measure with these values: compact where they are large."""
    largest = max(map(abs, values), default=0.0)
    if how.kind in (Kind.PERCENT, Kind.PERCENT_UNITS):
        return {"format": f".{2 if largest < 0.1 else 1}~%"}
    if numbers == "compact" or (numbers is None and largest >= _MIN_COMPACT_FIGURE):
        return {"format": ".4~s", "labelExpr": names.compact_expression}
    if 0 < largest < 0.001:
        return {"format": ".3~g"}
    if how.kind is Kind.INTEGER:
        # Without a tick count, a small count has ticks between whole numbers, which round to the same text.
        return {"format": ",.0f"} | ({"tickCount": min(int(largest), 10)} if 0 < largest <= _MAX_COUNTED_TICKS else {})
    return {"format": ",.6~f"}


def make_period_axis(days: Sequence[dt.datetime], grain: str) -> dict[str, Any]:
    """Return the ticks of a time axis: at the beginnings of periods, and no more than can be read."""
    first, last = min(days), max(days)
    least = GRAINS.index(grain) if grain in GRAINS else len(GRAINS)
    for unit, step in _STEPS:
        if GRAINS.index(unit) > least or (grain == "week" and unit == "day"):
            continue
        ticks = _list_ticks(first, last, unit, step, [*days] if unit == "week" and grain == "week" else None)
        if len(ticks) <= _MAX_TICKS or (unit, step) == _STEPS[-1]:
            break
    if grain == "quarter" and unit == "month":
        return {"values": list(map(_write_moment, ticks)), "format": "Q%q %Y"}
    form = {"year": "%Y", "month": "%b %Y", "hour": "%H:%M"}.get(unit, "%-d %b")
    if unit == "hour" and first.date() != last.date():
        form = "%-d %b %H:%M"
    if form == "%-d %b" and first.year != last.year:
        form = "%-d %b %Y"
    return {"values": list(map(_write_moment, ticks)), "format": form}


def _list_ticks(
    first: dt.datetime, last: dt.datetime, unit: str, step: int, own: Sequence[dt.datetime] | None
) -> list[dt.datetime]:
    """Return the beginnings of every `step` periods between two moments, or every `step`th of `own`."""
    if own is not None:
        return sorted({*own})[::step]
    ticks, at = list[dt.datetime](), _floor_moment(first, unit, step)
    while at <= last and len(ticks) <= _MAX_TICKS + 1:
        if at >= first:
            ticks.append(at)
        try:
            at = _advance_moment(at, unit, step)
        except (OverflowError, ValueError):
            break
    return ticks or [first]


def _floor_moment(at: dt.datetime, unit: str, step: int) -> dt.datetime:
    day = dt.datetime(at.year, at.month, at.day)
    if unit == "hour":
        return day + dt.timedelta(hours=at.hour // step * step)
    if unit == "week":
        return day - dt.timedelta(days=day.weekday())
    if unit == "month":
        return dt.datetime(at.year, (at.month - 1) // step * step + 1, 1)
    if unit == "year":
        return dt.datetime(max(1, at.year // step * step), 1, 1)
    return day


def _advance_moment(at: dt.datetime, unit: str, step: int) -> dt.datetime:
    if unit in ("month", "year"):
        months = at.month - 1 + step * (12 if unit == "year" else 1)
        return dt.datetime(at.year + months // 12, months % 12 + 1, 1)
    return at + {"hour": dt.timedelta(hours=1), "day": dt.timedelta(days=1), "week": dt.timedelta(weeks=1)}[unit] * step


def convert_to_moment(value: Any) -> dt.datetime | None:
    """Return a date or time as a moment in UTC without a zone; None for any other value."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    return None


def read_month(value: Any) -> dt.datetime | None:
    """Return the moment that `2025-01` or `2025-01-31` names; None for any other value.

    >>> read_month("2025-01")
    datetime.datetime(2025, 1, 1, 0, 0)
    """
    found = _MONTH_TEXT.match(value) if isinstance(value, str) else None
    try:
        return dt.datetime(int(found[1]), int(found[2]), int(found[3] or 1)) if found else None
    except ValueError:
        return None


def _write_moment(at: dt.datetime) -> Mapping[str, Any]:
    """Return a moment as Vega-Lite writes it in a spec."""
    moment: dict[str, Any] = {"year": at.year, "month": at.month, "date": at.day, "utc": True}
    if at.hour or at.minute:
        moment |= {"hours": at.hour, "minutes": at.minute}
    return moment


def find_next_period(at: dt.datetime, grain: str) -> dt.datetime:
    """Return the beginning of the period after the one that begins at that moment.

    >>> find_next_period(dt.datetime(2025, 11, 1), "quarter")
    datetime.datetime(2026, 2, 1, 0, 0)
    """
    if grain == "quarter":
        return _advance_moment(at, "month", 3)
    return _advance_moment(at, grain, 1)


@cache
def _list_months(locale: str) -> tuple[str, ...]:
    if not locale:
        return _MONTHS
    from babel.dates import get_month_names

    names = get_month_names("abbreviated", locale=locale.replace("-", "_"))
    return tuple(str(names[month]) for month in range(1, 13))


@cache
def _list_days(locale: str) -> tuple[str, ...]:
    if not locale:
        return _DAYS
    from babel.dates import get_day_names

    names = get_day_names("abbreviated", locale=locale.replace("-", "_"))
    return tuple(str(names[day]) for day in range(7))

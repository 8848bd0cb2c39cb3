"""Find the days that a query looks at though nobody named them, and which may not be those that were meant.

It reads the syntax tree, and knows the words of no language.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql.types import Schema

_ISO: Final = re.compile(r"(?P<year>(?:19|20)\d{2})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?(?!\d)")
_YEAR: Final = re.compile(r"(?:19|20)\d{2}")
_TWO_DIGITS: Final = re.compile(r"(?<!\d)\d{2}(?!\d)")
_YEAR_COLUMN: Final = re.compile(r"(?:year|jahr|annee|année|anno|ano|año|jaar)\Z", re.I)
_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Like)
_PARTS: Final = ("year", "date_part", "datepart", "extract", "strftime", "date_trunc")


@dataclass(frozen=True, slots=True)
class Bound:
    """A day, or the first of a month or year, that a condition compares a column with; `text` is as written."""

    column: str
    day: dt.date
    text: str


def find_bounds(sql: str, dialect: str) -> list[Bound]:
    """Return the days and years that the conditions of a query name, the earliest first."""
    try:
        tree = parse_one(sql, read=dialect)
    except SqlglotError:
        return []
    found = {bound for comparison in tree.find_all(*_COMPARISONS) for bound in _read_bounds(comparison)}
    return sorted(found, key=lambda bound: (bound.day, bound.text))


def describe_unnamed(bounds: list[Bound], asked: str, today: dt.date, schema: Schema) -> str | None:
    """Return a note where a query looks at days of past years that `asked` does not name; else None.

    This year, the last and the next may be meant without being named. `asked` is everything in which a year may have
    been named: the question, those before it, the owner's rules.
    """
    named = {*_YEAR.findall(asked), *_TWO_DIGITS.findall(asked)}
    years = {bound.day.year for bound in bounds}
    if not years or any(abs(year - today.year) <= 1 or {str(year), f"{year % 100:02d}"} & named for year in years):
        return None
    first, last = bounds[0].text, bounds[-1].text
    span = first if first == last else f"{first} to {last}"
    end = next((f"; {column} ends {day}" for column, day in _find_ends(bounds, schema)), "")
    return f"the query looks at {span}, which the question does not name; today is {today.isoformat()}{end}"


def describe_end(bounds: list[Bound], columns: list[str], today: dt.date, schema: Schema) -> str | None:
    """Return a note where a query that found nothing looks at days after the last one of its column; else None.

    `columns` are those compared with the engine's clock.
    """
    compared = [*bounds, *(Bound(column, today, "today") for column in columns)]
    for column, day in _find_ends(compared, schema):
        first = min(bound.day for bound in compared if bound.column == column)
        if day < first.isoformat():
            return f"{column} ends {day}; nothing in the data is later"
    return None


def find_clock_columns(sql: str, dialect: str) -> list[str]:
    """Return the columns that a query compares with the engine's clock."""
    try:
        tree = parse_one(sql, read=dialect)
    except SqlglotError:
        return []
    clocks = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentDatetime)
    named = ("today", "now", "get_current_timestamp")
    found = []
    for comparison in tree.find_all(*_COMPARISONS):
        calls = (call.name.lower() for call in comparison.find_all(exp.Anonymous))
        if comparison.find(*clocks) or any(call in named for call in calls):
            found += [column.name for column in comparison.find_all(exp.Column)]
    return list(dict.fromkeys(found))


def _read_bounds(comparison: exp.Expr) -> Iterator[Bound]:
    """Yield the days that the literals of a comparison name."""
    columns = [column.name for column in comparison.find_all(exp.Column)]
    if not columns:
        return
    takes_years = _is_year_comparison(comparison, columns)
    for literal in comparison.find_all(exp.Literal):
        text = str(literal.this)
        match = _ISO.match(text)
        if match is None or (not literal.is_string and match.end() != len(text)):
            continue
        if match["month"] is None and not (takes_years or text.endswith("%")):
            continue
        try:
            day = dt.date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))
        except ValueError:
            continue
        yield Bound(columns[0], day, match.group())


def _is_year_comparison(comparison: exp.Expr, columns: list[str]) -> bool:
    """Return whether a bare number in the comparison is a year."""
    if any(_YEAR_COLUMN.search(column) for column in columns):
        return True
    if comparison.find(exp.Year, exp.Extract, exp.TimeToStr):
        return True
    return any(call.name.lower() in _PARTS for call in comparison.find_all(exp.Anonymous))


def _find_ends(bounds: list[Bound], schema: Schema) -> Iterator[tuple[str, str]]:
    """Yield each compared date column with its last day, as far as the schema knows it."""
    for name in dict.fromkeys(bound.column for bound in bounds):
        columns = [column for table in schema.tables if (column := table.find_column(name))]
        dates = [column.maximum[:10] for column in columns if column.maximum and column.is_temporal]
        if dates:
            yield name, max(dates)

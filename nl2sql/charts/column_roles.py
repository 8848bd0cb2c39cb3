"""What each column of a result can be in a chart: a measure, a time, an ordered period, a label, or nothing.

It goes by the SQL, the type, the name and the values, in that order. Keys, codes, places and long texts are never
measures. What is drawn of them is `choosing`'s to say.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

from nl2sql.answer import column_words as vocabulary
from nl2sql.answer.display import ColumnFormat, Kind
from nl2sql.charts.query_shape import ColumnOrigin, QueryShape
from nl2sql.types import Result, list_column_values
from nl2sql.types.type_families import is_boolean, is_float, is_numeric, is_temporal, is_text, name_family

MAX_POINTS: Final = 5_000
_MAX_LABEL_CHARS: Final = 45
_YEAR_RANGE: Final = (1900, 2100)
PERIOD_TEXT: Final = re.compile(r"\d{4}(?:[-/ ]?(?:\d{2}|[QWK]\s?\d{1,2}|M\d{2})(?:[-/]\d{2})?)?\Z", re.I)
_PERIOD_NAME: Final = re.compile(
    r"(?:^|(?<!per)_)(year|quarter|month|week|day|hour|weekday|jahr|quartal|monat|woche|tag|stunde|wochentag)"
    r"(?:_?(no|number|num|nr))?$",
    re.I,
)
_RANK_WORDS: Final = frozenset("rank rang ranking position place platz row rn rownum".split())
_BUCKET_WORDS: Final = frozenset("bucket bin band range klasse bereich interval step decile quantile from ab".split())
_BEFORE_WORDS: Final = frozenset(
    "previous prev prior last before earlier ago py vorher vorjahr vormonat vorwoche letzte letztes".split()
)
_FIRST_NAME: Final = re.compile(r"(?:first|given)_?name|forename|vorname|pr[ée]nom", re.I)
_LAST_NAME: Final = re.compile(r"(?:last|family)_?name|surname|nachname|nom_de_famille", re.I)
# Years, and months and days written as one number.
_CALENDARS: Final = (("year", *_YEAR_RANGE), ("month", 190_001, 210_012), ("day", 19_000_101, 21_001_231))
_TEXT_GRAINS: Final = (
    ("year", re.compile(r"\d{4}\Z")),
    ("month", re.compile(r"\d{4}[-/ ]?M?\d{2}\Z", re.I)),
    ("quarter", re.compile(r"\d{4}[-/ ]?Q\s?\d\Z", re.I)),
    ("week", re.compile(r"\d{4}[-/ ]?[WK]\s?\d{1,2}\Z", re.I)),
    ("day", re.compile(r"\d{4}-\d{2}-\d{2}\Z")),
)
_NOW_WORDS: Final = frozenset("this current per to in dieses aktuell pro".split())
# The numbers that parts of dates have.
_RANGES: Final = {
    **dict.fromkeys(("year", "jahr"), _YEAR_RANGE),
    **dict.fromkeys(("quarter", "quartal"), (1, 4)),
    **dict.fromkeys(("month", "monat"), (1, 12)),
    **dict.fromkeys(("week", "woche"), (0, 53)),
    **dict.fromkeys(("day", "tag"), (0, 366)),
    **dict.fromkeys(("hour", "stunde"), (0, 24)),
    **dict.fromkeys(("weekday", "wochentag"), (0, 7)),
}
# Days and months in the order of the calendar, in full or by their first three letters.
_DAY_NAMES: Final = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTH_NAMES: Final = "january february march april may june july august september october november december".split()


class Role(StrEnum):
    """What a column can be in a chart."""

    MEASURE = "measure"
    TIME = "time"
    PERIOD = "period"
    BUCKET = "bucket"
    CATEGORY = "category"
    KEY = "key"
    RANK = "rank"
    NOTHING = "nothing"


@dataclass(frozen=True, eq=False)
class Field:
    """A column of a result, as a chart sees it."""

    position: int
    name: str
    type: str
    values: Sequence[Any]
    format: ColumnFormat
    origin: ColumnOrigin
    is_grouped: bool | None = None

    @cached_property
    def role(self) -> Role:
        """What it can be: the first rule that holds says."""
        return next((role for role, holds, _ in ROLES if holds(self)), Role.NOTHING)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words of its name."""
        return vocabulary.split_name(self.name)

    @cached_property
    def present_values(self) -> list[Any]:
        """Its values that are not NULL."""
        return [value for value in self.values if value is not None]

    @cached_property
    def distinct_count(self) -> int:
        """How many different values it has, NULL too."""
        return len({str(value) for value in self.values})

    @property
    def is_distinct(self) -> bool:
        """Whether no two rows have the same value."""
        return self.distinct_count == len(self.values)

    @property
    def is_measure(self) -> bool:
        return self.role is Role.MEASURE

    @property
    def is_ordered(self) -> bool:
        """Whether its values have an order of their own along an axis."""
        return self.role in (Role.TIME, Role.PERIOD, Role.BUCKET)

    @property
    def is_label(self) -> bool:
        return self.role in (Role.CATEGORY, Role.KEY)

    @cached_property
    def numbers(self) -> list[float]:
        """Its values as finite numbers, where they are such."""
        return [number for value in self.present_values if _is_number(value) and math.isfinite(number := float(value))]

    @property
    def is_whole(self) -> bool:
        """Whether all its numbers are whole."""
        return all(number.is_integer() for number in self.numbers)

    @cached_property
    def is_ascending(self) -> bool:
        """Whether its values rise from row to row, none twice."""
        values = [value for value in self.values if value is not None]
        try:
            return len(values) > 1 and all(a < b for a, b in pairwise(values))
        except TypeError:
            return False

    @property
    def is_percent(self) -> bool:
        return self.format.kind in (Kind.PERCENT, Kind.PERCENT_UNITS)

    @property
    def is_previous_period(self) -> bool:
        """Whether its name says that it is of the period before."""
        return bool(_BEFORE_WORDS & {*self.words})

    @cached_property
    def grain(self) -> str:
        """The period that each of its values stands for; empty where it is not known."""
        if self.origin.grain:
            return self.origin.grain
        if self.role is Role.PERIOD and self.numbers:
            return next((grain for grain, low, high in _CALENDARS if _is_within(self.numbers, low, high)), "")
        if self.role is Role.PERIOD:
            return next(
                (grain for grain, form in _TEXT_GRAINS if all(map(form.match, map(str, self.present_values)))), ""
            )
        if self.format.kind is Kind.MONTH:
            return "month"
        return "day" if self.format.kind is Kind.DAY and _is_daily(self.present_values) else ""

    @property
    def part(self) -> str:
        """The part of dates that it is, such as the month of any year; empty where it is none."""
        if self.role is not Role.PERIOD or self.grain:
            return ""
        named = _PERIOD_NAME.search(self.name)
        return self.origin.part or (named[1].lower() if named else "part")


# What a row that sums up the others is called.
_TOTAL_WORDS: Final = frozenset(
    "total totals all overall sum gesamt summe insgesamt alle ensemble tous todos totale suma somme".split()
)


def find_total(fields: Sequence[Field]) -> int | None:
    """The row that sums up all others, by its label and its figures; None where there is none."""
    measures = [one for one in fields if one.is_measure]
    for label in fields:
        if label.role is not Role.CATEGORY:
            continue
        for row, value in enumerate(label.values):
            # ROLLUP leaves the label of a total NULL.
            is_named = value is None or bool({*vocabulary.split_name(str(value))} & _TOTAL_WORDS)
            if is_named and len(label.values) > 2 and measures and _is_sum_of_others(measures[0].values, row):
                return row
    return None


def _is_sum_of_others(values: Sequence[Any], row: int) -> bool:
    others = [float(value) for at, value in enumerate(values) if at != row and _is_number(value)]
    own = values[row]
    return _is_number(own) and abs(sum(others) - float(own)) <= 0.001 * abs(float(own))


def list_fields(
    result: Result, shape: QueryShape, formats: Sequence[ColumnFormat], most: int = MAX_POINTS
) -> list[Field]:
    """The columns of the result's first rows."""
    rows = result.table.slice(0, most)
    fields = [
        Field(at, column.name, column.type, list_column_values(values), how, origin, shape.is_grouped)
        for at, (column, values, how, origin) in enumerate(
            zip(result.columns, rows.columns, formats, shape.origins, strict=True)
        )
    ]
    return _join_names(fields)


def _join_names(fields: list[Field]) -> list[Field]:
    """First and last names as one label, in the place of the first of them: neither says who it is."""
    first = next((one for one in fields if _FIRST_NAME.search(one.name) and one.role is Role.CATEGORY), None)
    last = next((one for one in fields if _LAST_NAME.search(one.name) and one.role is Role.CATEGORY), None)
    if first is None or last is None or first is last:
        return fields
    pairs = zip(first.values, last.values, strict=True)
    values = [" ".join(filter(None, pair)) or None for pair in pairs]
    joint = replace(first, name=f"{first.name} {last.name}", values=values)
    return [
        joint if one is first else replace(one, values=[None] * len(values)) if one is last else one for one in fields
    ]


def find_name_order(values: Sequence[Any]) -> list[int] | None:
    """The place of each value in the calendar where all are names of days, or of months; else None."""
    folded = [str(value).casefold().rstrip(".") for value in values]
    for names in (_DAY_NAMES, _MONTH_NAMES):
        places = [next((at for at, name in enumerate(names) if one in (name, name[:3])), -1) for one in folded]
        if places and min(places) >= 0:
            return places
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_within(numbers: Sequence[float], low: float, high: float) -> bool:
    return bool(numbers) and low <= min(numbers) and max(numbers) <= high


def _is_daily(values: Sequence[Any]) -> bool:
    return all(isinstance(value, dt.date) for value in values)


def _is_unusable(one: Field) -> bool:
    return not one.present_values or not _is_known_type(one)


def _is_known_type(one: Field) -> bool:
    return is_numeric(one.type) or is_temporal(one.type) or _has_words(one)


def _has_words(one: Field) -> bool:
    """Whether its values are words: texts, true and false, and the names of things."""
    return is_text(one.type) or is_boolean(one.type) or name_family(one.type) == "UUID"


def _is_place(one: Field) -> bool:
    return is_numeric(one.type) and bool(vocabulary.PLAIN_WORDS & {*one.words})


def _is_time(one: Field) -> bool:
    return is_temporal(one.type) and not one.origin.aggregate and not one.origin.window


def _is_moment(one: Field) -> bool:
    """The newest or the first date of each row says when, and is no axis."""
    return is_temporal(one.type)


def _is_rank(one: Field) -> bool:
    if not is_numeric(one.type) or not one.is_whole:
        return False
    is_named = bool(one.words) and one.words[-1] in _RANK_WORDS
    return one.origin.window == "rank" or (
        is_named and one.numbers == sorted(one.numbers) and min(one.numbers, default=0) == 1
    )


def _is_period_number(one: Field) -> bool:
    if not is_numeric(one.type) or one.origin.aggregate or not one.is_whole or not one.numbers:
        return False
    if one.origin.grain or one.origin.part:
        return True
    is_year = _is_within(one.numbers, *_YEAR_RANGE) and one.distinct_count > 1
    if is_year and (one.format.kind is Kind.CODE or (one.position == 0 and one.is_ascending)):
        return True
    if one.format.kind is Kind.CODE and one.words and one.words[-1] in vocabulary.MONTH_WORDS | {"yearmonth"}:
        return True
    named = _PERIOD_NAME.search(one.name)
    if named is None or is_float(one.type) or one.is_previous_period or _NOW_WORDS & {*one.words}:
        return False
    return _is_within(one.numbers, *_RANGES.get(named[1].lower(), (0, 53)))


def _is_bucket(one: Field) -> bool:
    if not is_numeric(one.type) or one.origin.aggregate or one.origin.window or one.format.kind is Kind.CODE:
        return False
    if one.origin.is_bucket:
        return True
    is_first = one.position == 0 and one.is_distinct and one.is_ascending
    if bool(_BUCKET_WORDS & {*one.words}) and is_first:
        return True
    return one.origin.is_key and one.is_grouped is True


def _is_code(one: Field) -> bool:
    return name_family(one.type) == "UUID" or (is_numeric(one.type) and one.format.kind is Kind.CODE)


def _is_measure(one: Field) -> bool:
    return is_numeric(one.type) and bool(one.numbers)


def _is_period_text(one: Field) -> bool:
    if not _has_words(one) or not all(isinstance(value, str) for value in one.present_values):
        return False
    if one.origin.grain or one.origin.part or find_name_order(one.present_values) is not None:
        return not one.origin.aggregate
    return all(PERIOD_TEXT.match(value) for value in one.present_values)


def _is_free_text(one: Field) -> bool:
    texts = [value for value in one.present_values if isinstance(value, str)]
    return bool(texts) and sum(map(len, texts)) / len(texts) > _MAX_LABEL_CHARS


def _is_text_key(one: Field) -> bool:
    return bool(one.words) and one.words[-1] in vocabulary.CODE_WORDS and _has_words(one)


def _is_category(one: Field) -> bool:
    return _has_words(one)


# The first that holds decides; each with a column that it holds for: its name, its type and two values.
ROLES: Final[tuple[tuple[Role, Callable[[Field], bool], tuple[str, str, tuple[Any, Any]]], ...]] = (
    (Role.NOTHING, _is_unusable, ("prices", "DECIMAL(10,2)[]", ([1], [2]))),
    (Role.NOTHING, _is_place, ("latitude", "DOUBLE", (52.1, 48.2))),
    (Role.TIME, _is_time, ("month", "DATE", (dt.date(2025, 1, 1), dt.date(2025, 2, 1)))),
    (Role.NOTHING, _is_moment, ("last_order", "TIMESTAMP", (dt.datetime(2025, 1, 1, 3), dt.datetime(2025, 1, 2, 4)))),
    (Role.RANK, _is_rank, ("rank", "BIGINT", (1, 2))),
    (Role.PERIOD, _is_period_number, ("year", "BIGINT", (2024, 2025))),
    (Role.BUCKET, _is_bucket, ("bucket", "DOUBLE", (0.0, 50.0))),
    (Role.KEY, _is_code, ("customer_id", "BIGINT", (17, 4))),
    (Role.MEASURE, _is_measure, ("revenue", "DECIMAL(18,2)", (3, 4))),
    (Role.PERIOD, _is_period_text, ("quarter", "VARCHAR", ("2025-Q1", "2025-Q2"))),
    (Role.NOTHING, _is_free_text, ("note", "VARCHAR", ("a " * 40, "b " * 40))),
    (Role.KEY, _is_text_key, ("sku", "VARCHAR", ("A-1", "A-2"))),
    (Role.CATEGORY, _is_category, ("city", "VARCHAR", ("Köln", "Lyon"))),
)

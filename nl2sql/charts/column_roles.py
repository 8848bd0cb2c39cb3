"""What each column of a result can be in a chart: a measure, a time, an ordered period, a label, or nothing.

It goes by the SQL, the type, the name and the values, in that order. Keys, codes, coordinates and long texts are never
measures. `chart_rules` chooses which of the columns are drawn.
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
# The lowest and highest number of each part of a date.
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
    """A column of a result, as a chart sees it; `is_grouped` says whether a row stands for several (None: unknown)."""

    position: int
    name: str
    type: str
    values: Sequence[Any]
    format: ColumnFormat
    origin: ColumnOrigin
    is_grouped: bool | None = None

    @cached_property
    def role(self) -> Role:
        """What the column can be: that of the first rule in ROLES that holds."""
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
        """How many different values it has, NULL included."""
        return len({str(value) for value in self.values})

    @property
    def is_distinct(self) -> bool:
        """Whether no two rows have the same value."""
        return self.distinct_count == len(self.values)

    @property
    def is_measure(self) -> bool:
        """Whether it is a column of figures."""
        return self.role is Role.MEASURE

    @property
    def is_ordered(self) -> bool:
        """Whether its values have an order of their own along an axis."""
        return self.role in (Role.TIME, Role.PERIOD, Role.BUCKET)

    @property
    def is_label(self) -> bool:
        """Whether its values name things and have no order of their own."""
        return self.role in (Role.CATEGORY, Role.KEY)

    @cached_property
    def numbers(self) -> list[float]:
        """Its values that are finite numbers."""
        return [number for value in self.present_values if _is_number(value) and math.isfinite(number := float(value))]

    @property
    def is_whole(self) -> bool:
        """Whether all its numbers are whole."""
        return all(number.is_integer() for number in self.numbers)

    @cached_property
    def is_ascending(self) -> bool:
        """Whether its values rise strictly from row to row."""
        values = [value for value in self.values if value is not None]
        try:
            return len(values) > 1 and all(a < b for a, b in pairwise(values))
        except TypeError:
            return False

    @property
    def is_percent(self) -> bool:
        """Whether its figures are written as percent."""
        return self.format.kind in (Kind.PERCENT, Kind.PERCENT_UNITS)

    @property
    def is_previous_period(self) -> bool:
        """Whether its name says that it is about the previous period."""
        return bool(_BEFORE_WORDS & {*self.words})

    @cached_property
    def grain(self) -> str:
        """The period that each of its values stands for, such as `month`; empty where it is not known."""
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
        """The part of a date that it holds, such as the month of any year; empty where it holds none."""
        if self.role is not Role.PERIOD or self.grain:
            return ""
        named = _PERIOD_NAME.search(self.name)
        return self.origin.part or (named[1].lower() if named else "part")


# Words in the label of a row that sums up the others.
_TOTAL_WORDS: Final = frozenset(
    "total totals all overall sum gesamt summe insgesamt alle ensemble tous todos totale suma somme".split()
)


def find_total(fields: Sequence[Field]) -> int | None:
    """Return the index of the row that sums up all others, by its label and figures; None where there is none."""
    measures = [column for column in fields if column.is_measure]
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
    """Return the columns of the result's first `most` rows."""
    rows = result.table.slice(0, most)
    fields = [
        Field(at, column.name, column.type, list_column_values(values), how, origin, shape.is_grouped)
        for at, (column, values, how, origin) in enumerate(
            zip(result.columns, rows.columns, formats, shape.origins, strict=True)
        )
    ]
    return _join_names(fields)


def _join_names(fields: list[Field]) -> list[Field]:
    """Join a first and a last name into one label, in the place of the first: neither alone says who it is."""
    first = next(
        (column for column in fields if _FIRST_NAME.search(column.name) and column.role is Role.CATEGORY), None
    )
    last = next((column for column in fields if _LAST_NAME.search(column.name) and column.role is Role.CATEGORY), None)
    if first is None or last is None or first is last:
        return fields
    pairs = zip(first.values, last.values, strict=True)
    values = [" ".join(filter(None, pair)) or None for pair in pairs]
    joint = replace(first, name=f"{first.name} {last.name}", values=values)
    return [
        joint if column is first else replace(column, values=[None] * len(values)) if column is last else column
        for column in fields
    ]


def find_name_order(values: Sequence[Any]) -> list[int] | None:
    """Return each value's place in the calendar where all are names of days, or all of months; else None."""
    folded = [str(value).casefold().rstrip(".") for value in values]
    for names in (_DAY_NAMES, _MONTH_NAMES):
        places = [next((at for at, name in enumerate(names) if text in (name, name[:3])), -1) for text in folded]
        if places and min(places) >= 0:
            return places
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_within(numbers: Sequence[float], low: float, high: float) -> bool:
    return bool(numbers) and low <= min(numbers) and max(numbers) <= high


def _is_daily(values: Sequence[Any]) -> bool:
    return all(isinstance(value, dt.date) for value in values)


def _is_unusable(column: Field) -> bool:
    return not column.present_values or not _is_known_type(column)


def _is_known_type(column: Field) -> bool:
    return is_numeric(column.type) or is_temporal(column.type) or _has_words(column)


def _has_words(column: Field) -> bool:
    """Return whether the column holds words: texts, true and false, and UUIDs."""
    return is_text(column.type) or is_boolean(column.type) or name_family(column.type) == "UUID"


def _is_place(column: Field) -> bool:
    return is_numeric(column.type) and bool(vocabulary.PLAIN_WORDS & {*column.words})


def _is_time(column: Field) -> bool:
    return is_temporal(column.type) and not column.origin.aggregate and not column.origin.window


def _is_moment(column: Field) -> bool:
    """Return whether the column holds dates. A first or latest date of each row is shown, and is no axis."""
    return is_temporal(column.type)


def _is_rank(column: Field) -> bool:
    if not is_numeric(column.type) or not column.is_whole:
        return False
    is_named = bool(column.words) and column.words[-1] in _RANK_WORDS
    return column.origin.window == "rank" or (
        is_named and column.numbers == sorted(column.numbers) and min(column.numbers, default=0) == 1
    )


def _is_period_number(column: Field) -> bool:
    if not is_numeric(column.type) or column.origin.aggregate or not column.is_whole or not column.numbers:
        return False
    if column.origin.grain or column.origin.part:
        return True
    is_year = _is_within(column.numbers, *_YEAR_RANGE) and column.distinct_count > 1
    if is_year and (column.format.kind is Kind.CODE or (column.position == 0 and column.is_ascending)):
        return True
    if column.format.kind is Kind.CODE and column.words and column.words[-1] in vocabulary.MONTH_WORDS | {"yearmonth"}:
        return True
    named = _PERIOD_NAME.search(column.name)
    if named is None or is_float(column.type) or column.is_previous_period or _NOW_WORDS & {*column.words}:
        return False
    return _is_within(column.numbers, *_RANGES.get(named[1].lower(), (0, 53)))


def _is_bucket(column: Field) -> bool:
    if (
        not is_numeric(column.type)
        or column.origin.aggregate
        or column.origin.window
        or column.format.kind is Kind.CODE
    ):
        return False
    if column.origin.is_bucket:
        return True
    is_first = column.position == 0 and column.is_distinct and column.is_ascending
    if bool(_BUCKET_WORDS & {*column.words}) and is_first:
        return True
    return column.origin.is_key and column.is_grouped is True


def _is_code(column: Field) -> bool:
    return name_family(column.type) == "UUID" or (is_numeric(column.type) and column.format.kind is Kind.CODE)


def _is_measure(column: Field) -> bool:
    return is_numeric(column.type) and bool(column.numbers)


def _is_period_text(column: Field) -> bool:
    if not _has_words(column) or not all(isinstance(value, str) for value in column.present_values):
        return False
    if column.origin.grain or column.origin.part or find_name_order(column.present_values) is not None:
        return not column.origin.aggregate
    return all(PERIOD_TEXT.match(value) for value in column.present_values)


def _is_free_text(column: Field) -> bool:
    texts = [value for value in column.present_values if isinstance(value, str)]
    return bool(texts) and sum(map(len, texts)) / len(texts) > _MAX_LABEL_CHARS


def _is_text_key(column: Field) -> bool:
    return bool(column.words) and column.words[-1] in vocabulary.CODE_WORDS and _has_words(column)


def _is_category(column: Field) -> bool:
    return _has_words(column)


# The first that holds decides. Each has an example of a column that it holds for: its name, type and two values.
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

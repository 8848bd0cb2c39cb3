"""Show values as people read them: separators, two decimals of money, months, percent. Each column has one format.

The format depends on the column's name and type, on what its values have in common, and on how the SQL computes it. In
doubt, and in every export, a value stays as it is. No value is changed.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from nl2sql.answer import column_words as vocabulary
from nl2sql.answer.cell_text import text_of
from nl2sql.answer.column_facts import ColumnFacts, convert_to_decimal, count_decimals
from nl2sql.answer.notation import NEUTRAL, Notation
from nl2sql.types import Result, ResultColumn, Schema, list_column_values

if TYPE_CHECKING:
    from sqlglot import exp

# A double's rounding noise begins after these decimals: a number with no more of them was entered that way.
_MAX_ENTERED_DECIMALS: Final = 6
_MONEY_DECIMALS: Final = 2
_SIGNIFICANT_DIGITS: Final = 4
_SIGNIFICANT_PERCENT_DIGITS: Final = 2
_MAX_DECIMALS: Final = 12
_MAX_PERCENT_DECIMALS: Final = 4
_MAX_ROUNDED_PERCENT_DECIMALS: Final = 2
_MAX_OBSERVED_ROWS: Final = 10_000
_MIN_SCIENTIFIC_FLOAT: Final = 10**15
_YEAR_RANGE: Final = (1900, 2100)
_WIDE_YEAR_RANGE: Final = (1000, 2999)
_POWERS_OF_TEN: Final = (100, 1000, 10_000)
_DECIMAL_CONTEXT: Final = Context(prec=400)
_SCALE: Final = re.compile(r"\ADECIMAL\(\d+,\s*(\d+)\)\Z")
_YEAR_OF: Final = re.compile(r"year", re.I)


class Kind(StrEnum):
    """What a column means to its reader."""

    PLAIN = "plain"
    CODE = "code"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    PERCENT = "percent"
    PERCENT_UNITS = "percent units"
    MONTH = "month"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Subject:
    """A column whose format is to be chosen: its name and the words in it, the engine's type, its facts.

    `is_key`: it is a key of a table. `expressions` are those that the SQL gives this name to.
    """

    name: str
    words: tuple[str, ...]
    type: str
    facts: ColumnFacts
    is_key: bool = False
    expressions: tuple[exp.Expr, ...] = ()

    def has_word(self, words: frozenset[str], ends: tuple[str, ...] = ()) -> bool:
        """Return whether the name has one of these words, or a word with one of these endings."""
        return bool(words & {*self.words}) or any(word.endswith(ends) for word in self.words if ends)

    @property
    def is_whole(self) -> bool:
        """Whether none of its numbers has decimals."""
        return self.facts.decimals == 0

    @property
    def scale(self) -> int | None:
        """The number of decimals of a DECIMAL type; None for another type."""
        found = _SCALE.search(self.type)
        return int(found[1]) if found else None

    def is_within(self, low: int, high: int) -> bool:
        """Return whether all its numbers are in that range, ends included."""
        return bool(self.facts.numbers) and low <= self.facts.minimum and self.facts.maximum <= high


def _is_month(subject: Subject) -> bool:
    facts = subject.facts
    if not facts.days or facts.others or not (facts.is_at_midnight and facts.is_first_of_month):
        return False
    return subject.has_word(vocabulary.MONTH_WORDS, vocabulary.MONTH_ENDS) or (
        facts.has_several_days and not subject.has_word(vocabulary.DAY_WORDS)
    )


def _is_day(subject: Subject) -> bool:
    return bool(subject.facts.days) and not subject.facts.others and subject.facts.is_at_midnight


def _is_code(subject: Subject) -> bool:
    words = subject.words
    if (
        not subject.facts.numbers
        or not subject.is_whole
        or subject.has_word(vocabulary.COUNT_WORDS)
        or (words and words[0] in vocabulary.SUM_WORDS)
    ):
        return False
    is_named = bool(words) and (
        words[-1] in vocabulary.CODE_WORDS
        or words[-1].endswith(vocabulary.CODE_ENDS)
        or words[0] in vocabulary.LEADING_CODE_WORDS
    )
    return subject.is_key or (is_named and "of" not in words) or _is_calendar(subject)


def _is_calendar(subject: Subject) -> bool:
    """Return whether its numbers are years, or months and days written as one number: 2025, 202501, 20250131."""
    if subject.is_within(*_YEAR_RANGE):
        computed = any(_YEAR_OF.search(expression.sql()) for expression in subject.expressions)
        return computed or len(subject.name) <= 2 or subject.has_word(vocabulary.YEAR_WORDS)
    if subject.is_within(*_WIDE_YEAR_RANGE):
        return bool(subject.words) and subject.words[-1] in vocabulary.YEAR_WORDS
    if subject.is_within(_YEAR_RANGE[0] * 100 + 1, _YEAR_RANGE[1] * 100 + 12):
        return subject.has_word(vocabulary.MONTH_WORDS | vocabulary.CALENDAR_WORDS, vocabulary.MONTH_ENDS)
    return subject.is_within(_YEAR_RANGE[0] * 10_000 + 101, _YEAR_RANGE[1] * 10_000 + 1231) and subject.has_word(
        vocabulary.CALENDAR_WORDS
    )


def _is_fraction(subject: Subject) -> bool:
    if (
        not subject.facts.numbers
        or not subject.has_word(vocabulary.SHARE_WORDS, vocabulary.SHARE_ENDS)
        or subject.has_word(vocabulary.NO_SHARE_WORDS)
    ):
        return False
    if subject.facts.minimum < -1 or subject.facts.maximum > 1 or not subject.expressions:
        return False
    return all(map(_gives_fraction, subject.expressions))


def _gives_fraction(expression: exp.Expr) -> bool:
    """Return whether the expression divides, or averages 0 and 1, and has no factor of a hundred."""
    from sqlglot import exp

    if any(_find_hundreds(expression)):
        return False
    means = expression.find_all(exp.Avg)
    return expression.find(exp.Div) is not None or any(mean.find(exp.Case, exp.Predicate) for mean in means)


def _counts_in_hundreds(expression: exp.Expr) -> bool:
    """Return whether the expression multiplies by a hundred."""
    from sqlglot import exp

    return any(isinstance(literal.parent, exp.Mul) for literal in _find_hundreds(expression))


def _find_hundreds(expression: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    for literal in expression.find_all(exp.Literal):
        if literal.is_number and Decimal(literal.name) in _POWERS_OF_TEN:
            yield literal


def _is_units(subject: Subject) -> bool:
    facts = subject.facts
    counted = any(_counts_in_hundreds(expression) for expression in subject.expressions)
    is_large = max(abs(facts.minimum), abs(facts.maximum)) > 1
    return (
        bool(facts.numbers) and subject.has_word(vocabulary.UNIT_WORDS, vocabulary.UNIT_ENDS) and (is_large or counted)
    )


def _is_coordinate(subject: Subject) -> bool:
    return bool(subject.facts.numbers) and subject.has_word(vocabulary.PLAIN_WORDS)


def _is_money(subject: Subject) -> bool:
    is_named = subject.has_word(vocabulary.MONEY_WORDS, vocabulary.MONEY_ENDS) and not subject.has_word(
        vocabulary.NOT_MONEY_WORDS, vocabulary.SHARE_ENDS
    )
    return bool(subject.facts.numbers) and is_named and not _is_int(subject)


def _is_integer(subject: Subject) -> bool:
    return bool(subject.facts.numbers) and _is_int(subject)


def _is_int(subject: Subject) -> bool:
    # A HUGEINT, which a sum of integers is, comes as a Decimal.
    return subject.facts.has_only_integers or subject.scale == 0 or subject.type.endswith("HUGEINT")


def _is_number(subject: Subject) -> bool:
    return bool(subject.facts.numbers)


# The first rule that holds decides. Each has an example: a column's name, a value, and the value as it is shown.
RULES: Final[tuple[tuple[Kind, Callable[[Subject], bool], tuple[str, Any, str]], ...]] = (
    (Kind.MONTH, _is_month, ("month", dt.datetime(2025, 1, 1), "2025-01")),
    (Kind.DAY, _is_day, ("ordered_at", dt.datetime(2025, 1, 31), "2025-01-31")),
    (Kind.CODE, _is_code, ("customer_id", 10243, "10243")),
    (Kind.PERCENT, _is_fraction, ("open_share", 0.0678541462108365, "6.8%")),
    (Kind.PERCENT_UNITS, _is_units, ("discount_pct", 12.5, "12.5%")),
    (Kind.PLAIN, _is_coordinate, ("latitude", 52.52000812, "52.52000812")),
    (Kind.MONEY, _is_money, ("revenue", Decimal("389716.97100"), "389,716.97")),
    (Kind.INTEGER, _is_integer, ("orders", 56015, "56,015")),
    (Kind.NUMBER, _is_number, ("avg(weight)", 81.83186937773883, "81.83")),
)


@dataclass(frozen=True, slots=True)
class ColumnFormat:
    """How the values of one column are shown: kind, number of decimals, notation.

    `is_exact`: no decimals are dropped, not even of values that were not observed.
    """

    kind: Kind = Kind.PLAIN
    decimals: int = 0
    is_exact: bool = False
    notation: Notation = NEUTRAL

    def show(self, value: Any) -> str:
        """Return the value as people read it; as `text_of` where it is not of the column's kind. NULL is empty."""
        if isinstance(value, dt.date):
            return self._show_day(value)
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or self.kind is Kind.PLAIN:
            return text_of(value)
        if not isinstance(value, int) and not math.isfinite(value):
            return text_of(value)
        number = convert_to_decimal(value)
        if isinstance(value, float) and abs(number) >= _MIN_SCIENTIFIC_FLOAT:
            return text_of(value)
        if self.kind is Kind.CODE:
            return text_of(value) if count_decimals(number) else self.notation.write(number, 0, grouped=False)
        if self.kind is Kind.PERCENT:
            number = _DECIMAL_CONTEXT.multiply(number, Decimal(100))
        decimals = self._choose_decimals(number)
        if decimals > _MAX_DECIMALS:
            return text_of(value)
        rounded = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _DECIMAL_CONTEXT)
        if self.kind in (Kind.PERCENT, Kind.PERCENT_UNITS):
            return self.notation.write_percent(rounded, decimals)
        return self.notation.write(rounded, decimals)

    def _choose_decimals(self, number: Decimal) -> int:
        """Return the column's decimals, or more where these would hide digits.

        That is where they would drop digits that were entered, or show 0 for another number.
        """
        entered = count_decimals(number)
        if self.is_exact and self.decimals < entered:
            return entered if entered <= _MAX_ENTERED_DECIMALS else max(self.decimals, _SIGNIFICANT_DIGITS)
        if not number or number.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP, _DECIMAL_CONTEXT):
            return self.decimals
        return min(entered, -number.adjusted() + 1)

    def _show_day(self, value: dt.date) -> str:
        is_time = isinstance(value, dt.datetime)
        if self.kind not in (Kind.MONTH, Kind.DAY) or (isinstance(value, dt.datetime) and value.time() != dt.time()):
            return text_of(value)
        day = value.date() if isinstance(value, dt.datetime) else value
        if self.kind is Kind.MONTH and day.day == 1:
            return f"{day.year:04d}-{day.month:02d}"
        return day.isoformat() if is_time else text_of(value)


def find_keys(schema: Schema) -> frozenset[str]:
    """Return the names of the columns that are primary keys of tables, or foreign keys."""
    primary = (name for table in schema.tables for name in table.primary_key)
    foreign = (name for table in schema.tables for key in table.foreign_keys for name in key.columns)
    return frozenset((*primary, *foreign))


def choose_formats(
    result: Result, *, sql: str = "", keys: Collection[str] = (), notation: Notation = NEUTRAL
) -> tuple[ColumnFormat, ...]:
    """Choose how each column of a result is shown, from its first 10,000 values.

    `sql` is the query of the rows, in DuckDB's dialect: without it no column is shown as a fraction in percent. `keys`
    are names of columns that are keys of tables.
    """
    facts = [ColumnFacts() for _ in result.columns]
    for column_facts, column in zip(facts, result.table.slice(0, _MAX_OBSERVED_ROWS).columns, strict=True):
        column_facts.observe(list_column_values(column))
    formats = choose_formats_by_facts(result.columns, facts, sql=sql, keys=keys)
    return tuple(replace(column_format, notation=notation) for column_format in formats)


def choose_formats_by_facts(
    columns: Sequence[ResultColumn], facts: Sequence[ColumnFacts], *, sql: str = "", keys: Collection[str] = ()
) -> tuple[ColumnFormat, ...]:
    """Choose how each column is shown, from facts that were collected before."""
    folded = {key.casefold() for key in keys}
    subjects = [
        Subject(
            name=column.name,
            words=vocabulary.split_name(column.name),
            type=column.type.upper(),
            facts=column_facts,
            is_key=column.name.casefold() in folded,
        )
        for column, column_facts in zip(columns, facts, strict=True)
    ]
    # Only shares and years depend on how the SQL computes them.
    names = [
        subject.name
        for subject in subjects
        if subject.has_word(vocabulary.SHARE_WORDS, vocabulary.SHARE_ENDS) or subject.is_within(*_YEAR_RANGE)
    ]
    found = _find_expressions(sql, names)
    return tuple(
        _choose_format(replace(subject, expressions=found.get(subject.name.casefold(), ()))) for subject in subjects
    )


def _choose_format(subject: Subject) -> ColumnFormat:
    kind = next((kind for kind, holds, _ in RULES if holds(subject)), Kind.PLAIN)
    decimals = _DECIMALS[kind](subject) if kind in _DECIMALS else 0
    return ColumnFormat(
        kind, decimals, is_exact=kind is Kind.NUMBER and subject.facts.decimals <= _MAX_ENTERED_DECIMALS
    )


def _count_percent_decimals(subject: Subject) -> int:
    smallest = subject.facts.smallest_amount
    return _limit_percent(subject.facts.decimals - 2, smallest * 100 if smallest else None)


def _count_unit_decimals(subject: Subject) -> int:
    return _limit_percent(subject.facts.decimals, subject.facts.smallest_amount)


def _limit_percent(used: int, smallest: Decimal | None) -> int:
    """Return all decimals where they are few, as in rounded figures; else as many as the smallest share needs."""
    needed = min(_count_needed_decimals(smallest, _SIGNIFICANT_PERCENT_DIGITS, 1), _MAX_PERCENT_DECIMALS)
    return max(0, used if used <= _MAX_ROUNDED_PERCENT_DECIMALS else min(used, needed))


def _count_money_decimals(subject: Subject) -> int:
    needed = _count_needed_decimals(
        subject.facts.smallest_amount, _SIGNIFICANT_DIGITS - 1 if subject.is_within(-1, 1) else 1, _MONEY_DECIMALS
    )
    return max(_MONEY_DECIMALS, min(subject.facts.decimals, needed, _MAX_ENTERED_DECIMALS))


def _count_number_decimals(subject: Subject) -> int:
    """Return all decimals of entered numbers; of computed ones, as many as distinguish them."""
    used, scale = subject.facts.decimals, subject.scale
    if scale is not None and scale <= _MONEY_DECIMALS:
        return scale
    if used <= _MAX_ENTERED_DECIMALS:
        return used if scale is None else max(_MONEY_DECIMALS, used)
    if subject.is_within(-1, 1):
        return min(used, _count_needed_decimals(subject.facts.smallest_amount, _SIGNIFICANT_DIGITS, 2), _MAX_DECIMALS)
    return min(
        used, _count_needed_decimals(subject.facts.smallest_amount, _SIGNIFICANT_DIGITS - 2, 2), _SIGNIFICANT_DIGITS
    )


_DECIMALS: Final[dict[Kind, Callable[[Subject], int]]] = {
    Kind.PERCENT: _count_percent_decimals,
    Kind.PERCENT_UNITS: _count_unit_decimals,
    Kind.MONEY: _count_money_decimals,
    Kind.NUMBER: _count_number_decimals,
}


def _count_needed_decimals(smallest: Decimal | None, significant: int, least: int) -> int:
    """Return how many decimals show that many digits of the smallest number, at least `least`."""
    return least if smallest is None else max(least, significant - 1 - smallest.adjusted())


def _find_expressions(sql: str, names: Sequence[str]) -> dict[str, tuple[exp.Expr, ...]]:
    """Return the expressions that the SQL gives each of these names to, anywhere in it."""
    if not sql or not names:
        return {}
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return {}
    found: dict[str, list[exp.Expr]] = {}
    for alias in tree.find_all(exp.Alias):
        # An alias of a plain column only passes it on.
        if not isinstance(alias.this, exp.Column):
            found.setdefault(alias.alias.casefold(), []).append(alias.this)
    return {name.casefold(): tuple(found.get(name.casefold(), ())) for name in names}

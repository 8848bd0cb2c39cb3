"""What a user writes to filter the rows of a result: as tests of its columns, and as a label that says what is tested.

It reads no rows. A column is compared as what it is: a number as a number, a day, month or year as that span of time.
What a column cannot be compared with is an error, so that no row is left out for it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.column_facts import count_decimals
from nl2sql.answer.display import ColumnFormat, Kind
from nl2sql.errors import QueryError
from nl2sql.types import Comparison, Criteria, Criterion, ResultColumn
from nl2sql.types.type_families import is_boolean, is_float, is_numeric, is_temporal, is_text

_MAX_LABEL_CHARS: Final = 60
_MAX_VALUES: Final = 200
_MAX_VALUE_CHARS: Final = 10_000
_RELATION: Final = r"<=|>=|<>|!=|==|≤|≥|≠|=|<|>"
_LEADING: Final = re.compile(rf"({_RELATION})\s*(.+)", re.S)
_RANGE: Final = re.compile(r"\.\.\.?|…")
_NO_VALUE: Final = re.compile(r"(is )?(not )?null", re.I)
_QUOTED: Final = re.compile(r"([\"“„'‘])(.*)[\"”“'’]", re.S)
_SPELLINGS: Final = {"==": "=", "<>": "!=", "≠": "!=", "≤": "<=", "≥": ">="}
_COMPARISONS: Final = {
    "<": Comparison.BELOW,
    "<=": Comparison.UP_TO,
    ">": Comparison.ABOVE,
    ">=": Comparison.AT_LEAST,
}
_TRUTHS: Final = {"true": "true", "yes": "true", "false": "false", "no": "false"}
_DIGITS: Final = re.compile(r"-?\d*(?:\.\d*)?")
_SPACES: Final = re.compile(r"[\s\u00a0\u202f'’]")
# What the texts of numbers, and of days and moments, are made of.
_IN_NUMBERS: Final = re.compile(r"[-+.\deinfa]+", re.I)
_IN_DAYS: Final = re.compile(r"[-+.:\d\sbcinfty()]+", re.I)
_YEAR: Final = re.compile(r"(\d{4})")
_MONTH: Final = re.compile(r"(\d{4})-(\d{1,2})")
_QUARTER: Final = re.compile(r"(\d{4})[- ]?Q([1-4])", re.I)
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_MOMENT: Final = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8})(?:[T ]([\d:]+)(?:[.,][\d.,]*)?(?:Z|[+-][\d:]+)?)?", re.I)
_STEPS: Final = tuple(dt.timedelta(**{unit: 1}) for unit in ("days", "hours", "minutes", "seconds"))


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter as its user reads it, and the tests that rows must pass."""

    label: str
    criteria: Criteria

    def negate(self) -> RowFilter:
        """The filter that keeps the other rows, those without a value too."""
        label = self.label.replace(" = ", " ≠ ", 1).replace(" is NULL", " is not NULL")
        return RowFilter(label, _negate([self.criteria]))


@dataclass(frozen=True, slots=True)
class FilterColumn:
    """A column that can be filtered: its position, the name it has on the page, its type, how it is shown."""

    position: int
    name: str
    type: str
    format: ColumnFormat

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return is_numeric(self.type)

    @property
    def is_day(self) -> bool:
        """Whether it holds days or moments."""
        return is_temporal(self.type)

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return is_text(self.type)

    def test(self, comparison: Comparison, text: str = "", **more: Any) -> Criterion:
        """One test of it."""
        return Criterion(self.position, comparison, text, **more)


def list_filter_columns(
    columns: Sequence[ResultColumn], names: Sequence[str], formats: Sequence[ColumnFormat]
) -> list[FilterColumn]:
    """The columns of a result, each with the name it has on the page and how it is shown."""
    return [
        FilterColumn(at, name, column.type.upper(), one)
        for at, (column, name, one) in enumerate(zip(columns, names, formats, strict=True))
    ]


def read_filter(text: str, columns: Sequence[FilterColumn], chosen: int | None = None) -> RowFilter:
    """What the text asks of that column, or of any where none is chosen and the text begins with no column's name.

    `zzz` is contained, in any case; `= a | b` is one of these; `> 100`, `10..20`, `2025-03`, `NULL`, `not NULL` are
    what they say; quotes make a text of it all. QueryError where a column cannot be compared so, or is not said.
    """
    text = text.strip()
    if chosen is not None:
        return _read_column_filter(text, [columns[chosen]])
    for column in sorted(columns, key=lambda one: -len(one.name)):
        rest = text[len(column.name) :]
        if text.casefold().startswith(column.name.casefold()) and _is_test(rest):
            return _read_column_filter(rest.strip(), [column])
    return _read_column_filter(text, columns)


def match_value(value: Any, column: FilterColumn) -> RowFilter | None:
    """The filter that keeps the rows with this very value; None where values of its type are not told apart so."""
    if value is None:
        return RowFilter(f"{column.name} is NULL", ((column.test(Comparison.NULL),),))
    exact = text_of(value)
    label = f"{column.name} = {_shorten(column.format.show(value))}"
    if isinstance(value, bool) or (isinstance(value, str) and len(exact) <= _MAX_VALUE_CHARS):
        return RowFilter(label, ((column.test(Comparison.SAME_TEXT, exact),),))
    is_number = isinstance(value, int | Decimal) or (isinstance(value, float) and abs(value) < float("inf"))
    # Nanoseconds are not in the value.
    is_day = column.is_day and column.type != "TIMESTAMP_NS"
    is_moment = (isinstance(value, dt.date) and is_day) or (isinstance(value, dt.time) and column.type == "TIME")
    if (is_number and column.is_number) or is_moment:
        return RowFilter(label, ((column.test(Comparison.EQUAL, exact),),))
    return None


def _is_test(rest: str) -> bool:
    """Whether what follows a name asks something of it: a relation, a range or NULL, and not only more words."""
    if re.match(rf"\s*({_RELATION})", rest):
        return True
    asked = rest.strip()
    is_range = ".." in asked and re.fullmatch(r"[\w.:-]*", asked) is not None
    return rest[:1].isspace() and (is_range or _NO_VALUE.fullmatch(asked) is not None)


def _read_column_filter(text: str, columns: Sequence[FilterColumn]) -> RowFilter:
    """What the text asks of one of these columns."""
    is_any = len(columns) != 1
    name = "Any column" if is_any else columns[0].name
    if quoted := _QUOTED.fullmatch(text):
        return _make_containing_filter(quoted[2], [quoted[2]], columns, name)
    if no_value := _NO_VALUE.fullmatch(text):
        return _make_null_filter(columns, name, is_negated=bool(no_value[2]))
    if leading := _LEADING.fullmatch(text):
        relation = _SPELLINGS.get(leading[1], leading[1])
        if relation == "=" and is_any:
            return _make_any_equal_filter(leading[2], columns)
        column = _choose_column(text, leading[2], columns)
        return (
            _make_equal_filter(leading[2], column, relation)
            if relation in ("=", "!=")
            else _make_order_filter(relation, leading[2], column)
        )
    if between := _RANGE.search(text):
        low, high = text[: between.start()].strip(), text[between.end() :].strip()
        value = low or high
        if value and (not is_any or any(_is_comparable(value, column) for column in columns)):
            return _make_range_filter(low, high, _choose_column(text, value, columns))
    return _make_containing_filter(text, _split_values(text), columns, name)


def _choose_column(text: str, value: str, columns: Sequence[FilterColumn]) -> FilterColumn:
    """The one column that can be compared with the value. QueryError where there are several."""
    fitting = [column for column in columns if _is_comparable(value, column)]
    # Nobody asks for ids above a number.
    fitting = [column for column in fitting if column.format.kind is not Kind.CODE] or fitting or list(columns)
    if len(fitting) == 1:
        return fitting[0]
    raise QueryError(
        f"{_quote(text)} compares one column, and it is not said which",
        f"Choose the column, or write it before: {fitting[0].name} {text[:_MAX_LABEL_CHARS]}",
    )


def _is_comparable(value: str, column: FilterColumn) -> bool:
    """Whether the value is one of the column's kind."""
    if column.is_number:
        return _read_number(value, column) is not None
    return column.is_day and _read_days(value) is not None


def _split_values(text: str) -> list[str]:
    """The values between bars."""
    parts = [part.strip() for part in text.split("|")]
    return [part for part in parts if part][:_MAX_VALUES] or [text]


def _make_containing_filter(text: str, parts: Sequence[str], columns: Sequence[FilterColumn], name: str) -> RowFilter:
    tests = [test for part in parts for column in columns for test in _list_containing_tests(part, column)]
    return RowFilter(f"{name} contains {_join_parts(parts)}" if text else name, (tuple(tests),))


def _list_containing_tests(text: str, column: FilterColumn) -> Iterator[Criterion]:
    """That the column's text contains this, or its number as it is shown does; none where neither can be."""
    if column.is_number:
        digits = _strip_notation(text, column)
        if _IN_NUMBERS.fullmatch(text):
            yield column.test(Comparison.HOLDS, text)
        how = column.format
        if digits and not (digits == text and _has_all_digits_shown(column)):
            is_percent = how.kind is Kind.PERCENT
            yield column.test(Comparison.SHOWS, digits, decimals=how.decimals, is_percent=is_percent)
    elif not column.is_day or _IN_DAYS.fullmatch(text):
        yield column.test(Comparison.HOLDS, text)


def _has_all_digits_shown(column: FilterColumn) -> bool:
    """Whether the digits that are shown of its numbers are all that they have."""
    if column.format.kind is Kind.PERCENT or is_float(column.type):
        return False
    scale = re.search(r", ?(\d+)\)\Z", column.type)
    return int(scale[1]) == column.format.decimals if scale else not column.format.decimals


def _strip_notation(text: str, column: FilterColumn) -> str:
    """The digits of a number as the page writes it, without separators; empty where there is something else."""
    notation = column.format.notation
    bare = text.replace(notation.group, "").replace(notation.decimal, ".").replace(notation.percent_suffix or "%", "")
    bare = _SPACES.sub("", bare)
    return bare if _DIGITS.fullmatch(bare) and any(sign.isdigit() for sign in bare) else ""


def _make_null_filter(columns: Sequence[FilterColumn], name: str, *, is_negated: bool) -> RowFilter:
    tests = [column.test(Comparison.NULL, is_negated=is_negated) for column in columns]
    if is_negated:
        label = f"{name} is not NULL" if len(columns) == 1 else "No column is NULL"
        return RowFilter(label, tuple((test,) for test in tests))
    return RowFilter(f"{name} is NULL", (tuple(tests),))


def _make_any_equal_filter(text: str, columns: Sequence[FilterColumn]) -> RowFilter:
    """That any column is one of the values, each compared as what it can be."""
    parts = _split_values(text)
    criteria: list[Criterion] = []
    for part in parts:
        for column in columns:
            found = list(_list_equal_tests(part, column))
            # A span of time is two tests at once, and stands for one column only.
            criteria += found[0] if len(found) == 1 else [column.test(Comparison.HOLDS, part)] if found else []
    return RowFilter(f"Any column = {_join_parts(parts)}", (tuple(criteria),))


def _make_equal_filter(text: str, column: FilterColumn, relation: str) -> RowFilter:
    """That the column is one of the values, or none of them."""
    parts = _split_values(_unquote(text)) if _QUOTED.fullmatch(text) is None else [_unquote(text)]
    groups = [list(_list_equal_tests(part, column)) for part in parts]
    for part, group in zip(parts, groups, strict=True):
        if not group:
            raise _make_misfit_error(part, column)
    label = f"{column.name} {'≠' if relation == '!=' else '='} {_join_parts(parts, quoted=column.is_text)}"
    if any(test.comparison is Comparison.SHOWN_AS for group in groups for tests in group for test in tests):
        label += ", as shown"
    if relation == "!=":
        return RowFilter(label, _negate(groups))
    if len(groups) == 1:
        return RowFilter(label, tuple(groups[0]))
    if any(len(group) > 1 for group in groups):
        raise QueryError(
            f"{_quote(text)} names several spans of time", "Ask for one at a time, or for a range: 2025-01..2025-03."
        )
    return RowFilter(label, (tuple(test for group in groups for test in group[0]),))


def _negate(groups: Sequence[Sequence[tuple[Criterion, ...]]]) -> Criteria:
    """None of the values: of tests one of which would do, none may hold; of two that must hold both, one may not."""
    negated: list[tuple[Criterion, ...]] = []
    for group in groups:
        turned = [[_invert_test(test) for test in tests] for tests in group]
        if len(turned) == 1:
            negated += [(test,) for test in turned[0]]
        else:
            negated.append(tuple(test for tests in turned for test in tests))
    return tuple(negated)


def _invert_test(test: Criterion) -> Criterion:
    return Criterion(test.column, test.comparison, test.text, test.decimals, test.is_percent, is_negated=True)


def _list_equal_tests(text: str, column: FilterColumn) -> Iterator[tuple[Criterion, ...]]:
    """The tests that the column is this value: all groups must hold; none where it cannot be."""
    if column.is_number:
        number = _read_number(text, column)
        if number is not None:
            tests = [column.test(Comparison.EQUAL, format(number, "f"))]
            digits = _strip_notation(text, column)
            decimals = column.format.decimals
            is_rounded = column.format.kind in (Kind.MONEY, Kind.NUMBER, Kind.PERCENT, Kind.PERCENT_UNITS)
            if is_rounded and digits and count_decimals(Decimal(digits)) <= decimals:
                shown = format(Decimal(digits), f".{decimals}f")
                is_percent = column.format.kind is Kind.PERCENT
                tests.append(column.test(Comparison.SHOWN_AS, shown, decimals=decimals, is_percent=is_percent))
            yield tuple(tests)
    elif column.is_day:
        if (days := _read_days(text)) is not None:
            yield (column.test(Comparison.AT_LEAST, days[0]),)
            yield (column.test(Comparison.BELOW, days[1]),)
    elif column.type == "TIME":
        if (time := _read_time(text)) is not None:
            yield (column.test(Comparison.EQUAL, time),)
    else:
        wanted = _TRUTHS.get(text.casefold(), text) if is_boolean(column.type) else text
        yield (column.test(Comparison.SAME_TEXT_ANY_CASE, wanted),)


def _make_order_filter(relation: str, text: str, column: FilterColumn) -> RowFilter:
    """That the column is below, above, or beside."""
    text = _unquote(text)
    label = f"{column.name} {relation} {_write_bound(text, column)}"
    if column.is_day:
        days = _read_days(text)
        if days is None:
            raise _make_misfit_error(text, column)
        # After a month is after all of it.
        is_from, is_after = relation.startswith(">"), relation in (">", "<=")
        test = column.test(Comparison.AT_LEAST if is_from else Comparison.BELOW, days[1] if is_after else days[0])
        return RowFilter(label, ((test,),))
    return RowFilter(label, ((column.test(_COMPARISONS[relation], _read_bound(text, column)),),))


def _make_range_filter(low: str, high: str, column: FilterColumn) -> RowFilter:
    """That the column is between the two, both included; either may be left out."""
    groups: list[tuple[Criterion, ...]] = []
    for relation, text in ((">=", low), ("<=", high)):
        if text:
            groups += _make_order_filter(relation, text, column).criteria
    ends = [_write_bound(text, column) if text else "" for text in (low, high)]
    return RowFilter(f"{column.name} {ends[0]}..{ends[1]}", tuple(groups))


def _read_bound(text: str, column: FilterColumn) -> str:
    """The value that the column is compared with, as the engine reads it. QueryError where it is none."""
    if column.is_number:
        number = _read_number(text, column)
        if number is None:
            raise _make_misfit_error(text, column)
        return format(number, "f")
    if column.is_text and _read_number(text, column) is not None:
        raise QueryError(
            f"{column.name} holds texts, so it cannot be compared with the number {_shorten(text)}",
            f"Search for a part of the text, or for one value: = {_shorten(text)}",
        )
    if column.type == "TIME" and (time := _read_time(text)) is not None:
        return time
    if column.is_text:
        return text
    raise _make_misfit_error(text, column)


def _write_bound(text: str, column: FilterColumn) -> str:
    """The value as the label says it: a share in percent, as it is shown."""
    is_share = column.format.kind in (Kind.PERCENT, Kind.PERCENT_UNITS)
    return _shorten(text if not is_share or "%" in text else f"{text}%")


def _read_number(text: str, column: FilterColumn) -> Decimal | None:
    """The number, in the column's notation or plain; of a share in percent the fraction. None where it is none."""
    notation = column.format.notation
    text = _SPACES.sub("", text).replace("\u2212", "-")
    text = text.removesuffix(notation.percent_suffix.strip() or "%").removesuffix("%")
    # Blanks and apostrophes between digits are gone by now.
    group, decimal = re.escape(_SPACES.sub("", notation.group)), re.escape(notation.decimal)
    first, further = notation.first_group_digits, notation.further_group_digits
    grouped = rf"\d{{1,{further}}}({group}\d{{{further}}})*{group}\d{{{first}}}({decimal}\d+)?"
    if re.fullmatch(rf"[+-]?({grouped}|\d*{decimal}\d+)", text):
        text = text.replace(notation.group, "").replace(notation.decimal, ".")
    if not re.fullmatch(r"[+-]?(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", text, re.I):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number.scaleb(-2) if column.format.kind is Kind.PERCENT else number


def _read_days(text: str) -> tuple[str, str] | None:
    """The beginning of a year, quarter, month, day, hour, minute or second, and of the next; None where it is none."""
    text = text.strip()
    try:
        if found := _YEAR.fullmatch(text):
            return _write_months(int(found[1]), 1, 12)
        if found := _QUARTER.fullmatch(text):
            return _write_months(int(found[1]), 3 * int(found[2]) - 2, 3)
        if found := _MONTH.fullmatch(text):
            return _write_months(int(found[1]), int(found[2]), 1)
        if found := _DOTTED.fullmatch(text):
            text = f"{found[3]}-{int(found[2]):02d}-{int(found[1]):02d}"
        if (found := _MOMENT.fullmatch(text)) is None:
            return None
        start = dt.datetime.fromisoformat(text)
        if start.microsecond:
            return text_of(start), text_of(start + dt.timedelta(microseconds=1))
        step = _STEPS[sum(sign.isdigit() for sign in found[1] or "") // 2]
        return text_of(start), text_of(start + step)
    except (ValueError, OverflowError):
        return None


def _read_time(text: str) -> str | None:
    """The time of day; None where it is none."""
    try:
        return dt.time.fromisoformat(text.strip()).isoformat()
    except ValueError:
        return None


def _write_months(year: int, month: int, count: int) -> tuple[str, str]:
    start = dt.date(year, month, 1)
    months = year * 12 + month - 1 + count
    return start.isoformat(), dt.date(months // 12, months % 12 + 1, 1).isoformat()


def _unquote(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else text


def _make_misfit_error(text: str, column: FilterColumn) -> QueryError:
    if column.is_day:
        hint = "Write a year, a month or a day: 2025, 2025-03, 2025-03-31."
        return QueryError(f"{column.name} holds days, and {_quote(text)} is none", hint)
    if column.type == "TIME":
        return QueryError(f"{column.name} holds times, and {_quote(text)} is none", "Write it like 17:30.")
    if column.is_number:
        signs = column.format.notation
        hint = f"Write it like 1234{signs.decimal}5, or search for a text in all columns."
        return QueryError(f"{column.name} holds numbers, and {_quote(text)} is none", hint)
    return QueryError(
        f"{column.name} cannot be compared with {_quote(text)}", "Search for a part of what it shows, or for NULL."
    )


def _join_parts(parts: Sequence[str], *, quoted: bool = True) -> str:
    shown = " or ".join(_quote(part) if quoted else _shorten(part) for part in parts[:4])
    return shown + (f" or {len(parts) - 4} more" if len(parts) > 4 else "")


def _quote(text: str) -> str:
    return f"‘{_shorten(text)}’"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_LABEL_CHARS else line[: _MAX_LABEL_CHARS - 1] + "…"

"""Turn what a user writes to filter the rows of a result into tests of its columns, and a label that describes them.

It reads no rows. A column is compared as what it is: a number as a number, a day, month or year as that span of time. A
value that a column cannot be compared with is an error, so that no row is dropped because of it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.column_facts import count_decimals
from nl2sql.answer.display import ColumnFormat, Kind
from nl2sql.answer.filter_values import (
    FilterColumn,
    read_filter_days,
    read_filter_number,
    read_filter_time,
    strip_notation,
)
from nl2sql.errors import QueryError
from nl2sql.types import Comparison, Criteria, Criterion, ResultColumn
from nl2sql.types.type_families import is_boolean, is_float

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
# The characters that texts of numbers, and of days and moments, consist of.
_IN_NUMBERS: Final = re.compile(r"[-+.\deinfa]+", re.I)
_IN_DAYS: Final = re.compile(r"[-+.:\d\sbcinfty()]+", re.I)


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter: its description for the user, and the tests that rows must pass."""

    label: str
    criteria: Criteria

    def negate(self) -> RowFilter:
        """Return the filter that keeps the other rows, those without a value included."""
        label = self.label.replace(" = ", " ≠ ", 1).replace(" is NULL", " is not NULL")
        return RowFilter(label, _negate([self.criteria]))


def list_filter_columns(
    columns: Sequence[ResultColumn], names: Sequence[str], formats: Sequence[ColumnFormat]
) -> list[FilterColumn]:
    """Return the columns of a result, each with its name on the page and how it is shown."""
    return [
        FilterColumn(at, name, column.type.upper(), column_format)
        for at, (column, name, column_format) in enumerate(zip(columns, names, formats, strict=True))
    ]


def read_filter(text: str, columns: Sequence[FilterColumn], chosen: int | None = None) -> RowFilter:
    """Read a filter of the chosen column, or of the one whose name the text begins with, or of any.

    `zzz` means contains, in any case; `= a | b` means one of these; `> 100`, `10..20`, `2025-03`, `NULL`, `not NULL`
    mean what they say; quotes make everything inside a text.

    Raises:
        QueryError: where a column cannot be compared with the value, or it is not clear which column is meant.
    """
    text = text.strip()
    if chosen is not None:
        return _read_column_filter(text, [columns[chosen]])
    for column in sorted(columns, key=lambda column: -len(column.name)):
        rest = text[len(column.name) :]
        if text.casefold().startswith(column.name.casefold()) and _is_test(rest):
            return _read_column_filter(rest.strip(), [column])
    return _read_column_filter(text, columns)


def match_value(value: Any, column: FilterColumn) -> RowFilter | None:
    """Return the filter that keeps the rows with exactly this value; None where its type cannot be compared so."""
    if value is None:
        return RowFilter(f"{column.name} is NULL", ((column.test(Comparison.NULL),),))
    exact = text_of(value)
    label = f"{column.name} = {_shorten(column.format.show(value))}"
    if isinstance(value, bool) or (isinstance(value, str) and len(exact) <= _MAX_VALUE_CHARS):
        return RowFilter(label, ((column.test(Comparison.SAME_TEXT, exact),),))
    is_number = isinstance(value, int | Decimal) or (isinstance(value, float) and abs(value) < float("inf"))
    # A Python value has no nanoseconds.
    is_day = column.is_day and column.type != "TIMESTAMP_NS"
    is_moment = (isinstance(value, dt.date) and is_day) or (isinstance(value, dt.time) and column.type == "TIME")
    if (is_number and column.is_number) or is_moment:
        return RowFilter(label, ((column.test(Comparison.EQUAL, exact),),))
    return None


def _is_test(rest: str) -> bool:
    """Return whether the text after a name is a test: a relation, a range or NULL, and not just more words."""
    if re.match(rf"\s*({_RELATION})", rest):
        return True
    test = rest.strip()
    is_range = ".." in test and re.fullmatch(r"[\w.:-]*", test) is not None
    return rest[:1].isspace() and (is_range or _NO_VALUE.fullmatch(test) is not None)


def _read_column_filter(text: str, columns: Sequence[FilterColumn]) -> RowFilter:
    """Read a filter of one of these columns."""
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
    """Return the one column that can be compared with the value.

    Raises:
        QueryError: where several can.
    """
    fitting = [column for column in columns if _is_comparable(value, column)]
    # Codes and ids are not compared by size.
    fitting = [column for column in fitting if column.format.kind is not Kind.CODE] or fitting or list(columns)
    if len(fitting) == 1:
        return fitting[0]
    raise QueryError(
        f"{_quote(text)} compares one column, and it is not said which",
        f"Choose the column, or write it before: {fitting[0].name} {text[:_MAX_LABEL_CHARS]}",
    )


def _is_comparable(value: str, column: FilterColumn) -> bool:
    """Return whether the value is of the column's kind."""
    if column.is_number:
        return read_filter_number(value, column) is not None
    return column.is_day and read_filter_days(value) is not None


def _split_values(text: str) -> list[str]:
    """Return the values between bars."""
    parts = [part.strip() for part in text.split("|")]
    return [part for part in parts if part][:_MAX_VALUES] or [text]


def _make_containing_filter(text: str, parts: Sequence[str], columns: Sequence[FilterColumn], name: str) -> RowFilter:
    tests = [test for part in parts for column in columns for test in _list_containing_tests(part, column)]
    return RowFilter(f"{name} contains {_join_parts(parts)}" if text else name, (tuple(tests),))


def _list_containing_tests(text: str, column: FilterColumn) -> Iterator[Criterion]:
    """Yield the tests that the column's text, or its number as shown, contains this; none where it cannot."""
    if column.is_number:
        digits = strip_notation(text, column)
        if _IN_NUMBERS.fullmatch(text):
            yield column.test(Comparison.HOLDS, text)
        how = column.format
        if digits and not (digits == text and _has_all_digits_shown(column)):
            is_percent = how.kind is Kind.PERCENT
            yield column.test(Comparison.SHOWS, digits, decimals=how.decimals, is_percent=is_percent)
    elif not column.is_day or _IN_DAYS.fullmatch(text):
        yield column.test(Comparison.HOLDS, text)


def _has_all_digits_shown(column: FilterColumn) -> bool:
    """Return whether its numbers have no digits beyond those shown."""
    if column.format.kind is Kind.PERCENT or is_float(column.type):
        return False
    scale = re.search(r", ?(\d+)\)\Z", column.type)
    return int(scale[1]) == column.format.decimals if scale else not column.format.decimals


def _make_null_filter(columns: Sequence[FilterColumn], name: str, *, is_negated: bool) -> RowFilter:
    tests = [column.test(Comparison.NULL, is_negated=is_negated) for column in columns]
    if is_negated:
        label = f"{name} is not NULL" if len(columns) == 1 else "No column is NULL"
        return RowFilter(label, tuple((test,) for test in tests))
    return RowFilter(f"{name} is NULL", (tuple(tests),))


def _make_any_equal_filter(text: str, columns: Sequence[FilterColumn]) -> RowFilter:
    """Make the filter that any column is one of the values, each compared as its kind allows."""
    parts = _split_values(text)
    criteria: list[Criterion] = []
    for part in parts:
        for column in columns:
            found = list(_list_equal_tests(part, column))
            # A span of time takes two tests at once, which alternatives cannot express: its text is searched instead.
            if len(found) == 1:
                criteria += found[0]
            elif found:
                criteria.append(column.test(Comparison.HOLDS, part))
    return RowFilter(f"Any column = {_join_parts(parts)}", (tuple(criteria),))


def _make_equal_filter(text: str, column: FilterColumn, relation: str) -> RowFilter:
    """Make the filter that the column is one of the values, or none of them.

    Raises:
        QueryError: where a value is not of the column's kind, or several are spans of time.
    """
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
    """Return the criteria that none of the values holds.

    Of alternative tests none may hold; of tests that must all hold, at least one may not.
    """
    negated: list[tuple[Criterion, ...]] = []
    for group in groups:
        inverted = [[_invert_test(test) for test in tests] for tests in group]
        if len(inverted) == 1:
            negated += [(test,) for test in inverted[0]]
        else:
            negated.append(tuple(test for tests in inverted for test in tests))
    return tuple(negated)


def _invert_test(test: Criterion) -> Criterion:
    return Criterion(test.column, test.comparison, test.text, test.decimals, test.is_percent, is_negated=True)


def _list_equal_tests(text: str, column: FilterColumn) -> Iterator[tuple[Criterion, ...]]:
    """Yield the groups of tests that the column is this value: all must hold. Nothing where it cannot be."""
    if column.is_number:
        number = read_filter_number(text, column)
        if number is not None:
            tests = [column.test(Comparison.EQUAL, format(number, "f"))]
            digits = strip_notation(text, column)
            decimals = column.format.decimals
            is_rounded = column.format.kind in (Kind.MONEY, Kind.NUMBER, Kind.PERCENT, Kind.PERCENT_UNITS)
            if is_rounded and digits and count_decimals(Decimal(digits)) <= decimals:
                shown = format(Decimal(digits), f".{decimals}f")
                is_percent = column.format.kind is Kind.PERCENT
                tests.append(column.test(Comparison.SHOWN_AS, shown, decimals=decimals, is_percent=is_percent))
            yield tuple(tests)
    elif column.is_day:
        if (days := read_filter_days(text)) is not None:
            yield (column.test(Comparison.AT_LEAST, days[0]),)
            yield (column.test(Comparison.BELOW, days[1]),)
    elif column.type == "TIME":
        if (time := read_filter_time(text)) is not None:
            yield (column.test(Comparison.EQUAL, time),)
    else:
        wanted = _TRUTHS.get(text.casefold(), text) if is_boolean(column.type) else text
        yield (column.test(Comparison.SAME_TEXT_ANY_CASE, wanted),)


def _make_order_filter(relation: str, text: str, column: FilterColumn) -> RowFilter:
    """Make the filter that the column is below or above the value, or equal to it where the relation says so."""
    text = _unquote(text)
    label = f"{column.name} {relation} {_write_bound(text, column)}"
    if column.is_day:
        days = read_filter_days(text)
        if days is None:
            raise _make_misfit_error(text, column)
        # After a month means after its last day.
        is_from, is_after = relation.startswith(">"), relation in (">", "<=")
        test = column.test(Comparison.AT_LEAST if is_from else Comparison.BELOW, days[1] if is_after else days[0])
        return RowFilter(label, ((test,),))
    return RowFilter(label, ((column.test(_COMPARISONS[relation], _read_bound(text, column)),),))


def _make_range_filter(low: str, high: str, column: FilterColumn) -> RowFilter:
    """Make the filter that the column is between the two, both included; either may be left out."""
    groups: list[tuple[Criterion, ...]] = []
    for relation, text in ((">=", low), ("<=", high)):
        if text:
            groups += _make_order_filter(relation, text, column).criteria
    ends = [_write_bound(text, column) if text else "" for text in (low, high)]
    return RowFilter(f"{column.name} {ends[0]}..{ends[1]}", tuple(groups))


def _read_bound(text: str, column: FilterColumn) -> str:
    """Return the value that the column is compared with, as the engine reads it.

    Raises:
        QueryError: where it is not of the column's kind.
    """
    if column.is_number:
        number = read_filter_number(text, column)
        if number is None:
            raise _make_misfit_error(text, column)
        return format(number, "f")
    if column.is_text and read_filter_number(text, column) is not None:
        raise QueryError(
            f"{column.name} holds texts, so it cannot be compared with the number {_shorten(text)}",
            f"Search for a part of the text, or for one value: = {_shorten(text)}",
        )
    if column.type == "TIME" and (time := read_filter_time(text)) is not None:
        return time
    if column.is_text:
        return text
    raise _make_misfit_error(text, column)


def _write_bound(text: str, column: FilterColumn) -> str:
    """Return the value as the label shows it: a share in percent."""
    is_share = column.format.kind in (Kind.PERCENT, Kind.PERCENT_UNITS)
    return _shorten(text if not is_share or "%" in text else f"{text}%")


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

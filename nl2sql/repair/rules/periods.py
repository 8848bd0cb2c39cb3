"""Compare a day with a month or a year: `day = '2025-03'` means each of its days.

It reads no other texts: what the name of a month or a word means beside a date, only the model knows.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext, resolve_column

_PERIOD: Final = re.compile(r"(\d{4})(?:-(?P<month>\d{1,2}))?")
_YEAR: Final = re.compile(r"((?:1[89]|20)\d\d)(?P<month>)")
_WRAPS: Final = (exp.Cast, exp.TryCast, exp.DateTrunc, exp.TimestampTrunc, exp.Date, exp.TsOrDsToDate)
_TURNED: Final = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE}


@dataclass(frozen=True, slots=True)
class _Period:
    """The days from `start` to the day before `end`."""

    text: str
    start: dt.date
    end: dt.date


def spell_out_periods(context: RepairContext) -> Edit | None:
    """Replace a month or year that a day is compared with by its first day and the first day after it.

    Precondition: the column holds days, and the text is a year or a month in digits, or a number that can be a year. No
    day is written so, and what a comparison with a period means for days follows from the calendar.

    >>> repair("SELECT count(*) FROM orders WHERE placed = '2024'")
    SELECT COUNT(*) FROM orders WHERE (placed >= CAST('2024-01-01' AS DATE) AND placed < CAST('2025-01-01' AS DATE))
    >>> repair("SELECT count(*) FROM orders WHERE placed >= 2025")
    SELECT COUNT(*) FROM orders WHERE (placed >= CAST('2025-01-01' AS DATE))
    >>> repair("SELECT count(*) FROM orders WHERE placed > 7")
    """
    changes: dict[str, None] = {}
    for scope in context.find_scopes():
        for column in scope.columns:
            found = resolve_column(scope, column)
            if found is not None and found[1].is_temporal:
                changes |= dict.fromkeys(_spell_out(column))
    return Edit(context.tree, "; ".join(changes)) if changes else None


def _spell_out(column: exp.Column) -> list[str]:
    """Replace the periods that the column is compared with; return the changes in words."""
    value: exp.Expr = column
    while isinstance(value.parent, _WRAPS) and not _is_other_function(value.parent):
        value = value.parent
    compared = value.parent
    periods: list[_Period | None] = []
    replacement: exp.Expr | None = None
    if isinstance(compared, exp.Between) and value.arg_key == "this":
        low, high = compared.args["low"], compared.args["high"]
        periods = [_read_period(low), _read_period(high)]
        since, before = _compare_since(value, low, periods[0]), _compare_until(value, high, periods[1])
        replacement = exp.And(this=since, expression=before)
    elif isinstance(compared, exp.In) and value.arg_key == "this" and compared.expressions:
        periods = [_read_period(listed) for listed in compared.expressions]
        pairs = zip(compared.expressions, periods, strict=True)
        replacement = exp.or_(*(_compare_equal(value, listed, period) for listed, period in pairs))
    elif isinstance(compared, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
        is_left = value.arg_key == "this"
        other = compared.expression if is_left else compared.this
        periods = [period := _read_period(other)]
        if period is not None:
            kind = type(compared) if is_left else _TURNED.get(type(compared), type(compared))
            replacement = _compare(kind, value, other, period)
    if replacement is None or compared is None or not any(periods):
        return []
    compared.replace(replacement if isinstance(replacement, exp.Paren) else exp.Paren(this=replacement))
    return [f"'{period.text}' is each of its days" for period in periods if period is not None]


def _is_other_function(node: exp.Expr) -> bool:
    """Return whether the cast makes no day of its argument."""
    return isinstance(node, exp.Cast | exp.TryCast) and not node.is_type("DATE", "TIMESTAMP", "TIMESTAMPTZ")


def _read_period(text: exp.Expr) -> _Period | None:
    """Return the month or year that the literal names."""
    while isinstance(text, exp.Cast | exp.TryCast | exp.Date):
        text = text.this
    if not isinstance(text, exp.Literal):
        return None
    found = (_PERIOD if text.is_string else _YEAR).fullmatch(str(text.this))
    if found is None:
        return None
    year, month = int(found[1]), int(found["month"] or 0)
    if not 1 <= year < dt.MAXYEAR or month > 12 or (found["month"] and not month):
        return None
    if not month:
        return _Period(found[0], dt.date(year, 1, 1), dt.date(year + 1, 1, 1))
    return _Period(found[0], dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1))


def _compare(kind: type[exp.Expr], value: exp.Expr, other: exp.Expr, period: _Period) -> exp.Expr:
    """Make the comparison of that kind, value first, with each day of the period."""
    if kind is exp.EQ:
        return _compare_equal(value, other, period)
    if kind is exp.NEQ:
        return exp.Not(this=exp.Paren(this=_compare_equal(value, other, period)))
    if kind is exp.GT:
        return exp.GTE(this=value.copy(), expression=_make_day(period.end))
    if kind is exp.GTE:
        return _compare_since(value, other, period)
    if kind is exp.LT:
        return exp.LT(this=value.copy(), expression=_make_day(period.start))
    return _compare_until(value, other, period)


def _compare_equal(value: exp.Expr, other: exp.Expr, period: _Period | None) -> exp.Expr:
    if period is None:
        return exp.EQ(this=value.copy(), expression=other.copy())
    return exp.Paren(
        this=exp.And(this=_compare_since(value, other, period), expression=_compare_until(value, other, period))
    )


def _compare_since(value: exp.Expr, other: exp.Expr, period: _Period | None) -> exp.Expr:
    return exp.GTE(this=value.copy(), expression=_make_day(period.start) if period else other.copy())


def _compare_until(value: exp.Expr, other: exp.Expr, period: _Period | None) -> exp.Expr:
    if period is None:
        return exp.LTE(this=value.copy(), expression=other.copy())
    return exp.LT(this=value.copy(), expression=_make_day(period.end))


def _make_day(day: dt.date) -> exp.Expr:
    return exp.Cast(this=exp.Literal.string(day.isoformat()), to=exp.DataType.build("DATE"))

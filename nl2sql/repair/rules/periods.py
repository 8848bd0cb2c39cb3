"""A month or a year where a day is needed: `day = '2025-03'` means each of its days.

It reads no other texts: where a name of a month or a word is compared with a date, only the model knows what is meant.
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
    """The days from `start` on, without `end`."""

    text: str
    start: dt.date
    end: dt.date


def spell_out_periods(context: RepairContext) -> Edit | None:
    """Compare a day with the first day of a month or year and the first one after it, where only that was written.

    Precondition: the column holds days, and the text is a year or a month in digits, or a number that can be a year:
    no day is called so, and what a comparison with one means of days follows from the calendar.

    >>> repair("SELECT count(*) FROM orders WHERE placed = '2024'")
    SELECT COUNT(*) FROM orders WHERE (placed >= CAST('2024-01-01' AS DATE) AND placed < CAST('2025-01-01' AS DATE))
    >>> repair("SELECT count(*) FROM orders WHERE placed >= 2025")
    SELECT COUNT(*) FROM orders WHERE (placed >= CAST('2025-01-01' AS DATE))
    >>> repair("SELECT count(*) FROM orders WHERE placed > 7")
    """
    told: dict[str, None] = {}
    for scope in context.find_scopes():
        for column in scope.columns:
            found = resolve_column(scope, column)
            if found is not None and found[1].is_temporal:
                told |= dict.fromkeys(_spell_out(column))
    return Edit(context.tree, "; ".join(told)) if told else None


def _spell_out(column: exp.Column) -> list[str]:
    """Spell out what the column is compared with; returns what was changed in words."""
    value: exp.Expr = column
    while isinstance(value.parent, _WRAPS) and not _is_other_function(value.parent):
        value = value.parent
    compared = value.parent
    periods: list[_Period | None] = []
    said: exp.Expr | None = None
    if isinstance(compared, exp.Between) and value.arg_key == "this":
        low, high = compared.args["low"], compared.args["high"]
        periods = [_read_period(low), _read_period(high)]
        since, before = _compare_since(value, low, periods[0]), _compare_until(value, high, periods[1])
        said = exp.And(this=since, expression=before)
    elif isinstance(compared, exp.In) and value.arg_key == "this" and compared.expressions:
        periods = [_read_period(one) for one in compared.expressions]
        said = exp.or_(*(_compare_equal(value, one, p) for one, p in zip(compared.expressions, periods, strict=True)))
    elif isinstance(compared, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
        is_left = value.arg_key == "this"
        other = compared.expression if is_left else compared.this
        periods = [period := _read_period(other)]
        if period is not None:
            kind = type(compared) if is_left else _TURNED.get(type(compared), type(compared))
            said = _compare(kind, value, other, period)
    if said is None or compared is None or not any(periods):
        return []
    compared.replace(said if isinstance(said, exp.Paren) else exp.Paren(this=said))
    return [f"'{period.text}' is each of its days" for period in periods if period is not None]


def _is_other_function(node: exp.Expr) -> bool:
    """Whether it makes no day of what it is given."""
    return isinstance(node, exp.Cast | exp.TryCast) and not node.is_type("DATE", "TIMESTAMP", "TIMESTAMPTZ")


def _read_period(text: exp.Expr) -> _Period | None:
    """The month or year that the literal names."""
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
    """The comparison of that kind, value first, with each day of the period."""
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

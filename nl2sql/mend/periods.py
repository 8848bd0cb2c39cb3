"""A month or a year where a day is needed: `day = '2025-03'` means each of its days.

It reads no other texts: where a name of a month or a word is compared with a date, only the model knows what is meant.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from nl2sql.mend.query import Query, is_day, owner
from nl2sql.mend.scopes import Scope

_PERIOD: Final = re.compile(r"(\d{4})(?:-(\d{1,2}))?")
_WRAPS: Final = (exp.Cast, exp.TryCast, exp.DateTrunc, exp.TimestampTrunc, exp.Date, exp.TsOrDsToDate)
_TURNED: Final = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE}


@dataclass(frozen=True, slots=True)
class _Period:
    """The days from `start` on, without `end`."""

    text: str
    start: dt.date
    end: dt.date


def spell_out_periods(query: Query) -> None:
    """Compare with the first day of the period and the first one after it."""
    for scope in query.scopes():
        for column in scope.columns:
            found = owner(scope, column)
            if found is not None and is_day(found[1]):
                _spell_out(query, scope, column)


def _spell_out(query: Query, scope: Scope, column: exp.Column) -> None:
    value: exp.Expr = column
    while isinstance(value.parent, _WRAPS):
        value = value.parent
    compared = value.parent
    periods: list[_Period | None] = []
    said: exp.Expr | None = None
    if isinstance(compared, exp.Between) and value.arg_key == "this":
        low, high = compared.args["low"], compared.args["high"]
        periods = [_period(low), _period(high)]
        since, before = _since(value, low, periods[0]), _until(value, high, periods[1])
        said = exp.And(this=since, expression=before)
    elif isinstance(compared, exp.In) and value.arg_key == "this" and compared.expressions:
        periods = [_period(one) for one in compared.expressions]
        said = exp.or_(*(_equal(value, one, p) for one, p in zip(compared.expressions, periods, strict=True)))
    elif isinstance(compared, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
        is_left = value.arg_key == "this"
        other = compared.expression if is_left else compared.this
        periods = [period := _period(other)]
        if period is not None:
            kind = type(compared) if is_left else _TURNED.get(type(compared), type(compared))
            said = _said(kind, value, other, period)
    if said is None or compared is None or not any(periods):
        return
    compared.replace(exp.Paren(this=said))
    query.done += [f"'{period.text}' is each of its days" for period in periods if period is not None]


def _period(text: exp.Expr) -> _Period | None:
    """The month or year that the literal names."""
    while isinstance(text, exp.Cast | exp.TryCast | exp.Date):
        text = text.this
    found = _PERIOD.fullmatch(str(text.this)) if isinstance(text, exp.Literal) and text.is_string else None
    if found is None:
        return None
    year, month = int(found[1]), int(found[2] or 0)
    if not 1 <= year < dt.MAXYEAR or month > 12 or found[2] == "0":
        return None
    if not month:
        return _Period(found[0], dt.date(year, 1, 1), dt.date(year + 1, 1, 1))
    return _Period(found[0], dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1))


def _said(kind: type[exp.Expr], value: exp.Expr, other: exp.Expr, period: _Period) -> exp.Expr:
    """The comparison of that kind, value first, with each day of the period."""
    if kind is exp.EQ:
        return _equal(value, other, period)
    if kind is exp.NEQ:
        return exp.Not(this=exp.Paren(this=_equal(value, other, period)))
    if kind is exp.GT:
        return exp.GTE(this=value.copy(), expression=_day(period.end))
    if kind is exp.GTE:
        return _since(value, other, period)
    if kind is exp.LT:
        return exp.LT(this=value.copy(), expression=_day(period.start))
    return _until(value, other, period)


def _equal(value: exp.Expr, other: exp.Expr, period: _Period | None) -> exp.Expr:
    if period is None:
        return exp.EQ(this=value.copy(), expression=other.copy())
    return exp.Paren(this=exp.And(this=_since(value, other, period), expression=_until(value, other, period)))


def _since(value: exp.Expr, other: exp.Expr, period: _Period | None) -> exp.Expr:
    return exp.GTE(this=value.copy(), expression=_day(period.start) if period else other.copy())


def _until(value: exp.Expr, other: exp.Expr, period: _Period | None) -> exp.Expr:
    if period is None:
        return exp.LTE(this=value.copy(), expression=other.copy())
    return exp.LT(this=value.copy(), expression=_day(period.end))


def _day(day: dt.date) -> exp.Expr:
    return exp.Cast(this=exp.Literal.string(day.isoformat()), to=exp.DataType.build("DATE"))

"""Write the days and moments of a query in words; relative ones are computed.

It knows the calendar, and no time zone: `today` is the engine's current date.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Final

from sqlglot import exp

from nl2sql.answer.plain_tree import name_function

Moment = dt.date | dt.datetime
_TODAY: Final = ("today", "now", "get_current_timestamp", "current_localtimestamp", "transaction_timestamp")
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}
_DAYS: Final = {"day": 1, "week": 7}
_TEMPORAL: Final = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ)


def find_moment(node: exp.Expr | None, today: dt.date | None, *, is_temporal: bool = False) -> Moment | None:
    """Return the day or moment that an expression without columns stands for; None where it is unknown.

    With `is_temporal` the expression is compared with days, so a text is read as one.
    """
    if isinstance(node, exp.Literal) and node.is_string:
        return _read_moment(node.name) if is_temporal else None
    if isinstance(node, exp.Cast) and node.is_type(*_TEMPORAL):
        found = find_moment(node.this, today, is_temporal=True)
        return found.date() if isinstance(found, dt.datetime) and node.is_type(exp.DType.DATE) else found
    if isinstance(node, exp.CurrentDate | exp.CurrentTimestamp) or name_function(node) in _TODAY:
        return today
    if isinstance(node, exp.Add | exp.Sub):
        moment = find_moment(node.left, today, is_temporal=is_temporal)
        return _shift_moment(moment, node.right, -1 if isinstance(node, exp.Sub) else 1) if moment is not None else None
    return _find_call_moment(node, today) if isinstance(node, exp.Anonymous) else None


def is_relative_to_today(node: exp.Expr) -> bool:
    """Return whether the expression depends on the day it runs."""
    return any(
        isinstance(part, exp.CurrentDate | exp.CurrentTimestamp) or name_function(part) in _TODAY
        for part in node.walk()
    )


def say_moment(moment: Moment, *, with_time: bool = False) -> str:
    """Write `1 January 2025`, with the time where it is not midnight, or `with_time`."""
    day = f"{moment.day} {calendar.month_name[moment.month]} {moment.year}"
    if isinstance(moment, dt.datetime) and (with_time or moment.time() != dt.time()):
        time = moment.time().isoformat("minutes" if not moment.second and not moment.microsecond else "auto")
        return f"{day} {time}"
    return f"{day} 00:00" if with_time else day


def _read_moment(text: str) -> Moment | None:
    try:
        return dt.date.fromisoformat(text) if len(text) == len("2025-01-01") else dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _find_call_moment(call: exp.Anonymous, today: dt.date | None) -> Moment | None:
    name, arguments = name_function(call), call.expressions
    if name in ("date_trunc", "datetrunc") and len(arguments) == 2 and isinstance(arguments[0], exp.Literal):
        moment = find_moment(arguments[1], today, is_temporal=True)
        return _truncate_moment(moment, arguments[0].name.lower()) if moment is not None else None
    if name == "last_day" and len(arguments) == 1:
        moment = find_moment(arguments[0], today, is_temporal=True)
        return (
            _convert_to_day(moment).replace(day=calendar.monthrange(moment.year, moment.month)[1]) if moment else None
        )
    if name == "make_date" and len(arguments) == 3 and all(isinstance(argument, exp.Literal) for argument in arguments):
        try:
            return dt.date(*(int(argument.name) for argument in arguments))
        except ValueError:
            return None
    return None


def _truncate_moment(moment: Moment, unit: str) -> Moment | None:
    day = _convert_to_day(moment)
    if unit == "week":
        return day - dt.timedelta(days=day.weekday())
    if unit == "day":
        return day
    if unit in ("month", "quarter", "year"):
        month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1}.get(unit, 1)
        return dt.date(day.year, month, 1)
    return None


def _shift_moment(moment: Moment, by: exp.Expr, sign: int) -> Moment | None:
    """Return the moment that much later, or earlier."""
    if isinstance(by, exp.Literal) and by.is_int and not isinstance(moment, dt.datetime):
        return moment + dt.timedelta(days=sign * int(by.name))
    found = _read_interval(by)
    if found is None:
        return None
    amount, unit = found
    try:
        if unit in _DAYS:
            return moment + dt.timedelta(days=sign * amount * _DAYS[unit])
        return _add_months(moment, sign * amount * _MONTHS[unit]) if unit in _MONTHS else None
    except (OverflowError, ValueError):
        return None


def _read_interval(node: exp.Expr) -> tuple[int, str] | None:
    """Return the amount and the unit of an interval of one unit."""
    if isinstance(node, exp.Interval):
        amount, unit = (node.this.name if node.this is not None else ""), node.text("unit")
    elif isinstance(node, exp.Cast) and node.is_type(exp.DType.INTERVAL) and isinstance(node.this, exp.Literal):
        amount, _, unit = node.this.name.strip().partition(" ")
    else:
        return None
    unit = unit.strip().lower().removesuffix("s")
    return (int(amount), unit) if amount.lstrip("-").isdecimal() else None


def _add_months(moment: Moment, months: int) -> Moment:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def _convert_to_day(moment: Moment) -> dt.date:
    return moment.date() if isinstance(moment, dt.datetime) else moment

"""Find the last period of a result where the data ends before the period does, by the profile in the schema.

It reads no data. A column that is filled once a month, or whose range is not known, has no open period.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from nl2sql.charts.column_roles import Field
from nl2sql.charts.labels import convert_to_moment, find_next_period, read_month
from nl2sql.types import Column

_UNITS: Final = ("year", "quarter", "month", "week")
_MIN_SAMPLES: Final = 3
_MIN_DAYS_A_PERIOD: Final = 3


@dataclass(frozen=True, slots=True)
class OpenPeriod:
    """A period that is not complete: `value` as the result has it, `end` the last day that the data has of it."""

    value: object
    end: dt.date


def find_open_period(along: Field) -> OpenPeriod | None:
    """Return the last period of the column where the data ends before it does; else None."""
    stored, grain = along.origin.stored_column, along.grain
    if stored is None or grain not in _UNITS or not along.present_values:
        return None
    end = _read_day(stored.maximum)
    last = max(along.present_values, key=lambda value: str(value))
    start = (
        dt.datetime(last, 1, 1)
        if isinstance(last, int) and 0 < last < 10_000
        else convert_to_moment(last) or read_month(last)
    )
    if end is None or start is None or not start.date() <= end:
        return None
    after = find_next_period(start, grain).date()
    days = (after - start.date()).days
    left = (after - end).days - 1
    if left < max(2, days // 10) or _is_sparse(stored, end, days):
        return None
    return OpenPeriod(last, end)


def _is_sparse(stored: Column, end: dt.date, days: int) -> bool:
    """Return whether the column has too few days to expect more of them in a period of this length (in days)."""
    samples = [day for text in (*stored.values, *stored.samples) if (day := _read_day(text)) is not None]
    if len({*samples}) >= _MIN_SAMPLES and len({day.day for day in samples}) == 1:
        return True
    begin = _read_day(stored.minimum)
    if begin is None or stored.distinct is None:
        return len({*samples}) < _MIN_SAMPLES
    return stored.distinct < _MIN_DAYS_A_PERIOD * max(1, (end - begin).days / days)


def _read_day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat((text or "")[:10])
    except ValueError:
        return None

"""What the values of a column have in common: their size, their decimals, whether they are days or months.

It counts only; `display` decides what that makes of a column.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(slots=True)
class ColumnFacts:
    """What the values of a column have in common, as far as `observe` has seen them.

    `decimals` is the largest number of decimals, `smallest_amount` the smallest absolute value other than 0.
    """

    numbers: int = 0
    has_only_integers: bool = True
    days: int = 0
    others: int = 0
    decimals: int = 0
    minimum: Decimal = Decimal(0)
    maximum: Decimal = Decimal(0)
    smallest_amount: Decimal | None = None
    is_at_midnight: bool = True
    is_first_of_month: bool = True
    first_day: dt.date | None = None
    has_several_days: bool = False

    def observe(self, values: Iterable[Any]) -> None:
        """Add these values to the facts."""
        numbers: list[int | float | Decimal] = []
        for value in values:
            if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
                numbers.append(value)
            elif isinstance(value, dt.date):
                self._observe_day(value)
            elif value is not None:
                self.others += 1
        if numbers:
            self._observe_numbers(numbers)

    def _observe_numbers(self, values: Sequence[int | float | Decimal]) -> None:
        finite = [value for value in values if isinstance(value, int) or math.isfinite(value)]
        if not finite:
            return
        lowest, highest = convert_to_decimal(min(finite)), convert_to_decimal(max(finite))
        self.minimum = min(self.minimum, lowest) if self.numbers else lowest
        self.maximum = max(self.maximum, highest) if self.numbers else highest
        self.numbers += len(finite)
        amounts = [value if value > 0 else -value for value in finite if value]
        if amounts:
            smallest = convert_to_decimal(min(amounts))
            self.smallest_amount = smallest if self.smallest_amount is None else min(self.smallest_amount, smallest)
        for value in finite:
            if not isinstance(value, int):
                self.has_only_integers = False
                # A DECIMAL has the same exponent in all rows, so most values need no count of their own.
                if isinstance(value, float) or -_get_exponent(value) > self.decimals:
                    self.decimals = max(self.decimals, count_decimals(value))

    def _observe_day(self, value: dt.date) -> None:
        day = value
        if isinstance(value, dt.datetime):
            self.is_at_midnight = self.is_at_midnight and value.time() == dt.time()
            day = value.date()
        self.is_first_of_month = self.is_first_of_month and day.day == 1
        self.has_several_days = self.has_several_days or (self.first_day is not None and day != self.first_day)
        self.first_day = self.first_day or day
        self.days += 1


def convert_to_decimal(value: int | float | Decimal) -> Decimal:
    """Return the finite number as a decimal of its own digits."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def count_decimals(value: float | Decimal) -> int:
    """Return how many decimals the number has, without trailing zeros."""
    if isinstance(value, float):
        _, _, fraction = repr(value).partition(".")
        if fraction.isdecimal():
            return 0 if fraction == "0" else len(fraction)
        value = convert_to_decimal(value)
    digits, exponent = value.as_tuple().digits, _get_exponent(value)
    zeros = next((place for place, digit in enumerate(reversed(digits)) if digit), len(digits))
    return max(0, -exponent - zeros) if any(digits) else 0


def _get_exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0

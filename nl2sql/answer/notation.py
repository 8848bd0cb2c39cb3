"""How people in a country write numbers: decimal sign, thousands separator, percent sign.

Without a locale the notation is English and nothing is loaded; with one it comes from babel's data (CLDR). It rounds
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from nl2sql.errors import ConfigError

_MAX_LOCALE_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class Notation:
    """The signs of one country, and the number of digits in the last group and in further ones."""

    decimal: str = "."
    group: str = ","
    first_group_digits: int = 3
    further_group_digits: int = 3
    percent_prefix: str = ""
    percent_suffix: str = "%"

    def write(self, value: Decimal, decimals: int, *, grouped: bool = True) -> str:
        """Write the number with that many decimals, which must not be fewer than it has."""
        digits = format(value.copy_abs(), f".{decimals}f")
        whole, _, fraction = digits.partition(".")
        if grouped:
            whole = self._group(whole)
        sign = "-" if value < 0 else ""
        return f"{sign}{whole}{self.decimal if fraction else ''}{fraction}"

    def write_percent(self, value: Decimal, decimals: int) -> str:
        """Write the number followed by the percent sign."""
        return f"{self.percent_prefix}{self.write(value, decimals)}{self.percent_suffix}"

    def _group(self, whole: str) -> str:
        parts = [whole[-self.first_group_digits :]]
        rest = whole[: -self.first_group_digits]
        while rest:
            parts.append(rest[-self.further_group_digits :])
            rest = rest[: -self.further_group_digits]
        return self.group.join(reversed(parts))


NEUTRAL: Final = Notation()


@cache
def find_notation(locale: str) -> Notation:
    """Return the notation of a locale such as `de_DE` or `en-IN`; the neutral one for an empty text.

    Raises:
        ConfigError: for an unknown locale.
    """
    if not locale:
        return NEUTRAL
    from babel import Locale, UnknownLocaleError
    from babel.numbers import get_decimal_symbol, get_group_symbol

    try:
        found = Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as exc:
        raise ConfigError(f"{locale[:_MAX_LOCALE_CHARS]!r} is no locale", 'Write it like "de_DE" or "en_IN".') from exc
    percent = found.percent_formats[None]
    first, further = found.decimal_formats[None].grouping
    return Notation(
        get_decimal_symbol(found), get_group_symbol(found), first, further, percent.prefix[0], percent.suffix[0]
    )

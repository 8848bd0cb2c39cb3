"""Read what a user writes to compare a column with: numbers in its notation, spans of days, times of day.

It makes no filter of them: `row_filter` does.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.display import ColumnFormat, Kind
from nl2sql.types import Comparison, Criterion
from nl2sql.types.type_families import is_numeric, is_temporal, is_text

_DIGITS: Final = re.compile(r"-?\d*(?:\.\d*)?")
_SPACES: Final = re.compile(r"[\s\u00a0\u202f'’]")
_YEAR: Final = re.compile(r"(\d{4})")
_MONTH: Final = re.compile(r"(\d{4})-(\d{1,2})")
_QUARTER: Final = re.compile(r"(\d{4})[- ]?Q([1-4])", re.I)
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_MOMENT: Final = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8})(?:[T ]([\d:]+)(?:[.,][\d.,]*)?(?:Z|[+-][\d:]+)?)?", re.I)
_STEPS: Final = tuple(dt.timedelta(**{unit: 1}) for unit in ("days", "hours", "minutes", "seconds"))


@dataclass(frozen=True, slots=True)
class FilterColumn:
    """A column that can be filtered: its position, its name on the page, its type, how it is shown."""

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
        """Make one test of this column."""
        return Criterion(self.position, comparison, text, **more)


def strip_notation(text: str, column: FilterColumn) -> str:
    """Return the digits of a number as the page writes it, without separators; empty for other texts."""
    notation = column.format.notation
    bare = text.replace(notation.group, "").replace(notation.decimal, ".").replace(notation.percent_suffix or "%", "")
    bare = _SPACES.sub("", bare)
    return bare if _DIGITS.fullmatch(bare) and any(sign.isdigit() for sign in bare) else ""


def read_filter_number(text: str, column: FilterColumn) -> Decimal | None:
    """Read a number in the column's notation or plain; of a share in percent, return the fraction.

    None where the text is no number.
    """
    notation = column.format.notation
    text = _SPACES.sub("", text).replace("\u2212", "-")
    text = text.removesuffix(notation.percent_suffix.strip() or "%").removesuffix("%")
    # Spaces and apostrophes between digits were removed above.
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


def read_filter_days(text: str) -> tuple[str, str] | None:
    """Return the start of a year, quarter, month, day, hour, minute or second, and of the next one, as ISO texts.

    None where the text is none of these.
    """
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


def read_filter_time(text: str) -> str | None:
    """Return the time of day as ISO text; None where the text is none."""
    try:
        return dt.time.fromisoformat(text.strip()).isoformat()
    except ValueError:
        return None


def _write_months(year: int, month: int, count: int) -> tuple[str, str]:
    """Return the first day of the month, and the first day after that many months."""
    start = dt.date(year, month, 1)
    months = year * 12 + month - 1 + count
    return start.isoformat(), dt.date(months // 12, months % 12 + 1, 1).isoformat()

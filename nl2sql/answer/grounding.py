"""Whether the rows bear out the figures of a text.

Each number and date of the text is looked for in the cells (rounded as the text rounds it), in the number of rows,
in the column totals, in the question and in the SQL; a currency's sign must be named there too. What is found nowhere
is reported, and a currency's sign can be left out; whether words are right is not judged. The rows are read once for
all that is asked about them, and what that takes is bounded.
"""

from __future__ import annotations

import bisect
import contextlib
import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from nl2sql.answer.values import count_values
from nl2sql.types import Grounding, Result, column_values

if TYPE_CHECKING:
    import pyarrow as pa

# What is looked at of a result: its first rows, as far as each of these goes.
CHECKED_CELLS: Final = 20_000
CHECKED_VALUES: Final = 500_000
CHECKED_BYTES: Final = 4_000_000
_COUNTED_ROWS: Final = 1000
_NAMES_CHARS: Final = 100_000

_NUMBER: Final = re.compile(
    r"(?<![\w.])(?P<sign>[-\u2212]?)(?P<currency>[$€£¥]?)\s?(?P<number>\d{1,3}(?:[,\u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"\s?(?P<unit>%|percent\b|thousand\b|million\b|billion\b|[kKmMbB](?![A-Za-z]))?",
    re.I,
)
_UNITS: Final = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "billion": 1e9}
_CURRENCIES: Final = {
    "$": ("$", "usd", "dollar"),
    "€": ("€", "eur"),
    "£": ("£", "gbp", "pound"),
    "¥": ("¥", "jpy", "cny", "yen", "yuan"),
}
_ISO_DATE: Final = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_MONTHS: Final = "january february march april may june july august september october november december".split()
_WORD_DATE: Final = re.compile(
    rf"\b(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?P<month>{'|'.join(_MONTHS)})\s+"
    r"(?:(?P<d2>\d{1,2})(?:st|nd|rd|th)?,?\s+)?(?P<year>\d{4})\b",
    re.I,
)
_RELATIVE: Final = 1e-9
_DIGITS: Final = re.compile(r"\d+")
_DECIMALS: Final = re.compile(r"(?<!\d)(\d++)\.(?=(\d++))")
_DAY_OR_MONTH: Final = re.compile(r"(?=(\d{4}-\d{2})(-\d{2})?)")


class Evidence:
    """What may bear out a text: the rows of a result, its column names, the question, and the SQL.

    Each part is made when it is first asked for, and once.
    """

    def __init__(self, result: Result, question: str = "", sql: str = "") -> None:
        self._result = result
        names = " ".join(column.name.replace("_", " ") for column in result.columns)[:_NAMES_CHARS]
        self._said = f"{question} {sql}"
        self._with_names = f"{self._said} {names}"

    def bears_out_date(self, iso: str) -> bool:
        """Whether a day or a month, in ISO form, is in the rows, the question or the SQL."""
        return iso in self._dates

    def names_currency(self, currency: str) -> bool:
        """Whether anything names the currency of that sign; true for no sign."""
        return not currency or currency in self._currencies

    def bears_out_number(self, found: re.Match[str]) -> bool:
        """Whether a number of a text is one of the question's, a value of the rows, or inside a text of theirs."""
        plain = _plain(found["number"])
        if plain in self._quoted and not found["sign"]:
            return True
        return self._is_value(found) or plain in self._digits

    def _is_value(self, found: re.Match[str]) -> bool:
        """Equal to a value once that is rounded to the digits that the text shows, at the scale of its unit."""
        number = found["number"]
        decimals = len(number.partition(".")[2])
        stated = float(_plain(number))
        unit = (found["unit"] or "").lower()
        scales = {1.0 / _UNITS[unit]} if unit in _UNITS else {1.0}
        if unit in ("%", "percent"):
            scales.add(100.0)
        sizes = self._negative_sizes if found["sign"] else self._sizes
        return any(_holds(sizes, scale, stated, decimals) for scale in scales)

    @cached_property
    def _columns(self) -> list[list[Any]]:
        return [column_values(column) for column in _take_rows(self._result.table).columns]

    @cached_property
    def _values(self) -> list[float]:
        """Every number of the rows, each column's total, and how many rows there are unless the result was cut."""
        values = [] if self._result.truncated else [float(self._result.row_count)]
        for cells in self._columns:
            numbers = [number for cell in cells if _is_number(cell) and math.isfinite(number := float(cell))]
            values += numbers
            if len(numbers) > 1:
                with contextlib.suppress(OverflowError):
                    values.append(math.fsum(numbers))
            values += [float(cell.year) for cell in cells if isinstance(cell, dt.date)]
        return values

    @cached_property
    def _sizes(self) -> list[float]:
        return sorted({abs(value) for value in self._values})

    @cached_property
    def _negative_sizes(self) -> list[float]:
        return sorted({-value for value in self._values if value < 0})

    @cached_property
    def _texts(self) -> str:
        return " ".join(text for cells in self._columns for text in _texts(cells))

    @cached_property
    def _digits(self) -> frozenset[str]:
        """The numbers that text cells hold, such as house numbers or those in the names of products."""
        decimals = {f"{whole}.{part}" for whole, part in _DECIMALS.findall(self._texts)}
        return frozenset(_DIGITS.findall(self._texts)) | decimals

    @cached_property
    def _dates(self) -> frozenset[str]:
        days = (str(cell) for cells in self._columns for cell in cells if isinstance(cell, dt.date))
        found = _DAY_OR_MONTH.findall(f"{self._said} {' '.join(days)} {self._texts}")
        return frozenset(month for month, _ in found) | {month + day for month, day in found if day}

    @cached_property
    def _quoted(self) -> frozenset[str]:
        return frozenset(_plain(found["number"]) for found in _NUMBER.finditer(self._with_names))

    @cached_property
    def _currencies(self) -> frozenset[str]:
        said = f"{self._with_names} {self._texts}".lower()
        return frozenset(sign for sign, words in _CURRENCIES.items() if any(word in said for word in words))


def check_numbers(
    text: str, result: Result, question: str = "", sql: str = "", *, evidence: Evidence | None = None
) -> Grounding:
    """How many numbers `text` states, how many are borne out, and those that are not, as written.

    `evidence` is that of the same result, question and SQL, where there is one already.
    """
    evidence = evidence or Evidence(result, question, sql)
    dates, rest = _split_dates(text)
    unsupported = [written for written, iso in dates if not evidence.bears_out_date(iso)]
    stated = list(_NUMBER.finditer(rest))
    unsupported += [
        found[0].strip()
        for found in stated
        if not evidence.names_currency(found["currency"]) or not evidence.bears_out_number(found)
    ]
    count = len(stated) + len(dates)
    return Grounding(count, count - len(unsupported), tuple(unsupported))


def without_unnamed_currencies(
    text: str, result: Result, question: str = "", sql: str = "", *, evidence: Evidence | None = None
) -> str:
    """The text without the signs of currencies that neither the rows nor the question name: models like to add them.

    `evidence` as in `check_numbers`.
    """
    known = evidence or Evidence(result, question, sql)

    def bare(found: re.Match[str]) -> str:
        if known.names_currency(found["currency"]):
            return found[0]
        return found["sign"] + found[0][found.start("number") - found.start() :]

    return _NUMBER.sub(bare, text)


def _take_rows(table: pa.Table) -> pa.Table:
    """As many rows from the first on as are looked at."""
    rows, values, size = 0, CHECKED_VALUES, CHECKED_BYTES
    for batch in table.slice(0, CHECKED_CELLS).to_batches(max_chunksize=_COUNTED_ROWS):
        counted, weight = sum(count_values(column) for column in batch.columns), batch.nbytes
        if counted > values or weight > size:
            share = min(values / max(1, counted), size / max(1, weight))
            return table.slice(0, max(1, rows + int(share * batch.num_rows)))
        rows, values, size = rows + batch.num_rows, values - counted, size - weight
    return table.slice(0, rows)


def _split_dates(text: str) -> tuple[list[tuple[str, str]], str]:
    """The dates of a text, as written and as ISO (a month has no day), and the text without them."""
    dates = [(found[0], found[0][:10]) for found in _ISO_DATE.finditer(text)]
    rest = _ISO_DATE.sub(" ", text)
    for found in _WORD_DATE.finditer(rest):
        iso = f"{found['year']}-{_MONTHS.index(found['month'].lower()) + 1:02d}"
        day = found["d1"] or found["d2"]
        dates.append((found[0], f"{iso}-{int(day):02d}" if day else iso))
    return dates, _WORD_DATE.sub(" ", rest)


def _holds(sizes: Sequence[float], scale: float, stated: float, decimals: int) -> bool:
    """Whether one of the sorted sizes, scaled, is the number that is stated with so many decimals."""
    if not math.isfinite(stated):
        return False
    reach = 10.0**-decimals + 2 * _RELATIVE * stated
    at = bisect.bisect_left(sizes, (stated - reach) / scale)
    while at < len(sizes) and sizes[at] * scale <= stated + reach:
        if _equal(sizes[at] * scale, stated, decimals):
            return True
        at += 1
    return False


def _equal(value: float, stated: float, decimals: int) -> bool:
    half = 0.5 * 10.0**-decimals
    return math.isclose(value, stated, rel_tol=_RELATIVE) or abs(value - stated) <= half * (1 + 1e-6)


def _plain(number: str) -> str:
    return re.sub(r"[,\u00a0\u202f]", "", number)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)


def _texts(cells: Iterable[Any]) -> Iterable[str]:
    for cell in cells:
        if isinstance(cell, str | dt.time):
            yield str(cell)
        elif isinstance(cell, list | dict):
            yield repr(cell)

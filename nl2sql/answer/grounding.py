"""Whether the rows bear out the figures of a text.

Each number and date of the text is looked for in the cells (rounded as the text rounds it), in the number of rows,
in the column totals, in the question and in the SQL; a currency's sign must be named there too. What is found nowhere
is reported, and a currency's sign can be left out; whether words are right is not judged.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from nl2sql.types import Grounding, Result, column_values

CHECKED_CELLS: Final = 20_000

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


def check_numbers(text: str, result: Result, question: str = "", sql: str = "") -> Grounding:
    """How many numbers `text` states, how many are borne out, and those that are not, as written."""
    dates, rest = _split_dates(text)
    dated = f"{question} {sql} {_dates(result)} {_texts(result)}"
    unsupported = [written for written, iso in dates if iso not in dated]
    values, texts = _values(result), _texts(result)
    stated = list(_NUMBER.finditer(rest))
    quoted = {_plain(found["number"]) for found in _NUMBER.finditer(f"{question} {sql} {_names(result)}")}
    said = _said(result, question, sql)
    for found in stated:
        if not _is_named(found["currency"], said):
            unsupported.append(found[0].strip())
            continue
        if _plain(found["number"]) in quoted and not found["sign"]:
            continue
        if not _borne_out(found, values) and not _inside_text(found["number"], texts):
            unsupported.append(found[0].strip())
    count = len(stated) + len(dates)
    return Grounding(count, count - len(unsupported), tuple(unsupported))


def without_unnamed_currencies(text: str, result: Result, question: str = "", sql: str = "") -> str:
    """The text without the signs of currencies that neither the rows nor the question name: models like to add them."""
    said = _said(result, question, sql)

    def bare(found: re.Match[str]) -> str:
        if _is_named(found["currency"], said):
            return found[0]
        return found["sign"] + found[0][found.start("number") - found.start() :]

    return _NUMBER.sub(bare, text)


def _said(result: Result, question: str, sql: str) -> str:
    """Whatever may name a currency."""
    return f"{question} {sql} {_names(result)} {_texts(result)}".lower()


def _is_named(currency: str, said: str) -> bool:
    return not currency or any(word in said for word in _CURRENCIES[currency])


def _split_dates(text: str) -> tuple[list[tuple[str, str]], str]:
    """The dates of a text, as written and as ISO (a month has no day), and the text without them."""
    dates = [(found[0], found[0][:10]) for found in _ISO_DATE.finditer(text)]
    rest = _ISO_DATE.sub(" ", text)
    for found in _WORD_DATE.finditer(rest):
        iso = f"{found['year']}-{_MONTHS.index(found['month'].lower()) + 1:02d}"
        day = found["d1"] or found["d2"]
        dates.append((found[0], f"{iso}-{int(day):02d}" if day else iso))
    return dates, _WORD_DATE.sub(" ", rest)


def _borne_out(found: re.Match[str], values: Iterable[float]) -> bool:
    """Equal to a value once that is rounded to the digits that the text shows, at the scale of its unit."""
    number = found["number"]
    decimals = len(number.partition(".")[2])
    stated = float(_plain(number))
    unit = (found["unit"] or "").lower()
    scales = {1.0 / _UNITS[unit]} if unit in _UNITS else {1.0}
    if unit in ("%", "percent"):
        scales.add(100.0)
    return any(
        _equal(abs(value) * scale, stated, decimals) and (value < 0 or not found["sign"])
        for value in values
        for scale in scales
    )


def _equal(value: float, stated: float, decimals: int) -> bool:
    half = 0.5 * 10.0**-decimals
    return math.isclose(value, stated, rel_tol=_RELATIVE) or abs(value - stated) <= half * (1 + 1e-6)


def _plain(number: str) -> str:
    return re.sub(r"[,\u00a0\u202f]", "", number)


def _values(result: Result) -> list[float]:
    """Every number of the rows, each column's total, and how many rows there are unless the result was cut."""
    values = [] if result.truncated else [float(result.row_count)]
    for column in result.table.columns:
        cells = column_values(column.slice(0, CHECKED_CELLS))
        numbers = [number for cell in cells if _is_number(cell) and math.isfinite(number := float(cell))]
        values += numbers
        if len(numbers) > 1:
            with contextlib.suppress(OverflowError):
                values.append(math.fsum(numbers))
        values += [float(cell.year) for cell in cells if isinstance(cell, dt.date)]
    return values


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)


def _dates(result: Result) -> str:
    cells = (cell for column in result.table.columns for cell in column_values(column.slice(0, CHECKED_CELLS)))
    return " ".join(str(cell) for cell in cells if isinstance(cell, dt.date))


def _texts(result: Result) -> str:
    texts = []
    for column in result.table.columns:
        for cell in column_values(column.slice(0, CHECKED_CELLS)):
            if isinstance(cell, str | dt.time):
                texts.append(str(cell))
            elif isinstance(cell, list | dict):
                texts.append(repr(cell))
    return " ".join(texts)


def _names(result: Result) -> str:
    return " ".join(column.name.replace("_", " ") for column in result.columns)


def _inside_text(number: str, text: str) -> bool:
    """A number that a text cell holds, such as a house number or a product's name."""
    return re.search(rf"(?<!\d){re.escape(_plain(number))}(?!\d)", text) is not None

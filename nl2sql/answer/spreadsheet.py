"""Rows for a spreadsheet: xlsx, and CSV in which no text can become a formula.

Numbers, dates and truth values stay what they are. `export` writes the CSV for programs, with every text as it is.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from nl2sql.answer.values import text_of
from nl2sql.errors import ConfigError
from nl2sql.types import ResultColumn, column_values

if TYPE_CHECKING:
    import pyarrow as pa

SHEET_ROWS: Final = 1_048_576
CELL_CHARS: Final = 32_767
_EXACT: Final = 10**15
_FIRST_DAY: Final = dt.date(1900, 3, 1)
_WIDEST: Final = 50
_ESCAPE: Final = "'"
_QUOTES: Final = frozenset("\"'`´‘’“”„«»")
# U+2212, the minus sign, is no compatibility form of the hyphen.
_STARTS: Final = frozenset("=+-@\u2212")
_PLAIN: Final = re.compile(r"[0-9A-Za-z][^;\t\r\n]*")
# Where a spreadsheet is set to another separator than the comma, quotes no longer hold a cell together.
_SEPARATORS: Final = re.compile(r"([;\t\r\n])")


def harmless(text: str) -> str:
    """The text such that no part of it is taken for a formula, wherever a spreadsheet may cut it into cells."""
    if _PLAIN.fullmatch(text):
        return text
    if text[:1] in ("\t", "\r", "\n"):
        text = _ESCAPE + text
    return "".join(_ESCAPE + part if _starts_formula(part) else part for part in _SEPARATORS.split(text))


def _starts_formula(text: str) -> bool:
    """Whether the first sign, after blanks, quotes and signs that do not show, is that of a formula, in any width."""
    for sign in text:
        if unicodedata.normalize("NFKC", sign)[:1] in _STARTS:
            return True
        if not (sign.isspace() or sign in _QUOTES or unicodedata.category(sign) in ("Cc", "Cf")):
            return False
    return False


def write_safe_csv(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    """The rows as CSV for a spreadsheet, and how many: UTF-8 with its mark, every text in quotes and harmless."""
    count = 0
    text = io.TextIOWrapper(out, "utf-8-sig", newline="", write_through=True)
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([harmless(column.name) for column in columns])
        for batch in batches:
            for row in zip(*[column_values(column) for column in batch.columns], strict=True):
                writer.writerow([_csv_cell(value) for value in row])
                count += 1
            text.flush()
    finally:
        text.detach()
    return count


class _Number(float):
    """A number that CSV shows in its own digits; `csv` asks whether a cell is a number to leave its quotes away."""

    def __new__(cls, digits: str) -> _Number:
        number = super().__new__(cls, 0)
        number.digits = digits
        return number

    digits: str

    def __repr__(self) -> str:
        return self.digits

    __str__ = __repr__


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _Number(text_of(value))
    return harmless(text_of(value)) if isinstance(value, list | tuple | dict) else text_of(value)


def write_xlsx(columns: Sequence[ResultColumn], batches: Iterable[pa.RecordBatch], out: BinaryIO) -> int:
    """The rows as an Excel workbook, and how many; what one sheet has no room for goes on to the next.

    Each row is on disk before the next is taken. ConfigError where the library for it is not installed.
    """
    try:
        import xlsxwriter
    except ImportError as exc:
        raise ConfigError("Excel files need the package XlsxWriter", "Install it: pip install 'nl2sql[ui]'") from exc

    with tempfile.TemporaryDirectory(prefix="nl2sql-") as folder:
        book = xlsxwriter.Workbook(
            out, {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False, "strings_to_urls": False}
        )
        try:
            sheets = _Sheets(book, columns)
            for batch in batches:
                for row in zip(*[column_values(column) for column in batch.columns], strict=True):
                    sheets.add(row)
        finally:
            book.close()
    return sheets.count


class _Sheets:
    """The sheets of one workbook while rows are added; each begins with the columns' names."""

    def __init__(self, book: Any, columns: Sequence[ResultColumn]) -> None:
        self._book, self._columns = book, columns
        self._heading = book.add_format({"bold": True, "quote_prefix": True})
        self._quoted = book.add_format({"quote_prefix": True})
        self._formats = {
            kind: book.add_format({"num_format": form})
            for kind, form in (
                (dt.datetime, "yyyy-mm-dd hh:mm:ss"),
                (dt.date, "yyyy-mm-dd"),
                (dt.time, "hh:mm:ss"),
            )
        }
        self.count = 0
        self._begin()

    def add(self, row: Sequence[Any]) -> None:
        """Write one row."""
        if self._next == SHEET_ROWS:
            self._begin()
        for place, value in enumerate(row):
            if value is not None:
                self._write(place, value)
        self._next += 1
        self.count += 1

    def _begin(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        for place, column in enumerate(self._columns):
            wide = 20 if column.type.startswith("TIMESTAMP") else 12
            self._sheet.set_column(place, place, min(_WIDEST, max(wide, len(column.name) + 2)))
            self._sheet.write_string(0, place, _fitting(column.name), self._heading)
        self._next = 1

    def _write(self, place: int, value: Any) -> None:
        if isinstance(value, bool):
            self._sheet.write_boolean(self._next, place, value)
        elif isinstance(value, int | float | Decimal) and _is_exact(value):
            self._sheet.write_number(self._next, place, value)
        elif isinstance(value, dt.date | dt.time) and _has_serial(value):
            plain = value.replace(tzinfo=None) if isinstance(value, dt.datetime | dt.time) else value
            self._sheet.write_datetime(self._next, place, plain, self._formats[type(plain)])
        else:
            text = _fitting(text_of(value))
            self._sheet.write_string(self._next, place, text, self._quoted if harmless(text) != text else None)


def _is_exact(value: int | float | Decimal) -> bool:
    """Whether the fifteen digits of a spreadsheet's numbers hold it; what they don't hold is text."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _EXACT
    return value.is_finite() and len(value.normalize().as_tuple().digits) <= 15


def _has_serial(value: dt.date | dt.time) -> bool:
    """Whether a spreadsheet has a number for it: its calendar is right from March 1900 on."""
    if isinstance(value, dt.time):
        return True
    return (value.date() if isinstance(value, dt.datetime) else value) >= _FIRST_DAY


def _fitting(text: str) -> str:
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"

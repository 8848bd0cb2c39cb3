"""Rows for Excel, each value as what it is, with a number format that shows it as people read it.

What Excel has no room for is said in the file. A text is text by its cell's type, whatever it looks like.
"""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from nl2sql.answer.cell_text import spell_json, text_of
from nl2sql.answer.column_facts import ColumnFacts
from nl2sql.answer.display import ColumnFormat, Kind, choose_formats_by_facts
from nl2sql.errors import ConfigError, LimitError
from nl2sql.exports.csv_text import neutralize_formulas
from nl2sql.exports.held_batches import hold_batches
from nl2sql.types import ResultColumn, list_column_values, make_unique_names

if TYPE_CHECKING:
    import pyarrow as pa

MAX_SHEET_ROWS: Final = 1_048_576
MAX_SHEET_COLUMNS: Final = 16_384
MAX_CELL_CHARS: Final = 32_767
_MAX_EXACT_DIGITS: Final = 15
_MAX_EXACT_NUMBER: Final = 10**_MAX_EXACT_DIGITS
_FIRST_DAY: Final = dt.date(1900, 3, 1)
_DAY_ZERO: Final = dt.datetime(1899, 12, 30)
_DAY_LENGTH: Final = dt.timedelta(days=1)
_MIN_WIDTH_CHARS: Final = 12
_MOMENT_WIDTH_CHARS: Final = 31
_MAX_HEADER_WIDTH_CHARS: Final = 50
_MAX_NAMED_CELLS: Final = 20
_ABOUT_WIDTH_CHARS: Final = 100
_MAX_SHEET_NAME_CHARS: Final = 31
_NOT_IN_NAMES: Final = frozenset("[]:*?/\\")
# Those of the other sheets, and one that Excel keeps to itself.
_TAKEN_NAMES: Final = frozenset(("notes", "about", "history"))
_DECIMAL_CONTEXT: Final = Context(prec=100)


class _Number(float):
    """A number that is written in its own digits."""

    digits: str

    def __new__(cls, digits: str) -> _Number:
        number = super().__new__(cls, digits)
        number.digits = digits
        return number

    def __format__(self, spec: str) -> str:
        return self.digits


@dataclass(slots=True)
class _Column:
    """What is known of a column once all its values have been looked at."""

    facts: ColumnFacts = field(default_factory=ColumnFacts)
    is_exact: bool = True
    has_fractions: bool = False

    def observe(self, values: Sequence[Any]) -> None:
        """Take note of what decides for the whole column: numbers of too many digits, fractions of seconds."""
        self.facts.observe(values)
        for value in values:
            if isinstance(value, int | Decimal):
                self.is_exact = self.is_exact and _is_exact(value)
            elif isinstance(value, dt.datetime | dt.time):
                self.has_fractions = self.has_fractions or bool(value.microsecond)


def write_xlsx(
    columns: Sequence[ResultColumn],
    batches: Iterable[pa.RecordBatch],
    out: BinaryIO,
    *,
    sql: str = "",
    title: str = "",
    about: Mapping[str, str] | None = None,
    sheet_rows: int = MAX_SHEET_ROWS,
) -> int:
    """The rows as an Excel workbook, and how many; what one sheet has no room for goes on to the next.

    A column of numbers some of which have more digits than Excel keeps is text, all of it. What was cut or moved is
    said on a last sheet. `title` names the first sheet; `about` is what a sheet says of the rows, by name. ConfigError
    where the library for it is not installed, LimitError for too many columns.
    """
    try:
        import xlsxwriter
    except ImportError as exc:
        raise ConfigError("Excel files need the package XlsxWriter", "Install it: pip install 'nl2sql[ui]'") from exc

    if len(columns) > MAX_SHEET_COLUMNS:
        hint = "Select fewer columns, or take csv or parquet."
        raise LimitError(
            f"Excel has room for {MAX_SHEET_COLUMNS:,} columns, not {len(columns):,}", hint, limit="columns"
        )
    seen = [_Column() for _ in columns]

    def look(batch: pa.RecordBatch) -> None:
        for one, column in zip(seen, batch.columns, strict=True):
            one.observe(list_column_values(column))

    with tempfile.TemporaryDirectory(prefix="nl2sql-") as folder, hold_batches(batches, look) as held:
        book = xlsxwriter.Workbook(
            out, {"constant_memory": True, "tmpdir": folder, "strings_to_formulas": False, "strings_to_urls": False}
        )
        try:
            formats = choose_formats_by_facts(columns, [one.facts for one in seen], sql=sql)
            sheets = _Sheets(book, columns, seen, formats, sheet_rows, name_sheet(title))
            for batch in held:
                for row in zip(*[list_column_values(column) for column in batch.columns], strict=True):
                    sheets.add(row)
            sheets.add_filters()
            sheets.add_about(about or {})
            sheets.add_notes()
        finally:
            book.close()
    return sheets.count


class _Sheets:
    """The sheets of one workbook while rows are added; each begins with the columns' names."""

    def __init__(
        self,
        book: Any,
        columns: Sequence[ResultColumn],
        seen: Sequence[_Column],
        formats: Sequence[ColumnFormat],
        sheet_rows: int,
        title: str,
    ) -> None:
        self._book, self._seen, self._sheet_rows, self._title = book, seen, sheet_rows, title
        self._names = make_unique_names([column.name for column in columns])
        self._heading = book.add_format({"bold": True, "quote_prefix": True})
        self._quoted = book.add_format({"quote_prefix": True})
        self._made: dict[str, Any] = {}
        self._numbers = [
            self._make_format(_choose_number_format(one, known.facts)) for one, known in zip(formats, seen, strict=True)
        ]
        self._days = [_choose_day_format(one, known) for one, known in zip(formats, seen, strict=True)]
        self._widths = [_choose_width(one, known) for one, known in zip(formats, seen, strict=True)]
        self.count = 0
        self._sheets = 0
        self._cut: list[str] = []
        self._cut_count = 0
        self._begin()

    def add(self, row: Sequence[Any]) -> None:
        """Write one row."""
        if self._next == self._sheet_rows:
            self._begin()
        for place, value in enumerate(row):
            if value is not None:
                self._write(place, value)
        if all(value is None for value in row):
            # Without a cell the row would not be there.
            self._sheet.write_blank(self._next, 0, None, self._make_format("General"))
        self._next += 1
        self.count += 1

    def add_filters(self) -> None:
        """Have the heads of the sheet filter its rows."""
        if self._names:
            self._sheet.autofilter(0, 0, max(1, self._next - 1), len(self._names) - 1)

    def add_about(self, about: Mapping[str, str]) -> None:
        """Say on a sheet of its own what the rows are."""
        if not about:
            return
        sheet = self._book.add_worksheet("About")
        sheet.set_column(0, 0, _MIN_WIDTH_CHARS)
        sheet.set_column(1, 1, _ABOUT_WIDTH_CHARS)
        style = self._book.add_format({"text_wrap": True, "valign": "top", "quote_prefix": True})
        for place, (name, text) in enumerate(about.items()):
            sheet.write_string(place, 0, name, self._heading)
            # A text that is one run of marked up text to XlsxWriter has a sign before it.
            sheet.write_string(place, 1, _fit_cell(f" {text}" if text.startswith("<r>") else text), style)

    def add_notes(self) -> None:
        """Say what the sheets have not room for, on a sheet of its own, if there is such."""
        notes = []
        if self._sheets > 1:
            notes.append(
                f"A sheet has room for {self._sheet_rows - 1:,} rows: {self.count:,} rows are on {self._sheets}."
            )
        if self._cut_count:
            more = f" and {self._cut_count - len(self._cut):,} more" if self._cut_count > len(self._cut) else ""
            cells = ", ".join(self._cut) + more
            notes.append(
                f"A cell has room for {MAX_CELL_CHARS:,} characters. Cut there, each with … at its end: {cells}."
            )
        texts = [name for name, one in zip(self._names, self._seen, strict=True) if not one.is_exact]
        if texts:
            names = ", ".join(texts)
            notes.append(f"Excel keeps {_MAX_EXACT_DIGITS} digits of a number. Text, so that none is lost: {names}.")
        if notes:
            sheet = self._book.add_worksheet("Notes")
            for place, note in enumerate(notes):
                sheet.write_string(place, 0, _fit_cell(note))

    def _begin(self) -> None:
        if self._sheets:
            self.add_filters()
        self._sheets += 1
        number = f" {self._sheets}" if self._sheets > 1 else ""
        name = f"{_cut_text(self._title, _MAX_SHEET_NAME_CHARS - len(number))}{number}" if self._title else None
        self._sheet = self._book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        for place, name in enumerate(self._names):
            self._sheet.set_column(place, place, min(_MAX_HEADER_WIDTH_CHARS, max(self._widths[place], len(name) + 2)))
            self._write_text(place, name, self._heading, row=0)
        self._next = 1

    def _write(self, place: int, value: Any) -> None:
        known = self._seen[place]
        if isinstance(value, bool):
            self._sheet.write_boolean(self._next, place, value)
        elif isinstance(value, int | float | Decimal) and known.is_exact and math.isfinite(value):
            number = value if isinstance(value, int) else _Number(text_of(value))
            self._sheet.write_number(self._next, place, number, self._numbers[place])
        elif isinstance(value, dt.date | dt.time) and _has_serial(value):
            style = self._make_format(self._days[place] + _spell_zone(value))
            self._sheet.write_number(self._next, place, _Number(repr(_count_days(value))), style)
        else:
            text = spell_json(value) if isinstance(value, list | dict) else text_of(value)
            self._write_text(place, text, self._quoted if neutralize_formulas(text) != text else None, row=self._next)

    def _write_text(self, place: int, text: str, style: Any, *, row: int) -> None:
        fitting = _fit_cell(text)
        if fitting != text:
            self._cut_count += 1
            if len(self._cut) < _MAX_NAMED_CELLS:
                self._cut.append(f"{self._sheet.get_name()}!{_name_place(place)}{row + 1}")
        if fitting.startswith("<r>") and fitting.endswith("</r>"):
            # XlsxWriter takes a text of this shape for rich text that is marked up already.
            style = style or self._make_format("General")
            self._sheet.write_rich_string(row, place, fitting[:1], style, fitting[1:], style)
        else:
            self._sheet.write_string(row, place, fitting, style)

    def _make_format(self, number_format: str) -> Any:
        if number_format not in self._made:
            self._made[number_format] = self._book.add_format({"num_format": number_format})
        return self._made[number_format]


def name_sheet(title: str) -> str:
    """The title as Excel takes it for a sheet; empty where nothing of it can be."""
    line = " ".join("".join(" " if sign in _NOT_IN_NAMES or not sign.isprintable() else sign for sign in title).split())
    line = _cut_text(line, _MAX_SHEET_NAME_CHARS).strip("' ")
    return f"{line} rows" if line.casefold() in _TAKEN_NAMES else line


def _cut_text(text: str, units: int) -> str:
    """As much of the text as so many units of UTF-16 hold."""
    while len(text.encode("utf-16-le", "surrogatepass")) // 2 > units:
        text = text[:-1]
    return text


def _choose_number_format(one: ColumnFormat, facts: ColumnFacts) -> str:
    """The number format of Excel that shows numbers as the column's format does; the value is the same."""
    if max(abs(facts.minimum), abs(facts.maximum)) >= _MAX_EXACT_NUMBER:
        return "General"
    decimals = f".{'0' * one.decimals}" if one.decimals else ""
    if one.kind is Kind.CODE:
        return "0"
    if one.kind in (Kind.INTEGER, Kind.MONEY, Kind.NUMBER):
        return f"#,##0{decimals}"
    if one.kind is Kind.PERCENT:
        return f"0{decimals}%"
    return f'0{decimals}"%"' if one.kind is Kind.PERCENT_UNITS else "General"


def _choose_day_format(one: ColumnFormat, known: _Column) -> str:
    if one.kind is Kind.MONTH:
        return "yyyy-mm"
    if one.kind is Kind.DAY:
        return "yyyy-mm-dd"
    seconds = "hh:mm:ss.000" if known.has_fractions else "hh:mm:ss"
    return f"yyyy-mm-dd {seconds}" if known.facts.days else seconds


def _choose_width(one: ColumnFormat, known: _Column) -> int:
    """How many characters the cells of numbers and moments need: Excel shows signs where these don't fit."""
    facts = known.facts
    if facts.numbers and known.is_exact:
        return max(_MIN_WIDTH_CHARS, *(len(one.show(number)) + 2 for number in (facts.minimum, facts.maximum)))
    return _MIN_WIDTH_CHARS if one.kind in (Kind.MONTH, Kind.DAY) or not facts.days else _MOMENT_WIDTH_CHARS


def _spell_zone(value: dt.date | dt.time) -> str:
    """The distance from UTC, for a cell that has no place for it but its format; empty where there is none."""
    offset = value.strftime("%z") if isinstance(value, dt.datetime) and value.tzinfo else ""
    return f'"{offset[:3]}:{offset[3:5]}"' if offset else ""


def _count_days(value: dt.date | dt.time) -> float:
    """A day, moment or time of day as a spreadsheet counts it: in days, since the end of 1899."""
    if isinstance(value, dt.time):
        return (dt.datetime.combine(_DAY_ZERO, value.replace(tzinfo=None)) - _DAY_ZERO) / _DAY_LENGTH
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - _DAY_ZERO) / _DAY_LENGTH
    return float((value - _DAY_ZERO.date()).days)


def _is_exact(value: int | Decimal) -> bool:
    """Whether the fifteen digits of a spreadsheet's numbers hold it."""
    if isinstance(value, int):
        return abs(value) <= _MAX_EXACT_NUMBER
    digits = value.as_tuple().digits
    return (
        len(digits) <= _MAX_EXACT_DIGITS
        or not value.is_finite()
        or len(value.normalize(_DECIMAL_CONTEXT).as_tuple().digits) <= _MAX_EXACT_DIGITS
    )


def _has_serial(value: dt.date | dt.time) -> bool:
    """Whether a spreadsheet has a number for it: its calendar is right from March 1900 on."""
    if isinstance(value, dt.time):
        return True
    return (value.date() if isinstance(value, dt.datetime) else value) >= _FIRST_DAY


def _fit_cell(text: str) -> str:
    """The text, or as much of it as a cell holds, which counts in units of UTF-16."""
    if len(text) <= MAX_CELL_CHARS // 2 or len(text.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_CELL_CHARS:
        return text
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * (MAX_CELL_CHARS - 1)]
    return units.decode("utf-16-le", "ignore") + "…"


def _name_place(column: int) -> str:
    """The letters of a column, counted from 0: A, B, …, AA."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters

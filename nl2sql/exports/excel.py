"""Write rows for Excel, each value in its own type, with a number format that shows it as people read it.

Values that Excel has no room for are named in the file. A text is text by its cell's type, whatever it looks like.
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
# The names of the other sheets, and one that Excel reserves.
_TAKEN_NAMES: Final = frozenset(("notes", "about", "history"))
_BOOK_OPTIONS: Final = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
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
    """The properties of a column once all its values have been observed."""

    facts: ColumnFacts = field(default_factory=ColumnFacts)
    is_exact: bool = True
    has_fractions: bool = False

    def observe(self, values: Sequence[Any]) -> None:
        """Note what decides for the whole column: numbers of too many digits, fractions of seconds."""
        self.facts.observe(values)
        for value in values:
            if isinstance(value, int | Decimal):
                self.is_exact = self.is_exact and _is_exact(value)
            elif isinstance(value, dt.datetime | dt.time):
                self.has_fractions = self.has_fractions or bool(value.microsecond)


@dataclass(frozen=True, slots=True)
class WorkbookTexts:
    """What a workbook says about its rows: the query, the first sheet's name, and texts by name for a sheet `About`."""

    sql: str = ""
    title: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


def write_xlsx(
    columns: Sequence[ResultColumn],
    batches: Iterable[pa.RecordBatch],
    out: BinaryIO,
    texts: WorkbookTexts = WorkbookTexts(),
    *,
    sheet_rows: int = MAX_SHEET_ROWS,
) -> int:
    """Write the rows as an Excel workbook, and return how many; rows beyond `sheet_rows` go to further sheets.

    A column is text where one of its numbers has more digits than Excel keeps. A last sheet says what was cut or moved.

    Raises:
        ConfigError: where XlsxWriter is not installed.
        LimitError: where there are too many columns, or no room on the disk.
    """
    try:
        import xlsxwriter
    except ImportError as exc:
        raise ConfigError("Excel files need the package XlsxWriter", "Install it: pip install 'nl2sql[ui]'") from exc

    _check_width(len(columns))
    observed = [_Column() for _ in columns]

    def observe(batch: pa.RecordBatch) -> None:
        for known, column in zip(observed, batch.columns, strict=True):
            known.observe(list_column_values(column))

    with tempfile.TemporaryDirectory(prefix="nl2sql-") as folder, hold_batches(batches, observe) as held_batches:
        book = xlsxwriter.Workbook(out, {**_BOOK_OPTIONS, "tmpdir": folder})
        try:
            sheets = _Sheets(book, columns, observed, texts, sheet_rows)
            for batch in held_batches:
                for row in zip(*[list_column_values(column) for column in batch.columns], strict=True):
                    sheets.add(row)
            sheets.finish()
        finally:
            book.close()
    return sheets.count


def _check_width(column_count: int) -> None:
    if column_count > MAX_SHEET_COLUMNS:
        raise LimitError(
            f"Excel has room for {MAX_SHEET_COLUMNS:,} columns, not {column_count:,}",
            "Select fewer columns, or export as csv or parquet.",
            limit="columns",
        )


class _Sheets:
    """The sheets of one workbook while rows are added; each begins with the columns' names."""

    def __init__(
        self,
        book: Any,
        columns: Sequence[ResultColumn],
        observed: Sequence[_Column],
        texts: WorkbookTexts,
        sheet_rows: int,
    ) -> None:
        self._book, self._observed, self._sheet_rows = book, observed, sheet_rows
        self._title, self._about = name_sheet(texts.title), texts.about
        formats = choose_formats_by_facts(columns, [known.facts for known in observed], sql=texts.sql)
        self._names = make_unique_names([column.name for column in columns])
        self._heading = book.add_format({"bold": True, "quote_prefix": True})
        self._quoted = book.add_format({"quote_prefix": True})
        self._made: dict[str, Any] = {}
        self._numbers = [
            self._make_format(_choose_number_format(how, known.facts))
            for how, known in zip(formats, observed, strict=True)
        ]
        self._days = [_choose_day_format(how, known) for how, known in zip(formats, observed, strict=True)]
        self._widths = [_choose_width(how, known) for how, known in zip(formats, observed, strict=True)]
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
            # A row without a cell would not be in the file.
            self._sheet.write_blank(self._next, 0, None, self._make_format("General"))
        self._next += 1
        self.count += 1

    def finish(self) -> None:
        """Add the filters of the last sheet, and the sheets about the rows."""
        self.add_filters()
        self.add_about(self._about)
        self.add_notes()

    def add_filters(self) -> None:
        """Add filters to the headings of the current sheet."""
        if self._names:
            self._sheet.autofilter(0, 0, max(1, self._next - 1), len(self._names) - 1)

    def add_about(self, about: Mapping[str, str]) -> None:
        """Add a sheet that says what the rows are, a line for each text by its name."""
        if not about:
            return
        sheet = self._book.add_worksheet("About")
        sheet.set_column(0, 0, _MIN_WIDTH_CHARS)
        sheet.set_column(1, 1, _ABOUT_WIDTH_CHARS)
        style = self._book.add_format({"text_wrap": True, "valign": "top", "quote_prefix": True})
        for place, (name, text) in enumerate(about.items()):
            sheet.write_string(place, 0, name, self._heading)
            # XlsxWriter takes a text that begins like this for rich text, so a space stands before it.
            sheet.write_string(place, 1, _fit_cell(f" {text}" if text.startswith("<r>") else text), style)

    def add_notes(self) -> None:
        """Add a sheet that says what was moved, cut or written as text, if anything was."""
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
        texts = [name for name, known in zip(self._names, self._observed, strict=True) if not known.is_exact]
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
        known = self._observed[place]
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
            # XlsxWriter takes a text of this shape for rich text.
            style = style or self._make_format("General")
            self._sheet.write_rich_string(row, place, fitting[:1], style, fitting[1:], style)
        else:
            self._sheet.write_string(row, place, fitting, style)

    def _make_format(self, number_format: str) -> Any:
        if number_format not in self._made:
            self._made[number_format] = self._book.add_format({"num_format": number_format})
        return self._made[number_format]


def name_sheet(title: str) -> str:
    """Return the title as Excel accepts it for a sheet; empty where no character of it is allowed."""
    line = " ".join("".join(" " if sign in _NOT_IN_NAMES or not sign.isprintable() else sign for sign in title).split())
    line = _cut_text(line, _MAX_SHEET_NAME_CHARS).strip("' ")
    return f"{line} rows" if line.casefold() in _TAKEN_NAMES else line


def _cut_text(text: str, units: int) -> str:
    """Return as much of the text as that many UTF-16 units hold."""
    while len(text.encode("utf-16-le", "surrogatepass")) // 2 > units:
        text = text[:-1]
    return text


def _choose_number_format(how: ColumnFormat, facts: ColumnFacts) -> str:
    """Return Excel's number format that shows numbers as the column's format does; the values stay the same."""
    if max(abs(facts.minimum), abs(facts.maximum)) >= _MAX_EXACT_NUMBER:
        return "General"
    decimals = f".{'0' * how.decimals}" if how.decimals else ""
    if how.kind is Kind.CODE:
        return "0"
    if how.kind in (Kind.INTEGER, Kind.MONEY, Kind.NUMBER):
        return f"#,##0{decimals}"
    if how.kind is Kind.PERCENT:
        return f"0{decimals}%"
    return f'0{decimals}"%"' if how.kind is Kind.PERCENT_UNITS else "General"


def _choose_day_format(how: ColumnFormat, known: _Column) -> str:
    if how.kind is Kind.MONTH:
        return "yyyy-mm"
    if how.kind is Kind.DAY:
        return "yyyy-mm-dd"
    seconds = "hh:mm:ss.000" if known.has_fractions else "hh:mm:ss"
    return f"yyyy-mm-dd {seconds}" if known.facts.days else seconds


def _choose_width(how: ColumnFormat, known: _Column) -> int:
    """Return the width, in characters, that numbers and moments need: Excel shows `###` where they do not fit."""
    facts = known.facts
    if facts.numbers and known.is_exact:
        return max(_MIN_WIDTH_CHARS, *(len(how.show(number)) + 2 for number in (facts.minimum, facts.maximum)))
    return _MIN_WIDTH_CHARS if how.kind in (Kind.MONTH, Kind.DAY) or not facts.days else _MOMENT_WIDTH_CHARS


def _spell_zone(value: dt.date | dt.time) -> str:
    """Return the offset from UTC as part of a number format, since a cell has no time zone; empty for none."""
    offset = value.strftime("%z") if isinstance(value, dt.datetime) and value.tzinfo else ""
    return f'"{offset[:3]}:{offset[3:5]}"' if offset else ""


def _count_days(value: dt.date | dt.time) -> float:
    """Return a day, moment or time of day as a spreadsheet counts it: in days since 1899-12-30."""
    if isinstance(value, dt.time):
        return (dt.datetime.combine(_DAY_ZERO, value.replace(tzinfo=None)) - _DAY_ZERO) / _DAY_LENGTH
    if isinstance(value, dt.datetime):
        return (value.replace(tzinfo=None) - _DAY_ZERO) / _DAY_LENGTH
    return float((value - _DAY_ZERO.date()).days)


def _is_exact(value: int | Decimal) -> bool:
    """Return whether the fifteen digits of a spreadsheet's numbers hold it."""
    if isinstance(value, int):
        return abs(value) <= _MAX_EXACT_NUMBER
    digits = value.as_tuple().digits
    return (
        len(digits) <= _MAX_EXACT_DIGITS
        or not value.is_finite()
        or len(value.normalize(_DECIMAL_CONTEXT).as_tuple().digits) <= _MAX_EXACT_DIGITS
    )


def _has_serial(value: dt.date | dt.time) -> bool:
    """Return whether a spreadsheet has a number for it: its calendar is right from March 1900 on."""
    if isinstance(value, dt.time):
        return True
    return (value.date() if isinstance(value, dt.datetime) else value) >= _FIRST_DAY


def _fit_cell(text: str) -> str:
    """Return the text, cut to the UTF-16 units that a cell holds."""
    if len(text) <= MAX_CELL_CHARS // 2 or len(text.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_CELL_CHARS:
        return text
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * (MAX_CELL_CHARS - 1)]
    return units.decode("utf-16-le", "ignore") + "…"


def _name_place(column: int) -> str:
    """Return the letters of a column, counted from 0: A, B, …, AA."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters

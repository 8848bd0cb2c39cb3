"""What can support a sentence, indexed: the cells of a result, its texts and dates, the question and the SQL.

Each part is read once, up to a limit of cells and characters. It judges nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, NamedTuple

from nl2sql.answer.grounding import languages
from nl2sql.answer.grounding.checked_cells import (
    MAX_CELL_CHARS,
    MAX_CHECKED_CELLS,
    collect_numbers,
    read_cell,
    sum_columns,
    take_first_rows,
    write_text,
)
from nl2sql.answer.grounding.date_reader import Day, find_dates, list_enclosing_periods
from nl2sql.answer.grounding.figure_reader import Interval, find_figures, normalize_signs
from nl2sql.text_safety import make_one_line
from nl2sql.types import Result, list_column_values

_MAX_TEXT_CHARS: Final = 500_000
_MAX_DATE_CHARS: Final = 40
_MAX_HITS: Final = 4
_TOKEN: Final = re.compile(r"(?<![^\W_])\d++(?:[.,'’\u00a0\u202f ]\d++)*+(?![^\W_])|[^\W_]++(?:[-_@./:]++[^\W_]++)*+")
_DIGITS: Final = re.compile(r"\d++")
_DECIMALS: Final = re.compile(r"(?<!\d)(?=(\d{1,30}\.\d{1,30}))")
_SQL_NUMBER: Final = re.compile(r"(?<![\w.])\d++(?:\.\d++)?(?:e[+-]?\d++)?(?!\w)", re.I)
_SQL_MEANT: Final = re.compile(r"(?:\b(?:LIMIT|BETWEEN|AND|THEN|ELSE)|[=<>'(]|INTERVAL\s?\(?'?)\s*\(?'?\Z", re.I)
_SQL_OFFSET: Final = re.compile(r"\bOFFSET\s*\(?(\d++)", re.I)
_CLOCK: Final = re.compile(
    r"\b(?:current_date|current_timestamp|localtimestamp|now|today|get_current_timestamp)\b", re.I
)
_MIN_LARGE_NUMBER: Final = 13
_WORD: Final = re.compile(r"\w++")
_HAS_DIGIT: Final = re.compile(r"\d")
_MAX_DATED_TEXTS: Final = 1_000
_MAX_VERBATIM_TEXTS: Final = 2_000
_MAX_VERBATIM_CHARS: Final = 50
_MAX_GRAM_WORDS: Final = 6
_MAX_SENTENCE_WORDS: Final = 400


class Place(NamedTuple):
    """A cell, by the positions of its column and row, from 0."""

    column: int
    row: int


class NamedText(NamedTuple):
    """A stored text that the sentence names: the text, its column, and the rows that have it."""

    text: str
    column: int
    rows: tuple[int, ...]


class Evidence:
    """A result with its question and SQL. `today` is the day of the question, which SQL may mean without naming it."""

    def __init__(self, result: Result, question: str = "", sql: str = "", today: dt.date | None = None) -> None:
        self.names = [column.name for column in result.columns]
        self.row_count = result.row_count
        self.truncated = result.truncated
        self._table = result.table
        first = take_first_rows(result.table)
        self.is_whole = not result.truncated and result.row_count == first.num_rows
        self.columns = [list_column_values(column) for column in first.columns[:MAX_CHECKED_CELLS]]
        self.question, self.sql = normalize_signs(question), normalize_signs(sql)
        self._today = today
        self._matches: dict[str, bool] = {}

    @cached_property
    def numbers(self) -> list[list[Decimal | None]]:
        """The numbers of each column, row by row; None for other cells. A text that is a number counts as one."""
        return [[read_cell(cell) for cell in cells] for cells in self.columns]

    @cached_property
    def measures(self) -> list[int]:
        """The positions of the columns with amounts: numbers that are not all years, and no ids by their name."""
        return [
            at
            for at, numbers in enumerate(self.numbers)
            if any(number is not None for number in numbers)
            and not self.is_year(at)
            and self.names[at].lower() != "id"
            and not self.names[at].lower().endswith("_id")
        ]

    @cached_property
    def totals(self) -> dict[int, tuple[Decimal, int]]:
        """The sum and the count of the numbers of each measure; empty where the result is truncated."""
        if self.truncated:
            return {}
        found = {}
        if not self.is_whole:
            return dict(sum_columns(self._table, self.measures))
        for at in self.measures:
            numbers = [number for number in self.numbers[at] if number is not None]
            found[at] = (sum(numbers, Decimal(0)), len(numbers))
        return found

    @cached_property
    def distinct_counts(self) -> dict[int, int]:
        """The number of different values, other than NULL, of each column without amounts or nested values."""
        return {
            at: len({cell for cell in cells if cell is not None})
            for at, cells in enumerate(self.columns)
            if at not in self.measures and not any(isinstance(cell, list | dict) for cell in cells)
        }

    def is_year(self, column: int) -> bool:
        """Return whether all numbers of the column may be years."""
        return self._is_within(column, 1900, 2100)

    def find_cells(
        self, interval: Interval, *, negative: bool = False, within: Collection[int] | None = None
    ) -> list[Place]:
        """Return the first few cells in the interval; signs do not count unless a negative one is wanted.

        `within` are the positions of the columns to search; None for all.
        """
        keys, places = self._number_index
        found: list[Place] = []
        at = bisect_left(keys, interval.low)
        while at < len(keys) and keys[at] <= interval.high and len(found) < _MAX_HITS:
            place, is_negative = places[at]
            if (is_negative or not negative) and (within is None or place.column in within):
                found.append(place)
            at += 1
        return found

    @cached_property
    def whole_columns(self) -> frozenset[int]:
        """The positions of the columns whose numbers are all whole."""
        return frozenset(
            at
            for at, numbers in enumerate(self.numbers)
            if all(number == number.to_integral_value() for number in numbers if number is not None)
        )

    @cached_property
    def percent_range_columns(self) -> frozenset[int]:
        """The positions of the columns whose numbers are all between -100 and 100."""
        return frozenset(
            at
            for at, numbers in enumerate(self.numbers)
            if all(abs(number) <= 100 for number in numbers if number is not None)
        )

    @cached_property
    def tokens(self) -> dict[str, Place]:
        """The words and numbers within texts that have digits, in lower case, each with the first cell that has it.

        A short number is included only with a word beside it: `7 oslo`.
        """
        found: dict[str, Place] = {}
        for place, text in self._texts:
            if not _HAS_DIGIT.search(text):
                continue
            words = _TOKEN.findall(text.lower())
            tokens = [part for word in words for part in (word, *_DIGITS.findall(word)) if not _is_short(part)]
            tokens += _DECIMALS.findall(text)
            tokens += [f"{left} {right}" for left, right in pairwise(words) if left.isdigit() or right.isdigit()]
            for token in tokens:
                found.setdefault(token, place)
        return found

    @cached_property
    def text(self) -> str:
        """All texts in lower case, one per line."""
        return "\n".join(text for _, text in self._texts).casefold()

    def has_match(self, pattern: str) -> bool:
        """Return whether the question, the SQL, a column's name or a text, in lower case, matches the pattern."""
        if pattern not in self._matches:
            texts = (self.question.lower(), self.sql.lower(), "\n".join(self.names).lower(), self.text)
            self._matches[pattern] = any(re.search(pattern, text) for text in texts)
        return self._matches[pattern]

    @cached_property
    def number_sources(self) -> dict[Decimal, str]:
        """The numbers of the question, the SQL and the columns' names, each with where it stands."""
        found: dict[Decimal, str] = {}
        for number in _SQL_NUMBER.finditer(" ".join(self.names).replace("_", " ")):
            found[Decimal(number.group())] = "name of a column"
        dates, sql = find_dates(self.sql)
        found.update((Decimal(day.year), "SQL") for date in dates for day in date.meanings if day.year)
        for number in _SQL_NUMBER.finditer(sql):
            value = Decimal(number.group())
            # Small numbers may also be positions of columns or digits to round to.
            if value >= _MIN_LARGE_NUMBER or _SQL_MEANT.search(sql[max(0, number.start() - 16) : number.start()]):
                found[value] = "SQL"
        for match in _SQL_OFFSET.finditer(sql):
            found.setdefault(Decimal(match[1]) + 1, "SQL")
        dates, question = find_dates(self.question)
        found.update((Decimal(day.year), "question") for date in dates for day in date.meanings if day.year)
        for figure in find_figures(question):
            for value, _ in figure.readings:
                found.update((value * factor, "question") for factor in (*figure.factors, Decimal(1)))
        return found

    @cached_property
    def scale_words(self) -> frozenset[str]:
        """The words and numbers of names and SQL, in lower case, which may state the scale of a column."""
        return frozenset(_WORD.findall(" ".join([*self.names, self.sql]).lower().replace("_", " ")))

    @cached_property
    def days(self) -> dict[Day, str]:
        """The days, months, quarters and half years of rows, question and SQL, each with where it stands."""
        found: dict[Day, str] = {}
        stated = [(day, "SQL") for day in self._read_sql_days()]
        stated += [(day, "question") for date in find_dates(self.question)[0] for day in date.meanings]
        stated += [(day, self.label_place(place)) for day, place in self._read_cell_days()]
        stated += [(day, "year and month of a row") for day in self._combine_numbers()]
        for day, where in stated:
            for year in () if day.year else self._question_years:
                found.update(
                    (span, where) for span in list_enclosing_periods(day._replace(year=year)) if span not in found
                )
            found.update((span, where) for span in list_enclosing_periods(day) if span not in found)
        return found

    @cached_property
    def times(self) -> set[str]:
        """The times of day in the rows, as HH:MM and HH:MM:SS."""
        cells = (cell for cells in self.columns for cell in cells if isinstance(cell, dt.datetime | dt.time))
        return {text for cell in cells for text in (cell.strftime("%H:%M"), cell.strftime("%H:%M:%S"))}

    def find_verbatim(self, sentence: str) -> list[tuple[int, int, Place]]:
        """Return where the sentence repeats a stored text with digits, or the beginning of a long one.

        Each entry is a start, an end and the cell.
        """
        found = []
        texts = [(place, text) for place, text in self._texts if _HAS_DIGIT.search(text)]
        for place, text in texts[:_MAX_VERBATIM_TEXTS]:
            wanted = make_one_line(text, MAX_CELL_CHARS)[:_MAX_VERBATIM_CHARS]
            start = sentence.find(wanted) if wanted else -1
            for _ in range(_MAX_HITS):
                if start < 0:
                    break
                found.append(
                    (start, start + max(len(wanted), len(text) if len(wanted) == _MAX_VERBATIM_CHARS else 0), place)
                )
                start = sentence.find(wanted, start + 1)
        return found

    def find_named(self, sentence: str) -> list[NamedText]:
        """Return the stored texts that a sentence names, as whole words."""
        grams, folded = _split_grams(sentence), sentence.casefold()
        rows: dict[tuple[int, str], list[int]] = {}
        for (at, row), text in self._texts:
            if len(text) > 1:
                rows.setdefault((at, text), []).append(row)
        found = []
        for (at, text), places in rows.items():
            words = _WORD.findall(text.casefold())[:_MAX_GRAM_WORDS]
            if " ".join(words) in grams or (not text.isascii() and text.casefold() in folded):
                found.append(NamedText(text, at, tuple(places)))
        return found

    def label_place(self, place: Place) -> str:
        """Return where a cell is, in words."""
        return f"{self.names[place.column]}, row {place.row + 1}"

    @cached_property
    def _number_index(self) -> tuple[list[Decimal], list[tuple[Place, bool]]]:
        found = [
            (abs(number), (Place(at, row), number < 0))
            for at, numbers in enumerate(self.numbers)
            for row, number in enumerate(numbers)
            if number is not None
        ]
        room = MAX_CHECKED_CELLS
        for at, cells in enumerate(self.columns):
            for row, cell in enumerate(cells):
                if room > 0 and isinstance(cell, list | dict | tuple):
                    numbers = collect_numbers(cell)
                    room -= len(numbers) + 1
                    found += [(abs(number), (Place(at, row), number < 0)) for number in numbers]
        found += [
            (Decimal(cell.year), (Place(at, row), False))
            for at, cells in enumerate(self.columns)
            for row, cell in enumerate(cells)
            if isinstance(cell, dt.date)
        ]
        found.sort(key=lambda entry: entry[0])
        return [key for key, _ in found], [entry for _, entry in found]

    @cached_property
    def _texts(self) -> list[tuple[Place, str]]:
        """The texts of the cells, normalized, as many as fit; of nested cells, their values."""
        found: list[tuple[Place, str]] = []
        room = _MAX_TEXT_CHARS
        for at, cells in enumerate(self.columns):
            for row, cell in enumerate(cells):
                if cell is None or isinstance(cell, bool | int | float | Decimal | dt.date):
                    continue
                text = normalize_signs(write_text(cell))
                room -= len(text) + 1
                if room < 0:
                    return found
                found.append((Place(at, row), text))
        return found

    def _is_within(self, column: int, low: int, high: int) -> bool:
        numbers = [number for number in self.numbers[column] if number is not None]
        return bool(numbers) and all(low <= number <= high and number == int(number) for number in numbers)

    @cached_property
    def _question_years(self) -> tuple[int, ...]:
        return tuple(int(year) for year in self.number_sources if 1900 <= year <= 2100 and year == int(year))[:4]

    def _read_cell_days(self) -> Iterator[tuple[Day, Place]]:
        """Yield the dates of the cells, each once; of texts, only short ones with a digit or a month's name."""
        seen: set[Any] = set()
        read = 0
        for at, cells in enumerate(self.columns):
            for row, cell in enumerate(cells):
                if not isinstance(cell, str | dt.date) or cell in seen:
                    continue
                seen.add(cell)
                if isinstance(cell, dt.date):
                    yield Day(cell.year, cell.month, cell.month, cell.day), Place(at, row)
                elif (
                    len(cell) <= _MAX_DATE_CHARS
                    and read < _MAX_DATED_TEXTS
                    and (_HAS_DIGIT.search(cell) or _is_month(cell))
                ):
                    read += 1
                    for date in find_dates(normalize_signs(cell))[0]:
                        yield from ((day, Place(at, row)) for day in date.meanings)
                    if month := _is_month(cell):
                        yield Day(None, month, month), Place(at, row)

    def _combine_numbers(self) -> Iterator[Day]:
        """Yield months and quarters in columns of numbers, with the year of another column."""
        columns = range(len(self.columns))
        years = [at for at in columns if self.is_year(at)][:2]
        parts = [(at, 1) for at in columns if self._is_within(at, 1, 12)][:3]
        parts += [(at, 3) for at in columns if self._is_within(at, 1, 4)][:2]
        for at, length in parts:
            for row, number in enumerate(self.numbers[at]):
                if number is None:
                    continue
                last = int(number) * length
                yield Day(None, last - length + 1, last)
                known = (self.numbers[column][row] for column in years)
                yield from (Day(int(year), last - length + 1, last) for year in known if year is not None)

    def _read_sql_days(self) -> Iterator[Day]:
        """Yield the days that the SQL names, and the days before them, where an interval may end.

        With the engine's clock in the SQL, also today, yesterday, and the first and last days around the start of the
        month.
        """
        for date in find_dates(self.sql)[0]:
            for day in date.meanings:
                yield day
                if day.day and day.year and (exact := _make_date(day)):
                    yield _make_day(exact - dt.timedelta(days=1))
        if self._today and _CLOCK.search(self.sql):
            month = self._today.replace(day=1)
            for exact in (self._today, self._today - dt.timedelta(days=1), month, month - dt.timedelta(days=1)):
                yield _make_day(exact)


def _is_short(token: str) -> bool:
    return token.isdigit() and len(token) < 3


def _make_day(date: dt.date) -> Day:
    return Day(date.year, date.month, date.month, date.day)


def _is_month(text: str) -> int | None:
    """Return the month whose name, long or short, is the whole text."""
    if not 3 <= len(text) <= 10:
        return None
    folded = languages.fold(text)
    return languages.MONTHS.get(folded) or languages.SHORT_MONTHS.get(folded)


def _make_date(day: Day) -> dt.date | None:
    """Return the day as a date; None where it does not exist, or has none before it."""
    try:
        date = dt.date(day.year or 0, day.first_month, day.day or 0)
    except ValueError:
        return None
    return date if date > dt.date.min else None


def _split_grams(sentence: str) -> set[str]:
    """Return the sentence's words, and each sequence of up to six of them."""
    words = _WORD.findall(sentence.casefold())[:_MAX_SENTENCE_WORDS]
    return {" ".join(words[i : i + n]) for i in range(len(words)) for n in range(1, _MAX_GRAM_WORDS + 1)}

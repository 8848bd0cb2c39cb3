"""Where the table is in a grid of cells: titles above it, its header, units below that, notes and totals at its end.

It judges rows of texts, of a CSV file or of a sheet alike, and reads no file. A row is left out only for a reason that
can be told, and never where that would leave fewer rows than it takes away.
"""

from __future__ import annotations

import csv
import functools
import itertools
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from nl2sql.importing.column_notations import choose
from nl2sql.importing.column_shapes import BLANKS, LONGEST, collect_shapes, is_placeholder, make_shape, starts_with_zero
from nl2sql.importing.import_names import UnreadableError

DELIMITERS: Final = ";\t|,"
_JUDGED_ROWS: Final = 400
_RATED_ROWS: Final = 40
_MOST_CHARS: Final = 4_000_000
_MOST_TITLES: Final = 30
_FEW_TITLES: Final = 3
_MOST_NOTES: Final = 10
_HEADER_WORDS: Final = 8
# Rows that end early below a header of full width speak for a sign more than lines without it above the first row.
_NARROW: Final = 2
_RAGGED_SHARE: Final = 0.95
_TITLE_SHARE: Final = 0.9
_TOTALS: Final = re.compile(
    r"(grand |sub ?|overall )?totals?|sum|all|insgesamt|gesamt(summe)?|summe|total (general|général|generale)|totale|"
    r"somme|suma|soma|totaal|razem|celkem|összesen|итого|всего|合计|合計|总计|總計|総計|합계|총계",
    re.I,
)
_NOTE: Final = re.compile(
    r"(source|sources|note|notes|quelle|stand|anmerkung|hinweis|fuente|nota|fonte|bron|źródło|legend|legende|copyright|"
    r"data|exported|generated|printed|created|erstellt|status)\b.*|[*(©†¹\[#].*",
    re.I | re.S,
)


class Record(NamedTuple):
    """One row of the file: the number of its first line, or row, from 1, and its cells."""

    line: int
    cells: tuple[str, ...]

    @property
    def filled(self) -> int:
        """How many cells hold anything."""
        return sum(bool(cell.strip(BLANKS)) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no data, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What of a grid is the table.

    `header` are the names as the file has them, empty where there is none; `body` is the position of the first record
    below the header (and the units); `left_out` the records that are not data, by content. `width` columns.
    """

    width: int
    header: tuple[str, ...] = ()
    header_line: int = 0
    body: int = 0
    left_out: tuple[LeftOut, ...] = ()
    doubts: tuple[str, ...] = ()


# How a text is split


def split_lines(lines: Sequence[str], delimiter: str, quote: str = '"', escape: str = "") -> list[Record]:
    """The records of these lines. Without a delimiter each is one cell."""
    options: dict[str, object] = {"delimiter": delimiter or "\x1f", "quotechar": quote}
    if escape and escape != quote:
        options |= {"escapechar": escape, "doublequote": False}
    csv.field_size_limit(_MOST_CHARS)
    reader = csv.reader(lines, **options)  # type: ignore[arg-type]
    records, line = [], 1
    try:
        for cells in reader:
            records.append(Record(line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error:
        # What cannot be split here, DuckDB names with its line when it reads the file.
        pass
    return records


def find_delimiter(lines: Sequence[str], quote: str = '"', escape: str = "") -> str:
    """The sign that stands between the cells of these lines; empty where they are one column."""
    if _are_values_of_one_column(lines):
        return ""
    scores = {sign: _score(split_lines(lines, sign, quote, escape), lines, sign) for sign in DELIMITERS}
    best = max(DELIMITERS, key=lambda sign: scores[sign])
    return best if scores[best][0] else ""


def _are_values_of_one_column(lines: Sequence[str]) -> bool:
    """Whether a name without any delimiter stands above lines that are numbers or dates as they are: `1,5` is one."""
    filled = [line.strip() for line in lines if line.strip()]
    if len(filled) < 2 or any(sign in filled[0] for sign in DELIMITERS) or _kind(filled[0]) != "text":
        return False
    return _find_column_kind(filled[1:_JUDGED_ROWS]) in ("number", "date", "time")


def find_quote(lines: Sequence[str]) -> tuple[str, str]:
    """The sign around cells, and the one before such a sign that is meant as it is."""
    text = "\n".join(line.rstrip("\r\n") for line in lines)
    if not re.search(r'(?:^|[,;\t|])"', text, re.M) and len(
        re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|]|$)", text, re.M)
    ) >= max(2, len(lines) // 2):
        return "'", "'"
    is_doubled = re.search(r'(?<![\\,;\t|\n])""(?![,;\t|\n]|\Z)', text)
    if not is_doubled and re.search(r'\\"(?![,;\t|\r\n]|\Z)', text):
        return '"', "\\"
    return '"', '"'


def _score(records: Sequence[Record], lines: Sequence[str], sign: str) -> tuple[float, bool, float, int]:
    """How well the sign splits the lines: the share of records as wide as most, nought where it is no delimiter.

    Of signs that do so alike, the one between whole numbers and dates is better than the one within them.
    """
    filled = [record for record in records if record.cells and any(record.cells)]
    wide = [record for record in filled if len(record.cells) > 1]
    if not wide:
        return 0, False, 0, 0
    width = statistics.mode(len(record.cells) for record in wide)
    is_prose = all(re.match(r"\s", part) for line in lines for part in line.split(sign)[1:2] if sign in line)
    start = filled.index(wide[0])
    rest = filled[start:]
    while len(rest) > 2 and len(rest[-1].cells) == 1 and len(filled) - len(rest) < _MOST_NOTES:
        rest = rest[:-1]
    share = sum(len(record.cells) == width for record in rest) / len(rest)
    if start and not _is_title_above(filled[:start], rest, width, records, is_prose=is_prose):
        return 0, False, 0, 0
    if start and not _has_gap(records, filled[start - 1], rest[0]):
        share *= _TITLE_SHARE
    elif not start and len(rest[0].cells) == max(len(record.cells) for record in rest) > _NARROW:
        share = max(share, _RAGGED_SHARE * sum(len(record.cells) > 1 for record in rest) / len(rest))
    if sum(len(record.cells) > 1 for record in rest) * 2 < len(rest):
        return 0, False, 0, 0
    return share, not is_prose, _rate_values(rest), width


def _rate_values(records: Sequence[Record]) -> float:
    """The share of the filled cells of some records that are numbers, dates or times."""
    kinds = [_kind(cell) for record in records[:_RATED_ROWS] for cell in record.cells if cell.strip(BLANKS)]
    return sum(kind in ("number", "date", "time") for kind in kinds) / max(1, len(kinds))


def _is_title_above(
    above: Sequence[Record], rest: Sequence[Record], width: int, records: Sequence[Record], *, is_prose: bool
) -> bool:
    """Whether lines without the delimiter are a title: fewer than the rows, and a whole table follows them.

    A few lines with an empty one below them may be as many as the rows.
    """
    is_apart = len(above) <= _FEW_TITLES and len(rest) > 1 and _has_gap(records, above[-1], rest[0])
    if (len(above) >= len(rest) and not is_apart) or any(len(record.cells) != width for record in rest):
        return False
    body = [record.cells for record in rest[1:]]
    if _prove_header(rest[0].cells, body) or _has_gap(records, above[-1], rest[0]):
        return True
    return not is_prose and len(rest) > 2 and len(above) <= _FEW_TITLES


def _has_gap(records: Sequence[Record], before: Record, after: Record) -> bool:
    """Whether an empty row lies between two records."""
    between = [record for record in records if before.line < record.line < after.line]
    return any(not record.filled for record in between)


# Where the table is


def find_layout(records: Sequence[Record], tail: Sequence[Record] = (), *, header: int | None = None) -> Layout:
    """The table among the first records of a grid, given its last ones too.

    `header` is the line of the header where the owner says it, 0 for none. UnreadableError where there is no such line.
    """
    filled = [number for number, record in enumerate(records) if record.filled]
    if not filled:
        return Layout(0)
    if header is not None:
        return _find_told_layout(records, tail, header)
    start = _find_start(records, filled)
    group = _find_group_header(records, start)
    body = start if group is None else group[0]
    top = body if group is None else body - 1
    titles = [LeftOut(records[i], "a title above the table") for i in filled if i < top]
    header_record = records[body]
    rows = [record.cells for record in records[body + 1 :] if record.filled]
    width, unnamed = _measure_width(records[body:], tail)
    proof = _prove_header(header_record.cells, rows)
    is_header = proof is True or (proof is None and _may_be_header(header_record.cells, rows)) or group is not None
    if not is_header:
        return Layout(width, body=body, left_out=tuple(titles) + _find_notes((), records[body:], tail, width))
    names = header_record.cells if group is None else _combine(group[1], header_record.cells)
    doubts = [unnamed] if unnamed else []
    if proof is None and rows and group is None and _is_weak(header_record.cells):
        doubts.append(
            f"line {header_record.line} is taken for the header, which nothing proves; say `header = 0` if it is a row"
        )
    units = _find_units(records[body + 1 :], width)
    notes = _find_notes(header_record.cells, records[body + 1 + len(units) :], tail, width)
    left_out = (*titles, *(LeftOut(record, reason) for record, reason in units), *notes)
    return Layout(width, names, header_record.line, body + 1, left_out, tuple(doubts))


def _is_weak(cells: Sequence[str]) -> bool:
    """Whether the names look like values: long, or with digits or blanks in all of them."""
    filled = [cell.strip(BLANKS) for cell in cells if cell.strip(BLANKS)]
    return all(re.search(r"\d|@", cell) or len(cell.split()) > _HEADER_WORDS for cell in filled)


def _find_told_layout(records: Sequence[Record], tail: Sequence[Record], header: int) -> Layout:
    """The layout by the line that the owner names. UnreadableError where there is no such line."""
    if not header:
        return Layout(_measure_width(records, tail)[0])
    found = next((number for number, record in enumerate(records) if record.line >= header and record.filled), None)
    if found is None:
        raise UnreadableError(
            f"the header is said to be in line {header:,}, where there is none", "Mend `header`, or leave it out."
        )
    titles = tuple(LeftOut(record, "it is above the header") for record in records[:found] if record.filled)
    width = _measure_width(records[found:], tail)[0]
    notes = _find_notes(records[found].cells, records[found + 1 :], tail, width)
    return Layout(width, records[found].cells, records[found].line, found + 1, titles + notes)


def _measure_width(records: Sequence[Record], tail: Sequence[Record]) -> tuple[int, str]:
    """How many columns there are, the first record being the header, and what is doubtful of that.

    Rows that are all wider than the header have columns without names; a few that are, are faults of the file.
    """
    first, *rest = [record for record in (*records, *tail) if record.filled]
    named = len(first.cells)
    reaches = [_reach(record.cells) for record in rest if len(record.cells) > 1 or named == 1]
    widest = max([len(first.cells), *(len(record.cells) for record in rest)])
    if not reaches or max(reaches) <= named:
        return widest, ""
    wider = [reach for reach in reaches if reach > named]
    if len({len(record.cells) for record in rest}) == 1 and 2 * len(wider) > len(reaches):
        return (
            widest,
            f"the header names {named:,} columns, but the rows have {widest:,} cells: the last ones have no name",
        )
    return named, ""


def _reach(cells: Sequence[str]) -> int:
    return max((number + 1 for number, cell in enumerate(cells) if cell.strip(BLANKS)), default=0)


def _find_start(records: Sequence[Record], filled: Sequence[int]) -> int:
    """The position of the header, or of the first row: the first record that is filled as wide as those below it."""
    judged = [records[number] for number in filled[:_JUDGED_ROWS]]
    typical = statistics.median_high(record.filled for record in judged)
    if typical < 2:
        return _find_start_of_column(records, filled)
    for number in filled[:_MOST_TITLES]:
        below = [records[i] for i in filled if i > number]
        above = [records[i] for i in filled if i < number]
        is_apart = 0 < len(above) <= _FEW_TITLES and bool(below) and _has_gap(records, above[-1], records[number])
        if len(above) > len(below) and not is_apart:
            break
        if records[number].filled * 2 <= typical and (records[number].filled < 2 or typical > 2):
            continue
        if records[number].filled < typical and _follows_a_gap(records, filled, number, typical):
            continue
        if not above:
            return number
        if _prove_header(records[number].cells, [record.cells for record in below]) is True:
            return number
        is_bare = all(len(record.cells) == 1 for record in above) and len(records[number].cells) > 1
        has_gap = _has_gap(records, above[-1], records[number])
        if has_gap or (len(above) <= _FEW_TITLES and (typical > 2 or is_bare)):
            return number
    return filled[0]


def _follows_a_gap(records: Sequence[Record], filled: Sequence[int], number: int, typical: int) -> bool:
    """Whether a block of narrow rows ends in an empty row, with a wider table below it."""
    for position in filled[:_MOST_TITLES]:
        if position <= number:
            continue
        if not records[position - 1].filled and records[position].filled >= typical:
            block = [i for i in filled if i < position]
            return len(block) < len(filled) - len(block) and all(records[i].filled < typical for i in block)
    return False


def _find_start_of_column(records: Sequence[Record], filled: Sequence[int]) -> int:
    """In one column a title is told from a header only by an empty line below it and one kind of value further down."""
    del records
    return filled[0]


def _find_group_header(records: Sequence[Record], start: int) -> tuple[int, tuple[str, ...]] | None:
    """The position of the header below a row of headings over groups of columns, and these headings.

    The headings may be what would pass for the header, or the row right above it.
    """
    for top in (start - 1, start):
        if top < 0 or top + 1 >= len(records) or not (records[top].filled and records[top + 1].filled):
            continue
        headings = tuple(cell.strip(BLANKS) for cell in records[top].cells)
        names = records[top + 1].cells
        rows = [record.cells for record in records[top + 2 :] if record.filled]
        if rows and _are_headings(headings, names) and _prove_header(names, rows) is True:
            return top + 1, headings
    return None


def _are_headings(headings: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the upper row groups the columns that the lower one names: it has holes to the right of a heading.

    One heading alone may be a title, unless it is a number or a part of a year.
    """
    width = _reach(names)
    padded = [*headings, *[""] * width][:width]
    filled = [cell for cell in padded if cell]
    own = [cell.strip(BLANKS) for cell in names[:width]]
    combined = [f"{heading} {name}" for heading, name in zip(_spread(padded), own, strict=True)]
    if len(set(combined)) < len(combined) or (len(filled) == len(padded) and len(set(filled)) == len(filled)):
        return False
    if not padded[0] and len(filled) == 1:
        return re.fullmatch(r"\d{4}|[QqHh][1-4]|\d{4}[-/ ]?\d{2}", filled[0]) is not None
    return len(filled) > 1 and (not padded[0] or not own[0] or len(set(filled)) < len(filled))


def _spread(headings: Sequence[str]) -> list[str]:
    """Each heading over the columns up to the next one."""
    spread, last = [], ""
    for heading in headings:
        last = heading or last
        spread.append(last)
    return spread


def _combine(headings: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Each name with the heading over it."""
    padded = [*headings, *[""] * len(names)][: len(names)]
    return tuple(
        f"{heading} {name.strip(BLANKS)}".strip() if heading != name.strip(BLANKS) else heading
        for heading, name in zip(_spread(padded), names, strict=True)
    )


def is_table(records: Sequence[Record]) -> bool:
    """Whether the records are a table by themselves: names above values of another kind, in two columns or more."""
    if len(records) < 2 or statistics.median_high(record.filled for record in records) < 2:
        return False
    return records[0].filled > 1 and _prove_header(records[0].cells, [record.cells for record in records[1:]]) is True


# Is it a header?


def _kind(cell: str) -> str:
    """What a cell holds by its shape: blank, number, date, time or text."""
    shape = make_shape(cell)
    return _find_kind(shape, starts_with_zero(cell)) if len(shape) <= LONGEST else "text"


@functools.lru_cache(4096)
def _find_kind(shape: str, zero: bool) -> str:
    """The kind of all texts of a shape, of which `zero` says that the first digit is a 0."""
    text = shape.replace("9", "0", 1) if zero else shape
    if not text or is_placeholder(text):
        return "blank"
    choice = choose(collect_shapes([text]), "", None)
    if choice.rivals:
        kind = choice.rivals[0].type.partition("(")[0]
        return {"DATE": "date", "TIMESTAMP": "date", "TIMESTAMPTZ": "date", "TIME": "time", "BOOLEAN": "text"}.get(
            kind, "number"
        )
    return "number" if "decimal or has thousands" in choice.doubt or re.fullmatch(r"0\d+", text) else "text"


def _find_column_kind(cells: Sequence[str]) -> str:
    """The kind of nearly all cells of a column: of some that are not, a title or a note may be the reason."""
    kinds = [kind for kind in map(_kind, cells) if kind != "blank"]
    if not kinds:
        return "blank"
    common = statistics.mode(kinds)
    return common if sum(kind == common for kind in kinds) >= max(1, 0.7 * len(kinds)) else "text"


def _prove_header(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool | None:
    """Whether the cells are names above these rows: True and False where something proves it, else None.

    >>> _prove_header(("city", "2024"), [("Kiel", "5"), ("Bonn", "7")])
    True
    """
    rows = rows[:_JUDGED_ROWS]
    if not rows or not any(cell.strip(BLANKS) for cell in cells):
        return None
    columns = [[row[i] for row in rows if i < len(row)] for i in range(len(cells))]
    others = [row for row in rows if tuple(row) != tuple(cells)]
    kinds = [_find_column_kind([row[i] for row in others if i < len(row)]) for i in range(len(cells))]
    own = [_kind(cell) for cell in cells]
    typed = [i for i, kind in enumerate(kinds) if kind in ("number", "date", "time")]
    alike = sum(own[i] == kinds[i] for i in typed)
    if _names_by_number(cells, own, kinds, columns) or sum(own[i] == "text" for i in typed) > alike:
        return True
    if alike:
        return False
    return False if _recurs(cells, columns) else None


def _names_by_number(
    cells: Sequence[str], own: Sequence[str], kinds: Sequence[str], columns: Sequence[Sequence[str]]
) -> bool:
    """Whether the numbers among the cells are names: years, or counted up one by one, and not so in the rows below."""
    numbers = [i for i, kind in enumerate(own) if kind == "number"]
    texts = [cells[i].strip(BLANKS) for i in numbers]
    if not numbers or not all(text.isdigit() for text in texts) or len(set(texts)) < len(texts):
        return False
    if any(kinds[i] not in ("number", "blank", "text") for i in numbers):
        return False
    values = list(map(int, texts))
    in_order = len(values) > 1 and all(
        after - before == values[1] - values[0] for before, after in itertools.pairwise(values)
    )
    years = all(1900 <= value <= 2100 for value in values)
    if not ((in_order and (years or values[1] - values[0] == 1)) or (years and len(numbers) < len(cells))):
        return False
    rows = [
        [column[row] for column in columns if row < len(column)] for row in range(min(20, len(columns[numbers[0]])))
    ]
    below = [[row[i].strip(BLANKS) for i in numbers if i < len(row)] for row in rows]
    alike = [
        row for row in below if row and all(text.isdigit() for text in row) and _is_like(list(map(int, row)), values)
    ]
    if 2 * len(alike) > len(below):
        return False
    others = [i for i in range(len(cells)) if i not in numbers]
    distinct = [cell.strip(BLANKS) for cell in cells if cell.strip(BLANKS)]
    return len(set(distinct)) == len(distinct) and all(own[i] in ("text", "blank") for i in others)


def _is_like(row: Sequence[int], values: Sequence[int]) -> bool:
    """Whether the row is as regular as the names: years where they are, else counted up as they are."""
    if all(1900 <= value <= 2100 for value in values):
        return all(1900 <= value <= 2100 for value in row)
    return [value - row[0] for value in row] == [value - values[0] for value in values]


def _recurs(cells: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether a cell is a value like those below it: it comes again there, or has the very shape of all of them."""
    for cell, column in zip(cells, columns, strict=True):
        text = cell.strip(BLANKS)
        below = [other.strip(BLANKS) for other in column if other.strip(BLANKS)]
        if not text or not below:
            continue
        if text in below and len(set(below)) > 1:
            return True
        shape = make_shape(text)
        if len(below) > 1 and re.search("9", shape) and all(make_shape(other) == shape for other in below):
            return True
        if "@" in text and all("@" in other for other in below):
            return True
    return False


def _may_be_header(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether texts above texts are names: each once, each there, none of them a number."""
    filled = [cell.strip(BLANKS) for cell in cells if cell.strip(BLANKS)]
    if not rows or not all(_kind(cell) in ("text", "blank") for cell in cells):
        return not rows
    return len(filled) == len(set(filled)) or len(filled) > 1


# Rows that are no data


def _find_units(records: Sequence[Record], width: int) -> list[tuple[Record, str]]:
    """The row of units right below a header: texts above columns that hold numbers or dates in every other row."""
    if len(records) < 3 or not records[0].filled:
        return []
    first, rows = records[0], [record.cells for record in records[1:_JUDGED_ROWS] if record.filled]
    columns = [[row[i] for row in rows if i < len(row)] for i in range(width)]
    typed = [i for i, column in enumerate(columns) if _find_strict_kind(column) in ("number", "date", "time")]
    above = [first.cells[i].strip(BLANKS) if i < len(first.cells) else "" for i in range(width)]
    if not typed or not any(above[i] for i in typed) or any(_kind(above[i]) not in ("text", "blank") for i in typed):
        return []
    if any(is_placeholder(above[i]) for i in typed if above[i]) or len(rows) < 2:
        return []
    others = [above[i] for i in range(width) if above[i] and _find_column_kind(columns[i]) in ("text", "blank")]
    if all(re.fullmatch(r"[(\[].*[)\]]|-|text|string|name|id", text, re.I) for text in others):
        return [(first, "units below the header")]
    return []


def _find_strict_kind(cells: Sequence[str]) -> str:
    kinds = {_kind(cell) for cell in cells} - {"blank"}
    return kinds.pop() if len(kinds) == 1 else "text"


def _find_notes(
    header: Sequence[str], records: Sequence[Record], tail: Sequence[Record], width: int
) -> tuple[LeftOut, ...]:
    """Notes below the header and at the end, and the header where it comes again."""
    found = []
    names = [cell.strip(BLANKS) for cell in header]
    seen = {record.line for record in records}
    everything = [record for record in (*records, *tail) if record.filled]
    for record in everything:
        if names and [cell.strip(BLANKS) for cell in record.cells] == names and sum(map(bool, names)) > 1:
            found.append(LeftOut(record, "the header again"))
    if width < 2:
        return tuple(found)
    last = tail or [record for record in records if record.line in seen]
    typical = statistics.median_high(record.filled for record in everything) if everything else 0
    for part, gap in ((_take_notes(list(records), typical), False), (_take_notes(list(reversed(last)), typical), True)):
        found += [LeftOut(record, "a note below the table" if gap else "a note below the header") for record in part]
    unique = {one.record.cells: one for one in found}
    return tuple(unique.values())


def _take_notes(records: Sequence[Record], typical: int) -> list[Record]:
    """The records up to the first row of data that hold one sentence only, in the first column."""
    found: list[Record] = []
    for record in records[: 2 * _MOST_NOTES]:
        if not record.filled:
            continue
        text = record.cells[0].strip(BLANKS) if record.cells else ""
        is_alone = record.filled == 1 and bool(text) and typical > 1
        if not is_alone or _kind(text) != "text":
            return found
        if not _is_note(record, typical) and not _lies_apart(records, record):
            return found
        found.append(record)
    return []


def _is_note(record: Record, typical: int) -> bool:
    text = record.cells[0].strip(BLANKS)
    return _NOTE.fullmatch(text) is not None or len(text.split()) > 4 or (": " in text and typical > 2)


def _lies_apart(records: Sequence[Record], record: Record) -> bool:
    """Whether an empty row lies beside it."""
    number = records.index(record)
    near = [records[i] for i in (number - 1, number + 1) if 0 <= i < len(records)]
    return any(not one.filled for one in near)


def is_total(text: str) -> bool:
    """Whether the first cell of a row says that the row sums up the others."""
    return _TOTALS.fullmatch(text.strip(BLANKS + ":")) is not None


# Names of columns


def name_columns(header: Sequence[str], width: int, clean: Callable[[str], str]) -> list[str]:
    """A name for each column, each once: those of the header, and a number for one without."""
    names: list[str] = []
    taken: set[str] = {clean(cell).lower() for cell in header}
    used: set[str] = set()
    numbers: dict[str, int] = {}
    for number in range(width):
        own = clean(header[number]) if number < len(header) else ""
        wanted = own or f"column{number + 1}"
        name = wanted
        while name.lower() in used or (name != own and name.lower() in taken):
            again = numbers[wanted] = numbers.get(wanted, 1) + 1
            name = f"{wanted}_{again}"
        used.add(name.lower())
        names.append(name)
    return names

"""Find how lines of text are split into cells: the delimiter, the quote, and the records they make.

It judges lines and reads no file.
"""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

from nl2sql.importing.column_shapes import BLANKS
from nl2sql.importing.headers import MAX_JUDGED_ROWS, classify_cell, find_column_kind, prove_header

DELIMITERS: Final = ";\t|,"
MAX_TITLE_LINES: Final = 3
MAX_NOTE_LINES: Final = 10
_MAX_RATED_ROWS: Final = 40
_MAX_FIELD_CHARS: Final = 4_000_000
# Short rows below a full header are better evidence of a delimiter than lines without it above the first row.
_MAX_NARROW_COLUMNS: Final = 2
_RAGGED_RATIO: Final = 0.95
_TITLE_RATIO: Final = 0.9


class Record(NamedTuple):
    """One row of the file: the number of its first line (or row), counted from 1, and its cells."""

    line: int
    cells: tuple[str, ...]

    @property
    def value_count(self) -> int:
        """How many cells are not blank."""
        return sum(bool(cell.strip(BLANKS)) for cell in self.cells)


def split_lines(lines: Sequence[str], delimiter: str, quote: str = '"', escape: str = "") -> list[Record]:
    """Return the records of these lines. Without a delimiter each line is one cell."""
    options: dict[str, object] = {"delimiter": delimiter or "\x1f", "quotechar": quote}
    if escape and escape != quote:
        options |= {"escapechar": escape, "doublequote": False}
    csv.field_size_limit(_MAX_FIELD_CHARS)
    reader = csv.reader(lines, **options)  # type: ignore[arg-type]
    records, line = [], 1
    try:
        for cells in reader:
            records.append(Record(line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error:
        # DuckDB reports such a record with its line when it reads the file.
        pass
    return records


def find_delimiter(lines: Sequence[str], quote: str = '"', escape: str = "") -> str:
    """Return the delimiter between the cells of these lines; empty where they are one column."""
    if _are_values_of_one_column(lines):
        return ""
    scores = {sign: _score_delimiter(split_lines(lines, sign, quote, escape), lines, sign) for sign in DELIMITERS}
    best = max(DELIMITERS, key=lambda sign: scores[sign])
    return best if scores[best][0] else ""


def _are_values_of_one_column(lines: Sequence[str]) -> bool:
    """Return whether a name without delimiters is above lines that are numbers or dates: `1,5` is then one value."""
    filled = [line.strip() for line in lines if line.strip()]
    if len(filled) < 2 or any(sign in filled[0] for sign in DELIMITERS) or classify_cell(filled[0]) != "text":
        return False
    return find_column_kind(filled[1:MAX_JUDGED_ROWS]) in ("number", "date", "time")


def find_quote(lines: Sequence[str]) -> tuple[str, str]:
    """Return the quote around cells, and the sign that escapes a quote within one."""
    text = "\n".join(line.rstrip("\r\n") for line in lines)
    if not re.search(r'(?:^|[,;\t|])"', text, re.M) and len(
        re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|]|$)", text, re.M)
    ) >= max(2, len(lines) // 2):
        return "'", "'"
    is_doubled = re.search(r'(?<![\\,;\t|\n])""(?![,;\t|\n]|\Z)', text)
    if not is_doubled and re.search(r'\\"(?![,;\t|\r\n]|\Z)', text):
        return '"', "\\"
    return '"', '"'


def _score_delimiter(records: Sequence[Record], lines: Sequence[str], sign: str) -> tuple[float, bool, float, int]:
    """Return how well the delimiter splits the lines: the share of records of the usual width, 0 where it is none.

    The further figures decide between equal shares: a delimiter between whole numbers and dates beats one within them.
    """
    filled = [record for record in records if record.cells and any(record.cells)]
    wide = [record for record in filled if len(record.cells) > 1]
    if not wide:
        return 0, False, 0, 0
    width = statistics.mode(len(record.cells) for record in wide)
    is_prose = all(re.match(r"\s", part) for line in lines for part in line.split(sign)[1:2] if sign in line)
    start = filled.index(wide[0])
    rest = filled[start:]
    while len(rest) > 2 and len(rest[-1].cells) == 1 and len(filled) - len(rest) < MAX_NOTE_LINES:
        rest = rest[:-1]
    share = sum(len(record.cells) == width for record in rest) / len(rest)
    if start and not _is_title_above(filled[:start], rest, width, records, is_prose=is_prose):
        return 0, False, 0, 0
    if start and not has_gap(records, filled[start - 1], rest[0]):
        share *= _TITLE_RATIO
    elif not start and len(rest[0].cells) == max(len(record.cells) for record in rest) > _MAX_NARROW_COLUMNS:
        share = max(share, _RAGGED_RATIO * sum(len(record.cells) > 1 for record in rest) / len(rest))
    if sum(len(record.cells) > 1 for record in rest) * 2 < len(rest):
        return 0, False, 0, 0
    return share, not is_prose, _rate_values(rest), width


def _rate_values(records: Sequence[Record]) -> float:
    """Return the share of the filled cells that are numbers, dates or times."""
    kinds = [classify_cell(cell) for record in records[:_MAX_RATED_ROWS] for cell in record.cells if cell.strip(BLANKS)]
    return sum(kind in ("number", "date", "time") for kind in kinds) / max(1, len(kinds))


def _is_title_above(
    above: Sequence[Record], rest: Sequence[Record], width: int, records: Sequence[Record], *, is_prose: bool
) -> bool:
    """Return whether lines without the delimiter are a title: fewer than the rows, and a whole table follows them.

    With an empty line below them, a few such lines may be as many as the rows.
    """
    is_apart = len(above) <= MAX_TITLE_LINES and len(rest) > 1 and has_gap(records, above[-1], rest[0])
    if (len(above) >= len(rest) and not is_apart) or any(len(record.cells) != width for record in rest):
        return False
    body = [record.cells for record in rest[1:]]
    if prove_header(rest[0].cells, body) or has_gap(records, above[-1], rest[0]):
        return True
    return not is_prose and len(rest) > 2 and len(above) <= MAX_TITLE_LINES


def has_gap(records: Sequence[Record], before: Record, after: Record) -> bool:
    """Return whether an empty row lies between two records."""
    between = [record for record in records if before.line < record.line < after.line]
    return any(not record.value_count for record in between)

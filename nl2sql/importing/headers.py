"""Tell whether a row is the header of those below it, by what its cells hold and what theirs do.

It judges rows of texts and reads no file.
"""

from __future__ import annotations

import functools
import itertools
import re
import statistics
from collections.abc import Sequence
from typing import Final

from nl2sql.importing.column_notations import choose_notation
from nl2sql.importing.column_shapes import (
    BLANKS,
    MAX_SHAPE_CHARS,
    collect_shapes,
    has_leading_zero,
    is_placeholder,
    make_shape,
)

MAX_JUDGED_ROWS: Final = 400


def classify_cell(cell: str) -> str:
    """Return what a cell holds by its shape: blank, number, date, time or text."""
    shape = make_shape(cell)
    return _find_kind(shape, has_leading_zero(cell)) if len(shape) <= MAX_SHAPE_CHARS else "text"


@functools.lru_cache(4096)
def _find_kind(shape: str, zero: bool) -> str:
    """Return the kind of all texts of a shape; `zero` says that their first digit is a 0."""
    text = shape.replace("9", "0", 1) if zero else shape
    if not text or is_placeholder(text):
        return "blank"
    choice = choose_notation(collect_shapes([text]), "", None)
    if choice.rivals:
        kind = choice.rivals[0].type.partition("(")[0]
        return {"DATE": "date", "TIMESTAMP": "date", "TIMESTAMPTZ": "date", "TIME": "time", "BOOLEAN": "text"}.get(
            kind, "number"
        )
    return "number" if "decimal or has thousands" in choice.doubt or re.fullmatch(r"0\d+", text) else "text"


def find_column_kind(cells: Sequence[str]) -> str:
    """Return the kind of at least 70 % of a column's cells, else text: the others may be a title or a note."""
    kinds = [kind for kind in map(classify_cell, cells) if kind != "blank"]
    if not kinds:
        return "blank"
    common = statistics.mode(kinds)
    return common if sum(kind == common for kind in kinds) >= max(1, 0.7 * len(kinds)) else "text"


def prove_header(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool | None:
    """Return whether the cells are names above these rows: True or False where something proves it, else None.

    >>> prove_header(("city", "2024"), [("Kiel", "5"), ("Bonn", "7")])
    True
    """
    rows = rows[:MAX_JUDGED_ROWS]
    if not rows or not any(cell.strip(BLANKS) for cell in cells):
        return None
    columns = [[row[i] for row in rows if i < len(row)] for i in range(len(cells))]
    others = [row for row in rows if tuple(row) != tuple(cells)]
    kinds = [find_column_kind([row[i] for row in others if i < len(row)]) for i in range(len(cells))]
    own = [classify_cell(cell) for cell in cells]
    typed = [i for i, kind in enumerate(kinds) if kind in ("number", "date", "time")]
    alike = sum(own[i] == kinds[i] for i in typed)
    if _is_numbered_header(cells, own, kinds, columns) or sum(own[i] == "text" for i in typed) > alike:
        return True
    if alike:
        return False
    return False if _has_recurring_cell(cells, columns) else None


def _is_numbered_header(
    cells: Sequence[str], own: Sequence[str], kinds: Sequence[str], columns: Sequence[Sequence[str]]
) -> bool:
    """Return whether the numbers among the cells are names: years, or counted up by one, unlike the rows below."""
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
    """Return whether the row is as regular as the names: years where they are, else counted up as they are."""
    if all(1900 <= value <= 2100 for value in values):
        return all(1900 <= value <= 2100 for value in row)
    return [value - row[0] for value in row] == [value - values[0] for value in values]


def _has_recurring_cell(cells: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Return whether a cell is a value like those below it: it occurs there again, or has the shape of all of them."""
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


def can_be_header(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether texts above texts may be names: none is a number, and they differ or are several."""
    filled = [cell.strip(BLANKS) for cell in cells if cell.strip(BLANKS)]
    if not rows or not all(classify_cell(cell) in ("text", "blank") for cell in cells):
        return not rows
    return len(filled) == len(set(filled)) or len(filled) > 1

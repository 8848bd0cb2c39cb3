"""Find where the table is in a grid of cells: titles above it, its header, units below that, notes and totals after it.

It judges rows of texts, from a CSV file or a sheet alike, and reads no file. A row is left out only for a reason that
can be stated, and never where that would leave fewer rows than it takes away.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nl2sql.importing.column_shapes import BLANKS, is_placeholder
from nl2sql.importing.delimiters import MAX_NOTE_LINES, MAX_TITLE_LINES, Record, has_gap
from nl2sql.importing.headers import MAX_JUDGED_ROWS, can_be_header, classify_cell, find_column_kind, prove_header
from nl2sql.importing.import_errors import UnreadableError

_MAX_TITLE_ROWS: Final = 30
_MAX_HEADER_WORDS: Final = 8
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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no data, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The part of a grid that is the table, `width` columns wide.

    `header` has the names as in the file, empty where there is none; `body_start` is the position of the first record
    below the header (and the units); `left_out` has the records that are not data, identified by their cells.
    """

    width: int
    header: tuple[str, ...] = ()
    header_line: int = 0
    body_start: int = 0
    left_out: tuple[LeftOut, ...] = ()
    doubts: tuple[str, ...] = ()


def find_layout(
    records: Sequence[Record], tail: Sequence[Record] = (), *, called: str = "", header: int | None = None
) -> Layout:
    """Return the table among the first records of a grid, given its last records too.

    `called` is the file's name; `header` is the line of the header where the owner gives it, 0 for none.

    Raises:
        UnreadableError: where there is no such line.
    """
    filled = [number for number, record in enumerate(records) if record.value_count]
    if not filled:
        return Layout(0)
    if header is not None:
        return _find_given_layout(records, tail, called, header)
    start = _find_start(records, filled)
    group = _find_group_header(records, start)
    body = start if group is None else group[0]
    top = body if group is None else body - 1
    titles = [LeftOut(records[i], "a title above the table") for i in filled if i < top]
    header_record = records[body]
    rows = [record.cells for record in records[body + 1 :] if record.value_count]
    width, unnamed = _measure_width(records[body:], tail)
    proof = prove_header(header_record.cells, rows)
    is_header = proof is True or (proof is None and can_be_header(header_record.cells, rows)) or group is not None
    if not is_header:
        return Layout(width, body_start=body, left_out=tuple(titles) + _find_notes((), records[body:], tail, width))
    names = header_record.cells if group is None else _combine_headings(group[1], header_record.cells)
    doubts = [unnamed] if unnamed else []
    if proof is None and rows and group is None and _is_weak(header_record.cells):
        doubts.append(
            f"line {header_record.line} is taken for the header, but may be a row of data; if so, set `header = 0`"
        )
    units = _find_units(records[body + 1 :], width)
    notes = _find_notes(header_record.cells, records[body + 1 + len(units) :], tail, width)
    left_out = (*titles, *(LeftOut(record, reason) for record, reason in units), *notes)
    return Layout(width, names, header_record.line, body + 1, left_out, tuple(doubts))


def _is_weak(cells: Sequence[str]) -> bool:
    """Return whether the names look like values: long, or with digits in all of them."""
    filled = [cell.strip(BLANKS) for cell in cells if cell.strip(BLANKS)]
    return all(re.search(r"\d|@", cell) or len(cell.split()) > _MAX_HEADER_WORDS for cell in filled)


def _find_given_layout(records: Sequence[Record], tail: Sequence[Record], called: str, header: int) -> Layout:
    """Return the layout by the line that the owner gives.

    Raises:
        UnreadableError: where there is no such line.
    """
    if not header:
        return Layout(_measure_width(records, tail)[0])
    found = next(
        (number for number, record in enumerate(records) if record.line >= header and record.value_count), None
    )
    if found is None:
        raise UnreadableError(
            f"{called}: `header` says line {header:,}, which is not there", "Correct `header`, or leave it out."
        )
    titles = tuple(LeftOut(record, "it is above the header") for record in records[:found] if record.value_count)
    width = _measure_width(records[found:], tail)[0]
    notes = _find_notes(records[found].cells, records[found + 1 :], tail, width)
    return Layout(width, records[found].cells, records[found].line, found + 1, titles + notes)


def _measure_width(records: Sequence[Record], tail: Sequence[Record]) -> tuple[int, str]:
    """Return how many columns there are, the first record being the header, and what is doubtful about that.

    Where most rows are wider than the header, the further columns have no name. Where only a few are, they are faults.
    """
    first, *rest = [record for record in (*records, *tail) if record.value_count]
    named = len(first.cells)
    reaches = [_measure_reach(record.cells) for record in rest if len(record.cells) > 1 or named == 1]
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


def _measure_reach(cells: Sequence[str]) -> int:
    return max((number + 1 for number, cell in enumerate(cells) if cell.strip(BLANKS)), default=0)


def _find_start(records: Sequence[Record], filled: Sequence[int]) -> int:
    """Return the position of the header, or of the first row: the first record filled as wide as those below it."""
    judged = [records[number] for number in filled[:MAX_JUDGED_ROWS]]
    typical = statistics.median_high(record.value_count for record in judged)
    if typical < 2:
        # Nothing distinguishes a title above one column from its header.
        return filled[0]
    for number in filled[:_MAX_TITLE_ROWS]:
        below = [records[i] for i in filled if i > number]
        above = [records[i] for i in filled if i < number]
        is_apart = 0 < len(above) <= MAX_TITLE_LINES and bool(below) and has_gap(records, above[-1], records[number])
        if len(above) > len(below) and not is_apart:
            break
        if records[number].value_count * 2 <= typical and (records[number].value_count < 2 or typical > 2):
            continue
        if records[number].value_count < typical and _is_after_gap(records, filled, number, typical):
            continue
        if not above:
            return number
        if prove_header(records[number].cells, [record.cells for record in below]) is True:
            return number
        is_bare = all(len(record.cells) == 1 for record in above) and len(records[number].cells) > 1
        if has_gap(records, above[-1], records[number]) or (len(above) <= MAX_TITLE_LINES and (typical > 2 or is_bare)):
            return number
    return filled[0]


def _is_after_gap(records: Sequence[Record], filled: Sequence[int], number: int, typical: int) -> bool:
    """Return whether a block of narrow rows ends in an empty row, with a wider table below it."""
    for position in filled[:_MAX_TITLE_ROWS]:
        if position <= number:
            continue
        if not records[position - 1].value_count and records[position].value_count >= typical:
            block = [i for i in filled if i < position]
            return len(block) < len(filled) - len(block) and all(records[i].value_count < typical for i in block)
    return False


def _find_group_header(records: Sequence[Record], start: int) -> tuple[int, tuple[str, ...]] | None:
    """Return the position of the header below a row of headings over groups of columns, and these headings.

    The headings may be in the row that looks like the header, or in the row right above it.
    """
    for top in (start - 1, start):
        if top < 0 or top + 1 >= len(records) or not (records[top].value_count and records[top + 1].value_count):
            continue
        headings = tuple(cell.strip(BLANKS) for cell in records[top].cells)
        names = records[top + 1].cells
        rows = [record.cells for record in records[top + 2 :] if record.value_count]
        if rows and _are_headings(headings, names) and prove_header(names, rows) is True:
            return top + 1, headings
    return None


def _are_headings(headings: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether the upper row groups the columns that the lower one names: cells right of a heading are empty.

    A single heading may be a title, unless it is a number or a part of a year.
    """
    width = _measure_reach(names)
    padded = [*headings, *[""] * width][:width]
    filled = [cell for cell in padded if cell]
    own = [cell.strip(BLANKS) for cell in names[:width]]
    combined = [f"{heading} {name}" for heading, name in zip(_spread_headings(padded), own, strict=True)]
    if len(set(combined)) < len(combined) or (len(filled) == len(padded) and len(set(filled)) == len(filled)):
        return False
    if not padded[0] and len(filled) == 1:
        return re.fullmatch(r"\d{4}|[QqHh][1-4]|\d{4}[-/ ]?\d{2}", filled[0]) is not None
    return len(filled) > 1 and (not padded[0] or own[0] in ("", padded[0]) or len(set(filled)) < len(filled))


def _spread_headings(headings: Sequence[str]) -> list[str]:
    """Return each heading repeated over the columns up to the next one."""
    spread, last = [], ""
    for heading in headings:
        last = heading or last
        spread.append(last)
    return spread


def _combine_headings(headings: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return each name with the heading above it."""
    padded = [*headings, *[""] * len(names)][: len(names)]
    return tuple(
        f"{heading} {name.strip(BLANKS)}".strip() if heading != name.strip(BLANKS) else heading
        for heading, name in zip(_spread_headings(padded), names, strict=True)
    )


def is_table(records: Sequence[Record]) -> bool:
    """Return whether the records are a table by themselves: names above values of another kind, in several columns."""
    if len(records) < 2 or statistics.median_high(record.value_count for record in records) < 2:
        return False
    return (
        records[0].value_count > 1 and prove_header(records[0].cells, [record.cells for record in records[1:]]) is True
    )


def _find_units(records: Sequence[Record], width: int) -> list[tuple[Record, str]]:
    """Return the row of units right below a header: texts in columns that hold numbers or dates in every other row."""
    if len(records) < 3 or not records[0].value_count:
        return []
    first, rows = records[0], [record.cells for record in records[1:MAX_JUDGED_ROWS] if record.value_count]
    columns = [[row[i] for row in rows if i < len(row)] for i in range(width)]
    typed = [i for i, column in enumerate(columns) if _find_strict_kind(column) in ("number", "date", "time")]
    above = [first.cells[i].strip(BLANKS) if i < len(first.cells) else "" for i in range(width)]
    if (
        not typed
        or not any(above[i] for i in typed)
        or any(classify_cell(above[i]) not in ("text", "blank") for i in typed)
    ):
        return []
    if any(is_placeholder(above[i]) for i in typed if above[i]) or len(rows) < 2:
        return []
    others = [above[i] for i in range(width) if above[i] and find_column_kind(columns[i]) in ("text", "blank")]
    if all(re.fullmatch(r"[(\[].*[)\]]|-|text|string|name|id", text, re.I) for text in others):
        return [(first, "units below the header")]
    return []


def _find_strict_kind(cells: Sequence[str]) -> str:
    kinds = {classify_cell(cell) for cell in cells} - {"blank"}
    return kinds.pop() if len(kinds) == 1 else "text"


def _find_notes(
    header: Sequence[str], records: Sequence[Record], tail: Sequence[Record], width: int
) -> tuple[LeftOut, ...]:
    """Return the notes below the header and at the end, and repetitions of the header."""
    found = []
    names = [cell.strip(BLANKS) for cell in header]
    everything = [record for record in (*records, *tail) if record.value_count]
    for record in everything:
        if names and [cell.strip(BLANKS) for cell in record.cells] == names and sum(map(bool, names)) > 1:
            found.append(LeftOut(record, "the header again"))
    if width < 2:
        return tuple(found)
    last = tail or records
    typical = statistics.median_high(record.value_count for record in everything) if everything else 0
    for part, gap in ((_take_notes(list(records), typical), False), (_take_notes(list(reversed(last)), typical), True)):
        found += [LeftOut(record, "a note below the table" if gap else "a note below the header") for record in part]
    unique = {row.record.cells: row for row in found}
    return tuple(unique.values())


def _take_notes(records: Sequence[Record], typical: int) -> list[Record]:
    """Return the records up to the first row of data that hold a single sentence, in the first column."""
    found: list[Record] = []
    for record in records[: 2 * MAX_NOTE_LINES]:
        if not record.value_count:
            continue
        text = record.cells[0].strip(BLANKS) if record.cells else ""
        is_alone = record.value_count == 1 and bool(text) and typical > 1
        if not is_alone or classify_cell(text) != "text":
            return found
        if not _is_note(record, typical) and not _is_apart(records, record):
            return found
        found.append(record)
    return []


def _is_note(record: Record, typical: int) -> bool:
    text = record.cells[0].strip(BLANKS)
    return _NOTE.fullmatch(text) is not None or len(text.split()) > 4 or (": " in text and typical > 2)


def _is_apart(records: Sequence[Record], record: Record) -> bool:
    """Return whether an empty row is next to it."""
    number = records.index(record)
    near = [records[i] for i in (number - 1, number + 1) if 0 <= i < len(records)]
    return any(not neighbour.value_count for neighbour in near)


def is_total(text: str) -> bool:
    """Return whether the first cell of a row says that the row sums up the others."""
    return _TOTALS.fullmatch(text.strip(BLANKS + ":")) is not None

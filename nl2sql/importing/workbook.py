"""Read Excel and OpenDocument sheets as tables: where the tables are on a sheet, and what their cells hold.

Formulas count as their last values. Sheets are read a row at a time, and one whose cells are too far apart to be held
in memory is refused before it is opened. Nothing here evaluates or formats cells.
"""

from __future__ import annotations

import csv
import datetime
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nl2sql.importing.column_shapes import is_placeholder
from nl2sql.importing.delimited import make_table
from nl2sql.importing.delimiters import Record
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.import_account import TableAccount
from nl2sql.importing.import_errors import UnreadableError
from nl2sql.importing.import_names import TableNames, clean_table_name
from nl2sql.importing.layout import Layout, find_layout, is_table
from nl2sql.importing.plain_text import measure_text
from nl2sql.importing.text_source import Dialect, TextSource
from nl2sql.importing.workbook_size import SheetExtent, WorkbookFile, make_no_spreadsheet_error, refuse_oversize

if TYPE_CHECKING:
    import duckdb
    from python_calamine import CalamineSheet

_MAX_HEAD_RECORDS: Final = 2000
_MAX_TAIL_RECORDS: Final = 20
_MAX_BLOCK_RECORDS: Final = 60
_MAX_BLOCKS: Final = 40


def import_sheets(
    connection: duckdb.DuckDBPyConnection,
    file: WorkbookFile,
    names: TableNames,
    rules: Mapping[str, FileRules],
    end: str = "",
) -> list[TableAccount]:
    """Make a table of each table on each sheet, named after the sheet, or after the file where there is one only.

    `rules` are by the file's name, or by `book.xlsx, sheet Name`. `end` is SQL after the SELECT that limits the rows.

    Raises:
        UnreadableError: where the file is no workbook, has no rows, or is too large.
    """
    extents: dict[str, SheetExtent] = {}
    if zipfile.is_zipfile(file.opened):
        extents = refuse_oversize(file)
    sheets, hidden = _open_sheets(file)
    areas = [(sheet, area) for sheet in sheets for area in _find_areas(sheet)]
    path = file.name
    if not areas:
        raise UnreadableError(f"{path.name} has no rows in any sheet", "Remove it, or put data in it.")
    made = []
    for sheet, area in areas:
        wanted = (path.stem, path.name) if len(areas) == 1 else (sheet.name, f"{path.stem} {sheet.name}")
        table = names.take_free_name(*map(clean_table_name, wanted))
        label = f"{path.name}, sheet {sheet.name}"
        notes = ["the sheet is hidden, but is read too"] if sheet.name in hidden else []
        notes += extents[sheet.name].describe() if sheet.name in extents else []
        source = _write_area(label, sheet, area, rules.get(label, rules.get(path.name, FileRules())), file.folder)
        source = replace(source, doubts=(*source.doubts, *notes))
        made.append(make_table(connection, source, table, end))
        source.text.path.unlink()
    return made


def _open_sheets(file: WorkbookFile) -> tuple[list[CalamineSheet], set[str]]:
    """Return the sheets of the workbook, and the names of the hidden ones."""
    import python_calamine

    file.opened.seek(0)
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(file.opened)
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
        visible = python_calamine.SheetVisibleEnum.Visible
        hidden = {metadata.name for metadata in workbook.sheets_metadata if metadata.visible != visible}
    except (python_calamine.CalamineError, OSError) as exc:
        raise make_no_spreadsheet_error(file.name) from exc
    return sheets, hidden


@dataclass(slots=True)
class _Area:
    """A table's part of a sheet: its rows and columns by position in the sheet's rectangle, ends excluded."""

    rows: tuple[int, int]
    columns: tuple[int, int]


@dataclass(slots=True)
class _Block:
    """Filled rows without an empty one between them: the first of them as records, and the columns that are used."""

    first: int
    last: int
    records: list[Record] = field(default_factory=list)
    used_columns: set[int] = field(default_factory=set)


def _find_areas(sheet: CalamineSheet) -> list[_Area]:
    """Return the tables of a sheet; one where they are not clearly several."""
    blocks = _find_blocks(sheet)
    if not blocks:
        return []
    groups: list[list[_Block]] = [[blocks[0]]]
    for block in blocks[1:]:
        is_next = len(blocks) <= _MAX_BLOCKS and _is_table_block(block) and any(map(_is_table_block, groups[-1]))
        if is_next and [cell.strip() for cell in block.records[0].cells] != _find_names(groups[-1]):
            groups.append([block])
        else:
            groups[-1].append(block)
    return [area for group in groups for area in _split_sideways(group)]


def _find_names(group: Sequence[_Block]) -> list[str]:
    block = next(block for block in group if _is_table_block(block))
    return [cell.strip() for cell in block.records[0].cells]


def _is_table_block(block: _Block) -> bool:
    return is_table(block.records)


def _find_blocks(sheet: CalamineSheet) -> list[_Block]:
    blocks: list[_Block] = []
    for number, row in _read_filled_rows(sheet):
        if not blocks or number > blocks[-1].last + 1:
            blocks.append(_Block(number, number))
        block = blocks[-1]
        block.last = number
        block.used_columns.update(i for i, cell in enumerate(row) if _is_filled(cell))
        if len(block.records) < _MAX_BLOCK_RECORDS and len(blocks) <= _MAX_BLOCKS:
            block.records.append(_make_record(number, row))
    return blocks


def _split_sideways(group: Sequence[_Block]) -> list[_Area]:
    """Return the tables that are side by side, separated by empty columns; one where any part is no table by itself."""
    rows = group[0].first, group[-1].last + 1
    used = sorted(set().union(*(block.used_columns for block in group)))
    runs: list[tuple[int, int]] = []
    for column in used:
        if runs and column == runs[-1][1]:
            runs[-1] = runs[-1][0], column + 1
        else:
            runs.append((column, column + 1))
    whole = [_Area(rows, (used[0], used[-1] + 1))]
    if len(runs) < 2:
        return whole
    block = next((block for block in group if _is_table_block(block)), group[0])
    for first, last in runs:
        part = [record._replace(cells=record.cells[first:last]) for record in block.records]
        if last - first < 2 or not is_table([record for record in part if record.value_count]):
            return whole
    return [_Area(rows, run) for run in runs]


def _is_filled(cell: Any) -> bool:
    return cell is not None and cell != ""


def _read_filled_rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows that hold anything, each with its position; a cell merged downwards repeats its value."""
    start = sheet.start or (0, 0)
    merged: dict[int, list[int]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom > top:
            for below in range(top + 1, bottom + 1):
                merged.setdefault(below - start[0], []).append(left - start[1])
    above: list[Any] = []
    for number, cells in enumerate(sheet.iter_rows()):
        row = list(cells)
        for column in merged.get(number, ()):
            if 0 <= column < min(len(row), len(above)) and not _is_filled(row[column]):
                row[column] = above[column]
        above = row
        if any(map(_is_filled, row)):
            yield number, row


def _make_record(number: int, row: Sequence[Any]) -> Record:
    return Record(number + 1, tuple(_write_cell(cell) for cell in row))


def _write_area(label: str, sheet: CalamineSheet, area: _Area, rules: FileRules, folder: Path) -> TextSource:
    """Write the area as a CSV file, and return where the table is in it and what its cells hold."""
    head, tail = _read_ends(sheet, area)
    layout = find_layout(head, tail, called=label, header=rules.header)
    start = head[layout.body_start].line if layout.body_start < len(head) else head[-1].line + 1
    left_out = {row.record.line for row in layout.left_out}
    path = folder / "sheet.csv"
    cells = _write_rows(path, sheet, area, start, layout)
    data = [record for record in (*head, *tail) if record.value_count and record.line not in left_out]
    body = head[layout.body_start :]
    return TextSource(
        label,
        measure_text(path),
        Dialect(","),
        layout,
        tuple(record for record in body if record.value_count and record.line not in left_out),
        rules,
        frozenset(i for i, column in enumerate(cells) if column.numbers and not column.texts),
        frozenset(i for i, column in enumerate(cells) if column.lengths and not column.texts),
        unit="row",
        skip_lines=start - 1,
        doubts=_describe_merged(sheet),
        last_record=data[-1] if data else None,
    )


def _read_ends(sheet: CalamineSheet, area: _Area) -> tuple[list[Record], list[Record]]:
    """Return the first records of the area, empty ones among them, and the last records that are not among these."""
    first, last = area.columns
    shift = (sheet.start or (0, 0))[0]
    head: list[Record] = []
    tail: list[Record] = []
    before = area.rows[0]
    for number, row in _read_filled_rows(sheet):
        if not area.rows[0] <= number < area.rows[1]:
            continue
        record = _make_record(number + shift, row[first:last])
        if len(head) < _MAX_HEAD_RECORDS:
            head += [Record(line + shift + 1, ()) for line in range(before, min(number, before + 2))]
            head.append(record)
        tail = [*tail[-_MAX_TAIL_RECORDS + 1 :], record]
        before = number + 1
    return head, [record for record in tail if record.line > head[-1].line]


def _write_rows(path: Path, sheet: CalamineSheet, area: _Area, start: int, layout: Layout) -> list[_ColumnCells]:
    """Write the rows from line `start` on as CSV, and return the counts of each column's cells."""
    first, last = area.columns
    shift = (sheet.start or (0, 0))[0]
    counts = [_ColumnCells() for _ in range(layout.width)]
    left_out = {row.record.line for row in layout.left_out}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        # This writer does not quote a cell for a carriage return alone.
        quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for number, row in _read_filled_rows(sheet):
            if not area.rows[0] <= number < area.rows[1] or number + shift + 1 < start:
                continue
            cells = row[first:last][: layout.width]
            cells += [None] * (layout.width - len(cells))
            texts = [_write_cell(cell) for cell in cells]
            (quoting if any("\r" in text for text in texts) else writer).writerow(texts)
            if number + shift + 1 not in left_out:
                for cell, count in zip(cells, counts, strict=True):
                    count.add(cell)
    return counts


@dataclass(slots=True)
class _ColumnCells:
    """How many cells of a column are numbers, lengths of time, and texts that are values."""

    numbers: int = 0
    lengths: int = 0
    texts: int = 0

    def add(self, cell: Any) -> None:
        """Count a cell."""
        if isinstance(cell, datetime.timedelta):
            self.lengths += 1
        elif isinstance(cell, int | float) and not isinstance(cell, bool):
            self.numbers += 1
        elif _is_filled(cell) and not (isinstance(cell, str) and is_placeholder(cell)):
            self.texts += 1


def _describe_merged(sheet: CalamineSheet) -> tuple[str, ...]:
    down = [1 for (top, _), (bottom, _) in sheet.merged_cell_ranges or () if bottom > top]
    return (f"{len(down):,} merged cells are read as if each of their rows held the value",) if down else ()


def _write_cell(cell: Any) -> str:
    """Return the cell's text in the CSV file."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.timedelta):
        seconds = cell.total_seconds()
        minutes, rest = divmod(abs(seconds), 60)
        fraction = f"{rest:09.6f}".rstrip("0").rstrip(".") if rest % 1 else f"{int(rest):02}"
        return f"{'-' if seconds < 0 else ''}{int(minutes) // 60}:{int(minutes) % 60:02}:{fraction}"
    return "" if cell is None else str(cell)

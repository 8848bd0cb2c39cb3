"""Excel and OpenDocument sheets as tables: where the table is on a sheet, which of several, and what its cells hold.

Formulas count as their last values. Sheets are read a row at a time, and one whose cells lie too far apart to be held
is refused before it is opened. Nothing here evaluates or formats cells.
"""

from __future__ import annotations

import csv
import datetime
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from nl2sql.importing.column_shapes import is_placeholder
from nl2sql.importing.delimited import Dialect, TextSource, make_table
from nl2sql.importing.delimiters import Record
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.import_account import TableAccount
from nl2sql.importing.import_names import TableNames, UnreadableError, clean_table_name
from nl2sql.importing.layout import find_layout, is_table
from nl2sql.importing.plain_text import measure_text

if TYPE_CHECKING:
    import duckdb
    from python_calamine import CalamineSheet

_MAX_HEAD_RECORDS: Final = 2000
_MAX_TAIL_RECORDS: Final = 20
_MAX_BLOCK_RECORDS: Final = 60
_MAX_BLOCKS: Final = 40
# A sheet is held as a rectangle of cells, the empty ones too.
_MAX_CELLS: Final = 50_000_000
_CELL_BYTES: Final = 64
_MAX_UNCHECKED_CELLS: Final = 4_000_000
_MAX_SPARSITY_RATIO: Final = 100
_MAX_UNPACKED_RATIO: Final = 200
_MIN_SUSPECT_BYTES: Final = 64_000_000
_MIN_LARGE_PART_BYTES: Final = 1_000_000
_PIECE_BYTES: Final = 1 << 20
_FILLED_CELL: Final = re.compile(
    rb"""<(?:\w++:)?+c\s(?=[^<>]*+(?<!/)>)[^<>]*?\br=["']([A-Za-z]{1,3})(\d{1,7})["']""",
)
_HIDDEN_ROW: Final = re.compile(rb"""<(?:\w++:)?+row\s[^<>]*?\bhidden=["'](?:1|true)["']""")
_ERROR_CELL: Final = re.compile(rb"""<(?:\w++:)?+c\s[^<>]*?\bt=["']e["']""")
_UNSAVED: Final = re.compile(rb"</(?:\w++:)?+f>(?:<(?:\w++:)?+v ?/>|<(?:\w++:)?+v></|</)")
_NO_CELLS: Final = ("sharedstrings.xml", "styles.xml", "theme1.xml")


def import_sheets(
    connection: duckdb.DuckDBPyConnection,
    opened: IO[bytes],
    file: Path,
    names: TableNames,
    rules: Mapping[str, FileRules],
    folder: Path,
    memory: int | None = None,
    end: str = "",
) -> list[TableAccount]:
    """Make a table of each table on each sheet; named like the sheet, or like the file where there is one only.

    `file` is what the opened file is called; `rules` are by its name, or by `book.xlsx, sheet Name`. `folder` is where
    copies may be written; `memory` the bytes that there are for it; `end` the end of a SELECT that bounds the rows.
    UnreadableError.
    """
    import python_calamine

    extents: dict[str, _Extent] = {}
    if zipfile.is_zipfile(opened):
        extents = _refuse_oversize(opened, file, memory)
    opened.seek(0)
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(opened)
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
        hidden = {
            one.name for one in workbook.sheets_metadata if one.visible != python_calamine.SheetVisibleEnum.Visible
        }
    except (python_calamine.CalamineError, OSError) as exc:
        raise _make_no_spreadsheet_error(file) from exc
    areas = [(sheet, area) for sheet in sheets for area in _find_areas(sheet)]
    if not areas:
        raise UnreadableError(f"{file.name} has no rows in any sheet", "Remove it, or put data in it.")
    made = []
    for sheet, area in areas:
        wanted = (file.stem, file.name) if len(areas) == 1 else (sheet.name, f"{file.stem} {sheet.name}")
        table = names.take_free_name(*map(clean_table_name, wanted))
        called = f"{file.name}, sheet {sheet.name}"
        notes = ["the sheet is hidden, and read all the same"] if sheet.name in hidden else []
        notes += extents[sheet.name].describe() if sheet.name in extents else []
        source = _write_area(called, sheet, area, rules.get(called, rules.get(file.name, FileRules())), folder)
        source = replace(source, doubts=(*source.doubts, *notes))
        made.append(make_table(connection, source, table, end))
        source.text.path.unlink()
    return made


def _make_no_spreadsheet_error(file: Path) -> UnreadableError:
    return UnreadableError(f"{file.name} is not a spreadsheet that can be read", "Save it as .xlsx or CSV.")


@dataclass(slots=True)
class _Extent:
    """How far apart the cells of a sheet lie that hold anything; `widest_cell` and `lowest_cell` are at its edges.

    `hidden_rows` counts the rows that are not shown, `error_cells` the cells that hold one, `unsaved_formulas` formulas
    without a value.
    """

    cells: int = 0
    columns: tuple[int, int] = (1 << 30, 0)
    rows: tuple[int, int] = (1 << 30, 0)
    widest_cell: str = ""
    lowest_cell: str = ""
    hidden_rows: int = 0
    error_cells: int = 0
    unsaved_formulas: int = 0

    def describe(self) -> list[str]:
        """What a person may not expect of the sheet's table."""
        told = []
        if self.hidden_rows:
            told.append(f"{self.hidden_rows:,} hidden rows are read too")
        if self.error_cells:
            told.append(f"{self.error_cells:,} cells hold errors, such as #DIV/0!, and have no value")
        if self.unsaved_formulas:
            told.append(
                f"{self.unsaved_formulas:,} formulas have no stored value and are empty: "
                "open the file in a spreadsheet program"
                " and save it"
            )
        return told

    def add(self, found: Sequence[tuple[bytes, bytes]]) -> None:
        """Take further cells in, each as the letters and the digits of its name."""
        by_column = {_read_column(letters): (letters, digits) for letters, digits in found}
        by_row = {int(digits): (letters, digits) for letters, digits in found}
        self.cells += len(found)
        if max(by_column) > self.columns[1]:
            self.widest_cell = b"".join(by_column[max(by_column)]).decode().upper()
        if max(by_row) > self.rows[1]:
            self.lowest_cell = b"".join(by_row[max(by_row)]).decode().upper()
        self.columns = min(self.columns[0], *by_column), max(self.columns[1], *by_column)
        self.rows = min(self.rows[0], *by_row), max(self.rows[1], *by_row)

    @property
    def height(self) -> int:
        return self.rows[1] - self.rows[0] + 1

    @property
    def width(self) -> int:
        return self.columns[1] - self.columns[0] + 1


def _refuse_oversize(opened: IO[bytes], file: Path, memory: int | None) -> dict[str, _Extent]:
    """Refuse a workbook that unpacks out of all proportion, or has a sheet that is too large to be held.

    Returns what a look at each sheet finds, by its name.
    """
    extents: dict[str, _Extent] = {}
    most = _MAX_CELLS if memory is None else min(_MAX_CELLS, memory // _CELL_BYTES)
    try:
        with zipfile.ZipFile(opened) as archive:
            size, unpacked = opened.seek(0, 2), sum(part.file_size for part in archive.infolist())
            if unpacked > _MIN_SUSPECT_BYTES and unpacked > _MAX_UNPACKED_RATIO * size:
                raise UnreadableError(
                    f"{file.name} unpacks to {unpacked:,} bytes, which is out of all proportion",
                    "Save it as CSV, or leave it out.",
                )
            names = _read_sheet_names(archive)
            for part in archive.infolist():
                if part.filename.lower().endswith(".xml") and not part.filename.lower().endswith(_NO_CELLS):
                    extent = _measure_sheet(archive, part)
                    extents[names.get(Path(part.filename).name, "")] = extent
                    sheet = names.get(Path(part.filename).name, Path(part.filename).stem)
                    _refuse_far_cells(f"{file.name}, sheet {sheet}", extent, most)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as exc:
        raise _make_no_spreadsheet_error(file) from exc
    return extents


def _refuse_far_cells(place: str, extent: _Extent, most: int) -> None:
    if not extent.cells or extent.width * extent.height <= min(_MAX_UNCHECKED_CELLS, most):
        return
    shape = f"{extent.height:,} rows and {extent.width:,} columns"
    if extent.width * extent.height > _MAX_SPARSITY_RATIO * extent.cells:
        far = extent.widest_cell if extent.width / 16_384 > extent.height / 1_048_576 else extent.lowest_cell
        raise UnreadableError(
            f"{place}: the cell {far} is so far from the others that there would be {shape}, nearly all empty",
            "Delete that cell if it is a stray one, or save what belongs together as a file of its own.",
        )
    if extent.width * extent.height > most:
        raise UnreadableError(f"{place} has {shape}, which are more than {most:,} cells", "Save it as CSV.")


def _measure_sheet(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> _Extent:
    extent, rest = _Extent(), b""
    with archive.open(part) as content:
        while piece := content.read(_PIECE_BYTES):
            data = rest + piece
            end = max(data.rfind(b"<"), 0)
            # A tag may be cut in two by the end of a piece, but none is as long as one.
            rest = data[end:] if len(data) - end < _PIECE_BYTES else b""
            extent.hidden_rows += len(_HIDDEN_ROW.findall(data, 0, end))
            extent.error_cells += len(_ERROR_CELL.findall(data, 0, end))
            extent.unsaved_formulas += len(_UNSAVED.findall(data, 0, end))
            if found := _FILLED_CELL.findall(data, 0, end):
                extent.add(found)
    return extent


def _read_column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - 64
    return number


def _read_sheet_names(archive: zipfile.ZipFile) -> dict[str, str]:
    """The sheets' names by the names of their parts, as far as they can be told."""
    try:
        parts = [archive.getinfo(name) for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")]
        if any(part.file_size > _MIN_LARGE_PART_BYTES for part in parts):
            return {}
        workbook, relations = (ElementTree.fromstring(archive.read(part)) for part in parts)
    except (KeyError, ElementTree.ParseError):
        return {}
    targets = {relation.get("Id"): Path(relation.get("Target", "")).name for relation in relations}
    sheets = [element for element in workbook.iter() if element.tag.endswith("}sheet")]
    keys = [next((value for key, value in sheet.items() if key.endswith("}id")), None) for sheet in sheets]
    return {targets.get(key, ""): sheet.get("name", "") for key, sheet in zip(keys, sheets, strict=True)}


@dataclass(slots=True)
class _Area:
    """A table's part of a sheet: its rows and columns, by position in the sheet's rectangle; ends are exclusive."""

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
    """The tables of a sheet, one where they are not clearly several."""
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
    """The tables that stand side by side, parted by empty columns; one where any part is none by itself."""
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
    """The rows that hold anything, each with its position; cells that are merged downwards hold what the first does."""
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


def _write_area(called: str, sheet: CalamineSheet, area: _Area, rules: FileRules, folder: Path) -> TextSource:
    """Write the area as a file of CSV, and say where the table is in it and what the cells hold."""
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
    tail = [record for record in tail if record.line > head[-1].line]
    layout = find_layout(head, tail, called=called, header=rules.header)
    start = head[layout.body_start].line if layout.body_start < len(head) else head[-1].line + 1
    kinds = [_ColumnCells() for _ in range(layout.width)]
    path = folder / "sheet.csv"
    noted = {one.record.line for one in layout.left_out}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        # A bare return is none of the ends of lines that make it quote a cell.
        quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for number, row in _read_filled_rows(sheet):
            if area.rows[0] <= number < area.rows[1] and number + shift + 1 >= start:
                cells = row[first:last][: layout.width]
                cells += [None] * (layout.width - len(cells))
                texts = [_write_cell(cell) for cell in cells]
                (quoting if any("\r" in text for text in texts) else writer).writerow(texts)
                if number + shift + 1 not in noted:
                    for cell, kind in zip(cells, kinds, strict=True):
                        kind.add(cell)
    sample = tuple(record for record in head[layout.body_start :] if record.value_count and record.line not in noted)
    numeric = frozenset(i for i, kind in enumerate(kinds) if kind.numbers and not kind.texts)
    lengths = frozenset(i for i, kind in enumerate(kinds) if kind.lengths and not kind.texts)
    doubts = _describe_merged(sheet)
    return TextSource(
        called,
        measure_text(path),
        Dialect(","),
        layout,
        sample,
        rules,
        numeric,
        lengths,
        unit="row",
        skip_lines=start - 1,
        doubts=doubts,
        last_record=next(
            (record for record in reversed((*head, *tail)) if record.value_count and record.line not in noted), None
        ),
    )


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
    """The cell as CSV holds it."""
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

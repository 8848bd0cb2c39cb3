"""Refuse a workbook that is too large to open, by a look at its XML, and count what its sheets hide.

It reads no values, and only workbooks that are ZIP archives (.xlsx, .ods).
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from xml.etree import ElementTree

from nl2sql.importing.import_errors import UnreadableError

# A sheet is held in memory as a rectangle of cells, empty ones included.
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


@dataclass(frozen=True, slots=True)
class WorkbookFile:
    """An opened workbook: its bytes, its name, a folder for copies, and the memory for it in bytes (None: no limit)."""

    opened: IO[bytes]
    name: Path
    folder: Path
    memory: int | None = None


def make_no_spreadsheet_error(file: Path) -> UnreadableError:
    """Return the error of a file that cannot be read as a spreadsheet."""
    return UnreadableError(f"{file.name} is not a spreadsheet that can be read", "Save it as .xlsx or CSV.")


@dataclass(slots=True)
class SheetExtent:
    """How far apart the filled cells of a sheet are; `widest_cell` and `lowest_cell` are at its edges.

    `hidden_rows` counts rows that are hidden, `error_cells` cells that hold an error, `unsaved_formulas` formulas
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
        """Return what a person may not expect of the sheet's table, a sentence each."""
        notes = []
        if self.hidden_rows:
            notes.append(f"{self.hidden_rows:,} hidden rows are read too")
        if self.error_cells:
            notes.append(f"{self.error_cells:,} cells hold errors, such as #DIV/0!, and have no value")
        if self.unsaved_formulas:
            notes.append(
                f"{self.unsaved_formulas:,} formulas have no stored value and are empty: "
                "open the file in a spreadsheet program and save it"
            )
        return notes

    def add(self, found: Sequence[tuple[bytes, bytes]]) -> None:
        """Add cells, each as the letters and the digits of its name."""
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
        """Rows from the first filled cell to the last."""
        return self.rows[1] - self.rows[0] + 1

    @property
    def width(self) -> int:
        """Columns from the first filled cell to the last."""
        return self.columns[1] - self.columns[0] + 1


def refuse_oversize(file: WorkbookFile) -> dict[str, SheetExtent]:
    """Check the sizes of a workbook and its sheets, and return the extent of each sheet, by its name.

    Raises:
        UnreadableError: where it unpacks out of all proportion, or a sheet is too large for the memory.
    """
    extents: dict[str, SheetExtent] = {}
    path = file.name
    most = _MAX_CELLS if file.memory is None else min(_MAX_CELLS, file.memory // _CELL_BYTES)
    try:
        with zipfile.ZipFile(file.opened) as archive:
            size, unpacked = file.opened.seek(0, 2), sum(part.file_size for part in archive.infolist())
            if unpacked > _MIN_SUSPECT_BYTES and unpacked > _MAX_UNPACKED_RATIO * size:
                raise UnreadableError(
                    f"{path.name} unpacks to {unpacked:,} bytes, which is out of all proportion",
                    "Save it as CSV, or leave it out.",
                )
            names = _read_sheet_names(archive)
            for part in archive.infolist():
                if part.filename.lower().endswith(".xml") and not part.filename.lower().endswith(_NO_CELLS):
                    extent = _measure_sheet(archive, part)
                    extents[names.get(Path(part.filename).name, "")] = extent
                    sheet = names.get(Path(part.filename).name, Path(part.filename).stem)
                    _refuse_far_cells(f"{path.name}, sheet {sheet}", extent, most)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as exc:
        raise make_no_spreadsheet_error(path) from exc
    return extents


def _refuse_far_cells(place: str, extent: SheetExtent, most: int) -> None:
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


def _measure_sheet(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> SheetExtent:
    extent, rest = SheetExtent(), b""
    with archive.open(part) as content:
        while piece := content.read(_PIECE_BYTES):
            data = rest + piece
            end = max(data.rfind(b"<"), 0)
            # The end of a piece may cut a tag in two; no tag is longer than a piece.
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
    """Return the sheets' names by the file names of their parts, as far as they are known."""
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

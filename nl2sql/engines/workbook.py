"""Excel and OpenDocument sheets as tables: the first row that is not empty names the columns.

Formulas count as their last values. Sheets are read a row at a time, and one whose cells lie too far apart to be held
is refused before it is opened. Nothing here evaluates or formats cells.
"""

from __future__ import annotations

import csv
import datetime
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from nl2sql.engines.imported import TableNames, UnreadableError, table_name
from nl2sql.engines.lock import quoted, quoted_name

if TYPE_CHECKING:
    import duckdb
    from python_calamine import CalamineSheet

_CODE: Final = re.compile(r"[+0]\d")
# A sheet is held as a rectangle of cells, the empty ones too.
_MOST_CELLS: Final = 50_000_000
_BYTES_A_CELL: Final = 64
_ANY_SHAPE: Final = 4_000_000
_SPARSE: Final = 100
_PACKED: Final = 200
_UNPACKED_BYTES: Final = 64_000_000
_LARGE_PART: Final = 1_000_000
_PIECE: Final = 1 << 20
_FILLED_CELL: Final = re.compile(
    rb"""<(?:\w++:)?+c\s(?=[^<>]*+(?<!/)>)[^<>]*?\br=["']([A-Za-z]{1,3})(\d{1,7})["']""",
)
_NO_CELLS: Final = ("sharedstrings.xml", "styles.xml", "theme1.xml")


def import_sheets(
    connection: duckdb.DuckDBPyConnection, opened: IO[bytes], file: Path, names: TableNames, memory: int | None = None
) -> list[str]:
    """One table a sheet that holds rows; named like the sheet, or like the file where there is one sheet only.

    Returns the names. `file` is what the opened file is called; `memory` the bytes that there are for it.
    UnreadableError.
    """
    import python_calamine

    if zipfile.is_zipfile(opened):
        _refuse_oversize(opened, file, memory)
    opened.seek(0)
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(opened)
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
    except (python_calamine.CalamineError, OSError) as exc:
        raise _no_spreadsheet(file) from exc
    filled = [(sheet, shape) for sheet, shape in ((sheet, _find_shape(sheet)) for sheet in sheets) if shape.columns]
    if not filled:
        raise UnreadableError(f"{file.name} has no rows in any sheet", "Remove it, or put data in it.")
    tables = []
    for sheet, shape in filled:
        wanted = (file.stem, file.name) if len(filled) == 1 else (sheet.name, f"{file.stem} {sheet.name}")
        tables.append(names.take(*map(table_name, wanted)))
        _import_rows(connection, quoted_name(tables[-1]), sheet, shape)
    return tables


def _no_spreadsheet(file: Path) -> UnreadableError:
    return UnreadableError(f"{file.name} is not a spreadsheet that can be read", "Save it as .xlsx or CSV.")


@dataclass(slots=True)
class _Extent:
    """How far the cells of a sheet that hold anything lie apart; `widest` and `lowest` are those at its edges."""

    cells: int = 0
    columns: tuple[int, int] = (1 << 30, 0)
    rows: tuple[int, int] = (1 << 30, 0)
    widest: str = ""
    lowest: str = ""

    def add(self, found: Sequence[tuple[bytes, bytes]]) -> None:
        """Take further cells in, each as the letters and the digits of its name."""
        by_column = {_read_column(letters): (letters, digits) for letters, digits in found}
        by_row = {int(digits): (letters, digits) for letters, digits in found}
        self.cells += len(found)
        if max(by_column) > self.columns[1]:
            self.widest = b"".join(by_column[max(by_column)]).decode().upper()
        if max(by_row) > self.rows[1]:
            self.lowest = b"".join(by_row[max(by_row)]).decode().upper()
        self.columns = min(self.columns[0], *by_column), max(self.columns[1], *by_column)
        self.rows = min(self.rows[0], *by_row), max(self.rows[1], *by_row)

    @property
    def height(self) -> int:
        return self.rows[1] - self.rows[0] + 1

    @property
    def width(self) -> int:
        return self.columns[1] - self.columns[0] + 1


def _refuse_oversize(opened: IO[bytes], file: Path, memory: int | None) -> None:
    """Refuse a workbook that unpacks out of all proportion, or has a sheet that is too large to be held."""
    most = _MOST_CELLS if memory is None else min(_MOST_CELLS, memory // _BYTES_A_CELL)
    try:
        with zipfile.ZipFile(opened) as archive:
            size, unpacked = opened.seek(0, 2), sum(part.file_size for part in archive.infolist())
            if unpacked > _UNPACKED_BYTES and unpacked > _PACKED * size:
                raise UnreadableError(
                    f"{file.name} unpacks to {unpacked:,} bytes, which is out of all proportion",
                    "Save it as CSV, or leave it out.",
                )
            names = _read_sheet_names(archive)
            for part in archive.infolist():
                if part.filename.lower().endswith(".xml") and not part.filename.lower().endswith(_NO_CELLS):
                    extent = _measure(archive, part)
                    sheet = names.get(Path(part.filename).name, Path(part.filename).stem)
                    _refuse_far_cells(f"{file.name}, sheet {sheet}", extent, most)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as exc:
        raise _no_spreadsheet(file) from exc


def _refuse_far_cells(place: str, extent: _Extent, most: int) -> None:
    if not extent.cells or extent.width * extent.height <= min(_ANY_SHAPE, most):
        return
    shape = f"{extent.height:,} rows and {extent.width:,} columns"
    if extent.width * extent.height > _SPARSE * extent.cells:
        far = extent.widest if extent.width / 16_384 > extent.height / 1_048_576 else extent.lowest
        raise UnreadableError(
            f"{place}: the cell {far} is so far from the others that there would be {shape}, nearly all empty",
            "Delete that cell if it is a stray one, or save what belongs together as a file of its own.",
        )
    if extent.width * extent.height > most:
        raise UnreadableError(f"{place} has {shape}, which are more than {most:,} cells", "Save it as CSV.")


def _measure(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> _Extent:
    extent, rest = _Extent(), b""
    with archive.open(part) as content:
        while piece := content.read(_PIECE):
            data = rest + piece
            end = max(data.rfind(b"<"), 0)
            # A tag may be cut in two by the end of a piece, but none is as long as one.
            rest = data[end:] if len(data) - end < _PIECE else b""
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
        if any(part.file_size > _LARGE_PART for part in parts):
            return {}
        workbook, relations = (ElementTree.fromstring(archive.read(part)) for part in parts)
    except (KeyError, ElementTree.ParseError):
        return {}
    targets = {relation.get("Id"): Path(relation.get("Target", "")).name for relation in relations}
    sheets = [element for element in workbook.iter() if element.tag.endswith("}sheet")]
    keys = [next((value for key, value in sheet.items() if key.endswith("}id")), None) for sheet in sheets]
    return {targets.get(key, ""): sheet.get("name", "") for key, sheet in zip(keys, sheets, strict=True)}


@dataclass(slots=True)
class _Shape:
    """What a first look at a sheet finds: the columns that hold anything, by position, and their names.

    `codes` are those with texts like 007, which are no numbers, `timed` those with a time of day.
    """

    columns: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    codes: set[int] = field(default_factory=set)
    timed: set[int] = field(default_factory=set)


def _find_shape(sheet: CalamineSheet) -> _Shape:
    shape, used = _Shape(), set[int]()
    header: Sequence[Any] | None = None
    for row, filled in _read_filled_rows(sheet):
        used.update(filled)
        if header is None:
            header = row
            continue
        for i in filled:
            cell = row[i]
            if isinstance(cell, str):
                if i not in shape.codes and _CODE.match(cell):
                    shape.codes.add(i)
            elif isinstance(cell, datetime.datetime):
                shape.timed.add(i)
    if header is not None:
        shape.columns = sorted(used)
        shape.names = _header([header[i] for i in shape.columns])
    return shape


def _read_filled_rows(sheet: CalamineSheet) -> Iterator[tuple[Sequence[Any], list[int]]]:
    """The rows that hold anything, each with the positions of what it holds."""
    for row in sheet.iter_rows():
        if filled := [i for i, cell in enumerate(row) if cell != "" and cell is not None]:
            yield row, filled


def _header(row: Sequence[Any]) -> list[str]:
    names = TableNames()
    return [names.take(_text(cell).strip() or f"column{i}") for i, cell in enumerate(row, start=1)]


def _import_rows(connection: duckdb.DuckDBPyConnection, table: str, sheet: CalamineSheet, shape: _Shape) -> None:
    """Import by way of a CSV file, so that DuckDB finds the types from the values."""
    texts = [name for i, name in zip(shape.columns, shape.names, strict=True) if i in shape.codes]
    kept = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in texts)
    types = f", types={{{kept}}}" if texts else ""
    columns = [(i, i in shape.timed) for i in shape.columns]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(shape.names)
            rows = _read_filled_rows(sheet)
            next(rows)
            writer.writerows([_text(row[i], timed) for i, timed in columns] for row, _ in rows)
        connection.execute(
            f"CREATE TABLE {table} AS SELECT * FROM read_csv({quoted(str(path))}, header=true, delim=',', quote='\"', "
            f"escape='\"', sample_size=-1{types})"
        )


def _text(cell: Any, timed: bool = False) -> str:
    """The cell as CSV holds it; a day gets a time where others in its column have one."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.date) and timed and not isinstance(cell, datetime.datetime):
        cell = datetime.datetime.combine(cell, datetime.time())
    return "" if cell is None else str(cell)

"""Workbooks that are sparse, or made to do harm: refused by the cell that is to blame, or held by the limits."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import duckdb
import openpyxl
import pytest

from nl2sql.engines.files.file_importer import build
from nl2sql.errors import DatabaseError, LimitError
from nl2sql.importing.import_errors import UnreadableError
from nl2sql.types import Limits

from .conftest import Open, run

SHEET = "xl/worksheets/sheet1.xml"


def workbook(path: Path, cells: Mapping[str, object], sheet: str = "Data") -> Path:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.title = sheet
    for name, value in cells.items():
        page[name] = value
    book.save(path)
    book.close()
    return path


def rewritten(path: Path, part: str, change: tuple[bytes, bytes]) -> Path:
    """The workbook with one text of one of its parts replaced."""
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == part:
                assert change[0] in data
                data = data.replace(*change)
            new.writestr(info.filename, data)
    return path


@pytest.mark.parametrize(
    ("cell", "shape"),
    [
        ("ALL30000", "30,000 rows and 1,000 columns"),
        ("XFD1048576", "1,048,576 rows and 16,384 columns"),
        ("B1048576", None),
        ("XFD300", "300 rows and 16,384 columns"),
        ("ZZ900", None),
    ],
)
def test_a_stray_cell_is_named(tmp_path: Path, cell: str, shape: str | None) -> None:
    path = workbook(tmp_path / "sparse.xlsx", {"A1": "a", "B1": "b", "A2": 1, cell: 2}, "My Data")
    if shape is None:
        build(str(tmp_path / "built.duckdb"), [path])
        return
    with pytest.raises(UnreadableError, match=f"sparse.xlsx, sheet My Data: the cell {cell} is so far") as caught:
        build(str(tmp_path / "built.duckdb"), [path])
    assert shape in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        (b'<c r="XFD1048576" t="n">', b'<c t="n" r="XFD1048576">'),
        (b'<c r="XFD1048576" t="n">', b"<c\n  t='n'\n  r='XFD1048576' >"),
        (b'<c r="XFD1048576"', b'<c r="xfd1048576"'),
        (b'<dimension ref="A1:XFD1048576" />', b'<dimension ref="A1:A2" />'),
        (b'<dimension ref="A1:XFD1048576" />', b""),
    ],
)
def test_a_stray_cell_is_found_however_it_is_written(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    path = rewritten(workbook(tmp_path / "s.xlsx", {"A1": "a", "XFD1048576": 2}), SHEET, change)
    with pytest.raises(UnreadableError, match="the cell XFD1048576 is so far"):
        build(str(tmp_path / "built.duckdb"), [path])


@pytest.mark.parametrize("uploaded", [False, True])
def test_what_is_not_found_is_held_by_the_limits(tmp_path: Path, opened: Open, shop: Path, uploaded: bool) -> None:
    """A cell without a name stands where its row says."""
    path = workbook(tmp_path / "s.xlsx", {"A1": "a", "XFD1": 1, "A1048576": 2, "B1048576": 2})
    path = rewritten(path, SHEET, (b'<c r="A1048576"', b"<c"))
    path = rewritten(path, SHEET, (b'<c r="B1048576"', b"<c"))
    with pytest.raises((LimitError, DatabaseError), match=r"s\.xlsx"):
        if uploaded:
            opened(shop).attach_files([path], Limits(memory=500_000_000))
        else:
            opened(path)


def test_cells_without_a_value_take_no_room(tmp_path: Path) -> None:
    path = workbook(tmp_path / "s.xlsx", {"A1": "a", "A2": 1})
    rows = b"".join(b'<row r="%d"><c r="XFD%d" s="1"/></row>' % (n, n) for n in (1000, 1_048_576))
    path = rewritten(path, SHEET, (b"</sheetData>", rows + b"</sheetData>"))
    build(str(tmp_path / "built.duckdb"), [path])
    with duckdb.connect(str(tmp_path / "built.duckdb")) as connection:
        assert connection.execute("SELECT * FROM s").fetchall() == [(1,)]


def test_a_bomb_is_not_unpacked(tmp_path: Path, opened: Open) -> None:
    path = workbook(tmp_path / "bomb.xlsx", {"A1": "a", "A2": 1})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/worksheets/b.xml", "w") as part:
        for _ in range(100):
            part.write(b" " * 1_000_000)
    with pytest.raises(DatabaseError, match=r"bomb\.xlsx unpacks to 100,\d\d\d,\d\d\d bytes, which is out of all"):
        opened(path)


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.99])
def test_a_damaged_workbook_is_no_spreadsheet(tmp_path: Path, cut: float) -> None:
    path = workbook(tmp_path / "s.xlsx", {f"A{n}": n for n in range(1, 500)})
    content = bytearray(path.read_bytes())
    start = content.index(SHEET.encode()) + 60
    content[start : start + 200] = bytes(200)
    for damaged in (bytes(content), path.read_bytes()[: int(cut * len(content))]):
        path.write_bytes(damaged)
        with pytest.raises(UnreadableError, match=r"s\.xlsx is not a spreadsheet that can be read"):
            build(str(tmp_path / "built.duckdb"), [path])
        (tmp_path / "built.duckdb").unlink(missing_ok=True)


def test_empty_rows_and_columns_are_left_out(tmp_path: Path, opened: Open) -> None:
    cells = {
        "C4": "when",
        "E4": "code",
        "H4": None,
        "C6": datetime.date(2024, 1, 2),
        "C9": datetime.datetime(2024, 1, 3, 4),
        "E9": "007",
        "G9": 1.5,
    }
    engine = opened(workbook(tmp_path / "s.xlsx", cells))
    assert run(engine, "SELECT * FROM s").rows == [
        (datetime.datetime(2024, 1, 2), None, None),
        (datetime.datetime(2024, 1, 3, 4), "007", 1.5),
    ]
    assert [column.name for column in engine.introspect().tables[0].columns] == ["when", "code", "column5"]


def test_of_several_sheets_the_one_with_the_stray_cell_is_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name in ("First & last", "Second"):
        page = book.create_sheet(name)
        page["A1"], page["A2"] = "a", 1
    book["Second"]["XFD90000"] = 1
    book.save(tmp_path / "s.xlsx")
    book.close()
    with pytest.raises(UnreadableError, match=re.escape("s.xlsx, sheet Second: the cell XFD90000")):
        build(str(tmp_path / "built.duckdb"), [tmp_path / "s.xlsx"])


def made(path: Path) -> tuple[list[tuple[object, ...]], list[str]]:
    """The rows of the workbook's one table, and what is doubtful of it."""
    database = str(path.with_suffix(".duckdb"))
    [(_, account)] = build(database, [path])
    with duckdb.connect(database) as connection:
        return connection.execute(f'FROM "{account.table}"').fetchall(), account.list_doubts()


def test_a_total_above_a_note_is_no_row(tmp_path: Path) -> None:
    cells = {"A1": "k", "B1": "v", "A2": "A", "B2": 1, "A3": "B", "B3": 2, "A4": "Total", "B4": 3, "A6": "Source: own"}
    assert made(workbook(tmp_path / "total.xlsx", cells)) == ([("A", 1), ("B", 2)], [])


def test_formulas_without_a_value_and_errors_are_told(tmp_path: Path) -> None:
    path = workbook(tmp_path / "sums.xlsx", {"A1": "a", "B1": "b", "A2": 1, "B2": "=A2*2", "A3": 2, "B3": "#DIV/0!"})
    rows, doubts = made(path)
    assert rows == [(1, None), (2, None)]
    assert any("1 formulas have no stored value" in doubt for doubt in doubts)
    assert any("1 cells hold errors" in doubt for doubt in doubts)

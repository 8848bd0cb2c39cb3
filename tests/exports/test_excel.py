"""What a spreadsheet gets: numbers and dates as they are, and no text that it would run as a formula."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nl2sql
from nl2sql.answer.result_notes import describe_renamed
from nl2sql.errors import ConfigError, LimitError
from nl2sql.exports.csv_text import neutralize_formulas
from nl2sql.exports.excel import WorkbookTexts, name_sheet, write_xlsx
from nl2sql.exports.held_batches import hold_batches
from nl2sql.exports.json_columns import encode_rows
from nl2sql.types import Answer, Result, ResultColumn, Status

FORMULAS = [
    "=1+1",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1",
    '"=1"',
    "\uff1d1+1",
    "\u22121",
    "\u200b=1",
    "a;=cmd|' /C calc'!A0",
    "a\n=1",
]
ROWS: dict[str, list[Any]] = {
    "=name": ["=1+1", "plain", "O'Neil, Ann", None],
    "n": [1, -2, 10**15, None],
    "big": [1, -2, 10**17, None],
    "price": [Decimal("1.50"), Decimal("-3.25"), Decimal("0"), None],
    "day": [dt.date(2025, 1, 2), dt.date(1850, 1, 1), None, None],
}


def written(form: str, **options: Any) -> bytes:
    table = pa.table(ROWS)
    columns = [ResultColumn("=name", "VARCHAR"), *(ResultColumn(name, "X") for name in list(ROWS)[1:])]
    out = io.BytesIO()
    assert nl2sql.export(form, columns, table.to_batches(), out, **options) == 4
    return out.getvalue()


@pytest.mark.parametrize("text", FORMULAS)
def test_what_would_be_a_formula_is_text(text: str) -> None:
    safe = neutralize_formulas(text)
    assert safe != text and safe.replace("'", "") == text.replace("'", "")
    for cell in safe.replace(";", "\n").replace("\t", "\n").replace("\r", "\n").split("\n"):
        assert not cell.strip('\u200b "').startswith(("=", "+", "-", "@", "\uff1d", "\u2212"))


@pytest.mark.parametrize(
    "text", ["plain", "3-D Man", "a=b", "12", "-5", "-1,250.50", "", "mail@example.org", "O'Neil", "x - y"]
)
def test_text_that_is_no_formula_is_unchanged(text: str) -> None:
    assert neutralize_formulas(text) == text


def test_no_delimiter_lets_a_formula_through() -> None:
    assert neutralize_formulas("a,=1+1") == "a,=1+1" and neutralize_formulas("a,=1+1", at_commas=True) == "a,'=1+1"
    texts = {"t": ("VARCHAR", pa.array(["a,=1+1", "a;=1+1", "a\t=1+1", "=1+1", "-5", "1;-5", "a,b"]))}
    for delimiter in (",", ";", "tab", "|"):
        lines = export_columns("csv", texts, delimiter=delimiter).decode("utf-8-sig").splitlines()
        cells = [cell.strip('"') for line in lines for cell in re.split(r"[,;\t]", line)]
        assert [cell for cell in cells if cell[:1] in "=+-@"] == (
            ["=1+1", "-5", "-5"] if delimiter == "," else ["-5", "-5"]
        )


def test_csv_for_spreadsheets_and_for_programs() -> None:
    rows = list(csv.reader(io.StringIO(written("csv").decode("utf-8-sig"))))
    assert rows[0] == ["'=name", "n", "big", "price", "day"]
    assert rows[1] == ["'=1+1", "1", "1", "1.50", "2025-01-02"] and rows[2][1:4] == ["-2", "-2", "-3.25"]
    assert written("csv").startswith(b"\xef\xbb\xbf")
    exact = list(csv.reader(io.StringIO(written("csv", spreadsheet_safe=False).decode())))
    assert exact[0][0] == "=name" and exact[1][0] == "=1+1"


def read_back(path: Path, data: bytes) -> list[list[tuple[Any, str, str]]]:
    """The cells of the first sheet: value, kind and number format."""
    path.write_bytes(data)
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return [[(cell.value, cell.data_type, cell.number_format) for cell in row] for row in sheet.iter_rows()]


def test_a_workbook_holds_texts_numbers_and_dates(tmp_path: Path) -> None:
    cells = read_back(tmp_path / "rows.xlsx", written("xlsx"))
    assert cells[0][0][:2] == ("=name", "s") and cells[1][0][:2] == ("=1+1", "s")
    assert cells[1][1][:2] == (1, "n") and cells[2][3] == (-3.25, "n", "#,##0.00")
    assert cells[1][4][0] == dt.datetime(2025, 1, 2) and cells[2][4][:2] == ("1850-01-01", "s")


def test_numbers_of_more_digits_than_excel_keeps_make_their_column_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    cells = read_back(path, written("xlsx"))
    assert [row[2][0] for row in cells] == ["big", "1", "-2", str(10**17), None]
    notes = openpyxl.load_workbook(path)["Notes"]
    assert notes["A1"].value == "Excel keeps 15 digits of a number. Text, so that none is lost: big."


def export_columns(form: str, rows: dict[str, tuple[str, pa.Array]], **options: Any) -> bytes:
    """The columns, each with its type in SQL, in that form."""
    table = pa.table([array for _, array in rows.values()], names=list(rows))
    out = io.BytesIO()
    columns = [ResultColumn(name, kind) for name, (kind, _) in rows.items()]
    nl2sql.export(form, columns, iter(table.to_batches(2)), out, **options)
    return out.getvalue()


def test_a_workbook_shows_money_months_shares_and_ids_as_such(tmp_path: Path) -> None:
    moments = pa.array([dt.datetime(2025, 1, 2, 3, 4, 5, 678000), None], pa.timestamp("us", "Europe/Oslo"))
    rows = {
        "month": ("TIMESTAMP", pa.array([dt.datetime(2025, 1, 1), dt.datetime(2025, 2, 1)])),
        "ordered": ("TIMESTAMP", pa.array([dt.datetime(2025, 1, 31), None])),
        "customer_id": ("BIGINT", pa.array([10243, 10244])),
        "orders": ("BIGINT", pa.array([1234567, None])),
        "revenue": ("DOUBLE", pa.array([0.1 + 0.2, 389716.971])),
        "open_share": ("DOUBLE", pa.array([0.0512, 0.5])),
        "at": ("TIMESTAMP WITH TIME ZONE", moments),
        "time": ("TIME", pa.array([dt.time(1, 30), None])),
    }
    sql = "SELECT open / total AS open_share"
    cells = read_back(tmp_path / "rows.xlsx", export_columns("xlsx", rows, sql=sql))[1]
    assert [(value, form) for value, _, form in cells] == [
        (dt.datetime(2025, 1, 1), "yyyy-mm"),
        (dt.datetime(2025, 1, 31), "yyyy-mm-dd"),
        (10243, "0"),
        (1234567, "#,##0"),
        (0.30000000000000004, "#,##0.00"),
        (0.0512, "0.00%"),
        (dt.datetime(2025, 1, 2, 4, 4, 5, 678000), 'yyyy-mm-dd hh:mm:ss.000"+01:00"'),
        (dt.time(1, 30), "hh:mm:ss"),
    ]


def test_numbers_too_long_for_a_cell_are_shown_as_excel_does(tmp_path: Path) -> None:
    cells = read_back(tmp_path / "rows.xlsx", export_columns("xlsx", {"x": ("DOUBLE", pa.array([1e300, 0.5]))}))
    assert [cell[0] for cell in cells[1:]] == [(1e300, "n", "General"), (0.5, "n", "General")]


def test_a_column_is_as_wide_as_its_figures(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    rows = {"revenue": ("DECIMAL(20,2)", pa.array([Decimal("-1234567890123.45")])), "n": ("BIGINT", pa.array([1]))}
    path.write_bytes(export_columns("xlsx", rows))
    widths = openpyxl.load_workbook(path).worksheets[0].column_dimensions
    assert widths["A"].width > len("-1,234,567,890,123.45") > widths["B"].width


def test_a_cell_too_long_for_excel_is_cut_and_said(tmp_path: Path) -> None:
    texts = pa.array(["x" * 32_767, "x" * 32_768, "\U0001f600" * 20_000, "<r><t>x</t></r>"])
    path = tmp_path / "rows.xlsx"
    cells = read_back(path, export_columns("xlsx", {"t": ("VARCHAR", texts)}))
    assert cells[1][0][0] == "x" * 32_767 and cells[2][0][0] == "x" * 32_766 + "…"
    assert cells[3][0][0] == "\U0001f600" * 16_383 + "…"
    assert cells[4][0][0] == "<r><t>x</t></r>", "text is no markup"
    note = str(openpyxl.load_workbook(path)["Notes"]["A1"].value)
    assert "32,767 characters" in note and note.endswith(": Sheet1!A3, Sheet1!A4.")


def test_more_columns_than_a_sheet_has_are_an_error() -> None:
    columns = [ResultColumn(f"c{i}", "INTEGER") for i in range(16_385)]
    with pytest.raises(LimitError, match="16,384 columns"):
        nl2sql.export("xlsx", columns, [], io.BytesIO())


def test_rows_beyond_a_sheet_are_on_the_next_and_said() -> None:
    out = io.BytesIO()
    write_xlsx([ResultColumn("n", "BIGINT")], pa.table({"n": range(5)}).to_batches(), out, sheet_rows=3)
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Sheet1", "Sheet2", "Sheet3", "Notes"]
    assert book["Notes"]["A1"].value == "A sheet has room for 2 rows: 5 rows are on 3."


def test_json_and_parquet_hold_every_row(tmp_path: Path) -> None:
    rows = json.loads(written("json"))
    assert len(rows) == 4 and rows[0] == {"=name": "=1+1", "n": 1, "big": "1", "price": 1.5, "day": "2025-01-02"}
    path = tmp_path / "rows.parquet"
    path.write_bytes(written("parquet"))
    assert pq.read_table(path).to_pydict()["n"] == ROWS["n"]


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        (pa.int64(), [1, 2**53, None], [1, 2**53, None]),
        (pa.int64(), [1, None, 2**53 + 1], ["1", None, str(2**53 + 1)]),
        (pa.uint64(), [2**64 - 1, 7], [str(2**64 - 1), "7"]),
        (pa.float64(), [1.5, None, float("nan")], ["1.5", None, "nan"]),
        (pa.decimal128(38, 2), [Decimal("1.50"), Decimal("2")], [1.5, 2]),
        (pa.decimal128(38, 2), [Decimal("1.50"), Decimal("12345678901234567.89")], ["1.50", "12345678901234567.89"]),
        (pa.list_(pa.int64()), [[1], [], [2**60, None]], [["1"], [], [str(2**60), None]]),
        (pa.struct([("a", pa.int64())]), [{"a": 1}, {"a": 2**60}, None], [{"a": "1"}, {"a": str(2**60)}, None]),
        (pa.map_(pa.string(), pa.int64()), [[("k", 1)], [("k", 2**60)]], [[["k", "1"]], [["k", str(2**60)]]]),
    ],
)
def test_a_column_of_json_has_one_type(kind: pa.DataType, values: list[Any], shown: list[Any]) -> None:
    rows = {"v": ("X", pa.array(values, kind))}
    assert [row["v"] for row in json.loads(export_columns("json", rows))] == shown
    lines = export_columns("jsonl", rows).decode().splitlines()
    assert [json.loads(line)["v"] for line in lines] == shown
    assert [row[0] for row in encode_rows(pa.table({"v": rows["v"][1]}))] == shown


def test_batches_beyond_the_memory_come_back_from_disk() -> None:
    batches = pa.table({"n": range(1000)}).to_batches(100)
    seen: list[int] = []
    with hold_batches(iter(batches), lambda batch: seen.append(batch.num_rows), memory=100) as held:
        assert seen == [100] * 10 and [batch.to_pydict() for batch in held] == [batch.to_pydict() for batch in batches]


NAMES = ["a", "b", "a", "a_2", "a"]
TOLD_APART = ["a", "b", "a_3", "a_2", "a_4"]


def read_two_lines(form: str, data: bytes, path: Path) -> list[list[Any]]:
    """The names and the first row of what was exported."""
    if form == "parquet":
        row = pq.read_table(io.BytesIO(data)).to_pylist()[0]
    elif form == "xlsx":
        return [[value for value, _, _ in row] for row in read_back(path, data)]
    elif form in ("csv", "md"):
        lines = data.decode("utf-8-sig").splitlines()
        if form == "md":
            return [line.strip("| ").split(" | ") for line in lines[::2]]
        return list(csv.reader(lines))
    else:
        row = json.loads(data.strip(b"[]\n"))
    return [list(row), list(row.values())]


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "md", "parquet", "xlsx"])
def test_columns_of_one_name_are_told_apart_the_same_in_each_form(form: str, tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([i]) for i in range(5)], names=NAMES)
    out = io.BytesIO()
    nl2sql.export(form, [ResultColumn(name, "BIGINT") for name in NAMES], table.to_batches(), out)
    read = dict(zip(*read_two_lines(form, out.getvalue(), tmp_path / "x.xlsx"), strict=True))
    assert {name: int(value) for name, value in read.items()} == dict(zip(TOLD_APART, range(5), strict=True))
    assert describe_renamed(NAMES) == "more than one column is called a: here the further ones are a_3, a_4"


def test_an_answers_tables_have_each_name_once_and_every_digit() -> None:
    table = pa.Table.from_arrays([pa.array([2**53 + 1, None]), pa.array([1, 2])], names=["a", "a"])
    result = Result((ResultColumn("a", "BIGINT"), ResultColumn("a", "BIGINT")), table)
    answer = Answer("", "?", Status.ANSWERED, "", result=result)
    assert answer.to_arrow().column_names == ["a", "a_2"]
    frame = answer.to_pandas()
    assert list(frame) == ["a", "a_2"] and frame["a"][0] == 2**53 + 1 and frame["a"].isna().tolist() == [False, True]


AWKWARD: dict[str, tuple[str, pa.Array]] = {
    "t": ("VARCHAR", pa.array(["", None, 'say "x"', " a ", "x;y", "1,5"])),
    "x": ("DOUBLE", pa.array([1.5, None, 0.1 + 0.2, -1e-7, 1e300, 2.0])),
    "d": ("DECIMAL(20,2)", pa.array([Decimal("-5.00"), None, Decimal("123456789012345678.90")] + [None] * 3)),
    "l": ("DECIMAL(20,1)[]", pa.array([[Decimal("1.5"), None], [], None, None, None, None])),
    "n": ("INTEGER", pa.array([-5, None, 0, 1, 2, 3])),
}


@pytest.mark.parametrize(
    ("given", "delimiter", "decimal"),
    [
        ({}, ",", "."),
        ({"decimal": ","}, ";", ","),
        ({"delimiter": "tab", "decimal": ","}, "\t", ","),
        ({"delimiter": "|"}, "|", "."),
    ],
)
@pytest.mark.parametrize("safe", [True, False])
def test_csv_is_read_back_value_by_value(given: dict[str, Any], delimiter: str, decimal: str, safe: bool) -> None:
    text = export_columns("csv", AWKWARD, spreadsheet_safe=safe, **given).decode("utf-8-sig")
    header, *rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    assert header == list(AWKWARD)
    values = [array.to_pylist() for _, array in AWKWARD.values()]
    for row, (t, x, d, nested, n) in zip(rows, zip(*values, strict=True), strict=True):
        assert row[0] == (t or "")
        assert row[1] == "" if x is None else float(row[1].replace(decimal, ".")) == x
        assert row[2] == "" if d is None else Decimal(row[2].replace(decimal, ".")) == d
        assert row[3] == "" if nested is None else json.loads(row[3]) == [one and float(one) for one in nested]
        assert row[4] == ("" if n is None else str(n))
    first, second = text.splitlines()[1:3]
    assert first.startswith('""') and second.startswith(delimiter), "an empty text is no NULL"


def test_a_row_that_is_one_null_is_a_row() -> None:
    text = export_columns("csv", {"a": ("VARCHAR", pa.array(["x", None, "y"]))}, spreadsheet_safe=False).decode()
    assert text == 'a\nx\n""\ny\n'


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"delimiter": ",", "decimal": ","}, "both"),
        ({"delimiter": "x"}, "no delimiter"),
        ({"decimal": ";"}, "no decimal sign"),
    ],
)
def test_signs_that_make_no_csv_are_an_error(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        nl2sql.export("csv", [], [], io.BytesIO(), **given)


def test_an_unknown_form_names_the_known() -> None:
    with pytest.raises(ConfigError, match="is not an export format") as caught:
        nl2sql.export("pdf", [], [], io.BytesIO())
    assert "xlsx" in caught.value.hint


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Revenue by month in 2025?", "Revenue by month in 2025"),
        ("a/b\\c:d*e[f]g", "a b c d e f g"),
        ("'quoted'", "quoted"),
        ("History", "History rows"),
        ("\U0001f600" * 40, "\U0001f600" * 15),
        ("???", ""),
        ("x" * 50, "x" * 31),
    ],
)
def test_a_sheet_is_named_as_excel_allows(title: str, name: str) -> None:
    assert name_sheet(title) == name
    out = io.BytesIO()
    about = {"Question": title, "SQL": "=1+1", "Note": "<r>x</r>"}
    write_xlsx(
        [ResultColumn("n", "BIGINT")],
        pa.table({"n": range(5)}).to_batches(),
        out,
        WorkbookTexts(title=name_sheet(title), about=about),
        sheet_rows=3,
    )
    book = openpyxl.load_workbook(out)
    assert len(book.sheetnames) == len(set(book.sheetnames)) == 5
    assert book["About"]["B2"].value == "=1+1" and book["About"]["B2"].data_type == "s"
    assert book.worksheets[0].auto_filter.ref == "A1:A3"

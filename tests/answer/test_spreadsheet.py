"""What a spreadsheet gets: numbers and dates as they are, and no text that it would run as a formula."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nl2sql
from nl2sql.answer.spreadsheet import harmless
from nl2sql.errors import ConfigError
from nl2sql.types import ResultColumn

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
    "n": [1, -2, 10**17, None],
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
    safe = harmless(text)
    assert safe != text and safe.replace("'", "") == text.replace("'", "")
    for cell in safe.replace(";", "\n").replace("\t", "\n").replace("\r", "\n").split("\n"):
        assert not cell.strip('\u200b "').startswith(("=", "+", "-", "@", "\uff1d", "\u2212"))


@pytest.mark.parametrize("text", ["plain", "3-D Man", "a=b", "12", "", "mail@example.org", "O'Neil", "x - y"])
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_csv_for_spreadsheets_and_for_programs() -> None:
    rows = list(csv.reader(io.StringIO(written("csv").decode("utf-8-sig"))))
    assert rows[0] == ["'=name", "n", "price", "day"]
    assert rows[1] == ["'=1+1", "1", "1.50", "2025-01-02"] and rows[2][1:3] == ["-2", "-3.25"]
    assert written("csv").startswith(b"\xef\xbb\xbf")
    exact = list(csv.reader(io.StringIO(written("csv", spreadsheet_safe=False).decode())))
    assert exact[0][0] == "=name" and exact[1][0] == "=1+1"


def test_a_workbook_holds_texts_numbers_and_dates(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    path.write_bytes(written("xlsx"))
    sheet = openpyxl.load_workbook(path).active
    cells = [[(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows()]
    assert cells[0][0] == ("=name", "s") and cells[1][0] == ("=1+1", "s")
    assert cells[1][1] == (1, "n") and cells[2][2] == (-3.25, "n")
    assert cells[1][3][0] == dt.datetime(2025, 1, 2) and cells[2][3] == ("1850-01-01", "s")
    # Fifteen digits are all that a spreadsheet's number holds.
    assert cells[3][1] == (str(10**17), "s")


def test_json_and_parquet_hold_every_row(tmp_path: Path) -> None:
    rows = json.loads(written("json"))
    assert len(rows) == 4 and rows[0] == {"=name": "=1+1", "n": 1, "price": 1.5, "day": "2025-01-02"}
    path = tmp_path / "rows.parquet"
    path.write_bytes(written("parquet"))
    assert pq.read_table(path).to_pydict()["n"] == ROWS["n"]


def test_an_unknown_form_names_the_known() -> None:
    with pytest.raises(ConfigError, match="is not a form") as caught:
        nl2sql.export("pdf", [], [], io.BytesIO())
    assert "xlsx" in caught.value.hint

"""Every row taken along in each format, and the chart as a picture; each read back."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pyarrow.parquet as pq
import pytest

from .conftest import Analyst

pytestmark = pytest.mark.browser


def downloaded(analyst: Analyst, name: str) -> Path:
    with analyst.page.expect_download() as waiting:
        analyst.page.get_by_role("button", name=name, exact=True).click()
    return Path(waiting.value.path())


def test_every_row_in_each_format(analyst: Analyst) -> None:
    turn = analyst.ask("list all orders")
    turn.get_by_role("button", name="Download", exact=True).click()
    table = list(csv.reader(io.StringIO(downloaded(analyst, "CSV").read_text("utf-8-sig"))))
    assert len(table) == 56_016 and table[0][0] == "order_id" and table[-1][0] == "56015"
    assert pq.read_table(downloaded(analyst, "Parquet")).num_rows == 56_015
    records = json.loads(downloaded(analyst, "JSON").read_text("utf-8"))
    assert len(records) == 56_015 and records[0]["order_id"] == 1
    sheet = openpyxl.load_workbook(io.BytesIO(downloaded(analyst, "Excel").read_bytes()), read_only=True).active
    assert sheet is not None and sheet.max_row == 56_016


def test_csv_for_readers_of_decimal_commas(analyst: Analyst) -> None:
    turn = analyst.ask("revenue by month in 2025")
    turn.get_by_role("button", name="Download", exact=True).click()
    analyst.page.get_by_role("combobox", name="CSV between values").click()
    analyst.page.get_by_role("option", name="Semicolon, decimals as 1,5").click()
    lines = downloaded(analyst, "CSV").read_text("utf-8-sig").splitlines()
    assert lines[0] == '"month";"revenue"' and lines[-1].split(";")[1] == "330229,48"
    sheet = openpyxl.load_workbook(io.BytesIO(downloaded(analyst, "Excel").read_bytes())).active
    assert sheet is not None
    assert [sheet["A2"].number_format, sheet["B2"].number_format] == ["yyyy-mm", "#,##0.00"]


def test_the_chart_as_a_picture(analyst: Analyst) -> None:
    turn = analyst.ask("revenue by month in 2025")
    turn.get_by_role("button", name="Download", exact=True).click()
    png = downloaded(analyst, "PNG").read_bytes()
    assert png.startswith(b"\x89PNG") and int.from_bytes(png[16:20]) > 800, "wide enough for a slide"
    svg = ElementTree.fromstring(downloaded(analyst, "SVG").read_text("utf-8"))
    drawn = {text.strip() for text in svg.itertext()}
    assert svg.tag.endswith("svg") and {"revenue", "month", "Dec 2025"} <= drawn
    assert "revenue by month in 2025" in drawn, "the question is its title"
    assert any(re.search(r" · \d{4}-\d\d-\d\d$", text) for text in drawn), "what it is from, and when"

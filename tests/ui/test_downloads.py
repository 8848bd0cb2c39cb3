"""Every row taken along in each format, and the chart as a picture; each read back."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from nl2sql import Assistant, connect
from ui.downloads import ExportRequest, name_file, write_file
from ui.table_view import TableView

from .conftest import Analyst

pytestmark = pytest.mark.alone


def downloaded(analyst: Analyst, name: str) -> Path:
    with analyst.page.expect_download() as waiting:
        analyst.page.get_by_role("button", name=name, exact=True).click()
    return Path(waiting.value.path())


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Revenue by month in 2025?", "revenue-by-month-in-2025_2026-11-27.csv"),
        ("Umsatz je Köln/Straße \U0001f600", "umsatz-je-köln-strasse_2026-11-27.csv"),
        ("../../etc/passwd\0\n<script>", "etc-passwd-script_2026-11-27.csv"),
        ("??? \U0001f600", "answer_2026-11-27.csv"),
        ("漢" * 100, "漢" * 60 + "_2026-11-27.csv"),
        ("word " * 40, "-".join(["word"] * 12) + "_2026-11-27.csv"),
    ],
)
def test_a_file_is_named_by_its_question_and_the_day(question: str, name: str) -> None:
    assert name_file(question, "csv", dt.date(2026, 11, 27)) == name
    assert len(name.encode()) < 255


def test_all_files_of_an_answer_have_the_same_rows(make_database: Callable[..., Path]) -> None:
    path = make_database("CREATE TABLE t AS SELECT range AS i FROM range(3000)")
    with connect(str(path)) as assistant:
        for sql in ("SELECT uuid() AS u, i FROM t LIMIT 40", "SELECT uuid() AS u, i FROM t"):
            sql = assistant.database.check_or_raise(sql).sql
            result = assistant.run(sql)
            rows = [_read(assistant, ExportRequest(sql, result), form) for form in ("csv", "parquet", "json")]
            assert rows[0] == rows[1] == rows[2]
            if not result.truncated:
                assert rows[0] == [str(row[0]) for row in result.rows], "they are those of the answer"
            look = TableView(order_column=1, is_descending=True)
            shown = _read(assistant, ExportRequest(sql, result, look), "csv")
            assert shown == _read(assistant, ExportRequest(sql, result, look), "parquet") and len(shown) == len(rows[0])


@pytest.mark.parametrize("complete", [True, False])
def test_a_file_as_shown_says_where_not_all_rows_were_looked_at(
    make_database: Callable[..., Path], complete: bool
) -> None:
    def page(*arguments: object) -> None:
        import streamlit as st

        from nl2sql import Answer, Status
        from ui.answer_state import get_answer_state
        from ui.downloads import _describe_export
        from ui.table_view import Extent, TableView

        get_answer_state("one")["extent"] = {TableView(): Extent(10, bool(arguments[1]))}
        answer = Answer("a" * 12, "which?", Status.ANSWERED, "", sql="SELECT 1 AS n")
        st.json(_describe_export(arguments[0], answer, TableView(order_column=0, page=3), "one"))  # type: ignore[arg-type]

    with connect(str(make_database("CREATE TABLE t AS SELECT 1 AS i"))) as assistant:
        shown = AppTest.from_function(page, args=(assistant, complete), default_timeout=20).run()
        assert not shown.exception
        assert ("The query has more" in shown.json[0].value) is not complete


def _read(assistant: Assistant, wanted: ExportRequest, form: str) -> list[str]:
    data = write_file(assistant, wanted, form)
    if form == "parquet":
        return [str(value) for value in pq.read_table(io.BytesIO(data)).column("u").to_pylist()]
    if form == "json":
        return [row["u"] for row in json.loads(data)]
    return [row[0] for row in csv.reader(io.StringIO(data.decode("utf-8-sig")))][1:]


@pytest.mark.browser
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


@pytest.mark.browser
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


@pytest.mark.browser
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

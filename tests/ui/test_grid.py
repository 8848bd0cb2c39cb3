"""The table in a browser: filters, figures, what a click on a cell offers, columns, and rows taken along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest

from .conftest import Analyst, expect, page_process, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = [pytest.mark.browser, pytest.mark.alone]

SCRIPT = (
    """
CREATE TABLE visits AS SELECT i AS visit_id, ['Köln', 'Lübeck', '=1+1', NULL, '<b>Ulm</b>'][1 + i % 5] AS town,
  (i * 1.25 - 50)::DECIMAL(10, 2) AS amount, DATE '2025-01-01' + (i % 90)::INTEGER AS day,
  CASE WHEN i = 7 THEN repeat('lang 😀 ', 300) ELSE 'short' END AS note FROM range(2500) t(i);
CREATE TABLE broad AS SELECT i AS broad_id, COLUMNS(*) FROM range(30) t(i), (SELECT """
    + ", ".join(f'{n} * 1.5 AS "Maß {n}"' for n in range(1, 60))
    + """);
"""
)
LINES = [
    Line("every visit", "SELECT * FROM visits ORDER BY visit_id", "All of them."),
    Line(
        "by town",
        "SELECT town, sum(amount) AS amount, count(*) AS visits FROM visits GROUP BY town ORDER BY 2 DESC",
        "So.",
    ),
    Line("the broad one", "SELECT * FROM broad ORDER BY 1", "Broad."),
]


@pytest.fixture(scope="module")
def address(
    browser: Browser, make_database: Callable[..., Path], model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    model.lines += LINES
    with page_process(tmp_path_factory.mktemp("table-home"), model, "--db", str(make_database(SCRIPT))) as address:
        yield address


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Analyst]:
    with browser.new_context(
        viewport={"width": 1440, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    ) as context:
        context.set_default_timeout(60_000)
        analyst = sit_down(context, address)
        yield analyst
        assert analyst.strangers == []


def filter_by(turn: Locator, text: str) -> None:
    box = turn.get_by_role("textbox", name="Rows that contain")
    box.fill(text)
    box.press("Enter")


def click_cell(turn: Locator, row: int, column: int, item: str) -> None:
    turn.locator("tbody tr").nth(row).locator("td").nth(column).click()
    turn.get_by_role("menuitem", name=item).click()


def clipboard(analyst: Analyst) -> str:
    return str(analyst.page.evaluate("navigator.clipboard.readText()"))


def test_filters_add_up_are_removed_and_say_what_finds_nothing(visitor: Analyst) -> None:
    turn = visitor.ask("every visit")
    expect(turn.get_by_text("Rows 1–100 of 2,500")).to_be_visible()
    filter_by(turn, "lübeck")
    expect(turn.get_by_text("Rows 1–100 of 500")).to_be_visible()
    filter_by(turn, "amount > 1,000")
    expect(turn.get_by_text("332 ")).to_be_visible()
    turn.get_by_role("button", name="Remove the filter: Any column contains ‘lübeck’").click()
    expect(turn.get_by_text("of 1,659")).to_be_visible()
    filter_by(turn, "zzzz")
    expect(turn.get_by_text("No row: amount > 1,000 and Any column contains ‘zzzz’")).to_be_visible()
    turn.get_by_role("button", name="Clear the filter").click()
    filter_by(turn, "town > 5")
    expect(turn.get_by_text("town holds texts")).to_be_visible()
    expect(turn.get_by_text("of 2,500")).to_be_visible()


def test_pages_turn_beside_each_other_with_targets_that_can_be_hit(visitor: Analyst) -> None:
    turn = visitor.ask("every visit")
    boxes = []
    for name in ("First", "Previous", "Next", "Last"):
        box = turn.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None and box["width"] >= 24 and box["height"] >= 24
        boxes.append(box)
    assert boxes[-1]["x"] + boxes[-1]["width"] - boxes[0]["x"] < 400
    turn.get_by_role("button", name="Next", exact=True).click()
    expect(turn.locator("tbody td").first).to_have_text("100")
    turn.get_by_label("Rows on a page").select_option("25")
    expect(turn.locator("tbody tr")).to_have_count(25)
    expect(turn.get_by_text("Rows 101–125 of 2,500")).to_be_visible()


def test_figures_are_computed_over_all_rows_and_marked(visitor: Analyst) -> None:
    turn = visitor.ask("by town")
    for label in ("Total of the rows", "Share of the total", "Change from the row above"):
        turn.get_by_role("button", name="Figures").click()
        turn.get_by_role("menuitemcheckbox", name=label).click()
    expect(turn.get_by_role("columnheader", name="visits, change")).to_be_visible()
    expect(turn.locator("tfoot td").first).to_have_text("Total of the 5 rows")
    assert turn.locator("tfoot td").all_inner_texts()[1:3] == ["3,779,687.50", "2,500"]
    assert "20.0%" in turn.locator("tbody tr").first.inner_text()
    head = turn.get_by_role("columnheader", name="amount, share").locator("span")
    assert "computed by the page" in (head.get_attribute("title") or "")


def test_cell_menu_filters_and_shows_rows_behind(visitor: Analyst) -> None:
    turn = visitor.ask("by town")
    row = next(at for at, cells in enumerate(visitor.cells(turn)) if cells[0] == "Lübeck")
    click_cell(turn, row, 0, "All but this")
    expect(turn.locator("tbody tr")).to_have_count(4)
    turn.get_by_role("button", name="Remove the filter").click()
    expect(turn.locator("tbody tr")).to_have_count(5)
    click_cell(turn, row, 1, "The rows behind it")
    expect(turn.get_by_text("Rows 1–100 of 500")).to_be_visible()
    expect(turn.get_by_label("SQL", exact=True)).to_have_value(re.compile("town = 'Lübeck'"))
    expect(turn.get_by_role("button", name="Back to the previous SQL")).to_have_count(0)
    editor = turn.get_by_label("SQL", exact=True)
    editor.fill("SELECT count(*) + 11 AS mine FROM visits")
    editor.press("Control+Enter")
    expect(turn.get_by_test_id("stMetric")).to_contain_text("2,511")
    click_cell(turn, row, 1, "The rows behind it")
    expect(turn.get_by_text("Rows 1–100 of 500")).to_be_visible()
    turn.get_by_role("button", name="Back to the previous SQL").click()
    expect(turn.get_by_test_id("stMetric")).to_contain_text("2,511")
    expect(turn.get_by_label("SQL", exact=True)).to_have_value("SELECT count(*) + 11 AS mine FROM visits")


def test_a_whole_cell_and_a_row_are_shown_as_text(visitor: Analyst) -> None:
    turn = visitor.ask("every visit")
    click_cell(turn, 7, 4, "Show all of it")
    expect(turn.locator("dialog pre")).to_have_text(("lang 😀 " * 300).strip())
    visitor.page.keyboard.press("Escape")
    click_cell(turn, 4, 1, "This row as a card")
    expect(turn.locator("dialog dd").nth(1)).to_have_text("<b>Ulm</b>")
    turn.get_by_role("button", name="Close").click()


def test_columns_are_frozen_hidden_and_made_wider(visitor: Analyst) -> None:
    turn = visitor.ask("the broad one")
    region = turn.locator(".scroll")
    first = turn.locator("tbody td").first
    before = first.bounding_box()
    region.evaluate("one => one.scrollLeft = 2000")
    assert first.bounding_box() == before, "the first column stays"
    region.evaluate("one => one.scrollLeft = 0")
    head = turn.get_by_role("columnheader", name="Maß 1", exact=True)
    width = head.evaluate("one => one.offsetWidth")
    head.get_by_role("button").press("Alt+ArrowRight")
    assert head.evaluate("one => one.offsetWidth") == width + 24
    turn.get_by_role("button", name="Columns").click()
    turn.get_by_role("menuitemcheckbox", name="Maß 1", exact=True).click()
    expect(head).to_be_hidden()
    turn.get_by_role("menuitemcheckbox", name="Maß 2", exact=True).click()
    expect(turn.get_by_role("button", name="Columns (59 of 61)")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    turn.get_by_role("button", name="Full screen").click()
    expect(turn.get_by_role("button", name="Leave full screen")).to_be_visible()
    box = region.bounding_box()
    assert box is not None and box["width"] > 1300


def test_rows_are_copied_as_lines_of_cells(visitor: Analyst) -> None:
    turn = visitor.ask("by town")
    turn.get_by_role("button", name="Copy", exact=True).click()
    turn.get_by_role("menuitem", name="For a spreadsheet").click()
    expect(turn.locator(".said")).to_have_text("Copied 5 rows")
    lines = [line.split("\t") for line in clipboard(visitor).split("\n")]
    assert lines[0] == ["town", "amount", "visits"] and len(lines) == 6
    assert "'=1+1" in [line[0] for line in lines], "no text becomes a formula"
    turn.get_by_role("button", name="Copy", exact=True).click()
    turn.get_by_role("menuitem", name="As Markdown").click()
    expect(turn.locator(".said")).to_have_text("Copied 5 rows")
    assert clipboard(visitor).startswith("| town | amount | visits |\n| --- | ---: | ---: |\n")
    turn.locator("table").evaluate(
        """table => {
            const range = document.createRange();
            range.setStart(table.tHead.rows[0].cells[0], 0);
            range.setEnd(table.tBodies[0].rows[1].cells[2], 1);
            const root = table.getRootNode();
            const selection = (root.getSelection ? root : document).getSelection();
            selection.removeAllRanges();
            selection.addRange(range);
        }"""
    )
    visitor.page.keyboard.press("Control+c")
    marked = [line.split("\t") for line in clipboard(visitor).split("\n")]
    assert marked == lines[:3], "what is marked by hand is copied a row a line, its heads too"


def test_a_cells_menu_is_reached_by_the_keyboard(visitor: Analyst) -> None:
    turn = visitor.ask("by town")
    turn.locator("tbody td").first.focus()
    for key in ("ArrowDown", "ArrowRight", "Enter", "ArrowDown"):
        visitor.page.keyboard.press(key)
    expect(turn.get_by_role("menuitem", name="Only this")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(turn.locator("tbody tr")).to_have_count(1)


def test_a_file_has_the_rows_as_shown_and_says_what_they_are(visitor: Analyst, tmp_path: Path) -> None:
    turn = visitor.ask("every visit")
    filter_by(turn, "town = Köln")
    expect(turn.get_by_text("of 500")).to_be_visible()
    turn.get_by_role("button", name="visit_id").click()
    turn.get_by_role("button", name="visit_id").click()
    expect(turn.locator("tbody td").first).to_have_text("2495")
    turn.get_by_role("button", name="Download", exact=True).click()
    with visitor.page.expect_download() as waiting:
        visitor.page.get_by_role("button", name="Excel", exact=True).click()
    assert waiting.value.suggested_filename.startswith("every-visit_20")
    waiting.value.save_as(tmp_path / "rows.xlsx")
    book = openpyxl.load_workbook(tmp_path / "rows.xlsx")
    assert book.sheetnames == ["every visit", "About"]
    assert book.worksheets[0]["A2"].value == 2495 and book.worksheets[0].max_row == 501
    assert book.worksheets[0].auto_filter.ref == "A1:E501"
    said = {str(row[0].value): str(row[1].value) for row in book["About"].rows}
    assert said["Question"] == "every visit" and said["Filters"] == "town = ‘Köln’" and "visits" in said["SQL"]
    visitor.page.get_by_text("Every row", exact=True).click()
    with visitor.page.expect_download() as waiting:
        visitor.page.get_by_role("button", name="CSV", exact=True).click()
    assert len(Path(waiting.value.path()).read_text("utf-8-sig").splitlines()) == 2501

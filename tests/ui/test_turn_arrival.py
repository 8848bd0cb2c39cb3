"""A turn of the conversation: where it stands in the window, what to do where it failed, the keys, and the editor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE_MS, Analyst, expect, page_process, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = pytest.mark.browser

WINDOWS = ((1440, 900), (1280, 720), (390, 844))
# A question for each kind of answer, and what of it is to be seen without scrolling.
KINDS = {
    "revenue by month": "stVegaLiteChart",
    "most expensive products": "stVegaLiteChart",
    "how many orders": "stMetric",
    "list all orders": "table",
    "orders of atlantis": None,
    "orders with a nope": None,
    "read a file": None,
    "revenue, whichever": None,
    "few figures at once": "stMetric",
    "orders by status": "stVegaLiteChart",
}


@pytest.fixture(scope="module", autouse=True)
def lines(model: ModelServer) -> None:
    """What the model says to the questions of these tests."""
    model.lines += [
        Line("atlantis", "SELECT * FROM customers WHERE city = 'Atlantis'"),
        Line("with a nope", "SELECT nope FROM orders"),
        Line("read a file", "SELECT * FROM read_csv('/etc/hostname')"),
        Line("whichever", "", "Which revenue do you mean?", options=("net of returns", "as ordered")),
        Line("net of returns", "SELECT sum(revenue) AS net FROM monthly_revenue", "This is the net revenue."),
        Line(
            "few figures",
            "SELECT count(*) AS orders, sum(shipping_fee) AS shipping, max(shipping_fee) AS dearest FROM orders",
        ),
        Line("by status", "SELECT status_code, count(*) AS orders FROM orders GROUP BY 1 ORDER BY 2 DESC"),
        Line("take your time", "SELECT count(*) AS orders FROM orders", "word " * 20, 0.1),
    ]


@pytest.fixture
def turns(analyst: Analyst) -> Locator:
    return analyst.page.locator("[class*='st-key-turn-']")


@pytest.fixture(params=WINDOWS, ids=lambda size: f"{size[0]}x{size[1]}")
def visitor(request: pytest.FixtureRequest, browser: Browser, larkmoor: str) -> Iterator[Analyst]:
    """Somebody at a window of that size, dark on the phone."""
    width, height = request.param
    with browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if width < 800 else "light"
    ) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield sit_down(context, larkmoor)


def test_the_answer_is_in_the_window_when_it_ends(visitor: Analyst) -> None:
    page = visitor.page
    turns = page.locator("[class*='st-key-turn-']")
    floor = page.get_by_placeholder("Ask a question")
    for number, (question, seen) in enumerate(KINDS.items()):
        visitor.send(question)
        turn = turns.last
        expect(turn.locator("h2")).to_have_text(question)
        turn.locator("[class*='st-key-said-'], [class*='st-key-reply-'], .stAlert").first.wait_for()
        expect(turn.get_by_role("button", name="Stop")).to_have_count(0)
        page.wait_for_timeout(500)
        head, below = turn.locator("h2").bounding_box(), floor.bounding_box()
        sentence = turn.locator("[class*='st-key-said-'], [class*='st-key-reply-'], .stAlert").first.bounding_box()
        assert head and sentence and below
        top = 56 if page.viewport_size and page.viewport_size["width"] < 800 else 0
        assert head["y"] >= top, f"{question}: the question is above the window"
        assert sentence["y"] > head["y"] and sentence["y"] + sentence["height"] < below["y"], question
        if seen is not None:
            shown = turn.get_by_test_id(seen) if seen.startswith("st") else turn.locator(seen)
            box = shown.first.bounding_box()
            assert box and box["y"] + min(box["height"], 80) < below["y"], f"{question}: {seen} is below the window"
        if number and number % 3 == 0:
            visitor.open()


def test_failed_question_can_be_retried_edited_and_repaired(analyst: Analyst, turns: Locator) -> None:
    analyst.send("read a file")
    turn = turns.first
    expect(turn.get_by_role("alert")).to_contain_text("A query may not read from read_csv()")
    turn.get_by_role("button", name="Edit the question").click()
    box = analyst.page.get_by_placeholder("Ask a question")
    expect(box).to_have_value("read a file")
    box.fill("")
    turn.get_by_role("button", name="Edit the SQL").click()
    editor = turn.get_by_label("SQL", exact=True)
    expect(editor).to_have_value(re.compile("read_csv"))
    editor.fill("SELECT count(*) AS n FROM orders")
    editor.press("Control+Enter")
    expect(turn.get_by_test_id("stMetric")).to_contain_text("56,015")
    turn.get_by_role("button", name="Ask again").click()
    expect(turns).to_have_count(2)
    expect(turns.last.get_by_role("alert")).to_contain_text("read_csv()")


def test_a_question_back_is_answered_by_a_click(analyst: Analyst, turns: Locator, model: ModelServer) -> None:
    analyst.send("revenue, whichever")
    turns.first.get_by_role("button", name="net of returns").click()
    expect(turns.last).to_contain_text("This is the net revenue.")
    asked = str(model.requests[-1]["messages"])
    assert "revenue, whichever (net of returns)" in asked, "the question is asked with what was meant by it"


def test_a_question_that_is_typed_meanwhile_waits(analyst: Analyst, turns: Locator) -> None:
    analyst.send("take your time")
    expect(turns.first.get_by_role("button", name="Stop")).to_be_visible()
    analyst.send("how many orders, after that")
    expect(turns).to_have_count(2)
    expect(turns.last).to_contain_text("Waiting for the answer above")
    expect(turns.first.locator("h2")).to_be_in_viewport()
    expect(turns.last.get_by_test_id("stMetric")).to_contain_text("56,015")
    expect(turns.first).to_contain_text("word word word")


def test_the_box_has_the_focus_and_remembers(analyst: Analyst) -> None:
    page = analyst.page
    box = page.get_by_placeholder("Ask a question")
    expect(box).to_be_focused()
    analyst.ask("how many orders")
    analyst.ask("most expensive products")
    page.get_by_role("tab", name="Data").focus()
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("most expensive products")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("how many orders")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_value("")


def test_editor_completes_names_and_its_result_is_adopted(analyst: Analyst, turns: Locator, model: ModelServer) -> None:
    turn = analyst.ask("most expensive products")
    turn.get_by_role("button", name="Edit SQL").click()
    editor = turn.get_by_label("SQL", exact=True)
    editor.fill("SELECT count(*) AS products_we_sell FROM prod")
    editor.press("Control+Space")
    expect(turn.get_by_role("option", name="products")).to_have_attribute("aria-selected", "true")
    editor.press("Tab")
    expect(editor).to_have_value("SELECT count(*) AS products_we_sell FROM products")
    editor.press("Control+Enter")
    turn.get_by_role("button", name="Continue from this").click()
    expect(turns).to_have_count(2)
    expect(turns.last).to_contain_text("This is your own SQL")
    analyst.ask("how many orders, compared")
    assert "products_we_sell" in str(model.requests[-1]["messages"])


def test_what_is_written_while_the_sql_runs_stays_in_the_editor(analyst: Analyst, turns: Locator) -> None:
    turn = analyst.ask("most expensive products")
    turn.get_by_role("button", name="Edit SQL").click()
    editor = turn.get_by_label("SQL", exact=True)
    editor.fill("SELECT count(*) AS products_we_sell FROM products")
    editor.press("Control+Enter")
    editor.press_sequentially(" -- all")
    turn.get_by_role("button", name="Continue from this").wait_for()
    expect(editor).to_have_value("SELECT count(*) AS products_we_sell FROM products -- all")


def test_the_answer_is_read_out_once(analyst: Analyst, turns: Locator) -> None:
    analyst.ask("how many orders")
    said = turns.last.locator("[class*='st-key-announcement-'] [role=status]")
    expect(said).to_have_text("1 row. There are 56,015 orders.")
    analyst.page.reload()
    turns.last.get_by_role("button", name="Edit SQL").wait_for()
    expect(said).to_have_text("")


def test_a_heavy_query_says_how_heavy_it_is_and_can_be_changed(analyst: Analyst, turns: Locator) -> None:
    analyst.send("a slow one")
    expect(turns.last).to_contain_text("1.4 million billion rows")
    expect(turns.last).to_contain_text("Each row beside every row of order_items")
    analyst.page.get_by_role("button", name="Edit it").click()
    expect(turns.last.get_by_label("SQL", exact=True)).to_have_value(re.compile("order_items AS c"))


def test_where_the_server_is_gone_the_page_says_what_to_do(
    browser: Browser, model: ModelServer, tmp_path: Path
) -> None:
    with browser.new_context() as context:
        with page_process(tmp_path, model) as address:
            page = sit_down(context, address).page
            expect(page.get_by_placeholder("Ask a question")).to_be_focused()
        expect(page.get_by_role("dialog")).to_contain_text("nl2sql ui was stopped or cannot be reached")


def test_a_chart_is_changed_in_words(analyst: Analyst, turns: Locator, model: ModelServer) -> None:
    turn = analyst.ask("revenue by month in 2025")
    asked = len(model.requests)
    analyst.send("as bars")
    expect(turn.get_by_role("radio", name="Bars")).to_be_checked()
    expect(turns).to_have_count(1)
    assert len(model.requests) == asked, "no model is asked how to draw what is there"
    turn = analyst.ask("revenue by month in 2024 as an area")
    expect(turn.get_by_role("radio", name="Area")).to_be_checked()
    assert "as an area" not in str(model.requests[-1]["messages"])
    expect(turn).to_contain_text("You wrote “revenue by month in 2024 as an area”")


def test_words_about_a_chart_are_asked_where_there_is_none(analyst: Analyst, turns: Locator) -> None:
    analyst.ask("how many orders are there")
    analyst.send("top 10")
    expect(turns).to_have_count(2)


def test_words_about_a_chart_change_the_one_that_is_shown(analyst: Analyst, turns: Locator) -> None:
    analyst.ask("revenue by month in 2025")
    turn = analyst.ask("revenue by month in 2024")
    analyst.page.get_by_role("button", name="Link").first.click()
    link = analyst.page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").inner_text()
    analyst.page.goto(link)
    expect(turns).to_have_count(1)
    expect(turns.get_by_role("radio", name="Line")).to_be_checked()
    analyst.send("as bars")
    expect(turns.get_by_role("radio", name="Bars")).to_be_checked()
    analyst.page.get_by_role("button", name="Open the conversation").click()
    expect(turn.get_by_role("radio", name="Line")).to_be_checked()


def test_stop_keeps_rows_and_starts_the_waiting_question(analyst: Analyst, turns: Locator) -> None:
    analyst.send("talk to me")
    expect(turns.first.locator("tbody tr").first).to_be_visible()
    analyst.send("how many orders, next")
    expect(turns.last).to_contain_text("Waiting for the answer above")
    analyst.page.keyboard.press("Escape")
    expect(turns.first).to_contain_text("Stopped.")
    expect(turns.first).to_contain_text("These are its rows")
    expect(turns.last.get_by_test_id("stMetric")).to_contain_text("56,015")


def test_a_wish_for_a_pie_says_what_fits_and_asks_nobody(analyst: Analyst, turns: Locator, model: ModelServer) -> None:
    turn = analyst.ask("orders by status")
    asked = len(model.requests)
    analyst.send("as a pie chart")
    expect(turn).to_contain_text("these rows make no pie")
    expect(turns).to_have_count(1)
    assert len(model.requests) == asked


def test_the_page_stays_where_it_was_when_something_is_pinned(analyst: Analyst, turns: Locator) -> None:
    analyst.ask("revenue by month in 2025")
    turn = analyst.ask("most expensive products")
    turn.get_by_role("button", name="Pin", exact=True).click()
    expect(turn.get_by_role("button", name="Pin", exact=True)).to_have_count(0)
    analyst.page.wait_for_timeout(1000)
    expect(turn.locator("h2")).to_be_in_viewport()
    turn.get_by_role("button", name="Unpin").click()
    expect(turn.get_by_role("button", name="Pin", exact=True)).to_be_visible()

"""The page in a real browser: asking, following up, the table, the SQL, stopping, coming back."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Analyst, expect
from .model_server import ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = pytest.mark.browser


def test_a_question_gives_table_chart_sentence_and_sql(analyst: Analyst) -> None:
    turn = analyst.ask("revenue by month in 2025")
    expect(turn).to_contain_text("Revenue in 2025 was highest in December.")
    expect(turn.locator("tbody tr")).to_have_count(12)
    rows = analyst.cells(turn)
    assert rows[-1] == ["2025-12", "330,229.48"]
    last = turn.locator("tbody tr").last.locator("td")
    assert [cell.get_attribute("title") for cell in last.all()] == ["2025-12-01", "330229.48"], "the values themselves"
    expect(turn.locator("[data-testid='stVegaLiteChart'] canvas, [data-testid='stVegaLiteChart'] svg")).to_be_visible()
    assert "FROM monthly_revenue" in analyst.read_sql(turn)
    expect(turn.get_by_text("Check this")).to_be_visible()


def test_one_number_is_shown_large_with_its_cost_and_time(analyst: Analyst) -> None:
    turn = analyst.ask("how many orders")
    expect(turn.get_by_test_id("stMetric")).to_contain_text("56,015")
    analyst.read_sql(turn)
    expect(turn.get_by_text(re.compile(r"\d s \(model \d.*database \d.*240 tokens in 2 calls"))).to_be_visible()


def test_the_chart_is_changed_by_hand(analyst: Analyst) -> None:
    turn = analyst.ask("revenue by month in 2025")
    chart = turn.get_by_test_id("stVegaLiteChart")
    line = chart.screenshot()
    turn.get_by_role("radio", name="Bars").click()
    expect(turn.get_by_role("radio", name="Bars")).to_be_checked()
    bars = wait_for_another(chart, line)
    turn.get_by_role("button", name="Change", exact=True).click()
    analyst.page.get_by_label("Title", exact=True).fill("Of 2025")
    analyst.page.get_by_label("Title", exact=True).press("Enter")
    titled = wait_for_another(chart, bars)
    analyst.page.get_by_role("button", name="Automatic", exact=True).click()
    wait_for_another(chart, titled)
    expect(turn.get_by_role("radio", name="Line")).to_be_checked()
    analyst.page.keyboard.press("Escape")
    chart.hover()
    expect(analyst.page.get_by_role("button", name="Fullscreen")).to_be_visible()
    for name in ("Show data", "Download as PNG"):
        expect(analyst.page.get_by_role("button", name=name)).to_have_count(0)
    turn.get_by_role("radio", name="No chart").click()
    expect(chart).to_have_count(0)


def wait_for_another(chart: Locator, picture: bytes) -> bytes:
    """The picture of the chart once it is another one."""
    deadline = time.monotonic() + 15
    while (seen := chart.screenshot()) == picture:
        assert time.monotonic() < deadline, "the chart stayed as it was"
        time.sleep(0.1)
    return seen


def test_a_follow_up_builds_on_the_last_sql(analyst: Analyst, model: ModelServer) -> None:
    analyst.ask("revenue by month in 2025")
    turn = analyst.ask("only for Germany")
    assert "country_code = 'DE'" in analyst.read_sql(turn)
    said = str([request["messages"] for request in model.requests][-2])
    assert "revenue by month in 2025" in said and "FROM monthly_revenue" in said


def test_what_is_offered_is_asked_by_a_click(analyst: Analyst, model: ModelServer) -> None:
    offered = analyst.page.get_by_role("button", name=re.compile("How many orders were there"))
    question = offered.inner_text().split("\n")[-1]
    offered.click()
    turn = analyst.page.locator("[class*='st-key-turn-']")
    turn.get_by_role("button", name="Download", exact=True).wait_for()
    assert question in str(model.requests[-1]["messages"])
    expect(turn).to_contain_text(question)
    assert analyst.page.locator(".st-key-next button").count() >= 1


def test_follow_up_suggestion_is_asked_by_a_click_and_scrolled_to(analyst: Analyst, model: ModelServer) -> None:
    analyst.ask("revenue by month in 2025")
    further = analyst.page.locator("[class*='st-key-next'] button").first
    question = further.inner_text().split("\n")[-1]
    further.click()
    expect(analyst.page.locator("[class*='st-key-turn-']").last.get_by_text(question, exact=True)).to_be_visible()
    analyst.page.get_by_role("button", name="Download", exact=True).nth(1).wait_for()
    assert question in str(model.requests[-1]["messages"])
    analyst.send("talk about the cities")
    expect(analyst.page.get_by_role("button", name="Stop")).to_be_in_viewport()
    analyst.page.keyboard.press("Escape")
    expect(analyst.page.get_by_text("Stopped.")).to_be_in_viewport()


def test_old_turns_are_collapsed_and_reopened(analyst: Analyst) -> None:
    turns = analyst.page.locator("[class*='st-key-turn-']")
    for number in range(8):
        analyst.send(f"how many orders, time {number}")
        expect(turns.last).to_contain_text(f"time {number}")
        turns.last.get_by_role("button", name="Download", exact=True).wait_for()
    expect(turns).to_have_count(4)
    expect(analyst.page.get_by_role("button", name="Open it")).to_have_count(2)
    turns.first.get_by_role("button", name="Open it").click()
    expect(turns.first.get_by_role("button", name="Edit SQL")).to_be_visible()
    analyst.page.get_by_role("button", name="Show 4 earlier").click()
    expect(turns).to_have_count(8)
    expect(turns.first).to_contain_text("time 0")


def test_rows_show_before_the_sentence_and_stop_ends_the_call(analyst: Analyst, model: ModelServer) -> None:
    gone = model.gone
    analyst.send("talk to me")
    stop = analyst.page.get_by_role("button", name="Stop")
    expect(analyst.page.get_by_text("word word")).to_be_visible()
    expect(analyst.page.locator("tbody tr").nth(10)).to_be_visible()
    assert stop.is_visible()
    stop.click()
    expect(analyst.page.get_by_text("Stopped.")).to_be_visible()
    deadline = time.monotonic() + 10
    while model.gone == gone and time.monotonic() < deadline:
        time.sleep(0.05)
    assert model.gone == gone + 1, "the endpoint was left before the end"


def test_edited_sql_runs_in_a_branch_under_the_same_guard(analyst: Analyst, model: ModelServer) -> None:
    turn = analyst.ask("most expensive products")
    turn.get_by_role("button", name="Edit SQL").click()
    editor = turn.get_by_label("SQL", exact=True)
    editor.fill("SELECT product_name, list_price FROM products ORDER BY list_price LIMIT 3")
    editor.press("Control+Enter")
    expect(turn.locator("table").nth(1).locator("tbody tr")).to_have_count(3)
    editor.fill("DELETE FROM products")
    turn.get_by_role("button", name="Run", exact=True).click()
    expect(turn.get_by_text("Only SELECT may run, and this is DELETE")).to_be_visible()
    expect(turn.get_by_role("alert").last).to_be_visible()
    analyst.ask("how many orders")
    assert "DELETE" not in str(model.requests[-1]) and "LIMIT 3" not in str(model.requests[-1])


def test_stop_ends_the_query(analyst: Analyst) -> None:
    analyst.send("a slow one")
    analyst.page.get_by_role("button", name="Run it", exact=True).click()
    analyst.page.get_by_text("Running the query").first.wait_for()
    analyst.page.keyboard.press("Escape")
    expect(analyst.page.get_by_text("Stopped.")).to_be_visible(timeout=5_000)
    turn = analyst.ask("how many orders")
    expect(turn).to_contain_text("56,015")


def test_a_reload_finds_the_answer_that_is_under_way(analyst: Analyst, model: ModelServer) -> None:
    before = len(model.requests)
    analyst.send("only for germany, revenue by month")
    analyst.page.get_by_role("button", name="Stop").wait_for()
    analyst.page.wait_for_url(re.compile("session="))
    analyst.page.reload()
    analyst.page.get_by_role("button", name="Download", exact=True).wait_for()
    expect(analyst.page.get_by_text("Germany follows the same season.", exact=True)).to_be_visible()
    assert len(model.requests) - before == 2, "the question was not asked again"


def test_an_answer_has_a_link_of_its_own(analyst: Analyst) -> None:
    turn = analyst.ask("how many orders")
    turn.get_by_role("button", name="Link").click()
    link = analyst.page.get_by_text("?answer=").inner_text()
    analyst.page.goto(link)
    expect(analyst.page.get_by_text("There are 56,015 orders.", exact=True)).to_be_visible()
    analyst.page.goto(link[:-4] + "0000")
    expect(analyst.page.get_by_text("no longer here")).to_be_visible()


def test_long_results_are_paged_sorted_and_filtered_by_the_engine(analyst: Analyst) -> None:
    turn = analyst.ask("list all orders")
    first = turn.locator("tbody tr").first.locator("td")
    expect(turn.get_by_text("of 56,015")).to_be_visible()
    expect(turn.locator("tbody tr")).to_have_count(100)
    turn.get_by_role("button", name="Last").click()
    expect(turn.get_by_text("56,001–56,015")).to_be_visible()
    turn.get_by_role("button", name="order_id").click()
    expect(turn.get_by_role("columnheader", name="order_id")).to_have_attribute("aria-sort", "ascending")
    expect(first.first).to_have_text("1")
    turn.get_by_role("button", name="order_id").click()
    expect(first.first).to_have_text("56015")
    turn.get_by_label("Rows that contain").fill("order_id 5601..5612")
    turn.get_by_label("Rows that contain").press("Enter")
    expect(turn.get_by_text("12 rows")).to_be_visible()
    expect(turn.locator("tbody tr")).to_have_count(12)


def test_sql_is_reviewed_before_it_runs(analyst: Analyst) -> None:
    analyst.page.get_by_role("tab", name="Settings").click()
    analyst.page.get_by_text("Review SQL before it runs").click()
    analyst.send("how many orders")
    analyst.page.get_by_role("button", name="Don't run it").click()
    expect(analyst.page.get_by_text("Not run")).to_be_visible()
    analyst.send("how many orders, again")
    analyst.page.get_by_role("button", name="Run it", exact=True).click()
    expect(analyst.page.locator("[class*='st-key-said-']").last).to_have_text("There are 56,015 orders.")
    analyst.page.get_by_text("Review SQL before it runs").click()
    expect(analyst.page.get_by_text("SQL is reviewed before it runs")).to_have_count(0)


def test_review_ends_on_click_and_the_history_is_updated(analyst: Analyst) -> None:
    analyst.page.get_by_role("tab", name="Settings").click()
    analyst.page.get_by_text("Review SQL before it runs").click()
    # The switch draws the panel again, and a tab chosen meanwhile would not stay.
    expect(analyst.page.get_by_text("SQL is reviewed before it runs")).to_be_visible()
    analyst.page.get_by_role("tab", name="History").click()
    analyst.page.get_by_label("Search the history").wait_for()
    analyst.send("talk of reviews")
    run = analyst.page.get_by_role("button", name="Run it", exact=True)
    run.click()
    expect(run).to_have_count(0)
    analyst.page.get_by_role("button", name="Stop").click()
    expect(analyst.page.get_by_text("Stopped.")).to_be_visible()
    analyst.send("how many orders, seen at the side")
    run.click()
    search = analyst.page.get_by_label("Search the history")
    search.fill("seen at the side")
    search.press("Enter")
    expect(analyst.page.locator("[class*='st-key-found-']")).to_contain_text("how many orders, seen at the side")
    analyst.page.get_by_role("tab", name="Settings").click()
    analyst.page.get_by_text("Review SQL before it runs").click()
    expect(analyst.page.get_by_text("SQL is reviewed before it runs")).to_have_count(0)


def test_the_link_of_an_answer_that_is_under_way_shows_its_end(analyst: Analyst, larkmoor: str) -> None:
    analyst.send("revenue by month, for its link")
    turn = analyst.page.locator("[class*='st-key-turn-']")
    name = re.search(r"st-key-turn-(\w+)", turn.get_attribute("class") or "")
    assert name is not None
    analyst.page.goto(f"{larkmoor}/?answer={name[1]}")
    expect(turn.get_by_role("button", name="Download", exact=True)).to_be_visible()
    expect(turn.get_by_text("highest in December").first).to_be_visible()


def test_a_heavy_query_asks_before_it_runs(analyst: Analyst) -> None:
    analyst.send("a slow one")
    analyst.page.get_by_role("button", name="Don't run it").click()
    expect(analyst.page.get_by_text("Not run")).to_be_visible()


def test_the_history_is_searched_and_rated(analyst: Analyst, larkmoor: str) -> None:
    question = "how many orders, for the history?"
    turn = analyst.ask(question)
    turn.get_by_role("radio", name="Thumbs up").click()
    analyst.open()
    analyst.page.get_by_role("tab", name="History").click()
    search = analyst.page.get_by_label("Search the history")
    search.fill("FOR THE HISTORY")
    search.press("Enter")
    entries = analyst.page.locator("[class*='st-key-found-'] button")
    expect(entries).to_have_count(1)
    entries.click()
    expect(analyst.page.get_by_text("There are 56,015 orders.", exact=True)).to_be_visible()
    analyst.page.get_by_role("button", name="Open the conversation").click()
    expect(analyst.page).to_have_url(re.compile("session="))
    expect(analyst.page.get_by_placeholder("Ask a question")).to_be_visible()


def test_the_data_panel_finds_tables_and_pins_them(analyst: Analyst, model: ModelServer) -> None:
    search = analyst.page.get_by_label("Search the data")
    search.fill("shipment")
    search.press("Enter")
    expect(analyst.page.get_by_text("categories · 9")).to_have_count(0)
    analyst.page.get_by_text("shipments · ").click()
    expect(analyst.page.get_by_role("region", name="Columns of shipments")).to_contain_text("order_id")
    analyst.ask("how many orders are there in @stores")
    said = str(model.requests[-2]["messages"][0])
    assert "stores" in said and "shipments" not in said


def test_the_conversation_is_found_by_the_keyboard_alone(analyst: Analyst) -> None:
    analyst.page.keyboard.type("how many orders")
    box = analyst.page.get_by_placeholder("Ask a question")
    if box.input_value() == "":
        box.focus()
        analyst.page.keyboard.type("how many orders")
    analyst.page.keyboard.press("Enter")
    analyst.page.get_by_role("button", name="Download", exact=True).wait_for()
    names = set()
    for _ in range(40):
        analyst.page.keyboard.press("Tab")
        names.add(analyst.page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''"))
    assert {"Edit SQL", "New conversation"} <= {str(name).split("\n")[-1].strip() for name in names}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_without_scrolling_sideways(analyst: Analyst, scheme: Any) -> None:
    analyst.page.emulate_media(color_scheme=scheme)
    analyst.page.set_viewport_size({"width": 390, "height": 844})
    analyst.open()
    analyst.ask("most expensive products")
    wide = analyst.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    background = analyst.page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    dark = sum(int(part) for part in re.findall(r"\d+", background)[:3]) < 200
    assert dark == (scheme == "dark")

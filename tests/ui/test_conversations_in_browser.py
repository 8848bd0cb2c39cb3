"""A place to work, in a real browser: conversations, back and forward, switches that stay, a board, two windows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from .conftest import Analyst, expect, page_process, sit_down
from .model_server import Line, ModelServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def own_page(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with a store of its own, so that switches and pins are these tests' alone."""
    with page_process(tmp_path_factory.mktemp("workplace"), model) as address:
        yield address


@pytest.fixture
def worker(context: Any, own_page: str) -> Iterator[Analyst]:
    worker = sit_down(context, own_page)
    yield worker
    assert worker.strangers == []


def history(worker: Analyst) -> Any:
    """The open list of conversations."""
    worker.page.get_by_role("tab", name="History").click()
    worker.page.get_by_label("Search the history").wait_for()
    return worker.page.locator("[class*='st-key-conversation-']")


def choose(worker: Analyst, title: str, action: str) -> None:
    worker.page.get_by_role("button", name=f"More: {title}").click()
    worker.page.get_by_role("menuitem", name=action, exact=True).click()


def test_a_conversation_is_named_pinned_and_deleted_where_it_stands(worker: Analyst) -> None:
    worker.ask("how many orders, first of Ada")
    worker.ask("how many orders, second of Ada")
    address = worker.page.url
    worker.open()
    worker.ask("how many orders, of Bob")
    rows = history(worker)
    expect(rows.first).to_contain_text("of Bob")
    assert all(row.bounding_box()["height"] <= 32 for row in rows.all())
    expect(worker.page.get_by_text("Today", exact=True)).to_be_visible()
    choose(worker, "how many orders, first of Ada", "Rename")
    worker.page.get_by_role("textbox", name="Name").fill("Ada's <b>figures</b>")
    worker.page.get_by_role("button", name="Save", exact=True).click()
    choose(worker, "Ada's <b>figures</b>", "Pin")
    expect(rows.first).to_contain_text("Ada's <b>figures</b>")
    expect(worker.page.get_by_text(re.compile("Pinned$"))).to_be_visible()
    rows.first.get_by_role("button").first.click()
    expect(worker.page).to_have_url(address)
    expect(worker.page).to_have_title("Ada's <b>figures</b> · nl2sql")
    choose(worker, "Ada's <b>figures</b>", "Delete")
    expect(worker.page.get_by_role("dialog")).to_contain_text("This deletes 2 questions for good")
    worker.page.get_by_role("button", name="Keep it").click()
    expect(worker.page.get_by_role("dialog")).to_have_count(0)
    choose(worker, "Ada's <b>figures</b>", "Delete")
    worker.page.get_by_role("button", name="Delete", exact=True).click()
    expect(worker.page.get_by_text("Deleted: 2 questions.")).to_be_visible()
    expect(rows.filter(has_text="Ada")).to_have_count(0)
    worker.page.goto(address)
    expect(worker.page.get_by_text("no longer here")).to_be_visible()


def test_back_is_one_press_and_a_single_answer_takes_follow_ups(worker: Analyst) -> None:
    worker.ask("revenue by month, to come back to")
    conversation = worker.page.url
    history(worker)
    search = worker.page.get_by_label("Search the history")
    search.fill("COME back")
    search.press("Enter")
    worker.page.locator("[class*='st-key-found-'] button").first.click()
    expect(worker.page).to_have_url(re.compile("answer="))
    answer = worker.page.url
    expect(worker.page).to_have_title("revenue by month, to come back to · nl2sql")
    worker.page.go_back()
    expect(worker.page).to_have_url(conversation)
    turns = worker.page.locator("[class*='st-key-turn-']")
    expect(turns).to_have_count(1)
    worker.page.go_forward()
    expect(worker.page).to_have_url(answer)
    worker.page.get_by_role("button", name="Open the conversation").wait_for()
    worker.send("only for Germany, as a follow-up")
    expect(worker.page).to_have_url(conversation)
    expect(turns).to_have_count(2)
    expect(turns.last).to_contain_text("Germany follows the same season.")
    worker.page.go_back()
    expect(worker.page).to_have_url(answer)


def test_review_switch_survives_reload_link_and_new_conversation(worker: Analyst, own_page: str) -> None:
    turn = worker.ask("how many orders, before the review")
    turn.get_by_role("button", name="Link").click()
    link = worker.page.get_by_text("?answer=").inner_text()
    worker.page.get_by_role("tab", name="Settings").click()
    worker.page.get_by_text("Review SQL before it runs").click()
    note = worker.page.get_by_text("SQL is reviewed before it runs")
    expect(note).to_be_visible()
    for address in (own_page, link, f"{own_page}/?review=false"):
        worker.page.goto(address)
        expect(note).to_be_visible()
        worker.send("how many orders, under review")
        worker.page.get_by_role("button", name="Don't run it").click()
        expect(worker.page.get_by_text("Not run")).to_be_visible()
    worker.page.get_by_role("button", name="New conversation").click()
    expect(note).to_be_visible()
    worker.page.get_by_role("tab", name="Settings").click()
    worker.page.get_by_text("Review SQL before it runs").click()
    expect(note).to_have_count(0)
    worker.page.reload()
    worker.ask("how many orders, without the review")


def test_thumbs_stand_as_they_were_set_after_a_reload(worker: Analyst) -> None:
    turn = worker.ask("how many orders, to be judged")
    turn.get_by_role("radio", name="Thumbs down").click()
    line = turn.get_by_label("What is wrong?")
    line.fill("it lacks those of today")
    line.press("Enter")
    expect(worker.page.get_by_text("Thank you")).to_be_visible()
    worker.page.reload()
    expect(turn.get_by_role("radio", name="Thumbs down")).to_be_checked()
    expect(turn.get_by_label("What is wrong?")).to_have_value("it lacks those of today")
    row = history(worker).filter(has_text="to be judged")
    expect(row).to_contain_text("thumb_down")


def test_a_pinned_answer_stays_open_and_stands_on_the_board(worker: Analyst) -> None:
    worker.page.set_viewport_size({"width": 1440, "height": 900})
    for question in ("how many orders, pinned", "most expensive products, pinned"):
        turn = worker.ask(question)
        turn.get_by_role("button", name="Pin", exact=True).click()
        expect(turn.get_by_role("button", name="Unpin")).to_be_visible()
    turns = worker.page.locator("[class*='st-key-turn-']")
    for number in range(6):
        worker.send(f"how many orders, later {number}")
        expect(turns.last).to_contain_text(f"later {number}")
        turns.last.get_by_role("button", name="Download", exact=True).wait_for()
    expect(turns.first).to_contain_text("how many orders, pinned")
    expect(turns.first.get_by_test_id("stMetric")).to_contain_text("56,015")
    worker.page.get_by_role("button", name="Board (2)").click()
    expect(worker.page).to_have_title("Board · nl2sql")
    tiles: Any = worker.page.locator("[class*='st-key-tile-']")
    expect(tiles).to_have_count(2)
    expect(tiles.first).to_contain_text("nothing changed since")
    expect(tiles.nth(1).get_by_test_id("stVegaLiteChart")).to_be_visible()
    places = "tiles => tiles.map(tile => tile.getBoundingClientRect()).map(box => [box.y, box.x])"
    (first, left), (second, right) = tiles.evaluate_all(places)
    assert first == second and left < right, "side by side"
    choose(worker, "how many orders, pinned", "Unpin")
    expect(tiles).to_have_count(1)
    worker.page.get_by_role("button", name="Run all again").click()
    expect(tiles.first).to_contain_text("nothing changed since")
    worker.page.go_back()
    expect(turns.last).to_contain_text("later 5")


def test_an_answer_is_taken_along_as_a_page_that_stands_alone(worker: Analyst, browser: Any, tmp_path: Any) -> None:
    turn = worker.ask("revenue by month in 2025, to take along")
    turn.get_by_role("button", name="Download", exact=True).click()
    with worker.page.expect_download() as waiting:
        worker.page.get_by_role("button", name="HTML page").click()
    file = tmp_path / "answer.html"
    waiting.value.save_as(file)
    text = file.read_text("utf-8")
    assert "http" not in text.replace("http-equiv", "") and "<script" not in text
    asked = []
    alone = browser.new_page()
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    expect(alone.get_by_role("heading", name="revenue by month in 2025, to take along")).to_be_visible()
    expect(alone.locator("svg path").first).to_be_attached()
    expect(alone.locator("tbody tr")).to_have_count(12)
    expect(alone.get_by_text("FROM monthly_revenue")).to_be_visible()
    assert asked == [file.as_uri()]
    alone.close()


def test_a_question_of_one_window_shows_in_the_other(worker: Analyst, context: Any) -> None:
    worker.ask("how many orders, seen twice")
    other = context.new_page()
    other.goto(worker.page.url)
    other.get_by_text("There are 56,015 orders.", exact=True).wait_for()
    worker.send("most expensive products, seen twice")
    expect(other.get_by_text("The dearest product is an espresso machine.")).to_be_visible()


def test_a_link_of_before_a_restart_brings_rows_and_says_what_changed(
    model: ModelServer, browser: Any, make_database: Any, tmp_path: Any
) -> None:
    database = make_database("CREATE TABLE wells AS SELECT range AS id, range * 1.5 AS depth FROM range(4)", "wells")
    model.lines.append(Line("how deep", "SELECT id, depth FROM wells ORDER BY id", "The deepest well has 4.5 m."))
    links: list[str] = []
    for change in ("", "INSERT INTO wells VALUES (9, 99)"):
        if change:
            with duckdb.connect(str(database)) as connection:
                connection.execute(change)
        with page_process(tmp_path, model, "--db", str(database)) as address, browser.new_context() as context:
            person = sit_down(context, address)
            if not links:
                person.ask("how deep are the wells?")
                links.append(person.page.url.partition("?")[2])
            turn = person.page.locator("[class*='st-key-turn-']")
            person.page.goto(f"{address}/?{links[0]}")
            expect(turn.locator("tbody tr")).to_have_count(5 if change else 4)
            expect(turn.get_by_label("SQL", exact=True)).to_have_count(0)
            changed = turn.get_by_text("there were 4 rows and are 5 rows")
            expect(changed).to_have_count(1 if change else 0)
            expect(turn.get_by_text("The sentence is from today")).to_have_count(1 if change else 0)

"""Files added to a conversation: joined with the rest, kept from everybody else, and refused in words where broken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE_MS, Analyst, expect, page_process, sit_down
from .model_server import Line, ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload

pytestmark = pytest.mark.browser

GOALS = b"country_code,goal\nDE,20000\nFR,10000\n"


def add(analyst: Analyst, name: str, content: bytes) -> None:
    payload: FilePayload = {"name": name, "mimeType": "text/plain", "buffer": content}
    uploader = analyst.page.locator("[data-testid=stFileUploaderDropzoneInput]")
    # After an upload the page draws a fresh uploader, and for a moment the old one stands beside it.
    expect(uploader).to_have_count(1)
    uploader.set_input_files(payload)


def test_a_csv_is_joined_and_seen_by_nobody_else(
    analyst: Analyst, model: ModelServer, browser: Browser, larkmoor: str
) -> None:
    model.lines.append(
        Line(
            "goals",
            "SELECT g.country_code, g.goal, count(*) AS orders FROM orders o JOIN uploads.goals g "
            "ON g.country_code = o.country_code GROUP BY ALL ORDER BY 1",
            "Both countries are there.",
        )
    )
    add(analyst, "goals.csv", GOALS)
    expect(analyst.page.get_by_text("uploads.goals · 2")).to_be_visible()
    turn = analyst.ask("orders against the goals")
    expect(turn.locator("tbody tr")).to_have_count(2)
    assert [row[:2] for row in analyst.cells(turn)] == [["DE", "20,000"], ["FR", "10,000"]]
    asked = str(model.requests[-2]["messages"][0])
    assert "uploads" in asked and "goal" in asked
    analyst.page.reload()
    expect(analyst.page.get_by_text("uploads.goals · 2")).to_be_visible()

    with browser.new_context() as elsewhere:
        elsewhere.set_default_timeout(PATIENCE_MS)
        other = sit_down(elsewhere, larkmoor)
        expect(other.page.get_by_text(re.compile("shipments"))).to_be_visible()
        assert other.page.get_by_text("uploads.goals").count() == 0
        other.send("the goals, please")
        expect(other.page.get_by_text("the data has no goals")).to_be_visible()

    analyst.page.get_by_role("button", name="goals.csv").click()
    expect(analyst.page.get_by_text("uploads.goals · 2")).to_have_count(0)


def test_a_file_that_comes_during_an_answer_waits_for_its_end(analyst: Analyst) -> None:
    analyst.send("talk about the cities")
    analyst.page.get_by_role("button", name="Stop").wait_for()
    add(analyst, "goals.csv", GOALS)
    expect(analyst.page.get_by_text("when the answer is finished")).to_be_visible()
    analyst.page.get_by_role("button", name="Stop").click()
    expect(analyst.page.get_by_text("Stopped.")).to_be_visible()
    expect(analyst.page.get_by_text("uploads.goals · 2")).to_be_visible()
    add(analyst, "more.csv", GOALS)
    remove = analyst.page.locator("[class*='st-key-drop-'] button")
    expect(remove).to_have_count(2)
    analyst.send("talk about the cities")
    expect(remove.first).to_be_disabled()
    expect(remove.last).to_be_disabled()
    add(analyst, "secret.csv", GOALS)
    analyst.page.keyboard.press("Escape")
    expect(analyst.page.get_by_text("uploads.secret · 2")).to_be_visible()
    expect(remove.first).to_be_enabled()


def test_a_file_that_waits_stays_with_its_conversation(analyst: Analyst) -> None:
    analyst.send("talk about the cities")
    analyst.page.get_by_role("button", name="Stop").wait_for()
    add(analyst, "goals.csv", GOALS)
    expect(analyst.page.get_by_text("when the answer is finished")).to_be_visible()
    analyst.page.get_by_role("button", name="New conversation").click()
    expect(analyst.page.get_by_role("heading", name="Larkmoor Coffee")).to_be_visible()
    expect(analyst.page.get_by_text("when the answer is finished")).to_have_count(0)
    analyst.ask("how many orders")
    assert analyst.page.get_by_text("uploads.goals").count() == 0


def test_a_file_that_comes_while_the_own_sql_runs_waits_for_its_end(analyst: Analyst) -> None:
    turn = analyst.ask("how many orders")
    turn.get_by_role("button", name="Edit SQL").click()
    sql = "SELECT count(*) FROM order_items a, order_items b, order_items c"
    turn.get_by_label("SQL", exact=True).fill(sql)
    turn.get_by_label("SQL", exact=True).blur()
    turn.get_by_role("button", name="Run", exact=True).click()
    turn.get_by_role("button", name="Stop").wait_for()
    add(analyst, "goals.csv", GOALS)
    expect(analyst.page.get_by_text("when the answer is finished")).to_be_visible()
    turn.get_by_role("button", name="Stop").click()
    expect(analyst.page.get_by_text("uploads.goals · 2")).to_be_visible()


def test_a_broken_file_says_what_is_wrong_and_is_not_kept(analyst: Analyst) -> None:
    add(analyst, "broken.jsonl", b'{"a": 1}\n{"a": 2}\n{bad\n')
    alert = analyst.page.get_by_role("alert").first
    expect(alert).to_contain_text("broken.jsonl, line")
    add(analyst, "broken.parquet", b"not parquet at all")
    expect(alert).to_contain_text("broken.parquet")
    add(analyst, "goals.csv", GOALS)
    expect(analyst.page.get_by_text("uploads.goals · 2")).to_be_visible()
    expect(alert).to_have_count(0)


def test_a_broken_file_takes_the_place_of_no_other(analyst: Analyst) -> None:
    add(analyst, "goals.jsonl", b'{"a": 1}\n{"a": 2}\n{"a": 3}\n')
    expect(analyst.page.get_by_text("uploads.goals · 3")).to_be_visible()
    add(analyst, "goals.jsonl", b'{"a": 1}\n{bad\n')
    expect(analyst.page.get_by_role("alert").first).to_contain_text("goals.jsonl, line")
    expect(analyst.page.get_by_text("uploads.goals · 3")).to_be_visible()
    analyst.page.reload()
    expect(analyst.page.get_by_text("uploads.goals · 3")).to_be_visible()
    expect(analyst.page.locator("[class*='st-key-drop-']")).to_have_count(1)
    add(analyst, "goals.jsonl", b'{"a": 1}\n')
    expect(analyst.page.get_by_text("uploads.goals · 1")).to_be_visible()


def test_what_is_too_much_is_said_and_the_rest_is_added(browser: Browser, tmp_path: Path, home: Path) -> None:
    (tmp_path / "sales.csv").write_text("id,total\n1,10\n", "utf-8")
    settings = tmp_path / "settings.toml"
    settings.write_text('[limits]\nupload_bytes = "1MB"\n', "utf-8")
    files: list[FilePayload] = [
        {"name": name, "mimeType": "text/csv", "buffer": b"a,b\n" + b"1,2\n" * 150_000} for name in ("x.csv", "y.csv")
    ]
    flags = ("--db", str(tmp_path / "sales.csv"), "--config", str(settings))
    with page_process(home, None, *flags) as address, browser.new_context() as context:
        context.set_default_timeout(PATIENCE_MS)
        analyst = sit_down(context, address)
        expect(analyst.page.get_by_role("button", name="Add files, up to 1 MB")).to_be_visible()
        uploader = analyst.page.locator("[data-testid=stFileUploaderDropzoneInput]")
        uploader.set_input_files(files)
        added = analyst.page.locator("[class*='st-key-drop-']")
        alert = analyst.page.get_by_role("alert").first
        expect(alert).to_contain_text("was not added: files may have 1 MB in total")
        expect(added).to_have_count(1)
        expect(uploader).to_have_count(1)
        uploader.set_input_files({"name": "z.csv", "mimeType": "text/csv", "buffer": files[0]["buffer"]})
        expect(alert).to_contain_text("The files of a conversation may have at most 1 MB in total")
        expect(added).to_have_count(1)
        added.get_by_role("button").first.click()
        expect(added).to_have_count(0)
        uploader.set_input_files({"name": "z.csv", "mimeType": "text/csv", "buffer": files[0]["buffer"]})
        expect(analyst.page.get_by_text("uploads.z · 150,000")).to_be_visible()


def test_how_a_file_was_read_is_shown_and_may_be_changed(analyst: Analyst) -> None:
    add(analyst, "days.csv", b"shop;day;sum\nA;03/04/2025;1.250\nB;05/06/2025;2.500\n")
    page = analyst.page
    reading = page.get_by_role("button", name="How it was read: 2 doubts")
    expect(reading).to_be_visible()
    reading.click()
    expect(page.get_by_text("nothing says whether '03/04/2025' is day first or month first").first).to_be_visible()
    for label, choice in (("Dates", "month first"), ("Decimal sign", "comma: 1,5")):
        box = page.get_by_role("combobox", name=label)
        box.press_sequentially(choice, delay=20)
        expect(page.get_by_role("option", name=choice)).to_be_visible()
        box.press("Enter")
        expect(box).to_have_value(choice)
    page.get_by_role("button", name="Read it again").click()
    again = page.get_by_role("button", name=re.compile(r"How it was read$"))
    expect(again).to_be_visible()
    expect(page.get_by_text("day: DATE; month first").first).to_be_visible()
    expect(page.get_by_text("sum: BIGINT").first).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.get_by_role("button", name=re.compile(r"How it was read$"))).to_be_visible()
    add(analyst, "goals.csv", GOALS)
    expect(page.get_by_text("uploads.goals · 2")).to_be_visible()
    page.get_by_role("button", name="days.csv").click()
    expect(page.get_by_text("uploads.days")).to_have_count(0)
    expect(page.get_by_text("uploads.goals · 2")).to_be_visible()


def test_a_file_is_dropped_into_the_question_box_and_asked_about(
    analyst: Analyst, model: ModelServer, tmp_path: Path
) -> None:
    model.lines.append(Line("the dropped leads", "SELECT sum(score) AS score FROM dropped_leads", "Seven."))
    box = analyst.page.locator("[data-testid=stChatInput] input[type=file]")
    broken = tmp_path / "broken.xlsx"
    broken.write_text("no spreadsheet", "utf-8")
    box.set_input_files(str(broken))
    analyst.send("what do the dropped leads score?")
    expect(analyst.page.get_by_text("The files were not added, so nothing was asked")).to_be_visible()
    expect(analyst.page.get_by_placeholder("Ask a question")).to_have_value("what do the dropped leads score?")
    good = tmp_path / "dropped_leads.csv"
    good.write_text("name,score\nAnn,3\nBob,4\n", "utf-8")
    box.set_input_files(str(good))
    turn = analyst.ask("what do the dropped leads score?")
    expect(turn.get_by_test_id("stMetric")).to_contain_text("7")

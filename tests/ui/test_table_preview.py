"""Looking before asking: a table's rows and profile, values that are searched, tables named in the question box."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nl2sql import Assistant, Policy, Schema, Table, connect, load_config
from nl2sql.schema.table_mentions import narrow_to_mentions
from ui.data_panel import list_newest_first
from ui.mentions import write_mention
from ui.table_preview import list_frequent, write_first_rows

from .conftest import Analyst, expect, page_process, sit_down
from .model_server import ModelServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCRIPT = """
CREATE TABLE guests (id INTEGER PRIMARY KEY, town VARCHAR, "Notiz ü ""x"" y" VARCHAR, secret VARCHAR, tags VARCHAR[]);
INSERT INTO guests SELECT i, ['Köln', 'Zürich', 'O''Hara', NULL][1 + i % 4],
  CASE WHEN i % 3 = 0 THEN '<b>fett</b> 😀' END,
  ['geheim', 'verborgen'][1 + i % 2], ['a', 'b'] FROM range(80) t(i);
CREATE TABLE "Gäste (alt)" AS SELECT 1 AS a, 'Köln-Nord' AS ort;
CREATE TABLE stays (stay_id INTEGER PRIMARY KEY, guest_id INTEGER REFERENCES guests (id), price DECIMAL(8, 2));
INSERT INTO stays SELECT i, i % 80, i * 2.5 FROM range(300) t(i);
CREATE SCHEMA other;
CREATE TABLE other.rooms AS SELECT 1 AS room;
"""


@pytest.fixture(scope="module")
def path(make_database: Callable[..., Path]) -> Path:
    return make_database(SCRIPT, "hotel")


@pytest.fixture(scope="module")
def hotel(path: Path) -> Iterator[Assistant]:
    with connect(str(path)) as assistant:
        yield assistant


def table_of(assistant: Assistant, name: str) -> Table:
    table = assistant.schema.find_table(name)
    assert table is not None
    return table


def test_the_first_rows_of_any_table_are_read(hotel: Assistant) -> None:
    for table in hotel.schema.tables:
        found = hotel.run(write_first_rows(table))
        assert found.row_count == min(20, table.row_count or 0)
        assert [column.name for column in found.columns] == [column.name for column in table.columns]
    guests = table_of(hotel, "guests")
    assert {row[1] for row in hotel.run(write_first_rows(guests, ("town", "O'Hara"))).rows} == {"O'Hara"}


def test_the_most_frequent_values_are_found_by_one_query(hotel: Assistant) -> None:
    guests = table_of(hotel, "guests")
    found = {guests.columns[at].name: text for at, text in list_frequent(hotel, guests).items()}
    assert found["town"] == "Köln (20), O'Hara (20), Zürich (20)"
    assert found['Notiz ü "x" y'] == "<b>fett</b> 😀 (27)"
    assert "id" not in found, "a key has no frequent values"


def test_values_are_found_without_case_and_accents(hotel: Assistant) -> None:
    assert [(hit.table, hit.column, hit.text) for hit in hotel.database.find_values("KOLN")] == [
        ("guests", "town", "Köln"),
        ("Gäste (alt)", "ort", "Köln-Nord"),
    ]
    assert hotel.database.find_values("nowhere") == () and hotel.database.find_values(" ") == ()


def test_what_a_policy_hides_is_neither_found_nor_looked_at(path: Path) -> None:
    config = replace(load_config(url=str(path)), policy=Policy(deny_columns=frozenset(("guests.secret",))))
    with connect(config=config) as assistant:
        guests = table_of(assistant, "guests")
        assert assistant.database.find_values("geheim") == ()
        assert "secret" not in [column.name for column in assistant.run(write_first_rows(guests)).columns]
        assert not any("geheim" in text for text in list_frequent(assistant, guests).values())


def test_files_that_were_added_last_come_first(hotel: Assistant, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.csv").write_text("a,b\n1,2\n", "utf-8")
    with hotel.with_files([tmp_path / "old.csv", tmp_path / "new.csv"]) as own:
        names = [table.name for table in list_newest_first(own)]
        assert names[:2] == ["uploads.new", "uploads.old"] and "guests" in names[2:]


@pytest.mark.parametrize(
    ("name", "mention"),
    [("orders", "@orders"), ("sales.orders", "@sales.orders"), ("Gäste (alt)", '@"Gäste (alt)"'), ("1st", '@"1st"')],
)
def test_a_mention_is_what_the_question_is_read_for(name: str, mention: str) -> None:
    schema = Schema((Table(name, ()), Table("another", ())))
    assert write_mention(name) == mention
    assert [table.name for table in narrow_to_mentions(f"how many in {mention} ?", schema).tables] == [name]


@pytest.fixture
def guest(browser: Browser, path: Path, model: ModelServer, tmp_path: Path) -> Iterator[Analyst]:
    with page_process(tmp_path, model, "--db", str(path)) as address, browser.new_context() as context:
        context.set_default_timeout(60_000)
        yield sit_down(context, address)


@pytest.mark.browser
def test_a_table_is_looked_at_its_values_found_and_pinned(guest: Analyst) -> None:
    page = guest.page
    head = page.locator("summary", has_text="guests").first
    box = head.bounding_box()
    assert box is not None and box["height"] <= 30, "a table is a line"
    page.get_by_role("button", name="Look at guests").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("region", name="Rows of the answer: 20 rows")).to_be_visible()
    profile = dialog.get_by_role("region", name="Columns of guests")
    expect(profile).to_contain_text("Köln (20)")
    expect(profile).to_contain_text("25.0%")
    dialog.get_by_role("button", name="Only ask about this table").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".st-key-pins")).to_contain_text("guests")
    page.locator(".st-key-pins").get_by_role("button", name="guests").click()
    expect(page.locator(".st-key-pins")).to_have_count(0)
    search = page.get_by_label("Search the data")
    search.fill("zurich")
    search.press("Enter")
    page.get_by_role("button", name="guests.town = Zürich · 20 rows").click()
    expect(dialog.get_by_text("Rows where town is Zürich")).to_be_visible()
    expect(dialog.locator("tbody tr").first).to_contain_text("Zürich")


@pytest.mark.browser
def test_the_question_box_completes_tables(guest: Analyst, model: ModelServer) -> None:
    page, keys = guest.page, guest.page.keyboard
    box = page.get_by_placeholder("Ask a question")
    box.click()
    keys.type("how many in @")
    options = page.get_by_role("option")
    expect(options).to_have_count(4)
    expect(box).to_have_attribute("aria-activedescendant", "nl2sql-mention-0")
    keys.type("gas")
    expect(options).to_have_text(["Gäste (alt)1"])
    keys.press("Tab")
    expect(box).to_have_value('how many in @"Gäste (alt)" ')
    keys.press("Home")
    keys.type("@stay")
    keys.press("Enter")
    expect(box).to_have_value('@stays how many in @"Gäste (alt)" ')
    keys.type("and")
    expect(box).to_have_value('@stays andhow many in @"Gäste (alt)" ')
    keys.press("End")
    keys.type("and @st")
    keys.press("Escape")
    expect(options).to_have_count(0)
    keys.type("ays, me@")
    expect(options).to_have_count(0)
    box.fill("from @")
    expect(options).to_have_count(4)
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true] span").inner_text()
    keys.press("Enter")
    assert box.input_value() in (f"from @{chosen} ", f'from @"{chosen}" ')
    keys.type("please")
    keys.press("Enter")
    page.get_by_role("button", name="Download", exact=True).wait_for()
    assert "please" in str(model.requests[-1]["messages"])
    expect(box).to_have_value("")


@pytest.mark.browser
def test_an_upload_says_what_came_of_it(guest: Analyst) -> None:
    payload = {"name": "leads.csv", "mimeType": "text/csv", "buffer": b"a,b,c,d\n1,2,3,4\n5,6,7,8\n9,1,2,3\n"}
    guest.page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(payload)  # type: ignore[arg-type]
    expect(guest.page.get_by_text("leads: 3 rows, 4 columns")).to_be_visible()
    expect(guest.page.locator("summary").first).to_contain_text("uploads.leads")

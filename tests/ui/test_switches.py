"""Switches that hold: after a reload, in every window, within the settings, and never off where one was left on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from nl2sql import StoreError, connect, load_config, open_store
from ui import switches
from ui.jobs import Jobs
from ui.page_conversations import Conversation, ConversationCache
from ui.page_server import Choice, Server

TABLES = "CREATE TABLE hives (id INT); CREATE TABLE bees (id INT)"


@pytest.fixture
def shared(make_database: Callable[..., Path]) -> Iterator[Server]:
    config = load_config(url=str(make_database(TABLES, "hives")))
    model = replace(config.model, name="small", choices=("small", "large"))
    config = replace(config, model=model, limits=replace(config.limits, seconds=10.0))
    with open_store(config) as store, connect(config=config, store=store) as assistant:
        yield Server(assistant, store, Jobs(), ConversationCache())


@pytest.fixture(autouse=True)
def one_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.switches.get_user", lambda: None)


def draw_switches(shared: Server, conversation: Conversation) -> None:
    """The switches, and what they mean to who asks."""
    switches.restore_switches(shared, conversation)
    switches.show_review_note()
    switches.show_switches(shared)
    names = [table.name for table in shared.assistant.schema.tables]
    st.multiselect("Tables", names, key="pinned", on_change=switches.save_pinned_tables, args=(shared,))
    found = (switches.is_review_on(), switches.read_choice(shared), switches.list_pinned_tables())
    st.session_state["found"] = found


def window(shared: Server) -> AppTest:
    """A window of the page, newly opened."""

    def page(part: object, *arguments: object) -> None:
        assert callable(part)
        part(*arguments)

    test = AppTest.from_function(page, args=(draw_switches, shared, Conversation(None)), default_timeout=20).run()
    assert not test.exception, test.exception
    return test


def note(page: AppTest) -> bool:
    return any("SQL is reviewed" in caption.value for caption in page.caption)


def test_every_switch_holds_in_a_window_that_is_opened_later(shared: Server) -> None:
    first = window(shared)
    assert first.session_state["found"] == (False, Choice(10.0), []) and not note(first)
    first.toggle[0].set_value(True).run()
    first.selectbox[0].set_value("large").run()
    first.number_input[0].set_value(3.5).run()
    first.multiselect[0].set_value(["bees"]).run()
    later = window(shared)
    assert later.session_state["found"] == (True, Choice(3.5, "large"), ["bees"]) and note(later) and note(first)


def test_a_review_that_a_window_shows_stays_on_whatever_another_one_says(shared: Server) -> None:
    old = window(shared)
    first, second = window(shared), window(shared)
    first.toggle[0].set_value(True).run()
    old.run()
    assert note(old), "it was switched on after this window was opened"
    second.run()
    second.toggle[0].set_value(False).run()
    assert not note(second)
    first.run()
    assert note(first) and first.session_state["found"][0] is True
    first.toggle[0].set_value(False).run()
    assert not note(first) and window(shared).session_state["found"][0] is False


@pytest.mark.parametrize(
    "name, value", [("seconds", 99.0), ("seconds", "soon"), ("seconds", -1), ("model", "huge"), ("model", 7)]
)
def test_what_no_longer_fits_the_settings_is_not_used(shared: Server, name: str, value: object) -> None:
    shared.store.preferences.set(name, value)
    choice = window(shared).session_state["found"][1]
    assert choice.model is None and 0 < choice.seconds <= 10


def test_missing_tables_are_unpinned_for_this_database_only(shared: Server) -> None:
    shared.store.preferences.set(f"tables of {shared.assistant.url}", ["bees", "wasps"])
    shared.store.preferences.set("tables of /another.duckdb", ["hives"])
    assert window(shared).session_state["found"][2] == ["bees"]


def test_what_the_store_does_not_take_holds_in_the_window_and_it_says_so(
    shared: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = window(shared)

    def fail(*arguments: object, **names: object) -> None:
        raise StoreError("the disk is full", "Free some disk space.")

    monkeypatch.setattr(shared.store.preferences, "set", fail)
    page.toggle[0].set_value(True).run()
    assert note(page) and "this window only" in page.toast[0].value
    page.number_input[0].set_value(2.0).run()
    assert page.session_state["found"][:2] == (True, Choice(2.0))


def test_another_users_switches_are_their_own(shared: Server) -> None:
    shared.store.preferences.set("review", True, user="ann")
    assert window(shared).session_state["found"][0] is False


def test_unreadable_switches_force_review_with_a_reason(shared: Server) -> None:
    page = window(shared)
    page.number_input[0].set_value(2.0).run()
    shared.store.close()
    page.run()
    assert not page.exception and page.session_state["found"][:2] == (True, Choice(2.0))
    said = [caption.value.replace("\\", "").replace("\u2060", "") for caption in page.caption]
    assert any("cannot be read: the store is closed" in text for text in said)

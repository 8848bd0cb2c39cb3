"""Thumbs and what is said with them: kept, there after a reload, taken back, and each user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nl2sql import Answer, Status, Store

ID = "c" * 12


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.sqlite") as store:
        store.record(
            Answer(ID, "How deep?", Status.ANSWERED, "Deep.", sql="SELECT 1", session="s"), url="x", user="ann"
        )
        yield store


def drawn(store: Store, owner: str | None = "ann") -> AppTest:
    def page(*arguments: object) -> None:
        from ui.feedback import show_thumbs

        show_thumbs(*arguments)  # type: ignore[arg-type]

    test = AppTest.from_function(page, args=(store, owner, ID, "k"), default_timeout=20).run()
    assert not test.exception, test.exception
    return test


def test_a_thumb_down_asks_for_a_line_which_stays(store: Store) -> None:
    page = drawn(store)
    assert not page.text_input
    page.feedback[0].set_value(0).run()
    assert store.get_entry(ID, user="ann").rating is False
    page.text_input[0].input("  the year is wrong *really* ").run()
    assert store.get_entry(ID, user="ann").comment == "the year is wrong *really*"
    assert "Thank you" in page.toast[0].value
    later = drawn(store)
    assert later.feedback[0].value == 0 and later.text_input[0].value == "the year is wrong *really*"


def test_a_thumb_up_takes_the_line_back_and_none_takes_all_back(store: Store) -> None:
    page = drawn(store)
    page.feedback[0].set_value(0).run()
    page.text_input[0].input("wrong").run()
    page.feedback[0].set_value(1).run()
    entry = store.get_entry(ID, user="ann")
    assert entry.rating is True and entry.comment == "" and not page.text_input
    page.feedback[0].set_value(None).run()
    assert store.get_entry(ID, user="ann").rating is None and drawn(store).feedback[0].value is None


def test_another_users_thumb_is_not_seen_and_does_not_count(store: Store) -> None:
    store.rate(ID, False, comment="wrong", user="ann")
    page = drawn(store, "bob")
    assert page.feedback[0].value is None and not page.text_input
    page.feedback[0].set_value(1).run()
    assert "Not saved" in page.toast[0].value and store.get_entry(ID, user="ann").rating is False

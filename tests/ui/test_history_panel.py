"""The list of conversations, drawn without a browser: days, other databases, more of them, and each user's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nl2sql import Answer, ConfigError, ErrorInfo, Status, connect, load_config, open_store
from ui.history_panel import delete_conversation, describe_day, restore_answer, restore_conversation
from ui.jobs import Job, Jobs
from ui.page_conversations import Conversation, ConversationCache
from ui.page_server import Server


@pytest.fixture
def shared(make_database: Callable[..., Path]) -> Iterator[Server]:
    config = load_config(url=str(make_database("CREATE TABLE herds AS SELECT range AS id FROM range(5)", "herds")))
    with open_store(config) as store, connect(config=config, store=store) as assistant:
        yield Server(assistant, store, Jobs(), ConversationCache())


def ask(shared: Server, question: str, session: str | None, *, user: str | None = None, url: str = "") -> str:
    identifier = f"{abs(hash((question, session, user))):012x}"[:12]
    answer = Answer(identifier, question, Status.ANSWERED, "Five.", sql="SELECT 5 AS n", session=session)
    shared.store.record(answer, url=url or shared.assistant.url, user=user)
    return identifier


def drawn(shared: Server, owner: str | None = None, conversation: Conversation | None = None) -> AppTest:
    def page(*arguments: object) -> None:
        from ui.history_panel import show_history

        show_history(*arguments)  # type: ignore[arg-type]

    test = AppTest.from_function(page, args=(shared, owner, conversation or Conversation(owner)), default_timeout=20)
    test.run()
    assert not test.exception, test.exception
    return test


def rows(page: AppTest) -> list[str]:
    return [button.label.replace("\\", "") for button in page.button]


@pytest.mark.parametrize(
    "at, named",
    [
        ("2026-03-04 00:10", "Today"),
        ("2026-03-03 23:50", "Yesterday"),
        ("2026-03-02 12:00", "2 Mar 2026"),
        ("2025-12-31 12:00", "31 Dec 2025"),
    ],
)
def test_days_are_called_as_people_call_them(at: str, named: str) -> None:
    now = dt.datetime.fromisoformat("2026-03-04 08:00").astimezone()
    assert describe_day(dt.datetime.fromisoformat(at).astimezone(), now) == named


def test_each_conversation_stands_once_and_another_database_is_named(shared: Server) -> None:
    ask(shared, "Sheep?", "a")
    ask(shared, "And goats?", "a")
    ask(shared, "Cows *here*?", "b", url="postgresql://me@farm/cattle")
    ask(shared, "Alone?", None)
    page = drawn(shared, conversation=Conversation(None, id="a"))
    assert rows(page) == ["Alone?", "Cows *here*? :small[cattle]", "**Sheep?**"]
    assert [caption.value for caption in page.caption] == ["Today"]
    page.text_input[0].input("goats").run()
    assert rows(page) == ["**Sheep?**", ":material/subdirectory_arrow_right: :small[And goats?]"]
    page.text_input[0].input("pigs").run()
    assert rows(page) == [] and page.caption[0].value == "No question has these words."


def test_all_conversations_can_be_reached(shared: Server) -> None:
    for number in range(65):
        ask(shared, f"Herd {number}?", f"s{number}")
    page = drawn(shared)
    lengths = []
    while "Show more" in rows(page):
        lengths.append(len(rows(page)) - 1)
        next(button for button in page.button if button.label == "Show more").click().run()
    assert [*lengths, len(rows(page))] == [30, 60, 65] and rows(page)[-1] == "Herd 0?"


def test_how_the_last_question_ended_and_a_bad_answer_are_seen(shared: Server) -> None:
    error = ErrorInfo("query", "no such column", "")
    shared.store.record(
        Answer("f" * 12, "Wool?", Status.FAILED, "", error=error, session="w"), url=shared.assistant.url
    )
    shared.store.rate(ask(shared, "Milk?", "m"), False, comment="sour")
    assert rows(drawn(shared)) == [":material/thumb_down: Milk?", ":material/error: Wool?"]


def test_a_conversation_is_seen_and_deleted_by_its_owner_alone(shared: Server) -> None:
    ask(shared, "Ann's?", "s", user="ann")
    ask(shared, "Bob's?", "s", user="bob")
    assert rows(drawn(shared, "ann")) == ["Ann's?"] and rows(drawn(shared)) == []
    (entry,) = shared.store.conversations.list(user="ann")
    held = {user: shared.conversations.keep(Conversation(user, id="s")) for user in ("ann", "bob")}
    assert delete_conversation(shared, "eve", entry) == 0
    assert delete_conversation(shared, "ann", entry) == 1
    assert held["ann"].is_deleted and not held["bob"].is_deleted
    assert shared.conversations.find("s", "ann") is None and shared.conversations.find("s", "bob") is held["bob"]
    assert restore_conversation(shared.store, "s", "ann", shared.assistant.url) is None
    assert rows(drawn(shared, "bob")) == ["Bob's?"]


def test_a_question_that_stands_alone_is_deleted_alone(shared: Server) -> None:
    ask(shared, "One?", None)
    ask(shared, "Two?", None)
    entry = shared.store.conversations.list()[0]
    assert delete_conversation(shared, "bob", entry) == 0 and delete_conversation(shared, None, entry) == 1
    assert rows(drawn(shared)) == ["One?"]


def test_a_deleted_question_is_gone_from_the_page_that_shows_it_too(shared: Server) -> None:
    identifier = ask(shared, "One?", None)
    found = restore_answer(shared.store, identifier, None, shared.assistant.url)
    assert found is not None
    shown = shared.conversations.keep(found[0])
    (entry,) = shared.store.conversations.list()
    shown.add_job(running := Job("And now?", None))
    with pytest.raises(ConfigError, match="still running"):
        delete_conversation(shared, None, entry)
    running.end()
    assert delete_conversation(shared, None, entry) == 1
    assert shown.is_deleted and shared.conversations.find_answer(identifier, None) is None


def test_nothing_is_deleted_under_a_question_that_is_under_way(shared: Server) -> None:
    ask(shared, "Sheep?", "a")
    conversation = shared.conversations.keep(Conversation(None, id="a"))
    conversation.add_job(running := Job("And goats?", None))
    (entry,) = shared.store.conversations.list()
    with pytest.raises(ConfigError, match="still running"):
        delete_conversation(shared, None, entry)
    running.end()
    assert delete_conversation(shared, None, entry) == 1

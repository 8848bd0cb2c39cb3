"""Conversations as a user sees them: named, pinned, searched and deleted, and never another user's."""

from __future__ import annotations

import multiprocessing
import sqlite3
from pathlib import Path

import pytest

from nl2sql.errors import ConfigError
from nl2sql.store import ConversationEntry, Store
from nl2sql.types import Status
from tests.store.conftest import answer_of, failed_answer


def put(store: Store, identifier: str, question: str, session: str | None, user: str | None = None) -> None:
    store.record(answer_of(identifier, question, session=session), url=f"{session}.duckdb", user=user)


def titles(store: Store, search: str = "", user: str | None = None) -> list[str]:
    return [one.title for one in store.conversations.list(search=search, user=user)]


def test_questions_are_grouped_by_session_newest_first(store: Store) -> None:
    put(store, "a1", "Rainfall by month?", "rain")
    put(store, "b1", "Snow?", "snow")
    put(store, "a2", "And in Bergen?", "rain")
    put(store, "c1", "Alone?", None)
    put(store, "c2", "Alone again?", None)
    assert titles(store) == ["Alone again?", "Alone?", "Rainfall by month?", "Snow?"]
    rain = store.conversations.get("rain")
    assert isinstance(rain, ConversationEntry)
    assert (rain.id, rain.questions, rain.url, rain.status) == ("a1", 2, "rain.duckdb", Status.ANSWERED)
    assert store.conversations.list()[0].session is None and store.conversations.get("hail") is None
    assert [one.title for one in store.conversations.list(limit=2)] == ["Alone again?", "Alone?"]


def test_its_state_is_that_of_its_last_question_and_a_bad_answer_is_seen(store: Store) -> None:
    put(store, "a1", "Rainfall?", "rain")
    store.record(failed_answer("a2"), url="x")
    store.rate("a1", False, comment="wrong year")
    store.pins.add("a1")
    rain, failed = store.conversations.get("rain"), store.conversations.get("work")
    assert rain is not None and rain.has_bad and rain.pinned_answers == 1
    assert failed is not None and failed.status is Status.FAILED and not failed.has_bad
    store.rate("a1", None)
    assert not store.conversations.list()[1].has_bad


def test_a_name_and_a_pin_are_kept_and_taken_back(store: Store) -> None:
    for number in range(3):
        put(store, f"{number}", f"Question {number}?", f"s{number}")
    store.conversations.rename("s0", "  Monday\nfigures ")
    store.conversations.pin("s0", True)
    store.conversations.pin("s1", True)
    assert titles(store) == ["Question 1?", "Monday figures", "Question 2?"]
    store.conversations.rename("s0", "")
    store.conversations.pin("s0", False)
    store.conversations.pin("s1", False)
    assert titles(store) == ["Question 2?", "Question 1?", "Question 0?"]
    with pytest.raises(ConfigError, match="no longer here"):
        store.conversations.rename("s9", "x")


def test_words_of_question_sql_answer_and_name_are_found(store: Store) -> None:
    put(store, "a1", "Niederschlag in KÖLN?", "rain")
    put(store, "a2", "And snow?", "rain")
    store.record(answer_of("b1", "Wind?", sql="SELECT max(gust) FROM storm", text="It blew.", session="wind"), url="x")
    store.conversations.rename("wind", "Sturm & Drang")
    assert titles(store, "köln nieder") == ["Niederschlag in KÖLN?"]
    assert titles(store, "köln snow") == [], "the words are of one question"
    assert titles(store, "GUST") == titles(store, "blew") == titles(store, "drang sturm") == ["Sturm & Drang"]
    assert titles(store, "100%") == titles(store, "'; DROP TABLE entry; --") == []


def test_nothing_of_another_user_is_seen_named_pinned_or_deleted(store: Store) -> None:
    for user in ("ann", "bob", None):
        put(store, f"{user}1", f"Of {user}?", "shared", user)
    store.conversations.rename("shared", "Ann's", user="ann")
    store.conversations.pin("shared", True, user="ann")
    assert titles(store, user="ann") == ["Ann's"] and titles(store, user="bob") == ["Of bob?"]
    assert not store.conversations.list(user="bob")[0].pinned and titles(store, "Ann", user="bob") == []
    assert store.conversations.delete("shared", user="eve") == 0
    assert store.conversations.delete_answer("bob1", user="ann") == 0
    with pytest.raises(ConfigError):
        store.conversations.rename("shared", "x", user="eve")
    assert store.conversations.delete("shared", user="ann") == 1
    assert (titles(store, user="ann"), titles(store, user="bob"), titles(store)) == ([], ["Of bob?"], ["Of None?"])
    put(store, "ann2", "Anew?", "shared", "ann")
    assert titles(store, user="ann") == ["Anew?"], "the name went with the conversation"


def test_deletion_removes_entries_and_feedback_from_the_file(store: Store, path: Path) -> None:
    put(store, "a1", "Wages of Xaverius?", "wages")
    put(store, "a2", "And his bonus, Quirinus?", "wages")
    put(store, "b1", "Rain?", "rain")
    store.rate("a1", False, comment="zzyzx")
    store.conversations.rename("wages", "Payroll Umbriel")
    store.pins.add("a2")
    assert store.conversations.delete("wages") == 2
    assert store.conversations.delete_answer("b1") == 1 and titles(store) == [] and store.pins.list() == []
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM feedback").fetchone() == (0,)
    connection.close()
    for text in (b"Xaverius", b"Quirinus", b"zzyzx", b"Umbriel"):
        assert text not in path.read_bytes()


def ask_and_delete(path: Path, number: int, times: int) -> None:
    with Store(path) as store:
        for turn in range(times):
            put(store, f"{number}-{turn}", f"Question {turn}?", "both")
            put(store, f"{number}-{turn}-own", f"Question {turn}?", f"own {number}")
            store.conversations.delete("both")


@pytest.mark.alone
def test_two_processes_ask_and_delete_at_once(path: Path) -> None:
    times, context = 25, multiprocessing.get_context("spawn")
    workers = [context.Process(target=ask_and_delete, args=(path, number, times)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with Store(path) as store:
        store.conversations.delete("both")
        assert [one.questions for one in store.conversations.list()] == [times, times]
        assert not store.has_session("both")


def test_preferences_are_each_users_own_and_the_last_one_counts(store: Store, path: Path) -> None:
    store.preferences.set("review", False)
    store.preferences.set("review", True)
    store.preferences.set("tables", ["å", "b"], user="ann")
    with Store(path) as other:
        assert other.preferences.read() == {"review": True}
        assert other.preferences.read(user="ann") == {"tables": ["å", "b"]}
        assert other.preferences.read(user="") == {}
    with pytest.raises(ConfigError, match="too much"):
        store.preferences.set("tables", "x" * 200_000)

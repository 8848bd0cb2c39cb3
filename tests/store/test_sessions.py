"""Sessions and recording as an Assistant does them: with a store, without, and where the store fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nl2sql import Assistant, connect
from nl2sql.errors import ConfigError, StoreError
from nl2sql.model.scripted import ScriptedModel, calls
from nl2sql.store import Store
from nl2sql.types import Event, EventKind, Status

COUNT = calls("sql_query", query="SELECT count(*) AS n FROM orders")


def asker(shop: Path, store: Store | None, *lines: object, user: str | None = None) -> tuple[Assistant, ScriptedModel]:
    model = ScriptedModel(*(lines or (COUNT, "There are 100.")))  # type: ignore[arg-type]
    return connect(str(shop), model=model, store=store, user=user), model


def past(model: ScriptedModel) -> list[str]:
    """The earlier questions that the model was told of in its first call."""
    return asked(model, 0)[:-1]


def asked(model: ScriptedModel, call: int) -> list[str]:
    """The questions of a call, without the line that says what day it is."""
    return [str(message["content"]).splitlines()[-1] for message in model.sent[call] if message["role"] == "user"]


def test_an_answer_is_recorded_before_its_last_event(shop: Path, store: Store) -> None:
    assistant, _ = asker(shop, store)
    with assistant:
        events: Iterator[Event] = assistant.stream("How many?")
        for event in events:
            assert len(store.list_entries()) == (event.kind is EventKind.ANSWER)
    (entry,) = store.list_entries()
    assert (entry.question, entry.row_count, entry.url) == ("How many?", 1, str(shop))
    assert (entry.client, entry.model, entry.usage.model_calls) == ("python", "scripted", 2)


@pytest.mark.parametrize("with_store", [True, False])
def test_a_follow_up_knows_what_was_asked(shop: Path, store: Store, with_store: bool) -> None:
    assistant, model = asker(shop, store if with_store else None, COUNT, "There are 100.", COUNT, "Still 100.")
    with assistant:
        first = assistant.ask("How many?")
        second = assistant.ask("And now?", session=first.session)
    assert second.session == first.session
    assert asked(model, 2) == ["How many?", "And now?"]


def test_a_session_goes_on_in_another_program(shop: Path, store: Store, path: Path) -> None:
    first, _ = asker(shop, store)
    with first:
        session = first.ask("How many?").session
    with Store(path) as other_store:
        second, model = asker(shop, other_store)
        with second:
            second.ask("And now?", session=session)
        assert past(model) == ["How many?"]
        third, model = asker(shop, other_store)
        with third:
            third.ask("And then?", session=session)
        assert past(model) == ["How many?", "And now?"]


def test_a_session_that_nobody_began_is_an_error(shop: Path, store: Store) -> None:
    for kept in (store, None):
        assistant, _ = asker(shop, kept)
        with assistant, pytest.raises(ConfigError, match="no session 'work'") as caught:
            assistant.ask("How many?", session="work")
        assert "open_session" in caught.value.hint


def test_a_session_begun_on_purpose_has_its_name(shop: Path, store: Store) -> None:
    assistant, _ = asker(shop, store)
    with assistant:
        assert not assistant.has_session("my work")
        assert assistant.open_session("my work") == "my work" and assistant.has_session("my work")
        assert assistant.ask("How many?", session="my work").session == "my work"
        assert len({assistant.open_session() for _ in range(100)}) == 100
        for name in ("", " ", "-x", "a\nb", "x" * 101, "a\x1b[0m", "../x"):
            with pytest.raises(ConfigError, match="cannot be a session's name"):
                assistant.open_session(name)
    assert [entry.session for entry in store.list_entries()] == ["my work"]


def test_a_session_is_its_users_own(shop: Path, store: Store) -> None:
    assistant, model = asker(shop, store, COUNT, "There are 100.", COUNT, "There are 100.", user="ada")
    with assistant:
        session = assistant.ask("How many?").session
        assert session is not None
        with pytest.raises(ConfigError, match="no session"):
            assistant.ask("And now?", session=session, user="bob")
        assistant.open_session(session, user="bob")
        assistant.ask("Whose?", session=session, user="bob")
    assert asked(model, 2) == ["Whose?"]
    assert [e.question for e in store.list_entries(user="ada")] == ["How many?"]
    assert [e.question for e in store.list_entries(user="bob")] == ["Whose?"] and store.list_entries() == []


def test_a_session_brings_nothing_from_another_database(shop: Path, store: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    shutil.copy(shop, other)
    first, _ = asker(shop, store)
    with first:
        session = first.ask("How many?").session
    second, model = asker(other, store)
    with second:
        second.ask("And here?", session=session)
    assert past(model) == []


def test_a_clarification_can_be_answered_in_its_session(shop: Path, store: Store) -> None:
    for kept in (store, None):
        ask = calls("ask_user", question="Which ones?", options=["open", "all"])
        assistant, _ = asker(shop, kept, ask, COUNT, "There are 100.")
        with assistant:
            first = assistant.ask("How many?")
            assert first.status is Status.CLARIFY
            assert assistant.ask("All of them", session=first.session).status is Status.ANSWERED


def test_an_answer_that_cannot_be_recorded_is_given_with_a_warning(shop: Path, store: Store, path: Path) -> None:
    assistant, model = asker(shop, store, COUNT, "There are 100.", COUNT, "There are 100.", COUNT, "There are 100.")
    with assistant:
        for file in path.parent.glob("store*"):
            file.unlink()
        path.mkdir()
        first = assistant.ask("How many?")
        assert first.text == "There are 100." and first.rows == [(100,)]
        (warning,) = first.warnings
        assert warning.startswith("this answer was not recorded") and "NL2SQL_HOME" in warning
        with pytest.raises(StoreError):
            assistant.has_session("unknown")
        path.rmdir()
        assistant.ask("And now?", session=first.session)
        assert assistant.ask("And then?", session=first.session).warnings == ()
    assert asked(model, 4) == ["How many?", "And now?", "And then?"]
    assert [entry.question for entry in store.list_entries()] == ["And then?", "And now?"]


def test_a_damaged_store_is_told_with_the_answer(shop: Path, store: Store, path: Path) -> None:
    assistant, _ = asker(shop, store)
    with assistant:
        store.close()
        path.write_bytes(b"\0garbage" * 1000)
        with Store(path) as fresh:
            warnings = fresh.take_warnings()
    assert len(warnings) == 1 and "set aside" in warnings[0]

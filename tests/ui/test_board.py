"""The board: pinned answers of each user, run again, what changed since, and what is said where one cannot run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from nl2sql import Answer, Assistant, ConfigError, Status, Store, connect, load_config, open_store
from ui.history_panel import delete_conversation
from ui.jobs import Jobs, JobState
from ui.page_conversations import ConversationCache
from ui.page_server import Server

FLEET = "CREATE TABLE ships AS SELECT 'Ship ' || range AS name, range * 10 AS tons FROM range(1, 5)"
QUERIES = {
    "total000": "SELECT sum(tons) AS tons FROM ships",
    "list0000": "SELECT name, tons FROM ships ORDER BY name",
}


@pytest.fixture
def database(make_database: Callable[..., Path]) -> Path:
    return make_database(FLEET, "fleet")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "nl2sql.toml").write_text("[limits]\nseconds = 10\n")
    with open_store(load_config(tmp_path / "nl2sql.toml")) as store:
        yield store


@pytest.fixture
def begin(store: Store, database: Path, tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """Open the database, as it is now."""
    opened: list[Assistant] = []

    def start() -> Server:
        for one in opened:
            one.close()
        assistant = connect(config=load_config(tmp_path / "nl2sql.toml", url=str(database)), store=store)
        opened.append(assistant)
        return Server(assistant, store, Jobs(), ConversationCache())

    yield start
    for one in opened:
        one.close()


def pin(shared: Server, owner: str | None = None) -> None:
    """Ask both questions, and pin their answers."""
    for identifier, sql in QUERIES.items():
        result = shared.assistant.database.run(sql, wants_hash=True)
        said = f"Sentence of {identifier}."
        answer = Answer(
            identifier, f"What of {identifier}?", Status.ANSWERED, said, sql=sql, result=result, session="s"
        )
        shared.store.record(answer, url=shared.assistant.url, user=owner)
        shared.store.pins.add(identifier, result, user=owner)


def change(shared: Server, database: Path, sql: str) -> None:
    shared.assistant.close()
    with duckdb.connect(str(database)) as connection:
        connection.execute(sql)


def board(shared: Server, owner: str | None = None, review: bool = False) -> AppTest:
    def page(*arguments: object) -> None:
        from ui.board import show_board

        show_board(*arguments)  # type: ignore[arg-type]

    test = AppTest.from_function(page, args=(shared, owner), default_timeout=30)
    test.session_state["reviews"] = review
    return settle(test.run())


def settle(page: AppTest, *states: JobState) -> AppTest:
    """Wait until every tile that runs is in one of the states, and draw the page."""
    assert not page.exception, page.exception
    deadline = time.monotonic() + 20
    tiles = page.session_state["board"].values() if "board" in page.session_state else []
    while any(tile.replay and tile.replay.job.view.state not in (JobState.DONE, *states) for tile in tiles):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page.run()
    assert not page.exception, page.exception
    return page


def press(page: AppTest, label: str, *states: JobState) -> AppTest:
    next(button for button in page.button if button.label == label).click().run()
    return settle(page, *states)


def said(page: AppTest) -> str:
    texts = [*(one.value for one in page.caption), *(one.value for one in page.warning)]
    return "\n".join(texts).replace("\\", "").replace("\u2060", "")


def test_an_empty_board_says_how_it_is_filled(begin: Callable[[], Server]) -> None:
    assert "Nothing is pinned yet" in said(board(begin()))


def test_pinned_answers_run_and_say_that_nothing_changed(begin: Callable[[], Server]) -> None:
    shared = begin()
    pin(shared)
    page = board(shared)
    assert [one.value for one in page.metric] == ["100"]
    assert said(page).count("nothing changed since today") == 2 and not page.warning
    assert "Sentence of total000." in [text.value for text in page.text]


def test_what_changed_since_the_pin_is_told_and_the_sentence_is_of_then(
    begin: Callable[[], Server], database: Path
) -> None:
    shared = begin()
    pin(shared)
    change(shared, database, "INSERT INTO ships VALUES ('Ship 9', 5); UPDATE ships SET tons = 11 WHERE name = 'Ship 1'")
    shared = begin()
    page = board(shared)
    assert [one.value for one in page.metric] == ["106"]
    assert "1 row changed" in said(page) and "1 row new, 1 changed" in said(page)
    assert said(page).count("about different rows: Sentence of") == 2
    assert not any(text.value.startswith("Sentence") for text in page.text)
    assert "1 row new" in said(board(shared)), "looking does not count as having taken note"
    shared.store.pins.move("total000", 1)
    page.run()
    assert "1 row changed" in said(page)
    press(page, "Run all again")
    assert "nothing changed since" in said(board(shared))


def test_that_only_the_first_rows_were_compared_is_said(begin: Callable[[], Server]) -> None:
    shared, sql = begin(), "SELECT range AS n FROM range(100000)"
    result = shared.assistant.run(sql)
    assert result.truncated
    answer = Answer("many00000000", "Which?", Status.ANSWERED, "Many.", sql=sql, result=result, session="s")
    shared.store.record(answer, url=shared.assistant.url)
    shared.store.pins.add(answer.id, result)
    assert " in the first rows; the others were not compared" in said(board(shared))


def test_figures_of_before_and_now_are_told_where_both_were_on_the_board(
    begin: Callable[[], Server], database: Path
) -> None:
    shared = begin()
    pin(shared)
    page = board(shared)
    change(
        shared, database, "UPDATE ships SET tons = 11 WHERE name = 'Ship 1'; DELETE FROM ships WHERE name = 'Ship 3'"
    )
    opened = begin()
    for name in ("assistant", "store", "jobs"):
        object.__setattr__(shared, name, getattr(opened, name))
    press(page, "Run all again")
    assert "tons 100 → 71" in said(page)
    assert "Ship 1: tons 10 → 11" in said(page) and "Ship 3: gone" in said(page)
    press(page, "Run all again")
    assert said(page).count("nothing changed since today") == 2
    assert said(page).count("about different rows") == 2, "the sentence is still of then"


def test_an_error_stands_in_its_tile(begin: Callable[[], Server], database: Path) -> None:
    shared = begin()
    pin(shared)
    change(shared, database, "ALTER TABLE ships RENAME COLUMN name TO title")
    page = board(begin())
    assert len(page.error) == 1 and "name" in page.error[0].value
    assert said(page).count("Answered today") == 2, "a sentence says when it was said"
    assert [one.value for one in page.metric] == ["100"]


def test_while_sql_is_reviewed_each_waits(begin: Callable[[], Server]) -> None:
    shared = begin()
    pin(shared)
    page = board(shared, review=True)
    assert "SQL is reviewed before it runs" in said(page) and not page.metric
    press(page, "Run all again", JobState.REVIEW)
    assert [button.label for button in page.button].count("Run it") == 2 and not page.metric
    next(button for button in page.button if button.label == "Run it").click().run()
    settle(page, JobState.REVIEW)
    assert [one.value for one in page.metric] == ["100"]


def test_of_another_database_nothing_runs(begin: Callable[[], Server]) -> None:
    shared = begin()
    answer = Answer("other000", "Elsewhere?", Status.ANSWERED, "Some.", sql="SELECT 1 AS one", session="s")
    answer = replace(answer, result=shared.assistant.run("SELECT 1 AS one"))
    shared.store.record(answer, url="/elsewhere/other.duckdb")
    shared.store.pins.add("other000")
    page = board(shared)
    assert "another database: other.duckdb" in said(page) and not page.metric
    press(page, "Run all again")
    assert all(tile.replay is None for tile in page.session_state["board"].values())


def test_a_board_is_its_owners_alone_and_goes_with_a_deleted_conversation(begin: Callable[[], Server]) -> None:
    shared = begin()
    pin(shared, "ann@example.com")
    for other in (None, "bob@example.com"):
        assert "Nothing is pinned yet" in said(board(shared, other))
        with pytest.raises(ConfigError, match="no longer here"):
            shared.store.pins.add("total000", user=other)
    assert len(board(shared, "ann@example.com").metric) == 1
    (talk,) = shared.store.conversations.list(user="ann@example.com")
    assert delete_conversation(shared, "bob@example.com", talk) == 0
    assert delete_conversation(shared, "ann@example.com", talk) == 2
    assert "Nothing is pinned yet" in said(board(shared, "ann@example.com"))

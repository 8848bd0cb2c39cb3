"""An answer of earlier, opened again: its rows in its place, what changed since, and what does not run by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from nl2sql import Answer, Assistant, Status, connect, load_config, open_store
from ui.history_panel import restore_answer
from ui.jobs import Job, Jobs, JobState
from ui.page_conversations import Conversation, ConversationCache
from ui.page_server import Server

TIDES = "CREATE TABLE tides AS SELECT range AS hour, 'Port ' || (range % 3) AS port, range * 0.5 AS level FROM range(9)"
LEVELS = "SELECT port, max(level) AS highest FROM tides GROUP BY port ORDER BY port"
HEAVY = "SELECT count(*) AS n FROM range(1000000) a, range(1000000) b, tides"


@pytest.fixture
def database(make_database: Callable[..., Path]) -> Path:
    return make_database(TIDES, "tides")


@pytest.fixture
def shared(database: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "nl2sql.toml").write_text("[limits]\nseconds = 10\n")
    config = load_config(tmp_path / "nl2sql.toml", url=str(database))
    with open_store(config) as store, connect(config=config, store=store) as assistant:
        yield Server(assistant, store, Jobs(), ConversationCache())


def record(shared: Server, identifier: str, sql: str, *, user: str | None = None, ran: bool = True) -> None:
    """Put an answer into the store, with the shape of the rows that it has now."""
    result = shared.assistant.database.run(sql, wants_hash=True) if ran else None
    answer = Answer(identifier, "How high?", Status.ANSWERED, "High.", sql=sql, result=result, session=identifier)
    answer = replace(answer, receipt=shared.assistant.issue_receipt())
    shared.store.record(answer, url=shared.assistant.url, client="page", user=user)


def opened(shared: Server, identifier: str) -> tuple[Conversation, Job]:
    found = restore_answer(shared.store, identifier, None, shared.assistant.url)
    assert found is not None
    return found


def drawn(shared: Server, conversation: Conversation, job: Job, review: bool = False) -> AppTest:
    def page(*arguments: object) -> None:
        from ui.answers import show_turn as part

        part(*arguments)  # type: ignore[arg-type]

    test = AppTest.from_function(page, args=(shared, conversation, job), default_timeout=30)
    test.session_state["reviews"] = review
    test.run()
    assert not test.exception, test.exception
    return test


def settle(page: AppTest, conversation: Conversation, job: Job, state: JobState = JobState.DONE) -> AppTest:
    deadline = time.monotonic() + 20
    while conversation.replays[job.id].job.view.state is not state:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page.run()
    assert not page.exception, page.exception
    return page


def buttons(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def test_rows_are_there_by_themselves_and_are_said_to_be_the_same(shared: Server) -> None:
    record(shared, "a" * 12, LEVELS)
    conversation, job = opened(shared, "a" * 12)
    assert job.view.answer is not None and job.view.answer.result is None
    page = settle(drawn(shared, conversation, job), conversation, job)
    assert job.view.answer is not None and job.view.answer.result is not None
    assert job.view.answer.result.row_count == 3 and job.view.answer.reading
    assert any("The same rows as today" in caption.value for caption in page.caption)
    assert "Run the SQL" not in buttons(page) and not page.text_area and not page.warning


def test_rows_that_changed_are_said_and_the_sentence_is_said_to_be_of_then(shared: Server, database: Path) -> None:
    record(shared, "a" * 12, LEVELS)
    shared.assistant.close()
    with duckdb.connect(str(database)) as connection:
        connection.execute("INSERT INTO tides VALUES (99, 'Port 9', 1)")
    with connect(config=shared.assistant.config, store=shared.store) as assistant:
        later = replace_assistant(shared, assistant)
        conversation, job = opened(later, "a" * 12)
        page = settle(drawn(later, conversation, job), conversation, job)
    said = page.warning[0].value.replace("\\", "")
    assert "there were 3 rows and are 4 rows" in said and "The sentence is from today" in said
    assert not any("same rows" in caption.value for caption in page.caption)
    (note,) = page.session_state["kept"][job.id]["notes"]
    assert "today" not in note and "its figures may be out of date" in note, "a file is read on other days"


def replace_assistant(shared: Server, assistant: Assistant) -> Server:
    return Server(assistant, shared.store, Jobs(), ConversationCache())


@pytest.mark.parametrize("case", ["reviewed", "never ran"])
def test_nothing_runs_by_itself_where_sql_is_reviewed_or_nothing_ran_then(shared: Server, case: str) -> None:
    record(shared, "a" * 12, LEVELS, ran=case == "reviewed")
    conversation, job = opened(shared, "a" * 12)
    page = drawn(shared, conversation, job, review=case == "reviewed")
    page.run()
    assert conversation.replays == {} and "Run the SQL" in buttons(page)
    next(button for button in page.button if button.label == "Run the SQL").click().run()
    settle(page, conversation, job)
    assert job.view.answer is not None and job.view.answer.result is not None
    same = any("same rows" in caption.value for caption in page.caption)
    assert same == (case == "reviewed")


def test_heavy_sql_asks_first(shared: Server) -> None:
    sql = HEAVY
    answer = Answer("h" * 12, "All pairs?", Status.ANSWERED, "Many.", sql=sql, session="h", result=None)
    count = shared.assistant.run("SELECT count(*) AS n FROM tides")
    shared.store.record(replace(answer, result=count), url=shared.assistant.url)
    conversation, job = opened(shared, "h" * 12)
    page = settle(drawn(shared, conversation, job), conversation, job, JobState.REVIEW)
    assert {"Run it", "Don't run it"} <= set(buttons(page))
    next(button for button in page.button if button.label == "Don't run it").click().run()
    settle(page, conversation, job)
    assert job.view.answer is not None and job.view.answer.result is None
    assert "Run the SQL" in buttons(page)


@pytest.mark.parametrize("sql", ["SELECT * FROM gone", "DELETE FROM tides", "SELECT * FROM read_csv('/etc/passwd')"])
def test_what_the_guard_or_the_database_refuses_now_is_said_in_its_place(shared: Server, sql: str) -> None:
    result = shared.assistant.run(LEVELS)
    answer = Answer("g" * 12, "?", Status.ANSWERED, "Some.", sql=sql, session="g", result=result)
    shared.store.record(answer, url=shared.assistant.url)
    conversation, job = opened(shared, "g" * 12)
    page = settle(drawn(shared, conversation, job), conversation, job)
    assert len(page.warning) == 1 and not page.error and "Run the SQL" in buttons(page)
    assert shared.assistant.run("SELECT count(*) AS n FROM tides").rows == [(9,)]


def test_dropped_rows_are_restored_in_place(shared: Server) -> None:
    record(shared, "a" * 12, LEVELS)
    conversation = Conversation(None)
    job = Job("How high?", None)
    entry = shared.store.get_entry("a" * 12)
    job.update(answer=Answer(entry.id, entry.question, entry.status, entry.text, sql=entry.sql))
    job.end()
    conversation.add_job(job)
    job.forget_rows()
    page = drawn(shared, conversation, job)
    assert conversation.replays == {}
    next(button for button in page.button if button.label == "Run the SQL").click().run()
    settle(page, conversation, job)
    assert job.view.answer is not None and job.view.answer.result is not None
    job.forget_rows()
    page.run()
    assert "Run the SQL" in buttons(page)


def test_another_owner_finds_nothing(shared: Server) -> None:
    record(shared, "a" * 12, LEVELS, user="ann@example.com")
    assert restore_answer(shared.store, "a" * 12, None, shared.assistant.url) is None
    assert restore_answer(shared.store, "a" * 12, "bob@example.com", shared.assistant.url) is None
    assert restore_answer(shared.store, "a" * 12, "ann@example.com", shared.assistant.url) is not None

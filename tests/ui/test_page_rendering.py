"""What the page draws, read without a browser: answers of other databases, errors in a part of the page, uploads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from nl2sql import Answer, LimitError, Status, connect, load_config, open_store
from ui.answer_actions import _adopt_branch
from ui.answer_state import drop_other_answer_states, get_answer_state
from ui.answers import show_turn
from ui.data_panel import show_data
from ui.downloads import ExportRequest, write_file
from ui.history_panel import restore_answer, show_history
from ui.jobs import Job, Jobs
from ui.page import show_turns
from ui.page_conversations import Conversation, ConversationCache
from ui.page_server import Server
from ui.result_table import show_rows
from ui.table_view import TableView
from ui.upload_panel import show_uploads
from ui.verify_form import find_misfit

DATABASE = "CREATE TABLE sales AS SELECT range AS id FROM range(200)"


@pytest.fixture
def shared(make_database: Callable[..., Path], tmp_path: Path) -> Iterator[Server]:
    """The parts of a page, with a project file, so that everything is offered."""
    (tmp_path / "nl2sql.toml").write_text("[limits]\nseconds = 10\n")
    config = load_config(tmp_path / "nl2sql.toml", url=str(make_database(DATABASE, "opened")))
    with open_store(config) as store, connect(config=config, store=store) as assistant:
        yield Server(assistant, store, Jobs(), ConversationCache())


def drawn(part: Callable[..., object], *arguments: object) -> AppTest:
    """A page that is this part alone."""

    def page(part: object, arguments: list[object]) -> None:
        assert callable(part)
        part(*arguments)

    test = AppTest.from_function(page, args=(part, arguments), default_timeout=30).run()
    assert not test.exception, test.exception
    return test


def labels(page: AppTest) -> set[str]:
    """What can be clicked or opened."""
    boxes = [block.proto.popover.label for block in page.get("popover")]
    return {button.label for button in page.button} | set(boxes)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_answer_of_another_database_says_so_and_is_not_run_on_this_one(shared: Server, elsewhere: bool) -> None:
    answer = Answer("a" * 12, "how many?", Status.ANSWERED, "Two.", sql="SELECT count(*) AS n FROM sales", session="s")
    url = "/elsewhere/other.duckdb" if elsewhere else shared.assistant.url
    shared.store.record(answer, url=url, client="page")
    found = restore_answer(shared.store, answer.id, None, shared.assistant.url)
    assert found is not None
    page = drawn(show_turn, shared, *found)
    offered = {"Run the SQL", "Edit SQL", "Download", "Save as verified"}
    assert labels(page) & offered == (set() if elsewhere else offered)
    assert ["other\\.duckdb" in info.value for info in page.info] == [True] * elsewhere


def test_an_error_of_a_part_stands_in_its_place(shared: Server) -> None:
    job, conversation = Job("rows?", None), Conversation(None)
    sql = "SELECT id FROM sales"
    cut = shared.assistant.run(sql, limits=replace(shared.assistant.config.limits, rows=150))
    job.update(answer=Answer("b" * 12, "rows?", Status.ANSWERED, "", sql=sql, result=cut))
    job.end()
    shared.assistant.close()
    shared.store.close()
    for part, *arguments in (
        (show_data, shared, conversation),
        (show_history, shared, None, conversation),
        (show_turn, shared, conversation, job),
    ):
        page = drawn(part, *arguments)
        assert len(page.error) == 1 and "closed" in page.error[0].value, part
    said = [caption.value for caption in page.caption]
    assert "The first 100 rows of the answer" in said, "what the answer brought is shown all the same"


def test_uploads_of_one_name_stay_apart_in_a_long_open_page(shared: Server) -> None:
    conversation = Conversation(None)
    conversation.last_use -= 1_000_000
    page = drawn(show_uploads, shared, conversation)
    content = b"a\n1\n"
    page.file_uploader[0].set_value([("a?.csv", content, "text/csv"), ("a!.csv", content, "text/csv")]).run()
    assert not page.exception and not page.error
    assert [file.name for file in conversation.files] == ["a_.csv", "a__2.csv"]
    own = shared.get_assistant(conversation)
    assert [own.run(f"SELECT a FROM {upload.table}").rows for upload in own.database.uploads] == [[(1,)], [(1,)]]
    page.file_uploader[0].set_value(("b.parquet", b"nothing", "text/plain")).run()
    assert len(page.error) == 1
    assert [file.name for file in conversation.files] == ["a_.csv", "a__2.csv"]
    conversation.drop_files()
    assert "Add them again" in drawn(show_uploads, shared, conversation).info[0].value


def test_the_guard_says_what_may_be_saved(shared: Server, make_database: Callable[..., Path], tmp_path: Path) -> None:
    leads = tmp_path / "leads.csv"
    leads.write_text("a\n1\n", "utf-8")
    assert find_misfit(shared.assistant, "SELECT 'uploads.x' AS a FROM sales") is None
    with shared.assistant.with_files([leads]) as own:
        for sql in ('SELECT a FROM "uploads"."leads"', 'SELECT a FROM "uploads" . leads'):
            assert own.run(own.database.check_or_raise(sql).sql).rows == [(1,)]
            assert find_misfit(shared.assistant, sql) is not None


def test_a_file_that_would_be_cut_is_not_made(shared: Server) -> None:
    sql = "SELECT i, repeat('x', 1000) AS text FROM range(3000) t(i)"
    assert write_file(shared.assistant, ExportRequest(sql), "csv").count(b"\n") == 3001
    with pytest.raises(LimitError, match="would be incomplete"):
        write_file(shared.assistant, ExportRequest(sql), "csv", max_bytes=1_000_000)


@pytest.mark.parametrize(
    ("sql", "others"), [("SELECT range AS i, sqrt(range) AS f FROM range(5)", 0), ("SELECT uuid() AS u", 1)]
)
def test_a_sort_that_shows_other_rows_than_the_answer_says_so(shared: Server, sql: str, others: int) -> None:
    sql = shared.assistant.database.check_or_raise(sql).sql
    result = shared.assistant.run(sql)

    def sort_and_show() -> None:
        get_answer_state("sorted")["look"] = TableView(order_column=0, is_descending=True)
        show_rows(shared.assistant, sql, result, "sorted")

    said = [caption.value for caption in drawn(sort_and_show).caption]
    assert len([text for text in said if "rows differ from those of the answer" in text]) == others


def test_answer_state_is_dropped_with_the_answer() -> None:
    def page() -> None:
        get_answer_state("put-away")["look"] = get_answer_state("shown")["look"] = 1
        drop_other_answer_states(["shown", "new"])

    held = drawn(page).session_state["kept"]
    assert held == {"shown": {"look": 1}}


def test_two_questions_under_way_in_one_conversation_are_both_shown(shared: Server) -> None:
    conversation = Conversation(None)
    for question in ("first", "second"):
        conversation.add_job(Job(question, None))
    page = drawn(show_turns, shared, conversation)
    assert [header.value for header in page.header] == ["first", "second"]
    assert [button.label for button in page.button] == ["Stop", "Stop"]


def answer_with(shared: Server, status: Status, warnings: tuple[str, ...]) -> tuple[Conversation, Job]:
    conversation, job = Conversation(None), Job("how many?", None)
    job.update(answer=Answer("e" * 12, "how many?", status, "I don't know.", sql="SELECT 1 AS n", warnings=warnings))
    job.end()
    conversation.add_job(job)
    return conversation, job


@pytest.mark.parametrize("status", [Status.ANSWERED, Status.ABSTAINED])
def test_each_warning_of_an_answer_is_said_once(shared: Server, status: Status) -> None:
    warnings = ("no rates are known", "days are missing", "names differ", "a join was added", "times are UTC")
    page = drawn(show_turn, shared, *answer_with(shared, status, warnings))
    said = "\n".join(caption.value for caption in page.caption)
    assert [said.count(warning) for warning in warnings] == [1] * len(warnings)


def test_adopted_sql_stays_in_its_branch_when_it_cannot_run(shared: Server) -> None:
    conversation, job = answer_with(shared, Status.ANSWERED, ())
    own = Job("SELECT nope FROM sales", None)
    own.update(sql="SELECT nope FROM sales")
    own.end()
    conversation.set_branch(job, own)
    shared = Server(shared.assistant, shared.store, Jobs(max_waiting=0), shared.conversations)

    def page() -> None:
        st.button("Continue from this", on_click=_adopt_branch, args=(shared, conversation, job, own))

    drawn(page).button[0].click().run()
    turn = conversation.jobs[-1]
    assert turn is not job and turn.view.error is not None and turn.view.sql == "SELECT nope FROM sales"


def test_deleted_conversation_takes_no_new_turn(shared: Server) -> None:
    conversation, job = answer_with(shared, Status.ANSWERED, ())
    shared.conversations.keep(conversation)
    shared.conversations.forget(conversation.id, None)
    drawn(_adopt_branch, shared, conversation, job, Job("SELECT 1 AS n", None))
    assert conversation.jobs == [job] and shared.conversations.find(conversation.id, None) is None

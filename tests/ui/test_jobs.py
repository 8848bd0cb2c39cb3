"""The page's parts without a browser: jobs and their line, conversations and their owners, text that stays text."""

from __future__ import annotations

import re
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from nl2sql import (
    Answer,
    Assistant,
    CancelledError,
    ConfigError,
    DatabaseError,
    Event,
    EventKind,
    LimitError,
    Limits,
    Result,
    ResultColumn,
    Status,
    UploadFolder,
    connect,
    open_store,
)
from nl2sql.answer.column_facts import ColumnFacts
from nl2sql.answer.display import choose_formats_by_facts
from nl2sql.config import Config
from nl2sql.database import Database
from nl2sql.engines import open_engine
from nl2sql.engines.engine import Capabilities, Engine, FileTables
from nl2sql.importing.file_rules import FileRules
from ui.answer_actions import find_sql
from ui.chart_view import write_metric
from ui.history_panel import restore_answer, restore_conversation
from ui.identity import read_identity
from ui.jobs import Job, Jobs, JobState, Review
from ui.markdown_escape import escape_markdown
from ui.page_conversations import MAX_TURNS_WITH_ROWS, MAX_UPLOAD_CONVERSATIONS, Conversation, ConversationCache
from ui.page_server import Server
from ui.upload_panel import clean_name, name_files, write_and_open_files
from ui.verify_form import make_name


def answer(question: str = "how many?", identifier: str = "a" * 12, session: str | None = None) -> Answer:
    return Answer(identifier, question, Status.ANSWERED, "Seven.", sql="SELECT 7 AS n", session=session)


def with_a_file(cache: Path) -> UploadFolder:
    folder = UploadFolder(cache)
    (folder.path / "leads.csv").write_text("a\n1\n", "utf-8")
    return folder


def done(job: Job, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not job.view.is_done:
        assert time.monotonic() < deadline, job.view
        time.sleep(0.01)


def test_a_jobs_id_can_name_a_component() -> None:
    assert all("_" not in Job("?", None).id for _ in range(200))


def test_how_long_it_usually_takes_is_of_models_alone() -> None:
    jobs = Jobs()

    def asks(job: Job) -> Answer:
        job.was_reviewed = job.question == "reviewed"
        return replace(answer(), model="" if job.question == "own SQL" else "a model")

    for question in ("one", "own SQL", "two", "reviewed"):
        job = Job(question, None)
        jobs.start(job, asks)
        done(job)
    assert jobs.find_usual_seconds() is None, "two say too little"
    job = Job("three", None)
    jobs.start(job, asks)
    done(job)
    assert jobs.find_usual_seconds() is not None


def test_further_jobs_wait_in_the_order_in_which_they_came() -> None:
    jobs, free, order = Jobs(max_running=1), threading.Event(), []

    def work(job: Job) -> Answer:
        free.wait(10)
        order.append(job.question)
        return answer()

    started = [Job(str(n), None) for n in range(4)]
    jobs.start(started[0], work)
    while started[0].view.state is not JobState.RUNNING:
        time.sleep(0.01)
    for job in started[1:]:
        jobs.start(job, work)
    assert [jobs.get_position(job) for job in started] == [0, 1, 2, 3]
    started[2].stop()
    done(started[2])
    assert isinstance(started[2].view.error, CancelledError)
    assert [jobs.get_position(job) for job in started] == [0, 1, 0, 2]
    free.set()
    for job in started:
        done(job)
    assert order == ["0", "1", "3"]


def test_too_long_a_line_is_refused() -> None:
    jobs, free = Jobs(max_running=1, max_waiting=1), threading.Event()

    def work(job: Job) -> Answer:
        free.wait(10)
        return answer()

    first, second, third = (Job(str(n), None) for n in range(3))
    jobs.start(first, work)
    while first.view.state is not JobState.RUNNING:
        time.sleep(0.01)
    jobs.start(second, work)
    jobs.start(third, work)
    assert third.view.is_done and isinstance(third.view.error, LimitError)
    free.set()
    done(second)


def test_a_review_lets_others_run_and_waits_for_the_user() -> None:
    jobs, said = Jobs(max_running=1), []

    def work(job: Job) -> Answer:
        said.append(jobs.await_review(job, Review("SELECT 7")))
        return answer()

    waiting, other = Job("reviewed", None), Job("other", None)
    jobs.start(waiting, work)
    while waiting.view.state is not JobState.REVIEW:
        time.sleep(0.01)
    jobs.start(other, lambda job: answer())
    done(other)
    assert waiting.view.sql == "SELECT 7" and not waiting.view.is_done
    waiting.decide(True, "SELECT 8")
    waiting.decide(False, "SELECT 7")
    done(waiting)
    assert said == [False]


def test_stop_ends_a_review_at_once_and_takes_nobodys_place() -> None:
    jobs, free = Jobs(max_running=1), threading.Event()

    def reviewed(job: Job) -> Answer:
        jobs.await_review(job, Review("SELECT 7"))
        return answer()

    def long(job: Job) -> Answer:
        free.wait(10)
        return answer()

    first, second, third = Job("reviewed", None), Job("long", None), Job("next", None)
    jobs.start(first, reviewed)
    while first.view.state is not JobState.REVIEW:
        time.sleep(0.01)
    jobs.start(second, long)
    while second.view.state is not JobState.RUNNING:
        time.sleep(0.01)
    first.stop()
    done(first, seconds=2)
    jobs.start(third, lambda job: answer())
    time.sleep(0.1)
    assert isinstance(first.view.error, CancelledError) and third.view.state is JobState.WAITING
    free.set()
    done(third)


def test_an_error_ends_the_job_and_makes_room() -> None:
    def fails(job: Job) -> Answer:
        raise ConfigError("no", "yes")

    jobs = Jobs(max_running=1)
    first, second = Job("a", None), Job("b", None)
    jobs.start(first, fails)
    jobs.start(second, lambda job: answer())
    done(first)
    done(second)
    assert isinstance(first.view.error, ConfigError) and second.view.answer is not None


def test_a_bug_is_said_and_its_trace_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    traces: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: traces.append(args.exc_type))

    def breaks(job: Job) -> Answer:
        raise ZeroDivisionError

    job = Job("a", None)
    Jobs().start(job, breaks)
    done(job)
    assert job.view.error is not None and job.view.error.code == "bug"
    deadline = time.monotonic() + 10
    while not traces and time.monotonic() < deadline:
        time.sleep(0.01)
    assert traces == [ZeroDivisionError]


def answered(job: Job) -> weakref.ref[pa.Table]:
    """Have the job be done, with rows: these, for as long as anybody has them."""
    rows = pa.table({"n": [1]})
    result = Result((), rows)
    job.update(answer=Answer("a" * 12, job.question, Status.ANSWERED, "One.", sql="SELECT 1 AS n", result=result))
    job.end()
    return weakref.ref(rows)


def test_old_rows_are_dropped_but_edited_sql_is_kept() -> None:
    conversation = Conversation(None)
    jobs = [Job(f"question {number}", None) for number in range(MAX_TURNS_WITH_ROWS + 1)]
    held, own = [], []
    for job in jobs:
        conversation.add_job(job)
        held.append(answered(job))
        branch = Job("SELECT 2 AS n", None)
        conversation.set_branch(job, branch)
        own.append(answered(branch))
    conversation.add_job(Job("the last", None))
    kept = [False, False, *[True] * (MAX_TURNS_WITH_ROWS - 1)]
    assert [one() is not None for one in held] == [one() is not None for one in own] == kept
    assert {one.question for one in conversation.branches.values()} == {"SELECT 2 AS n"}
    assert len(conversation.branches) == len(jobs)
    conversation.close()
    assert not any(one() for one in (*held, *own))


def test_rows_of_a_replaced_branch_are_dropped_even_if_late() -> None:
    conversation, job = Conversation(None), Job("question", None)
    conversation.add_job(job)
    done, running = Job("SELECT 1 AS n", None), Job("SELECT 2 AS n", None)
    conversation.set_branch(job, done)
    first = answered(done)
    conversation.set_branch(job, running)
    conversation.set_branch(job, Job("SELECT 3 AS n", None))
    second = answered(running)
    assert first() is None and second() is None


def test_rows_stand_with_the_sql_that_gave_them_and_not_with_a_later_one() -> None:
    job, rows = Job("which?", None), Result((), pa.table({"n": [1]}))
    for event in (
        Event(EventKind.SQL, "SELECT 1 AS n"),
        Event(EventKind.ROWS, result=rows),
        Event(EventKind.SQL, "SELECT 2 AS n"),
    ):
        job.handle_event(event)
    job.end(CancelledError("Stopped."))
    assert (job.view.result, job.view.rows_sql, job.view.sql) == (rows, "SELECT 1 AS n", "SELECT 2 AS n")
    assert find_sql(cast("Assistant", None), job) == "SELECT 1 AS n"


def test_question_waits_for_the_running_one_despite_a_stopped_one() -> None:
    conversation = Conversation(None)
    first, second = Job("first?", None), Job("second?", None)
    conversation.add_job(first)
    conversation.add_job(second)
    second.end()
    assert conversation.pending_job is first
    first.end()
    assert conversation.pending_job is None


def test_a_conversation_is_its_owners_alone() -> None:
    conversations = ConversationCache()
    own = Conversation("ann@example.com")
    job = Job("how many?", own.owner)
    own.add_job(job)
    conversations.keep(own)
    assert conversations.find(own.id, "ann@example.com") is own
    assert conversations.find(own.id, "bob@example.com") is None
    assert conversations.find(own.id, None) is None
    assert conversations.find_answer(job.id, "ann@example.com") == (own, job)
    assert conversations.find_answer(job.id, "bob@example.com") is None


def test_idle_conversations_are_dropped_with_their_files(tmp_path: Path) -> None:
    conversations = ConversationCache(idle_seconds=0)
    old = Conversation(None, folder=with_a_file(tmp_path))
    assert old.folder is not None
    path = old.folder.path
    conversations.keep(old)
    time.sleep(0.01)
    conversations.keep(Conversation(None))
    assert not path.exists() and conversations.find(old.id, None) is None
    assert old.files == [] and old.has_lost_files


def test_conversation_in_use_keeps_its_files(tmp_path: Path) -> None:
    conversations = ConversationCache(idle_seconds=60)
    open_one, found = Conversation(None, folder=with_a_file(tmp_path)), Conversation(None)
    for one in (open_one, found):
        conversations.keep(one)
    for one in (open_one, found):
        one.last_use -= 100
    assert conversations.find(found.id, None) is found
    assert conversations.keep(open_one) is open_one
    conversations.keep(Conversation(None))
    assert open_one.folder is not None and open_one.folder.path.exists()
    assert conversations.find(open_one.id, None) is open_one and conversations.find(found.id, None) is found
    open_one.close()


def test_same_id_is_one_conversation_for_each_owner() -> None:
    conversations = ConversationCache()
    first = conversations.keep(Conversation("ann", id="s"))
    assert conversations.keep(Conversation("ann", id="s")) is first
    other = Conversation("bob", id="s")
    assert conversations.keep(other) is other
    assert conversations.find("s", "ann") is first and conversations.find("s", "bob") is other


def test_the_oldest_files_go_where_too_many_conversations_have_some(tmp_path: Path) -> None:
    conversations = ConversationCache()
    busy, *others = [Conversation(None, folder=with_a_file(tmp_path)) for _ in range(MAX_UPLOAD_CONVERSATIONS + 1)]
    busy.add_job(Job("still asked", None))
    for one in (busy, *others):
        conversations.keep(one)
    assert [one.has_lost_files for one in (busy, *others)] == [False, True, *[False] * (MAX_UPLOAD_CONVERSATIONS - 1)]
    assert conversations.find(others[0].id, None) is others[0], "the conversation itself stays"
    for one in (busy, *others):
        one.close()


def test_a_database_with_uploads_rests_and_is_opened_again(
    make_database: Callable[..., Path], tmp_path: Path, home: Path
) -> None:
    conversations, conversation = ConversationCache(rest_seconds=60), Conversation(None)
    sql = "SELECT count(*) AS n FROM uploads.leads"
    with (
        connect(str(make_database("CREATE TABLE t AS SELECT 1 AS a"))) as assistant,
        open_store(Config(home=home)) as store,
    ):
        shared = Server(assistant, store, Jobs(), conversations)
        assert shared.get_assistant(conversation) is assistant
        conversation.folder = assistant.database.make_upload_folder()
        assert conversation.folder.path.is_relative_to(home)
        (conversation.folder.path / "leads.csv").write_text("a\n1\n2\n", "utf-8")
        conversations.keep(conversation)
        own = shared.get_assistant(conversation)
        assert own.run(sql).rows == [(2,)]
        conversation.last_use -= 100
        conversations.keep(Conversation(None))
        assert conversation.upload_assistant is None
        with pytest.raises(DatabaseError, match="closed"):
            own.run(sql)
        assert shared.get_assistant(conversation).run(sql).rows == [(2,)]
        conversation.set_upload_assistant(None)
        conversation.files[0].write_bytes(b"\0")
        conversation.files[0].rename(conversation.folder.path / "leads.parquet")
        assert shared.get_assistant(conversation) is assistant and conversation.has_lost_files
        conversation.close()


class BrokenImports:
    """An engine whose imports fail in a way that nobody expected."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    @property
    def capabilities(self) -> Capabilities:
        return replace(self._engine.capabilities, file_tables=cast(FileTables, self))

    def attach_files(
        self, files: Sequence[Path], limits: Limits, workers: int = 1, rules: Mapping[str, FileRules] | None = None
    ) -> Engine:
        raise MemoryError


def test_unreadable_files_are_dropped(make_database: Callable[..., Path], tmp_path: Path, home: Path) -> None:
    config = Config(home=home)
    engine = open_engine(str(make_database("CREATE TABLE t AS SELECT 1 AS a")), config.limits, tmp_path)
    assistant = Assistant(Database(cast(Engine, BrokenImports(engine)), config))
    with assistant, open_store(config) as store:
        shared = Server(assistant, store, Jobs(), ConversationCache())
        reopened, added = Conversation(None, folder=with_a_file(tmp_path)), Conversation(None)
        with pytest.raises(MemoryError):
            shared.get_assistant(reopened)
        assert reopened.has_lost_files and reopened.folder is None and reopened.upload_error is not None
        assert shared.get_assistant(reopened) is assistant

        added.folder = with_a_file(tmp_path)
        added.original_names["leads.csv"] = "leads.csv"
        record = UploadedFileRec("1", "leads.csv", "text/csv", b"a\n1\n2\n")
        new = {name: UploadedFile(record, FileURLs()) for name in ("leads.csv", "more.csv")}
        with pytest.raises(MemoryError):
            write_and_open_files(shared, added, added.folder.path, new)
        assert [file.name for file in added.folder.path.iterdir()] == ["leads.csv"]
        assert added.files[0].read_text("utf-8") == "a\n1\n" and added.original_names == {"leads.csv": "leads.csv"}
        added.close()


def test_removed_files_are_not_listed(tmp_path: Path) -> None:
    conversation = Conversation(None, folder=with_a_file(tmp_path))
    assert conversation.folder is not None
    shutil.rmtree(conversation.folder.path)
    assert conversation.files == []
    conversation.close()


def test_files_of_one_name_are_numbered() -> None:
    assert name_files(["a?.csv", "a!.csv", "A_.csv", "b.csv"], {}) == ["a_.csv", "a__2.csv", "A__3.csv", "b.csv"]
    assert name_files(["b.csv", "b.csv"], {}) == ["b.csv", "b_2.csv"]
    assert name_files(["b.csv"], {"b.csv": "b.csv"}) == ["b.csv"], "a newer file takes the place of the older one"
    assert name_files(["a!.csv"], {"a_.csv": "a?.csv"}) == ["a__2.csv"]


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("leads.csv", "leads.csv"),
        ("../../etc/x.csv", "x.csv"),
        ("..\\x.csv", "x.csv"),
        ("a\nb'\";.csv", "a_b___.csv"),
        ("....csv", "file.csv"),
        ("Łódź 2025 (1).xlsx", "Łódź 2025 (1).xlsx"),
        ("\U00020000" * 80 + ".csv", "\U00020000" * 50 + ".csv"),
        ("a." + "x" * 300, "a." + "x" * 10),
    ],
)
def test_names_of_uploaded_files_are_made_safe(given: str, safe: str) -> None:
    assert clean_name(given) == safe


@pytest.mark.parametrize(
    ("question", "name"),
    [("How many orders?", "how_many_orders"), ("2025?", "q_2025"), ("?", "q"), ("a " * 50, "a" + "_a" * 19)],
)
def test_question_makes_a_query_name(question: str, name: str) -> None:
    assert make_name(question) == name


def test_the_store_gives_back_a_conversation_and_an_answer_to_their_owner(home: Path) -> None:
    with open_store(Config(home=home)) as store:
        store.record(answer("first?", "1" * 12, "s1"), url="x", user="ann", client="page")
        store.record(answer("second?", "2" * 12, "s1"), url="x", user="ann", client="page")
        found = restore_conversation(store, "s1", "ann", "x")
        assert found is not None and [job.question for job in found.jobs] == ["first?", "second?"]
        assert all(job.view.is_done and job.history_entry for job in found.jobs)
        assert restore_conversation(store, "s1", "bob", "x") is None
        one = restore_answer(store, "2" * 12, "ann", "x")
        assert one is not None and one[1].question == "second?"
        assert restore_answer(store, "2" * 12, "bob", "x") is None
        assert restore_answer(store, "22", "ann", "x") is None, "the beginning of an id is no link"


@pytest.mark.parametrize(
    ("claims", "identity"),
    [
        ({"iss": "https://a.b", "sub": "7"}, "https://a.b 7"),
        ({"iss": "https://a.b", "sub": "7", "email": "ann@x.y", "email_verified": True}, "ann@x.y"),
        ({"iss": "https://a.b", "sub": "7", "email": "ann@x.y", "email_verified": False}, "https://a.b 7"),
        ({"iss": "https://a.b", "sub": "7", "email": "ann@x.y", "email_verified": "false"}, "https://a.b 7"),
        ({"iss": "https://a.b", "sub": "7", "email": "ann@x.y"}, "https://a.b 7"),
        ({"email": "ann@x.y", "email_verified": True}, None),
        ({"iss": "https://a.b", "sub": ""}, None),
        ({"sub": "7"}, None),
        ({}, None),
    ],
)
def test_unverified_claims_do_not_impersonate(claims: dict[str, object], identity: str | None) -> None:
    assert read_identity(claims) == identity


@pytest.mark.parametrize(
    "text", ["![x](http://a.b/c)", "<img src=x>", "http://a.b", "www.a.b", "a@b.c", "$x$", ":red[x]", "# x\n\n- y"]
)
def test_escape_markdown_leaves_no_markup(text: str) -> None:
    made = escape_markdown(text)
    assert "\n" not in made and "http:" not in made and "://" not in made and "www." not in made
    assert all(made[at - 1] == "\\" for at, sign in enumerate(made) if sign in "[]()<>!$#:`*_")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (12345678901234567890123, "12,345,678,901,234,567,890,123"),
        (Decimal("-123456789012345678901234567890.12"), "-123,456,789,012,345,678,901,234,567,890.12"),
        (1.5, "1.5"),
        (0.00000123, "0.00000123"),
        (int("9" * 300), ",".join(["999"] * 100)),
        (True, "true"),
        ("**a text that is long** and not a number", "**a text that is long**…"),
        ("$1$ :red[x]", "$1$ :red[x]"),
    ],
)
def test_a_large_number_keeps_its_digits_and_a_text_stays_text(value: object, shown: str) -> None:
    facts = ColumnFacts()
    facts.observe([value])
    (how,) = choose_formats_by_facts(
        [ResultColumn("v", "DECIMAL(38,2)" if isinstance(value, Decimal) else "X")], [facts]
    )
    made = write_metric(value, how)
    assert re.sub(r"\\(?=[^\w\s])", "", made).replace("\u2060", "") == shown
    assert all(made[at - 1] == "\\" for at, sign in enumerate(made) if sign in "*$:[]-")


def test_escape_markdown_cuts_long_text() -> None:
    assert len(escape_markdown("x" * 500)) == 120

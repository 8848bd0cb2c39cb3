"""The rows of an earlier answer: its SQL is run again, and changes are shown.

It runs under the same guard and limits as any SQL. Nothing runs by itself while SQL is reviewed, on another database,
or where nothing ran the first time; very heavy SQL is shown first.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

import streamlit as st

from nl2sql import Answer, Assistant, ConfigError, HistoryEntry, ReplayDiff, Status
from ui.answer_state import get_answer_state
from ui.error_text import show_error
from ui.history_panel import describe_time
from ui.jobs import Job
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Conversation, Replay
from ui.page_server import Server
from ui.progress import follow_job
from ui.submission import prepare_review
from ui.switches import is_review_on

_MAX_NOTE_CHARS: Final = 400


def restore_answer_rows(shared: Server, conversation: Conversation, job: Job, answer: Answer) -> Answer:
    """Return the answer with its rows once they are there; until then show the progress, or how to get them.

    Rows that were read again are compared with those of the first run.
    """
    held = conversation.replays.get(job.id)
    if answer.result is not None:
        if held is not None and held.changes is not None:
            _show_changes(held.changes, job, answer)
        return answer
    if job.other_database:
        name = escape_markdown(job.other_database, 200)
        st.info(f"This was asked of another database: {name}. Open the page with it (--db) to run the SQL again.")
        return answer
    if (
        held is None
        and job.history_entry is not None
        and job.history_entry.row_count is not None
        and not is_review_on()
    ):
        held = start_replay(shared, conversation, job)
    if held is None:
        _show_run_button(shared, conversation, job, _explain_missing_rows(answer, job))
        return answer
    if not follow_job(shared, shared.get_assistant(conversation), held.job):
        return answer
    view = held.job.view
    if view.answer is None or view.answer.result is None:
        if view.error is not None:
            show_error(view.error)
        ran = "" if view.error else "Rows are kept for a short time only."
        _show_run_button(shared, conversation, job, ran if view.error or held.run_at else "Not run.")
        return answer
    if held.changes is not None:
        _show_changes(held.changes, job, answer)
    answer = replace(answer, result=view.answer.result, reading=view.answer.reading)
    job.restore_rows(answer)
    # The answer has the rows now.
    held.job.forget_rows()
    return answer


def start_replay(shared: Server, conversation: Conversation, job: Job) -> Replay:
    """Run the SQL of an answer again; return the run that is under way, if there is one."""
    answer = job.view.answer
    assert answer is not None
    entry = job.history_entry or _find_entry(shared, job, answer)
    own = Replay(Job(answer.question, job.owner))
    held = conversation.replays.setdefault(job.id, own)
    if held is own:
        assistant = shared.get_assistant(conversation)
        shared.jobs.start(own.job, lambda _: run_replay(shared, assistant, own, answer, entry))
    return held


def run_replay(
    shared: Server,
    assistant: Assistant,
    replay: Replay,
    answer: Answer,
    entry: HistoryEntry | None,
    *,
    is_review_required: bool = False,
) -> Answer:
    """Run the SQL, and compare its rows with those of the entry; return no rows where the user declines.

    Heavy SQL is shown before it runs; with `is_review_required`, all SQL is.
    """
    job, sql = replay.job, answer.sql or ""
    job.update(activity="Checking the SQL")
    checked = assistant.database.check_or_raise(sql, cancel=job.token)
    review = prepare_review(assistant, checked, job)
    ended = Answer(job.id, answer.question, answer.status, "", sql=sql)
    if (is_review_required or review.rows is not None) and not shared.jobs.await_review(job, review):
        return ended
    job.update(activity="Running the query")
    replay.run_at = dt.datetime.now(dt.UTC)
    if entry is not None and entry.row_count is not None:
        replay.changes = assistant.replay(entry, cancel=job.token)
        result = replay.changes.result
        # Only the answer holds the rows, and drops them when it is old.
        replay.changes = replace(replay.changes, result=replace(result, table=result.table.slice(0, 0)))
    else:
        result = assistant.run(sql, cancel=job.token)
    return replace(ended, result=result, reading=assistant.database.explain_sql(checked.sql))


def describe_changes(changes: ReplayDiff, sentence: str, answered_at: str) -> str:
    """Return what changed since `answered_at`; empty where the rows are the same."""
    if changes.is_same:
        return ""
    causes = [text for name, text in changes.causes.items() if name in ("schema", "policy", "settings")]
    said = f"Changed since {answered_at}: {'; '.join(changes.differences)}." + "".join(
        f" Since then {cause}." for cause in causes
    )
    return said + (f" The sentence is from {answered_at}: its figures may be out of date." if sentence else "")


def _show_changes(changes: ReplayDiff, job: Job, answer: Answer) -> None:
    """Show whether the rows are the same as in the first run, and note it for files made of the answer."""
    at = changes.entry.at
    if said := describe_changes(changes, answer.text, describe_time(at)):
        # A file is read on other days.
        get_answer_state(job.id)["notes"] = [
            describe_changes(changes, answer.text, f"{at.astimezone():%Y-%m-%d %H:%M}")
        ]
        st.warning(escape_markdown(said, _MAX_NOTE_CHARS), icon=":material/history:")
    else:
        st.caption(f":material/check: The same rows as {escape_markdown(describe_time(at))}.")


def _find_entry(shared: Server, job: Job, answer: Answer) -> HistoryEntry | None:
    """Return the history entry of an answer that was given here; None where it was not recorded."""
    try:
        entry = shared.store.get_entry(answer.id, user=job.owner)
    except ConfigError:
        return None
    return entry if entry.sql == answer.sql else None


def _explain_missing_rows(answer: Answer, job: Job) -> str:
    """Return why there is SQL but no rows."""
    if answer.status is Status.ABSTAINED:
        return "The rows are held back."
    if answer.confidence is None and job.history_entry is None:
        return "Not run."
    if job.history_entry is not None and job.history_entry.row_count is None:
        return "This query has not run."
    return "Rows are kept for a short time only."


def _show_run_button(shared: Server, conversation: Conversation, job: Job, why: str) -> None:
    """Show the button that runs the SQL."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if why:
            st.caption(why)
        st.button(
            "Run the SQL",
            key=f"again-{job.id}",
            icon=":material/play_arrow:",
            on_click=_run_again,
            args=(shared, conversation, job),
        )


def _run_again(shared: Server, conversation: Conversation, job: Job) -> None:
    conversation.replays.pop(job.id, None)
    start_replay(shared, conversation, job)

"""Start questions as jobs, and suggest what to ask.

The work itself is the assistant's, on a thread of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from nl2sql import Answer, Assistant, BugError, CheckedSQL, LimitError
from ui.jobs import Job, Review
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Conversation
from ui.page_server import Choice, Server

MIN_HEAVY_ROWS: Final = 1_000_000_000
# Each that waits has a thread of the server.
MAX_WAITING_QUESTIONS: Final = 10


@dataclass(frozen=True, slots=True)
class AskSettings:
    """What the user has set for a question: the tables that it is about, whether SQL is reviewed, model and time."""

    tables: Sequence[str]
    reviews_sql: bool
    choice: Choice


def ask(shared: Server, conversation: Conversation, question: str, settings: AskSettings) -> Job:
    """Start answering after the running question has ended, and put the conversation's id into the URL.

    SQL is shown before it runs where it is reviewed, and where the engine estimates that it handles very many rows.
    """
    job = Job(question, conversation.owner)
    work = _prepare_work(shared, conversation, job, settings)
    before = conversation.pending_job
    waiting = sum(not one.view.is_done for one in conversation.jobs)
    conversation.add_job(job)
    shared.conversations.keep(conversation)
    st.query_params.from_dict({"session": conversation.id})
    if waiting >= MAX_WAITING_QUESTIONS:
        hint = "Ask again when some are answered, or stop some."
        job.end(LimitError(f"{waiting} questions are already waiting in this conversation", hint, limit="queue"))
    else:
        shared.jobs.start(job, work, after=before)
    return job


def _prepare_work(
    shared: Server, conversation: Conversation, job: Job, settings: AskSettings
) -> Callable[[Job], Answer]:
    """Return what answers the question on a thread of the server."""
    assistant = shared.get_configured_assistant(conversation, settings.choice)
    session = assistant.open_session(conversation.id, user=conversation.owner)

    def await_approval(checked: CheckedSQL) -> bool:
        return shared.jobs.await_review(job, prepare_review(assistant, checked, job))

    def answer_question(job: Job) -> Answer:
        events = assistant.stream(
            job.question,
            session=session,
            user=job.owner,
            tables=settings.tables,
            approve=await_approval,
            approve_above_rows=None if settings.reviews_sql else MIN_HEAVY_ROWS,
            cancel=job.token,
        )
        for event in events:
            job.handle_event(event)
        if job.view.answer is None:
            raise BugError("the question ended without an answer")
        return job.view.answer

    return answer_question


def prepare_review(assistant: Assistant, checked: CheckedSQL, job: Job) -> Review:
    """Return what a person is shown of SQL before it runs; rows are given for heavy queries only."""
    rows = assistant.database.estimate(checked.sql, cancel=job.token)
    heavy = rows if rows is not None and rows > MIN_HEAVY_ROWS else None
    return Review(assistant.database.format_sql(checked.sql), assistant.database.explain_sql(checked.sql), heavy)


def show_suggestions(questions: Sequence[str], key: str, *, original_question: str = "") -> None:
    """Show buttons that ask these questions; each clarifies `original_question` where that is given."""
    with st.container(horizontal=True, gap="small", key=key):
        for position, question in enumerate(questions):
            st.button(
                escape_markdown(question),
                key=f"{key}-{position}",
                on_click=submit_question,
                args=(f"{original_question} ({question})" if original_question else question,),
                icon=":material/arrow_forward:",
            )


def take_clicked_question() -> str | None:
    """Return the question that a button has just asked, once."""
    question: str | None = st.session_state.pop("chosen", None)
    return question


def submit_question(question: str) -> None:
    """Ask this question; for buttons."""
    st.session_state["chosen"] = question
    # The button may be in an answer, which is drawn by itself; the whole page asks.
    st.rerun()


def prefill_question(question: str) -> None:
    """Put this question into the box, to be edited; for buttons."""
    st.session_state["question"] = question
    st.rerun()


def show_follow_ups(assistant: Assistant, job: Job) -> None:
    """Show suggestions for what to ask after the last answer."""
    answer = job.view.answer if not job.other_database else None
    if answer is not None and (questions := assistant.database.suggest_follow_ups(answer)):
        show_suggestions(questions, "next")

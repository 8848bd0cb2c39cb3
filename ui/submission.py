"""Asking: what a question becomes, where its answer is worked out, and what is offered to ask.

The work itself is the assistant's, on a thread of the server.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def ask(
    shared: Server,
    conversation: Conversation,
    question: str,
    *,
    tables: Sequence[str],
    review: bool,
    choice: Choice,
) -> Job:
    """Start answering, once the question under way is answered, and put the conversation's id into the address.

    The SQL is shown before it runs with `review`, and where the engine guesses that it handles very many rows.
    """
    job = Job(question, conversation.owner)
    assistant, owner = shared.get_configured_assistant(conversation, choice), conversation.owner
    session = assistant.open_session(conversation.id, user=owner)

    def await_approval(checked: CheckedSQL) -> bool:
        return shared.jobs.await_review(job, prepare_review(assistant, checked, job))

    def answer_question(job: Job) -> Answer:
        events = assistant.stream(
            question,
            session=session,
            user=owner,
            tables=tables,
            approve=await_approval,
            approve_above_rows=None if review else MIN_HEAVY_ROWS,
            cancel=job.token,
        )
        for event in events:
            job.handle_event(event)
        if job.view.answer is None:
            raise BugError("the question ended without an answer")
        return job.view.answer

    before = conversation.pending_job
    waiting = sum(not one.view.is_done for one in conversation.jobs)
    conversation.add_job(job)
    shared.conversations.keep(conversation)
    st.query_params.from_dict({"session": conversation.id})
    if waiting >= MAX_WAITING_QUESTIONS:
        hint = "Ask again when some are answered, or stop some."
        job.end(LimitError(f"{waiting} questions are already waiting in this conversation", hint, limit="queue"))
    else:
        shared.jobs.start(job, answer_question, after=before)
    return job


def prepare_review(assistant: Assistant, checked: CheckedSQL, job: Job) -> Review:
    """What a person sees of SQL before it runs; its rows are counted only where they are very many."""
    rows = assistant.database.estimate(checked.sql, cancel=job.token)
    heavy = rows if rows is not None and rows > MIN_HEAVY_ROWS else None
    return Review(assistant.database.format_sql(checked.sql), assistant.database.explain_sql(checked.sql), heavy)


def show_suggestions(questions: Sequence[str], key: str, *, original_question: str = "") -> None:
    """Buttons that ask these questions; with `original_question`, each says what is meant by that one."""
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
    """The question that a button has just asked, once."""
    question: str | None = st.session_state.pop("chosen", None)
    return question


def submit_question(question: str) -> None:
    """What a button does that asks this question."""
    st.session_state["chosen"] = question
    # The button may be in an answer, which is drawn by itself; the whole page asks.
    st.rerun()


def prefill_question(question: str) -> None:
    """What a button does that puts this question into the box, to be changed."""
    st.session_state["question"] = question
    st.rerun()


def show_follow_ups(assistant: Assistant, job: Job) -> None:
    """What the last answer leads to."""
    answer = job.view.answer if not job.other_database else None
    if answer is not None and (questions := assistant.database.suggest_follow_ups(answer)):
        show_suggestions(questions, "next")

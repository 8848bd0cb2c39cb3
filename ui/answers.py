"""A finished answer: the sentence, the rows, the chart, the SQL and what speaks for and against it.

It draws what the Answer says. What can be done with an answer is in `actions`.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from nl2sql import Answer, Status
from ui.actions import is_edited, run_again, show_actions, show_branch
from ui.asking import next_questions
from ui.charts import is_metric, show_chart, show_metrics
from ui.conversations import Conversation
from ui.cost import cost
from ui.errors import errors_shown, say_error, show_error
from ui.feedback import show_thumbs
from ui.jobs import Job
from ui.kept import kept
from ui.parameters import show_approval, show_parameters
from ui.plain import plain
from ui.progress import follow
from ui.rows import read_formats, show_rows
from ui.server import Server

_LEVELS: Final = {
    "high": (":material/verified:", "High confidence"),
    "check": (":material/rule:", "Check this"),
    "low": (":material/warning:", "Low confidence"),
}


@st.fragment
@errors_shown
def show_turn(shared: Server, conversation: Conversation, job: Job, *, asks_next: bool = False) -> None:
    """A question under way, or its answer once it is there; with `asks_next`, what can be asked next too."""
    if not follow(shared, shared.assistant_of(conversation), job):
        return
    _show_answer(shared, conversation, job)
    if asks_next:
        next_questions(shared.assistant_of(conversation), job)


def _show_answer(shared: Server, conversation: Conversation, job: Job) -> None:
    """Everything about the answer of a finished job."""
    view, assistant = job.view, shared.assistant_of(conversation)
    if view.answer is None:
        if view.error is not None:
            show_error(view.error)
            if view.sql:
                st.code(assistant.formatted(view.sql), language="sql", wrap_lines=True)
        return
    answer = view.answer
    if answer.text:
        with st.container(key=f"said-{job.id}"):
            st.text(answer.text)
    if answer.error is not None:
        _failure(answer)
    if answer.clarification is not None:
        for option in answer.clarification.options:
            st.text(f"• {option}")
    if answer.sql:
        _body(shared, conversation, job, answer)
        if not job.elsewhere and is_edited(conversation, job):
            show_branch(shared, conversation, job, answer)


def _failure(answer: Answer) -> None:
    assert answer.error is not None
    rule = f" ({answer.error.rule})" if answer.error.rule else ""
    say_error(answer.error.message + rule, answer.error.hint, refused=answer.status is Status.REFUSED)
    tried = [str(step.arguments["query"]) for step in answer.steps if "query" in step.arguments]
    if tried:
        st.caption("The SQL was:")
        st.code(tried[-1], language="sql", wrap_lines=True)


def _body(shared: Server, conversation: Conversation, job: Job, answer: Answer) -> None:
    assistant, sql, key = shared.assistant_of(conversation), answer.sql or "", job.id
    left, right = st.columns([3, 2], gap="medium")
    with left:
        if answer.result is None:
            _no_rows(answer, job)
        elif is_metric(answer.result):
            show_metrics(answer.result, read_formats(assistant, sql, answer.result, key))
        elif answer.result.row_count:
            show_rows(assistant, sql, answer.result, key)
        else:
            st.caption("No rows.")
        actions = st.container()
    with right:
        if answer.result is not None:
            alt = f"Chart of: {answer.question}"
            kept(key)["spec"] = show_chart(assistant, sql, answer.result, key, title=answer.question, alt=alt)
        st.code(assistant.formatted(sql), language="sql", wrap_lines=True)
        _trust(answer)
        if not job.elsewhere and answer.verified_query:
            query = {one.name: one for one in assistant.verified_queries}.get(answer.verified_query)
            show_parameters(answer, query, key, lambda sql: run_again(shared, conversation, job, sql))
    with actions:
        if job.elsewhere:
            # Its SQL is of that database: run on this one it would answer another question.
            show_thumbs(shared.store, conversation.owner, answer.id, job.id)
        else:
            # After the chart, which the downloads offer too.
            show_actions(shared, conversation, job, answer)


def _no_rows(answer: Answer, job: Job) -> None:
    """Why there is SQL and no rows: it was not let run, its rows were let go of, or its database is not open."""
    if job.elsewhere:
        name = plain(job.elsewhere, 200)
        st.info(f"This was asked of another database: {name}. Open the page with it (--db) to run the SQL again.")
    elif answer.confidence is None and not job.remembered:
        st.info("Not run: you did not let it. Run the SQL now, or edit it first.", icon=":material/block:")
    else:
        st.info("The rows of older answers are not kept. Run the SQL again to see them.")


def _trust(answer: Answer) -> None:
    """Confidence, warnings, what was changed in the SQL, what it does, what figures rest on, time and cost."""
    for warning in answer.warnings:
        st.caption(f":material/info: {plain(warning, 400)}")
    if answer.confidence is not None:
        icon, label = _LEVELS[answer.confidence.level]
        reasons = plain("; ".join(answer.confidence.reasons), 400)
        st.caption(f"{icon} **{label}**" + (f": {reasons}" if reasons else ""))
    show_approval(answer)
    if answer.reading:
        with st.expander("What the SQL does", type="compact"):
            for line in answer.reading:
                st.text(line)
            for figure in answer.grounding.basis if answer.grounding else ():
                st.text(f"{figure.text}: {figure.basis}")
    st.caption(plain(cost(answer), 300))

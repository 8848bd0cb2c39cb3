"""A finished answer: sentence, confidence and warnings, chart, rows, and details to open.

It draws what the Answer says. What can be done with an answer is in `answer_actions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import streamlit as st

from nl2sql import Answer, Assistant, Result, Status, list_cuts
from ui.answer_actions import (
    find_sql,
    is_edited,
    show_actions,
    show_branch,
    show_remedies,
    start_branch,
    start_branch_and_redraw,
)
from ui.answer_state import get_answer_state
from ui.chart_view import is_metric, show_chart, show_metrics
from ui.error_text import show_error, show_errors_in_place, show_message
from ui.feedback import show_thumbs
from ui.jobs import Job
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Conversation
from ui.page_server import Server
from ui.parameter_form import show_approval, show_parameters
from ui.progress import follow_job
from ui.replays import restore_answer_rows
from ui.request_log import describe_cost
from ui.result_table import read_formats, show_rows, write_row_count
from ui.submission import show_follow_ups, show_suggestions
from ui.turn_arrival import announce, bring_into_view

_LEVELS: Final = {
    "high": (":material/verified:", "High confidence"),
    "check": (":material/rule:", "Check this"),
    "low": (":material/warning:", "Low confidence"),
}
# More warnings would push the chart out of sight.
_MAX_DOUBTS: Final = 3
_MAX_DOUBT_CHARS: Final = 300
_MAX_REASON_CHARS: Final = 400
_MAX_SUMMARY_CHARS: Final = 90


@st.fragment
@show_errors_in_place
def show_turn(shared: Server, conversation: Conversation, job: Job, *, is_last: bool = False) -> None:
    """Show the progress of a question, or its answer; the last turn scrolls into view and suggests follow-ups."""
    if job.typed_text != job.question:
        st.caption(
            escape_markdown(
                f"You wrote “{job.typed_text}”. The part about the chart changed only the chart.", _MAX_REASON_CHARS
            )
        )
    bring_into_view(
        job.id,
        f"turn-{job.id}",
        should_scroll=is_last,
        is_pending=not job.view.is_done,
        is_waiting=_is_waiting(conversation, job),
    )
    if not follow_job(shared, shared.get_assistant(conversation), job):
        return
    announce(job.id, _write_announcement(job))
    _show_answer(shared, conversation, job)
    if is_last:
        show_follow_ups(shared.get_assistant(conversation), job)


def _is_waiting(conversation: Conversation, job: Job) -> bool:
    """Return whether the turn waits for the one above: then the page does not scroll away from what is being read."""
    jobs = conversation.jobs
    return job in jobs[1:] and not jobs[jobs.index(job) - 1].view.is_done


def summarize(job: Job) -> str:
    """Return the sentence or the error of a question."""
    answer, error = job.view.answer, job.view.error
    if answer is not None:
        return answer.error.message if answer.error is not None else answer.text
    return error.message if error is not None else ""


def _write_announcement(job: Job) -> str:
    """Return what screen readers are told of an answer."""
    answer, error = job.view.answer, job.view.error
    if answer is None:
        return f"Not answered: {error.message.rstrip('.')}" if error is not None else "Not answered"
    if answer.error is not None:
        return f"Not answered: {answer.error.message}"
    rows = f"{answer.result.row_count:,} row{'' if answer.result.row_count == 1 else 's'}. " if answer.result else ""
    return f"{rows}{answer.text}"


def _show_answer(shared: Server, conversation: Conversation, job: Job) -> None:
    """Show all parts of a finished answer."""
    view, answer = job.view, job.view.answer
    if answer is None:
        if view.error is not None:
            show_error(view.error)
        if view.result is not None and view.rows_sql:
            st.caption("The query had already run. These are its rows, unchecked and without a sentence.")
            _show_result(shared.get_assistant(conversation), view.rows_sql, job.question, view.result, job.id, None)
    else:
        _show_sentence(answer, job)
        if answer.clarification is not None:
            show_suggestions(answer.clarification.options, f"options-{job.id}", original_question=job.question)
        if answer.sql and not answer.error:
            _show_body(shared, conversation, job, answer)
    if answer is None or answer.error is not None or answer.status is not Status.ANSWERED:
        show_remedies(shared, conversation, job)
    if not job.other_database and is_edited(conversation, job):
        show_branch(shared, conversation, job)
    _show_details(shared.get_assistant(conversation), job)


def _show_sentence(answer: Answer, job: Job) -> None:
    """Show the sentence, its confidence and its warnings."""
    show_approval(answer)
    if answer.text and (answer.error is None or answer.text != answer.error.message):
        kind = "said" if answer.status is Status.ANSWERED else "reply"
        with st.container(key=f"{kind}-{job.id}"):
            st.text(answer.text)
    if answer.error is not None:
        show_message(answer.error.message, answer.error.hint, is_refusal=answer.status is Status.REFUSED)
    if answer.status is Status.ABSTAINED:
        # The sentence itself says why.
        return
    doubts = _list_doubts(answer)
    if answer.confidence is not None:
        icon, label = _LEVELS[answer.confidence.level]
        reasons = escape_markdown("; ".join(answer.confidence.reasons), _MAX_REASON_CHARS)
        # A single reason that holds for each answer of a model is no call to look at this one.
        calls = answer.confidence.level == "low" or len(answer.confidence.reasons) > 1
        with st.container(key=f"trust-{'amber' if calls else 'plain'}-{job.id}"):
            st.caption(f"{icon} **{label}**" + (f": {reasons}" if reasons else ""))
    if doubts:
        with st.container(key=f"doubts-{job.id}", gap="xsmall"):
            for doubt in doubts[:_MAX_DOUBTS]:
                st.caption(f":material/info: {escape_markdown(doubt, _MAX_DOUBT_CHARS)}")
            if len(doubts) > _MAX_DOUBTS:
                st.caption(f"{len(doubts) - _MAX_DOUBTS} more in the details below the rows.")


def _list_doubts(answer: Answer) -> list[str]:
    """Return the warnings, without those about cut rows: the table shows them."""
    cuts = list_cuts(answer.result.row_count, answer.result.truncated, 0) if answer.result else ()
    return [warning for warning in answer.warnings if warning not in cuts]


def _show_body(shared: Server, conversation: Conversation, job: Job, answer: Answer) -> None:
    """Show chart, rows and actions."""
    assistant, key = shared.get_assistant(conversation), job.id
    answer = restore_answer_rows(shared, conversation, job, answer)
    if answer.result is not None:
        run = None if job.other_database else lambda own: start_branch_and_redraw(shared, conversation, job, own)
        _show_result(assistant, answer.sql or "", answer.question, answer.result, key, run)
    if not job.other_database and answer.verified_query:
        query = {one.name: one for one in assistant.verified_queries}.get(answer.verified_query)
        show_parameters(answer, query, key, lambda sql: start_branch(shared, conversation, job, sql))
    if job.other_database:
        # Its SQL is of that database: run on this one it would answer another question.
        show_thumbs(shared.store, conversation.owner, answer.id, job.id)
    else:
        show_actions(shared, conversation, job, answer)


def _show_result(
    assistant: Assistant, sql: str, question: str, result: Result, key: str, run: Callable[[str], None] | None
) -> None:
    """Show one or a few numbers large, any other result as chart and table.

    `run` runs SQL of the user's own as a branch of the answer.
    """
    if is_metric(result):
        show_metrics(result, read_formats(assistant, sql, result, key))
    elif result.row_count:
        get_answer_state(key)["spec"] = show_chart(
            assistant, sql, result, key, title=question, alt=f"Chart of: {question}"
        )
        show_rows(assistant, sql, result, key, run)
    else:
        st.caption("No rows.")


def _show_details(assistant: Assistant, job: Job) -> None:
    """Show the expander with the reading, the SQL, the basis of the figures, the steps, time and cost."""
    answer, sql = job.view.answer, find_sql(assistant, job)
    if not sql:
        return
    with st.expander(_summarize_details(answer), type="compact"):
        if answer is not None:
            for doubt in _list_doubts(answer)[0 if answer.status is Status.ABSTAINED else _MAX_DOUBTS :]:
                st.caption(f":material/info: {escape_markdown(doubt, _MAX_DOUBT_CHARS)}")
            for line in answer.reading:
                st.text(line)
        st.code(sql, language="sql", wrap_lines=True)
        for step in job.view.steps:
            st.caption(escape_markdown(step, _MAX_DOUBT_CHARS))
        if answer is not None:
            for figure in answer.grounding.basis if answer.grounding else ():
                st.text(f"{figure.text}: {figure.basis}")
            st.caption(escape_markdown(describe_cost(answer), 300))


def _summarize_details(answer: Answer | None) -> str:
    """Return the label of the closed expander."""
    parts = ["SQL"]
    if answer is not None:
        if answer.reading:
            parts.append(escape_markdown(answer.reading[0].rstrip("."), _MAX_SUMMARY_CHARS))
        if answer.result is not None:
            # Where there are more, the pager says how many.
            parts += [] if answer.result.truncated else [write_row_count(answer.result.row_count)]
        parts.append(f"{answer.seconds.total:.1f} s".replace(".", "\\."))
    return " · ".join(parts)

"""The actions under an answer: download, link, pin, rate, and edit its SQL and run it again.

Edited SQL runs as a branch under the same guard; follow-ups still build on the answer itself.
"""

from __future__ import annotations

import streamlit as st

from nl2sql import Answer, Assistant, Status
from ui.answer_state import get_answer_state
from ui.board import show_pin_button
from ui.chart_view import is_metric, show_chart, show_metrics
from ui.downloads import show_downloads
from ui.error_text import show_error, show_errors_in_place
from ui.feedback import show_thumbs
from ui.jobs import Job
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Conversation
from ui.page_server import Server
from ui.progress import follow_job
from ui.result_table import read_formats, show_rows
from ui.sql_editor import edit_sql
from ui.submission import prefill_question, submit_question
from ui.turn_arrival import bring_into_view
from ui.verify_form import show_verify


def show_actions(shared: Server, conversation: Conversation, job: Job, answer: Answer) -> None:
    """Show the row of actions under an answer."""
    assistant = shared.get_assistant(conversation)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        show_downloads(assistant, answer, get_answer_state(job.id).get("spec"), job.id)
        st.button(
            "Edit SQL",
            key=f"edit-{job.id}",
            icon=":material/edit:",
            type="tertiary",
            on_click=_toggle_editor,
            args=(job.id, not is_edited(conversation, job)),
        )
        link = st.popover("Link", icon=":material/link:", type="tertiary", key=f"link-{job.id}", on_change="rerun")
        if link.open:
            address = f"{(st.context.url or '').partition('?')[0]}?answer={answer.id}"
            link.caption("Link to this answer. Only you can open it:")
            link.code(address, language=None, wrap_lines=True)
        show_verify(shared.assistant, conversation.owner, answer, answer.question, job.id)
        show_pin_button(shared, conversation.owner, answer, job.id)
        show_thumbs(shared.store, conversation.owner, answer.id, job.id)


def show_remedies(shared: Server, conversation: Conversation, job: Job) -> None:
    """Show what can be done about a question without an answer."""
    if job.other_database:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"remedies-{job.id}"):
        st.button(
            "Ask again",
            key=f"reask-{job.id}",
            icon=":material/refresh:",
            type="tertiary",
            on_click=submit_question,
            args=(job.question,),
        )
        st.button(
            "Edit the question",
            key=f"rephrase-{job.id}",
            icon=":material/edit_note:",
            type="tertiary",
            on_click=prefill_question,
            args=(job.question,),
        )
        has_actions = job.view.answer is not None and job.view.answer.sql and not job.view.answer.error
        if not has_actions:
            st.button(
                "Edit the SQL" if find_sql(shared.get_assistant(conversation), job) else "Write the SQL",
                key=f"edit-{job.id}",
                icon=":material/edit:",
                type="tertiary",
                on_click=_toggle_editor,
                args=(job.id, not is_edited(conversation, job)),
            )


def find_sql(assistant: Assistant, job: Job) -> str:
    """Return the formatted SQL of a question: the answer's, else the last that was tried; empty where there is none."""
    answer = job.view.answer
    if answer is not None and answer.sql:
        return assistant.database.format_sql(answer.sql)
    if answer is None and job.view.result is not None and job.view.rows_sql:
        return job.view.rows_sql
    if job.view.sql:
        return job.view.sql
    tried = [str(step.arguments["query"]) for step in answer.steps if "query" in step.arguments] if answer else []
    return tried[-1] if tried else ""


def is_edited(conversation: Conversation, job: Job) -> bool:
    """Return whether the SQL editor is open."""
    edited: bool = get_answer_state(job.id).get("edited", job.id in conversation.branches)
    return edited


def _toggle_editor(job_id: str, is_open: bool) -> None:
    """Open the editor, or close it."""
    get_answer_state(job_id)["edited"] = is_open


def _start_branch(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    """Run the edited SQL as a branch of the answer."""
    own = Job(sql, job.owner)
    conversation.set_branch(job, own)
    get_answer_state(job.id)["edited"] = True
    assistant = shared.get_assistant(conversation)
    shared.jobs.start(own, lambda own: run_branch_sql(assistant, own))


def start_branch_and_redraw(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    """Run the edited SQL, and redraw this part of the page."""
    start_branch(shared, conversation, job, sql)
    st.rerun(scope="fragment")


def start_branch(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    """Run the edited SQL. For callbacks, after which the page is drawn anyway."""
    if before := conversation.branches.get(job.id):
        get_answer_state(job.id).setdefault("earlier_sql", []).append(before.question)
    _start_in_new_editor(shared, conversation, job, sql)


def _start_in_new_editor(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    # An editor that is there keeps what was written in it.
    get_answer_state(job.id)["editors"] = get_answer_state(job.id).get("editors", 0) + 1
    _start_branch(shared, conversation, job, sql)


def _restore_previous_sql(shared: Server, conversation: Conversation, job: Job) -> None:
    """Run the edited SQL of the run before."""
    if earlier := get_answer_state(job.id).get("earlier_sql"):
        _start_in_new_editor(shared, conversation, job, earlier.pop())


@st.fragment
@show_errors_in_place
def show_branch(shared: Server, conversation: Conversation, job: Job) -> None:
    """Show the SQL editor, and the result of the edited SQL."""
    assistant = shared.get_assistant(conversation)
    with st.container(border=True, key=f"branch-{job.id}"):
        answered = job.view.answer is not None and job.view.answer.result is not None
        builds = " Follow-ups still build on the answer above." if answered else ""
        st.caption(f"Your own SQL, under the same guard and limits.{builds}")
        before = conversation.branches.get(job.id)
        text = edit_sql(
            before.question if before else find_sql(assistant, job),
            assistant.database.list_identifiers(),
            key=f"sql-{job.id}-{get_answer_state(job.id).get('editors', 0)}",
        )
        if text:
            _start_branch(shared, conversation, job, text)
            st.rerun(scope="fragment")
        if get_answer_state(job.id).get("earlier_sql"):
            st.button(
                "Back to the previous SQL",
                key=f"back-{job.id}",
                icon=":material/undo:",
                type="tertiary",
                on_click=_restore_previous_sql,
                args=(shared, conversation, job),
            )
        if own := conversation.branches.get(job.id):
            bring_into_view(own.id, f"branch-{job.id}", should_scroll=True, is_pending=not own.view.is_done)
            _show_branch_result(shared, conversation, job, own)


def run_branch_sql(assistant: Assistant, branch: Job) -> Answer:
    """Check and run the edited SQL; the answer has no sentence."""
    branch.update(activity="Checking the SQL")
    checked = assistant.database.check_or_raise(branch.question, cancel=branch.token)
    shown = assistant.database.format_sql(checked.sql)
    branch.update(activity="Running the query", sql=shown)
    result = assistant.run(checked.sql, cancel=branch.token)
    reading = assistant.database.explain_sql(checked.sql)
    return Answer(branch.id, branch.question, Status.ANSWERED, "", sql=shown, result=result, reading=reading)


def _show_branch_result(shared: Server, conversation: Conversation, job: Job, branch: Job) -> None:
    assistant = shared.get_assistant(conversation)
    if not follow_job(shared, assistant, branch):
        return
    view = branch.view
    if view.error is not None:
        show_error(view.error)
    elif view.answer is not None and view.answer.result is not None:
        result, sql = view.answer.result, view.answer.sql or ""
        spec = None
        if is_metric(result):
            show_metrics(result, read_formats(assistant, sql, result, branch.id))
        else:
            spec = show_chart(assistant, sql, result, branch.id, title=job.question, alt="Chart of your own SQL")
            show_rows(
                assistant, sql, result, branch.id, lambda sql: start_branch_and_redraw(shared, conversation, job, sql)
            )
        for line in view.answer.reading:
            st.caption(escape_markdown(line, 300))
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Continue from this",
                key=f"adopt-{branch.id}",
                icon=":material/subdirectory_arrow_right:",
                help="Adds this result to the conversation: your next questions build on it.",
                on_click=_adopt_branch,
                args=(shared, conversation, job, branch),
            )
            show_downloads(assistant, view.answer, spec, branch.id)
            show_verify(shared.assistant, conversation.owner, view.answer, job.question, branch.id)


def _adopt_branch(shared: Server, conversation: Conversation, job: Job, branch: Job) -> None:
    """Make the edited SQL and its result the next turn of the conversation."""
    if conversation.is_deleted:
        st.toast("That conversation was deleted, perhaps in another window.")
        return
    assistant = shared.get_assistant(conversation)
    before, sql = conversation.pending_job, branch.question
    turn = Job(job.question, conversation.owner)
    # Whatever becomes of it, the SQL is there to be changed on.
    turn.update(sql=branch.view.sql or sql)
    session = assistant.open_session(conversation.id, user=conversation.owner)

    def wrap_branch_answer(turn: Job) -> Answer:
        turn.update(activity="Running the query")
        return assistant.adopt(job.question, sql, session=session, user=conversation.owner, cancel=turn.token)

    get_answer_state(job.id)["edited"] = False
    conversation.branches.pop(job.id, None)
    conversation.add_job(turn)
    shared.conversations.keep(conversation)
    shared.jobs.start(turn, wrap_branch_answer, after=before)
    st.rerun()

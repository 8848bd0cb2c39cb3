"""What can be done with an answer: take it along, change its SQL and run it again, and ask what comes next.

The user's own SQL runs as a branch under the same guard; the conversation goes on from the answer as it was.
"""

from __future__ import annotations

import streamlit as st

from nl2sql import Answer, Assistant, Status
from ui.answer_state import kept
from ui.board import show_pin
from ui.chart_view import is_metric, show_chart, show_metrics
from ui.downloads import show_downloads
from ui.error_text import errors_shown, show_error
from ui.feedback import show_thumbs
from ui.jobs import Job
from ui.markdown_escape import plain
from ui.page_conversations import Conversation
from ui.page_server import Server
from ui.progress import follow
from ui.result_table import read_formats, show_rows
from ui.sql_editor import edit_sql
from ui.submission import ask_by_button, edit_by_button
from ui.turn_arrival import bring_into_view
from ui.verify_form import show_verify


def show_actions(shared: Server, conversation: Conversation, job: Job, answer: Answer) -> None:
    """The row of actions under an answer."""
    assistant = shared.assistant_of(conversation)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        show_downloads(assistant, answer, kept(job.id).get("spec"), job.id)
        st.button(
            "Edit SQL",
            key=f"edit-{job.id}",
            icon=":material/edit:",
            type="tertiary",
            on_click=_turn,
            args=(job.id, not is_edited(conversation, job)),
        )
        link = st.popover("Link", icon=":material/link:", type="tertiary", key=f"link-{job.id}", on_change="rerun")
        if link.open:
            address = f"{(st.context.url or '').partition('?')[0]}?answer={answer.id}"
            link.caption("This answer has an address of its own, for you alone:")
            link.code(address, language=None, wrap_lines=True)
        show_verify(shared.assistant, conversation.owner, answer, answer.question, job.id)
        show_pin(shared, conversation.owner, answer, job.id)
        show_thumbs(shared.store, conversation.owner, answer.id, job.id)


def show_remedies(shared: Server, conversation: Conversation, job: Job) -> None:
    """What to do about a question without an answer: it is never the end."""
    if job.elsewhere:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"remedies-{job.id}"):
        st.button(
            "Ask again",
            key=f"reask-{job.id}",
            icon=":material/refresh:",
            type="tertiary",
            on_click=ask_by_button,
            args=(job.question,),
        )
        st.button(
            "Edit the question",
            key=f"rephrase-{job.id}",
            icon=":material/edit_note:",
            type="tertiary",
            on_click=edit_by_button,
            args=(job.question,),
        )
        has_actions = job.view.answer is not None and job.view.answer.sql and not job.view.answer.error
        if not has_actions:
            st.button(
                "Edit the SQL" if find_sql(shared.assistant_of(conversation), job) else "Write the SQL",
                key=f"edit-{job.id}",
                icon=":material/edit:",
                type="tertiary",
                on_click=_turn,
                args=(job.id, not is_edited(conversation, job)),
            )


def find_sql(assistant: Assistant, job: Job) -> str:
    """The SQL of a question, laid out: that of its answer, else the last that was tried; empty where there was none."""
    answer = job.view.answer
    if answer is not None and answer.sql:
        return assistant.formatted(answer.sql)
    if answer is None and job.view.result is not None and job.view.rows_sql:
        return job.view.rows_sql
    if job.view.sql:
        return job.view.sql
    tried = [str(step.arguments["query"]) for step in answer.steps if "query" in step.arguments] if answer else []
    return tried[-1] if tried else ""


def is_edited(conversation: Conversation, job: Job) -> bool:
    """Whether the user has the SQL open to change it."""
    edited: bool = kept(job.id).get("edited", job.id in conversation.branches)
    return edited


def _turn(job_id: str, edited: bool) -> None:
    """Open the editor, or close it."""
    kept(job_id)["edited"] = edited


def _run_branch(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    """Run the user's own SQL beside the answer."""
    own = Job(sql, job.owner)
    conversation.branch(job, own)
    kept(job.id)["edited"] = True
    assistant = shared.assistant_of(conversation)
    shared.jobs.start(own, lambda own: run_own(assistant, own))


def run_again(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    """Run that SQL beside the answer, and show it at once where the user can change it on."""
    run_beside(shared, conversation, job, sql)
    st.rerun(scope="fragment")


def run_beside(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    """Run that SQL beside the answer; for callbacks, after which the page is drawn anyway."""
    if before := conversation.branches.get(job.id):
        kept(job.id).setdefault("earlier_sql", []).append(before.question)
    _run_in_new_editor(shared, conversation, job, sql)


def _run_in_new_editor(shared: Server, conversation: Conversation, job: Job, sql: str) -> None:
    # An editor that is there keeps what was written in it.
    kept(job.id)["editors"] = kept(job.id).get("editors", 0) + 1
    _run_branch(shared, conversation, job, sql)


def _go_back(shared: Server, conversation: Conversation, job: Job) -> None:
    """Run the user's own SQL that stood here before."""
    if earlier := kept(job.id).get("earlier_sql"):
        _run_in_new_editor(shared, conversation, job, earlier.pop())


@st.fragment
@errors_shown
def show_branch(shared: Server, conversation: Conversation, job: Job) -> None:
    """The SQL to change, and what it gave when it ran."""
    assistant = shared.assistant_of(conversation)
    with st.container(border=True, key=f"branch-{job.id}"):
        answered = job.view.answer is not None and job.view.answer.result is not None
        builds = " Follow-ups still build on the answer above." if answered else ""
        st.caption(f"Your own SQL, under the same guard and limits.{builds}")
        before = conversation.branches.get(job.id)
        text = edit_sql(
            before.question if before else find_sql(assistant, job),
            assistant.list_identifiers(),
            key=f"sql-{job.id}-{kept(job.id).get('editors', 0)}",
        )
        if text:
            _run_branch(shared, conversation, job, text)
            st.rerun(scope="fragment")
        if kept(job.id).get("earlier_sql"):
            st.button(
                "Back to the SQL before",
                key=f"back-{job.id}",
                icon=":material/undo:",
                type="tertiary",
                on_click=_go_back,
                args=(shared, conversation, job),
            )
        if own := conversation.branches.get(job.id):
            bring_into_view(own.id, f"branch-{job.id}", scrolls=True, asks=not own.view.done)
            _branch(shared, conversation, job, own)


def run_own(assistant: Assistant, own: Job) -> Answer:
    """Run the user's own SQL: it is checked like any, and the answer has no words."""
    own.change(doing="Checking the SQL")
    checked = assistant.checked(own.question, cancel=own.token)
    shown = assistant.formatted(checked.sql)
    own.change(doing="Running the query", sql=shown)
    result = assistant.run(checked.sql, cancel=own.token)
    reading = assistant.reading(checked.sql)
    return Answer(own.id, own.question, Status.ANSWERED, "", sql=shown, result=result, reading=reading)


def _branch(shared: Server, conversation: Conversation, job: Job, own: Job) -> None:
    assistant = shared.assistant_of(conversation)
    if not follow(shared, assistant, own):
        return
    view = own.view
    if view.error is not None:
        show_error(view.error)
    elif view.answer is not None and view.answer.result is not None:
        result, sql = view.answer.result, view.answer.sql or ""
        spec = None
        if is_metric(result):
            show_metrics(result, read_formats(assistant, sql, result, own.id))
        else:
            spec = show_chart(assistant, sql, result, own.id, title=job.question, alt="Chart of your own SQL")
            show_rows(assistant, sql, result, own.id, lambda sql: run_again(shared, conversation, job, sql))
        for line in view.answer.reading:
            st.caption(plain(line, 300))
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Go on from this",
                key=f"adopt-{own.id}",
                icon=":material/subdirectory_arrow_right:",
                help="It becomes an answer of the conversation: what you ask next builds on it.",
                on_click=_adopt,
                args=(shared, conversation, job, own),
            )
            show_downloads(assistant, view.answer, spec, own.id)
            show_verify(shared.assistant, conversation.owner, view.answer, job.question, own.id)


def _adopt(shared: Server, conversation: Conversation, job: Job, own: Job) -> None:
    """Make the user's own version the conversation's next turn."""
    if conversation.deleted:
        st.toast("That conversation was deleted, in another window perhaps.")
        return
    assistant = shared.assistant_of(conversation)
    before, sql = conversation.running, own.question
    turn = Job(job.question, conversation.owner)
    # Whatever becomes of it, the SQL is there to be changed on.
    turn.change(sql=own.view.sql or sql)
    session = assistant.open_session(conversation.id, user=conversation.owner)

    def work(turn: Job) -> Answer:
        turn.change(doing="Running the query")
        return assistant.adopt(job.question, sql, session=session, user=conversation.owner, cancel=turn.token)

    kept(job.id)["edited"] = False
    conversation.branches.pop(job.id, None)
    conversation.add(turn)
    shared.conversations.keep(conversation)
    shared.jobs.start(turn, work, after=before)
    st.rerun()

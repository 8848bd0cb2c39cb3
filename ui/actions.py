"""What can be done with an answer: take it along, change its SQL and run it again, and ask what comes next.

The user's own SQL runs as a branch under the same guard; the conversation goes on from the answer as it was.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from nl2sql import Answer, Assistant, Status
from ui.charts import is_metric, show_chart, show_metrics
from ui.conversations import Conversation
from ui.downloads import show_downloads
from ui.errors import errors_shown, show_error
from ui.feedback import show_thumbs
from ui.jobs import Job
from ui.kept import kept
from ui.plain import plain
from ui.progress import follow
from ui.rows import read_formats, show_rows
from ui.server import Server
from ui.verify import show_verify

_SQL_CHARS: Final = 100_000


def show_actions(shared: Server, conversation: Conversation, job: Job, answer: Answer) -> None:
    """The row of actions under an answer."""
    assistant = shared.assistant_of(conversation)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if answer.result is None:
            st.button(
                "Run the SQL",
                key=f"again-{job.id}",
                icon=":material/play_arrow:",
                type="tertiary",
                on_click=_run_branch,
                args=(shared, conversation, job, answer.sql or ""),
            )
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
        show_thumbs(shared.store, conversation.owner, answer.id, job.id)


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
    """Run that SQL beside the answer, and show it where the user can change it on."""
    # A new editor: one that is there keeps what was written in it.
    kept(job.id)["editors"] = kept(job.id).get("editors", 0) + 1
    _run_branch(shared, conversation, job, sql)
    st.rerun(scope="fragment")


def _place_editor(job: Job) -> str:
    return f"sql-{job.id}-{kept(job.id).get('editors', 0)}"


@st.fragment
@errors_shown
def show_branch(shared: Server, conversation: Conversation, job: Job, answer: Answer) -> None:
    """The SQL to change, and what it gave when it ran."""
    with st.container(border=True):
        st.caption("Your own version. It runs under the same guard and limits, and the conversation stays as it is.")
        before = conversation.branches.get(job.id)
        text = st.text_area(
            "SQL",
            value=before.question if before else shared.assistant_of(conversation).formatted(answer.sql or ""),
            key=_place_editor(job),
            height=180,
            max_chars=_SQL_CHARS,
        )
        if st.button("Run", key=f"rerun-{job.id}", type="primary", icon=":material/play_arrow:") and text:
            _run_branch(shared, conversation, job, text)
            st.rerun(scope="fragment")
        if own := conversation.branches.get(job.id):
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
        result = view.answer.result
        left, right = st.columns([3, 2], gap="medium")
        with left:
            if is_metric(result):
                show_metrics(result, read_formats(assistant, view.answer.sql or "", result, own.id))
            else:
                show_rows(assistant, view.answer.sql or "", result, own.id)
        with right:
            alt = "Chart of your own version of the SQL"
            spec = show_chart(assistant, view.answer.sql or "", result, own.id, title=job.question, alt=alt)
            for line in view.answer.reading:
                st.caption(plain(line, 300))
            with st.container(horizontal=True):
                show_downloads(assistant, view.answer, spec, own.id)
                show_verify(shared.assistant, conversation.owner, view.answer, job.question, own.id)

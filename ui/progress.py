"""A question under way: what happens as it happens, the rows as soon as they are there, and Stop.

It waits for the job to change, for a moment at a time; it does no work of its own.
"""

from __future__ import annotations

import time
from typing import Final

import streamlit as st

from nl2sql import Assistant
from ui.jobs import Job, State, View
from ui.plain import plain
from ui.rows import PAGE, draw
from ui.server import Server

# The browser asks for the next look this often. A look takes longer than that, so that the next one is due at its end.
EVERY: Final = 0.1
# For so long a click on Stop may wait.
_LOOK: Final = 0.4
_WORDS: Final = 0.15


@st.fragment(run_every=EVERY)
def show_progress(shared: Server, assistant: Assistant, job: Job) -> None:
    """Draw the job, and its words as they come, until it does something else; once it is done, the whole page."""
    view = job.view
    if not view.done:
        words = _draw(shared, assistant, job, view)
        view = _watched(job, view, words)
    if view.done:
        st.rerun()


def _watched(job: Job, view: View, words: st.delta_generator.DeltaGenerator) -> View:
    """Look at it for a moment: the view as it is then."""
    end = time.monotonic() + _LOOK
    shown = view
    while (left := end - time.monotonic()) > 0:
        newer = job.wait(view.version, min(left, _WORDS))
        if newer.version != view.version:
            return newer
        if newer.text != shown.text:
            words.text(newer.text)
            shown = newer
    return shown


def _draw(shared: Server, assistant: Assistant, job: Job, view: View) -> st.delta_generator.DeltaGenerator:
    """Everything of the job; the place of the sentence."""
    doing = _place(shared, assistant, job, view) or view.doing
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key=f"doing-{job.id}"):
            st.status(f"{doing} …", state="running", expanded=False, type="compact")
        st.button("Stop", key=f"stop-{job.id}", on_click=job.stop, icon=":material/stop_circle:", shortcut="Escape")
    if view.steps:
        st.caption("  \n".join(plain(step, 300) for step in view.steps))
    if view.sql:
        st.code(view.sql, language="sql", wrap_lines=True)
    if view.state is State.REVIEW:
        _review(job)
    if view.result is not None:
        draw(view.result, view.result.table.slice(0, PAGE), key=f"live-{job.id}")
    words = st.empty()
    if view.text:
        words.text(view.text)
    return words


def _place(shared: Server, assistant: Assistant, job: Job, view: View) -> str:
    """Where it stands in line, for its turn or for the database; nothing where it does not wait."""
    if view.state is State.WAITING and (place := shared.jobs.place(job)):
        return f"Waiting: number {place} in line"
    place = assistant.place_in_queue(job.token)
    return f"Waiting for the database: number {place} in line" if place else ""


def _review(job: Job) -> None:
    """Ask whether the SQL may run."""
    st.info("This SQL passed the guard and waits for you.")
    with st.container(horizontal=True):
        st.button("Run it", key=f"run-{job.id}", type="primary", on_click=job.decide, args=(True,))
        st.button("Don't run it", key=f"hold-{job.id}", on_click=job.decide, args=(False,))

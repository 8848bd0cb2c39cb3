"""A question under way: what happens as it happens, the rows as soon as they are there, and Stop.

It waits for the job to change, for a moment at a time; it does no work of its own.
"""

from __future__ import annotations

import streamlit as st

from ui.jobs import Job, Jobs, State
from ui.plain import plain
from ui.rows import PAGE, draw

EVERY: float = 0.1
_PATIENCE: float = 0.3


@st.fragment(run_every=EVERY)
def show_progress(jobs: Jobs, job: Job) -> None:
    """Draw the job until it is done, then have the whole page drawn."""
    seen = st.session_state.get(f"seen-{job.id}", -1)
    view = job.wait(seen, _PATIENCE)
    st.session_state[f"seen-{job.id}"] = view.version
    if view.done:
        st.rerun()
    place = jobs.place(job)
    doing = f"Waiting: number {place} in line" if place and view.state is State.WAITING else view.doing
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
    if view.text:
        st.text(view.text)


def _review(job: Job) -> None:
    """Ask whether the SQL may run."""
    st.info("This SQL passed the guard and waits for you.")
    with st.container(horizontal=True):
        st.button("Run it", key=f"run-{job.id}", type="primary", on_click=job.decide, args=(True,))
        st.button("Don't run it", key=f"hold-{job.id}", on_click=job.decide, args=(False,))

"""The progress of a running question: its steps, its rows as soon as they are there, and Stop.

Each look draws the job and follows it for a moment; then the browser asks for the next look, so that clicks are
handled in between. It does no work of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from nl2sql import Assistant
from ui.answer_state import get_answer_state
from ui.auto_refresh import REFRESH_MS, schedule_refresh
from ui.chart_view import preview_chart
from ui.jobs import Job, JobState, JobView, Review
from ui.markdown_escape import escape_markdown
from ui.page_server import Server
from ui.result_table import draw_rows
from ui.table_view import PAGE_ROWS

# For so long a click on Stop may wait, with one look on the page. The browser asks for the next one a little before
# this one ends, so that there is no gap between the two.
_LOOK_SECONDS: Final = (REFRESH_MS + 100) / 1000
_STREAM_POLL_SECONDS: Final = 0.15
_SETTLE_SECONDS: Final = 0.05
_MIN_SHOWN_SECONDS: Final = 3
# As high as a chart, in whose place it stands.
_FRAME_HEIGHT_PX: Final = 280
_SIZES: Final = ((10**15, "million billion"), (10**12, "thousand billion"), (10**9, "billion"), (10**6, "million"))


def follow_job(shared: Server, assistant: Assistant, job: Job) -> bool:
    """Show the progress of a job for a moment, and return whether it is done.

    Where it is not done, the browser redraws the calling fragment.
    """
    place = st.empty()
    if job.view.is_done:
        return True
    with place.container():
        view = _watch_once(_ProgressDisplay(shared, assistant, job), job)
    if view.is_done:
        place.empty()
    return view.is_done


def _watch_once(drawing: _ProgressDisplay, job: Job) -> JobView:
    """Update the display until this look is over, and return the last view."""
    end = time.monotonic() + _LOOK_SECONDS
    view = job.view
    # What waits for its turn holds up no other part of the page.
    while drawing.draw(view) and view.state is not JobState.WAITING and (left := end - time.monotonic()) > 0:
        if view.is_done:
            break
        view = _wait_until_settled(job, job.wait(view.version, min(left, _STREAM_POLL_SECONDS)), end)
    return view


def _wait_until_settled(job: Job, view: JobView, end: float) -> JobView:
    """Return the view once no change follows at once: what is over in a moment is not drawn."""
    newer = job.wait(view.version, _SETTLE_SECONDS)
    while newer.version != view.version and not newer.is_done and time.monotonic() < end:
        view, newer = newer, job.wait(newer.version, _SETTLE_SECONDS)
    return newer


class _ProgressDisplay:
    """The places of one look. They are drawn when their content changes; table and buttons only once in a look."""

    def __init__(self, shared: Server, assistant: Assistant, job: Job) -> None:
        self._shared, self._assistant, self._job = shared, assistant, job
        self._shown: dict[DeltaGenerator, object] = {}
        view = job.view
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(key=f"doing-{job.id}"):
                self._doing = st.empty()
            # The key stops what runs: what waits for its turn has the button alone.
            key = None if view.state is JobState.WAITING else "Escape"
            st.button("Stop", key=f"stop-{job.id}", on_click=job.stop, icon=":material/stop_circle:", shortcut=key)
        # In the order of the answer: what is there already stays in its place.
        with st.container(key=f"said-live-{job.id}"):
            self._words = st.empty()
        self._review, self._frame, self._rows, self._sql, self._steps = (st.empty() for _ in range(5))
        says = "This SQL waits for your review" if view.state is JobState.REVIEW else self._describe_activity(view)
        schedule_refresh(job.id, announcement=says)

    def draw(self, view: JobView) -> bool:
        """Show the view. Return False where something new can only be shown by another look."""
        # No spinner: it has a browser paint all the while.
        self._draw_if_new(self._doing, self._describe_activity(view) + self._describe_wait(), self._doing.text)
        self._draw_if_new(
            self._steps,
            view.steps,
            lambda steps: self._steps.caption("  \n".join(escape_markdown(s, 300) for s in steps)),
        )
        reviewed = view.review.sql if view.review else None
        sql = view.sql if reviewed is None else None
        self._draw_if_new(self._sql, sql, lambda sql: self._sql.code(sql, language="sql", wrap_lines=True))
        self._draw_if_new(self._words, view.text, self._words.text)
        rows = self._draw_once(self._rows, view.rows_at, lambda: self._draw_table(view))
        frame = view.state is JobState.RUNNING and not view.rows_at
        self._draw_once(
            self._frame, frame, lambda: self._frame.container(key=f"frame-{self._job.id}", height=_FRAME_HEIGHT_PX)
        )
        return self._draw_once(self._review, reviewed, lambda: self._ask_approval(view.review)) and rows

    def _draw_if_new(self, place: DeltaGenerator, value: Any, draw: Callable[[Any], object]) -> None:
        """Draw the value where it has changed."""
        before = self._shown.get(place)
        if value != before and (value or before is not None):
            self._shown[place] = value
            draw(value)

    def _draw_once(self, place: DeltaGenerator, value: object, draw: Callable[[], object]) -> bool:
        """Draw the value once, and clear the place when it is gone. Return False where another value was drawn here."""
        before = self._shown.get(place)
        if not value:
            if before:
                self._shown[place] = False
                place.empty()
            return True
        if before is None:
            self._shown[place] = value
            draw()
        return before is None or before == value

    def _describe_activity(self, view: JobView) -> str:
        """Return what the job does: its place in line, or its step."""
        if view.state is JobState.WAITING and (place := self._shared.jobs.get_position(self._job)):
            return f"Waiting: number {place} in line"
        place = self._assistant.database.find_queue_position(self._job.token)
        return f"Waiting for the database: number {place} in line" if place else view.activity

    def _describe_wait(self) -> str:
        """Return how long it has taken, and how long it usually takes."""
        seconds = int(time.time() - self._job.asked_at)
        if seconds < _MIN_SHOWN_SECONDS:
            return " …"
        usual = self._shared.jobs.find_usual_seconds()
        return f" … {seconds} s" + (f" (usually {usual:.0f} s)" if usual and usual >= _MIN_SHOWN_SECONDS else "")

    def _draw_table(self, view: JobView) -> None:
        if view.result is not None:
            with self._rows.container():
                job, sql = self._job, view.rows_sql
                preview_chart(self._assistant, sql, view.result, job.id, alt=f"Chart of: {job.question}")
                formats = self._assistant.database.choose_column_formats(view.result, sql)
                draw_rows(view.result, view.result.table.slice(0, PAGE_ROWS), formats, key=f"live-{self._job.id}")

    def _ask_approval(self, review: Review | None) -> None:
        """Ask whether this SQL may run."""
        if review is None:
            return
        decide, sql = self._job.decide, review.sql

        def edit_sql() -> None:
            get_answer_state(self._job.id)["edited"] = True
            decide(False, sql)

        with self._review.container():
            if review.rows is not None:
                st.warning(
                    f"A heavy query: the database estimates that a step handles about {write_count(review.rows)} rows. "
                    "It may exceed the limits on time and memory.",
                    icon=":material/hourglass_top:",
                )
            else:
                st.text("Read this SQL before it runs.")
            for line in review.reading:
                st.caption(escape_markdown(line, 300))
            st.code(sql, language="sql", wrap_lines=True)
            with st.container(horizontal=True):
                key = self._job.id
                st.button("Run it", key=f"run-{key}", type="primary", on_click=decide, args=(True, sql))
                st.button("Edit it", key=f"revise-{key}", icon=":material/edit:", on_click=edit_sql)
                st.button("Don't run it", key=f"hold-{key}", on_click=decide, args=(False, sql))


def write_count(rows: int) -> str:
    """Return a count in words: 65,000, 3.2 million, 2.9 million billion."""
    for size, name in _SIZES:
        if rows >= size:
            return f"{rows / size:,.{int(rows < 100 * size)}f} {name}"
    return f"{rows:,}"

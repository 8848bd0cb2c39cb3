"""A question under way: what happens as it happens, the rows as soon as they are there, and Stop.

A look draws the job and follows it for a moment; then the browser asks for the next one, so that clicks get their turn
in between. It does no work of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from nl2sql import Assistant
from ui.answer_state import kept
from ui.auto_refresh import AFTER_MS, draw_again
from ui.chart_view import preview_chart
from ui.jobs import Job, Review, State, View
from ui.markdown_escape import plain
from ui.page_server import Server
from ui.result_table import PAGE, draw

# For so long a click on Stop may wait, with one look on the page. The browser asks for the next one a little before
# this one ends, so that there is no gap between the two.
_LOOK: Final = (AFTER_MS + 100) / 1000
_WORDS: Final = 0.15
_SETTLES: Final = 0.05
_WORTH_SAYING: Final = 3
# As high as a chart, in whose place it stands.
_FRAME: Final = 280
_SIZES: Final = ((10**15, "million billion"), (10**12, "thousand billion"), (10**9, "billion"), (10**6, "million"))


def follow(shared: Server, assistant: Assistant, job: Job) -> bool:
    """Draw the job in this place and follow it for a moment: whether it is done, and the place empty again.

    Where it is not done, the browser has the fragment that called this drawn again.
    """
    place = st.empty()
    if job.view.done:
        return True
    with place.container():
        view = _look(_Drawing(shared, assistant, job), job)
    if view.done:
        place.empty()
    return view.done


def _look(drawing: _Drawing, job: Job) -> View:
    """One look: until it is over, or the job is done, or what is new takes another look. The view as it is then."""
    end = time.monotonic() + _LOOK
    view = job.view
    # What waits for its turn holds up no other part of the page.
    while drawing.shows(view) and view.state is not State.WAITING and (left := end - time.monotonic()) > 0:
        if view.done:
            break
        view = _settled(job, job.wait(view.version, min(left, _WORDS)), end)
    return view


def _settled(job: Job, view: View, end: float) -> View:
    """The view once nothing more follows at once: what is over in a moment is not drawn."""
    newer = job.wait(view.version, _SETTLES)
    while newer.version != view.version and not newer.done and time.monotonic() < end:
        view, newer = newer, job.wait(newer.version, _SETTLES)
    return newer


class _Drawing:
    """The places of one look. What comes in them is drawn when it is new; a table and buttons only once in a look."""

    def __init__(self, shared: Server, assistant: Assistant, job: Job) -> None:
        self._shared, self._assistant, self._job = shared, assistant, job
        self._shown: dict[DeltaGenerator, object] = {}
        view = job.view
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(key=f"doing-{job.id}"):
                self._doing = st.empty()
            # The key stops what runs: what waits for its turn has the button alone.
            key = None if view.state is State.WAITING else "Escape"
            st.button("Stop", key=f"stop-{job.id}", on_click=job.stop, icon=":material/stop_circle:", shortcut=key)
        # In the order of the answer: what is there already stays in its place.
        with st.container(key=f"said-live-{job.id}"):
            self._words = st.empty()
        self._review, self._frame, self._rows, self._sql, self._steps = (st.empty() for _ in range(5))
        says = "This SQL waits for your review" if view.state is State.REVIEW else self._now(view)
        draw_again(job.id, says=says)

    def shows(self, view: View) -> bool:
        """Show it as it is now. False where something new can only be shown by another look."""
        # No spinner: it has a browser paint all the while.
        self._put(self._doing, self._now(view) + self._waited(), self._doing.text)
        self._put(self._steps, view.steps, lambda steps: self._steps.caption("  \n".join(plain(s, 300) for s in steps)))
        reviewed = view.review.sql if view.review else None
        sql = view.sql if reviewed is None else None
        self._put(self._sql, sql, lambda sql: self._sql.code(sql, language="sql", wrap_lines=True))
        self._put(self._words, view.text, self._words.text)
        rows = self._put_once(self._rows, view.rows_at, lambda: self._table(view))
        frame = view.state is State.RUNNING and not view.rows_at
        self._put_once(self._frame, frame, lambda: self._frame.container(key=f"frame-{self._job.id}", height=_FRAME))
        return self._put_once(self._review, reviewed, lambda: self._ask(view.review)) and rows

    def _put(self, place: DeltaGenerator, value: Any, draw: Callable[[Any], object]) -> None:
        """Draw the value where it is another than before."""
        before = self._shown.get(place)
        if value != before and (value or before is not None):
            self._shown[place] = value
            draw(value)

    def _put_once(self, place: DeltaGenerator, value: object, draw: Callable[[], object]) -> bool:
        """Draw what this value stands for, and clear the place where it is gone. False where another was drawn here."""
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

    def _now(self, view: View) -> str:
        """What it does: where it stands in line, for its turn or for the database, or the step that it is at."""
        if view.state is State.WAITING and (place := self._shared.jobs.place(self._job)):
            return f"Waiting: number {place} in line"
        place = self._assistant.place_in_queue(self._job.token)
        return f"Waiting for the database: number {place} in line" if place else view.doing

    def _waited(self) -> str:
        """How long it has taken so far, and how long it usually takes, once that is worth saying."""
        seconds = int(time.time() - self._job.asked_at)
        if seconds < _WORTH_SAYING:
            return " …"
        usual = self._shared.jobs.find_usual_seconds()
        return f" … {seconds} s" + (f" (usually {usual:.0f} s)" if usual and usual >= _WORTH_SAYING else "")

    def _table(self, view: View) -> None:
        if view.result is not None:
            with self._rows.container():
                job, sql = self._job, view.rows_sql
                preview_chart(self._assistant, sql, view.result, job.id, alt=f"Chart of: {job.question}")
                formats = self._assistant.formats(view.result, sql)
                draw(view.result, view.result.table.slice(0, PAGE), formats, key=f"live-{self._job.id}")

    def _ask(self, review: Review | None) -> None:
        """Ask whether this SQL may run."""
        if review is None:
            return
        decide, sql = self._job.decide, review.sql

        def edit() -> None:
            kept(self._job.id)["edited"] = True
            decide(False, sql)

        with self._review.container():
            if review.rows is not None:
                st.warning(
                    f"A heavy query: one of its steps handles about {write_count(review.rows)} rows, as the database "
                    "guesses. It may run into the limits on time and memory.",
                    icon=":material/hourglass_top:",
                )
            else:
                st.text("Read this SQL before it runs.")
            for line in review.reading:
                st.caption(plain(line, 300))
            st.code(sql, language="sql", wrap_lines=True)
            with st.container(horizontal=True):
                key = self._job.id
                st.button("Run it", key=f"run-{key}", type="primary", on_click=decide, args=(True, sql))
                st.button("Edit it", key=f"revise-{key}", icon=":material/edit:", on_click=edit)
                st.button("Don't run it", key=f"hold-{key}", on_click=decide, args=(False, sql))


def write_count(rows: int) -> str:
    """A count as people say it: 65,000, 3.2 million, 2.9 million billion."""
    for size, name in _SIZES:
        if rows >= size:
            return f"{rows / size:,.{int(rows < 100 * size)}f} {name}"
    return f"{rows:,}"

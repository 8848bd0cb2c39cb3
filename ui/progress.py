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
from ui.jobs import Job, State, View
from ui.plain import plain
from ui.rows import PAGE, draw
from ui.server import Server

# For so long a click on Stop may wait.
_LOOK: Final = 0.8
# The browser asks for the next look a little before this one ends, so that there is no gap between the two.
_ASK_AFTER_MS: Final = 700
_WORDS: Final = 0.15
_SETTLES: Final = 0.05
_WORTH_SAYING: Final = 3
_JS: Final = """
export default function ({ data, parentElement, setTriggerValue }) {
  clearInterval(parentElement.asking);
  parentElement.asking = setInterval(() => setTriggerValue('look', data.look), data.every);
  return () => clearInterval(parentElement.asking);
}
"""
_asks_again = st.components.v2.component("nl2sql_look", html="<span></span>", js=_JS)


def follow(shared: Server, assistant: Assistant, job: Job, *, at: str) -> bool:
    """Draw the job in this place and follow it for a moment: whether it is done, and the place empty again.

    Where it is not done, the browser has the fragment that called this drawn again. `at` names the place: of two that
    are on the page together, each has its own.
    """
    place = st.empty()
    if job.view.done:
        return True
    with place.container():
        _look(_Drawing(shared, assistant, job, at), job)
    if job.view.done:
        place.empty()
    return job.view.done


def _look(drawing: _Drawing, job: Job) -> None:
    """One look: until it is over, or the job is done, or what is new takes another look."""
    end = time.monotonic() + _LOOK
    view = job.view
    while drawing.shows(view) and not view.done and (left := end - time.monotonic()) > 0:
        view = _settled(job, job.wait(view.version, min(left, _WORDS)))


def _settled(job: Job, view: View) -> View:
    """The view once nothing more follows at once: what is over in a moment is not drawn."""
    newer = job.wait(view.version, _SETTLES)
    while newer.version != view.version and not newer.done:
        view, newer = newer, job.wait(newer.version, _SETTLES)
    return newer


class _Drawing:
    """The places of one look. What comes in them is drawn when it is new; a table and buttons only once in a look."""

    def __init__(self, shared: Server, assistant: Assistant, job: Job, at: str) -> None:
        self._shared, self._assistant, self._job, self._at = shared, assistant, job, at
        self._shown: dict[DeltaGenerator, object] = {}
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(key=f"doing-{job.id}"):
                self._doing = st.empty()
            st.button("Stop", key=f"stop-{job.id}", on_click=job.stop, icon=":material/stop_circle:", shortcut="Escape")
        self._steps, self._sql, self._review, self._rows, self._words = (st.empty() for _ in range(5))
        with st.container(key=f"look-{at}"):
            # Streamlit keeps what it knows of a component for long: one of each place, and not one of each question.
            _asks_again(key=f"asks-{at}", data={"look": time.time(), "every": _ASK_AFTER_MS})

    def shows(self, view: View) -> bool:
        """Show it as it is now. False where something new can only be shown by another look."""
        # No spinner: it has a browser paint all the while.
        self._put(self._doing, self._now(view) + self._waited(), self._doing.text)
        self._put(self._steps, view.steps, lambda steps: self._steps.caption("  \n".join(plain(s, 300) for s in steps)))
        self._put(self._sql, view.sql, lambda sql: self._sql.code(sql, language="sql", wrap_lines=True))
        self._put(self._words, view.text, self._words.text)
        rows = self._put(self._rows, view.rows_at, lambda _: self._table(view), once=True)
        return self._put(self._review, view.state is State.REVIEW, lambda _: self._ask(), once=True) and rows

    def _put(self, place: DeltaGenerator, value: Any, draw: Callable[[Any], object], *, once: bool = False) -> bool:
        """Draw the value where it is another than before. False where that may not be done twice and was done."""
        before = self._shown.get(place)
        if value == before or (before is None and not value):
            return True
        if once and before is not None:
            return False
        self._shown[place] = value
        draw(value)
        return True

    def _now(self, view: View) -> str:
        """What it does: where it stands in line, for its turn or for the database, or the step that it is at."""
        if view.state is State.WAITING and (place := self._shared.jobs.place(self._job)):
            return f"Waiting: number {place} in line"
        place = self._assistant.place_in_queue(self._job.token)
        return f"Waiting for the database: number {place} in line" if place else view.doing

    def _waited(self) -> str:
        """How long it has taken so far, once that is worth saying."""
        seconds = int(time.time() - self._job.asked_at)
        return f" … {seconds} s" if seconds >= _WORTH_SAYING else " …"

    def _table(self, view: View) -> None:
        if view.result is not None:
            with self._rows.container():
                draw(view.result, view.result.table.slice(0, PAGE), key=f"live-{self._at}")

    def _ask(self) -> None:
        """Ask whether the SQL may run."""
        decide = self._job.decide
        with self._review.container():
            st.info("This SQL passed the guard and waits for you.")
            with st.container(horizontal=True):
                st.button("Run it", key=f"run-{self._job.id}", type="primary", on_click=decide, args=(True,))
                st.button("Don't run it", key=f"hold-{self._job.id}", on_click=decide, args=(False,))

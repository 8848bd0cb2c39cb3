"""Questions under way: each one runs on a thread of the server, whatever becomes of the page that asked it.

A page looks at a job's `view`, which never changes under its eyes. Nothing here draws.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nl2sql import (
    Answer,
    BugError,
    CancelledError,
    CancelToken,
    Event,
    EventKind,
    HistoryEntry,
    LimitError,
    NL2SQLError,
    Result,
)
from ui.gate import Gate

AT_ONCE: Final = 16
# The embedded model reads one question after the other.
AT_ONCE_LOCAL: Final = 4
WAITING: Final = 60
REVIEW_SECONDS: Final = 15 * 60.0
_DOING: Final = {
    EventKind.SCHEMA: "Looking at the schema",
    EventKind.WRITING: "Writing SQL",
    EventKind.SQL: "Checking the SQL",
    EventKind.RUNNING: "Running the query",
    EventKind.ROWS: "Putting it into words",
    EventKind.TEXT: "Putting it into words",
}


class State(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    REVIEW = "review"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class View:
    """A job as it is now. `version` grows with every change but the words of the sentence, which come by the dozen."""

    version: int = 0
    state: State = State.WAITING
    doing: str = "Starting"
    steps: tuple[str, ...] = ()
    sql: str | None = None
    result: Result | None = None
    text: str = ""
    answer: Answer | None = None
    error: NL2SQLError | None = None
    rows_at: float = 0.0

    @property
    def done(self) -> bool:
        return self.state is State.DONE


class Job:
    """One question, or one query of the user's own. `id` cannot be guessed: it is the link while it runs.

    `remembered` is what the history has of it, where it comes from there, without rows; `elsewhere` names its database
    where that is not the opened one.
    """

    def __init__(self, question: str, owner: str | None) -> None:
        self.id = secrets.token_hex(16)
        self.question, self.owner = question, owner
        self.asked_at = time.time()
        self.token = CancelToken()
        self._changed = threading.Condition()
        self._view = View()
        self._decision: bool | None = None
        self._keeps_rows = True
        self.remembered: HistoryEntry | None = None
        self.elsewhere = ""

    @property
    def view(self) -> View:
        return self._view

    def wait(self, version: int, seconds: float) -> View:
        """The view once it is another than `version`, or after that time; then with the words that came meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._view.version != version, seconds)
            return self._view

    def stop(self) -> None:
        """End the query and the model call."""
        self.token.cancel()
        with self._changed:
            self._changed.notify_all()

    def decide(self, run: bool, sql: str) -> None:
        """What the user says of this SQL; nothing where another one waits for a review by now."""
        with self._changed:
            if self._view.state is State.REVIEW and self._view.sql == sql:
                self._decision = run
                self._changed.notify_all()

    def reviewed(self, sql: str) -> bool:
        """Wait until the user has looked at the SQL. False where they say no, or say nothing for long."""
        self._decision = None
        self.change(state=State.REVIEW, sql=sql, doing="Waiting for your review")
        with self._changed:
            self._changed.wait_for(lambda: self._decision is not None or self.token.cancelled, REVIEW_SECONDS)
            decision = self._decision
        self.token.raise_if_cancelled()
        self.change(state=State.RUNNING)
        return bool(decision)

    def saw(self, event: Event) -> None:
        """Take in what happened."""
        now = self._view
        if event.kind is EventKind.TEXT:
            self._view = replace(now, text=now.text + event.text, doing=_DOING[event.kind])
        elif event.kind is EventKind.SQL:
            self.change(sql=event.text, steps=(*now.steps, "The SQL passed the guard"), doing=_DOING[event.kind])
        elif event.kind is EventKind.ROWS and event.result is not None:
            rows = f"{event.result.row_count:,} row{'' if event.result.row_count == 1 else 's'}"
            steps = (*now.steps, rows)
            self.change(result=event.result, text="", steps=steps, doing=_DOING[event.kind], rows_at=time.time())
        elif event.kind in _DOING:
            self.change(doing=_DOING[event.kind])
        elif event.kind is EventKind.ANSWER:
            self.change(answer=event.answer)
        else:
            said = {EventKind.RETRY: "That failed: ", EventKind.REPAIRED: "The query was changed: "}.get(event.kind, "")
            self.change(steps=(*now.steps, said + event.text))

    def end(self, error: NL2SQLError | None = None) -> None:
        """Be done, with an answer or with this error."""
        self.change(state=State.DONE, error=error, doing="")

    def change(self, **fields: object) -> None:
        """Show something else from now on."""
        with self._changed:
            view = replace(self._view, version=self._view.version + 1, **fields)  # type: ignore[arg-type]
            self._view = view if self._keeps_rows else _without_rows(view)
            self._changed.notify_all()

    def bring(self, answer: Answer) -> None:
        """Have the rows of its answer again, once they have been read again."""
        self._keeps_rows = True
        self.change(answer=answer)

    def forget_rows(self) -> None:
        """Keep the question, the SQL and the sentence, and let go of the rows, of those to come too."""
        self._keeps_rows = False
        self.change()


def _without_rows(view: View) -> View:
    answer = view.answer
    return replace(view, result=None, answer=replace(answer, result=None) if answer is not None else None)


class Jobs:
    """Runs jobs: `at_once` of them, the rest in line. `on_end` hears of each that has ended."""

    def __init__(
        self, at_once: int = AT_ONCE, waiting: int = WAITING, on_end: Callable[[Job], None] = lambda job: None
    ) -> None:
        self._gate = Gate(at_once)
        self._waiting = waiting
        self._on_end = on_end

    def place(self, job: Job) -> int:
        """Its place in the line; 0 once it runs."""
        return self._gate.place(job.id)

    def start(self, job: Job, work: Callable[[Job], Answer]) -> None:
        """Have the job done as soon as its turn comes; its error says so where too many stand in line."""
        if self._gate.length >= self._waiting:
            job.end(LimitError("too many questions wait for an answer", "Ask again in a minute.", limit="queue"))
            return
        self._gate.line_up(job.id)
        # A daemon: Ctrl-C does not wait for a question, nor for a person who reviews its SQL.
        threading.Thread(target=self._run, args=(job, work), name="nl2sql-question", daemon=True).start()

    def review(self, job: Job, sql: str) -> bool:
        """Let the user look at the SQL; others may run in the meantime. CancelledError where they stop it."""
        self._gate.leave(job.id)
        run = job.reviewed(sql)
        self._gate.line_up(job.id)
        self._gate.enter(job.id, job.token)
        return run

    def _run(self, job: Job, work: Callable[[Job], Answer]) -> None:
        try:
            self._gate.enter(job.id, job.token)
            try:
                job.change(state=State.RUNNING, doing="Starting")
                job.change(answer=work(job))
            finally:
                self._gate.leave(job.id)
            job.end()
        except CancelledError:
            job.end(CancelledError("Stopped.", "Ask again when you are ready."))
        except NL2SQLError as exc:
            job.end(exc)
        finally:
            if not job.view.done:
                job.end(BugError("this is a bug in nl2sql", "The trace is where nl2sql ui was started."))
            self._on_end(job)

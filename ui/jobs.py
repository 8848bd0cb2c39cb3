"""Running questions: each runs on a thread of the server, even if the page that asked is closed.

A page reads a job's `view`, which is immutable. Nothing here draws.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
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
from ui.admission_queue import AdmissionQueue

MAX_RUNNING_JOBS: Final = 16
# The embedded model reads one question after the other.
MAX_RUNNING_LOCAL_JOBS: Final = 4
MAX_WAITING_JOBS: Final = 60
MAX_REVIEW_SECONDS: Final = 15 * 60.0
_POLL_SECONDS: Final = 0.2
# So many answers' times are remembered; fewer than the second say nothing of how long it usually takes.
_MAX_DURATIONS: Final = 15
_MIN_DURATIONS: Final = 3
_ACTIVITIES: Final = {
    EventKind.SCHEMA: "Reading the schema",
    EventKind.WRITING: "Writing SQL",
    EventKind.SQL: "Checking the SQL",
    EventKind.RUNNING: "Running the query",
    EventKind.ROWS: "Writing the answer",
    EventKind.TEXT: "Writing the answer",
}


class JobState(StrEnum):
    """The state of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    REVIEW = "review"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Review:
    """SQL that waits for a person: its reading, and `rows`, the estimate for the largest step of a heavy query."""

    sql: str
    reading: tuple[str, ...] = ()
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job at one moment. `version` grows with every change, except for pieces of the sentence.

    `rows_sql` is the query that gave `result`; `sql` may be a later one.
    """

    version: int = 0
    state: JobState = JobState.WAITING
    activity: str = "Starting"
    steps: tuple[str, ...] = ()
    sql: str | None = None
    review: Review | None = None
    result: Result | None = None
    rows_sql: str = ""
    text: str = ""
    answer: Answer | None = None
    error: NL2SQLError | None = None
    rows_at: float = 0.0

    @property
    def is_done(self) -> bool:
        """Whether the job has ended."""
        return self.state is JobState.DONE


class Job:
    """One question, or one query of the user's own. `id` cannot be guessed: it is the link while it runs.

    `typed_text` is what the user typed, which may hold more than the question. `was_reviewed` says that it waited for
    a person. `history_entry` is its entry where it comes from the history, without rows; `other_database` names its
    database where that is not the opened one.
    """

    def __init__(self, question: str, owner: str | None) -> None:
        self.id = secrets.token_hex(16)
        self.question, self.owner = question, owner
        self.asked_at = time.time()
        self.token = CancelToken()
        self._changed = threading.Condition()
        self._view = JobView()
        self._decision: bool | None = None
        self._keeps_rows = True
        self.was_reviewed = False
        self.typed_text = question
        self.history_entry: HistoryEntry | None = None
        self.other_database = ""

    @property
    def view(self) -> JobView:
        """The job at this moment."""
        return self._view

    def wait(self, version: int, seconds: float) -> JobView:
        """Return the view once its version differs from `version`, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._view.version != version, seconds)
            return self._view

    def await_end(self, cancel: CancelToken) -> None:
        """Wait until the job is done.

        Raises:
            CancelledError: `cancel` is set.
        """
        while not self.view.is_done:
            cancel.raise_if_cancelled()
            self.wait(self.view.version, _POLL_SECONDS)

    def stop(self) -> None:
        """End the query and the model call."""
        self.token.cancel()
        with self._changed:
            self._changed.notify_all()

    def decide(self, run: bool, sql: str) -> None:
        """Record the user's decision about this SQL, if it is the one that waits for a review."""
        with self._changed:
            review = self._view.review
            if self._view.state is JobState.REVIEW and review is not None and review.sql == sql:
                self._decision = run
                self._changed.notify_all()

    def await_decision(self, review: Review) -> bool:
        """Wait for the user's decision; return False where they decline or the time is over."""
        self._decision, self.was_reviewed = None, True
        self.update(state=JobState.REVIEW, sql=review.sql, review=review, activity="Waiting for your review")
        with self._changed:
            self._changed.wait_for(lambda: self._decision is not None or self.token.is_cancelled, MAX_REVIEW_SECONDS)
            decision = self._decision
        self.token.raise_if_cancelled()
        self.update(state=JobState.RUNNING, review=None)
        return bool(decision)

    def handle_event(self, event: Event) -> None:
        """Update the view by an event of the assistant."""
        now = self._view
        if event.kind is EventKind.TEXT:
            with self._changed:
                # Another thread may drop the rows at the same time.
                self._view = replace(self._view, text=self._view.text + event.text, activity=_ACTIVITIES[event.kind])
        elif event.kind is EventKind.SQL:
            self.update(sql=event.text, activity=_ACTIVITIES[event.kind])
        elif event.kind is EventKind.ROWS and event.result is not None:
            self.update(
                result=event.result,
                rows_sql=now.sql or "",
                text="",
                activity=_ACTIVITIES[event.kind],
                rows_at=time.time(),
            )
        elif event.kind in _ACTIVITIES:
            self.update(activity=_ACTIVITIES[event.kind])
        elif event.kind is EventKind.ANSWER:
            self.update(answer=event.answer)
        else:
            said = {EventKind.RETRY: "That failed: ", EventKind.REPAIRED: "The query was changed: "}.get(event.kind, "")
            self.update(steps=(*now.steps, said + event.text))

    def end(self, error: NL2SQLError | None = None) -> None:
        """Mark the job as done, with its answer or this error."""
        self.update(state=JobState.DONE, error=error, activity="")

    def update(self, **fields: object) -> None:
        """Replace fields of the view, and wake who waits for a change."""
        with self._changed:
            view = replace(self._view, version=self._view.version + 1, **fields)  # type: ignore[arg-type]
            self._view = view if self._keeps_rows else _drop_rows(view)
            self._changed.notify_all()

    def restore_rows(self, answer: Answer) -> None:
        """Set an answer that has its rows again."""
        self._keeps_rows = True
        self.update(answer=answer)

    def forget_rows(self) -> None:
        """Drop the rows, also those to come; keep question, SQL and sentence."""
        self._keeps_rows = False
        self.update()


def _drop_rows(view: JobView) -> JobView:
    answer = view.answer
    return replace(view, result=None, answer=replace(answer, result=None) if answer is not None else None)


class Jobs:
    """Runs jobs: `max_running` at once, the rest wait in line. `on_end` is called with each that has ended."""

    def __init__(
        self,
        max_running: int = MAX_RUNNING_JOBS,
        max_waiting: int = MAX_WAITING_JOBS,
        on_end: Callable[[Job], None] = lambda job: None,
    ) -> None:
        self._gate = AdmissionQueue(max_running)
        self._waiting = max_waiting
        self._on_end = on_end
        self._durations: deque[float] = deque(maxlen=_MAX_DURATIONS)

    def get_position(self, job: Job) -> int:
        """Return the job's place in line; 0 once it runs."""
        return self._gate.get_position(job.id)

    def find_usual_seconds(self) -> float | None:
        """Return the median time of the last answers by a model; None where too few are known.

        Queries that waited for a review, or ran without a model, are not counted.
        """
        took = sorted(self._durations)
        return took[len(took) // 2] if len(took) >= _MIN_DURATIONS else None

    def start(self, job: Job, work: Callable[[Job], Answer], *, after: Job | None = None) -> None:
        """Start the job when its turn comes, and after the job `after` has ended.

        Where too many wait, the job ends with a LimitError.
        """
        if self._gate.length >= self._waiting:
            job.end(LimitError("too many questions are waiting", "Ask again in a minute.", limit="queue"))
            return
        if after is None:
            self._gate.join(job.id)
        # A daemon: Ctrl-C does not wait for a question, nor for a person who reviews its SQL.
        threading.Thread(target=self._run, args=(job, work, after), name="nl2sql-question", daemon=True).start()

    def await_review(self, job: Job, review: Review) -> bool:
        """Wait for the user's decision; others may run in the meantime.

        Raises:
            CancelledError: the user stops the job.
        """
        self._gate.leave(job.id)
        run = job.await_decision(review)
        self._gate.join(job.id)
        self._gate.enter(job.id, job.token)
        return run

    def _run(self, job: Job, work: Callable[[Job], Answer], after: Job | None) -> None:
        try:
            if after is not None:
                job.update(activity="Waiting for the answer above")
                after.await_end(job.token)
                self._gate.join(job.id)
            self._gate.enter(job.id, job.token)
            started = time.monotonic()
            try:
                job.update(state=JobState.RUNNING, activity="Starting")
                job.update(answer=work(job))
            finally:
                self._gate.leave(job.id)
            if job.view.answer is not None and job.view.answer.model and not job.was_reviewed:
                self._durations.append(time.monotonic() - started)
            job.end()
        except CancelledError:
            job.end(CancelledError("Stopped.", "Ask again when you are ready."))
        except NL2SQLError as exc:
            job.end(exc)
        finally:
            if not job.view.is_done:
                job.end(
                    BugError("this is a bug in nl2sql", "The trace is in the terminal where nl2sql ui was started.")
                )
            self._on_end(job)

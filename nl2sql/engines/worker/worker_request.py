"""One request to a worker while it is under way: its deadline, its cancelling, and how it ended.

It does not start or replace workers; `broken` says that this one must be.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from nl2sql.cancellation import CancelToken
from nl2sql.engines.worker import pipe_messages
from nl2sql.engines.worker.child_process import ChildProcess, ProcessExitError
from nl2sql.engines.worker.deadline_timer import Alarm
from nl2sql.engines.worker.pipe_frames import TEXT_BYTES, Message
from nl2sql.errors import CancelledError, DatabaseError, LimitError, NL2SQLError, QueryError

GRACE_SECONDS: Final = 0.5
_WHAT: Final = {
    "open": "opening the database",
    "introspect": "reading the database's schema",
    "judge": "judging the query",
}
_UNFIT: Final = (LookupError, TypeError, ValueError, AttributeError, OverflowError)
_LOG: Final = logging.getLogger(__name__)
ExplainOpen = Callable[[str], DatabaseError]
_numbers: Final = itertools.count(1)


class Call:
    """A request and its replies. Only time spent waiting for the worker counts towards `seconds`."""

    def __init__(
        self,
        worker: ChildProcess,
        alarm: Alarm,
        request: Mapping[str, Any],
        seconds: float,
        explain_open: ExplainOpen | None = None,
    ) -> None:
        """Send the request. `explain_open` is asked for the error where the worker could not open the database."""
        self._worker, self._alarm, self._explain_open = worker, alarm, explain_open
        self._id = next(_numbers)
        self._seconds, self._left = seconds, seconds
        self._what = _WHAT.get(request["op"], "the query")
        self._payload_bytes = pipe_messages.compute_max_payload(request["limits"]) if "limits" in request else 0
        self._lock = threading.Lock()
        self._reason = ""
        self._reading = False
        self.done = False
        self.broken = False
        worker.send({**request, "id": self._id})

    def receive(self) -> tuple[Message, bytes]:
        """Return the next reply.

        Raises:
            LimitError: time, memory or bytes ran out.
            QueryError: the database refuses the query.
            DatabaseError: the database, or the worker, failed.
            CancelledError: `cancel` was called.
        """
        started = time.monotonic()
        with self._lock:
            if not self._reason:
                self._alarm.set(self._left, self._time_out)
            self._reading = True
        try:
            message, payload = self._worker.receive(self._payload_bytes)
        except ProcessExitError as exc:
            self._finish(broken=True)
            ending = self._make_exit_error(exc)
            _LOG.info(
                "worker %d ended (%s) during %s: %s",
                self._worker.pid,
                _describe_exit(exc.code),
                self._what,
                ending.code,
            )
            raise ending from exc
        with self._lock:
            if not self._reason:
                self._alarm.clear()
            self._reading = False
        self._left = max(0.0, self._left - (time.monotonic() - started))
        with self.check_reply():
            kind = message["kind"]
            if kind not in ("columns", "batch"):
                self._finish(broken=False)
            error = self._read_error(message) if kind == "error" else None
        if error is not None:
            raise error
        return message, payload

    @contextlib.contextmanager
    def check_reply(self, *kinds: type[Exception]) -> Iterator[None]:
        """Open a context in which a reply is read; one that has not the form it should have costs the worker.

        `kinds` are further errors by which that shows.

        Raises:
            DatabaseError: the reply has another form.
        """
        unfit: tuple[type[Exception], ...] = (*_UNFIT, *kinds)
        try:
            yield
        except unfit as exc:
            self._finish(broken=True)
            raise _make_garbled_error() from exc

    def cancel(self) -> None:
        """End it as cancelled, from any thread: an interrupt, then after a short grace the end of the worker."""
        self._stop("cancelled")

    def abandon(self) -> None:
        """End it for want of a reader: interrupt the query and read what is still in the pipe."""
        if self._reading:
            # Reading was broken off in the middle of a frame (Ctrl-C): what comes next in the pipe is unknown.
            self._finish(broken=True)
            return
        self._stop("abandoned")
        while not self.done:
            try:
                self.receive()
            except NL2SQLError:
                continue

    def _time_out(self) -> None:
        self._stop("seconds")

    def _stop(self, reason: str) -> None:
        with self._lock:
            if self.done or self._reason:
                return
            self._reason = reason
            self._alarm.set(GRACE_SECONDS, self._kill)
        _LOG.info("worker %d: %s is stopped (%s)", self._worker.pid, self._what, reason)
        self._worker.send({"op": "stop", "id": self._id})

    def _kill(self) -> None:
        with self._lock:
            if not self.done:
                _LOG.info("worker %d is killed: it went on after it was stopped (%s)", self._worker.pid, self._reason)
                self._worker.kill()

    def _finish(self, *, broken: bool) -> None:
        with self._lock:
            self.done, self.broken = True, broken or self.broken
            self._alarm.clear()

    def _read_error(self, message: Message) -> NL2SQLError:
        kind, text, hint = (pipe_messages.expect_text(message.get(name, "")) for name in ("error", "message", "hint"))
        if kind in ("stopped", "seconds"):
            return self._make_stop_error() or self._make_timeout_error()
        if kind in ("memory", "spill"):
            self.broken = True
            error = _make_memory_error(self._what) if kind == "memory" else _make_spill_error(self._what)
            error.add_note(text)
            return error
        if kind in ("result_bytes", "cell_bytes"):
            return LimitError(text, hint, limit=kind)
        if kind == "reply":
            most = f"{TEXT_BYTES // 1_000_000} MB"
            return LimitError(f"{self._what} gave more than {most}", "Ask for less at once.", limit="result_bytes")
        if kind == "query":
            return QueryError(text, hint)
        self.broken = True
        if kind == "open" and self._explain_open is not None:
            return self._explain_open(text)
        return DatabaseError(f"the database failed: {text}", "Check that its file is still there and whole.")

    def _make_exit_error(self, exc: ProcessExitError) -> NL2SQLError:
        if stopped := self._make_stop_error():
            return stopped
        if exc.code == -getattr(signal, "SIGXCPU", 0):
            return self._make_timeout_error()
        if exc.is_garbled:
            return _make_garbled_error()
        if exc.is_out_of_memory:
            return _make_memory_error(self._what)
        error = DatabaseError(
            f"the database's worker process ended unexpectedly ({_describe_exit(exc.code)})",
            "Run it again: a new worker is used. If it happens again, ask for less at once.",
        )
        if exc.stderr:
            error.add_note(exc.stderr)
        return error

    def _make_stop_error(self) -> NL2SQLError | None:
        if self._reason == "seconds":
            return self._make_timeout_error()
        if self._reason:
            return CancelledError("stopped", "Ask again when you are ready.")
        return None

    def _make_timeout_error(self) -> LimitError:
        return LimitError(
            f"{self._what} ran longer than {self._seconds:g} s and was stopped",
            "Narrow it (a filter, fewer joins), or raise the limit with --timeout.",
            limit="seconds",
        )


def cancel_on_token(call: Call, cancel: CancelToken | None) -> AbstractContextManager[None]:
    """Return a context in which cancelling the token cancels the call."""
    return cancel.call_on_cancel(call.cancel) if cancel else contextlib.nullcontext()


def _make_garbled_error() -> DatabaseError:
    return DatabaseError(
        "the database's worker process gave a reply that cannot be read",
        "Run it again: a new worker is used. If it happens again, the data may be damaged, or made to do harm.",
    )


def _make_memory_error(what: str) -> LimitError:
    return LimitError(
        f"{what} ran out of memory",
        "Narrow it (a filter, fewer columns, a smaller GROUP BY), or raise the limit with --memory.",
        limit="memory",
    )


def _make_spill_error(what: str) -> LimitError:
    return LimitError(
        f"{what} ran out of memory, and of the disk that it may spill to",
        "Narrow it (a filter, fewer columns, a smaller GROUP BY), or raise spill under [limits] in the project file.",
        limit="spill",
    )


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"

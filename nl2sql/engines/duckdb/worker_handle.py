"""A worker process kept ready: started ahead, told the schema, with the limits that a call wants, replaced if broken.

It is used by one call at a time, which the pool sees to.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from nl2sql.cancellation import CancelToken
from nl2sql.engines.duckdb import WORKER
from nl2sql.engines.duckdb.result_cache import MAX_CACHED_QUERIES
from nl2sql.engines.files.data_sources import DataSource, PreparedDatabase
from nl2sql.engines.worker.child_process import ChildProcess, take_process
from nl2sql.engines.worker.deadline_timer import Alarm
from nl2sql.engines.worker.pipe_frames import Message
from nl2sql.engines.worker.pipe_messages import MOVED
from nl2sql.engines.worker.worker_request import Call, cancel_on_token
from nl2sql.errors import DatabaseError
from nl2sql.types import Limits, Schema

Read = TypeVar("Read")

START_SECONDS: Final = 60.0
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What all workers of an engine open: one state of its data. `schema` is None until somebody has read it.

    `time_zone` is where the days of queries begin.
    """

    fingerprint: str
    source: DataSource
    prepared: PreparedDatabase
    schema: Schema | None = None
    time_zone: str = "UTC"


class WorkerHandle:
    """Limits on memory and disk are a process's own, so that a call with others gets another process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._alarm = Alarm()
        self._opened: DatabaseState | None = None
        self._process: ChildProcess | None = None
        self._opening: Call | None = None
        self._told: Schema | None = None
        self._held: Mapping[str, bool] = {}
        self._kept: deque[str] = deque(maxlen=MAX_CACHED_QUERIES)

    @property
    def pid(self) -> int | None:
        """The process that is running now."""
        return self._process.pid if self._process else None

    def use_state(self, opened: DatabaseState) -> None:
        """Have a process stand on that state of the data, without waiting until it does."""
        if self._opened is not None and self._opened.fingerprint != opened.fingerprint:
            _LOG.info("the data has changed: the worker is replaced")
            self._discard()
        self._opened = opened
        if self._process is None:
            self._start()
        self._tell_schema()

    def ask(
        self,
        request: Mapping[str, Any],
        seconds: float,
        read: Callable[[Message], Read],
        cancel: CancelToken | None = None,
    ) -> Read:
        """Return what `read` makes of the one reply to a request.

        Raises:
            QueryError, LimitError, CancelledError, DatabaseError: as `Call.receive`.
        """
        with self.open_call(request, seconds, None, cancel) as call:
            message, _ = call.receive()
            with call.check_reply():
                return read(message)

    @contextlib.contextmanager
    def open_call(
        self, request: Mapping[str, Any], seconds: float, limits: Limits | None, cancel: CancelToken | None
    ) -> Iterator[Call]:
        """One request to a process that fits the limits; a process that it broke is replaced afterwards."""
        process = self._ensure_ready(limits or self._limits, cancel)
        call = Call(process, self._alarm, request, seconds)
        try:
            with cancel_on_token(call, cancel):
                yield call
        finally:
            try:
                if not call.done:
                    call.abandon()
            finally:
                if call.broken or not call.done:
                    self._discard()
                    self._start()

    def has_cached(self, sql: str) -> bool:
        """Whether the process may still have the rows of that query."""
        return sql in self._kept

    def mark_cached(self, sql: str) -> None:
        """Remember that the process was asked for pages of that query."""
        if sql in self._kept:
            self._kept.remove(sql)
        self._kept.append(sql)

    def list_enforced_limits(self) -> Mapping[str, bool]:
        """Which of the operating system's limits hold for the process, by name."""
        self._ensure_ready(self._limits, None)
        return dict(self._held)

    def close(self) -> None:
        """End the process."""
        self._discard()
        self._alarm.close()

    def _ensure_ready(self, limits: Limits, cancel: CancelToken | None) -> ChildProcess:
        """Return the process, once it has opened the database."""
        running = self._limits
        if (limits.memory, limits.spill) != (running.memory, running.spill) or limits.seconds > running.seconds:
            if self._process is not None:
                _LOG.info("worker %d is replaced: the call has other limits", self._process.pid)
            self._discard()
            self._limits = replace(limits, seconds=max(limits.seconds, running.seconds))
        if self._process is not None and self._opening is None and self._process.has_ended:
            self._discard()
        process = self._process or self._start()
        if opening := self._opening:
            self._opening = None
            try:
                with cancel_on_token(opening, cancel):
                    message, _ = opening.receive()
                with opening.check_reply():
                    self._held = {str(name): bool(held) for name, held in message["limits"].items()}
            finally:
                if opening.broken or not self._held:
                    self._discard()
        return process

    def _start(self) -> ChildProcess:
        """Start a process and have it open the database, without waiting for it."""
        assert self._opened is not None
        if not self._opened.prepared.database.exists():
            self._opened = replace(self._opened, prepared=self._opened.source.prepare())
        prepared, limits = self._opened.prepared, self._limits
        process = take_process(WORKER)
        _LOG.info("worker %d starts (memory %s, %g s)", process.pid, limits.memory, limits.seconds)
        request = {
            "op": "open",
            "database": str(prepared.database),
            "data_files": [str(file) for file in prepared.data_files],
            "attached": {name: str(file) for name, file in prepared.attachments.items()},
            "memory": limits.memory,
            "spill": limits.spill,
            "seconds": limits.seconds,
            "time_zone": self._opened.time_zone,
        }
        self._process, self._held = process, {}
        self._kept.clear()
        self._opening = Call(process, self._alarm, request, START_SECONDS, _make_open_error)
        self._tell_schema()
        return process

    def _tell_schema(self) -> None:
        from nl2sql.schema import serialization

        schema = self._opened.schema if self._opened else None
        if self._process is not None and schema is not None and schema is not self._told:
            self._process.send({"op": "schema", "id": 0, "schema": serialization.encode_schema(schema)})
            self._told = schema

    def _discard(self) -> None:
        process, self._process, self._opening, self._told = self._process, None, None, None
        if process is not None:
            _LOG.debug("worker %d is closed", process.pid)
            process.close()


def _make_open_error(text: str) -> DatabaseError:
    """Return why DuckDB does not open the file, by what it says of it."""
    if text.endswith(MOVED):
        return DatabaseError(text, "Open it again.")
    if "lock on file" in text:
        return DatabaseError(
            "the database is locked: another process has it open for writing", "Close that program, then try again."
        )
    if "version" in text:
        return DatabaseError(
            "the database was written by another version of DuckDB than this one opens",
            "Export it there (EXPORT DATABASE) and import it with this version, or upgrade.",
        )
    return DatabaseError(
        "the file is damaged, or is not a DuckDB database", "Restore it from a copy, or make it anew from its source."
    )

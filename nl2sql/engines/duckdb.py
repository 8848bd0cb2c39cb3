"""DuckDB as an Engine: the parent's side of a worker process that opens, judges, runs, and may be killed.

It never imports DuckDB itself. A worker that overruns, crashes or runs out of memory is replaced, and the next call
works. Limits on memory and disk are the worker's, so a call with others gets another worker.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from nl2sql.cancel import CancelToken
from nl2sql.engines import wire
from nl2sql.engines.alarm import Alarm
from nl2sql.engines.call import Call, listening
from nl2sql.engines.files import Source
from nl2sql.engines.process import WORKER, ChildProcess, spare_or_new
from nl2sql.engines.stream import WorkerStream, collected
from nl2sql.errors import BugError, DatabaseError, LimitError
from nl2sql.types import CheckedSQL, Limits, Mended, Policy, Result, Schema, Verdict

START_SECONDS: Final = 60.0
JUDGE_SECONDS: Final = 5.0
PROFILE_SECONDS: Final = 5.0
INTROSPECT_SECONDS: Final = 30.0
_QUEUE_POLL: Final = 0.1


class DuckDBEngine:
    """Implements `Engine`. `limits` are those that its worker starts with; opening it opens no database yet."""

    dialect: Final = "duckdb"

    def __init__(
        self,
        url: str,
        source: Source,
        limits: Limits,
        cache_dir: Path,
        judge_seconds: float = JUDGE_SECONDS,
        profile_seconds: float = PROFILE_SECONDS,
    ) -> None:
        self._url, self._source, self._limits, self._cache_dir = url, source, limits, cache_dir
        self._judge_seconds, self._profile_seconds = judge_seconds, profile_seconds
        self._fingerprint = source.fingerprint()
        self._prepared = source.prepare()
        self._turns = threading.Lock()
        self._turn_of: int | None = None
        self._alarm = Alarm()
        self._worker: ChildProcess | None = None
        self._opening: Call | None = None
        self._held: Mapping[str, bool] = {}
        self._schema: Schema | None = None
        self._closed = False
        self._start(limits)

    @property
    def url(self) -> str:
        """What was opened."""
        return self._url

    def introspect(self) -> Schema:
        """Tables, columns, keys and profile; from the cache where the files have not changed. DatabaseError."""
        with self._turn(None):
            return self._introspected()

    def judge(self, sql: str, policy: Policy, *, thorough: bool = False) -> Verdict:
        """What the guard's judges say of the text. LimitError where judging itself overran."""
        with self._turn(None):
            self._introspected()
            seconds = self._judge_seconds
            asked = {"op": "judge", "sql": sql, "thorough": thorough, "seconds": seconds}
            reply = self._ask({**asked, "policy": wire.policy_to_json(policy)}, seconds)
            return wire.verdict_from_json(reply["verdict"])

    def mend(self, sql: str, question: str, policy: Policy, *, binds: bool = False) -> Mended | None:
        """As `Engine.mend`."""
        asked = {"op": "mend", "sql": sql, "question": question, "binds": binds}
        request = {**asked, "policy": wire.policy_to_json(policy)}
        with self._turn(None):
            self._introspected()
            seconds = self._judge_seconds
            try:
                reply = self._ask({**request, "seconds": seconds}, seconds)
            except LimitError:
                return None
        return Mended(reply["sql"], tuple(reply["mends"])) if reply["mends"] else None

    def execute(self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None) -> Result:
        """Run it and return its rows, within the limits.

        More rows than `limits.rows`, or more bytes than `limits.result_bytes`, cut the result: `truncated` says
        so. Cells longer than `limits.cell_bytes` are shortened and counted. Errors as `Engine.execute`.
        """
        with self.stream(checked, limits, cancel) as stream:
            return collected(stream)

    @contextlib.contextmanager
    def stream(self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None) -> Iterator[WorkerStream]:
        """As `execute`, batch by batch; the reader's own time does not count towards `limits.seconds`."""
        request = {
            "op": "execute",
            "sql": checked.sql,
            "limits": wire.limits_to_json(limits),
            "seconds": limits.seconds,
        }
        with self._turn(cancel), self._calling(request, limits.seconds, limits, cancel) as call:
            yield WorkerStream(call)

    def worker_limits(self) -> Mapping[str, bool]:
        """Which of the operating system's limits hold for the worker on this platform, by name."""
        with self._turn(None):
            self._ready(self._limits, None)
            return dict(self._held)

    def close(self) -> None:
        """End the worker. May be called twice."""
        with self._turn(None, closing=True):
            self._closed = True
            self._discard()
        self._alarm.close()

    def _introspected(self) -> Schema:
        from nl2sql.schema import cache

        self._reopen_if_changed()
        if self._schema is None:
            schema = cache.load(self._cache_dir, self._fingerprint)
            if schema is None:
                schema, complete = self._read_schema()
                cache.save(self._cache_dir, schema, complete=complete)
            self._schema = schema
            self._send_schema()
        return self._schema

    def _read_schema(self) -> tuple[Schema, bool]:
        """The schema, and whether its profile came to its end."""
        from nl2sql.schema import codec

        request = {"op": "introspect", "profile_seconds": self._profile_seconds}
        try:
            reply = self._ask(request, INTROSPECT_SECONDS)
        except LimitError:
            # The catalogue alone is enough to work with where the data is too much to look at.
            reply = self._ask({**request, "profile_seconds": 0}, INTROSPECT_SECONDS)
        return replace(codec.from_json(reply["schema"]), fingerprint=self._fingerprint), bool(reply["complete"])

    def _reopen_if_changed(self) -> None:
        fingerprint = self._source.fingerprint()
        if fingerprint != self._fingerprint:
            self._discard()
            self._schema = None
            self._prepared = self._source.prepare()
            self._fingerprint = fingerprint

    def _ask(self, request: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        with self._calling(request, seconds, None, None) as call:
            return call.receive()[0]

    @contextlib.contextmanager
    def _calling(
        self, request: Mapping[str, Any], seconds: float, limits: Limits | None, cancel: CancelToken | None
    ) -> Iterator[Call]:
        """One request to a worker that fits the limits; a worker that it broke is replaced afterwards."""
        worker = self._ready(limits or self._limits, cancel)
        call = Call(worker, self._alarm, request, seconds)
        try:
            with listening(call, cancel):
                yield call
        finally:
            try:
                if not call.done:
                    call.abandon()
            finally:
                if call.broken or not call.done:
                    self._discard()
                    self._start(self._limits)

    def _ready(self, limits: Limits, cancel: CancelToken | None) -> ChildProcess:
        """The worker, once it has opened the database. DatabaseError where it cannot."""
        running = self._limits
        if (limits.memory, limits.spill) != (running.memory, running.spill) or limits.seconds > running.seconds:
            self._discard()
            self._limits = replace(limits, seconds=max(limits.seconds, running.seconds))
        if self._worker is not None and self._opening is None and self._worker.ended:
            self._discard()
        worker = self._worker or self._start(self._limits)
        if opening := self._opening:
            self._opening = None
            try:
                with listening(opening, cancel):
                    self._held = opening.receive()[0]["limits"]
            finally:
                if opening.broken or not self._held:
                    self._discard()
        return worker

    def _start(self, limits: Limits) -> ChildProcess:
        """Start a worker and have it open the database, without waiting for it."""
        if not self._prepared.database.exists():
            self._prepared = self._source.prepare()
        worker = spare_or_new(WORKER)
        request = {
            "op": "open",
            "database": str(self._prepared.database),
            "data_files": [str(file) for file in self._prepared.data_files],
            "memory": limits.memory,
            "spill": limits.spill,
            "seconds": limits.seconds,
        }
        self._worker, self._held = worker, {}
        self._opening = Call(worker, self._alarm, request, START_SECONDS)
        if self._schema is not None:
            self._send_schema()
        return worker

    def _send_schema(self) -> None:
        from nl2sql.schema import codec

        if self._worker is not None and self._schema is not None:
            self._worker.send({"op": "schema", "id": 0, "schema": codec.to_json(self._schema)})

    def _discard(self) -> None:
        worker, self._worker, self._opening = self._worker, None, None
        if worker is not None:
            worker.close()

    @contextlib.contextmanager
    def _turn(self, cancel: CancelToken | None, *, closing: bool = False) -> Iterator[None]:
        """Wait for the worker to be free. One call at a time uses it; a stream uses it until it is left."""
        if self._turn_of == threading.get_ident():
            raise BugError("the engine was called while this thread still reads a stream from it")
        while not self._turns.acquire(timeout=_QUEUE_POLL if cancel else -1):
            if cancel:
                cancel.raise_if_cancelled()
        self._turn_of = threading.get_ident()
        try:
            if self._closed and not closing:
                raise DatabaseError("the database is closed", "Open it again.")
            if cancel:
                cancel.raise_if_cancelled()
            yield
        finally:
            self._turn_of = None
            self._turns.release()

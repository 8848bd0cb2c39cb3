"""DuckDB as an Engine: the parent's side of worker processes that open, judge, run, and may be killed.

It never imports DuckDB itself. A worker that overruns, crashes or runs out of memory is replaced, and the next call
works. Limits on memory and disk are each worker's: several side by side may use as many times as much.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nl2sql.cancellation import CancelToken
from nl2sql.engines.duckdb import WORKER
from nl2sql.engines.duckdb.duckdb_dialect import DUCKDB, ExplainEstimates
from nl2sql.engines.duckdb.worker_handle import DatabaseState, WorkerHandle
from nl2sql.engines.engine import Capabilities, RepairTask
from nl2sql.engines.files.data_sources import DataSource
from nl2sql.engines.worker import pipe_messages
from nl2sql.engines.worker.child_process import start_spare
from nl2sql.engines.worker.result_stream import WorkerStream, collect_result
from nl2sql.engines.worker.worker_pool import WorkerPool
from nl2sql.engines.worker.worker_request import Call
from nl2sql.errors import ConfigError, LimitError
from nl2sql.types import (
    CheckedSQL,
    Count,
    Limits,
    Policy,
    RepairReport,
    Result,
    Schema,
    Upload,
    Verdict,
    Window,
)

if TYPE_CHECKING:
    from nl2sql.engines.files.upload_tables import UploadedFiles
    from nl2sql.importing.file_rules import FileRules
    from nl2sql.importing.import_account import TableAccount

JUDGE_SECONDS: Final = 5.0
PROFILE_SECONDS: Final = 5.0
# What the guard may take over all views; those that it has not been asked of by then are not shown.
GUARD_SECONDS: Final = 10.0
INTROSPECT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class DuckDBOptions:
    """How many workers may run side by side, how long judging and profiling may take, and where days begin and end.

    `time_zone` is a name of the IANA database.
    """

    workers: int = 1
    judge_seconds: float = JUDGE_SECONDS
    profile_seconds: float = PROFILE_SECONDS
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class AttachedUploads:
    """What an engine with uploads has beside them: the engine of the base, whose schema is read there once."""

    base: DuckDBEngine
    uploads: UploadedFiles

    def join_schemas(self, base: Schema, uploaded: Schema) -> Schema:
        """Return the schema of both.

        Raises:
            DatabaseError: the base has come to have names like those of the uploads.
        """
        from nl2sql.engines.files.upload_tables import join_schemas

        return join_schemas(base, uploaded, self.uploads.catalog)


class DuckDBEngine:
    """Implements `Engine` and every capability. Opening it opens no database yet.

    `limits` are those that its workers start with.
    """

    dialect: Final = DUCKDB

    def __init__(
        self,
        url: str,
        source: DataSource,
        limits: Limits,
        cache_dir: Path,
        options: DuckDBOptions | None = None,
        attached_uploads: AttachedUploads | None = None,
    ) -> None:
        self._options = options or DuckDBOptions()
        self._url, self._source, self._cache_dir = url, source, cache_dir
        self._beside = attached_uploads
        self._state = threading.RLock()
        self._opened = DatabaseState(
            self._compute_fingerprint(), source, source.prepare(), time_zone=self._options.time_zone
        )
        self._pool = WorkerPool(self._options.workers, lambda: WorkerHandle(limits))
        with self._pool.take_worker(None) as worker:
            worker.use_state(self._opened)

    @property
    def url(self) -> str:
        """As `Engine.url`."""
        return self._url

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """The worker processes that are running now."""
        return tuple(worker.pid for worker in self._pool.workers if worker.pid is not None)

    @property
    def notes(self) -> tuple[str, ...]:
        """As `Engine.notes`."""
        return self._opened.prepared.notes

    @property
    def capabilities(self) -> Capabilities:
        """As `Engine.capabilities`."""
        return Capabilities(
            paging=self,
            file_tables=self,
            repair_sandbox=self,
            queueing=self,
            process_limits=self,
            cost_estimates=ExplainEstimates(),
        )

    @property
    def accounts(self) -> tuple[TableAccount, ...]:
        """As `FileTables.accounts`."""
        return self._opened.prepared.accounts

    @property
    def is_new_import(self) -> bool:
        """As `FileTables.is_new_import`."""
        return self._opened.prepared.is_new

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """As `FileTables.uploads`."""
        return self._beside.uploads.tables if self._beside else ()

    def attach_files(
        self, files: Sequence[Path], limits: Limits, workers: int = 1, rules: Mapping[str, FileRules] | None = None
    ) -> DuckDBEngine:
        """As `FileTables.attach_files`."""
        from nl2sql.engines.files.upload_tables import SourceWithUploads, choose_catalog_name, import_files

        if self._beside is not None:
            raise ConfigError(
                "files were uploaded here already", "Name them all in one call, on what was opened before the upload."
            )
        catalog = choose_catalog_name(self.introspect(), self._opened.prepared.database)
        # The worker loads its libraries while the files are imported.
        start_spare(WORKER)
        with contextlib.ExitStack() as stack:
            uploads = import_files(files, catalog, limits, self._cache_dir, rules)
            stack.callback(uploads.close)
            source, beside = SourceWithUploads(self._source, uploads), AttachedUploads(self, uploads)
            options = replace(self._options, workers=workers)
            engine = DuckDBEngine(self._url, source, limits, self._cache_dir, options, beside)
            stack.callback(engine.close)
            engine.introspect()
            stack.pop_all()
        return engine

    def introspect(self) -> Schema:
        """As `Engine.introspect`; from the cache where the files have not changed."""
        self._pool.raise_if_closed()
        if schema := self._refresh_state().schema:
            return schema
        with self._pool.take_worker(None) as worker:
            return self._ensure_schema(worker)

    def judge(
        self,
        sql: str,
        policy: Policy,
        *,
        collect_all: bool = False,
        reads_values: bool = True,
        cancel: CancelToken | None = None,
    ) -> Verdict:
        """As `Engine.judge`."""
        with self._pool.take_worker(cancel) as worker:
            self._ensure_schema(worker)
            seconds = self._options.judge_seconds
            asked = {
                "op": "judge",
                "sql": sql,
                "thorough": collect_all,
                "reads_values": reads_values,
                "seconds": seconds,
            }
            request = {**asked, "policy": pipe_messages.encode_policy(policy)}
            return worker.ask(request, seconds, lambda reply: pipe_messages.decode_verdict(reply["verdict"]), cancel)

    def repair(self, task: RepairTask, policy: Policy, cancel: CancelToken | None = None) -> RepairReport:
        """As `RepairSandbox.repair`."""
        request = {
            "op": "repair",
            "task": {**asdict(task), "disproved": [asdict(proof) for proof in task.disproved]},
            "sql": task.sql,
            "policy": pipe_messages.encode_policy(policy),
            "seconds": self._options.judge_seconds,
        }
        with self._pool.take_worker(cancel) as worker:
            self._ensure_schema(worker)
            seconds = self._options.judge_seconds
            return worker.ask(request, seconds, lambda reply: pipe_messages.decode_report(reply["report"]), cancel)

    def execute(
        self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None, *, hashed: bool = False
    ) -> Result:
        """As `Engine.execute`."""
        with self._open_stream(checked, limits, cancel, hashed=hashed) as stream:
            return collect_result(stream)

    def stream(
        self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None = None
    ) -> contextlib.AbstractContextManager[WorkerStream]:
        """As `Engine.stream`."""
        return self._open_stream(checked, limits, cancel, hashed=False)

    @contextlib.contextmanager
    def _open_stream(
        self, checked: CheckedSQL, limits: Limits, cancel: CancelToken | None, *, hashed: bool
    ) -> Iterator[WorkerStream]:
        request = {
            "op": "execute",
            "sql": checked.sql,
            "limits": pipe_messages.encode_limits(limits),
            "seconds": limits.seconds,
            "hashed": hashed,
        }
        with self._pool.take_worker(cancel) as worker:
            worker.use_state(self._opened)
            with worker.open_call(request, limits.seconds, limits, cancel) as call:
                yield WorkerStream(call, limits)

    def fetch_page(
        self, checked: CheckedSQL, window: Window, limits: Limits, cancel: CancelToken | None = None
    ) -> Result:
        """As `Paging.fetch_page`."""
        with self._request_page(checked, window, limits, cancel, "rows") as call:
            return collect_result(WorkerStream(call, replace(limits, rows=window.limit)))

    def count(self, checked: CheckedSQL, window: Window, limits: Limits, cancel: CancelToken | None = None) -> Count:
        """As `Paging.count`."""
        with self._request_page(checked, window, limits, cancel, "count") as call:
            reply, _ = call.receive()
            with call.check_reply():
                return Count(pipe_messages.expect_number(reply["count"]), bool(reply["complete"]))

    def add_up(
        self,
        checked: CheckedSQL,
        columns: Sequence[int],
        window: Window,
        limits: Limits,
        cancel: CancelToken | None = None,
    ) -> tuple[Decimal | None, ...]:
        """As `Paging.add_up`."""
        with self._request_page(checked, window, limits, cancel, "sums", columns) as call:
            reply, _ = call.receive()
            with call.check_reply(InvalidOperation):
                sums = [None if text is None else Decimal(pipe_messages.expect_text(text)) for text in reply["sums"]]
                return tuple(sums)

    def find_queue_position(self, cancel: CancelToken) -> int:
        """As `Queueing.find_queue_position`."""
        return self._pool.find_position(cancel)

    def list_worker_limits(self) -> Mapping[str, bool]:
        """As `ProcessLimits.list_worker_limits`."""
        with self._pool.take_worker(None) as worker:
            worker.use_state(self._opened)
            return worker.list_enforced_limits()

    def close(self) -> None:
        """As `Engine.close`; ends the workers and removes uploaded files."""
        self._pool.close()
        if self._beside is not None:
            self._beside.uploads.close()

    @contextlib.contextmanager
    def _request_page(
        self,
        checked: CheckedSQL,
        window: Window,
        limits: Limits,
        cancel: CancelToken | None,
        asks: str,
        columns: Sequence[int] = (),
    ) -> Iterator[Call]:
        """One request about a query's kept rows, to the worker that has them where it is free."""
        request = {
            "op": "page",
            "sql": checked.sql,
            "window": pipe_messages.encode_window(window),
            "asks": asks,
            "columns": list(columns),
            "limits": pipe_messages.encode_limits(replace(limits, rows=window.limit)),
            "seconds": limits.seconds,
        }
        with self._pool.take_worker(cancel, is_preferred=lambda worker: worker.has_cached(checked.sql)) as worker:
            worker.use_state(self._opened)
            with worker.open_call(request, limits.seconds, limits, cancel) as call:
                yield call
            worker.mark_cached(checked.sql)

    def _ensure_schema(self, worker: WorkerHandle) -> Schema:
        """Return the schema, read by this worker where nobody has yet, and told to it."""
        with self._state:
            opened = self._refresh_state()
            schema = opened.schema
            if schema is None:
                worker.use_state(opened)
                schema = self._read_schema(worker)
                opened = self._opened = replace(opened, schema=schema)
        worker.use_state(opened)
        return schema

    def _read_schema(self, worker: WorkerHandle) -> Schema:
        from nl2sql.schema import schema_cache, serialization

        base = self._beside.base.introspect() if self._beside else None
        request = {
            "op": "introspect",
            "profile_seconds": self._options.profile_seconds,
            "guard_seconds": GUARD_SECONDS,
            "catalog": self._beside.uploads.catalog if self._beside else "",
            "beside": serialization.encode_schema(base) if base else None,
        }

        def read(reply: Mapping[str, Any]) -> tuple[Schema, bool]:
            return serialization.decode_schema(reply["schema"]), bool(reply["complete"])

        try:
            schema, complete = worker.ask(request, INTROSPECT_SECONDS, read)
        except LimitError:
            # The catalogue alone is enough to work with where the data is too much to look at.
            schema, complete = worker.ask(
                {**request, "profile_seconds": 0, "guard_seconds": 0}, INTROSPECT_SECONDS, read
            )
        if self._beside and base:
            # The samples of uploaded files are the session's alone, and no cache keeps them.
            return replace(self._beside.join_schemas(base, schema), fingerprint=self._opened.fingerprint)
        schema = replace(schema, fingerprint=self._opened.fingerprint)
        schema_cache.save_schema(self._cache_dir, schema, complete=complete)
        return schema

    def _refresh_state(self) -> DatabaseState:
        """Return what the workers are to open: anew where the files have changed."""
        from nl2sql.schema import schema_cache

        fingerprint = self._compute_fingerprint()
        with self._state:
            if fingerprint != self._opened.fingerprint:
                self._opened = DatabaseState(
                    fingerprint, self._source, self._source.prepare(), time_zone=self._options.time_zone
                )
            if self._opened.schema is None:
                self._opened = replace(self._opened, schema=schema_cache.load_schema(self._cache_dir, fingerprint))
            return self._opened

    def _compute_fingerprint(self) -> str:
        """Return the data's own, and the zone's where it is not UTC: the range of a column may depend on it."""
        own, zone = self._source.compute_fingerprint(), self._options.time_zone
        return own if zone == "UTC" else hashlib.sha256(f"{own} {zone}".encode()).hexdigest()

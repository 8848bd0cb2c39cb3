"""The child process that opens the database, judges and runs: `python -c` starts it, a DuckDBEngine speaks to it.

Its main thread does the work; a second thread reads requests, so that a request to stop is heard while a query
runs, and the end of the pipe ends the process. It decides nothing about what may run except that it must be a
SELECT, and it enforces no wall time: the parent kills.
"""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from nl2sql.engines.duckdb.result_cache import CachedResult, ResultCache
from nl2sql.engines.worker import landlock, os_limits
from nl2sql.engines.worker.deadline_timer import Alarm
from nl2sql.engines.worker.pipe_frames import ANY_BYTES, FrameError, Message, read_frame, write_frame
from nl2sql.types import Proof, Schema

if TYPE_CHECKING:
    from nl2sql.engines.duckdb.result_sender import PreparedQuery

THREADS: Final = max(1, min(4, os.cpu_count() or 1))
INTROSPECTION_CPU_SECONDS: Final = 60.0


class Worker:
    """One opened, locked database and the requests about it."""

    def __init__(self, opening: Message, pipe: IO[bytes]) -> None:
        import duckdb

        from nl2sql.engines.duckdb import duckdb_errors, hardening

        self._failures = duckdb_errors
        self._pipe = pipe
        self._current = opening["id"]
        self._stopped = False
        self._seconds = float(opening["seconds"])
        self._data_files = opening["data_files"]
        self._attached = frozenset(opening["attached"])
        self._alarm = Alarm()
        self._schema = Schema(())
        self._parser: Any = None
        self._cursor: duckdb.DuckDBPyConnection | None = None
        spill_folder = str(Path.cwd() / "spill")
        options = hardening.SessionOptions(
            memory=opening["memory"],
            seconds=self._seconds,
            threads=THREADS,
            spill=opening["spill"],
            spill_folder=spill_folder,
            data_files=opening["data_files"],
            attachments=opening["attached"],
            time_zone=opening["time_zone"],
        )
        self._connection = hardening.open_locked(opening["database"], options)
        self._kept = ResultCache(self._connection, opening["memory"])

    def stop(self, request: int) -> None:
        """Interrupt that request if it is the one under way; any thread may call it."""
        if request == self._current:
            self._stopped = True
            if cursor := self._cursor:
                cursor.interrupt()

    def answer(self, request: Message) -> None:
        """Do what the request asks and write its replies."""
        self._current, self._stopped = request["id"], False
        os_limits.allow_cpu(request.get("seconds", INTROSPECTION_CPU_SECONDS), THREADS)
        handlers: Mapping[str, Callable[[Message], Mapping[str, Any]]] = {
            "schema": self._keep_schema,
            "introspect": self._introspect,
            "judge": self._judge,
            "repair": self._repair,
            "execute": self._execute,
            "page": self._answer_page,
        }
        try:
            reply = handlers[request["op"]](request)
        except self._failures.FAILURES as error:
            reply = self._failures.make_failure_reply(error, self._stopped, request.get("sql", ""))
            if reply["error"] in ("query", "database"):
                reply = self._explain_missing_file() or reply
        if reply:
            self._reply(reply)

    def _reply(self, reply: Mapping[str, Any]) -> None:
        try:
            write_frame(self._pipe, reply)
        except FrameError as error:
            write_frame(self._pipe, {"kind": "error", "error": "reply", "message": str(error)})

    def _explain_missing_file(self) -> Mapping[str, Any] | None:
        """Return the error to tell where a failure is explained by a data file that has gone, else None."""
        gone = [path for path in self._data_files if not Path(path).exists()]
        if not gone:
            return None
        return {"kind": "error", "error": "database", "message": f"{Path(gone[0]).name} is no longer there"}

    def _keep_schema(self, request: Message) -> Mapping[str, Any]:
        from nl2sql.schema import serialization

        self._schema, self._parser = serialization.decode_schema(request["schema"]), None
        return {}

    def _introspect(self, request: Message) -> Mapping[str, Any]:
        from nl2sql.engines.duckdb.introspection import Introspection

        with self._open_cursor() as cursor:
            reading = Introspection(cursor, self._alarm, lambda: self._stopped, self._open_parser)
            return reading.reply(request, has_file_views=bool(self._data_files) and not request["catalog"])

    def _judge(self, request: Message) -> Mapping[str, Any]:
        from nl2sql.engines.worker import pipe_messages
        from nl2sql.guard import judge

        policy = pipe_messages.decode_policy(request["policy"])
        collect_all = bool(request["thorough"])
        parser = self._ensure_parser()
        parser.reads_values = bool(request["reads_values"])
        verdict = judge(request["sql"], self._schema, policy, parser, collect_all=collect_all)
        return {"kind": "verdict", "verdict": pipe_messages.encode_verdict(verdict)}

    def _repair(self, request: Message) -> Mapping[str, Any]:
        from nl2sql.engines.duckdb.binder import GuardedBinder
        from nl2sql.engines.worker import pipe_messages
        from nl2sql.repair import RepairRequest, repair
        from nl2sql.schema import apply_policy

        policy = pipe_messages.decode_policy(request["policy"])
        visible = apply_policy(self._schema, policy)
        hidden = _list_names(self._schema) - _list_names(visible)
        parser = self._ensure_parser()
        parser.reads_values = False
        task = request["task"]
        repair_request = RepairRequest(
            task["sql"],
            task["wording"],
            visible,
            error=task["error"],
            hidden_names=frozenset(name.rpartition(".")[2] for name in hidden),
            disproved_proofs=frozenset(Proof(**proof) for proof in task["disproved"]),
        )
        report = repair(repair_request, GuardedBinder(self._schema, policy, parser))
        return {"kind": "repaired", "report": pipe_messages.encode_report(report)}

    def _open_parser(self) -> tuple[Any, Callable[[], None]]:
        """Return a parser over a connection of its own, and what interrupts it."""
        from nl2sql.engines.duckdb.duckdb_parser import DuckDBParser

        connection = self._connection.cursor()
        return DuckDBParser(connection, connection, self._attached, self._seconds), connection.interrupt

    def _ensure_parser(self) -> Any:
        from nl2sql.engines.duckdb.duckdb_catalog import CATALOG
        from nl2sql.engines.duckdb.duckdb_parser import DuckDBParser, open_twin

        if self._parser is None:
            connection = self._connection.cursor()
            binder = connection
            if self._data_files:
                catalog = connection.execute(CATALOG).fetchall()[0][0]
                binder = open_twin(catalog, self._schema, self._seconds, self._attached)
            self._parser = DuckDBParser(connection, binder, self._attached, self._seconds)
        return self._parser

    def _execute(self, request: Message) -> Mapping[str, Any]:
        from nl2sql.engines.duckdb.hardening import check_single_select
        from nl2sql.engines.duckdb.result_sender import PreparedQuery
        from nl2sql.guard import strip_explain

        self._kept.evict_excess()
        sql = request["sql"]
        with self._open_cursor() as cursor:
            if problem := check_single_select(cursor, sql):
                return {"kind": "error", "error": "query", "message": problem}
            if strip_explain(sql) != sql:
                return self._send(request, self._run_explain(sql, cursor), cursor)
            relation = cursor.sql(sql)
            return self._send(request, PreparedQuery(sql, relation.columns, relation.types), cursor)

    def _run_explain(self, sql: str, cursor: Any) -> PreparedQuery:
        """Return what EXPLAIN says, as a query that gives it: run once, and without the folders of data files."""
        from nl2sql.engines.duckdb.result_sender import PreparedQuery
        from nl2sql.guard import mask_paths

        [(key, text)] = cursor.execute(sql).fetchall()
        for path in map(Path, self._data_files):
            text = text.replace(str(path), path.name.ljust(len(str(path))))
        given = "SELECT $1 AS explain_key, $2 AS explain_value"
        texts = [key, mask_paths(text, sql)]
        relation = cursor.sql(given, params=texts)
        return PreparedQuery(given, relation.columns, relation.types, texts)

    def _answer_page(self, request: Message) -> Mapping[str, Any]:
        """Return a window of a query's rows, their count, or sums; the query runs only where its rows are not kept."""
        from nl2sql.engines.duckdb.result_sender import PreparedQuery
        from nl2sql.engines.worker import pipe_messages
        from nl2sql.errors import QueryError

        window = pipe_messages.decode_window(request["window"])
        try:
            with self._open_cached(request["sql"]) as kept:
                if request["asks"] == "count":
                    return {"kind": "count", "count": kept.count(window), "complete": kept.is_complete}
                if request["asks"] == "sums":
                    return {"kind": "sums", "sums": kept.add_up(window, request["columns"])}
                sql, texts = kept.write_page(window)
                end = self._send(request, PreparedQuery(sql, kept.names, kept.types, texts), kept.cursor)
                return {**end, "truncated": not kept.is_complete or end["truncated"]} if end["kind"] == "end" else end
        except QueryError as error:
            return {"kind": "error", "error": "query", "message": error.message, "hint": error.hint}

    @contextlib.contextmanager
    def _open_cached(self, sql: str) -> Iterator[CachedResult]:
        """Open the kept rows of the text, whose cursor a request to stop interrupts."""
        self._kept.evict_excess()
        try:
            kept = self._kept.get(sql)
            if kept is None:
                self._cursor = self._connection.cursor()
                kept = self._kept.cache_query(sql, self._cursor)
            self._cursor = kept.cursor
            yield kept
        finally:
            self._cursor = None

    def _send(self, request: Message, query: PreparedQuery, cursor: Any) -> Mapping[str, Any]:
        from nl2sql.engines.duckdb import result_sender
        from nl2sql.engines.worker import pipe_messages

        limits = pipe_messages.decode_limits(request["limits"])
        hashed = bool(request.get("hashed"))
        return result_sender.send_rows(query, cursor, limits, self._pipe, lambda: self._stopped, hashed=hashed)

    @contextlib.contextmanager
    def _open_cursor(self) -> Iterator[Any]:
        """Open a connection of its own for one request, since what a session sets outlives the lock."""
        with self._connection.cursor() as cursor:
            self._cursor = cursor
            try:
                yield cursor
            finally:
                self._cursor = None


def main(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer requests until there will be no more."""
    os_limits.limit_arenas()
    # Arrow's own allocator would reserve a gigabyte of address space, which is limited here.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    # pyarrow and duckdb work without numpy, and the worker starts a third faster.
    sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]
    _warm_up()
    # What is loaded now stays: no collection need look at it again.
    gc.freeze()
    folder = Path.cwd()
    frame = read_frame(requests, text_bytes=ANY_BYTES)
    if frame is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    opening = frame[0]
    fenced = landlock.forbid_writing(folder if opening["spill"] else None)
    waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
    worker = _open_worker(opening, replies)
    if worker is None:
        return
    threading.Thread(target=_listen, args=(requests, waiting, worker, folder), daemon=True).start()
    held = os_limits.set_limits(opening["memory"], opening["spill"], len(opening["data_files"]))
    write_frame(replies, {"kind": "opened", "limits": {"no_writing": fenced, **held}})
    while True:
        worker.answer(waiting.get())


def _open_worker(opening: Message, replies: IO[bytes]) -> Worker | None:
    import duckdb

    try:
        return Worker(opening, replies)
    except (duckdb.Error, OSError) as error:
        write_frame(replies, {"kind": "error", "error": "open", "message": str(error)})
        return None


def _listen(requests: IO[bytes], waiting: queue.SimpleQueue[Message], worker: Worker, folder: Path) -> None:
    """Hand on requests, act on stops; where the pipe ends, the parent has gone, and so does this process."""
    while frame := read_frame(requests, text_bytes=ANY_BYTES):
        if frame[0]["op"] == "stop":
            worker.stop(frame[0]["id"])
        else:
            waiting.put(frame[0])
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _warm_up() -> None:
    """Load what opening, judging and results need, before the order comes and before memory is limited."""
    import duckdb  # noqa: F401
    import msgspec  # noqa: F401
    import pyarrow  # noqa: F401
    import sqlglot.dialects.duckdb  # noqa: F401

    import nl2sql.engines.duckdb.duckdb_errors
    import nl2sql.engines.duckdb.duckdb_parser
    import nl2sql.engines.duckdb.hardening
    import nl2sql.engines.duckdb.result_sender
    import nl2sql.guard.sqlglot_rules
    import nl2sql.schema.serialization  # noqa: F401


def _list_names(schema: Schema) -> set[str]:
    """Return the tables and the columns of each, lower case."""
    columns = {f"{table.name}.{column.name}".lower() for table in schema.tables for column in table.columns}
    return columns | {table.name.lower() for table in schema.tables}

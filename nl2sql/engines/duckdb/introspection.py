"""The schema of what a worker has opened: its catalogue, then a profile within the time that is left for it.

It runs in the worker, over a cursor that it is given; nothing here keeps what was read. What the guard refuses to any
query is marked, and not looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from nl2sql import guard
from nl2sql.engines.duckdb import duckdb_errors
from nl2sql.engines.duckdb.duckdb_catalog import read_catalog
from nl2sql.engines.worker.deadline_timer import Alarm
from nl2sql.engines.worker.pipe_frames import Message
from nl2sql.errors import LimitError, QueryError
from nl2sql.guard import EngineParser
from nl2sql.schema import serialization
from nl2sql.schema.profile import profile
from nl2sql.types import Policy, Schema


class Introspection:
    """One reading. `is_stopped` tells whether the caller gave up, which ends it.

    `open_parser` gives the guard's parser and what interrupts it; it is called only where the guard has to be asked.
    """

    def __init__(
        self,
        cursor: Any,
        alarm: Alarm,
        is_stopped: Callable[[], bool],
        open_parser: Callable[[], tuple[EngineParser, Callable[[], None]]],
    ) -> None:
        self._cursor, self._alarm, self._is_stopped = cursor, alarm, is_stopped
        self._open_parser = cache(open_parser)
        self._deadline = 0.0

    def reply(self, request: Message, *, has_file_views: bool) -> Mapping[str, Any]:
        """Return the answer to a request: the opened database's schema, or that of the `catalog` attached beside it.

        `has_file_views` says that views are data files, of which each is a table. `beside` in the request is the schema
        of the opened database, which keys of an attached one may lead to.
        """
        self._deadline = time.monotonic() + request["guard_seconds"]
        schema = read_catalog(lambda sql: list(self._cursor.execute(sql).fetchall()), request["catalog"])
        beside = serialization.decode_schema(request["beside"]) if request["beside"] else None
        schema = guard.mark_refused(schema, lambda sql: has_file_views or self._may_read(sql, schema))
        complete = has_file_views or time.monotonic() < self._deadline
        seconds = request["profile_seconds"]
        self._deadline = time.monotonic() + seconds
        if seconds:
            schema = profile(schema, self._read_rows, seconds, has_file_views=has_file_views, known_schema=beside)
        complete = complete and time.monotonic() < self._deadline
        if has_file_views:
            schema = replace(schema, tables=tuple(replace(table, kind="table") for table in schema.tables))
        return {"kind": "schema", "schema": serialization.encode_schema(schema), "complete": complete}

    def _may_read(self, sql: str, schema: Schema) -> bool:
        """Whether the guard lets the query run; no where it cannot tell in time."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            return False
        parser, interrupt = self._open_parser()
        self._alarm.set(seconds, interrupt)
        try:
            return guard.judge(sql, schema, Policy(), parser).is_allowed
        except duckdb_errors.FAILURES:
            if self._is_stopped():
                raise
            return False
        finally:
            self._alarm.clear()

    def _read_rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of one query of the profile, which ends with the profile's time."""
        self._alarm.set(max(0.01, self._deadline - time.monotonic()), self._cursor.interrupt)
        try:
            return list(self._cursor.execute(sql).fetchall())
        except duckdb_errors.FAILURES as error:
            kind = duckdb_errors.make_failure_reply(error, self._is_stopped())["error"]
            if self._is_stopped():
                raise
            if kind == "query":
                raise QueryError(duckdb_errors.clean_error_text(error)) from error
            raise LimitError("the profile overran", limit="seconds") from error
        finally:
            self._alarm.clear()

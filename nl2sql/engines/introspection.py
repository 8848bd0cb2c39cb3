"""The schema of what a worker has opened: its catalogue, then a profile within the time that is left for it.

It runs in the worker, over a cursor that it is given; nothing here keeps what was read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nl2sql.engines import failures
from nl2sql.engines.alarm import Alarm
from nl2sql.engines.duckdb_catalog import read_catalog
from nl2sql.engines.frames import Message
from nl2sql.errors import LimitError, QueryError
from nl2sql.schema import codec
from nl2sql.schema.profile import profile


class Introspection:
    """One reading. `is_stopped` tells whether the caller gave up, which ends it."""

    def __init__(self, cursor: Any, alarm: Alarm, is_stopped: Callable[[], bool]) -> None:
        self._cursor, self._alarm, self._is_stopped = cursor, alarm, is_stopped
        self._deadline = 0.0

    def reply(self, request: Message, *, over_files: bool) -> Mapping[str, Any]:
        """The answer to a request: the opened database's schema, or that of the `catalog` attached beside it.

        `over_files` says that views are data files, of which each is a table. `beside` in the request is the schema
        of the opened database, which keys of an attached one may lead to.
        """
        seconds = request["profile_seconds"]
        self._deadline = time.monotonic() + seconds
        schema = read_catalog(lambda sql: list(self._cursor.execute(sql).fetchall()), request["catalog"])
        beside = codec.from_json(request["beside"]) if request["beside"] else None
        if seconds:
            schema = profile(schema, self._rows, seconds, over_files=over_files, beside=beside)
        complete = time.monotonic() < self._deadline
        if over_files:
            schema = replace(schema, tables=tuple(replace(table, kind="table") for table in schema.tables))
        return {"kind": "schema", "schema": codec.to_json(schema), "complete": complete}

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of one query of the profile, which ends with the profile's time."""
        self._alarm.set(max(0.01, self._deadline - time.monotonic()), self._cursor.interrupt)
        try:
            return list(self._cursor.execute(sql).fetchall())
        except failures.FAILURES as error:
            kind = failures.failure(error, self._is_stopped())["error"]
            if self._is_stopped():
                raise
            if kind == "query":
                raise QueryError(failures.shown(error)) from error
            raise LimitError("the profile overran", limit="seconds") from error
        finally:
            self._alarm.clear()

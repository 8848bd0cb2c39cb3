"""The rows of a query kept in the worker: pages of them, sorted and filtered, are quick and in the same order.

It judges nothing. What it keeps came of a checked query; what it then asks of DuckDB is made of column numbers and
parameters, so that no text of a caller becomes SQL. Functions and the table go by their full names, as a database may
define its own of the same name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.engines.duckdb.row_criteria import write_criteria, write_sum
from nl2sql.errors import QueryError
from nl2sql.guard import strip_explain
from nl2sql.types import Window
from nl2sql.types.type_families import is_numeric

MAX_CACHED_QUERIES: Final = 4
MAX_CACHED_ROWS: Final = 1_000_000
# What other queries may lack of the worker's memory for the sake of kept rows.
CACHE_MEMORY_RATIO: Final = 0.125
_TABLE: Final = "temp.main.kept"
_COUNT: Final = f"SELECT system.main.count(*) FROM {_TABLE}"
_CONTAINS: Final = "system.main.contains(system.main.lower(CAST(c{} AS VARCHAR)), system.main.lower(?))"
_USED: Final = """
    SELECT system.main.sum(memory_usage_bytes) FROM system.main.duckdb_memory() WHERE tag = 'IN_MEMORY_TABLE'"""


@dataclass(frozen=True, slots=True)
class CachedResult:
    """The rows of one query in a temporary table that only this cursor sees. `is_complete` where it had no more."""

    cursor: Any
    names: tuple[str, ...]
    types: tuple[Any, ...]
    rows: int
    is_complete: bool

    def write_page(self, window: Window) -> tuple[str, Sequence[str]]:
        """Return the SELECT that gives these rows, and its parameters.

        Raises:
            QueryError: a column is unknown.
        """
        where, texts = self._write_where(window)
        order = "rowid"
        if window.order_by is not None:
            direction = "DESC" if window.descending else "ASC"
            order = f"c{self._find_column(window.order_by)} {direction} NULLS LAST, rowid"
        columns = ", ".join(f"c{number}" for number in range(len(self.names)))
        rows = f"LIMIT {int(window.limit)} OFFSET {int(window.offset)}"
        return f"SELECT {columns} FROM {_TABLE}{where} ORDER BY {order} {rows}", texts

    def count(self, window: Window) -> int:
        """How many rows the window's filters leave."""
        where, texts = self._write_where(window)
        return int(self.cursor.execute(f"{_COUNT}{where}", texts).fetchall()[0][0])

    def add_up(self, window: Window, columns: Sequence[int]) -> list[str | None]:
        """Return the sum of each column over the rows that the window's filters leave, as text; None without a number.

        Raises:
            QueryError: a column is unknown, or holds no numbers.
        """
        where, texts = self._write_where(window)
        sums = []
        for number in map(self._find_column, columns):
            if not is_numeric(str(self.types[number])):
                raise QueryError(f"{self.names[number][:80]} holds no numbers", "Add up a column of numbers.")
            sums.append(write_sum(f"c{number}", str(self.types[number])))
        rows = self.cursor.execute(f"SELECT {', '.join(sums)} FROM {_TABLE}{where}", texts).fetchall() if sums else [()]
        return list(rows[0])

    def _write_where(self, window: Window) -> tuple[str, Sequence[str]]:
        wanted = [(self._find_column(column), text) for column, text in window.contains.items() if text]
        conditions, texts = write_criteria(window.criteria, tuple(map(str, self.types)))
        tests = [*(_CONTAINS.format(number) for number, _ in wanted), *conditions]
        return (f" WHERE {' AND '.join(tests)}" if tests else ""), [*(text for _, text in wanted), *texts]

    def _find_column(self, column: str | int) -> int:
        """Return the column at that position, or the first of that name: as written, else in any case."""
        if isinstance(column, int):
            if 0 <= column < len(self.names):
                return int(column)
        elif column in self.names:
            return self.names.index(column)
        else:
            lower = [known.lower() for known in self.names]
            if column.lower() in lower:
                return lower.index(column.lower())
        raise QueryError(f"the result has no column {str(column)[:80]}", "Name a column of the result.")


class ResultCache:
    """The rows of the last few queries, over one locked connection whose cursors are sessions of their own."""

    def __init__(self, connection: Any, memory: int) -> None:
        self._connection, self._room = connection, int(memory * CACHE_MEMORY_RATIO)
        self._kept: OrderedDict[str, CachedResult] = OrderedDict()

    def get(self, sql: str) -> CachedResult | None:
        """Return what is kept of that text."""
        if sql in self._kept:
            self._kept.move_to_end(sql)
        return self._kept.get(sql)

    def cache_query(self, sql: str, cursor: Any) -> CachedResult:
        """Run that text and keep its rows in this cursor.

        Raises:
            QueryError: it is not one plain SELECT.
        """
        from nl2sql.engines.duckdb.hardening import check_single_select

        problem = check_single_select(cursor, sql)
        if problem or strip_explain(sql) != sql:
            raise QueryError(problem or "EXPLAIN has no pages", "Write one SELECT.")
        relation = cursor.sql(sql)
        names, types = tuple(relation.columns), tuple(relation.types)
        columns = ", ".join(f"c{number}" for number in range(len(names)))
        cursor.execute(
            f"CREATE TEMP TABLE kept AS SELECT * FROM (\n{sql}\n) AS q({columns}) LIMIT {MAX_CACHED_ROWS + 1}"
        )
        rows = int(cursor.execute(_COUNT).fetchall()[0][0])
        if more := rows > MAX_CACHED_ROWS:
            cursor.execute(f"DELETE FROM {_TABLE} WHERE rowid >= {MAX_CACHED_ROWS}")
        kept = self._kept[sql] = CachedResult(cursor, names, types, min(rows, MAX_CACHED_ROWS), not more)
        while len(self._kept) > MAX_CACHED_QUERIES:
            self._forget_oldest()
        return kept

    def evict_excess(self) -> None:
        """Forget what another query could lack the memory of, the oldest first."""
        while self._kept and self._measure_memory() > self._room:
            self._forget_oldest()

    def _measure_memory(self) -> int:
        with self._connection.cursor() as cursor:
            return int(cursor.execute(_USED).fetchall()[0][0] or 0)

    def _forget_oldest(self) -> None:
        self._kept.popitem(last=False)[1].cursor.close()

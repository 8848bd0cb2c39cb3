"""DuckDB's own parser and binder for the guard, over one locked connection.

It judges nothing. Texts that nobody judged yet are only handed to DuckDB's functions, as parameters; `describe_query`
and `read_values` alone take one as SQL, and only one that was judged. Functions are called by their full names, as a
database may define its own of the same name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import duckdb

from nl2sql.engines.duckdb import duckdb_catalog
from nl2sql.engines.duckdb.hardening import lock
from nl2sql.errors import GuardError, QueryError
from nl2sql.guard import Token
from nl2sql.guard.engine_errors import DYNAMIC_PIVOT, make_refusal
from nl2sql.schema.identifiers import fold, quote_name
from nl2sql.types import MAIN_SCHEMA, Schema

_TWIN_MEMORY_BYTES: Final = 256_000_000
_MAX_TWINS: Final = 2
_TREE: Final = "system.main.json_serialize_sql($1::VARCHAR)"
_PLAN: Final = "system.main.json_serialize_plan($1::VARCHAR, optimize := false)"
_SYNTAX_TREE: Final = f"SELECT {_TREE}"
_BOUND_PLAN: Final = f"SELECT {_PLAN}"
_TREE_AND_PLAN: Final = f"SELECT {_TREE}, {_PLAN}"
_WRITTEN: Final = "SELECT system.main.json_deserialize_sql($1::system.main.JSON)"


class DuckDBParser:
    """Implements `guard.EngineParser`. `binder` is the connection that plans are bound on.

    `seconds` bounds what the twins run that it opens.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        binder: duckdb.DuckDBPyConnection,
        attached_catalogs: frozenset[str] = frozenset(),
        seconds: float = 5.0,
    ) -> None:
        self.reads_values = True
        self._attached, self._seconds = attached_catalogs, seconds
        self._connection = connection
        self._binder = binder
        self._catalog = str(connection.execute(duckdb_catalog.CATALOG).fetchall()[0][0])
        # The database is read-only, and listing its functions takes longer than all judging of a query.
        self._user_functions = duckdb_catalog.list_user_functions(lambda sql: connection.execute(sql).fetchall())
        self._user_types = duckdb_catalog.list_user_types(lambda sql: connection.execute(sql).fetchall())
        self._twins: deque[tuple[Schema, duckdb.DuckDBPyConnection]] = deque()

    @property
    def catalog(self) -> str:
        """The name SQL has for the opened database."""
        return self._catalog

    @property
    def attached_catalogs(self) -> frozenset[str]:
        """The names SQL has for what was opened beside it."""
        return self._attached

    def read_syntax_tree(self, sql: str) -> str:
        """DuckDB's syntax tree, or its error object, as JSON text."""
        return _ask(self._connection, _SYNTAX_TREE, sql)

    def bind_plan(self, sql: str) -> str:
        """DuckDB's bound plan, unoptimised, or its error object, as JSON text."""
        return _ask(self._binder, _BOUND_PLAN, sql)

    def bind_plan_over(self, schema: Schema, sql: str) -> str:
        """Return the same over a database that has nothing but the tables of that schema."""
        return _ask(self._get_twin(schema), _BOUND_PLAN, sql)

    def _get_twin(self, schema: Schema) -> duckdb.DuckDBPyConnection:
        for known, twin in self._twins:
            if known is schema:
                return twin
        while len(self._twins) >= _MAX_TWINS:
            self._twins.popleft()[1].close()
        try:
            twin = open_twin(self._catalog, schema, self._seconds, self._attached)
        except duckdb.Error as exc:
            raise QueryError(str(exc)) from exc
        self._twins.append((schema, twin))
        return twin

    def read_tree_and_plan(self, sql: str) -> tuple[str, str]:
        """Both for one text, in one statement where one connection gives both."""
        if self._binder is not self._connection:
            return self.read_syntax_tree(sql), self.bind_plan(sql)
        tree, plan = _fetch_rows(self._connection, _TREE_AND_PLAN, sql)[0]
        return str(tree), str(plan)

    def tokenize(self, sql: str) -> Sequence[Token]:
        """Return the pieces of the text, as DuckDB's lexer cuts it."""
        encoded = sql.encode()
        try:
            starts = duckdb.tokenize(sql)
        except duckdb.Error as exc:
            raise QueryError(str(exc)) from exc
        ends = [*(start for start, _ in starts[1:]), len(encoded)]
        pieces = [Token(kind.name, encoded[at:end].decode()) for (at, kind), end in zip(starts, ends, strict=True)]
        return [Token("", encoded[: starts[0][0]].decode()), *pieces] if pieces else []

    def write_sql(self, tree: str) -> str:
        """DuckDB's spelling of a syntax tree."""
        return _ask(self._connection, _WRITTEN, tree)

    def read_physical_plan(self, sql: str) -> str:
        """How DuckDB would run a SELECT, as JSON text."""
        return str(_fetch_rows(self._binder, f"EXPLAIN (FORMAT json) {sql}")[0][1])

    def describe_query(self, sql: str) -> Sequence[Sequence[str | None]]:
        """Return the columns of a judged query, as DESCRIBE tells them."""
        return _fetch_rows(self._binder, f"DESCRIBE ({sql})")

    def read_values(self, sql: str) -> Sequence[str]:
        """Return the first column of what a judged query gives.

        Raises:
            GuardError: nothing may be read to judge a text.
        """
        if not self.reads_values:
            raise GuardError(
                (make_refusal(DYNAMIC_PIVOT, "the values of this PIVOT cannot be read before it is approved"),)
            )
        return [str(row[0]) for row in _fetch_rows(self._connection, sql)]

    def list_user_functions(self) -> frozenset[str]:
        """Lower-case names of the functions and macros that the database defines itself."""
        return self._user_functions

    def list_user_types(self) -> Mapping[tuple[str, str], str]:
        """Return what each type that the database defines itself stands for, by its folded schema and name."""
        return self._user_types


def open_twin(
    catalog: str, schema: Schema, seconds: float, attached_catalogs: frozenset[str] = frozenset()
) -> duckdb.DuckDBPyConnection:
    """Return an in-memory database of the same name and empty tables, to bind plans where the tables do not serve.

    What is attached beside the one is attached beside the other too.
    """
    twin = duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})
    beside = {fold(name) for name in attached_catalogs}
    for name in (catalog, *sorted(attached_catalogs)):
        if fold(name) != "memory":
            twin.execute(f"ATTACH ':memory:' AS {quote_name(name)}")
    twin.execute(f"USE {quote_name(catalog)}.{MAIN_SCHEMA}")
    made = {MAIN_SCHEMA}
    for table in schema.tables:
        within, name = table.path
        path = [within, MAIN_SCHEMA, name] if fold(within) in beside else [catalog, within, name]
        if path[1] not in made:
            made.add(path[1])
            twin.execute(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(map(quote_name, path[:2]))}")
        columns = ", ".join(f"{quote_name(column.name)} {column.type}" for column in table.columns)
        twin.execute(f"CREATE TABLE {'.'.join(map(quote_name, path))} ({columns})")
    lock(twin, memory=_TWIN_MEMORY_BYTES, seconds=seconds)
    return twin


def _ask(connection: duckdb.DuckDBPyConnection, question: str, sql: str) -> str:
    return str(_fetch_rows(connection, question, sql)[0][0])


def _fetch_rows(connection: duckdb.DuckDBPyConnection, question: str, *values: str) -> list[tuple[str | None, ...]]:
    try:
        return list(connection.execute(question, values).fetchall())
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error as exc:
        raise QueryError(str(exc)) from exc

"""DuckDB's own parser and binder for the guard, over one locked connection.

It judges nothing. Texts that nobody judged yet are only handed to DuckDB's functions, as parameters; `described` and
`values` alone take one as SQL, and only one that was judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb

from nl2sql.engines.duckdb_catalog import user_functions
from nl2sql.engines.lock import lock, quoted_name
from nl2sql.errors import GuardError, QueryError
from nl2sql.guard import Token
from nl2sql.guard.engine_errors import DYNAMIC_PIVOT, refused
from nl2sql.types import MAIN_SCHEMA, Schema

_TWIN_MEMORY: Final = 256_000_000


class DuckDBParser:
    """Implements `guard.EngineParser`. `binder` is the connection that plans are bound on."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        binder: duckdb.DuckDBPyConnection,
        attached: frozenset[str] = frozenset(),
    ) -> None:
        self.reads_values = True
        self._attached = attached
        self._connection = connection
        self._binder = binder
        self._catalog = str(connection.execute("SELECT current_database()").fetchall()[0][0])
        # The database is read-only, and listing its functions takes longer than all judging of a query.
        self._user_functions = user_functions(lambda sql: connection.execute(sql).fetchall())

    @property
    def catalog(self) -> str:
        """The name SQL has for the opened database."""
        return self._catalog

    @property
    def attached(self) -> frozenset[str]:
        """The names SQL has for what was opened beside it."""
        return self._attached

    def syntax_tree(self, sql: str) -> str:
        """DuckDB's syntax tree, or its error object, as JSON text."""
        return _ask(self._connection, "SELECT json_serialize_sql(?::VARCHAR)", sql)

    def bound_plan(self, sql: str) -> str:
        """DuckDB's bound plan, unoptimised, or its error object, as JSON text."""
        return _ask(self._binder, "SELECT json_serialize_plan(?::VARCHAR, optimize := false)", sql)

    def tree_and_plan(self, sql: str) -> tuple[str, str]:
        """Both for one text, in one statement where one connection gives both."""
        if self._binder is not self._connection:
            return self.syntax_tree(sql), self.bound_plan(sql)
        both = "SELECT json_serialize_sql($1::VARCHAR), json_serialize_plan($1::VARCHAR, optimize := false)"
        tree, plan = _rows(self._connection, both, sql)[0]
        return str(tree), str(plan)

    def tokens(self, sql: str) -> Sequence[Token]:
        """The pieces of the text, as DuckDB's lexer cuts it."""
        encoded = sql.encode()
        try:
            starts = duckdb.tokenize(sql)
        except duckdb.Error as exc:
            raise QueryError(str(exc)) from exc
        ends = [*(start for start, _ in starts[1:]), len(encoded)]
        pieces = [Token(kind.name, encoded[at:end].decode()) for (at, kind), end in zip(starts, ends, strict=True)]
        return [Token("", encoded[: starts[0][0]].decode()), *pieces] if pieces else []

    def written(self, tree: str) -> str:
        """DuckDB's spelling of a syntax tree."""
        return _ask(self._connection, "SELECT json_deserialize_sql(?::JSON)", tree)

    def physical_plan(self, sql: str) -> str:
        """How DuckDB would run a SELECT, as JSON text."""
        return str(_rows(self._binder, f"EXPLAIN (FORMAT json) {sql}")[0][1])

    def described(self, sql: str) -> Sequence[Sequence[str | None]]:
        """The columns of a judged query, as DESCRIBE tells them."""
        return _rows(self._binder, f"DESCRIBE ({sql})")

    def values(self, sql: str) -> Sequence[str]:
        """The first column of what a judged query gives. GuardError where nothing may be read to judge a text."""
        if not self.reads_values:
            raise GuardError((refused(DYNAMIC_PIVOT, "the values of this PIVOT cannot be read before it is approved"),))
        return [str(row[0]) for row in _rows(self._connection, sql)]

    def user_functions(self) -> frozenset[str]:
        """Lower-case names of the functions and macros that the database defines itself."""
        return self._user_functions


def open_twin(
    catalog: str, schema: Schema, seconds: float, attached: frozenset[str] = frozenset()
) -> duckdb.DuckDBPyConnection:
    """An in-memory database of the same name and empty tables, to bind plans where tables are views over files.

    What is attached beside the one is beside the other too.
    """
    twin = duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})
    for name in (catalog, *sorted(attached)):
        twin.execute(f"ATTACH ':memory:' AS {quoted_name(name)}")
    twin.execute(f"USE {quoted_name(catalog)}")
    for table in schema.tables:
        columns = ", ".join(f"{quoted_name(column.name)} {column.type}" for column in table.columns)
        beside, _, name = table.name.rpartition(".")
        path = [beside, MAIN_SCHEMA, name] if beside in attached else [table.name]
        twin.execute(f"CREATE TABLE {'.'.join(map(quoted_name, path))} ({columns})")
    lock(twin, memory=_TWIN_MEMORY, seconds=seconds)
    return twin


def _ask(connection: duckdb.DuckDBPyConnection, question: str, sql: str) -> str:
    return str(_rows(connection, question, sql)[0][0])


def _rows(connection: duckdb.DuckDBPyConnection, question: str, *values: str) -> list[tuple[str | None, ...]]:
    try:
        return list(connection.execute(question, values).fetchall())
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error as exc:
        raise QueryError(str(exc)) from exc

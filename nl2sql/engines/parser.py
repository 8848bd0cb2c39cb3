"""DuckDB's own parser and binder for the guard, over one locked connection.

It judges nothing and runs no query: the texts are handed to DuckDB's functions as parameters.
"""

from __future__ import annotations

from typing import Final

import duckdb

from nl2sql.engines.duckdb_catalog import user_functions
from nl2sql.engines.lock import lock, quoted_name
from nl2sql.errors import QueryError
from nl2sql.types import Schema

_TWIN_MEMORY: Final = 256_000_000


class DuckDBParser:
    """Implements `guard.EngineParser`. `binder` is the connection that plans are bound on."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, binder: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._binder = binder
        self._catalog = str(connection.execute("SELECT current_database()").fetchall()[0][0])
        # The database is read-only, and listing its functions takes longer than all judging of a query.
        self._user_functions = user_functions(lambda sql: connection.execute(sql).fetchall())

    @property
    def catalog(self) -> str:
        """The name SQL has for the opened database."""
        return self._catalog

    def syntax_tree(self, sql: str) -> str:
        """DuckDB's syntax tree, or its error object, as JSON text."""
        return _ask(self._connection, "SELECT json_serialize_sql(?::VARCHAR)", sql)

    def canonical(self, sql: str) -> str:
        """DuckDB's own spelling of the text."""
        return _ask(self._connection, "SELECT json_deserialize_sql(json_serialize_sql(?::VARCHAR))", sql)

    def bound_plan(self, sql: str) -> str:
        """DuckDB's bound plan, unoptimised, or its error object, as JSON text."""
        return _ask(self._binder, "SELECT json_serialize_plan(?::VARCHAR, optimize := false)", sql)

    def user_functions(self) -> frozenset[str]:
        """Lower-case names of the functions and macros that the database defines itself."""
        return self._user_functions


def open_twin(catalog: str, schema: Schema, seconds: float) -> duckdb.DuckDBPyConnection:
    """An in-memory database of the same name and empty tables, to bind plans where tables are views over files."""
    twin = duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})
    twin.execute(f"ATTACH ':memory:' AS {quoted_name(catalog)}")
    twin.execute(f"USE {quoted_name(catalog)}")
    for table in schema.tables:
        columns = ", ".join(f"{quoted_name(column.name)} {column.type}" for column in table.columns)
        twin.execute(f"CREATE TABLE {quoted_name(table.name)} ({columns})")
    lock(twin, memory=_TWIN_MEMORY, seconds=seconds)
    return twin


def _ask(connection: duckdb.DuckDBPyConnection, question: str, sql: str) -> str:
    try:
        return str(connection.execute(question, [sql]).fetchall()[0][0])
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error as exc:
        raise QueryError(str(exc)) from exc

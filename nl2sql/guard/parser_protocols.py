"""What the guard asks of DuckDB's own parser and binder.

It knows no driver: the engine's room implements the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from nl2sql.types import Schema


class Token(NamedTuple):
    """A piece of a text with the blanks after it; `kind` is the engine's name for it, e.g. `keyword` or `comment`."""

    kind: str
    text: str


class EngineParser(Protocol):
    """DuckDB's parser and binder over one locked connection that holds nothing of an earlier query.

    The first three that take SQL return DuckDB's text as it is, also where that text is a JSON error object. All let
    out-of-memory and interrupts through: those end the worker's turn, not the judges'.

    Raises:
        QueryError: DuckDB raises instead of answering; its message is the error's.
    """

    @property
    def catalog(self) -> str:
        """The name SQL has for the opened database, as `current_database()` gives it."""
        ...

    @property
    def attached_catalogs(self) -> frozenset[str]:
        """The catalogs that the engine opened beside it before any query ran: a closed list, `temp` not among them.

        Each has one schema, `main`, that holds tables only. No schema of the opened database has such a name.
        """
        ...

    def read_syntax_tree(self, sql: str) -> str:
        """`json_serialize_sql(?::VARCHAR)`: the syntax tree as JSON text."""
        ...

    def bind_plan(self, sql: str) -> str:
        """`json_serialize_plan(?::VARCHAR, optimize := false)`: the plan with every name resolved, as JSON text.

        DuckDB cannot serialise a scan of a file, and a view reads all its columns whatever a query takes. So where
        tables are views over files, bind against a twin: a catalog of the same name in which each of them is an
        empty table with the same columns and types, and call them `table` in the Schema. The guard then sees
        tables only, column by column, and refuses every plan that scans anything else.
        """
        ...

    def bind_plan_over(self, schema: Schema, sql: str) -> str:
        """`bind_plan` over a database of the same name that has the tables of this schema, empty, and nothing else.

        Asked with the same schema over and over.
        """
        ...

    def read_tree_and_plan(self, sql: str) -> tuple[str, str]:
        """`read_syntax_tree` and `bind_plan` of one text at once, which is faster; raises as either."""
        ...

    def tokenize(self, sql: str) -> Sequence[Token]:
        """Return the pieces of the text, as DuckDB's own lexer cuts it; together they are the text."""
        ...

    def write_sql(self, tree: str) -> str:
        """`json_deserialize_sql(?::JSON)`: DuckDB's spelling of a syntax tree."""
        ...

    def read_physical_plan(self, sql: str) -> str:
        """`EXPLAIN (FORMAT json) …` of canonical text that is known to be one SELECT, where `bind_plan` binds."""
        ...

    def describe_query(self, sql: str) -> Sequence[Sequence[str | None]]:
        """`DESCRIBE (…)`: a row for each column of that query, which is judged canonical text. It is not run.

        To be bound where `bind_plan` binds.
        """
        ...

    def read_values(self, sql: str) -> Sequence[str]:
        """Return the first column of what that query gives. It is judged canonical text, and has a LIMIT."""
        ...

    def list_user_functions(self) -> frozenset[str]:
        """Lower-case names of functions and macros that the database defines itself (`NOT internal`).

        Asked once a text, and slow to ask DuckDB: keep the answer as long as the database can't change.
        """
        ...

    def list_user_types(self) -> Mapping[tuple[str, str], str]:
        """Return what `typeof` says of each type that the database defines itself, by its folded schema and name.

        Asked as `list_user_functions` is.
        """
        ...

"""The names a query may use: tables and columns of the schema that the policy leaves readable.

It looks at names only; what a query really reads is for the bound plan to say.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from nl2sql.schema.identifiers import closest
from nl2sql.types import MAIN_SCHEMA, Policy, Schema, Table

_SHOWN: Final = 30
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_PATH: Final = re.compile(r"(?<![\w/.])(?:[A-Za-z]:\\|/(?=[^\s/*]+/))[^\s'\",;()]+")


def fold(name: str) -> str:
    """The name as DuckDB compares it: only A to Z have two cases, so that no other letter passes for one of them."""
    return name.translate(_LOWER)


class Names:
    """Names of one schema under one policy, in any case. `catalog` is what SQL calls the database itself.

    `attached` are the catalogs that the engine opened beside it, all there are: their tables are `catalog.table`, and
    nothing of the database's own may pass for one of them.
    """

    def __init__(
        self, schema: Schema, policy: Policy, catalog: str = "", attached: frozenset[str] = frozenset()
    ) -> None:
        self._policy = policy
        self._catalog = catalog.lower()
        self._attached = frozenset(name.lower() for name in attached) - {self._catalog}
        self._readable = {t.name.lower(): t for t in schema.tables if policy.allows_table(t.name)}
        self._denied_columns = frozenset(column.lower() for column in policy.deny_columns)
        self._denied_names = frozenset(column.rpartition(".")[2] for column in self._denied_columns)
        self._schema = schema

    @cached_property
    def _columns(self) -> frozenset[str]:
        return frozenset(column.name.lower() for table in self._schema.tables for column in table.columns)

    @cached_property
    def _tables(self) -> frozenset[str]:
        return frozenset(table.name.lower() for table in self._schema.tables)

    def is_catalog(self, name: str) -> bool:
        """Whether SQL calls the database itself so, or one beside it."""
        return name.lower() == self._catalog or name.lower() in self._attached

    def has_column(self, name: str) -> bool:
        """Whether any table of the schema, readable or not, has a column of that name."""
        return name.lower() in self._columns

    def has_table(self, name: str) -> bool:
        """Whether the schema has a table of that name, readable or not."""
        return name.lower() in self._tables

    def table(self, path: Sequence[str]) -> Table | None:
        """The readable table that a dotted name means, or None: unknown and denied look the same."""
        parts = [part.lower() for part in path]
        if len(parts) > 1 and parts[0] in self._attached:
            return self._beside(*(parts if len(parts) != 2 else (parts[0], MAIN_SCHEMA, parts[1])))
        if len(parts) > 1 and parts[0] == self._catalog and ".".join(parts) not in self._readable:
            parts = parts[1:]
        if len(parts) == 2 and parts[0] == MAIN_SCHEMA:
            parts = parts[1:]
        return self._own(".".join(parts)) if len(parts) <= 2 else None

    def scanned(self, path: Sequence[str]) -> Table | None:
        """The readable table of a resolved `(catalog, schema, table)`, or None."""
        if len(path) != 3:
            return None
        catalog, schema, table = (part.lower() for part in path)
        if catalog in self._attached:
            return self._beside(catalog, schema, table)
        if catalog != self._catalog:
            return None
        return self._own(table if schema == MAIN_SCHEMA else f"{schema}.{table}")

    def is_beside(self, table: str) -> bool:
        """Whether a table of that name is one of a catalog beside the database."""
        catalog, dot, _ = table.partition(".")
        return bool(dot) and catalog.lower() in self._attached

    def _own(self, name: str) -> Table | None:
        """The readable table of the database itself."""
        return None if self.is_beside(name) else self._readable.get(name)

    def _beside(self, catalog: str, *path: str) -> Table | None:
        """The readable table of a catalog beside the database, which has one schema."""
        return self._readable.get(f"{catalog}.{path[1]}") if len(path) == 2 and path[0] == MAIN_SCHEMA else None

    def allows_column(self, table: str, column: str) -> bool:
        """Whether a query may read that column of a readable table."""
        return f"{table}.{column}".lower() not in self._denied_columns

    def denies_columns_of(self, table: Table) -> bool:
        """Whether the policy denies any column of it."""
        return not all(self.allows_column(table.name, column.name) for column in table.columns)

    def is_open(self, name: str) -> bool:
        """Whether that is a table proper, not a view, of which the policy denies no column in whatever spelling."""
        meant = [table for table in self._schema.tables if table.name.lower() == name.lower()]
        denied = {column.rpartition(".")[0] for column in self._denied_columns}
        return len(meant) == 1 and meant[0].kind == "table" and name.lower() not in denied

    def columns(self, table: Table) -> tuple[str, ...]:
        """The readable columns of a readable table; of a view, those not called like a column denied elsewhere."""
        hidden = self._denied_names if table.kind != "table" else frozenset()
        allowed = [c.name for c in table.columns if self.allows_column(table.name, c.name)]
        return tuple(name for name in allowed if name.lower() not in hidden)

    def table_hint(self, name: str) -> str:
        """What to write instead of a table that may not be read: the closest name, or the readable ones."""
        tables = sorted(table.name for table in self._readable.values())
        called_so = [table for table in tables if table.lower().rpartition(".")[2] == name.lower()]
        near = called_so[0] if len(called_so) == 1 else closest(name, tables)
        if near:
            return f"Did you mean {near}?"
        return f"Readable tables: {_listed(tables)}." if tables else "No table may be read under this policy."

    def column_hint(self, name: str, tables: Iterable[str]) -> str:
        """What to write instead of a column that isn't there, given the tables that the query names."""
        found = [t for t in (self._readable.get(name.lower()) for name in sorted(tables)) if t is not None]
        having = [t for t in self._readable.values() if name.lower() in (c.lower() for c in self.columns(t))]
        if here := [t.name for t in having if t in found]:
            return f"{name} is a column of {', '.join(here)}: write it with that table's alias."
        if having:
            return f"{name} is a column of {_listed([t.name for t in having])}: join that table."
        near = closest(name, [column for table in found for column in self.columns(table)])
        owners = [table.name for table in found if near in self.columns(table)]
        if near:
            return f"Did you mean {near} (of {', '.join(owners)})?"
        lists = [f"{table.name} has {_listed(self.columns(table))}" for table in found[:3]]
        return "; ".join(lists) + "." if lists else ""

    def without_denied(self, text: str) -> str:
        """The text with names that the policy hides, and paths of this machine, left out."""
        shown = {c.lower() for t in self._readable.values() for c in (t.name, *self.columns(t))}
        hidden = {t.name for t in self._schema.tables} | self._policy.deny_tables
        hidden |= {name.rpartition(".")[2] for name in (*hidden, *self._policy.deny_columns)}
        words = sorted((re.escape(h) for h in hidden if h and h.lower() not in shown), key=len, reverse=True)
        if words:
            text = re.sub(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", "…", text, flags=re.IGNORECASE)
        return without_paths(text)


def without_paths(text: str) -> str:
    """The text with absolute paths left out."""
    return _PATH.sub("…", text)


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

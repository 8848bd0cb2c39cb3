"""The names a query may use: tables and columns of the schema that the policy leaves readable.

It looks at names only; what a query really reads is for the bound plan to say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

from nl2sql.guard.lexical import has_steering_character, strip_invisible
from nl2sql.schema.access import make_key, resolve
from nl2sql.schema.identifiers import find_closest, fold
from nl2sql.types import MAIN_SCHEMA, Policy, Schema, Table

_MAX_SHOWN_NAMES: Final = 30
_PATH: Final = re.compile(r"(?<![\w/.])(?:[A-Za-z]:\\|/(?=[^\s/*]+/))[^\s'\",;()]+")


class Names:
    """Names of one schema under one policy. `catalog` is what SQL calls the database itself.

    `attached_catalogs` are the catalogs that the engine opened beside it, all there are: their tables are
    `catalog.table`, and nothing of the database's own may pass for one of them.
    """

    def __init__(
        self, schema: Schema, policy: Policy, catalog: str = "", attached_catalogs: frozenset[str] = frozenset()
    ) -> None:
        self._schema = schema
        self._access = resolve(schema, policy)
        self._catalog = fold(catalog)
        self._attached = frozenset(map(fold, attached_catalogs)) - {self._catalog}

    @property
    def view(self) -> Schema:
        """The schema without what may not be read."""
        return self._access.view

    @property
    def whole_schema(self) -> Schema:
        """The schema with everything in it."""
        return self._schema

    @property
    def readable(self) -> Schema:
        """The schema without what the policy denies."""
        return self._access.readable_schema

    @property
    def hides_anything(self) -> bool:
        """Whether the policy denies any table or column that is there."""
        return self._access.has_denials

    @cached_property
    def invisible_names(self) -> frozenset[str]:
        """The columns whose names hold characters that print nothing, each the only one of its table that reads so.

        None of them changes the order in which the text around it is shown.
        """
        found = set()
        for table in self.view.tables:
            plain = {column.name: fold(strip_invisible(column.name)) for column in table.columns}
            counts = Counter(plain.values())
            found |= {
                name
                for name, read in plain.items()
                if len(read) < len(name) and read and counts[read] == 1 and not has_steering_character(name)
            }
        return frozenset(found)

    def list_tables(self, path: Sequence[str]) -> tuple[Table, ...] | None:
        """Return the tables to show of the schema or catalog of that dotted name; None where it has none to show.

        An empty name is that of the main schema, which is always there.
        """
        parts = [fold(part) for part in path] or [MAIN_SCHEMA]
        if len(parts) == 2 and parts[0] == self._catalog and parts[1] not in self._attached:
            parts = parts[1:]
        elif len(parts) == 2 and parts[0] in self._attached and parts[1] == MAIN_SCHEMA:
            parts = parts[:1]
        if len(parts) != 1:
            return None
        if parts[0] == self._catalog and not self._has_schema(parts[0]):
            return tuple(table for table in self.view.tables if not self.is_attached(table))
        found = tuple(table for table in self.view.tables if fold(table.path[0]) == parts[0])
        return found if found or parts == [MAIN_SCHEMA] else None

    def is_catalog(self, name: str) -> bool:
        """Whether SQL calls the database itself so, or one beside it."""
        return fold(name) == self._catalog or fold(name) in self._attached

    def has_column(self, name: str) -> bool:
        """Whether any table of the schema, readable or not, has a column of that name."""
        return self._access.has_column(name)

    def has_type(self, text: str) -> bool:
        """Whether a readable column has the type that the engine writes so, or has it inside its own."""
        return bool(text) and any(text in type_ for type_ in self._access.types)

    def hides_type(self, text: str) -> bool:
        """Whether a denied column has that type, and no readable one."""
        return any(text in type_ for type_ in self._access.forbidden_types) and not self.has_type(text)

    def has_table(self, name: str) -> bool:
        """Whether the schema has a table of that name, readable or not, in whatever case."""
        return any(table.name.lower() == name.lower() for table in self._schema.tables)

    def find_table(self, path: Sequence[str]) -> Table | None:
        """Return the readable table that a dotted name means, or None: unknown and denied look the same."""
        parts = [fold(part) for part in path]
        if len(parts) > 1 and parts[0] in self._attached:
            return self._find_attached(parts[0], *(parts[1:] if len(parts) > 2 else (MAIN_SCHEMA, parts[1])))
        if len(parts) == 3 and parts[0] == self._catalog:
            parts = parts[1:]
        elif len(parts) == 2 and parts[0] == self._catalog and not self._has_schema(parts[0]):
            parts = [MAIN_SCHEMA, parts[1]]
        elif len(parts) == 1:
            parts = [MAIN_SCHEMA, parts[0]]
        return self._find_own(parts[0], parts[1]) if len(parts) == 2 else None

    def find_scanned(self, path: Sequence[str]) -> Table | None:
        """Return the readable table of a resolved `(catalog, schema, table)`, or None."""
        if len(path) != 3:
            return None
        catalog, schema, table = map(fold, path)
        if catalog in self._attached:
            return self._find_attached(catalog, schema, table)
        return self._find_own(schema, table) if catalog == self._catalog else None

    def is_attached(self, table: Table) -> bool:
        """Whether the table is one of a catalog beside the database."""
        return fold(table.path[0]) in self._attached

    def _has_schema(self, name: str) -> bool:
        """Whether a schema of the database itself is called so."""
        return any(fold(table.path[0]) == name for table in self._schema.tables)

    def _find_own(self, schema: str, name: str) -> Table | None:
        """Return the readable table of the database itself."""
        return None if schema in self._attached else self._access.find_table((schema, name))

    def _find_attached(self, catalog: str, *path: str) -> Table | None:
        """Return the readable table of a catalog beside the database, which has one schema."""
        return self._access.find_table((catalog, path[1])) if len(path) == 2 and path[0] == MAIN_SCHEMA else None

    def allows_column(self, table: Table, column: str) -> bool:
        """Whether a query may read that column of a readable table."""
        return self._access.allows_column(table, column)

    def denies_columns_of(self, table: Table) -> bool:
        """Whether the policy denies any column of it."""
        return self._access.has_denied_columns(table)

    def is_plain_table(self, table: Table) -> bool:
        """Whether that is a table proper, with no column denied, and in any case the only one of its name."""
        namesakes = [other for other in self._schema.tables if other.name.lower() == table.name.lower()]
        return len(namesakes) == 1 and table.kind == "table" and not self.denies_columns_of(table)

    def list_columns(self, table: Table) -> tuple[str, ...]:
        """Return the readable columns of a table; of a view, without those called like a column denied elsewhere."""
        hidden = self._access.forbidden_names if table.kind != "table" else frozenset()
        return tuple(column.name for column in self._access.list_columns(table) if fold(column.name) not in hidden)

    def compose_table_hint(self, name: str) -> str:
        """Return what to write instead of a table that may not be read: the closest name, or the readable ones."""
        tables = sorted(table.name for table in self.view.tables)
        called_so = [table for table in tables if table.lower().rpartition(".")[2] == name.lower()]
        near = called_so[0] if len(called_so) == 1 else find_closest(name, tables)
        if near:
            return f"Did you mean {near}?"
        return f"Readable tables: {_join_names(tables)}." if tables else "No table may be read under this policy."

    def compose_column_hint(self, name: str, tables: Iterable[Table]) -> str:
        """Return what to write instead of a column that isn't there, given the tables that the query names."""
        named = {make_key(table) for table in tables}
        found = sorted((table for table in self.view.tables if make_key(table) in named), key=lambda table: table.name)
        having = [t for t in self.view.tables if name.lower() in (c.lower() for c in self.list_columns(t))]
        if here := [t.name for t in having if t in found]:
            return f"{name} is a column of {', '.join(here)}: write it with that table's alias."
        if having:
            return f"{name} is a column of {_join_names([t.name for t in having])}: join that table."
        near = find_closest(name, [column for table in found for column in self.list_columns(table)])
        owners = [table.name for table in found if near in self.list_columns(table)]
        if near:
            return f"Did you mean {near} (of {', '.join(owners)})?"
        lists = [f"{table.name} has {_join_names(self.list_columns(table))}" for table in found[:3]]
        return "; ".join(lists) + "." if lists else ""

    def mask_denied(self, text: str, source_text: str = "") -> str:
        """Return the text with names that the policy hides, and paths of this machine, left out.

        What stands in `source_text`, the text that somebody wrote, stays: left out, it would tell that there is such a
        name.
        """
        lowered = source_text.lower()
        tables, columns = (
            [re.escape(name) for name in names if name.lower() not in lowered] for names in self._hidden_names
        )
        if columns:
            # Plain words of the engine's sentences may be called like a column: names stand in quotes there.
            text = re.sub(rf"(?<=[\"'])(?:{'|'.join(columns)})(?=[\"'])", "…", text, flags=re.IGNORECASE)
        if tables:
            text = re.sub(rf"(?<!\w)(?:{'|'.join(tables)})(?!\w)", "…", text, flags=re.IGNORECASE)
        return mask_paths(text, source_text)

    @cached_property
    def _hidden_names(self) -> tuple[list[str], list[str]]:
        """Names of tables, then of columns, that the policy hides and that nothing readable has, longest first."""
        readable = self.readable.tables
        shown = {name.lower() for t in readable for name in (t.name, t.path[1], *(c.name for c in t.columns))}
        tables = {name for t in self._schema.tables for name in (t.name, t.path[1])}
        columns = {column.name for table in self._schema.tables for column in table.columns}
        denied = {name for name in columns if fold(name) in self._access.forbidden_names}
        hidden = (
            (name for name in names if name and name.lower() not in shown) for names in (tables | denied, columns)
        )
        first, second = (sorted(names, key=len, reverse=True) for names in hidden)
        return first, second


def mask_paths(text: str, source_text: str = "") -> str:
    """Return the text with absolute paths left out that do not stand in `source_text`."""
    return _PATH.sub(lambda found: found.group() if found.group() in source_text else "…", text)


def _join_names(names: Sequence[str]) -> str:
    more = f", and {len(names) - _MAX_SHOWN_NAMES} more" if len(names) > _MAX_SHOWN_NAMES else ""
    return ", ".join(names[:_MAX_SHOWN_NAMES]) + more

"""Which tables and columns of a schema an owner's policy leaves readable. Every other module asks here.

It goes by names only. What a view, a generated column or a query reads is for the guard to say.
"""

from __future__ import annotations

import fnmatch
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, NamedTuple

from nl2sql.schema.identifiers import fold, quote_name
from nl2sql.types import MAIN_SCHEMA, Column, Policy, Schema, Table
from nl2sql.types.type_families import may_have_fields

Key = tuple[str, str]

_MAX_CACHED_POLICIES: Final = 4


class Copy(NamedTuple):
    """Values that stand in two places: a table or a column of it, and the table or column that they come from.

    An empty column means the whole table. The source table may be gone.
    """

    table: str
    column: str
    source_table: str
    source_column: str


class Access:
    """One policy over one schema. A name of the policy denies everything that it may mean, in any case.

    `main.x` is the table of that name, and x of the main schema; `t.s.f` is the column s, as a field cannot be
    denied alone. In double quotes, as SQL writes them, the parts of a name are exact. What is to be allowed must
    mean one table: a name that may be two allows neither.
    """

    def __init__(self, schema: Schema, policy: Policy) -> None:
        self._schema = schema
        index = _Index(schema)
        allowed_names = {name: set(index.find_allowed(name)) for name in policy.allow_tables or ()}
        listed = {one for keys in allowed_names.values() for one in keys}
        tables = {name: {make_key(table) for table in index.find_tables(name)} for name in policy.deny_tables}
        columns = {name: set(index.find_columns(name)) for name in policy.deny_columns}
        denied = {one for keys in tables.values() for one in keys}
        known = {make_key(table) for table in schema.tables} - denied
        self._readable = known if policy.allow_tables is None else known & listed
        self._denied_columns: dict[Key, set[str]] = {}
        for one, column in (found for pairs in columns.values() for found in pairs):
            self._denied_columns.setdefault(one, set()).add(column)
        self.unmatched_names = tuple(
            sorted(name for found in (allowed_names, tables, columns) for name, meant in found.items() if not meant)
        )

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """The readable tables, with all their columns."""
        return tuple(table for table in self._schema.tables if self.allows(table))

    @cached_property
    def view(self) -> Schema:
        """The schema without what may not be read: what the model may know of."""
        return replace(
            self._schema, tables=tuple(self._cut_to_visible(table) for table in self.tables if not table.refused)
        )

    @cached_property
    def readable_schema(self) -> Schema:
        """Every table and column that the policy does not deny; also what no query may read."""
        tables = (replace(table, columns=self._list_allowed_columns(table)) for table in self.tables)
        return replace(self._schema, tables=tuple(tables))

    @cached_property
    def _columns(self) -> dict[Key, frozenset[str]]:
        return {
            make_key(table): frozenset(fold(column.name) for column in table.columns) - self._find_denied(table)
            for table in self.tables
        }

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(fold(column.name) for table in self._schema.tables for column in table.columns)

    @cached_property
    def types(self) -> frozenset[str]:
        """The types of the stored columns that a query may read by their names."""
        return frozenset(column.type for table, column in self._base_columns if self.allows_column(table, column.name))

    @cached_property
    def forbidden_types(self) -> frozenset[str]:
        """The types of the stored columns that the policy denies, alone or with their tables."""
        return frozenset(
            column.type for table, column in self._base_columns if not self.allows_column(table, column.name)
        )

    @property
    def _base_columns(self) -> Iterator[tuple[Table, Column]]:
        """The stored columns: of views and generated columns, names alone do not tell whether they may be read."""
        for table in self._schema.tables:
            if table.kind == "table":
                yield from ((table, column) for column in table.columns if not column.generated)

    @cached_property
    def forbidden_names(self) -> frozenset[str]:
        """The folded names of all denied columns."""
        return frozenset(column for columns in self._denied_columns.values() for column in columns)

    def has_column(self, name: str) -> bool:
        """Return whether any table of the schema, readable or not, has a column of that name."""
        return fold(name) in self._names

    @cached_property
    def has_denials(self) -> bool:
        """Whether any table or column that is there is denied."""
        return bool(self._denied_columns) or len(self.tables) < len(self._schema.tables)

    @cached_property
    def _tables_by_key(self) -> dict[Key, Table]:
        return {make_key(table): table for table in self.tables}

    def find_table(self, wanted: Key) -> Table | None:
        """Return the readable table of that folded schema and name; None where there is none."""
        return self._tables_by_key.get(wanted)

    def allows(self, table: Table) -> bool:
        """Return whether a query may read that table or view of the schema."""
        return make_key(table) in self._readable

    def allows_column(self, table: Table, column: str) -> bool:
        """Return whether a query may read that column of that table; never one that the schema does not know."""
        return fold(column) in self._columns.get(make_key(table), ())

    def has_denied_columns(self, table: Table) -> bool:
        """Return whether the policy denies any column of the table."""
        return bool(self._find_denied(table))

    def list_columns(self, table: Table) -> tuple[Column, ...]:
        """Return the columns of a readable table that a query may read by their names."""
        return tuple(column for column in self._list_allowed_columns(table) if not column.refused)

    def _list_allowed_columns(self, table: Table) -> tuple[Column, ...]:
        return tuple(column for column in table.columns if self.allows_column(table, column.name))

    def _find_denied(self, table: Table) -> set[str]:
        return self._denied_columns.get(make_key(table), set())

    def _cut_to_visible(self, table: Table) -> Table:
        columns = self.list_columns(table)
        names = {column.name for column in columns}
        keys = tuple(
            foreign
            for foreign in table.foreign_keys
            if names.issuperset(foreign.columns) and self._can_read_target(foreign.target_table, foreign.target_columns)
        )
        primary = table.primary_key if names.issuperset(table.primary_key) else ()
        return replace(table, columns=columns, foreign_keys=keys, primary_key=primary)

    def _can_read_target(self, name: str, columns: Sequence[str]) -> bool:
        """Return whether every table of that name may be read, and these columns of it."""
        meant = [table for table in self._schema.tables if table.name == name]
        return bool(meant) and all(
            self.allows(table)
            and not table.refused
            and {one.name for one in self.list_columns(table)}.issuperset(columns)
            for table in meant
        )


_recent_accesses: deque[tuple[Schema, Policy, Access]] = deque(maxlen=_MAX_CACHED_POLICIES)


def resolve(schema: Schema, policy: Policy) -> Access:
    """Return what the policy means in that schema. The last few results are cached, since each query needs one."""
    for known_schema, known_policy, access in tuple(_recent_accesses):
        if known_schema is schema and known_policy == policy:
            return access
    access = Access(schema, policy)
    _recent_accesses.append((schema, policy, access))
    return access


def apply_policy(schema: Schema, policy: Policy) -> Schema:
    """Return the schema without what the policy denies: what the model may know of."""
    return resolve(schema, policy).view


def match_patterns(policy: Policy, schema: Schema, include: Sequence[str], exclude: Sequence[str]) -> Policy:
    """Return the policy with only the tables allowed that match `include`, if there is any, and not `exclude`.

    Patterns are those of `fnmatch`, in any case.
    """
    if not include and not exclude:
        return policy
    names = frozenset(
        quote_path(*table.path)
        for table in resolve(schema, policy).tables
        if (not include or _matches(table.name, include)) and not _matches(table.name, exclude)
    )
    return replace(policy, allow_tables=names)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def allow_further(policy: Policy, names: Iterable[str]) -> Policy:
    """Return the policy with these tables allowed too, such as uploads, which an owner's policy cannot name."""
    return policy if policy.allow_tables is None else replace(policy, allow_tables=policy.allow_tables.union(names))


def deny_copies(policy: Policy, schema: Schema, copies: Sequence[Copy]) -> Policy:
    """Return the policy that also denies the copies of what it denies, and the originals of denied copies.

    A table that is only missing from the allowed ones does not deny its copies.
    """
    if not copies or not (policy.deny_tables or policy.deny_columns):
        return policy
    known = {table.name for table in schema.tables}
    gone: dict[str, list[str]] = {}
    for copy in copies:
        if copy.source_table not in known:
            gone.setdefault(copy.source_table, []).extend([copy.source_column] if copy.source_column else [])
    former = tuple(Table(name, tuple(Column(one, "VARCHAR") for one in columns)) for name, columns in gone.items())
    whole = replace(schema, tables=(*schema.tables, *former))
    found = [_deny_alike(policy, whole, copies, find) for find in (_find_denied_copy, _find_denied_original)]
    return replace(
        policy,
        deny_tables=policy.deny_tables.union(*(one.deny_tables for one in found)),
        deny_columns=policy.deny_columns.union(*(one.deny_columns for one in found)),
    )


def _deny_alike(
    policy: Policy, schema: Schema, copies: Sequence[Copy], find: Callable[[Copy, Access, Table, Table], Copy | None]
) -> Policy:
    """Return the policy that also denies what `find` returns, repeated until it returns nothing new."""
    tables = {table.name: table for table in schema.tables}
    while True:
        access = Access(schema, replace(policy, allow_tables=None))
        found = [
            find(copy, access, tables[copy.table], tables[copy.source_table]) for copy in copies if copy.table in tables
        ]
        paths = [(tables[one.table].path, one.column) for one in found if one]
        columns = policy.deny_columns.union(quote_path(*path, column) for path, column in paths if column)
        whole = policy.deny_tables.union(quote_path(*path) for path, column in paths if not column)
        if (columns, whole) == (policy.deny_columns, policy.deny_tables):
            return policy
        policy = replace(policy, deny_tables=whole, deny_columns=columns)


def _find_denied_copy(copy: Copy, access: Access, own: Table, other: Table) -> Copy | None:
    """Return the copy where its source is denied, else None."""
    del own
    is_allowed = access.allows_column(other, copy.source_column) if copy.source_column else access.allows(other)
    return None if is_allowed else copy


def _find_denied_original(copy: Copy, access: Access, own: Table, other: Table) -> Copy | None:
    """Return the column that a table is made of, where any part of the table is denied, else None."""
    if copy.column or not copy.source_column or (access.allows(own) and not access.has_denied_columns(own)):
        return None
    return Copy(other.name, copy.source_column, own.name, "")


def make_key(table: Table) -> Key:
    """Return the folded schema and name by which DuckDB identifies the table."""
    schema, name = table.path
    return fold(schema), fold(name)


def quote_path(*path: str) -> str:
    """Return the name that means exactly this path in a policy."""
    return ".".join(map(quote_name, path))


class _Index:
    """The tables of a schema by each name that a policy may use for them."""

    def __init__(self, schema: Schema) -> None:
        self._called: dict[str, list[Table]] = {}
        self._spelled: dict[str, list[Table]] = {}
        self._columns: dict[Key, dict[str, list[Column]]] = {}
        for table in schema.tables:
            names = _list_names(table)
            for name in {_fold_broadly(name) for name in names}:
                self._called.setdefault(name, []).append(table)
            for name in {fold(name) for name in names}:
                self._spelled.setdefault(name, []).append(table)
        self._longest = _measure_longest(self._called)

    def find_tables(self, name: str) -> list[Table]:
        """Return the tables that the name may mean."""
        return self._called.get(_fold_broadly(name), [])

    def find_allowed(self, name: str) -> Iterator[Key]:
        """Yield the one table that the name allows: as DuckDB compares names, else in any case."""
        found = self._spelled.get(fold(name)) or self.find_tables(name)
        if len(found) == 1:
            yield make_key(found[0])

    def find_columns(self, name: str) -> Iterator[tuple[Key, str]]:
        """Yield the columns that a name like `table.column` may mean: the key of the table, and the folded name."""
        written = _fold_broadly(name)
        for at in _find_dots(written, self._longest):
            for table in self._called.get(written[:at], ()):
                for column in self._find_columns_of(table, written[at + 1 :]):
                    yield make_key(table), fold(column.name)

    def _find_columns_of(self, table: Table, name: str) -> Iterator[Column]:
        """Yield the columns that the name may mean: plain, in quotes, or with the name of a field after it."""
        columns = self._columns.get(make_key(table))
        if columns is None:
            columns = self._columns[make_key(table)] = {}
            for column in table.columns:
                for one in {_fold_broadly(column.name), _fold_broadly(quote_path(column.name))}:
                    columns.setdefault(one, []).append(column)
        yield from columns.get(name, ())
        for at in _find_dots(name, _measure_longest(columns)):
            yield from (column for column in columns.get(name[:at], ()) if may_have_fields(column.type))


def _list_names(table: Table) -> set[str]:
    """Return the names that a policy may use for the table: with and without the main schema, plain and quoted."""
    schema, name = table.path
    names = {table.name, f"{schema}.{name}", f"{schema}.{quote_path(name)}", quote_path(schema, name)}
    return names | {name, quote_path(name)} if fold(schema) == MAIN_SCHEMA else names


def _measure_longest(names: Iterable[str]) -> int:
    return max(map(len, names), default=0)


def _find_dots(name: str, longest: int) -> Iterator[int]:
    """Yield the positions of the dots that may follow a name of at most `longest` characters."""
    return (at for at, sign in enumerate(name[: longest + 1]) if sign == ".")


def _fold_broadly(name: str) -> str:
    """Return one form for all spellings of the name: any case and width, and any encoding of its accents."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())

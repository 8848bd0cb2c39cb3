"""What a schema may show: nothing that the guard would refuse a query. Names alone do not tell it of what is derived.

It asks of views and generated columns only, as plain columns of a table are what their names say. It runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from nl2sql.schema.access import quote_path, resolve
from nl2sql.schema.identifiers import quote, quote_table
from nl2sql.types import Column, Policy, Schema, Table

MayRead = Callable[[str], bool]


def mark_refused(schema: Schema, may_read: MayRead) -> Schema:
    """Return the schema with what no query may read marked as `refused`, whatever a policy says.

    `may_read` says whether the guard lets that SELECT run under no policy.
    """
    return replace(schema, tables=tuple(_mark(table, may_read) for table in schema.tables))


def deny_refused(schema: Schema, policy: Policy, may_read: MayRead) -> Policy:
    """Return the policy with what the guard refuses because of it denied by name: it shows what the policy denies.

    `may_read` says whether the guard lets that SELECT run under this policy.
    """
    tables, columns = set(policy.deny_tables), set(policy.deny_columns)
    for table in resolve(schema, policy).view.tables:
        if table.kind == "view":
            if not may_read(_select_all(table)):
                tables.add(quote_path(*table.path))
        else:
            columns |= {quote_path(*table.path, column.name) for column in _find_refused(table, may_read)}
    return replace(policy, deny_tables=frozenset(tables), deny_columns=frozenset(columns))


def _mark(table: Table, may_read: MayRead) -> Table:
    if table.kind == "view":
        return table if may_read(_select_all(table)) else replace(table, refused=True)
    refused = {column.name for column in _find_refused(table, may_read)}
    if not refused:
        return table
    return replace(table, columns=tuple(replace(c, refused=c.name in refused) for c in table.columns))


def _find_refused(table: Table, may_read: MayRead) -> Iterator[Column]:
    """Return the generated columns of the table that no query may read."""
    return (column for column in table.columns if column.generated and not may_read(_select_one(column, table)))


def _select_all(table: Table) -> str:
    return f"SELECT * FROM {quote_table(table)}"


def _select_one(column: Column, table: Table) -> str:
    return f"SELECT {quote(column.name)} FROM {quote_table(table)}"

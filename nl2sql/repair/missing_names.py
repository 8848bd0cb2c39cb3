"""Describe the name that a query cannot be repaired for, and what the schema has instead.

It suggests only what the given schema holds. Whether the nearest name is meant, the caller decides.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from nl2sql.repair.binding import Fault
from nl2sql.repair.context import RepairContext, drop_schema, list_names, show_node
from nl2sql.repair.join_conditions import find_joined_source
from nl2sql.repair.join_paths import Join, list_shortest_paths
from nl2sql.repair.name_matching import find_near_names, is_alike
from nl2sql.repair.scopes import Scope, ScopeSource
from nl2sql.schema.identifiers import quote, quote_table
from nl2sql.types import MAIN_SCHEMA, MissingName, Schema, Table

# One more than is shown, so that the caller can tell that there are others.
_MAX_LISTED_NAMES: Final = 13
_MAX_HOLDERS: Final = 3
_MAX_PATHS: Final = 3


def find_missing_name(context: RepairContext) -> MissingName | None:
    """Return the name that the error is about, where it refers to nothing."""
    if context.error.fault is Fault.TABLE:
        return _describe_table(context)
    found = context.find_fault()
    return _describe_column(context.schema, *found) if found is not None else None


def list_joins_to(context: RepairContext) -> tuple[str, ...]:
    """Return JOIN clauses, along keys, from the tables of the query to those with the missing column.

    The shortest paths come first, at most three. For a column in a join's condition: the joins between the tables that
    the condition is about.
    """
    found = context.find_fault()
    if found is None:
        return ()
    scope, column = found
    joined = find_joined_source(scope, column)
    if joined is not None and joined.table is not None:
        start = [source.table.name for source in scope.sources if source.table is not None and source is not joined]
        targets: tuple[str, ...] = (joined.table.name,)
    else:
        start = [source.table.name for source in scope.sources if source.table is not None]
        targets = _list_holders(context.schema, scope, column)
    paths = [path for target in targets for path in list_shortest_paths(context.schema, start, target)]
    return tuple(" ".join(_write_join(context.schema, step) for step in path) for path in paths[:_MAX_PATHS])


def _write_join(schema: Schema, step: Join) -> str:
    pairs = zip(step.columns, step.target_columns, strict=True)
    table, target = _quote(schema, step.table), _quote(schema, step.target)
    return f"JOIN {target} ON " + " AND ".join(
        f"{table}.{quote(left)} = {target}.{quote(right)}" for left, right in pairs
    )


def _quote(schema: Schema, name: str) -> str:
    return quote_table(schema.find_table(name) or Table(name, ()))


def list_unknown_tables(tree: exp.Expr, schema: Schema) -> list[exp.Table]:
    """Return the tables of the query that the schema does not have."""
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    return [
        table
        for table in tree.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier)
        and schema.find_table(write_table_name(table)) is None
        and (table.db or table.name.lower() not in ctes)
    ]


def write_table_name(table: exp.Table) -> str:
    """Return the table's name as the schema would write it."""
    return f"{table.db}.{table.name}" if table.db and table.db.lower() != MAIN_SCHEMA else table.name


def _describe_table(context: RepairContext) -> MissingName | None:
    unknown = list_unknown_tables(context.tree, context.schema)
    if not unknown:
        return None
    written, known = write_table_name(unknown[0]), [table.name for table in context.schema.tables]
    return MissingName(
        "table", written, nearest=find_near_names(drop_schema(written), known), present=tuple(known[:_MAX_LISTED_NAMES])
    )


def _describe_column(schema: Schema, scope: Scope, column: exp.Column) -> MissingName:
    named = scope.find_source(column.table) if column.table else None
    looked_in = [named] if named is not None else [source for source in scope.sources if source.columns is not None]
    owner = schema.find_table(column.table) if column.table and named is None else None
    if owner is not None:
        sources: tuple[str, ...] = (owner.name,)
        candidates = [c.name for c in owner.columns]
    else:
        sources = tuple(dict.fromkeys(_name_source(source) for source in looked_in))
        candidates = [
            _name_column(source, name, len(looked_in) > 1) for source in looked_in for name in list_names(source)
        ]
    return MissingName(
        "column",
        column.name or show_node(column),
        sources=sources,
        holders=_list_holders(schema, scope, column),
        aliases=tuple(source.alias for source in scope.find_sources(column.name)),
        nearest=find_near_names(column.name, candidates),
        present=tuple(candidates[:_MAX_LISTED_NAMES]),
    )


def _list_holders(schema: Schema, scope: Scope, column: exp.Column) -> tuple[str, ...]:
    """Return the tables that have a column of that name."""
    holders = [t.name for t in schema.tables if any(is_alike(column.name, c.name) for c in t.columns)]
    return tuple(holders[:_MAX_HOLDERS])


def _name_source(source: ScopeSource) -> str:
    return source.table.name if source.table is not None else source.alias


def _name_column(source: ScopeSource, name: str, is_qualified: bool) -> str:
    return f"{_name_source(source)}.{name}" if is_qualified else name

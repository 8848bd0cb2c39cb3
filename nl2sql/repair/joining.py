"""Add the tables of a path to a SELECT, so that no row is lost or repeated and every name keeps its meaning."""

from __future__ import annotations

from sqlglot import exp

from nl2sql.repair.context import RepairContext, make_column, make_identifier
from nl2sql.repair.join_conditions import is_using
from nl2sql.repair.join_paths import Join, Path
from nl2sql.repair.scopes import Scope, ScopeSource
from nl2sql.types import MAIN_SCHEMA, Table


def add_joins(
    context: RepairContext, scope: Scope, start: ScopeSource, path: Path, *, keeps_rows: bool = True
) -> ScopeSource | None:
    """Join the path's tables to the source; return the last one, or None where a name would change its meaning.

    A table is joined LEFT where the key may be NULL, so that its rows stay; without `keeps_rows` all joins are inner.
    """
    at, is_left = start, _may_be_absent(scope, start)
    for step in path:
        target = context.schema.find_table(step.target)
        if target is None or is_left is None:
            return None
        if not _qualify_columns(context, scope, target) or not _spell_out_stars(scope):
            return None
        is_left = is_left or (keeps_rows and _is_optional(context, step))
        source = _make_source(scope, target)
        equalities = [
            exp.EQ(this=make_column(at.alias, left), expression=make_column(source.alias, right))
            for left, right in zip(step.columns, step.target_columns, strict=True)
        ]
        scope.select.append(
            "joins", exp.Join(this=source.node, side="LEFT" if is_left else None, on=exp.and_(*equalities))
        )
        scope.sources.append(source)
        at = source
    return at


def _is_optional(context: RepairContext, step: Join) -> bool:
    """Return whether a row may have no counterpart: its key may be NULL, or it is the key's target."""
    table = context.schema.find_table(step.table)
    assert table is not None
    keys = [key for key in table.foreign_keys if key.columns == step.columns and key.target_table == step.target]
    columns = [table.find_column(name) for name in step.columns]
    return not keys or any(column is None or column.nullable for column in columns)


def _may_be_absent(scope: Scope, source: ScopeSource) -> bool | None:
    """Return whether an outer join may leave the source out of a row; None where other joins decide that too."""
    sides = [(join.side or "").upper() for join in scope.select.args.get("joins") or ()]
    if any(side not in ("", "LEFT") for side in sides):
        return None
    join = source.node.parent
    return isinstance(join, exp.Join) and bool(join.side)


def _make_source(scope: Scope, table: Table) -> ScopeSource:
    """Make a FROM entry for the table, with an alias that the SELECT does not use."""
    used = {source.alias.lower() for source in scope.sources}
    database, name = table.path
    alias, number = name, 2
    while alias.lower() in used:
        alias, number = f"{name}_{number}", number + 1
    node = exp.Table(this=make_identifier(name), db=make_identifier(database) if database != MAIN_SCHEMA else None)
    if table.catalog:
        node.set("catalog", make_identifier(table.catalog))
    if alias != name:
        node.set("alias", exp.TableAlias(this=make_identifier(alias)))
    return ScopeSource(alias, frozenset(column.name.lower() for column in table.columns), table, node)


def _qualify_columns(context: RepairContext, scope: Scope, table: Table) -> bool:
    """Qualify the bare columns that the new table has too. False where one would change its meaning."""
    for inner in context.find_scopes():
        if all(level.select is not scope.select for level in inner.walk_outwards()):
            continue
        for column in inner.columns:
            if column.table or not isinstance(column.this, exp.Identifier) or not table.find_column(column.name):
                continue
            if inner.select is not scope.select and _has_itself(inner, column):
                continue
            holders = scope.find_sources(column.name)
            if len(holders) == 1 or (holders and is_using(scope.select, column.name)):
                column.set("table", make_identifier(holders[0].alias))
            elif not holders and column.name.lower() in scope.aliases and not _is_in_order(column):
                return False
    return True


def _has_itself(scope: Scope, column: exp.Column) -> bool:
    """Return whether an inner SELECT has the column itself."""
    return scope.has_unknown_columns or bool(scope.find_sources(column.name)) or column.name.lower() in scope.aliases


def _is_in_order(column: exp.Column) -> bool:
    """Return whether the name stands in ORDER BY, where a label precedes a table's column."""
    return isinstance(column.find_ancestor(exp.Order, exp.Select), exp.Order)


def _spell_out_stars(scope: Scope) -> bool:
    """Replace `*` by one star per source; False where it excludes, replaces or renames columns."""
    select = scope.select
    stars = [expression for expression in select.expressions if isinstance(expression, exp.Star)]
    if not stars:
        return True
    if any(star.args.get(key) for star in stars for key in ("except_", "replace", "rename")):
        return False
    expanded: list[exp.Expr] = []
    for expression in select.expressions:
        if isinstance(expression, exp.Star):
            expanded += [exp.Column(this=exp.Star(), table=make_identifier(s.alias)) for s in scope.sources]
        else:
            expanded.append(expression)
    select.set("expressions", expanded)
    return True

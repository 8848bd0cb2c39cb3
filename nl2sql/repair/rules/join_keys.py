"""Add joins that were left out, or correct their conditions, along the keys that the schema has."""

from __future__ import annotations

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext, list_same_columns, make_identifier, rebind_column, show_node
from nl2sql.repair.join_conditions import find_join, find_joined_source
from nl2sql.repair.join_paths import Path, list_keys_between, list_paths, list_shortest_paths
from nl2sql.repair.joining import add_joins
from nl2sql.repair.rules.column_sources import has_rival, is_called_after, is_dimension
from nl2sql.repair.scopes import Scope, ScopeSource
from nl2sql.types import Proof, Table


def join_along_key(context: RepairContext) -> Edit | None:
    """Join the table that has the column, along the keys that lead there.

    Precondition: no other table has such a column, or the query names the table. Exactly one path leads there, and each
    of its keys to at most one row, so no row is repeated; none is lost, because what may be absent is joined LEFT.
    Inferred keys are proved by the values. Rows are grouped or filtered by the column: one that is listed for each row,
    or added up, might be the row's own, which is then missing. A column that is called after its table or its key, or
    is written with the table's name or an unknown alias, may be listed too.

    >>> repair("SELECT sum(total) FROM orders WHERE city = 'Rome'")
    SELECT SUM(total) FROM orders JOIN customers ON orders.customer_id = customers.id WHERE customers.city = 'Rome'
    >>> repair("SELECT count(*) FROM customers WHERE total > 3")
    >>> repair("SELECT city FROM orders")
    """
    found = _find_unjoined(context)
    if found is None:
        return None
    scope, column = found
    named = scope.find_source(column.table) if column.table else None
    target = _find_target(context, column, named)
    if target is None or (named is not None and named.table is None) or _is_read(scope, target):
        return None
    starts = [named] if named is not None else [source for source in scope.sources if source.table is not None]
    reached = [(source, path) for source in starts for path in _list_paths(context, source, target)]
    if len(reached) != 1 or (named is None and any(source.table is None for source in scope.sources)):
        return None
    start, path = reached[0]
    is_named = bool(column.table and named is None) or is_called_after(column.name, target, path[-1].columns)
    if not all(_may_be_joined(same, scope, is_named) for same in list_same_columns(scope, column)):
        return None
    proofs: tuple[Proof, ...] = tuple(proof for step in path for proof in step.proofs)
    if context.is_disproved(proofs) or any(has_rival(column.name, source) for source in starts):
        return None
    joined = add_joins(context, scope, start, path)
    if joined is None:
        return None
    rebind_column(scope, column, joined)
    keys = ", ".join(_describe_step(start, path, at) for at in range(len(path)))
    return Edit(context.tree, f"{target.name} is joined for {column.name}, along {keys}", proofs)


def join_holder(context: RepairContext) -> Edit | None:
    """Join the table that has the column, though rows may be repeated and the column may be another thing's.

    A guess. Precondition: exactly one table has a column of that name, and one shortest path along keys leads there.

    >>> repair("SELECT city FROM orders")
    """
    found = _find_unjoined(context)
    if found is None:
        return None
    scope, column = found
    named = scope.find_source(column.table) if column.table else None
    target = _find_target(context, column, named)
    starts = [named] if named is not None else scope.sources
    if target is None or any(source.table is None or source.table is target for source in (*starts, *scope.sources)):
        return None
    reached = [
        (source, path)
        for source in starts
        for path in list_shortest_paths(context.schema, [source.table.name if source.table else ""], target.name)
    ]
    shortest = min((len(path) for _, path in reached), default=0)
    nearest = [(source, path) for source, path in reached if len(path) == shortest]
    joined = add_joins(context, scope, *nearest[0], keeps_rows=False) if len(nearest) == 1 else None
    if joined is None:
        return None
    return Edit(context.tree, rebind_column(scope, column, joined))


def correct_join(context: RepairContext) -> Edit | None:
    """Join two tables on the key between them, where the condition names a column that does not exist.

    Precondition: exactly one key, of one column, leads from one to the other, and what exists of the condition is part
    of it.

    >>> repair("SELECT c.name, o.total FROM orders o JOIN customers c ON o.client = c.id")
    SELECT c.name, o.total FROM orders AS o JOIN customers AS c ON o.customer_id = c.id
    """
    found = context.find_fault()
    if found is None or find_joined_source(*found) is None:
        return None
    scope, column = found
    equality = column.parent
    assert isinstance(equality, exp.EQ)
    sides = (equality.this, equality.expression)
    sources = [scope.find_source(side.table) if side.table else None for side in sides]
    if any(source is None or source.table is None for source in sources):
        return None
    left, right = (source for source in sources if source is not None)
    if left is right or left.table is right.table or find_joined_source(scope, column) not in (left, right):
        return None
    assert left.table is not None and right.table is not None
    keys = list_keys_between(context.schema, left.table.name, right.table.name)
    if len(keys) != 1 or len(keys[0].columns) != 1 or context.is_disproved(keys[0].proofs):
        return None
    key = keys[0]
    for side, name in zip(sides, (key.columns[0], key.target_columns[0]), strict=True):
        if scope.can_resolve(side) and side.name.lower() != name.lower():
            return None
    before = show_node(equality)
    for side, name in zip(sides, (key.columns[0], key.target_columns[0]), strict=True):
        side.set("this", make_identifier(name))
    return Edit(context.tree, f"joined on {show_node(equality)} instead of {before}", key.proofs)


def _find_unjoined(context: RepairContext) -> tuple[Scope, exp.Column] | None:
    """Return the faulty column, outside join conditions, where the columns of all sources are known."""
    found = context.find_fault()
    if found is None or find_join(found[1]) is not None or found[0].has_unknown_columns:
        return None
    return found


def _is_read(scope: Scope, target: Table) -> bool:
    """Return whether the query reads the table already, so that its join was not left out."""
    return any(source.table is target for level in scope.walk_outwards() for source in level.sources)


def _find_target(context: RepairContext, column: exp.Column, named: ScopeSource | None) -> Table | None:
    """Return the table that the query names, or the only one that has the column."""
    if named is None and (table := context.schema.find_table(column.table)) is not None:
        return table if table.find_column(column.name) is not None else None
    holders = [table for table in context.schema.tables if table.find_column(column.name) is not None]
    return holders[0] if len(holders) == 1 else None


def _list_paths(context: RepairContext, source: ScopeSource, target: Table) -> list[Path]:
    assert source.table is not None
    paths = list_paths(context.schema, [source.table.name], target.name)
    # A path that repeats rows is another reading. The caller needs a single path, so listing all twice rules out each.
    is_repeating = any(step.is_to_many for path in paths for step in path)
    return [*paths, *paths] if is_repeating else paths


def _may_be_joined(column: exp.Column, scope: Scope, is_named: bool) -> bool:
    """Return whether the place of the column leaves no doubt that it is the other table's."""
    if is_dimension(column, scope):
        return True
    aggregate = column.find_ancestor(exp.AggFunc, exp.Select)
    if not is_named:
        return False
    # A sum would count a value once for each row; a maximum, a minimum or a distinct aggregate does not.
    if not isinstance(aggregate, exp.AggFunc) or isinstance(aggregate, exp.Max | exp.Min):
        return True
    return isinstance(aggregate.this, exp.Distinct)


def _describe_step(start: ScopeSource, path: Path, at: int) -> str:
    step = path[at]
    before = start.alias if at == 0 else step.table
    pairs = zip(step.columns, step.target_columns, strict=True)
    return " and ".join(f"{before}.{left} = {step.target}.{right}" for left, right in pairs)

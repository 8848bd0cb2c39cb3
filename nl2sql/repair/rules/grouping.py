"""Correct columns that a GROUP BY omits, and aggregates that stand where none can.

Other engines accept both, each with its own meaning: only what all of them would mean is repaired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext, resolve_column, show_node
from nl2sql.repair.join_conditions import are_equal, are_joined
from nl2sql.repair.proving import prove_unique
from nl2sql.repair.scopes import Scope, ScopeSource
from nl2sql.types import Proof


def group_by_dependent(context: RepairContext) -> Edit | None:
    """Group by a further column that every group has one value of.

    Precondition: the groups are made by the key of the column's table, or an inner join makes that key, or the column
    itself, equal to what they are made by. There are then as many groups with the column as without.

    >>> repair("SELECT c.id, c.name, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id")
    SELECT c.id, c.name, SUM(o.total) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.id, c.name
    >>> repair("SELECT city, name, count(*) FROM customers GROUP BY city")
    """
    for scope in context.find_scopes():
        group = scope.select.args.get("group")
        if not isinstance(group, exp.Group) or _has_sets(group):
            continue
        for column in _list_missing(scope, group):
            found = resolve_column(scope, column)
            proofs = _prove_dependent(scope, group, column, found[0]) if found is not None else None
            if proofs is not None and not context.is_disproved(proofs):
                group.append("expressions", column.copy())
                return Edit(context.tree, f"grouped by {show_node(column)} too, which each group has one of", proofs)
    return None


def group_by_listed(context: RepairContext) -> Edit | None:
    """Group by the columns that are listed beside aggregates.

    A guess: one row for each of them may be meant, the row that holds an extreme, or one row in all.
    """
    for scope in context.find_scopes():
        select = scope.select
        group = select.args.get("group") or exp.Group(expressions=[])
        missing = list(_list_missing(scope, group))
        if missing and not _has_sets(group) and select.find(exp.Window) is None:
            for column in missing:
                if column not in group.expressions:
                    group.append("expressions", column.copy())
            select.set("group", group)
            return Edit(context.tree, "grouped by " + ", ".join(dict.fromkeys(map(show_node, missing))))
    return None


def take_extreme_row(context: RepairContext) -> Edit | None:
    """Take the row that holds the one extreme which is listed beside columns.

    A guess, like `group_by_listed`: SQLite alone reads it so, and takes any of several such rows.
    """
    for scope in context.find_scopes():
        select = scope.select
        extremes = [aggregate for listed in select.expressions for aggregate in _list_aggregates(listed)]
        if len(extremes) != 1 or not isinstance(extremes[0], exp.Max | exp.Min):
            continue
        if any(select.args.get(key) for key in ("group", "order", "limit", "having", "distinct")):
            continue
        extreme = extremes[0]
        order = exp.Ordered(this=extreme.this.copy(), desc=isinstance(extreme, exp.Max), nulls_first=False)
        extreme.replace(extreme.this.copy())
        select.set("order", exp.Order(expressions=[order]))
        select.set("limit", exp.Limit(expression=exp.Literal.number(1)))
        return Edit(context.tree, "the row that holds the extreme")
    return None


def filter_groups(context: RepairContext) -> Edit | None:
    """Move a condition on an aggregate, which WHERE cannot hold, to HAVING.

    Precondition: there are groups, and the condition consists of aggregates, constants and what is grouped by, so it
    can only be about the groups.

    >>> repair("SELECT city FROM customers WHERE count(*) > 1 GROUP BY city")
    SELECT city FROM customers GROUP BY city HAVING COUNT(*) > 1
    """
    for scope in context.find_scopes():
        where, group = scope.select.args.get("where"), scope.select.args.get("group")
        if where is None or not isinstance(group, exp.Group):
            continue
        conditions = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        labels = _list_labels(scope)
        misplaced = [part for part in conditions if _is_aggregated(part, labels)]
        grouped = {show_node(key).lower() for key in group.expressions}
        bare_columns = [c for part in misplaced for c in _list_columns(part) if not _is_label(c, labels)]
        if not misplaced or any(show_node(column).lower() not in grouped for column in bare_columns):
            continue
        remaining = [part for part in conditions if part not in misplaced]
        scope.select.set("where", exp.Where(this=exp.and_(*remaining)) if remaining else None)
        scope.select.having(*misplaced, copy=False)
        return Edit(context.tree, "a condition on an aggregate is one on the groups")
    return None


def compare_with_all(context: RepairContext) -> Edit | None:
    """Compare with the aggregate over the whole table, where WHERE compares a row with an aggregate.

    Precondition: it is the only condition, over one table, without groups. A further condition might be meant for the
    rows of the aggregate too, or not.

    >>> repair("SELECT id FROM orders WHERE total > avg(total)")
    SELECT id FROM orders WHERE total > (SELECT AVG(total) FROM orders)
    >>> repair("SELECT id FROM orders WHERE quantity = 1 AND total > avg(total)")
    >>> repair("SELECT id FROM orders WHERE (quantity = 1 AND total > avg(total))")
    """
    for scope in context.find_scopes():
        select, where = scope.select, scope.select.args.get("where")
        if where is None or select.args.get("group") or len(scope.sources) != 1 or scope.sources[0].table is None:
            continue
        found = list(_list_aggregates(where.this))
        if not found or where.this.find(exp.And, exp.Or) is not None:
            continue
        for aggregate in found:
            whole = exp.Select(expressions=[aggregate.copy()], from_=select.args["from_"].copy())
            aggregate.replace(exp.Subquery(this=whole))
        return Edit(context.tree, "compared with the aggregate over the whole table")
    return None


def _prove_dependent(
    scope: Scope, group: exp.Group, column: exp.Column, source: ScopeSource
) -> tuple[Proof, ...] | None:
    """Return what proves that each group has one value of the source's column; None where it may have several."""
    table = source.table
    grouped = [key for key in group.expressions if isinstance(key, exp.Column)]
    if any(_is_same(scope, key, source, column.name) for key in grouped):
        return ()
    if table is None or not table.primary_key:
        return None
    for name in table.primary_key:
        if not any(_is_same(scope, key, source, name) for key in grouped):
            return None
    return (prove_unique(table, table.primary_key),) if table.inferred_key else ()


def _is_same(scope: Scope, column: exp.Column, source: ScopeSource, name: str) -> bool:
    """Return whether the column is that one of the source, or equal to it."""
    found = resolve_column(scope, column)
    if found is None:
        return False
    if found[0] is source:
        return column.name.lower() == name.lower()
    if column.name.lower() == name.lower() and are_equal(scope, name, [found[0], source]):
        return True
    return are_joined(scope, (found[0].alias, column.name), (source.alias, name))


def _list_missing(scope: Scope, group: exp.Group) -> Iterator[exp.Column]:
    """Yield the columns beside aggregates that are not grouped by."""
    select = scope.select
    positions = {int(e.name) for e in group.expressions if isinstance(e, exp.Literal) and e.is_int}
    grouped = {show_node(key).lower() for key in group.expressions}
    order, having = select.args.get("order"), select.args.get("having")
    rest = [*(order.expressions if order is not None else ()), *([having] if having is not None else [])]
    if not group.expressions and not any(_has_aggregate(expression) for expression in (*select.expressions, *rest)):
        return
    for number, expression in enumerate(select.expressions, start=1):
        plain = expression.this if isinstance(expression, exp.Alias) else expression
        if number not in positions and not {show_node(plain).lower(), expression.alias.lower()} & grouped:
            yield from (column for column in _list_columns(plain) if not _is_grouped(column, group))
    for expression in rest:
        for column in _list_columns(expression):
            if not _is_label(column, scope.aliases) and not _is_grouped(column, group):
                yield column


def _is_grouped(column: exp.Column, group: exp.Group) -> bool:
    """Return whether the column is grouped by; a qualifier may be left out on either side."""
    alike = [
        key for key in group.expressions if isinstance(key, exp.Column) and key.name.lower() == column.name.lower()
    ]
    return any(not (other.table and column.table) or other.table.lower() == column.table.lower() for other in alike)


def _has_sets(group: exp.Group) -> bool:
    """Return whether the clause is GROUP BY ALL, ROLLUP, CUBE or GROUPING SETS, to which nothing can be added."""
    return any(group.args.get(key) for key in ("all", "cube", "rollup", "grouping_sets", "totals")) or any(
        isinstance(e, exp.Rollup | exp.Cube | exp.GroupingSets) for e in group.expressions
    )


def _list_labels(scope: Scope) -> set[str]:
    """Return the aliases of aggregates, in lower case, that are not also columns."""
    named = [e for e in scope.select.expressions if isinstance(e, exp.Alias) and _has_aggregate(e)]
    return {e.alias.lower() for e in named if not scope.has_unknown_columns and not scope.find_sources(e.alias)}


def _is_label(column: exp.Column, labels: Collection[str]) -> bool:
    return not column.table and column.name.lower() in labels


def _is_aggregated(node: exp.Expr, labels: set[str]) -> bool:
    return _has_aggregate(node) or any(_is_label(column, labels) for column in _list_columns(node))


def _has_aggregate(node: exp.Expr) -> bool:
    return next(_list_aggregates(node), None) is not None


def _list_aggregates(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the aggregates of an expression, outside windows and inner queries."""
    stack = [node]
    while stack:
        at = stack.pop()
        if isinstance(at, exp.Query | exp.Window):
            continue
        if isinstance(at, exp.AggFunc):
            yield at
            continue
        stack.extend(at.iter_expressions())


def _list_columns(node: exp.Expr) -> list[exp.Column]:
    """Return the columns of an expression, outside inner queries and aggregates."""
    found, stack = [], [node]
    while stack:
        at = stack.pop()
        if isinstance(at, exp.Query | exp.Window | exp.AggFunc):
            continue
        if isinstance(at, exp.Column):
            found.append(at)
            continue
        stack.extend(reversed(list(at.iter_expressions())))
    return found

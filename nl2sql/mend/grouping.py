"""Aggregates that stand where they cannot, and columns that a GROUP BY leaves out.

Other engines let both pass. With one minimum or maximum and no GROUP BY, SQLite takes the other columns from the row
that holds it ("Bare columns in an aggregate query", sqlite.org/lang_select): that is what is written out here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.mend.query import Query
from nl2sql.mend.scopes import Scope

_OF_EACH: Final = frozenset({"each", "every", "per", "by"})


def lift_aggregates(query: Query) -> None:
    """Conditions on aggregates in WHERE: to HAVING where there are groups, else against the whole table's."""
    for scope in query.scopes():
        where = scope.select.args.get("where")
        if where is None:
            continue
        parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        labels = _labels(scope)
        wrong = [part for part in parts if any(_aggregates(part)) or any(_is_label(c, labels) for c in _columns(part))]
        if not wrong:
            continue
        if scope.select.args.get("group") is not None:
            kept = [part for part in parts if part not in wrong]
            scope.select.set("where", exp.Where(this=exp.and_(*kept)) if kept else None)
            scope.select.having(*wrong, copy=False)
            query.done.append("a condition on an aggregate belongs to HAVING")
        elif len(scope.sources) == 1 and scope.sources[0].table is not None:
            from_ = scope.select.args["from_"]
            for part in wrong:
                for aggregate in list(_aggregates(part)):
                    whole = exp.Select(expressions=[aggregate.copy()], from_=from_.copy())
                    aggregate.replace(exp.Subquery(this=whole))
            query.done.append("an aggregate in WHERE is the whole table's")


def _labels(scope: Scope) -> set[str]:
    """The aliases of aggregates that are no columns as well."""
    named = [e for e in scope.select.expressions if isinstance(e, exp.Alias) and any(_aggregates(e))]
    return {e.alias.lower() for e in named if not scope.is_open and not scope.with_column(e.alias)}


def _is_label(column: exp.Column, labels: set[str]) -> bool:
    return not column.table and column.name.lower() in labels


def complete_groups(query: Query) -> None:
    """Group by the columns that stand beside aggregates."""
    for scope in query.scopes():
        select = scope.select
        group = select.args.get("group")
        ordering = select.args.get("order")
        others = [*(ordering.expressions if ordering else ()), *filter(None, [select.args.get("having")])]
        aggregated = any(next(_aggregates(e), None) for e in (*select.expressions, *others))
        if group is None and (not aggregated or select.find(exp.Window) is not None):
            continue
        if group is not None and _is_set_of_groups(group):
            continue
        bare = [e for e in select.expressions if not any(_aggregates(e)) and _columns(e)]
        if group is None:
            _ungrouped(query, scope, bare)
        else:
            _add_missing(query, scope, group, bare)


def _is_set_of_groups(group: exp.Group) -> bool:
    """GROUP BY ALL, ROLLUP, CUBE, GROUPING SETS: nothing can be added to these."""
    return any(group.args.get(key) for key in ("all", "cube", "rollup", "grouping_sets", "totals")) or any(
        isinstance(e, exp.Rollup | exp.Cube | exp.GroupingSets) for e in group.expressions
    )


def _ungrouped(query: Query, scope: Scope, bare: list[exp.Expr]) -> None:
    if not bare:
        return
    select = scope.select
    extremes = [a for e in select.expressions for a in _aggregates(e)]
    one_row = not query.asked & _OF_EACH
    if one_row and len(extremes) == 1 and isinstance(extremes[0], exp.Max | exp.Min) and _is_alone(extremes[0], select):
        extreme = extremes[0]
        order = exp.Ordered(this=extreme.this.copy(), desc=isinstance(extreme, exp.Max), nulls_first=False)
        if isinstance(extreme.parent, exp.Select):
            extreme.replace(exp.alias_(extreme.this.copy(), extreme.sql("duckdb").lower(), quoted=True))
        else:
            extreme.replace(extreme.this.copy())
        select.set("order", exp.Order(expressions=[order]))
        select.set("limit", exp.Limit(expression=exp.Literal.number(1)))
        query.done.append("the row that holds the extreme")
        return
    select.set("group", exp.Group(expressions=[_plain(e).copy() for e in bare]))
    query.done.append("grouped by " + ", ".join(_plain(e).sql("duckdb") for e in bare))


def _is_alone(extreme: exp.Expr, select: exp.Select) -> bool:
    """Whether the extreme is a column of the result by itself, and nothing else orders or limits the rows."""
    if not isinstance(extreme.parent, exp.Select | exp.Alias):
        return False
    return not any(select.args.get(key) for key in ("order", "limit", "having", "distinct"))


def _add_missing(query: Query, scope: Scope, group: exp.Group, bare: list[exp.Expr]) -> None:
    select = scope.select
    positions = {int(e.name) for e in group.expressions if isinstance(e, exp.Literal) and e.is_int}
    grouped = {e.sql("duckdb").lower() for e in group.expressions}
    short = {e.name.lower() for e in group.expressions if isinstance(e, exp.Column)}
    for number, expression in enumerate(select.expressions, start=1):
        plain = _plain(expression)
        if expression not in bare or number in positions or plain.sql("duckdb").lower() in grouped:
            continue
        if expression.alias_or_name.lower() in short and isinstance(expression, exp.Alias | exp.Column):
            continue
        missing = [
            c for c in _columns(expression) if c.sql("duckdb").lower() not in grouped and c.name.lower() not in short
        ]
        for column in missing:
            group.append("expressions", column.copy())
            query.done.append(f"grouped by {column.sql('duckdb')} too")
    order = select.args.get("order")
    for ordered in order.expressions if order is not None else ():
        aliases = scope.aliases
        for column in _columns(ordered):
            known = column.name.lower() in aliases or column.name.lower() in {
                c.name.lower() for c in group.find_all(exp.Column)
            }
            if not known and not any(_aggregates(ordered)):
                group.append("expressions", column.copy())
                query.done.append(f"grouped by {column.sql('duckdb')} too")


def _plain(expression: exp.Expr) -> exp.Expr:
    return expression.this if isinstance(expression, exp.Alias) else expression


def _aggregates(node: exp.Expr) -> Iterator[exp.Expr]:
    """The aggregates of an expression, outside windows and inner queries."""
    stack = [node]
    while stack:
        at = stack.pop()
        if isinstance(at, exp.Query | exp.Window):
            continue
        if isinstance(at, exp.AggFunc):
            yield at
            continue
        stack.extend(at.iter_expressions())


def _columns(node: exp.Expr) -> list[exp.Column]:
    """The columns of an expression, outside inner queries and aggregates."""
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

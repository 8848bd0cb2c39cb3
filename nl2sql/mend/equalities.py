"""What the equalities of a query say: which columns are compared, what a join is on, which of two columns is either.

It places no column that has no place.
"""

from __future__ import annotations

from sqlglot import exp

from nl2sql.mend.query import Query, place, uses
from nl2sql.mend.scopes import Scope, Source


def is_in_join(column: exp.Column) -> bool:
    """Whether the column stands in a join's condition, which sees nothing that is joined later."""
    inside = column.find_ancestor(exp.Join, exp.Select)
    return isinstance(inside, exp.Join)


def joined_on(scope: Scope, name: str) -> bool:
    """Whether the sources are joined on that column."""
    for join in scope.select.args.get("joins") or ():
        if any(used.name.lower() == name.lower() for used in join.args.get("using") or ()):
            return True
        for equal in join.find_all(exp.EQ):
            sides = (equal.this, equal.expression)
            if all(isinstance(side, exp.Column) and side.name.lower() == name.lower() for side in sides):
                return True
    return False


def other_side(column: exp.Column) -> exp.Column | None:
    """The column that this one must be equal to, if it must be to one."""
    equal = column.parent
    if not isinstance(equal, exp.EQ):
        return None
    other = equal.expression if equal.this is column else equal.this
    return other if isinstance(other, exp.Column) else None


def compared_with(scope: Scope, column: exp.Column) -> Source | None:
    """The source of the column that this one must be equal to: the two are not one."""
    other = other_side(column)
    return scope.source(other.table) if other is not None and other.table else None


def source_of_join(scope: Scope, column: exp.Column) -> Source | None:
    """What the join brings in whose condition is an equality of this column with another."""
    join = column.find_ancestor(exp.Join, exp.Select)
    if not isinstance(join, exp.Join) or other_side(column) is None:
        return None
    return next((source for source in scope.sources if source.node is join.this), None)


def settle_ambiguous(query: Query) -> None:
    """A bare column that two tables have: either's, where an inner join says that they are equal."""
    for scope in query.scopes():
        for column in scope.columns:
            if column.table or not isinstance(column.this, exp.Identifier) or uses(scope.select, column.name):
                continue
            compared = compared_with(scope, column)
            having = scope.with_column(column.name)
            if len(having) == 2 and compared in having:
                having.remove(compared)
                place(column, having[0])
                query.done.append(f"{column.name} is {column.sql('duckdb')}")
            elif len(having) == 2 and not _names_a_result(scope, column) and _are_equal(scope, having, column.name):
                place(column, having[0])
                query.done.append(f"{column.name} is {column.sql('duckdb')}, which equals the other's")


def _names_a_result(scope: Scope, column: exp.Column) -> bool:
    """Whether ORDER BY names a column of the result."""
    return column.name.lower() in scope.aliases or isinstance(column.find_ancestor(exp.Order, exp.Select), exp.Order)


def _are_equal(scope: Scope, pair: list[Source], name: str) -> bool:
    wanted = {(source.alias.lower(), name.lower()) for source in pair}
    joins = scope.select.args.get("joins") or ()
    if any(join.side for join in joins):
        return False
    for join in joins:
        on = join.args.get("on")
        parts = list(on.flatten()) if isinstance(on, exp.And) else [on]
        for equal in parts:
            if isinstance(equal, exp.EQ):
                sides = (equal.this, equal.expression)
                if {(s.table.lower(), s.name.lower()) for s in sides if isinstance(s, exp.Column)} == wanted:
                    return True
    return False

"""What the equalities of a query tell: which columns are compared, what a join is on, which columns are equal.

It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from nl2sql.repair.scopes import Scope, ScopeSource


def find_join(column: exp.Column) -> exp.Join | None:
    """Return the join whose condition holds the column. Such a column cannot refer to a table joined later."""
    clause = column.find_ancestor(exp.Join, exp.Select)
    return clause if isinstance(clause, exp.Join) else None


def find_other_side(column: exp.Column) -> exp.Column | None:
    """Return the column that this one must equal, or None where it need not equal a column."""
    equality = column.parent
    if not isinstance(equality, exp.EQ):
        return None
    other = equality.expression if equality.this is column else equality.this
    return other if isinstance(other, exp.Column) else None


def find_compared_source(scope: Scope, column: exp.Column) -> ScopeSource | None:
    """Return the source of the column that this one must equal. It is not the source of this one."""
    other = find_other_side(column)
    return scope.find_source(other.table) if other is not None and other.table else None


def find_joined_source(scope: Scope, column: exp.Column) -> ScopeSource | None:
    """Return the source that a join adds, where the join's condition equates this column with another."""
    join = find_join(column)
    if join is None or find_other_side(column) is None:
        return None
    return next((source for source in scope.sources if source.node is join.this), None)


def list_possible_sources(scope: Scope, column: exp.Column) -> list[ScopeSource]:
    """Return the sources of the SELECT that the column can belong to.

    A join's condition must be about what it joins and something else.
    """
    joined = find_joined_source(scope, column)
    if joined is None:
        return list(scope.sources)
    compared = find_compared_source(scope, column)
    found = [source for source in scope.sources if source is not compared]
    return [source for source in found if source is joined] if joined is not compared else found


def are_equal(scope: Scope, name: str, sources: list[ScopeSource]) -> bool:
    """Return whether inner joins equate the columns of that name of all these sources."""
    joins = scope.select.args.get("joins") or ()
    if any(join.side for join in joins):
        return False
    wanted = {source.alias.lower() for source in sources}
    reached = {sources[0].alias.lower()}
    pairs = [pair for join in joins for pair in _list_equal_pairs(join, name)]
    for _ in pairs:
        for left, right in pairs:
            if left in reached or right in reached:
                reached |= {left, right}
    return wanted <= reached


def _list_equal_pairs(join: exp.Join, name: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of aliases whose columns of that name the join's condition equates."""
    on = join.args.get("on")
    for equality in on.flatten() if isinstance(on, exp.And) else (on,):
        sides = (equality.this, equality.expression) if isinstance(equality, exp.EQ) else ()
        if sides and all(isinstance(side, exp.Column) and side.name.lower() == name.lower() for side in sides):
            yield sides[0].table.lower(), sides[1].table.lower()


def are_joined(scope: Scope, one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether an inner join equates two columns, each given as alias and name."""
    wanted = {(alias.lower(), name.lower()) for alias, name in (one, other)}
    for join in scope.select.args.get("joins") or ():
        on = join.args.get("on")
        for equality in on.flatten() if isinstance(on, exp.And) else (on,):
            sides = (equality.this, equality.expression) if isinstance(equality, exp.EQ) else ()
            compared = {(side.table.lower(), side.name.lower()) for side in sides if isinstance(side, exp.Column)}
            if compared == wanted and not join.side:
                return True
    return False


def is_using(select: exp.Select, name: str) -> bool:
    """Return whether tables of the SELECT are joined USING the column."""
    joins = select.args.get("joins") or ()
    return any(used.name.lower() == name.lower() for join in joins for used in join.args.get("using") or ())

"""What the equalities of a query say: which columns are compared, what a join is on, which columns are one.

It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from nl2sql.repair.scopes import Scope, ScopeSource


def find_join(column: exp.Column) -> exp.Join | None:
    """The join in whose condition the column stands: that sees nothing which is joined later."""
    inside = column.find_ancestor(exp.Join, exp.Select)
    return inside if isinstance(inside, exp.Join) else None


def find_other_side(column: exp.Column) -> exp.Column | None:
    """The column that this one must be equal to, if it must be to one."""
    equal = column.parent
    if not isinstance(equal, exp.EQ):
        return None
    other = equal.expression if equal.this is column else equal.this
    return other if isinstance(other, exp.Column) else None


def find_compared_source(scope: Scope, column: exp.Column) -> ScopeSource | None:
    """The source of the column that this one must be equal to: the two are not one."""
    other = find_other_side(column)
    return scope.find_source(other.table) if other is not None and other.table else None


def find_joined_source(scope: Scope, column: exp.Column) -> ScopeSource | None:
    """What the join brings in whose condition is an equality of this column with another."""
    join = find_join(column)
    if join is None or find_other_side(column) is None:
        return None
    return next((source for source in scope.sources if source.node is join.this), None)


def list_possible_sources(scope: Scope, column: exp.Column) -> list[ScopeSource]:
    """The sources of the SELECT that the column can be of.

    A join's condition must be about what it joins and something else.
    """
    joined = find_joined_source(scope, column)
    if joined is None:
        return list(scope.sources)
    compared = find_compared_source(scope, column)
    found = [source for source in scope.sources if source is not compared]
    return [source for source in found if source is joined] if joined is not compared else found


def are_equal(scope: Scope, name: str, sources: list[ScopeSource]) -> bool:
    """Whether inner joins make the columns of that name of all these sources equal."""
    joins = scope.select.args.get("joins") or ()
    if any(join.side for join in joins):
        return False
    wanted = {source.alias.lower() for source in sources}
    reached = {sources[0].alias.lower()}
    pairs = [pair for join in joins for pair in _list_equal_pairs(join, name)]
    for _ in pairs:
        for one, other in pairs:
            if one in reached or other in reached:
                reached |= {one, other}
    return wanted <= reached


def _list_equal_pairs(join: exp.Join, name: str) -> Iterator[tuple[str, str]]:
    """The aliases whose columns of that name the join's condition makes equal."""
    on = join.args.get("on")
    for equal in on.flatten() if isinstance(on, exp.And) else (on,):
        sides = (equal.this, equal.expression) if isinstance(equal, exp.EQ) else ()
        if sides and all(isinstance(side, exp.Column) and side.name.lower() == name.lower() for side in sides):
            yield sides[0].table.lower(), sides[1].table.lower()


def are_joined(scope: Scope, one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether an inner join makes two columns, each an alias and a name, equal."""
    wanted = {(alias.lower(), name.lower()) for alias, name in (one, other)}
    for join in scope.select.args.get("joins") or ():
        on = join.args.get("on")
        for equal in on.flatten() if isinstance(on, exp.And) else (on,):
            sides = (equal.this, equal.expression) if isinstance(equal, exp.EQ) else ()
            spelled = {(side.table.lower(), side.name.lower()) for side in sides if isinstance(side, exp.Column)}
            if spelled == wanted and not join.side:
                return True
    return False


def is_using(select: exp.Select, name: str) -> bool:
    """Whether some tables of the SELECT are joined USING the column."""
    joins = select.args.get("joins") or ()
    return any(used.name.lower() == name.lower() for join in joins for used in join.args.get("using") or ())

"""Joins that were added to a table of which several rows may belong to one: they must not count a row twice.

A filter on such a table becomes EXISTS; a count of rows counts keys. What would add up twice makes the mend unclear.
"""

from __future__ import annotations

from sqlglot import exp

from nl2sql.mend.query import Added, Query, UnclearError, identifier
from nl2sql.mend.scopes import Scope


def settle(query: Query) -> None:
    """Look at every join that was added, the last first."""
    for added in [one for one in reversed(query.added) if one.many]:
        scope = next((s for s in query.scopes() if s.select is added.select), None)
        if scope is None:
            continue
        if not _as_exists(query, scope, added):
            _count_keys(query, scope, added)


def _as_exists(query: Query, scope: Scope, added: Added) -> bool:
    """Move the joins into EXISTS where only conditions of WHERE use their tables."""
    where = scope.select.args.get("where")
    if where is None or any(join.args.get("side") for join in added.joins):
        return False
    parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    aliases = {alias.lower() for alias in added.aliases}
    inside = [part for part in parts if _uses(part, aliases)]
    own = [join for join in scope.select.args.get("joins") or () if any(join is one for one in added.joins)]
    rest = [node for node in _parts(scope.select) if node is not where and not any(node is one for one in own)]
    if not inside or len(own) != len(added.joins) or any(_uses(node, aliases) for node in rest):
        return False
    if any(next(part.find_all(exp.Query, exp.AggFunc), None) for part in inside):
        return False
    first, *more = own
    found = exp.Select(expressions=[exp.Literal.number(1)], from_=exp.From(this=first.this.copy()))
    if more:
        found.set("joins", [join.copy() for join in more])
    inner = exp.and_(first.args["on"].copy(), *(part.copy() for part in inside))
    found.set("where", exp.Where(this=inner))
    kept = [part for part in parts if not any(part is one for one in inside)]
    scope.select.set("joins", [join for join in scope.select.args["joins"] if not any(join is one for one in own)])
    scope.select.set("where", exp.Where(this=exp.and_(*(part.copy() for part in kept), exp.Exists(this=found))))
    query.added.remove(added)
    query.done.append(f"{', '.join(added.aliases)}: only asked whether there is one")
    return True


def _count_keys(query: Query, scope: Scope, added: Added) -> None:
    """Aggregates over what was there before see its rows several times now."""
    aliases = {alias.lower() for alias in added.aliases}
    for aggregate in list(scope.select.find_all(exp.AggFunc)):
        if aggregate.parent_select is not scope.select or isinstance(aggregate, exp.Max | exp.Min):
            continue
        if isinstance(aggregate.this, exp.Distinct) or _uses(aggregate, aliases):
            continue
        key = _key(scope, added)
        counts_rows = isinstance(aggregate, exp.Count) and (
            isinstance(aggregate.this, exp.Star)
            or (key is not None and isinstance(aggregate.this, exp.Column) and aggregate.this.name == key.name)
        )
        if not counts_rows or key is None or isinstance(aggregate.parent, exp.Window):
            raise UnclearError
        aggregate.set("this", exp.Distinct(expressions=[key]))
        query.done.append(f"counted by {key.sql('duckdb')}, each once")


def _key(scope: Scope, added: Added) -> exp.Column | None:
    """The key of the only table that was there before."""
    aliases = {alias.lower() for one in (added,) for alias in one.aliases}
    before = [source for source in scope.sources if source.alias.lower() not in aliases]
    if len(before) != 1 or before[0].table is None or len(before[0].table.primary_key) != 1:
        return None
    return exp.Column(this=identifier(before[0].table.primary_key[0]), table=identifier(before[0].alias))


def _parts(select: exp.Select) -> list[exp.Expr]:
    return list(select.iter_expressions())


def _uses(node: exp.Expr, aliases: set[str]) -> bool:
    return any(column.table.lower() in aliases for column in node.find_all(exp.Column))

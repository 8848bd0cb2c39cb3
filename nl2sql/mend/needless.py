"""Joined tables that nothing uses and of which the question does not speak: they only repeat or drop rows.

In a query under repair they are left out. In one that binds they keep what they filter, as EXISTS, but repeat no row.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from nl2sql.mend.joins import words
from nl2sql.mend.query import Query
from nl2sql.mend.scopes import Scope, Source

_TOLD_APART: Final = 3


def leave_out_needless(query: Query) -> None:
    """Leave out the joins that mending has left without a use."""
    if not query.done:
        return
    for scope in query.scopes():
        while found := _needless(query, scope):
            join, source = found
            if not _is_unique(join, source) and _adds_up(scope):
                break
            _remove(scope, join, source)
            query.done.append(f"left out {source.alias}, which nothing uses")


def repeat_no_rows(query: Query) -> None:
    """Ask whether there is a row, where a join to many rows would repeat what is listed."""
    for scope in query.scopes():
        select = scope.select
        # Further in, what is counted or added up outside would change.
        if select is not query.tree:
            continue
        if select.args.get("distinct") or select.args.get("group") or _own(select, exp.AggFunc, exp.Window):
            continue
        while (found := _needless(query, scope)) and not _is_unique(*found):
            join, source = found
            _remove(scope, join, source)
            inner = exp.Select(expressions=[exp.Literal.number(1)], from_=exp.From(this=join.this))
            select.where(exp.Exists(this=inner.where(join.args["on"], copy=False)), copy=False)
            query.done.append(f"no row is repeated for each of {source.alias}, which nothing uses")


def _adds_up(scope: Scope) -> bool:
    """Whether an aggregate sees how often a row is repeated."""
    return any(
        not isinstance(aggregate, exp.Max | exp.Min) and not isinstance(aggregate.this, exp.Distinct)
        for aggregate in _own(scope.select, exp.AggFunc)
    )


def _own(select: exp.Select, *kinds: type[exp.Expr]) -> list[exp.Expr]:
    """The nodes of those kinds that are the SELECT's own, not those of a query inside it."""
    return [node for node in select.find_all(*kinds) if node.parent_select is select]


def _remove(scope: Scope, join: exp.Join, source: Source) -> None:
    scope.select.set("joins", [kept for kept in scope.select.args["joins"] if kept is not join])
    scope.sources.remove(source)
    scope.columns = [column for column in scope.columns if column.find_ancestor(exp.Join) is not join]


def _needless(query: Query, scope: Scope) -> tuple[exp.Join, Source] | None:
    select = scope.select
    if any(expression.is_star for expression in select.expressions) or any(
        isinstance(count.this, exp.Star) for count in select.find_all(exp.Count)
    ):
        return None
    for join in select.args.get("joins") or ():
        source = next((s for s in scope.sources if s.node is join.this), None)
        if source is None or source.table is None or join.side or join.kind not in ("", "INNER"):
            continue
        if _is_equality(join) and not _used(scope, source, join) and not _spoken_of(query, scope, source):
            return join, source
    return None


def _is_equality(join: exp.Join) -> bool:
    """Whether the condition is one equality of columns of two tables."""
    on = join.args.get("on")
    if not isinstance(on, exp.EQ):
        return False
    left, right = on.this, on.expression
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column):
        return False
    sides = {left.table.lower(), right.table.lower()}
    return "" not in sides and len(sides) == 2 and join.alias_or_name.lower() in sides


def _is_unique(join: exp.Join, source: Source) -> bool:
    """Whether at most one row of the table meets the condition."""
    on, table = join.args["on"], source.table
    assert table is not None
    key = on.this if on.this.table.lower() == source.alias.lower() else on.expression
    if table.primary_key:
        return tuple(name.lower() for name in table.primary_key) == (key.name.lower(),)
    column = table.column(key.name)
    return column is None or column.distinct is None or column.distinct >= (table.row_count or 0)


def _used(scope: Scope, source: Source, join: exp.Join) -> bool:
    alias = source.alias.lower()
    for column in scope.columns:
        if column.find_ancestor(exp.Join) is not join and (
            column.table.lower() == alias or (not column.table and source.has(column.name))
        ):
            return True
    inner = (query for query in scope.select.find_all(exp.Select) if query is not scope.select)
    return any(column.table.lower() == alias for query in inner for column in query.find_all(exp.Column))


def _spoken_of(query: Query, scope: Scope, source: Source) -> bool:
    """Whether the question has all words of the table's name that no other table of the query has."""
    assert source.table is not None
    own = words(source.table.name)
    for other in scope.sources:
        if other is not source and other.table is not None:
            own -= words(other.table.name)
    if not own:
        return True
    return all(any(_alike(word, asked) for asked in query.asked) for word in own)


def _alike(word: str, asked: str) -> bool:
    """Whether they are forms of one word: order, ordered, ordering."""
    stem = word[: max(_TOLD_APART, len(word) - 2)]
    return len(word) >= _TOLD_APART and asked.startswith(stem)

"""Counts that don't count what is asked: of different values where a condition leaves one, of rows that stand for many.

Only the outermost SELECT is looked at: further in, others rely on what it gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.mend.joins import words
from nl2sql.mend.query import Query, identifier, is_number, owner
from nl2sql.mend.scopes import Scope, Source
from nl2sql.types import Column

_TABLES: Final = 2
_DIFFERENT: Final = frozenset({"different", "distinct", "unique", "various"})
_PARTS_OF_KEYS: Final = frozenset({"id", "key", "no", "number", "code", "ref", "fk"})
_HOW_MANY: Final = frozenset({"count", "cnt"})
_OF_ROWS: Final = frozenset({"row", "record", "entry", "line"})
# Different values are counted by a sketch, which may be some percent off.
_NEARLY: Final = 0.9


def count_rows(query: Query) -> None:
    """`count(DISTINCT brewer_id)` beside `brewers.name = 'Ace'`: that is one or none; the rows are meant."""
    for scope in _outermost(query):
        if scope.select.args.get("group") or len(scope.sources) > _TABLES:
            continue
        for count in list(scope.select.find_all(exp.Count)):
            column = _only_column(count)
            if column is None or count.parent_select is not scope.select or _is_asked_for(query, scope, column):
                continue
            if not _is_pinned(scope, column):
                continue
            count.set("this", exp.Star())
            query.done.append(f"{column.sql('duckdb')} is one here, so the rows are counted")


def add_up_counts(query: Query) -> None:
    """`count(*)` of a table that holds counts itself: each row stands for as many as it says."""
    if query.asked & _OF_ROWS:
        return
    for scope in _outermost(query):
        table = scope.sources[0].table if len(scope.sources) == 1 else None
        held = [c for c in table.columns if c.name.lower() in _HOW_MANY and is_number(c)] if table is not None else []
        if len(held) != 1 or any(column.name.lower() == held[0].name.lower() for column in scope.columns):
            continue
        for count in list(scope.select.find_all(exp.Count)):
            if isinstance(count.this, exp.Star) and count.parent_select is scope.select:
                count.replace(exp.Sum(this=exp.column(identifier(held[0].name))))
                query.done.append(f"each row stands for {held[0].name} of them, which are added up")


def _outermost(query: Query) -> Iterator[Scope]:
    return (scope for scope in query.scopes() if scope.select is query.tree and not scope.is_open)


def _only_column(count: exp.Count) -> exp.Column | None:
    """The one column of which different values are counted."""
    distinct = count.this
    if not isinstance(distinct, exp.Distinct) or len(distinct.expressions) != 1:
        return None
    column = distinct.expressions[0]
    return column if isinstance(column, exp.Column) else None


def _is_asked_for(query: Query, scope: Scope, column: exp.Column) -> bool:
    """Whether the question speaks of different things, or of that which the column names: then they are counted."""
    found = owner(scope, column)
    named = words(column.name) - _PARTS_OF_KEYS
    for other in (column, *_equals(scope, column)):
        target = owner(scope, other)
        if target is not None and target[0].table is not None and _is_key(target[0], target[1]):
            named |= words(target[0].table.name)
    asked = words(query.question)
    return found is None or bool(asked & (_DIFFERENT | named))


def _is_pinned(scope: Scope, column: exp.Column) -> bool:
    """Whether a condition leaves the column one value: its own, or that of the row which it refers to."""
    pinned = list(_pinned(scope))
    found = owner(scope, column)
    if found is None:
        return False
    if _same(scope, column, pinned):
        return True
    for other in _equals(scope, column):
        target = owner(scope, other)
        if target is None or target[0] is found[0] or not _is_key(target[0], target[1]):
            continue
        for fixed in pinned:
            known = owner(scope, fixed)
            if known is not None and known[0] is target[0] and _is_key(known[0], known[1]):
                return True
    return False


def _pinned(scope: Scope) -> Iterator[exp.Column]:
    """The columns that the WHERE wants to be equal to a literal."""
    where = scope.select.args.get("where")
    if where is None:
        return
    for part in where.this.flatten() if isinstance(where.this, exp.And) else (where.this,):
        part = part.unnest()
        if isinstance(part, exp.EQ):
            sides = (part.this, part.expression)
            columns = [side for side in sides if isinstance(side, exp.Column)]
            if len(columns) == 1 and any(isinstance(side, exp.Literal) for side in sides):
                yield columns[0]


def _equals(scope: Scope, column: exp.Column) -> Iterator[exp.Column]:
    """The columns that an inner join makes equal to this one."""
    wanted = owner(scope, column)
    for join in scope.select.args.get("joins") or ():
        on = join.args.get("on")
        on = on.unnest() if on is not None else None
        if join.side or not isinstance(on, exp.EQ):
            continue
        sides = (on.this, on.expression)
        for one, other in (sides, sides[::-1]):
            if isinstance(one, exp.Column) and isinstance(other, exp.Column) and owner(scope, one) == wanted:
                yield other


def _same(scope: Scope, column: exp.Column, others: list[exp.Column]) -> bool:
    return any(owner(scope, other) == owner(scope, column) for other in others)


def _is_key(source: Source, column: Column) -> bool:
    """Whether no two rows of the table have the same in that column, as far as the profile can tell."""
    table = source.table
    if table is None:
        return False
    if tuple(name.lower() for name in table.primary_key) == (column.name.lower(),):
        return True
    rows = (table.row_count or 0) * (1 - (column.null_fraction or 0))
    return rows > 0 and not table.sampled and (column.distinct or 0) >= rows * _NEARLY

"""Comparisons that no reading but one makes sense of: with NULL, of truth values with words, LIKE on what is no text.

It changes no names.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from nl2sql.mend.query import Query, is_number, is_text, owner
from nl2sql.mend.scopes import Scope
from nl2sql.types import Column

_TRUE: Final = frozenset({"1", "t", "true", "y", "yes"})
_FALSE: Final = frozenset({"0", "f", "false", "n", "no"})


def say_plainly(query: Query) -> None:
    """Each comparison as its column's type needs it."""
    for scope in query.scopes():
        for column in scope.columns:
            found, parent = owner(scope, column), column.parent
            if found is None or parent is None:
                continue
            known = found[1]
            if known.type == "BOOLEAN" and isinstance(parent, exp.EQ | exp.NEQ):
                _truth(query, column, parent)
            elif isinstance(parent, exp.Like | exp.ILike | exp.Substring) and parent.this is column:
                _as_text(query, column, known)
        _nulls(query, scope)


def _truth(query: Query, column: exp.Column, parent: exp.Expr) -> None:
    other = parent.expression if parent.this is column else parent.this
    if isinstance(other, exp.Column) and not other.table and other.this.quoted:
        other = exp.Literal.string(other.name)
    if not isinstance(other, exp.Literal) or str(other.this).lower() not in _TRUE | _FALSE:
        return
    if other.is_string is False or str(other.this).lower() in ("true", "false", "t", "f"):
        return
    holds = str(other.this).lower() in _TRUE
    parent.set("this", column.copy())
    parent.set("expression", exp.Boolean(this=holds))
    query.done.append(f"{column.sql('duckdb')} is true or false")


def _as_text(query: Query, column: exp.Column, known: Column) -> None:
    if is_text(known) or (not is_number(known) and not known.type.startswith(("DATE", "TIME"))):
        return
    query.done.append(f"{column.sql('duckdb')} read as text")
    column.replace(exp.Cast(this=column.copy(), to=exp.DataType.build("VARCHAR", dialect="duckdb")))


def _nulls(query: Query, scope: Scope) -> None:
    """`= NULL` is never true; what is meant is IS NULL."""
    for equal in list(scope.select.find_all(exp.EQ, exp.NEQ)):
        if equal.parent_select is not scope.select or not isinstance(equal.expression, exp.Null):
            continue
        if equal.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Select) is equal.parent_select:
            continue
        is_null: exp.Expr = exp.Is(this=equal.this.copy(), expression=exp.Null())
        query.done.append("a comparison with NULL")
        equal.replace(exp.Not(this=is_null) if isinstance(equal, exp.NEQ) else is_null)

"""Correct texts in double quotes, which other dialects read as strings and this one as names."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext, resolve_column
from nl2sql.repair.name_matching import find_near_names, is_alike, is_plural
from nl2sql.repair.proving import prove_stored
from nl2sql.repair.scopes import Scope
from nl2sql.types import Proof

_COMPARES: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike)


def quote_text(context: RepairContext) -> Edit | None:
    """Turn a name in double quotes into a text.

    Precondition: it is compared with an existing column; or it is not a single word, and an argument of a function
    beside an existing column. No column of the tables is spelled so. A name that shares a word with a column, or is
    written as column names are, may be a missing column: then the text must be stored in the column that it is compared
    with, as a proof shows.

    >>> repair('SELECT count(*) FROM customers WHERE city = "Rome"')
    SELECT COUNT(*) FROM customers WHERE city = 'Rome'
    >>> repair('SELECT count(*) FROM order_lines WHERE "cost price" > 5')
    >>> repair('SELECT count(*) FROM customers WHERE city = "home city"')
    >>> repair('SELECT count(*) FROM customers WHERE city = "village"')
    """
    found = context.find_fault()
    if found is None:
        return None
    scope, column = found
    if column.table or not column.this.quoted:
        return None
    compared = _find_compared(scope, column)
    if compared is None and (column.name.isidentifier() or not _is_argument(scope, column)):
        return None
    text, names = column.name, [name for source in scope.sources for name in source.columns or ()]
    if any(is_alike(text, name) or is_plural(text, name) for name in names):
        return None
    proofs: tuple[Proof, ...] = ()
    if find_near_names(text, names) or (text.isidentifier() and text.islower()):
        resolved = resolve_column(scope, compared) if compared is not None else None
        if resolved is None or resolved[0].table is None:
            return None
        proofs = (prove_stored(resolved[0].table, resolved[1].name, text),)
    column.replace(exp.Literal.string(text))
    return Edit(context.tree, f'"{text}" is a text', proofs)


def _find_compared(scope: Scope, column: exp.Column) -> exp.Column | None:
    """Return the existing column that the name is compared with, or one inside what it is compared with."""
    parent = column.parent
    others: list[exp.Expr] = []
    if isinstance(parent, exp.In):
        others = [parent.this] if parent.this is not column else []
    elif isinstance(parent, _COMPARES):
        others = [parent.expression if parent.this is column else parent.this]
    columns = (found for other in others for found in other.find_all(exp.Column))
    return next((found for found in columns if scope.can_resolve(found)), None)


def _is_argument(scope: Scope, column: exp.Column) -> bool:
    """Return whether the name is an argument of a function beside an existing column."""
    parent = column.parent
    if not isinstance(parent, exp.Func | exp.DPipe) or isinstance(parent, exp.AggFunc):
        return False
    return any(other is not column and scope.can_resolve(other) for other in parent.find_all(exp.Column))

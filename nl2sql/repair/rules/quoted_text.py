"""Texts in double quotes, which other dialects take for strings and this one for names."""

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
    """Make a text of a name in double quotes.

    Precondition: it is compared with a column that is there; or it is no word and a function is given it beside such a
    column. No column of the tables is spelled so. One that shares a word with a column, or is written as names of
    columns are, may be a column that is missing: then the text must be stored in what it is compared with, as a query
    shows.

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
        known = resolve_column(scope, compared) if compared is not None else None
        if known is None or known[0].table is None:
            return None
        proofs = (prove_stored(known[0].table, known[1].name, text),)
    column.replace(exp.Literal.string(text))
    return Edit(context.tree, f'"{text}" is a text', proofs)


def _find_compared(scope: Scope, column: exp.Column) -> exp.Column | None:
    """The column that is there and that the name is compared with, or one inside what it is compared with."""
    parent = column.parent
    others: list[exp.Expr] = []
    if isinstance(parent, exp.In):
        others = [parent.this] if parent.this is not column else []
    elif isinstance(parent, _COMPARES):
        others = [parent.expression if parent.this is column else parent.this]
    return next((one for other in others for one in other.find_all(exp.Column) if scope.can_resolve(one)), None)


def _is_argument(scope: Scope, column: exp.Column) -> bool:
    """Whether a function is given the name beside a column that is there."""
    parent = column.parent
    if not isinstance(parent, exp.Func | exp.DPipe) or isinstance(parent, exp.AggFunc):
        return False
    return any(one is not column and scope.can_resolve(one) for one in parent.find_all(exp.Column))

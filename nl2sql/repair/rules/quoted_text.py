"""Texts in double quotes, which other dialects take for strings and this one for names."""

from __future__ import annotations

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext
from nl2sql.repair.name_matching import find_near, is_alike, is_plural, split_words
from nl2sql.repair.scopes import Scope


def quote_text(context: RepairContext) -> Edit | None:
    """Make a text of a name in double quotes.

    Precondition: it is compared with a column that is there, or joined on to one with ||, or holds what no name has;
    and no column of the tables may be meant.

    >>> repair('SELECT count(*) FROM customers WHERE city = "Rome"')
    SELECT COUNT(*) FROM customers WHERE city = 'Rome'
    >>> repair('SELECT count(*) FROM order_lines WHERE "cost_price" > 5')
    """
    found = context.find_fault()
    if found is None:
        return None
    scope, column = found
    if column.table or not column.this.quoted:
        return None
    if column.name.isidentifier() and not _stands_for_value(scope, column):
        return None
    if isinstance(column.parent, exp.Select) or _may_be_column(column.name, scope):
        return None
    text = column.name
    column.replace(exp.Literal.string(text))
    return Edit(context.tree, f'"{text}" is a text')


def _may_be_column(text: str, scope: Scope) -> bool:
    """Whether the text is spelled like a column of the SELECT, or as columns are and shares a word with one."""
    names = [name for source in scope.sources for name in source.columns or ()]
    if text.isidentifier() and len(split_words(text)) > 1 and find_near(text, names):
        return True
    return any(is_alike(text, name) or is_plural(text, name) for name in names)


def _stands_for_value(scope: Scope, column: exp.Column) -> bool:
    """Whether something that is there is compared with it."""
    parent = column.parent
    if isinstance(parent, exp.In):
        others = [parent.this] if parent.this is not column else []
    elif isinstance(parent, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE | exp.Like | exp.ILike | exp.DPipe):
        others = [parent.expression if parent.this is column else parent.this]
    else:
        return False
    return any(scope.resolves(one) for other in others for one in other.find_all(exp.Column))

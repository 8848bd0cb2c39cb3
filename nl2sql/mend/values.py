"""Texts that a query compares with and that are stored under another spelling.

It looks at no data: `stored` does. Only for queries that have run, so that their text is the engine's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sqlglot import exp

from nl2sql.mend.dialects import read, written
from nl2sql.mend.query import UNSETTLED, is_text, owner
from nl2sql.mend.scopes import scopes
from nl2sql.types import Mended, Schema

_LOOKUPS: Final = 6

Stored = Callable[[str, str, str], str | None]
"""Table, column and text in; the one stored spelling that the text means, or None where it is stored as it is."""


def respell(sql: str, schema: Schema, dialect: str, stored: Stored) -> Mended | None:
    """The query with its texts as they are stored, and LIKE in any case; None where nothing changes."""
    try:
        return _respelled(sql, schema, dialect, stored)
    except UNSETTLED:
        return None


def _respelled(sql: str, schema: Schema, dialect: str, stored: Stored) -> Mended | None:
    tree, _ = read(sql, dialect)
    if tree is None:
        return None
    done: list[str] = []
    for table, column, literal in list(_compared(tree, schema))[:_LOOKUPS]:
        meant = stored(table, column, str(literal.this))
        if meant is not None and meant != literal.this:
            done.append(f"'{literal.this}' is stored as '{meant}'")
            literal.set("this", meant)
    for like in list(tree.find_all(exp.Like)):
        if any(sign.isalpha() for sign in like.expression.name):
            done.append(f"{like.expression.sql(dialect)} in any case")
            like.replace(exp.ILike(this=like.this, expression=like.expression))
    text = written(tree, dialect) if done else None
    return Mended(text, tuple(done)) if text is not None else None


def _compared(tree: exp.Expr, schema: Schema) -> Iterator[tuple[str, str, exp.Literal]]:
    """Table, column and the text that the column must be equal to."""
    for scope in scopes(tree, schema):
        for column in scope.columns:
            parent, found = column.parent, owner(scope, column)
            if found is None or found[0].table is None or not is_text(found[1]):
                continue
            texts: list[exp.Expr] = []
            if isinstance(parent, exp.EQ):
                texts = [parent.expression if parent.this is column else parent.this]
            elif isinstance(parent, exp.In) and parent.this is column:
                texts = parent.expressions
            for text in texts:
                if isinstance(text, exp.Literal) and text.is_string:
                    yield found[0].table.name, found[1].name, text

"""Texts that a query compares with and that are stored under another spelling, or in another column.

It looks at no data: `Stored` does. Only for queries that have run and found nothing, so that their text is the
engine's own. A text moves to another column only among the tables that the SELECT reads already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from sqlglot import exp

from nl2sql.mend.dialects import read, written
from nl2sql.mend.query import UNSETTLED, is_text, owner, place
from nl2sql.mend.scopes import Scope, Source, scopes
from nl2sql.types import Mended, Schema

_LOOKUPS: Final = 6


class Stored(Protocol):
    """What the data holds."""

    def spellings(self, table: str, column: str, text: str) -> Sequence[str]:
        """The texts of the column that the text means, two at most; none where it holds no such text."""
        ...

    def places(self, text: str) -> Sequence[tuple[str, str, str]]:
        """Table, column and stored text, wherever the text is held."""
        ...


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
    for scope, column, texts in list(_compared(tree, schema))[:_LOOKUPS]:
        done += _spelled(scope, column, texts, stored)
    for like in list(tree.find_all(exp.Like)):
        if any(sign.isalpha() for sign in like.expression.name):
            done.append(f"{like.expression.sql(dialect)} in any case")
            like.replace(exp.ILike(this=like.this, expression=like.expression))
    text = written(tree, dialect) if done else None
    return Mended(text, tuple(done)) if text is not None else None


def _spelled(scope: Scope, column: exp.Column, texts: Sequence[exp.Literal], stored: Stored) -> Iterator[str]:
    """Spell the texts as stored in their column; where it holds none of them, let another column be compared."""
    found = owner(scope, column)
    if found is None or found[0].table is None or not is_text(found[1]):
        return
    spellings = [stored.spellings(found[0].table.name, found[1].name, str(text.this)) for text in texts]
    if texts and not any(spellings):
        if moved := _held_by(scope, column, texts, stored):
            source, name, meant = moved
            yield f"{', '.join(map(repr, meant))} is a {name}, not a {found[1].name}"
            place(column, source, name)
            for text, stored_text in zip(texts, meant, strict=True):
                text.set("this", stored_text)
        return
    for text, spelling in zip(texts, spellings, strict=True):
        if len(spelling) == 1 and spelling[0] != text.this:
            yield f"'{text.this}' is stored as '{spelling[0]}'"
            text.set("this", spelling[0])


def _held_by(
    scope: Scope, column: exp.Column, texts: Sequence[exp.Literal], stored: Stored
) -> tuple[Source, str, list[str]] | None:
    """The one column of the SELECT's tables that holds all of the texts, and their spellings there."""
    held: dict[tuple[str, str], list[str]] = {}
    for text in texts:
        for table, name, meant in stored.places(str(text.this)):
            held.setdefault((table, name), []).append(meant)
    whole = [(where, meant) for where, meant in held.items() if len(meant) == len(texts)]
    options = [
        (source, name, meant)
        for (table, name), meant in whole
        for source in scope.sources
        if source.table is not None and source.table.name == table
    ]
    return options[0] if len(options) == 1 else None


def _compared(tree: exp.Expr, schema: Schema) -> Iterator[tuple[Scope, exp.Column, list[exp.Literal]]]:
    """Each column that must be equal to texts, and those."""
    for scope in scopes(tree, schema):
        for column in scope.columns:
            parent = column.parent
            others: list[exp.Expr] = []
            if isinstance(parent, exp.EQ):
                others = [parent.expression if parent.this is column else parent.this]
            elif isinstance(parent, exp.In) and parent.this is column:
                others = parent.expressions
            texts = [text for text in others if isinstance(text, exp.Literal) and text.is_string]
            if texts and len(texts) == len(others):
                yield scope, column, texts

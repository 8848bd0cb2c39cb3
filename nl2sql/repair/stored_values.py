"""Texts that a query compares with and that are not stored so: in which spelling they are, and what is near.

It looks at no data: `StoredValues` does. Only for queries that have run and found nothing, so that their text is the
engine's own. Another text, or another column, is a hint and never taken for the one written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sqlglot import exp

from nl2sql.repair.context import drop_schema, list_equal_texts, resolve_column
from nl2sql.repair.scopes import Scope, list_scopes
from nl2sql.repair.transpile import parse_dialect, write_tree
from nl2sql.types import Column, Repair, RepairKind, Schema, Table

RULE: Final = "stored-spelling"
_MAX_LOOKUPS: Final = 6


class StoredValues(Protocol):
    """What the data holds."""

    def find_spellings(self, table: Table, column: Column, text: str) -> Sequence[str] | None:
        """The texts of the column that are this one but for case, accents and space around it, two at most.

        None where that cannot be found out.
        """
        ...

    def find_near(self, table: Table, column: Column, text: str) -> Sequence[str]:
        """The texts of the column that are nearly spelled so."""
        ...

    def find_columns(self, text: str) -> Sequence[tuple[str, str]]:
        """Table and column, wherever the text is held."""
        ...

    def has_like(self, table: Table, column: Column, pattern: str, *, any_case: bool) -> bool | None:
        """Whether a text of the column is like the pattern. None where that cannot be found out."""
        ...


@dataclass(slots=True)
class StoredMatch:
    """What came of it: the query with its texts as they are stored where that differs, and hints on the rest.

    `unmatched_texts` are the texts that no spelling of is stored.
    """

    sql: str = ""
    repairs: list[Repair] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    unmatched_texts: list[str] = field(default_factory=list)


def match_stored_values(sql: str, schema: Schema, dialect: str, stored: StoredValues) -> StoredMatch:
    """Look up each text that a stored column must be equal to, or like."""
    match = StoredMatch()
    tree = parse_dialect(sql, dialect)
    if tree is None:
        return match
    for _, (scope, column, table, known, texts) in zip(range(_MAX_LOOKUPS), _list_compared(tree, schema), strict=False):
        for text in texts:
            _match_text(match, scope, column, table, known, text, stored)
    for _, (column, table, known, like) in zip(range(_MAX_LOOKUPS), _list_likes(tree, schema), strict=False):
        _match_pattern(match, column, table, known, like, stored)
    match.sql = (write_tree(tree, dialect) or "") if match.repairs else ""
    return match


def _match_text(
    match: StoredMatch,
    scope: Scope,
    column: exp.Column,
    table: Table,
    known: Column,
    text: exp.Literal,
    stored: StoredValues,
) -> None:
    written = str(text.this)
    spellings = stored.find_spellings(table, known, written)
    if spellings is None or written in spellings:
        return
    if len(spellings) == 1:
        text.set("this", spellings[0])
        match.repairs.append(Repair(RULE, RepairKind.EXACT, f"'{written}' is stored as '{spellings[0]}'"))
        return
    match.unmatched_texts.append(written)
    place = f"{drop_schema(table.name)}.{known.name}"
    near = spellings or stored.find_near(table, known, written)
    if near:
        match.hints.append(f"'{written}' is not in {place}; did you mean {' or '.join(map(repr, near[:3]))}?")
        return
    others = [f"{drop_schema(other)}.{name}" for other, name in stored.find_columns(written)]
    others = [other for other in dict.fromkeys(others) if other != place]
    found = f"; {' and '.join(others[:3])} {'has' if len(others) == 1 else 'have'} it" if others else ""
    match.hints.append(f"'{written}' is not in {place}{found}")


def _match_pattern(
    match: StoredMatch, column: exp.Column, table: Table, known: Column, like: exp.Like, stored: StoredValues
) -> None:
    pattern = str(like.expression.this)
    if stored.has_like(table, known, pattern, any_case=False) is not False:
        return
    if stored.has_like(table, known, pattern, any_case=True):
        like.replace(exp.ILike(this=like.this, expression=like.expression))
        match.repairs.append(Repair(RULE, RepairKind.EXACT, f"'{pattern}' is stored in another case"))
    else:
        match.unmatched_texts.append(pattern)


def _list_compared(
    tree: exp.Expr, schema: Schema
) -> Iterator[tuple[Scope, exp.Column, Table, Column, list[exp.Literal]]]:
    """Each stored text column that must be equal to texts, and those."""
    for scope in list_scopes(tree, schema):
        for column in list(scope.columns):
            texts = list_equal_texts(column)
            found = _resolve_text(scope, column)
            if found is not None and texts and not _is_negated(column):
                yield scope, column, *found, texts


def _list_likes(tree: exp.Expr, schema: Schema) -> Iterator[tuple[exp.Column, Table, Column, exp.Like]]:
    """Each stored text column that must be like a pattern with letters in it."""
    for scope in list_scopes(tree, schema):
        for column in list(scope.columns):
            like = column.parent
            if not isinstance(like, exp.Like) or like.this is not column or _is_negated(like):
                continue
            pattern, found = like.expression, _resolve_text(scope, column)
            is_plain = isinstance(pattern, exp.Literal) and pattern.is_string and not like.args.get("escape")
            if found is not None and is_plain and any(sign.isalpha() for sign in str(pattern.this)):
                yield column, *found, like


def _is_negated(node: exp.Expr) -> bool:
    """Whether what is asked of the node is that it does not hold: a text that is not stored changes nothing then."""
    return bool(node.args.get("negate")) or isinstance(node.find_ancestor(exp.Not, exp.Select), exp.Not)


def _resolve_text(scope: Scope, column: exp.Column) -> tuple[Table, Column] | None:
    found = resolve_column(scope, column)
    if found is None or found[0].table is None or not found[1].is_text:
        return None
    return found[0].table, found[1]

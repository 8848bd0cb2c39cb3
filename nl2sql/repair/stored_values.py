"""Find the stored spelling of texts that a query compares with, where no stored text equals them.

It reads no data itself: `StoredValues` does. It is for queries that ran and found nothing, so their text is the
engine's own. Another text, or another column, is a hint and never replaces the one written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

from sqlglot import exp

from nl2sql.repair.context import drop_schema, list_equal_texts, resolve_column
from nl2sql.repair.scopes import Scope, list_scopes
from nl2sql.repair.transpile import parse_dialect, write_tree
from nl2sql.types import Column, Repair, RepairKind, Schema, Table

RULE: Final = "stored-spelling"
_MAX_LOOKUPS: Final = 6


class StoredValues(Protocol):
    """Access to the values that the data holds."""

    def find_spellings(self, table: Table, column: Column, text: str) -> Sequence[str] | None:
        """Return the texts of the column, at most two, that differ only in case, accents and surrounding space.

        None where that cannot be determined.
        """
        ...

    def find_near(self, table: Table, column: Column, text: str) -> Sequence[str]:
        """Return the texts of the column that are spelled similarly."""
        ...

    def find_columns(self, text: str) -> Sequence[tuple[str, str]]:
        """Return table and column of every place that holds the text."""
        ...

    def has_like(self, table: Table, column: Column, pattern: str, *, any_case: bool) -> bool | None:
        """Return whether a text of the column matches the LIKE pattern; None where that cannot be determined."""
        ...


@dataclass(slots=True)
class StoredMatch:
    """The query with its texts as they are stored, "" where nothing differs, and hints on the rest.

    `unmatched_texts` are the texts that are stored in no spelling.
    """

    sql: str = ""
    repairs: list[Repair] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    unmatched_texts: list[str] = field(default_factory=list)


def match_stored_values(sql: str, schema: Schema, dialect: str, stored: StoredValues) -> StoredMatch:
    """Look up each text that a stored column must equal or match, at most six of either kind."""
    match = StoredMatch()
    tree = parse_dialect(sql, dialect)
    if tree is None:
        return match
    for table, column, texts in islice(_list_compared(tree, schema), _MAX_LOOKUPS):
        for text in texts:
            _match_text(match, stored, table, column, text)
    for table, column, like in islice(_list_likes(tree, schema), _MAX_LOOKUPS):
        _match_pattern(match, stored, table, column, like)
    match.sql = (write_tree(tree, dialect) or "") if match.repairs else ""
    return match


def _match_text(match: StoredMatch, stored: StoredValues, table: Table, column: Column, text: exp.Literal) -> None:
    written = str(text.this)
    spellings = stored.find_spellings(table, column, written)
    if spellings is None or written in spellings:
        return
    if len(spellings) == 1:
        text.set("this", spellings[0])
        match.repairs.append(Repair(RULE, RepairKind.EXACT, f"'{written}' is stored as '{spellings[0]}'"))
        return
    match.unmatched_texts.append(written)
    place = f"{drop_schema(table.name)}.{column.name}"
    near = spellings or stored.find_near(table, column, written)
    if near:
        match.hints.append(f"'{written}' is not in {place}; did you mean {' or '.join(map(repr, near[:3]))}?")
        return
    others = [f"{drop_schema(other)}.{name}" for other, name in stored.find_columns(written)]
    others = [other for other in dict.fromkeys(others) if other != place]
    found = f"; {' and '.join(others[:3])} {'has' if len(others) == 1 else 'have'} it" if others else ""
    match.hints.append(f"'{written}' is not in {place}{found}")


def _match_pattern(match: StoredMatch, stored: StoredValues, table: Table, column: Column, like: exp.Like) -> None:
    pattern = str(like.expression.this)
    if stored.has_like(table, column, pattern, any_case=False) is not False:
        return
    if stored.has_like(table, column, pattern, any_case=True):
        like.replace(exp.ILike(this=like.this, expression=like.expression))
        match.repairs.append(Repair(RULE, RepairKind.EXACT, f"'{pattern}' is stored in another case"))
    else:
        match.unmatched_texts.append(pattern)


def _list_compared(tree: exp.Expr, schema: Schema) -> Iterator[tuple[Table, Column, list[exp.Literal]]]:
    """Yield each stored text column that must equal texts, with its table and these texts."""
    for scope in list_scopes(tree, schema):
        for column in list(scope.columns):
            texts = list_equal_texts(column)
            found = _resolve_text(scope, column)
            if found is not None and texts and not _is_negated(column):
                yield *found, texts


def _list_likes(tree: exp.Expr, schema: Schema) -> Iterator[tuple[Table, Column, exp.Like]]:
    """Yield each stored text column that must match a pattern with letters in it, with table and condition."""
    for scope in list_scopes(tree, schema):
        for column in list(scope.columns):
            like = column.parent
            if not isinstance(like, exp.Like) or like.this is not column or _is_negated(like):
                continue
            pattern, found = like.expression, _resolve_text(scope, column)
            is_plain = isinstance(pattern, exp.Literal) and pattern.is_string and not like.args.get("escape")
            if found is not None and is_plain and any(sign.isalpha() for sign in str(pattern.this)):
                yield *found, like


def _is_negated(node: exp.Expr) -> bool:
    """Return whether the condition must not hold: a text that is not stored then changes nothing."""
    return bool(node.args.get("negate")) or isinstance(node.find_ancestor(exp.Not, exp.Select), exp.Not)


def _resolve_text(scope: Scope, column: exp.Column) -> tuple[Table, Column] | None:
    found = resolve_column(scope, column)
    if found is None or found[0].table is None or not found[1].is_text:
        return None
    return found[0].table, found[1]

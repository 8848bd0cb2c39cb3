"""Correct comparisons that a column's type does not allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.repair.context import (
    Edit,
    RepairContext,
    is_number,
    rebind_column,
    resolve_column,
    show_node,
)
from nl2sql.repair.join_paths import Join, list_joins
from nl2sql.repair.joining import add_joins
from nl2sql.repair.proving import prove_stored
from nl2sql.repair.rules.column_sources import list_compared_texts
from nl2sql.repair.scopes import Scope, ScopeSource
from nl2sql.types import Column
from nl2sql.types.type_families import is_boolean

_TRUE: Final = frozenset({"1", "y", "yes", "on", "j", "ja", "o", "oui", "s", "si", "sí"})
_FALSE: Final = frozenset({"0", "n", "no", "off", "nein", "non"})
_OF_TEXT: Final = (exp.Like, exp.ILike, exp.Substring, exp.Left, exp.Right, exp.Upper, exp.Lower, exp.Length)


def compare_truth(context: RepairContext) -> Edit | None:
    """Compare a BOOLEAN column with the truth value that a word stands for.

    Precondition: the column is BOOLEAN, and the word means yes or no in one of a few languages.

    >>> repair("SELECT name FROM customers WHERE vip = 'ja'")
    SELECT name FROM customers WHERE vip = TRUE
    """
    for _, column, known in _list_columns(context):
        parent = column.parent
        if not is_boolean(known.type) or not isinstance(parent, exp.EQ | exp.NEQ):
            continue
        other = parent.expression if parent.this is column else parent.this
        word = str(other.this).casefold() if isinstance(other, exp.Literal) and other.is_string else ""
        if word in _TRUE | _FALSE:
            other.replace(exp.Boolean(this=word in _TRUE))
            return Edit(context.tree, f"{show_node(column)} is true or false")
    return None


def read_as_text(context: RepairContext) -> Edit | None:
    """Cast a number or a day to text where a text function is applied to it: LIKE '2024%', SUBSTR(day, 1, 4).

    Precondition: the function takes texts only, and the engine writes days in one notation (ISO), from which a part can
    be read.

    >>> repair("SELECT count(*) FROM orders WHERE placed LIKE '2024-03%'")
    SELECT COUNT(*) FROM orders WHERE CAST(placed AS TEXT) LIKE '2024-03%'
    """
    for _, column, known in _list_columns(context):
        parent = column.parent
        if isinstance(parent, _OF_TEXT) and parent.this is column and (is_number(known) or known.is_temporal):
            before = show_node(column)
            column.replace(exp.Cast(this=column.copy(), to=exp.DataType.build("VARCHAR", dialect="duckdb")))
            return Edit(context.tree, f"{before} is read as text")
    return None


def compare_by_name(context: RepairContext) -> Edit | None:
    """Compare the name in the table that a key leads to, where a numeric key is compared with a text.

    Precondition: a number can equal no such text; the key leads to one row of one table, of which exactly one text
    column holds the text, as a proof shows.

    >>> repair("SELECT count(*) FROM orders WHERE customer_id = 'Ada'")
    SELECT COUNT(*) FROM orders JOIN customers ON orders.customer_id = customers.id WHERE customers.name = 'Ada'
    """
    for scope, column, known in _list_columns(context):
        texts = list_compared_texts(column)
        found = resolve_column(scope, column)
        if not texts or not is_number(known) or any(_is_numeric(text) for text in texts) or found is None:
            continue
        step = _find_reference(context, found[0], known)
        target = context.schema.find_table(step.target) if step is not None else None
        if step is None or target is None:
            continue
        text_columns = [candidate for candidate in target.columns if candidate.is_text]
        for named in text_columns:
            proofs = (*step.proofs, *(prove_stored(target, named.name, text) for text in texts))
            others = [other for other in text_columns if other is not named]
            if context.is_disproved(proofs) or any(_may_hold(other, texts) for other in others):
                continue
            before = show_node(column)
            joined = _find_joined(scope, found[0], step) or add_joins(context, scope, found[0], (step,))
            if joined is None:
                return None
            # Only this comparison changes: elsewhere the SELECT may use the key itself.
            lone_scope = Scope(scope.select, scope.sources, scope.aliases, scope.parent, [column])
            rebind_column(lone_scope, column, joined, named.name)
            return Edit(context.tree, f"{before} holds keys; {show_node(column)} is compared", proofs)
    return None


def _list_columns(context: RepairContext) -> Iterator[tuple[Scope, exp.Column, Column]]:
    """Yield every column that resolves, with its SELECT and the schema's column."""
    for scope in context.find_scopes():
        for column in scope.columns:
            found = resolve_column(scope, column)
            if found is not None:
                yield scope, column, found[1]


def _find_reference(context: RepairContext, source: ScopeSource, column: Column) -> Join | None:
    """Return the one key of the column, which leads to at most one row."""
    assert source.table is not None
    name = source.table.name.lower()
    found = [
        join
        for join in list_joins(context.schema)
        if join.table.lower() == name
        and not join.is_to_many
        and tuple(map(str.lower, join.columns)) == (column.name.lower(),)
    ]
    return found[0] if len(found) == 1 else None


def _find_joined(scope: Scope, source: ScopeSource, step: Join) -> ScopeSource | None:
    """Return the table that the key leads to, where it is joined on the key already."""
    left, right = step.columns[0].lower(), step.target_columns[0].lower()
    for candidate in scope.sources:
        if candidate.table is None or candidate.table.name.lower() != step.target.lower():
            continue
        wanted = {(source.alias.lower(), left), (candidate.alias.lower(), right)}
        for equality in scope.select.find_all(exp.EQ):
            sides = {
                (side.table.lower(), side.name.lower())
                for side in (equality.this, equality.expression)
                if isinstance(side, exp.Column)
            }
            if sides == wanted:
                return candidate
    return None


def _may_hold(column: Column, texts: list[str]) -> bool:
    """Return whether the profile saw one of the texts in the column."""
    seen = {text.casefold() for text in (*column.values, *column.samples, *column.texts)}
    return any(text.casefold() in seen for text in texts)


def _is_numeric(text: str) -> bool:
    """Return whether the text can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True

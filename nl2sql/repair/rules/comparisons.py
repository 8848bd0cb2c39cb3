"""Comparisons that a column's type does not allow as they are written."""

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
from nl2sql.types import Column, Proof, Table
from nl2sql.types.type_families import is_boolean

_TRUE: Final = frozenset({"1", "y", "yes", "on", "j", "ja", "o", "oui", "s", "si", "sí"})
_FALSE: Final = frozenset({"0", "n", "no", "off", "nein", "non"})
_OF_TEXT: Final = (exp.Like, exp.ILike, exp.Substring, exp.Left, exp.Right, exp.Upper, exp.Lower, exp.Length)


def compare_truth(context: RepairContext) -> Edit | None:
    """Compare a column of truth values with the truth value that a word says.

    Precondition: the column is BOOLEAN, and the word is yes or no in one of a few languages.

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
    """Read a number or a day as text where a function of texts is asked of it: LIKE '2024%', SUBSTR(day, 1, 4).

    Precondition: the function takes texts only, and the engine writes days in the one notation (ISO) that a part of
    one can be told by.

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
    """Compare the name in the table that a key leads to, where the key is a number and is compared with a text.

    Precondition: a number can equal no such text; the key leads to one row of one table, of which one text column
    alone holds the text, as a query shows.

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
        for named in (one for one in target.columns if one.is_text):
            proofs = (*step.proofs, *(prove_stored(target, named.name, text) for text in texts))
            others = [one for one in target.columns if one.is_text and one is not named]
            if context.is_disproved(proofs) or any(_may_hold(target, one, texts) for one in others):
                continue
            return _compare_in_target(context, scope, column, found[0], step, named, proofs)
    return None


def _compare_in_target(
    context: RepairContext,
    scope: Scope,
    column: exp.Column,
    source: ScopeSource,
    step: Join,
    named: Column,
    proofs: tuple[Proof, ...],
) -> Edit | None:
    before = show_node(column)
    joined = _find_joined(scope, source, step) or add_joins(context, scope, source, (step,))
    if joined is None:
        return None
    lone = Scope(scope.select, scope.sources, scope.aliases, scope.parent, [column])
    rebind_column(lone, column, joined, named.name)
    return Edit(context.tree, f"{before} holds keys; {show_node(column)} is compared", proofs)


def _list_columns(context: RepairContext) -> Iterator[tuple[Scope, exp.Column, Column]]:
    """Every column that is known, with what the schema says of it."""
    for scope in context.find_scopes():
        for column in scope.columns:
            found = resolve_column(scope, column)
            if found is not None:
                yield scope, column, found[1]


def _find_reference(context: RepairContext, source: ScopeSource, column: Column) -> Join | None:
    """The one key of the column, which leads to one row at most."""
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
    """The table that the key leads to, where it is joined on it already."""
    left, right = step.columns[0].lower(), step.target_columns[0].lower()
    for candidate in scope.sources:
        if candidate.table is None or candidate.table.name.lower() != step.target.lower():
            continue
        wanted = {(source.alias.lower(), left), (candidate.alias.lower(), right)}
        for equal in scope.select.find_all(exp.EQ):
            sides = {
                (side.table.lower(), side.name.lower())
                for side in (equal.this, equal.expression)
                if isinstance(side, exp.Column)
            }
            if sides == wanted:
                return candidate
    return None


def _may_hold(table: Table, column: Column, texts: list[str]) -> bool:
    """Whether the profile saw one of the texts there."""
    seen = {text.casefold() for text in (*column.values, *column.samples, *column.texts)}
    return any(text.casefold() in seen for text in texts)


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

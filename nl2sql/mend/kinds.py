"""Values of the wrong kind: a key compared with a name, text where a number or a date is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.mend.joins import Join, words
from nl2sql.mend.query import Query, add_joins, is_number, is_text, owner, place
from nl2sql.mend.scopes import Scope, Source
from nl2sql.types import Column, Table

_NEEDS_NUMBERS: Final = (exp.Sum, exp.Avg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Round)
_COMPARES: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_NEEDS_DATES: Final = (
    exp.Year,
    exp.Month,
    exp.Day,
    exp.Quarter,
    exp.Week,
    exp.Extract,
    exp.TimeToStr,
    exp.TimestampTrunc,
    exp.DateTrunc,
)
_FIRST_YEAR, _LAST_YEAR = 1000, 3000


def compare_by_name(query: Query) -> None:
    """`country_id = 'Norway'` where the key is a number: compare the name in the table that it refers to."""
    for scope in query.scopes():
        for column, text in _compared_with_text(scope):
            found = owner(scope, column)
            if found is None or not is_number(found[1]) or _is_numeric(text):
                continue
            source, known = found
            if (join := _reference(source, known)) and (target := query.schema.table(join.target)):
                named = _naming(target, text)
                if named is None:
                    continue
                before = column.sql("duckdb")
                place(column, _joined(query, scope, source, join), named.name)
                query.done.append(f"{before} holds keys; {column.sql('duckdb')} is compared with '{text}'")


def cast_texts(query: Query) -> None:
    """Read text as numbers or dates where it is computed with, and an integer year as the year it is."""
    for scope in query.scopes():
        for column in scope.columns:
            found = owner(scope, column)
            parent = column.parent
            if found is None or parent is None:
                continue
            known = found[1]
            if isinstance(parent, _NEEDS_DATES) and _is_year(parent, known):
                query.done.append(f"{column.sql('duckdb')} is a year already")
                parent.replace(column.copy())
            elif isinstance(parent, _NEEDS_DATES) and is_text(known):
                _cast(query, column, "TIMESTAMP")
            elif is_text(known) and (
                isinstance(parent, _NEEDS_NUMBERS)
                or (isinstance(parent, _COMPARES) and _other_is_number(scope, column))
            ):
                _cast(query, column, "DOUBLE")


def _compared_with_text(scope: Scope) -> Iterator[tuple[exp.Column, str]]:
    for column in scope.columns:
        parent = column.parent
        texts: list[exp.Expr] = []
        if isinstance(parent, exp.EQ | exp.NEQ | exp.Like | exp.ILike):
            texts = [parent.expression if parent.this is column else parent.this]
        elif isinstance(parent, exp.In) and parent.this is column:
            texts = parent.expressions
        if texts and all(isinstance(text, exp.Literal) and text.is_string for text in texts):
            yield column, str(texts[0].this)


def _reference(source: Source, column: Column) -> Join | None:
    table = source.table
    assert table is not None
    for key in table.foreign_keys:
        if len(key.columns) == 1 and key.columns[0].lower() == column.name.lower():
            return Join(table.name, key.columns, key.target_table, key.target_columns)
    return None


def _naming(target: Table, text: str) -> Column | None:
    """The column of the table that holds such a text."""
    texts = [column for column in target.columns if is_text(column)]
    holding = [c for c in texts if text.casefold() in {v.casefold() for v in (*c.values, *c.samples)}]
    if len(holding) == 1 or len(texts) == 1:
        return (holding or texts)[0]
    called = [c for c in texts if words(c.name) - words(target.name) <= {"name"}]
    return called[0] if len(called) == 1 else None


def _joined(query: Query, scope: Scope, source: Source, join: Join) -> Source:
    """The table that the key refers to: the one that is joined on it already, or a new one."""
    left, right = join.columns[0].lower(), join.target_columns[0].lower()
    for candidate in scope.sources:
        if candidate.table is None or candidate.table.name.lower() != join.target.lower():
            continue
        for equal in scope.select.find_all(exp.EQ):
            sides = [side for side in (equal.this, equal.expression) if isinstance(side, exp.Column)]
            spelled = {(side.table.lower(), side.name.lower()) for side in sides}
            if (candidate.alias.lower(), right) in spelled and any(name == left for _, name in spelled):
                return candidate
    return add_joins(query, scope, (join,), source.alias)


def _is_year(node: exp.Expr, column: Column) -> bool:
    """Whether the node takes the year of a number that is one."""
    takes_year = isinstance(node, exp.Year) or (isinstance(node, exp.Extract) and node.name.upper() == "YEAR")
    if not takes_year or not is_number(column):
        return False
    try:
        low, high = float(column.minimum or _FIRST_YEAR), float(column.maximum or _LAST_YEAR)
    except ValueError:
        return False
    return low >= _FIRST_YEAR and high <= _LAST_YEAR


def _other_is_number(scope: Scope, column: exp.Column) -> bool:
    parent = column.parent
    assert parent is not None
    other = parent.expression if parent.this is column else parent.this
    if isinstance(other, exp.Neg):
        other = other.this
    if isinstance(other, exp.Literal):
        return not other.is_string
    if isinstance(other, exp.Column):
        found = owner(scope, other)
        return found is not None and is_number(found[1])
    return isinstance(other, exp.Avg | exp.Sum | exp.Count)


def _cast(query: Query, column: exp.Column, kind: str) -> None:
    query.done.append(f"{column.sql('duckdb')} is text, read as {kind}")
    column.replace(exp.TryCast(this=column.copy(), to=exp.DataType.build(kind)))


def _is_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

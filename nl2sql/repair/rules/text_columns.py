"""Cast text columns that are computed with, where every text of theirs is a number or a day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext, is_number, resolve_column, show_node
from nl2sql.repair.proving import (
    CENTS,
    DAYS,
    FRACTIONS,
    INTEGERS,
    MOMENTS,
    prove_parsable,
    prove_range,
)
from nl2sql.repair.scopes import Scope
from nl2sql.types import Column, Proof, Table

_NEEDS_NUMBERS: Final = (exp.Sum, exp.Avg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Round)
_COMPARES: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_NEEDS_DAYS: Final = (
    exp.Year,
    exp.Month,
    exp.Day,
    exp.Quarter,
    exp.Week,
    exp.DayOfWeek,
    exp.Extract,
    exp.TimeToStr,
    exp.TimestampTrunc,
    exp.DateTrunc,
    exp.DateDiff,
)
# The types to cast texts to, the narrowest first, and the pattern that every text must match.
_AS_NUMBERS: Final = (("BIGINT", INTEGERS), ("DECIMAL(38, 2)", CENTS), ("DECIMAL(38, 9)", FRACTIONS))
_AS_DAYS: Final = (("DATE", DAYS), ("TIMESTAMP", MOMENTS))
_FIRST_YEAR, _LAST_YEAR = 1000, 2999


def read_numbers(context: RepairContext) -> Edit | None:
    """Cast text to numbers where it is added up, computed or compared with.

    Precondition: every text of the column is a number in the engine's own notation, as a proof shows. Three digits
    after a point do not count: they may be thousands. What has two decimals, as money has, is read without loss.

    >>> repair("SELECT sum(price) FROM order_lines")
    SELECT SUM(CAST(price AS DECIMAL(38, 2))) FROM order_lines
    """
    for scope, column, table, known in _list_texts(context):
        parent = column.parent
        compared = isinstance(parent, _COMPARES) and _is_beside_number(scope, column)
        if isinstance(parent, _NEEDS_NUMBERS) or compared:
            return _cast_column(context, column, table, known, _AS_NUMBERS)
    return None


def read_days(context: RepairContext) -> Edit | None:
    """Cast text to days or moments where a part of a date is taken from it, or it is compared with one.

    Precondition: every text of the column is in ISO notation, as a proof shows: others can be read in two ways.

    >>> repair("SELECT year(written) AS y, count(*) FROM reviews GROUP BY y")
    SELECT YEAR(CAST(written AS DATE)) AS y, COUNT(*) FROM reviews GROUP BY y
    """
    for scope, column, table, known in _list_texts(context):
        parent = column.parent
        compared = isinstance(parent, _COMPARES) and _is_beside_day(scope, column)
        if isinstance(parent, _NEEDS_DAYS) or compared:
            return _cast_column(context, column, table, known, _AS_DAYS)
    return None


def take_year(context: RepairContext) -> Edit | None:
    """Use a number as the year that it is, where its year is taken.

    Precondition: the column holds whole numbers, all of them in the range of years, as a proof shows.

    >>> repair("SELECT year(founded) AS y FROM suppliers")
    SELECT founded AS y FROM suppliers
    """
    for scope in context.find_scopes():
        for column in scope.columns:
            found, parent = resolve_column(scope, column), column.parent
            if found is None or parent is None or found[0].table is None or not is_number(found[1]):
                continue
            if isinstance(parent, exp.Year) or (isinstance(parent, exp.Extract) and parent.name.upper() == "YEAR"):
                proofs = (prove_range(found[0].table, found[1], _FIRST_YEAR, _LAST_YEAR),)
                if context.is_disproved(proofs):
                    return None
                parent.replace(column.copy())
                return Edit(context.tree, f"{show_node(column)} is a year already", proofs)
    return None


def _list_texts(context: RepairContext) -> Iterator[tuple[Scope, exp.Column, Table, Column]]:
    """Yield every column of a table that holds text, with its SELECT, its table and the schema's column."""
    for scope in context.find_scopes():
        for column in scope.columns:
            found = resolve_column(scope, column)
            if found is not None and found[0].table is not None and found[1].is_text:
                yield scope, column, found[0].table, found[1]


def _cast_column(
    context: RepairContext, column: exp.Column, table: Table, known: Column, kinds: tuple[tuple[str, str], ...]
) -> Edit | None:
    """Cast the column to the first of these types that the data does not contradict."""
    for kind, pattern in kinds:
        proofs: tuple[Proof, ...] = (prove_parsable(table, known, pattern, kind),)
        if not context.is_disproved(proofs):
            before = show_node(column)
            column.replace(exp.Cast(this=column.copy(), to=exp.DataType.build(kind, dialect="duckdb")))
            return Edit(context.tree, f"{before} is text, read as {kind}", proofs)
    return None


def _find_other_side(column: exp.Column) -> exp.Expr:
    parent = column.parent
    assert parent is not None
    other: exp.Expr = parent.expression if parent.this is column else parent.this
    return other.this if isinstance(other, exp.Neg) else other


def _is_beside_number(scope: Scope, column: exp.Column) -> bool:
    """Return whether the column is compared with a number."""
    other = _find_other_side(column)
    if isinstance(other, exp.Literal):
        return not other.is_string
    if isinstance(other, exp.Column):
        found = resolve_column(scope, other)
        return found is not None and is_number(found[1])
    return isinstance(other, exp.Avg | exp.Sum | exp.Count)


def _is_beside_day(scope: Scope, column: exp.Column) -> bool:
    """Return whether the column is compared with a day."""
    other = _find_other_side(column)
    if isinstance(other, exp.Column):
        found = resolve_column(scope, other)
        return found is not None and found[1].is_temporal
    days = (exp.CurrentDate, exp.CurrentTimestamp, exp.DateAdd, exp.DateSub)
    return isinstance(other, days) or (isinstance(other, exp.Cast) and other.is_type("DATE", "TIMESTAMP"))

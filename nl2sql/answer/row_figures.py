"""Figures that a page computes from the rows of a result: totals, shares of them, changes from the previous period.

It decides where they are valid, and computes with decimals; nothing is rounded here.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, Final

from sqlglot import exp

from nl2sql.answer import column_words as vocabulary
from nl2sql.answer.display import ColumnFormat, Kind
from nl2sql.answer.lineage import Block, list_blocks
from nl2sql.answer.plain_tree import name_function, parse_plain
from nl2sql.answer.rows_behind import has_grouping_sets, is_aggregate
from nl2sql.types import Result, ResultColumn, Schema, list_column_values

_ADDED: Final = frozenset("sum sum_no_overflow fsum kahan_sum sumkahan count count_if countif".split())
_TRANSPARENT: Final = frozenset(("round", "coalesce", "ifnull"))
_ADDABLE: Final = (Kind.INTEGER, Kind.MONEY, Kind.NUMBER)
_AMOUNTS: Final = frozenset(
    "amount amounts revenue revenues sales turnover quantity qty units total subtotal refund refunds refunded payment "
    "payments paid profit tax fee fees expense expenses spend spent cost costs net gross menge anzahl umsatz umsätze "
    "betrag beträge kosten montant importe".split()
)
# Values that are cumulative, or hold for one moment: their sum means nothing.
_MOMENTARY: Final = frozenset(
    "running cumulative rolling kumuliert balance stock inventory level saldo bestand headcount "
    "ytd mtd qtd rank".split()
)
# Values of a single piece, or values that are no amounts.
_NOT_ADDED: Final = _MOMENTARY | frozenset(
    "unit price per each average avg mean median rate ratio share pct percent list max min target limit durchschnitt "
    "preis stückpreis".split()
)
_DECIMAL_CONTEXT: Final = Context(prec=60)
_PERIODS: Final = {Kind.MONTH: "month", Kind.DAY: "day", Kind.CODE: "year"}
_YEAR_RANGE: Final = (1900, 2100)


def find_addable(
    sql: str, columns: Sequence[ResultColumn], formats: Sequence[ColumnFormat], schema: Schema
) -> frozenset[int]:
    """Return the positions of the columns that may be added up: sums, counts and amounts of disjoint rows."""
    tree = parse_plain(sql)
    if not isinstance(tree, exp.Select) or len(columns) != len(formats):
        return frozenset()
    block = next((candidate for candidate in list_blocks(tree, schema) if candidate.role == "query"), None)
    names = block.list_output_names() if block is not None else None
    if block is None or names is None or len(names) != len(columns) or _has_overlapping_rows(tree):
        return frozenset()
    return frozenset(
        at
        for at, (name, how) in enumerate(zip(names, formats, strict=True))
        if how.kind in _ADDABLE
        and not _MOMENTARY & {*vocabulary.split_name(name)}
        and names.count(name) == 1
        and _is_addable(name, block)
    )


def compute_share(value: Any, total: Decimal | None) -> Decimal | None:
    """Return the value's share of the total; None where there is none, or the total is not above 0."""
    number = read_number(value)
    return _DECIMAL_CONTEXT.divide(number, total) if number is not None and total is not None and total > 0 else None


def read_number(value: Any) -> Decimal | None:
    """Return the number as a decimal, a float by its shortest digits; None for other values."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


def compute_change(value: Any, before: Any) -> Decimal | None:
    """Return the difference from the earlier value; None where either is no number."""
    number, other = read_number(value), read_number(before)
    return None if number is None or other is None else _DECIMAL_CONTEXT.subtract(number, other)


class PeriodsBefore:
    """Finds, for each row of a result, the row of the previous month, day or year.

    It is the row with the same values in the other columns that name something. `period` is "month", "day" or "year",
    "" where the result is no such series.
    """

    def __init__(self, result: Result, formats: Sequence[ColumnFormat]) -> None:
        self.period = ""
        self._at = -1
        self._rows: Mapping[tuple[Any, ...], tuple[Any, ...]] = {}
        found = [at for at, how in enumerate(formats) if self._is_period(result, at, how)]
        if len(found) != 1 or result.truncated:
            return
        self._at = found[0]
        kind = formats[self._at].kind
        measures = (*_ADDABLE, Kind.PERCENT, Kind.PERCENT_UNITS)
        self._names = [at for at, how in enumerate(formats) if at != self._at and how.kind not in measures]
        rows = list(zip(*[list_column_values(column) for column in result.table.columns], strict=True))
        keys = [self._make_key(row, row[self._at]) for row in rows]
        try:
            counts = Counter(keys)
        except TypeError:
            # A list cannot be hashed, so it names no row.
            return
        if rows and max(counts.values()) == 1:
            self.period = _PERIODS[kind]
            self._rows = dict(zip(keys, rows, strict=True))
            # Scattered days, such as each customer's last order, are no series.
            if sum(self.find(row) is not None for row in rows) * 2 < len(rows) - 1:
                self.period = ""

    def find(self, row: Sequence[Any]) -> tuple[Any, ...] | None:
        """Return the row of the previous period; None where there is none."""
        before = _step_back(row[self._at], self.period)
        return self._rows.get(self._make_key(row, before)) if before is not None else None

    def _make_key(self, row: Sequence[Any], period: Any) -> tuple[Any, ...]:
        return (period, *(row[at] for at in self._names))

    @staticmethod
    def _is_period(result: Result, at: int, how: ColumnFormat) -> bool:
        if how.kind in (Kind.MONTH, Kind.DAY):
            return True
        values = list_column_values(result.table.columns[at]) if how.kind is Kind.CODE else []
        years = [value for value in values if value is not None]
        return bool(years) and all(isinstance(year, int) and _YEAR_RANGE[0] <= year <= _YEAR_RANGE[1] for year in years)


def _step_back(value: Any, period: str) -> Any:
    """Return the previous period; None where the value is no period."""
    if period == "year":
        return value - 1 if isinstance(value, int) else None
    if not isinstance(value, dt.date):
        return None
    try:
        if period == "day":
            return value - dt.timedelta(days=1)
        return (
            value.replace(year=value.year - 1, month=12) if value.month == 1 else value.replace(month=value.month - 1)
        )
    except (ValueError, OverflowError):
        return None


def _has_overlapping_rows(tree: exp.Select) -> bool:
    """Return whether a row of the data may count in several rows of the result."""
    group = tree.args.get("group")
    return bool(tree.args.get("distinct")) or (group is not None and has_grouping_sets(group))


def _is_addable(name: str, block: Block, depth: int = 0) -> bool:
    """Return whether the column is a sum or a count, or an amount of each row of one table.

    It may come from a derived table, at most one level deep.
    """
    made = block.find_output(name)
    if made is None:
        return False
    node = made[0]
    if is_aggregate(node):
        return _is_additive(node)
    if block.select.args.get("group") is not None or len(block.relations) != 1:
        # Where rows are joined, an amount appears once for each of them.
        return False
    if not isinstance(node, exp.Column):
        return not node.find(exp.Window) and not node.find(exp.Div) and _has_amount(name)
    relation = block.relations[0]
    if relation.blocks:
        return len(relation.blocks) == 1 and depth == 0 and _is_addable(node.name, relation.blocks[0], 1)
    return relation.table is not None and _has_amount(node.name)


def _has_amount(name: str) -> bool:
    words = {*vocabulary.split_name(name)}
    return bool(words & _AMOUNTS) and not words & _NOT_ADDED


def _is_additive(node: exp.Expr) -> bool:
    """Return whether adding up its values over groups gives its value over all rows: a sum, a count, and the like."""
    if isinstance(node, exp.Filter | exp.Cast | exp.TryCast | exp.Neg | exp.Paren):
        return _is_additive(node.this)
    if isinstance(node, exp.Add | exp.Sub):
        return all(map(_is_additive, (node.left, node.right)))
    if isinstance(node, exp.Mul):
        return any(_is_additive(a) and isinstance(b, exp.Literal) for a, b in _list_both_ways(node))
    if isinstance(node, exp.Div):
        return _is_additive(node.left) and isinstance(node.right, exp.Literal)
    if not isinstance(node, exp.Anonymous):
        return False
    if name_function(node) in _TRANSPARENT:
        return bool(node.expressions) and _is_additive(node.expressions[0])
    return name_function(node) in _ADDED and node.find(exp.Distinct) is None


def _list_both_ways(node: exp.Binary) -> tuple[tuple[exp.Expr, exp.Expr], ...]:
    return (node.left, node.right), (node.right, node.left)

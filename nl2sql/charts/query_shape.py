"""What the SQL says about a result: what it sorts by, where it limits, and how each column is computed.

It reads the syntax tree and looks at no value. Of a query that cannot be parsed nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql.answer.lineage import Block, find_source, find_stored, is_star, list_blocks, walk_own_nodes
from nl2sql.answer.plain_tree import name_function, parse_plain
from nl2sql.answer.traps.ran_query import AGGREGATES, is_aggregated, is_over_window, list_group_keys
from nl2sql.types import Column, ResultColumn, Schema

# From the coarsest to the finest.
GRAINS: Final = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
_TRUNCATING: Final = ("date_trunc", "datetrunc")
_PART_CALLS: Final = ("date_part", "datepart", "extract")
_PARTS: Final = {
    "year": "year",
    "isoyear": "year",
    "quarter": "quarter",
    "month": "month",
    "monthname": "month",
    "week": "week",
    "weekofyear": "week",
    "day": "day",
    "dayofmonth": "day",
    "dayofyear": "yearday",
    "doy": "yearday",
    "dayofweek": "dow",
    "weekday": "dow",
    "isodow": "isodow",
    "dow": "dow",
    "dayname": "weekday",
    "hour": "hour",
    "minute": "minute",
}
_MARKS: Final = {
    "Y": "year",
    "y": "year",
    "m": "month",
    "b": "month",
    "B": "month",
    "U": "week",
    "W": "week",
    "V": "week",
    "d": "day",
    "j": "day",
    "H": "hour",
    "I": "hour",
    "A": "weekday",
    "a": "weekday",
    "u": "isodow",
    "w": "dow",
    "M": "minute",
}
_ADDITIVE: Final = ("sum", "fsum", "count", "count_star", "count_if", "countif")
_RANKS: Final = ("rank", "dense_rank", "row_number", "percent_rank", "ntile")
_WRAPPERS: Final = ("round", "coalesce", "ifnull", "ceil", "floor", "abs", "trunc")
_MARK: Final = re.compile(r"%-?([A-Za-z])")
_INTERVAL_UNIT: Final = re.compile(r"(year|quarter|month|week|day|hour|minute)s?\b", re.I)


@dataclass(frozen=True, slots=True)
class ColumnOrigin:
    """How a column is computed.

    `grain` is the period that a date is truncated to, `part` the part that is extracted from one (a month of any year;
    `isodow` counts weekdays from Monday as 1, `dow` from Sunday as 0). `is_key` says that rows are grouped by it,
    `is_bucket` that it cuts a number into steps, `is_additive` that its values can be added up over rows. `aggregate`
    and `window` name the function that makes it. `stored_column` is the column of a table that it comes from.
    """

    is_key: bool = False
    grain: str = ""
    part: str = ""
    is_bucket: bool = False
    aggregate: str = ""
    is_additive: bool = False
    window: str = ""
    stored_column: Column | None = None


@dataclass(frozen=True, slots=True)
class QueryShape:
    """The shape of a query: the origin of each column, and how its rows are sorted, limited and grouped.

    `order` has the shown columns that it sorts by, each as its position and whether it descends. `is_sorted` says
    whether the rows have any order, and `is_grouped` whether each stands for several; None where that is not known.
    `has_totals` says that totals stand among the rows that they sum up.
    """

    origins: tuple[ColumnOrigin, ...]
    order: tuple[tuple[int, bool], ...] = ()
    limit: int | None = None
    is_grouped: bool | None = None
    has_totals: bool = False
    is_sorted: bool | None = None


def read_query(sql: str, columns: Sequence[ResultColumn], schema: Schema | None = None) -> QueryShape:
    """Return what the SQL, in DuckDB's dialect, says about a result with these columns."""
    nothing = QueryShape(tuple(ColumnOrigin() for _ in columns))
    tree = (parse_plain(sql) or parse_plain(_rewrite_extracts(sql))) if sql else None
    if tree is None:
        return nothing
    blocks = list_blocks(tree, schema or Schema(()))
    main = next((block for block in blocks if block.role == "query"), None)
    if main is None:
        return nothing
    return QueryShape(
        tuple(_read_column(main, at, column.name, len(columns)) for at, column in enumerate(columns)),
        tuple(_read_order(tree, main, [column.name for column in columns])),
        _read_limit(tree),
        any(is_aggregated(block) or block.select.args.get("distinct") is not None for block in blocks),
        tree.find(exp.Rollup, exp.Cube, exp.GroupingSets) is not None,
        (tree.args.get("order") or main.select.args.get("order")) is not None,
    )


def _rewrite_extracts(sql: str) -> str:
    """Return the SQL with `date_part` for `EXTRACT`, as the engine writes it; empty where it cannot be parsed."""
    try:
        tree = parse_one(sql, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return ""
    for extract in list(tree.find_all(exp.Extract)):
        part = exp.Literal.string(extract.name.lower())
        extract.replace(exp.Anonymous(this="date_part", expressions=[part, extract.expression.copy()]))
    return tree.sql(dialect="duckdb")


def _read_column(main: Block, at: int, name: str, count: int) -> ColumnOrigin:
    """Return how the column at that position is computed."""
    items = main.select.expressions
    if len(items) == count and not any(is_star(item) for item in items):
        node, block = items[at].unalias(), main
    else:
        found = main.find_output(name)
        if found is None:
            return ColumnOrigin()
        node, block = found
    is_key = any(key == node for key in list_group_keys(block))
    if isinstance(node, exp.Column):
        node, block = find_source(node, block)
    origin = _read_origin(node, block)
    # A column that rows are grouped by is no measure of them, however an inner query computes it.
    return replace(origin, is_key=True, aggregate="", window="", is_additive=False) if is_key else origin


def _read_origin(node: exp.Expr, block: Block) -> ColumnOrigin:
    is_key = any(key == node for key in list_group_keys(block))
    inner = _unwrap(node)
    periods, part = _read_periods(node)
    grain = max(periods, key=GRAINS.index) if periods else ""
    aggregate = next(
        (
            name_function(one)
            for one in walk_own_nodes(node)
            if name_function(one) in AGGREGATES and not is_over_window(one)
        ),
        "",
    )
    window = _read_window(inner)
    origin = ColumnOrigin(
        is_key,
        grain,
        part,
        not aggregate and _is_bucket(node),
        aggregate,
        _is_additive(inner),
        window,
    )
    dates = [one for one in walk_own_nodes(node) if isinstance(one, exp.Column)]
    named = {(one.table.lower(), one.name.lower()) for one in dates}
    if len(named) == 1 and not aggregate and not window:
        stored = find_stored(dates[0], block)
        origin = replace(origin, stored_column=stored.column if stored is not None else None)
    return origin


def _unwrap(node: exp.Expr) -> exp.Expr:
    """Return the expression without casts, brackets and rounding around it."""
    while True:
        if isinstance(node, exp.Cast | exp.Paren | exp.Neg | exp.Filter):
            node = node.this
        elif name_function(node) in _WRAPPERS and node.expressions:
            node = node.expressions[0]
        else:
            return node


def _read_periods(node: exp.Expr) -> tuple[list[str], str]:
    """Return the periods that a date is truncated to, and the part of a date that stands alone."""
    found: list[str] = []
    parts: list[str] = []
    for one in walk_own_nodes(node):
        name, arguments = name_function(one), one.expressions if isinstance(one, exp.Anonymous) else []
        if name in AGGREGATES:
            return [], ""
        if name in _TRUNCATING and arguments:
            found.append(arguments[0].name.lower())
        elif name == "time_bucket" and arguments:
            unit = _INTERVAL_UNIT.search(arguments[0].sql())
            found += [unit[1].lower()] if unit else []
        elif name == "last_day":
            found.append("month")
        elif name in _PART_CALLS and arguments:
            parts.append(_PARTS.get(arguments[0].name.lower(), ""))
        elif name == "strftime":
            text = next((argument.name for argument in arguments if isinstance(argument, exp.Literal)), "")
            parts += [_MARKS.get(mark, "") for mark in _MARK.findall(text)]
        elif name in _PARTS and len(arguments) == 1:
            parts.append(_PARTS[name])
    if "year" in parts:
        # A year with a month beside it is a month of that year.
        return [*(unit for unit in found if unit in GRAINS), *(part for part in parts if part in GRAINS)], ""
    found = [unit for unit in found if unit in GRAINS]
    if not found and not parts and isinstance(node, exp.Cast) and node.to.is_type("date"):
        found = ["day"]
    return (found, "") if not parts else ([], next(filter(None, reversed(parts)), ""))


def _read_window(node: exp.Expr) -> str:
    """Return `rank`, `running` or the function's name where the column is computed over a window; else empty."""
    windows = [one for one in walk_own_nodes(node) if isinstance(one, exp.Window)]
    if not windows:
        return ""
    name = name_function(windows[0].this)
    if node is windows[0] and name in _RANKS:
        return "rank"
    if node is windows[0] and windows[0].args.get("order") is not None and name in _ADDITIVE:
        return "running"
    return name or "window"


def _is_additive(node: exp.Expr) -> bool:
    """Return whether it is a sum or a count, a multiple of one, or a sum or difference of such."""
    node = _unwrap(node)
    if name_function(node) in _ADDITIVE:
        return not any(isinstance(one, exp.Distinct) for one in node.expressions)
    if isinstance(node, exp.Add | exp.Sub):
        return _is_additive(node.left) and _is_additive(node.right)
    if isinstance(node, exp.Mul | exp.Div):
        sides = [node.left, node.right]
        numbers = [isinstance(_unwrap(one), exp.Literal) for one in sides]
        if isinstance(node, exp.Mul):
            return sum(numbers) == 1 and _is_additive(sides[numbers.index(False)])
        return numbers[1] and _is_additive(node.left)
    return False


def _is_bucket(node: exp.Expr) -> bool:
    """Return whether it makes steps of numbers: `floor(x / 10) * 10`, `x - x % 10`, `round(x, -2)`."""
    node = node.this if isinstance(node, exp.Cast | exp.Paren) else node
    name = name_function(node)
    if name in ("width_bucket", "ntile", "equi_width_bins"):
        return True
    if name == "round" and len(node.expressions) == 2:
        return isinstance(node.expressions[1], exp.Neg)
    if isinstance(node, exp.Sub):
        return isinstance(_unwrap(node.right), exp.Mod)
    cuts = any(
        name_function(one) in ("floor", "ceil", "trunc", "round") or isinstance(one, exp.IntDiv | exp.Cast)
        for one in walk_own_nodes(node)
    )
    divides = any(isinstance(one, exp.Div | exp.IntDiv) for one in walk_own_nodes(node))
    return cuts and divides and not any(isinstance(one, exp.Window) for one in walk_own_nodes(node))


def _read_order(tree: exp.Query, main: Block, names: Sequence[str]) -> Iterator[tuple[int, bool]]:
    """Yield the shown columns that the outermost query sorts by: their position, and whether they descend."""
    order = tree.args.get("order") or main.select.args.get("order")
    items = main.select.expressions
    folded = [name.casefold() for name in names]
    for ordered in order.expressions if order is not None else ():
        key, descends = ordered.this, bool(ordered.args.get("desc"))
        place = None
        if isinstance(key, exp.Literal) and key.is_int:
            place = int(key.name) - 1
        elif isinstance(key, exp.Column) and key.name.casefold() in folded:
            place = folded.index(key.name.casefold())
        elif isinstance(key, exp.Var) and key.name.lower() == "all":
            yield from ((at, descends) for at in range(len(names)))
            return
        elif len(items) == len(names):
            place = next((at for at, item in enumerate(items) if item.unalias() == key), None)
        if place is None or not 0 <= place < len(names):
            # This key is not shown, so the keys after it only sort rows within it.
            return
        yield place, descends


def _read_limit(tree: exp.Query) -> int | None:
    limit = tree.args.get("limit")
    value = limit.expression if isinstance(limit, exp.Limit) else None
    return int(value.name) if isinstance(value, exp.Literal) and value.is_int else None

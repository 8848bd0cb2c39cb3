"""Find traps at the end of a result: rows cut without an order, ties at the cut, and an unfinished last period."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, StoredColumn, find_stored
from nl2sql.answer.plain_tree import name_function
from nl2sql.answer.traps.ran_query import (
    RanQuery,
    is_correlated,
    list_group_keys,
    make_call,
)
from nl2sql.schema.identifiers import quote, quote_table

_MAX_ROWS: Final = 100_000
# From the coarsest to the finest.
_UNITS: Final = ("year", "quarter", "month", "week")
_MARKS: Final = {"%Y": "year", "%y": "year", "%m": "month", "%b": "month", "%B": "month", "%U": "week", "%W": "week"}
_MAX_EARLIER_PERIODS: Final = 4
_MIN_EARLIER_PERIODS: Final = 2


def find_limit_without_order(ran: RanQuery) -> Iterator[str]:
    """Find LIMIT without ORDER BY, which takes arbitrary rows.

    Precondition: the query gives more rows than the limit, as counted. `SELECT name FROM customers LIMIT 5` may show
    others tomorrow.
    """
    for block in ran.blocks:
        limit = _find_limit(block.select)
        if limit is None or block.select.args.get("order") is not None or block.role == "condition":
            continue
        beyond = _drop_limit(block.select, ran, block)
        if beyond is None:
            continue
        beyond = beyond.limit(limit + 1, copy=False)
        found = ran.fetch_row(ran.wrap_query(beyond, "count(*)"))
        if found and int(found[0]) > limit:
            rows = f"any {limit:,} of them are" if limit > 1 else "any one of them is"
            yield f"there are more than {limit:,} rows and no order: {rows} shown"


def find_cut_ties(ran: RanQuery) -> Iterator[str]:
    """Find rows with equal sort keys on both sides of a LIMIT.

    Precondition: the last row shown and the first one cut have the same keys of ORDER BY, as looked up. `ORDER BY total
    DESC LIMIT 1` shows one of two customers with the highest total.
    """
    for block in ran.blocks:
        limit = _find_limit(block.select)
        order = block.select.args.get("order")
        if limit is None or limit < 1 or order is None or block.role == "condition":
            continue
        keys = [_resolve_key(block, ordered.this) for ordered in order.expressions]
        whole = _drop_limit(block.select, ran, block)
        if whole is None or any(key is None for key in keys) or block.select.args.get("distinct") is not None:
            continue
        # The shown columns stay: the query may be grouped by their names, their positions or ALL.
        named = [exp.alias_(key.copy(), _name_key(at)) for at, key in enumerate(keys) if key is not None]
        whole.set("expressions", [*whole.expressions, *named])
        whole.set("order", exp.Order(expressions=[_order_by_key(o, at) for at, o in enumerate(order.expressions)]))
        pair = ran.wrap_query(
            whole.copy().limit(2, copy=False).offset(limit - 1, copy=False), *map(_name_key, range(len(keys)))
        )
        rows = ran.fetch_rows(pair) if pair is not None else None
        if rows and len(rows) == 2 and rows[0] == rows[1]:
            yield _describe_ties(ran, whole, rows[0], limit)


def _describe_ties(ran: RanQuery, whole: exp.Select, keys: Sequence[Any], limit: int) -> str:
    """Return the message about rows with these keys, of which only some are shown."""
    whole.set("order", None)
    probe = ran.wrap_query(whole.limit(_MAX_ROWS, copy=False), "count(*)")
    equal = [_compare_key(at, key) for at, key in enumerate(keys)]
    counted = None
    if probe is not None and all(condition is not None for condition in equal):
        counted = ran.fetch_row(probe.where(*equal, copy=False))
    rows = f"{int(counted[0]):,} rows" if counted and int(counted[0]) > 1 else "several rows"
    if limit == 1:
        return f"{rows} share the first place by the order, and LIMIT 1 shows one of them"
    return f"{rows} are equal by the order where LIMIT {limit} cuts, and only some of them are shown"


def _compare_key(at: int, value: object) -> exp.Expr | None:
    """Make the condition that the key of that position has the value; None where that is not exact."""
    key = exp.column(_name_key(at))
    if value is None:
        return exp.Is(this=key, expression=exp.Null())
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return exp.EQ(this=key, expression=exp.Literal.number(str(value)))
    if isinstance(value, str):
        return exp.EQ(this=key, expression=exp.Literal.string(value))
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return exp.EQ(this=key, expression=_cast_to_date(exp.Literal.string(value.isoformat())))
    return None


def _find_limit(select: exp.Select) -> int | None:
    limit = select.args.get("limit")
    value = limit.expression if isinstance(limit, exp.Limit) else None
    if select.args.get("offset") is not None:
        return None
    return int(value.name) if isinstance(value, exp.Literal) and value.is_int else None


def _drop_limit(select: exp.Select, ran: RanQuery, block: Block) -> exp.Select | None:
    """Return the SELECT without its LIMIT; None where it depends on one around it."""
    if is_correlated(block):
        return None
    keeps = ("group", "having", "qualify", "distinct", "windows")
    return ran.probe_rows(block, select.expressions, keeps=keeps)


def _resolve_key(block: Block, node: exp.Expr) -> exp.Expr | None:
    """Return a key of ORDER BY as an expression over what the SELECT reads."""
    items = block.select.expressions
    if isinstance(node, exp.Literal):
        at = int(node.name) - 1 if node.is_int else -1
        return items[at].unalias() if 0 <= at < len(items) else None
    if isinstance(node, exp.Var):
        return None
    if isinstance(node, exp.Column) and not node.table:
        return block.find_aliased(node.name) or node
    aliases = {item.alias.lower() for item in items if isinstance(item, exp.Alias)}
    named = [column for column in node.find_all(exp.Column) if not column.table and column.name.lower() in aliases]
    return None if named else node


def _order_by_key(ordered: exp.Ordered, at: int) -> exp.Ordered:
    copy = ordered.copy()
    copy.set("this", exp.column(_name_key(at)))
    return copy


def _name_key(at: int) -> str:
    """Return the alias of a sort key in a probe; no column is likely to have this name."""
    return f"sort_key_{at}"


def find_unfinished_period(ran: RanQuery) -> Iterator[str]:
    """Find trends whose last period is not over in the data.

    Precondition: the rows are grouped by a part of a stored date, the last group is the period of the column's latest
    date, and in the periods before the data went on visibly longer. `GROUP BY date_trunc('month', day)` shows a fall in
    a month with 7 of 31 days.
    """
    for block in ran.blocks:
        periods: dict[str, tuple[exp.Expr, StoredColumn, list[str]]] = {}
        for key in list_group_keys(block):
            if (found := _find_period(key, block)) is not None:
                column, stored, units = found
                periods.setdefault(f"{stored.table.name}.{stored.column.name}", (column, stored, []))[2].extend(units)
        for column, stored, units in periods.values():
            unit = max(units, key=_UNITS.index)
            text = _describe_period(ran, block, column, stored, unit)
            if text:
                yield text


def _find_period(key: exp.Expr, block: Block) -> tuple[exp.Expr, StoredColumn, list[str]] | None:
    """Return the date and the units of time that a grouping key makes of it."""
    while isinstance(key, exp.Cast):
        key = key.this
    name = name_function(key)
    arguments = key.expressions if name else []
    units: list[str] = []
    dates = arguments
    if name in ("date_trunc", "datetrunc", "date_part", "datepart") and len(arguments) == 2:
        units, dates = [arguments[0].name.lower()], arguments[1:]
    elif name in ("strftime", "year", "month", "quarter", "week", "yearweek", "last_day"):
        text = next((argument.name for argument in arguments if isinstance(argument, exp.Literal)), "")
        units = [unit for mark, unit in _MARKS.items() if mark in text] if name == "strftime" else [name]
        units = ["month"] if name == "last_day" else ["week"] if name == "yearweek" else units
        units = [] if "%d" in text or "%j" in text else units
        dates = [argument for argument in arguments if not isinstance(argument, exp.Literal)]
    units = [unit for unit in units if unit in _UNITS]
    date = dates[0] if len(dates) == 1 else None
    while isinstance(date, exp.Cast):
        date = date.this
    stored = find_stored(date, block)
    if date is None or not units or stored is None or not stored.column.is_temporal:
        return None
    return date, stored, units


def _describe_period(ran: RanQuery, block: Block, column: exp.Expr, stored: StoredColumn, unit: str) -> str:
    latest = _read_date(stored.column.maximum)
    if latest is None:
        return ""
    first, days = _measure_period(latest, unit)
    covered = (latest - first).days + 1
    margin = max(2, days // 10)
    if days - covered < margin:
        return ""
    shown = ran.fetch_row(ran.probe_rows(block, [_cast_to_date(make_call("max", column))]))
    if not shown or shown[0] is None or _measure_period(_convert_to_day(shown[0]), unit)[0] != first:
        return ""
    before = ran.fetch_rows(_probe_earlier_ends(stored, unit, first))
    ends = [
        (_convert_to_day(row[1]) - _measure_period(_convert_to_day(row[1]), unit)[0]).days + 1 for row in before or ()
    ]
    if len(ends) < _MIN_EARLIER_PERIODS or min(ends) < covered + margin:
        return ""
    return (
        f"the last {unit}, {_name_period(first, unit)}, is not over in the data: "
        f"{stored.table.name}.{stored.column.name} ends on {latest.day} {calendar.month_name[latest.month]} "
        f"{latest.year}, {covered} of its {days} days"
    )


def _probe_earlier_ends(stored: StoredColumn, unit: str, first: dt.date) -> exp.Select:
    """Make a probe for the last days of the earlier periods."""
    name = exp.column(exp.to_identifier(stored.column.name, quoted=quote(stored.column.name) != stored.column.name))
    table = exp.to_table(quote_table(stored.table), dialect="duckdb")
    start = exp.Cast(this=exp.Literal.string(first.isoformat()), to=exp.DataType.build("DATE"))
    period = make_call("date_trunc", exp.Literal.string(unit), name)
    probe = exp.Select(expressions=[period, _cast_to_date(make_call("max", name))])
    probe = probe.from_(table).where(exp.LT(this=name.copy(), expression=start)).group_by(exp.Literal.number(1))
    return probe.order_by(exp.Ordered(this=exp.Literal.number(1), desc=True)).limit(_MAX_EARLIER_PERIODS)


def _cast_to_date(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType.build("DATE"))


def _convert_to_day(value: object) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else dt.date.min


def _read_date(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def _measure_period(day: dt.date, unit: str) -> tuple[dt.date, int]:
    """Return the first day of the period around a day, and its number of days."""
    if unit == "week":
        return day - dt.timedelta(days=day.weekday()), 7
    month = {"year": 1, "quarter": (day.month - 1) // 3 * 3 + 1}.get(unit, day.month)
    first = dt.date(day.year, month, 1)
    months = {"year": 12, "quarter": 3}.get(unit, 1)
    after = (month - 1 + months) // 12
    last = dt.date(day.year + after, (month - 1 + months) % 12 + 1, 1)
    return first, (last - first).days


def _name_period(first: dt.date, unit: str) -> str:
    if unit == "year":
        return str(first.year)
    if unit == "quarter":
        return f"Q{(first.month + 2) // 3} {first.year}"
    if unit == "week":
        return f"from {first.day} {calendar.month_name[first.month]} {first.year}"
    return f"{calendar.month_name[first.month]} {first.year}"

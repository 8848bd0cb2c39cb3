"""What the SQL does, in sentences made from its syntax tree and not by a model.

It describes the outermost query, and names what stands below it. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

_SHOWN: Final = 8
_JOIN_KINDS: Final = {
    "LEFT": "keeping rows without a match",
    "RIGHT": "keeping rows without a match",
    "FULL": "keeping rows without a match on either side",
    "ANTI": "keeping only rows without a match",
    "SEMI": "keeping only rows with a match",
    "CROSS": "every pair",
}


def read(sql: str, dialect: str) -> tuple[str, ...]:
    """Sentences about checked SQL; empty where sqlglot cannot parse it."""
    try:
        tree = parse_one(sql, read=dialect)
    except SqlglotError:
        return ()
    tree = tree.unnest() if isinstance(tree, exp.Subquery) else tree
    lines: list[str] = []
    if with_ := tree.args.get("with_"):
        names = ", ".join(cte.alias for cte in with_.expressions)
        lines.append(f"Works out {names} first.")
    if isinstance(tree, exp.SetOperation):
        lines.append(f"Combines {_count_of_selects(tree)} queries ({_operations(tree)}).")
    elif isinstance(tree, exp.Select):
        lines += _of_select(tree, dialect)
    lines += _of_order(tree, dialect)
    return tuple(lines)


def _of_select(select: exp.Select, dialect: str) -> Iterator[str]:
    if source := select.args.get("from_"):
        yield f"Reads {_source(source.this)}{''.join(_join(join, dialect) for join in select.args.get('joins') or [])}."
    if where := select.args.get("where"):
        yield f"Keeps rows where {where.this.sql(dialect=dialect)}."
    group = select.args.get("group")
    keys = [key.sql(dialect=dialect) for key in _group_keys(select, group)] if group else []
    aggregates = [item.sql(dialect=dialect) for item in select.expressions if _aggregates(item)]
    if keys:
        yield f"One row for each {', '.join(keys[:_SHOWN])}."
    elif aggregates:
        yield "One row over all of them."
    if select.args.get("distinct"):
        yield "Shows each distinct row once."
    if having := select.args.get("having"):
        yield f"Keeps groups where {having.this.sql(dialect=dialect)}."
    if qualify := select.args.get("qualify"):
        yield f"Then keeps rows where {qualify.this.sql(dialect=dialect)}."


def _source(source: exp.Expr) -> str:
    if isinstance(source, exp.Table):
        return source.name or source.sql()
    return f"a subquery ({source.alias})" if source.alias else "a subquery"


def _join(join: exp.Join, dialect: str) -> str:
    kind = (join.side or join.kind or "").upper()
    note = f" ({_JOIN_KINDS[kind]})" if kind in _JOIN_KINDS else ""
    condition = join.args.get("on")
    using = ", ".join(column.name for column in join.args.get("using") or [])
    on = f" on {condition.sql(dialect=dialect)}" if condition else f" by {using}" if using else ""
    return f", joined to {_source(join.this)}{on}{note}"


def _group_keys(select: exp.Select, group: exp.Group) -> Iterator[exp.Expr]:
    """The grouping expressions, positions and ALL resolved to what is selected."""
    if group.args.get("all"):
        yield from (item.unalias() for item in select.expressions if not _aggregates(item))
    for key in group.expressions:
        position = int(key.this) if isinstance(key, exp.Literal) and key.is_int else 0
        yield select.expressions[position - 1].unalias() if 0 < position <= len(select.expressions) else key


def _aggregates(item: exp.Expr) -> bool:
    return any(found.find_ancestor(exp.Window) is None for found in item.find_all(exp.AggFunc))


def _of_order(tree: exp.Expr, dialect: str) -> Iterator[str]:
    limit = tree.args.get("limit")
    if order := tree.args.get("order"):
        keys = ", ".join(_order_key(key, dialect) for key in order.expressions)
        yield f"Sorted by {keys}."
    if isinstance(limit, exp.Limit):
        yield f"Only the first {limit.expression.sql(dialect=dialect)}."


def _order_key(key: exp.Expr, dialect: str) -> str:
    text = key.this.sql(dialect=dialect)
    return f"{text}, largest first" if key.args.get("desc") else text


def _count_of_selects(tree: exp.Expr) -> int:
    if isinstance(tree, exp.SetOperation):
        return _count_of_selects(tree.left) + _count_of_selects(tree.right)
    return 1


def _operations(tree: exp.Expr) -> str:
    return ", ".join(sorted({node.key.upper() for node in tree.find_all(exp.SetOperation)}))

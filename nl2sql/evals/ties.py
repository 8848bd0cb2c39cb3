"""Find what a gold query leaves open: rows that its ORDER BY does not separate, in their order and at its LIMIT.

The gold itself shows which rows tie: run with the rank of each row by its ORDER BY, and with all rows of the last rank.
Ties inside a query are tried: with further keys after its own, the gold returns another order of its ties. It runs no
SQL; it writes the queries, and compares the rows that they return.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.evals.cell_equality import Cell, is_same_cell, loosen_cell, make_sort_key, normalize_cell

Row = tuple[Cell, ...]

_RANK: Final = "rank_of_the_row"
_MAX_TRIES: Final = 5_000
_MAX_COLUMNS: Final = 64
_SHUFFLE_COUNT: Final = 6
_PICKING: Final = ("RowNumber", "FirstValue", "LastValue", "NthValue", "Lag", "Lead", "Ntile")


@dataclass(frozen=True, slots=True)
class TieQuery:
    """SQL that returns the gold's rows in order, with their rank as the last column.

    `skip` and `take` are how many rows the gold skips and takes; `take` is None where it has no LIMIT.
    """

    sql: str
    skip: int = 0
    take: int | None = None


@dataclass(frozen=True, slots=True)
class TieGroup:
    """Rows that tie, of which a right result has `kept_count`, at its places from `start` on."""

    start: int
    kept_count: int
    rows: tuple[Row, ...]


def write_tie_query(gold_sql: str) -> TieQuery | None:
    """Return the query that shows the ties of a gold query; None without a plain ORDER BY or LIMIT."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree: Any = sqlglot.parse_one(gold_sql, read="duckdb")
    except (SqlglotError, RecursionError):
        return None
    while isinstance(tree, exp.Subquery | exp.Paren) and not any(tree.args.get(key) for key in ("order", "limit")):
        tree = tree.this
    if not isinstance(tree, exp.Query):
        return None
    order, limit, offset = (tree.args.get(key) for key in ("order", "limit", "offset"))
    if order is None and limit is None:
        return None
    skip, take = _read_number(offset), _read_number(limit)
    if (offset is not None and skip is None) or (limit is not None and take is None):
        return None
    keys = [] if order is None else _list_keys(tree, order.expressions)
    if keys is None or (tree.args.get("distinct") and tree.args["distinct"].args.get("on")):
        return None
    last_rank = None if take is None else (skip or 0) + take
    return TieQuery(_rank_rows(tree.copy(), keys, last_rank).sql(dialect="duckdb"), skip or 0, take)


def _rank_rows(tree: Any, keys: Sequence[Any], last_rank: int | None) -> Any:
    """Return the query without its order and limit, with the rank of each row by the keys, up to the last rank."""
    from sqlglot import exp

    for name in ("order", "limit", "offset"):
        tree.set(name, None)
    window = exp.Window(this=exp.func("rank"), order=exp.Order(expressions=keys) if keys else None)
    rank: Any = exp.alias_(window if keys else exp.Literal.number(1), _RANK)
    with_, inner = tree.args.get("with_"), tree
    if not _is_wrapped(tree):
        tree.set("expressions", [*tree.expressions, rank])
    else:
        tree.set("with_", None)
        inner = exp.select("*", rank).from_(exp.Subquery(this=tree, alias=exp.TableAlias(this=exp.to_identifier("q"))))
    with_ = with_.copy() if with_ is not None else None
    inner.set("with_", None)
    outer = exp.select("*").from_(exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("r"))))
    if last_rank is not None:
        outer = outer.where(f"{_RANK} <= {last_rank}")
    outer = outer.order_by(_RANK)
    if with_ is not None:
        outer.set("with_", with_)
    return outer


def _is_wrapped(tree: Any) -> bool:
    """Return whether the query must be a subquery to be ranked: its own FROM lacks the rows that it returns."""
    from sqlglot import exp

    return not isinstance(tree, exp.Select) or bool(tree.args.get("distinct") or tree.args.get("qualify"))


def _read_number(clause: Any) -> int | None:
    """Return the whole number of a LIMIT or OFFSET."""
    from sqlglot import exp

    value = clause.expression if clause is not None else None
    return int(value.name) if isinstance(value, exp.Literal) and value.is_int else None


def _list_keys(tree: Any, ordered: Sequence[Any]) -> list[Any] | None:
    """Return the keys that rows are ordered by, as they can stand beside the columns; None where they cannot."""
    from sqlglot import exp

    wraps, items = _is_wrapped(tree), list(tree.selects)
    keys = []
    for item_order in ordered:
        key = item_order.copy()
        position = int(key.this.name) if isinstance(key.this, exp.Literal) and key.this.is_int else 0
        named = key.this.name.lower() if isinstance(key.this, exp.Column) and not key.this.table else ""
        found = next((item for item in items if named and item.alias_or_name.lower() == named), None)
        if position:
            if position > len(items) or any(item.is_star for item in items[:position]):
                return None
            found = items[position - 1]
        if wraps:
            name = found.alias_or_name if found is not None else named
            if not name:
                return None
            key.set("this", exp.column(exp.to_identifier(name, quoted=True)))
        elif found is not None:
            key.set("this", found.unalias().copy())
        keys.append(key)
    return keys


def write_variants(gold_sql: str) -> tuple[str, ...]:
    """Return the gold with the ties inside it in other orders; none where nothing inside it picks rows by an order."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    def vary(number: int) -> str:
        tree: Any = sqlglot.parse_one(gold_sql, read="duckdb")
        found = False
        for order in list(tree.find_all(exp.Order)):
            select = order.find_ancestor(exp.Select)
            if select is not None and (breakers := _list_tie_breakers(order, select, tree)):
                found = True
                for key in _write_tie_breakers(breakers, number):
                    order.append("expressions", key)
        return tree.sql(dialect="duckdb") if found else ""

    try:
        return tuple(filter(None, map(vary, range(_SHUFFLE_COUNT + 2))))
    except (SqlglotError, RecursionError):
        return ()


def _list_tie_breakers(order: Any, select: Any, tree: Any) -> list[Any]:
    """Return keys that can follow those of an ORDER BY inside the query that picks rows; none for any other."""
    from sqlglot import exp

    window = order.parent if isinstance(order.parent, exp.Window) else None
    if window is not None:
        if type(window.this).__name__ not in _PICKING:
            return []
    elif order.parent is not select or select is tree.unnest() or not select.args.get("limit"):
        return []
    items = [item.unalias() for item in select.selects]
    if any(item.is_star for item in items):
        sources = [
            table.alias_or_name for table in select.find_all(exp.Table, exp.Subquery) if table.parent_select is select
        ]
        return [exp.column(name) for name in sources if name]
    return [
        item.copy() for item in items if isinstance(item, exp.Column) or (window is None and not item.find(exp.Window))
    ]


def _write_tie_breakers(breakers: Sequence[Any], number: int) -> list[Any]:
    """Return keys that order by these values: ascending, descending, or shuffled by that number."""
    from sqlglot import exp

    if number < 2:
        return [exp.Ordered(this=breaker.copy(), desc=number == 1, nulls_first=number == 0) for breaker in breakers]
    texts = [exp.cast(breaker.copy(), "VARCHAR") for breaker in breakers]
    salted = exp.func("concat_ws", exp.Literal.string("|"), *texts, exp.Literal.string(str(number)))
    return [exp.Ordered(this=exp.func("md5", salted), desc=False, nulls_first=True)]


def list_groups(rows: Sequence[Sequence[Any]], query: TieQuery) -> tuple[TieGroup, ...]:
    """Return the groups of ties that a right result has rows of, from the rows of a tie query."""
    groups: list[TieGroup] = []
    end = len(rows) if query.take is None else min(len(rows), query.skip + query.take)
    at = 0
    while at < len(rows):
        last = at
        while last < len(rows) and rows[last][-1] == rows[at][-1]:
            last += 1
        begin, stop = max(at, query.skip), min(last, end)
        if begin < stop:
            tied = tuple(tuple(map(normalize_cell, row[:-1])) for row in rows[at:last])
            groups.append(TieGroup(begin - query.skip, stop - begin, tied))
        at = last
    return tuple(groups)


def loosen_groups(groups: Sequence[TieGroup]) -> tuple[TieGroup, ...]:
    """Return the groups with their cells as the lenient score compares them."""
    return tuple(TieGroup(g.start, g.kept_count, tuple(tuple(map(loosen_cell, row)) for row in g.rows)) for g in groups)


def has_matching_order(predicted: Sequence[Row], groups: Sequence[TieGroup], *, wider: bool = False) -> bool:
    """Return whether the rows are those of a gold query in an order that it leaves open, with its columns in any order.

    `wider` allows further columns. False where a bounded search finds no pairing of columns.
    """
    if sum(group.kept_count for group in groups) != len(predicted) or not groups:
        return False
    width, own = len(predicted[0]), len(groups[0].rows[0])
    if width < own or (width > own and not wider) or width > _MAX_COLUMNS:
        return False
    gold = [[tuple(row[i] for row in group.rows) for group in groups] for i in range(own)]
    pairs: list[list[list[tuple[Cell, ...]]]] = []
    for column in gold:
        alike = []
        for j in range(width):
            pieces = [tuple(row[j] for row in predicted[g.start : g.start + g.kept_count]) for g in groups]
            pieces = [_snap_to_stored(piece, stored) for piece, stored in zip(pieces, column, strict=True)]
            alike.append(pieces if all(map(_is_part, pieces, column)) else [])
        pairs.append(alike)
    tries = iter(range(_MAX_TRIES))
    return any(_pair_columns(pairs, gold, (), tries))


def _pair_columns(
    pairs: Sequence[Sequence[list[tuple[Cell, ...]]]],
    gold: Sequence[list[tuple[Cell, ...]]],
    taken: tuple[int, ...],
    tries: Iterator[int],
) -> Iterator[bool]:
    """Yield True for each way to pair the gold's columns with others so that each group's rows are among its ties."""
    if len(taken) == len(gold):
        yield True
        return
    first = len(taken)
    for j in sorted(range(len(pairs[first])), key=lambda j: (j != first, j)):
        if j in taken or not pairs[first][j]:
            continue
        if next(tries, None) is None:
            return
        some = (*taken, j)
        groups = range(len(gold[0]))
        if all(
            _is_part(
                list(zip(*(pairs[i][k][at] for i, k in enumerate(some)), strict=True)),
                list(zip(*(gold[i][at] for i in range(len(some))), strict=True)),
            )
            for at in groups
        ):
            yield from _pair_columns(pairs, gold, some, tries)


def _snap_to_stored(cells: Sequence[Cell], stored: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return the cells, each replaced by the gold's cell that equals it within rounding."""
    known = set(stored)
    others = sorted(known, key=make_sort_key)
    keys = list(map(make_sort_key, others))

    def find(cell: Cell) -> Cell:
        at = bisect_left(keys, make_sort_key(cell))
        return next((other for other in others[max(0, at - 1) : at + 2] if is_same_cell(cell, other)), cell)

    return tuple(cell if cell in known else find(cell) for cell in cells)


def _is_part(some: Sequence[Any], whole: Sequence[Any]) -> bool:
    """Return whether the whole has each item at least as often."""
    return not Counter(some) - Counter(whole)

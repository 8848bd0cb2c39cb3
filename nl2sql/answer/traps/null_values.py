"""Find NULLs that change a query's meaning: in the list of NOT IN, and in a counted column."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, find_stored, walk_own_nodes
from nl2sql.answer.plain_tree import name_function
from nl2sql.answer.traps.ran_query import (
    RanQuery,
    count_rows,
    find_argument,
    list_aggregates,
    make_call,
    make_count,
    may_be_null,
    name_column,
)
from nl2sql.schema.value_index import fold_text

_OF_NO_ROW: Final = "so it is true of no row"
# The clauses that decide which rows a SELECT gives.
_ROWS_OF: Final = ("group", "having", "qualify", "windows", "distinct", "order", "limit", "offset")


def find_nulls_in_not_in(ran: RanQuery) -> Iterator[str]:
    """Find NOT IN with a list that holds NULL: the condition is then true of no row.

    Precondition: the list is a query of its own, which gives NULLs as counted, or holds a NULL as written. `SELECT name
    FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)` gives nothing where an order has no customer.
    """
    for block in ran.blocks:
        for condition in block.list_conditions():
            for node in walk_own_nodes(condition):
                if isinstance(node, exp.Not) and isinstance(node.this, exp.In):
                    yield from _find_in_members(ran, node.this)


def _find_in_members(ran: RanQuery, members: exp.In) -> Iterator[str]:
    query = members.args.get("query")
    if query is None:
        if any(isinstance(member, exp.Null) for member in members.expressions):
            yield f"the list of NOT IN holds NULL, {_OF_NO_ROW}: leave it out"
        return
    inner = [
        block for block in ran.blocks if block.select.find_ancestor(exp.In) is members and _is_row_source(block, query)
    ]
    for block in inner:
        item = block.select.expressions[0].unalias() if block.select.expressions else None
        if item is None:
            continue
        stored = find_stored(item, block)
        if stored is not None and not stored.relation.is_optional and not may_be_null(stored.table, stored.column):
            continue
        found = ran.fetch_row(_count_nulls(ran, block))
        if found and found[0]:
            name, rows = name_column(block, item), count_rows(int(found[0]))
            yield f"{name} is empty in {rows} of the list that NOT IN compares with, {_OF_NO_ROW}"


def _count_nulls(ran: RanQuery, block: Block) -> exp.Select | None:
    """Make a probe that counts the NULLs among the rows of a SELECT of one column."""
    item = block.select.expressions[0]
    name = item.alias_or_name or "value"
    inner = ran.probe_rows(block, [item if item.alias_or_name else exp.alias_(item.copy(), name)], keeps=_ROWS_OF)
    probe = ran.wrap_query(inner, "count(*)")
    is_null = exp.Is(this=exp.column(exp.to_identifier(name, quoted=True)), expression=exp.Null())
    return probe.where(is_null, copy=False) if probe is not None else None


def _is_row_source(block: Block, query: exp.Expr) -> bool:
    """Return whether the SELECT is the query in parentheses itself, or one of those that UNION combines."""
    node: exp.Expr | None = block.select.parent
    while isinstance(node, exp.Union):
        node = node.parent
    return node is query or (isinstance(node, exp.Subquery) and node.parent is query)


def find_uncounted_nulls(ran: RanQuery) -> Iterator[str]:
    """Find COUNT of a column that skips rows where the column is NULL.

    Precondition: a stored column of a table that every row has, with NULLs among the rows counted, and the question
    does not name it. `SELECT count(store_id) FROM orders` counts only orders of a store.
    """
    for block in ran.blocks:
        reported: set[str] = set()
        for call in list_aggregates(block):
            argument = find_argument(call) if name_function(call) == "count" else None
            stored = find_stored(argument, block)
            if argument is None or stored is None or _may_be_missing(stored.relation, block):
                continue
            if not may_be_null(stored.table, stored.column) or _is_named(stored.column.name, ran.question):
                continue
            found = ran.fetch_row(ran.probe_rows(block, [make_count(), make_call("count", argument)]))
            name = name_column(block, argument)
            if found and found[0] != found[1] and name not in reported:
                reported.add(name)
                total, present = int(found[0]), int(found[1])
                rest = f"it is empty in the other {total - present:,}"
                yield f"count({name}) counts {present:,} of {total:,} rows: {rest}"


def _may_be_missing(relation: object, block: Block) -> bool:
    """Return whether an outer join gives rows without the table."""
    return any(
        entry.join is not None
        and ((entry.join.side or "").upper() in ("RIGHT", "FULL") or (entry is relation and entry.join.side))
        for entry in block.relations
    )


def _is_named(column: str, question: str) -> bool:
    """Return whether the question has a word of the column's name; endings do not count."""
    words = list(re.findall(r"[^\W\d_]{4,}", fold_text(question)))
    stems = [part[:5] for part in re.findall(r"[^\W\d_]{4,}", fold_text(column))]
    return any(word.startswith(stem) for word in words for stem in stems)

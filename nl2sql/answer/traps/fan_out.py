"""Joins that change how often a row counts: rows that are repeated before they are added up, and rows that drop out.

Reported only where the data has such rows; which of two readings was meant is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, Relation, list_columns
from nl2sql.answer.plain_tree import name_function, split_conjunction
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.answer.traps.ran_query import (
    RanQuery,
    find_argument,
    find_determined_relations,
    find_key,
    is_aggregated,
    list_aggregates,
    list_equalities,
    list_group_keys,
    list_joining_relations,
    make_call,
    make_count,
    make_relation_column,
    name_relation,
)
from nl2sql.schema.identifiers import quote, quote_table
from nl2sql.types import Table

_ADDING: Final = frozenset({"sum", "avg", "mean", "count", "fsum", "favg"})
_AVERAGES: Final = frozenset({"avg", "mean", "favg"})
_SUMS: Final = frozenset({"sum", "fsum"})


def find_fan_out(ran: RanQuery) -> Iterator[str]:
    """Find joins that repeat rows before SUM, AVG or COUNT adds them up.

    Precondition: the aggregate is over columns of entries of FROM for which another entry has several rows each, within
    one group, as counted under the query's own conditions. `SELECT sum(o.total) FROM orders AS o JOIN order_items AS i
    USING (order_id)` counts an order's total once for each of its items. `count(*)`, `count(DISTINCT …)`, `min` and
    `max` are not affected; nor is a count per row of the same table, or of what is grouped by: it means the matches.
    """
    for block in ran.blocks:
        if len(list_joining_relations(block)) < 2:
            continue
        reported: set[str] = set()
        for call in list_aggregates(block):
            relations = _list_added_relations(call, block) if name_function(call) in _ADDING else []
            if not relations or _is_counting_matches(call, relations, block):
                continue
            covered = find_determined_relations(block, relations)
            repeating = [
                relation
                for relation in list_joining_relations(block)
                if not any(relation is other for other in covered)
            ]
            if not repeating:
                continue
            text = _describe_repetition(ran, block, call, relations, repeating)
            if text and text not in reported:
                reported.add(text)
                yield text


def _list_added_relations(call: exp.Anonymous, block: Block) -> list[Relation]:
    """Return the entries of FROM whose values the aggregate adds up; empty where that is not known.

    Conditions within the value, as in `sum(CASE WHEN … THEN 1 END)`, only select rows.
    """
    argument = find_argument(call)
    if argument is None:
        return []
    found: list[Relation] = []
    for column in _list_values(argument):
        relation = block.find_relation(column)
        if relation is None or not any(relation is own for own in block.relations):
            return []
        if not any(relation is known for known in found):
            found.append(relation)
    return found


def _list_values(node: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns that the value is computed from."""
    if isinstance(node, exp.Case):
        for branch in node.args["ifs"]:
            yield from _list_values(branch.args["true"])
        if node.args.get("default") is not None:
            yield from _list_values(node.args["default"])
    elif name_function(node) == "if" and len(node.expressions) == 3:
        for part in node.expressions[1:]:
            yield from _list_values(part)
    elif isinstance(node, exp.Predicate):
        return
    elif isinstance(node, exp.Column):
        yield node
    else:
        for child in node.iter_expressions():
            if not isinstance(child, exp.Query):
                yield from _list_values(child)


def _is_counting_matches(call: exp.Anonymous, relations: Sequence[Relation], block: Block) -> bool:
    """Return whether each group has one row of what is counted: then its matches are meant, or all are equal."""
    if name_function(call) in _SUMS:
        return False
    if find_argument(call) in list_group_keys(block):
        return True
    grouped: dict[int, set[str]] = {}
    for node in list_group_keys(block):
        if isinstance(node, exp.Column) and (relation := block.find_relation(node)) is not None:
            grouped.setdefault(id(relation), set()).add(node.name.lower())
    start = [
        relation
        for relation in block.relations
        if (key := find_key(relation)) and set(key) <= grouped.get(id(relation), set())
    ]
    determined = find_determined_relations(block, start) if start else []
    return all(any(relation is known for known in determined) for relation in relations)


def _describe_repetition(
    ran: RanQuery,
    block: Block,
    call: exp.Anonymous,
    relations: Sequence[Relation],
    repeating: Sequence[Relation],
) -> str:
    """Return the message where rows are repeated; empty where none are, or they cannot be counted."""
    name = name_function(call)
    named = [_find_row_key(ran, block, relation) for relation in relations]
    if not all(named):
        return ""
    keys = [
        make_relation_column(relation, key) for relation, names in zip(relations, named, strict=True) for key in names
    ]
    inner = ran.probe_rows(block, [exp.alias_(make_count(), "n")])
    if inner is None:
        return ""
    present = exp.and_(*(exp.Not(this=exp.Is(this=key.copy(), expression=exp.Null())) for key in keys))
    inner = inner.where(present, copy=False).group_by(*list_group_keys(block), *keys)
    found = ran.fetch_row(ran.wrap_query(inner, "sum(n)", "count(*)", "min(n)", "max(n)"))
    if not found or not found[1] or found[0] == found[1]:
        return ""
    rows, distinct, fewest, most = (int(value) for value in found)
    if name in _AVERAGES and fewest == most:
        return ""
    repeated_names = " and ".join(dict.fromkeys(name_relation(relation) for relation in relations))
    determined = find_determined_relations(block, relations, declared=False)
    causes = [relation for relation in repeating if not any(relation is other for other in determined)] or repeating
    cause_names = " and ".join(dict.fromkeys(name_relation(relation) for relation in causes))
    times = f"{rows / distinct:.1f}" if rows / distinct >= 1.05 else f"{rows / distinct:.2f}"
    return (
        f"the join to {cause_names} repeats each row of {repeated_names} {times} times on average, "
        f"so {write_plain_sql(call)} counts {'it' if name == 'count' else 'its value'} more than once"
    )


def _find_row_key(ran: RanQuery, block: Block, relation: Relation) -> tuple[str, ...]:
    """Return the columns that identify the rows of an entry.

    Its key, a unique column of the joins, or the engine's row number; empty where there is none.
    """
    if key := find_key(relation):
        return key
    table = relation.table
    if table is None:
        return ()
    names = [left_name for left, left_name, _, _ in list_equalities(block) if left is relation]
    names += [right_name for _, _, right, right_name in list_equalities(block) if right is relation]
    for name in dict.fromkeys(names):
        column = exp.column(exp.to_identifier(name, quoted=quote(name) != name))
        distinct = make_call("count", exp.Distinct(expressions=[column]))
        probe = exp.Select(expressions=[make_count(), distinct])
        probe = probe.from_(exp.to_table(quote_table(table), dialect="duckdb"))
        found = ran.fetch_row(probe)
        if found and found[0] == found[1]:
            return (name,)
    return ("rowid",) if table.kind == "table" else ()


def find_dropped_rows(ran: RanQuery) -> Iterator[str]:
    """Find inner joins to a parent table that drop rows without a parent.

    Precondition: the join is along a key of the parent, nothing asks for a match (a condition on the parent or what it
    leads to, a group or figure of it), and rows whose key is NULL or leads nowhere are counted. `SELECT sum(o.total)
    FROM orders AS o JOIN customers AS c ON c.id = o.customer_id` drops orders without a customer.
    """
    for block in ran.blocks:
        reported: set[str] = set()
        for child, columns, parent, key in _list_lookups(block):
            if _is_asked_for(child, columns, parent, block):
                continue
            found = ran.fetch_row(_probe_orphans(ran, block, child, columns, parent, key))
            if not found or not found[1]:
                continue
            total, lost = int(found[0]), int(found[1])
            text = (
                f"{lost:,} of {total:,} rows of {name_relation(child)} have no match in {name_relation(parent)} "
                f"and are dropped by the join"
            )
            if text not in reported:
                reported.add(text)
                yield text


def _list_lookups(block: Block) -> Iterator[tuple[Relation, list[str], Relation, list[str]]]:
    """Yield the inner joins from a stored table to its parent: the child, its columns, the parent, the parent's key."""
    if any(relation.join is not None and relation.join.side for relation in block.relations):
        return
    pairs = list(list_equalities(block))
    for parent in list_joining_relations(block):
        key = list(find_key(parent)) if parent.table is not None else []
        for child in list_joining_relations(block) if key else ():
            if child is parent or child.table is None:
                continue
            by_key: dict[str, str] = {}
            for left, left_name, right, right_name in pairs:
                if left is child and right is parent:
                    by_key.setdefault(right_name.lower(), left_name)
                if right is child and left is parent:
                    by_key.setdefault(left_name.lower(), right_name)
            columns = [by_key[name] for name in key if name in by_key]
            own_key = {name.lower() for name in find_key(child)}
            is_own_key = {name.lower() for name in columns} == own_key
            if (
                len(columns) == len(key)
                and not is_own_key
                and not _is_match_certain(child.table, columns, parent.table)
            ):
                yield child, columns, parent, key


def _is_match_certain(child: Table, columns: Sequence[str], parent: Table | None) -> bool:
    """Return whether the profile shows that each row has its match."""
    known = any(
        parent is not None
        and key.target_table.lower() == parent.name.lower()
        and {name.lower() for name in key.columns} == {name.lower() for name in columns}
        and not (key.inferred and child.sampled)
        for key in child.foreign_keys
    )
    return known and all(
        (column := child.find_column(name)) is not None and (not column.nullable or column.null_fraction == 0)
        for name in columns
    )


def _is_asked_for(child: Relation, columns: Sequence[str], parent: Relation, block: Block) -> bool:
    """Return whether the query wants only rows with a match: by a condition, or as it shows nothing else."""
    beyond = _list_dependent_relations(child, parent, block)
    lowered = {name.lower() for name in columns}
    for condition in block.list_conditions():
        for column in condition.find_all(exp.Column):
            relation = block.find_relation(column)
            is_key = relation is child and column.name.lower() in lowered
            if not _is_in_equality(column) and (is_key or any(relation is known for known in beyond)):
                return True
    select = block.select
    if select.args.get("distinct") is not None or select.args.get("limit") is not None:
        return True
    shown = [*select.expressions, *list_group_keys(block)]
    named = [block.find_relation(column) for item in shown for column in item.find_all(exp.Column)]
    if is_aggregated(block):
        return any(relation is known for relation in named for known in beyond)
    return not any(relation is child for relation in named)


def _list_dependent_relations(child: Relation, parent: Relation, block: Block) -> list[Relation]:
    """Return the parent, and the entries of FROM that are joined to it and not to the child."""
    found = [parent]
    pairs = [(left, right) for left, _, right, _ in list_equalities(block)]
    for _ in block.relations:
        for left, right in pairs:
            for one, other in ((left, right), (right, left)):
                if any(one is known for known in found) and other is not child and not any(other is k for k in found):
                    found.append(other)
    return found


def _is_in_equality(column: exp.Column) -> bool:
    parent = column.parent
    return isinstance(parent, exp.EQ) and isinstance(parent.left, exp.Column) and isinstance(parent.right, exp.Column)


def _probe_orphans(
    ran: RanQuery, block: Block, child: Relation, columns: Sequence[str], parent: Relation, key: Sequence[str]
) -> exp.Select | None:
    """Make a probe that counts the rows of the child under its own conditions, and those without a match."""
    probe = ran.probe_rows(block, [make_count()])
    if probe is None:
        return None
    other = Relation("the_other", parent.node, parent.table)
    equal = [
        exp.EQ(this=make_relation_column(other, one), expression=make_relation_column(child, column))
        for one, column in zip(key, columns, strict=True)
    ]
    match = exp.select("1").where(*equal)
    match.set("from_", exp.From(this=_isolate_table(parent.node, other.alias)))
    lost = exp.Filter(this=make_count(), expression=exp.Where(this=exp.Not(this=exp.Exists(this=match))))
    where = block.select.args.get("where")
    own = [part.copy() for part in split_conjunction(where.this if where else None) if _is_about(part, child, block)]
    probe.set("expressions", [make_count(), lost])
    probe.set("from_", exp.From(this=_isolate_table(child.node, child.alias)))
    probe.set("joins", None)
    probe.set("where", exp.Where(this=exp.and_(*own)) if own else None)
    return probe


def _isolate_table(node: exp.Expr, alias: str) -> exp.Expr:
    """Return a table of FROM without what is joined to it, under that alias."""
    table = node.copy()
    table.set("joins", None)
    table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=quote(alias) != alias)))
    return table


def _is_about(condition: exp.Expr, child: Relation, block: Block) -> bool:
    """Return whether the condition is about that table alone."""
    columns = list(list_columns(condition))
    alone = all(block.find_relation(column) is child for column in columns)
    return bool(columns) and alone and condition.find(exp.Select) is None

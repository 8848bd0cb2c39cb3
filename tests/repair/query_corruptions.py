"""Breaks good queries the way small models write them: one edit each, told by its kind.

It makes texts only; whether one still binds, and what a repair makes of it, is for the caller to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp, parse_one

from nl2sql.types import Schema

KINDS = (
    "another alias",
    "no alias",
    "plural",
    "camel",
    "near spelling",
    "table name before it",
    "table_id for id",
    "join dropped",
    "join dropped, no alias",
    "group shortened",
    "double quotes",
    "table misspelled",
    "alias misspelled",
)


def corrupted(sql: str, schema: Schema) -> Iterator[tuple[str, str]]:
    """The kind and the text of every single edit of the query."""
    tree = parse_one(sql, read="duckdb")
    for number, column in enumerate(tree.find_all(exp.Column)):
        if isinstance(column.this, exp.Star):
            continue
        for kind, name, table in _column_edits(column, tree):
            copy = tree.copy()
            target = list(copy.find_all(exp.Column))[number]
            target.set("this", exp.to_identifier(name))
            target.set("table", exp.to_identifier(table) if table else None)
            yield kind, copy.sql("duckdb")
    yield from _without_a_join(tree)
    yield from _without_a_group(tree)
    for number, source in enumerate(tree.find_all(exp.Table)):
        if schema.find_table(source.name) is not None and " " not in source.name:
            copy = tree.copy()
            list(copy.find_all(exp.Table))[number].set("this", exp.to_identifier(_misspelled(source.name)))
            yield "table misspelled", copy.sql("duckdb")
    for literal in tree.find_all(exp.Literal):
        if literal.is_string and isinstance(literal.parent, exp.EQ | exp.NEQ | exp.In):
            written = "'" + str(literal.this).replace("'", "''") + "'"
            if written in sql and "''" not in written:
                yield "double quotes", sql.replace(written, f'"{literal.this}"', 1)


def _column_edits(column: exp.Column, tree: exp.Expr) -> Iterator[tuple[str, str, str]]:
    name, table = column.name, column.table
    sources = [t for t in tree.find_all(exp.Table) if t.alias]
    if table:
        for other in sorted({t.alias for t in sources} - {table}):
            yield "another alias", name, other
        yield "no alias", name, ""
        yield "alias misspelled", name, table + "x"
        owner = next((t for t in sources if t.alias == table), None)
        if owner is not None and " " not in owner.name:
            yield "table name before it", name, owner.name
    yield "plural", name[:-1] if name.endswith("s") else name + "s", table
    if "_" in name:
        yield "camel", re.sub(r"_(\w)", lambda m: m.group(1).upper(), name), table
    if len(name) > 5:
        yield "near spelling", _misspelled(name), table
    if name.endswith("_id"):
        yield "table_id for id", "id", table
    if name.endswith("_code"):
        yield "table_id for id", name.removesuffix("_code") + "_id", table


def _misspelled(name: str) -> str:
    middle = len(name) // 2
    return name[:middle] + name[middle + 1 :]


def _without_a_join(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    for number, select in enumerate(tree.find_all(exp.Select)):
        for index, join in enumerate(select.args.get("joins") or ()):
            copy = tree.copy()
            target = list(copy.find_all(exp.Select))[number]
            target.args["joins"].pop(index)
            yield "join dropped", copy.sql("duckdb")
            for column in copy.find_all(exp.Column):
                if column.table == join.alias_or_name:
                    column.set("table", None)
            yield "join dropped, no alias", copy.sql("duckdb")


def _without_a_group(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    for number, group in enumerate(tree.find_all(exp.Group)):
        for index in range(len(group.expressions)):
            copy = tree.copy()
            target = list(copy.find_all(exp.Group))[number]
            target.expressions.pop(index)
            if not target.expressions:
                target.pop()
            yield "group shortened", copy.sql("duckdb")

"""A query under repair: its tree, the schema it is about, the question's words, and what was mended so far.

The edits that several mends share are here; which edit is right is decided by them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from nl2sql.mend.joins import Path
from nl2sql.mend.scopes import Scope, Source, scopes
from nl2sql.schema.identifiers import quote
from nl2sql.types import Column, Schema, Table

_NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL")


class UnclearError(Exception):
    """More than one reading fits: the query is left as it was."""


# What a tree of a shape that nobody thought of raises: the query is then left as it is, like an unclear one.
UNSETTLED: Final = (UnclearError, RecursionError, ValueError, TypeError, AttributeError, LookupError, AssertionError)


@dataclass(frozen=True, slots=True)
class Added:
    """Joins that were added to a SELECT. `many`: several of their rows may belong to one row of what was there."""

    select: exp.Select
    joins: tuple[exp.Join, ...]
    aliases: tuple[str, ...]
    many: bool


@dataclass(slots=True)
class Query:
    """`done` holds a line for each mend, as the answer's steps show it; `added` the joins that were added.

    `question` is the text asked without what follows on further lines, `asked` the words of all of it.
    """

    tree: exp.Expr
    schema: Schema
    asked: frozenset[str]
    question: str = ""
    done: list[str] = field(default_factory=list)
    added: list[Added] = field(default_factory=list)

    def scopes(self) -> list[Scope]:
        """The SELECTs as they are now."""
        return scopes(self.tree, self.schema)


def identifier(name: str) -> exp.Identifier:
    """The name, quoted where it must be."""
    return exp.to_identifier(name, quoted=quote(name) != name)


def place(column: exp.Column, source: Source, name: str | None = None) -> None:
    """Make the column one of that source, under another name where one is given."""
    if name is not None and name.lower() != column.name.lower():
        _keep_label(column)
        column.set("this", identifier(name))
    column.set("table", identifier(source.alias))


def _keep_label(column: exp.Column) -> None:
    """The result's column keeps the name that the query gave it where it is a bare one."""
    parent = column.parent
    if isinstance(parent, exp.Select) and column.arg_key == "expressions":
        label = exp.Alias(this=exp.Null(), alias=exp.to_identifier(column.name, quoted=column.this.quoted))
        column.replace(label)
        label.set("this", column)


def column_of(source: Source, name: str) -> Column | None:
    """The schema's column behind a source's name."""
    return source.table.column(name) if source.table is not None else None


def owner(scope: Scope, column: exp.Column) -> tuple[Source, Column] | None:
    """The source and the schema's column that a column refers to, where that is certain."""
    if column.table:
        source = scope.source(column.table)
    else:
        having = scope.with_column(column.name)
        source = having[0] if len(having) == 1 else None
    found = column_of(source, column.name) if source is not None else None
    return (source, found) if source is not None and found is not None else None


def is_text(column: Column) -> bool:
    """Whether the column holds text."""
    return column.type.startswith(("VARCHAR", "ENUM")) and "[" not in column.type


def is_day(column: Column) -> bool:
    """Whether the column holds days, or moments of days."""
    return column.type.startswith(("DATE", "TIMESTAMP")) and "[" not in column.type


def is_number(column: Column) -> bool:
    """Whether the column holds numbers."""
    return column.type.startswith(_NUMBERS) and not column.type.startswith(("UUID", "UNION")) and "[" not in column.type


def add_joins(query: Query, scope: Scope, path: Path, alias: str = "", *, keeps_rows: bool = False) -> Source:
    """Join the path's tables to the SELECT; returns the last one as a source.

    `alias` tells from which source to start where the first table is there twice. `keeps_rows` joins such that no
    row is lost.
    """
    select = scope.select
    starts = [s for s in scope.sources if s.table is not None and s.table.name.lower() == path[0].table.lower()]
    if len(starts) > 1:
        starts = [start for start in starts if start.alias.lower() == alias.lower()]
    if len(starts) != 1:
        raise UnclearError
    at, side, joins, aliases = starts[0], "LEFT" if keeps_rows else _side(starts[0]), [], []
    for step in path:
        table = query.schema.table(step.target)
        assert table is not None
        _qualify(query, scope, table)
        source = _joined(scope, table)
        equal = [
            exp.EQ(this=_column(at.alias, left), expression=_column(source.alias, right))
            for left, right in zip(step.columns, step.target_columns, strict=True)
        ]
        join = exp.Join(this=source.node, kind="" if side else "INNER", side=side, on=exp.and_(*equal))
        select.append("joins", join)
        scope.sources.append(source)
        joins.append(join)
        aliases.append(source.alias)
        at = source
    query.added.append(Added(select, tuple(joins), tuple(aliases), any(step.many for step in path)))
    return at


def _side(source: Source) -> str | None:
    """LEFT where the source itself may be missing from a row."""
    join = source.node.parent
    if not isinstance(join, exp.Join) or not join.side:
        return None
    if join.side.upper() != "LEFT":
        raise UnclearError
    return "LEFT"


def _joined(scope: Scope, table: Table) -> Source:
    used = {source.alias.lower() for source in scope.sources}
    database, _, name = table.name.rpartition(".")
    alias, number = name, 2
    while alias.lower() in used:
        alias, number = f"{name}_{number}", number + 1
    node = exp.Table(this=identifier(name), db=identifier(database) if database else None)
    if alias != name:
        node.set("alias", exp.TableAlias(this=identifier(alias)))
    return Source(alias, frozenset(column.name.lower() for column in table.columns), table, node)


def _column(alias: str, name: str) -> exp.Column:
    return exp.Column(this=identifier(name), table=identifier(alias))


def _qualify(query: Query, scope: Scope, table: Table) -> None:
    """Say whose the bare columns are that the new table has too, and what a star stands for."""
    around = {id(scope.select): scope}
    for inner in query.scopes():
        at: Scope | None = inner
        while at is not None and id(at.select) not in around:
            at = at.parent
        if at is None:
            continue
        for column in inner.columns:
            bare = not column.table and isinstance(column.this, exp.Identifier)
            if not bare or not table.column(column.name) or (inner.select is not scope.select and _has(inner, column)):
                continue
            having = scope.with_column(column.name)
            if len(having) == 1 or (having and uses(scope.select, column.name)):
                column.set("table", identifier(having[0].alias))
            elif not having and column.name.lower() in scope.aliases and not _orders(column):
                raise UnclearError
    stars = [e for e in scope.select.expressions if isinstance(e, exp.Star)]
    if stars and not any(star.args.get(key) for star in stars for key in ("except_", "replace", "rename")):
        kept = [
            exp.Column(this=exp.Star(), table=identifier(source.alias)) if expression is stars[0] else expression
            for expression in scope.select.expressions
            for source in (scope.sources if expression is stars[0] else scope.sources[:1])
        ]
        scope.select.set("expressions", kept)
    elif stars:
        raise UnclearError


def _has(scope: Scope, column: exp.Column) -> bool:
    """Whether an inner SELECT has the column itself."""
    return scope.is_open or bool(scope.with_column(column.name)) or column.name.lower() in scope.aliases


def _orders(column: exp.Column) -> bool:
    """Whether the name stands where a result's column comes before a table's."""
    return column.find_ancestor(exp.Order, exp.Select) is not None and isinstance(
        column.find_ancestor(exp.Order, exp.Select), exp.Order
    )


def uses(select: exp.Select, name: str) -> bool:
    """Whether some tables of the SELECT are joined USING the column."""
    joins = select.args.get("joins") or ()
    return any(used.name.lower() == name.lower() for join in joins for used in join.args.get("using") or ())

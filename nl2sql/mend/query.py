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


@dataclass(slots=True)
class Query:
    """`done` holds a line for each mend, as the answer's steps show it."""

    tree: exp.Expr
    schema: Schema
    asked: frozenset[str]
    done: list[str] = field(default_factory=list)

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
        column.replace(exp.alias_(column.copy(), column.name, quoted=column.this.quoted))


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


def is_number(column: Column) -> bool:
    """Whether the column holds numbers."""
    return column.type.startswith(_NUMBERS) and not column.type.startswith(("UUID", "UNION")) and "[" not in column.type


def add_joins(scope: Scope, path: Path, schema: Schema) -> Source:
    """Join the path's tables to the SELECT; returns the last one as a source."""
    select = scope.select
    at = next(s for s in scope.sources if s.table is not None and s.table.name.lower() == path[0].table.lower())
    for step in path:
        table = schema.table(step.target)
        assert table is not None
        _qualify(scope, table)
        source = _joined(scope, table)
        equal = [
            exp.EQ(this=_column(at.alias, left), expression=_column(source.alias, right))
            for left, right in zip(step.columns, step.target_columns, strict=True)
        ]
        select.append("joins", exp.Join(this=source.node, kind="INNER", on=exp.and_(*equal)))
        scope.sources.append(source)
        at = source
    return at


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


def _qualify(scope: Scope, table: Table) -> None:
    """Say whose the bare columns are that the new table has too, and what a star stands for."""
    for column in scope.columns:
        if not column.table and isinstance(column.this, exp.Identifier) and table.column(column.name):
            having = scope.with_column(column.name)
            if len(having) == 1:
                column.set("table", identifier(having[0].alias))
    stars = [e for e in scope.select.expressions if isinstance(e, exp.Star)]
    if stars and not any(star.args.get(key) for star in stars for key in ("except_", "replace", "rename")):
        kept = [
            exp.Column(this=exp.Star(), table=identifier(source.alias)) if expression is stars[0] else expression
            for expression in scope.select.expressions
            for source in (scope.sources if expression is stars[0] else scope.sources[:1])
        ]
        scope.select.set("expressions", kept)

"""What each name of a query can refer to: the sources of every SELECT, and the columns that no source has.

Modelled on sqlglot's `optimizer.scope`, but tolerant: it reads queries that do not bind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from nl2sql.types import MAIN_SCHEMA, Schema, Table
from nl2sql.types.type_families import may_have_fields

Outputs = frozenset[str] | None
"""The lower-case names of a query's columns; None where they are not known."""


@dataclass(slots=True)
class ScopeSource:
    """One entry of FROM. `alias` is as written; `columns` is None where any column may belong to it."""

    alias: str
    columns: Outputs
    table: Table | None
    node: exp.Expr

    def has_column(self, name: str) -> bool:
        """Return whether the source is known to have the column, in any case."""
        return self.columns is not None and name.lower() in self.columns


@dataclass(slots=True)
class Scope:
    """One SELECT: its sources, its column aliases, and the SELECT around it, where its names are visible.

    `columns` are the column nodes of this SELECT, those of inner queries excluded.
    """

    select: exp.Select
    sources: list[ScopeSource]
    aliases: frozenset[str]
    parent: Scope | None = None
    columns: list[exp.Column] = field(default_factory=list)

    def find_source(self, alias: str) -> ScopeSource | None:
        """Return the source of that alias, in this SELECT or one around it."""
        found = next((s for s in self.sources if s.alias.lower() == alias.lower()), None)
        return found or (self.parent.find_source(alias) if self.parent else None)

    def walk_outwards(self) -> Iterator[Scope]:
        """Yield this SELECT and those around it, the nearest first."""
        at: Scope | None = self
        while at is not None:
            yield at
            at = at.parent

    def find_sources(self, name: str) -> list[ScopeSource]:
        """Return the sources of this SELECT that are known to have the column."""
        return [source for source in self.sources if source.has_column(name)]

    @property
    def has_unknown_columns(self) -> bool:
        """Whether any column may belong to one of the sources."""
        return any(source.columns is None for source in self.sources)

    def can_resolve(self, column: exp.Column) -> bool:
        """Return whether the name may refer to something, in this SELECT or one around it."""
        if isinstance(column.this, exp.Star):
            return not column.table or self.find_source(column.table) is not None
        if column.args.get("db") is not None:
            return True
        if not column.table:
            return self._can_resolve_bare(column.name)
        source = self.find_source(column.table)
        if source is None:
            return self._can_be_struct(column.table)
        return source.columns is None or source.has_column(column.name)

    def _can_be_struct(self, name: str) -> bool:
        """Return whether an apparent alias may be a column with fields."""
        known = [source.table.find_column(name) for source in self.find_sources(name) if source.table is not None]
        if any(column is not None and may_have_fields(column.type) for column in known):
            return True
        is_made = any(source.table is None for source in self.find_sources(name))
        return self.has_unknown_columns or is_made or (self.parent is not None and self.parent._can_be_struct(name))

    def _can_resolve_bare(self, name: str) -> bool:
        if (
            self.has_unknown_columns
            or self.find_sources(name)
            or name.lower() in self.aliases
            or name.lower() == "rowid"
        ):
            return True
        return self.parent is not None and self.parent._can_resolve_bare(name)

    def list_unresolved(self) -> list[exp.Column]:
        """Return the columns of this SELECT that refer to nothing."""
        return [column for column in self.columns if not self.can_resolve(column)]


def list_scopes(tree: exp.Expr, schema: Schema) -> list[Scope]:
    """Return every SELECT of a statement, the outer before the inner."""
    found: list[Scope] = []
    _visit_query(tree, {}, None, schema, found)
    return found


def _visit_query(
    node: exp.Expr | None,
    ctes: Mapping[str, Outputs],
    parent: Scope | None,
    schema: Schema,
    found: list[Scope],
) -> Outputs:
    """Collect the SELECTs of a query into `found`; return the columns of its result."""
    if node is None:
        return None
    if isinstance(node, exp.Query) and (with_ := node.args.get("with_")) is not None:
        ctes = dict(ctes)
        for cte in with_.expressions:
            named = cte.args["alias"].args.get("columns")
            if with_.recursive:
                ctes.setdefault(cte.alias.lower(), None)
            outputs = _visit_query(cte.this, ctes, None, schema, found)
            ctes[cte.alias.lower()] = frozenset(c.name.lower() for c in named) if named else outputs
    if isinstance(node, exp.SetOperation):
        outputs = _visit_query(node.this, ctes, parent, schema, found)
        _visit_query(node.expression, ctes, parent, schema, found)
        return outputs
    if isinstance(node, exp.Subquery):
        return _visit_query(node.this, ctes, parent, schema, found)
    if isinstance(node, exp.Select):
        return _visit_select(node, ctes, parent, schema, found)
    return None


def _visit_select(
    select: exp.Select, ctes: Mapping[str, Outputs], parent: Scope | None, schema: Schema, found: list[Scope]
) -> Outputs:
    aliases = frozenset(e.alias.lower() for e in select.expressions if isinstance(e, exp.Alias))
    scope = Scope(select, [], aliases, parent)
    found.append(scope)
    from_nodes = [join.this for join in select.args.get("joins") or ()] + list(select.args.get("laterals") or ())
    if (from_ := select.args.get("from_")) is not None:
        from_nodes.insert(0, from_.this)
    entries = [entry for outer in from_nodes for entry in _list_entries(outer)]
    scope.sources += [_make_source(entry, ctes, scope, schema, found) for entry in entries]
    entry_ids = {id(entry) for entry in entries}
    for node in _walk_own_nodes(select, entry_ids):
        if isinstance(node, exp.Column):
            scope.columns.append(node)
        elif node is not select:
            _visit_query(node, ctes, scope, schema, found)
    return _list_outputs(select, scope)


def _list_entries(entry: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the tables of an entry of FROM: one, or those that are joined in parentheses."""
    if _is_bracket(entry):
        yield from _list_entries(entry.this)
    else:
        yield entry
    yield from (inner for join in entry.args.get("joins") or () for inner in _list_entries(join.this))


def _is_bracket(node: exp.Expr) -> bool:
    """Return whether the node is only a pair of parentheses around joined tables."""
    return isinstance(node, exp.Subquery) and not node.alias and isinstance(node.this, exp.Table | exp.Subquery)


def _walk_own_nodes(select: exp.Select, entries: set[int]) -> Iterator[exp.Expr]:
    """Yield the columns of this SELECT and the queries directly in it.

    Nothing from inside its FROM entries or those queries.
    """
    stack: list[exp.Expr] = [select]
    while stack:
        node = stack.pop()
        if id(node) in entries or isinstance(node, exp.With):
            stack.extend(node.args.get("joins") or ())
            continue
        if _is_bracket(node):
            stack.extend((node.this, *(node.args.get("joins") or ())))
            continue
        if isinstance(node, exp.Column) or (isinstance(node, exp.Query) and node is not select):
            yield node
            continue
        stack.extend(reversed(list(node.iter_expressions())))


def _make_source(
    entry: exp.Expr, ctes: Mapping[str, Outputs], scope: Scope, schema: Schema, found: list[Scope]
) -> ScopeSource:
    alias = entry.alias_or_name
    if entry.args.get("pivots"):
        return ScopeSource(alias, None, None, entry)
    if isinstance(entry, exp.Table) and isinstance(entry.this, exp.Identifier):
        if not entry.db and entry.name.lower() in ctes:
            return ScopeSource(alias, _rename_outputs(entry, ctes[entry.name.lower()]), None, entry)
        in_schema = entry.db and entry.db.lower() != MAIN_SCHEMA
        table = schema.find_table(f"{entry.db}.{entry.name}" if in_schema else entry.name)
        columns = frozenset(column.name.lower() for column in table.columns) if table else None
        return ScopeSource(alias, _rename_outputs(entry, columns), table, entry)
    if isinstance(entry, exp.Subquery):
        return ScopeSource(
            alias, _rename_outputs(entry, _visit_query(entry.this, ctes, scope.parent, schema, found)), None, entry
        )
    return ScopeSource(alias, None, None, entry)


def _rename_outputs(entry: exp.Expr, columns: Outputs) -> Outputs:
    """Return the columns; None where the alias renames them, as `t(a, b)` does."""
    alias = entry.args.get("alias")
    return None if alias is not None and alias.args.get("columns") else columns


def _list_outputs(select: exp.Select, scope: Scope) -> Outputs:
    names: set[str] = set()
    for expression in select.expressions:
        if isinstance(expression, exp.Star) or (
            isinstance(expression, exp.Column) and isinstance(expression.this, exp.Star)
        ):
            for source in scope.sources:
                if source.columns is None:
                    return None
                names |= source.columns
        elif not expression.alias_or_name:
            return None
        else:
            names.add(expression.alias_or_name.lower())
    return frozenset(names)

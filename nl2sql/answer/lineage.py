"""What each name of a query that ran refers to: its SELECTs, what they read, the stored column behind a name.

It reads plain trees of queries that bind, so each name has one meaning; an unknown one is None. It runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from nl2sql.types import MAIN_SCHEMA, Column, Schema, Table

_MAX_DEPTH = 40


@dataclass(slots=True, eq=False)
class Relation:
    """One entry of FROM: a stored `table`, or the `blocks` of a WITH step or a derived table; neither for other kinds.

    `join` is the join that adds it, None for the first entry. `names` are the column names that its alias gives.
    """

    alias: str
    node: exp.Expr
    table: Table | None = None
    blocks: Sequence[Block] = ()
    join: exp.Join | None = None
    names: tuple[str, ...] = ()

    def list_column_names(self) -> list[str] | None:
        """Return the names of its columns; None where they are not known."""
        if self.names:
            return list(self.names)
        if self.table is not None:
            return [column.name for column in self.table.columns]
        return self.blocks[0].list_output_names() if self.blocks else None

    def has_column(self, name: str) -> bool:
        """Return whether it is known to have the column."""
        return name.lower() in {column.lower() for column in self.list_column_names() or ()}

    @property
    def is_optional(self) -> bool:
        """Whether it is outer-joined, so that a row may have nothing of it."""
        return self.join is not None and (self.join.side or "").upper() in ("LEFT", "FULL")


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT. `parent` is the SELECT around it, where it may refer to that one's rows.

    `name` is what the query calls its rows, "" where it has no name. `role` is `query`, `step` (of a WITH), `table` (in
    a FROM) or `condition` (anywhere else).
    """

    select: exp.Select
    role: str
    name: str = ""
    parent: Block | None = None
    relations: list[Relation] = field(default_factory=list)

    def list_output_names(self) -> list[str] | None:
        """Return the names of its result columns; None where they are not known."""
        names: list[str] = []
        for item in self.select.expressions:
            if is_star(item):
                for relation in self._list_star_relations(item):
                    columns = relation.list_column_names()
                    if columns is None:
                        return None
                    names += columns
            else:
                names.append(item.alias_or_name)
        return names

    def find_relation(self, column: exp.Column) -> Relation | None:
        """Return the entry of FROM that the name refers to, in this SELECT or one around it."""
        block: Block | None = self
        while block is not None:
            if column.table:
                holders = [relation for relation in block.relations if relation.alias.lower() == column.table.lower()]
            else:
                holders = [relation for relation in block.relations if relation.has_column(column.name)]
            if len(holders) == 1 or (holders and block._is_joined_using(column.name)):
                return holders[0]
            if holders:
                return None
            block = block.parent
        return None

    def find_aliased(self, name: str) -> exp.Expr | None:
        """Return the selected expression with that alias."""
        aliases = (item for item in self.select.expressions if isinstance(item, exp.Alias))
        return next((item.this for item in aliases if item.alias.lower() == name.lower()), None)

    def find_output(self, name: str) -> tuple[exp.Expr, Block] | None:
        """Return the expression behind the result column of that name, and the SELECT that it stands in."""
        for item in self.select.expressions:
            if is_star(item):
                for relation in self._list_star_relations(item):
                    if relation.has_column(name):
                        return exp.column(name, table=relation.alias), self
            elif item.alias_or_name.lower() == name.lower():
                return item.unalias(), self
        return None

    def list_conditions(self) -> Iterator[exp.Expr]:
        """Yield the condition of each ON, then WHERE, HAVING and QUALIFY."""
        for join in self.select.args.get("joins") or ():
            if join.args.get("on") is not None:
                yield join.args["on"]
        for key in ("where", "having", "qualify"):
            if self.select.args.get(key) is not None:
                yield self.select.args[key].this

    def _list_star_relations(self, item: exp.Expr) -> list[Relation]:
        alias = item.table.lower() if isinstance(item, exp.Column) else ""
        return [relation for relation in self.relations if not alias or relation.alias.lower() == alias]

    def _is_joined_using(self, name: str) -> bool:
        joins = [relation.join for relation in self.relations if relation.join is not None]
        return any(used.name.lower() == name.lower() for join in joins for used in join.args.get("using") or ())


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A stored column, and the entry of FROM through which this query names it."""

    relation: Relation
    table: Table
    column: Column


def is_star(node: exp.Expr) -> bool:
    """Return whether the node stands for all columns."""
    return isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star))


def list_blocks(query: exp.Query, schema: Schema) -> list[Block]:
    """Return every SELECT of a plain tree: the steps of WITH in order, then the query itself, then what is inside."""
    found: list[Block] = []
    _Walk(schema, found).visit_query(query, {}, None, "query", "")
    return found


def find_source(column: exp.Column, block: Block) -> tuple[exp.Expr, Block]:
    """Follow a name through steps and derived tables to an expression or a column of a stored table."""
    node: exp.Expr = column
    for _ in range(_MAX_DEPTH):
        if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
            break
        relation = block.find_relation(node)
        if relation is None:
            aliased = block.find_aliased(node.name) if not node.table else None
            if aliased is None or aliased is node or node in aliased.find_all(exp.Column):
                break
            node = aliased
            continue
        inner = relation.blocks[0].find_output(_find_inner_name(relation, node.name)) if relation.blocks else None
        if inner is None:
            break
        node, block = inner
    return node, block


def find_stored(node: exp.Expr | None, block: Block) -> StoredColumn | None:
    """Return the stored column that an expression is, through steps and derived tables; None for anything else."""
    if not isinstance(node, exp.Column):
        return None
    first = block.find_relation(node)
    source, at = find_source(node, block)
    if not isinstance(source, exp.Column):
        return None
    relation = at.find_relation(source)
    if relation is None or relation.table is None:
        return None
    found = relation.table.find_column(_find_inner_name(relation, source.name))
    return StoredColumn(first or relation, relation.table, found) if found is not None else None


def walk_own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the node and all nodes below it, except those inside another SELECT."""
    yield node
    for child in node.iter_expressions():
        if not isinstance(child, exp.Query):
            yield from walk_own_nodes(child)


def list_columns(node: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns that an expression names, except those of queries inside it."""
    return (
        part for part in walk_own_nodes(node) if isinstance(part, exp.Column) and not isinstance(part.this, exp.Star)
    )


def _find_inner_name(relation: Relation, name: str) -> str:
    """Return the column's own name where the alias has renamed it: `t(a, b)`."""
    for at, renamed in enumerate(relation.names):
        if renamed.lower() == name.lower():
            own = Relation(relation.alias, relation.node, relation.table, relation.blocks).list_column_names() or []
            return own[at] if at < len(own) else name
    return name


class _Walk:
    """A walk over a query that collects its SELECTs."""

    def __init__(self, schema: Schema, found: list[Block]) -> None:
        self._schema = schema
        self._found = found

    def visit_query(
        self, node: exp.Expr, steps: Mapping[str, Sequence[Block]], parent: Block | None, role: str, name: str
    ) -> list[Block]:
        """Collect the SELECTs of a query; return those that give its rows."""
        with_ = node.args.get("with_")
        if with_ is not None:
            steps = dict(steps)
            for cte in with_.expressions:
                if with_.recursive:
                    steps[cte.alias.lower()] = ()
                steps[cte.alias.lower()] = self.visit_query(cte.this, steps, parent, "step", cte.alias)
        if isinstance(node, exp.SetOperation):
            left = self.visit_query(node.this, steps, parent, role, name)
            return [*left, *self.visit_query(node.expression, steps, parent, role, name)]
        if isinstance(node, exp.Subquery):
            return self.visit_query(node.this, steps, parent, role, name)
        if isinstance(node, exp.Select):
            return [self._visit_select(node, steps, parent, role, name)]
        return []

    def _visit_select(
        self,
        select: exp.Select,
        steps: Mapping[str, Sequence[Block]],
        parent: Block | None,
        role: str,
        name: str,
    ) -> Block:
        block = Block(select, role, name, parent)
        self._found.append(block)
        if (from_ := select.args.get("from_")) is not None:
            self._visit_entry(from_.this, None, steps, block)
        for join in select.args.get("joins") or ():
            self._visit_entry(join.this, join, steps, block)
        for key, value in select.args.items():
            if key in ("from_", "with_"):
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, exp.Join):
                    part = part.args.get("on")
                if isinstance(part, exp.Expr):
                    self._visit_inner_queries(part, steps, block)
        return block

    def _visit_inner_queries(self, node: exp.Expr, steps: Mapping[str, Sequence[Block]], block: Block) -> None:
        """Visit the queries directly inside an expression."""
        if isinstance(node, exp.Query):
            self.visit_query(node, steps, block, "condition", "")
            return
        for child in node.iter_expressions():
            self._visit_inner_queries(child, steps, block)

    def _visit_entry(
        self, node: exp.Expr, join: exp.Join | None, steps: Mapping[str, Sequence[Block]], block: Block
    ) -> None:
        inner_joins = node.args.get("joins") or ()
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table | exp.Subquery) and not node.alias:
            self._visit_entry(node.this, join, steps, block)
        else:
            block.relations.append(self._make_relation(node, join, steps, block))
        for inner in inner_joins:
            self._visit_entry(inner.this, inner, steps, block)
            if inner.args.get("on") is not None:
                self._visit_inner_queries(inner.args["on"], steps, block)

    def _make_relation(
        self, node: exp.Expr, join: exp.Join | None, steps: Mapping[str, Sequence[Block]], block: Block
    ) -> Relation:
        alias = node.args.get("alias")
        names = tuple(column.name for column in alias.args.get("columns") or ()) if alias is not None else ()
        if node.args.get("pivots"):
            if isinstance(node, exp.Subquery):
                self.visit_query(node.this, steps, block, "table", "")
            return Relation(node.alias_or_name, node, join=join)
        if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
            name = node.name.lower()
            if not node.db and name in steps:
                return Relation(node.alias_or_name, node, blocks=steps[name], join=join, names=names)
            table = self._find_table(node)
            return Relation(node.alias_or_name, node, table, join=join, names=names)
        if isinstance(node, exp.Subquery):
            blocks = self.visit_query(node.this, steps, block, "table", node.alias)
            return Relation(node.alias, node, blocks=blocks, join=join, names=names)
        return Relation(node.alias_or_name, node, join=join, names=names)

    def _find_table(self, node: exp.Table) -> Table | None:
        """Return the stored table that a name in FROM means."""
        path = (node.db.lower() or MAIN_SCHEMA, node.name.lower())
        found = [table for table in self._schema.tables if tuple(part.lower() for part in table.path) == path]
        return found[0] if len(found) == 1 else None

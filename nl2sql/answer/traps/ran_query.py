"""A query that ran, as the trap rules see it: its SELECTs, the schema, its rows, and probes of the data.

It runs nothing itself: the caller gives it `ask`. A probe that may not run has no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, Relation, find_stored, list_blocks, list_columns, walk_own_nodes
from nl2sql.answer.plain_tree import name_function, split_conjunction
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.schema.identifiers import quote
from nl2sql.types import Column, Result, Schema, Table

Ask = Callable[[str], list[tuple[Any, ...]] | None]
"""Returns the rows of a small query; None where it may not run, or did not finish in time."""

AGGREGATES: Final = frozenset(
    "sum avg mean count min max median mode stddev stddev_samp stddev_pop variance var_samp var_pop any_value first "
    "last arg_max arg_min max_by min_by string_agg group_concat listagg list array_agg quantile quantile_cont "
    "quantile_disc approx_quantile approx_count_distinct bool_and bool_or product fsum favg count_if countif".split()
)
_JOINING: Final = ("SEMI", "ANTI")


@dataclass(eq=False)
class RanQuery:
    """A query that ran. `tree` is in plain form; `question` is the user's, in any language.

    `has_unanswered_probe` is set when a probe gets no answer.
    """

    tree: exp.Query
    schema: Schema
    result: Result
    ask: Ask
    question: str = ""
    has_unanswered_probe: bool = False
    _answers: dict[str, list[tuple[Any, ...]] | None] = field(default_factory=dict)

    @cached_property
    def blocks(self) -> list[Block]:
        """Its SELECTs."""
        return list_blocks(self.tree, self.schema)

    @property
    def is_empty_or_zero(self) -> bool:
        """Whether there is no row, or only one of zeros and NULLs."""
        return not self.result.row_count or (self.result.row_count == 1 and not any(self.result.rows[0]))

    def fetch_row(self, probe: exp.Query | None) -> tuple[Any, ...] | None:
        """Return the first row of a probing query; None where it has none or does not run."""
        rows = self.fetch_rows(probe)
        return rows[0] if rows else None

    def fetch_rows(self, probe: exp.Query | None) -> list[tuple[Any, ...]] | None:
        """Return the rows of a probing query; None where it does not run."""
        if probe is None:
            return None
        text = write_plain_sql(probe)
        if text not in self._answers:
            self._answers[text] = self.ask(text)
        rows = self._answers[text]
        self.has_unanswered_probe = self.has_unanswered_probe or rows is None
        return rows

    def probe_rows(self, block: Block, items: Sequence[exp.Expr], *, keeps: Sequence[str] = ()) -> exp.Select | None:
        """Make a probe over the rows that a SELECT reads: its FROM and WHERE, the clauses in `keeps`, and new columns.

        None where it depends on rows of a SELECT around it.
        """
        if is_correlated(block):
            return None
        probe = exp.Select(expressions=[item.copy() for item in items])
        for key in ("from_", "joins", "where", *keeps):
            value = block.select.args.get(key)
            if value:
                probe.set(key, [part.copy() for part in value] if isinstance(value, list) else value.copy())
        steps = _list_steps_around(block.select)
        if steps:
            recursive = any(with_.recursive for with_ in _list_withs_around(block.select))
            probe.set("with_", exp.With(expressions=[step.copy() for step in steps], recursive=recursive))
        return probe

    def wrap_query(self, inner: exp.Select | None, *items: str) -> exp.Select | None:
        """Make `SELECT items FROM (inner) AS q`, with the WITH steps of the inner query moved out."""
        if inner is None:
            return None
        with_ = inner.args.get("with_")
        inner.set("with_", None)
        source = exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier("q")))
        probe = exp.select(*items, dialect="duckdb").from_(source)
        probe.set("with_", with_)
        return probe


def is_correlated(block: Block) -> bool:
    """Return whether the SELECT, or one in it, names columns of a SELECT around it."""
    own = {id(relation) for relation in block.relations}
    for column in block.select.find_all(exp.Column):
        if column.find_ancestor(exp.Select) is block.select and not isinstance(column.this, exp.Star):
            relation = block.find_relation(column)
            if relation is not None and id(relation) not in own:
                return True
    return block.role == "table" and block.parent is not None and is_lateral(block)


def is_lateral(block: Block) -> bool:
    """Return whether a derived table names entries of FROM beside it."""
    beside = {relation.alias.lower() for relation in block.parent.relations} if block.parent else set()
    inside = {relation.alias.lower() for relation in block.relations}
    return any(column.table.lower() in beside - inside for column in block.select.find_all(exp.Column) if column.table)


def _list_withs_around(node: exp.Expr) -> list[exp.With]:
    found: list[exp.With] = []
    at: exp.Expr | None = node
    while at is not None:
        with_ = at.args.get("with_") if isinstance(at, exp.Query) else None
        if isinstance(with_, exp.With):
            found.insert(0, with_)
        at = at.parent
    return found


def _list_steps_around(node: exp.Expr) -> list[exp.CTE]:
    """Return the steps that a SELECT may name: those written before it."""
    own = node.find_ancestor(exp.CTE)
    steps: list[exp.CTE] = []
    for with_ in _list_withs_around(node):
        for cte in with_.expressions:
            if cte is own and not with_.recursive:
                break
            steps.append(cte)
    return steps


def list_aggregates(block: Block) -> Iterator[exp.Anonymous]:
    """Yield the aggregates that a SELECT computes over its rows, without those over windows."""
    select = block.select
    parts = [*select.expressions]
    parts += [select.args[key] for key in ("having", "qualify", "order") if select.args.get(key) is not None]
    for part in parts:
        for node in walk_own_nodes(part):
            if isinstance(node, exp.Anonymous) and name_function(node) in AGGREGATES and not is_over_window(node):
                yield node


def is_over_window(call: exp.Expr) -> bool:
    """Return whether a call is the function of a window; calls inside its arguments are not."""
    parent = call.parent
    while isinstance(parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        call, parent = parent, parent.parent
    return isinstance(parent, exp.Window) and parent.this is call


def find_argument(call: exp.Anonymous) -> exp.Expr | None:
    """Return the one value that an aggregate is over; None for `count(*)` and for DISTINCT."""
    first = call.expressions[0] if call.expressions else None
    if isinstance(first, exp.Order):
        first = first.this
    return None if first is None or isinstance(first, exp.Star | exp.Distinct) else first


def is_aggregated(block: Block) -> bool:
    """Return whether the SELECT makes one row of several."""
    return block.select.args.get("group") is not None or any(True for _ in list_aggregates(block))


def list_group_keys(block: Block) -> list[exp.Expr]:
    """Return the expressions that the SELECT groups by, with positions, aliases and ALL resolved."""
    group = block.select.args.get("group")
    if group is None:
        return []
    items = block.select.expressions
    if group.args.get("all"):
        return [item.unalias() for item in items if not _has_aggregate(item)]
    keys: list[exp.Expr] = []
    for key in group.expressions:
        position = int(key.name) if isinstance(key, exp.Literal) and key.is_int else 0
        if 0 < position <= len(items):
            keys.append(items[position - 1].unalias())
        elif isinstance(key, exp.Column) and not key.table and not any(r.has_column(key.name) for r in block.relations):
            keys.append(block.find_aliased(key.name) or key)
        else:
            keys.append(key)
    return keys


def _has_aggregate(item: exp.Expr) -> bool:
    return any(name_function(node) in AGGREGATES and not is_over_window(node) for node in walk_own_nodes(item))


def list_joining_relations(block: Block) -> list[Relation]:
    """Return the entries of FROM that add rows and columns: no semi or anti joins."""
    return [
        relation
        for relation in block.relations
        if relation.join is None or (relation.join.kind or "").upper() not in _JOINING
    ]


def list_equalities(block: Block) -> Iterator[tuple[Relation, str, Relation, str]]:
    """Yield the pairs of columns that joins and WHERE equate: entry and name, twice."""
    for relation in block.relations:
        join = relation.join
        for name in join.args.get("using") or () if join is not None else ():
            before = block.relations[: block.relations.index(relation)]
            other = next((earlier for earlier in reversed(before) if earlier.has_column(name.name)), None)
            if other is not None:
                yield other, name.name, relation, name.name
    conditions = [join.args["on"] for join in _list_joins(block) if join.args.get("on") is not None]
    if (where := block.select.args.get("where")) is not None:
        conditions.append(where.this)
    for condition in conditions:
        for part in split_conjunction(condition):
            if isinstance(part, exp.EQ) and isinstance(part.left, exp.Column) and isinstance(part.right, exp.Column):
                left, right = block.find_relation(part.left), block.find_relation(part.right)
                if left is not None and right is not None and left is not right:
                    yield left, part.left.name, right, part.right.name


def _list_joins(block: Block) -> list[exp.Join]:
    return [relation.join for relation in block.relations if relation.join is not None]


def find_key(relation: Relation, *, declared: bool = False) -> tuple[str, ...]:
    """Return the columns, lower case, that identify the rows: a table's primary key, or what a step is grouped by.

    With `declared`, only a key that the database itself enforces. Empty where none is known.
    """
    table = relation.table
    if table is not None:
        key = tuple(name.lower() for name in table.primary_key)
        is_enforced = all((column := table.find_column(name)) is not None and not column.nullable for name in key)
        return key if key and (is_enforced or not declared) else ()
    if len(relation.blocks) != 1:
        return ()
    block = relation.blocks[0]
    keys = list_group_keys(block)
    if not keys:
        return _find_passed_key(block)
    names = []
    for key_expression in keys:
        item = next((i for i in block.select.expressions if i.unalias() == key_expression), None)
        if item is None or not item.alias_or_name:
            return ()
        names.append(item.alias_or_name.lower())
    return tuple(names)


def _find_passed_key(block: Block) -> tuple[str, ...]:
    """Return the key of the one entry of FROM that a SELECT reads, where its columns include it."""
    if len(block.relations) != 1 or is_aggregated(block):
        return ()
    key = find_key(block.relations[0])
    outputs = {name.lower() for name in block.list_output_names() or ()}
    return key if key and set(key) <= outputs else ()


def find_determined_relations(block: Block, start: Sequence[Relation], *, declared: bool = True) -> list[Relation]:
    """Return the entries of FROM that have at most one row for each row of the `start` ones.

    With `declared`, only by keys that the database enforces.
    """
    found = list(start)
    pairs = list(list_equalities(block))
    fixed = _find_fixed_columns(block)
    has_grown = True
    while has_grown:
        has_grown = False
        for relation in block.relations:
            key = find_key(relation, declared=declared)
            if not key or any(relation is known for known in found):
                continue
            determined = set(fixed.get(id(relation), ()))
            for left, left_name, right, right_name in pairs:
                if right is relation and any(left is known for known in found):
                    determined.add(right_name.lower())
                if left is relation and any(right is known for known in found):
                    determined.add(left_name.lower())
            if set(key) <= determined:
                found.append(relation)
                has_grown = True
    return found


def _find_fixed_columns(block: Block) -> dict[int, set[str]]:
    """Return the columns of each entry of FROM that WHERE fixes to one value."""
    fixed: dict[int, set[str]] = {}
    where = block.select.args.get("where")
    for part in split_conjunction(where.this) if where is not None else ():
        if isinstance(part, exp.EQ) and isinstance(part.left, exp.Column) and not list(list_columns(part.right)):
            relation = block.find_relation(part.left)
            if relation is not None and not isinstance(part.right, exp.Subquery):
                fixed.setdefault(id(relation), set()).add(part.left.name.lower())
    return fixed


def may_be_null(table: Table, column: Column) -> bool:
    """Return whether the column may hold NULLs, as far as the profile knows."""
    if not column.nullable:
        return False
    return table.sampled or column.null_fraction is None or column.null_fraction > 0


def name_column(block: Block, node: exp.Expr) -> str:
    """Return a column as a person knows it, `orders.total`; other expressions as SQL."""
    stored = find_stored(node, block)
    return f"{stored.table.name}.{stored.column.name}" if stored is not None else write_plain_sql(node)


def name_relation(relation: Relation) -> str:
    """Return what a person calls an entry of FROM."""
    return relation.table.name if relation.table is not None else relation.alias or "a derived table"


def count_rows(count: int) -> str:
    """Return `1 row`, `2,000 rows`."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def make_count() -> exp.Anonymous:
    """Make `count(*)`."""
    return exp.Anonymous(this="count", expressions=[exp.Star()])


def make_call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Make a call of that function."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def make_relation_column(relation: Relation, name: str) -> exp.Column:
    """Make a column of an entry of FROM."""
    return exp.Column(
        this=exp.to_identifier(name, quoted=quote(name) != name),
        table=exp.to_identifier(relation.alias, quoted=quote(relation.alias) != relation.alias),
    )

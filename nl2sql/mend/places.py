"""Columns that refer to nothing: where each belongs. On another alias, in a table that a key leads to, or under
the name that the schema has for it.

The ways are tried in order of how little they change; each needs one candidate to stand out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sqlglot import exp

from nl2sql.mend import names
from nl2sql.mend.equalities import compared_with, is_in_join, joined_on, other_side, source_of_join
from nl2sql.mend.joins import KEY_WORDS, Path, keys_between, path, words
from nl2sql.mend.query import Query, UnclearError, add_joins, place
from nl2sql.mend.scopes import Scope, Source
from nl2sql.types import Table

_ROUNDS: Final = 12
_BY_ONE_BETWEEN: Final = 2

Way = Callable[[Query, Scope, exp.Column], bool]


def place_columns(query: Query) -> None:
    """Find a place for every column that has none."""
    for _ in range(_ROUNDS):
        if not any(_placed(query, scope) for scope in query.scopes()):
            return


def _placed(query: Query, scope: Scope) -> bool:
    """Whether one column found its place. The sources may be others then."""
    for column in scope.unresolved():
        before = column.sql("duckdb")
        for way in _WAYS:
            if way(query, scope, column):
                if (other := other_side(column)) is not None and other == column:
                    raise UnclearError
                query.done.append(f"{before} is {column.sql('duckdb')}")
                return True
    return False


def _in_a_join_condition(query: Query, scope: Scope, column: exp.Column) -> bool:
    """`ON a.x = b.y` where one side is not there: the one key between the two tables."""
    equal = column.parent
    if not isinstance(equal, exp.EQ) or not is_in_join(column):
        return False
    sides = [side for side in (equal.this, equal.expression) if isinstance(side, exp.Column)]
    sources = [scope.source(side.table) for side in sides if side.table]
    if len(sources) != 2 or sources[0] is None or sources[1] is None or sources[0] is sources[1]:
        return False
    if source_of_join(scope, column) not in sources:
        return False
    left, right = sources[0].table, sources[1].table
    if left is None or right is None or left is right:
        return False
    keys = [key for key in keys_between(query.schema, left.name, right.name) if len(key.columns) == 1]
    written = [(side is not column and scope.resolves(side), side.name.lower()) for side in sides]
    for number, (holds, name) in enumerate(written):
        if holds:
            of_side = [key for key in keys if (key.columns, key.target_columns)[number][0].lower() == name]
            keys = of_side or keys
    if len(keys) != 1:
        found = path(query.schema, [left.name], right.name, query.asked)
        keys = [key for key in keys if found is not None and len(found) == 1 and key == found[0]]
    if len(keys) != 1:
        return False
    before = equal.sql("duckdb")
    place(sides[0], sources[0], keys[0].columns[0])
    place(sides[1], sources[1], keys[0].target_columns[0])
    query.done.append(f"joined on {equal.sql('duckdb')} instead of {before}")
    return True


def _by_the_table_between(query: Query, scope: Scope, column: exp.Column) -> bool:
    """`ON a.x = c.x` where no key leads from the one to the other, but keys lead there by one table between."""
    equal, join = column.parent, column.find_ancestor(exp.Join, exp.Select)
    if not isinstance(equal, exp.EQ) or not isinstance(join, exp.Join) or equal.parent is not join or join.side:
        return False
    columns = [side for side in (equal.this, equal.expression) if isinstance(side, exp.Column)]
    sources = [scope.source(side.table) for side in columns if side.table]
    brought = source_of_join(scope, column)
    if len(sources) != 2 or brought is None or brought not in sources or sources[0] is sources[1]:
        return False
    other = sources[1] if sources[0] is brought else sources[0]
    if other is None or other.table is None or brought.table is None:
        return False
    found = path(query.schema, [other.table.name], brought.table.name, query.asked)
    if found is None or len(found) != _BY_ONE_BETWEEN or any(len(step.columns) != 1 for step in found):
        return False
    before, joins = equal.sql("duckdb"), list(scope.select.args["joins"])
    between = add_joins(query, scope, found[:1], other.alias)
    # The query wanted the far table's rows: that they come by another one repeats none of them more than it asked.
    added = query.added.pop().joins[0]
    place(columns[0], between, found[1].columns[0])
    place(columns[1], brought, found[1].target_columns[0])
    at = next(i for i, one in enumerate(joins) if one is join)
    scope.select.set("joins", [*joins[:at], added, *joins[at:]])
    query.done.append(f"joined by {found[0].target} instead of {before}")
    return True


def _by_table_name(query: Query, scope: Scope, column: exp.Column) -> bool:
    """`orders.id` where orders has an alias, or an alias nearly so written."""
    if not column.table or scope.source(column.table) is not None:
        return False
    meant = [s for s in scope.sources if s.table is not None and _last(s.table.name) == column.table.lower()]
    if len(meant) == 1 and (meant[0].columns is None or meant[0].has(column.name)):
        place(column, meant[0])
        return True
    return False


def _on_another_alias(query: Query, scope: Scope, column: exp.Column) -> bool:
    """The only source that has the column; of several, any where a join says that they are equal."""
    compared = compared_with(scope, column)
    having = [source for source in scope.with_column(column.name) if source is not compared]
    joined = source_of_join(scope, column)
    if joined is not None and joined is not compared:
        having = [source for source in having if source is joined]
    if len(having) > 1 and joined_on(scope, column.name):
        having = having[:1]
    if not having and scope.parent is not None:
        having = scope.parent.with_column(column.name)
    if len(having) == 1 and not (column.table and scope.source(column.table) is None and _refers_to_itself(having[0])):
        place(column, having[0])
        return True
    return False


def _refers_to_itself(source: Source) -> bool:
    """Whether the table has a key to itself: an alias that is not there may be the other end of it."""
    table = source.table
    return table is not None and any(key.target_table.lower() == table.name.lower() for key in table.foreign_keys)


def _spelled_alike(query: Query, scope: Scope, column: exp.Column) -> bool:
    return _renamed(scope, column, names.same)


def _with_more_words(query: Query, scope: Scope, column: exp.Column) -> bool:
    """`name` where the table has `product_name`; a key is not meant by the name of what it points to."""
    if words(column.name) & KEY_WORDS:
        return False
    return _renamed(scope, column, lambda name, have: names.covering(name, (c for c in have if not _is_key_name(c))))


def _spelled_nearly(query: Query, scope: Scope, column: exp.Column) -> bool:
    return _renamed(scope, column, names.near)


def _key_of_a_table(query: Query, scope: Scope, column: exp.Column) -> bool:
    """`order_id` for the key `id` of orders, or for the column that refers to orders."""
    rest = words(column.name) - KEY_WORDS
    if not words(column.name) & KEY_WORDS:
        return False
    found = [(source, key) for source in _sources(scope, column) for key in _keys(source.table, rest)]
    other = other_side(column)
    if other is not None and not rest and any(s.has(other.name) and key != other.name for s, key in found):
        return False
    if len({(source.alias, key) for source, key in found}) != 1:
        return False
    place(column, *found[0])
    return True


def _in_a_joined_table(query: Query, scope: Scope, column: exp.Column) -> bool:
    """A table that keys lead to has the very column, or the qualifier names it."""
    named = scope.source(column.table) if column.table else None
    if is_in_join(column) or (named is not None and named.table is None):
        return False
    have = [t for t in query.schema.tables if t.column(column.name) is not None]
    if column.table and named is None and (meant := query.schema.table(column.table)) is not None:
        have = [t for t in have if t is meant]
    return _join_nearest(query, scope, column, have, column.name)


def _alike_in_a_joined_table(query: Query, scope: Scope, column: exp.Column) -> bool:
    """A table that one key leads to has a column that is spelled alike."""
    if is_in_join(column):
        return False
    for target in query.schema.tables:
        alike = names.same(column.name, [c.name for c in target.columns])
        if alike and _join_nearest(query, scope, column, [target], alike, longest=1):
            return True
    return False


_WAYS: Final[tuple[Way, ...]] = (
    _in_a_join_condition,
    _by_the_table_between,
    _by_table_name,
    _on_another_alias,
    _spelled_alike,
    _key_of_a_table,
    _in_a_joined_table,
    _with_more_words,
    _alike_in_a_joined_table,
    _spelled_nearly,
)


def _renamed(scope: Scope, column: exp.Column, choose: Callable[[str, Iterator[str]], str | None]) -> bool:
    """Rename it to what one source has instead; a source that the query names comes before the others."""
    compared = compared_with(scope, column)
    joined = source_of_join(scope, column)
    own = _sources(scope, column)
    known = scope.source(column.table) is not None if column.table else False
    others = [s for s in scope.sources if s is not compared and (joined in (None, compared) or s is joined)]
    for sources in (own, others if known else own):
        found = []
        for source in sources:
            if source.table is not None:
                have: Iterator[str] = iter([c.name for c in source.table.columns])
            else:
                have = iter(sorted(source.columns or ()))
            if chosen := choose(column.name, have):
                found.append((source, chosen))
        if len(found) == 1:
            place(column, *found[0])
            return True
        if found:
            return False
    return False


def _sources(scope: Scope, column: exp.Column) -> list[Source]:
    """The source that the column names; else all, but for what it is compared with and what an alias may repeat."""
    named = scope.source(column.table) if column.table else None
    if named is not None:
        return [named]
    compared = compared_with(scope, column)
    found = [source for source in scope.sources if source is not compared]
    return [source for source in found if not (column.table and _refers_to_itself(source))]


def _join_nearest(
    query: Query, scope: Scope, column: exp.Column, targets: list[Table], name: str, longest: int | None = None
) -> bool:
    """Join the nearest of the tables, if one is nearest, and take the column from it."""
    start = [source.table.name for source in scope.sources if source.table is not None]
    used = {table.lower() for table in start}
    paths: list[Path] = []
    for target in targets:
        if target.name.lower() not in used and (found := path(query.schema, start, target.name, query.asked)):
            paths.append(found)
    if not paths:
        return False
    shortest = min(len(found) for found in paths)
    nearest = [found for found in paths if len(found) == shortest]
    if len(nearest) > 1:
        nearest = [found for found in nearest if words(_last(found[-1].target)) & query.asked]
    if len(nearest) != 1 or (longest is not None and shortest > longest):
        return False
    source = add_joins(query, scope, nearest[0], column.table)
    place(column, source, name)
    query.done.append("joined " + ", ".join(step.target for step in nearest[0]))
    return True


def _keys(table: Table | None, rest: frozenset[str]) -> Iterator[str]:
    """The columns of the table that a name of those words, and of a key, may mean."""
    if table is None:
        return
    if len(table.primary_key) == 1 and rest <= words(_last(table.name)):
        yield table.primary_key[0]
    for key in table.foreign_keys:
        if len(key.columns) == 1 and rest and rest == words(_last(key.target_table)):
            yield key.columns[0]


def _is_key_name(name: str) -> bool:
    return bool(words(name) & KEY_WORDS)


def _last(name: str) -> str:
    return name.rpartition(".")[2].lower()

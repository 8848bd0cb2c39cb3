"""Columns that are there, under another table or alias of the query than the one written, or under two of them."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from nl2sql.repair.binding import Fault
from nl2sql.repair.context import (
    Edit,
    RepairContext,
    drop_schema,
    list_equal_texts,
    list_names,
    list_same_columns,
    make_identifier,
    rebind_column,
    resolve_column,
    show_node,
)
from nl2sql.repair.join_conditions import (
    are_equal,
    find_join,
    find_other_side,
    is_using,
    list_possible_sources,
)
from nl2sql.repair.join_paths import list_keys_between
from nl2sql.repair.name_matching import has_words, is_alike, is_plural, split_words
from nl2sql.repair.proving import prove_stored
from nl2sql.repair.scopes import Scope, ScopeSource
from nl2sql.schema.word_stems import is_same_word
from nl2sql.types import Proof, Table


def use_alias(context: RepairContext) -> Edit | None:
    """Write a table's alias where its name was written before a column.

    Precondition: one table alone of the SELECT, or else of the one around it, is called so, and no alias is.

    >>> repair("SELECT orders.total FROM orders AS o WHERE o.total > 2")
    SELECT o.total FROM orders AS o WHERE o.total > 2
    """
    found = context.find_fault()
    if found is None or not found[1].table or found[0].find_source(found[1].table) is not None:
        return None
    scope, written = found[0], found[1].table
    around = (
        [s for s in one.sources if s.table is not None and _is_called(s, written)] for one in scope.walk_outwards()
    )
    named = next(filter(None, around), [])
    if len(named) != 1:
        return None
    for column in scope.columns:
        if column.table.lower() == written.lower():
            column.set("table", make_identifier(named[0].alias))
    return Edit(context.tree, f"{written} is {named[0].alias} here")


def move_column(context: RepairContext) -> Edit | None:
    """Take the column from the one table of the query that has it.

    Precondition: that is the only one, by exactly that name; the query does not use the right column beside the wrong
    one, as if they were two, and the table written has no other that may be meant (`name` beside `first_name`).
    Something must show that it is not the written table's own column which is asked for and missing: it is called
    after the table that has it, or the one written holds keys only, or a key of the schema joins the two columns, or
    the right column is what the listed is grouped by; or there is one table, whose alias was left out.

    >>> repair("SELECT o.name, count(*) FROM orders o JOIN customers c ON o.customer_id = c.id GROUP BY c.name")
    SELECT c.name, COUNT(*) FROM orders AS o JOIN customers AS c ON o.customer_id = c.id GROUP BY c.name
    >>> repair("SELECT o.name FROM orders o JOIN customers c ON o.customer_id = c.id WHERE c.city = 'Rome'")
    """
    found = _find_owner(context)
    if found is None or _is_used(*found) or not _is_borne_out(context, *found):
        return None
    return Edit(context.tree, rebind_column(*found))


def move_to_unused(context: RepairContext) -> Edit | None:
    """Take the column from the one table of the query that has it and that nothing else is taken from.

    Precondition: as for `move_column`, but what shows whose it is are the keys: one leads to at most one row of that
    table, which is there for nothing else. Or no other table of the schema has such a column, and no rows are counted,
    for which alone the table may be there.

    >>> repair("SELECT o.city, count(*) FROM orders o JOIN customers c ON o.customer_id = c.id GROUP BY o.city")
    SELECT c.city, COUNT(*) FROM orders AS o JOIN customers AS c ON o.customer_id = c.id GROUP BY c.city
    >>> repair("SELECT c.placed FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.name = 'Ada'")
    SELECT o.placed FROM customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE c.name = 'Ada'
    >>> repair("SELECT c.note, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.note")
    """
    found = _find_owner(context)
    if found is None or _is_used(*found):
        return None
    scope, column, target = found
    if not _is_unused(context, scope, target):
        return None
    is_only = _is_only_holder(context, column.name)
    if scope.find_source(column.table) is None and not is_only:
        return None
    counts = any(isinstance(count.this, exp.Star) for count in scope.select.find_all(exp.Count))
    if is_only and not counts:
        return Edit(context.tree, rebind_column(*found))
    proofs = _prove_one_row(context, scope, target)
    return Edit(context.tree, rebind_column(*found), proofs) if proofs is not None else None


def move_dimension(context: RepairContext) -> Edit | None:
    """Take what rows are grouped or filtered by from the one table of the query that has it.

    Precondition: no other table of the schema has such a column, and a key leads from the table written to one row of
    that which has it, so that each row has one. Texts that it is compared with are stored there, as a query shows;
    only then may the query use the right column too.

    >>> repair("SELECT c.name FROM orders o JOIN customers c ON o.customer_id = c.id WHERE o.city = 'Rome'")
    SELECT c.name FROM orders AS o JOIN customers AS c ON o.customer_id = c.id WHERE c.city = 'Rome'
    >>> repair("SELECT c.name, o.city FROM orders o JOIN customers c ON o.customer_id = c.id")
    """
    found = _find_owner(context)
    if found is None:
        return None
    scope, column, target = found
    named = scope.find_source(column.table)
    if named is None or named.table is None or target.table is None or not _is_only_holder(context, column.name):
        return None
    same = list_same_columns(scope, column)
    texts = [list_compared_texts(one) for one in same]
    if not all(is_dimension(one, scope) for one in same) or (_is_used(*found) and not all(texts)):
        return None
    keys = [key for key in list_keys_between(context.schema, named.table.name, target.table.name) if not key.is_to_many]
    if len(keys) != 1:
        return None
    stored = (prove_stored(target.table, column.name, text) for some in texts for text in some)
    return Edit(context.tree, rebind_column(scope, column, target), (*keys[0].proofs, *stored))


def choose_equal(context: RepairContext) -> Edit | None:
    """Say which of two columns of one name is meant, where it makes no difference.

    Precondition: inner joins make all of them equal; or the name stands in a join's condition against a column of
    one of the two tables, so that it is the other's.

    >>> repair("SELECT product FROM order_lines l JOIN reviews r ON l.product = r.product")
    SELECT l.product FROM order_lines AS l JOIN reviews AS r ON l.product = r.product
    >>> repair("SELECT id FROM orders o JOIN customers c ON o.customer_id = c.id")
    """
    for scope in context.find_scopes():
        for column in scope.columns:
            if column.table or not isinstance(column.this, exp.Identifier) or is_using(scope.select, column.name):
                continue
            having = scope.find_sources(column.name)
            if len(having) < 2 or column.name.lower() in scope.aliases or not _is_meant(context, column):
                continue
            if find_join(column) is not None and find_other_side(column) is not None:
                having = [source for source in list_possible_sources(scope, column) if source in having]
                if len(having) != 1:
                    return None
            elif not are_equal(scope, column.name, having):
                return None
            before = show_node(column)
            column.set("table", make_identifier(having[0].alias))
            return Edit(context.tree, f"{before} is {show_node(column)}")
    return None


def list_compared_texts(column: exp.Column) -> list[str]:
    """The texts that the column must be equal to one of; none where it is compared otherwise."""
    return [str(text.this) for text in list_equal_texts(column)]


def has_rival(name: str, source: ScopeSource) -> bool:
    """Whether the source has a column that the name may mean as well: one that has all its words, and more.

    A key is none: it leads to the thing and does not hold it.

    >>> employees = ScopeSource("e", frozenset({"id", "first_name", "last_name"}), None, exp.Table())
    >>> has_rival("name", employees), has_rival("city_name", employees)
    (True, False)
    """
    own, table = split_words(name), source.table
    keys = {key.lower() for one in table.foreign_keys for key in one.columns} if table is not None else set()
    return any(
        all(any(is_same_word(word, other) for other in split_words(column)) for word in own)
        for column in list_names(source)
        if column.lower() not in keys
    )


def _find_owner(context: RepairContext) -> tuple[Scope, exp.Column, ScopeSource] | None:
    """The faulty column with a qualifier, and the one source that has it."""
    found = context.find_fault()
    if found is None or not found[1].table:
        return None
    scope, column = found
    named = scope.find_source(column.table)
    if named is None and context.schema.find_table(column.table) is not None:
        return None
    having = [source for source in list_possible_sources(scope, column) if source.has_column(column.name)]
    if scope.has_unknown_columns or (len(having) > 1 and not are_equal(scope, column.name, having)):
        return None
    if not having and scope.parent is not None and not scope.parent.has_unknown_columns:
        outer = scope.parent.find_sources(column.name)
        having = outer if len(outer) == 1 else []
    if not having or (named is None and _has_self_reference(having[0])):
        return None
    if named is not None and has_rival(column.name, named):
        return None
    return scope, column, having[0]


def is_dimension(column: exp.Column, scope: Scope) -> bool:
    """Whether rows are grouped or filtered by the column where it stands."""
    aggregate = column.find_ancestor(exp.AggFunc, exp.Select)
    if isinstance(aggregate, exp.AggFunc):
        return isinstance(column.find_ancestor(exp.Predicate, exp.AggFunc), exp.Predicate)
    if isinstance(column.find_ancestor(exp.Where, exp.Group, exp.Select), exp.Where | exp.Group):
        return True
    group = scope.select.args.get("group")
    grouped = [one.name.lower() for one in group.expressions if isinstance(one, exp.Column)] if group else []
    return column.name.lower() in grouped


def is_called_after(name: str, table: Table, keys: Iterable[str] = ()) -> bool:
    """Whether the name is the table's or its key's, or begins so: `power` or `power_name` by `power_id`."""
    words = split_words(name)
    stems = [split_words(drop_schema(table.name)), *(split_words(key)[:-1] for key in keys)]
    return any(0 < len(stem) <= len(words) and has_words(" ".join(words[: len(stem)]), stem) for stem in stems)


def _is_borne_out(context: RepairContext, scope: Scope, column: exp.Column, target: ScopeSource) -> bool:
    """Whether something shows that the column is the target's."""
    if target.table is None or (find_join(column) is not None and find_other_side(column) is not None):
        return target.table is None or _is_keyed(context, scope, column, target)
    named = scope.find_source(column.table)
    own = named.table if named is not None else None
    keys = [name for key in (own.foreign_keys if own is not None else ()) for name in key.columns]
    if is_called_after(column.name, target.table, keys) or _is_one_group(scope, column, target) or _is_link(own):
        return True
    # A table without an alias of its own is what a new one stands for, where it is the only one.
    return named is None and not target.node.alias and len(scope.sources) == 1


def _is_link(table: Table | None) -> bool:
    """Whether the table holds keys only, and so nothing of its own that could be asked for."""
    if table is None or not table.foreign_keys:
        return False
    keys = {name.lower() for key in table.foreign_keys for name in key.columns} | set(map(str.lower, table.primary_key))
    return all(column.name.lower() in keys for column in table.columns)


def _prove_one_row(context: RepairContext, scope: Scope, target: ScopeSource) -> tuple[Proof, ...] | None:
    """What shows that the target has one row at most for one of another table, and so is joined for its columns only.

    None where no key leads to it so.
    """
    if target.table is None:
        return None
    others = [source.table.name for source in scope.sources if source.table is not None and source is not target]
    keys = [key for other in others for key in list_keys_between(context.schema, other, target.table.name)]
    found = [key.proofs for key in keys if not key.is_to_many and not context.is_disproved(key.proofs)]
    return next(iter(sorted(found, key=len)), None) if others else ()


def _is_keyed(context: RepairContext, scope: Scope, column: exp.Column, target: ScopeSource) -> bool:
    """Whether a key of the schema joins the column with the other side of its equality."""
    other = find_other_side(column)
    found = resolve_column(scope, other) if other is not None else None
    if found is None or found[0].table is None or target.table is None or other is None:
        return False
    wanted = ([column.name.lower()], [other.name.lower()])
    keys = list_keys_between(context.schema, target.table.name, found[0].table.name)
    return any(([*map(str.lower, key.columns)], [*map(str.lower, key.target_columns)]) == wanted for key in keys)


def _is_only_holder(context: RepairContext, name: str) -> bool:
    """Whether one table alone has a column of that name: one that many things have may be each one's own."""
    return sum(table.find_column(name) is not None for table in context.schema.tables) == 1


def _is_unused(context: RepairContext, scope: Scope, source: ScopeSource) -> bool:
    """Whether nothing but joins' conditions uses the source."""
    if any(expression.is_star for expression in scope.select.expressions):
        return False
    for inner in context.find_scopes():
        if all(one.select is not scope.select for one in inner.walk_outwards()):
            continue
        for column in inner.columns:
            is_own = inner.select is scope.select
            if is_own and find_join(column) is not None:
                continue
            is_meant = column.table.lower() == source.alias.lower() or (is_own and not column.table)
            if is_meant and source.has_column(column.name):
                return False
    return True


def _is_used(scope: Scope, column: exp.Column, source: ScopeSource) -> bool:
    """Whether the query names the right column too, as if there were both."""
    return bool(_list_right_columns(scope, column, source)) and not _is_one_group(scope, column, source)


def _is_one_group(scope: Scope, column: exp.Column, source: ScopeSource) -> bool:
    """Whether one of the two names is listed and the other grouped by: what is listed must be what is grouped by."""
    right = {type(_find_clause(one)) for one in _list_right_columns(scope, column, source)}
    wrong = {type(_find_clause(one)) for one in list_same_columns(scope, column)}
    return (wrong == {exp.Select} and exp.Group in right) or (wrong == {exp.Group} and exp.Select in right)


def _list_right_columns(scope: Scope, column: exp.Column, source: ScopeSource) -> list[exp.Column]:
    """The right column wherever the SELECT has it."""
    spelled = (source.alias.lower(), column.name.lower())
    return [one for one in scope.columns if (one.table.lower(), one.name.lower()) == spelled]


def _find_clause(column: exp.Column) -> exp.Expr | None:
    """The clause of the SELECT in which the column stands; the SELECT itself where it is listed."""
    return column.find_ancestor(
        exp.Where, exp.Having, exp.Group, exp.Order, exp.Join, exp.AggFunc, exp.Window, exp.Select
    )


def _is_called(source: ScopeSource, name: str) -> bool:
    assert source.table is not None
    table = drop_schema(source.table.name)
    return is_alike(table, name) or is_plural(table, name)


def _is_meant(context: RepairContext, column: exp.Column) -> bool:
    """Whether the error is about that name."""
    name = context.error.name.lower()
    return (context.error.fault is Fault.AMBIGUOUS and f'"{column.name.lower()}"' in context.error.message.lower()) or (
        name == column.name.lower()
    )


def _has_self_reference(source: ScopeSource) -> bool:
    """Whether the table has a key to itself: an alias that is not there may be the other end of it."""
    table = source.table
    return table is not None and any(key.target_table.lower() == table.name.lower() for key in table.foreign_keys)

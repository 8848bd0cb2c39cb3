"""Correct the qualifier of columns that belong to another table of the query than the one written."""

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
    """Write a table's alias where its name was written in front of a column.

    Precondition: exactly one table of the SELECT, or else of the one around it, has that name, and no alias does.

    >>> repair("SELECT orders.total FROM orders AS o WHERE o.total > 2")
    SELECT o.total FROM orders AS o WHERE o.total > 2
    """
    found = context.find_fault()
    if found is None or not found[1].table or found[0].find_source(found[1].table) is not None:
        return None
    scope, written = found[0], found[1].table
    candidates = (
        [source for source in level.sources if source.table is not None and _is_called(source, written)]
        for level in scope.walk_outwards()
    )
    named = next(filter(None, candidates), [])
    if len(named) != 1:
        return None
    for column in scope.columns:
        if column.table.lower() == written.lower():
            column.set("table", make_identifier(named[0].alias))
    return Edit(context.tree, f"{written} is {named[0].alias} here")


def move_column(context: RepairContext) -> Edit | None:
    """Take the column from the one table of the query that has it.

    Precondition: that table is the only one, with exactly that name; the query does not use the right column beside the
    wrong one, as if there were both; and the table written has no other column that may be meant (`first_name` for
    `name`). Something must show that the question is not about the written table's own column, which would then be
    missing: the column is called after the table that has it, or the table written holds keys only, or a key of the
    schema joins the two columns, or the right column is what the listed one is grouped by; or there is one table, whose
    alias was left out.

    >>> repair("SELECT o.name, count(*) FROM orders o JOIN customers c ON o.customer_id = c.id GROUP BY c.name")
    SELECT c.name, COUNT(*) FROM orders AS o JOIN customers AS c ON o.customer_id = c.id GROUP BY c.name
    >>> repair("SELECT o.name FROM orders o JOIN customers c ON o.customer_id = c.id WHERE c.city = 'Rome'")
    """
    found = _find_owner(context)
    if found is None or _is_used(*found) or not _is_supported(context, *found):
        return None
    return Edit(context.tree, rebind_column(*found))


def move_to_unused(context: RepairContext) -> Edit | None:
    """Take the column from the one table of the query that has it and that is used for nothing else.

    Precondition: as for `move_column`, but the keys show whose column it is: one leads to at most one row of that
    table, and nothing else is taken from it. Or no other table of the schema has such a column, and no rows are
    counted: the table might be joined for the count alone.

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
    """Take a column that rows are grouped or filtered by from the one table of the query that has it.

    Precondition: no other table of the schema has such a column, and a key leads from the table written to exactly one
    row of the one that has it. Texts that it is compared with are stored there, as a proof shows; only then may the
    query use the right column too.

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
    texts = [list_compared_texts(place) for place in same]
    if not all(is_dimension(place, scope) for place in same) or (_is_used(*found) and not all(texts)):
        return None
    keys = [key for key in list_keys_between(context.schema, named.table.name, target.table.name) if not key.is_to_many]
    if len(keys) != 1:
        return None
    stored = (prove_stored(target.table, column.name, text) for some in texts for text in some)
    return Edit(context.tree, rebind_column(scope, column, target), (*keys[0].proofs, *stored))


def choose_equal(context: RepairContext) -> Edit | None:
    """Qualify an ambiguous column where the choice makes no difference.

    Precondition: inner joins make all the columns equal; or the name stands in a join's condition against a column of
    one of the two tables, so that it must be the other's.

    >>> repair("SELECT product FROM order_lines l JOIN reviews r ON l.product = r.product")
    SELECT l.product FROM order_lines AS l JOIN reviews AS r ON l.product = r.product
    >>> repair("SELECT id FROM orders o JOIN customers c ON o.customer_id = c.id")
    """
    for scope in context.find_scopes():
        for column in scope.columns:
            if column.table or not isinstance(column.this, exp.Identifier) or is_using(scope.select, column.name):
                continue
            holders = scope.find_sources(column.name)
            if len(holders) < 2 or column.name.lower() in scope.aliases or not _is_named_in_error(context, column):
                continue
            if find_join(column) is not None and find_other_side(column) is not None:
                holders = [source for source in list_possible_sources(scope, column) if source in holders]
                if len(holders) != 1:
                    return None
            elif not are_equal(scope, column.name, holders):
                return None
            before = show_node(column)
            column.set("table", make_identifier(holders[0].alias))
            return Edit(context.tree, f"{before} is {show_node(column)}")
    return None


def list_compared_texts(column: exp.Column) -> list[str]:
    """Return the texts that the column must equal one of; empty where it is compared in another way."""
    return [str(text.this) for text in list_equal_texts(column)]


def has_rival(name: str, source: ScopeSource) -> bool:
    """Return whether the source has a column that the name may also mean: one with all its words, and more.

    A foreign key is no rival: it leads to the thing and does not hold it.

    >>> employees = ScopeSource("e", frozenset({"id", "first_name", "last_name"}), None, exp.Table())
    >>> has_rival("name", employees), has_rival("city_name", employees)
    (True, False)
    """
    words, table = split_words(name), source.table
    foreign_keys = table.foreign_keys if table is not None else ()
    keys = {name.lower() for key in foreign_keys for name in key.columns}
    return any(
        all(any(is_same_word(word, other) for other in split_words(column)) for word in words)
        for column in list_names(source)
        if column.lower() not in keys
    )


def _find_owner(context: RepairContext) -> tuple[Scope, exp.Column, ScopeSource] | None:
    """Return the faulty column, which must have a qualifier, and the one source that has it."""
    found = context.find_fault()
    if found is None or not found[1].table:
        return None
    scope, column = found
    named = scope.find_source(column.table)
    if named is None and context.schema.find_table(column.table) is not None:
        return None
    holders = [source for source in list_possible_sources(scope, column) if source.has_column(column.name)]
    if scope.has_unknown_columns or (len(holders) > 1 and not are_equal(scope, column.name, holders)):
        return None
    if not holders and scope.parent is not None and not scope.parent.has_unknown_columns:
        outer = scope.parent.find_sources(column.name)
        holders = outer if len(outer) == 1 else []
    if not holders or (named is None and _has_self_reference(holders[0])):
        return None
    if named is not None and has_rival(column.name, named):
        return None
    return scope, column, holders[0]


def is_dimension(column: exp.Column, scope: Scope) -> bool:
    """Return whether rows are grouped or filtered by the column where it stands."""
    aggregate = column.find_ancestor(exp.AggFunc, exp.Select)
    if isinstance(aggregate, exp.AggFunc):
        return isinstance(column.find_ancestor(exp.Predicate, exp.AggFunc), exp.Predicate)
    if isinstance(column.find_ancestor(exp.Where, exp.Group, exp.Select), exp.Where | exp.Group):
        return True
    group = scope.select.args.get("group")
    grouped = [key.name.lower() for key in group.expressions if isinstance(key, exp.Column)] if group else []
    return column.name.lower() in grouped


def is_called_after(name: str, table: Table, keys: Iterable[str] = ()) -> bool:
    """Return whether the name is the table's or its key's, or begins with it.

    With the key `power_id`, `power` and `power_name` are.
    """
    words = split_words(name)
    stems = [split_words(drop_schema(table.name)), *(split_words(key)[:-1] for key in keys)]
    return any(0 < len(stem) <= len(words) and has_words(" ".join(words[: len(stem)]), stem) for stem in stems)


def _is_supported(context: RepairContext, scope: Scope, column: exp.Column, target: ScopeSource) -> bool:
    """Return whether something shows that the column is the target's."""
    if target.table is None or (find_join(column) is not None and find_other_side(column) is not None):
        return target.table is None or _is_keyed(context, scope, column, target)
    named = scope.find_source(column.table)
    named_table = named.table if named is not None else None
    keys = [name for key in (named_table.foreign_keys if named_table is not None else ()) for name in key.columns]
    if (
        is_called_after(column.name, target.table, keys)
        or _is_one_group(scope, column, target)
        or _is_link(named_table)
    ):
        return True
    # An unknown alias stands for the only table, where that has no alias of its own.
    return named is None and not target.node.alias and len(scope.sources) == 1


def _is_link(table: Table | None) -> bool:
    """Return whether the table holds keys only, and so nothing of its own that a question could be about."""
    if table is None or not table.foreign_keys:
        return False
    keys = {name.lower() for key in table.foreign_keys for name in key.columns} | set(map(str.lower, table.primary_key))
    return all(column.name.lower() in keys for column in table.columns)


def _prove_one_row(context: RepairContext, scope: Scope, target: ScopeSource) -> tuple[Proof, ...] | None:
    """Return what proves that the target has at most one row for a row of another table, so that it adds columns only.

    None where no key leads to it that way.
    """
    if target.table is None:
        return None
    others = [source.table.name for source in scope.sources if source.table is not None and source is not target]
    keys = [key for other in others for key in list_keys_between(context.schema, other, target.table.name)]
    found = [key.proofs for key in keys if not key.is_to_many and not context.is_disproved(key.proofs)]
    return next(iter(sorted(found, key=len)), None) if others else ()


def _is_keyed(context: RepairContext, scope: Scope, column: exp.Column, target: ScopeSource) -> bool:
    """Return whether a key of the schema joins the column with the other side of its equality."""
    other = find_other_side(column)
    found = resolve_column(scope, other) if other is not None else None
    if found is None or found[0].table is None or target.table is None or other is None:
        return False
    wanted = ([column.name.lower()], [other.name.lower()])
    keys = list_keys_between(context.schema, target.table.name, found[0].table.name)
    return any(([*map(str.lower, key.columns)], [*map(str.lower, key.target_columns)]) == wanted for key in keys)


def _is_only_holder(context: RepairContext, name: str) -> bool:
    """Return whether exactly one table has a column of that name. One that many have may be each one's own."""
    return sum(table.find_column(name) is not None for table in context.schema.tables) == 1


def _is_unused(context: RepairContext, scope: Scope, source: ScopeSource) -> bool:
    """Return whether nothing but join conditions uses the source."""
    if any(expression.is_star for expression in scope.select.expressions):
        return False
    for inner in context.find_scopes():
        if all(level.select is not scope.select for level in inner.walk_outwards()):
            continue
        for column in inner.columns:
            is_own = inner.select is scope.select
            if is_own and find_join(column) is not None:
                continue
            may_be_of_source = column.table.lower() == source.alias.lower() or (is_own and not column.table)
            if may_be_of_source and source.has_column(column.name):
                return False
    return True


def _is_used(scope: Scope, column: exp.Column, source: ScopeSource) -> bool:
    """Return whether the query names the right column too, as if there were both."""
    return bool(_list_right_columns(scope, column, source)) and not _is_one_group(scope, column, source)


def _is_one_group(scope: Scope, column: exp.Column, source: ScopeSource) -> bool:
    """Return whether one of the two names is listed and the other grouped by: they must be the same column."""
    right = {type(_find_clause(place)) for place in _list_right_columns(scope, column, source)}
    wrong = {type(_find_clause(place)) for place in list_same_columns(scope, column)}
    return (wrong == {exp.Select} and exp.Group in right) or (wrong == {exp.Group} and exp.Select in right)


def _list_right_columns(scope: Scope, column: exp.Column, source: ScopeSource) -> list[exp.Column]:
    """Return the right column, at each place of the SELECT."""
    wanted = (source.alias.lower(), column.name.lower())
    return [other for other in scope.columns if (other.table.lower(), other.name.lower()) == wanted]


def _find_clause(column: exp.Column) -> exp.Expr | None:
    """Return the clause of the SELECT that the column stands in; the SELECT itself where it is listed."""
    return column.find_ancestor(
        exp.Where, exp.Having, exp.Group, exp.Order, exp.Join, exp.AggFunc, exp.Window, exp.Select
    )


def _is_called(source: ScopeSource, name: str) -> bool:
    """Return whether the table of the source is called so, by its letters or in singular or plural."""
    assert source.table is not None
    table = drop_schema(source.table.name)
    return is_alike(table, name) or is_plural(table, name)


def _is_named_in_error(context: RepairContext, column: exp.Column) -> bool:
    """Return whether the error is about that name."""
    name = context.error.name.lower()
    is_quoted = f'"{column.name.lower()}"' in context.error.message.lower()
    return (context.error.fault is Fault.AMBIGUOUS and is_quoted) or name == column.name.lower()


def _has_self_reference(source: ScopeSource) -> bool:
    """Return whether the table has a key to itself: an unknown alias may be the other end of it."""
    table = source.table
    return table is not None and any(key.target_table.lower() == table.name.lower() for key in table.foreign_keys)

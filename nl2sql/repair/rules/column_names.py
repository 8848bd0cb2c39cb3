"""Correct the names of columns that exist under another spelling."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext, drop_schema, list_names, make_identifier, rebind_column
from nl2sql.repair.join_conditions import (
    are_joined,
    find_compared_source,
    find_joined_source,
    list_possible_sources,
)
from nl2sql.repair.name_matching import (
    find_only_match,
    has_words,
    is_alike,
    is_plural,
    is_slip,
    split_words,
)
from nl2sql.repair.scopes import Scope, ScopeSource
from nl2sql.schema.word_stems import is_same_word

Matches = Callable[[ScopeSource, str, str], bool]


def spell_column(context: RepairContext) -> Edit | None:
    """Give the column the spelling that its table has for it.

    Precondition: of the columns that it can be, exactly one has the same letters (case, accents and separators do not
    count), or else the same words (plurals do not count).

    >>> repair('SELECT CustomerId FROM orders')
    SELECT customer_id FROM orders
    >>> repair("SELECT sum(totals) FROM orders")
    SELECT SUM(total) FROM orders
    """
    for matches in (is_alike, is_plural):
        if edit := _rename_column(context, _ignore_source(matches)):
            return edit
    return None


def spell_label(context: RepairContext) -> Edit | None:
    """Give a column alias the spelling that the query itself gave it.

    Precondition: the name stands where aliases may, no table of the query has such a column, and exactly one alias has
    the same letters or words.

    >>> repair("SELECT city, count(*) AS visits FROM customers GROUP BY city ORDER BY Visit")
    SELECT city, COUNT(*) AS visits FROM customers GROUP BY city ORDER BY visits
    """
    found = context.find_fault()
    if found is None or found[1].table:
        return None
    scope, column = found
    clause = column.find_ancestor(exp.Order, exp.Group, exp.Having, exp.Select)
    if not isinstance(clause, exp.Order | exp.Group | exp.Having):
        return None
    labels = [item.alias for item in scope.select.expressions if isinstance(item, exp.Alias)]
    meant = find_only_match(column.name, labels, is_alike) or find_only_match(column.name, labels, is_plural)
    if meant is None:
        return None
    before = column.name
    column.set("this", make_identifier(meant))
    return Edit(context.tree, f"{before} is {meant}")


def correct_slip(context: RepairContext) -> Edit | None:
    """Correct one slip in a column's name.

    Precondition: exactly one column is that slip away, the word is not another word that the question uses, and neither
    a first letter nor a digit changes (see `is_slip`).

    >>> repair("SELECT sum(qunatity) FROM orders", "How many pieces in all?")
    SELECT SUM(quantity) FROM orders
    >>> repair("SELECT sum(total_cots) FROM orders", "What are the total cots?")
    """
    return _rename_column(context, lambda source, written, name: is_slip(written, name, context.question_words))


def use_own_name(context: RepairContext) -> Edit | None:
    """Add or drop the table's own name in front of a column's: it does not qualify the column.

    Precondition: the column's name in its table is the written one with the table's name added, or dropped. Where it is
    dropped, no other column ends with the same word, or there would be several to choose from.

    >>> repair("SELECT customer_name FROM customers")
    SELECT name FROM customers
    >>> repair("SELECT cost_price FROM order_lines")
    """
    return _rename_column(context, _is_own_name)


def _ignore_source(matches: Callable[[str, str], bool]) -> Matches:
    return lambda source, written, name: matches(written, name)


def _rename_column(context: RepairContext, matches: Matches) -> Edit | None:
    """Rename the faulty column to the one name of its sources that matches."""
    found = context.find_fault()
    if found is None:
        return None
    scope, column = found
    matching = [
        (source, name)
        for source in _list_sources(scope, column)
        for name in list_names(source)
        if matches(source, column.name, name)
    ]
    if len(matching) != 1 or (not column.table and scope.has_unknown_columns):
        return None
    source, name = matching[0]
    if _has_exact_rival(scope, column, source, name):
        return None
    return Edit(context.tree, rebind_column(scope, column, source, name))


def _list_sources(scope: Scope, column: exp.Column) -> list[ScopeSource]:
    """Return the source that the column names, or else all that it can belong to.

    Empty where a join's condition would then be about one table, or not about what it joins: the qualifier is wrong.
    """
    if not column.table:
        return list_possible_sources(scope, column)
    named = scope.find_source(column.table)
    compared, joined = find_compared_source(scope, column), find_joined_source(scope, column)
    is_wrong = joined is not None and (named is compared or joined not in (named, compared))
    return [named] if named is not None and not is_wrong else []


def _has_exact_rival(scope: Scope, column: exp.Column, source: ScopeSource, name: str) -> bool:
    """Return whether another table of the SELECT has a column of exactly the name written."""
    if is_alike(column.name, name):
        return False
    rivals = [other for other in scope.find_sources(column.name) if other is not source]
    return any(not are_joined(scope, (other.alias, column.name), (source.alias, name)) for other in rivals)


def _is_own_name(source: ScopeSource, written: str, name: str) -> bool:
    """Return whether one name is the other with the source's name in front of it."""
    if source.table is None:
        return False
    table, words, name_words = split_words(drop_schema(source.table.name)), split_words(written), split_words(name)
    if has_words(written, (*table, *name_words)):
        return True
    rivals = [other for other in list_names(source) if other != name and _is_ending(split_words(other), words)]
    return has_words(name, (*table, *words)) and not rivals


def _is_ending(name: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return len(name) >= len(words) and all(map(is_same_word, name[-len(words) :], words))

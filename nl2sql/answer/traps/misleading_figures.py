"""Figures that are not what they seem: averages of averages, divisions that lose something, constants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, find_source, find_stored, list_columns, walk_own_nodes
from nl2sql.answer.plain_tree import name_function
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.answer.traps.ran_query import (
    AGGREGATES,
    RanQuery,
    count_rows,
    find_argument,
    is_aggregated,
    list_aggregates,
    list_group_keys,
    make_count,
    name_relation,
)
from nl2sql.types.type_families import is_whole

_AVERAGES: Final = ("avg", "mean", "favg")
_WHOLE_TYPES: Final = (exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT)


def find_average_of_averages(ran: RanQuery) -> Iterator[str]:
    """Find an AVG over averages of groups of different sizes.

    Precondition: the averaged column is an AVG in a step or derived table, whose groups are counted. `SELECT avg(a)
    FROM (SELECT avg(price) AS a FROM products GROUP BY category)` gives each category the same weight.
    """
    for block in ran.blocks:
        for call in list_aggregates(block):
            argument = find_argument(call) if name_function(call) in _AVERAGES else None
            if not isinstance(argument, exp.Column):
                continue
            source, at = find_source(argument, block)
            inner = _find_average(source)
            if inner is None or at is block or not at.select.args.get("group"):
                continue
            sizes = ran.probe_rows(at, [exp.alias_(make_count(), "n")], keeps=("having",))
            if sizes is None:
                continue
            sizes = sizes.group_by(*[key.copy() for key in list_group_keys(at)], copy=False)
            found = ran.fetch_row(ran.wrap_query(sizes, "min(n)", "max(n)"))
            if found and found[0] != found[1]:
                yield (
                    f"{write_plain_sql(call)} averages averages of groups of "
                    f"{int(found[0]):,} to {int(found[1]):,} rows, "
                    f"each with the same weight; {write_plain_sql(inner)} over all rows is another figure"
                )


def _find_average(node: exp.Expr) -> exp.Expr | None:
    """Return the average that an expression is, rounded or not."""
    while True:
        if name_function(node) in _AVERAGES:
            return node
        if isinstance(node, exp.Cast) or (name_function(node) in ("round", "coalesce") and node.expressions):
            node = node.this if isinstance(node, exp.Cast) else node.expressions[0]
            continue
        return None


def find_integer_division(ran: RanQuery) -> Iterator[str]:
    """Find divisions of whole numbers that drop the decimals.

    Precondition: `//` between whole numbers, or a quotient cast to a whole number, in a shown column that nothing
    groups by or multiplies back, and a shown value differs from the exact one. `sum(won) // count(*)` is 0 for any
    share.
    """
    for block in ran.blocks:
        if block.role == "condition":
            continue
        keys = list_group_keys(block)
        for item in block.select.expressions:
            node = item.unalias()
            if any(node == key for key in keys):
                continue
            for division in walk_own_nodes(node):
                exact = _divide_exactly(division, block)
                if exact is None or _is_bucket(division):
                    continue
                found = ran.fetch_row(_probe_worst(ran, block, division, exact))
                if found and found[0] is not None:
                    whole, value = found
                    yield f"{write_plain_sql(division)} drops the decimals: {whole} instead of {float(value):.4g}"
                    return


def _divide_exactly(node: exp.Expr, block: Block) -> exp.Expr | None:
    """Return the division with its decimals; None where the node drops none."""
    if isinstance(node, exp.IntDiv) and _is_whole(node.left, block) and _is_whole(node.right, block):
        return exp.Div(this=node.left.copy(), expression=node.right.copy())
    if isinstance(node, exp.Cast) and node.is_type(*_WHOLE_TYPES) and isinstance(node.this, exp.Div):
        return node.this.copy()
    return None


def _is_whole(node: exp.Expr, block: Block) -> bool:
    if isinstance(node, exp.Literal):
        return node.is_int
    if isinstance(node, exp.Cast):
        return node.is_type(*_WHOLE_TYPES)
    if name_function(node) == "count":
        return True
    if name_function(node) in AGGREGATES and node.expressions:
        return _is_whole(node.expressions[0], block)
    if isinstance(node, exp.Case):
        values = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
        return all(_is_whole(value, block) for value in values if value is not None)
    stored = find_stored(node, block)
    return stored is not None and is_whole(stored.column.type)


def _is_bucket(node: exp.Expr) -> bool:
    """Return whether the quotient is multiplied back, as when decades are made of years."""
    return isinstance(node.parent, exp.Mul | exp.Mod | exp.Add) or name_function(node.parent) in ("concat", "to_years")


def _probe_worst(ran: RanQuery, block: Block, division: exp.Expr, exact: exp.Expr) -> exp.Select | None:
    """Make a probe for the pair of values that differ most in proportion, by more than a hundredth."""
    items = [exp.alias_(division.copy(), "whole"), exp.alias_(exact, "exact")]
    inner = ran.probe_rows(block, items, keeps=("having",))
    if inner is None:
        return None
    if block.select.args.get("group") is not None:
        inner = inner.group_by(*[key.copy() for key in list_group_keys(block)], copy=False)
    probe = ran.wrap_query(
        inner, "arg_max(whole, abs(exact - whole) / abs(exact))", "max_by(exact, abs(exact - whole) / abs(exact))"
    )
    return (
        probe.where("exact <> 0 AND abs(exact - whole) > 0.01 * abs(exact)", dialect="duckdb", copy=False)
        if probe
        else None
    )


def find_division_by_zero(ran: RanQuery) -> Iterator[str]:
    """Find divisors that are zero in some rows, which then show no number, or make their sum none.

    Precondition: a quotient in a shown column, its divisor unguarded by `nullif` or CASE, and zero in rows that the
    query reads. `SELECT store, sales / area FROM stores` gives `inf` where the area is 0.
    """
    for block in ran.blocks:
        if block.role == "condition":
            continue
        reported: set[str] = set()
        for item in block.select.expressions:
            for node in walk_own_nodes(item):
                if not isinstance(node, exp.Div) or not list(list_columns(node.right)):
                    continue
                if node.find_ancestor(exp.Case, exp.Filter) is not None or node.right.find(exp.Case) is not None:
                    continue
                text = write_plain_sql(node.right)
                if text in reported or "nullif" in text:
                    continue
                found = ran.fetch_row(_probe_zeros(ran, block, node))
                if found and found[0]:
                    reported.add(text)
                    yield f"{text} is 0 in {count_rows(int(found[0]))}, where dividing by it gives no number"


def _probe_zeros(ran: RanQuery, block: Block, division: exp.Div) -> exp.Select | None:
    """Make a probe that counts the rows, or groups, whose divisor is zero."""
    zero = exp.EQ(this=exp.column("d"), expression=exp.Literal.number(0))
    of_groups = any(name_function(node) in AGGREGATES for node in walk_own_nodes(division.right))
    keeps = ("having",) if of_groups else ()
    inner = ran.probe_rows(block, [exp.alias_(division.right.copy(), "d")], keeps=keeps)
    if inner is None:
        return None
    if of_groups and block.select.args.get("group") is not None:
        inner = inner.group_by(*[key.copy() for key in list_group_keys(block)], copy=False)
    elif not of_groups and is_aggregated(block) and block.select.args.get("group") is not None:
        is_key = any(division.right == key for key in list_group_keys(block))
        if not is_key and division.find_ancestor(exp.Anonymous) is None:
            return None
    probe = ran.wrap_query(inner, "count(*)")
    return probe.where(zero, copy=False) if probe else None


_ROUNDED: Final = re.compile(
    r"\b(?:round(?:ed|s|ing)?|gerundet|runde|arrondie?s?|redondead[oa]s?)\b(?: [^\s.;?!]{1,15}){0,4}? "
    r"(no|zero|one|two|three|four|\d|ein|eine|zwei|drei|vier|un|une|deux|trois|uno|una|dos|tres)"
    r" ?(?:decimal|decimals|digits?|places|nachkomma|dezimal|décimale|decimale)",
    re.I,
)
_WHOLE_WANTED: Final = re.compile(r"\b(?:nearest|next) (?:whole number|integer)\b|\bganze zahl gerundet\b", re.I)
_NUMBER_WORDS: Final = {
    **dict.fromkeys(("no", "zero"), 0),
    **dict.fromkeys(("one", "ein", "eine", "un", "une", "uno", "una"), 1),
    **dict.fromkeys(("two", "zwei", "deux", "dos"), 2),
    **dict.fromkeys(("three", "drei", "trois", "tres"), 3),
    **dict.fromkeys(("four", "vier"), 4),
}


def find_unrounded_figures(ran: RanQuery) -> Iterator[str]:
    """Find figures that are not rounded though the question asks for it.

    Precondition: the question says to how many decimals, a figure shown has more, and the query rounds nothing. `SELECT
    avg(price) FROM products` for "the average price, rounded to two decimals" shows 13.315.
    """
    if found := _ROUNDED.search(ran.question):
        word = found[1].lower()
        wanted = int(word) if word.isdigit() else _NUMBER_WORDS[word]
    elif _WHOLE_WANTED.search(ran.question):
        wanted = 0
    else:
        return
    if any(name_function(node) == "round" for node in ran.tree.walk()):
        return
    for number, column in enumerate(ran.result.columns):
        if any(_count_decimals(row[number]) > wanted for row in ran.result.rows):
            decimals = f"{wanted} decimal{'' if wanted == 1 else 's'}" if wanted else "whole numbers"
            yield f"{column.name} is not rounded to {decimals}, as the question asks"


def _count_decimals(value: object) -> int:
    """Return how many decimals a figure has, without trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, float | Decimal):
        return 0
    return len(format(Decimal(repr(value)) if isinstance(value, float) else value, "f").partition(".")[2].rstrip("0"))


def find_constant_for_column(ran: RanQuery) -> Iterator[str]:
    """Find a number or text in the place of a column of the same name.

    Precondition: a table that the query reads has a column of that name, and the constant is shown under no other name,
    is the whole argument of an aggregate, or is compared with another constant. `SELECT region, 2024 FROM budget` shows
    2024 in each row, not the column "2024".
    """
    for block in ran.blocks:
        names = {
            name.lower(): (name, name_relation(r)) for r in block.relations for name in r.list_column_names() or ()
        }
        reported: set[str] = set()
        for node, literal in _list_constants(block):
            found = names.get(literal.name.lower())
            if found is not None and literal.name not in reported:
                reported.add(literal.name)
                name, table = found
                yield f'{write_plain_sql(node)} is the same in each row: the column of {table} is written "{name}"'


def _list_constants(block: Block) -> Iterator[tuple[exp.Expr, exp.Literal]]:
    for item in block.select.expressions:
        value = item.unalias()
        if isinstance(value, exp.Literal) and item.alias_or_name.lower() in ("", value.name.lower()):
            yield value, value
    for call in list_aggregates(block):
        argument = find_argument(call)
        if isinstance(argument, exp.Literal) and name_function(call) != "count":
            yield call, argument
    for condition in block.list_conditions():
        for node in walk_own_nodes(condition):
            if isinstance(node, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
                sides = [node.left, node.right]
                if all(isinstance(side, exp.Literal) for side in sides):
                    yield from ((node, side) for side in sides if isinstance(side, exp.Literal))

"""Write the query for the rows behind an aggregated figure: the same FROM and WHERE, with the keys of its row.

Only where that is certain: one plain SELECT over stored tables, with all its keys in the result.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlglot import exp

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.lineage import Block, is_star, list_blocks
from nl2sql.answer.plain_tree import PlainDuckDB, name_function, parse_plain
from nl2sql.schema.identifiers import quote_literal, quote_name
from nl2sql.types import ResultColumn, Schema

AGGREGATES: Final = frozenset(
    "sum sum_no_overflow fsum kahan_sum sumkahan count count_star count_if countif avg mean favg min max median mode "
    "any_value first last arbitrary arg_min arg_max argmin argmax min_by max_by quantile quantile_cont quantile_disc "
    "approx_quantile approx_count_distinct stddev stddev_pop stddev_samp var_pop var_samp variance corr covar_pop "
    "covar_samp list array_agg string_agg group_concat listagg bool_and bool_or bit_and bit_or bit_xor product "
    "geomean geometric_mean mad entropy skewness kurtosis kurtosis_pop histogram regr_slope regr_intercept".split()
)
_COUNTING: Final = frozenset(("count", "count_if", "countif"))
# Functions that give another value each time, or several rows for one.
_UNREPEATABLE: Final = frozenset("random uuid gen_random_uuid uuidv4 uuidv7 nextval setseed unnest unlist".split())
_PLAIN_TYPES: Final = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(\d+, ?\d+\)|VARCHAR|BOOLEAN|DATE|UUID"
    r"|TIMESTAMP(_S|_MS)?|TIMESTAMP WITH TIME ZONE|TIME"
)
_UNUSUAL: Final = ("with_", "distinct", "qualify", "windows", "laterals", "sample", "pivots", "match", "connect")
_MAX_TEXT_CHARS: Final = 10_000


def write_rows_behind(
    sql: str,
    columns: Sequence[ResultColumn],
    row: Sequence[Any],
    column: int,
    schema: Schema,
    *,
    lists_columns: bool = False,
) -> str | None:
    """Write the query of the rows behind that cell of that row of the result; None where it is not certain.

    Its first column is what the figure adds up or counts, under the figure's name; then come all columns. With
    `lists_columns` these are named instead of `*`, for a policy that denies some.
    """
    block = _read_plain_aggregate(sql, len(columns), schema)
    conditions = _list_conditions(block, columns, row) if block is not None else None
    if block is None or conditions is None:
        return None
    figure = block.select.expressions[column].unalias()
    if isinstance(figure, exp.Filter):
        conditions.append(f"({_write_node(figure.expression.this)})")
        figure = figure.this
    if figure.find(exp.Filter):
        # Each part of such a figure is computed from other rows.
        return None
    counted = _find_argument(figure)
    if counted is not None and name_function(figure) in _COUNTING:
        conditions.append(_write_counted(name_function(figure), counted))
    first = f"{_write_node(counted)} AS {quote_name(columns[column].name)}, " if counted is not None else ""
    all_columns = ", ".join(_list_columns(block)) if lists_columns else "*"
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {first}{all_columns} {_write_from(block.select)}{where}"


def _list_conditions(block: Block, columns: Sequence[ResultColumn], row: Sequence[Any]) -> list[str] | None:
    """Return the query's own condition and those that the row's keys make; None where a key cannot be written."""
    keys = _find_keys(block)
    if keys is None:
        return None
    where = block.select.args.get("where")
    conditions = [f"({_write_node(where.this)})"] if where is not None else []
    for at in keys:
        literal = _write_value(row[at], columns[at].type.upper())
        if literal is None:
            return None
        relation = "IS" if literal == "NULL" else "="
        conditions.append(f"{_enclose(block.select.expressions[at].unalias())} {relation} {literal}")
    return conditions


def is_aggregate(node: exp.Expr) -> bool:
    """Return whether the expression contains a known aggregate."""
    return any(name_function(call) in AGGREGATES for call in node.find_all(exp.Anonymous))


def has_grouping_sets(group: exp.Group) -> bool:
    """Return whether rows of the data are grouped in several ways at once."""
    return group.find(exp.Rollup, exp.Cube, exp.GroupingSets) is not None or bool(group.args.get("totals"))


def _read_plain_aggregate(sql: str, width: int, schema: Schema) -> Block | None:
    """Return the one SELECT of the query, where it is an aggregate over stored tables and nothing else."""
    tree = parse_plain(sql)
    if not isinstance(tree, exp.Select) or any(tree.args.get(key) for key in _UNUSUAL):
        return None
    blocks = list_blocks(tree, schema)
    if len(blocks) != 1 or tree.find(exp.Window, exp.Subquery, exp.Unnest, exp.TableSample, exp.Pivot):
        return None
    block = blocks[0]
    if not block.relations or any(relation.table is None for relation in block.relations):
        return None
    if any(name_function(call) in _UNREPEATABLE for call in tree.find_all(exp.Anonymous)) or _has_alias_references(
        block
    ):
        return None
    items = tree.expressions
    if len(items) != width or any(is_star(item) or item.find(exp.Star) is item for item in items):
        return None
    is_grouped = tree.args.get("group") is not None or any(is_aggregate(item) for item in items)
    return block if is_grouped else None


def _has_alias_references(block: Block) -> bool:
    """Return whether a condition or a selected expression uses the alias of another.

    A query of rows does not have that alias.
    """
    where = block.select.args.get("where")
    parts = [*block.select.expressions, *([where] if where is not None else [])]
    columns = (column for part in parts for column in part.find_all(exp.Column) if not column.table)
    return any(not any(relation.has_column(column.name) for relation in block.relations) for column in columns)


def _find_keys(block: Block) -> list[int] | None:
    """Return the positions of the columns that identify groups; None where the result lacks one."""
    items = [item.unalias() for item in block.select.expressions]
    group = block.select.args.get("group")
    if group is None:
        return [] if all(is_aggregate(item) or not item.find(exp.Column) for item in items) else None
    if has_grouping_sets(group):
        return None
    if group.args.get("all") or [key.name.upper() for key in group.expressions] == ["ALL"]:
        return [at for at, item in enumerate(items) if not is_aggregate(item)]
    keys: set[int] = set()
    for key in group.expressions:
        at = _find_item(key, block, items)
        if at is None:
            return None
        keys.add(at)
    others = (item for at, item in enumerate(items) if at not in keys)
    return sorted(keys) if all(is_aggregate(item) or not item.find(exp.Column) for item in others) else None


def _find_item(key: exp.Expr, block: Block, items: Sequence[exp.Expr]) -> int | None:
    """Return the position of the selected expression that the key is, by its number, its alias or its text."""
    if isinstance(key, exp.Literal):
        at = int(key.name) - 1 if not key.is_string and key.name.isdigit() else -1
        return at if 0 <= at < len(items) and not is_aggregate(items[at]) else None
    same = [at for at, item in enumerate(items) if item == key]
    if same:
        return same[0]
    if not isinstance(key, exp.Column):
        return None
    stored = block.find_relation(key)
    if stored is not None:
        # `o.city` and `city` are the same where only one table has it.
        alike = [
            at
            for at, item in enumerate(items)
            if isinstance(item, exp.Column)
            and item.name.lower() == key.name.lower()
            and block.find_relation(item) is stored
        ]
        return alike[0] if alike else None
    named = [at for at, item in enumerate(block.select.expressions) if item.alias_or_name.lower() == key.name.lower()]
    return named[0] if len(named) == 1 and not key.table and not is_aggregate(items[named[0]]) else None


def _find_argument(figure: exp.Expr) -> exp.Expr | None:
    """Return what a single aggregate adds up, counts or compares; None where there is no one such expression."""
    if name_function(figure) not in AGGREGATES or len(figure.expressions) != 1:
        return None
    argument = figure.expressions[0]
    if isinstance(argument, exp.Distinct):
        argument = argument.expressions[0] if len(argument.expressions) == 1 else exp.Star()
    if isinstance(argument, exp.Column | exp.Star | exp.Literal) or is_aggregate(argument):
        return argument if isinstance(argument, exp.Column) and not is_star(argument) else None
    return None if isinstance(argument, exp.Ordered | exp.Order) else argument


def _write_counted(function: str, argument: exp.Expr) -> str:
    """Return the condition that a row is counted."""
    return f"{_enclose(argument)} IS NOT NULL" if function == "count" else f"({_write_node(argument)})"


def _write_value(value: Any, kind: str) -> str | None:
    """Return the value as SQL of exactly the column's type; None where text would not be exact."""
    if value is None:
        return "NULL"
    if not _PLAIN_TYPES.fullmatch(kind) or not isinstance(
        value, bool | int | float | Decimal | str | dt.date | dt.time
    ):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    text = text_of(value)
    if len(text) > _MAX_TEXT_CHARS or "\0" in text:
        return None
    literal = quote_literal(text)
    return literal if kind == "VARCHAR" else f"CAST({literal} AS {kind})"


def _list_columns(block: Block) -> Iterator[str]:
    for relation in block.relations:
        for column in relation.table.columns if relation.table is not None else ():
            yield f"{quote_name(relation.alias)}.{quote_name(column.name)}"


def _write_node(node: exp.Expr) -> str:
    return node.sql(dialect=PlainDuckDB)


def _enclose(node: exp.Expr) -> str:
    """Return the expression as SQL that can stand beside a comparison."""
    return _write_node(node) if isinstance(node, exp.Column | exp.Anonymous | exp.Cast) else f"({_write_node(node)})"


def _write_from(select: exp.Select) -> str:
    source = exp.Select(expressions=[exp.Star()])
    source.set("from_", select.args["from_"].copy())
    source.set("joins", [join.copy() for join in select.args.get("joins") or ()] or None)
    return _write_node(source).removeprefix("SELECT * ")

"""The terms by which a reader knows tables, columns and periods of time: names, comments, units."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, Relation, find_source, find_stored
from nl2sql.answer.plain_tree import name_function
from nl2sql.answer.reading.moments import is_relative_to_today
from nl2sql.text_safety import make_one_line

_PERIODS: Final = ("year", "quarter", "month", "week", "day", "hour", "minute", "decade")
_PARTS: Final = frozenset({*_PERIODS, "dayofweek", "dayname", "monthname", "weekday", "dayofmonth", "dayofyear"})
_FORMATS: Final = {"%Y": "year", "%Y-%m": "month", "%Y-%m-%d": "day", "%m": "month", "%B": "month", "%Y-%m-01": "month"}
_MAX_COMMENT_CHARS: Final = 60


def label_relation(relation: Relation) -> str:
    """Return the reader's name for an entry of FROM: its own name, or its alias where that name occurs twice."""
    own_name = _get_own_name(relation)
    select = relation.node.find_ancestor(exp.Select)
    around = [relation.node, *(select.find_all(exp.Table) if select is not None else ())]
    beside = [node for node in around if isinstance(node, exp.Table) and node.find_ancestor(exp.Select) is select]
    others = [node for node in beside if node is not relation.node]
    is_repeated = any(node.name.lower() == relation.node.name.lower() for node in others)
    return relation.alias if is_repeated or not own_name else own_name


def _get_own_name(relation: Relation) -> str:
    if relation.table is not None:
        return relation.table.name
    return relation.node.name if isinstance(relation.node, exp.Table) else relation.alias


def find_period(node: exp.Expr) -> tuple[str, exp.Expr] | None:
    """Return the unit of time that a call extracts from a moment, and the moment."""
    while isinstance(node, exp.Cast):
        node = node.this
    name, arguments = name_function(node), node.expressions if isinstance(node, exp.Anonymous) else []
    if name in ("date_trunc", "datetrunc", "date_part", "datepart") and len(arguments) == 2:
        unit = arguments[0].name.lower()
        return (unit, arguments[1]) if isinstance(arguments[0], exp.Literal) and unit in _PARTS else None
    if name == "strftime" and len(arguments) == 2:
        moment, form = arguments if isinstance(arguments[1], exp.Literal) else arguments[::-1]
        return (_FORMATS[form.name], moment) if form.name in _FORMATS else None
    if name in _PARTS and len(arguments) == 1:
        return {"dayname": "name of the day", "monthname": "name of the month"}.get(name, name), arguments[0]
    return None


def shorten_comment(comment: str) -> str:
    """Return the first part of a comment, to be put in parentheses; empty where it is long."""
    text = make_one_line(comment, 400).split(";")[0].split(". ")[0].rstrip(".")
    if not text or len(text) > _MAX_COMMENT_CHARS:
        return ""
    is_name = len(text) > 1 and text[1].isupper()
    return text if is_name else text[0].lower() + text[1:]


def has_relative_condition(block: Block) -> bool:
    """Return whether a condition or value of the SELECT depends on the day it runs."""
    return any(is_relative_to_today(item) for item in (*block.select.expressions, *block.list_conditions()))


def is_temporal_value(node: exp.Expr, block: Block) -> bool:
    """Return whether a value is a day or a moment, as far as the schema and the query tell."""
    stored = find_stored(node, block)
    if stored is not None:
        return stored.column.is_temporal
    source, at = find_source(node, block) if isinstance(node, exp.Column) else (node, block)
    if isinstance(source, exp.Cast):
        return source.is_type(exp.DType.DATE, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ)
    if name_function(source) in ("min", "max", "first", "last", "any_value") and source.expressions:
        return _is_temporal_argument(source, at)
    return name_function(source) in ("date_trunc", "last_day", "make_date", "strptime")


def _is_temporal_argument(call: exp.Expr, block: Block) -> bool:
    argument = call.expressions[0]
    stored = find_stored(argument, block)
    if stored is not None:
        return stored.column.is_temporal
    return not isinstance(argument, exp.Column) and is_temporal_value(argument, block)

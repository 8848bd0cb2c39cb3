"""Suggest questions without a model: first ones from the schema, next ones from an answer's SQL and rows.

It suggests nothing that, according to the profile, the data cannot answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql.answer.cell_text import text_of
from nl2sql.text_safety import make_one_line
from nl2sql.types import Answer, Column, Schema, Table, list_column_values
from nl2sql.types.type_families import is_fractional, is_numeric, is_temporal, is_text

_MAX_NAME_CHARS: Final = 40
_MAX_VALUE_CHARS: Final = 40
_CATEGORY_VALUES_RANGE: Final = (2, 20)
_MAX_LOOKUP_ROWS: Final = 60
_MAX_SHORT_LIST_ROWS: Final = 10
_ENDING: Final = re.compile(r"_(id|code|key|name|no|on|at)$", re.I)
_KEY: Final = re.compile(r"(?:^|_)(id|code|key|no|number|order|sku|year|month|day)$", re.I)
_LABEL: Final = re.compile(r"(?:^|_)(name|title|label)$", re.I)
_YEAR: Final = re.compile(r"(19|20)\d\d")


def suggest_questions(schema: Schema, limit: int = 4) -> tuple[str, ...]:
    """Return at most `limit` first questions, of different kinds, about the largest tables first."""
    tables = sorted(schema.tables, key=lambda table: -(table.row_count or 0))
    rounds = zip_longest(*(list(make(schema, tables)) for make in _FIRST_QUESTIONS))
    found = dict.fromkeys(question for questions in rounds for question in questions if question)
    return tuple(found)[:limit]


def suggest_follow_ups(answer: Answer, schema: Schema, limit: int = 3) -> tuple[str, ...]:
    """Return at most `limit` questions that build on an answer with rows; none where its SQL cannot be read."""
    if answer.sql is None or answer.result is None or not answer.result.row_count:
        return ()
    try:
        tree = parse_one(answer.sql, read=schema.dialect)
    except SqlglotError:
        return ()
    if not isinstance(tree, exp.Select):
        return ()
    names = {table.name.lower() for table in tree.find_all(exp.Table)}
    tables = [table for table in schema.tables if table.name.lower().rpartition(".")[2] in names]
    found = dict.fromkeys(text for make in _NEXT_QUESTIONS if (text := make(answer, tree, schema, tables)))
    return tuple(found)[:limit]


def _ask_count_by_month(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        for column in table.columns:
            if is_temporal(column.type) and (year := _find_last_year(column)) and not _is_measured(table):
                yield f"How many {_name_things(table)} were there in each month of {year}?"
                break


def _ask_total_by_month(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        when = next((c for c in table.columns if is_temporal(c.type) and _find_last_year(c)), None)
        measure = _find_measure(table)
        if when and measure and _is_measured(table):
            yield f"What was the total {_write_words(measure.name)} in each month of {_find_last_year(when)}?"


def _ask_count_by_category(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        for name in () if _is_measured(table) else _list_categories(schema, table):
            yield f"How many {_name_things(table)} are there for each {name}?"
            break


def _ask_highest(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        label = next((c for c in table.columns if _LABEL.search(c.name) and is_text(c.type)), None)
        measure = _find_measure(table)
        if label and measure and (table.row_count or 0) > _MAX_SHORT_LIST_ROWS:
            yield f"Which five {_name_things(table)} have the highest {_write_words(measure.name)}?"


def _ask_row_count(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        if table.row_count and not _is_measured(table):
            yield f"How many {_name_things(table)} are there?"


_FIRST_QUESTIONS: Final[tuple[Callable[[Schema, Sequence[Table]], Iterator[str]], ...]] = (
    _ask_count_by_month,
    _ask_count_by_category,
    _ask_highest,
    _ask_total_by_month,
    _ask_row_count,
)


def _ask_by_time(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    if not _is_aggregated(tree) or any(is_temporal(column.type) for column in answer.columns):
        return None
    used = {column.name.lower() for column in tree.find_all(exp.Column)}
    for table in tables:
        for column in table.columns:
            first, last = _read_year(column.minimum), _read_year(column.maximum)
            if is_temporal(column.type) and first and last:
                one_year = _YEAR.search(answer.sql or "") and column.name.lower() in used
                return "And by month?" if first == last or one_year else "And by year?"
    return None


def _ask_by_category(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    if not _is_aggregated(tree) or (answer.row_count or 0) > _MAX_SHORT_LIST_ROWS * 5:
        return None
    mentioned = f"{answer.sql} {answer.question}".lower()
    for table in tables:
        for name in _list_categories(schema, table):
            if name.lower() not in mentioned and name.lower().replace(" ", "_") not in mentioned:
                return f"And by {name}?"
    return None


def _ask_one_value(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    if not _is_aggregated(tree) or (answer.row_count or 0) < 2 or answer.result is None:
        return None
    for column, values in zip(answer.columns, answer.result.table.columns, strict=True):
        if is_text(column.type):
            first = next((value for value in list_column_values(values.slice(0, 1)) if value), None)
            return f"Only for {make_one_line(text_of(first), _MAX_VALUE_CHARS)}?" if first else None
    return None


def _ask_another_year(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    years = {int(found.group()) for found in _YEAR.finditer(answer.question)}
    if len(years) != 1:
        return None
    before = years.pop() - 1
    known = [
        (_read_year(column.minimum), _read_year(column.maximum))
        for table in tables
        for column in table.columns
        if is_temporal(column.type)
    ]
    return f"And in {before}?" if any(first and last and first <= before <= last for first, last in known) else None


def _ask_top(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    counts = _is_aggregated(tree) and any(is_numeric(column.type) for column in answer.columns)
    if (
        counts
        and (answer.row_count or 0) > _MAX_SHORT_LIST_ROWS
        and not tree.args.get("limit")
        and len(answer.columns) > 1
    ):
        return None if any(is_temporal(column.type) for column in answer.columns) else "Only the top five?"
    return None


def _ask_how_many(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    listed = not _is_aggregated(tree) and not tree.args.get("limit")
    return "How many are there in all?" if listed and (answer.row_count or 0) > _MAX_SHORT_LIST_ROWS else None


_NEXT_QUESTIONS: Final[tuple[Callable[[Answer, exp.Select, Schema, Sequence[Table]], str | None], ...]] = (
    _ask_how_many,
    _ask_another_year,
    _ask_by_category,
    _ask_one_value,
    _ask_by_time,
    _ask_top,
)


def _is_aggregated(tree: exp.Select) -> bool:
    counts = any(item.find(exp.AggFunc) or _is_row_count(item) for item in tree.expressions)
    return bool(tree.args.get("group")) or counts


def _is_row_count(item: exp.Expr) -> bool:
    """Return whether the item is `count(*)` in the engine's own spelling."""
    return any(call.name.lower() == "count_star" for call in item.find_all(exp.Anonymous))


def _list_categories(schema: Schema, table: Table) -> Iterator[str]:
    """Yield what rows can be grouped by: small tables that a key leads to, and columns of few values."""
    for key in table.foreign_keys:
        target = schema.find_table(key.target_table)
        if (
            target
            and len(key.columns) == 1
            and target.row_count
            and _CATEGORY_VALUES_RANGE[0] <= target.row_count <= _MAX_LOOKUP_ROWS
        ):
            yield _write_words(key.columns[0])
    key_columns = {name for key in table.foreign_keys for name in key.columns}
    for column in table.columns:
        if (
            column.name not in key_columns
            and is_text(column.type)
            and _CATEGORY_VALUES_RANGE[0] <= len(column.values) <= _CATEGORY_VALUES_RANGE[1]
        ):
            yield _write_words(column.name)


def _find_measure(table: Table) -> Column | None:
    """Return the column of amounts: with decimals if there is one; in views the last, because totals come last."""
    measures = [column for column in table.columns if _is_measure(table, column)]
    exact = [column for column in measures if is_fractional(column.type)]
    fitting = exact or measures
    return fitting[-1 if table.kind == "view" else 0] if fitting else None


def _is_measure(table: Table, column: Column) -> bool:
    keys = {*table.primary_key, *(name for key in table.foreign_keys for name in key.columns)}
    return is_numeric(column.type) and column.name not in keys and not _KEY.search(column.name)


def _is_measured(table: Table) -> bool:
    """Return whether a row is an amount, not a thing: its table is a view, or has a key of several columns."""
    return table.kind == "view" or len(table.primary_key) > 1


def _find_last_year(column: Column) -> int | None:
    first, last = _read_year(column.minimum), _read_year(column.maximum)
    return last if first and last else None


def _read_year(text: str | None) -> int | None:
    return int(text[:4]) if text and _YEAR.match(text) else None


def _name_things(table: Table) -> str:
    return make_one_line(table.name.rpartition(".")[2].replace("_", " "), _MAX_NAME_CHARS)


def _write_words(name: str) -> str:
    return make_one_line(_ENDING.sub("", name).replace("_", " "), _MAX_NAME_CHARS)

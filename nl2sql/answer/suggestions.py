"""Questions worth asking, made by code: first ones from the schema, next ones from an answer's SQL and rows.

No model is called, and nothing is offered that the profile says the data cannot answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from nl2sql.answer.cell_text import text_of
from nl2sql.schema.ddl_prompt import one_line
from nl2sql.schema.type_families import is_numeric
from nl2sql.types import Answer, Column, Schema, Table, column_values

_NAME_CHARS: Final = 40
_VALUE_CHARS: Final = 40
_FEW: Final = (2, 20)
_LOOKUP_ROWS: Final = 60
_LONG_LIST: Final = 10
_TEMPORAL: Final = re.compile(r"(DATE|TIMESTAMP)", re.I)
_TEXT: Final = re.compile(r"(VARCHAR|ENUM)(?!.*\[)", re.I)
_ENDING: Final = re.compile(r"_(id|code|key|name|no|on|at)$", re.I)
_KEY: Final = re.compile(r"(?:^|_)(id|code|key|no|number|order|sku|year|month|day)$", re.I)
_LABEL: Final = re.compile(r"(?:^|_)(name|title|label)$", re.I)
_YEAR: Final = re.compile(r"(19|20)\d\d")


def suggestions(schema: Schema, limit: int = 4) -> tuple[str, ...]:
    """First questions, of different kinds, about the largest tables first."""
    tables = sorted(schema.tables, key=lambda table: -(table.row_count or 0))
    rounds = zip_longest(*(list(make(schema, tables)) for make in _FIRST))
    found = dict.fromkeys(question for questions in rounds for question in questions if question)
    return tuple(found)[:limit]


def follow_ups(answer: Answer, schema: Schema, limit: int = 3) -> tuple[str, ...]:
    """Next questions that build on an answer with rows; none where its SQL cannot be read."""
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
    found = dict.fromkeys(text for make in _NEXT if (text := make(answer, tree, schema, tables)))
    return tuple(found)[:limit]


def _by_month(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        for column in table.columns:
            if _TEMPORAL.match(column.type) and (year := _last_year(column)) and not _is_measured(table):
                yield f"How many {_things(table)} were there in each month of {year}?"
                break


def _of_a_measure_by_month(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        when = next((c for c in table.columns if _TEMPORAL.match(c.type) and _last_year(c)), None)
        measure = _measure(table)
        if when and measure and _is_measured(table):
            yield f"What was the total {_words(measure.name)} in each month of {_last_year(when)}?"


def _by_category(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        for name in () if _is_measured(table) else _categories(schema, table):
            yield f"How many {_things(table)} are there for each {name}?"
            break


def _the_most(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        label = next((c for c in table.columns if _LABEL.search(c.name) and _TEXT.match(c.type)), None)
        measure = _measure(table)
        if label and measure and (table.row_count or 0) > _LONG_LIST:
            yield f"Which five {_things(table)} have the highest {_words(measure.name)}?"


def _in_all(schema: Schema, tables: Sequence[Table]) -> Iterator[str]:
    for table in tables:
        if table.row_count and not _is_measured(table):
            yield f"How many {_things(table)} are there?"


_FIRST: Final[tuple[Callable[[Schema, Sequence[Table]], Iterator[str]], ...]] = (
    _by_month,
    _by_category,
    _the_most,
    _of_a_measure_by_month,
    _in_all,
)


def _and_by_time(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    if not _sums_up(tree) or any(_TEMPORAL.match(column.type) for column in answer.columns):
        return None
    used = {column.name.lower() for column in tree.find_all(exp.Column)}
    for table in tables:
        for column in table.columns:
            first, last = _year(column.minimum), _year(column.maximum)
            if _TEMPORAL.match(column.type) and first and last:
                one_year = _YEAR.search(answer.sql or "") and column.name.lower() in used
                return "And by month?" if first == last or one_year else "And by year?"
    return None


def _and_by_category(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    if not _sums_up(tree) or (answer.row_count or 0) > _LONG_LIST * 5:
        return None
    said = f"{answer.sql} {answer.question}".lower()
    for table in tables:
        for name in _categories(schema, table):
            if name.lower() not in said and name.lower().replace(" ", "_") not in said:
                return f"And by {name}?"
    return None


def _only_for(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    if not _sums_up(tree) or (answer.row_count or 0) < 2 or answer.result is None:
        return None
    for column, values in zip(answer.columns, answer.result.table.columns, strict=True):
        if _TEXT.match(column.type):
            first = next((value for value in column_values(values.slice(0, 1)) if value), None)
            return f"Only for {one_line(text_of(first), _VALUE_CHARS)}?" if first else None
    return None


def _another_year(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    years = {int(found.group()) for found in _YEAR.finditer(answer.question)}
    if len(years) != 1:
        return None
    before = years.pop() - 1
    known = [
        (_year(column.minimum), _year(column.maximum))
        for table in tables
        for column in table.columns
        if _TEMPORAL.match(column.type)
    ]
    return f"And in {before}?" if any(first and last and first <= before <= last for first, last in known) else None


def _the_top(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    counts = _sums_up(tree) and any(is_numeric(column.type) for column in answer.columns)
    if counts and (answer.row_count or 0) > _LONG_LIST and not tree.args.get("limit") and len(answer.columns) > 1:
        return None if any(_TEMPORAL.match(column.type) for column in answer.columns) else "Only the top five?"
    return None


def _how_many(answer: Answer, tree: exp.Select, schema: Schema, tables: Sequence[Table]) -> str | None:
    listed = not _sums_up(tree) and not tree.args.get("limit")
    return "How many are there in all?" if listed and (answer.row_count or 0) > _LONG_LIST else None


_NEXT: Final[tuple[Callable[[Answer, exp.Select, Schema, Sequence[Table]], str | None], ...]] = (
    _how_many,
    _another_year,
    _and_by_category,
    _only_for,
    _and_by_time,
    _the_top,
)


def _sums_up(tree: exp.Select) -> bool:
    counts = any(item.find(exp.AggFunc) or _counts_rows(item) for item in tree.expressions)
    return bool(tree.args.get("group")) or counts


def _counts_rows(item: exp.Expr) -> bool:
    """Whether it is the engine's own spelling of `count(*)`."""
    return any(call.name.lower() == "count_star" for call in item.find_all(exp.Anonymous))


def _categories(schema: Schema, table: Table) -> Iterator[str]:
    """What rows can be grouped by: small tables that a key leads to, and columns of few values."""
    for key in table.foreign_keys:
        target = schema.table(key.target_table)
        if target and len(key.columns) == 1 and target.row_count and _FEW[0] <= target.row_count <= _LOOKUP_ROWS:
            yield _words(key.columns[0])
    taken = {name for key in table.foreign_keys for name in key.columns}
    for column in table.columns:
        if column.name not in taken and _TEXT.match(column.type) and _FEW[0] <= len(column.values) <= _FEW[1]:
            yield _words(column.name)


def _measure(table: Table) -> Column | None:
    """The column of amounts, one with decimals first; the last of them, since totals stand at the end."""
    measures = [column for column in table.columns if _is_measure(table, column)]
    exact = [column for column in measures if column.type.upper().startswith(("DECIMAL", "DOUBLE", "FLOAT"))]
    fitting = exact or measures
    return fitting[-1 if table.kind == "view" else 0] if fitting else None


def _is_measure(table: Table, column: Column) -> bool:
    keys = {*table.primary_key, *(name for key in table.foreign_keys for name in key.columns)}
    return is_numeric(column.type) and column.name not in keys and not _KEY.search(column.name)


def _is_measured(table: Table) -> bool:
    """Whether a row is an amount rather than a thing: its table is a view, or has no key of one column."""
    return table.kind == "view" or len(table.primary_key) > 1


def _last_year(column: Column) -> int | None:
    first, last = _year(column.minimum), _year(column.maximum)
    return last if first and last else None


def _year(text: str | None) -> int | None:
    return int(text[:4]) if text and _YEAR.match(text) else None


def _things(table: Table) -> str:
    return one_line(table.name.rpartition(".")[2].replace("_", " "), _NAME_CHARS)


def _words(name: str) -> str:
    return one_line(_ENDING.sub("", name).replace("_", " "), _NAME_CHARS)

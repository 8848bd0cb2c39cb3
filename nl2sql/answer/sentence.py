"""Sentences made by code: for an empty result, and where the model's own is missing or not borne out.

They state what the rows state and nothing else.
"""

from __future__ import annotations

from typing import Final

from nl2sql.answer.values import text_of
from nl2sql.schema.render import one_line
from nl2sql.types import Result, column_values

_CELL_CHARS: Final = 120
_COLUMNS: Final = 6


def of_rows(result: Result) -> str:
    """One sentence about a result that has rows."""
    if result.row_count == 1 and not result.truncated:
        return _of_one_row(result)
    count = f"More than {result.row_count:,}" if result.truncated else f"{result.row_count:,}"
    rows = "row" if result.row_count == 1 else "rows"
    return f"{count} {rows}. The first: {_pairs(result)}."


def of_nothing(filters: tuple[str, ...] = ()) -> str:
    """The sentence for an empty result; `filters` are the conditions that match nothing by themselves."""
    if not filters:
        return "No rows match."
    what = " and ".join(one_line(condition, _CELL_CHARS) for condition in filters)
    return f"No rows match: nothing in the data has {what}."


def _of_one_row(result: Result) -> str:
    if len(result.columns) == 1:
        value = result.rows[0][0]
        shown = "no value (NULL)" if value is None else one_line(text_of(value), _CELL_CHARS)
        return f"{one_line(result.columns[0].name, _CELL_CHARS)}: {shown}."
    return f"One row: {_pairs(result)}."


def _pairs(result: Result) -> str:
    values = [column_values(column.slice(0, 1))[0] for column in result.table.columns]
    shown = [
        f"{one_line(column.name, _CELL_CHARS)} {'NULL' if value is None else one_line(text_of(value), _CELL_CHARS)}"
        for column, value in zip(result.columns[:_COLUMNS], values, strict=False)
    ]
    return ", ".join(shown) + (", …" if len(result.columns) > _COLUMNS else "")

"""Sentences made by code: for an empty result, for what the data lacks, and where the model's own is not borne out.

They state what the rows state and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.display import ColumnFormat
from nl2sql.text_safety import make_one_line
from nl2sql.types import MissingName, Result, list_column_values

_MAX_CELL_CHARS: Final = 120
_MAX_COLUMNS: Final = 6
_MAX_NAMES: Final = 12


def describe_rows(result: Result, formats: Sequence[ColumnFormat] = ()) -> str:
    """One sentence about a result that has rows; with `formats`, values are written as the table shows them."""
    if result.row_count == 1 and not result.truncated:
        return _describe_one_row(result, formats)
    count = f"More than {result.row_count:,}" if result.truncated else f"{result.row_count:,}"
    rows = "row" if result.row_count == 1 else "rows"
    return f"{count} {rows}. The first: {_list_pairs(result, formats)}."


def describe_empty_result(filters: tuple[str, ...] = ()) -> str:
    """The sentence for an empty result; `filters` are the conditions that match nothing by themselves."""
    if not filters:
        return "No rows match."
    what = " and ".join(make_one_line(condition, _MAX_CELL_CHARS) for condition in filters)
    return f"No rows match: nothing in the data has {what}."


def describe_missing(missing: MissingName) -> str:
    """What the data does not have, and what is there instead, in plain words: "products has price, no cost price"."""
    wanted = _spell_name(missing.name)
    if missing.kind == "table":
        there = _join_names(missing.nearest or missing.present)
        if missing.nearest:
            return f"the data has {there}, no {wanted}"
        return f"the data has no {wanted}" + (f"; its tables are {there}" if there else "")
    has = f"{_join_names(missing.sources)} {_choose_verb(missing.sources)}" if missing.sources else "the data has"
    if missing.holders:
        return f"{has} no {wanted}; {_join_names(missing.holders)} {_choose_verb(missing.holders)} it"
    if missing.nearest:
        return f"{has} {_join_names(missing.nearest)}, no {wanted}"
    return f"{has} no {wanted}" + (f", only {_join_names(missing.present)}" if missing.present else "")


def _spell_name(name: str) -> str:
    """A name as a person would say it."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.rpartition(".")[2]).replace("_", " ")
    return make_one_line(apart.lower(), _MAX_CELL_CHARS)


def _choose_verb(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _join_names(names: Sequence[str]) -> str:
    shown = [make_one_line(name, _MAX_CELL_CHARS) for name in names[:_MAX_NAMES]]
    if len(names) > _MAX_NAMES:
        shown.append("others")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _describe_one_row(result: Result, formats: Sequence[ColumnFormat]) -> str:
    if len(result.columns) == 1:
        value = result.rows[0][0]
        shown = "no value (NULL)" if value is None else _write(value, formats, 0)
        return f"{make_one_line(result.columns[0].name, _MAX_CELL_CHARS)}: {shown}."
    return f"One row: {_list_pairs(result, formats)}."


def _list_pairs(result: Result, formats: Sequence[ColumnFormat]) -> str:
    values = [list_column_values(column.slice(0, 1))[0] for column in result.table.columns]
    shown = [
        f"{make_one_line(column.name, _MAX_CELL_CHARS)} {'NULL' if value is None else _write(value, formats, position)}"
        for position, (column, value) in enumerate(zip(result.columns[:_MAX_COLUMNS], values, strict=False))
    ]
    return ", ".join(shown) + (", …" if len(result.columns) > _MAX_COLUMNS else "")


def _write(value: Any, formats: Sequence[ColumnFormat], position: int) -> str:
    return make_one_line(formats[position].show(value) if formats else text_of(value), _MAX_CELL_CHARS)

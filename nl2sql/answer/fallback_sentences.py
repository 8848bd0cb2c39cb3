"""Sentences written by code: for an empty result, for what the data lacks, and in place of an unsupported one.

They state what the rows state and nothing else. For an empty result, probing queries find the conditions that match
nothing; they are written from the syntax tree, and the caller runs them, through the guard like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sqlglot import exp

from nl2sql.answer.cell_text import text_of
from nl2sql.answer.display import ColumnFormat
from nl2sql.answer.plain_tree import parse_plain, split_conjunction
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.text_safety import make_one_line
from nl2sql.types import MissingName, Result, list_column_values

MAX_PROBES: Final = 4
_MAX_CELL_CHARS: Final = 120
_MAX_COLUMNS: Final = 6
_MAX_NAMES: Final = 12


def describe_rows(result: Result, formats: Sequence[ColumnFormat] = ()) -> str:
    """Write one sentence about a result that has rows; with `formats`, values appear as the table shows them."""
    if result.row_count == 1 and not result.truncated:
        return _describe_one_row(result, formats)
    count = f"More than {result.row_count:,}" if result.truncated else f"{result.row_count:,}"
    rows = "row" if result.row_count == 1 else "rows"
    return f"{count} {rows}. The first: {_list_pairs(result, formats)}."


def find_unmatched_filters(sql: str, dialect: str, has_rows: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the conditions of the outermost WHERE that match no row on their own, as SQL.

    `sql` is checked SQL; `has_rows(sql)` returns whether a probing query gives a row. At most four are probed. Empty
    where the tables and joins alone give no row.
    """
    probes = list(_make_probes(sql, dialect))
    if not probes or not has_rows(write_plain_sql(probes[0][1].copy().where(exp.true(), append=False))):
        return ()
    return tuple(write_plain_sql(condition) for condition, probe in probes if not has_rows(write_plain_sql(probe)))


def describe_empty_result(filters: tuple[str, ...] = ()) -> str:
    """Write the sentence for an empty result; `filters` are the conditions that match nothing on their own."""
    if not filters:
        return "No rows match."
    conditions = " and ".join(make_one_line(condition, _MAX_CELL_CHARS) for condition in filters)
    return f"No rows match: nothing in the data has {conditions}."


def describe_missing(missing: MissingName) -> str:
    """Write what the data lacks, and what it has instead: "products has price, no cost price"."""
    wanted = _spell_name(missing.name)
    if missing.kind == "table":
        existing = _join_names(missing.nearest or missing.present)
        if missing.nearest:
            return f"the data has {existing}, no {wanted}"
        return f"the data has no {wanted}" + (f"; its tables are {existing}" if existing else "")
    owner = f"{_join_names(missing.sources)} {_choose_verb(missing.sources)}" if missing.sources else "the data has"
    if missing.holders:
        return f"{owner} no {wanted}; {_join_names(missing.holders)} {_choose_verb(missing.holders)} it"
    if missing.nearest:
        return f"{owner} {_join_names(missing.nearest)}, no {wanted}"
    return f"{owner} no {wanted}" + (f", only {_join_names(missing.present)}" if missing.present else "")


def _spell_name(name: str) -> str:
    """Return the name as a person would say it."""
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


def _make_probes(sql: str, dialect: str) -> Iterator[tuple[exp.Expr, exp.Select]]:
    """Yield the first conditions, each with a query that applies it alone."""
    select = parse_plain(sql, dialect)
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    if not isinstance(select, exp.Select) or where is None:
        return
    for condition in list(split_conjunction(where.this))[:MAX_PROBES]:
        probe = exp.select("1").where(condition.copy()).limit(1)
        for part in ("from_", "joins", "laterals", "with_"):
            if select.args.get(part):
                value = select.args[part]
                probe.set(part, [item.copy() for item in value] if isinstance(value, list) else value.copy())
        yield condition, probe

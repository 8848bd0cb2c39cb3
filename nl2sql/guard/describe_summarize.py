"""DESCRIBE, SUMMARIZE and SHOW TABLES as plain SELECTs, from what the engine or the schema tells of what is meant.

It writes texts only, and reads nothing. Columns, types and values are those of DuckDB's own statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from nl2sql.schema.identifiers import quote_literal
from nl2sql.types import MAIN_SCHEMA, Table
from nl2sql.types.type_families import is_numeric

DescribeRows = Sequence[Sequence[str | None]]

_DESCRIBED: Final = ("column_name", "column_type", '"null"', '"key"', '"default"', "extra")
# Exactly those of which SUMMARIZE tells an average.
_TIMES: Final = frozenset(
    {
        "DATE",
        "TIME",
        "TIME WITH TIME ZONE",
        "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMPTZ_NS",
        "TIMESTAMP_MS",
        "TIMESTAMP_NS",
        "TIMESTAMP_S",
        "TIME_NS",
    }
)
# What SUMMARIZE tells as text, and whether of every column, of numbers and times, or of numbers only.
_TOLD: Final = (
    ("min", "min({})", "all"),
    ("max", "max({})", "all"),
    ("avg", "avg({})", "measured"),
    ("std", "stddev({})", "numbers"),
    ("q25", "approx_quantile({}, 0.25)", "measured"),
    ("q50", "approx_quantile({}, 0.5)", "measured"),
    ("q75", "approx_quantile({}, 0.75)", "measured"),
)
_SUMMARY: Final = (
    "SELECT * FROM (SELECT column_name, column_type, min, max, approx_unique, avg, std, q25, q50, q75, count, "
    "CAST(CASE WHEN count > 0 THEN (1.0::DOUBLE - filled::DOUBLE / count::DOUBLE) * 100.0::DOUBLE END"
    " AS DECIMAL(9, 2)) AS null_percentage "
    "FROM (SELECT {lists}, count(*) AS count FROM (SELECT 1) AS summarized({columns})) AS summary) AS summary"
)


def write_describe(columns: DescribeRows) -> str:
    """Return a SELECT that gives the rows of DESCRIBE as they are."""
    cells = [[_quote_cell(row[place]) for row in columns] for place in range(len(_DESCRIBED))]
    lists = map(_unnest, _DESCRIBED, map(_type_nulls, cells))
    return f"SELECT * FROM (SELECT {', '.join(lists)}) AS described"


def write_show_tables(names: Sequence[str]) -> str:
    """Return a SELECT that gives the rows of SHOW TABLES, of tables of these names."""
    return f"SELECT * FROM (SELECT unnest({_write_list(map(_quote_cell, names))}) AS name) AS shown"


def write_show_all_tables(tables: Sequence[Table], catalog: str, is_attached: Callable[[Table], bool]) -> str:
    """Return a SELECT that gives the rows of SHOW ALL TABLES, of these tables of a database and of those attached."""
    paths = [(t.path[0], MAIN_SCHEMA, t.path[1]) if is_attached(t) else (catalog, *t.path) for t in tables]
    rows = sorted(zip(paths, tables, strict=True), key=lambda row: row[0])
    lists = [
        *(
            (name, [_quote_cell(path[place]) for path, _ in rows], "VARCHAR")
            for place, name in enumerate(("database", "schema", "name"))
        ),
        (
            "column_names",
            [_write_list(_quote_cell(column.name) for column in table.columns) for _, table in rows],
            "VARCHAR[]",
        ),
        (
            "column_types",
            [_write_list(_quote_cell(column.type) for column in table.columns) for _, table in rows],
            "VARCHAR[]",
        ),
        ("temporary", ["false" for _ in rows], "BOOLEAN"),
    ]
    shown = ", ".join(f'unnest({_write_list(cells, kind)}) AS "{name}"' for name, cells, kind in lists)
    return f"SELECT * FROM (SELECT {shown}) AS shown"


def write_summarize(columns: DescribeRows) -> str:
    """Return the SELECT that DuckDB makes of SUMMARIZE, over `(SELECT 1) AS summarized`: the query belongs there."""
    names = [f"c{number}" for number in range(1, len(columns) + 1)]
    types = [str(row[1]) for row in columns]
    numbers = {n for n, kind in zip(names, types, strict=True) if is_numeric(kind)}
    measured = numbers | {n for n, kind in zip(names, types, strict=True) if kind in _TIMES}
    having = {"all": set(names), "measured": measured, "numbers": numbers}
    lists = [
        _unnest("column_name", [_quote_cell(row[0]) for row in columns]),
        _unnest("column_type", list(map(_quote_cell, types))),
        _unnest("approx_unique", [f"approx_count_distinct({name})" for name in names]),
        _unnest("filled", [f"count({name})" for name in names]),
    ]
    for told, call, where in _TOLD:
        cells = [f"{call.format(name)}::VARCHAR" if name in having[where] else "NULL" for name in names]
        lists.append(_unnest(told, cells))
    return _SUMMARY.format(lists=", ".join(lists), columns=", ".join(names))


def _write_list(cells: Iterable[str], kind: str = "VARCHAR") -> str:
    return f"[{', '.join(cells)}]::{kind}[]"


def _unnest(name: str, cells: Sequence[str]) -> str:
    return f"unnest([{', '.join(cells)}]) AS {name}"


def _type_nulls(cells: Sequence[str]) -> Sequence[str]:
    """Return the cells such that their list is one of text, though all may be NULL."""
    return ["NULL::VARCHAR", *cells[1:]] if cells[0] == "NULL" else cells


def _quote_cell(text: str | None) -> str:
    return "NULL" if text is None else quote_literal(text)

"""Find out why a query gave no rows: which of its conditions match nothing on their own.

It writes the probing queries from the syntax tree; the caller runs them, through the guard like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sqlglot import exp

from nl2sql.answer.plain_tree import parse_plain, split_conjunction
from nl2sql.answer.sql_format import write_plain_sql

MAX_PROBES: Final = 4


def find_unmatched_filters(sql: str, dialect: str, has_rows: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the conditions of the outermost WHERE that match no row on their own, as SQL.

    `sql` is checked SQL; `has_rows(sql)` returns whether a probing query gives a row. At most four are probed. Empty
    where the tables and joins alone give no row.
    """
    probes = list(_make_probes(sql, dialect))
    if not probes or not has_rows(write_plain_sql(probes[0][1].copy().where(exp.true(), append=False))):
        return ()
    return tuple(write_plain_sql(condition) for condition, probe in probes if not has_rows(write_plain_sql(probe)))


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

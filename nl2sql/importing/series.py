"""Files that are named by month or year and hold the same columns: one table, which says the file of each row.

It works on tables that are made already, and tells what their files did not agree on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nl2sql.importing.account import ColumnAccount, Origin, TableAccount
from nl2sql.importing.file_kinds import find_kind, name_stem
from nl2sql.importing.import_names import TableNames, table_name
from nl2sql.schema.identifiers import literal, quote_name

if TYPE_CHECKING:
    import duckdb

_PERIOD: Final = re.compile(
    r"(?<![0-9a-z])(?:(?:19|20)\d\d[-_ .]?(?:0[1-9]|1[0-2]|q[1-4])(?:[-_ .]?(?:0[1-9]|[12]\d|3[01]))?|(?:19|20)\d\d|"
    r"(?:0[1-9]|1[0-2]|q[1-4])[-_ .]?(?:19|20)\d\d|(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|"
    r"apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
    r"(?:[-_ .]?(?:19|20)?\d\d)?)(?![0-9a-z])",
    re.I,
)
_TOLD_DOUBTS: Final = 3


def name_series(stem: str) -> str | None:
    """What is left of a file's name without the month or the year in it; None where it has none.

    >>> name_series("sales_2025-01")
    'sales'
    """
    found = _PERIOD.search(stem.replace("_", " "))
    if found is None:
        return None
    return f"{stem[: found.start()]} {stem[found.end() :]}".strip(" -_.").replace("  ", " ")


def _find_period(file: Path) -> re.Match[str] | None:
    return _PERIOD.search(name_stem(file).replace("_", " "))


def unite_series(
    connection: duckdb.DuckDBPyConnection,
    made: Sequence[tuple[int, TableAccount]],
    called: Sequence[Path],
    names: TableNames,
) -> list[tuple[int, TableAccount]]:
    """Make one table, which says the file of each row, of files named by month or year that have the same columns."""
    series: dict[tuple[str, str, tuple[str, ...]], list[tuple[int, TableAccount]]] = {}
    united = list(made)
    for number, account in made:
        name = name_series(name_stem(called[number]))
        if name is not None and find_kind(called[number]) in ("csv", "tsv"):
            columns = tuple(column.name.lower() for column in account.columns)
            series.setdefault((find_kind(called[number]), name.lower(), columns), []).append((number, account))
    for members in series.values():
        periods = {found.group().lower() for number, _ in members if (found := _find_period(called[number]))}
        if len(members) < 2 or len(periods) < len(members):
            continue
        stem = name_series(name_stem(called[members[0][0]])) or called[members[0][0]].parent.name or "files"
        whole = _unite(
            connection, [account for _, account in members], names.take(table_name(stem), table_name(f"{stem} all"))
        )
        united = [entry for entry in united if entry not in members]
        united.append((members[0][0], whole))
    return united


def _unite(connection: duckdb.DuckDBPyConnection, accounts: Sequence[TableAccount], table: str) -> TableAccount:
    """One table of these, whose columns have the same names, with the name of each row's file."""
    first = accounts[0]
    taken = {column.name.lower() for column in first.columns}
    file = next(name for name in ("file", "source_file", "name_of_file") if name not in taken)
    parts = " UNION ALL BY NAME ".join(
        f"SELECT {literal(account.file)} AS {quote_name(file)}, * FROM {quote_name(account.table)}"
        for account in accounts
    )
    connection.execute(f"CREATE TABLE {quote_name(table)} AS {parts}")
    for account in accounts:
        connection.execute(f"DROP TABLE {quote_name(account.table)}")
    types = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {quote_name(table)})").fetchall())
    mixed = [
        f"column {column.name} is not of one type in all ({', '.join(sorted(kinds))}): read as {types[column.name]}"
        for number, column in enumerate(first.columns)
        if len(kinds := {account.columns[number].type for account in accounts}) > 1
    ]
    return TableAccount(
        table,
        f"{len(accounts):,} files, {first.file} to {accounts[-1].file}",
        sum(account.rows for account in accounts),
        f"{first.format}; the same columns in all, so they are one table, in which {file} is each row's file",
        (
            ColumnAccount(file, "", "VARCHAR", "the name of the file"),
            *(
                replace(_sum_up([account.columns[number] for account in accounts], accounts), type=types[column.name])
                for number, column in enumerate(first.columns)
            ),
        ),
        sum(account.lines or 0 for account in accounts),
        tuple((f"{account.file}: {reason}", text) for account in accounts for reason, text in account.left_out),
        (*mixed, *(f"{account.file}: {doubt}" for account in accounts for doubt in account.doubts)),
        tuple(
            Origin(column, account.table, column)
            for account in accounts
            for column in ("", *(column.name for column in first.columns))
        ),
    )


def _sum_up(columns: Sequence[ColumnAccount], accounts: Sequence[TableAccount]) -> ColumnAccount:
    """The account of a column that is in several files: all that was taken for NULL, and each of the doubts."""
    nulls: Counter[str] = Counter()
    doubts: dict[str, str] = {}
    for column, account in zip(columns, accounts, strict=True):
        nulls.update(column.nulls or {})
        if column.doubt:
            doubts.setdefault(column.doubt, f"{column.doubt} ({account.file})")
    told = [*list(doubts.values())[:_TOLD_DOUBTS], *(["…"] if len(doubts) > _TOLD_DOUBTS else [])]
    return replace(columns[0], nulls=dict(nulls) or None, doubt="; ".join(told))

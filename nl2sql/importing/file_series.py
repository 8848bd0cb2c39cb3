"""Unite files that are named by month or year and hold the same columns into one table, with each row's file.

It works on tables that are made already, and notes where their files disagree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nl2sql.importing.file_kinds import find_kind, name_stem
from nl2sql.importing.file_rules import ORDERS, FileRules
from nl2sql.importing.import_account import ColumnAccount, Origin, TableAccount
from nl2sql.importing.import_names import TableNames, clean_table_name
from nl2sql.schema.identifiers import quote_literal, quote_name
from nl2sql.types.type_families import is_numeric, name_family

if TYPE_CHECKING:
    import duckdb

# Tables of files that belong together, each with the number of its file.
Series = list[tuple[int, TableAccount]]

_NO_VALUE: Final = "it holds no value"
_PERIOD: Final = re.compile(
    r"(?<![0-9a-z])(?:(?:19|20)\d\d[-_ .]?(?:0[1-9]|1[0-2]|q[1-4])(?:[-_ .]?(?:0[1-9]|[12]\d|3[01]))?|(?:19|20)\d\d|"
    r"(?:0[1-9]|1[0-2]|q[1-4])[-_ .]?(?:19|20)\d\d|(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|"
    r"apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
    r"(?:[-_ .]?(?:19|20)?\d\d)?)(?![0-9a-z])",
    re.I,
)
_MAX_LISTED_DOUBTS: Final = 3


def name_series(stem: str) -> str | None:
    """Return a file's name without the month or year in it; None where it has none.

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
    read_again: Callable[[int, FileRules], TableAccount],
) -> Series:
    """Unite tables of files named by month or year that have the same columns; return all tables, with file numbers.

    What some files prove about dates and decimals holds for all: the others are read again by it (`read_again` takes a
    file's number and rules). Files that differ in their columns or types stay tables of their own, with a note.
    """
    united = list(made)
    for members in _find_series(made, called):
        settled = _settle_readings(connection, members, read_again)
        columns = Counter(_list_names(account) for _, account in settled)
        usual = columns.most_common(1)[0][0]
        fitting = [(n, account) for n, account in settled if _list_names(account) == usual and account.rows]
        kinds = {name: {_find_kind(account, name) for _, account in fitting} - {""} for name in usual}
        odd = {name for name in usual if len(kinds[name]) > 1}
        if len(fitting) < 2 or odd:
            reason = f"the types of {', '.join(sorted(odd))} differ" if odd else "its columns differ"
            apart = [(n, _doubt_series(account, reason)) for n, account in settled]
            united = [entry for entry in united if entry not in members] + apart
            continue
        stem = name_series(name_stem(called[members[0][0]])) or called[members[0][0]].parent.name or "files"
        table = names.take_free_name(clean_table_name(stem), clean_table_name(f"{stem} all"))
        whole = _unite_tables(connection, [account for _, account in fitting], table)
        empty = [account for _, account in settled if _list_names(account) == usual and not account.rows]
        for account in empty:
            connection.execute(f"DROP TABLE {quote_name(account.table)}")
        if empty:
            empty_doubt = f"{', '.join(account.file for account in empty)} has no rows"
            whole = replace(whole, doubts=(*whole.doubts, empty_doubt))
        others = [(n, account) for n, account in settled if _list_names(account) != usual]
        apart = [(n, _doubt_series(account, f"its columns differ from those of {table}")) for n, account in others]
        united = [entry for entry in united if entry not in members] + [(fitting[0][0], whole), *apart]
    return united


def _find_series(made: Sequence[tuple[int, TableAccount]], called: Sequence[Path]) -> list[Series]:
    """Return the tables of files whose names differ only in the month or year, each of another period."""
    series: dict[tuple[str, str], Series] = {}
    for number, account in made:
        name = name_series(name_stem(called[number]))
        if name is not None and find_kind(called[number]) in ("csv", "tsv"):
            series.setdefault((find_kind(called[number]), name.lower()), []).append((number, account))
    found = []
    for members in series.values():
        periods = {match.group().lower() for number, _ in members if (match := _find_period(called[number]))}
        if len(members) > 1 and len(periods) == len(members):
            found.append(members)
    return found


def _settle_readings(
    connection: duckdb.DuckDBPyConnection, members: Series, read_again: Callable[[int, FileRules], TableAccount]
) -> Series:
    """Return the members, with ambiguous ones read again as the others prove, and a note that says so."""
    decimals = _prove_decimals(members)
    settled = []
    for number, account in members:
        orders = {_prove_order(members, column) for column in account.columns if "`dates`" in column.doubt}
        is_open = any("`decimal`" in column.doubt for column in account.columns)
        rules = FileRules(
            dates=orders.pop() if len(orders) == 1 else "",
            decimal=next(iter(decimals)) if is_open and len(decimals) == 1 else "",
        )
        if rules == FileRules():
            settled.append((number, account))
            continue
        connection.execute(f"DROP TABLE {quote_name(account.table)}")
        again = read_again(number, rules)
        doubt = f"ambiguous values are read as in the other files of its series ({rules})"
        settled.append((number, replace(again, doubts=(*again.doubts, doubt))))
    return settled


def _prove_order(members: Series, doubted: ColumnAccount) -> str:
    """Return the order of a column's dates in every file that proves one; empty where none does, or they differ.

    Dates with points are day first everywhere, and prove nothing about others.
    """
    wanted = doubted.name.lower()
    columns = [column for _, account in members for column in account.columns if column.name.lower() == wanted]
    orders = {order for order in ORDERS for column in columns if column.why.partition(";")[0] == order}
    return orders.pop() if len(orders) == 1 else ""


def _prove_decimals(members: Series) -> set[str]:
    """Return the decimal signs that columns of any of the files prove."""
    columns = [column for _, account in members for column in account.columns]
    signs = {sign for sign in ".," for column in columns if f"decimal sign {sign!r}" in column.why}
    return signs | {"." for column in columns if column.type == "DOUBLE" and column.why == "decimals"}


def _select_columns(account: TableAccount) -> str:
    """Return the SQL of its columns; one without values is NULL, so that it takes its type from the other files."""
    names = [(quote_name(column.name), column.why == _NO_VALUE) for column in account.columns]
    return ", ".join(f"NULL AS {name}" if is_empty else name for name, is_empty in names)


def _list_names(account: TableAccount) -> tuple[str, ...]:
    return tuple(sorted(column.name.lower() for column in account.columns))


def _find_kind(account: TableAccount, name: str) -> str:
    """Return the kind of a column's values; columns of one kind can be united without changing a value."""
    column = _find_column(account, name)
    if column.why == _NO_VALUE:
        return ""
    return "number" if is_numeric(column.type) else name_family(column.type)


def _find_column(account: TableAccount, name: str) -> ColumnAccount:
    return next(column for column in account.columns if column.name.lower() == name.lower())


def _doubt_series(account: TableAccount, reason: str) -> TableAccount:
    doubt = f"the file is named like others of a series, but {reason}: it is a table of its own"
    return replace(account, doubts=(*account.doubts, doubt))


def _unite_tables(connection: duckdb.DuckDBPyConnection, accounts: Sequence[TableAccount], table: str) -> TableAccount:
    """Make one table of these, whose columns have the same names, with a column for the name of each row's file."""
    first = accounts[0]
    taken = {column.name.lower() for column in first.columns}
    file = next(name for name in ("file", "source_file", "name_of_file") if name not in taken)
    parts = " UNION ALL BY NAME ".join(
        f"SELECT {quote_literal(account.file)} AS {quote_name(file)}, {_select_columns(account)} "
        f"FROM {quote_name(account.table)}"
        for account in accounts
    )
    connection.execute(f"CREATE TABLE {quote_name(table)} AS {parts}")
    for account in accounts:
        connection.execute(f"DROP TABLE {quote_name(account.table)}")
    types = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {quote_name(table)})").fetchall())
    mixed = []
    for column in first.columns:
        found = [_find_column(account, column.name) for account in accounts]
        kinds = {one.type for one in found if one.why != _NO_VALUE}
        # Whole numbers and decimals can share a column without a note.
        if len(kinds) > 1 and not all(is_numeric(kind) for kind in kinds):
            type_names = ", ".join(sorted(kinds))
            mixed.append(f"column {column.name} has different types ({type_names}): read as {types[column.name]}")
    return TableAccount(
        table,
        f"{len(accounts):,} files such as {first.file}",
        sum(account.rows for account in accounts),
        f"{first.format}; all have the same columns, so they are one table, and {file} names each row's file",
        (
            ColumnAccount(file, "", "VARCHAR", "the name of the file"),
            *(replace(_sum_up(column.name, accounts), type=types[column.name]) for column in first.columns),
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


def _sum_up(name: str, accounts: Sequence[TableAccount]) -> ColumnAccount:
    """Return the account of a column that is in several files: all texts read as NULL, and each of the doubts."""
    columns = [_find_column(account, name) for account in accounts]
    nulls: Counter[str] = Counter()
    doubts: dict[str, str] = {}
    for column, account in zip(columns, accounts, strict=True):
        nulls.update(column.nulls or {})
        if column.doubt:
            doubts.setdefault(column.doubt, f"{column.doubt} ({account.file})")
    listed = [*list(doubts.values())[:_MAX_LISTED_DOUBTS], *(["…"] if len(doubts) > _MAX_LISTED_DOUBTS else [])]
    filled = next((column for column in columns if column.why != _NO_VALUE), columns[0])
    return replace(filled, name=name, nulls=dict(nulls) or None, doubt="; ".join(listed))

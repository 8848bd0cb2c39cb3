"""Made-up files of every shape and notation, read and compared value by value with what they were made of."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.engines.files.file_importer import build
from nl2sql.importing.import_account import TableAccount
from tests.importing.generated_columns import PLACEHOLDERS, MadeColumn, Value
from tests.importing.generated_files import (
    LATE,
    SHAPES,
    MadeFile,
    MadeTable,
    make_file,
    make_late_file,
    read_cells,
    read_text,
)
from tests.importing.generated_workbooks import (
    BOOKS,
    WRAPPINGS,
    make_book,
    make_formulas,
    make_json,
    make_parquet,
    read_json,
    read_sheets,
)

SEEDS = range(12)
BOOK_SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_files_of_text_are_read_as_they_are_meant(tmp_path: Path, seed: int) -> None:
    files = [make_file(tmp_path, str(seed), shape) for shape in SHAPES]
    for made in files:
        [table] = made.tables
        meant = [list(row) for row in zip(*(one.texts for one in table.columns), strict=True)]
        assert read_cells(made) == meant, describe(made)
    expect_no_faults(files, tmp_path)


@pytest.mark.parametrize("seed", BOOK_SEEDS)
def test_workbooks_are_read_as_they_are_meant(tmp_path: Path, seed: int) -> None:
    files = [*(make_book(tmp_path, str(seed), shape) for shape in BOOKS), make_formulas(tmp_path, str(seed))]
    for made in files:
        found = {spell(cell) for sheet in read_sheets(made.path) for row in sheet for cell in row}
        columns = [one for table in made.tables for one in table.columns]
        meant = [
            {spell(text), spell(value)} for one in columns for text, value in zip(one.texts, one.values, strict=True)
        ]
        assert all(found & either for either in meant), describe(made)
    expect_no_faults(files, tmp_path)


@pytest.mark.parametrize("seed", BOOK_SEEDS)
def test_json_and_parquet_are_read_as_they_are_meant(tmp_path: Path, seed: int) -> None:
    files = [make_json(tmp_path, str(seed), wrapping) for wrapping in WRAPPINGS]
    for made in files:
        header = made.tables[0].header or ()
        meant = [
            dict(zip(header, row, strict=False))
            for row in zip(*(one.values for one in made.tables[0].columns), strict=True)
        ]
        found = [{name: one.get(name) for name in header} for one in read_json(made)]
        assert [list(map(str, one.values())) for one in found] == [list(map(write, one.values())) for one in meant]
    expect_no_faults([*files, make_parquet(tmp_path, str(seed))], tmp_path)


def test_a_value_beyond_the_first_megabyte_is_read_too(tmp_path: Path) -> None:
    files = {name: make_late_file(tmp_path, name) for name in LATE}
    made = build(str(tmp_path / "made.duckdb"), [path for path, _ in files.values()])
    with duckdb.connect(str(tmp_path / "made.duckdb"), read_only=True) as connection:
        for (name, (path, texts)), (_, account) in zip(files.items(), made, strict=True):
            assert path.stat().st_size > 1_000_000
            first, last, kind = LATE[name]
            told = account.columns[1]
            assert (account.rows, told.type.partition("(")[0]) == (len(texts), kind), name
            if kind == "VARCHAR":
                assert told.doubt or last == "0010" or first == "true", name
            rows = connection.execute(
                f'SELECT late::VARCHAR, count(*), max(name[:17]) FROM "{account.table}" GROUP BY 1 ORDER BY 2'
            ).fetchall()
            assert [(count, row) for _, count, row in rows] == [
                (1, f"row number {len(texts) - 3:06}"),
                (len(texts) - 1, f"row number {len(texts) - 1:06}"),
            ], name
            if kind in ("VARCHAR", "HUGEINT"):
                assert [text for text, *_ in rows] == [last, first], name
            if last == "n/a":
                assert rows[0][0] is None and told.nulls == {"n/a": 1}


def write(value: Value) -> str:
    """The value as JSON has it, as a text of Python's."""
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def spell(value: Value) -> str:
    """The value alike however a sheet holds it."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"{float(value) + 0.0:.15g}"
    if isinstance(value, datetime.datetime):
        value = (value + datetime.timedelta(seconds=0.5)).replace(microsecond=0)
    return str(value).removesuffix(" 00:00:00")


# Comparing


def expect_no_faults(files: Sequence[MadeFile], folder: Path) -> None:
    """Fail where a file is not read as it is meant, and not said to be doubtful."""
    database = folder / "made.duckdb"
    made = build(str(database), [one.path for one in files])
    found = []
    with duckdb.connect(str(database), read_only=True) as connection:
        for number, one in enumerate(files):
            accounts = [account for place, account in made if place == number]
            if faults := find_faults(connection, one, accounts):
                found.append("\n".join([describe(one), *faults]))
    assert not found, "\n".join(found)


def find_faults(connection: duckdb.DuckDBPyConnection, made: MadeFile, accounts: Sequence[TableAccount]) -> list[str]:
    """What of the file is not read as it is meant, and the account where there is any."""
    if len(accounts) != len(made.tables):
        return [f"{len(accounts)} tables instead of {len(made.tables)}: {[account.table for account in accounts]}"]
    faults = []
    for table, account in zip(made.tables, accounts, strict=True):
        rows = connection.execute(f'SELECT * FROM "{account.table}"').fetchall()
        wrong = [f"{account.table}: {fault}" for fault in compare(table, account, rows)]
        faults += [*wrong, *account.describe()] if wrong else []
    return faults


def compare(table: MadeTable, account: TableAccount, rows: Sequence[Sequence[Any]]) -> list[str]:
    """What differs between a table as it is meant and as it was read, by its account."""
    if len(account.columns) != len(table.columns):
        return [f"{len(account.columns)} columns instead of {len(table.columns)}"]
    skipped = 0
    if table.header is None and any("taken for the header" in doubt for doubt in account.doubts):
        skipped = 1
    faults = [] if skipped else compare_names(table, account)
    if len(rows) != table.rows - skipped or account.rows != len(rows):
        return [*faults, f"{len(rows)} rows ({account.rows} told) instead of {table.rows}"]
    is_guess = any("guess" in doubt for doubt in account.doubts)
    for number, (column, told) in enumerate(zip(table.columns, account.columns, strict=True)):
        got = [row[number] for row in rows]
        cut = MadeColumn(column.notation, column.texts[skipped:], column.values[skipped:])
        fault = compare_column(cut, told.type, told.doubt, got, is_guess=is_guess)
        faults += [f"column {told.name} ({column.notation}) is {told.type}: {fault}"] if fault else []
    return faults


def compare_names(table: MadeTable, account: TableAccount) -> list[str]:
    names = [column.name for column in account.columns]
    if len({name.lower() for name in names}) < len(names) or not all(names):
        return [f"names are not usable: {names}"]
    wanted = [clean(name) for name in table.header] if table.header is not None else [""] * len(names)
    found = [clean(column.header) for column in account.columns]
    return [] if wanted == found else [f"names are {found} instead of {wanted}"]


def clean(name: str) -> str:
    """The name without what cannot be seen."""
    return " ".join(name.replace("\u200b", "").replace("\ufeff", "").split())


def compare_column(column: MadeColumn, kind: str, doubt: str, got: Sequence[Any], *, is_guess: bool) -> str:
    """The first value that differs, or nothing."""
    is_text = kind == "VARCHAR"
    for text, value, found in zip(column.texts, column.values, got, strict=True):
        if is_text:
            is_right = found == (text or None) or (value is None and found is None) or is_guess
        else:
            is_right = is_same(value, found)
        if not is_right:
            return f"{text!r} is {found!r}"
    is_typed = any(value is not None and not isinstance(value, str) for value in column.values)
    if is_text and is_typed and not (doubt or is_guess) and column.notation not in ("40 digits",):
        return f"stays text without a word, such as {column.texts[0]!r}"
    return ""


def is_same(value: Value, found: Any) -> bool:
    """Whether it is the same value, in whatever type.

    >>> is_same(Decimal("1.50"), 1.5)
    True
    """
    if isinstance(value, bool) or isinstance(found, bool):
        return value is found
    if isinstance(value, int | float | Decimal) and isinstance(found, int | float | Decimal):
        return float(value) == found if isinstance(found, float) else Decimal(value) == Decimal(found)
    if isinstance(value, datetime.datetime) or not isinstance(found, datetime.datetime):
        return bool(value == found)
    return isinstance(value, datetime.date) and found == datetime.datetime.combine(value, datetime.time())


def describe(made: MadeFile) -> str:
    """What a person wants to see of a file that was not read well."""
    head = read_text(made)[:600] if made.traits else ""
    values = "\n".join(f"  {one.notation}: {one.values[:6]}" for table in made.tables for one in table.columns)
    return f"\n{made.path} {made.shape} {made.traits}\n{head}\n{values}"


def test_what_differs_is_seen() -> None:
    assert not is_same(Decimal("1250"), 1.25)
    assert not is_same("0010", 10)
    assert not is_same(True, 1)
    assert not is_same(datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 5))
    assert "N/A" in PLACEHOLDERS
    column = MadeColumn("decimals", ("1.5", "2.5"), (Decimal("1.5"), Decimal("2.5")))
    assert compare_column(column, "VARCHAR", "", ["1.5", "2.5"], is_guess=False)
    assert not compare_column(column, "VARCHAR", "stays text", ["1.5", "2.5"], is_guess=False)

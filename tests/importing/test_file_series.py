"""Files named by month: one table where they hold the same, and a word where they don't."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from nl2sql.engines.files.file_importer import build
from nl2sql.importing.file_series import name_series
from nl2sql.importing.import_account import TableAccount

Rows = list[tuple[object, ...]]


def read(folder: Path, **files: str) -> dict[str, tuple[Rows, TableAccount]]:
    """The rows and the account of each table; a file's name has its underscores as in `sales_2025_01`."""
    paths = []
    for name, text in files.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(text, "utf-8")
    database = str(folder / "built.duckdb")
    made = build(database, paths)
    with duckdb.connect(database) as connection:
        return {
            account.table: (connection.execute(f'FROM "{account.table}" ORDER BY ALL').fetchall(), account)
            for _, account in made
        }


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("sales_2025-01", "sales"),
        ("sales 2025Q3", "sales"),
        ("Jan 2025", ""),
        ("2024-12-31 report", "report"),
        ("log_001", None),
        ("marble", None),
    ],
)
def test_a_month_or_a_year_is_taken_out_of_a_name(stem: str, name: str | None) -> None:
    assert name_series(stem) == name


def test_months_with_the_same_columns_in_any_order_are_one_table(tmp_path: Path) -> None:
    made = read(
        tmp_path,
        s_2025_01="day,n\n2025-01-05,1\n",
        s_2025_02="n,day\n2.5,2025-02-05\n",
        s_2025_03="day,n\n2025-03-05,\n",
    )
    rows, account = made["s"]
    assert [(row[0], row[2]) for row in rows] == [
        ("s_2025_01.csv", 1.0),
        ("s_2025_02.csv", 2.5),
        ("s_2025_03.csv", None),
    ]
    assert account.rows == 3 and not account.doubts


def test_what_one_month_proves_holds_for_the_others(tmp_path: Path) -> None:
    made = read(tmp_path, s_2025_01="d;x\n1/5/2025;1.250\n", s_2025_02="d;x\n2/28/2025;1,5\n")
    rows, account = made["s"]
    assert [(str(row[1]), row[2]) for row in rows] == [("2025-01-05", 1250), ("2025-02-28", 1.5)]
    [doubt] = account.list_doubts()
    assert "ambiguous values are read as in the other files of its series (decimal: ,, dates: month first)" in doubt


def test_dates_with_points_prove_no_order_of_others(tmp_path: Path) -> None:
    made = read(tmp_path, s_2025_01="d;x\n27.01.2025;1\n", s_2025_02="d;x\n03/04/2025;2\n")
    assert sorted(made) == ["s_2025_01", "s_2025_02"]
    _, account = made["s_2025_02"]
    assert account.columns[0].type == "VARCHAR" and "nothing says whether" in account.columns[0].doubt


def test_what_is_told_of_a_column_goes_by_its_name(tmp_path: Path) -> None:
    made = read(tmp_path, s_2025_01="a;b\n1;2\n", s_2025_02="b;a\n5;1\nN/A;7\n")
    _, account = made["s"]
    assert {column.name: column.nulls for column in account.columns} == {"file": None, "a": None, "b": {"N/A": 1}}


def test_a_column_that_is_empty_in_the_first_month_is_told_by_the_others(tmp_path: Path) -> None:
    _, account = read(tmp_path, s_2025_01="a;b\n1;\n", s_2025_02="a;b\n1;2\n")["s"]
    assert (account.columns[2].type, account.columns[2].why) == ("BIGINT", "whole numbers")


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("d,x\n1,none\n", "the types of x differ"),
        ("d,y\n1,2\n", "its columns differ"),
        ("d\n1\n", "its columns differ"),
    ],
)
def test_what_does_not_belong_together_stays_apart_and_is_told(tmp_path: Path, second: str, said: str) -> None:
    made = read(tmp_path, s_2025_01="d,x\n1,2\n", s_2025_02=second)
    assert sorted(made) == ["s_2025_01", "s_2025_02"]
    assert all(said in doubt for _, account in made.values() for doubt in account.doubts)


def test_a_month_without_rows_changes_no_type(tmp_path: Path) -> None:
    made = read(tmp_path, s_2025_01="d,x\n1,2\n", s_2025_02="d,x\n3,4\n", s_2025_03="d,x\n")
    rows, account = made["s"]
    assert [row[1:] for row in rows] == [(1, 2), (3, 4)]
    assert account.doubts == ("s_2025_03.csv has no rows",)

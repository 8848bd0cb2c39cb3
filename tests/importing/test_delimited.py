"""A file of rows in text: what is left out, what the owner says, and what adds up."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from nl2sql.engines.files.file_importer import build
from nl2sql.errors import ConfigError
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.file_series import name_series
from nl2sql.importing.import_account import TableAccount
from nl2sql.importing.import_errors import UnreadableError


def _import(folder: Path, data: str | bytes, rules: FileRules | None = None) -> tuple[TableAccount, list[Any]]:
    """The account of the table that is made of the file `a.csv`, and its rows."""
    file, database = folder / "a.csv", folder / "made.duckdb"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    [(_, account)] = build(str(database), [file], rules={"a.csv": rules} if rules else None)
    with duckdb.connect(str(database), read_only=True) as connection:
        return account, connection.execute("SELECT * FROM a").fetchall()


def test_each_row_that_is_left_out_by_its_content_is_counted(tmp_path: Path) -> None:
    rows = "".join(f"{number},n{number}\n" for number in range(20))
    account, found = _import(tmp_path, f"id,name\n{rows}id,name\n{rows}id,name\n{rows}id,name\n")
    assert (len(found), len(account.left_out)) == (60, 1)
    assert account.doubts == ("2 more rows are left out: their cells equal those of a row left out",)


def test_a_total_is_one_in_every_number_also_beside_an_empty_column(tmp_path: Path) -> None:
    account, rows = _import(tmp_path, "name,,x,y\nA,,1,10\nB,,2,20\nTotal,,9,30\n")
    assert len(rows) == 3 and "it is kept as a row" in account.doubts[0]


def test_a_total_behind_an_empty_column_is_left_out(tmp_path: Path) -> None:
    account, rows = _import(tmp_path, ",name,x\n,A,1\n,B,2\n,Total,3\n")
    assert rows == [("A", 1), ("B", 2)]
    assert account.left_out[-1][0] == "line 4 is left out, a total of the rows above it"


def test_any_number_of_empty_lines_adds_up(tmp_path: Path) -> None:
    account, rows = _import(tmp_path, "a,b\n1,2\n\n\n\n\n\n3,4\n\n\n\n")
    assert (account.doubts, rows) == ((), [(1, 2), (3, 4)])


@pytest.mark.parametrize(
    ("values", "null", "wanted"),
    [
        (("123", "999", "456"), "999", [123, None, 456]),
        (("x", "-", "y"), "-", ["x", None, "y"]),
        (("1.5", "-9.9", "2.5"), "-9.9", [1.5, None, 2.5]),
        (("yes", "Unknown", "no"), "unknown", [True, None, False]),
        (("it's", "'", "b"), "'", ["it's", None, "b"]),
    ],
)
def test_what_the_owner_takes_for_no_value_is_none_in_any_column(
    tmp_path: Path, values: tuple[str, ...], null: str, wanted: list[Any]
) -> None:
    data = "k;v\n" + "".join(f'{number};"{value}"\n' for number, value in enumerate(values))
    _, rows = _import(tmp_path, data, FileRules(null=(null,)))
    assert [row[1] for row in rows] == wanted


def test_a_rule_that_means_nothing_in_the_file_is_told(tmp_path: Path) -> None:
    account, _ = _import(tmp_path, "code,v\n001,x\n", FileRules(types={"cod": "text"}))
    assert account.doubts == ("`types` names 'cod', but there is no such column",)
    with pytest.raises(UnreadableError, match="`header` says line 50, which is not there"):
        _import(tmp_path, "a,b\n1,2\n", FileRules(header=50))
    for encoding in ("hex", "rot13", "zlib", "no such"):
        with pytest.raises(UnreadableError, match="there is no encoding"):
            _import(tmp_path, "a,b\n1,2\n", FileRules(encoding=encoding))


@pytest.mark.parametrize("sign", ['"', "'", "\n", "\r", "\0", "a", "7", "::"])
def test_no_sign_of_cells_is_a_delimiter(sign: str) -> None:
    with pytest.raises(ConfigError, match="delimiter must be"):
        FileRules(delimiter=sign)


def test_a_time_with_a_zone_and_nine_decimals_stays_as_it_is(tmp_path: Path) -> None:
    account, rows = _import(tmp_path, "id,t\n1,2024-01-01T00:00:00.123456789+02:00\n")
    assert rows[0][1] == "2024-01-01T00:00:00.123456789+02:00"
    assert account.columns[1].doubt.startswith("stays text: its times have a zone and more than six decimals")


def test_an_error_of_a_spreadsheet_is_no_value_among_numbers(tmp_path: Path) -> None:
    account, rows = _import(tmp_path, "id,v\n1,2.5\n2,#DIV/0!\n3,4.5\n")
    assert [row[1] for row in rows] == [2.5, None, 4.5]
    assert account.columns[1].nulls == {"#DIV/0!": 1}


@pytest.mark.alone
def test_long_texts_take_no_time_by_the_square(tmp_path: Path) -> None:
    start = time.perf_counter()
    body = f"9{'漢' * 30_000}9{'字' * 30_000}"
    _, rows = _import(tmp_path, "id,body\n" + "".join(f"{number},{body}\n" for number in range(20)))
    assert rows[0][1] == body
    assert time.perf_counter() - start < 10


def test_an_archive_of_another_kind_is_not_read_as_csv(tmp_path: Path) -> None:
    file = tmp_path / "sales.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("in/sales.json", json.dumps([{"a": 1}, {"a": 2}]))
    with pytest.raises(UnreadableError, match=r"holds sales\.json, which is no CSV"):
        build(str(tmp_path / "made.duckdb"), [file])


def test_a_bare_return_within_a_line_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="its lines end in more than one way"):
        _import(tmp_path, b"a,b\n1,x\ry\n2,z\n3,w\n")


def test_a_cell_of_a_sheet_may_hold_a_bare_return(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["a", "b"], [1, "x_x000D_y"], [2, "z\nw"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    build(str(tmp_path / "made.duckdb"), [tmp_path / "a.xlsx"])
    with duckdb.connect(str(tmp_path / "made.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT * FROM a").fetchall() == [(1, "x\ry"), (2, "z\nw")]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("sales_2025-01", "sales"),
        ("sales Sept 25", "sales"),
        ("market", None),
        ("sales_decline", None),
        ("maypole", None),
    ],
)
def test_only_the_name_of_a_month_is_one(stem: str, name: str | None) -> None:
    assert name_series(stem) == name


def test_what_is_doubtful_in_any_file_of_a_series_is_told_of_its_column(tmp_path: Path) -> None:
    (tmp_path / "t_2025-01.csv").write_text("a;v;n\n1;x;3\n2;y;N/A\n", "utf-8")
    (tmp_path / "t_2025-02.csv").write_text("a;v;n\n1;03/04/2025;1\n2;05/06/2025;2\n", "utf-8")
    (tmp_path / "t_2025-03.csv").write_text("a;v;n\n1;z;4\n2;x;N/A\n", "utf-8")
    files = sorted(tmp_path.glob("*.csv"))
    [(_, account)] = build(str(tmp_path / "made.duckdb"), files)
    column = account.columns[2]
    assert account.columns[3].nulls == {"N/A": 2}
    assert "nothing says whether" in column.doubt and column.doubt.endswith("(t_2025-02.csv)")
    assert len(account.list_doubts()) == 1


def test_a_last_row_that_is_nearly_the_sum_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("k,v\na,0.001\nb,0.002\nTotal,0.004\n", "utf-8")
    [(_, account)] = build(str(tmp_path / "made.duckdb"), [tmp_path / "t.csv"])
    assert account.rows == 3 and "not the sum of the others" in account.doubts[0]

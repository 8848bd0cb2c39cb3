"""JSON files: no value, no column and no row of theirs is lost on the way without a word."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.engines.files.file_importer import build
from nl2sql.importing.import_account import TableAccount
from nl2sql.importing.import_errors import UnreadableError

Rows = list[tuple[Any, ...]]


def _import(folder: Path, name: str, data: Any) -> dict[str, tuple[TableAccount, Rows]]:
    """Each table that is made of the file, by its name: its account and its rows."""
    file, database = folder / name, folder / "made.duckdb"
    file.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    made = build(str(database), [file])
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            account.table: (account, connection.execute(f'SELECT * FROM "{account.table}"').fetchall())
            for _, account in made
        }


@pytest.mark.parametrize("name", ["flat", "records", "texts"])
def test_any_name_of_a_file_is_one_of_a_table(tmp_path: Path, name: str) -> None:
    made = _import(tmp_path, f"{name}.json", [{"id": 1, "xs": [{"q": "a"}]}, {"id": 2, "xs": [{"q": "b"}]}])
    assert made[f"{name}_xs"][1] == [(1, "a"), (2, "b")]
    assert [column.type for column in made[name][0].columns] == ["BIGINT", "STRUCT(q VARCHAR)[]"]


def test_a_field_called_null_keeps_its_values(tmp_path: Path) -> None:
    assert _import(tmp_path, "a.json", [{"x": {"NULL": 1}}])["a"][1] == [({"NULL": 1},)]


@pytest.mark.parametrize("key", ["", "*", 'a"b', "a'b", "a\\b", "a.b", "x\ny", "$", "[0]", "'); DROP TABLE a; --"])
def test_keys_of_any_signs_are_read(tmp_path: Path, key: str) -> None:
    assert _import(tmp_path, "a.json", [{key: 1, "other": 2}])["a"][1] == [(1, 2)]


def test_a_column_without_any_value_stays_a_column(tmp_path: Path) -> None:
    keyed = _import(tmp_path, "a.json", {"u1": {"a": 1, "n": None}, "u2": {"a": 2, "n": None}})
    assert keyed["a"][1] == [("u1", 1, None), ("u2", 2, None)]
    lists = _import(tmp_path, "b.json", [{"id": 1, "xs": [{"q": None}, {}]}, {"id": 2, "xs": [{"q": None}]}])
    assert lists["b_xs"][1] == [(1, None), (1, None), (2, None)]


def test_the_key_of_a_record_does_not_yield_to_a_field_of_the_same_name(tmp_path: Path) -> None:
    made = _import(tmp_path, "orders.json", [{"id": 1, "items": [{"orders_id": 7}]}, {"id": 2, "items": []}])
    assert made["orders_items"][1] == [(1, 7)]
    assert [column.name for column in made["orders_items"][0].columns] == ["orders_id_2", "orders_id"]
    record = {"key": 1, "key_2": 2}
    assert _import(tmp_path, "k.json", {"u1": record, "u2": record})["k"][1] == [("u1", 1, 2), ("u2", 1, 2)]


def test_rows_of_cells_are_as_wide_as_their_columns(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="has 3 cells, but there are 2 columns"):
        _import(tmp_path, "a.json", {"columns": ["a", "b"], "rows": [[1, 2, 3]]})
    account, rows = _import(tmp_path, "b.json", {"columns": ["a", "a"], "rows": [[1, 2], [3]], "data": [[9]]})["b"]
    assert rows == [(1, 2), (3, None)]
    assert account.doubts == ("1 row has fewer cells than there are columns: the rest is NULL",)
    assert "left out beside them: data" in account.left_out[0][0]


def test_numbers_with_more_digits_than_are_kept_are_told(tmp_path: Path) -> None:
    account, _ = _import(tmp_path, "a.json", '[{"x": {"p": 123456789012345678.25}}]')["a"]
    assert "such as 123456789012345678.25" in account.doubts[0]
    account, rows = _import(tmp_path, "b.json", '[{"v": 0.30000000000000004}, {"v": 100.00000000000000000}]')["b"]
    assert (account.doubts, [float(row[0]) for row in rows]) == ((), [0.30000000000000004, 100.0])


def test_a_file_nested_too_deep_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="nested too deep"):
        _import(tmp_path, "a.json", "[" * 3000 + "]" * 3000)


def test_a_packed_file_gives_the_table_the_name_of_the_file_within(tmp_path: Path) -> None:
    (tmp_path / "sales.json.gz").write_bytes(gzip.compress(b'{"data": [{"a": 1}], "more": [{"b": 2}]}'))
    made = build(str(tmp_path / "made.duckdb"), [tmp_path / "sales.json.gz"])
    assert [account.table for _, account in made] == ["sales_data", "sales_more"]

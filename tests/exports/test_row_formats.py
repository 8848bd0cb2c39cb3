"""Exports read back by readers of others, value by value: generated tables, the same in every run."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import openpyxl
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nl2sql
from nl2sql.types import ResultColumn

TEXTS = [
    *["", " ", "a", "0010", "1,5", "1.250", "-5", 'say "x"', "a\nb", "a,b;c|d\te", "NULL", "null", "nan", "true"],
    *["=1+1", "<r><t>x</t></r>", "é😀", "#", "'x", "\\N", "2025-01-01", "1e5", " x ", "<br>", "&amp;", "[1]"],
]  # fmt: skip


def moment(rng: random.Random) -> dt.datetime:
    return dt.datetime(1900, 3, 1) + dt.timedelta(seconds=rng.randrange(6 * 10**9))


KINDS: dict[str, tuple[pa.DataType, str, Callable[[random.Random], Any]]] = {
    "text": (pa.string(), "VARCHAR", lambda rng: rng.choice(TEXTS)),
    "small": (pa.int32(), "INTEGER", lambda rng: rng.randint(-(2**31), 2**31 - 1)),
    "big": (pa.int64(), "BIGINT", lambda rng: rng.choice([0, 7, 2**53, 2**53 + 1, -(2**63), rng.randint(0, 10**15)])),
    "double": (pa.float64(), "DOUBLE", lambda rng: rng.choice([0.0, 0.1 + 0.2, 1e300, 5e-324, rng.random(), -1.5e-7])),
    "odd": (pa.float64(), "DOUBLE", lambda rng: rng.choice([math.nan, math.inf, -math.inf, rng.random()])),
    "money": (pa.decimal128(38, 2), "DECIMAL(38,2)", lambda rng: Decimal(rng.randint(-(10**9), 10**9)).scaleb(-2)),
    "exact": (pa.decimal128(38, 10), "DECIMAL(38,10)", lambda rng: Decimal(rng.randint(0, 10**25)).scaleb(-10)),
    "day": (pa.date32(), "DATE", lambda rng: moment(rng).date()),
    "moment": (pa.timestamp("us"), "TIMESTAMP", moment),
    "midnight": (pa.timestamp("us"), "TIMESTAMP", lambda rng: dt.datetime.combine(moment(rng).date(), dt.time())),
    "time": (pa.time64("us"), "TIME", lambda rng: moment(rng).time()),
    "yes": (pa.bool_(), "BOOLEAN", lambda rng: rng.random() < 0.5),
    "list": (
        pa.list_(pa.int64()),
        "BIGINT[]",
        lambda rng: [rng.choice([1, None, 2**60]) for _ in range(rng.randrange(3))],
    ),
}


def make_table(seed: int) -> tuple[list[ResultColumn], pa.Table, list[str]]:
    """A table of some of the kinds, in which a value may be missing, and the kind of each column."""
    rng = random.Random(seed)
    kinds = rng.choices(list(KINDS), k=rng.randint(1, 6))
    rows = rng.randint(0, 40)
    arrays = [
        pa.array([None if rng.random() < 0.15 else KINDS[kind][2](rng) for _ in range(rows)], KINDS[kind][0])
        for kind in kinds
    ]
    columns = [ResultColumn(kind, KINDS[kind][1]) for kind in kinds]
    return columns, pa.Table.from_arrays(arrays, names=kinds), kinds


def export(seed: int, form: str, **options: Any) -> tuple[bytes, list[list[Any]], list[str]]:
    """The file, the columns' values and the columns' kinds."""
    columns, table, kinds = make_table(seed)
    out = io.BytesIO()
    batches = table.to_batches(7) or [pa.RecordBatch.from_pylist([], schema=table.schema)]
    assert nl2sql.export(form, columns, iter(batches), out, **options) == table.num_rows
    return out.getvalue(), [column.to_pylist() for column in table.columns], kinds


def is_same(kind: str, value: Any, read: Any) -> bool:
    """Whether what was read is the value, by the digits of a number, the text of anything else."""
    if value is None or read is None:
        return value is None and read is None
    if kind in ("double", "odd"):
        return bool(float(read) == value or (math.isnan(value) and math.isnan(float(read))))
    if kind in ("small", "big", "money", "exact"):
        return bool(Decimal(str(read)) == value)
    if kind == "yes":
        return str(read).lower() == str(value).lower()
    if kind == "list":
        found = json.loads(read) if isinstance(read, str) else read
        return bool([one if one is None else int(one) for one in found] == value)
    return bool(read == value) if kind == "text" else str(read).replace("T", " ") == str(value)


@pytest.mark.parametrize("seed", range(40))
def test_csv(seed: int) -> None:
    rng = random.Random(-seed)
    delimiter, decimal = rng.choice([(",", "."), (";", ","), ("\t", "."), ("|", ","), (";", ".")])
    options = {"delimiter": delimiter, "decimal": decimal, "spreadsheet_safe": False}
    data, columns, kinds = export(seed, "csv", **options)
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter)
    assert len(set(header)) == len(kinds) and len(rows) == len(columns[0])
    for row, values in zip(rows, zip(*columns, strict=True), strict=True):
        for kind, read, value in zip(kinds, row, values, strict=True):
            if value is None or value == "":
                assert read == ""
            else:
                shown = read.replace(decimal, ".") if kind in ("double", "money", "exact", "odd") else read
                assert is_same(kind, value, shown), (kind, value, read)


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize("seed", range(40))
def test_json(seed: int, form: str) -> None:
    data, columns, kinds = export(seed, form)
    records = json.loads(data) if form == "json" else [json.loads(line) for line in data.splitlines()]
    assert len(records) == len(columns[0])
    for place, (kind, values) in enumerate(zip(kinds, columns, strict=True)):
        read = [list(record.values())[place] for record in records]
        assert all(is_same(kind, *pair) for pair in zip(values, read, strict=True)), (kind, values, read)
        found = {float if type(one) is int else type(one) for one in read if one is not None}
        assert len(found) <= 1, f"{kind}: {found}"


@pytest.mark.parametrize("seed", range(40))
def test_parquet(seed: int) -> None:
    data, columns, _ = export(seed, "parquet")
    for values, read in zip(columns, pq.read_table(io.BytesIO(data)).columns, strict=True):
        assert str(read.to_pylist()) == str(values)


@pytest.mark.parametrize("seed", range(40))
def test_excel(seed: int) -> None:
    data, columns, kinds = export(seed, "xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    assert sheet.max_row == len(columns[0]) + 1
    for kind, values, cells in zip(kinds, columns, sheet.iter_cols(min_row=2), strict=True):
        for value, cell in zip(values, cells, strict=True):
            read = cell.value
            assert cell.data_type != "f"
            if isinstance(read, dt.datetime | dt.time) and value is not None:
                assert kind in ("day", "moment", "midnight", "time")
                read = read.date() if isinstance(read, dt.datetime) and kind == "day" else read
            if kind == "text" and value == "":
                assert not read
            else:
                assert is_same(kind, value, read), (kind, value, read)


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_polars_and_duckdb_read_the_csv_row_by_row(seed: int, tmp_path: Any) -> None:
    data, columns, _ = export(seed, "csv", spreadsheet_safe=False)
    frame = polars.read_csv(data, infer_schema=False)
    assert frame.height == len(columns[0]) and frame.width == len(columns)
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    sql = (
        "SELECT count(*) FROM read_csv(?, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')"
    )
    assert duckdb.execute(sql, [str(path)]).fetchone() == (len(columns[0]),)


def test_a_cell_of_a_markdown_table_is_no_markup() -> None:
    out = io.BytesIO()
    cells = ["![p](http://example.com/x.png)", "[l](javascript:x)", "**b** and `c`", "a|b <i> snake_case"]
    table = pa.table({"text": cells})
    nl2sql.export("md", [ResultColumn("text", "VARCHAR")], table.to_batches(), out)
    assert out.getvalue().decode().splitlines()[2:] == [
        r"| !\[p\](http://example.com/x.png) |",
        r"| \[l\](javascript:x) |",
        r"| \*\*b\*\* and \`c\` |",
        r"| a\|b &lt;i> snake_case |",
    ]

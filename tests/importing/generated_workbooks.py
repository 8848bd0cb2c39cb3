"""Small made-up workbooks, JSON and Parquet files, each with what it really holds.

Texts of CSV and its like are made by `made_files`, the columns by `made_columns`.
"""

from __future__ import annotations

import datetime
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import openpyxl
import pyarrow
import pyarrow.parquet
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet

from tests.importing.generated_columns import MadeColumn, Style, Value, make_column
from tests.importing.generated_files import MadeFile, MadeTable

_STYLE: Final = Style(".", day_first=True)
# What a cell of a sheet, or a value of JSON, holds by itself.
_TYPED: Final = (
    "whole numbers",
    "decimals",
    "decimals of varied length",
    "ISO dates",
    "moments",
    "words",
    "cities",
    "texts with signs",
    "keys",
    "codes with noughts",
    "yes and no",
)
_WRITTEN: Final = ("thousands", "money", "dates with points", "percent", "parentheses", "month names")
_NAMES: Final = "region item amount status day remark price rate visits weight city owner level grade colour".split()
_NOUGHT: Final = datetime.time()


def _make_columns(chance: Random, rows: int, width: int, notations: Sequence[str] = _TYPED) -> list[MadeColumn]:
    others = [name for name in notations if name != "keys"]
    picked = ["keys", *chance.sample(others, min(len(others), width - 1))]
    return [make_column(chance, name, rows, _STYLE, gaps=number > 0) for number, name in enumerate(picked)]


def _take_values(columns: Sequence[MadeColumn]) -> list[tuple[Value, ...]]:
    return list(zip(*(column.values for column in columns), strict=True))


# Sheets


def _put(sheet: Worksheet, records: Sequence[Sequence[Any]], row: int = 1, column: int = 1) -> None:
    for down, record in enumerate(records):
        for across, value in enumerate(record):
            shown = float(value) if isinstance(value, Decimal) else value
            if shown is not None:
                cell = sheet.cell(row + down, column + across)
                cell.value = shown
                if isinstance(shown, str):
                    cell.data_type = "s"


def _make_table(chance: Random, notations: Sequence[str] = _TYPED) -> tuple[MadeTable, list[Sequence[Any]]]:
    """A table, and its records with the header."""
    columns = _make_columns(chance, chance.randint(5, 25), chance.randint(3, 6), notations)
    names = chance.sample(_NAMES, len(columns))
    return MadeTable(tuple(names), tuple(columns)), [names, *_take_values(columns)]


def _make_plain_book(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    table, records = _make_table(chance)
    _put(book.active, records, chance.choice((1, 1, 3)), chance.choice((1, 1, 2)))
    return [table]


def _make_titled_book(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    table, records = _make_table(chance)
    book.active["A1"] = "Overview 2024"
    book.active.merge_cells("A1:C1")
    gap = chance.choice((0, 1))
    _put(book.active, records, 2 + gap)
    return [table]


def _make_many_sheets(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    made = []
    book.remove(book.active)
    for name in ("North", "South", "hidden one"):
        table, records = _make_table(chance)
        sheet = book.create_sheet(name)
        _put(sheet, records)
        made.append(table)
    sheet.sheet_state = "hidden"
    return made


def _make_tables_below(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    made, row = [], 1
    for _ in range(2):
        table, records = _make_table(chance, ("whole numbers", "decimals", "ISO dates", "cities", "keys"))
        _put(book.active, records, row)
        row += len(records) + chance.randint(1, 3)
        made.append(table)
    return made


def _make_tables_beside(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    made, column = [], 1
    for _ in range(2):
        table, records = _make_table(chance, ("whole numbers", "decimals", "ISO dates", "cities", "keys"))
        _put(book.active, records, 1, column)
        column += table_width(table) + 1
        made.append(table)
    return made


def table_width(table: MadeTable) -> int:
    """How many columns it has."""
    return len(table.columns)


def _make_merged_book(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    table, records = _make_table(chance)
    groups = ["east"] * 3 + ["west"] * (table.rows - 3)
    _put(
        book.active,
        [["part", *records[0]], *([group, *record] for group, record in zip(groups, records[1:], strict=True))],
    )
    book.active.merge_cells("A2:A4")
    book.active.merge_cells(f"A5:A{table.rows + 1}")
    part = MadeColumn("words", tuple(groups), tuple(groups))
    return [replace(table, header=("part", *(table.header or ())), columns=(part, *table.columns))]


def _make_hidden_rows(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    table, records = _make_table(chance)
    _put(book.active, records)
    book.active.row_dimensions[3].hidden = True
    return [table]


def _make_text_notations(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    """Numbers and dates that somebody typed as text."""
    columns = _make_columns(chance, chance.randint(6, 20), 4, _WRITTEN)
    names = chance.sample(_NAMES, len(columns))
    _put(book.active, [names, *zip(*(column.texts for column in columns), strict=True)])
    return [MadeTable(tuple(names), tuple(columns))]


def _make_mixed_cells(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    """Text cells beside number cells: codes, placeholders, and a remark among numbers."""
    rows = chance.randint(6, 20)
    keys = make_column(chance, "keys", rows, _STYLE, gaps=False)
    numbers = make_column(chance, "whole numbers", rows, _STYLE, gaps=False)
    codes = ["0012", *(chance.randint(100, 9999) for _ in range(rows - 1))]
    gone = [*numbers.values[:-2], None, numbers.values[-1]]
    remark = [*numbers.values[:-1], "about 7"]
    _put(
        book.active,
        [
            ("key", "code", "count", "guess"),
            *zip(keys.texts, codes, [*numbers.values[:-2], "n/a", numbers.values[-1]], remark, strict=True),
        ],
    )
    texts = tuple(map(str, codes))
    return [
        MadeTable(
            ("key", "code", "count", "guess"),
            (
                keys,
                MadeColumn("codes with noughts", texts, texts),
                MadeColumn("whole numbers", (*numbers.texts[:-2], "n/a", numbers.texts[-1]), tuple(gone)),
                MadeColumn("one text among numbers", tuple(map(str, remark)), tuple(remark)),
            ),
        )
    ]


def _make_clocks(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    rows = chance.randint(5, 15)
    keys = make_column(chance, "keys", rows, _STYLE, gaps=False)
    times = make_column(chance, "times of day", rows, _STYLE, gaps=False)
    lengths = make_column(chance, "lengths of time", rows, _STYLE, gaps=False)
    _put(book.active, [("key", "start", "length"), *_take_values((keys, times, lengths))])
    return [MadeTable(("key", "start", "length"), (keys, times, lengths))]


def _make_old_dates(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    rows = chance.randint(5, 15)
    columns = [make_column(chance, name, rows, _STYLE, gaps=False) for name in ("keys", "ISO dates", "moments")]
    _put(book.active, [("key", "day", "moment"), *_take_values(columns)])
    return [MadeTable(("key", "day", "moment"), tuple(columns))]


def _make_units_book(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    rows = chance.randint(5, 15)
    columns = [make_column(chance, name, rows, _STYLE, gaps=False) for name in ("keys", "decimals", "whole numbers")]
    _put(book.active, [("key", "price", "weight"), (None, "EUR", "kg"), *_take_values(columns)])
    return [MadeTable(("key", "price", "weight"), tuple(columns))]


def _make_two_headers(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    rows = chance.randint(5, 15)
    columns = [make_column(chance, name, rows, _STYLE, gaps=False) for name in ("cities", *["decimals"] * 4)]
    _put(
        book.active,
        [(None, "2023", None, "2024"), ("city", "plan", "actual", "plan", "actual"), *_take_values(columns)],
    )
    book.active.merge_cells("B1:C1")
    book.active.merge_cells("D1:E1")
    names = ("city", "2023 plan", "2023 actual", "2024 plan", "2024 actual")
    return [MadeTable(names, tuple(columns))]


def _make_year_names(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    rows = chance.randint(5, 15)
    columns = [make_column(chance, name, rows, _STYLE, gaps=False) for name in ("cities", *["whole numbers"] * 3)]
    first = chance.randint(1995, 2020)
    names: list[Any] = ["city", first, first + 1, first + 2]
    _put(book.active, [names, *_take_values(columns)])
    return [MadeTable(tuple(map(str, names)), tuple(columns))]


def _make_total_book(chance: Random, book: openpyxl.Workbook) -> list[MadeTable]:
    rows = chance.randint(5, 15)
    columns = [make_column(chance, name, rows, _STYLE, gaps=False) for name in ("cities", "whole numbers")]
    total = sum(int(str(value)) for value in columns[1].values)
    _put(book.active, [("city", "visits"), *_take_values(columns), ("Total", total)])
    return [MadeTable(("city", "visits"), tuple(columns))]


BOOKS: Final[dict[str, Callable[[Random, openpyxl.Workbook], list[MadeTable]]]] = {
    "sheet": _make_plain_book,
    "sheet with a title": _make_titled_book,
    "several sheets": _make_many_sheets,
    "tables below each other": _make_tables_below,
    "tables beside each other": _make_tables_beside,
    "merged cells": _make_merged_book,
    "hidden rows": _make_hidden_rows,
    "texts in cells": _make_text_notations,
    "texts beside numbers": _make_mixed_cells,
    "times in cells": _make_clocks,
    "dates of 1904": _make_old_dates,
    "units on a sheet": _make_units_book,
    "two header rows on a sheet": _make_two_headers,
    "years as names on a sheet": _make_year_names,
    "total on a sheet": _make_total_book,
}


def make_book(folder: Path, seed: str, shape: str) -> MadeFile:
    """The workbook of that seed and shape."""
    book = openpyxl.Workbook()
    book.active.title = f"{shape} {seed}"[:31]
    tables = BOOKS[shape](Random(f"{seed} {shape}"), book)
    path = folder / f"{shape.replace(' ', '_')}.xlsx"
    book.save(path)
    return MadeFile(path, shape, tuple(tables))


def make_formulas(folder: Path, seed: str) -> MadeFile:
    """A sheet of formulas with the values that they had, and errors among them."""
    chance = Random(f"{seed} formulas")
    path = folder / "formulas.xlsx"
    rows = chance.randint(5, 15)
    keys = make_column(chance, "keys", rows, _STYLE, gaps=False)
    values: list[Value] = [Decimal(chance.randrange(10_000)) / 4 for _ in range(rows)]
    errors = {chance.randrange(rows)}
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("key", "share"))
        for number, (key, value) in enumerate(zip(keys.texts, values, strict=True)):
            sheet.write_string(number + 1, 0, key)
            result = "#DIV/0!" if number in errors else float(str(value))
            sheet.write_formula(number + 1, 1, f"=1/{number}", None, result)
    told = [None if number in errors else value for number, value in enumerate(values)]
    texts = ["#DIV/0!" if value is None else str(value) for value in told]
    return MadeFile(
        path, "formulas", (MadeTable(("key", "share"), (keys, MadeColumn("decimals", tuple(texts), tuple(told)))),)
    )


def read_sheets(path: Path) -> list[list[tuple[Any, ...]]]:
    """The values of each sheet by openpyxl."""
    book = openpyxl.load_workbook(path, data_only=True)
    return [list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets]


# JSON

WRAPPINGS: Final = (
    "list",
    "lines",
    "data",
    "results",
    "items",
    "response.records",
    "packed lines",
    "marked list",
    "lists within",
)


def make_json(folder: Path, seed: str, wrapping: str) -> MadeFile:
    """The JSON file of that seed: records in that wrapping."""
    chance = Random(f"{seed} {wrapping}")
    columns = _make_columns(chance, chance.randint(5, 25), chance.randint(3, 6))
    if chance.random() < 0.5:
        columns.append(make_column(chance, "20 to 38 digits", len(columns[0].texts), _STYLE, gaps=False))
    columns = [replace(column, texts=tuple(map(_write_text, column.values))) for column in columns]
    names = chance.sample(_NAMES, len(columns))
    records = [_write_record(names, values, drop=chance.random() < 0.5) for values in _take_values(columns)]
    tables = [MadeTable(tuple(names), tuple(columns))]
    if wrapping == "lists within":
        nested, inner = _add_lines(chance, records)
        tables = [MadeTable((*names, "lines"), (*columns, nested)), inner]
    path = folder / f"{wrapping.replace(' ', '_').replace('.', '_')}.json"
    joined = f"[{', '.join(records)}]"
    if "lines" in wrapping:
        text, path = "\n".join(records) + "\n", path.with_suffix(".jsonl")
    elif wrapping in ("list", "marked list", "lists within"):
        text = joined
    else:
        text = f'{{"count": {len(records)}, "{wrapping}": {joined}}}'
    if wrapping == "response.records":
        text = f'{{"response": {{"status": "ok", "records": {joined}}}}}'
    if wrapping == "packed lines":
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text, encoding="utf-8-sig" if wrapping == "marked list" else "utf-8")
    return MadeFile(path, f"JSON {wrapping}", tuple(tables))


def _write_text(value: Value) -> str:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _write_record(names: Sequence[str], values: Sequence[Value], *, drop: bool) -> str:
    """A record, in which a value that is not there is null or has no key."""
    pairs = [(name, value) for name, value in zip(names, values, strict=True) if value is not None or not drop]
    return "{" + ", ".join(f"{json.dumps(name)}: {_write_value(value)}" for name, value in pairs) + "}"


def _write_value(value: Value) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime.date):
        return json.dumps(value.isoformat())
    return json.dumps(value, ensure_ascii=False)


def _add_lines(chance: Random, records: list[str]) -> tuple[MadeColumn, MadeTable]:
    """Give each record a list of objects of its own. Returns these as a column, and as a table of their own."""
    lists: list[Value] = []
    for at, record in enumerate(records):
        inner: list[dict[str, int | str]] = [
            {"pieces": chance.randint(1, 99), "part": f"part {chance.randint(1, 9)}"}
            for _ in range(chance.randint(1, 3))
        ]
        lists.append(inner)
        records[at] = f'{record[:-1]}, "lines": {json.dumps(inner)}}}'
    flat = [
        (at + 1, one["pieces"], one["part"])
        for at, inner in enumerate(lists)
        if isinstance(inner, list)
        for one in inner
    ]
    columns = [
        MadeColumn(notation, tuple(str(row[at]) for row in flat), tuple(row[at] for row in flat))
        for at, notation in enumerate(("whole numbers", "whole numbers", "words"))
    ]
    column = MadeColumn("nested", tuple(map(str, lists)), tuple(lists))
    return column, MadeTable(("lists_within_row", "pieces", "part"), tuple(columns))


def read_json(made: MadeFile) -> list[dict[str, Any]]:
    """The records by the standard library, decimals exact."""
    data = made.path.read_bytes()
    text = (gzip.decompress(data) if made.path.suffix == ".gz" else data).decode("utf-8-sig")
    if ".jsonl" in made.path.name:
        return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    found = json.loads(text, parse_float=Decimal)
    while isinstance(found, dict):
        found = next(value for value in found.values() if isinstance(value, dict | list))
    return list(found)


# Parquet


def make_parquet(folder: Path, seed: str) -> MadeFile:
    """The Parquet file of that seed, with its own types, one of them nested."""
    chance = Random(f"{seed} parquet")
    columns = _make_columns(chance, chance.randint(5, 25), chance.randint(3, 7), (*_TYPED, "times of day"))
    names = chance.sample([*_NAMES, "odd\nname", "größe"], len(columns))
    arrays = [pyarrow.array(list(column.values)) for column in columns]
    path = folder / "table.parquet"
    lists: list[Value] = [[{"a": number}] for number in range(len(columns[0].texts))]
    pyarrow.parquet.write_table(pyarrow.table([*arrays, pyarrow.array(lists)], names=[*names, "nested"]), path)
    nested = MadeColumn("nested", tuple(map(str, lists)), tuple(lists))
    return MadeFile(path, "Parquet", (MadeTable((*names, "nested"), (*columns, nested)),))

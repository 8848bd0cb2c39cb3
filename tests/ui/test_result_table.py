"""The rows of an answer over a real database: pages of one run, what is beyond the engine's reach, equal names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nl2sql import Assistant, RowFilter, connect
from nl2sql.types import Comparison, Criterion
from ui.table_view import PAGE_ROWS, Extent, TableView, describe_missing_rows, measure_extent, read_window


def contains(text: str, column: int) -> RowFilter:
    return RowFilter(text, ((Criterion(column, Comparison.HOLDS, text),),))


GROUPS = "SELECT id % 5000 AS k, count(*) AS n FROM big GROUP BY 1"
MANY = "SELECT a.id AS a, b.id AS b FROM big a, small b"


@pytest.fixture(scope="module")
def assistant(make_database: Callable[..., Path]) -> Iterator[Assistant]:
    path = make_database(
        "CREATE TABLE big AS SELECT range AS id FROM range(200000);"
        "CREATE TABLE small AS SELECT range AS id FROM range(6)"
    )
    with connect(str(path)) as assistant:
        yield assistant


def test_pages_of_an_unordered_result_have_each_row_once(assistant: Assistant) -> None:
    result = assistant.run(GROUPS)
    assert result.truncated
    extent = measure_extent(assistant, GROUPS, result, TableView())
    assert extent == Extent(5000)
    paged = [
        row
        for page in range(extent.rows // PAGE_ROWS)
        for row in zip(*read_window(assistant, GROUPS, result, TableView(page=page)).to_pydict().values(), strict=True)
    ]
    assert Counter(paged) == Counter({(k, 40): 1 for k in range(5000)})


def test_rows_that_an_answer_has_are_its_own(assistant: Assistant) -> None:
    sql = "SELECT id FROM big ORDER BY random() LIMIT 150"
    result = assistant.run(sql)
    assert read_window(assistant, sql, result, TableView(page=1)).equals(result.table.slice(PAGE_ROWS, PAGE_ROWS))
    assert measure_extent(assistant, sql, result, TableView()) == Extent(150)


def test_what_the_engine_does_not_keep_is_said(assistant: Assistant) -> None:
    result = assistant.run(MANY)
    extent = measure_extent(assistant, MANY, result, TableView())
    assert extent == Extent(1_000_000, False, 1_200_000)
    assert "1,200,000 rows" in describe_missing_rows(extent) and "download" in describe_missing_rows(extent)
    filtered = measure_extent(assistant, MANY, result, TableView(filters=(contains("5", 1),)))
    assert not filtered.is_complete and filtered.rows < 1_000_000 and filtered.total == 1_200_000
    last = read_window(assistant, MANY, result, TableView(page=extent.rows // PAGE_ROWS - 1))
    assert last.num_rows == PAGE_ROWS
    assert assistant.database.count_pageable_rows(MANY, contains={"b": "5"}).is_complete is False


def test_the_second_column_of_a_name_is_sorted_and_filtered(assistant: Assistant) -> None:
    sql = "SELECT id AS k, 5 - id AS k FROM small"
    result = assistant.run(sql)
    assert [
        row[1].as_py()
        for row in zip(*read_window(assistant, sql, result, TableView(order_column=1)).columns, strict=True)
    ] == [*range(6)]
    look = TableView(filters=(contains("5", 1),))
    assert [column[0].as_py() for column in read_window(assistant, sql, result, look).columns] == [0, 5]
    assert measure_extent(assistant, sql, result, look) == Extent(1)

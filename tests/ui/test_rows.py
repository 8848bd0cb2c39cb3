"""The rows of an answer over a real database: pages of one run, what is beyond the engine's reach, equal names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nl2sql import Assistant, RowFilter, connect
from nl2sql.types import Comparison, Criterion
from ui.result_table import PAGE, Extent, Look, extent_of, incomplete, window


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
    extent = extent_of(assistant, GROUPS, result, Look())
    assert extent == Extent(5000)
    paged = [
        row
        for page in range(extent.rows // PAGE)
        for row in zip(*window(assistant, GROUPS, result, Look(page=page)).to_pydict().values(), strict=True)
    ]
    assert Counter(paged) == Counter({(k, 40): 1 for k in range(5000)})


def test_rows_that_an_answer_has_are_its_own(assistant: Assistant) -> None:
    sql = "SELECT id FROM big ORDER BY random() LIMIT 150"
    result = assistant.run(sql)
    assert window(assistant, sql, result, Look(page=1)).equals(result.table.slice(PAGE, PAGE))
    assert extent_of(assistant, sql, result, Look()) == Extent(150)


def test_what_the_engine_does_not_keep_is_said(assistant: Assistant) -> None:
    result = assistant.run(MANY)
    extent = extent_of(assistant, MANY, result, Look())
    assert extent == Extent(1_000_000, False, 1_200_000)
    assert "1,200,000 rows" in incomplete(extent) and "download" in incomplete(extent)
    filtered = extent_of(assistant, MANY, result, Look(filters=(contains("5", 1),)))
    assert not filtered.complete and filtered.rows < 1_000_000 and filtered.total == 1_200_000
    last = window(assistant, MANY, result, Look(page=extent.rows // PAGE - 1))
    assert last.num_rows == PAGE
    assert assistant.kept(MANY, contains={"b": "5"}).complete is False


def test_the_second_column_of_a_name_is_sorted_and_filtered(assistant: Assistant) -> None:
    sql = "SELECT id AS k, 5 - id AS k FROM small"
    result = assistant.run(sql)
    assert [row[1].as_py() for row in zip(*window(assistant, sql, result, Look(order=1)).columns, strict=True)] == [
        *range(6)
    ]
    look = Look(filters=(contains("5", 1),))
    assert [column[0].as_py() for column in window(assistant, sql, result, look).columns] == [0, 5]
    assert extent_of(assistant, sql, result, look) == Extent(1)

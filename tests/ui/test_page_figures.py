"""What the page computes beside the rows: the same whichever page is looked at, sorted and filtered as on screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nl2sql import Assistant, RowFilter, connect, list_filter_columns, read_filter
from ui.page_figures import CHANGE, SHARE, TOTAL, PageCells, compute_figures, make_cells
from ui.result_table import name_columns
from ui.table_view import TableView, read_window

SQL = "SELECT shop, sum(price) AS price, count(*) AS n, avg(price) AS mean FROM sales GROUP BY shop ORDER BY shop"
MONTHS = "SELECT date_trunc('month', day) AS month, sum(price) AS price FROM sales GROUP BY 1 ORDER BY 1 DESC"


@pytest.fixture(scope="module")
def shops(make_database: Callable[..., Path]) -> Iterator[Assistant]:
    path = make_database(
        "CREATE TABLE sales AS SELECT i % 60 AS shop, (i * 0.37 - 5)::DECIMAL(10, 2) AS price, "
        "DATE '2025-01-01' + (i % 300)::INTEGER AS day FROM range(3000) t(i)"
    )
    with connect(str(path)) as assistant:
        yield assistant


def draw(assistant: Assistant, sql: str, look: TableView) -> PageCells:
    sql = assistant.database.check_or_raise(sql).sql
    result = assistant.run(sql)
    formats, place = assistant.database.choose_column_formats(result, sql), dict[str, Any]()
    figures = compute_figures(assistant, sql, result, formats, place, look)
    return make_cells(figures, read_window(assistant, sql, result, look), name_columns(result), formats)


def read(cell: Any) -> Decimal:
    return Decimal(str(cell[1] if isinstance(cell, tuple) else cell).rstrip("%"))


def test_shares_of_all_pages_make_a_whole_and_the_total_is_exact(shops: Assistant) -> None:
    pages = [
        draw(shops, SQL, TableView(page=page, page_rows=25, figures=frozenset((TOTAL, SHARE)))) for page in range(3)
    ]
    assert [len(page.cells) for page in pages] == [25, 25, 10]
    assert [name for name, _ in pages[0].added_columns] == ["price, share", "n, share"], "none of the mean"
    shares = sum((read(row[4]) for page in pages for row in page.cells), Decimal())
    assert abs(shares - 100) < Decimal("0.001")
    total = shops.run("SELECT sum(price), count(*) FROM sales").rows[0]
    for page in pages:
        assert page.total is not None
        assert [read(page.total[1]), page.total[2]] == [total[0], ("3,000", "3000")]
        assert page.total[3] == "", "a mean is not added up"
        assert "Total of the 60 rows" in str(page.total[0])


def test_the_total_is_of_the_rows_that_pass_the_filters(shops: Assistant) -> None:
    result = shops.run(SQL)
    columns = list_filter_columns(
        result.columns, name_columns(result), shops.database.choose_column_formats(result, SQL)
    )
    filters: tuple[RowFilter, ...] = (read_filter("shop < 10", columns),)
    drawn = draw(shops, SQL, TableView(filters=filters, figures=frozenset((TOTAL,))))
    assert drawn.total is not None and "Total of the 10 rows" in str(drawn.total)
    assert read(drawn.total[1]) == sum(row[1] for row in result.rows[:10])


def test_the_change_goes_on_from_page_to_page_in_the_order_on_screen(shops: Assistant) -> None:
    look = TableView(order_column=1, is_descending=True, page_rows=25, figures=frozenset((CHANGE,)))
    first, second = draw(shops, SQL, look), draw(shops, SQL, TableView(1, 1, True, (), 25, frozenset((CHANGE,))))
    assert [name for name, _ in first.added_columns] == ["price, change", "n, change", "mean, change"], (
        "none of the key"
    )
    assert first.cells[0][4] is None, "nothing is above the first row"
    assert read(second.cells[0][4]) == read(second.cells[0][1]) - read(first.cells[-1][1])
    assert "from the row above" in second.added_columns[0][1]


def test_months_are_compared_with_the_month_before_in_any_order(shops: Assistant) -> None:
    drawn = draw(shops, MONTHS, TableView(figures=frozenset((CHANGE,))))
    assert drawn.added_columns == (("price, change", "from the month before, computed by the page"),)
    prices = [read(row[1]) for row in drawn.cells]
    assert drawn.cells[-1][2] is None
    assert [read(row[2]) for row in drawn.cells[:-1]] == [a - b for a, b in pairwise(prices)]

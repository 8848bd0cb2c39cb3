"""Which rows of an answer the page shows: the page, the order and the filters, and how many rows those give.

It draws nothing and caches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from nl2sql import Assistant, LimitError, Result, RowFilter
from ui.answer_state import get_answer_state

PAGE_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class TableView:
    """A view of the rows: page, page size, sort column, filters, and `figures`, what the page adds."""

    page: int = 0
    order_column: int | None = None
    is_descending: bool = False
    filters: tuple[RowFilter, ...] = ()
    page_rows: int = PAGE_ROWS
    figures: frozenset[str] = frozenset()

    @property
    def criteria(self) -> Any:
        """The tests of all filters."""
        return tuple(group for one in self.filters for group in one.criteria)

    @property
    def is_plain(self) -> bool:
        """Whether the rows are neither sorted nor filtered."""
        return self.order_column is None and not self.filters


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows can be paged; `is_complete` where those are all. `total` is how many there are, if known."""

    rows: int
    is_complete: bool = True
    total: int | None = None


def get_table_view(key: str) -> TableView:
    """Return how the rows of that answer are looked at."""
    look: TableView = get_answer_state(key).get("look", TableView())
    return look


def read_window(assistant: Assistant, sql: str, result: Result, look: TableView) -> pa.Table:
    """Return the rows of this page: from the answer where it has all rows, else from the cached run.

    Two runs may differ in order, so that pages of both would repeat some rows and miss others.
    """
    start = look.page * look.page_rows
    if look.is_plain and not result.truncated:
        return result.table.slice(start, look.page_rows)
    page = assistant.database.fetch_page(
        sql,
        offset=start,
        limit=look.page_rows,
        order_by=look.order_column,
        descending=look.is_descending,
        criteria=look.criteria,
    )
    return page.table


def measure_extent(assistant: Assistant, sql: str, result: Result, look: TableView) -> Extent:
    """Return how many rows there are under this filter."""
    if look.is_plain and not result.truncated:
        return Extent(result.row_count)
    held = assistant.database.count_pageable_rows(sql, criteria=look.criteria)
    if held.is_complete:
        return Extent(held.rows)
    try:
        return Extent(held.rows, False, assistant.database.count(sql))
    except LimitError:
        return Extent(held.rows, False)


def describe_missing_rows(extent: Extent) -> str:
    """Return the note for a query that has more rows than are cached."""
    total = f"{extent.total:,} rows" if extent.total is not None else "more rows than could be counted in time"
    return (
        f"The query has {total}. Paging, sorting and filtering use only the first ones, which are kept in memory. "
        "To see the others, narrow the question or download every row."
    )

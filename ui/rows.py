"""The rows of an answer, a page at a time: sorted and filtered by the engine, never in the browser.

Rows of an answer that has them all come from it; where it was cut, all pages come from one run that the engine keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import streamlit as st

from nl2sql import Assistant, ColumnFormat, LimitError, NL2SQLError, Result, make_unique_names, text_of
from ui.errors import show_error
from ui.grid import Cell, grid
from ui.kept import kept
from ui.plain import say_renamed

PAGE: Final = 100
FEW: Final = 20
CELL_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Look:
    """How the rows are looked at: which page, sorted by which column, which column contains what."""

    page: int = 0
    order: int | None = None
    descending: bool = False
    column: int | None = None
    contains: str = ""

    @property
    def filters(self) -> dict[int, str]:
        """What which column must contain."""
        return {} if self.column is None or not self.contains else {self.column: self.contains}

    @property
    def is_plain(self) -> bool:
        """Whether the rows are looked at as the query gives them."""
        return self.order is None and not self.filters


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows can be turned over: `complete` where those are all. `total` is how many the query has, if known."""

    rows: int
    complete: bool = True
    total: int | None = None


def show_rows(assistant: Assistant, sql: str, result: Result, key: str) -> None:
    """The table with its controls. `sql` is what gave the result."""
    look = _look(key)
    formats = read_formats(assistant, sql, result, key)
    if result.row_count > FEW or result.truncated or not look.is_plain:
        _filter(result, key)
    try:
        extent = _extent(assistant, sql, result, look, key)
        shown = _window(assistant, sql, result, look, key)
    except NL2SQLError as exc:
        # What the answer brought is there whatever became of the rest.
        draw(result, result.table.slice(0, PAGE), formats, key=key)
        st.caption(f"The first {min(PAGE, result.row_count):,} rows of the answer")
        show_error(exc)
        if look != Look():
            _turner("Back to the rows of the answer", f"reset-{key}", Look(), key)
        return
    draw(result, shown, formats, key=key, look=look, on_sort=lambda: _sort(key))
    if extent.rows > PAGE or look.page:
        _pager(extent, look, key)
    else:
        st.caption(f"{extent.rows:,} row{'' if extent.rows == 1 else 's'}")
    if not extent.complete:
        st.caption(incomplete(extent))
    say_renamed(result)


def read_formats(assistant: Assistant, sql: str, result: Result, key: str) -> tuple[ColumnFormat, ...]:
    """How each column is written for reading, decided once by the rows of the answer: the same on every page."""
    known: tuple[Result, tuple[ColumnFormat, ...]] | None = kept(key).get("formats")
    if known is None or known[0] is not result:
        known = kept(key)["formats"] = (result, assistant.formats(result, sql))
    return known[1]


def draw(
    result: Result,
    shown: pa.Table,
    formats: Sequence[ColumnFormat],
    *,
    key: str,
    look: Look | None = None,
    on_sort: Callable[[], None] | None = None,
) -> None:
    """The table of these rows, each value written for reading, with the value itself under the pointer."""
    look = look or Look()
    names = make_unique_names([column.name for column in result.columns])
    columns: list[dict[str, Any]] = []
    for position, (name, values) in enumerate(zip(names, shown.columns, strict=True)):
        arrow = "descending" if look.descending else "ascending"
        columns.append(
            {
                "name": name,
                "number": _is_number(values.type),
                "sorted": arrow if look.order == position else None,
            }
        )
    count = f"{shown.num_rows:,} rows" if shown.num_rows != 1 else "1 row"
    grid(columns, _cells(shown, formats), key=f"grid-{key}", caption=f"Rows of the answer: {count}", on_sort=on_sort)


def _cells(shown: pa.Table, formats: Sequence[ColumnFormat]) -> list[list[Cell]]:
    rows = Result((), shown).rows
    return [[_cell(value, one) for value, one in zip(row, formats, strict=True)] for row in rows]


def _cell(value: Any, how: ColumnFormat) -> Cell:
    if value is None:
        return None
    exact, shown = text_of(value)[:CELL_CHARS], how.show(value)[:CELL_CHARS]
    return exact if shown == exact else (shown, exact)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def window(assistant: Assistant, sql: str, result: Result, look: Look) -> pa.Table:
    """The rows of this page: the answer's own where it has them all, else those of the one run that the engine keeps.

    The order of two runs may differ, so that pages of both would show some rows twice and others never.
    """
    start = look.page * PAGE
    if look.is_plain and not result.truncated:
        return result.table.slice(start, PAGE)
    page = assistant.page(
        sql,
        offset=start,
        limit=PAGE,
        order_by=look.order,
        descending=look.descending,
        contains=look.filters,
    )
    return page.table


def extent_of(assistant: Assistant, sql: str, result: Result, look: Look) -> Extent:
    """How many rows there are to be turned over under this filter."""
    if look.is_plain and not result.truncated:
        return Extent(result.row_count)
    held = assistant.kept(sql, contains=look.filters)
    if held.complete:
        return Extent(held.rows)
    try:
        return Extent(held.rows, False, assistant.count(sql))
    except LimitError:
        return Extent(held.rows, False)


def incomplete(extent: Extent) -> str:
    """What the user should know where the query has more rows than the engine keeps."""
    total = f"{extent.total:,} rows" if extent.total is not None else "more rows than could be counted in time"
    return (
        f"The query has {total}. Paging, sorting and filtering reach the first ones only, which the engine keeps: "
        "narrow the question to see others, or download every row."
    )


def _window(assistant: Assistant, sql: str, result: Result, look: Look, key: str) -> pa.Table:
    """The same, asked of the engine once while this page is looked at: a redraw waits for no worker."""
    seen: tuple[Look, pa.Table] | None = kept(key).get("window")
    if seen is None or seen[0] != look:
        seen = kept(key)["window"] = (look, window(assistant, sql, result, look))
    return seen[1]


def _extent(assistant: Assistant, sql: str, result: Result, look: Look, key: str) -> Extent:
    """The same, counted by the engine once for each filter."""
    known: dict[Look, Extent] = kept(key).setdefault("extent", {})
    asked = replace(look, page=0, order=None, descending=False)
    if asked not in known:
        known[asked] = extent_of(assistant, sql, result, asked)
    return known[asked]


def _look(key: str) -> Look:
    look: Look = kept(key).get("look", Look())
    return look


def _filter(result: Result, key: str) -> None:
    """What the rows must contain."""
    names = make_unique_names([column.name for column in result.columns])

    def changed() -> None:
        look = _look(key)
        column = st.session_state[f"filter-column-{key}"]
        contains = st.session_state[f"filter-text-{key}"].strip()
        column = column if contains else None
        kept(key)["look"] = replace(look, column=column, contains=contains, page=0)

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Filter column",
            range(len(names)),
            format_func=lambda i: names[i],
            key=f"filter-column-{key}",
            on_change=changed,
            width=200,
            label_visibility="collapsed",
        )
        st.text_input(
            "Rows that contain",
            key=f"filter-text-{key}",
            on_change=changed,
            placeholder="Filter: contains …",
            width=240,
            label_visibility="collapsed",
        )


def _sort(key: str) -> None:
    """A click on a head: ascending, then descending, then as it came."""
    position = st.session_state[f"grid-{key}"].sort
    look = _look(key)
    if position is None:
        return
    if look.order != position:
        look = replace(look, order=position, descending=False, page=0)
    elif not look.descending:
        look = replace(look, descending=True, page=0)
    else:
        look = replace(look, order=None, descending=False, page=0)
    kept(key)["look"] = look


def _pager(extent: Extent, look: Look, key: str) -> None:
    rows = extent.rows
    pages = max(1, -(-rows // PAGE))
    first = look.page * PAGE + 1
    last = min(rows, first + PAGE - 1)
    among = f"{'' if extent.complete else 'the first '}{rows:,}"

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, to, name in (("First", 0, "first"), ("Previous", look.page - 1, "previous")):
            _turner(label, f"{name}-{key}", replace(look, page=to), key, disabled=look.page == 0)
        st.caption(f"Rows {first:,}–{last:,} of {among}" if rows else "No rows")
        for label, to, name in (("Next", look.page + 1, "next"), ("Last", pages - 1, "last")):
            _turner(label, f"{name}-{key}", replace(look, page=to), key, disabled=look.page >= pages - 1)


def _turner(label: str, name: str, to: Look, key: str, *, disabled: bool = False) -> None:
    """A button that has the rows looked at so."""

    def turn() -> None:
        kept(key)["look"] = to

    st.button(label, key=name, on_click=turn, disabled=disabled, type="tertiary")

"""The rows of an answer, a page at a time: sorted and filtered by the engine, never in the browser.

The first page comes from the rows that the answer already has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import streamlit as st

from nl2sql import Assistant, NL2SQLError, Result, text_of
from ui.grid import grid
from ui.plain import plain

PAGE: Final = 100
FEW: Final = 20
CELL_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class _Look:
    """How the rows are looked at: which page, sorted by which column, which column contains what."""

    page: int = 0
    order: int | None = None
    descending: bool = False
    column: int | None = None
    contains: str = ""


def show_rows(assistant: Assistant, sql: str, result: Result, key: str) -> None:
    """The table with its controls. `sql` is what gave the result."""
    look = _look(key)
    plain_look = look == _Look(page=look.page)
    has_more = result.truncated or result.row_count > PAGE
    if result.row_count > FEW or result.truncated or not plain_look:
        _filter(result, key)
        look = _look(key)
    try:
        shown = _window(assistant, sql, result, look)
        total = _total(assistant, sql, result, look, key) if has_more or look.contains else result.row_count
    except NL2SQLError as exc:
        st.error(plain(f"{exc.message} {exc.hint}", 600))
        return
    draw(result, shown, key=key, look=look, on_sort=lambda: _sort(key))
    if total > PAGE or look.page:
        _pager(total, look, key)
    else:
        st.caption(f"{total:,} row{'' if total == 1 else 's'}")


def draw(
    result: Result, shown: pa.Table, *, key: str, look: _Look | None = None, on_sort: Callable[[], None] | None = None
) -> None:
    """The table of these rows."""
    look = look or _Look()
    columns: list[dict[str, Any]] = []
    for position, (column, values) in enumerate(zip(result.columns, shown.columns, strict=True)):
        arrow = "descending" if look.descending else "ascending"
        columns.append(
            {
                "name": column.name,
                "number": _is_number(values.type),
                "sorted": arrow if look.order == position else None,
            }
        )
    count = f"{shown.num_rows:,} rows" if shown.num_rows != 1 else "1 row"
    grid(columns, _cells(shown), key=f"grid-{key}", caption=f"Rows of the answer: {count}", on_sort=on_sort)


def _cells(shown: pa.Table) -> Sequence[Sequence[str | None]]:
    rows = Result((), shown).rows
    return [[None if value is None else text_of(value)[:CELL_CHARS] for value in row] for row in rows]


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _window(assistant: Assistant, sql: str, result: Result, look: _Look) -> pa.Table:
    """The rows of this page: those at hand, or from the engine."""
    start = look.page * PAGE
    as_answered = look == _Look(page=look.page)
    if as_answered and (start + PAGE <= result.row_count or not result.truncated):
        return result.table.slice(start, PAGE)
    order = None if look.order is None else result.columns[look.order].name
    page = assistant.page(
        sql,
        offset=start,
        limit=PAGE,
        order_by=order,
        descending=look.descending,
        contains=_contains(result, look),
    )
    return page.table


def _total(assistant: Assistant, sql: str, result: Result, look: _Look, key: str) -> int:
    """How many rows there are in all, counted by the engine once for each filter."""
    if not result.truncated and not look.contains:
        return result.row_count
    place = f"count-{key}"
    known: dict[tuple[int | None, str], int] = st.session_state.setdefault(place, {})
    asked = (look.column, look.contains)
    if asked not in known:
        known[asked] = assistant.count(sql, contains=_contains(result, look))
    return known[asked]


def _contains(result: Result, look: _Look) -> dict[str, str] | None:
    if look.column is None or not look.contains:
        return None
    return {result.columns[look.column].name: look.contains}


def _look(key: str) -> _Look:
    look: _Look = st.session_state.get(f"look-{key}", _Look())
    return look


def _filter(result: Result, key: str) -> None:
    """What the rows must contain."""
    names = [column.name for column in result.columns]

    def changed() -> None:
        look = _look(key)
        column = st.session_state[f"filter-column-{key}"]
        contains = st.session_state[f"filter-text-{key}"].strip()
        column = column if contains else None
        st.session_state[f"look-{key}"] = replace(look, column=column, contains=contains, page=0)

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
    st.session_state[f"look-{key}"] = look


def _pager(total: int, look: _Look, key: str) -> None:
    pages = max(1, -(-total // PAGE))
    first = look.page * PAGE + 1
    last = min(total, first + PAGE - 1)

    def turn(to: int) -> None:
        st.session_state[f"look-{key}"] = replace(_look(key), page=to)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, to, name in (("First", 0, "first"), ("Previous", look.page - 1, "previous")):
            st.button(label, key=f"{name}-{key}", on_click=turn, args=(to,), disabled=look.page == 0, type="tertiary")
        st.caption(f"Rows {first:,}–{last:,} of {total:,}" if total else "No rows")
        for label, to, name in (("Next", look.page + 1, "next"), ("Last", pages - 1, "last")):
            at_end = look.page >= pages - 1
            st.button(label, key=f"{name}-{key}", on_click=turn, args=(to,), disabled=at_end, type="tertiary")

"""The rows of an answer, a page at a time: sorted, filtered and added up by the engine, never in the browser.

A complete answer gives its own rows; where it was cut, all pages come from one run that the engine caches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeGuard

import pyarrow as pa
import streamlit as st

from nl2sql import (
    Assistant,
    ColumnFormat,
    DatabaseError,
    FilterColumn,
    NL2SQLError,
    Result,
    RowFilter,
    list_filter_columns,
    make_unique_names,
    match_value,
    read_filter,
    text_of,
)
from ui.answer_state import get_answer_state
from ui.error_text import show_error
from ui.grid import draw_grid
from ui.markdown_escape import escape_markdown, show_renamed_columns
from ui.page_figures import FIGURES, MAX_CELL_CHARS, PageCells, compute_figures, make_cells
from ui.table_view import (
    PAGE_ROWS,
    Extent,
    TableView,
    describe_missing_rows,
    get_table_view,
    measure_extent,
    read_window,
)

PAGE_SIZES_ROWS: Final = (25, 50, PAGE_ROWS, 250)
FEW_ROWS: Final = 20
_MAX_FILTERS: Final = 12
_MAX_CELL_CHARS: Final = 100_000
_MAX_FILTER_CHARS: Final = 1000
_HELP: Final = (
    'zzz: rows that contain this text, in any case; put it in quotes to search for signs such as ">"',
    "> 100, <= 5, 10..20: numbers; a share as it is shown: > 5%",
    "2025, 2025-03, >= 2025-01-15, 2025-01..2025-06: days of a year, a month or a range",
    "= Berlin | Hamburg, != web: one of several values, or any but one",
    "NULL, not NULL: rows without a value, or with one",
    "revenue > 100: begin with the name of a column, or choose one on the left",
)
_ALL_COLUMNS: Final = -1
RunSQL = Callable[[str], None]


def show_rows(assistant: Assistant, sql: str, result: Result, key: str, run: RunSQL | None = None) -> None:
    """Show the table with its controls. `sql` gave the result; `run` runs other SQL as a branch of the answer."""
    if (behind := get_answer_state(key).pop("behind", None)) and run is not None:
        st.toast("The rows behind it are below, with their SQL.")
        run(behind)
    look, formats = get_table_view(key), read_formats(assistant, sql, result, key)
    filters = list_filter_columns(result.columns, name_columns(result), formats)
    always_filters = result.row_count > FEW_ROWS or result.truncated or bool(look.filters)
    if always_filters or get_answer_state(key).get("filtering"):
        _show_filter_box(filters, key)
    try:
        extent = _measure_extent_once(assistant, sql, result, look, key)
        shown = _read_window_once(assistant, sql, result, look, key)
        figures = compute_figures(assistant, sql, result, formats, get_answer_state(key), look)
        drawn = make_cells(figures, shown, name_columns(result), formats)
    except NL2SQLError as exc:
        _show_first_rows(result, formats, exc, key)
        return
    draw_grid(
        _make_columns(result, drawn, look, filters),
        drawn.cells,
        key=f"grid-{key}",
        caption=f"Rows of the answer: {write_row_count(shown.num_rows)}",
        on_act=lambda: _handle_click(assistant, sql, result, filters, extent, key),
        total=drawn.total,
        pager=_make_pager(extent, look, _describe_row_count(assistant, sql, result, key) if look.filters else ""),
        figures=[{"id": one, "label": label, "on": one in look.figures} for one, label in figures.options],
        filters=not always_filters,
        chips=[one.label for one in look.filters],
        nothing=_explain_no_rows(look) if look.filters and not extent.rows else "",
        cut=MAX_CELL_CHARS,
        behind=run is not None and _has_rows_behind(assistant, sql, result, key),
        whole=get_answer_state(key).get("whole"),
    )
    notes = [*drawn.notes]
    if not extent.is_complete:
        notes.append(describe_missing_rows(extent))
    if not look.is_plain and _has_other_rows(assistant, sql, result, key):
        notes.append("The query ran again for this, and its rows differ from those of the answer.")
    _show_notes(notes, result)


def _show_notes(notes: Sequence[str], result: Result) -> None:
    for note in notes:
        st.caption(note)
    show_renamed_columns(result)


def _show_first_rows(result: Result, formats: Sequence[ColumnFormat], error: NL2SQLError, key: str) -> None:
    """Show the first rows of the answer, and why this view has no rows."""
    draw_rows(result, result.table.slice(0, PAGE_ROWS), formats, key=key)
    st.caption(f"The first {min(PAGE_ROWS, result.row_count):,} rows of the answer")
    show_error(error)
    if get_table_view(key) != TableView():
        _show_page_button("Back to the rows of the answer", f"reset-{key}", TableView(), key)


def write_row_count(rows: int) -> str:
    """Return the number of rows in words."""
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def name_columns(result: Result) -> list[str]:
    """Return the column names of the page, each unique."""
    return make_unique_names([column.name for column in result.columns])


def read_formats(assistant: Assistant, sql: str, result: Result, key: str) -> tuple[ColumnFormat, ...]:
    """Return how each column is written, decided once by the rows of the answer."""
    known: tuple[Result, tuple[ColumnFormat, ...]] | None = get_answer_state(key).get("formats")
    if known is None or known[0] is not result:
        known = get_answer_state(key)["formats"] = (result, assistant.database.choose_column_formats(result, sql))
    return known[1]


def draw_rows(result: Result, shown: pa.Table, formats: Sequence[ColumnFormat], *, key: str) -> None:
    """Show these rows as a table, with the exact values in tooltips."""
    drawn = make_cells(None, shown, name_columns(result), formats)
    caption = f"Rows of the answer: {write_row_count(shown.num_rows)}"
    draw_grid(_make_columns(result, drawn, TableView(), ()), drawn.cells, key=f"grid-{key}", caption=caption)


def _make_columns(
    result: Result, drawn: PageCells, look: TableView, filters: Sequence[FilterColumn]
) -> list[dict[str, Any]]:
    arrow = "descending" if look.is_descending else "ascending"
    own: list[dict[str, Any]] = [
        {
            "name": name,
            "number": is_number(kind),
            "sorted": arrow if look.order_column == at else None,
            "only": at < len(filters) and _can_match(filters[at]),
        }
        for at, (name, kind) in enumerate(zip(name_columns(result), result.table.schema.types, strict=True))
    ]
    return [*own, *({"name": name, "number": True, "made": how} for name, how in drawn.added_columns)]


def is_number(kind: pa.DataType) -> bool:
    """Return whether values of the type are numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _can_match(column: FilterColumn) -> bool:
    is_day = column.is_day and column.type != "TIMESTAMP_NS"
    return column.is_number or is_day or column.is_text or column.type in ("BOOLEAN", "TIME")


def _read_window_once(assistant: Assistant, sql: str, result: Result, look: TableView, key: str) -> pa.Table:
    """Return the rows of this page, read from the engine once while the view stays the same."""
    look = replace(look, figures=frozenset())
    seen: tuple[TableView, pa.Table] | None = get_answer_state(key).get("window")
    if seen is None or seen[0] != look:
        seen = get_answer_state(key)["window"] = (look, read_window(assistant, sql, result, look))
    return seen[1]


def _measure_extent_once(assistant: Assistant, sql: str, result: Result, look: TableView, key: str) -> Extent:
    """Return how many rows there are, counted once for each filter."""
    known: dict[TableView, Extent] = get_answer_state(key).setdefault("extent", {})
    asked = TableView(filters=look.filters)
    if asked not in known:
        known[asked] = measure_extent(assistant, sql, result, asked)
    return known[asked]


def _has_other_rows(assistant: Assistant, sql: str, result: Result, key: str) -> bool:
    """Return whether the cached run has other rows than the answer, which had them all."""
    known: bool | None = get_answer_state(key).get("gives_others")
    if known is None:
        known = False
        if not result.truncated and not result.cut_cells:
            try:
                again = assistant.database.fetch_page(sql, limit=result.row_count + 1)
            except NL2SQLError:
                return False
            known = Counter(map(_make_row_key, again.rows)) != Counter(map(_make_row_key, result.rows))
        get_answer_state(key)["gives_others"] = known
    return known


def _make_row_key(row: Sequence[Any]) -> str:
    """Return the row as text; floats lose their last digits, which depend on the order of summation."""
    return repr([f"{value:.9g}" if isinstance(value, float) else value for value in row])


def _has_rows_behind(assistant: Assistant, sql: str, result: Result, key: str) -> bool:
    """Return whether the rows behind a value can be found, decided once."""
    known: bool | None = get_answer_state(key).get("has_behind")
    if known is None:
        row = [None] * len(result.columns)
        try:
            known = not result.cut_cells and assistant.database.write_rows_behind(sql, result, row, 0) is not None
        except DatabaseError:
            known = False
        get_answer_state(key)["has_behind"] = known
    return known


def _show_filter_box(columns: Sequence[FilterColumn], key: str) -> None:
    """Show the field for a filter."""
    box, chosen = f"filter-text-{key}", f"filter-column-{key}"

    def apply_filter() -> None:
        get_answer_state(key).pop("filter_error", None)
        text = str(st.session_state[box]).strip()[:_MAX_FILTER_CHARS]
        if not text:
            return
        try:
            at = st.session_state[chosen]
            added = read_filter(text, columns, None if at == _ALL_COLUMNS else at)
        except NL2SQLError as exc:
            get_answer_state(key)["filter_error"] = exc
            return
        _add_filter(added, key)
        st.session_state[box] = ""

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Filter column",
            [_ALL_COLUMNS, *(column.position for column in columns)],
            format_func=lambda at: "All columns" if at == _ALL_COLUMNS else columns[at].name,
            key=chosen,
            width=170,
            label_visibility="collapsed",
        )
        st.text_input(
            "Rows that contain",
            key=box,
            on_change=apply_filter,
            placeholder="Filter: text, > 100, 10..20, = a | b, NULL",
            width=340,
            label_visibility="collapsed",
        )
        with st.popover("How to filter", type="tertiary"):
            for line in _HELP:
                st.text(line)
    if error := get_answer_state(key).get("filter_error"):
        show_error(error)


def _add_filter(added: RowFilter, key: str) -> None:
    look = get_table_view(key)
    if added in look.filters:
        return
    filters = (*look.filters, added)[-_MAX_FILTERS:]
    get_answer_state(key)["look"] = replace(look, filters=filters, page=0)
    get_answer_state(key)["filtering"] = True


def _explain_no_rows(look: TableView) -> str:
    """Return which filters leave no row."""
    labels = " and ".join(one.label for one in look.filters)
    found = labels.removeprefix("Any column contains ")
    return f"Nothing contains {found}" if len(look.filters) == 1 and found != labels else f"No row: {labels}"


def _describe_row_count(assistant: Assistant, sql: str, result: Result, key: str) -> str:
    """Return the number of rows without a filter, in words."""
    if not result.truncated:
        return f"{result.row_count:,}"
    extent = _measure_extent_once(assistant, sql, result, TableView(), key)
    return f"{'' if extent.is_complete else 'the first '}{extent.rows:,}"


def _make_pager(extent: Extent, look: TableView, whole: str) -> dict[str, Any]:
    """Return the state of the pager; `whole` says how many rows there are without a filter."""
    rows = extent.rows
    first, last = look.page * look.page_rows + 1, min(rows, (look.page + 1) * look.page_rows)
    among = f"{'' if extent.is_complete else 'the first '}{rows:,}"
    text = f"Rows {first:,}–{last:,} of {among}" if rows > look.page_rows or look.page else write_row_count(rows)
    if whole:
        text += f", filtered from {whole}; chart and sentence are about all rows"
    pages = max(1, -(-rows // look.page_rows))
    pager = {"page": look.page, "pages": pages, "size": look.page_rows, "sizes": PAGE_SIZES_ROWS, "rows": rows}
    return {**pager, "text": text, "start": first}


def _handle_click(
    assistant: Assistant, sql: str, result: Result, columns: Sequence[FilterColumn], extent: Extent, key: str
) -> None:
    """Handle a click in the table; positions that it does not have are ignored."""
    asked = st.session_state[f"grid-{key}"].act
    if not isinstance(asked, dict):
        return
    look, do = get_table_view(key), asked.get("do")
    column, row = asked.get("column"), asked.get("row")
    if do == "sort" and _is_position(column, len(columns)):
        get_answer_state(key)["look"] = _cycle_sort(look, column)
    elif do == "page" and _is_position(asked.get("page"), max(1, -(-extent.rows // look.page_rows))):
        get_answer_state(key)["look"] = replace(look, page=asked["page"])
    elif do == "size" and asked.get("size") in PAGE_SIZES_ROWS:
        get_answer_state(key)["look"] = replace(
            look, page_rows=asked["size"], page=look.page * look.page_rows // asked["size"]
        )
    elif do == "figure" and asked.get("id") in FIGURES:
        get_answer_state(key)["look"] = replace(look, figures=look.figures ^ {asked["id"]})
    elif do == "drop" and _is_position(asked.get("at"), len(look.filters)):
        left = look.filters[: asked["at"]] + look.filters[asked["at"] + 1 :]
        get_answer_state(key)["look"] = replace(look, filters=left, page=0)
    elif do == "clear":
        get_answer_state(key)["look"] = replace(look, filters=(), page=0)
    elif do == "filter":
        get_answer_state(key)["filtering"] = not get_answer_state(key).get("filtering")
    elif do in ("only", "without", "behind", "whole"):
        seen: tuple[TableView, pa.Table] | None = get_answer_state(key).get("window")
        if seen is None or not _is_position(row, seen[1].num_rows) or not _is_position(column, len(columns)):
            return
        values = Result((), seen[1].slice(row, 1)).rows[0]
        if do == "behind":
            _ask_rows_behind(assistant, sql, result, values, column, key)
        else:
            _use_value(do, values[column], columns[column], key)


def _use_value(do: str, value: Any, column: FilterColumn, key: str) -> None:
    """Show the whole value, or filter by it: `do` is `whole`, `only` or `without`."""
    if do == "whole":
        number = (get_answer_state(key).get("whole") or {"number": 0})["number"] + 1
        text = text_of(value)[:_MAX_CELL_CHARS]
        get_answer_state(key)["whole"] = {"title": column.name, "text": text, "number": number}
    elif matched := match_value(value, column):
        _add_filter(matched if do == "only" else matched.negate(), key)
    else:
        st.toast("Rows cannot be filtered by this value.")


def _ask_rows_behind(
    assistant: Assistant, sql: str, result: Result, values: Sequence[Any], column: int, key: str
) -> None:
    try:
        behind = assistant.database.write_rows_behind(sql, result, values, column)
        get_answer_state(key)["behind"] = (
            assistant.database.format_sql(assistant.database.check_or_raise(behind).sql) if behind else None
        )
    except NL2SQLError as exc:
        behind = None
        st.toast(escape_markdown(exc.message))
    if behind is None:
        st.toast("The rows behind this value cannot be found.")


def _is_position(at: Any, length: int) -> TypeGuard[int]:
    return type(at) is int and 0 <= at < length


def _cycle_sort(look: TableView, position: int) -> TableView:
    """Return the view after a click on a column head: ascending, then descending, then unsorted."""
    if look.order_column != position:
        return replace(look, order_column=position, is_descending=False, page=0)
    if not look.is_descending:
        return replace(look, is_descending=True, page=0)
    return replace(look, order_column=None, is_descending=False, page=0)


def _show_page_button(label: str, name: str, to: TableView, key: str) -> None:
    """Show a button that switches to that view."""

    def set_table_view() -> None:
        get_answer_state(key)["look"] = to
        get_answer_state(key).pop("filter_error", None)

    st.button(label, key=name, on_click=set_table_view, type="tertiary")

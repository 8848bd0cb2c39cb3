"""Downloads: the rows as a file, made when it is asked for, and the chart as an image.

Formulas in CSV and Excel are made harmless by the export; the chart's spec has been checked.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from nl2sql import (
    Answer,
    Assistant,
    LimitError,
    Limits,
    Result,
    ResultColumn,
    dress_spec,
    export,
    find_notation,
    render_answer,
)
from ui.answer_state import get_answer_state
from ui.chart_view import find_theme
from ui.page_server import describe_database
from ui.table_view import Extent, TableView, get_table_view

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FILE_BYTES: Final = 256_000_000
_FORMS: Final = {"CSV": "csv", "Excel": "xlsx", "Parquet": "parquet", "JSON": "json"}
_MIME_TYPES: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "html": "text/html",
    "png": "image/png",
    "svg": "image/svg+xml",
}
# Delimiter and decimal sign, by what a person calls them.
_CSV_SIGNS: Final = {
    "Comma, decimals as 1.5": (",", "."),
    "Semicolon, decimals as 1,5": (";", ","),
    "Semicolon, decimals as 1.5": (";", "."),
    "Tab, decimals as 1.5": ("tab", "."),
    "Tab, decimals as 1,5": ("tab", ","),
}
_BOX_WIDTH_PX: Final = 300
_SCALE_RATIO: Final = 2.0
_WIDTH_PX: Final = 800
_MAX_NAME_CHARS: Final = 60
_MAX_NAME_BYTES: Final = 180
_AS_SHOWN: Final = "As shown"
_EVERY: Final = "Every row"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """The rows to write: those of `look`, else every row; and what the file says about them."""

    sql: str
    result: Result | None = None
    look: TableView | None = None
    title: str = ""
    notes: Mapping[str, str] | None = None
    csv_signs: tuple[str, str] = (",", ".")


def show_downloads(assistant: Assistant, answer: Answer, spec: Mapping[str, Any] | None, key: str) -> None:
    """Show the popover with a button for each format; files are made when they are asked for."""
    box = st.popover("Download", icon=":material/download:", type="tertiary", key=f"download-{key}", on_change="rerun")
    if not box.open:
        return
    with box:
        look, title = get_table_view(key), get_answer_state(key).get("title", answer.question)
        shown = not look.is_plain and _choose_rows(key) == _AS_SHOWN
        _show_row_downloads(assistant, answer, look if shown else None, key)
        st.caption("The whole answer: sentence, chart, rows and SQL")
        notes = get_answer_state(key).get("notes", ())
        html = partial(write_html, assistant, answer, spec, title, notes)
        _show_button("HTML page", answer.question, "html", html, key)
        if spec is not None:
            st.caption("The chart")
            with st.container(horizontal=True, gap="small"):
                for label, form in (("PNG", "png"), ("SVG", "svg")):
                    picture = partial(draw_picture, assistant, spec, form, find_theme(), title)
                    _show_button(label, answer.question, form, picture, key)
        which = "Sorted and filtered as on screen." if shown else "Every row, not only those shown."
        if shown and _is_missing_rows(look, key):
            which = "Sorted and filtered as on screen, but only the first rows, which are kept. The query has more."
        st.caption(f"{which} Up to 256 MB. In Excel, the sheet Notes lists what did not fit.", width=_BOX_WIDTH_PX)


def _choose_rows(key: str) -> str:
    return st.segmented_control(
        "Rows", [_AS_SHOWN, _EVERY], default=_AS_SHOWN, required=True, key=f"download-rows-{key}"
    )


def _show_row_downloads(assistant: Assistant, answer: Answer, look: TableView | None, key: str) -> None:
    """Show a button for each format of rows, and the choice of signs for CSV."""
    comma = find_notation(assistant.config.display.locale).decimal == ","
    buttons = st.container(horizontal=True, gap="small")
    signs = st.selectbox(
        "CSV between values", list(_CSV_SIGNS), index=int(comma), key=f"csv-signs-{key}", width=_BOX_WIDTH_PX
    )
    notes = _describe_export(assistant, answer, look, key)
    wanted = ExportRequest(answer.sql or "", answer.result, look, answer.question, notes, _CSV_SIGNS[signs])
    with buttons:
        for label, form in _FORMS.items():
            _show_button(label, answer.question, form, partial(write_file, assistant, wanted, form), key)


def _show_button(label: str, question: str, form: str, make: Callable[[], bytes], key: str) -> None:
    st.download_button(
        label,
        make,
        file_name=name_file(question, form),
        mime=_MIME_TYPES[form],
        on_click="ignore",
        key=f"{form}-{key}",
    )


def name_file(question: str, form: str, today: dt.date | None = None) -> str:
    """Return a file name of the question and the day."""
    words = re.sub(r"[^\w]+", "-", question.casefold().replace("_", "-")).strip("-")
    if len(words) > _MAX_NAME_CHARS:
        words = words[: _MAX_NAME_CHARS + 1].rpartition("-")[0] or words[:_MAX_NAME_CHARS]
    words = words.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip("-")
    return f"{words or 'answer'}_{today or dt.date.today()}.{form}"


def write_file(assistant: Assistant, request: ExportRequest, form: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the rows as a file, within the limits on time and memory.

    Raises:
        LimitError: the file would be incomplete.
    """
    out = io.BytesIO()
    with _open_rows(assistant, request, max_bytes) as (columns, batches):
        export(
            form,
            columns,
            batches,
            out,
            delimiter=request.csv_signs[0],
            decimal=request.csv_signs[1],
            sql=request.sql,
            title=request.title,
            about=request.notes,
        )
    return out.getvalue()


def write_html(
    assistant: Assistant, answer: Answer, spec: Mapping[str, Any] | None, title: str, notes: Sequence[str] = ()
) -> bytes:
    """Return the answer as one self-contained HTML page."""
    sql = answer.sql or ""
    page = render_answer(
        answer,
        assistant.database.choose_column_formats(answer.result, sql) if answer.result is not None else (),
        database=describe_database(assistant),
        made_at=dt.datetime.now(),
        sql=assistant.database.format_sql(sql) if sql else None,
        svg=draw_picture(assistant, spec, "svg", "light", title).decode() if spec is not None else None,
        notes=notes,
    )
    return page.encode()


@contextlib.contextmanager
def _open_rows(
    assistant: Assistant, request: ExportRequest, max_bytes: int
) -> Iterator[tuple[Sequence[ResultColumn], Iterator[pa.RecordBatch] | Sequence[pa.RecordBatch]]]:
    """Yield the columns and the rows: of the answer, else of the cached run, else of a new run.

    Raises:
        LimitError: rows or parts of cells are missing.
    """
    limits = replace(assistant.config.limits, rows=None, result_bytes=max_bytes, cell_bytes=max_bytes)
    result, sql = request.result, request.sql
    if request.look is None and result is not None and not result.truncated and not result.cut_cells:
        yield result.columns, result.table.to_batches()
    elif request.look is not None or (result is not None and assistant.database.count_pageable_rows(sql).is_complete):
        found = _read_cached_rows(assistant, sql, request.look or TableView(), limits)
        _reject_cut_rows(found.cut_cells > 0)
        yield found.columns, found.table.to_batches()
    else:
        with assistant.database.run_stream(sql, limits=limits) as rows:
            yield rows.columns, rows.read_batches()
            _reject_cut_rows(rows.truncated or rows.cut_cells > 0)


def _read_cached_rows(assistant: Assistant, sql: str, look: TableView, limits: Limits) -> Result:
    """Return all rows of this view at once, so that they are of one run."""
    count = assistant.database.count_pageable_rows(sql, criteria=look.criteria).rows
    return assistant.database.fetch_page(
        sql,
        limit=count,
        order_by=look.order_column,
        descending=look.is_descending,
        criteria=look.criteria,
        limits=limits,
    )


def _reject_cut_rows(is_cut: bool) -> None:
    if is_cut:
        raise LimitError(
            "the file would be incomplete: some rows or parts of cells do not fit",
            "Select fewer rows or columns.",
            limit="file",
        )


def _is_missing_rows(look: TableView, key: str) -> bool:
    """Return whether the query has rows that this view cannot reach."""
    extents: dict[TableView, Extent] = get_answer_state(key).get("extent", {})
    extent = extents.get(TableView(filters=look.filters))
    return extent is not None and not extent.is_complete


def _describe_export(assistant: Assistant, answer: Answer, look: TableView | None, key: str) -> dict[str, str]:
    """Return the facts for the Notes sheet, by name."""
    said = {"Question": answer.question, "Database": describe_database(assistant)}
    if look is not None and look.filters:
        said["Filters"] = "\n".join(one.label for one in look.filters)
    if look is not None and _is_missing_rows(look, key):
        said["Rows"] = "Only the first rows of the query, which are kept in memory. The query has more."
    said["Written"] = dt.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {**said, "SQL": assistant.database.format_sql(answer.sql or "")}


def draw_picture(assistant: Assistant, spec: Mapping[str, Any], form: str, theme: str, title: str) -> bytes:
    """Return the chart as a PNG or SVG with title, database and day; nothing is fetched."""
    import vl_convert

    dressed = dress_spec(
        spec,
        theme,
        locale=assistant.config.display.locale,
        title=title,
        footer=f"{describe_database(assistant)} · {dt.date.today()}",
        width=_WIDTH_PX,
    )
    if form == "png":
        return bytes(vl_convert.vegalite_to_png(dict(dressed), scale=_SCALE_RATIO, allowed_base_urls=[]))
    return str(vl_convert.vegalite_to_svg(dict(dressed), allowed_base_urls=[])).encode()

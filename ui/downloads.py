"""Downloads: the rows as a file, made when it is asked for, and the chart as a picture.

Formulas in CSV and Excel are made harmless by the export; the chart's spec has been checked.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping, Sequence
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
from ui.result_table import Extent, TableView, get_table_view

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FILE_BYTES: Final = 256_000_000
_FORMS: Final = {
    "CSV": ("csv", "text/csv"),
    "Excel": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "Parquet": ("parquet", "application/vnd.apache.parquet"),
    "JSON": ("json", "application/json"),
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
    """The rows of a file: those of this look, or every one; with what it says of them."""

    sql: str
    result: Result | None = None
    look: TableView | None = None
    title: str = ""
    notes: Mapping[str, str] | None = None
    csv_signs: tuple[str, str] = (",", ".")


def show_downloads(assistant: Assistant, answer: Answer, spec: Mapping[str, Any] | None, key: str) -> None:
    """A button for each format, behind one that opens them; they are made once it is open."""
    box = st.popover("Download", icon=":material/download:", type="tertiary", key=f"download-{key}", on_change="rerun")
    if not box.open:
        return
    with box:
        look, title = get_table_view(key), get_answer_state(key).get("title", answer.question)
        shown = False
        if not look.is_plain:
            rows = st.segmented_control(
                "Rows", [_AS_SHOWN, _EVERY], default=_AS_SHOWN, required=True, key=f"download-rows-{key}"
            )
            shown = rows == _AS_SHOWN
        comma = find_notation(assistant.config.display.locale).decimal == ","
        buttons = st.container(horizontal=True, gap="small")
        signs = st.selectbox(
            "CSV between values", list(_CSV_SIGNS), index=int(comma), key=f"csv-signs-{key}", width=_BOX_WIDTH_PX
        )
        wanted = ExportRequest(
            answer.sql or "",
            answer.result,
            look if shown else None,
            answer.question,
            _describe_export(assistant, answer, look if shown else None, key),
            _CSV_SIGNS[signs],
        )
        with buttons:
            for label, (form, mime) in _FORMS.items():
                st.download_button(
                    label,
                    partial(write_file, assistant, wanted, form),
                    file_name=name_file(answer.question, form),
                    mime=mime,
                    on_click="ignore",
                    key=f"{form}-{key}",
                )
        st.caption("The whole answer: sentence, chart, rows and SQL")
        st.download_button(
            "HTML page",
            partial(write_html, assistant, answer, spec, title, get_answer_state(key).get("notes", ())),
            file_name=name_file(answer.question, "html"),
            mime="text/html",
            on_click="ignore",
            key=f"html-{key}",
        )
        if spec is not None:
            st.caption("The chart")
            with st.container(horizontal=True, gap="small"):
                for label, form, mime in (("PNG", "png", "image/png"), ("SVG", "svg", "image/svg+xml")):
                    st.download_button(
                        label,
                        partial(draw_picture, assistant, spec, form, find_theme(), title),
                        file_name=name_file(answer.question, form),
                        mime=mime,
                        on_click="ignore",
                        key=f"{form}-{key}",
                    )
        which = "Sorted and filtered as on screen." if shown else "Every row, not only those shown."
        if shown and _is_missing_rows(look, key):
            which = "Sorted and filtered as on screen, but only the first rows, which are kept. The query has more."
        st.caption(f"{which} Up to 256 MB. In Excel, the sheet Notes lists what did not fit.", width=_BOX_WIDTH_PX)


def name_file(question: str, form: str, today: dt.date | None = None) -> str:
    """The file's name: what was asked, and the day; `answer` where nothing of the question can be in a name."""
    words = re.sub(r"[^\w]+", "-", question.casefold().replace("_", "-")).strip("-")
    if len(words) > _MAX_NAME_CHARS:
        words = words[: _MAX_NAME_CHARS + 1].rpartition("-")[0] or words[:_MAX_NAME_CHARS]
    words = words.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip("-")
    return f"{words or 'answer'}_{today or dt.date.today()}.{form}"


def write_file(assistant: Assistant, request: ExportRequest, form: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The rows as a file, within the limits on time and memory. LimitError where it would be cut."""
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
    """The answer as a page that stands alone, with the rows that it has, the chart, the SQL, and what else to know."""
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
    """The rows: those of the answer, else of the run that the page turns over, else of a new run. LimitError."""
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
    """All rows of the look at once, so that they are of one run."""
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
    """Whether the query has rows that this look cannot reach, as the table found when it was drawn."""
    extents: dict[TableView, Extent] = get_answer_state(key).get("extent", {})
    extent = extents.get(TableView(filters=look.filters))
    return extent is not None and not extent.is_complete


def _describe_export(assistant: Assistant, answer: Answer, look: TableView | None, key: str) -> dict[str, str]:
    """What a sheet of its own says of the rows."""
    said = {"Question": answer.question, "Database": describe_database(assistant)}
    if look is not None and look.filters:
        said["Filters"] = "\n".join(one.label for one in look.filters)
    if look is not None and _is_missing_rows(look, key):
        said["Rows"] = "Only the first rows of the query, which are kept in memory. The query has more."
    said["Written"] = dt.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {**said, "SQL": assistant.database.format_sql(answer.sql or "")}


def draw_picture(assistant: Assistant, spec: Mapping[str, Any], form: str, theme: str, title: str) -> bytes:
    """The chart as a picture with its title, the database and the day, drawn on this machine: nothing is fetched."""
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

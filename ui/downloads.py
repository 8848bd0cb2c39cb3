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
from ui.answer_state import kept
from ui.chart_view import find_theme
from ui.page_server import describe_database
from ui.result_table import Extent, Look, look_of

if TYPE_CHECKING:
    import pyarrow as pa

BYTES: Final = 256_000_000
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
_BOX_WIDTH: Final = 300
_SCALE: Final = 2.0
_WIDTH: Final = 800
_NAME_CHARS: Final = 60
_NAME_BYTES: Final = 180
_AS_SHOWN: Final = "As shown"
_EVERY: Final = "Every row"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows of a file: those of this look, or every one; with what it says of them."""

    sql: str
    result: Result | None = None
    look: Look | None = None
    title: str = ""
    about: Mapping[str, str] | None = None
    signs: tuple[str, str] = (",", ".")


def show_downloads(assistant: Assistant, answer: Answer, spec: Mapping[str, Any] | None, key: str) -> None:
    """A button for each format, behind one that opens them; they are made once it is open."""
    box = st.popover("Download", icon=":material/download:", type="tertiary", key=f"download-{key}", on_change="rerun")
    if not box.open:
        return
    with box:
        look, title = look_of(key), kept(key).get("title", answer.question)
        shown = False
        if not look.is_plain:
            rows = st.segmented_control(
                "Rows", [_AS_SHOWN, _EVERY], default=_AS_SHOWN, required=True, key=f"download-rows-{key}"
            )
            shown = rows == _AS_SHOWN
        comma = find_notation(assistant.config.display.locale).decimal == ","
        buttons = st.container(horizontal=True, gap="small")
        signs = st.selectbox(
            "CSV between values", list(_CSV_SIGNS), index=int(comma), key=f"csv-signs-{key}", width=_BOX_WIDTH
        )
        wanted = Wanted(
            answer.sql or "",
            answer.result,
            look if shown else None,
            answer.question,
            _say_about(assistant, answer, look if shown else None, key),
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
        st.caption("The answer with its sentence, chart, rows and SQL, as it was given")
        st.download_button(
            "HTML page",
            partial(html_file, assistant, answer, spec, title, kept(key).get("notes", ())),
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
        if shown and _lacks_rows(look, key):
            which = "Sorted and filtered as on screen: of the first rows, which the engine keeps. The query has more."
        st.caption(f"{which} Up to 256 MB. What Excel has no room for is on its sheet Notes.", width=_BOX_WIDTH)


def name_file(question: str, form: str, today: dt.date | None = None) -> str:
    """The file's name: what was asked, and the day; `answer` where nothing of the question can be in a name."""
    words = re.sub(r"[^\w]+", "-", question.casefold().replace("_", "-")).strip("-")
    if len(words) > _NAME_CHARS:
        words = words[: _NAME_CHARS + 1].rpartition("-")[0] or words[:_NAME_CHARS]
    words = words.encode()[:_NAME_BYTES].decode(errors="ignore").strip("-")
    return f"{words or 'answer'}_{today or dt.date.today()}.{form}"


def write_file(assistant: Assistant, wanted: Wanted, form: str, most: int = BYTES) -> bytes:
    """The rows as a file, within the limits on time and memory. LimitError where it would be cut."""
    out = io.BytesIO()
    with _open_rows(assistant, wanted, most) as (columns, batches):
        export(
            form,
            columns,
            batches,
            out,
            delimiter=wanted.signs[0],
            decimal=wanted.signs[1],
            sql=wanted.sql,
            title=wanted.title,
            about=wanted.about,
        )
    return out.getvalue()


def html_file(
    assistant: Assistant, answer: Answer, spec: Mapping[str, Any] | None, title: str, notes: Sequence[str] = ()
) -> bytes:
    """The answer as a page that stands alone, with the rows that it has, the chart, the SQL, and what else to know."""
    sql = answer.sql or ""
    page = render_answer(
        answer,
        assistant.formats(answer.result, sql) if answer.result is not None else (),
        database=describe_database(assistant),
        made_at=dt.datetime.now(),
        sql=assistant.formatted(sql) if sql else None,
        svg=draw_picture(assistant, spec, "svg", "light", title).decode() if spec is not None else None,
        notes=notes,
    )
    return page.encode()


@contextlib.contextmanager
def _open_rows(
    assistant: Assistant, wanted: Wanted, most: int
) -> Iterator[tuple[Sequence[ResultColumn], Iterator[pa.RecordBatch] | Sequence[pa.RecordBatch]]]:
    """The rows: those of the answer, else of the run that the page turns over, else of a new run. LimitError."""
    limits = replace(assistant.config.limits, rows=None, result_bytes=most, cell_bytes=most)
    result, sql = wanted.result, wanted.sql
    if wanted.look is None and result is not None and not result.truncated and not result.cut_cells:
        yield result.columns, result.table.to_batches()
    elif wanted.look is not None or (result is not None and assistant.kept(sql).complete):
        found = _read_kept(assistant, sql, wanted.look or Look(), limits)
        _refuse_cut(found.cut_cells > 0)
        yield found.columns, found.table.to_batches()
    else:
        with assistant.run_stream(sql, limits=limits) as rows:
            yield rows.columns, rows.batches()
            _refuse_cut(rows.truncated or rows.cut_cells > 0)


def _read_kept(assistant: Assistant, sql: str, look: Look, limits: Limits) -> Result:
    """All rows of the look at once, so that they are of one run."""
    count = assistant.kept(sql, criteria=look.criteria).rows
    return assistant.page(
        sql, limit=count, order_by=look.order, descending=look.descending, criteria=look.criteria, limits=limits
    )


def _refuse_cut(is_cut: bool) -> None:
    if is_cut:
        raise LimitError("the file would lack rows or parts of cells", "Select fewer rows or columns.", limit="file")


def _lacks_rows(look: Look, key: str) -> bool:
    """Whether the query has rows that this look cannot reach, as the table found when it was drawn."""
    extents: dict[Look, Extent] = kept(key).get("extent", {})
    extent = extents.get(Look(filters=look.filters))
    return extent is not None and not extent.complete


def _say_about(assistant: Assistant, answer: Answer, look: Look | None, key: str) -> dict[str, str]:
    """What a sheet of its own says of the rows."""
    said = {"Question": answer.question, "Database": describe_database(assistant)}
    if look is not None and look.filters:
        said["Filters"] = "\n".join(one.label for one in look.filters)
    if look is not None and _lacks_rows(look, key):
        said["Rows"] = "Of the first rows of the query, as many as the engine keeps: it has more."
    said["Written"] = dt.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {**said, "SQL": assistant.formatted(answer.sql or "")}


def draw_picture(assistant: Assistant, spec: Mapping[str, Any], form: str, theme: str, title: str) -> bytes:
    """The chart as a picture with its title, the database and the day, drawn on this machine: nothing is fetched."""
    import vl_convert

    dressed = dress_spec(
        spec,
        theme,
        locale=assistant.config.display.locale,
        title=title,
        footer=f"{describe_database(assistant)} · {dt.date.today()}",
        width=_WIDTH,
    )
    if form == "png":
        return bytes(vl_convert.vegalite_to_png(dict(dressed), scale=_SCALE, allowed_base_urls=[]))
    return str(vl_convert.vegalite_to_svg(dict(dressed), allowed_base_urls=[])).encode()

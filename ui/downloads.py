"""Downloads: the whole result as a file, made when it is asked for, and the chart as a picture.

Formulas in CSV and Excel are made harmless by the export; the chart's spec has been checked.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st

from nl2sql import Answer, Assistant, LimitError, dress_spec, export, find_notation
from ui.charts import find_theme
from ui.kept import kept

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
_SCALE: Final = 2.0
_WIDTH: Final = 800


def show_downloads(assistant: Assistant, answer: Answer, spec: Mapping[str, Any] | None, key: str) -> None:
    """A button for each format, behind one that opens them; they are made once it is open."""
    sql = answer.sql or ""
    box = st.popover("Download", icon=":material/download:", type="tertiary", key=f"download-{key}", on_change="rerun")
    if not box.open:
        return
    with box:
        st.caption(
            "Every row, not only those shown. A file fails where it would take more than 256 MB, or too long. "
            "In Excel a sheet Notes says what it has no room for, if there is such."
        )
        comma = find_notation(assistant.config.display.locale).decimal == ","
        signs = st.selectbox("CSV between values", list(_CSV_SIGNS), index=int(comma), key=f"csv-signs-{key}")
        for label, (form, mime) in _FORMS.items():
            st.download_button(
                label,
                partial(whole_file, assistant, sql, form, signs=_CSV_SIGNS[signs]),
                file_name=f"answer.{form}",
                mime=mime,
                on_click="ignore",
                key=f"{form}-{key}",
                width="stretch",
            )
        if spec is not None:
            st.caption("The chart")
            look = partial(
                dress_spec,
                spec,
                find_theme(),
                locale=assistant.config.display.locale,
                title=kept(key).get("title", answer.question),
                footer=f"{Path(assistant.url).stem} · {datetime.now():%Y-%m-%d}",
                width=_WIDTH,
            )
            for label, form, mime in (("PNG", "png", "image/png"), ("SVG", "svg", "image/svg+xml")):
                st.download_button(
                    label,
                    partial(picture, look, form),
                    file_name=f"chart.{form}",
                    mime=mime,
                    on_click="ignore",
                    key=f"{form}-{key}",
                    width="stretch",
                )


def whole_file(
    assistant: Assistant, sql: str, form: str, most: int = BYTES, *, signs: tuple[str, str] = (",", ".")
) -> bytes:
    """Every row of the query as a file, within the limits on time and memory. LimitError where it would be cut.

    `signs` are the delimiter and the decimal sign of csv.
    """
    limits = replace(assistant.config.limits, rows=None, result_bytes=most, cell_bytes=most)
    out = io.BytesIO()
    with assistant.run_stream(sql, limits=limits) as rows:
        export(form, rows.columns, rows.batches(), out, delimiter=signs[0], decimal=signs[1], sql=sql)
    if rows.truncated or rows.cut_cells:
        raise LimitError("the file would lack rows or parts of cells", "Select fewer rows or columns.", limit="file")
    return out.getvalue()


def picture(dress: Callable[[], Mapping[str, Any]], form: str) -> bytes:
    """The chart drawn on this machine: nothing is fetched for it. `dress` gives the spec with its look."""
    import vl_convert

    drawn = dict(dress())
    if form == "png":
        return bytes(vl_convert.vegalite_to_png(drawn, scale=_SCALE, allowed_base_urls=[]))
    return str(vl_convert.vegalite_to_svg(drawn, allowed_base_urls=[])).encode()

"""The chart of an answer: the one that was chosen, or the one the user chooses from those that fit.

Specs come from `nl2sql.chart` and pass `nl2sql.checked_spec`; nothing of a spec is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import streamlit as st

from nl2sql import ColumnFormat, Result, chart, charts, checked_spec, make_unique_names, text_of
from ui.plain import plain, say_renamed

_LABELS: Final = {"line": "Line", "bar": "Bars", "scatter": "Points", "none": "None"}
_METRIC_CHARS: Final = 24
# Without this the drawing's own menu offers to open it in an editor elsewhere on the web.
_NO_MENU: Final = {"embedOptions": {"actions": False}}


def show_chart(result: Result, key: str, alt: str) -> dict[str, Any] | None:
    """Draw the chart, and return its spec; None where there is none."""
    kinds = charts(result)
    if not kinds or is_metric(result):
        return None
    kind, x, y = _choice(result, kinds, key)
    if kind == "none":
        return None
    spec = chart(result, kind, x=x, y=y)
    if spec is None:
        return None
    shown = dict(checked_spec(spec, result))
    st.vega_lite_chart(
        spec={**shown, "usermeta": _NO_MENU},
        width="stretch",
        theme="streamlit",
        key=f"chart-{key}",
        alt=alt,
    )
    return shown


def _choice(result: Result, kinds: tuple[str, ...], key: str) -> tuple[str, int | None, int | None]:
    """The kind and the two columns, as the user has them."""
    names = [column.name for column in result.columns]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        kind = st.segmented_control(
            "Chart",
            [*kinds, "none"],
            default=kinds[0] if chart(result) is not None else "none",
            required=True,
            format_func=lambda one: _LABELS[one],
            key=f"kind-{key}",
            label_visibility="collapsed",
        )
        with st.popover("Axes", type="tertiary"):
            automatic = [None, *range(len(names))]
            shown = ["Chosen for you", *names]
            x = st.selectbox("Along", automatic, format_func=lambda i: shown[0 if i is None else i + 1], key=f"x-{key}")
            y = st.selectbox("Value", automatic, format_func=lambda i: shown[0 if i is None else i + 1], key=f"y-{key}")
    return str(kind or kinds[0]), x, y


def is_metric(result: Result) -> bool:
    """Whether the result is a number or a few, best shown large."""
    return charts(result) == ("metric",)


def show_metrics(result: Result, formats: Sequence[ColumnFormat]) -> None:
    """One number, or a few, large, written for reading; the number itself is in the help beside it where it differs."""
    names = make_unique_names([column.name for column in result.columns])
    with st.container(horizontal=True):
        for name, value, one in zip(names, result.rows[0], formats, strict=True):
            exact = text_of(value)
            is_same = value is None or one.show(value) == exact
            help_text = None if is_same else plain(exact, len(exact))
            st.metric(plain(name), metric_text(value, one), width="content", help=help_text)
    say_renamed(result)


def metric_text(value: Any, how: ColumnFormat) -> str:
    """The value as Markdown that says just this: a number as people read it, the beginning of a text."""
    shown = how.show(value)
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return plain(shown, len(shown) if is_number else _METRIC_CHARS)

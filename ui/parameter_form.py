"""The verified query of an answer: who approved it and when, and a form to run it with other parameters.

The values become typed literals, and the SQL with them runs as the user's own version does, under the same guard.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from nl2sql import Answer, NL2SQLError, Parameter, VerifiedQuery
from ui.answer_state import get_answer_state
from ui.error_text import show_error
from ui.markdown_escape import escape_markdown

_MAX_APPROVAL_CHARS: Final = 300
_MAX_TEXT_CHARS: Final = 10_000
_TRUTHS: Final = ("true", "false")


def show_approval(answer: Answer) -> None:
    """Show which verified query answered, and who verified it."""
    if answer.verified_query:
        approval = f", {answer.approval}" if answer.approval else ""
        label = escape_markdown(f"{answer.verified_query}{approval}", _MAX_APPROVAL_CHARS)
        st.caption(f":material/verified_user: **Verified query** {label}")


def show_parameters(answer: Answer, query: VerifiedQuery | None, key: str, run: Callable[[str], None]) -> None:
    """Show a form of the query's parameters, filled in with the values that ran.

    `run` gets the SQL with the values of the form.
    """
    if query is None or not query.parameters:
        return
    values = find_values(answer, query)
    with st.expander("Parameters", type="compact"), st.form(f"parameters-{key}", border=False):
        if not answer.steps:
            st.caption("The values of older answers are not stored: these are the defaults.")
        for one in query.parameters:
            _show_field(one, values[one.name], key)
        # A callback, as the page may stop drawing this for the next look before it comes to the button.
        st.form_submit_button(
            "Run with these values", icon=":material/play_arrow:", on_click=_run_form, args=(query, key, run)
        )
        if misfit := get_answer_state(key).get("misfit"):
            show_error(misfit)


def _run_form(query: VerifiedQuery, key: str, run: Callable[[str], None]) -> None:
    """Run the query with the values of the form, or keep the error to be shown."""
    try:
        sql = query.bind({one.name: one.parse_value(_read_field(one, key)) for one in query.parameters})
    except NL2SQLError as exc:
        get_answer_state(key)["misfit"] = exc
    else:
        get_answer_state(key)["misfit"] = None
        run(sql)


def find_values(answer: Answer, query: VerifiedQuery) -> Mapping[str, Any]:
    """Return the values that the query ran with: those of the model's call, else the defaults."""
    called = [step.arguments for step in answer.steps if step.ok and step.tool == query.name]
    given = called[-1] if called else {}
    return {one.name: given.get(one.name, one.default) for one in query.parameters}


def _make_field_key(parameter: Parameter, key: str) -> str:
    return f"parameter-{key}-{parameter.name}"


def _read_field(parameter: Parameter, key: str) -> str:
    """Return the text in the field of a parameter; empty where nothing is chosen."""
    written = st.session_state[_make_field_key(parameter, key)]
    if isinstance(written, dt.date):
        return written.isoformat()
    return "" if written is None else str(written)


def _show_field(parameter: Parameter, value: Any, key: str) -> None:
    """Show the field of a parameter, filled in."""
    label, about = escape_markdown(parameter.name), escape_markdown(parameter.description, _MAX_APPROVAL_CHARS) or None
    place = _make_field_key(parameter, key)
    if parameter.type == "boolean":
        shown = str(value).lower()
        index = _TRUTHS.index(shown) if shown in _TRUTHS else None
        st.selectbox(label, _TRUTHS, index=index, help=about, key=place)
    elif parameter.type == "date":
        day = dt.date.fromisoformat(str(value)) if value else None
        st.date_input(label, day, dt.date.min, dt.date.max, help=about, key=place, format="YYYY-MM-DD")
    else:
        # Figures are written as texts: the browser's own would be rounded.
        shown = "" if value is None else str(value)
        st.text_input(label, shown, help=about, key=place, max_chars=_MAX_TEXT_CHARS)

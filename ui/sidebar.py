"""The panel at the side: the data, and how questions are answered.

It draws; what is chosen here is read where a question is asked.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from ui.conversations import Conversation
from ui.data_panel import show_data
from ui.history import show_history
from ui.identity import user
from ui.plain import plain
from ui.server import Choice, Server
from ui.uploads import show_uploads

_GB: Final = 1_000_000_000
_LEAST_SECONDS: Final = 0.1


def show_sidebar(shared: Server, conversation: Conversation) -> None:
    """Draw the panel."""
    with st.sidebar:
        st.button("New conversation", icon=":material/add:", width="stretch", on_click=_new, type="primary")
        _panel(shared, conversation)


@st.fragment
def _panel(shared: Server, conversation: Conversation) -> None:
    """The tabs. The history is read once its tab is looked at."""
    data, history, settings = st.tabs(["Data", "History", "Settings"], key="panel", on_change="rerun")
    with data:
        show_uploads(shared, conversation)
        show_data(shared, conversation)
    with history:
        if history.open:
            show_history(shared.store, user(), conversation)
    with settings:
        _settings(shared)


def pinned_tables() -> list[str]:
    """The tables that questions are about, as chosen in the panel."""
    return list(st.session_state.get("pinned", []))


def reviews() -> bool:
    """Whether SQL is looked at before it runs."""
    return bool(st.session_state.get("review", False))


def chosen_settings(shared: Server) -> Choice:
    """The model and the time as chosen in the panel; whatever a browser says, no more than the settings allow."""
    config, model = shared.assistant.config, st.session_state.get("model")
    seconds = min(float(st.session_state.get("seconds", config.limits.seconds)), config.limits.seconds)
    return Choice(max(seconds, _LEAST_SECONDS), model if model in config.model.choices else None)


def _new() -> None:
    st.query_params.clear()
    st.session_state.pop("conversation", None)


def _settings(shared: Server) -> None:
    st.toggle("Review SQL before it runs", key="review", help="Each query waits until you have looked at it.")
    config = shared.assistant.config
    limits, model = config.limits, config.model
    name = model.name or ("local" if model.is_local else "the endpoint's")
    if others := [choice for choice in model.choices if choice != model.name]:
        st.selectbox("Model", [None, *others], format_func=lambda choice: choice or name, key="model")
    st.number_input("Seconds of one query", _LEAST_SECONDS, limits.seconds, limits.seconds, step=1.0, key="seconds")
    rows = "all" if limits.rows is None else f"{limits.rows:,}"
    facts = {
        "Database": shared.database,
        "Model": name,
        "Rows of one answer": rows,
        "Memory of one query": f"{limits.memory / _GB:g} GB",
        "Steps of one question": str(limits.steps),
        "Settings": config.file.name if config.file else "defaults (nl2sql init writes a file)",
    }
    if others:
        del facts["Model"]
    st.caption("  \n".join(f"**{name}:** {plain(value)}" for name, value in facts.items()))
    st.caption("What cannot be changed here is set by a flag of nl2sql ui, or in nl2sql\\.toml.")

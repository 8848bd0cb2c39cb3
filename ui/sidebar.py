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
from ui.server import Server
from ui.uploads import show_uploads

_GB: Final = 1_000_000_000


def show_sidebar(shared: Server, conversation: Conversation) -> None:
    """Draw the panel."""
    with st.sidebar:
        st.button("New conversation", icon=":material/add:", width="stretch", on_click=_new, type="primary")
        data, history, settings = st.tabs(["Data", "History", "Settings"])
        with data:
            show_uploads(shared, conversation)
            show_data(shared, conversation)
        with history:
            show_history(shared.store, user())
        with settings:
            _settings(shared)


def pinned_tables() -> list[str]:
    """The tables that questions are about, as chosen in the panel."""
    return list(st.session_state.get("pinned", []))


def reviews() -> bool:
    """Whether SQL is looked at before it runs."""
    return bool(st.session_state.get("review", False))


def _new() -> None:
    st.query_params.clear()
    st.session_state.pop("conversation", None)


def _settings(shared: Server) -> None:
    st.toggle("Review SQL before it runs", key="review", help="Each query waits until you have looked at it.")
    config = shared.assistant.config
    limits = config.limits
    rows = "all" if limits.rows is None else f"{limits.rows:,}"
    facts = {
        "Database": shared.database,
        "Model": config.model.name or ("local" if config.model.is_local else "the endpoint's"),
        "Rows shown": rows,
        "Time of one query": f"{limits.seconds:g} s",
        "Memory of one query": f"{limits.memory / _GB:g} GB",
        "Steps of one question": str(limits.steps),
        "Settings": config.file.name if config.file else "defaults (nl2sql init writes a file)",
    }
    st.caption("  \n".join(f"**{name}:** {plain(value)}" for name, value in facts.items()))
    st.caption("Change them with a flag of nl2sql ui, or in nl2sql\\.toml.")

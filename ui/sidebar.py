"""The sidebar: data, history and settings.

It draws; what is chosen here is read when a question is asked.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from ui.board import find_pinned_answers, open_board
from ui.data_panel import show_data
from ui.history_panel import show_history
from ui.identity import get_user
from ui.markdown_escape import escape_markdown
from ui.page_conversations import Conversation
from ui.page_server import Server
from ui.switches import show_switches
from ui.upload_panel import show_uploads

_GB_BYTES: Final = 1_000_000_000


def show_sidebar(shared: Server, conversation: Conversation) -> None:
    """Show the sidebar."""
    with st.sidebar:
        st.button(
            "New conversation", icon=":material/add:", width="stretch", on_click=_start_conversation, type="primary"
        )
        if count := len(find_pinned_answers(shared, get_user())):
            st.button(f"Board ({count})", icon=":material/dashboard:", key="to-board", on_click=open_board)
        _show_panel(shared, conversation)


@st.fragment
def _show_panel(shared: Server, conversation: Conversation) -> None:
    """Show the tabs; the history is read when its tab is opened."""
    data, history, settings = st.tabs(["Data", "History", "Settings"], key="panel", on_change="rerun")
    with data:
        show_uploads(shared, conversation)
        show_data(shared, conversation)
    with history:
        if history.open:
            show_history(shared, get_user(), conversation)
    with settings:
        _show_settings(shared)


def _start_conversation() -> None:
    st.query_params.clear()
    st.session_state.pop("conversation", None)


def _show_settings(shared: Server) -> None:
    chooses_model = show_switches(shared)
    config = shared.assistant.config
    limits, model = config.limits, config.model
    name = model.name or ("local" if model.is_local else "the default of the endpoint")
    rows = "all" if limits.rows is None else f"{limits.rows:,}"
    facts = {
        "Database": shared.database,
        "Model": name,
        "Rows per answer": rows,
        "Memory per query": f"{limits.memory / _GB_BYTES:g} GB",
        "Steps per question": str(limits.steps),
        "Settings": config.file.name if config.file else "defaults (nl2sql init writes a file)",
    }
    if chooses_model:
        del facts["Model"]
    st.caption("  \n".join(f"**{name}:** {escape_markdown(value)}" for name, value in facts.items()))
    st.caption("**Keys:** / question box · ↑ last question · @ tables · Esc stops · Ctrl\\+Enter runs the SQL")
    st.caption("Set everything else by flags of nl2sql ui, or in nl2sql\\.toml.")

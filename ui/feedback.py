"""What the user thinks of an answer: a thumb up or down, kept in the store.

It changes no answer.
"""

from __future__ import annotations

import streamlit as st

from nl2sql import NL2SQLError, Store
from ui.plain import plain


def show_thumbs(store: Store, owner: str | None, answer_id: str, key: str) -> None:
    """The two thumbs. They are given no answer: Streamlit keeps what a widget knows, and that would be its rows."""
    place = f"thumb-{key}"

    def rated() -> None:
        chosen = st.session_state[place]
        if chosen is None:
            return
        try:
            store.rate(answer_id, bool(chosen), user=owner)
        except NL2SQLError as exc:
            st.toast(plain(f"Not kept: {exc.message}. {exc.hint}", 300))

    st.feedback("thumbs", key=place, on_change=rated)

"""Feedback on an answer: a thumb up or down, and a comment on what is wrong, kept in the store.

It changes no answer. `nl2sql history -o json` has both.
"""

from __future__ import annotations

import streamlit as st

from nl2sql import NL2SQLError, Store, StoreError
from ui.markdown_escape import escape_markdown

_MAX_COMMENT_CHARS = 500
_WIDTH_PX = 320


def show_thumbs(store: Store, owner: str | None, answer_id: str, key: str) -> None:
    """Show the two thumbs as they were set, and the comment.

    No answer is passed in, since Streamlit would keep it in memory.
    """
    place, line = f"thumb-{key}", f"comment-{key}"
    try:
        rating = store.find_rating(answer_id, user=owner)
    except StoreError:
        # Nothing could be kept; the note at the input says why.
        return
    if place not in st.session_state and rating is not None:
        st.session_state[place] = int(rating.is_good)
    if line not in st.session_state:
        st.session_state[line] = rating.comment if rating is not None else ""

    def save_rating() -> None:
        chosen = st.session_state[place]
        if chosen is None or chosen == 1:
            st.session_state[line] = ""
        _save_feedback(
            store, owner, answer_id, None if chosen is None else bool(chosen), st.session_state.get(line, "")
        )

    def save_comment() -> None:
        _save_feedback(store, owner, answer_id, False, st.session_state[line])

    chosen = st.feedback("thumbs", key=place, on_change=save_rating)
    if chosen == 0:
        st.text_input(
            "What is wrong?",
            key=line,
            on_change=save_comment,
            placeholder="What is wrong? Press Enter to save it.",
            label_visibility="collapsed",
            max_chars=_MAX_COMMENT_CHARS,
            width=_WIDTH_PX,
        )


def _save_feedback(store: Store, owner: str | None, answer_id: str, good: bool | None, comment: str) -> None:
    try:
        store.rate(answer_id, good, comment=comment.strip(), user=owner)
    except NL2SQLError as exc:
        st.toast(escape_markdown(f"Not saved: {exc.message}. {exc.hint}", 300))
    else:
        if good or comment.strip():
            st.toast("Thank you. Saved with the answer.")

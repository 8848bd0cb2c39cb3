"""The state of each answer in a browser session: the view of its rows, its chart, its editor.

The state of answers that are collapsed is dropped; Streamlit would keep it, with all rows, as long as the session.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import streamlit as st

_PLACE: Final = "kept"


def get_answer_state(key: str) -> dict[str, Any]:
    """Return what the session keeps of this answer, by name; changes to it are kept."""
    answers: dict[str, dict[str, Any]] = st.session_state.setdefault(_PLACE, {})
    return answers.setdefault(key, {})


def drop_other_answer_states(keys: Collection[str]) -> None:
    """Forget what is kept of all answers but these."""
    answers = st.session_state.get(_PLACE, {})
    st.session_state[_PLACE] = {key: held for key, held in answers.items() if key in keys}

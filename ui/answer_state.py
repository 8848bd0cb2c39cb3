"""What a session of the page keeps of each answer that it shows: how its rows are looked at, its chart, its editor.

It goes with the answers that are put away: Streamlit itself would keep it, rows and all, as long as the session lasts.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import streamlit as st

_PLACE: Final = "kept"


def get_answer_state(key: str) -> dict[str, Any]:
    """What is kept of the answer of that key, by name."""
    answers: dict[str, dict[str, Any]] = st.session_state.setdefault(_PLACE, {})
    return answers.setdefault(key, {})


def drop_other_answer_states(keys: Collection[str]) -> None:
    """Let go of what is kept of all other answers."""
    answers = st.session_state.get(_PLACE, {})
    st.session_state[_PLACE] = {key: held for key, held in answers.items() if key in keys}

"""What went wrong, for a person: what happened, then what to do.

Texts of errors may quote the data, so they are shown as they are and never read as Markdown.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from nl2sql import NL2SQLError
from ui.plain import plain

_CHARS: Final = 600


def show_error(error: NL2SQLError) -> None:
    """What happened, and what to do."""
    if error.code == "cancelled":
        st.info(plain(error.message, _CHARS), icon=":material/stop_circle:")
    else:
        say_error(error.message, error.hint)


def say_error(message: str, hint: str, *, refused: bool = False) -> None:
    """The same of a message and a hint; `refused` where a rule said no, which is no failure."""
    say = st.warning if refused else st.error
    icon = ":material/shield:" if refused else ":material/error:"
    say(plain(message, _CHARS) + (f"  \n{plain(hint, _CHARS)}" if hint else ""), icon=icon)

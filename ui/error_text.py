"""Errors on the page: what happened, then what to do.

Texts of errors may quote the data, so they are escaped and never read as Markdown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final, ParamSpec

import streamlit as st

from nl2sql import BugError, GuardError, NL2SQLError
from ui.markdown_escape import escape_markdown

_MAX_MESSAGE_CHARS: Final = 600
_ENGLISH: Final = "a an the there only no this that it too nothing files verified several".split()
_Arguments = ParamSpec("_Arguments")


def show_errors_in_place(draw: Callable[_Arguments, None]) -> Callable[_Arguments, None]:
    """Decorate a function that draws a part of the page, so that the part shows its own errors."""

    @functools.wraps(draw)
    def draw_or_show_error(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        try:
            draw(*args, **kwargs)
        except NL2SQLError as exc:
            show_error(exc)

    return draw_or_show_error


def show_error(error: NL2SQLError) -> None:
    """Show what happened, and what to do."""
    if error.code == "cancelled":
        st.caption(f":material/stop_circle: {escape_markdown(error.message, _MAX_MESSAGE_CHARS)}")
    else:
        show_message(error.message, error.hint, is_refusal=isinstance(error, GuardError))


def show_bug(error: Exception) -> bool:
    """Show an unexpected error, and return True, so that Streamlit does not show it too."""
    if not isinstance(error, NL2SQLError):
        error = BugError("this is a bug in nl2sql", "The trace is in the terminal where nl2sql ui was started.")
    show_error(error)
    return True


def show_message(message: str, hint: str, *, is_refusal: bool = False) -> None:
    """Show a message and a hint; with `is_refusal` as a warning, since nothing failed."""
    say = st.warning if is_refusal else st.error
    icon = ":material/shield:" if is_refusal else ":material/error:"
    # What begins with a name, of a file or a column, stays as it is.
    if message.partition(" ")[0] in _ENGLISH:
        message = message[0].upper() + message[1:]
    say(
        escape_markdown(message, _MAX_MESSAGE_CHARS)
        + (f"  \n{escape_markdown(hint, _MAX_MESSAGE_CHARS)}" if hint else ""),
        icon=icon,
    )

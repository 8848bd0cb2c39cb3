"""Escape text of the model or the data where Streamlit would read Markdown.

It is not needed where plain text is shown (st.text, st.code, the table).
"""

from __future__ import annotations

import re
from typing import Final

import streamlit as st

from nl2sql import Result, describe_renamed

_PUNCTUATION: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$^=&:@/\"'%?,;])")
# What is written like an address or a shortcode is made a link or a picture even after escapes: a joiner parts it.
_ADDRESS: Final = re.compile(r"(?i)(?<=http)(?=s?:)|(?<=https)(?=:)|(?<=www)(?=\.)|(?<=:)(?=[\w/])|(?=@)")
_JOINER: Final = "\u2060"
MAX_LABEL_CHARS: Final = 120
_MAX_NOTE_CHARS: Final = 400


def escape_markdown(text: str, limit: int = MAX_LABEL_CHARS) -> str:
    """Return the text on one line, shortened to `limit`, with all Markdown escaped."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _PUNCTUATION.sub(r"\\\1", _ADDRESS.sub(_JOINER, line))


def show_renamed_columns(result: Result) -> None:
    """Show which columns have another name on the page and in files than in the query."""
    if renamed := describe_renamed([column.name for column in result.columns]):
        st.caption(escape_markdown(renamed[0].upper() + renamed[1:], _MAX_NOTE_CHARS))

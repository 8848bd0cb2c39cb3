"""Text that a model or the data wrote, where Streamlit would read Markdown: made to stand for itself.

Where a place takes plain text (st.text, st.code, the table), nothing here is needed.
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
    """The text on one line, so that Markdown shows each of its characters and makes nothing of them."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _PUNCTUATION.sub(r"\\\1", _ADDRESS.sub(_JOINER, line))


def show_renamed_columns(result: Result) -> None:
    """Say which columns have another name on the page and in files than in the query, if any has."""
    if renamed := describe_renamed([column.name for column in result.columns]):
        st.caption(escape_markdown(renamed[0].upper() + renamed[1:], _MAX_NOTE_CHARS))

"""Text from the data made harmless: on one line, without invisible characters, and without a model's own markers.

What is escaped here cannot end the line that it stands on, nor speak as anybody else. It escapes nothing for SQL, for
HTML or for Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# What chat templates of common models read as structure, also inside a message; and code fences.
_MARKER: Final = re.compile(
    r"<(?=\s*[|｜])|<(?=/?(?:tool_\w+|function\w*|think|start_of_turn|end_of_turn|bos|eos|s)\b[^<>]{0,80}>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|TOOL_\w+|AVAILABLE_TOOLS)\])|`(?=``)|(?<=`)`",
    re.I,
)
_SPELLED: Final = {"<": "‹", "[": "‹", "`": "'"}


def make_one_line(text: str, limit: int) -> str:
    """Return text from the data as one short line without control, format or line-breaking characters."""
    kept = text if text.isprintable() else "".join(map(_blank_if_invisible, text))
    kept = " ".join(kept.split())
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def _blank_if_invisible(sign: str) -> str:
    return " " if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") else sign


def escape_for_model(text: str, limit: int) -> str:
    """Do as `make_one_line`, for a model: nothing in it is taken for the end of a message, a tool call or a fence."""
    return make_one_line(_MARKER.sub(lambda found: _SPELLED[found.group()], make_one_line(text, limit)), limit)

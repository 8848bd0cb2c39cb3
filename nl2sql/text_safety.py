"""Text from the data made harmless: on one line, without invisible characters, and without a model's own markers.

Escaped text can neither end its line nor pass for another message. Nothing is escaped for SQL, HTML or Markdown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# What chat templates of common models read as structure even inside a message, and code fences.
_MARKER: Final = re.compile(
    r"<(?=\s*[|｜])|<(?=/?(?:tool_\w+|function\w*|think|start_of_turn|end_of_turn|bos|eos|s)\b[^<>]{0,80}>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|TOOL_\w+|AVAILABLE_TOOLS)\])|`(?=``)|(?<=`)`",
    re.I,
)
_REPLACEMENTS: Final = {"<": "‹", "[": "‹", "`": "'"}


def make_one_line(text: str, limit: int) -> str:
    """Return the text as one line of at most `limit` characters, without control or format characters.

    >>> make_one_line("a    b", 10), make_one_line("abcdef", 4)
    ('a b', 'abc…')
    """
    visible = text if text.isprintable() else "".join(map(_blank_if_invisible, text))
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _blank_if_invisible(sign: str) -> str:
    return " " if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") else sign


def escape_for_model(text: str, limit: int) -> str:
    """Do as `make_one_line`, and replace what a model may read as the end of a message, a tool call or a fence."""
    return make_one_line(_MARKER.sub(lambda found: _REPLACEMENTS[found.group()], make_one_line(text, limit)), limit)

"""What the importers of all kinds of files share: names for the tables, and the error of a file that is not readable.

It reads no file.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSEEN: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")


class UnreadableError(Exception):
    """A data file that cannot be imported: what is wrong, and what to do; `limit` names the limit that ran out."""

    def __init__(self, message: str, hint: str, *, limit: str = "") -> None:
        super().__init__(message)
        self.limit = limit
        self.message = message
        self.hint = hint


class TableNames:
    """Names for tables, each used once in any case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take_free_name(self, *wanted: str) -> str:
        """The first wanted name that is free, else the last one with a number."""
        name = next((n for n in wanted if n.lower() not in self._taken), "")
        number = 2
        while not name:
            candidate = f"{wanted[-1]}_{number}"
            name = "" if candidate.lower() in self._taken else candidate
            number += 1
        self._taken.add(name.lower())
        return name


def clean_table_name(text: str) -> str:
    """The text without dots, which in a table's name would read like a schema's name before it.

    No query may hold control and invisible characters, so no name may.
    """
    return "".join("_" if c == "." or unicodedata.category(c) in _UNSEEN else c for c in text)


def clean_column_name(text: str) -> str:
    """The text as a column's name: without invisible characters, and with single spaces for blanks of any kind.

    >>> clean_column_name(" Permit\\nvalid to")
    'Permit valid to'
    """
    spaced = "".join(" " if character.isspace() else character for character in text)
    return " ".join("".join(c for c in spaced if unicodedata.category(c) not in _UNSEEN).split())

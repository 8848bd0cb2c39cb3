"""The names of tables and columns that an import makes.

It reads no file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

_UNSEEN: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")


class TableNames:
    """Names for tables, each used once, whatever its case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take_free_name(self, *wanted: str) -> str:
        """Take and return the first wanted name that is free, else the last one with a number."""
        name = next((n for n in wanted if n.lower() not in self._taken), "")
        number = 2
        while not name:
            candidate = f"{wanted[-1]}_{number}"
            name = "" if candidate.lower() in self._taken else candidate
            number += 1
        self._taken.add(name.lower())
        return name


def clean_table_name(text: str) -> str:
    """Return the text without dots, which would read as a schema's name, and without invisible characters.

    The guard refuses queries with control and invisible characters, so no name may have them.
    """
    return "".join("_" if c == "." or unicodedata.category(c) in _UNSEEN else c for c in text)


def clean_column_name(text: str) -> str:
    r"""Return the text as a column's name: without invisible characters, and with single spaces for blanks of any kind.

    >>> clean_column_name(" Permit \t valid to")
    'Permit valid to'
    """
    spaced = "".join(" " if character.isspace() else character for character in text)
    return " ".join("".join(c for c in spaced if unicodedata.category(c) not in _UNSEEN).split())


def name_columns(header: Sequence[str], width: int, clean: Callable[[str], str]) -> list[str]:
    """Return a unique name for each column: that of the header, or `column` and its number where it has none."""
    names: list[str] = []
    taken: set[str] = {clean(cell).lower() for cell in header}
    used: set[str] = set()
    numbers: dict[str, int] = {}
    for number in range(width):
        own = clean(header[number]) if number < len(header) else ""
        wanted = own or f"column{number + 1}"
        name = wanted
        while name.lower() in used or (name != own and name.lower() in taken):
            again = numbers[wanted] = numbers.get(wanted, 1) + 1
            name = f"{wanted}_{again}"
        used.add(name.lower())
        names.append(name)
    return names

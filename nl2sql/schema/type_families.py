"""Families of column types: which of an engine's type names are numbers."""

from __future__ import annotations


def is_numeric(kind: str) -> bool:
    """Whether the values of the engine's type are numbers, and no lists of them."""
    name = kind.upper()
    return (
        name.startswith(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL"))
        and not name.startswith(("UUID", "UNION"))
        and not name.endswith("]")
    )

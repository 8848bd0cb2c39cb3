"""Finds stored values by queries and by the index of the profile: what `find_values` and the repair of texts ask for.

It looks, and says nothing to a model. Its queries pass the guard like any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from nl2sql.errors import DatabaseError, LimitError, ToolError
from nl2sql.schema.identifiers import quote, quote_literal, quote_table
from nl2sql.schema.value_index import ValueIndex
from nl2sql.types import Column, Table

MAX_FOUND_VALUES: Final = 10
_MIN_SIMILARITY_RATIO: Final = 0.88

# Runs a query that only helps, and returns its rows.
RowLookup = Callable[[str], list[tuple[Any, ...]]]


class ValueSearch:
    """The stored values of one database, as `repair.StoredValues` wants them found.

    `look_up` runs a query within the limits, `look_up_soon` within a few seconds.
    """

    def __init__(self, index: ValueIndex, look_up: RowLookup, look_up_soon: RowLookup) -> None:
        self._index = index
        self._look_up = look_up
        self._look_up_soon = look_up_soon

    def find_like(self, text: str, table: Table, column: str) -> list[str]:
        """Return stored values that contain the text or are much like it.

        There are none where the column cannot be searched, or not in time.
        """
        try:
            rows = self._look_up(_write_search(text, quote_table(table), column))
            return [str(value) for (value,) in rows]
        except (ToolError, LimitError):
            return []

    def find_spellings(self, table: Table, column: Column, text: str) -> Sequence[str] | None:
        """Return up to two stored texts that differ only in case, accents and spaces; None if unknown."""
        try:
            rows = self._look_up_soon(_write_spelling_query(text, quote_table(table), column.name))
        except (ToolError, LimitError, DatabaseError):
            return None
        # The index folds letters that the engine does not take apart, like the Polish l.
        known = [
            hit.text for hit in self._index.find_exact(text) if (hit.table, hit.column) == (table.name, column.name)
        ]
        known = [value for value in known if len(value.split()) == len(text.split())]
        return list(dict.fromkeys([*(str(value) for (value,) in rows), *known]))[:2]

    def find_near(self, table: Table, column: Column, text: str) -> Sequence[str]:
        """Return indexed values of the column that are spelled much like the text."""
        return [hit.text for hit in self._index.find_near(text, table.name, column.name)]

    def find_columns(self, text: str) -> Sequence[tuple[str, str]]:
        """Return the tables and columns that hold the text, as the index knows them."""
        return [(hit.table, hit.column) for hit in self._index.find_exact(text)]

    def has_like(self, table: Table, column: Column, pattern: str, *, any_case: bool) -> bool | None:
        """Return whether a stored value fits the LIKE pattern; None if unknown."""
        like = f"{quote(column.name)} {'ILIKE' if any_case else 'LIKE'} {quote_literal(pattern)}"
        try:
            return bool(self._look_up_soon(f"SELECT 1 FROM {quote_table(table)} WHERE {like} LIMIT 1"))
        except (ToolError, LimitError, DatabaseError):
            return None


def _write_search(text: str, table: str, column: str) -> str:
    """Return a query for the values that contain the text or are spelled much like it, the shortest first."""
    name = quote(column)
    folded, wanted = f"strip_accents(lower({name}::VARCHAR))", f"strip_accents(lower({quote_literal(text)}))"
    return (
        f"SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL AND (contains({folded}, {wanted}) "
        f"OR jaro_winkler_similarity({folded}, {wanted}) > {_MIN_SIMILARITY_RATIO}) "
        f"ORDER BY length({name}::VARCHAR), {name} LIMIT {MAX_FOUND_VALUES}"
    )


def _write_spelling_query(text: str, table: str, column: str) -> str:
    """Return a query for the values that differ only in case, accents and outer spaces, the text itself first."""
    name = f"{quote(column)}::VARCHAR"
    folded, wanted = f"strip_accents(lower(trim({name})))", f"strip_accents(lower(trim({quote_literal(text)})))"
    order = f"{name} = {quote_literal(text)} DESC, {name}"
    return f"SELECT {name} FROM {table} WHERE {folded} = {wanted} GROUP BY {name} ORDER BY {order} LIMIT 2"

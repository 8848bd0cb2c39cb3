"""Write queries whose answer proves a repair: what keys claim, how texts are written, which texts are stored.

It runs none of them: they run under the guard and the limits of any query.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nl2sql.schema.identifiers import quote, quote_literal, quote_table
from nl2sql.types import Column, Proof, Table

INTEGERS: Final = r"[+-]?\d{1,18}"
# Three digits after a point may be thousands, in German notation.
CENTS: Final = r"[+-]?\d{1,30}(\.\d{1,2})?"
FRACTIONS: Final = r"[+-]?\d{1,28}(\.(\d{1,2}|\d{4,9}))?"
DAYS: Final = r"\d{4}-\d{2}-\d{2}"
MOMENTS: Final = r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?"


def prove_unique(table: Table, columns: Iterable[str]) -> Proof:
    """Make the proof that no two rows of the table have the same values in these columns."""
    names = ", ".join(map(quote, columns))
    return Proof(f"SELECT 1 FROM {quote_table(table)} GROUP BY {names} HAVING count(*) > 1 LIMIT 1")


def prove_reference(table: Table, column: str, target: Table, target_column: str) -> Proof:
    """Make the proof that every value of a key is present in the table that it refers to."""
    targets = f"SELECT {quote(target_column)} FROM {quote_table(target)} WHERE {quote(target_column)} IS NOT NULL"
    condition = f"{quote(column)} IS NOT NULL AND {quote(column)} NOT IN ({targets})"
    return Proof(f"SELECT 1 FROM {quote_table(table)} WHERE {condition} LIMIT 1")


def prove_stored(table: Table, column: str, text: str) -> Proof:
    """Make the proof that the column holds the text."""
    return Proof(
        f"SELECT 1 FROM {quote_table(table)} WHERE {quote(column)} = {quote_literal(text)} LIMIT 1", wants_row=True
    )


def prove_parsable(table: Table, column: Column, pattern: str, kind: str) -> Proof:
    """Make the proof that every text of the column matches the pattern and can be cast to the type."""
    name = quote(column.name)
    is_other = f"NOT regexp_full_match(trim({name}), {quote_literal(pattern)}) OR TRY_CAST({name} AS {kind}) IS NULL"
    return Proof(f"SELECT 1 FROM {quote_table(table)} WHERE {name} IS NOT NULL AND ({is_other}) LIMIT 1")


def prove_range(table: Table, column: Column, low: int, high: int) -> Proof:
    """Make the proof that every number of the column lies in the range, ends included."""
    name = quote(column.name)
    return Proof(f"SELECT 1 FROM {quote_table(table)} WHERE {name} NOT BETWEEN {low} AND {high} LIMIT 1")

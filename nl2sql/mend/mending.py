"""The mends in their order, and the text that comes of them.

It does not know why the query failed: every mend looks for what cannot work and leaves the rest as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nl2sql.mend.dialects import read
from nl2sql.mend.grouping import complete_groups, lift_aggregates
from nl2sql.mend.joins import words
from nl2sql.mend.kinds import cast_texts, compare_by_name
from nl2sql.mend.literals import quote_texts
from nl2sql.mend.places import place_columns
from nl2sql.mend.query import Query
from nl2sql.mend.tables import name_tables
from nl2sql.types import Mended, Schema

MENDS: Final[tuple[Callable[[Query], None], ...]] = (
    name_tables,
    quote_texts,
    place_columns,
    compare_by_name,
    cast_texts,
    lift_aggregates,
    complete_groups,
)


def mend(sql: str, question: str, schema: Schema, dialect: str) -> Mended | None:
    """The query with what can be mended for certain mended; None where nothing was.

    `question` helps to choose between equally short joins. The result need not bind either.
    """
    tree, foreign = read(sql, dialect)
    if tree is None:
        return None
    query = Query(tree, schema, words(question))
    if foreign:
        query.done.append(f"written for {foreign}")
    for mended in MENDS:
        mended(query)
    if not query.done:
        return None
    return Mended(query.tree.sql(dialect, comments=False), tuple(query.done))

"""The mends in their order, and the text that comes of them.

It does not know why the query failed: every mend looks for what cannot work and leaves the rest as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from nl2sql.mend.counts import add_up_counts, count_rows
from nl2sql.mend.dialects import read, written
from nl2sql.mend.equalities import settle_ambiguous
from nl2sql.mend.grouping import complete_groups, lift_aggregates
from nl2sql.mend.joins import words
from nl2sql.mend.kinds import cast_texts, compare_by_name
from nl2sql.mend.labels import name_keys
from nl2sql.mend.literals import quote_texts
from nl2sql.mend.multiplicity import settle
from nl2sql.mend.needless import leave_out_needless, repeat_no_rows
from nl2sql.mend.operators import say_plainly
from nl2sql.mend.periods import spell_out_periods
from nl2sql.mend.places import place_columns
from nl2sql.mend.query import UNSETTLED, Query
from nl2sql.mend.tables import name_tables
from nl2sql.types import Mended, Schema

MENDS: Final[tuple[Callable[[Query], None], ...]] = (
    name_tables,
    quote_texts,
    place_columns,
    settle_ambiguous,
    leave_out_needless,
    compare_by_name,
    settle,
    say_plainly,
    spell_out_periods,
    cast_texts,
    lift_aggregates,
    complete_groups,
)
"""What is looked for in a query that does not bind, in this order."""


TIDIES: Final[tuple[Callable[[Query], None], ...]] = (repeat_no_rows, count_rows, add_up_counts, name_keys)
"""What is looked for in a query that binds, or has been mended so that it may."""


def mend(sql: str, question: str, schema: Schema, dialect: str, hidden: frozenset[str] = frozenset()) -> Mended | None:
    """The query with what can be mended for certain mended; None where nothing was.

    `question` helps to choose between equally short joins. A query that names one of the `hidden` tables or columns
    (lower case) is left alone: it is to be refused, not read otherwise; and where anything is hidden no table is
    taken for another, which would tell what is. The result need not bind either.
    """
    try:
        tree, notes = read(sql, dialect, schema)
        if tree is None or any(node.name.lower() in hidden for node in tree.find_all(exp.Table, exp.Column)):
            return None
        query = Query(tree, schema, words(question), _first_line(question), list(notes))
        before = written(tree, dialect)
        for mended in MENDS:
            if not hidden or mended is not name_tables:
                mended(query)
        if query.done:
            _tidy(query)
        text = written(query.tree, dialect)
    except UNSETTLED:
        return None
    if text is None or (not query.done and _bare(text) == _bare(sql)):
        return None
    if not query.done and text == before:
        query.done.append("said in the dialect's words")
    return Mended(text, tuple(dict.fromkeys(query.done)))


def tidy(sql: str, question: str, schema: Schema, dialect: str) -> Mended | None:
    """A query that binds, without what would spoil its rows for nothing; None where there is nothing of the kind."""
    try:
        tree, _ = read(sql, dialect, schema)
        if tree is None:
            return None
        query = Query(tree, schema, words(question), _first_line(question))
        _tidy(query)
        text = written(query.tree, dialect) if query.done else None
    except UNSETTLED:
        return None
    return Mended(text, tuple(query.done)) if text else None


def _tidy(query: Query) -> None:
    for tidied in TIDIES:
        tidied(query)


def _first_line(question: str) -> str:
    return question.strip().split("\n", 1)[0]


def _bare(sql: str) -> str:
    """The text without what makes no difference: spaces, case, a last semicolon."""
    return "".join(sign for sign in sql.lower() if not sign.isspace() and sign != ";")

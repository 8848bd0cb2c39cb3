"""SQL laid out for reading: a clause a line, without brackets that say nothing. What it says is left as it is.

It judges nothing; where laying out would change the query, the text stays as it was.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

_HOLDS_ALONE: Final = (exp.Paren, exp.Where, exp.Having, exp.Qualify, exp.Alias, exp.Select, exp.Group, exp.Ordered)
_SPREAD: Final = re.compile(r"\(\n\s*([^()\n]{1,70})\n\s*\)")


@lru_cache(maxsize=256)
def pretty(sql: str, dialect: str) -> str:
    """The query over several lines, or as it was where that would say something else."""
    try:
        tree = parse_one(sql, read=dialect)
        if isinstance(tree, exp.Command):
            return sql
        for paren in list(tree.find_all(exp.Paren)):
            if _is_needless(paren):
                paren.replace(paren.this)
        for call in list(tree.find_all(exp.Anonymous)):
            if call.name.lower() == "count_star" and not call.expressions:
                call.replace(exp.Count(this=exp.Star(), big_int=True))
        text = tree.sql(dialect=dialect, pretty=True, max_text_width=70)
        for candidate in (_closed_up(text), text):
            if parse_one(candidate, read=dialect) == tree:
                return candidate
    except SqlglotError:
        return sql
    return sql


def _is_needless(paren: exp.Paren) -> bool:
    """Whether the brackets stand around the whole of a clause, or around one condition of several."""
    if isinstance(paren.parent, _HOLDS_ALONE) or (isinstance(paren.parent, exp.Join | exp.If) and not paren.index):
        return True
    return isinstance(paren.parent, exp.And) and isinstance(paren.this, exp.And | exp.Predicate | exp.Not)


def _closed_up(text: str) -> str:
    """The text with short brackets on one line."""
    closed = _SPREAD.sub(r"(\1)", text)
    while closed != text:
        text, closed = closed, _SPREAD.sub(r"(\1)", closed)
    return closed

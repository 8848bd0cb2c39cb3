"""Find what a query keeps of the one before though the question does not mention it.

It compares trees and words; whether the question was meant as a follow-up it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.answer.lineage import Block, list_blocks
from nl2sql.answer.plain_tree import name_function, parse_plain, split_conjunction
from nl2sql.answer.question_words import list_words
from nl2sql.answer.sql_format import write_plain_sql
from nl2sql.answer.traps.ran_query import AGGREGATES, list_aggregates
from nl2sql.answer.word_trace import match_words
from nl2sql.schema.value_index import fold_text
from nl2sql.text_safety import make_one_line
from nl2sql.types import Schema

_SHOWN_CHARS: Final = 80


def find_carried_parts(question: str, sql: str, before: str, schema: Schema) -> tuple[str, ...]:
    """Return the filters and figures, as SQL, that both queries have and whose words the question lacks.

    Both queries are checked SQL, on one line or several. Joins and groups are ignored: questions of one kind share
    those.
    """
    trees = [parse_plain(text, schema.dialect) for text in (sql, before)]
    if trees[0] is None or trees[1] is None:
        return ()
    words = [fold_text(word) for word in list_words(question)]
    current = dict(_list_parts(trees[0], schema))
    earlier = dict(_list_parts(trees[1], schema))
    shared = [text for text in current if text in earlier]
    return tuple(text for text in shared if not _is_mentioned(current[text], words))


def _list_parts(tree: exp.Query, schema: Schema) -> Iterator[tuple[str, exp.Expr]]:
    """Yield the filters with values, and the figures other than counts of rows, by their SQL without table aliases."""
    for block in list_blocks(tree, schema):
        where = block.select.args.get("where")
        for condition in split_conjunction(where.this if where is not None else None):
            if condition.find(exp.Literal) is not None and condition.find(exp.Select) is None:
                yield _write_without_aliases(condition), condition
        for call in list_aggregates(block):
            if name_function(call) in AGGREGATES and call.find(exp.Column) is not None and _is_shown(call, block):
                yield _write_without_aliases(call), call


def _is_shown(call: exp.Expr, block: Block) -> bool:
    return any(call in list(item.find_all(exp.Anonymous)) for item in block.select.expressions)


def _write_without_aliases(node: exp.Expr) -> str:
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", None)
    return write_plain_sql(copy).lower()


def _is_mentioned(node: exp.Expr, words: list[str]) -> bool:
    """Return whether the question has a word of the part: of its values where it has any, else of its columns."""
    texts = [literal.name for literal in node.find_all(exp.Literal) if not _is_call_option(literal)]
    texts = texts or [column.name for column in node.find_all(exp.Column)]
    parts = [fold_text(part) for text in texts for part in list_words(text)]
    # A short value may abbreviate the word: `CAN` for cancelled.
    return any(match_words(word, part) or (len(part) > 1 and word.startswith(part)) for word in words for part in parts)


def _is_call_option(literal: exp.Literal) -> bool:
    """Return whether the literal is an option of a function, like the unit of `date_trunc`."""
    return literal.is_string and isinstance(literal.parent, exp.Anonymous)


def describe_follow_up(question: str, sql: str, before: tuple[str, str], schema: Schema) -> str | None:
    """Say what the query keeps of the turn `before` (its question and SQL) though the question does not say so."""
    carried = find_carried_parts(question, sql, before[1], schema)
    shown = make_one_line(before[0], _SHOWN_CHARS)
    return f"builds on your previous question, “{shown}”: {' and '.join(carried)}" if carried else None

"""Which tables a question needs, where the whole schema is more than the model's budget.

A schema that fits stays whole: leaving out tables that fit makes answers worse (arXiv 2408.07702). The tables left out
are named.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from nl2sql.schema.ddl_prompt import estimate_tokens, render, render_table
from nl2sql.schema.word_stems import stem_word
from nl2sql.types import Schema, Table

_NGRAM_CHARS: Final = 2
# Thai to Khmer, Hangul, Chinese, Japanese: scripts that put no space between words, or particles at their ends.
_UNSPACED_SIGNS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007\u3040-\u30fa\u30fc-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(rf"(?P<unspaced>[{_UNSPACED_SIGNS}]+)|[^\W_{_UNSPACED_SIGNS}]+")


@dataclass(frozen=True, slots=True)
class LinkedSchema:
    """The part of a schema that the model is shown, its text, and the names of the tables left out."""

    schema: Schema
    text: str
    omitted_tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaBudget:
    """How many tokens a schema may take, about: `detail_tokens` with values, `whole_tokens` without."""

    detail_tokens: int
    whole_tokens: int


def link(question: str, schema: Schema, budget: SchemaBudget) -> LinkedSchema:
    """Return the schema as text within the budget.

    Where all tables fit, the text is the same for every question: with comments and values where that fits, else with
    values, else with neither. Where even that is too much, it has the tables that match the question and those that
    their keys lead to.
    """
    for values, comments, limit in (
        (True, True, budget.detail_tokens),
        (True, False, budget.detail_tokens),
        (False, False, budget.whole_tokens),
    ):
        text = render(schema, values=values, comments=comments)
        if estimate_tokens(text) <= limit:
            return LinkedSchema(schema, text)
    chosen = _choose_tables(question, schema, budget.whole_tokens)
    shown = replace(schema, tables=tuple(table for table in schema.tables if table.name in chosen))
    if not chosen:
        shown = replace(schema, tables=(_narrow_table(question, schema, budget.whole_tokens),))
        chosen = {shown.tables[0].name}
    words, weights = stem_question(question), _weigh_stems(schema)
    others = [table for table in schema.tables if table.name not in chosen]
    omitted = tuple(table.name for table in sorted(others, key=lambda table: -_score(table, words, weights)))
    return LinkedSchema(shown, render(shown, values=False, comments=False), omitted)


def _choose_tables(question: str, schema: Schema, budget: int) -> set[str]:
    words = stem_question(question)
    weights = _weigh_stems(schema)
    scores = {table.name: _score(table, words, weights) for table in schema.tables}
    by_score = sorted(schema.tables, key=lambda table: -scores[table.name])
    neighbours = _find_neighbours(schema)
    chosen: set[str] = set()
    left = budget
    queue = [table.name for table in by_score]
    while queue:
        name = queue.pop(0)
        table = schema.find_table(name)
        if name in chosen or table is None:
            continue
        cost = estimate_tokens(render_table(table, values=False, comments=False))
        if cost > left:
            continue
        chosen.add(name)
        left -= cost
        if scores[name] > 0:
            near = sorted(neighbours.get(name, ()), key=lambda other: (-scores.get(other, 0.0), other))
            queue[:0] = [other for other in near if other not in chosen and scores.get(other, 0.0) > 0]
    return chosen


def _narrow_table(question: str, schema: Schema, budget: int) -> Table:
    """Return the best table with as many columns as fit, those that match the question first."""
    words, weights = stem_question(question), _weigh_stems(schema)
    table = max(schema.tables, key=lambda table: _score(table, words, weights))
    by_score = sorted(table.columns, key=lambda column: -len(words.intersection(stem_words(column.name))))
    chosen: set[str] = set()
    left = budget
    for column in by_score:
        left -= estimate_tokens(f"  {column.name} {column.type},\n")
        if left < 0:
            break
        chosen.add(column.name)
    return replace(table, columns=tuple(column for column in table.columns if column.name in chosen), foreign_keys=())


def _score(table: Table, words: set[str], weights: dict[str, float]) -> float:
    """Add up the weights of the shared word stems: those of the table's name three times, of its texts half."""
    # `fsum`, since the order of a set differs between processes, and rounding must not decide between equals.
    own = words.intersection(stem_words(table.name))
    columns = {stem for column in table.columns for stem in stem_words(column.name)}
    texts = {stem for text in _list_texts(table) for stem in stem_words(text)}
    return (
        3 * math.fsum(weights.get(stem, 1.0) for stem in own)
        + math.fsum(weights.get(stem, 1.0) for stem in words & columns)
        + 0.5 * math.fsum(weights.get(stem, 1.0) for stem in words & (texts - columns))
    )


def _list_texts(table: Table) -> Iterable[str]:
    if table.comment:
        yield table.comment
    yield from table.synonyms
    for column in table.columns:
        if column.comment:
            yield column.comment
        yield from column.synonyms
        yield from column.values or column.samples


def _weigh_stems(schema: Schema) -> dict[str, float]:
    seen: Counter[str] = Counter()
    for table in schema.tables:
        seen.update({stem for text in (table.name, *(c.name for c in table.columns)) for stem in stem_words(text)})
    return {stem: 1.0 / count for stem, count in seen.items()}


def _find_neighbours(schema: Schema) -> dict[str, set[str]]:
    near: dict[str, set[str]] = {}
    for table in schema.tables:
        for key in table.foreign_keys:
            near.setdefault(table.name, set()).add(key.target_table)
            near.setdefault(key.target_table, set()).add(table.name)
    return near


def stem_question(text: str) -> set[str]:
    """Return the stems of a question; of scripts without spaces also the single signs, which may be whole names."""
    found = set(stem_words(text))
    return found.union(*(word for word in found if _is_unspaced(word)))


def stem_words(text: str) -> Iterable[str]:
    """Yield the lower-case words of a text without plural endings; camel case and underscores are split.

    In scripts without spaces between words, each pair of neighbouring signs counts as a word.

    >>> list(stem_words("OrderItems of last_year"))
    ['order', 'item', 'of', 'last', 'year']
    """
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", unicodedata.normalize("NFKC", text))
    for found in _WORD.finditer(spaced):
        lowered = found[0].lower()
        if found["unspaced"] and len(lowered) > _NGRAM_CHARS:
            yield from (lowered[at : at + _NGRAM_CHARS] for at in range(len(lowered) - _NGRAM_CHARS + 1))
            continue
        yield stem_word(lowered)


def _is_unspaced(word: str) -> bool:
    found = _WORD.match(word)
    return found is not None and found["unspaced"] is not None

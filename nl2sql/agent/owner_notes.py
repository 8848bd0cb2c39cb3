"""Which of the owner's metrics, synonyms and rules a question is about: the others are not sent with it.

It goes by shared words, and by keys between tables. Where it recognises no word of a question, such as one in another
language, all of them are sent: a rule too many is better than one that is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nl2sql.config import ContextSettings
from nl2sql.schema.linking import stem_question, stem_words
from nl2sql.schema.value_index import Hit
from nl2sql.types import Schema, Table

_MIN_STEM_CHARS: Final = 4
_MAX_ENDING_CHARS: Final = 2


@dataclass(frozen=True, slots=True)
class OwnerNotes:
    """What goes with one question: `general` is the same for all of them, `relevant` is what this one needs."""

    general: tuple[str, ...] = ()
    relevant: tuple[str, ...] = ()


def select_notes(question: str, context: ContextSettings, schema: Schema, hits: Iterable[Hit] = ()) -> OwnerNotes:
    """Return the rules that name no table and no metric, and the other rules, metrics and synonyms that apply.

    `question` may hold earlier questions too. `hits` are the stored texts that it mentions.
    """
    if not (context.rules or context.metrics or context.synonyms):
        return OwnerNotes()
    words = stem_question(question)
    tables = {table.name: _has_word_of(words, table) for table in schema.tables}
    tables.update((hit.table, True) for hit in hits)
    synonyms = {
        place: tuple(term for term in terms if _is_named(question, words, term))
        for place, terms in context.synonyms.items()
    }
    for place in (place for place, terms in synonyms.items() if terms):
        tables.update((table.name, True) for table in schema.tables if _has_place(table, place))
    metrics = {name for name in context.metrics if _is_named(question, words, name)}
    if not metrics and not any(tables.values()):
        metrics, synonyms = set(context.metrics), dict(context.synonyms)
        tables = dict.fromkeys(tables, True)
    near = _add_neighbours({name for name, is_touched in tables.items() if is_touched}, schema)
    general, touched = [], []
    for rule in context.rules:
        named_tables, named_metrics = _find_tables(rule, schema), _find_metrics(rule, context)
        if not named_tables and not named_metrics:
            general.append(rule)
        elif named_tables & near or named_metrics & metrics:
            touched.append(rule)
    touched += [f"{name} means {meaning}" for name, meaning in context.metrics.items() if name in metrics]
    touched += [f"{' and '.join(terms)} means {place}" for place, terms in synonyms.items() if terms]
    return OwnerNotes(tuple(general), tuple(touched))


def _has_word_of(words: set[str], table: Table) -> bool:
    """Return whether the question has a word of the table's name or of one of its columns."""
    names = [table.name, *(column.name for column in table.columns)]
    return any(_is_among(stem, words) for name in names for stem in stem_words(name))


def _is_named(question: str, words: set[str], term: str) -> bool:
    """Return whether the question has at least half of the term's words, or the term as it is."""
    stems = set(stem_words(term))
    known = sum(_is_among(stem, words) for stem in stems)
    return 2 * known >= max(1, len(stems)) or term.casefold() in question.casefold()


def _is_among(stem: str, words: set[str]) -> bool:
    """Return whether one of the words is the stem, with an ending of up to two letters more or less."""
    return stem in words or any(
        min(len(stem), len(word)) >= _MIN_STEM_CHARS
        and abs(len(stem) - len(word)) <= _MAX_ENDING_CHARS
        and (stem.startswith(word) or word.startswith(stem))
        for word in words
    )


def _has_place(table: Table, place: str) -> bool:
    name, _, column = place.lower().rpartition(".")
    own = table.name.lower()
    return place.lower() == own or (name == own and table.find_column(column) is not None)


def _find_tables(rule: str, schema: Schema) -> set[str]:
    words = stem_question(rule)
    return {table.name for table in schema.tables if words.issuperset(stem_words(table.name.rpartition(".")[2]))}


def _find_metrics(rule: str, context: ContextSettings) -> set[str]:
    words = stem_question(rule)
    return {name for name in context.metrics if words.issuperset(stem_words(name))}


def _add_neighbours(names: set[str], schema: Schema) -> set[str]:
    """Return the tables and those that a key joins to them, in either direction."""
    return names | {end for pair in _list_keys(schema) if names.intersection(pair) for end in pair}


def _list_keys(schema: Schema) -> Iterator[tuple[str, str]]:
    for table in schema.tables:
        for key in table.foreign_keys:
            yield table.name, key.target_table

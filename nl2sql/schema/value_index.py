"""Words of a question, and texts of a query, found among the texts that the data holds.

It reads no data: the profile keeps the columns' texts. Case and accents are ignored. A text that is nearly a stored one
is found too, where it is long enough for that not to be chance.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rapidfuzz import fuzz, process

from nl2sql.types import Schema

MAX_SPAN_WORDS: Final = 6
MAX_HITS: Final = 6
MIN_SIMILARITY_PERCENT: Final = 88.0
MIN_NEAR_CHARS: Final = 6
_MAX_COLUMNS_PER_TEXT: Final = 3
_WORD: Final = re.compile(r"[^\W_]+(?:['’.&/-][^\W_]+)*")
_POSSESSIVE: Final = re.compile(r"['’]s?$")
_QUOTED: Final = re.compile(r"[\"“”'‘]([^\"“”'‘’]{2,60})[\"“”'’]")
# Letters that Unicode does not decompose.
_WHOLE: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
# Words that questions are made of: alone they never mean a stored text.
_COMMON: Final = frozenset(
    """
    a about above after all also among an and any are as at average be before below between both but by can count
    day date days did do does each every few find for from give had has have hours how i id in is it its least less
    list many me month months more most much name names no not number of off on or order other our out over per
    show some sum that the their them there they this those time times to total type under up us was we were what
    when where which who whose why will with without year years yes you
    """.split()
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A text that a column holds, and the words that were found to mean it."""

    words: str
    table: str
    column: str
    text: str


def fold_text(text: str) -> str:
    """Return the text in lower case, without accents and surplus space.

    >>> fold_text("  Café  Łódź ")
    'cafe lodz'
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_WHOLE))
    return " ".join("".join(sign for sign in decomposed if not unicodedata.combining(sign)).split())


class ValueIndex:
    """The texts of a schema's columns by their folded spelling. The schema is the one that the policy leaves."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    @cached_property
    def _places(self) -> dict[str, list[tuple[str, str, str]]]:
        places: dict[str, list[tuple[str, str, str]]] = {}
        for table in self._schema.tables:
            for column in table.columns:
                for text in column.values or column.texts:
                    places.setdefault(fold_text(text), []).append((table.name, column.name, text))
        return places

    @cached_property
    def _names(self) -> frozenset[str]:
        """The words of the names of tables and columns: in a question they mean those."""
        names = [table.name for table in self._schema.tables]
        names += [column.name for table in self._schema.tables for column in table.columns]
        words = {word for name in names for word in re.findall(r"[^\W_]+", fold_text(name))}
        # Not every form of `word_stems`: `tim`, for `times`, may be a stored text.
        return frozenset(words | {f"{word}s" for word in words} | {word.removesuffix("s") for word in words})

    def find_hits(self, question: str) -> tuple[Hit, ...]:
        """Return the stored texts that the question mentions, in its order; the longest match at each word counts."""
        found: dict[tuple[str, str, str], Hit] = {}
        for words, places in self._find_mentions(question):
            if len(places) <= _MAX_COLUMNS_PER_TEXT:
                for place in places:
                    found.setdefault(place, Hit(words, *place))
        return tuple(found.values())[:MAX_HITS]

    def find_exact(self, text: str) -> tuple[Hit, ...]:
        """Return the places that hold the text, regardless of case and accents."""
        return tuple(Hit(text, *place) for place in self._places.get(fold_text(text), ()))

    def find_containing(self, text: str, limit: int) -> tuple[Hit, ...]:
        """Return the stored texts that contain this one, regardless of case and accents, the shortest first."""
        wanted = fold_text(text)
        found = (
            sorted((key for key in self._places if wanted in key), key=lambda key: (len(key), key)) if wanted else []
        )
        return tuple(Hit(text, *place) for key in found for place in self._places[key])[:limit]

    def find_near(self, text: str, table: str, column: str) -> tuple[Hit, ...]:
        """Return the texts of the column that are nearly this one."""
        places = [place for near in self._find_near_keys(fold_text(text)) for place in self._places[near]]
        return tuple(Hit(text, *place) for place in places if (table, column) == place[:2])

    def _find_near_keys(self, key: str) -> Iterator[str]:
        if len(key) >= MIN_NEAR_CHARS:
            for near, _, _ in process.extract(
                key, self._places.keys(), scorer=fuzz.ratio, score_cutoff=MIN_SIMILARITY_PERCENT, limit=8
            ):
                if _list_figures(near) == _list_figures(key):
                    yield near

    def _find_mentions(self, question: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
        for match in _QUOTED.finditer(question):
            key = fold_text(match.group(1))
            if places := self._places.get(key) or self._find_only_near(key):
                yield match.group(1), places
        spans = [match.span() for match in _WORD.finditer(question)]
        at = 0
        while at < len(spans):
            for length in range(min(MAX_SPAN_WORDS, len(spans) - at), 0, -1):
                words = question[spans[at][0] : spans[at + length - 1][1]]
                if places := self._find_places(words, length, first=at == 0):
                    yield words, places
                    at += length
                    break
            else:
                at += 1

    def _find_places(self, words: str, length: int, *, first: bool) -> list[tuple[str, str, str]]:
        key = fold_text(_POSSESSIVE.sub("", words))
        if length == 1 and (key in _COMMON or key in self._names or len(key) < 2):
            return []
        if places := self._places.get(key):
            return places
        # Only words that are written like a name may match a similar text.
        is_name = all(word[:1].isupper() for word in words.split()) and not first
        return self._find_only_near(key) if is_name else []

    def _find_only_near(self, key: str) -> list[tuple[str, str, str]]:
        near = list(self._find_near_keys(key))
        return self._places[near[0]] if len(near) == 1 else []


def _list_figures(text: str) -> list[str]:
    return re.findall(r"\d+", text)

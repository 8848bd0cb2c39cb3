"""Compare names: the same spelling, singular and plural, a typing slip, or merely near.

It knows no SQL and no language: words are what capitals, underscores and spaces separate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from enum import Enum, auto
from typing import Final

from rapidfuzz import fuzz

from nl2sql.schema.value_index import fold_text
from nl2sql.schema.word_stems import is_same_word

_WORD: Final = re.compile(r"[^\W_]+")
_NUMBER: Final = re.compile(r"\d+")
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MIN_SLIP_CHARS: Final = 4
_MIN_SWAP_CHARS: Final = 6
_MIN_DOUBLE_CHARS: Final = 8
_MIN_NEAR_SCORE: Final = 75.0
_MAX_NEAR_NAMES: Final = 3


class Slip(Enum):
    """How a written word differs from another by one slip."""

    SWAPPED = auto()
    DOUBLED = auto()
    MISSING = auto()
    CHANGED = auto()


def split_words(text: str) -> tuple[str, ...]:
    """Split a name or a text into its words, without case and accents.

    >>> split_words("BillingCity"), split_words("hall no"), split_words("Straßen_Größe")
    (('billing', 'city'), ('hall', 'no'), ('strassen', 'grosse'))
    """
    return tuple(fold_text(word) for word in _WORD.findall(_CAMEL.sub(" ", text)))


def is_alike(one: str, other: str) -> bool:
    """Return whether both have the same letters and numbers; case, accents and separators do not count.

    >>> is_alike("OrderDate", "order_date"), is_alike("groesse", "Größe"), is_alike("paid", "unpaid")
    (True, True, False)
    """
    return _NUMBER.findall(one) == _NUMBER.findall(other) and not _list_spellings(one).isdisjoint(
        _list_spellings(other)
    )


def _list_spellings(name: str) -> set[str]:
    """Return the letters of the name, with umlauts both as they are and as two letters."""
    return {"".join(split_words(name)), "".join(split_words(name.casefold().translate(_UMLAUTS)))} - {""}


def is_plural(one: str, other: str) -> bool:
    """Return whether both are the same words, some of them in the plural.

    >>> is_plural("order_item", "OrderItems"), is_plural("category", "categories"), is_plural("sale", "salary")
    (True, True, False)
    """
    words, others = split_words(one), split_words(other)
    return len(words) == len(others) > 0 and all(map(is_same_word, words, others))


def has_words(name: str, words: Iterable[str]) -> bool:
    """Return whether the name consists of these words; plurals count as the same."""
    name_words, wanted = split_words(name), tuple(words)
    return len(name_words) == len(wanted) and all(map(is_same_word, name_words, wanted))


def find_only_match(name: str, candidates: Iterable[str], matches: Callable[[str, str], bool]) -> str | None:
    """Return the one candidate that matches the name; None where none does, or several."""
    found = [candidate for candidate in dict.fromkeys(candidates) if matches(name, candidate)]
    return found[0] if len(found) == 1 else None


def is_slip(written: str, name: str, question: Collection[str]) -> bool:
    """Return whether `written` is `name` with one slip in one word, and is not itself a word of the question.

    Two words may be a letter apart (contact and contract, employer and employee), so the question decides: a word that
    it uses is meant. A missing or changed letter is a slip only where the question has the right word. Two swapped
    letters, or a doubled one, are a slip in long words even where the question has neither. The first letter and the
    digits must be right: a prefix negates a word, and q1 is not q2.

    >>> is_slip("slaary", "salary", {"average", "salary"}), is_slip("contact", "contract", {"contacts"})
    (True, False)
    >>> is_slip("shopping_cost", "shipping_cost", {"versandkosten"}), is_slip("quantitty", "quantity", {"menge"})
    (False, True)
    """
    words, others = split_words(written), split_words(name)
    if len(words) != len(others):
        return False
    pairs = [(one, other) for one, other in zip(words, others, strict=True) if one != other]
    if len(pairs) != 1:
        return False
    word, other = pairs[0]
    slip = find_slip(word, other)
    if slip is None or word[0] != other[0] or len(word) < _MIN_SLIP_CHARS or not (word + other).isalpha():
        return False
    if _has_word(question, word):
        return False
    if _has_word(question, other):
        return True
    shorter = min(len(word), len(other))
    return (slip is Slip.SWAPPED and shorter >= _MIN_SWAP_CHARS) or (
        slip is Slip.DOUBLED and shorter >= _MIN_DOUBLE_CHARS
    )


def find_slip(word: str, other: str) -> Slip | None:
    """Return the one slip that turns one word into the other; None where they are equal, or further apart."""
    if abs(len(word) - len(other)) > 1 or word == other:
        return None
    at = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    if len(word) == len(other):
        if word[at + 1 :] == other[at + 1 :]:
            return Slip.CHANGED
        swapped = word[at : at + 2] == other[at : at + 2][::-1] and word[at + 2 :] == other[at + 2 :]
        return Slip.SWAPPED if swapped else None
    short, long = sorted((word, other), key=len)
    if short[at:] != long[at + 1 :]:
        return None
    return Slip.DOUBLED if at and long[at] == long[at - 1] else Slip.MISSING


def find_near_names(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return at most three names that share a word with this one or are spelled similarly, the nearest first.

    >>> find_near_names("cost_price", ["id", "price", "stock"])
    ('price',)
    """
    plain, words = "".join(split_words(name)), split_words(name)
    scored = []
    for candidate in dict.fromkeys(candidates):
        bare = candidate.rpartition(".")[2]
        own = split_words(bare)
        shared = sum(any(is_same_word(word, other) for other in own) for word in words)
        ratio = fuzz.ratio(plain, "".join(own))
        if shared or ratio >= _MIN_NEAR_SCORE:
            scored.append((-shared, -ratio, candidate))
    return tuple(candidate for _, _, candidate in sorted(scored)[:_MAX_NEAR_NAMES])


def _has_word(question: Collection[str], word: str) -> bool:
    """Return whether the question has the word, or one that begins with it."""
    return any(is_same_word(question_word, word) or question_word.startswith(word) for question_word in question)

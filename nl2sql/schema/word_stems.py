"""Forms of one word: singular and plural, recognised by their endings alone.

The functions differ in strictness. `is_same_word` is the strictest: a repair replaces names by it. `list_singulars`
proposes spellings, of which the caller must then find one. `stem_word` only weighs which tables a question may mean.

A Porter stemmer is not used: it takes `customer` for `custom`, and chose the tables of the sample data and of the
development questions no better.
"""

from __future__ import annotations

from typing import Final

_MIN_STEM_CHARS: Final = 3
# Endings of a word and of its plural (English, German, French, Spanish), and the shortest word that they apply to.
_PLURALS: Final = (
    ("", "s", 2),
    ("", "es", 3),
    ("y", "ies", 3),
    ("", "n", 5),
    ("", "en", 5),
    ("", "x", 5),
    ("al", "aux", 5),
    ("z", "ces", 3),
)
_IRREGULAR: Final = frozenset({("person", "people"), ("child", "children"), ("man", "men"), ("woman", "women")})
# Endings of an English plural, and what replaces them in the singular.
_ENGLISH_PLURALS: Final = (("ies", "y"), ("es", ""), ("s", ""))


def is_same_word(one: str, other: str) -> bool:
    """Return whether two folded words are the same, or singular and plural of one.

    >>> is_same_word("address", "addresses"), is_same_word("boxes", "box"), is_same_word("sale", "salary")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    if short == long or (short, long) in _IRREGULAR:
        return True
    for singular, plural, least in _PLURALS:
        stem = short.removesuffix(singular)
        if len(short) >= least and short.endswith(singular) and stem + plural == long:
            return not (plural == "s" and short.endswith("s"))
    return False


def list_singulars(word: str) -> set[str]:
    """Return the word and, where it may be an English plural, its possible singulars; not all of them are words.

    >>> sorted(list_singulars("branches")), sorted(list_singulars("categories"))
    (['branch', 'branche', 'branches'], ['categori', 'categorie', 'categories', 'category'])
    """
    return {word} | {word[: -len(plural)] + singular for plural, singular in _ENGLISH_PLURALS if word.endswith(plural)}


def stem_word(word: str) -> str:
    """Return the lower-case word without its plural ending; short ones and those in `ss` are left as they are.

    >>> stem_word("addresses"), stem_word("address"), stem_word("cities"), stem_word("gas")
    ('address', 'address', 'city', 'gas')
    """
    if word.endswith("ss"):
        return word
    for plural, singular in _ENGLISH_PLURALS:
        if word.endswith(plural) and len(word) - len(plural) >= _MIN_STEM_CHARS:
            return word[: -len(plural)] + singular
    return word

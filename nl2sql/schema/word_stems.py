"""Forms of one word: singular and plural, told by endings alone.

Three questions are asked of it, and they are not as strict as each other. `is_same_word` decides about names that a
repair puts in without asking, so it takes no chance. `list_singulars` proposes spellings of which one must then be
found. `stem_word` only weighs which tables a question may mean.

A stemmer in the manner of Porter is not used: it takes `customer` for `custom`, and chose the tables of the sample
data and of the development questions no better.
"""

from __future__ import annotations

from typing import Final

_MIN_STEM_CHARS: Final = 3
# Endings of a word and of its plural: English, German, French, Spanish. The shortest word that each is trusted with.
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
# Endings of an English plural and what stands in their place in the singular.
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
    """Return the word and what its singular may be, where it is an English plural; some of them are no words.

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

"""Singular and plural of one word, as linking, inferred keys and repairs each need to know it."""

from __future__ import annotations

import pytest

from nl2sql.answer.word_trace import match_words
from nl2sql.repair.name_matching import is_plural
from nl2sql.schema.linking import stem_words
from nl2sql.schema.word_stems import is_same_word, list_singulars, stem_word

PAIRS = [
    ("address", "addresses"),
    ("branch", "branches"),
    ("box", "boxes"),
    ("class", "classes"),
    ("category", "categories"),
    ("customer", "customers"),
    ("process", "processes"),
]


@pytest.mark.parametrize(("one", "many"), PAIRS)
def test_singular_and_plural_match_everywhere(one: str, many: str) -> None:
    assert stem_word(one) == stem_word(many) and set(stem_words(one.title())) == set(stem_words(many.upper()))
    assert one in list_singulars(many)
    assert is_same_word(one, many) and is_plural(f"home_{one}", f"Home{many.title()}")
    assert match_words(one, many)


@pytest.mark.parametrize(("one", "other"), [("sale", "salary"), ("addres", "address"), ("custom", "customer")])
def test_other_words_do_not(one: str, other: str) -> None:
    assert not is_same_word(one, other) and stem_word(one) != stem_word(other)


def test_an_ending_of_two_letters_is_tried_before_one() -> None:
    assert list_singulars("gas") == {"gas", "ga"} and stem_word("gas") == "gas"

"""The verified queries whose questions are closest to the one asked, as examples for the model.

Likeness is of words (rapidfuzz's token_set_ratio): no model is asked. Which of them may be shown, the guard decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz, process, utils

# Below it, shown to the embedded model, they cost more answers than they brought.
LIKE: Final = 80.0
SHOWN: Final = 2
LONGEST_SQL: Final = 800
# How many of the likest are tried.
_LOOKED_AT: Final = 8


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the SQL that answers it."""

    question: str
    sql: str


def closest(question: str, examples: Sequence[Example]) -> Iterator[Example]:
    """Those whose question is much like this one and whose SQL is short, the likest first."""
    questions = [example.question if len(example.sql) <= LONGEST_SQL else "" for example in examples]
    likest = process.extract(
        question,
        questions,
        scorer=fuzz.token_set_ratio,
        processor=utils.default_process,
        score_cutoff=LIKE,
        limit=_LOOKED_AT,
    )
    for _, _, at in likest:
        yield examples[at]

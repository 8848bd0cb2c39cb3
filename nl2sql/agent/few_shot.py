"""The verified queries whose questions are closest to the one asked, as examples for the model.

Likeness is of words (rapidfuzz's token_set_ratio): no model is asked. Which of them may be shown, the guard decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz, process, utils

# Below it, shown to the embedded model, they cost more answers than they brought.
MIN_SIMILARITY_PERCENT: Final = 80.0
MAX_EXAMPLES: Final = 2
MAX_SQL_CHARS: Final = 800
# How many of the likest are tried.
_MAX_TRIED_EXAMPLES: Final = 8


@dataclass(frozen=True, slots=True)
class FewShotExample:
    """A question and the SQL that answers it."""

    question: str
    sql: str


def find_closest_examples(question: str, examples: Sequence[FewShotExample]) -> Iterator[FewShotExample]:
    """Those whose question is much like this one and whose SQL is short, the likest first."""
    questions = [example.question if len(example.sql) <= MAX_SQL_CHARS else "" for example in examples]
    likest = process.extract(
        question,
        questions,
        scorer=fuzz.token_set_ratio,
        processor=utils.default_process,
        score_cutoff=MIN_SIMILARITY_PERCENT,
        limit=_MAX_TRIED_EXAMPLES,
    )
    for _, _, at in likest:
        yield examples[at]

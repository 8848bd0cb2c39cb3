"""Chooses the verified queries whose questions are closest to the one asked, as examples for the model.

Similarity is that of words (rapidfuzz's token_set_ratio): no model is asked. The guard decides which may be shown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz, process, utils

from nl2sql.errors import LimitError, ToolError

if TYPE_CHECKING:
    from nl2sql.store import VerifiedQuery

# Below it, shown to the embedded model, they cost more answers than they brought.
MIN_SIMILARITY_PERCENT: Final = 80.0
MAX_EXAMPLES: Final = 2
MAX_SQL_CHARS: Final = 800
# How many of the most similar are tried.
_MAX_TRIED_EXAMPLES: Final = 8


@dataclass(frozen=True, slots=True)
class FewShotExample:
    """A question and the SQL that answers it."""

    question: str
    sql: str


def find_closest_examples(question: str, examples: Sequence[FewShotExample]) -> Iterator[FewShotExample]:
    """Yield the examples whose question is much like this one and whose SQL is short, the most similar first."""
    questions = [example.question if len(example.sql) <= MAX_SQL_CHARS else "" for example in examples]
    closest = process.extract(
        question,
        questions,
        scorer=fuzz.token_set_ratio,
        processor=utils.default_process,
        score_cutoff=MIN_SIMILARITY_PERCENT,
        limit=_MAX_TRIED_EXAMPLES,
    )
    for _, _, at in closest:
        yield examples[at]


def choose_examples(
    question: str, queries: Sequence[VerifiedQuery], check: Callable[[str], object]
) -> list[FewShotExample]:
    """Choose the verified queries closest to the question that pass `check`, which raises where one does not."""
    known = [FewShotExample(query.question, query.bind_samples()) for query in queries]
    found: list[FewShotExample] = []
    for example in find_closest_examples(question, known):
        if len(found) == MAX_EXAMPLES:
            break
        with contextlib.suppress(ToolError, LimitError):
            check(example.sql)
            found.append(example)
    return found

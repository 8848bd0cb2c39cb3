"""Measure execution accuracy: whether predicted rows are the gold's, strictly and leniently, and what is wrong.

It takes rows and returns a score. It runs no SQL; of the gold SQL it reads only the ORDER BY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.evals import cell_equality, ties
from nl2sql.evals.row_matching import Rows, has_same_rows, has_same_rows_in_some_columns

REASONS: Final = (
    "no_sql",
    "refused",
    "error",
    "timeout",
    "empty",
    "missing_rows",
    "extra_rows",
    "missing_columns",
    "extra_columns",
    "wrong_values",
)

Scorer = Callable[[Rows, Rows, bool], bool]


@dataclass(frozen=True, slots=True)
class Score:
    """Both verdicts, and why the strict one is no: one of REASONS, or None.

    `is_tied` says that a verdict is yes only because rows tie by the gold's ORDER BY.
    """

    strict: bool
    lenient: bool
    reason: str | None
    is_tied: bool = False


def match_strictly(predicted: Rows, gold: Rows, ordered: bool) -> bool:
    """Return whether the rows are the same: as many columns, in any order, and each row as often.

    Numbers are equal within a millionth. The order of rows counts where `ordered`.
    """
    if not predicted or not gold:
        return not predicted and not gold
    if len(predicted[0]) != len(gold[0]):
        return False
    return has_same_rows(predicted, gold, ordered=ordered) or has_same_rows_in_some_columns(
        predicted, gold, ordered=ordered
    )


def match_leniently(predicted: Rows, gold: Rows, ordered: bool) -> bool:
    """Return whether they match with further columns allowed, two decimals, and text that is a number or a date."""
    if match_strictly(predicted, gold, ordered):
        return True
    if not predicted or not gold or len(predicted[0]) < len(gold[0]):
        return False
    return has_same_rows_in_some_columns(_loosen_rows(predicted), _loosen_rows(gold), ordered=ordered)


SCORERS: Final[tuple[Scorer, ...]] = (match_strictly, match_leniently)


def score_result(
    predicted: Iterable[Sequence[Any]],
    gold: Iterable[Sequence[Any]],
    *,
    ordered: bool = False,
    groups: Sequence[ties.TieGroup] = (),
) -> Score:
    """Return the score of one result. Rows are sequences of Python values as an engine returns them.

    `groups` are the gold's ties: another order of tied rows is right too.
    """
    predicted_rows, gold_rows = _normalize_rows(predicted), _normalize_rows(gold)
    is_strict, is_lenient = (scorer(predicted_rows, gold_rows, ordered) for scorer in SCORERS)
    by_ties = False
    if not is_strict and predicted_rows and groups and ties.has_matching_order(gold_rows, groups):
        is_strict = ties.has_matching_order(predicted_rows, groups)
        by_ties = not is_lenient and ties.has_matching_order(
            _loosen_rows(predicted_rows), ties.loosen_groups(groups), wider=True
        )
        by_ties, is_lenient = is_strict or by_ties, is_lenient or is_strict or by_ties
    return Score(is_strict, is_lenient, None if is_strict else _find_reason(predicted_rows, gold_rows), by_ties)


def has_top_level_order(gold_sql: str) -> bool:
    """Return whether the SQL has an ORDER BY at its top level, not only inside a subquery."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree: Any = sqlglot.parse_one(gold_sql, read="duckdb")
    except (SqlglotError, RecursionError):
        return _has_order_by_outside_brackets(gold_sql.lower())
    while isinstance(tree, exp.Subquery | exp.Paren) and not tree.args.get("order"):
        tree = tree.this
    return bool(tree.args.get("order"))


def _find_reason(predicted: Rows, gold: Rows) -> str:
    if not predicted:
        return "empty"
    if len(predicted) != len(gold):
        return "missing_rows" if len(predicted) < len(gold) else "extra_rows"
    if len(predicted[0]) != len(gold[0]):
        return "missing_columns" if len(predicted[0]) < len(gold[0]) else "extra_columns"
    return "wrong_values"


def _normalize_rows(rows: Iterable[Sequence[Any]]) -> Rows:
    return [tuple(map(cell_equality.normalize_cell, row)) for row in rows]


def _loosen_rows(rows: Rows) -> Rows:
    return [tuple(map(cell_equality.loosen_cell, row)) for row in rows]


def _has_order_by_outside_brackets(text: str) -> bool:
    depth = 0
    for place, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif depth == 0 and text.startswith("order by", place):
            return True
    return False

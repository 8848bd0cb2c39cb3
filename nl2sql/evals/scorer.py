"""Execution accuracy: whether predicted rows are the gold's, strictly and leniently, and what is wrong with them.

Pure: rows in, a score out. It runs no SQL; the gold's is only looked at for its ORDER BY.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.evals import cell_equality, ties
from nl2sql.evals.row_matching import Rows, same_rows, same_rows_in_some_columns

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

    `tied` says that a verdict is yes only because rows tie by the gold's ORDER BY.
    """

    strict: bool
    lenient: bool
    reason: str | None
    tied: bool = False


def strict(predicted: Rows, gold: Rows, ordered: bool) -> bool:
    """As many columns, in any order; each row as often; row order where `ordered`; numbers within a millionth."""
    if not predicted or not gold:
        return not predicted and not gold
    if len(predicted[0]) != len(gold[0]):
        return False
    return same_rows(predicted, gold, ordered=ordered) or same_rows_in_some_columns(predicted, gold, ordered=ordered)


def lenient(predicted: Rows, gold: Rows, ordered: bool) -> bool:
    """As strict, but further columns are allowed, numbers count to two decimals, text may be a number or a date."""
    if strict(predicted, gold, ordered):
        return True
    if not predicted or not gold or len(predicted[0]) < len(gold[0]):
        return False
    return same_rows_in_some_columns(_loosened(predicted), _loosened(gold), ordered=ordered)


SCORERS: Final[tuple[Scorer, ...]] = (strict, lenient)


def score(
    predicted: Iterable[Sequence[Any]],
    gold: Iterable[Sequence[Any]],
    *,
    ordered: bool = False,
    groups: Sequence[ties.Group] = (),
) -> Score:
    """Judge one result. Rows are sequences of Python values as an engine gives them.

    `groups` are the gold's ties: what another order of tied rows would give is right too.
    """
    predicted_rows, gold_rows = _plain(predicted), _plain(gold)
    is_strict, is_lenient = (scorer(predicted_rows, gold_rows, ordered) for scorer in SCORERS)
    by_ties = False
    if not is_strict and predicted_rows and groups and ties.fits(gold_rows, groups):
        is_strict = ties.fits(predicted_rows, groups)
        by_ties = not is_lenient and ties.fits(_loosened(predicted_rows), ties.loosen(groups), wider=True)
        by_ties, is_lenient = is_strict or by_ties, is_lenient or is_strict or by_ties
    return Score(is_strict, is_lenient, None if is_strict else _reason(predicted_rows, gold_rows), by_ties)


def order_matters(gold_sql: str) -> bool:
    """Whether the SQL has an ORDER BY at its top level, not only inside a subquery."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree: Any = sqlglot.parse_one(gold_sql, read="duckdb")
    except (SqlglotError, RecursionError):
        return _order_by_outside_brackets(gold_sql.lower())
    while isinstance(tree, exp.Subquery | exp.Paren) and not tree.args.get("order"):
        tree = tree.this
    return bool(tree.args.get("order"))


def _reason(predicted: Rows, gold: Rows) -> str:
    if not predicted:
        return "empty"
    if len(predicted) != len(gold):
        return "missing_rows" if len(predicted) < len(gold) else "extra_rows"
    if len(predicted[0]) != len(gold[0]):
        return "missing_columns" if len(predicted[0]) < len(gold[0]) else "extra_columns"
    return "wrong_values"


def _plain(rows: Iterable[Sequence[Any]]) -> Rows:
    return [tuple(map(cell_equality.plain, row)) for row in rows]


def _loosened(rows: Rows) -> Rows:
    return [tuple(map(cell_equality.lenient, row)) for row in rows]


def _order_by_outside_brackets(text: str) -> bool:
    depth = 0
    for place, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
        elif depth == 0 and text.startswith("order by", place):
            return True
    return False

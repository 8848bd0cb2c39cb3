"""Two reports compared on the questions that both judged: where they differ, and whether that may be chance.

It reads reports, and asks nothing again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nl2sql.errors import ConfigError
from nl2sql.evals.eval_case import Case
from nl2sql.evals.report import SCORES, compute_accuracy, read_cases
from nl2sql.evals.statistics import compute_mcnemar_p


def compare_reports(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """`n`, and each score's comparison: `{first, second, only_first, only_second, p, fell}`.

    `first` and `second` are accuracies on the same questions; `only_first` and `only_second` list the questions
    that only one has right, as `{id, db, question, first: {reason, sql}, second: {…}}`; `p` is McNemar's, exact and
    two-sided. `fell` says that the second is below the first's 95% interval. ConfigError where no question is in both.
    """
    pairs = _pair_cases(read_cases(first), read_cases(second))
    if not pairs:
        raise ConfigError("the two reports have no judged question in common", "Compare reports of the same questions.")
    before, after = compute_accuracy([one for one, _ in pairs]), compute_accuracy([other for _, other in pairs])
    return {"n": len(pairs), **{name: _compare_score(name, pairs, before, after) for name in SCORES}}


def _pair_cases(first: Sequence[Case], second: Sequence[Case]) -> list[tuple[Case, Case]]:
    """Cases of the same question, with the same gold, judged in both."""
    known = {(case.id, case.question, case.gold_sql): case for case in first if case.is_judged}
    pairs = ((known.get((case.id, case.question, case.gold_sql)), case) for case in second if case.is_judged)
    return [(one, other) for one, other in pairs if one is not None]


def _compare_score(
    name: str, pairs: Sequence[tuple[Case, Case]], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    only_first = [(one, other) for one, other in pairs if getattr(one, name) and not getattr(other, name)]
    only_second = [(one, other) for one, other in pairs if getattr(other, name) and not getattr(one, name)]
    return {
        "first": before[name],
        "second": after[name],
        "only_first": [_describe_difference(*pair) for pair in only_first],
        "only_second": [_describe_difference(*pair) for pair in only_second],
        "p": round(compute_mcnemar_p(len(only_first), len(only_second)), 6),
        "fell": after[name] < before[f"{name}_interval"][0],
    }


def _describe_difference(one: Case, other: Case) -> dict[str, Any]:
    return {
        "id": one.id,
        "db": one.db,
        "question": one.question,
        "first": {"reason": one.reason, "sql": one.sql},
        "second": {"reason": other.reason, "sql": other.sql},
    }

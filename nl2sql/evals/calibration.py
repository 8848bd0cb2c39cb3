"""Fit the weights of the confidence's signs on reports of `nl2sql eval`, and say how well they hold on other databases.

    python -m nl2sql.evals.calibration report.json [more.json …]

It prints weights and levels, and changes no file. The fit is a logistic regression with an L2 penalty. It is judged by
cross-validation in which no database is both learnt from and judged. Signs that are too rare in questions with known
answers keep the weight that `answer.confidence.SIGNS` gives them. Each answer is learnt from a second time as if the
model returned no log-probabilities, so that one table serves both kinds of model.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nl2sql.answer.confidence import LOGPROB_SIGNS, NO_LOGPROBS, SIGNS
from nl2sql.evals.eval_case import Case
from nl2sql.evals.report import read_cases, read_report
from nl2sql.evals.statistics import compute_brier_score

RIDGE_PENALTY: Final = 1.0
FOLD_COUNT: Final = 10
MIN_HIGH_RATIO: Final = 0.9
MAX_LOW_RATIO: Final = 0.4
_MAX_ROUNDS: Final = 50
_CONVERGENCE_TOLERANCE: Final = 1e-8


@dataclass(frozen=True, slots=True)
class Sample:
    """One answered question: its database, the values of its signs by name, and whether its rows were right."""

    database: str
    signs: Mapping[str, float]
    is_right: bool


@dataclass(frozen=True, slots=True)
class FittedWeights:
    """A bias and a weight for each sign, all in log-odds."""

    bias: float
    weights: Mapping[str, float]

    def compute_score(self, signs: Mapping[str, float]) -> float:
        """Return the probability (0 to 1) that an answer with these signs is right."""
        return _compute_sigmoid(self.bias + sum(self.weights.get(name, 0.0) * value for name, value in signs.items()))


def collect_samples(cases: Sequence[Case]) -> list[Sample]:
    """Return a sample for each judged case that was answered; the rows of an answer that was withheld are not known."""
    return [
        Sample(case.db, case.signs, bool(case.strict))
        for case in cases
        if case.is_judged and case.confidence is not None and case.status == "answered"
    ]


def drop_logprobs(sample: Sample) -> Sample:
    """Return the sample as it would be from a model that returns no log-probabilities."""
    signs = {name: value for name, value in sample.signs.items() if name not in LOGPROB_SIGNS}
    return replace(sample, signs={**signs, NO_LOGPROBS: 1.0})


def fit_weights(
    samples: Sequence[Sample],
    names: Sequence[str],
    fixed: Mapping[str, float] | None = None,
    penalty: float = RIDGE_PENALTY,
) -> FittedWeights:
    """Fit bias and weights by Newton's method; signs that no sample has get the weight 0.

    The signs in `fixed` keep the weights given there.

    Raises:
        ValueError: where there are no samples.
    """
    fixed = fixed or {}
    names = [name for name in names if name not in fixed]
    if not samples:
        raise ValueError("there are no samples to fit")
    rows = [[1.0, *(sample.signs.get(name, 0.0) for name in names)] for sample in samples]
    offsets = [sum(fixed.get(name, 0.0) * value for name, value in sample.signs.items()) for sample in samples]
    size = len(names) + 1
    weights = [0.0] * size
    for _ in range(_MAX_ROUNDS):
        gradient = [0.0] + [-penalty * weight for weight in weights[1:]]
        curvature = [[penalty if i == j and i else 0.0 for j in range(size)] for i in range(size)]
        for row, sample, offset in zip(rows, samples, offsets, strict=True):
            score = _compute_sigmoid(offset + sum(weight * value for weight, value in zip(weights, row, strict=True)))
            for i in range(size):
                gradient[i] += (sample.is_right - score) * row[i]
                for j in range(size):
                    curvature[i][j] += score * (1 - score) * row[i] * row[j]
        curvature[0][0] += _CONVERGENCE_TOLERANCE
        steps = _solve(curvature, gradient)
        weights = [weight + step for weight, step in zip(weights, steps, strict=True)]
        if max(map(abs, steps)) < _CONVERGENCE_TOLERANCE:
            break
    return FittedWeights(weights[0], {**dict(zip(names, weights[1:], strict=True)), **fixed})


def fit_doubt_weights(
    samples: Sequence[Sample], names: Sequence[str], fixed: Mapping[str, float] | None = None
) -> FittedWeights:
    """Fit weights of which none is above 0: a sign of doubt that would raise the score gets the weight 0.

    Each sample is learnt from twice, with log-probabilities and without.
    """
    fitted_names, doubled = list(names), [*samples, *map(drop_logprobs, samples)]
    while True:
        fit = fit_weights(doubled, fitted_names, fixed)
        raising = [name for name in fitted_names if name not in (fixed or {}) and fit.weights[name] > 0]
        if not raising:
            return FittedWeights(fit.bias, {**dict.fromkeys(names, 0.0), **fit.weights})
        fitted_names.remove(max(raising, key=lambda name: fit.weights[name]))


def cross_validate(
    samples: Sequence[Sample],
    names: Sequence[str],
    fixed: Mapping[str, float] | None = None,
    *,
    folds: int = FOLD_COUNT,
    has_logprobs: bool = True,
) -> list[tuple[float, bool]]:
    """Return a (score, right) pair for each sample, scored by a fit that saw no sample of its database.

    Without `has_logprobs` the samples are judged as if the model returned no log-probabilities.
    """
    databases = sorted({sample.database for sample in samples})
    fold_of = {name: number % folds for number, name in enumerate(databases)}
    scored: list[tuple[float, bool]] = []
    for fold in range(folds):
        learnt = [sample for sample in samples if fold_of[sample.database] != fold]
        judged = [sample for sample in samples if fold_of[sample.database] == fold]
        if learnt and judged:
            fit = fit_doubt_weights(learnt, names, fixed)
            judged = judged if has_logprobs else [drop_logprobs(sample) for sample in judged]
            scored += [(fit.compute_score(sample.signs), sample.is_right) for sample in judged]
    return scored


def choose_levels(scored: Sequence[tuple[float, bool]]) -> tuple[float | None, float | None]:
    """Return the lowest score of the level `high`, and the highest of the level `low`; None where there is none.

    Of the answers with such a score or a higher one, at least MIN_HIGH_RATIO are right; with a lower one, at most
    MAX_LOW_RATIO.
    """
    high = low = None
    for score in sorted({score for score, _ in scored}):
        above = [right for other, right in scored if other >= score]
        below = [right for other, right in scored if other <= score]
        if high is None and sum(above) / len(above) >= MIN_HIGH_RATIO:
            high = score
        if high is None and sum(below) / len(below) <= MAX_LOW_RATIO:
            low = score
    return high, low


def describe_fit(samples: Sequence[Sample]) -> str:
    """Return the weights, the levels, and the result of cross-validation, as text."""
    fixed = {sign.name: sign.weight for sign in SIGNS if not sign.is_fitted}
    names = sorted({name for sample in samples for name in sample.signs} | {NO_LOGPROBS})
    fit = fit_doubt_weights(samples, names, fixed)
    scored = cross_validate(samples, names, fixed)
    high, low = choose_levels(scored)
    lines = [f"{len(samples)} answers over {len({s.database for s in samples})} databases", f"bias {fit.bias:.2f}"]
    lines += [f"{name} {weight:+.2f}{' (fixed)' if name in fixed else ''}" for name, weight in fit.weights.items()]
    lines += _describe_levels("cross-validated by database", scored, high, low)
    without = cross_validate(samples, names, fixed, has_logprobs=False)
    lines += _describe_levels("the same without log-probabilities", without, high, low)
    return "\n".join(lines)


def _describe_levels(
    title: str, scored: Sequence[tuple[float, bool]], high: float | None, low: float | None
) -> list[str]:
    brier = compute_brier_score(scored)
    if brier is None:
        return [f"{title}: no fold could judge"]
    lines = [f"{title}: Brier score {brier:.3f}"]
    for name, level, inside in (
        ("high", high, [right for score, right in scored if high is not None and score >= high]),
        ("low", low, [right for score, right in scored if low is not None and score <= low]),
    ):
        if inside:
            share, right = len(inside) / len(scored), sum(inside) / len(inside)
            lines.append(f"{name}: score {level:.2f}, {share:.0%} of the answers, {right:.0%} of them right")
    return lines


def _compute_sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _solve(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    """Solve a positive definite system by Gaussian elimination with pivots."""
    size = len(vector)
    rows = [[*row, value] for row, value in zip(matrix, vector, strict=True)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda k, column=i: abs(rows[k][column]))  # type: ignore[misc]
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k in range(i + 1, size):
            factor = rows[k][i] / rows[i][i]
            rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    solution = [0.0] * size
    for i in reversed(range(size)):
        known = sum(rows[i][j] * solution[j] for j in range(i + 1, size))
        solution[i] = (rows[i][size] - known) / rows[i][i]
    return solution


if __name__ == "__main__":
    reports = [read_report(Path(name)) for name in sys.argv[1:]]
    sys.stdout.write(describe_fit(collect_samples([case for report in reports for case in read_cases(report)])) + "\n")

"""Intervals and tests, against figures worked out elsewhere."""

from __future__ import annotations

import pytest

from nl2sql.evals.statistics import compute_mcnemar_p, compute_percentile, compute_wilson_interval


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962), (1, 1, 0.2065, 1.0)],
)
def test_wilson(correct: int, n: int, low: float, high: float) -> None:
    assert compute_wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (0, 6, 0.03125), (10, 2, 0.038574), (2, 10, 0.038574)],
)
def test_mcnemar(one: int, other: int, p: float) -> None:
    assert compute_mcnemar_p(one, other) == pytest.approx(p, abs=1e-6)


def test_percentile() -> None:
    assert compute_percentile([], 0.5) is None
    assert compute_percentile([3.0], 0.95) == 3.0
    assert compute_percentile([4.0, 1.0, 2.0, 3.0], 0.5) == 2.5
    assert compute_percentile([float(i) for i in range(101)], 0.95) == 95.0

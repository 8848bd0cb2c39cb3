"""Intervals, percentiles, forecast scores, and the test that compares two runs on the same questions.

Plain arithmetic: it knows no cases and no reports.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_Z_95: Final = 1.959963984540054


def compute_wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Return the 95% interval of a share, by Wilson's score; (0, 1) where nothing was counted."""
    if n == 0:
        return (0.0, 1.0)
    share, z2 = correct / n, _Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (max(0.0, centre - half), min(1.0, centre + half))


def compute_mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value that two runs are equally good, from the questions that only one has right.

    >>> compute_mcnemar_p(4, 0)
    0.125
    """
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, tail / 2 ** (n - 1)) if n else 1.0


def compute_percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which that share (0 to 1) of the values lies, interpolated; None where there are none.

    >>> compute_percentile([1.0, 2.0], 0.5)
    1.5
    """
    if not values:
        return None
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


def compute_brier_score(forecasts: Sequence[tuple[float, bool]]) -> float | None:
    """Return the mean squared distance of forecast (0 to 1) and outcome; 0 is perfect, None where there are none.

    Brier, Verification of forecasts expressed in terms of probability, 1950.
    """
    if not forecasts:
        return None
    return sum((score - right) ** 2 for score, right in forecasts) / len(forecasts)


def compute_reliability(forecasts: Sequence[tuple[float, bool]], bins: int = 10) -> list[tuple[float, float, int]]:
    """Return a point for each bin of equal width that has forecasts: mean forecast, share that came true, count."""
    points = []
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [(s, r) for s, r in forecasts if low <= s < high or (s == 1.0 and number == bins - 1)]
        if inside:
            count = len(inside)
            points.append((sum(s for s, _ in inside) / count, sum(r for _, r in inside) / count, count))
    return points

"""The fit of the confidence's weights, on samples whose true weights are known."""

from __future__ import annotations

import math
import random

import pytest

from nl2sql.evals.calibration import (
    Sample,
    choose_levels,
    cross_validate,
    describe_fit,
    drop_logprobs,
    fit_doubt_weights,
    fit_weights,
)
from nl2sql.evals.statistics import compute_brier_score, compute_reliability


def samples(count: int, seed: int = 1) -> list[Sample]:
    """Answers that are right with the odds exp(1 - 2·doubt); `noise` says nothing."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        signs = {"doubt": draw.uniform(0, 3), "noise": draw.uniform(-1, 1)}
        chance = 1 / (1 + math.exp(-(1 - 2 * signs["doubt"])))
        made.append(Sample(f"db{number % 12}", signs, draw.random() < chance))
    return made


def test_the_fit_finds_the_weights_that_made_the_samples() -> None:
    fit = fit_weights(samples(4000), ["doubt", "noise"])
    assert fit.bias == pytest.approx(1.0, abs=0.2)
    assert fit.weights["doubt"] == pytest.approx(-2.0, abs=0.25) and abs(fit.weights["noise"]) < 0.2
    assert fit.compute_score({"doubt": 0.0, "noise": 0.0}) == pytest.approx(1 / (1 + math.exp(-fit.bias)))


def test_a_sign_that_no_sample_shows_weighs_nothing() -> None:
    assert fit_weights(samples(200), ["doubt", "absent"]).weights["absent"] == 0.0
    with pytest.raises(ValueError, match="no samples"):
        fit_weights([], ["doubt"])


def test_a_sign_of_doubt_never_raises_the_score() -> None:
    cheering = [
        Sample(s.database, {"cheer": 3 - s.signs["doubt"], "doubt": s.signs["noise"]}, s.is_right) for s in samples(600)
    ]
    fit = fit_doubt_weights(cheering, ["cheer", "doubt"])
    assert fit.weights["cheer"] == 0.0 and fit.weights["doubt"] <= 0.0
    honest = fit_doubt_weights(samples(600), ["doubt", "noise"])
    assert honest.weights["doubt"] < -1.0


def test_signs_with_a_weight_of_their_own_keep_it() -> None:
    fit = fit_doubt_weights(samples(600), ["doubt", "noise"], {"noise": -2.0})
    assert fit.weights["noise"] == -2.0 and fit.weights["doubt"] < -1.0


def test_a_sample_without_log_probabilities_says_so() -> None:
    dropped = drop_logprobs(Sample("db", {"surprise": 2.0, "failed_tries": 1.0}, is_right=True))
    assert dropped.signs == {"failed_tries": 1.0, "no_logprobs": 1.0}


def test_no_database_is_both_learnt_from_and_judged() -> None:
    """A sign that tells databases apart, and nothing else, forecasts nothing of a database not seen."""
    told = [Sample(f"db{n % 8}", {f"is_db{n % 8}": 1.0}, n % 8 < 4) for n in range(160)]
    names = sorted({name for sample in told for name in sample.signs})
    scored = cross_validate(told, names, folds=8)
    right, wrong = ([score for score, is_right in scored if is_right is wanted] for wanted in (True, False))
    assert len(scored) == 160 and abs(sum(right) / len(right) - sum(wrong) / len(wrong)) < 0.2


def test_levels_hold_what_they_promise() -> None:
    scored = (
        [(0.95, True)] * 9
        + [(0.94, False)]
        + [(0.5, True), (0.5, False), (0.5, False)] * 5
        + [(0.1, False)] * 4
        + [(0.1, True)]
    )
    high, low = choose_levels(scored)
    assert high == 0.94 and low == 0.5
    assert choose_levels([(0.5, True), (0.5, False)]) == (None, None)


def test_the_figures_of_forecasts() -> None:
    assert compute_brier_score([]) is None and compute_brier_score([(1.0, True), (0.0, False)]) == 0.0
    assert compute_brier_score([(0.5, True), (0.5, False)]) == 0.25
    assert compute_reliability([(0.05, False), (1.0, True), (0.95, False)]) == [(0.05, 0.0, 1), (0.975, 0.5, 2)]


def test_what_the_fit_says_names_every_sign_and_both_levels() -> None:
    text = describe_fit(samples(600))
    assert "600 answers over 12 databases" in text and "doubt -" in text and "noise" in text
    assert "cross-validated" in text and "low: " in text

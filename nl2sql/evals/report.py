"""Make the report of an evaluation as one JSON object, the figures and then every case, and compare two reports.

    file, model, version, started_at, finished     finished is false where the run was stopped before its end
    n                                              cases judged; the others are in `problems`
    strict, lenient                                shares, 0 to 1 (null where n is 0)
    strict_interval, lenient_interval              95% intervals (Wilson), [low, high]
    strict_correct, lenient_correct                counts
    by_difficulty, by_database, by_source          name → {n, strict, strict_interval, …}
    by_confidence                                  high, check, low → {n, share, strict}: of the answered cases
    brier, reliability                             Brier score of the answers; [mean score, share right, n] a bin
    tied                                           count of cases that are right only because rows tie
    reasons                                        each of scorer.REASONS → count of cases that are not strict
    problems                                       [{line, id, problem}]: bad lines, and cases that could not be judged
    usage                                          prompt, cached, completion _tokens; model_calls; cost_usd
    seconds                                        {p50, p95, model_p50, model_p95, total}: of a question; total of all
    prompts                                        key → {databases, text}: what the model saw before each question
    cases                                          every Case, with `prompt` as a key of prompts

It counts, and draws nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nl2sql import __version__
from nl2sql.errors import ConfigError
from nl2sql.evals import eval_case as cases
from nl2sql.evals.eval_case import Case
from nl2sql.evals.example_file import BadLine
from nl2sql.evals.journal import make_prompt_key
from nl2sql.evals.scorer import REASONS
from nl2sql.evals.statistics import (
    compute_brier_score,
    compute_mcnemar_p,
    compute_percentile,
    compute_reliability,
    compute_wilson_interval,
)

SCORES: Final = ("strict", "lenient")
LEVELS: Final = ("high", "check", "low")
_COUNTED: Final = ("prompt_tokens", "cached_tokens", "completion_tokens", "model_calls")


@dataclass(frozen=True, slots=True)
class EvalRun:
    """What was run: the name of the questions' file, the model, the start (ISO, UTC), and whether it was finished."""

    file: str
    model: str
    started_at: str
    is_finished: bool = True


def build_report(run: EvalRun, judged: Sequence[Case], bad_lines: Sequence[BadLine] = ()) -> dict[str, Any]:
    """Return the JSON object that the module's docstring describes."""
    counted = [case for case in judged if case.is_judged]
    reasons = [case.reason for case in counted if not case.strict]
    return {
        "file": run.file,
        "model": run.model,
        "version": __version__,
        "started_at": run.started_at,
        "finished": run.is_finished,
        **compute_accuracy(counted),
        "by_difficulty": _group_accuracy(counted, lambda case: case.difficulty),
        "by_database": _group_accuracy(counted, lambda case: case.db),
        "by_source": _group_accuracy(counted, lambda case: case.source),
        **compute_confidence_figures(counted),
        "tied": sum(case.tied for case in counted),
        "reasons": {reason: reasons.count(reason) for reason in REASONS},
        "problems": [
            *({"line": bad.line, "id": None, "problem": bad.problem} for bad in bad_lines),
            *({"line": None, "id": case.id, "problem": case.problem} for case in judged if not case.is_judged),
        ],
        "usage": _sum_usage(judged),
        "seconds": _compute_seconds(judged),
        "prompts": _collect_prompts(judged),
        "cases": [cases.encode_case(replace(case, prompt=make_prompt_key(case.prompt))) for case in judged],
    }


def compute_accuracy(counted: Sequence[Case]) -> dict[str, Any]:
    """Return `n`, and each score with its interval and count."""
    figures: dict[str, Any] = {"n": len(counted)}
    for name in SCORES:
        correct = sum(bool(getattr(case, name)) for case in counted)
        figures[name] = round(correct / len(counted), 4) if counted else None
        figures[f"{name}_interval"] = [round(bound, 4) for bound in compute_wilson_interval(correct, len(counted))]
        figures[f"{name}_correct"] = correct
    return figures


def compute_confidence_figures(counted: Iterable[Case]) -> dict[str, Any]:
    """Return how often answers of each level are right, and how well the scores predict it."""
    answered = [
        (case.confidence, bool(case.strict))
        for case in counted
        if case.confidence is not None and case.status == "answered"
    ]
    forecasts = [(float(confidence["score"]), right) for confidence, right in answered]
    by_level = {}
    for level in LEVELS:
        outcomes = [right for confidence, right in answered if confidence["level"] == level]
        by_level[level] = {
            "n": len(outcomes),
            "share": round(len(outcomes) / len(answered), 4) if answered else None,
            "strict": round(sum(outcomes) / len(outcomes), 4) if outcomes else None,
        }
    brier = compute_brier_score(forecasts)
    points = compute_reliability(forecasts)
    return {
        "by_confidence": by_level,
        "brier": None if brier is None else round(brier, 4),
        "reliability": [[round(score, 4), round(share, 4), count] for score, share, count in points],
    }


def read_report(path: Path) -> dict[str, Any]:
    """Return the report in that file.

    Raises:
        ConfigError: where the file cannot be read or is no report.
    """
    try:
        report = json.loads(path.read_bytes())
        _ = [cases.decode_case(case) for case in report["cases"]]
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}", "Check the name and its permissions.") from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ConfigError(f"{path} is no report of nl2sql eval", "Write one with: nl2sql eval … -o json") from exc
    return dict(report)


def read_cases(report: Mapping[str, Any]) -> list[Case]:
    """Return a report's cases; their `prompt` is a key of the report's prompts."""
    return [cases.decode_case(case) for case in report["cases"]]


def _group_accuracy(counted: Iterable[Case], name_of: Callable[[Case], str]) -> dict[str, Any]:
    groups: dict[str, list[Case]] = {}
    for case in counted:
        if name := name_of(case):
            groups.setdefault(name, []).append(case)
    return {name: compute_accuracy(groups[name]) for name in sorted(groups)}


def _sum_usage(judged: Sequence[Case]) -> dict[str, Any]:
    used = [case.usage for case in judged if case.usage]
    costs = [usage["cost_usd"] for usage in used if usage["cost_usd"] is not None]
    return {
        **{name: sum(usage[name] for usage in used) for name in _COUNTED},
        "cost_usd": round(sum(costs), 6) if costs else None,
    }


def _compute_seconds(judged: Sequence[Case]) -> dict[str, Any]:
    total = [case.seconds["total"] for case in judged if case.seconds]
    model = [case.seconds["model"] for case in judged if case.seconds]
    figures = {
        "p50": compute_percentile(total, 0.5),
        "p95": compute_percentile(total, 0.95),
        "model_p50": compute_percentile(model, 0.5),
        "model_p95": compute_percentile(model, 0.95),
        "total": sum(total),
    }
    return {name: None if value is None else round(value, 3) for name, value in figures.items()}


def _collect_prompts(judged: Iterable[Case]) -> dict[str, Any]:
    prompts: dict[str, Any] = {}
    for case in judged:
        if case.prompt:
            entry = prompts.setdefault(make_prompt_key(case.prompt), {"databases": [], "text": case.prompt})
            if case.db not in entry["databases"]:
                entry["databases"].append(case.db)
    return prompts


def compare_reports(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return `n`, and each score's comparison: `{first, second, only_first, only_second, p, fell}`.

    `first` and `second` are accuracies on the same questions; `only_first` and `only_second` list the questions that
    only one has right, as `{id, db, question, first: {reason, sql}, second: {…}}`; `p` is McNemar's, exact and
    two-sided. `fell` says that the second is below the first's 95% interval.

    Raises:
        ConfigError: where no question is in both.
    """
    pairs = _pair_cases(read_cases(first), read_cases(second))
    if not pairs:
        raise ConfigError("the two reports have no judged question in common", "Compare reports of the same questions.")
    before, after = compute_accuracy([one for one, _ in pairs]), compute_accuracy([other for _, other in pairs])
    return {"n": len(pairs), **{name: _compare_score(name, pairs, before, after) for name in SCORES}}


def _pair_cases(first: Sequence[Case], second: Sequence[Case]) -> list[tuple[Case, Case]]:
    """Return the cases of the same question and gold that were judged in both."""
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

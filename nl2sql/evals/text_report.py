"""Write an evaluation as text and tables: the progress line while it runs, the figures at its end.

It returns texts; the command line prints them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from nl2sql.evals.eval_case import Case
from nl2sql.evals.report import SCORES

Table = tuple[Sequence[str], Sequence[Sequence[str]]]

_BROKEN_DOWN: Final = ("by_source", "by_difficulty", "by_database")
_MAX_LISTED: Final = 20
_MINUTE_SECONDS: Final = 60


class ProgressEstimate:
    """How far a run is, and how long it may still take, from the mean time of the questions asked so far."""

    def __init__(self, total: int, done: Sequence[Case], clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._done, self._asked = total, len(done), 0
        self._judged = sum(case.is_judged for case in done)
        self._right = sum(bool(case.strict) for case in done)
        self._clock, self._start = clock, clock()

    def advance(self, case: Case) -> str:
        """Count this case, and return the progress line."""
        self._done += 1
        self._asked += 1
        self._judged += case.is_judged
        self._right += bool(case.strict)
        parts = [f"{self._done}/{self._total}"]
        if self._judged:
            parts.append(f"strict {self._right / self._judged:.1%}")
        if self._done < self._total:
            each = (self._clock() - self._start) / self._asked
            parts.append(f"about {format_duration(each * (self._total - self._done))} left")
        return ", ".join(parts)


def describe_outcome(case: Case) -> str:
    """Return how the case ended: right, lenient, a reason, or not judged."""
    if not case.is_judged:
        return "not judged"
    right = "right (rows tie)" if case.tied else "right"
    return right if case.strict else f"{case.reason} (lenient: right)" if case.lenient else str(case.reason)


def format_duration(seconds: float) -> str:
    """Return seconds as people write them, in s, min or h.

    >>> format_duration(300)
    '5 min'
    """
    if seconds < 2 * _MINUTE_SECONDS:
        return f"{seconds:.0f} s"
    return (
        f"{seconds / _MINUTE_SECONDS:.0f} min"
        if seconds < 100 * _MINUTE_SECONDS
        else f"{seconds / _MINUTE_SECONDS / _MINUTE_SECONDS:.1f} h"
    )


def format_percent(share: float | None) -> str:
    """Return a share as percent; a dash for None."""
    return "-" if share is None else f"{share:.1%}"


def format_interval(bounds: Sequence[float]) -> str:
    """Return both ends of an interval of shares as percent."""
    return f"{bounds[0]:.1%} to {bounds[1]:.1%}"


def make_report_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the report's tables: scores over all and by group, reasons, tokens and time."""
    rows = [_format_scores("all", report)]
    for name in _BROKEN_DOWN:
        groups = report[name]
        if name == "by_database" and len(groups) > _MAX_LISTED:
            continue
        if len(groups) > 1:
            rows += [_format_scores(f"{name[3:]}: {group}", figures) for group, figures in groups.items()]
    yield ["", "n", "strict", "95% interval", "lenient", "95% interval"], rows
    reasons = [[reason, f"{count}"] for reason, count in report["reasons"].items() if count]
    if reasons:
        yield ["reason", "cases"], reasons
    if report.get("tied"):
        yield (
            ["ties", "cases"],
            [["right in another order of rows that tie by the gold's ORDER BY", str(report["tied"])]],
        )
    levels = report.get("by_confidence", {})
    rows = [
        [level, f"{figures['n']}", format_percent(figures["share"]), format_percent(figures["strict"])]
        for level, figures in levels.items()
        if figures["n"]
    ]
    if rows:
        yield ["confidence", "n", "of the answers", "strict"], rows
        yield ["Brier score", ""], [["of the answers", f"{report['brier']:.3f}"]]
    usage, seconds = report["usage"], report["seconds"]
    per_question = max(len(report["cases"]), 1)
    rows = [
        [name.replace("_", " "), f"{usage[name]:,}", f"{usage[name] / per_question:,.1f}"]
        for name in usage
        if name != "cost_usd"
    ]
    yield ["used", "all", "a question"], rows
    shown = [[name.replace("_", " "), f"{value:,.2f}"] for name, value in seconds.items() if value is not None]
    yield ["seconds", ""], shown


def list_unjudged(report: Mapping[str, Any]) -> list[str]:
    """Return what could not be judged, a line each."""
    return [
        f"{'line ' + str(entry['line']) if entry['line'] else entry['id']}: {entry['problem']}"
        for entry in report["problems"]
    ]


def make_comparison_tables(compared: Mapping[str, Any], first: str, second: str) -> Iterator[Table]:
    """Yield the tables of two compared reports: the scores, then the questions that differ by the strict one."""
    rows = []
    for name in SCORES:
        score = compared[name]
        changes = [str(len(score["only_first"])), str(len(score["only_second"])), f"{score['p']:.4f}"]
        rows.append(
            [name, str(compared["n"]), format_percent(score["first"]), format_percent(score["second"]), *changes]
        )
    yield ["score", "n", first, second, "only first", "only second", "p (McNemar)"], rows
    strict = compared["strict"]
    for title, side, reason_of in (
        ("only first right", "only_first", "second"),
        ("only second right", "only_second", "first"),
    ):
        if strict[side]:
            listed = [
                [entry["id"], entry["db"], str(entry[reason_of]["reason"]), entry["question"]] for entry in strict[side]
            ]
            yield [title, "db", "the other's reason", "question"], listed


def _format_scores(name: str, figures: Mapping[str, Any]) -> list[str]:
    cells = [name, str(figures["n"])]
    for score in SCORES:
        cells += [
            format_percent(figures[score]),
            format_interval(figures[f"{score}_interval"]) if figures["n"] else "-",
        ]
    return cells

"""The sample data's questions with their queries broken: repaired to the same rows, or left, never to others."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

from nl2sql.sample_database import find_sample_folder

OUTCOMES = ("same rows", "other rows", "still fails")


EVERY = 23


def test_broken_sample_queries_come_back_with_the_same_rows(sample: Any) -> None:
    counts, others = outcomes(sample, EVERY)
    total = sum(counts.values())
    same, wrong = (sum(n for (_, o), n in counts.items() if o == outcome) for outcome in OUTCOMES[:2])
    report = table(counts) + "\n" + "\n".join(others)
    assert total > 60, report
    assert same >= 0.7 * total, report
    assert wrong == 0, report


def load_corruptions() -> Any:
    spec = importlib.util.spec_from_file_location("corruptions", Path(__file__).parent / "query_corruptions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def outcomes(sample: Any, every: int = 1) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How often each kind of corruption came to each outcome, and the texts that came to other rows."""
    corrupted = load_corruptions().corrupted
    counts: Counter[tuple[str, str]] = Counter()
    others: list[str] = []
    given: dict[str, Counter[str] | None] = {}
    for line in (find_sample_folder() / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        gold = sample.rows(case["gold_sql"])
        for kind, sql in list(dict.fromkeys(corrupted(case["gold_sql"], sample.schema)))[::every]:
            if binds(sample, sql):
                continue
            report = sample.repair(sql, case["question"])
            if report.sql and report.sql not in given:
                given[report.sql] = rows(sample, report.sql)
            if not report.sql or given[report.sql] is None:
                outcome = "still fails"
            else:
                outcome = "same rows" if given[report.sql] == gold else "other rows"
            counts[kind, outcome] += 1
            if outcome != "same rows":
                others.append(f"{case['id']} {kind}: {outcome}\n  {sql}\n  {report}")
    return counts, others


def binds(sample: Any, sql: str) -> bool:
    try:
        sample.connection.cursor().execute(f"EXPLAIN {sql}")
    except duckdb.Error:
        return False
    return True


def rows(sample: Any, sql: str) -> Counter[str] | None:
    try:
        found: Counter[str] = sample.rows(sql)
    except duckdb.Error:
        return None
    return found


def table(counts: Counter[tuple[str, str]]) -> str:
    kinds = [*load_corruptions().KINDS, ""]
    lines = [f"{'':24}" + "".join(f"{outcome:>13}" for outcome in OUTCOMES)]
    for kind in kinds:
        cells = [sum(n for (k, o), n in counts.items() if o == outcome and kind in (k, "")) for outcome in OUTCOMES]
        lines.append(f"{kind or 'all':24}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join(lines)

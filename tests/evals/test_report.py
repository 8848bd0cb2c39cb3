"""Reports, journals, comparisons and the page, from cases made by hand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nl2sql import ConfigError
from nl2sql.evals.eval_case import Case
from nl2sql.evals.example_file import BadLine, EvalExample, GoldQuery, Question
from nl2sql.evals.html_report import render_report
from nl2sql.evals.journal import Journal
from nl2sql.evals.report import EvalRun, build_report, compare_reports, read_cases, read_report
from nl2sql.evals.text_report import ProgressEstimate, format_duration, make_comparison_tables, make_report_tables

RUN = EvalRun("questions.jsonl", "scripted", "2025-01-01T00:00:00+00:00")
EVIL = "<script>alert('&')</script>\"'"


def case(number: int, *, strict: bool = True, **more: object) -> Case:
    one = Case(
        id=f"q{number}",
        db=f"db{number % 2}",
        question=f"question {number}?",
        gold_sql="SELECT 1",
        difficulty="easy",
        status="answered",
        sql="SELECT 2",
        strict=strict,
        lenient=strict,
        reason=None if strict else "wrong_values",
        prompt="rules and schema",
        usage={"prompt_tokens": 100, "cached_tokens": 50, "completion_tokens": 5, "model_calls": 1, "cost_usd": None},
        seconds={"schema": 0.0, "model": 1.0, "guard": 0.0, "database": 0.0, "total": float(number)},
    )
    return replace(one, **more)  # type: ignore[arg-type]


UNJUDGED = case(9, strict=False, reason=None, problem="the gold SQL fails: oh")


def test_the_figures() -> None:
    report = build_report(RUN, [case(1), case(2), case(3, strict=False), UNJUDGED], [BadLine(7, "it is not JSON")])
    assert (report["n"], report["strict"], report["strict_correct"]) == (3, 0.6667, 2)
    assert report["strict_interval"] == [0.2077, 0.9385]
    assert report["by_database"]["db1"]["n"] == 2 and report["by_database"]["db1"]["strict"] == 0.5
    assert report["by_difficulty"]["easy"]["n"] == 3 and report["by_source"] == {}
    assert report["reasons"]["wrong_values"] == 1 and sum(report["reasons"].values()) == 1
    assert [(one["line"], one["id"]) for one in report["problems"]] == [(7, None), (None, "q9")]
    assert report["usage"]["prompt_tokens"] == 400 and report["usage"]["cost_usd"] is None
    assert report["seconds"] == {"p50": 2.5, "p95": 8.1, "model_p50": 1.0, "model_p95": 1.0, "total": 15.0}
    assert list(report["prompts"].values()) == [{"databases": ["db1", "db0"], "text": "rules and schema"}]
    assert {one["prompt"] for one in report["cases"]} == set(report["prompts"])


def test_a_report_of_nothing_has_no_accuracy() -> None:
    report = build_report(RUN, [UNJUDGED])
    assert report["n"] == 0 and report["strict"] is None and report["strict_interval"] == [0.0, 1.0]
    assert list(make_report_tables(report)) and render_report(report)


def test_a_report_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report = build_report(RUN, [case(1), UNJUDGED])
    path.write_text(json.dumps(report), "utf-8")
    assert read_cases(read_report(path)) == read_cases(report)
    for text in ("[]", "{}", '{"cases": [{}]}', "no"):
        path.write_text(text, "utf-8")
        with pytest.raises(ConfigError, match="is no report"):
            read_report(path)


def test_two_reports_differ_on_named_questions() -> None:
    first = build_report(RUN, [case(i, strict=i < 9) for i in range(12)])
    second = build_report(RUN, [case(i, strict=i in (0, 10)) for i in range(1, 13)] + [replace(UNJUDGED, id="q0")])
    found = compare_reports(first, second)
    strict = found["strict"]
    assert found["n"] == 11 and (strict["first"], strict["second"]) == (0.7273, 0.0909)
    assert [one["id"] for one in strict["only_first"]] == [f"q{i}" for i in range(1, 9)]
    assert [one["id"] for one in strict["only_second"]] == ["q10"]
    assert strict["p"] == pytest.approx(2 * 10 / 2**9, abs=1e-6) and strict["fell"]
    assert strict["only_first"][0]["second"] == {"reason": "wrong_values", "sql": "SELECT 2"}
    assert not compare_reports(first, first)["strict"]["fell"] and compare_reports(first, first)["strict"]["p"] == 1.0
    (names, rows), *listed = make_comparison_tables(found, "old", "new")
    assert names[2:4] == ["old", "new"] and rows[0][:4] == ["strict", "11", "72.7%", "9.1%"] and len(listed) == 2


def test_reports_of_other_questions_are_not_compared() -> None:
    other = build_report(RUN, [case(1, gold_sql="SELECT 3")])
    with pytest.raises(ConfigError, match="no judged question in common"):
        compare_reports(build_report(RUN, [case(1)]), other)


def example(number: int, gold: str = "SELECT 1") -> EvalExample:
    return EvalExample(Question(f"q{number}", f"db{number % 2}", f"question {number}?"), GoldQuery(gold))


def test_a_journal_gives_back_what_is_final_and_was_asked_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    away = {"code": "model", "rule": None, "message": "away", "hint": None}
    journal = Journal(path, "m")
    assert journal.find_done_case(example(1)) is None
    for one in (case(1), case(2, strict=False), UNJUDGED, case(4, strict=False, error=away)):
        journal.add(one)
    journal.close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"case": {"id": "q5", "stri')
    journal = Journal(path, "m")
    assert journal.find_done_case(example(1)) == case(1) and journal.find_done_case(example(2)) == case(2, strict=False)
    assert [journal.find_done_case(example(i)) for i in (4, 5, 9)] == [None] * 3
    assert journal.find_done_case(example(1, gold="SELECT 2")) is None
    journal.add(case(5))
    journal.close()
    journal = Journal(path, "m")
    assert journal.find_done_case(example(5)) == case(5)
    journal.close()


def test_a_journal_of_another_model_or_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    Journal(path, "m").close()
    with pytest.raises(ConfigError, match="with the model m, not other"):
        Journal(path, "other")
    path.write_text("my thesis", "utf-8")
    with pytest.raises(ConfigError, match="is no journal"):
        Journal(path, "m")
    assert path.read_text("utf-8") == "my thesis"
    with pytest.raises(ConfigError, match="cannot be written"):
        Journal(tmp_path / "no" / "such.journal", "m")


class Tags(HTMLParser):
    """Every tag and attribute of a page, and the tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def evil_case() -> Case:
    shown = {"columns": [EVIL], "column_count": 40, "rows": [[EVIL], [None], [3]], "row_count": 99}
    reply = {"role": "assistant", "content": EVIL, "tool_calls": [{"function": {"name": EVIL}}]}
    counted = {"prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 1, "seconds": 0.1}
    return case(
        1,
        strict=False,
        id=EVIL,
        db=EVIL,
        question=EVIL,
        gold_sql=EVIL,
        sql=EVIL,
        evidence=EVIL,
        detail=EVIL,
        prompt=EVIL,
        difficulty=EVIL,
        source=EVIL,
        problem=None,
        error={"code": "query", "rule": EVIL, "message": EVIL, "hint": EVIL},
        rows=shown,
        gold_rows=shown,
        steps=({"tool": EVIL, "arguments": {"query": EVIL}, "ok": False, "error": EVIL, "seconds": 0.1},) * 2,
        calls=({"sent": [{"role": EVIL, "content": EVIL}], "reply": reply, **counted},),
    )


def test_the_page_escapes_everything_and_needs_nothing_from_elsewhere() -> None:
    judged = [evil_case(), case(2), case(3, strict=False, lenient=True), UNJUDGED]
    page = render_report(build_report(replace(RUN, file=EVIL, model=EVIL), judged, [BadLine(1, EVIL)]))
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    used = {tag for tag, _ in tags.seen}
    assert not used & {"script", "img", "link", "iframe", "object"} and "details" in used
    assert all(not name.startswith("on") for _, attributes in tags.seen for name in attributes)
    links = [attributes["href"] or "" for tag, attributes in tags.seen if tag == "a"]
    assert links and all(link.startswith("#prompt-") for link in links)
    assert "http" not in re.sub(r"http-equiv", "", page) and "url(" not in page
    filters = [attributes["id"] for tag, attributes in tags.seen if tag == "input"]
    assert filters == [f"show-{name}" for name in ("all", "right", "lenient", "wrong", "wrong_values", "unjudged")]
    assert "99 rows, 40 columns, the first are shown" in page and ">NULL<" in page


def test_the_estimate_counts_only_what_this_run_asked() -> None:
    times = iter([100.0, 110.0, 120.0, 130.0])
    estimate = ProgressEstimate(5, [case(1), case(2)], clock=lambda: next(times))
    assert estimate.advance(case(3, strict=False)) == "3/5, strict 66.7%, about 20 s left"
    assert estimate.advance(UNJUDGED) == "4/5, strict 66.7%, about 10 s left"
    assert estimate.advance(case(4)) == "5/5, strict 75.0%"
    assert [format_duration(one) for one in (119, 600, 7200)] == ["119 s", "10 min", "2.0 h"]


def test_how_often_each_level_is_right() -> None:
    def trusted(level: str, score: float) -> dict[str, object]:
        return {"level": level, "score": score, "reasons": ["<b>a reason"]}

    answered = [
        case(1, confidence=trusted("high", 0.9)),
        case(2, confidence=trusted("high", 0.9), strict=False),
        case(3, confidence=trusted("low", 0.2), strict=False),
        case(4, strict=False, reason="no_sql"),
    ]
    report = build_report(RUN, answered)
    assert report["by_confidence"] == {
        "high": {"n": 2, "share": 0.6667, "strict": 0.5},
        "check": {"n": 0, "share": 0.0, "strict": None},
        "low": {"n": 1, "share": 0.3333, "strict": 0.0},
    }
    assert report["brier"] == round((0.1**2 + 0.9**2 + 0.2**2) / 3, 4)
    assert report["reliability"] == [[0.2, 0.0, 1], [0.9, 0.5, 2]]
    page = render_report(report)
    assert page.count("<circle") == 2 and "Confidence: high, 0.90" in page and "<b>a reason" not in page
    assert any("confidence" in names for names, _ in make_report_tables(report))


def test_without_an_answer_nothing_is_said_of_confidence() -> None:
    report = build_report(RUN, [case(1, strict=False, reason="no_sql")])
    assert report["brier"] is None and report["reliability"] == [] and "Reliability" not in render_report(report)

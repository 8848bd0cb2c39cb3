"""The runner over real databases with a scripted model: every way that a question can go, and what the model sees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nl2sql import CancelledError, CancelToken, ModelError
from nl2sql.evals.eval_case import decode_case, encode_case
from nl2sql.evals.example_file import EvalExample, GoldQuery, Question
from nl2sql.evals.html_report import render_report
from nl2sql.evals.report import EvalRun, build_report
from nl2sql.evals.runner import run_examples
from nl2sql.evals.scorer import REASONS
from nl2sql.evals.text_report import make_report_tables
from nl2sql.model.scripted import Line, ScriptedModel, says
from nl2sql.types import Messages, Reply, ToolCall

if TYPE_CHECKING:
    from tests.evals.conftest import OpenDatabase

SLOW = "SELECT count(*) FROM range(100000000) a(i), range(100000) b(j) WHERE (i * j) % 7 = 3"
ALL = "SELECT id, city FROM orders"


def example(identifier: str, gold_sql: str, db: str = "shop", **more: Any) -> EvalExample:
    return EvalExample(Question(identifier, db, f"question {identifier}?", **more), GoldQuery(gold_sql))


def block(sql: str) -> Reply:
    return says(f"```sql\n{sql}\n```", ToolCall("call_1", "sql_query", {"query": sql}))


def blocks(*lines: Line) -> ScriptedModel:
    return ScriptedModel(*lines, calls_tools=False)


def breaks(messages: Messages) -> Reply:
    raise ModelError("the endpoint is away", "Start it.")


def has_a_bug(messages: Messages) -> Reply:
    raise KeyError("oh")


@pytest.mark.parametrize(
    ("lines", "gold", "reason", "lenient"),
    [
        ([block("SELECT city, id FROM orders")], ALL, None, True),
        ([block("SELECT id, city, total FROM orders")], ALL, "extra_columns", True),
        ([block("SELECT id FROM orders")], ALL, "missing_columns", False),
        ([block("SELECT id, city FROM orders LIMIT 2")], ALL, "missing_rows", False),
        ([block(ALL)], ALL + " LIMIT 2", "extra_rows", False),
        ([block("SELECT id, city || '!' FROM orders")], ALL, "wrong_values", False),
        ([block(ALL + " ORDER BY id DESC")], ALL + " ORDER BY id", "wrong_values", False),
        ([block(ALL + " WHERE city = 'Rome'")], ALL, "empty", False),
        (["I don't know."], ALL, "no_sql", False),
        ([block("DROP TABLE orders")] * 3, ALL, "refused", False),
        ([block("SELECT nosuch FROM orders")] * 3, ALL, "no_sql", False),
        ([block("SELECT sqrt(city) FROM orders")] * 3, ALL, "error", False),
        ([block(SLOW)], ALL, "timeout", False),
        ([breaks], ALL, "error", False),
        ([has_a_bug], ALL, "error", False),
    ],
)
def test_every_way_to_go(
    open_database: OpenDatabase, lines: list[Line], gold: str, reason: str | None, lenient: bool
) -> None:
    (case,) = run_examples([example("1", gold)], open_database, blocks(*lines))
    assert (case.reason, case.strict, case.lenient) == (reason, reason is None, lenient)
    assert case.is_judged and (reason is None or reason in REASONS)
    assert case.gold_rows is not None and decode_case(json.loads(json.dumps(encode_case(case)))) == case


def test_wrong_order_alone_is_told(open_database: OpenDatabase) -> None:
    (case,) = run_examples(
        [example("1", ALL + " ORDER BY id")], open_database, blocks(block(ALL + " ORDER BY id DESC"))
    )
    assert case.detail == "the rows are right, their order is not"


def test_tied_rows_are_right_in_another_order_and_counted(open_database: OpenDatabase) -> None:
    gold = "SELECT id, city FROM orders ORDER BY city"
    lines = block(gold + ", id DESC"), block("SELECT id, city FROM orders ORDER BY city DESC, id")
    cases = list(run_examples([example("1", gold), example("2", gold)], open_database, blocks(*lines)))
    assert [(case.strict, case.tied) for case in cases] == [(True, True), (False, False)]
    inside = "SELECT min(id) FROM (SELECT id, city FROM orders ORDER BY length(city) > 0 LIMIT 1) q"
    (case,) = run_examples([example("3", inside)], open_database, blocks(block("SELECT max(id) FROM orders")))
    assert (case.strict, case.tied) == (True, True)
    assert "tie" in str(cases[0].detail) and cases[1].detail == "the rows are right, their order is not"
    report = build_report(EvalRun("f", "m", "now"), cases)
    assert (report["tied"], report["strict_correct"], report["cases"][0]["tied"]) == (1, 1, True)
    assert any(names[0] == "ties" and rows[0][1] == "1" for names, rows in make_report_tables(report))
    assert "right (rows tie)" in render_report(report) and "tie by the gold" in render_report(report)


def test_faulty_gold_or_database_is_skipped_and_not_counted(open_database: OpenDatabase) -> None:
    examples = [
        example("refused", "DROP TABLE orders"),
        example("fails", "SELECT nosuch FROM orders"),
        example("many", "SELECT i FROM range(200000) t(i)"),
        example("missing", "SELECT 1", db="nowhere"),
        example("good", "SELECT count(*) FROM animals", db="zoo"),
    ]
    model = blocks(*[block("SELECT 1 AS one")] * 3, block("SELECT 2"))
    found = {case.id: case for case in run_examples(examples, open_database, model)}
    problems = {name: case.problem or "" for name, case in found.items()}
    assert "the gold SQL is refused (" in problems["refused"]
    assert "fails" in problems["fails"] and "100,000 rows" in problems["many"]
    assert "cannot be read" in problems["missing"]
    assert found["good"].strict and not any(found[name].is_judged for name in ("refused", "fails", "many", "missing"))


def test_gold_is_never_sent_and_evidence_is(open_database: OpenDatabase) -> None:
    secret = "SELECT 'gold-marker' AS x, count(*) FROM orders"
    model = blocks(block("SELECT nosuch FROM orders"), block("SELECT 1"), block("SELECT count(*) FROM orders"))
    cases = list(
        run_examples([example("1", secret, evidence="count rows"), example("2", secret)], open_database, model)
    )
    sent = json.dumps(model.sent)
    assert "gold-marker" not in sent and len(model.sent) == 3
    assert model.sent[0][-1]["content"] == "question 1?\nHint: count rows"
    assert "gold-marker" not in json.dumps([case.calls for case in cases]) + cases[0].prompt
    assert [len(step["arguments"]) for step in cases[0].steps] == [1, 1]


def test_a_case_holds_what_the_model_saw_and_said(open_database: OpenDatabase) -> None:
    model = blocks(block("SELECT nosuch FROM orders"), block("SELECT count(*) FROM orders"))
    (case,) = run_examples([example("1", "SELECT count(*) FROM orders")], open_database, model)
    assert "CREATE TABLE orders" in case.prompt and case.prompt == model.sent[0][0]["content"]
    first, second = case.calls
    assert [message["role"] for message in first["sent"]] == ["user"] and "nosuch" in first["reply"]["content"]
    assert [message["role"] for message in second["sent"]] == ["user"] and "Error" in second["sent"][0]["content"]
    assert case.usage["model_calls"] == 2 and case.usage["prompt_tokens"] == 20
    assert [step["ok"] for step in case.steps] == [False, True] and case.steps[0]["error"]
    assert case.rows == {"columns": ["count_star()"], "column_count": 1, "rows": [[3]], "row_count": 1}


def test_each_database_is_opened_once(open_database: OpenDatabase) -> None:
    told: list[str] = []

    def opened(name: str, model: Any) -> Any:
        told.append(name)
        return open_database(name, model)

    model = blocks(*[block("SELECT 1")] * 4)
    examples = [example("1", "SELECT 1"), example("2", "SELECT 1"), example("3", "SELECT 1", db="zoo")]
    assert [case.strict for case in run_examples(examples, opened, model)] == [True] * 3
    assert told == ["shop", "zoo"]


def test_the_model_stays_open_for_the_next_database(open_database: OpenDatabase) -> None:
    class Closing(ScriptedModel):
        closings = 0

        def close(self) -> None:
            self.closings += 1

    model = Closing(*[block("SELECT 1")] * 2, calls_tools=False)
    list(run_examples([example("1", "SELECT 1"), example("2", "SELECT 1", db="zoo")], open_database, model))
    assert model.closings == 0 and len(model.sent) == 2


def test_a_stopped_run_ends(open_database: OpenDatabase) -> None:
    cancel = CancelToken()
    cases = run_examples(
        [example("1", "SELECT 1"), example("2", "SELECT 1")], open_database, blocks(block("SELECT 1")), cancel
    )
    assert next(cases).strict
    cancel.cancel()
    with pytest.raises(CancelledError):
        next(cases)

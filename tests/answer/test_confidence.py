"""Confidence: what each sign measures and says, and what no sign may outweigh."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from nl2sql.answer.confidence import MIN_HIGH_SCORE, SIGNS, AnswerRecord, assess_answer, is_too_doubtful, score_signs
from nl2sql.types import Grounding, Repair, RepairKind, Result, ResultColumn, Step, Trap, UntracedWord


def result(*values: int | None) -> Result:
    return Result((ResultColumn("n", "BIGINT"),), pa.table({"n": pa.array(values, pa.int64())}), False)


SURE = AnswerRecord(result(3), (Step("sql_query", {}, True),), logprobs=(-0.001, -0.002))
DOUBTS = {
    "no_logprobs": replace(SURE, logprobs=()),
    "surprise": replace(SURE, logprobs=(-1.0, -1.0)),
    "failed_tries": replace(SURE, steps=(Step("sql_query", {}, False, "no column"), Step("sql_query", {}, True))),
    "exact_repairs": replace(SURE, repairs=(Repair("case", RepairKind.EXACT, "Name is written name"),)),
    "keyed_repairs": replace(SURE, repairs=(Repair("join", RepairKind.KEYED, "b is joined by its key"),)),
    "disagreement": replace(SURE, agreement=(1, 3)),
    "untraced_words": replace(SURE, untraced_words=(UntracedWord("late"),)),
    "untraced_elsewhere": replace(SURE, untraced_words=(UntracedWord("late", is_in_schema=True),)),
    "untraced_measures": replace(SURE, untraced_words=(UntracedWord("late", is_measured=True),)),
    "untraced_names": replace(SURE, untraced_words=(UntracedWord("Late", is_name=True),)),
    "untraced_numbers": replace(SURE, untraced_words=(UntracedWord("7", is_number=True),)),
    "labels": replace(SURE, untraced_words=(UntracedWord("bonus", is_label=True),)),
    "grave_traps": replace(SURE, traps=(Trap("fan_out", "each row counts twice", is_figure_changed=True),)),
    "told_traps": replace(SURE, traps=(Trap("ties", "more rows tie"),)),
    "no_rows": replace(SURE, result=result()),
    "all_null": replace(SURE, result=result(None)),
    "unsupported_figures": replace(SURE, grounding=Grounding(1, 0, ("12",))),
    "tables_left_out": replace(SURE, hidden_table_count=2),
    "unfinished": replace(SURE, is_unfinished=True),
    "doubtful_columns": replace(SURE, doubtful_column_count=1),
    "cut_prompt": replace(SURE, is_prompt_cut=True),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_each_sign_shows_where_its_doubt_is_and_only_there(name: str) -> None:
    assert name in assess_answer(DOUBTS[name]).signs
    assert name not in assess_answer(SURE).signs or name == "surprise"


def test_every_sign_is_tried() -> None:
    assert sorted(DOUBTS) == sorted(sign.name for sign in SIGNS)


def test_an_answer_without_doubts_is_high_and_no_doubt_makes_it_surer() -> None:
    sure = assess_answer(SURE)
    assert sure.level == "high" and sure.score >= MIN_HIGH_SCORE and sure.reasons == ()
    assert all(sign.weight <= 0 for sign in SIGNS)
    assert all(assess_answer(record).score <= sure.score for record in DOUBTS.values())


@pytest.mark.parametrize(
    "name",
    [
        "no_logprobs",
        "keyed_repairs",
        "no_rows",
        "all_null",
        "unfinished",
        "grave_traps",
        "cut_prompt",
        "doubtful_columns",
    ],
)
def test_grave_doubts_are_never_high_and_are_said(name: str) -> None:
    found = assess_answer(DOUBTS[name])
    assert found.level != "high" and found.reasons


def test_reasons_are_said_in_words() -> None:
    assert assess_answer(DOUBTS["failed_tries"]).reasons == ("1 of the model's tries failed",)
    assert assess_answer(DOUBTS["disagreement"]).reasons == ("1 of 3 queries written for the question give these rows",)
    unsure = replace(SURE, logprobs=(-1.0, -2.0))
    assert assess_answer(unsure).reasons == ("the model was 5% sure of the SQL as a whole",)
    assert assess_answer(DOUBTS["untraced_elsewhere"]).reasons == ("nothing in the SQL stands for: late",)
    assert assess_answer(DOUBTS["labels"]).reasons == (
        "nothing in the data is called bonus: it is only what the SQL calls its result",
    )
    assert assess_answer(DOUBTS["all_null"]).reasons == ("every value is NULL",)


def test_a_verified_query_is_known_by_its_name() -> None:
    found = assess_answer(replace(SURE, logprobs=(), verified_query="revenue"))
    assert found.level == "high" and found.reasons == ("the SQL is the verified query revenue",)


def test_very_doubtful_answer_is_withheld() -> None:
    doubtful = replace(DOUBTS["unfinished"], logprobs=(-6.0, -6.0))
    assert is_too_doubtful(assess_answer(doubtful)) and not is_too_doubtful(assess_answer(SURE))
    assert not is_too_doubtful(assess_answer(replace(doubtful, verified_query="revenue")))


def test_the_score_is_a_probability() -> None:
    many = {sign.name: 100.0 for sign in SIGNS}
    assert 0 <= score_signs(many) < 0.01 < score_signs({}) < 1

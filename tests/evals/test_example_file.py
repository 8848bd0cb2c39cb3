"""Reading and choosing questions: bad lines are told, order keeps databases together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nl2sql import ConfigError
from nl2sql.evals.example_file import read_examples, select_examples

GOOD: dict[str, Any] = {"id": 1, "db": "shop", "question": "how many?", "gold_sql": "SELECT 1"}


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), "utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{not json", "not JSON"),
        ("[1]", "no JSON object"),
        ({**GOOD, "id": None}, "no id"),
        ({**GOOD, "id": True}, "no id"),
        ({**GOOD, "id": 2, "question": " "}, "question is not text"),
        ({**GOOD, "id": 2, "gold_sql": None}, "no gold_sql"),
        ({**GOOD, "id": 2, "evidence": 3}, "evidence is not text"),
        ({**GOOD, "id": 2, "order_matters": "no"}, "order_matters"),
        (GOOD, "there already"),
    ],
)
def test_a_bad_line_is_told_and_the_others_are_read(tmp_path: Path, line: Any, problem: str) -> None:
    examples, bad = read_examples(written(tmp_path, GOOD, "", line, {**GOOD, "id": "3"}))
    assert [example.question.id for example in examples] == ["1", "3"]
    assert [one.line for one in bad] == [3] and problem in bad[0].problem


def test_a_file_without_any_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 1: it is not JSON"):
        read_examples(written(tmp_path, "{"))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_examples(tmp_path / "none.jsonl")


def test_evidence_goes_with_the_question(tmp_path: Path) -> None:
    examples, _ = read_examples(written(tmp_path, {**GOOD, "evidence": "count rows"}, {**GOOD, "id": 2}))
    assert [example.question.text_with_hint for example in examples] == ["how many?\nHint: count rows", "how many?"]


def test_seed_is_reproducible_and_groups_databases(tmp_path: Path) -> None:
    lines = [{**GOOD, "id": i, "db": "abc"[i % 3]} for i in range(30)]
    examples, _ = read_examples(written(tmp_path, *lines))
    first, again, other = (
        select_examples(examples, 9, 1),
        select_examples(examples, 9, 1),
        select_examples(examples, 9, 2),
    )
    assert first == again != other and len(first) == 9
    assert {one.question.id for one in select_examples(examples, 4)} == {"0", "1", "2", "3"}
    found = [one.question.db for one in select_examples(examples)]
    assert found == ["a"] * 10 + ["b"] * 10 + ["c"] * 10

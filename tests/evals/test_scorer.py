"""The scorer: pairs of results as lines in a file, Python's own types, and what holds for all results."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql.evals.scorer import REASONS, has_top_level_order, score_result

PAIRS = [json.loads(line) for line in Path(__file__).with_name("result_pairs.jsonl").read_text("utf-8").splitlines()]

cells = st.one_of(
    st.none(), st.integers(-3, 3), st.sampled_from(["a", "b", "1", " a", "1.001"]), st.sampled_from([0.5, 1 / 3, 0.33])
)
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=5)
)


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["why"] for pair in PAIRS])
def test_pairs(pair: dict[str, Any]) -> None:
    found = score_result(pair["predicted"], pair["gold"], ordered=pair.get("ordered", False))
    assert (found.strict, found.lenient, found.reason) == (pair["strict"], pair["lenient"], pair["reason"])
    assert found.reason is None or found.reason in REASONS


@pytest.mark.parametrize(
    ("value", "like"),
    [
        (Decimal("1.50"), 1.5),
        (Decimal("NaN"), None),
        (float("nan"), None),
        (dt.date(2025, 1, 2), "2025-01-02"),
        (dt.datetime(2025, 1, 2, 3, 4), "2025-01-02 03:04:00"),
        (dt.time(3, 4), "03:04:00"),
        (dt.timedelta(days=1), 86400),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"abc", "abc"),
        (b"\xff", "ff"),
        ({"a": 1.0}, {"a": 1}),
        ((1, [2]), [1, (2.0,)]),
        ({2, 1}, [1, 2]),
        (10**400, 10**400),
    ],
)
def test_types_with_the_same_meaning_are_the_same(value: Any, like: Any) -> None:
    assert score_result([(value,)], [(like,)]).strict


def test_numbers_too_large_for_floats_are_told_apart() -> None:
    assert not score_result([(10**400,), (1,)], [(10**400 + 1,), (1,)]).strict


@given(tables, st.randoms(use_true_random=False))
def test_a_shuffled_result_is_right_unless_order_counts(rows: list[list[Any]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    columns = random.sample(range(len(rows[0])), len(rows[0]))
    assert score_result([[row[i] for i in columns] for row in shuffled], rows).strict
    assert score_result([[row[i] for i in columns] for row in rows], rows, ordered=True).strict


@given(tables, tables, st.booleans())
def test_strict_implies_lenient_and_has_no_reason(one: list[Any], other: list[Any], ordered: bool) -> None:
    found = score_result(one, other, ordered=ordered)
    assert found.lenient or not found.strict
    assert (found.reason is None) == found.strict


def test_many_columns_that_look_alike_end_in_time() -> None:
    gold = [[(row * column) % 7 for column in range(1, 13)] for row in range(30)]
    wrong = [[*row[1:], row[0] + (i == 3)] for i, row in enumerate(gold)]
    assert not score_result(wrong, gold).strict


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("(SELECT a FROM t ORDER BY a)", True),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a) x", False),
        ("SELECT row_number() OVER (ORDER BY a) FROM t", False),
        ("SELECT a FROM t", False),
        ("SELECT (oh FROM dear ORDER BY 1) FROM", False),
        ("SELECT oh dear so FROM FROM ORDER BY 1", True),
    ],
)
def test_order_matters_only_at_the_top(sql: str, ordered: bool) -> None:
    assert has_top_level_order(sql) is ordered

"""What a generator returns, besides what it yields."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from nl2sql.generators import ReturnCapture, drain


def count(to: int) -> Generator[int, None, str]:
    yield from range(to)
    return f"{to} in all"


def test_a_generator_is_run_to_its_end_for_its_value() -> None:
    assert drain(count(3)) == "3 in all" and drain(count(0)) == "0 in all"


def test_the_value_is_there_when_the_loop_has_ended_and_not_before() -> None:
    captured = ReturnCapture(count(2))
    for _ in captured:
        with pytest.raises(AttributeError):
            _ = captured.value
    assert captured.value == "2 in all"

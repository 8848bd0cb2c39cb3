"""Databases whose names mean two things: what is shown runs, what is denied never comes back, and both agree."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.guard.fuzz import schema_problems


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_shown_is_allowed_is_run_and_nothing_denied_comes_back(seed: int) -> None:
    assert schema_problems(seed, 0) == []

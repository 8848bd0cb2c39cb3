"""Values and frames come back as they went."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from nl2sql.engines import wire
from nl2sql.engines.frames import read_frame, write_frame
from nl2sql.types import Finding, Limits, Policy, Verdict

names = st.frozensets(st.text(max_size=8), max_size=4)


@given(st.none() | names, names, names)
def test_policy(allow: frozenset[str] | None, tables: frozenset[str], columns: frozenset[str]) -> None:
    policy = Policy(allow, tables, columns)
    assert wire.policy_from_json(wire.policy_to_json(policy)) == policy


@given(st.text(), st.lists(st.text(), max_size=3), st.none() | st.integers())
def test_verdict(text: str, texts: list[str], line: int | None) -> None:
    verdict = Verdict(text, tuple(texts), functions=tuple(texts), findings=(Finding(text, text, line=line),))
    assert wire.verdict_from_json(roundtrip(wire.verdict_to_json(verdict))) == verdict


def test_limits() -> None:
    limits = Limits(rows=None, seconds=1.5, spill=7)
    assert wire.limits_from_json(wire.limits_to_json(limits)) == limits


@given(st.binary(max_size=200), st.integers(0, 300))
def test_frames(payload: bytes, cut: int) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {"kind": "x"}, payload)
    whole = pipe.getvalue()
    assert read_frame(io.BytesIO(whole)) == ({"kind": "x"}, payload)
    if cut < len(whole):
        assert read_frame(io.BytesIO(whole[:cut])) is None


def roundtrip(message: dict[str, object]) -> dict[str, object]:
    pipe = io.BytesIO()
    write_frame(pipe, message)
    pipe.seek(0)
    frame = read_frame(pipe)
    assert frame is not None
    return frame[0]

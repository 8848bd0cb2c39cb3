"""Values and frames come back as they went."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql.engines.worker import pipe_messages
from nl2sql.engines.worker.pipe_frames import TEXT_BYTES, FrameError, read_frame, write_frame
from nl2sql.types import Finding, Limits, Policy, Verdict

names = st.frozensets(st.text(max_size=8), max_size=4)


@given(st.none() | names, names, names)
def test_policy(allow: frozenset[str] | None, tables: frozenset[str], columns: frozenset[str]) -> None:
    policy = Policy(allow, tables, columns)
    assert pipe_messages.decode_policy(pipe_messages.encode_policy(policy)) == policy


@given(st.text(), st.lists(st.text(), max_size=3), st.none() | st.integers())
def test_verdict(text: str, texts: list[str], line: int | None) -> None:
    verdict = Verdict(text, tuple(texts), functions=tuple(texts), findings=(Finding(text, text, line=line),))
    assert pipe_messages.decode_verdict(roundtrip(pipe_messages.encode_verdict(verdict))) == verdict


def test_limits() -> None:
    limits = Limits(rows=None, seconds=1.5, spill=7)
    assert pipe_messages.decode_limits(pipe_messages.encode_limits(limits)) == limits


@given(st.binary(max_size=200), st.integers(0, 300))
def test_frames(payload: bytes, cut: int) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {"kind": "x"}, payload)
    whole = pipe.getvalue()
    assert read_frame(io.BytesIO(whole)) == ({"kind": "x"}, payload)
    if cut < len(whole):
        assert read_frame(io.BytesIO(whole[:cut])) is None


@given(st.binary(max_size=300), st.integers(0, 40))
def test_what_is_no_frame_is_an_error_and_never_more(noise: bytes, kept: int) -> None:
    pipe = io.BytesIO()
    write_frame(pipe, {"kind": "x", "value": [1, 2]}, b"payload")
    for content in (noise, pipe.getvalue()[:kept] + noise):
        read = io.BytesIO(content)
        try:
            while frame := read_frame(read, 1000):
                assert isinstance(frame[0], dict)
        except FrameError:
            continue


@pytest.mark.parametrize(("text", "payload"), [(TEXT_BYTES + 1, 0), (2**32 - 1, 0), (2, 1001), (2, 2**64 - 1)])
def test_lengths_are_believed_within_bounds_only(text: int, payload: int) -> None:
    read = io.BytesIO(b"nl2s" + text.to_bytes(4, "big") + payload.to_bytes(8, "big") + b"{}")
    with pytest.raises(FrameError):
        read_frame(read, 1000)


def test_memory_is_taken_as_bytes_arrive() -> None:
    read = io.BytesIO(b"nl2s" + (2).to_bytes(4, "big") + (2**40).to_bytes(8, "big") + b"{}" + bytes(3_000_000))
    assert read_frame(read, 2**41) is None


def test_a_message_that_no_reader_would_take_is_not_written() -> None:
    pipe = io.BytesIO()
    with pytest.raises(FrameError):
        write_frame(pipe, {"kind": "x" * TEXT_BYTES})
    assert pipe.getvalue() == b""


def roundtrip(message: dict[str, object]) -> dict[str, object]:
    pipe = io.BytesIO()
    write_frame(pipe, message)
    pipe.seek(0)
    frame = read_frame(pipe)
    assert frame is not None
    return frame[0]

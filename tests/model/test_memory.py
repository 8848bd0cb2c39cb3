"""What endpoints were found to take, kept over processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nl2sql.model.openai.capability_cache import Habits, Memory

LEARNED = Habits(
    protocol="text", dropped=("temperature",), renamed=(("max_tokens", "max_completion_tokens"),), streams=False
)


def test_another_memory_recalls_it(tmp_path: Path) -> None:
    Memory(tmp_path / "new").remember("http://a/v1", "m", LEARNED)
    assert Memory(tmp_path / "new").recall("http://a/v1", "m") == LEARNED
    assert Memory(tmp_path / "new").recall("http://a/v1", "other") == Habits()
    assert Memory(tmp_path / "new").recall("http://b/v1", "m") == Habits()


def test_others_entries_stay(tmp_path: Path) -> None:
    first, second = Memory(tmp_path), Memory(tmp_path)
    first.remember("http://a/v1", "m", LEARNED)
    second.remember("http://b/v1", "m", Habits(protocol="tools"))
    assert first.recall("http://a/v1", "m") == LEARNED
    assert [p.name for p in tmp_path.iterdir()] == ["endpoints.json"]


def test_it_forgets_after_a_month(tmp_path: Path) -> None:
    Memory(tmp_path, clock=lambda: 0).remember("http://a/v1", "m", LEARNED)
    day = 24 * 3600
    assert Memory(tmp_path, clock=lambda: 29 * day).recall("http://a/v1", "m") == LEARNED
    assert Memory(tmp_path, clock=lambda: 31 * day).recall("http://a/v1", "m") == Habits()


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", "null", '{"http://a/v1 m": 3}', "\x00", '{"http://a/v1 m": {"at": 9e12, "dropped": 3}}']
)
def test_a_damaged_file_is_no_memory(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "endpoints.json").write_text(damaged)
    memory = Memory(tmp_path)
    assert memory.recall("http://a/v1", "m") == Habits()
    memory.remember("http://a/v1", "m", LEARNED)
    assert memory.recall("http://a/v1", "m") == LEARNED


def test_wrong_fields_are_left_out(tmp_path: Path) -> None:
    entry = {"at": 9e12, "protocol": "text", "dropped": ["stop", 3], "renamed": [["a"], ["b", "c"]]}
    (tmp_path / "endpoints.json").write_text(json.dumps({"http://a/v1 m": entry}))
    assert Memory(tmp_path).recall("http://a/v1", "m") == Habits("text", ("stop",), (("b", "c"),))


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Memory(tmp_path / "file" / "below").remember("http://a/v1", "m", LEARNED)


def test_without_a_folder_nothing_is_kept() -> None:
    memory = Memory(None)
    memory.remember("http://a/v1", "m", LEARNED)
    assert memory.recall("http://a/v1", "m") == Habits()

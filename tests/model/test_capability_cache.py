"""What endpoints were found to take, kept over processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nl2sql.model.openai.capability_cache import CapabilityCache, EndpointCapabilities

LEARNED = EndpointCapabilities(
    protocol="text", dropped=("temperature",), renamed=(("max_tokens", "max_completion_tokens"),), streams=False
)


def test_another_cache_reads_it(tmp_path: Path) -> None:
    CapabilityCache(tmp_path / "new").put("http://a/v1", "m", LEARNED)
    assert CapabilityCache(tmp_path / "new").get("http://a/v1", "m") == LEARNED
    assert CapabilityCache(tmp_path / "new").get("http://a/v1", "other") == EndpointCapabilities()
    assert CapabilityCache(tmp_path / "new").get("http://b/v1", "m") == EndpointCapabilities()


def test_others_entries_stay(tmp_path: Path) -> None:
    first, second = CapabilityCache(tmp_path), CapabilityCache(tmp_path)
    first.put("http://a/v1", "m", LEARNED)
    second.put("http://b/v1", "m", EndpointCapabilities(protocol="tools"))
    assert first.get("http://a/v1", "m") == LEARNED
    assert [p.name for p in tmp_path.iterdir()] == ["endpoints.json"]


def test_it_forgets_after_a_month(tmp_path: Path) -> None:
    CapabilityCache(tmp_path, clock=lambda: 0).put("http://a/v1", "m", LEARNED)
    day = 24 * 3600
    assert CapabilityCache(tmp_path, clock=lambda: 29 * day).get("http://a/v1", "m") == LEARNED
    assert CapabilityCache(tmp_path, clock=lambda: 31 * day).get("http://a/v1", "m") == EndpointCapabilities()


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", "null", '{"http://a/v1 m": 3}', "\x00", '{"http://a/v1 m": {"at": 9e12, "dropped": 3}}']
)
def test_a_damaged_file_is_no_memory(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "endpoints.json").write_text(damaged)
    memory = CapabilityCache(tmp_path)
    assert memory.get("http://a/v1", "m") == EndpointCapabilities()
    memory.put("http://a/v1", "m", LEARNED)
    assert memory.get("http://a/v1", "m") == LEARNED


def test_wrong_fields_are_left_out(tmp_path: Path) -> None:
    entry = {"at": 9e12, "protocol": "text", "dropped": ["stop", 3], "renamed": [["a"], ["b", "c"]]}
    (tmp_path / "endpoints.json").write_text(json.dumps({"http://a/v1 m": entry}))
    assert CapabilityCache(tmp_path).get("http://a/v1", "m") == EndpointCapabilities("text", ("stop",), (("b", "c"),))


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    CapabilityCache(tmp_path / "file" / "below").put("http://a/v1", "m", LEARNED)


def test_without_a_folder_nothing_is_kept() -> None:
    memory = CapabilityCache(None)
    memory.put("http://a/v1", "m", LEARNED)
    assert memory.get("http://a/v1", "m") == EndpointCapabilities()

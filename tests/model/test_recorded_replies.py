"""What each family of models sends behind OpenAI-compatible endpoints, and the Reply it becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nl2sql.model.openai.openai_client import OpenAIChatModel

from .conftest import TOOLS, Answer, Endpoint, drain

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]
ASK = [{"role": "user", "content": "Which plants are there?"}]


@pytest.mark.parametrize("case", CASES)
def test_shape(case: dict[str, Any], endpoint: Endpoint, open_model: Callable[..., OpenAIChatModel]) -> None:
    endpoint.script = [Answer(case.get("stream"), case.get("body"), raw=case.get("raw"))]
    pieces, reply = drain(open_model(protocol=case.get("protocol", "tools")).stream(ASK, TOOLS))

    expected = case["expect"]
    assert [(c.name, c.arguments) for c in reply.calls] == [(c["name"], c["arguments"]) for c in expected["calls"]]
    assert (reply.text, reply.finish) == (expected["text"], expected["finish"])
    if "</think>" not in json.dumps(case.get("stream", "")):
        assert "".join(pieces) == reply.text
    for call, wanted in zip(reply.calls, expected["calls"], strict=True):
        assert wanted.get("problem", "") in call.problem and bool(call.problem) == ("problem" in wanted)
        assert call.id == wanted.get("id", call.id)
    assert len({c.id for c in reply.calls} - {""}) == len(reply.calls)
    for name, value in expected.get("usage", {}).items():
        assert getattr(reply.usage, name) == value
    if "message" in expected:
        assert reply.message == expected["message"]
    assert len(endpoint.requests) == 1

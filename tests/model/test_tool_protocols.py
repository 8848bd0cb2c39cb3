"""The three ways to offer tools, and conversations that cross from one to another."""

from __future__ import annotations

from typing import Any

import pytest

from nl2sql.model.openai import tool_protocols
from nl2sql.types import ToolCall

from .conftest import SQL_ONLY, TOOLS

QUERY = "SELECT 1"
ONE = (ToolCall("id1", "sql_query", {"query": QUERY}),)
ASK = [{"role": "system", "content": "Rules."}, {"role": "user", "content": "How many?"}]
ANSWERED = {"role": "assistant", "content": "One."}


def conversation(protocol: str, calls: tuple[ToolCall, ...] = ONE) -> list[Any]:
    called = tool_protocols.make_reply_message(protocol, "Looking.", calls, {})
    results = [tool_protocols.make_tool_message(protocol, c.id, c.name, f"result {i}") for i, c in enumerate(calls)]
    return [*ASK, called, *results, ANSWERED]


@pytest.mark.parametrize("protocol", tool_protocols.PROTOCOLS)
def test_its_own_conversation_goes_out_as_it_was_kept(protocol: str) -> None:
    messages = conversation(protocol)
    assert tool_protocols.make_request_fields(protocol, messages, ())["messages"] == messages


@pytest.mark.parametrize("begun_in", tool_protocols.PROTOCOLS[:2])
@pytest.mark.parametrize("goes_on_in", tool_protocols.PROTOCOLS)
def test_a_conversation_goes_on_in_another_protocol(begun_in: str, goes_on_in: str) -> None:
    sent = tool_protocols.make_request_fields(goes_on_in, conversation(begun_in), ())["messages"]
    expected = conversation(goes_on_in)
    if goes_on_in == "tools" != begun_in:
        ids = {sent[2]["tool_calls"][0]["id"], sent[3]["tool_call_id"]}
        assert len(ids) == 1 and ids != {""}
        sent[2]["tool_calls"][0]["id"] = sent[3]["tool_call_id"] = "id1"
    assert sent == expected


def test_several_calls_become_functions_one_after_the_other() -> None:
    two = (*ONE, ToolCall("id2", "list_tables", {"pattern": "*"}))
    sent = tool_protocols.make_request_fields("functions", conversation("tools", two), ())["messages"]
    assert [m["role"] for m in sent[2:]] == ["assistant", "function", "assistant", "function", "assistant"]
    assert [m["function_call"]["name"] for m in sent if "function_call" in m] == ["sql_query", "list_tables"]
    assert [m["content"] for m in sent if m["role"] == "function"] == ["result 0", "result 1"]


def test_text_says_how_to_call_only_where_there_is_more_than_sql() -> None:
    assert tool_protocols.make_request_fields("text", ASK, SQL_ONLY)["messages"] == ASK
    system = tool_protocols.make_request_fields("text", ASK, TOOLS)["messages"][0]["content"]
    assert system.startswith("Rules.\n\nTo use a tool")
    assert "- top_plants(limit: integer, ripe: boolean): About top_plants." in system


def test_functions_carry_no_strict_mark_and_tools_do_unless_refused() -> None:
    assert all("strict" not in f for f in tool_protocols.make_request_fields("functions", ASK, TOOLS)["functions"])
    assert tool_protocols.make_request_fields("tools", ASK, TOOLS)["tools"] == TOOLS
    lax = tool_protocols.make_request_fields("tools", ASK, TOOLS, strict=False)["tools"]
    assert all("strict" not in t["function"] for t in lax)


def test_without_system_messages_the_rules_open_the_question() -> None:
    sent = tool_protocols.make_request_fields("tools", ASK, (), takes_system=False)["messages"]
    assert sent == [{"role": "user", "content": "Rules.\n\nHow many?"}]

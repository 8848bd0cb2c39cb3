"""What is salvaged, what is sent back to be mended, and what is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nl2sql.model.tool_calls import reply_parser
from nl2sql.model.tool_calls.text_tool_calls import cut_to_prose
from nl2sql.model.tool_calls.tool_call_shapes import RawCall
from nl2sql.types import ToolCall

from .conftest import SQL_ONLY, TOOLS

QUERY = "SELECT name FROM plants"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"query": "SELECT 1"}', {"query": "SELECT 1"}),
        ({"query": "SELECT 1"}, {"query": "SELECT 1"}),
        (json.dumps(json.dumps({"query": "SELECT 1"})), {"query": "SELECT 1"}),
        (None, {}),
        ("", {}),
        ("{}", {}),
        ('{"query": "SELECT 1",}', {"query": "SELECT 1"}),
        ("{'query': 'SELECT 1'}", {"query": "SELECT 1"}),
        ("{'limit': 3, 'ripe': True, 'note': None}", {"limit": 3, "ripe": True, "note": None}),
        ('{"query": "SELECT 1\n  FROM t"}', {"query": "SELECT 1\n  FROM t"}),
        ('{"query": "SELECT "a b" FROM "t""}', {"query": 'SELECT "a b" FROM "t"'}),
        ('{query: "SELECT 1"}', {"query": "SELECT 1"}),
        ('```json\n{"query": "SELECT 1"}\n```', {"query": "SELECT 1"}),
        ('{}{"query": "SELECT 1"}', {"query": "SELECT 1"}),
        ('{"query": "SELECT 1"}{"query": "SELECT 1"}', {"query": "SELECT 1"}),
        ('[{"query": "SELECT 1"}]', {"query": "SELECT 1"}),
        ('{"name": "sql_query", "arguments": {"query": "SELECT 1"}}', {"query": "SELECT 1"}),
        ('{"name": "Rose"}', {"name": "Rose"}),
    ],
)
def test_arguments_are_read(written: Any, meant: dict[str, Any]) -> None:
    assert reply_parser.parse_arguments(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        '{"query": "SELECT a FROM',
        '{"query": "SELECT 1"',
        "the names, please",
        "[1, 2]",
        "3",
        3,
        '{"query": "SELECT 1"}{"query": "SELECT 2"}',
        "{'query': 'it''s'}",
        '{"query": """SELECT 1"""}',
        "[" * 5000,
        "{" * 5000 + "}" * 5000,
    ],
)
def test_arguments_that_would_be_guessed_are_not_read(written: Any) -> None:
    with pytest.raises(ValueError, match="The arguments"):
        reply_parser.parse_arguments(written)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("sql_query", "sql_query"),
        ("functions.sql_query", "sql_query"),
        ("default_api.sql_query", "sql_query"),
        ("default_api:sql_query", "sql_query"),
        ("functions.sql_query:0", "sql_query"),
        ("sql_query<|channel|>json", "sql_query"),
        (" sql_query() ", "sql_query"),
        ("SQL_Query", "SQL_Query"),
        ("drop_table", "drop_table"),
    ],
)
def test_names_lose_their_namespace_and_nothing_else(written: str, name: str) -> None:
    assert reply_parser.clean_name(written, ["sql_query", "list_tables"]) == name


@pytest.mark.parametrize(
    ("text", "prose", "query"),
    [
        (f"```sql\n{QUERY}\n```", "", QUERY),
        (f"So:\n\n```sql\n{QUERY};\n```\nDone.", "So:\n\n\nDone.", f"{QUERY};"),
        (f"```\n{QUERY}\n```", "", QUERY),
        (f"```sql\n{QUERY}", "", QUERY),
        (QUERY, "", QUERY),
        (f"{QUERY};\n\nThis lists them.", "This lists them.", f"{QUERY};"),
        ("select ';' from plants; ok", "ok", "select ';' from plants;"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "", "WITH a AS (SELECT 1) SELECT * FROM a"),
        ("FROM plants WHERE height > 2", "", "FROM plants WHERE height > 2"),
        ("SELECT count(*)", "", "SELECT count(*)"),
    ],
)
def test_sql_in_text_is_a_call(text: str, prose: str, query: str) -> None:
    found, calls = reply_parser.read_reply(text, tools=SQL_ONLY)
    assert [(c.name, c.arguments, c.problem) for c in calls] == [("sql_query", {"query": query}, "")]
    assert found == prose


@pytest.mark.parametrize(
    "text",
    [
        "With 12 plants, the east bed is the largest.",
        "From March to May it grew.",
        "Select one from the list, please.",
        "WITH GREAT CARE it was counted.",
        "```python\nprint(1)\n```",
        '```json\n{"plants": 12}\n```',
        '{"plants": 12}',
        "The tool sql_query(query) would do.",
        "x <tools> y",
        "I would use <tool> here.",
    ],
)
def test_prose_stays_prose(text: str) -> None:
    assert reply_parser.read_reply(text, tools=TOOLS) == (text, ())


def test_without_tools_nothing_is_a_call() -> None:
    text = f"It ran this:\n```sql\n{QUERY}\n```"
    assert reply_parser.read_reply(text) == (text, ())


def test_a_real_call_beats_a_block_in_the_text() -> None:
    text, calls = reply_parser.read_reply(
        "```sql\nSELECT 2\n```", [RawCall("sql_query", {"query": QUERY}, "a")], tools=TOOLS
    )
    assert [c.arguments for c in calls] == [{"query": QUERY}]
    assert text == "```sql\nSELECT 2\n```"


def test_the_same_block_twice_is_one_call_and_another_is_another() -> None:
    text = "```sql\nSELECT 1\n```\n```sql\nSELECT 2\n```\n```sql\nSELECT 1\n```"
    _, calls = reply_parser.read_reply(text, tools=SQL_ONLY)
    assert [c.arguments["query"] for c in calls] == ["SELECT 1", "SELECT 2"]


@pytest.mark.parametrize(
    "text",
    [
        "```sql\nSELECT name FROM",
        "SELECT name FROM plants WH",
        '<tool_call>{"name": "sql_query", "arguments": {"query": "SELECT',
        '```json\n{"name": "sql_query", "arguments": {"query": "SELECT',
        '{"name": "sql_query", "arguments": {"query": "SELECT',
        "<tool_call><function=sql_query><parameter=query>SELECT na",
        '<minimax:tool_call><invoke name="sql_query"><parameter name="query">SELECT na',
    ],
)
def test_a_call_that_broke_off_is_sent_back(text: str) -> None:
    _, (call,) = reply_parser.read_reply(text, tools=TOOLS, cut=True)
    assert call.name == "sql_query" and not call.arguments and "broke off" in call.problem


def test_a_tagged_call_without_a_name_says_so() -> None:
    _, (call,) = reply_parser.read_reply("<tool_call>the plants</tool_call>", tools=TOOLS)
    assert (call.name, call.arguments) == ("", {}) and "names no tool" in call.problem


def test_ids_are_made_unique_against_the_conversation() -> None:
    calls = [ToolCall(i, "sql_query", {}) for i in ("a", "a", "", "b")]
    numbers = iter(["n1", "b", "n2", "n3", "n4"])
    assigned = reply_parser.assign_ids(calls, used_ids=("b",), make_id=lambda: next(numbers))
    assert [c.id for c in assigned] == ["a", "n1", "n2", "n3"]


def test_raw_sql_as_arguments_is_the_query() -> None:
    _, (call,) = reply_parser.read_reply("", [RawCall("sql_query", QUERY)], tools=TOOLS)
    assert (call.arguments, call.problem) == ({"query": QUERY}, "")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>a\nb</think>\nTwelve.", "Twelve."),
        ("<thinking>never closed", ""),
        ("thoughts</think>Twelve.", "Twelve."),
        ("Ten.<think>no</think> Twelve.", "Ten. Twelve."),
        ("◁think▷a◁/think▷Twelve.", "Twelve."),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Twelve.<|return|>",
            "Twelve.",
        ),
        ("Twelve.<|im_end|>", "Twelve."),
    ],
)
def test_thoughts_are_no_text(text: str, left: str) -> None:
    assert reply_parser.read_reply(text, tools=TOOLS)[0] == left


PIECES = st.sampled_from(
    [
        *('{"name": "sql_query", "arguments": ', '{"query": "SELECT 1"}', "}", "```json\n", "```sql\n", "\n```"),
        *("<tool_call>", "</tool_call>", "<think>", "</think>", "[TOOL_CALLS]", "<invoke name=", "<function=a>"),
        *("call:a{b:1}", "SELECT 1 FROM t;", "<|python_tag|>", "sql_query(query='x')", "<｜tool▁calls▁begin｜>"),
        *("'", '"', "\\", "\n", ",", "[", "]", "None"),
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=12), st.booleans())
def test_no_text_raises(pieces: list[str], cut: bool) -> None:
    text, calls = reply_parser.read_reply("".join(pieces), tools=TOOLS, cut=cut)
    assert isinstance(text, str) and all(c.id for c in calls)
    assert cut_to_prose("".join(pieces), ["sql_query"]) is not None


@given(st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="<>`{}[]◁")))
def test_plain_prose_is_never_lost(text: str) -> None:
    prose, calls = reply_parser.read_reply(f"So {text}", tools=TOOLS)
    assert (prose, calls) == (f"So {text}".strip(), ())


@given(st.one_of(st.none(), st.integers(), st.text(), st.recursive(st.text(), lambda c: st.dictionaries(st.text(), c))))
def test_any_arguments_are_read_or_reported(written: Any) -> None:
    _, (call,) = reply_parser.read_reply("", [RawCall("sql_query", written)], tools=TOOLS)
    assert not (call.problem and call.arguments)


@given(st.dictionaries(st.text(min_size=1), st.one_of(st.text(), st.integers(), st.booleans(), st.none()), min_size=1))
def test_good_arguments_come_through_unchanged(arguments: dict[str, Any]) -> None:
    _, (call,) = reply_parser.read_reply("", [RawCall("top_plants", json.dumps(arguments))], tools=TOOLS)
    assert (call.arguments, call.problem) == (arguments, "")

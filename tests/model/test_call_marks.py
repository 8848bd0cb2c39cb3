"""Calls that models write as text: each family's marks, other spellings of them, and what is never shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from nl2sql.model.openai.openai_client import OpenAIChatModel
from nl2sql.model.tool_calls import call_marks, reply_parser
from nl2sql.model.tool_calls.text_tool_calls import cut_to_prose
from nl2sql.model.tool_calls.tool_call_shapes import RawCall

from .conftest import DONE, SQL_ONLY, TOOLS, Answer, Endpoint, drain

Open = Callable[..., OpenAIChatModel]
NAMES = [tool["function"]["name"] for tool in TOOLS]
SQL = "SELECT \"name\", count(*) FROM plants WHERE note < 'a (b)' AND height > 3"
ARGUMENTS = json.dumps({"query": SQL})
CALL = json.dumps({"name": "sql_query", "arguments": {"query": SQL}})
ESCAPED = SQL.replace('"', '\\"')
RAW = re.compile(
    r"<[|｜‖]|[|｜]>|DSML|</?(?:\w+:)?(?:tool_?call|invoke|function|parameter|arg_)|✿|\[/?(?:TOOL|END_TOOL|ARGS)"
    r"|\"(?:arguments|parameters|query)\"|sql_query\s*[({\[<]",
    re.IGNORECASE,
)


def write_dsml(before: str, behind: str = "", outer: str = "tool_calls") -> str:
    """A call as DeepSeek writes it, with these bars."""
    inner = (
        f'<{before}invoke name="sql_query"{behind}>\n<{before}parameter name="query" string="true"{behind}>{SQL}'
        f"</{before}parameter{behind}>\n</{before}invoke{behind}>"
    )
    return f"<{before}{outer}{behind}>\n{inner}\n</{before}{outer}{behind}>" if outer else inner


SPELLINGS = {
    "DSML": write_dsml("｜DSML｜"),
    "DSML, function_calls": write_dsml("｜DSML｜", outer="function_calls"),
    "DSML, bare": write_dsml("｜DSML｜", outer=""),
    "DSML, doubled bars": write_dsml("｜｜DSML｜｜"),
    "DSML, other bars": write_dsml("‖DSML‖"),
    "DSML, ASCII": write_dsml("|DSML|"),
    "DSML, spaces": write_dsml(" | DSML | "),
    "DSML, bars behind": write_dsml("｜DSML｜", "｜"),
    "DSML, small": write_dsml("｜dsml｜"),
    "DSML, first mark broken": write_dsml("｜DSML｜")[1:],
    "DSML in a fence": f"```xml\n{write_dsml('｜DSML｜')}\n```",
    "DSML, not closed": write_dsml("｜DSML｜").partition("</")[0],
    "DSML, JSON inside": f'<｜DSML｜invoke name="sql_query">{ARGUMENTS}</｜DSML｜invoke>',
    "DSML, escaped": "&lt;｜DSML｜invoke name=\"sql_query\"&gt;&lt;｜DSML｜parameter name=\"query\"&gt;"
    + SQL.replace("<", "&lt;").replace(">", "&gt;")
    + "&lt;/｜DSML｜parameter&gt;&lt;/｜DSML｜invoke&gt;",
    "DeepSeek V3": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>sql_query\n"
    f"```json\n{ARGUMENTS}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>",
    "DeepSeek in ASCII": f"<|tool_calls_begin|><|tool_call_begin|>sql_query<|tool_sep|>{ARGUMENTS}<|tool_call_end|>",
    "DeepSeek, outputs made up": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>sql_query<｜tool▁sep｜>"
    f"{ARGUMENTS}<｜tool▁call▁end｜>"
    "<｜tool▁calls▁end｜><｜tool▁outputs▁begin｜>71<｜tool▁outputs▁end｜>There are 71.",
    "Step": '<｜tool▁calls▁begin｜><steptml:invoke name="sql_query"><steptml:parameter name="query">'
    f"{SQL}</steptml:parameter></steptml:invoke><｜tool▁calls▁end｜>",
    "Kimi": "I look. <|tool_calls_section_begin|> <|tool_call_begin|> functions.sql_query:0 "
    f"<|tool_call_argument_begin|> {ARGUMENTS} <|tool_call_end|> <|tool_calls_section_end|>",
    "Kimi, no section": "<|tool_call_begin|>functions.sql_query:0<|tool_call_argument_begin|>"
    f"{ARGUMENTS}<|tool_call_end|>",
    "Kimi, no marks": f"functions.sql_query:0{ARGUMENTS}",
    "LFM2": f'<|tool_call_start|>[sql_query(query="{ESCAPED}")]<|tool_call_end|>',
    "LFM2, quotes in quotes": f'<|tool_call_start|>[sql_query(query="{SQL}")]<|tool_call_end|>',
    "LFM2, not closed": f'<|tool_call_start|>[sql_query(query="{ESCAPED}")]',
    "LM Studio": f"[TOOL_REQUEST]{CALL}[END_TOOL_REQUEST]",
    "LM Studio, name in brackets": f"[sql_query]\n{ARGUMENTS}\n[END_TOOL_REQUEST]",
    "LM Studio, result made up": f"[TOOL_REQUEST]{CALL}[END_TOOL_REQUEST]\n[TOOL_RESULT]71[END_TOOL_RESULT]",
    "Qwen 2": f"✿FUNCTION✿: sql_query\n✿ARGS✿: {ARGUMENTS}\n✿RESULT✿: 71\n✿RETURN✿: 71 plants.",
    "Qwen 3, result made up": f"<tool_call>\n{CALL}\n</tool_call>\n<tool_response>\n71\n</tool_response>\n71 plants.",
    "Llama": "<|start_header_id|>assistant<|end_header_id|>\n\n<|python_tag|>"
    f"{CALL.replace('arguments', 'parameters')}<|eom_id|>",
    "Llama, function": f"<function=sql_query>{ARGUMENTS}",
    "Mistral": f"[TOOL_CALLS] [{CALL}]",
    "Mistral, thinking": f"[THINK]Well.[/THINK][TOOL_CALLS]sql_query[CALL_ID]abc123456[ARGS]{ARGUMENTS}",
    "Mistral, its mark lost": f"sql_query[ARGS]{ARGUMENTS}",
    "Granite": f"<|tool_call|>[{CALL}]",
    "Hermes, named by the tag": f'<tool_call name="sql_query">{ARGUMENTS}</tool_call>',
    "Hermes, fenced": f"<tool_call>\n```json\n{CALL}\n```\n</tool_call>",
    "Hermes, SQL alone": f"<tool_call>{SQL}</tool_call>",
    "GLM": f"<tool_call>sql_query\n<arg_key>query</arg_key>\n<arg_value>{SQL}</arg_value>\n</tool_call>",
    "GLM, its tag lost": f"sql_query<arg_key>query</arg_key><arg_value>{SQL}</arg_value></tool_call>",
    "MiniMax": '<minimax:tool_call><invoke name="sql_query"><parameter name="query">'
    f"{SQL}</parameter></invoke></minimax:tool_call>",
    "Seed": f"<seed:tool_call><function=sql_query><parameter=query>{SQL}</parameter></function></seed:tool_call>",
    "Hunyuan": f"<tool_calls>\n<tool_call>sql_query\n```json\n{ARGUMENTS}\n```\n</tool_call>\n</tool_calls>",
    "Command A": "<|START_THINKING|>I look.<|END_THINKING|><|START_ACTION|>[\n"
    f'{{"tool_call_id": "0", "tool_name": "sql_query", "parameters": {ARGUMENTS}}}\n]<|END_ACTION|>',
    "InternLM": f'I look.<|action_start|><|plugin|>\n{{"name": "sql_query", "parameters": {ARGUMENTS}}}<|action_end|>',
    "Nemotron": f"<TOOLCALL>[{CALL}]</TOOLCALL>",
    "ReAct": f"Thought: look\nAction: sql_query\nAction Input: {ARGUMENTS}\nObservation: 71\nFinal Answer: 71",
    "ReAct, SQL": f"Thought: look\nAction: sql_query\nAction Input: {SQL}\nObservation: 71",
    "ReAct, squares": f"Action: sql_query[{SQL}]\nObservation: 71",
    "ReAct as JSON": f'```json\n{{"action": "sql_query", "action_input": {ARGUMENTS}}}\n```',
    "Python after prose": f'I run it.\nsql_query(query="{ESCAPED}")',
    "Python, assigned": f'Sure:\n\nresult = sql_query(query="{ESCAPED}")\n\nThis gives 71.',
    "Python, by position": f'sql_query("{ESCAPED}")',
    "Python, a dict": f"functions.sql_query({ARGUMENTS})",
    "JavaScript": f'sql_query({{query: "{ESCAPED}"}})',
    "keyword by colon": f'sql_query(query: "{ESCAPED}")',
    "tags named like the tool": f"<sql_query>\n<query>{SQL}</query>\n</sql_query>",
    "tags for all": f"<tool_use>\n<name>sql_query</name>\n<arguments>{ARGUMENTS}</arguments>\n</tool_use>",
    "gpt-oss": f"<|start|>assistant to=functions.sql_query<|channel|>commentary json<|message|>{ARGUMENTS}<|call|>",
    "gpt-oss, its marks lost": f"commentary to=functions.sql_query json{ARGUMENTS}",
    "Functionary": f">>>sql_query\n{ARGUMENTS}",
    "Solar": f"<|tool_call:begin|>a1<|tool_call:name|>sql_query<|tool_call:args|>{ARGUMENTS}<|tool_call:end|>",
    "in a thought that never ends": f"<think>I should count.\n<tool_call>{CALL}</tool_call>",
}  # fmt: skip

UNREADABLE = (
    "<｜DSML｜tool_calls>\n<｜DSML｜",
    "I look. <|tool_calls_section_begin|><|tool_call_begin|>functions.sql_query:0",
    "<tool_call>the plants</tool_call>",
    "<tool_call>",
    '{"name": "sql_query", "arguments":',
    "sql_query\n```python\ntool_call(q)\n```",
    "✿FUNCTION✿: sql_query\n✿ARGS✿:",
    "[TOOL_REQUEST] how many [END_TOOL_REQUEST]",
    "Action: sql_query\nAction Input:",
    "<|some_new_tool|>sql_query how many",
)


@pytest.mark.parametrize("mark", call_marks.MARKS, ids=lambda mark: mark.family)
def test_the_example_of_each_mark_is_one_call(mark: call_marks.Mark) -> None:
    for text in (mark.example, f"I look it up.\n\n{mark.example}"):
        prose, calls = reply_parser.read_reply(text, tools=TOOLS)
        assert [(c.name, c.arguments, c.problem) for c in calls] == [("sql_query", {"query": "SELECT 1"}, "")]
        assert prose in ("", "I look it up.")
        assert all(RAW.search(cut_to_prose(text[:end], NAMES)) is None for end in range(len(text)))


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("tools", [TOOLS, SQL_ONLY], ids=["all tools", "SQL only"])
def test_other_spellings_are_calls(text: str, tools: list[dict[str, Any]]) -> None:
    prose, calls = reply_parser.read_reply(text, tools=tools)
    assert [(c.name, c.arguments, c.problem) for c in calls] == [("sql_query", {"query": SQL}, "")]
    assert RAW.search(prose) is None
    shown = [cut_to_prose(text[:end], NAMES) for end in range(len(text) + 1)]
    assert [piece for piece in shown if RAW.search(piece) or "71" in piece] == []


@pytest.mark.parametrize("text", UNREADABLE)
def test_marks_that_cannot_be_read_are_no_answer(text: str) -> None:
    prose, calls = reply_parser.read_reply(text, tools=TOOLS)
    assert RAW.search(prose) is None and [(c.name in ("", "sql_query"), bool(c.problem)) for c in calls] == [
        (True, True)
    ]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<|im_start|>assistant\nThree are ripe.<|im_end|>", "Three are ripe."),
        ("<answer>Three are ripe.</answer>", "Three are ripe."),
        ("Thought: I know it.\nFinal Answer: Three are ripe.", "Three are ripe."),
        ("<tool_response>71</tool_response>\nThree are ripe.", "Three are ripe."),
        ("<|START_RESPONSE|>Three are ripe.<|END_RESPONSE|>", "Three are ripe."),
    ],
)
def test_marks_around_words_are_left_out(text: str, left: str) -> None:
    assert reply_parser.read_reply(text, tools=TOOLS) == (left, ())
    assert reply_parser.read_reply(text) == (left, ())


def test_without_tools_marks_are_not_shown_either() -> None:
    for text in SPELLINGS.values():
        prose, calls = reply_parser.read_reply(f"Three are ripe.\n{text}", tools=())
        assert not calls and not re.search(r"<[|｜]|DSML|</?tool_call|<invoke|✿|\[TOOL", prose)


def test_several_calls_between_marks() -> None:
    two = "<|tool_call_start|>[sql_query(query='SELECT 1'), list_tables(pattern='*')]<|tool_call_end|>"
    assert [c.name for c in reply_parser.read_reply(two, tools=TOOLS)[1]] == ["sql_query", "list_tables"]
    section = "".join(
        f"<|tool_call_begin|>functions.{name}:{i}<|tool_call_argument_begin|>{arguments}<|tool_call_end|>"
        for i, (name, arguments) in enumerate([("sql_query", ARGUMENTS), ("list_tables", '{"pattern": "*"}')])
    )
    text = f"<|tool_calls_section_begin|>{section}<|tool_calls_section_end|>"
    assert [c.name for c in reply_parser.read_reply(text, tools=TOOLS)[1]] == ["sql_query", "list_tables"]


def test_arguments_without_names_go_by_the_tools_parameters() -> None:
    for text, arguments in (
        ("top_plants(3, True)", {"limit": 3, "ripe": True}),
        ("find_values('rose', table='plants')", {"text": "rose", "table": "plants"}),
        ("Thought: x\nAction: list_tables\nAction Input: *bed*\nObservation: beds", {"pattern": "*bed*"}),
    ):
        (call,) = reply_parser.read_reply(text, tools=TOOLS)[1]
        assert (call.arguments, call.problem) == (arguments, "")


@pytest.mark.parametrize("where", ["reasoning_content", "reasoning", "thinking"])
def test_a_call_in_the_field_for_thoughts(endpoint: Endpoint, open_model: Open, where: str) -> None:
    for said, thought in (
        ("", f"I should count. {SPELLINGS['Kimi']}"),
        ("I look it up.", f"I should count. {SPELLINGS['Hermes, fenced']}"),
        ("", f"So this:\n```sql\n{SQL}\n```"),
    ):
        message = {"role": "assistant", "content": said, where: thought}
        endpoint.script = [Answer(body={"choices": [{"message": message, "finish_reason": "stop"}]})]
        _, reply = drain(open_model().stream([{"role": "user", "content": "?"}], TOOLS))
        assert [call.arguments for call in reply.calls] == [{"query": SQL}]


@pytest.mark.parametrize("arguments", ["{}", "", None, {}])
def test_an_empty_native_call_stands_for_the_one_in_the_text(
    endpoint: Endpoint, open_model: Open, arguments: object
) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "sql_query", "arguments": arguments}}
    message = {"role": "assistant", "content": SPELLINGS["DSML"], "tool_calls": [call]}
    endpoint.script = [Answer(body={"choices": [{"message": message, "finish_reason": "tool_calls"}]})]
    _, reply = drain(open_model().stream([{"role": "user", "content": "?"}], TOOLS))
    assert (reply.text, [call.arguments for call in reply.calls]) == ("", [{"query": SQL}])


def test_a_native_call_that_needs_no_arguments_stays() -> None:
    raw = [RawCall("list_tables", "{}", "a")]
    text, calls = reply_parser.read_reply("I look at the tables first.", raw, tools=TOOLS)
    assert (text, [(c.name, c.id) for c in calls]) == ("I look at the tables first.", [("list_tables", "a")])


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("protocol", ["tools", "text"])
def test_a_streamed_call_shows_none_of_its_marks(
    endpoint: Endpoint, open_model: Open, size: int, protocol: str
) -> None:
    for text in SPELLINGS.values():
        text = f"I look it up.\n\n{text}"
        pieces = [{"choices": [{"delta": {"content": text[at : at + size]}}]} for at in range(0, len(text), size)]
        endpoint.script = [Answer([*pieces, {"choices": [{"delta": {}, "finish_reason": "stop"}]}, DONE])]
        shown, reply = drain(open_model(protocol=protocol).stream([{"role": "user", "content": "?"}], TOOLS))
        assert [call.arguments for call in reply.calls] == [{"query": SQL}]
        assert RAW.search("".join(shown)) is None


def damage(text: str, chance: Random) -> str:
    """The text with some of it lost, doubled, or with words in between."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice([1, 3, 12, 60]))
        kind = chance.randrange(4)
        if kind == 0:
            text = text[:at] + text[end:]
        elif kind == 1:
            text = text[:end] + text[at:]
        elif kind == 2:
            text = text[:at] + chance.choice([" ", "\n", " Let me see. ", "<", "｜", "```", '"', "{"]) + text[at:]
        else:
            text = text[:at] if at > len(text) // 3 else text
    return text


@pytest.mark.parametrize("seed", range(8))
def test_nothing_raw_is_an_answer(seed: int) -> None:
    chance = Random(seed)
    whole = [*SPELLINGS.values(), *(mark.example for mark in call_marks.MARKS), *UNREADABLE]
    for _ in range(250):
        text = damage(chance.choice(whole), chance)
        if chance.random() < 0.3:
            text += chance.choice(["\n\n", " "]) + damage(chance.choice(whole), chance)
        prose, calls = reply_parser.read_reply(text, tools=chance.choice([TOOLS, SQL_ONLY]), cut=chance.random() < 0.2)
        if not calls:
            assert RAW.search(prose) is None, text
        shown = cut_to_prose(text[: chance.randrange(len(text) + 1)], NAMES)
        assert not re.search(r"<[|｜‖]|DSML|<(?:tool_call|invoke|function=)|✿F|\[TOOL", shown), text

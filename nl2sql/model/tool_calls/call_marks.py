"""The marks that model families put around a call which they write as text: one table, with an example for each.

It finds marks, brings their spellings to one form, and removes them from text for people; `text_tool_calls` reads what
stands between them. Every search takes time proportional to the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_ARGUMENTS: Final = '{"query": "SELECT 1"}'
_CALL: Final = f'{{"name": "sql_query", "arguments": {_ARGUMENTS}}}'
_INVOKE: Final = '<invoke name="sql_query"><parameter name="query">SELECT 1</parameter></invoke>'


@dataclass(frozen=True, slots=True)
class Mark:
    """Marks around calls: patterns of the normalized opening and closing mark, and a reply that holds one call.

    If the closing mark is missing, the end of the text closes. `needs_name`: the opening mark is a word that also
    occurs in prose, so it counts only if the name of an offered tool follows.
    """

    family: str
    opening: str
    closing: str
    example: str
    needs_name: bool = False


def _make_tag(family: str, tag: str, body: str, *, needs_name: bool = False) -> Mark:
    opening, closing = rf"<(?i:{tag})(?:\s[^<>]*+)?>", rf"(?:</(?i:{tag})>)++"
    return Mark(family, opening, closing, f"<{tag}>{body}</{tag}>", needs_name)


MARKS: Final[tuple[Mark, ...]] = (
    _make_tag("Hermes, Qwen 2.5 and 3", "tool_call", _CALL),
    _make_tag("DeepSeek (DSML), Jamba, Hunyuan", "tool_calls", _INVOKE),
    _make_tag("Nemotron", "toolcall", f"[{_CALL}]"),
    _make_tag("Granite 20b", "function_call", _CALL),
    _make_tag("Claude, Olmo", "function_calls", _INVOKE),
    _make_tag("OpenHermes", "functioncall", _CALL),
    _make_tag("Claude in text", "tool_use", f"<name>sql_query</name><arguments>{_ARGUMENTS}</arguments>"),
    _make_tag("Qwen, by its prompt", "tools", _CALL, needs_name=True),
    _make_tag("small models", "tool", _CALL, needs_name=True),
    Mark("Llama 3", r"<\|python_tag\|>", r"<\|eo[mt]_id\|>", f"<|python_tag|>{_CALL}<|eom_id|>"),
    Mark("Mistral", r"\[TOOL_CALLS\]", r"</s>|(?=\[TOOL_CALLS\])", f"[TOOL_CALLS]sql_query[ARGS]{_ARGUMENTS}"),
    Mark("Granite, Phi-4", r"<\|tool_call\|?>", r"<(?:\|/|\|?)tool_call\|>", f"<|tool_call|>[{_CALL}]<|/tool_call|>"),
    Mark(
        "FunctionGemma",
        r"<start_function_call>",
        r"<end_function_call>",
        "<start_function_call>call:sql_query{query:<escape>SELECT 1<escape>}<end_function_call>",
    ),
    Mark(
        "DeepSeek V3 and R1, Kimi K2",
        r"<\|tool_(?:calls|calls?_section)_begin\|>",
        r"<\|tool_(?:calls|calls?_section)_end\|>",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>sql_query<｜tool▁sep｜>{_ARGUMENTS}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    Mark(
        "Kimi K2 without its section, Solar",
        r"<\|tool_call[_:]begin\|>",
        r"<\|tool_call[_:]end\|>",
        f"<|tool_call_begin|>functions.sql_query:0<|tool_call_argument_begin|>{_ARGUMENTS}<|tool_call_end|>",
    ),
    Mark(
        "LFM2",
        r"<\|tool_call_start\|>",
        r"<\|tool_call_end\|>",
        '<|tool_call_start|>[sql_query(query="SELECT 1")]<|tool_call_end|>',
    ),
    Mark(
        "Command R and A",
        r"<\|START_ACTION\|>",
        r"<\|END_ACTION\|>",
        f'<|START_ACTION|>[{{"tool_name": "sql_query", "parameters": {_ARGUMENTS}}}]<|END_ACTION|>',
    ),
    Mark(
        "InternLM",
        r"<\|action_start\|>",
        r"<\|action_end\|>",
        f'<|action_start|><|plugin|>{{"name": "sql_query", "parameters": {_ARGUMENTS}}}<|action_end|>',
    ),
    Mark(
        "Apertus",
        r"<\|tools_prefix\|>",
        r"<\|tools_suffix\|>",
        f'<|tools_prefix|>[{{"sql_query": {_ARGUMENTS}}}]<|tools_suffix|>',
    ),
    Mark(
        "LM Studio",
        r"\[TOOL_REQUEST\]",
        r"\[(?:END_|/)TOOL_REQUEST\]",
        f"[TOOL_REQUEST]{_CALL}[END_TOOL_REQUEST]",
    ),
    Mark(
        "Qwen 2",
        r"✿FUNCTION✿",
        r"(?=✿(?:FUNCTION|RESULT|RETURN)✿)",
        f"✿FUNCTION✿: sql_query\n✿ARGS✿: {_ARGUMENTS}\n✿RESULT✿: 17\n✿RETURN✿: There are 17.",
    ),
    Mark(
        "gpt-oss",
        r"<\|channel\|>(?:commentary|analysis)(?= to=)|<\|start\|>assistant(?= to=)",
        r"<\|call\|>",
        f"<|channel|>commentary to=functions.sql_query <|constrain|>json<|message|>{_ARGUMENTS}<|call|>",
    ),
    Mark("Gorilla", r"<<function>>", r"(?=<<function>>)", '<<function>>sql_query(query="SELECT 1")'),
    Mark("FireFunction", r"\bfunctools(?=\[)", r"(?!)", f"functools[{_CALL}]"),
    Mark(
        "Qwen Coder, Llama 3.2",
        r"(?=<function=[\w.:-]++>)",
        r"</function>",
        "<function=sql_query><parameter=query>SELECT 1</parameter></function>",
    ),
    Mark("MiniMax, Seed, DSML alone", r"(?=<invoke\s)", r"</invoke>", _INVOKE),
)
"""The marks of each family. The first opening mark counts; marks inside others belong to them."""

_BARS: Final = "|｜‖│┃∣¦"
_DSML: Final = re.compile(
    rf"<[\s{_BARS}]{{0,8}}+(/?)[\s{_BARS}]{{0,8}}+DSML[\s{_BARS}]{{0,8}}+(/?)[\s{_BARS}]{{0,8}}+"
    rf"|(?<![<\w{_BARS}])[{_BARS}]{{1,2}}+(/?)DSML[{_BARS}]{{1,2}}+",
    re.IGNORECASE,
)
_BARS_BEHIND: Final = re.compile(rf"(?<=[\w\"'])[{_BARS}]{{1,2}}+>")
_CONTROL: Final = re.compile(rf"<[{_BARS}]{{1,2}}+(/?[\w▁:-]{{1,40}}+(?: [\w▁:-]{{1,40}}+){{0,3}}+)[{_BARS}]{{1,2}}+>")
_SPACE: Final = re.compile("[▁ ]")
_NAMESPACE: Final = re.compile(
    r"<(/?)(?:[a-z][\w-]{0,20}+:|longcat_)(?=(?:tool_calls?|function_calls?|invoke|parameter|function|arg_key|arg_value)\b)"
)
_ESCAPED: Final = re.compile(r"&lt;/?(?:\w{1,20}:)?(?:tool_call|function|invoke|[|｜])")

# What never occurs in text for people.
_STRONG: Final = re.compile(
    r"<\||\|>|[｜‖▁✿]|DSML|<<function>>|<(?:function|parameter)=|<parameter name=|</(?:function|parameter)>"
    r"|\btool_call\("
    r"|</?(?:tool_calls?|toolcall|tool_use|function_?calls?|invoke|arg_key|arg_value|(?:start|end)_function_call)\b"
    r"|\[/?(?:END_)?TOOL_[A-Z]|\[(?:ARGS|CALL_ID)\]",
    re.IGNORECASE,
)
_KEYS: Final = re.compile(r"[\"'](?:arguments|parameters|query|tool_name|action_input)[\"']\s?:")
_WEAK: Final = re.compile(
    r"</?[A-Za-z][\w:.-]*+(?:\s[^<>\n]{0,200}+)?>|<\||\{\s*+[\"']|\[/?[A-Z_]{3,30}+\]|✿|^[ \t>*]*+Action(?: Input)?:",
    re.MULTILINE,
)
# A result that a model invented after its call, and the turns that it invented.
_INVENTED: Final = re.compile(
    r"<(?P<tag>tool_response|tool_results?|function_results?|function_response|observation)>.*?(?:</(?P=tag)>|\Z)"
    r"|<\|(?:observation|ipython|tool_outputs?_begin|tool_response|START_TOOL_RESULT)\|>.*"
    r"|\[TOOL_RESULT\].*?(?:\[END_TOOL_RESULT\]|\Z)|\[TOOL_RESULTS\].*|✿RE(?:SULT|TURN)✿.*|<\|im_start\|>(?:user|tool)\b.*|<\|start_header_id\|>(?:user|ipython|tool)\b.*"
    r"|<start_of_turn>user\b.*",
    re.DOTALL,
)
_OBSERVED: Final = re.compile(r"^[ \t>*]*+Observation:.*", re.DOTALL | re.MULTILINE)
_ACTED: Final = re.compile(r"^[ \t>*]*+Action:", re.MULTILINE)
_FINAL: Final = re.compile(r"\A\s*+(?:Thought|Action|Question|Observation):.*\bFinal Answer:[ \t*]*+", re.DOTALL)
_TURN: Final = re.compile(
    r"<\|(?:im_start|start)\|>(?:assistant|model)?|<\|start_header_id\|>\w{0,20}<\|end_header_id\|>|<start_of_turn>(?:model)?"
    r"|<end_of_turn>|<\|(?!/?\w{0,30}(?:tool|function|call|action|plugin|python))[\w:/-]{1,60}+\|>|</?(?:answer|final_answer|final|response|output)>|\[/?INST\]|<(?:bos|eos)>"
    r"|\A\s*+<s>|</s>\s*+\Z",
)

_PARTIAL: Final = re.compile(
    r"(?:<{1,2}+[^<>\n]{0,48}+>?|\[/?[A-Z_]{0,18}+|&(?:l(?:t;?[^\s]{0,20}+)?)?|✿[A-Z]{0,12}+|`{1,2}+|~{1,2}+"
    r"|(?:^|\n)[ \t>*]*+(?:A(?:c(?:t(?:i(?:on?)?)?)?)?|s(?:ql?)?|S(?:QL?)?|f(?:unc(?:tools?)?)?))\Z"
)
_MAX_PARTIAL_CHARS: Final = 64
_OPENINGS: Final = "|".join(mark.opening for mark in MARKS if not mark.needs_name)
_OPENED: Final = re.compile(rf"(?=[<\[✿f])(?:{_OPENINGS})")

_REGIONS: Final = "|".join(
    rf"(?P<opening{i}>{mark.opening})(?P<body{i}>.*?)(?P<end{i}>{mark.closing}|\Z)" for i, mark in enumerate(MARKS)
)
REGION: Final = re.compile(rf"(?=[<\[✿f])(?:{_REGIONS})", re.DOTALL)
"""A region between marks; the groups `opening`, `body` and `end` carry the index of the Mark in MARKS."""


def normalize_marks(text: str) -> str:
    """Return the text with its marks in one spelling: DSML and namespaces removed, bars and underscores in ASCII."""
    if _ESCAPED.search(text):
        text = html.unescape(text)
    text, count = _DSML.subn(lambda found: f"<{found[1] or found[2] or found[3] or ''}", text)
    text = _BARS_BEHIND.sub(">", text) if count else text
    text = _CONTROL.sub(lambda found: f"<|{_SPACE.sub('_', found[1])}|>", text)
    return _NAMESPACE.sub(r"<\1", text)


def cut_invented_result(text: str) -> str:
    """Return the text up to a tool result that the model invented: whatever follows is based on it."""
    found = _INVENTED.search(text)
    text = text[: found.start()] if found else text
    acted = _ACTED.search(text)
    observed = _OBSERVED.search(text, acted.end()) if acted else None
    return text[: observed.start()] if observed else text


def has_marks(text: str, names: Collection[str] = ()) -> bool:
    """Return whether the normalized text holds marks of a call: of a model family, or next to the name of a tool.

    `names` are the offered tools. Marks of conversation turns do not count: `strip_marks` removes them.
    """
    text = _TURN.sub("", text)
    if _STRONG.search(text) is not None or (names and _KEYS.search(text) is not None):
        return True
    if not any(name in text for name in names):
        return False
    either = "|".join(map(re.escape, names))
    # A name with words in parentheses, as in `find_values(text)`, only mentions the tool.
    return _WEAK.search(text) is not None or re.search(rf"(?:{either})\s?(?:[{{\[<]|\((?!\w*\)))", text) is not None


def strip_marks(text: str) -> str:
    """Return normalized text for people: without invented results, marks of conversation turns, and calls."""
    text = _FINAL.sub("", _TURN.sub("", _INVENTED.sub("", text)))
    found = _STRONG.search(text)
    return (text[: found.start()] if found else text).strip()


def find_first_mark(text: str) -> int:
    """Return where the first mark begins; the length of the text if there is none."""
    found = min(
        (m.start() for pattern in (_OPENED, _STRONG, _INVENTED, _KEYS) if (m := pattern.search(text))), default=None
    )
    return len(text) if found is None else found


def cut_partial_mark(text: str) -> str:
    """Return the text without an ending that may become a mark once more text arrives."""
    tail = text[-_MAX_PARTIAL_CHARS:]
    return text[: len(text) - len(tail)] + _PARTIAL.sub("", tail)

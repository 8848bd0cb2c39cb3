"""Finds the calls that a model wrote into its text: in tags, in fences, as bare JSON, as Python, as bare SQL.

It says what was written and where; whether the arguments can be read is `salvage`'s affair, and whether the
call makes sense is the agent's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from typing import Any, Final

from nl2sql.model import loose_json
from nl2sql.model.shapes import (
    SQL_TOOL,
    RawCall,
    find_broken,
    looks_like_sql,
    read_json_calls,
    read_python_calls,
    read_values,
)

_THINK = r"think|thinking|thought|reasoning|mm:think"
_THOUGHT = re.compile(rf"<({_THINK})>.*?(?:</\1>|\Z)|◁think▷.*?(?:◁/think▷|\Z)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(rf"</(?:{_THINK})>|◁/think▷|<\|channel\|>final<\|message\|>", re.I)
_CHANNEL = re.compile(r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>(?:<\|start\|>assistant)?|\Z)", re.DOTALL)
_CONTROL = re.compile(r"<\|(?:end|return|call|eot_id|eom_id|im_end|endoftext)\|>|</s>\s*+\Z")

# The name of each group is the tag's own, or the family that writes it.
_REGION = re.compile(
    r"<(?P<tag>(?:minimax:)?tool_calls?|function_calls?|functioncall|tools?)>(?P<tagged>.*?)(?P<end>(?:</(?P=tag)>)++|\Z)"
    r"|<\|python_tag\|>(?P<llama>.*?)(?P<llama_end><\|eo[mt]_id\|>|\Z)"
    r"|\[TOOL_CALLS\](?P<mistral>.*?)(?P<mistral_end></s>|(?=\[TOOL_CALLS\])|\Z)"
    r"|<\|tool_call\|?>(?P<piped>.*?)(?P<piped_end><(?:\|/|\|?)tool_call\|>|\Z)"
    r"|<start_function_call>(?P<gemma>.*?)(?P<gemma_end><end_function_call>|\Z)"
    r"|<｜tool▁calls▁begin｜>(?P<deepseek>.*?)(?P<deepseek_end><｜tool▁calls▁end｜>|\Z)"
    r"|<\|channel\|>commentary(?P<harmony> to=.*?)(?P<harmony_end><\|call\|>|\Z)"
    r"|(?P<function><function=[\w.:-]++>.*?)(?P<function_end></function>|\Z)"
    r"|(?P<invoke><invoke name=.*?)(?P<invoke_end></invoke>|\Z)",
    re.DOTALL,
)
_FENCE = re.compile(
    r"^[ \t]*+```[ \t]*+(?P<language>[\w+-]*+)[ \t]*+\n(?P<body>.*?)(?P<end>(?:\n[ \t]*+)?```|\Z)",
    re.DOTALL | re.MULTILINE,
)
_INVOKE = re.compile(
    r"<invoke name=[\"']?(?P<name>[^\"'<>]{1,80}+)[\"']?\s*+>(?P<body>.*?)(?=</invoke>|<invoke |\Z)", re.DOTALL
)
_FUNCTION = re.compile(r"<function=(?P<name>[^<>\s]++)>(?P<body>.*?)(?=</function>|<function=|\Z)", re.DOTALL)
_PARAMETER = re.compile(
    r"<parameter(?: name)?=[\"']?(?P<key>[^\"'<>]++)[\"']?[^<>]*+>(?P<value>.*?)(?P<end></parameter>|\Z)"
    r"|<arg_key>(?P<glm_key>[^<>]*+)</arg_key>\s*+<arg_value>(?P<glm_value>.*?)(?P<glm_end></arg_value>|\Z)",
    re.DOTALL,
)
_CALL_COLON = re.compile(r"call:(?P<name>[\w.]++)\{")
_CALL_COLON_END = re.compile(r"\}\s*+(?=call:|\Z)")
_COLON_PAIR = re.compile(
    r"(?<!\w)(?P<key>\w++):\s*+(?:(?P<mark><escape>|<\|\"\|>)(?P<text>.*?)(?P=mark)|(?P<value>[^,{}]++))", re.DOTALL
)
_NAMED = re.compile(
    r"\s*+(?:function<｜tool▁sep｜>|<｜tool▁call▁begin｜>|to=)*+(?P<name>[A-Za-z_][\w.:-]*+)"
    r"\s*+(?:(?:\[CALL_ID\]\w++|\[ARGS\]|<｜tool▁sep｜>|<\|[^|]*+\|>|```json|json)\s*+)*+(?=[\[{])"
)
_NAMED_END = re.compile(r"(?:\s|```|<｜tool▁call▁end｜>|;|,)*+")
_NAME = re.compile(r"[\"']name[\"']\s*+:\s*+[\"']([\w.:-]++)")
_SQL_LANGUAGES = frozenset({"sql", "duckdb", "postgres", "postgresql", "sqlite", "mysql"})
_STATEMENT = re.compile(r"""(?:'(?:[^']|'')*+'|"(?:[^"]|"")*+"|--[^\n]*+|[^;])*+;""")
_STRAY = re.compile(r"</(?:(?:minimax:)?tool_calls?|function(?:_calls?)?|functioncall|invoke)>")
_BRACKETED_LINE = re.compile(r"^[ \t]*+(?=[\[{])", re.MULTILINE)
_START = re.compile(r"\A\s*+(?:[\[{]|select\b|SELECT\b|with\b|WITH\b|from\b|FROM\b)")
_MARK = re.compile(
    r"```|<(?:(?:minimax:)?tool_calls?|function_calls?|functioncall|tools?)>|<function=|<invoke |<start_function_call>"
    r"|<\||<｜|\[TOOL_CALLS\]|◁"
)
_PARTIAL_MARK = re.compile(r"(?:<[^\s<>]{0,24}+(?: \w{0,8}+)?|\[[A-Z_]{0,11}+|`{1,2}+)\Z")
# How often the same characters are looked at for JSON that holds the call: each line of a long value may begin one.
_TIMES_READ: Final = 2
_LONGEST_MARK: Final = 40


def strip_reasoning(text: str) -> str:
    """The text less what the model thought aloud, and less the marks that end its turn."""
    return _CONTROL.sub("", _strip_thoughts(text)).strip()


def cut_to_prose(text: str, *, tools: bool) -> str:
    """How much of a reply that is still being written can be shown: prose, up to what may become a call."""
    text = _strip_thoughts(text).lstrip()
    if tools:
        if _START.match(text) or text.upper() in ("SELECT"[: len(text)], "WITH"[: len(text)], "FROM"[: len(text)]):
            return ""
        mark = _MARK.search(text)
        text = text[: mark.start()] if mark else text
    return (text[:-_LONGEST_MARK] + _PARTIAL_MARK.sub("", text[-_LONGEST_MARK:])).rstrip()


def _strip_thoughts(text: str) -> str:
    """The text less whole thoughts, from the last end of one on whose beginning stood in the prompt."""
    text = _CHANNEL.sub("", _THOUGHT.sub("", text))
    end = 0
    for found in _END_OF_THOUGHT.finditer(text):
        end = found.end()
    return text[end:]


def find_calls(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    """The prose and the calls of a text, where it holds calls by any mark; else the text and none."""
    for find in (_find_in_regions, _find_in_fences, _find_bare):
        prose, calls = find(text, names)
        if calls:
            return prose.strip(), calls
    return text, []


def find_sql(text: str) -> tuple[str, list[RawCall]]:
    """The prose and the SQL of a text: fenced blocks, or a reply that is nothing but SQL from its first word."""
    calls: dict[str, RawCall] = {}

    def take(match: re.Match[str]) -> str:
        language, body = match["language"].lower(), match["body"].strip()
        if not body or not (language in _SQL_LANGUAGES or (not language and looks_like_sql(body))):
            return match[0]
        calls.setdefault(body, RawCall(SQL_TOOL, {"query": body}, whole=bool(match["end"])))
        return ""

    prose = _FENCE.sub(take, text)
    if calls:
        return prose.strip(), list(calls.values())
    if not looks_like_sql(text):
        return text, []
    statement = _STATEMENT.match(text)
    end = statement.end() if statement else len(text)
    return text[end:].strip(), [RawCall(SQL_TOOL, {"query": text[:end].strip()}, whole=statement is not None)]


def _find_in_regions(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    calls: list[RawCall] = []

    def take(match: re.Match[str]) -> str:
        groups = match.groupdict()
        kind = next(k for k, v in groups.items() if v is not None and k != "tag")
        body, end = groups[kind], groups["end" if kind == "tagged" else f"{kind}_end"]
        if groups["tag"] in ("tool", "tools") and not any(name in body for name in names):
            return match[0]
        found = _read_body(body, names, whole=bool(end))
        calls.extend(found)
        return "" if found else match[0]

    prose = _REGION.sub(take, text)
    return _STRAY.sub("", prose) if calls else text, calls


def _read_body(body: str, names: Collection[str], *, whole: bool) -> list[RawCall]:
    """The calls between two tags. What cannot be read at all is one call without a name."""
    if not body.strip():
        return []
    elements = [*_INVOKE.finditer(body), *_FUNCTION.finditer(body)]
    if elements:
        return [_read_element(m["name"], m["body"], whole=whole) for m in elements]
    if "<arg_key>" in body:
        return [_read_element(body.split("<arg_key>")[0].strip(), body, whole=whole)]
    if found := list(_read_with_colons(body)):
        return found
    found = read_json_calls(body, names) or list(_read_named(body)) or read_python_calls(body, names)
    if found:
        return found
    name = _NAME.search(body)
    return [RawCall(name[1] if name else "", body.strip(), whole=whole)]


def _read_element(name: str, body: str, *, whole: bool) -> RawCall:
    parameters = list(_PARAMETER.finditer(body))
    if not parameters:
        return RawCall(name.strip(), body.strip(), whole=whole or body.rstrip().endswith("}"))
    values = {(p["key"] or p["glm_key"]).strip(): (p["value"] or p["glm_value"] or "").strip() for p in parameters}
    closed = bool(parameters[-1]["end"] or parameters[-1]["glm_end"])
    return RawCall(name.strip(), values, whole=whole or closed)


def _read_pair(pair: re.Match[str]) -> Any:
    if pair["mark"]:
        return pair["text"]
    try:
        return loose_json.load(pair["value"])
    except ValueError:
        return pair["value"].strip()


def _read_with_colons(body: str) -> Iterator[RawCall]:
    """Calls written `call:name{key:value}`; the bracket that closes one stands before the next, or at the end."""
    ends = [found.start() for found in _CALL_COLON_END.finditer(body)]
    at = 0
    while found := _CALL_COLON.search(body, at):
        following = bisect_left(ends, found.end())
        if following == len(ends):
            return
        at = ends[following]
        pairs = _COLON_PAIR.finditer(body, found.end(), at)
        yield RawCall(found["name"], {pair["key"]: _read_pair(pair) for pair in pairs})


def _read_named(body: str) -> Iterator[RawCall]:
    """Calls written as a name and then the JSON of the arguments."""
    at = 0
    while match := _NAMED.match(body, at):
        try:
            arguments, at = loose_json.read_leading(body, match.end())
        except ValueError:
            yield RawCall(match["name"], body[match.end() :].strip(), whole=False)
            return
        yield RawCall(match["name"], arguments)
        if end := _NAMED_END.match(body, at):
            at = end.end()


def _find_in_fences(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    calls: list[RawCall] = []

    def take(match: re.Match[str]) -> str:
        language, body = match["language"].lower(), match["body"]
        if language in _SQL_LANGUAGES:
            return match[0]
        found = read_json_calls(body, names) or read_python_calls(body, names)
        if not found and (not match["end"] or language in ("tool_call", "json")):
            found = find_broken(body, names)
        calls.extend(found)
        return "" if found else match[0]

    return _FENCE.sub(take, text), calls


def _find_bare(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    """A reply that is a call and nothing else, or prose that ends in a call or begins with one."""
    if calls := read_json_calls(text, names) or read_python_calls(text, names):
        return "", calls
    read = 0
    for match in _BRACKETED_LINE.finditer(text):
        try:
            value, end = loose_json.read_leading(text, match.end())
        except ValueError:
            break
        read += end - match.end()
        if read > _TIMES_READ * len(text):
            break
        if calls := read_values(value if isinstance(value, list) else [value], names):
            return f"{text[: match.start()].rstrip()}\n\n{text[end:].lstrip()}", calls
    return text, find_broken(text, names)

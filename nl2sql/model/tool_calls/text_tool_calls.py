"""Finds calls that a model wrote into its text: between marks, in fences, as bare JSON, as Python, as bare SQL.

It says what was written and where. `reply_parser` decides whether the arguments can be read, the agent whether the call
makes sense.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Any, Final

from nl2sql.model.tool_calls import call_marks, tolerant_json
from nl2sql.model.tool_calls.sql_in_prose import cut_after_sql, find_sql_in_prose
from nl2sql.model.tool_calls.tool_call_shapes import (
    RawCall,
    is_bare_sql,
    read_arguments_at,
    read_broken_call,
    read_json_calls,
    read_python_calls,
    read_values,
)
from nl2sql.types import ToolName

_THINK = r"think|thinking|thoughts?|reasoning|reflection|scratchpad|(?:mm|seed):think"
_THOUGHT = re.compile(
    rf"<({_THINK})>.*?(?:</\1>|\Z)|◁think▷.*?(?:◁/think▷|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z)"
    r"|<\|START_THINKING\|>.*?(?:<\|END_THINKING\|>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_END_OF_THOUGHT = re.compile(
    rf"</(?:{_THINK})>|◁/think▷|\[/THINK\]|<\|END_THINKING\|>|<\|channel\|>final<\|message\|>", re.I
)
_CHANNEL = re.compile(r"<\|channel\|>analysis<\|message\|>.*?(?:<\|end\|>(?:<\|start\|>assistant)?|\Z)", re.DOTALL)
_CONTROL = re.compile(r"<\|(?:end|return|call|eot_id|eom_id|im_end|endoftext)\|>|</s>\s*+\Z")

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
    r"\s*+(?:(?:function<\|tool_sep\|>|<\|tool_call_begin\|>|to=)\s*+)*+(?P<name>[A-Za-z_][\w.:-]*+)"
    r"\s*+(?:(?:\[CALL_ID\]\w++|\[ARGS\]|<\|[^|<>]*+\|>|```json|json|commentary)\s*+)*+(?=[\[{])"
)
_NAMED_END = re.compile(r"(?:\s|```|<\|tool_call_end\|>|;|,)*+")
_LEADING_MARKS = re.compile(r"\A(?:\s*+<[^<>]{1,60}+>)*+\s*+")
_LEADING_NAME = re.compile(r"\A[\w.:-]{1,100}+\s*+\n")
_ATTRIBUTE = re.compile(r"\bname\s*+=\s*+[\"']([\w.:-]{1,100}+)")
_MAX_DEPTH: Final = 2
_ANY_TAG = re.compile(r"<(?P<slash>/?)(?P<tag>[A-Za-z_]\w{0,60}+)>")
_OPENING = re.compile(r"(?:\.call)?\(")
_GAP = re.compile(
    r"(?:[:.]\d{1,4}+)?(?:[\s\"'\]\[)(>:=,|`*✿-]|<[/|]?[\w:-]{1,40}+[|]?>"
    r"|(?:Action Input|arguments|args|parameters|input|json|commentary|with)\b){0,60}+",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"(?:(?:assistant)?(?:commentary|analysis)?[ \t]{0,3}+to=|^[ \t>*]*+(?:Action|Tool):)[ \t*`]*+\Z", re.M
)
_INPUT_LINE = re.compile(r"[ \t`*]*+\n[ \t>*]*+Action Input:(?:\*\*)?[ \t]*+(?P<argument>[^\n{]{0,300}+)(?=\n|\Z)")
_CALLING: Final = r"(?=[\s`*]{0,3}(?:[(\[{:\"'<✿\])]|\Z))"
_IN_SQUARES = re.compile(r"\[(?P<argument>[A-Za-z*%\"'][^\n]{0,2000})\][ \t.]*+$", re.MULTILINE)
_QUOTES = re.compile(r"\A([\"'`])(.*)\1\Z")
_MAX_TRIES: Final = 8
_NAME = re.compile(r"[\"']name[\"']\s*+:\s*+[\"']([\w.:-]++)")
_SQL_LANGUAGES = frozenset({"sql", "duckdb", "postgres", "postgresql", "sqlite", "mysql"})
_STATEMENT = re.compile(r"""(?:'(?:[^']|'')*+'|"(?:[^"]|"")*+"|--[^\n]*+|[^;])*+;""")
_STRAY = re.compile(r"</(?:tool_calls?|function(?:_calls?)?|functioncall|invoke)>")
_BRACKETED_LINE = re.compile(r"^[ \t]*+(?=[\[{])", re.MULTILINE)
_SQL_START = re.compile(
    r"^[ \t>]*+(?:(?:select|SELECT|with|WITH|from|FROM)\b|(?:SQL|sql)(?:[ _]?[Qq]uery)?[ \t]*+(?::|$))", re.MULTILINE
)
_JSON_START = re.compile(r"\A\s*+[\[{]")
_BLOCK_START = re.compile(r"```|~~~|^[ \t>*]*+Action(?: Input)?:", re.MULTILINE)
_SQL_BEGUN = re.compile(r"(?:^|\n)[ \t>]*+(?:[sS][eElLcCtT]{0,5}+|[wW][iItThH]{0,3}+|[fF][rRoOmM]{0,3}+)\Z")
_WORD_BEGUN = re.compile(r"[A-Za-z_][\w.]{0,80}+\Z")
# How often the same characters are parsed in search of a call: each line of a long value may begin JSON.
_MAX_READS: Final = 2
_MAX_WORD_CHARS: Final = 100


def strip_reasoning(text: str) -> str:
    """Return the text with normalized marks, without the model's thoughts and the marks that end its turn."""
    return _CONTROL.sub("", _strip_thoughts(call_marks.normalize_marks(text))).strip()


def cut_to_prose(text: str, names: Collection[str] = ()) -> str:
    """Return the part of an incomplete reply that can be shown: prose, up to what may become a call.

    `names` are the offered tools.
    """
    text = _strip_thoughts(call_marks.normalize_marks(text)).lstrip()
    text = text[: call_marks.find_first_mark(text)]
    if names:
        if _JSON_START.match(text):
            return ""
        plain = [name for name in names if "_" not in name]
        named = _make_name_pattern([name for name in names if "_" in name])
        for pattern in (_SQL_START, _BLOCK_START, named, _make_name_pattern(plain, behind=_CALLING)):
            if found := pattern.search(text):
                text = text[: found.start()]
        text = _SQL_BEGUN.sub("", text[-_MAX_WORD_CHARS:]).join((text[:-_MAX_WORD_CHARS], ""))
        word = _WORD_BEGUN.search(text[-_MAX_WORD_CHARS:])
        if word and any(name.startswith(word[0].rpartition(".")[2]) for name in names):
            text = text[: -len(word[0])]
    return call_marks.strip_marks(call_marks.cut_partial_mark(text)).rstrip()


def _strip_thoughts(text: str) -> str:
    """Return the text without whole thoughts, and without a thought whose beginning was in the prompt."""
    text = _CHANNEL.sub("", _THOUGHT.sub("", text))
    end = 0
    for found in _END_OF_THOUGHT.finditer(text):
        end = found.end()
    return text[end:]


def find_calls(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    """Return the prose and the calls of a text if it holds calls with any mark; else the text and no calls."""
    plain = call_marks.cut_invented_result(call_marks.normalize_marks(text))
    for find in (_find_in_regions, _find_in_fences, _find_bare, _find_elements, _find_python, _find_named):
        prose, calls = find(plain, names)
        if calls:
            return prose.strip(), calls
    return text, []


def find_calls_in_thought(text: str, names: Collection[str], *, alone: bool) -> list[RawCall]:
    """Return the calls between marks in a thought, if it ends with one or is the whole reply (`alone`).

    If it is the whole reply, a fenced SQL block at its end counts too.
    """
    plain = call_marks.cut_invented_result(call_marks.normalize_marks(text)).rstrip()
    if alone and (calls := find_calls(plain, names)[1]):
        return calls
    regions = list(call_marks.REGION.finditer(plain))[-1:]
    if regions and regions[0].end() == len(plain) and (calls := _find_in_regions(regions[0][0], names)[1]):
        return [call for call in calls if call.name]
    fences = [*_FENCE.finditer(plain)] if alone and ToolName.SQL_QUERY in names else []
    if fences and fences[-1]["end"] and fences[-1].end() == len(plain) and fences[-1]["language"] in _SQL_LANGUAGES:
        return find_sql(fences[-1][0])[1]
    return []


def find_sql(text: str) -> tuple[str, list[RawCall]]:
    """Return the prose and the SQL of a text: fenced blocks, a reply that is nothing but SQL, or SQL within prose."""
    calls: dict[str, RawCall] = {}

    def take(match: re.Match[str]) -> str:
        language, body = match["language"].lower(), match["body"].strip()
        if not body or not (language in _SQL_LANGUAGES or (not language and is_bare_sql(body))):
            return match[0]
        calls.setdefault(body, RawCall(ToolName.SQL_QUERY, {"query": body}, is_whole=bool(match["end"])))
        return ""

    prose = _FENCE.sub(take, text)
    if calls:
        return prose.strip(), list(calls.values())
    if not is_bare_sql(text):
        found = find_sql_in_prose(text)
        return (found[0], [RawCall(ToolName.SQL_QUERY, {"query": found[1]})]) if found else (text, [])
    statement = _STATEMENT.match(text)
    query = statement[0].strip() if statement else cut_after_sql(text)
    rest = text[statement.end() :] if statement else ""
    return rest.strip(), [RawCall(ToolName.SQL_QUERY, {"query": query}, is_whole=statement is not None)]


def _find_in_regions(text: str, names: Collection[str], depth: int = 0) -> tuple[str, list[RawCall]]:
    calls: list[RawCall] = []

    def take(match: re.Match[str]) -> str:
        groups = match.groupdict()
        number = next(i for i in range(len(call_marks.MARKS)) if groups[f"opening{i}"] is not None)
        opening, body, end = (groups[f"{part}{number}"] for part in ("opening", "body", "end"))
        if call_marks.MARKS[number].needs_name and not any(name in f"{opening}{body}" for name in names):
            return match[0]
        found = _find_in_regions(body, names, depth + 1)[1] if depth < _MAX_DEPTH and "<tool_call" in body else []
        found = found or _read_body(body, names, named=_ATTRIBUTE.search(opening), whole=bool(end))
        calls.extend(found)
        return "" if found else match[0]

    prose = call_marks.REGION.sub(take, text)
    return _STRAY.sub("", prose) if calls else text, calls


def _read_body(body: str, names: Collection[str], *, named: re.Match[str] | None = None, whole: bool) -> list[RawCall]:
    """Return the calls between two marks. What cannot be read is one call without a name.

    `named` is the name given by the opening mark.
    """
    if not body.strip():
        return []
    elements = [*_INVOKE.finditer(body), *_FUNCTION.finditer(body)]
    if elements:
        return [_read_element(m["name"], m["body"], whole=whole) for m in elements]
    if "<arg_key>" in body:
        return [_read_element(body.split("<arg_key>")[0].strip(), body, whole=whole)]
    if named and named[1].rpartition(".")[2] in names:
        return [_read_element(named[1], body, whole=whole)]
    if found := list(_read_with_colons(body)):
        return found
    bare = _LEADING_MARKS.sub("", body)
    found = read_json_calls(bare, names) or list(_read_named(body)) or read_python_calls(bare, names)
    for find in (_find_elements, _find_python, _find_named):
        found = found or find(body, names)[1]
    if found:
        return found
    if ToolName.SQL_QUERY in names and (sql := find_sql(_LEADING_NAME.sub("", bare))[1]):
        return sql[:1]
    name = _NAME.search(body)
    return [RawCall(name[1] if name else "", body.strip(), is_whole=whole)]


def _read_element(name: str, body: str, *, whole: bool) -> RawCall:
    parameters = list(_PARAMETER.finditer(body))
    if not parameters:
        return RawCall(name.strip(), body.strip(), is_whole=whole or body.rstrip().endswith("}"))
    values = {(p["key"] or p["glm_key"]).strip(): (p["value"] or p["glm_value"] or "").strip() for p in parameters}
    closed = bool(parameters[-1]["end"] or parameters[-1]["glm_end"])
    return RawCall(name.strip(), values, is_whole=whole or closed)


def _read_pair(pair: re.Match[str]) -> Any:
    if pair["mark"]:
        return pair["text"]
    try:
        return tolerant_json.parse_tolerantly(pair["value"])
    except ValueError:
        return pair["value"].strip()


def _read_with_colons(body: str) -> Iterator[RawCall]:
    """Yield calls written `call:name{key:value}`; a call ends with the bracket before the next call, or at the end."""
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
    """Yield calls written as a name followed by the JSON of the arguments."""
    at = 0
    while match := _NAMED.match(body, at):
        try:
            arguments, at = tolerant_json.read_leading(body, match.end())
        except ValueError:
            yield RawCall(match["name"], body[match.end() :].strip(), is_whole=False)
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
            found = read_broken_call(body, names)
        calls.extend(found)
        return "" if found else match[0]

    return _FENCE.sub(take, text), calls


def _find_bare(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    """Find the calls of a reply that is nothing but a call, or of prose that ends or begins with one."""
    if calls := read_json_calls(text, names) or read_python_calls(text, names):
        return "", calls
    read = 0
    for match in _BRACKETED_LINE.finditer(text):
        try:
            value, end = tolerant_json.read_leading(text, match.end())
        except ValueError:
            break
        read += end - match.end()
        if read > _MAX_READS * len(text):
            break
        if calls := read_values(value if isinstance(value, list) else [value], names):
            return f"{text[: match.start()].rstrip()}\n\n{text[end:].lstrip()}", calls
    broken = read_broken_call(text, names)
    return "" if broken else text, broken


def _make_name_pattern(names: Collection[str], behind: str = "") -> re.Pattern[str]:
    """Return a pattern that finds a tool's name with its namespace, if the pattern `behind` follows."""
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True))) or "(?!)"
    return re.compile(rf"(?<![\w.])(?:[A-Za-z_]\w{{0,30}}+[.:]){{0,3}}?(?P<name>{either})(?!\w){behind}")


def _find_elements(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    """Find calls in tags named like the tool, with a tag for each argument, or with keys and values after its name."""
    if found := _make_name_pattern(names, behind=r"\s*+(?=<arg_key>)").search(text) if "<arg_key>" in text else None:
        return text[: found.start()], [_read_element(found["name"], text[found.end() :], whole=False)]
    for name in names:
        start = text.find(f"<{name}>")
        if start < 0:
            continue
        begin = start + len(name) + 2
        end = text.find(f"</{name}>", begin)
        body = text[begin : end if end >= 0 else len(text)]
        values, tags = {}, list(_ANY_TAG.finditer(body))
        for tag, following in pairwise(tags):
            if not tag["slash"] and following["slash"] and following["tag"] == tag["tag"]:
                values[tag["tag"]] = body[tag.end() : following.start()].strip()
        arguments: Any = values or (body.strip() if body.strip().startswith("{") else {})
        if arguments or not body.strip():
            return text[:start], [RawCall(name, arguments, is_whole=end >= 0)]
        if name == ToolName.SQL_QUERY and is_bare_sql(body):
            return text[:start], [RawCall(name, {"query": body.strip()}, is_whole=end >= 0)]
    return text, []


def _find_python(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    """Find calls within prose that are written as Python."""
    calls, at, first, tries = list[RawCall](), 0, len(text), 0
    for found in _make_name_pattern(names).finditer(text):
        if found.start() < at or not (opening := _OPENING.match(text, found.end())) or tries == _MAX_TRIES:
            continue
        tries += 1
        read = read_arguments_at(found["name"], text, opening.end())
        if read and (read[0].arguments or read[0].positional):
            calls.append(read[0])
            at, first = read[1], min(first, found.start())
    return text[:first], calls


def _find_named(text: str, names: Collection[str]) -> tuple[str, list[RawCall]]:
    """Find calls written as a tool's name and, after any marks, the JSON of its arguments or a line of text."""
    calls, at, first, tries = list[RawCall](), 0, len(text), 0
    for found in _make_name_pattern(names).finditer(text):
        if found.start() < at or tries == _MAX_TRIES:
            continue
        tries += text[found.end() : found.end() + 1] == "["
        gap = _GAP.match(text, found.end())
        start = gap.end() if gap else found.end()
        if text[start : start + 1] == "{":
            tries += 1
            try:
                value, at = tolerant_json.read_leading(text, start)
            except ValueError:
                continue
            calls.append(RawCall(found["name"], value))
        elif line := _INPUT_LINE.match(text, found.end()) or _IN_SQUARES.match(text, found.end()):
            argument = _QUOTES.sub(r"\2", line["argument"].strip())
            is_bare = argument == line["argument"].strip() and line.re is _INPUT_LINE
            if found["name"] == ToolName.SQL_QUERY and (is_bare or not is_bare_sql(argument)):
                continue
            at = line.end()
            calls.append(RawCall(found["name"], {}, positional=(argument,) if argument not in ("", "None") else ()))
        else:
            continue
        first = min(first, found.start())
    return _LEADING.sub("", text[:first]), calls

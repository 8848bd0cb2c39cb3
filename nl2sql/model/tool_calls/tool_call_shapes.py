"""Recognizes a call by its shape: the keys of a JSON object, a Python call, SQL from the first word on.

It looks at whole pieces of text; `text_tool_calls` finds where a piece begins and ends. Python is parsed here and not
by Python's own parser, which is slow for some texts and crashes the process for others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.model.tool_calls import tolerant_json
from nl2sql.types import ToolName

MAX_CALLS: Final = 128
"""Calls of one reply: more than any question may make."""
MAX_NAME_CHARS: Final = 200
"""Characters of a tool's name."""

_CTE = r'WITH\s++(?:RECURSIVE\s++)?(?:"[^"]++"|\w++)\s*+(?:\([^)]*+\)\s*+)?(?:USING\s++KEY\s*+\([^)]*+\)\s*+)?AS\b'
_FROM = (
    r'FROM\s++[\w."\']++(?:\s++(?:AS\s++)?\w++)?\s*+'
    r"(?:;|\Z|SELECT\b|WHERE\b|JOIN\b|LEFT\b|INNER\b|GROUP\b|ORDER\b|LIMIT\b)"
)
_SELECT = r"SELECT\b(?=.*\bFROM\b|\s++[\d'(*]|\s++\w++\()"
_BARE_SQL = re.compile(rf"\A[\s(]*+(?:{_SELECT}|{_CTE}|{_FROM})", re.DOTALL | re.IGNORECASE)
_BROKEN = re.compile(r"\A\s*+\{\s*+[\"'](?:name|tool|function)[\"']\s*+:\s*+[\"'](?P<name>[\w.:-]++)[\"']")

_PYTHON = re.compile(r"\A\s*+\[?\s*+[\w.]++\(")
_FILLER = re.compile(r"(?:[\s\[\](),;]|#[^\n]*+)++")
_GAP = re.compile(r"(?:[\s,]|#[^\n]*+)++")
_CALLEE = re.compile(r"([A-Za-z_][\w.]*+)\s*+\(")
_KEYWORD = re.compile(r"([A-Za-z_]\w*+)\s*+(?:=(?!=)|:)")
_QUOTED_SQL = re.compile(r"\s*+(?:\w++\s*+=\s*+)?([\"'])(?P<sql>.*)\1\s*+\)[\s\])`]*+\Z", re.DOTALL)
_STRING = re.compile(
    r"""\s*+(?P<prefix>[rRuU]?)(?:(?P<three>\"{3}|'{3})(?P<triple>(?:[^\\]|\\.)*?)(?P=three)"""
    r"""|(?P<quote>["'])(?P<body>(?:(?!(?P=quote))[^\\]|\\.)*+)(?P=quote))""",
    re.DOTALL,
)
_NUMBER = re.compile(r"\s*+([-+]?\d[\d_]*+(?:\.\d++)?(?:[eE][-+]?\d{1,3})?)(?![\w.])")
_CONSTANT = re.compile(r"\s*+(true|false|none|null)(?!\w)", re.IGNORECASE)
_CONSTANTS: Final = {"true": True, "false": False, "none": None, "null": None}
_OPENING = re.compile(r"\s*+([\[({])")
_CLOSING: Final = {"[": "]", "(": ")", "{": "}"}
_COLON = re.compile(r"\s*+:")
_ESCAPE = re.compile(
    r"\\(?:x(?P<short>[0-9a-fA-F]{2})|u(?P<code>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|(?P<char>.))", re.DOTALL
)
_ESCAPES: Final = {
    **{"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "0": "\0", "\n": ""},
    **{mark: mark for mark in "\\'\""},
}


@dataclass(frozen=True, slots=True)
class RawCall:
    """A call as it was written: `arguments` is text, or an object already. `is_whole` is False if it broke off.

    `extra` holds further fields, which the endpoint wants sent back. `positional` are arguments without names, in the
    order of the tool's parameters.
    """

    name: str
    arguments: Any
    id: str = ""
    is_whole: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    positional: tuple[Any, ...] = ()


def is_bare_sql(text: str) -> bool:
    """Return whether the text is SQL from its first word on; that word in title case begins a sentence."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return (first.isupper() or first.islower()) and _BARE_SQL.match(text) is not None


def read_broken_call(text: str, names: Collection[str]) -> list[RawCall]:
    """Return the call that a text clearly means, although its JSON cannot be read; an empty list if it means none."""
    match = _BROKEN.match(text)
    if match and match["name"].rpartition(".")[2] in names:
        return [RawCall(match["name"], text.strip(), is_whole=text.rstrip().endswith("}"))]
    return []


def read_json_calls(text: str, names: Collection[str]) -> list[RawCall]:
    """Return the calls of a text that is nothing but JSON; an empty list if it is not, or a value of it is no call."""
    if text.strip()[:1] not in ("{", "["):
        return []
    try:
        return read_values(tolerant_json.read_objects(text), names)
    except ValueError:
        return []


def read_values(values: list[Any], names: Collection[str]) -> list[RawCall]:
    """Return the calls of JSON values; an empty list if one of them is no call."""
    calls = [call for value in values for call in read_call(value, names)]
    return calls if len(calls) >= len(values) else []


def read_call(value: Any, names: Collection[str]) -> list[RawCall]:
    """Return the calls that a JSON value means, by the keys that models use for a name and its arguments."""
    if not isinstance(value, dict):
        return []
    if isinstance(inner := value.get("tool_calls"), list):
        return read_values(inner, names)
    if isinstance(inner := value.get("function") or value.get("function_call"), dict):
        return [RawCall(c.name, c.arguments, str(value.get("id") or "")) for c in read_call(inner, names)]
    name = next((value[k] for k in ("name", "tool", "tool_name", "function", "action") if _is_text(value, k)), "")
    keys = [k for k in ("arguments", "parameters", "args", "input", "tool_input", "action_input") if k in value]
    if name and (keys or name.rpartition(".")[2] in names):
        others = {k: v for k, v in value.items() if v != name and k not in ("type", "id")}
        return [RawCall(name, value[keys[0]] if keys else others, str(value.get("id") or ""))]
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key in names and isinstance(inner, dict):
            return [RawCall(key, inner)]
        if key in ("query", "sql") and ToolName.SQL_QUERY in names and isinstance(inner, str) and is_bare_sql(inner):
            return [RawCall(ToolName.SQL_QUERY, {"query": inner})]
    return []


def _is_text(value: Mapping[str, Any], key: str) -> bool:
    return isinstance(value.get(key), str) and bool(value[key])


def read_python_calls(text: str, names: Collection[str]) -> list[RawCall]:
    """Return calls written as Python: `sql_query(query="…")`, in a list, inside `print`, or after `default_api.`."""
    if not _PYTHON.match(text):
        return []
    calls, at = list[RawCall](), 0
    while at < len(text):
        if filler := _FILLER.match(text, at):
            at = filler.end()
        elif callee := _CALLEE.match(text, at):
            name, at = callee[1].removesuffix(".call"), callee.end()
            if name.rpartition(".")[2] in names:
                read = read_arguments_at(name, text, at)
                if read is None:
                    return []
                call, at = read
                calls.append(call)
        else:
            return []
    return calls


def read_arguments_at(name: str, text: str, at: int) -> tuple[RawCall, int] | None:
    """Return the call whose arguments begin at `at`, after the bracket, and its end; None if they are no literals.

    SQL in quotes that contains such quotes itself is read if the text ends with the call.
    """
    try:
        named, others, end = _read_arguments(text, at)
    except ValueError:
        quoted = _QUOTED_SQL.match(text, at)
        if quoted is None or name.rpartition(".")[2] != ToolName.SQL_QUERY or f"{ToolName.SQL_QUERY}(" in quoted["sql"]:
            return None
        return (RawCall(name, {"query": quoted["sql"]}), quoted.end()) if is_bare_sql(quoted["sql"]) else None
    if len(others) == 1 and isinstance(others[0], dict) and not named:
        return RawCall(name, others[0]), end
    return RawCall(name, named, positional=tuple(others)), end


def _read_arguments(text: str, at: int) -> tuple[dict[str, Any], list[Any], int]:
    """Return the arguments up to the closing bracket, those with names and those without, and where they end."""
    named: dict[str, Any] = {}
    others: list[Any] = []
    while True:
        if gap := _GAP.match(text, at):
            at = gap.end()
        if text[at : at + 1] == ")":
            return named, others, at + 1
        keyword = _KEYWORD.match(text, at)
        value, at = _read_literal(text, keyword.end() if keyword else at)
        if keyword:
            named[keyword[1]] = value
        else:
            others.append(value)


def _read_literal(text: str, at: int, depth: int = 0) -> tuple[Any, int]:
    """Return the Python literal at `at`, and where it ends.

    Raises:
        ValueError: there is none.
    """
    if found := _STRING.match(text, at):
        pieces = []
        while found:
            pieces.append(_read_text(found))
            at = found.end()
            found = _STRING.match(text, at)
        return tolerant_json.join_surrogates("".join(pieces)), at
    if found := _NUMBER.match(text, at):
        return tolerant_json.decode(found[1].removeprefix("+").replace("_", "")), found.end()
    if found := _CONSTANT.match(text, at):
        return _CONSTANTS[found[1].lower()], found.end()
    opened = _OPENING.match(text, at)
    if opened is None or depth >= tolerant_json.MAX_DEPTH:
        raise ValueError("no Python literal")
    closing, at = _CLOSING[opened[1]], opened.end()
    items: list[Any] = []
    while True:
        if gap := _GAP.match(text, at):
            at = gap.end()
        if text[at : at + 1] == closing:
            break
        item, at = _read_literal(text, at, depth + 1)
        if closing == "}":
            colon = _COLON.match(text, at)
            if colon is None or not isinstance(item, str):
                raise ValueError("no Python literal")
            value, at = _read_literal(text, colon.end(), depth + 1)
            item = (item, value)
        items.append(item)
    return (dict(items) if closing == "}" else items), at + 1


def _read_text(found: re.Match[str]) -> str:
    """Return the value of a string literal. As in Python, an unknown escape stays as it is."""
    body = found["triple"] if found["triple"] is not None else found["body"]
    return body if "r" in found["prefix"].lower() else _ESCAPE.sub(_unescape, body)


def _unescape(found: re.Match[str]) -> str:
    if code := found["short"] or found["code"] or found["long"]:
        return chr(int(code, 16))
    return _ESCAPES.get(found["char"], found[0])

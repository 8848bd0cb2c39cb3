"""Knows a call by its shape: the keys of a JSON object, a Python call, SQL from the first word on.

It looks at whole pieces of text; where such a piece begins and ends is `markup`'s affair.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.model import repair

SQL_TOOL: Final = "sql_query"

_CTE = r'WITH\s+(?:RECURSIVE\s+)?(?:"[^"]+"|\w+)\s*(?:\([^)]*\)\s*)?(?:USING\s+KEY\s*\([^)]*\)\s*)?AS\b'
_FROM = (
    r'FROM\s+[\w."\']+(?:\s+(?:AS\s+)?\w+)?\s*(?:;|\Z|SELECT\b|WHERE\b|JOIN\b|LEFT\b|INNER\b|GROUP\b|ORDER\b|LIMIT\b)'
)
_SELECT = r"SELECT\b(?=.*\bFROM\b|\s+[\d'(*]|\s+\w+\()"
_BARE_SQL = re.compile(rf"\s*(?:{_SELECT}|{_CTE}|{_FROM})", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RawCall:
    """A call as it was written: `arguments` is text, or an object already. `whole` is false where it broke off.

    `extra` holds what else came with it, which the endpoint wants to see again.
    """

    name: str
    arguments: Any
    id: str = ""
    whole: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


def looks_like_sql(text: str) -> bool:
    """Whether the text is SQL from its first word on; `Select`, `With` and `From` written so begin a sentence."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return (first.isupper() or first.islower()) and _BARE_SQL.match(text) is not None


def broken(text: str, names: Collection[str]) -> list[RawCall]:
    """The call that a text surely means to be, though its JSON cannot be read."""
    match = re.match(r"\s*\{\s*[\"'](?:name|tool|function)[\"']\s*:\s*[\"'](?P<name>[\w.:-]+)[\"']", text)
    if match and match["name"].rpartition(".")[2] in names:
        return [RawCall(match["name"], text.strip(), whole=text.rstrip().endswith("}"))]
    return []


def json_calls(text: str, names: Collection[str]) -> list[RawCall]:
    if text.strip()[:1] not in ("{", "["):
        return []
    try:
        return from_values(repair.objects(text), names)
    except ValueError:
        return []


def from_values(values: list[Any], names: Collection[str]) -> list[RawCall]:
    calls = [call for value in values for call in call_of(value, names)]
    return calls if len(calls) >= len(values) else []


def call_of(value: Any, names: Collection[str]) -> list[RawCall]:
    """The calls that a JSON value is meant as, by the keys that models use for a name and its arguments."""
    if not isinstance(value, dict):
        return []
    if isinstance(inner := value.get("tool_calls"), list):
        return from_values(inner, names)
    if isinstance(inner := value.get("function") or value.get("function_call"), dict):
        return [RawCall(c.name, c.arguments, str(value.get("id") or "")) for c in call_of(inner, names)]
    name = next((value[k] for k in ("name", "tool", "tool_name", "function", "action") if _is_text(value, k)), "")
    keys = [k for k in ("arguments", "parameters", "args", "input", "tool_input", "action_input") if k in value]
    if name and (keys or name.rpartition(".")[2] in names):
        others = {k: v for k, v in value.items() if v != name and k not in ("type", "id")}
        return [RawCall(name, value[keys[0]] if keys else others, str(value.get("id") or ""))]
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key in names and isinstance(inner, dict):
            return [RawCall(key, inner)]
        if key in ("query", "sql") and SQL_TOOL in names and isinstance(inner, str) and looks_like_sql(inner):
            return [RawCall(SQL_TOOL, {"query": inner})]
    return []


def _is_text(value: Mapping[str, Any], key: str) -> bool:
    return isinstance(value.get(key), str) and bool(value[key])


def python_calls(text: str, names: Collection[str]) -> list[RawCall]:
    """Calls written as Python: `sql_query(query="…")`, in a list, inside `print`, or after `default_api.`."""
    if not re.match(r"\s*\[?\s*[\w.]+\(", text):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    calls = [_python_call(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [c for c in calls if c and c.name.rpartition(".")[2] in names]


def _python_call(node: ast.Call) -> RawCall | None:
    name = ast.unparse(node.func).removesuffix(".call")
    try:
        return RawCall(name, {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg})
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None

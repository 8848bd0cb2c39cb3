"""Turns what models and servers send into clean tool calls, or says how the model can correct them.

Pure: text and dicts in, values out. It knows no endpoint, runs no tool and validates no argument against a schema.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from nl2sql.model.chat import Tool
from nl2sql.model.tool_calls import call_marks, text_tool_calls, tolerant_json
from nl2sql.model.tool_calls.tool_call_shapes import MAX_CALLS, MAX_NAME_CHARS, RawCall
from nl2sql.types import ToolCall, ToolName

# Some gateways keep a model's signed thoughts in ids.
MAX_ID_CHARS: Final = 20_000
_PREFIX = re.compile(r"\A(?:(?:functions?|tools?|default_api|multi_tool_use|mcp)\s*+[.:/]++\s*+)++", re.IGNORECASE)
_SUFFIX = re.compile(r"\(\)\Z|:\d++\Z")
_FENCE: Final = "```"
_LANGUAGE = re.compile(r"\A\w++")
_SEPARATOR = re.compile(r"[.:/]")
_PYTHON = {"True": "true", "False": "false", "None": "null"}
_CUT = "The reply broke off inside this call. Send the call again, whole{shorter}."
_NOT_JSON = (
    'The arguments are not valid JSON. Send them as one JSON object in double quotes, e.g. {"query": "SELECT 1"}.'
)
_NOT_AN_OBJECT = 'The arguments must be one JSON object with a name for each value, e.g. {"query": "SELECT 1"}.'
_NO_NAME = 'This call names no tool. Send {"name": "<tool>", "arguments": {...}}.'


def make_call_id() -> str:
    """Return a new call id that every endpoint accepts: nine letters and digits."""
    return uuid.uuid4().hex[:9]


def read_reply(
    text: str,
    raw_calls: Sequence[RawCall] = (),
    *,
    tools: Sequence[Tool] = (),
    reasoning: str = "",
    cut: bool = False,
    used_ids: Collection[str] = (),
) -> tuple[str, tuple[ToolCall, ...]]:
    """Return the prose and the calls of a reply, from its text and from the calls that the endpoint recognized.

    `tools` are the offered tools: without any, nothing in the text is a call. `reasoning` is what the endpoint marked
    as thought; it counts only for marked calls, if the reply is otherwise empty or the thought ends with the call.
    `cut` says that the reply did not come to its end. Ids are unique within the reply and against `used_ids`. A text
    with marks of a call that cannot be read becomes one call without a name.
    """
    prose = text_tool_calls.strip_reasoning(text)
    raw = list(raw_calls)
    names = tuple(_list_properties(tools))
    if tools and (not raw or any(map(_is_bare, raw))):
        thought = "\n".join(filter(None, (reasoning, text if len(prose) < len(text.strip()) else "")))
        left, found = _find_calls(prose, thought, names)
        if not raw:
            prose, raw = left, found
        elif named := {clean_name(call.name, names) for call in found}:
            # A native call without arguments stands for the one that the text holds.
            complete = [call for call in raw if not _is_bare(call) or clean_name(call.name, names) not in {*named, ""}]
            if len(complete) < len(raw):
                prose, raw = left, [*complete, *found]
    if not tools or raw:
        prose = call_marks.strip_marks(prose)
    elif call_marks.has_marks(prose, names):
        prose, raw = "", [RawCall("", prose, is_whole=not cut)]
    else:
        prose = call_marks.strip_marks(prose)
    calls = (_make_call(r, tools, cut=cut) for r in raw[:MAX_CALLS])
    return prose, tuple(assign_ids(calls, used_ids))


def _is_bare(call: RawCall) -> bool:
    """Return whether a native call has no arguments or no name."""
    raw_arguments = call.arguments.strip() if isinstance(call.arguments, str) else call.arguments
    return not call.name or raw_arguments in (None, "", "{}", "null") or raw_arguments == {}


def parse_arguments(raw_arguments: Any) -> Mapping[str, Any]:
    """Return the arguments as an object, from JSON text of any quality, an object, or nothing.

    Raises:
        ValueError: they cannot be read; the text tells the model how to correct them.
    """
    value = raw_arguments
    for _ in range(4):
        if value is None or (isinstance(value, str) and not value.strip()):
            return {}
        if isinstance(value, Mapping):
            return _unwrap_call(value)
        if not isinstance(value, str):
            break
        value = _parse_object(value)
    raise ValueError(_NOT_AN_OBJECT)


def _find_calls(prose: str, reasoning: str, names: Sequence[str]) -> tuple[str, list[RawCall]]:
    prose, calls = text_tool_calls.find_calls(prose, names)
    if not calls and ToolName.SQL_QUERY in names:
        left, calls = text_tool_calls.find_sql(call_marks.cut_invented_result(prose))
        prose = left if calls else prose
    if not calls and reasoning:
        calls = text_tool_calls.find_calls_in_thought(reasoning, names, alone=not prose)
    return prose, calls


def _make_call(raw: RawCall, tools: Sequence[Tool], *, cut: bool) -> ToolCall:
    parameters = _list_properties(tools)
    name = clean_name(raw.name, parameters)
    if not name:
        return ToolCall(raw.id, "", {}, _CUT.format(shorter="") if cut else _NO_NAME)
    incomplete = ToolCall(raw.id, name, {}, _CUT.format(shorter=", and shorter if you can"))
    if cut and not raw.is_whole and not isinstance(raw.arguments, str):
        return incomplete
    try:
        arguments = parse_arguments(raw.arguments)
    except ValueError as exc:
        if name == ToolName.SQL_QUERY and not cut and (sql := _find_only_sql(raw.arguments)):
            return ToolCall(raw.id, name, {"query": sql})
        return incomplete if cut or not raw.is_whole else ToolCall(raw.id, name, {}, str(exc))
    free = [key for key in parameters.get(name, {}) if key not in arguments]
    arguments = {**arguments, **dict(zip(free, raw.positional, strict=False))}
    if cut and raw.arguments in (None, ""):
        return incomplete
    return ToolCall(raw.id, name, _convert_arguments(arguments, parameters.get(name, {}), raw_arguments=raw.arguments))


def clean_name(name: str, tool_names: Collection[str] = ()) -> str:
    """Return the tool's name without the namespace or control marks that some servers leave on it."""
    bare = name[:MAX_NAME_CHARS].split("<|")[0].strip().strip("\"'`")
    if bare in tool_names:
        return bare
    bare = _SUFFIX.sub("", _PREFIX.sub("", bare))
    last = _SEPARATOR.split(bare)[-1]
    return last if last in tool_names else bare


def _parse_object(text: str) -> Any:
    try:
        found = tolerant_json.read_objects(text)
    except ValueError:
        try:
            return _extract_text(text)
        except ValueError as exc:
            raise ValueError(_NOT_JSON) from exc
    objects = [one for one in found if one]
    if any(one != objects[0] for one in objects):
        raise ValueError(_NOT_AN_OBJECT)
    return objects[0] if objects else {}


def _extract_text(text: str) -> Any:
    """Return the content of a JSON string (arguments that were encoded twice), or of a fence around the arguments.

    Raises:
        ValueError: it is neither.
    """
    bare = text.strip()
    if len(bare) > len(_FENCE) and bare.startswith(_FENCE) and bare.endswith(_FENCE):
        return _LANGUAGE.sub("", bare.removeprefix(_FENCE).removesuffix(_FENCE)).strip()
    value = tolerant_json.parse_tolerantly(text)
    if isinstance(value, dict | list):
        raise ValueError("not one object")
    return value


def _unwrap_call(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments inside a whole call that was sent in place of the arguments."""
    inner = value.get("arguments", value.get("parameters"))
    if value.keys() <= {"name", "arguments", "parameters"} and "name" in value and isinstance(inner, Mapping):
        return inner
    return value


def _find_only_sql(raw_arguments: Any) -> str | None:
    if not isinstance(raw_arguments, str):
        return None
    _, calls = text_tool_calls.find_sql(raw_arguments)
    return str(calls[0].arguments["query"]) if len(calls) == 1 else None


def _convert_arguments(
    arguments: Mapping[str, Any], properties: Mapping[str, Any], *, raw_arguments: Any
) -> Mapping[str, Any]:
    """Return the arguments, converted to numbers, lists and booleans if they come from tags, which carry only text."""
    if not isinstance(raw_arguments, Mapping):
        return arguments
    return {k: _convert_value(v, properties.get(k)) for k, v in arguments.items()}


def _convert_value(value: Any, declared: Any) -> Any:
    types = declared.get("type", "string") if isinstance(declared, Mapping) else "string"
    if not isinstance(value, str) or "string" in (types if isinstance(types, list) else [types]):
        return value
    try:
        return tolerant_json.parse_tolerantly(_PYTHON.get(value, value))
    except ValueError:
        return value


def _list_properties(tools: Sequence[Tool]) -> dict[str, Mapping[str, Any]]:
    """Return the properties of each tool's parameters, by the tool's name."""
    functions = [tool["function"] for tool in tools]
    return {f["name"]: f.get("parameters", {}).get("properties", {}) for f in functions}


def assign_ids(
    calls: Iterable[ToolCall], used_ids: Collection[str] = (), make_id: Callable[[], str] = make_call_id
) -> Iterator[ToolCall]:
    """Yield the calls, each with its own id if that is unique, else with a new one from `make_id`.

    An id is unique if neither an earlier call nor `used_ids` has it.
    """
    used = set(used_ids)
    for call in calls:
        call_id = call.id if len(call.id) <= MAX_ID_CHARS else ""
        while not call_id or call_id in used:
            call_id = make_id()
        used.add(call_id)
        yield ToolCall(call_id, call.name, call.arguments, call.problem)

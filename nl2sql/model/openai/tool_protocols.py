"""The three protocols to offer tools and to write calls: native tools, the older functions, and plain text.

Pure: it writes request fields and messages, and accepts a conversation that another protocol began. The client chooses
the protocol; `reply_parser` reads the replies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.model.chat import Tool
from nl2sql.types import Message, Messages, ToolCall, ToolName

TOOLS: Final = "tools"
FUNCTIONS: Final = "functions"
TEXT: Final = "text"
PROTOCOLS: Final = (TOOLS, FUNCTIONS, TEXT)

_RESULT_ROLES: Final = ("tool", "function")
_HOW_TO_CALL: Final = """\
To use a tool, write one JSON object in a ```json block and nothing else: {"name": "<tool>", "arguments": {...}}
To run SQL, a ```sql block is enough. The result comes in the next message. The tools:
"""


def find_next_protocol(protocol: str) -> str | None:
    """Return the protocol to try after an endpoint has refused this one; None after the last."""
    rest = PROTOCOLS[PROTOCOLS.index(protocol) + 1 :]
    return rest[0] if rest else None


def make_request_fields(
    protocol: str, messages: Messages, tools: Sequence[Tool], *, takes_system: bool = True, strict: bool = True
) -> dict[str, Any]:
    """Return the fields of a request body that carry the conversation and the tools.

    Without `takes_system` the system text becomes a user message; without `strict` the tools' `strict` marks are
    dropped.
    """
    converted = list(_MessageConverter(protocol).convert(messages))
    fields: dict[str, Any] = {}
    if tools and protocol == TOOLS:
        fields["tools"] = [dict(tool) if strict else {**tool, "function": _drop_strict(tool)} for tool in tools]
    elif tools and protocol == FUNCTIONS:
        fields["functions"] = [_drop_strict(tool) for tool in tools]
    elif any(tool["function"]["name"] != ToolName.SQL_QUERY for tool in tools):
        converted = _append_system_text(converted, describe_tools(tools))
    if not takes_system:
        converted = _replace_system_role(converted)
    return {"messages": _merge_neighbours(converted) if protocol == TEXT or not takes_system else converted, **fields}


def has_tools_or_calls(body: Mapping[str, Any]) -> bool:
    """Return whether a request offers tools, or its messages hold results of native calls."""
    return (
        "tools" in body or "functions" in body or any(message["role"] in _RESULT_ROLES for message in body["messages"])
    )


def describe_tools(tools: Sequence[Tool]) -> str:
    """Return the tools as text, one line each, after how to call them."""
    return _HOW_TO_CALL + "\n".join(_format_tool(tool["function"]) for tool in tools)


def make_tool_message(protocol: str, call_id: str, name: str, content: str) -> Message:
    """Return the message that carries a tool's result back."""
    if protocol == TOOLS:
        return {"role": "tool", "tool_call_id": call_id, "content": content}
    if protocol == FUNCTIONS:
        return {"role": "function", "name": name, "content": content}
    return {"role": "user", "content": f"Result of {name}:\n{content}"}


def make_reply_message(
    protocol: str, text: str, calls: Sequence[ToolCall], extras: Mapping[str, Any], call_extras: Sequence[Any] = ()
) -> Message:
    """Return the assistant's message to append to the conversation.

    `extras` are further fields that the endpoint wants sent back; `call_extras` are such fields for each call, in
    order.
    """
    if not calls:
        return {"role": "assistant", "content": text}
    encoded = [(c.id, c.name, json.dumps(dict(c.arguments), ensure_ascii=False, default=str)) for c in calls]
    if protocol == TEXT:
        return {"role": "assistant", "content": _format_calls(text, encoded)}
    if protocol == FUNCTIONS and len(encoded) == 1:
        _, name, arguments = encoded[0]
        return {"role": "assistant", "content": text or None, "function_call": {"name": name, "arguments": arguments}}
    padded = [*call_extras, *[{}] * (len(encoded) - len(call_extras))]
    return {
        "role": "assistant",
        "content": text or None,
        "tool_calls": [{**extra, **_make_native_call(*call)} for call, extra in zip(encoded, padded, strict=False)],
        **extras,
    }


@dataclass
class _MessageConverter:
    """Rewrites messages into one protocol's form. `open_calls` are the calls without a result so far."""

    protocol: str
    open_calls: list[tuple[str, str, str]] = field(default_factory=list)
    pending_text: str = ""

    def convert(self, messages: Messages) -> Iterator[dict[str, Any]]:
        for message in messages:
            calls = _list_calls(message)
            if calls:
                yield from self._convert_calls(message, calls)
            elif message["role"] in _RESULT_ROLES:
                yield from self._convert_result(message)
            else:
                yield dict(message)

    def _convert_calls(self, message: Message, calls: list[tuple[str, str, str]]) -> Iterator[dict[str, Any]]:
        named = [
            (call_id or f"call{len(self.open_calls)}{i:05d}", name, a) for i, (call_id, name, a) in enumerate(calls)
        ]
        self.open_calls, self.pending_text = named, str(message.get("content") or "")
        if self.protocol == TEXT:
            yield {"role": "assistant", "content": _format_calls(self.pending_text, named)}
        elif self.protocol == TOOLS and "tool_calls" in message:
            yield dict(message)
        elif self.protocol == TOOLS:
            others = {k: v for k, v in message.items() if k != "function_call"}
            yield {**others, "tool_calls": [_make_native_call(*call) for call in named]}

    def _convert_result(self, message: Message) -> Iterator[dict[str, Any]]:
        call_id, name, arguments = self._take_open_call(message)
        content = str(message.get("content") or "")
        if self.protocol == FUNCTIONS and name:
            yield {
                "role": "assistant",
                "content": self.pending_text or None,
                "function_call": {"name": name, "arguments": arguments},
            }
            self.pending_text = ""
        yield dict(make_tool_message(self.protocol, call_id, name or "the tool", content))

    def _take_open_call(self, message: Message) -> tuple[str, str, str]:
        """Remove and return the open call that this result answers: by id, else by name, else the first."""
        keys = (message.get("tool_call_id"), message.get("name"))
        for call in self.open_calls:
            if call[0] == keys[0] or (keys[0] is None and call[1] == keys[1]):
                self.open_calls.remove(call)
                return call
        if self.open_calls and keys[0] is None:
            return self.open_calls.pop(0)
        return str(keys[0] or ""), str(keys[1] or ""), "{}"


def _list_calls(message: Message) -> list[tuple[str, str, str]]:
    if called := message.get("function_call"):
        return [("", called["name"], called["arguments"])]
    return [(c["id"], c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or ()]


def _drop_strict(tool: Tool) -> dict[str, Any]:
    return {k: v for k, v in tool["function"].items() if k != "strict"}


def _make_native_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _format_calls(text: str, calls: Sequence[tuple[str, str, str]]) -> str:
    return "\n\n".join([*([text] if text else []), *[_format_block(name, arguments) for _, name, arguments in calls]])


def _format_block(name: str, arguments: str) -> str:
    try:
        decoded = json.loads(arguments)
    except ValueError:
        decoded = {}
    if name == ToolName.SQL_QUERY and isinstance(decoded, dict) and isinstance(decoded.get("query"), str):
        return f"```sql\n{decoded['query']}\n```"
    return f"```json\n{json.dumps({'name': name, 'arguments': decoded}, ensure_ascii=False)}\n```"


def _format_tool(function: Mapping[str, Any]) -> str:
    parameters = function.get("parameters", {})
    required = parameters.get("required", ())
    shown = [
        f"{name}{'' if name in required else '?'}: {_format_type(schema)}"
        for name, schema in parameters.get("properties", {}).items()
    ]
    return f"- {function['name']}({', '.join(shown)}): {function.get('description', '')}".rstrip(": ")


def _format_type(schema: Mapping[str, Any]) -> str:
    types = schema.get("type", "any")
    return "|".join(t for t in types if t != "null") if isinstance(types, list) else str(types)


def _append_system_text(messages: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    if messages and messages[0]["role"] == "system" and isinstance(messages[0]["content"], str):
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


def _replace_system_role(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**m, "role": "user"} if m["role"] in ("system", "developer") else m for m in messages]


def _merge_neighbours(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbours of the same role into one message: many chat templates want user and assistant to alternate."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        last = merged[-1] if merged else {}
        if last.get("role") == message["role"] and message.keys() == {"role", "content"} == last.keys():
            merged[-1] = {**last, "content": f"{last['content']}\n\n{message['content']}"}
        else:
            merged.append(message)
    return merged

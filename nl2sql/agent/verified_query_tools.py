"""Offers the owner's verified queries with parameters to a model as typed functions, and checks the arguments of calls.

It runs nothing. What a model sends is never trusted: what does not fit becomes a CallError that says how to correct it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nl2sql.agent.prompts import define_tool
from nl2sql.errors import CallError
from nl2sql.schema.identifiers import find_closest
from nl2sql.text_safety import escape_for_model
from nl2sql.types import ToolCall

if TYPE_CHECKING:
    from nl2sql.store import VerifiedQuery

# Endpoints take 128 tools at most.
MAX_FUNCTIONS: Final = 100
_DESCRIPTION_CHARS: Final = 600


@dataclass(frozen=True, slots=True)
class QueryFunction:
    """A verified query as a function.

    `properties` are its arguments' JSON Schemas; `fill` puts their values into the SQL, as literals, and raises
    CallError where one does not fit.
    """

    name: str
    description: str
    properties: Mapping[str, Any]
    fill: Callable[[Mapping[str, Any]], str]

    @property
    def definition(self) -> Mapping[str, Any]:
        """The definition for OpenAI function calling."""
        return define_tool(
            self.name, escape_for_model(self.description, _DESCRIPTION_CHARS), _escape_schema(self.properties)
        )

    def check_arguments(self, call: ToolCall) -> dict[str, Any]:
        """Return the call's arguments, without those left out.

        Raises:
            CallError: they do not fit the parameters.
        """
        _refuse_unknown(call, self.properties)
        given = {name: value for name, value in call.arguments.items() if value is not None}
        self.fill(given)
        return given


def make_query_functions(queries: Sequence[VerifiedQuery]) -> tuple[QueryFunction, ...]:
    """Make a function of each verified query with parameters, for models that call functions."""
    return tuple(
        QueryFunction(
            query.name,
            f"{query.question} {query.description}".strip(),
            {parameter.name: parameter.json_schema for parameter in query.parameters},
            query.bind,
        )
        for query in queries
        if query.parameters
    )


def _escape_schema(schema: Any) -> Any:
    """Return a JSON Schema whose texts are escaped as data, as those of the database are."""
    if isinstance(schema, Mapping):
        return {escape_for_model(str(key), _DESCRIPTION_CHARS): _escape_schema(value) for key, value in schema.items()}
    if isinstance(schema, list | tuple):
        return [_escape_schema(value) for value in schema]
    return escape_for_model(schema, _DESCRIPTION_CHARS) if isinstance(schema, str) else schema


def check_text_arguments(call: ToolCall, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call to a tool that takes texts and lists of texts.

    Raises:
        CallError: they do not fit the definition.
    """
    _refuse_unknown(call, properties)
    given = dict(call.arguments)
    for name, kind in properties.items():
        optional = "null" in kind["type"]
        value = given.get(name)
        if value is None:
            if not optional and name != "options":
                raise CallError(f"{call.name} needs the argument {name!r}", f"Call it with {name!r} as text.")
            given.pop(name, None)
        elif kind["type"] == "array":
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise CallError(f"{name!r} must be a list of texts", f'Write it like {{"{name}": ["…", "…"]}}.')
        elif not isinstance(value, str) or not value.strip():
            raise CallError(f"{name!r} must be text", f'Write it like {{"{name}": "…"}}.')
    return given


def _refuse_unknown(call: ToolCall, properties: Mapping[str, Any]) -> None:
    for name in call.arguments:
        if name not in properties:
            near = find_closest(name, properties)
            hint = f"Did you mean {near!r}?" if near else f"It takes {', '.join(properties)}."
            raise CallError(f"{call.name} has no argument {name!r}", hint)

"""The parameters of a verified query: their types, and how values replace the `$name` placeholders in its SQL.

A value becomes a typed literal, never a piece of SQL text. The guard decides whether the SQL may run.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.errors import CallError, ConfigError
from nl2sql.schema.identifiers import find_closest, quote_literal

Value = str | int | float | bool | dt.date | None

_NAME: Final = re.compile(r"[A-Za-z_]\w{0,62}\Z", re.A)
_LINE: Final = re.compile(
    r'(?P<name>\w+)\s*:\s*(?P<type>\w+)(?:\s*=\s*(?P<default>"(?:[^"\\]|\\.)*"|[^\s#"]+))?(?:\s*#\s*(?P<about>.*))?\Z'
)
_PARAMETER_HINT: Final = 'Write it like `min_revenue: number = 1000  # the least revenue`, or `city: text = "Oslo"`.'
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\Z", re.A)
_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(?P<fraction>\.\d{1,40})?\Z", re.A)
_BOOLEANS: Final = {"true": True, "false": False}
_MAX_INTEGER: Final = 2**63 - 1
# Strings, names and comments may contain a `$name` that is no placeholder: they are matched first.
_PLACEHOLDER: Final = re.compile(
    r"""(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?(?:\*/|\Z)
    | (?<![\w$])\$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | (?<![\w$])\$(?P<name>[A-Za-z_]\w*)""",
    re.S | re.X | re.A,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: `type` is text, integer, number, date or boolean.

    A parameter that is not `required` takes `default` if no value is given; a default of None means NULL.

    Raises:
        ConfigError: name, type or default are not valid.
    """

    name: str
    type: str
    default: Value = None
    required: bool = True
    description: str = ""

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ConfigError(
                f"{self.name!r} cannot be a parameter's name", "Use letters, digits and _, not first a digit."
            )
        if self.type not in _FORMATTERS:
            near = find_closest(self.type, _FORMATTERS)
            hint = f"Did you mean {near}?" if near else f"Types are {', '.join(_FORMATTERS)}."
            raise ConfigError(f"the parameter {self.name} has no type {self.type!r}", hint)
        object.__setattr__(self, "description", " ".join(self.description.split()))
        if not self.required:
            try:
                self.format_literal(self.default)
            except CallError as exc:
                raise ConfigError(f"the default of {exc.message}", exc.hint) from exc

    def format_literal(self, value: Value) -> str:
        """Return the value as an SQL literal.

        Raises:
            CallError: the value is not of this type.
        """
        if value is None and not self.required:
            return "NULL"
        text = _FORMATTERS[self.type](value)
        if text is None:
            raise CallError(f"the parameter {self.name} must be {_TYPE_DESCRIPTIONS[self.type]}", _EXAMPLES[self.type])
        return text

    def parse_value(self, text: str) -> Value:
        """Return the value that a person typed. Blank text is the default if there is one; of type text, only NULL.

        Raises:
            CallError: the text is not a value of this type.
        """
        if not text.strip() and not self.required and (self.default is None or self.type != "text"):
            return self.default
        value: Value = text
        if self.type == "boolean":
            value = _BOOLEANS.get(text.strip().lower())
        elif self.type in ("integer", "number") and (found := _NUMBER.match(text.strip())):
            value = float(found[0]) if found["fraction"] else int(found[0])
        elif self.type == "date":
            value = text.strip()
        if value is None:
            raise CallError(f"the parameter {self.name} must be {_TYPE_DESCRIPTIONS[self.type]}", _EXAMPLES[self.type])
        self.format_literal(value)
        return value

    @property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the values that a model may give; null is allowed if the parameter is not required."""
        kind = _JSON_TYPES[self.type]
        about = [self.description] if self.description else []
        about += ["A date like 2025-01-31."] if self.type == "date" else []
        about += [] if self.required else [f"Where left out: {_format_default(self.default)}."]
        described = {"description": " ".join(text.removesuffix(".") + "." for text in about)} if about else {}
        return {"type": kind if self.required else [kind, "null"], **described}

    def format_line(self) -> str:
        """Return the parameter as a line of the file's header."""
        text = f"{self.name}: {self.type}"
        if not self.required:
            bare = self.type == "date" and self.default is not None
            shown = _format_default(self.default)
            text += " = " + (shown.strip('"') if bare else shown)
        return f"{text}  # {self.description}" if self.description else text


def parse_parameter(line: str) -> Parameter:
    """Return the parameter that a header line describes.

    Raises:
        ConfigError: the line describes no parameter; the hint says how to write it.
    """
    found = _LINE.match(line.strip())
    if not found:
        raise ConfigError(f"{line.strip()!r} describes no parameter", _PARAMETER_HINT)
    default, required = found["default"], found["default"] is None
    value: Value = None
    if default is not None:
        is_bare_text = found["type"] == "date" and _DATE.match(default)
        try:
            value = default if is_bare_text else json.loads(default)
        except ValueError as exc:
            raise ConfigError(
                f"the default of the parameter {found['name']} cannot be read: {default}", _PARAMETER_HINT
            ) from exc
    return Parameter(found["name"], found["type"], value, required, found["about"] or "")


def list_placeholders(sql: str) -> tuple[str, ...]:
    """Return the names of the `$name` placeholders in the SQL, each once.

    >>> list_placeholders("SELECT '$a' FROM t WHERE b = $b AND c > $b")
    ('b',)
    """
    return tuple(dict.fromkeys(found["name"] for found in _PLACEHOLDER.finditer(sql) if found["name"]))


def check_placeholders(sql: str, parameters: Sequence[Parameter]) -> None:
    """Check that the SQL and its parameters match.

    Raises:
        ConfigError: a placeholder or a parameter has no counterpart, a name occurs twice, or the SQL has `/*` or `$$`.
    """
    names = [parameter.name for parameter in parameters]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"the parameter {twice[0]} is there twice", "Name each one once.")
    used = list_placeholders(sql)
    for name in used:
        if name not in names:
            near = find_closest(name, names)
            hint = f"Did you mean ${near}?" if near else f"Describe it: parameters, then `{name}: text`."
            raise ConfigError(f"${name} in the SQL is no parameter", hint)
    if unused := [name for name in names if name not in used]:
        raise ConfigError(f"the parameter {unused[0]} is not in the SQL", f"Write ${unused[0]} where its value goes.")
    # Engines differ in nested comments and in dollar quotes: neither may hide a placeholder.
    if parameters and ("/*" in sql or "$$" in sql):
        raise ConfigError("SQL with parameters may have no /* */ and no $$", "Write comments with --, texts with '.")


def bind_parameters(sql: str, parameters: Sequence[Parameter], values: Mapping[str, Value]) -> str:
    """Return the SQL with a typed literal in place of each placeholder.

    Raises:
        CallError: a value is missing, has the wrong type, or belongs to no parameter.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in values:
        if name not in known:
            near = find_closest(name, known)
            raise CallError(f"there is no parameter {name!r}", f"Did you mean {near}?" if near else "Leave it out.")
    literals = {}
    for name, parameter in known.items():
        if name not in values and parameter.required:
            raise CallError(f"the parameter {name} has no value", _EXAMPLES[parameter.type])
        literals[name] = parameter.format_literal(values.get(name, parameter.default))
    return _PLACEHOLDER.sub(lambda found: literals[found["name"]] if found["name"] else found.group(), sql)


def make_sample_value(parameter: Parameter) -> Value:
    """Return a value to try the SQL with: the default if there is one."""
    return _SAMPLES[parameter.type] if parameter.required else parameter.default


def _format_default(value: Value) -> str:
    return json.dumps(value.isoformat() if isinstance(value, dt.date) else value, ensure_ascii=False)


def _format_text(value: Value) -> str | None:
    return quote_literal(value) if isinstance(value, str) else None


def _format_integer(value: Value) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_INTEGER:
        return None
    return _bracket_negative(str(value))


def _format_number(value: Value) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return _format_integer(value) if isinstance(value, int) else _bracket_negative(repr(value))


def _format_date(value: Value) -> str | None:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return f"DATE '{value.isoformat()}'"
    if not isinstance(value, str) or not _DATE.match(value):
        return None
    try:
        return f"DATE '{dt.date.fromisoformat(value).isoformat()}'"
    except ValueError:
        return None


def _format_boolean(value: Value) -> str | None:
    return str(value).upper() if isinstance(value, bool) else None


def _bracket_negative(text: str) -> str:
    """Put a negative number in parentheses: after a minus sign, `--1` would be a comment."""
    return f"({text})" if text.startswith("-") else text


_FORMATTERS: Final[dict[str, Callable[[Value], str | None]]] = {
    "text": _format_text,
    "integer": _format_integer,
    "number": _format_number,
    "date": _format_date,
    "boolean": _format_boolean,
}
_JSON_TYPES: Final = {
    "text": "string",
    "integer": "integer",
    "number": "number",
    "date": "string",
    "boolean": "boolean",
}
_TYPE_DESCRIPTIONS: Final = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "date": "a date",
    "boolean": "true or false",
}
_EXAMPLES: Final = {
    "text": 'Give it like "Oslo".',
    "integer": "Give it like 10, of 64 bits at most.",
    "number": "Give it like 2.5.",
    "date": 'Give it like "2025-01-31".',
    "boolean": "Give true or false.",
}
_SAMPLES: Final[dict[str, Value]] = {
    "text": "",
    "integer": 1,
    "number": 1.0,
    "date": "2025-01-01",
    "boolean": True,
}

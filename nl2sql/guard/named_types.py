"""Which types and collations a text may name: the engine's own on our list, and types that a readable column has.

A type of the database's own may hold values that no policy names, as an ENUM does. Nothing here asks the engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.guard.name_resolution import Names
from nl2sql.schema.identifiers import find_closest, fold
from nl2sql.types import MAIN_SCHEMA

UserTypes = Mapping[tuple[str, str], str]

# Functions whose last argument, or the one of that name, is text that says types.
STRUCTURED: Final = frozenset({"json_transform", "json_transform_strict", "from_json", "from_json_strict"})
_STRUCTURE: Final = "structure"
# One type of the list in a JSON structure; nested ones are written as JSON.
_LEAF: Final = re.compile(r"\s*+([A-Za-z_][A-Za-z0-9_ ]*+)(?:\(\s*+\d++\s*+(?:,\s*+\d++\s*+)?\))?(?:\[\d*+\])*+\s*+\Z")


def may_name_type(path: Sequence[str], names: Names, user_types: UserTypes) -> bool:
    """Whether a text may name the type of that dotted name: unknown and hidden ones look the same."""
    parts = [fold(part) for part in path]
    own = [user_types[key] for key in _find_meant(parts, names) if key in user_types]
    if own:
        return all(map(names.has_type, own))
    return len(parts) == 1 and parts[0] in load_catalogue().types.allowed


def may_name_collation(name: str) -> bool:
    """Whether a text may name that collation, or these: dots join several."""
    return all(part in load_catalogue().collations.allowed for part in name.lower().split("."))


def compose_type_hint(name: str) -> str:
    """Return what to write instead of a type that may not be named."""
    near = find_closest(name, load_catalogue().types.allowed)
    return f"Did you mean {near}?" if near else "Name one of DuckDB's own types, such as VARCHAR."


def has_plain_structure(call: Mapping[str, Any], names: Names, user_types: UserTypes) -> bool:
    """Whether the call's structure is written out, and every type in it may be named."""
    arguments: Sequence[Mapping[str, Any]] = call.get("arguments") or ()
    named = [argument for argument in arguments if argument.get("name", "").lower() == _STRUCTURE]
    chosen = (named or list(arguments))[-1:]
    literal = _read_literal(chosen[0]["expression"]) if chosen else None
    if literal is None:
        return False
    try:
        leaves = list(_list_leaves(json.loads(literal, object_pairs_hook=lambda pairs: [value for _, value in pairs])))
    except (ValueError, RecursionError):
        return False
    found = [_LEAF.match(leaf) for leaf in leaves]
    return all(one and may_name_type([one[1].strip()], names, user_types) for one in found)


def _find_meant(parts: Sequence[str], names: Names) -> Iterator[tuple[str, str]]:
    """Yield the schema and name that a dotted name of a type may mean."""
    if len(parts) == 1:
        yield MAIN_SCHEMA, parts[0]
    elif len(parts) == 2:
        yield parts[0], parts[1]
        if names.is_catalog(parts[0]):
            yield MAIN_SCHEMA, parts[1]
    elif len(parts) == 3 and names.is_catalog(parts[0]):
        yield parts[1], parts[2]


def _read_literal(expression: Mapping[str, Any]) -> str | None:
    """Return the text of a string literal, in a cast perhaps; None of anything else."""
    if expression.get("class") == "CAST":
        return _read_literal(expression["child"])
    literal = expression.get("literal") or {}
    return str(literal["text"]) if literal.get("kind") == "STRING" else None


def _list_leaves(value: Any) -> Iterator[str]:
    """Every text in it that says a type."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _list_leaves(item)

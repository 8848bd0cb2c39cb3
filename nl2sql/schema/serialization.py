"""A Schema as JSON and back: for the cache on disk and the pipe to the engine's worker.

It does not read or write anything itself.
"""

from __future__ import annotations

from typing import Any

from nl2sql.json_codec import decode_value, encode_value
from nl2sql.types import Schema


def encode_schema(schema: Schema) -> dict[str, Any]:
    """Return the schema as plain dicts, lists and scalars."""
    encoded: dict[str, Any] = encode_value(schema)
    return encoded


def decode_schema(data: Any) -> Schema:
    """Return the schema that `encode_schema` wrote.

    Raises:
        ValueError: `data` is anything else.
    """
    return decode_value(data, Schema)

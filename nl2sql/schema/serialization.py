"""A Schema as JSON and back: for the cache on disk and the pipe to the engine's worker.

It does not read or write anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from types import NoneType
from typing import Any, Final

from nl2sql.types import Column, ForeignKey, Schema, Table

_LIST: Final = (list, tuple)
_KINDS: Final[dict[str, Any]] = {
    "str": str,
    "bool": bool,
    "str | None": (str, NoneType),
    "int | None": (int, NoneType),
    "float | None": (int, float, NoneType),
    "tuple[str, ...]": _LIST,
    "tuple[Column, ...]": _LIST,
    "tuple[ForeignKey, ...]": _LIST,
}


def encode_schema(schema: Schema) -> dict[str, Any]:
    """The schema as plain dicts, lists and scalars."""
    return asdict(schema)


def decode_schema(data: Mapping[str, Any]) -> Schema:
    """The schema that `encode_schema` wrote. KeyError or TypeError where it is something else."""
    return Schema(
        tables=tuple(_decode_table(table) for table in data["tables"]),
        dialect=data["dialect"],
        fingerprint=data["fingerprint"],
    )


def _decode_table(data: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**_check_fields(Column, column)) for column in data["columns"])
    foreign_keys = tuple(ForeignKey(**_check_fields(ForeignKey, key)) for key in data["foreign_keys"])
    return Table(**{**_check_fields(Table, data), "columns": columns, "foreign_keys": foreign_keys})


def _check_fields(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as that dataclass takes them. KeyError where one is missing, TypeError where one is another."""
    values = dict(data)
    for field in fields(kind):
        value = values[field.name]
        if not isinstance(value, _KINDS[str(field.type)]):
            raise TypeError(f"{field.name} is a {type(value).__name__}")
        if field.type == "tuple[str, ...]":
            values[field.name] = tuple(value)
            if not all(isinstance(text, str) for text in value):
                raise TypeError(f"{field.name} holds what is no text")
    return values

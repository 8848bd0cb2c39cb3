"""A Schema as JSON and back: for the cache on disk and the pipe to the engine's worker.

It does not read or write anything itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nl2sql.types import Column, ForeignKey, Schema, Table


def to_json(schema: Schema) -> dict[str, Any]:
    """The schema as plain dicts, lists and scalars."""
    return asdict(schema)


def from_json(data: Mapping[str, Any]) -> Schema:
    """The schema that `to_json` wrote. KeyError or TypeError where it is something else."""
    return Schema(
        tables=tuple(_table(table) for table in data["tables"]),
        dialect=data["dialect"],
        fingerprint=data["fingerprint"],
    )


def _table(data: Mapping[str, Any]) -> Table:
    return Table(
        **{
            **data,
            "columns": tuple(_column(column) for column in data["columns"]),
            "primary_key": tuple(data["primary_key"]),
            "foreign_keys": tuple(_foreign_key(key) for key in data["foreign_keys"]),
        }
    )


def _column(data: Mapping[str, Any]) -> Column:
    texts = {name: tuple(data[name]) for name in ("values", "samples", "texts")}
    return Column(**{**data, **texts})


def _foreign_key(data: Mapping[str, Any]) -> ForeignKey:
    return ForeignKey(
        **{**data, "columns": tuple(data["columns"]), "target_columns": tuple(data["target_columns"])},
    )

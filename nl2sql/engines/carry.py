"""Result types that cross as something else: what Arrow, or Python after it, cannot hold becomes text.

It only writes the SELECT that casts them; a result's columns keep DuckDB's own type names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from duckdb.sqltypes import DuckDBPyType

from nl2sql.engines.lock import quoted_name

_CARRIED_AS: Final = {
    "bignum": "VARCHAR",
    "bit": "VARCHAR",
    "enum": "VARCHAR",
    "geometry": "VARCHAR",
    "interval": "VARCHAR",
    "time with time zone": "VARCHAR",
    "time_ns": "TIME",
    "timestamp_ns": "TIMESTAMP",
    "timestamptz_ns": "TIMESTAMPTZ",
    "uhugeint": "VARCHAR",
    "union": "VARCHAR",
    "variant": "VARCHAR",
}


def carrying(sql: str, types: Sequence[DuckDBPyType]) -> str:
    """The SQL with its odd columns cast, or as it is where there are none. Nanoseconds are rounded to microseconds."""
    casts = [_carried_as(column_type) for column_type in types]
    if not any(casts):
        return sql
    columns = (f"CAST(#{i} AS {cast})" if cast else f"#{i}" for i, cast in enumerate(casts, start=1))
    return f"SELECT {', '.join(columns)} FROM (\n{sql.rstrip().rstrip(';')}\n)"


def type_name(column_type: DuckDBPyType) -> str:
    """DuckDB's name of the type, e.g. `DECIMAL(10,2)`."""
    return str(column_type).replace('"NULL"', "NULL")


def _carried_as(column_type: DuckDBPyType) -> str | None:
    """The type to cast to, or None where the type crosses as it is."""
    kind = column_type.id
    if kind in _CARRIED_AS:
        return _CARRIED_AS[kind]
    if kind not in ("list", "array", "struct", "map"):
        return None
    parts = [(name, part) for name, part in column_type.children if isinstance(part, DuckDBPyType)]
    casts = [_carried_as(part) for _, part in parts]
    if not any(casts):
        return None
    inner = [cast or str(part) for cast, (_, part) in zip(casts, parts, strict=True)]
    if kind == "struct":
        return f"STRUCT({', '.join(f'{quoted_name(n)} {t}' for (n, _), t in zip(parts, inner, strict=True))})"
    if kind == "map":
        return f"MAP({', '.join(inner)})"
    size = next((part for name, part in column_type.children if name == "size"), "")
    return f"{inner[0]}[{size}]"

"""Stands in for `Assistant.page`, `.count` and `nl2sql.export` until they are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nl2sql import Assistant, Result


def page(
    assistant: Assistant,
    sql: str,
    *,
    offset: int,
    limit: int,
    order_by: str | None,
    descending: bool,
    contains: Mapping[str, str] | None,
) -> Result:
    """A window of the rows."""
    order = f" ORDER BY {_quoted(order_by)}{' DESC' if descending else ''}" if order_by else ""
    return assistant.run(f"SELECT * FROM ({sql}){_where(contains)}{order} LIMIT {limit} OFFSET {offset}")


def count(assistant: Assistant, sql: str, *, contains: Mapping[str, str] | None) -> int:
    """How many rows."""
    return int(assistant.run(f"SELECT count(*) FROM ({sql}){_where(contains)}").rows[0][0])


def export(form: str, columns: Any, batches: Iterable[Any], out: Any) -> int:
    """Write rows."""
    import importlib

    write = importlib.import_module("nl2sql.answer.export").write
    return int(write("jsonl" if form == "json" else "csv" if form == "xlsx" else form, columns, batches, out))


def _where(contains: Mapping[str, str] | None) -> str:
    parts = [
        f"CAST({_quoted(name)} AS VARCHAR) ILIKE '%{text.replace(chr(39), chr(39) * 2)}%'"
        for name, text in (contains or {}).items()
    ]
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

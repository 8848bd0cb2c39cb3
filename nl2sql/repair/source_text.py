"""What can be repaired in a text before it parses: words after the query, reserved words that are names, a fence.

It does not read the query's meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from nl2sql.schema.identifiers import quote
from nl2sql.types import Schema

_STATEMENTS: Final = frozenset(
    "select with from values insert update delete drop create alter attach detach copy set pragma call begin commit "
    "rollback export import install load vacuum checkpoint use table describe show summarize explain merge truncate "
    "reset execute prepare where group having order limit union except intersect and or join on qualify window "
    "left right inner full cross offset fetch pivot unpivot using as when case then else end".split()
)
_FENCE: Final = re.compile(r"\A\s*+```\w*+[^\S\n]*+\n\s*+(.*?)```", re.DOTALL)
_PIECE: Final = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?(?:\*/|\Z)|[^\W\d]\w*|\s+|.", re.DOTALL
)
_AFTER_THESE_A_TABLE: Final = ("from", "join")
_WITH_BY: Final = ("order", "group", "partition")


def list_shortened_texts(sql: str) -> Iterator[str]:
    """The text without what may be said after the query: the longest first."""
    if fenced := _FENCE.match(sql):
        sql = fenced.group(1)
        yield sql
    pieces = _PIECE.findall(sql)
    if ";" in pieces:
        at = pieces.index(";")
        if _is_prose("".join(pieces[at + 1 :])):
            yield "".join(pieces[:at])
    paragraphs = re.split(r"\n\s*\n", sql.strip())
    for kept in range(len(paragraphs) - 1, 0, -1):
        if _is_prose("\n".join(paragraphs[kept:])):
            yield "\n".join(paragraphs[:kept]).rstrip().rstrip(";")


def _is_prose(text: str) -> bool:
    """Whether no part of the text begins as SQL does, so that nothing asked for is lost with it."""
    parts = [re.match(r"[^\w]*(\w+)", part) for part in re.split(r"[;\n]", text)]
    return not any(found and found.group(1).lower() in _STATEMENTS for found in parts)


def quote_names(sql: str, schema: Schema) -> str:
    """The text with names of the schema in quotes where they are reserved words and stand where names do."""
    tables = {_get_last_part(table.name).lower() for table in schema.tables}
    reserved = {name for name in tables | _list_columns(schema) if quote(name) != name and name.isidentifier()}
    pieces = _PIECE.findall(sql)
    words = [i for i, piece in enumerate(pieces) if not piece.isspace()]
    for position, i in enumerate(words):
        word = pieces[i].lower()
        if word not in reserved:
            continue
        before = pieces[words[position - 1]].lower() if position else ""
        after = pieces[words[position + 1]].lower() if position + 1 < len(words) else ""
        is_table = word in tables and (before in _AFTER_THESE_A_TABLE or after == ".")
        if before == "." or is_table or (word in _WITH_BY and after != "by"):
            pieces[i] = f'"{pieces[i]}"'
    return "".join(pieces)


def _list_columns(schema: Schema) -> set[str]:
    return {column.name.lower() for table in schema.tables for column in table.columns}


def _get_last_part(name: str) -> str:
    return name.rpartition(".")[2]

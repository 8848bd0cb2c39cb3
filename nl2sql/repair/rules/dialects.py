"""Correct syntax that the engine cannot read, and functions that only another dialect has.

The texts that do not parse are changed piece by piece, without knowing what the query means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from nl2sql.repair.binding import Fault
from nl2sql.repair.context import Edit, RepairContext, drop_schema
from nl2sql.repair.transpile import FOREIGN, RENAMED, parse_foreign, translate_call, write_tree
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
_BEFORE_TABLE: Final = ("from", "join")
_BEFORE_BY: Final = ("order", "group", "partition")


def leave_out_prose(sql: str, schema: Schema, dialect: str) -> Iterator[str]:
    r"""Drop what surrounds the query: a code fence, words after it.

    Precondition: no part of what is dropped begins as a statement or a clause does, so nothing of the query is lost.

    >>> repair("SELECT count(*) FROM orders;\n\nThis counts the orders.")
    SELECT count(*) FROM orders
    """
    yield from _list_shortened_texts(sql)


def quote_reserved(sql: str, schema: Schema, dialect: str) -> Iterator[str]:
    """Put names of the schema in double quotes where they are reserved words.

    Precondition: the word stands where only a name can: after FROM or JOIN, next to a dot, or as a column of the schema
    where no clause can begin.

    >>> repair('SELECT order FROM queue')
    SELECT "order" FROM queue
    """
    if (quoted := _quote_names(sql, schema)) != sql:
        yield quoted


def read_foreign(sql: str, schema: Schema, dialect: str) -> Iterator[str]:
    """Translate a text that only another dialect can read.

    Precondition: all dialects that can read the text mean the same by it.

    >>> repair("SELECT TOP 2 name FROM customers ORDER BY name")
    SELECT name FROM customers ORDER BY name LIMIT 2
    """
    for text in (sql, _quote_names(sql, schema), *_list_shortened_texts(sql)):
        if (found := parse_foreign(text, dialect)) and (spelled := write_tree(found[0], dialect)):
            yield spelled


def write_in_dialect(context: RepairContext) -> Edit | None:
    """Write the query anew in the engine's dialect, where sqlglot reads a spelling that the engine does not.

    Precondition: the whole text parses as this dialect, so nothing is taken from another.

    >>> repair("SELECT name FROM customers ORDER BY name LIMIT 1, 2")
    SELECT name FROM customers ORDER BY name LIMIT 2 OFFSET 1
    """
    return Edit(context.tree, "written in the engine's dialect")


def translate_function(context: RepairContext) -> Edit | None:
    """Translate a function of another dialect.

    Precondition: no function of this dialect has the name and accepts the arguments, and exactly one other dialect has
    it.

    >>> repair("SELECT DATE_FORMAT(placed, '%Y-%m') AS month FROM orders")
    SELECT STRFTIME(CAST(placed AS TIMESTAMP), '%Y-%m') AS month FROM orders
    """
    calls = list(context.tree.find_all(exp.Anonymous, exp.ToChar))
    if context.error.fault is Fault.COLUMN:
        found = context.find_fault()
        calls = [call for call in calls if found is not None and found[1].parent is call]
    meant = next((name for name in map(_name_call, calls) if name in RENAMED or name in FOREIGN), "")
    for call in (call for call in calls if _name_call(call) == meant):
        if meant in RENAMED:
            call.set("this", RENAMED[meant])
        elif (translated := translate_call(call, FOREIGN[meant])) is not None:
            call.replace(translated)
        else:
            return None
    if not meant:
        return None
    known = RENAMED.get(meant)
    return Edit(context.tree, f"{meant} is {known} here" if known else f"{meant} is a function of {FOREIGN[meant]}")


def _name_call(call: exp.Expr) -> str:
    """Return the name, in lower case, of a function that the dialect's grammar does not know."""
    return call.name.lower() if isinstance(call, exp.Anonymous) else "to_char"


def _list_shortened_texts(sql: str) -> Iterator[str]:
    """Yield the text without what may follow or surround the query, the longest first."""
    if fenced := _FENCE.match(sql):
        sql = fenced.group(1)
        yield sql
    pieces = _PIECE.findall(sql)
    if ";" in pieces:
        at = pieces.index(";")
        if _is_prose("".join(pieces[at + 1 :])):
            yield "".join(pieces[:at])
    paragraphs = re.split(r"\n\s*\n", sql.strip())
    for end in range(len(paragraphs) - 1, 0, -1):
        if _is_prose("\n".join(paragraphs[end:])):
            yield "\n".join(paragraphs[:end]).rstrip().rstrip(";")


def _is_prose(text: str) -> bool:
    """Return whether no part of the text begins as SQL does, so that nothing of the query is lost with it."""
    parts = [re.match(r"[^\w]*(\w+)", part) for part in re.split(r"[;\n]", text)]
    return not any(found and found.group(1).lower() in _STATEMENTS for found in parts)


def _quote_names(sql: str, schema: Schema) -> str:
    """Return the text with reserved words in quotes where they are names of the schema and stand where names do."""
    tables = {drop_schema(table.name).lower() for table in schema.tables}
    columns = {column.name.lower() for table in schema.tables for column in table.columns}
    reserved = {name for name in tables | columns if quote(name) != name and name.isidentifier()}
    pieces = _PIECE.findall(sql)
    words = [i for i, piece in enumerate(pieces) if not piece.isspace()]
    for position, i in enumerate(words):
        word = pieces[i].lower()
        if word not in reserved:
            continue
        before = pieces[words[position - 1]].lower() if position else ""
        after = pieces[words[position + 1]].lower() if position + 1 < len(words) else ""
        is_table = word in tables and (before in _BEFORE_TABLE or after == ".")
        if before == "." or is_table or (word in _BEFORE_BY and after != "by"):
            pieces[i] = f'"{pieces[i]}"'
    return "".join(pieces)

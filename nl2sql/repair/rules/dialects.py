"""Syntax that the engine does not read, and functions that only another dialect has."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from nl2sql.repair.binding import Fault
from nl2sql.repair.context import Edit, RepairContext
from nl2sql.repair.source_text import list_shortened_texts, quote_names
from nl2sql.repair.transpile import FOREIGN, RENAMED, parse_foreign, translate_call, write_tree
from nl2sql.types import Schema


def leave_out_prose(sql: str, schema: Schema, dialect: str) -> Iterator[str]:
    """Leave out what is said around the query: a fence, words behind it.

    Precondition: no part of what is left out begins as a statement or a clause does, so nothing asked for is lost.

    >>> repair("SELECT count(*) FROM orders;\\n\\nThis counts the orders.")
    SELECT count(*) FROM orders
    """
    yield from list_shortened_texts(sql)


def quote_reserved(sql: str, schema: Schema, dialect: str) -> Iterator[str]:
    """Put names of the schema in double quotes where they are reserved words.

    Precondition: the word stands where only a name can: after FROM or JOIN, beside a dot, as a column of the schema
    that no clause can begin with.

    >>> repair('SELECT order FROM queue')
    SELECT "order" FROM queue
    """
    if (quoted := quote_names(sql, schema)) != sql:
        yield quoted


def read_foreign(sql: str, schema: Schema, dialect: str) -> Iterator[str]:
    """Write a text in the engine's dialect that only another one reads.

    Precondition: all dialects that can read the text mean the same by it.

    >>> repair("SELECT TOP 2 name FROM customers ORDER BY name")
    SELECT name FROM customers ORDER BY name LIMIT 2
    """
    for text in (sql, quote_names(sql, schema), *list_shortened_texts(sql)):
        if (found := parse_foreign(text, dialect)) and (spelled := write_tree(found[0], dialect)):
            yield spelled


def write_in_dialect(context: RepairContext) -> Edit | None:
    """Write the query as the dialect has it, where the engine does not know a spelling that its dialect's grammar does.

    Precondition: the text as a whole reads as this dialect, so that nothing is taken from another.

    >>> repair("SELECT name FROM customers ORDER BY name LIMIT 1, 2")
    SELECT name FROM customers ORDER BY name LIMIT 2 OFFSET 1
    """
    return Edit(context.tree, "written in the engine's dialect")


def translate_function(context: RepairContext) -> Edit | None:
    """Write a function that one other dialect has as this one has it.

    Precondition: no function of this dialect has the name and takes what is given, and one other dialect alone has it.

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
    """The name of a function that the dialect's grammar does not know, or not so."""
    return call.name.lower() if isinstance(call, exp.Anonymous) else "to_char"

"""Reads SQL that was written for another engine: what does not parse as the dialect, or calls what it does not have.

Only functions and syntax are taken from the other dialect. Division and the order of NULLs stay as the text reads.
"""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp, parse, parse_one
from sqlglot.errors import ErrorLevel, SqlglotError

from nl2sql.mend.text import quoted_names, shorter
from nl2sql.types import Schema

_OTHERS: Final = ("sqlite", "mysql", "postgres", "snowflake", "bigquery", "tsql")
_FOREIGN: Final = {
    "date_format": "mysql",
    "curdate": "mysql",
    "date_sub": "mysql",
    "subdate": "mysql",
    "adddate": "mysql",
    "timestampdiff": "mysql",
    "unix_timestamp": "mysql",
    "to_char": "postgres",
    "getdate": "tsql",
    "dateadd": "tsql",
    "eomonth": "tsql",
    "isnull": "tsql",
    "safe_divide": "bigquery",
    "countif": "bigquery",
    "parse_date": "bigquery",
    "format_date": "bigquery",
}
_RENAMED: Final = {"total": "SUM", "julianday": "JULIAN", "curtime": "CURRENT_TIME", "sysdate": "NOW"}


_TIMESTAMPDIFF: Final = re.compile(r"\bTIMESTAMPDIFF\s*\(\s*([A-Za-z]+)\s*,", re.IGNORECASE)
_SEPARATOR: Final = re.compile(r"(?<!\s)\s++SEPARATOR\s++(?='[^']*+'\s*+\))", re.IGNORECASE)
_TEXTS_IN_DOUBLE_QUOTES: Final = ("mysql", "bigquery")
_STATEMENTS: Final = frozenset({"show", "summarize", "describe", "explain"})


def read(sql: str, dialect: str, schema: Schema | None = None) -> tuple[exp.Expr | None, tuple[str, ...]]:
    """The one statement's tree, None where it cannot be read for certain, and a line for each thing that was mended."""
    first, *_ = [*sql.split(None, 1), ""]
    if first.lower() in _STATEMENTS:
        return None, ()
    sql = _SEPARATOR.sub(", ", _TIMESTAMPDIFF.sub(r"DATE_DIFF('\1',", sql))
    tree = _parsed(sql, dialect)
    if tree is not None:
        return _translated(tree)
    texts = [(sql, "")]
    if schema is not None and (quoted := quoted_names(sql, schema)) != sql:
        texts.append((quoted, "names in quotes"))
    texts += [(quoted_names(text, schema) if schema else text, "words after the query") for text in shorter(sql)]
    for text, note in texts:
        if (tree := _parsed(text, dialect)) is not None:
            translated, notes = _translated(tree)
            return translated, ((note, *notes) if note else notes)
    for text, note in texts:
        for other in _OTHERS:
            if '"' in text and other in _TEXTS_IN_DOUBLE_QUOTES:
                continue
            if (tree := _parsed(text, other)) is not None and not _unknown(tree):
                return _plain(tree), tuple(filter(None, (note, f"written for {other}")))
    return None, ()


def written(tree: exp.Expr, dialect: str) -> str | None:
    """The text of the tree; None where the dialect cannot say it."""
    try:
        return tree.sql(dialect, comments=False, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError):
        return None


def _parsed(sql: str, dialect: str) -> exp.Expr | None:
    try:
        statements = [statement for statement in parse(sql, read=dialect) if statement is not None]
    except (SqlglotError, RecursionError, ValueError):
        return None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query) or _is_misread(statements[0]):
        return None
    tree = statements[0]
    return None if isinstance(tree, exp.Select) and not tree.expressions and not tree.args.get("from_") else tree


def _is_misread(tree: exp.Expr) -> bool:
    """Whether a JSON arrow was taken for a lambda's, or a statement inside for a name."""
    if any(not name.quoted and name.name.lower() in _STATEMENTS for name in tree.find_all(exp.Identifier)):
        return True
    for node in tree.find_all(exp.Lambda, exp.Command, exp.Describe, exp.Summarize):
        if not isinstance(node, exp.Lambda):
            return True
        parameters = {parameter.name.lower() for parameter in node.expressions}
        used = {name.name.lower() for name in node.this.find_all(exp.Identifier)}
        if not parameters & used:
            return True
    return False


def _unknown(tree: exp.Expr) -> bool:
    return any(call.name.lower() in {*_FOREIGN, "datediff"} for call in tree.find_all(exp.Anonymous))


def _translated(tree: exp.Expr) -> tuple[exp.Expr | None, tuple[str, ...]]:
    """Functions of other dialects in this one's words, each by itself: the rest of the query stays."""
    notes = []
    for call in list(tree.find_all(exp.Anonymous, exp.ToChar)):
        name = call.name if isinstance(call, exp.Anonymous) else "to_char"
        if name.lower() in _RENAMED:
            notes.append(f"{name} is {_RENAMED[name.lower()]}")
            call.set("this", _RENAMED[name.lower()])
        elif name.lower() in _FOREIGN and (said := _said(call, _FOREIGN[name.lower()])) is not None:
            notes.append(f"{name} is {_FOREIGN[name.lower()]}'s")
            call.replace(said)
    return tree, tuple(notes)


def _said(call: exp.Expr, other: str) -> exp.Expr | None:
    """The call as the other dialect means it; None where that knows it no more."""
    try:
        found: exp.Expr = parse_one(call.sql(other), read=other)
    except (SqlglotError, RecursionError):
        return None
    return None if isinstance(found, exp.Anonymous) else _plain(found)


def _plain(tree: exp.Expr) -> exp.Expr:
    """Without what the dialect alone would have made of divisions and of the order of NULLs."""
    for division in tree.find_all(exp.Div):
        division.set("typed", False)
        division.set("safe", False)
    for ordered in tree.find_all(exp.Ordered):
        ordered.set("nulls_first", False)
    return tree

"""Reads SQL that was written for another engine: what does not parse as the dialect, or calls what it does not have."""

from __future__ import annotations

from typing import Final

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

_OTHERS: Final = ("sqlite", "mysql", "postgres", "snowflake", "bigquery", "tsql")


def read(sql: str, dialect: str) -> tuple[exp.Expr | None, str]:
    """The one statement's tree, and the other dialect that it had to be read in, if any."""
    tree = _parsed(sql, dialect)
    unknown = _unknown_functions(tree)
    if tree is not None and not unknown:
        return tree, ""
    for other in _OTHERS:
        candidate = _parsed(sql, other)
        if candidate is not None and (tree is None or _unknown_functions(candidate) < unknown):
            return candidate, other
    return tree, ""


def _parsed(sql: str, dialect: str) -> exp.Expr | None:
    try:
        statements = [statement for statement in parse(sql, read=dialect) if statement is not None]
    except (SqlglotError, RecursionError):
        return None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return None
    return statements[0]


def _unknown_functions(tree: exp.Expr | None) -> int:
    return 0 if tree is None else sum(1 for _ in tree.find_all(exp.Anonymous))

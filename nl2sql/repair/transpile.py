"""Between text and tree: parse the dialect, translate other dialects' functions, write the tree.

Only functions and syntax are taken from another dialect. Division and the order of NULLs keep this dialect's meaning.
"""

from __future__ import annotations

import logging
import re
from typing import Final

from sqlglot import TokenType, exp, parse, parse_one, tokenize
from sqlglot.errors import ErrorLevel, SqlglotError

_LOGGER: Final = logging.getLogger(__name__)
OTHERS: Final = ("sqlite", "mysql", "postgres", "snowflake", "bigquery", "tsql")
# Functions that one other dialect alone has.
FOREIGN: Final = {
    "date_format": "mysql",
    "curdate": "mysql",
    "date_sub": "mysql",
    "subdate": "mysql",
    "adddate": "mysql",
    "unix_timestamp": "mysql",
    "to_char": "postgres",
    "getdate": "tsql",
    "dateadd": "tsql",
    "eomonth": "tsql",
    "datepart": "tsql",
    "isnull": "tsql",
    "safe_divide": "bigquery",
    "countif": "bigquery",
    "parse_date": "bigquery",
    "format_date": "bigquery",
}
# Functions that DuckDB has under another name.
RENAMED: Final = {"julianday": "JULIAN", "curtime": "CURRENT_TIME", "sysdate": "NOW"}
_TEXTS_IN_DOUBLE_QUOTES: Final = ("mysql", "bigquery")
_NAMES_IN_BRACKETS: Final = ("sqlite", "tsql")
_ELEMENT: Final = re.compile(r"\w\[")
_BACKTICKS: Final = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`([^`\"]*)`")
_STATEMENTS: Final = frozenset({"show", "summarize", "describe", "explain"})


def parse_dialect(sql: str, dialect: str) -> exp.Expr | None:
    """Parse the one query that the text is; None where it cannot be read as such for certain."""
    first, *_ = [*sql.split(None, 1), ""]
    if first.lower() in _STATEMENTS:
        return None
    try:
        statements = [statement for statement in parse(sql, read=dialect) if statement is not None]
    except (SqlglotError, RecursionError, ValueError) as exc:
        _LOGGER.debug("a text cannot be read as %s: %s", dialect, type(exc).__name__)
        return None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query) or _is_misread(statements[0]):
        return None
    tree = statements[0]
    return None if isinstance(tree, exp.Select) and not tree.expressions and not tree.args.get("from_") else tree


def parse_foreign(sql: str, dialect: str) -> tuple[exp.Expr, str] | None:
    """Parse a text that only other dialects can read; return its tree and one of these dialects.

    None where they read it differently.
    """
    found: dict[str, tuple[exp.Expr, str]] = {}
    for other in OTHERS:
        if '"' in sql and other in _TEXTS_IN_DOUBLE_QUOTES:
            continue
        # Directly after a name a square bracket is a subscript; elsewhere it quotes a name.
        if other in _NAMES_IN_BRACKETS and _ELEMENT.search(sql):
            continue
        tree = parse_dialect(sql, other)
        if tree is None or _has_unknown_call(tree):
            continue
        text = write_tree(strip_dialect(tree), dialect)
        if text is not None:
            found.setdefault(text, (tree, other))
    return next(iter(found.values())) if len(found) == 1 else None


def write_tree(tree: exp.Expr, dialect: str) -> str | None:
    """Write the tree as text; None where the dialect has no way to say it."""
    try:
        return tree.sql(dialect, comments=False, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError) as exc:
        _LOGGER.debug("a tree cannot be written as %s: %s", dialect, type(exc).__name__)
        return None


def translate_call(call: exp.Expr, other: str) -> exp.Expr | None:
    """Return the call as the other dialect means it; None where that does not know it either."""
    try:
        found: exp.Expr = parse_one(call.sql(other), read=other)
    except (SqlglotError, RecursionError) as exc:
        _LOGGER.debug("a call cannot be read as %s: %s", other, type(exc).__name__)
        return None
    return None if isinstance(found, exp.Anonymous) else strip_dialect(found)


def strip_dialect(tree: exp.Expr) -> exp.Expr:
    """Remove from the tree what its dialect alone makes of divisions and of the order of NULLs."""
    for division in tree.find_all(exp.Div):
        division.set("typed", False)
        division.set("safe", False)
    for ordered in tree.find_all(exp.Ordered):
        ordered.set("nulls_first", False)
    return tree


def spell_foreign(sql: str) -> str:
    """Return the text with MySQL's own syntax as DuckDB has it.

    Names stand in backticks, TIMESTAMPDIFF counts full units, and GROUP_CONCAT takes its separator after a keyword.

    >>> spell_foreign("SELECT 'TIMESTAMPDIFF(YEAR, a', TIMESTAMPDIFF(YEAR, born, day) FROM t")
    "SELECT 'TIMESTAMPDIFF(YEAR, a', date_sub('YEAR', born, day) FROM t"
    >>> spell_foreign("SELECT group_concat(name SEPARATOR '; ') FROM t")
    "SELECT group_concat(name, '; ') FROM t"
    """
    sql = _BACKTICKS.sub(lambda found: found.group() if found.group(1) is None else f'"{found.group(1)}"', sql)
    if not any(word in sql.lower() for word in ("timestampdiff", "separator")):
        return sql
    try:
        tokens = tokenize(sql, read="duckdb")
    except SqlglotError:
        return sql
    for at in range(len(tokens) - 1, -1, -1):
        word = tokens[at]
        after = tokens[at + 1 : at + 4]
        if len(after) < 2 or word.token_type is TokenType.STRING:
            continue
        is_diff = word.text.upper() == "TIMESTAMPDIFF" and after[0].text == "(" and after[1].token_type is TokenType.VAR
        if is_diff and after[-1].text == ",":
            sql = f"{sql[: word.start]}date_sub('{after[1].text}'{sql[after[-1].start :]}"
        elif word.text.upper() == "SEPARATOR" and after[0].token_type is TokenType.STRING and after[1].text == ")":
            sql = f"{sql[: word.start].rstrip()}, {sql[after[0].start :]}"
    return sql


def _is_misread(tree: exp.Expr) -> bool:
    """Return whether the parser made something up: a lambda of a JSON arrow, a name of a statement, an empty list."""
    lists = ("expressions", "query", "unnest", "field")
    if any(not any(node.args.get(key) for key in lists) for node in tree.find_all(exp.In)):
        return True
    if any(isinstance(star.parent, exp.Paren) for star in tree.find_all(exp.Star)):
        return True
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


def _has_unknown_call(tree: exp.Expr) -> bool:
    return any(call.name.lower() in {*FOREIGN, "datediff"} for call in tree.find_all(exp.Anonymous))

"""Names as SQL writes them: when a name needs quotes, and which name is closest to one that does not exist.

It does not know which names exist: callers pass them.
"""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Iterable
from typing import Final

from nl2sql.types import MAIN_SCHEMA, Schema, Table

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

# The time to compare two names grows with the square of their length.
_MAX_NAME_CHARS: Final = 300

# duckdb_keywords() of DuckDB 2.0, categories `reserved` and `type_function`: as bare names these do not parse.
RESERVED: Final = frozenset(
    """
    all analyse analyze and any anti array as asc asof asymmetric at authorization between binary both by case cast
    check collate collation column columns concurrently constraint create cross default deferrable desc describe
    distinct do else end except false fetch for foreign freeze from full generated glob group having ilike in initially
    inner intersect into is isnull join lambda lateral leading left like limit map natural not notnull null offset
    on only or order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify references
    returning right select semi show similar some struct summarize symmetric table tablesample then to trailing
    true try_cast tuple union unique unpack unpivot using variadic verbose when where window with
    """.split()
)


def quote(name: str) -> str:
    """Return the name as SQL can write it: bare where that parses, else in double quotes.

    >>> quote("orders"), quote("order"), quote("unit price")
    ('orders', '"order"', '"unit price"')
    """
    if _PLAIN.match(name) and name.lower() not in RESERVED:
        return name
    return quote_name(name)


def quote_table(table: Table) -> str:
    """Return a table's name as SQL writes it, with its catalog and schema where it needs them."""
    schema, name = table.path
    parts = [name] if schema == MAIN_SCHEMA else [schema, name]
    return ".".join(map(quote, [table.catalog, *parts] if table.catalog else parts))


def list_identifiers(schema: Schema) -> tuple[str, ...]:
    """Return the names of all tables, then of all columns, as SQL writes them, each once."""
    columns = (quote(column.name) for table in schema.tables for column in table.columns)
    return tuple(dict.fromkeys((*map(quote_table, schema.tables), *columns)))


def fold(name: str) -> str:
    """Return the name as DuckDB compares it: A to Z in lower case, every other letter unchanged."""
    return name.translate(_LOWER)


def quote_literal(text: str) -> str:
    """Return the text as a string literal of SQL.

    >>> quote_literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Return the name as a quoted identifier, whether it needs quotes or not."""
    return '"' + name.replace('"', '""') + '"'


def escape_glob(path: str) -> str:
    """Return the path with its wildcards escaped, so that DuckDB reads exactly that file.

    >>> escape_glob("a[1]*.csv")
    'a[[]1][*].csv'
    """
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def find_closest(name: str, names: Iterable[str]) -> str | None:
    """Return the name most similar to the one given, regardless of case; None where none is similar.

    >>> find_closest("custmers", ["customers", "orders"])
    'customers'
    """
    if len(name) > _MAX_NAME_CHARS:
        return None
    by_lower = {candidate.lower(): candidate for candidate in names if len(candidate) <= _MAX_NAME_CHARS}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None

"""Names as SQL writes them: when a name needs quotes, and the closest match to one that doesn't exist.

It does not know which names exist: callers pass them.
"""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Iterable
from typing import Final

from nl2sql.types import MAIN_SCHEMA, Table

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

# Likeness takes time with the square of the length.
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
    """The name as SQL can write it: bare where that parses, else in double quotes."""
    if _PLAIN.match(name) and name.lower() not in RESERVED:
        return name
    return quote_name(name)


def quote_table(table: Table) -> str:
    """A table's name as SQL writes it."""
    schema, name = table.path
    parts = [name] if schema == MAIN_SCHEMA else [schema, name]
    return ".".join(map(quote, [table.catalog, *parts] if table.catalog else parts))


def fold(name: str) -> str:
    """The name as DuckDB compares it: only A to Z have two cases, so that no other letter passes for one of them."""
    return name.translate(_LOWER)


def quote_literal(text: str) -> str:
    """The text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """The name as a quoted identifier, whether it needs that or not."""
    return '"' + name.replace('"', '""') + '"'


def escape_glob(path: str) -> str:
    """The path such that DuckDB reads exactly that file, whatever signs are in its name."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in path)


def find_closest(name: str, names: Iterable[str]) -> str | None:
    """The name most like the one given, in any case, or None where nothing is near."""
    if len(name) > _MAX_NAME_CHARS:
        return None
    by_lower = {candidate.lower(): candidate for candidate in names if len(candidate) <= _MAX_NAME_CHARS}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None

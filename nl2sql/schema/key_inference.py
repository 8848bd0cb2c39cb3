"""Keys that nobody declared, inferred from names and values, and marked as inferred.

It proposes few: a name must point to the table, and the values found must all be there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from nl2sql.errors import LimitError, QueryError
from nl2sql.schema.identifiers import quote, quote_table
from nl2sql.schema.word_stems import list_singulars
from nl2sql.types import Column, ForeignKey, Schema, Table
from nl2sql.types.type_families import is_numeric, name_family

Run = Callable[[str], list[tuple[Any, ...]]]

MAX_CHECKED_VALUES: Final = 2000
_MIN_ENDING_CHARS: Final = 4
_ID_ENDINGS: Final = ("_id", "_code", "_key", "_no", "id", "code")


def infer_keys(schema: Schema, run: Run, deadline: float, only_tables: frozenset[str] | None = None) -> Schema:
    """Return the schema with primary and foreign keys added where names suggest them and the values agree.

    `run` executes SQL; a key whose query fails with QueryError or LimitError is not added. `deadline` is a
    `time.monotonic()` moment, after which no more values are checked. With `only_tables`, foreign keys are inferred
    for those tables only.
    """
    schema = replace(schema, tables=tuple(_infer_primary_key(table) for table in schema.tables))
    tables = []
    for table in schema.tables:
        found = []
        candidates = _find_candidates(table, schema) if only_tables is None or table.name in only_tables else ()
        for column, target, target_column in candidates:
            if time.monotonic() > deadline:
                break
            if _is_contained(table, column, target, target_column, run):
                found.append(ForeignKey((column.name,), target.name, (target_column.name,), inferred=True))
        tables.append(replace(table, foreign_keys=(*table.foreign_keys, *found)))
    return replace(schema, tables=tuple(tables))


def _infer_primary_key(table: Table) -> Table:
    """Return the table with its id column as primary key, where it has no key and the column's values are unique."""
    if table.primary_key or table.kind == "view" or not table.row_count:
        return table
    stems = _list_stems(table.name)
    own = {"id", "code", *(f"{stem}{ending}" for stem in stems for ending in _ID_ENDINGS)}
    # `pid` of product: some schemas abbreviate their keys so, but only of tables with a name of one word.
    own |= {f"{stem[0]}id" for stem in stems if stem.isalpha()}
    for column in table.columns:
        unique = column.distinct is not None and column.distinct >= table.row_count * 0.95 and not column.null_fraction
        if column.name.lower() in own and unique and not table.sampled:
            return replace(table, primary_key=(column.name,), inferred_key=True)
    return table


def _find_candidates(table: Table, schema: Schema) -> Iterator[tuple[Column, Table, Column]]:
    """Yield each column whose name points to one table, with that table and its key; the closest match wins."""
    if table.kind == "view":
        return
    taken = {key.columns[0].lower() for key in table.foreign_keys if len(key.columns) == 1}
    targets = [
        (target, column)
        for target in schema.tables
        if len(target.primary_key) == 1 and (column := target.find_column(target.primary_key[0])) and target != table
    ]
    for column in table.columns:
        if column.name.lower() in taken or (column.name,) == table.primary_key or not column.distinct:
            continue
        kinds = (_is_exact_match, _is_ending_match, *((_is_table_match,) if _find_family(column) != "number" else ()))
        for matches in kinds:
            found = [
                (target, target_column)
                for target, target_column in targets
                if matches(column.name.lower(), target.name, target_column.name.lower())
                and _find_family(column) == _find_family(target_column)
            ]
            if found:
                if len(found) == 1:
                    yield column, *found[0]
                break


def _is_exact_match(column: str, target: str, target_column: str) -> bool:
    """Return whether it is like `customer_id` or `customerid` for customers.id, or `isbn` for books.isbn."""
    if column == target_column:
        return column not in ("id", "code", "name", "key")
    return any(column in (f"{stem}_{target_column}", f"{stem}{target_column}") for stem in _list_stems(target))


def _is_table_match(column: str, target: str, target_column: str) -> bool:
    """Return whether it is like `country` for countries.code. For texts only: a number may be a rank or a count."""
    return column in _list_stems(target) and target_column != column


def _is_ending_match(column: str, target: str, target_column: str) -> bool:
    """Return whether its end fits: `old_status_id` for status.id, `bank_id` for foodbank.id.

    Also `bill_to_customer_id` for customers.customer_id.
    """
    if column.endswith(f"_{target_column}") and len(target_column) > len("code"):
        return True
    for stem in _list_stems(target):
        if column.endswith((f"_{stem}_{target_column}", f"_{stem}{target_column}")):
            return True
        own = column.removesuffix(target_column).rstrip("_")
        if own != column and len(own) >= _MIN_ENDING_CHARS and stem.endswith(own):
            return True
    return False


def _list_stems(table: str) -> set[str]:
    """Return the table's name and its likely singular forms: `categories` gives `category` too."""
    name = table.lower().rpartition(".")[2].replace(" ", "_")
    return list_singulars(name)


def _find_family(column: Column) -> str:
    return "number" if is_numeric(column.type) else name_family(column.type)


def _is_contained(table: Table, column: Column, target: Table, target_column: Column, run: Run) -> bool:
    own, other = map(quote_table, (table, target))
    name, target_name = quote(column.name), quote(target_column.name)
    try:
        [(missing,)] = run(
            f"SELECT system.main.count(*) FROM (SELECT DISTINCT {name} AS v FROM (SELECT {name} FROM {own} "
            f"WHERE {name} IS NOT NULL LIMIT {MAX_CHECKED_VALUES * 25}) LIMIT {MAX_CHECKED_VALUES}) "
            f"WHERE v NOT IN (SELECT {target_name} FROM {other} WHERE {target_name} IS NOT NULL)"
        )
    except (QueryError, LimitError):
        return False
    return int(missing) == 0

"""The last resort where DuckDB cannot put its bound plan into JSON: both syntax trees, where nothing can hide.

It lets through less than a plan does. The physical plan is asked too, which DuckDB can always show; but since that
is optimised, it only adds objections and never answers them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nl2sql.guard.engine_tree import TreeReport
from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.guard.name_resolution import Names
from nl2sql.guard.parser_protocols import EngineParser
from nl2sql.types import MAIN_SCHEMA, Table

_SOURCES: Final = frozenset(
    "COLUMN_DATA_SCAN CTE_SCAN DELIM_SCAN DUMMY_SCAN EMPTY_RESULT REC_CTE_SCAN REC_REC_CTE_SCAN UNNEST".split()
)


def is_limited_to_named_tables(canonical: str, spelled: TreeReport, names: Names, parser: EngineParser) -> bool:
    """Whether what the canonical text reads is what its tree names.

    That is where every table named is a table proper without denied columns, no WITH is called like a table, no
    function of the database's own is called like one of the engine's (syntax alone may call it), and the physical
    plan scans those tables only.
    """
    known = load_catalogue()
    if any(name in known.functions or name in known.table_functions for name in parser.list_user_functions()):
        return False
    if any(map(names.has_table, spelled.ctes)):
        return False
    if not all(map(names.is_plain_table, spelled.tables.values())):
        return False
    read = {_print_table(parser.catalog, table, names) for table in spelled.tables.values()}
    sources = _SOURCES | {name.upper() for name in known.table_functions.allowed}
    for leaf in _walk_leaves(json.loads(parser.read_physical_plan(canonical))):
        table = (leaf.get("extra_info") or {}).get("Table")
        if table.replace('"', "") not in read if table else leaf["name"].strip() not in sources:
            return False
    return True


def _print_table(catalog: str, table: Table, names: Names) -> str:
    """How a physical plan prints the table, quotes left out."""
    schema, name = table.path
    path = (schema, MAIN_SCHEMA, name) if names.is_attached(table) else (catalog, schema, name)
    return ".".join(path).replace('"', "")


def _walk_leaves(plan: Any) -> Iterator[Mapping[str, Any]]:
    for node in plan:
        if node["children"]:
            yield from _walk_leaves(node["children"])
        else:
            yield node

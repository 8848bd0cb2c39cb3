"""Correct the names of tables that exist under another spelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from nl2sql.repair.context import Edit, RepairContext, make_identifier
from nl2sql.repair.missing_names import list_unknown_tables, write_table_name
from nl2sql.repair.name_matching import find_only_match, is_alike, is_plural, is_slip
from nl2sql.types import MAIN_SCHEMA

Match = Callable[[str, str], bool]


def spell_table(context: RepairContext) -> Edit | None:
    """Give the table the name that the schema has for it.

    Precondition: exactly one table has the name apart from case, separators, a plural or a slip, or has exactly that
    name in another schema where none is written. A word more or less makes it another table.

    >>> repair("SELECT count(*) FROM Order")
    SELECT COUNT(*) FROM orders
    >>> repair("SELECT count(*) FROM returned_orders")
    """
    unknown = list_unknown_tables(context.tree, context.schema)
    if not unknown:
        return None
    node, written = unknown[0], write_table_name(unknown[0])
    meant = _find_table(written, context)
    if meant is None:
        return None
    table = context.schema.find_table(meant)
    assert table is not None
    database, name = table.path
    if not node.alias and any(
        column.table.lower() == node.name.lower() for column in context.tree.find_all(exp.Column)
    ):
        node.set("alias", exp.TableAlias(this=make_identifier(node.name)))
    node.set("this", make_identifier(name))
    node.set("db", make_identifier(database) if database != MAIN_SCHEMA else None)
    node.set("catalog", make_identifier(table.catalog) if table.catalog else None)
    return Edit(context.tree, f"{written} is {meant}")


def _find_table(written: str, context: RepairContext) -> str | None:
    names = {table.name: table.name if "." in written else table.path[1] for table in context.schema.tables}

    def differs_by_slip(one: str, other: str) -> bool:
        return is_slip(one, other, context.question_words)

    matchers: Final[tuple[Match, ...]] = (_is_same, is_alike, is_plural, differs_by_slip)
    for matches in matchers:
        found = [name for name, short_name in names.items() if find_only_match(written, [short_name], matches)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _is_same(one: str, other: str) -> bool:
    return one.lower() == other.lower()

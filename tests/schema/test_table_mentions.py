"""Pinned tables: those that the user names, and the ones that their keys lead to."""

from __future__ import annotations

import pytest

from nl2sql.errors import ConfigError
from nl2sql.schema import narrow_to_mentions
from nl2sql.types import Column, ForeignKey, Schema, Table

TABLES = (
    Table("orders", (Column("id", "INTEGER"),), foreign_keys=(ForeignKey(("customer",), "customers", ("id",)),)),
    Table("customers", (Column("id", "INTEGER"),)),
    Table("store targets", (Column("id", "INTEGER"),)),
)
SCHEMA = Schema(TABLES, "duckdb")


@pytest.mark.parametrize(
    ("question", "tables", "kept"),
    [
        ("how many?", (), ["orders", "customers", "store targets"]),
        ("how many in @orders?", (), ["orders", "customers"]),
        ("how many in @Customers.", (), ["customers"]),
        ('@"store targets" of May', (), ["store targets"]),
        ("write to me@orders", (), ["orders", "customers", "store targets"]),
        ("what is @nothing?", (), ["orders", "customers", "store targets"]),
        ("how many?", ("customers",), ["customers"]),
    ],
)
def test_what_is_kept(question: str, tables: tuple[str, ...], kept: list[str]) -> None:
    assert [table.name for table in narrow_to_mentions(question, SCHEMA, tables).tables] == kept


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="customrs") as caught:
        narrow_to_mentions("how many?", SCHEMA, ("customrs",))
    assert "customers" in caught.value.hint

"""Which ways keys lead, and what must hold of the data where nobody declared them."""

from __future__ import annotations

from nl2sql.repair.join_paths import list_paths, list_shortest_paths
from nl2sql.types import Column, ForeignKey, Schema, Table


def table(name: str, *keys: ForeignKey, inferred: bool = False) -> Table:
    columns = tuple(Column(key.columns[0], "INTEGER") for key in keys)
    return Table(
        name, (Column("id", "INTEGER"), *columns), primary_key=("id",), foreign_keys=keys, inferred_key=inferred
    )


def key(column: str, target: str, *, inferred: bool = False) -> ForeignKey:
    return ForeignKey((column,), target, ("id",), inferred)


SCHEMA = Schema(
    (
        table("lines", key("order_id", "orders")),
        table("orders", key("customer_id", "customers"), key("shop_id", "shops", inferred=True)),
        table("customers", key("city_id", "cities"), key("last_order_id", "orders")),
        table("shops", inferred=True),
        table("cities"),
    )
)


def test_a_way_leads_to_one_row_at_each_step() -> None:
    (path,) = list_paths(SCHEMA, ["customers"], "cities")
    assert [join.target for join in path] == ["cities"] and not any(join.is_to_many for join in path)
    (path,) = list_paths(SCHEMA, ["lines"], "cities")
    assert [join.target for join in path] == ["orders", "customers", "cities"]


def test_a_key_the_other_way_is_another_way() -> None:
    assert [join.is_to_many for (join,) in list_paths(SCHEMA, ["orders"], "customers")] == [True, False]
    assert [path[0].is_to_many for path in list_paths(SCHEMA, ["cities"], "customers")] == [True]


def test_a_key_that_nobody_declared_is_to_be_proved() -> None:
    (path,) = list_paths(SCHEMA, ["orders"], "shops")
    unique, held = (proof.sql for proof in path[0].proofs)
    assert unique == "SELECT 1 FROM shops GROUP BY id HAVING count(*) > 1 LIMIT 1"
    assert "shop_id NOT IN (SELECT id FROM shops WHERE id IS NOT NULL)" in held


def test_the_shortest_ways_are_told_whatever_they_repeat() -> None:
    assert [[join.target for join in path] for path in list_shortest_paths(SCHEMA, ["cities"], "orders")] == [
        ["customers", "orders"],
        ["customers", "orders"],
    ]
    assert list_shortest_paths(SCHEMA, ["shops"], "nowhere") == []

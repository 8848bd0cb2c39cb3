"""What the engine says the data is, from where, and when it looks again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import pytest

from nl2sql import guard
from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine, DuckDBOptions
from nl2sql.engines.files.data_sources import DatabaseFile
from nl2sql.errors import LimitError, QueryError
from nl2sql.schema import render
from nl2sql.schema.schema_cache import INCOMPLETE_SECONDS
from nl2sql.types import ForeignKey, Limits, Policy

from .conftest import Open, run, worker_pid


def test_catalogue(shared: DuckDBEngine) -> None:
    schema = shared.introspect()
    assert [table.name for table in schema.tables] == ["archive.sale", "by_city", "customer", "sale"]
    sale = schema.find_table("sale")
    customer = schema.find_table("customer")
    assert sale and customer
    assert sale.comment == "What was sold"
    assert sale.row_count == 100
    assert sale.primary_key == ("id",)
    assert sale.foreign_keys == (ForeignKey(("customer_id",), "customer", ("id",)),)
    amount = sale.find_column("amount")
    assert amount and (amount.type, amount.comment, amount.nullable) == ("DECIMAL(10,2)", "In euros", True)
    name = customer.find_column("name")
    assert name and not name.nullable
    assert [table.kind for table in schema.tables] == ["table", "view", "table", "table"]


def test_table_outside_main_is_qualified_and_profiled(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "names.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA archive; CREATE TABLE archive.sale AS SELECT 7 AS id")
        connection.execute('CREATE TABLE "sale.old" AS SELECT 8 AS id')
    schema = opened(path).introspect()
    assert [(table.name, table.path) for table in schema.tables] == [
        ("archive.sale", ("archive", "sale")),
        ("sale.old", ("main", "sale.old")),
    ]
    assert [table.columns[0].minimum for table in schema.tables] == ["7", "8"]
    text = render(schema)
    assert "CREATE TABLE archive.sale (" in text and 'CREATE TABLE "sale.old" (' in text


def test_profile_is_there(shared: DuckDBEngine) -> None:
    city = shared.introspect().tables[2].find_column("city")
    assert city and city.distinct == 2 and set(city.values) == {"Lima", "Oslo"}


def test_a_second_engine_takes_it_from_the_cache(shop: Path, opened: Open) -> None:
    first = opened(shop).introspect()
    second = opened(shop)
    assert second.introspect() == first
    assert second._pool.workers[0]._opening is not None, "the worker was asked"
    assert guard.check("SELECT count(*) FROM sale", Policy(), second).tables == ("sale",)


@pytest.mark.parametrize("seconds", [0.0, 1e-6], ids=["catalogue only", "out of time"])
def test_a_profile_that_did_not_end_is_kept_for_an_hour(
    shop: Path, tmp_path: Path, opened: Open, seconds: float
) -> None:
    cache_dir = tmp_path / "cache"
    hasty = DuckDBEngine("shop", DatabaseFile(shop), Limits(), cache_dir, DuckDBOptions(profile_seconds=seconds))
    try:
        schema = hasty.introspect()
        assert schema.tables and hasty.introspect() is schema
    finally:
        hasty.close()
    [kept] = cache_dir.rglob("*.json")
    assert opened(shop).introspect() == schema
    os.utime(kept, (time.time(), time.time() - 2 * INCOMPLETE_SECONDS))
    city = opened(shop).introspect().tables[2].find_column("city")
    assert city and city.values
    os.utime(kept, (time.time(), time.time() - 2 * INCOMPLETE_SECONDS))
    assert opened(shop).introspect().tables[2].find_column("city") == city


def test_changed_data_is_noticed(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    before = engine.introspect()
    changed = shop.with_suffix(".new")
    changed.write_bytes(shop.read_bytes())
    with duckdb.connect(str(changed)) as connection:
        connection.execute("CREATE TABLE news (id INTEGER)")
    changed.replace(shop)
    after = engine.introspect()
    assert after.find_table("news") is not None
    assert after.fingerprint != before.fingerprint
    assert run(engine, "SELECT * FROM news").rows == []


def test_a_replaced_worker_knows_the_schema(shop: Path, opened: Open) -> None:
    engine = opened(shop)
    engine.introspect()
    before = worker_pid(engine)
    with pytest.raises(LimitError, match="out of memory"):
        run(engine, "SELECT length(repeat(repeat('x', 1000), 3000000) || 'y')")
    assert worker_pid(engine) != before
    assert guard.check("SELECT total FROM by_city", Policy(), engine).sql


def test_a_view_over_files_elsewhere_fails_by_itself_only(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "x.csv").write_text("a\n1\n", "utf-8")
    with duckdb.connect(str(tmp_path / "v.duckdb")) as connection:
        connection.execute(
            f"CREATE VIEW v AS SELECT * FROM read_csv('{tmp_path / 'x.csv'}'); CREATE TABLE t (i INTEGER)"
        )
    engine = opened(tmp_path / "v.duckdb")
    assert "t" in [table.name for table in engine.introspect().tables]
    with pytest.raises(QueryError) as caught:
        run(engine, "SELECT * FROM v")
    assert str(tmp_path) not in caught.value.message

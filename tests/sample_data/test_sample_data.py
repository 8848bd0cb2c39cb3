"""Checks that the sample company is the same everywhere, has the quirks it promises and answers its questions.

It asks no model anything: only the data and the reference SQL are on trial.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parents[1] / "sample_data"
QUESTIONS = [json.loads(line) for line in (SAMPLE / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
HASHES: dict[str, str] = json.loads((HERE / "hashes.json").read_text(encoding="utf-8"))
ASKS_FOR_ORDER = re.compile(r" first\.| in time order| in the order | sorted by ")

# Each SQL counts the rows that show a quirk; the pair is the smallest and the largest count allowed.
QUIRKS: dict[str, tuple[str, int, int]] = {
    "customers without e-mail": ("FROM customers WHERE email IS NULL", 500, 2000),
    "businesses without a rep": ("FROM customers WHERE customer_type = 'business' AND sales_rep_id IS NULL", 20, 200),
    "private customers have none": ("FROM customers WHERE customer_type = 'private' AND sales_rep_id > 0", 0, 0),
    "store sales without customer": ("FROM orders WHERE customer_id IS NULL AND channel_code = 'POS'", 5000, 20000),
    "no other sale lacks a customer": ("FROM orders WHERE customer_id IS NULL AND channel_code <> 'POS'", 0, 0),
    "orders not yet shipped": ("FROM orders WHERE shipped_on IS NULL AND status_code IN ('NEW', 'PAK')", 20, 500),
    "shipped orders have a day": ("FROM orders WHERE (shipped_on IS NULL) = (status_code IN ('SHP', 'DLV'))", 0, 0),
    "parcels that never arrived": ("FROM shipments WHERE delivered_at IS NULL", 50, 500),
    "orders with two parcels": ("FROM shipments WHERE parcel_no = 2", 1000, 4000),
    "pending refunds": ("FROM returns WHERE refund_amount IS NULL", 20, 200),
    "returns are rows of their own": ("FROM returns", 2000, 6000),
    "nothing returned twice over": (
        "FROM returns JOIN order_items AS i USING (order_item_id) WHERE returns.quantity > i.quantity", 0, 0
    ),
    "no negative quantities": ("FROM order_items WHERE quantity <= 0 OR unit_price <= 0 OR discount_amount < 0", 0, 0),
    "accents in names": ("FROM customers WHERE NOT regexp_full_match(customer_name, '[ -~]+')", 2000, 8000),
    "apostrophes in names": ("FROM customers WHERE customer_name LIKE '%''%'", 100, 2000),
    "apostrophes in cities": ("FROM customers WHERE city LIKE '''s-%'", 50, 500),
    "e-mail addresses are plain ASCII": ("FROM customers WHERE NOT regexp_full_match(email, '[!-~]+')", 0, 0),
    "e-mail addresses are unique": (
        "FROM (SELECT email FROM customers WHERE email IS NOT NULL GROUP BY email HAVING count(*) > 1)", 0, 0
    ),
    "two people called Zoë O'Brien": ("FROM customers WHERE customer_name = 'Zoë O''Brien'", 2, 2),
    "two people called Łukasz D'Arcy": ("FROM customers WHERE customer_name = 'Łukasz D''Arcy'", 2, 2),
    "São and Łódź": ("FROM customers WHERE city IN ('São João da Madeira', 'Łódź')", 50, 500),
    'columns called "order"': ("FROM duckdb_columns() WHERE column_name = 'order' AND NOT internal", 4, 4),
    "a table name with a space": ("FROM duckdb_tables() WHERE table_name = 'store targets'", 1, 1),
    "views": ("FROM duckdb_views() WHERE NOT internal AND view_name IN ('order_totals', 'monthly_revenue')", 2, 2),
    "tables": ("FROM duckdb_tables()", 13, 13),
    "booleans": ("FROM duckdb_columns() WHERE data_type = 'BOOLEAN' AND NOT internal", 5, 20),
    "timestamps": ("FROM duckdb_columns() WHERE data_type = 'TIMESTAMP' AND NOT internal", 3, 10),
    "money is decimal": ("FROM duckdb_columns() WHERE data_type IN ('DOUBLE', 'FLOAT') AND NOT internal", 0, 0),
    "tables without a comment": ("FROM duckdb_tables() WHERE comment IS NULL", 0, 0),
    "columns with a comment": ("FROM duckdb_columns() WHERE comment IS NOT NULL AND NOT internal", 70, 200),
    "declared foreign keys": ("FROM duckdb_constraints() WHERE constraint_type = 'FOREIGN KEY'", 16, 16),
    "shipments declare none": (
        "FROM duckdb_constraints() WHERE constraint_type = 'FOREIGN KEY' AND table_name = 'shipments'", 0, 0
    ),
    "yet every parcel has its order": ("FROM shipments ANTI JOIN orders USING (order_id)", 0, 0),
    "one person without manager": ("FROM employees WHERE manager_id IS NULL", 1, 1),
    "managers are employees": ("FROM employees AS e ANTI JOIN employees AS m ON m.employee_id = e.manager_id", 1, 1),
    "December 2025 is half loaded": ("FROM shipments WHERE shipped_at >= TIMESTAMP '2025-12-16'", 0, 0),
    "though December orders went out": ("FROM orders WHERE shipped_on >= DATE '2025-12-16'", 500, 3000),
    "a country without sales": ("FROM countries ANTI JOIN orders USING (country_code) WHERE launched_on IS NULL", 1, 1),
    "a product never ordered": ("FROM products ANTI JOIN order_items USING (product_id)", 1, 1),
    "nothing sold before its launch": (
        "FROM order_items JOIN orders USING (order_id) JOIN products USING (product_id) "
        "WHERE CAST(ordered_at AS DATE) < launched_on OR CAST(ordered_at AS DATE) >= discontinued_on", 0, 0
    ),
    "nobody orders before signing up": (
        "FROM orders JOIN customers USING (customer_id) WHERE CAST(ordered_at AS DATE) < signed_up_on", 0, 0
    ),
    "closed stores sell nothing": (
        "FROM orders JOIN stores USING (store_id) WHERE CAST(ordered_at AS DATE) NOT BETWEEN opened_on "
        "AND coalesce(closed_on, DATE '2025-12-31')", 0, 0
    ),
    "a closed store": ("FROM stores WHERE closed_on IS NOT NULL", 1, 1),
    "customers who never ordered": ("FROM customers ANTI JOIN orders USING (customer_id)", 100, 2000),
    "every month from 2023 to 2025": ("FROM (SELECT DISTINCT \"month\" FROM monthly_revenue)", 36, 36),
    "dates outside the three years": ("FROM orders WHERE year(ordered_at) NOT BETWEEN 2023 AND 2025", 0, 0),
}  # fmt: skip


def load_build() -> Any:
    spec = importlib.util.spec_from_file_location("sample_data_generate", SAMPLE / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "sample.duckdb"
    load_build()(path)
    return path


@pytest.fixture(scope="module")
def con(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def backwards(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same rows stored in the opposite order, to expose answers that depend on it."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{built}' AS sample (READ_ONLY)")
        for table in table_names(connection):
            connection.execute(f'CREATE TABLE "{table}" AS FROM sample."{table}" ORDER BY rowid DESC')
        schema = (SAMPLE / "schema.sql").read_text(encoding="utf-8")
        connection.execute(schema[schema.index("CREATE VIEW") :])
        connection.execute("DETACH sample")
        yield connection


def table_names(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]


def content_hashes(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    hashes = {}
    for table in table_names(con):
        columns = con.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
        ).fetchall()
        text = ", ".join(f"coalesce(CAST(\"{name}\" AS VARCHAR), '<null>')" for (name,) in columns)
        digest = hashlib.md5(usedforsecurity=False)
        for (line,) in con.execute(f"SELECT concat_ws('|', {text}) AS line FROM \"{table}\" ORDER BY line").fetchall():
            digest.update(line.encode() + b"\n")
        hashes[table] = digest.hexdigest()
    return hashes


def run(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def top_order(sql: str) -> exp.Expression | None:
    return sqlglot.parse_one(sql, read="duckdb").args.get("order")


def test_content_is_what_was_recorded(con: duckdb.DuckDBPyConnection) -> None:
    assert content_hashes(con) == HASHES


def test_building_again_replaces_the_file_with_the_same_content(tmp_path: Path) -> None:
    path = tmp_path / "again.duckdb"
    path.write_text("not a database")
    load_build()(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert content_hashes(connection) == HASHES
    assert [file.name for file in tmp_path.iterdir()] == ["again.duckdb"]


def test_a_failed_build_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.duckdb"
    path.write_text("old")
    build = load_build()

    def fail(_: duckdb.DuckDBPyConnection) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setitem(build.__globals__, "fill_database", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        build(path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["old.duckdb"]


def test_file_is_small_and_rows_are_many(built: Path, con: duckdb.DuckDBPyConnection) -> None:
    rows = sum(run(con, f'SELECT count(*) FROM "{table}"')[0][0] for table in table_names(con))
    assert 150_000 <= rows <= 300_000
    assert built.stat().st_size < 15_000_000


@pytest.mark.parametrize("quirk", QUIRKS)
def test_quirk(con: duckdb.DuckDBPyConnection, quirk: str) -> None:
    source, least, most = QUIRKS[quirk]
    assert least <= run(con, f"SELECT count(*) {source}")[0][0] <= most


def test_readme_lists_every_table_with_its_row_count(con: duckdb.DuckDBPyConnection) -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| ([\d,]+) \|", readme, re.MULTILINE)
    counts = {name: run(con, f'SELECT count(*) FROM "{name}"')[0][0] for name in table_names(con)}
    assert {name: int(count.replace(",", "")) for name, count in rows} == counts


def test_questions_are_numbered_and_mixed() -> None:
    assert [q["id"] for q in QUESTIONS] == [f"sample-{number:02}" for number in range(1, 41)]
    assert Counter(q["difficulty"] for q in QUESTIONS) == {"easy": 14, "medium": 16, "hard": 10}
    assert {tuple(sorted(q)) for q in QUESTIONS} == {("db", "difficulty", "gold_sql", "id", "question")}
    assert {q["db"] for q in QUESTIONS} == {"sample"}
    assert len({q["question"] for q in QUESTIONS}) == 40


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: str(q["id"]))
class TestQuestion:
    def test_answer_does_not_depend_on_storage(
        self, con: duckdb.DuckDBPyConnection, backwards: duckdb.DuckDBPyConnection, question: dict[str, str]
    ) -> None:
        sql = question["gold_sql"]
        rows, again = run(con, sql), run(backwards, sql)
        assert 1 <= len(rows) <= 50
        assert all(any(value is not None for value in row) for row in rows)
        if top_order(sql) is None:
            rows, again = sorted(rows, key=repr), sorted(again, key=repr)
        assert rows == again

    def test_order_is_asked_for_and_has_no_ties(self, con: duckdb.DuckDBPyConnection, question: dict[str, str]) -> None:
        sql = question["gold_sql"]
        assert (top_order(sql) is not None) == bool(ASKS_FOR_ORDER.search(question["question"]))
        if top_order(sql) is None:
            assert sqlglot.parse_one(sql, read="duckdb").args.get("limit") is None
            return
        width = len(con.execute(sql).description or [])
        for direction in ("ASC", "DESC"):
            tree = sqlglot.parse_one(sql, read="duckdb")
            for position in range(1, width + 1):
                tree.args["order"].append(
                    "expressions",
                    sqlglot.parse_one(f"SELECT 1 ORDER BY {position} {direction}", read="duckdb")
                    .args["order"]
                    .expressions[0],
                )
            assert run(con, tree.sql(dialect="duckdb")) == run(con, sql)

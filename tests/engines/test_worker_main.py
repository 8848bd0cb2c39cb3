"""DESCRIBE, SUMMARIZE, PIVOT without values and EXPLAIN through a real worker, which judges them and runs them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql import guard
from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine
from nl2sql.errors import GuardError, LimitError, QueryError
from nl2sql.types import Limits, Policy, Result

from .conftest import Open, run


def asked(engine: DuckDBEngine, sql: str, policy: Policy | None = None, **limits: Any) -> Result:
    """What the query gives, judged and run."""
    return engine.execute(guard.check(sql, policy or Policy(), engine), Limits(**limits))


def test_each_statement_gives_its_rows(shared: DuckDBEngine) -> None:
    described = asked(shared, "DESCRIBE customer")
    assert described.rows[:2] == [
        ("id", "INTEGER", "NO", "PRI", None, None),
        ("name", "VARCHAR", "NO", None, None, None),
    ]
    assert [row[2] for row in asked(shared, "SUMMARIZE SELECT name FROM customer").rows] == ["Ana"]
    pivoted = asked(shared, "PIVOT customer ON city USING count(*) GROUP BY name ORDER BY name")
    assert [column.name for column in pivoted.columns] == ["name", "Lima", "Oslo"]
    assert pivoted.rows == [("Ana", 1, 0), ("Bo", 0, 1), ("Cy", 0, 0)]


@pytest.mark.parametrize(("sql", "start"), [("EXPLAIN FROM sale", "╭"), ("EXPLAIN (FORMAT json) FROM sale", "[")])
def test_explain_shows_the_plan(sql: str, start: str, shared: DuckDBEngine) -> None:
    result = asked(shared, sql)
    assert [column.name for column in result.columns] == ["explain_key", "explain_value"]
    assert str(result.rows[0][1]).startswith(start)
    assert "sale" in str(result.rows[0][1])


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (FORMAT json, ANALYZE) SELECT 1",
        "EXPLAIN (FORMAT text) ANALYZE SELECT 1",
        "EXPLAIN (FORMAT text) (ANALYZE) SELECT 1",
        "EXPLAIN (FORMAT text) EXPLAIN (FORMAT text) SELECT 1",
        "EXPLAIN (FORMAT text) SELECT 1; SELECT 2",
        "EXPLAIN (FORMAT text) CREATE TABLE x AS SELECT 1",
        "EXPLAIN (FORMAT text) COPY sale TO 'x.csv'",
        "EXPLAIN (ANALYZE, FORMAT text) COPY sale TO 'x.csv'",
        "EXPLAIN (ANALYZE, FORMAT text) INSERT INTO sale VALUES (1, 1, 1)",
        "EXPLAIN (ANALYZE, FORMAT json) WITH x AS (DELETE FROM sale RETURNING *) SELECT 1",
        "EXPLAIN (ANALYZE, FORMAT text) EXPLAIN (ANALYZE, FORMAT text) SELECT 1",
        "EXPLAIN (ANALYZE, FORMAT text) SELECT 1; SELECT 2",
        "EXPLAIN (FORMAT text) WITH x AS (COPY sale TO 'x.csv') SELECT 1",
        "EXPLAIN (FORMAT json) PIVOT customer ON city",
    ],
)
def test_the_worker_explains_a_select_in_the_guards_spelling_alone(sql: str, shared: DuckDBEngine) -> None:
    with pytest.raises(QueryError, match="only one SELECT"):
        run(shared, sql)


def test_plans_over_files_tell_no_path(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "hidden_place"
    folder.mkdir()
    with duckdb.connect() as connection:
        for name, kind in (("a.parquet", "parquet"), ("b.csv", "csv")):
            connection.execute(f"COPY (SELECT i AS id FROM range(9) r(i)) TO '{folder / name}' (FORMAT {kind})")
    engine = opened(folder)
    for form in ("EXPLAIN", "EXPLAIN (FORMAT json)", "EXPLAIN ANALYZE", "EXPLAIN (ANALYZE, FORMAT json)"):
        plan = str(asked(engine, f"{form} SELECT count(*) FROM a JOIN b USING (id) WHERE a.id > 3").rows)
        assert "READ_PARQUET" in plan
        assert "hidden_place" not in plan
    assert asked(engine, "SUMMARIZE b").rows[0][:4] == ("id", "BIGINT", "0", "8")
    assert asked(engine, "DESCRIBE a").rows == [("id", "BIGINT", "YES", None, None, None)]


@pytest.mark.alone
def test_explain_analyze_runs_the_query_once_and_within_its_limits(shared: DuckDBEngine) -> None:
    result = asked(
        shared, "EXPLAIN ANALYZE SELECT city, sum(amount) FROM sale JOIN customer c ON c.id = customer_id GROUP BY 1"
    )
    assert [column.name for column in result.columns] == ["explain_key", "explain_value"]
    [(kind, text)] = result.rows
    assert kind == "analyzed_plan" and "100 rows" in text and "Total Time" in text
    start = time.monotonic()
    with pytest.raises(LimitError):
        slow = "SELECT count(*) FROM sale a, sale b, sale c, sale d WHERE hash(a.id + b.id) < hash(c.id + d.id)"
        asked(shared, f"EXPLAIN ANALYZE {slow}", seconds=0.5)
    assert time.monotonic() - start < 5
    assert asked(shared, "SELECT count(*) FROM sale").rows == [(100,)]


def test_the_values_of_a_pivot_are_read_under_the_policy(shared: DuckDBEngine) -> None:
    policy = Policy(deny_columns=frozenset({"customer.city"}))
    with pytest.raises(GuardError) as caught:
        asked(shared, "PIVOT (SELECT name, city FROM customer) ON city", policy)
    assert caught.value.rule == "column"
    assert "Lima" not in f"{caught.value.message} {caught.value.hint}"
    columns = asked(shared, "PIVOT (SELECT name FROM customer) ON name", policy).columns
    assert [column.name for column in columns] == ["Ana", "Bo", "Cy"]

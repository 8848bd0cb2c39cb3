"""Databases that differ from the library: macros called like built-ins, generated columns, tables that are files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from nl2sql import guard
from nl2sql.types import Policy

JudgeOver = Callable[..., guard.Judge]


@pytest.fixture
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def _rules(sql: str, policy: Policy, judge: guard.Judge) -> set[str]:
    return {finding.rule for finding in guard.examine(sql, policy, judge).findings}


def test_a_macro_called_like_a_built_in_is_refused(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    memory.execute("CREATE TABLE t (x INTEGER); CREATE TABLE kept (y INTEGER)")
    memory.execute("CREATE MACRO lower(a) AS (SELECT max(y) FROM kept)")
    judge = judge_over(memory)
    policy = Policy(deny_tables=frozenset({"kept"}))
    assert _rules("SELECT lower('A') FROM t", policy, judge) == {"function"}
    assert _rules("SELECT x.lower() FROM t", policy, judge) == {"function"}
    assert _rules("SELECT upper('a') FROM t", policy, judge) == set()


def test_a_generated_column_is_what_it_is_made_of(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    memory.execute("CREATE TABLE t (a INTEGER, kept INTEGER, twice INTEGER AS (kept * 2), z INTEGER)")
    judge = judge_over(memory)
    policy = Policy(deny_columns=frozenset({"t.kept"}))
    assert _rules("SELECT twice FROM t", policy, judge) == {"column"}
    assert _rules("SELECT a, z FROM t", policy, judge) == set()


def test_a_view_may_not_set_or_call_out(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    memory.execute("CREATE SEQUENCE s; CREATE VIEW next AS SELECT nextval('s') AS n")
    memory.execute("CREATE VIEW catalog AS SELECT * FROM duckdb_tables()")
    judge = judge_over(memory)
    assert _rules("SELECT * FROM next", Policy(), judge) == {"function"}
    assert _rules("SELECT table_name FROM catalog", Policy(), judge) != set()


def test_a_denied_column_of_a_view_closes_the_view(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    memory.execute("CREATE TABLE t (a INTEGER, b INTEGER); CREATE VIEW v AS SELECT a, b AS c FROM t")
    judge = judge_over(memory)
    policy = Policy(deny_columns=frozenset({"v.c"}))
    assert _rules("SELECT a FROM v", policy, judge) == {"column"}
    assert _rules("SELECT a FROM t", policy, judge) == set()


def test_without_a_plan_both_trees_decide_only_where_nothing_can_hide(
    memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver
) -> None:
    memory.execute("CREATE TABLE t (a INTEGER, kept INTEGER); CREATE TABLE u (a INTEGER); CREATE VIEW v AS FROM u")
    judge = judge_over(memory)
    policy = Policy(deny_columns=frozenset({"t.kept"}))
    assert _rules("SELECT a FROM u WHERE '1010'::BIT <> '1100'::BIT", policy, judge) == set()
    assert _rules("SELECT a FROM t WHERE '1010'::BIT <> '1100'::BIT", policy, judge) == {"cannot-be-judged"}
    assert _rules("SELECT a FROM v WHERE '1010'::BIT <> '1100'::BIT", policy, judge) == {"cannot-be-judged"}
    assert _rules("WITH t AS (FROM u) SELECT a FROM t WHERE '1010'::BIT <> '1100'::BIT", policy, judge) == {
        "cannot-be-judged"
    }


def test_names_fold_ascii_case_only(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    memory.execute("CREATE TABLE kept_keys (y INTEGER); CREATE TABLE t (x INTEGER)")
    judge = judge_over(memory)
    policy = Policy(deny_tables=frozenset({"kept_keys"}))
    planless = "'1010'::BIT <> '1100'::BIT"
    for name in ("kept_keys", "duckdb_tables", "DUCKDB_VIEWS"):
        kelvin = name.lower().replace("k", "\u212a")
        for condition in (planless, "true"):
            sql = f'WITH "{kelvin}" AS (SELECT 1 AS x) SELECT * FROM {name} WHERE {condition}'
            assert _rules(sql, policy, judge) == {"table"}
            assert _rules(f"SELECT * FROM ({sql}) WHERE {condition}", policy, judge) == {"table"}
    assert _rules(f'WITH "Q" AS (FROM t) SELECT * FROM q WHERE {planless}', policy, judge) == set()


@pytest.mark.parametrize("name", ["count_star", "concat", "generate_series"])
def test_without_a_plan_no_built_in_may_have_a_namesake(
    name: str, memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver
) -> None:
    memory.execute("CREATE TABLE t (a INTEGER[], s STRUCT(x INTEGER)); CREATE MACRO harmless(a) AS a + 1")
    sql = "SELECT s.x, a[1] FROM t WHERE '1010'::BIT <> '1100'::BIT"
    assert _rules(sql, Policy(), judge_over(memory)) == set()
    memory.execute(f"CREATE MACRO {name}(a, b) AS 7")
    assert _rules(sql, Policy(), judge_over(memory)) == {"cannot-be-judged"}


def test_a_table_macro_called_like_a_built_in_is_refused(
    memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver
) -> None:
    memory.execute("CREATE TABLE kept (y INTEGER); CREATE MACRO range(n) AS TABLE SELECT y FROM kept")
    judge = judge_over(memory)
    for condition in ("'1010'::BIT <> '1100'::BIT", "true"):
        assert _rules(f"SELECT * FROM range(1) WHERE {condition}", Policy(), judge) == {"table-function"}


def test_non_ascii_case_variants_are_refused_without_a_plan(
    memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver
) -> None:
    memory.execute('CREATE TABLE "ä" (y INTEGER, kept INTEGER); CREATE TABLE "Ä" (y INTEGER)')
    judge = judge_over(memory)
    for name in ("ä", "Ä"):
        sql = f"SELECT * FROM \"{name}\" WHERE '1010'::BIT <> '1100'::BIT"
        assert _rules(sql, Policy(deny_columns=frozenset({"ä.kept"})), judge) == {"cannot-be-judged"}


def test_tables_that_are_files_are_judged_by_a_twin(
    memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver, tmp_path: Path
) -> None:
    file = tmp_path / "pay.parquet"
    memory.execute(f"COPY (SELECT 1 AS id, 'x' AS name, 9 AS kept) TO '{file}' (FORMAT parquet)")
    memory.execute(f"CREATE VIEW pay AS FROM read_parquet('{file}')")
    policy = Policy(deny_columns=frozenset({"pay.kept"}))
    with duckdb.connect() as twin:
        twin.execute("CREATE TABLE pay (id INTEGER, name VARCHAR, kept INTEGER)")
        judge = judge_over(memory, twin)
        checked = guard.check("SELECT name FROM pay", policy, judge)
        assert _rules("SELECT * FROM pay", policy, judge) == {"column"}
        assert _rules(f"SELECT * FROM '{file}'", policy, judge) == {"table"}
        assert _rules(f"SELECT * FROM read_parquet('{file}')", policy, judge) == {"table-function"}
    assert memory.execute(checked.sql).fetchall() == [("x",)]
    assert _rules("SELECT name FROM pay", policy, judge_over(memory)) == {"cannot-be-judged"}

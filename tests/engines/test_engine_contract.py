"""What every engine must hold, whatever database it opens: the contract in `engines/engine.py`, tried on each.

A further engine adds a `Subject`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any, cast

import duckdb
import pytest
import sqlglot

from nl2sql import guard
from nl2sql.cancellation import CancelToken
from nl2sql.config import Config
from nl2sql.database import Database
from nl2sql.engines import open_engine
from nl2sql.engines.engine import Capabilities, Engine, RepairTask, require_capability
from nl2sql.errors import (
    CancelledError,
    ConfigError,
    DatabaseError,
    GuardError,
    LimitError,
    QueryError,
)
from nl2sql.types import Limits, Policy, Result, Window

from .conftest import sealed

SCRIPT = (
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    "CREATE TABLE sale (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), amount DECIMAL(10, 2))",
    "INSERT INTO customer VALUES (1, 'Ana'), (2, 'Bo'), (3, 'Cy')",
    "INSERT INTO sale VALUES (1, 1, 1.50), (2, 1, 3.00), (3, 2, 4.50)",
)
NAMES = "SELECT name FROM customer ORDER BY id"


@dataclass(frozen=True)
class Subject:
    """One kind of engine: how SCRIPT is run in a new database and that is opened, and what to write in its dialect."""

    open: Callable[[Path], Engine]
    slow_sql: str
    failing_sql: str


def open_duckdb(folder: Path) -> Engine:
    path = folder / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in SCRIPT:
            connection.execute(statement)
    return open_engine(str(path), Limits(), folder / "cache")


SUBJECTS = {
    "duckdb": Subject(
        open_duckdb,
        slow_sql="SELECT count(*) FROM range(100000000) a, range(100000) b WHERE (a.range * b.range) % 7 = 3",
        failing_sql="SELECT CAST(name AS INTEGER) FROM customer",
    ),
}


@pytest.fixture(scope="module", params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]


@pytest.fixture(scope="module")
def engine(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = subject.open(tmp_path_factory.mktemp("contract"))
    yield engine
    engine.close()


def run(engine: Engine, sql: str, policy: Policy | None = None, **limits: Any) -> Result:
    return engine.execute(guard.check(sql, policy or Policy(), engine), Limits(**limits))


def works(engine: Engine) -> bool:
    return run(engine, NAMES).rows == [("Ana",), ("Bo",), ("Cy",)]


class TestEngineContract:
    """Each fact for every subject."""

    def test_its_dialect_is_one_that_sqlglot_knows(self, engine: Engine) -> None:
        assert sqlglot.Dialect.get(engine.dialect.name)
        assert engine.dialect.label
        assert engine.introspect().dialect == engine.dialect.name

    def test_a_quoted_name_and_text_mean_exactly_what_they_quote(self, engine: Engine) -> None:
        name, text = 'Odd "name', "it's; -- \\ text"
        sql = f"SELECT {engine.dialect.quote_literal(text)} AS {engine.dialect.quote_name(name)}"
        result = run(engine, sql)
        assert result.columns[0].name == name
        assert result.rows == [(text,)]

    def test_what_was_opened_is_told(self, engine: Engine) -> None:
        assert engine.url
        assert all(isinstance(note, str) for note in engine.notes)

    def test_the_schema_has_tables_columns_and_keys(self, engine: Engine) -> None:
        tables = {table.name: table for table in engine.introspect().tables}
        assert set(tables) == {"customer", "sale"}
        assert [column.name for column in tables["sale"].columns] == ["id", "customer_id", "amount"]
        assert tables["customer"].primary_key == ("id",)
        [key] = tables["sale"].foreign_keys
        assert (key.columns, key.target_table, key.target_columns) == (("customer_id",), "customer", ("id",))

    def test_the_schema_is_kept_while_the_data_stays(self, engine: Engine) -> None:
        assert engine.introspect() is engine.introspect()

    def test_an_allowed_text_has_passed_every_judge_in_order(self, engine: Engine) -> None:
        verdict = engine.judge(NAMES, Policy())
        assert verdict.is_allowed and verdict.sql
        assert verdict.judges == engine.dialect.judges
        assert verdict.tables == ("customer",)

    def test_a_refusal_is_a_verdict_and_no_error(self, engine: Engine) -> None:
        for sql in ("DELETE FROM customer", "DROP TABLE customer", "SELECT 1; SELECT 2", ""):
            verdict = engine.judge(sql, Policy())
            assert not verdict.is_allowed, sql
            assert all(finding.message and finding.hint for finding in verdict.findings)

    @pytest.mark.parametrize("sql", ["SELECT FROM WHERE", "SELECT nothing_such FROM customer"])
    def test_what_does_not_parse_or_bind_is_the_query_s_fault(self, engine: Engine, sql: str) -> None:
        with pytest.raises(QueryError) as caught:
            run(engine, sql)
        assert caught.value.hint

    def test_a_denied_table_is_refused_and_not_named(self, engine: Engine) -> None:
        with pytest.raises(GuardError) as caught:
            run(engine, "SELECT * FROM sale", Policy(deny_tables=frozenset({"sale"})))
        assert "sale" not in f"{caught.value.hint}"

    def test_rows_beyond_the_limit_are_cut_and_that_is_told(self, engine: Engine) -> None:
        whole, cut = run(engine, NAMES), run(engine, NAMES, rows=2)
        assert (len(whole.rows), whole.truncated) == (3, False)
        assert (cut.rows, cut.truncated) == (whole.rows[:2], True)

    def test_long_cells_are_cut_and_counted(self, engine: Engine) -> None:
        result = run(engine, f"SELECT {engine.dialect.quote_literal('x' * 5000)} AS a", cell_bytes=1000)
        assert result.cut_cells == 1
        assert len(result.rows[0][0]) <= 1000

    def test_the_hash_is_given_where_it_is_asked_for(self, engine: Engine) -> None:
        checked = guard.check(NAMES, Policy(), engine)
        assert engine.execute(checked, Limits()).hash is None
        hashed = {engine.execute(checked, Limits(), hashed=True).hash for _ in range(2)}
        assert len(hashed) == 1 and None not in hashed

    def test_a_stream_gives_the_rows_of_the_whole_result(self, engine: Engine) -> None:
        with engine.stream(guard.check(NAMES, Policy(), engine), Limits()) as stream:
            assert [column.name for column in stream.columns] == ["name"]
            rows = [row["name"] for batch in stream.read_batches() for row in batch.to_pylist()]
        assert rows == ["Ana", "Bo", "Cy"]
        assert not stream.truncated and stream.seconds >= 0

    def test_a_stream_left_early_leaves_the_engine_as_it_was(self, engine: Engine) -> None:
        with engine.stream(guard.check(NAMES, Policy(), engine), Limits()):
            pass
        assert works(engine)

    def test_a_query_ends_with_its_time_and_the_next_one_works(self, engine: Engine, subject: Subject) -> None:
        with pytest.raises(LimitError) as caught:
            engine.execute(sealed(subject.slow_sql), Limits(seconds=0.3))
        assert caught.value.limit == "seconds" and caught.value.hint
        assert works(engine)

    def test_a_query_is_cancelled_and_the_next_one_works(self, engine: Engine, subject: Subject) -> None:
        token = CancelToken()
        timer = Timer(0.3, token.cancel)
        timer.start()
        with pytest.raises(CancelledError):
            engine.execute(sealed(subject.slow_sql), Limits(), token)
        timer.join()
        with pytest.raises(CancelledError):
            engine.execute(sealed(NAMES), Limits(), token)
        assert works(engine)

    def test_a_query_that_fails_is_told_as_such_and_the_next_one_works(self, engine: Engine, subject: Subject) -> None:
        with pytest.raises(QueryError):
            run(engine, subject.failing_sql)
        assert works(engine)

    @pytest.mark.parametrize(
        "sql",
        [
            "INSERT INTO customer VALUES (9, 'X')",
            "UPDATE customer SET name = 'X'",
            "DELETE FROM sale",
            "CREATE TABLE more (a INTEGER)",
            "DROP TABLE sale",
        ],
    )
    def test_a_write_past_the_guard_is_refused_by_the_database(self, engine: Engine, sql: str) -> None:
        with pytest.raises((QueryError, DatabaseError)):
            engine.execute(sealed(sql), Limits())
        assert works(engine)
        assert run(engine, "SELECT count(*) FROM sale").rows == [(3,)]

    def test_calls_of_many_threads_are_answered(self, engine: Engine) -> None:
        with ThreadPoolExecutor(6) as threads:
            assert all(threads.map(lambda _: works(engine), range(6)))

    def test_pages_keep_the_order_of_the_query(self, engine: Engine) -> None:
        if (paging := engine.capabilities.paging) is None:
            pytest.skip("it does not page")
        checked = guard.check(NAMES, Policy(), engine)
        pages = [paging.fetch_page(checked, Window(n, 1), Limits()).rows for n in range(3)]
        assert pages == [[("Ana",)], [("Bo",)], [("Cy",)]]
        assert paging.count(checked, Window(), Limits()).rows == 3

    def test_a_text_is_repaired_within_the_policy(self, engine: Engine) -> None:
        if (sandbox := engine.capabilities.repair_sandbox) is None:
            pytest.skip("it repairs nothing")
        task = RepairTask("SELECT nam FROM customer", wording="Which names do customers have?")
        assert "name" in (report := sandbox.repair(task, Policy())).sql or report.missing
        hidden = sandbox.repair(task, Policy(deny_columns=frozenset({"customer.name"})))
        assert not hidden.sql and "name" not in str(hidden.missing and hidden.missing.nearest)

    def test_a_cost_is_estimated_without_running_the_query(self, engine: Engine, subject: Subject) -> None:
        if (estimates := engine.capabilities.cost_estimates) is None:
            pytest.skip("it estimates nothing")
        for sql in (NAMES, subject.slow_sql):
            explain = guard.check(estimates.write_explain(guard.check(sql, Policy(), engine)), Policy(), engine)
            estimate = estimates.read_estimate(engine.execute(explain, Limits()))
            assert estimate is None or estimate > 0

    def test_nobody_waits_in_an_idle_engine(self, engine: Engine) -> None:
        if (queue := engine.capabilities.queueing) is None:
            pytest.skip("its calls do not queue here")
        assert queue.find_queue_position(CancelToken()) == 0

    def test_a_closed_engine_says_so(self, subject: Subject, tmp_path: Path) -> None:
        engine = subject.open(tmp_path)
        checked = guard.check(NAMES, Policy(), engine)
        engine.close()
        engine.close()
        for call in (engine.introspect, lambda: engine.execute(checked, Limits())):
            with pytest.raises(DatabaseError, match="closed"):
                call()


class BareEngine:
    """An engine that can do what every engine can, and no more."""

    capabilities = Capabilities()

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@pytest.fixture
def bare(engine: Engine, tmp_path: Path) -> Database:
    return Database(cast(Engine, BareEngine(engine)), Config(home=tmp_path))


def test_what_needs_a_missing_capability_says_what_is_missing(bare: Database, engine: Engine) -> None:
    for call in (
        lambda: bare.fetch_page(NAMES),
        lambda: bare.add_up(NAMES, [0]),
        lambda: bare.count_pageable_rows(NAMES),
    ):
        with pytest.raises(
            ConfigError, match=f"{engine.dialect.label} databases cannot be read page by page"
        ) as caught:
            call()
        assert caught.value.hint
    with pytest.raises(ConfigError, match="cannot be joined with files"):
        require_capability(Capabilities().file_tables, engine, "joined with files", "Load them first.")


def test_what_can_do_without_a_capability_does(bare: Database) -> None:
    assert bare.count(NAMES) == 3
    assert bare.run(NAMES).rows == [("Ana",), ("Bo",), ("Cy",)]
    assert (bare.uploads, bare.imports, bare.is_new_import) == ((), (), False)
    assert bare.estimate(NAMES) is None
    assert bare.unavailable_limits is None
    assert bare.find_queue_position(CancelToken()) == 0

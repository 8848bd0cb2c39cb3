"""DESCRIBE, SUMMARIZE, PIVOT without values and EXPLAIN: written as what may run, with the rows of the engine's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import pytest

from nl2sql import guard
from nl2sql.errors import GuardError, QueryError
from nl2sql.guard.lexical import MAX_CHARS
from nl2sql.types import Policy

JudgeOver = Callable[..., guard.Judge]

ODD = """
CREATE TABLE odd (
    id INTEGER PRIMARY KEY, u INTEGER UNIQUE, said VARCHAR DEFAULT 'x', twice INTEGER AS (id * 2), n DOUBLE NOT NULL,
    e ENUM('b', 'a'), h HUGEINT, k UUID, t TIME, tz TIMESTAMPTZ, i INTERVAL, o UNION(a INTEGER, b VARCHAR),
    arr INTEGER[3], f FLOAT, d DECIMAL(18, 3), ns TIMESTAMP_NS, js JSON, "it's ""odd"" one" VARCHAR, bits BIT, b BLOB);
INSERT INTO odd (id, u, n, e, h, k, t, tz, i, o, arr, f, d, ns, js, bits, b)
    SELECT i, i, i * 1.5, ['a', 'b'][i % 2 + 1]::ENUM('b', 'a'), i::HUGEINT * 100000000000000000000,
        md5(i::VARCHAR)::UUID, TIME '12:00:00', TIMESTAMPTZ '2024-01-01 00:00:00+00', to_days(i::INTEGER),
        i::INTEGER, [i, i, i], i / 3, i / 7, TIMESTAMP_NS '2024-01-01 00:00:00', '{"a": 1}', '101', 'x'::BLOB
    FROM range(30) r(i);
"""


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(ODD)
        yield connection


def _table(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[tuple[str, str]], list[tuple[object, ...]]]:
    """Names, types and rows of what the SQL gives."""
    with connection.cursor() as cursor:
        result = cursor.execute(sql)
        return [(column[0], str(column[1])) for column in result.description or ()], result.fetchall()


@pytest.mark.parametrize(
    "sql",
    ["DESCRIBE odd", "SUMMARIZE odd", "DESCRIBE SELECT id AS k, n + 1, u FROM odd", "SUMMARIZE SELECT said FROM odd"],
)
def test_types_names_and_order_are_the_engines_own(
    sql: str, memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver
) -> None:
    checked = guard.check(sql, Policy(), judge_over(memory))
    assert _table(memory, checked.sql) == _table(memory, sql)
    assert checked.source_sql == sql


def test_what_is_written_is_judged_like_any_text(session_judge: guard.Judge, policy: Policy) -> None:
    for sql in ("DESCRIBE books", "SUMMARIZE loans", "PIVOT loans ON book_id GROUP BY member_id", "EXPLAIN FROM books"):
        checked = guard.check(sql, policy, session_judge)
        assert guard.check(checked.sql, policy, session_judge).tables == checked.tables


def test_a_description_reads_nothing(session_judge: guard.Judge, policy: Policy) -> None:
    described = guard.check("DESCRIBE SELECT name FROM members", policy, session_judge)
    summarized = guard.check("SUMMARIZE SELECT name FROM members", policy, session_judge)
    assert (described.tables, described.columns) == ((), ())
    assert (summarized.tables, summarized.columns) == (("members",), ("members.name",))


@pytest.mark.parametrize(
    "sql",
    ["SHOW TABLES", "show tables;", "SHOW TABLES FROM main", "SHOW TABLES FROM library", "/* x */ SHOW TABLES -- y"],
)
def test_show_tables_lists_what_may_be_seen(
    sql: str, connection: duckdb.DuckDBPyConnection, judge: guard.Judge, policy: Policy
) -> None:
    checked = guard.check(sql, policy, judge)
    names, rows = _table(connection, checked.sql)
    every = connection.execute("SHOW TABLES").fetchall()
    assert names == [("name", "VARCHAR")]
    assert rows == [(name,) for (name,) in every if name not in ("vault", "codes")] and len(rows) < len(every)
    assert checked.tables == ()


def test_show_tables_is_the_engines_own_where_nothing_is_hidden(
    connection: duckdb.DuckDBPyConnection, judge: guard.Judge
) -> None:
    for sql in (
        *("SHOW TABLES", "SHOW ALL TABLES", "SHOW TABLES FROM archive", "SHOW TABLES FROM library.archive", "SHOW"),
        *(
            "DESCRIBE",
            "FROM (SHOW TABLES)",
            "SELECT name, len(column_names) FROM (SHOW ALL TABLES) WHERE schema = 'main'",
        ),
    ):
        written, own = _table(connection, guard.check(sql, Policy(), judge).sql), _table(connection, sql)
        assert (written[0], sorted(map(str, written[1]))) == (own[0], sorted(map(str, own[1]))), sql


@pytest.mark.parametrize(
    "schema", ["archive", "nowhere", "library.archive", "library.nowhere", "other.main", "pg_catalog"]
)
def test_a_schema_of_hidden_tables_is_none(schema: str, session_judge: guard.Judge, policy: Policy) -> None:
    (finding,) = guard.examine(f"SHOW TABLES FROM {schema}", policy, session_judge).findings
    assert (finding.rule, schema in finding.message) == ("describe", True)


def test_show_tables_of_nothing_is_empty(connection: duckdb.DuckDBPyConnection, judge: guard.Judge) -> None:
    for sql in ("SHOW TABLES", "SHOW TABLES FROM main"):
        checked = guard.check(sql, Policy(allow_tables=frozenset()), judge)
        assert _table(connection, checked.sql) == ([("name", "VARCHAR")], [])


@pytest.mark.parametrize(
    ("sql", "spelled"),
    [
        ("EXPLAIN ANALYZE SELECT title FROM books", "EXPLAIN (ANALYZE, FORMAT text) SELECT title FROM books"),
        ("explain analyze /* x */ FROM loans", "EXPLAIN (ANALYZE, FORMAT text) SELECT * FROM loans"),
        ("EXPLAIN (ANALYZE) SELECT 1", "EXPLAIN (ANALYZE, FORMAT text) SELECT 1"),
        ("EXPLAIN (ANALYZE, FORMAT json) SELECT 1", "EXPLAIN (ANALYZE, FORMAT json) SELECT 1"),
        ("EXPLAIN (FORMAT 'json', ANALYZE) (SELECT 1)", "EXPLAIN (ANALYZE, FORMAT json) SELECT 1"),
    ],
)
def test_explain_analyze_has_one_spelling(
    sql: str, spelled: str, connection: duckdb.DuckDBPyConnection, judge: guard.Judge, policy: Policy
) -> None:
    checked = guard.check(sql, policy, judge)
    assert checked.sql == spelled
    assert guard.strip_explain(checked.sql) == spelled.partition(") ")[2]
    ((kind, text),) = _table(connection, checked.sql)[1]
    assert kind == "analyzed_plan" and "vault" not in str(text)
    assert guard.check(checked.sql, policy, judge).sql == spelled


def test_explain_analyze_of_endless_rows_is_refused(session_judge: guard.Judge, policy: Policy) -> None:
    for query in (
        "SELECT count(*) FROM range(1000000000000)",
        "SELECT 1 FROM generate_series(1, 1000000000000) LIMIT 1",
    ):
        (finding,) = guard.examine(f"EXPLAIN ANALYZE {query}", policy, session_judge).findings
        assert finding.rule == "too-costly"
        assert guard.examine(f"EXPLAIN {query}", policy, session_judge).is_allowed
        assert guard.examine(query, policy, session_judge).is_allowed


def test_explain_has_one_spelling_and_no_place_for_more(session_judge: guard.Judge, policy: Policy) -> None:
    checked = guard.check("explain (format JSON) select title from books", policy, session_judge)
    assert checked.sql == "EXPLAIN (FORMAT json) SELECT title FROM books"
    assert checked.tables == ("books",)
    assert guard.strip_explain(checked.sql) == "SELECT title FROM books"
    for other in ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN SELECT 1", "EXPLAIN (FORMAT json, ANALYZE) SELECT 1"):
        assert guard.strip_explain(other) == other


def test_places_under_explain_are_those_of_the_text(session_judge: guard.Judge, policy: Policy) -> None:
    (finding,) = guard.examine("EXPLAIN -- 'é'\n  SELECT titel FROM books", policy, session_judge).findings
    assert (finding.rule, finding.line, finding.column) == ("bind", 2, 10)


def test_values_from_the_data_stay_values(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    memory.execute("CREATE TABLE kept (code VARCHAR); CREATE OR REPLACE TABLE said (t VARCHAR, n INTEGER)")
    texts = ["x') USING max(n), (SELECT code FROM kept) --", "'; DROP TABLE said; --", '"', "E'\\n'", "…", "", "$$"]
    memory.executemany("INSERT INTO said VALUES (?, 1)", [(text,) for text in texts])
    policy = Policy(deny_tables=frozenset({"kept"}))
    checked = guard.check("PIVOT said ON t USING sum(n)", policy, judge_over(memory))
    columns, rows = _table(memory, checked.sql)
    assert checked.tables == ("said",)
    assert columns == _table(memory, "PIVOT said ON t USING sum(n)")[0]
    assert rows == [(1,) * len(texts)]
    memory.execute("DROP TABLE kept; DROP TABLE said")


@pytest.mark.parametrize("sign", ["\u202e", "\x07"])
def test_values_that_no_text_may_hold_are_refused(
    sign: str, memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver
) -> None:
    memory.execute("CREATE OR REPLACE TABLE said AS SELECT ? AS t", [f"a{sign}b"])
    with pytest.raises(GuardError, match="written as a plain SELECT"):
        guard.check("PIVOT said ON t", Policy(), judge_over(memory))
    memory.execute("DROP TABLE said")


def test_a_summary_of_very_many_columns_is_asked_for_in_parts(
    memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver
) -> None:
    memory.execute(f"CREATE OR REPLACE TABLE wide ({', '.join(f'c{number} DOUBLE' for number in range(200))})")
    judge = judge_over(memory)
    with pytest.raises(GuardError) as caught:
        guard.check("SUMMARIZE wide", Policy(), judge)
    assert (caught.value.rule, "Take fewer columns" in caught.value.hint) == ("too-long", True)
    half = guard.check(f"SUMMARIZE SELECT {', '.join(f'c{number}' for number in range(40))} FROM wide", Policy(), judge)
    assert len(half.sql) < MAX_CHARS
    assert len(guard.check("DESCRIBE wide", Policy(), judge).sql) < MAX_CHARS
    memory.execute("DROP TABLE wide")


def test_a_default_tells_no_denied_name(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    memory.execute("CREATE TABLE hush (x INTEGER); CREATE TABLE told (a VARCHAR DEFAULT 'see hush')")
    checked = guard.check("DESCRIBE told", Policy(deny_tables=frozenset({"hush"})), judge_over(memory))
    assert "hush" not in checked.sql
    memory.execute("DROP TABLE hush; DROP TABLE told")


def test_descriptions_of_files_are_the_twins(memory: duckdb.DuckDBPyConnection, judge_over: JudgeOver) -> None:
    with duckdb.connect() as twin:
        memory.execute("CREATE VIEW pay AS SELECT 7 AS id, 'x' AS name, 9 AS kept")
        twin.execute("CREATE TABLE pay (id INTEGER, name VARCHAR, kept INTEGER)")
        judge, policy = judge_over(memory, twin), Policy(deny_columns=frozenset({"pay.kept"}))
        checked = guard.check("SUMMARIZE SELECT id, name FROM pay", policy, judge)
        assert _table(memory, checked.sql)[1][0][:4] == ("id", "INTEGER", "7", "7")
        pivoted = guard.check("PIVOT (SELECT id, name FROM pay) ON name", policy, judge)
        assert _table(memory, pivoted.sql)[1] == [(7, 1)]
        assert guard.examine("DESCRIBE pay", policy, judge).findings[0].rule == "column"
    memory.execute("DROP VIEW pay")


def test_a_plain_select_asks_the_engine_for_nothing_more(session_judge: guard.Judge, policy: Policy) -> None:
    class Plain:
        """A parser that cannot do what rewriting needs."""

        def __getattr__(self, name: str) -> object:
            assert name not in {"tokens", "described", "values", "physical_plan"}
            return getattr(session_judge._parser, name)  # type: ignore[attr-defined]

    for sql in ("SELECT 'SHOW_REF', 'PIVOT', title FROM books", "SELECT titel FROM books"):
        verdict = guard.judge(sql, session_judge.schema, policy, Plain())  # type: ignore[attr-defined,arg-type]
        assert verdict.is_allowed == ("titel" not in sql)


@pytest.mark.parametrize(
    "text", ["", "PIVOT", "EXPLAIN", "DESCRIBE (", "PIVOT x ON", "PIVOT x ON (", "EXPLAIN (FORMAT"]
)
def test_incomplete_statement_gets_a_verdict(text: str, session_judge: guard.Judge, policy: Policy) -> None:
    with pytest.raises((GuardError, QueryError)):
        guard.check(text, policy, session_judge)

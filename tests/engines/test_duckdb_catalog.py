"""What is asked of DuckDB goes by full names: a database that defines a name which is asked for changes no answer."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import nl2sql
from nl2sql import guard
from nl2sql.engines.duckdb import duckdb_catalog
from nl2sql.engines.duckdb.duckdb_parser import DuckDBParser
from nl2sql.engines.duckdb.hardening import check_single_select, lock
from nl2sql.engines.duckdb.result_cache import ResultCache
from nl2sql.errors import GuardError, QueryError
from nl2sql.schema.profile import profile
from nl2sql.schema.serialization import encode_schema
from nl2sql.types import Comparison, Criterion, Limits, Policy, Schema, Window

from .conftest import Open, run

PACKAGE = Path(nl2sql.__file__).parent
# These write texts that the guard judges like any, or tell people what to write, or ask a database that holds only what
# they put there themselves.
JUDGED_OR_OWN = {
    "describe_summarize.py",
    "statement_rewrites.py",
    "engine_errors.py",
    "file_importer.py",
    "workbook.py",
}
WORDS = {"left"}
_SQL = re.compile(r"\b(?:SELECT|FROM|WHERE|CAST|VARCHAR)\b")
_CALL = re.compile(r"(?<![\w.])(system\.main\.)?([a-z_][a-z0-9_]*)\(")
SETUP = """
CREATE TABLE people (id INTEGER, name VARCHAR, born DATE, salary INTEGER);
INSERT INTO people
    SELECT i, ['Ann', 'Bo', 'Cy'][i % 3 + 1], DATE '2000-01-01' + i::INTEGER, 91000 + i FROM range(50) r(i);
CREATE TABLE pets (pet_id INTEGER, people_id INTEGER, kind VARCHAR);
INSERT INTO pets SELECT i, i % 50, 'cat' FROM range(90) r(i);
"""
CRITERIA = (
    Criterion(0, Comparison.ABOVE, "20.5"),
    Criterion(1, Comparison.UP_TO, "3"),
    Criterion(1, Comparison.SHOWS, "14", decimals=2, is_percent=True),
    Criterion(0, Comparison.SHOWN_AS, "1.00", decimals=2),
    Criterion(2, Comparison.HOLDS, "ann"),
    Criterion(3, Comparison.HOLDS, "42", is_negated=True),
    Criterion(0, Comparison.SAME_TEXT_ANY_CASE, "7"),
)
POLICY = Policy(deny_columns=frozenset({"people.salary"}))


def texts() -> Iterator[tuple[str, str]]:
    """Every text of the rooms that speak to DuckDB that looks like SQL, with its file; placeholders are left out."""
    for room in ("engines", "schema", "guard"):
        for path in sorted((PACKAGE / room).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
                    yield path.name, "".join(map(str, parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                    yield path.name, node.value


def asked_names() -> set[str]:
    return {name for _, text in texts() for full, name in _CALL.findall(text) if full}


def test_no_function_is_asked_by_its_bare_name() -> None:
    with duckdb.connect() as connection:
        known = {name for (name,) in connection.execute("SELECT function_name FROM duckdb_functions()").fetchall()}
    bare = {
        (file, name)
        for file, text in texts()
        if file not in JUDGED_OR_OWN and _SQL.search(text)
        for full, name in _CALL.findall(text)
        if not full and name in known
    }
    assert bare == set()
    assert {
        "json_serialize_sql",
        "json_serialize_plan",
        "json_deserialize_sql",
        "duckdb_functions",
        "lower",
    } <= asked_names()


class Answers:
    """Everything that is asked of one database, as far as it can be compared."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        def run_(sql: str) -> list[tuple[Any, ...]]:
            try:
                return connection.execute(sql).fetchall()
            except duckdb.Error as exc:
                raise QueryError(str(exc)) from exc

        self.schema = duckdb_catalog.read_catalog(run_)
        self.profiled = encode_schema(profile(self.schema, run_))
        self._parser = DuckDBParser(connection.cursor(), connection.cursor())
        kept = ResultCache(connection, 100_000_000)
        kept.evict_excess()
        rows = kept.cache_query("SELECT name, id FROM people ORDER BY id", connection.cursor())
        sql, parameters = rows.write_page(Window(contains={"name": "AN"}, limit=2))
        self.pages = (rows.cursor.execute(sql, parameters).fetchall(), rows.count(Window(contains={0: "b"})), rows.rows)
        numbers = kept.cache_query(
            "SELECT id, id / 7.0 AS part, [name] AS names, name::BLOB AS b FROM people", connection.cursor()
        )
        self.tested = [numbers.count(Window(criteria=((one,),))) for one in CRITERIA], numbers.add_up(Window(), [0, 1])
        self.selects = [
            bool(check_single_select(connection.cursor(), text)) for text in ("SELECT 1", "DROP TABLE people")
        ]
        self.verdicts = [
            guard.judge(text, self.schema, POLICY, self._parser)
            for text in (
                "SELECT name FROM people",
                "SELECT salary FROM people",
                "SELECT * FROM people",
                "SELECT id FROM people WHERE '101'::BIT <> '100'::BIT",
                "DESCRIBE pets",
                "PIVOT pets ON kind",
                "EXPLAIN SELECT name FROM people",
                "SHOW TABLES",
                "DROP TABLE people",
                "SELECT id FROM people ORDER BY no_such_column",
            )
        ]


@pytest.fixture(scope="module")
def honest() -> Answers:
    return _answers("")


def _answers(hostile: str) -> Answers:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(SETUP)
        for statement in filter(None, hostile.split(";;")):
            connection.execute(statement)
        lock(connection, memory=200_000_000, seconds=5)
        return Answers(connection)


def _macros(name: str) -> Iterator[str]:
    """Hostile definitions of that name, for one database each."""
    plan = json.dumps({"error": False, "plans": [{"type": "LOGICAL_DUMMY_SCAN"}]})
    rows = f"CREATE MACRO {name}() AS TABLE SELECT 'people' AS function_name, 'people' AS table_name LIMIT 0"
    yield f"CREATE MACRO {name}() AS '{plan}', (a) AS '{plan}', (a, b) AS '{plan}', (a, b, c) AS '{plan}';;{rows}"
    if name == "json_serialize_plan":
        yield f"CREATE MACRO {name}(a, optimize := true) AS '{plan}'"


@pytest.mark.parametrize("name", sorted(asked_names() - WORDS))
def test_a_macro_of_that_name_changes_no_answer(name: str, honest: Answers) -> None:
    for statements in _macros(name):
        answers = _answers(statements)
        assert answers.schema == honest.schema
        assert answers.profiled == honest.profiled
        assert (answers.pages, answers.tested, answers.selects) == (honest.pages, honest.tested, honest.selects)
        for one, other in zip(answers.verdicts, honest.verdicts, strict=True):
            # A text that itself calls a function of that name is refused.
            assert one == other or (other.is_allowed and one.findings)
        assert [verdict.is_allowed for verdict in answers.verdicts][1:3] == [False, False]


@pytest.mark.parametrize("word", sorted(WORDS))
def test_words_of_the_grammar_cannot_be_taken(word: str) -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.ParserException):
        connection.execute(f"CREATE MACRO {word}(a, b) AS 1")


def test_types_tables_and_views_of_that_name_change_no_answer(honest: Answers) -> None:
    views = ";;".join(f'CREATE VIEW "{name}" AS SELECT 1 AS x' for name in sorted(asked_names()))
    answers = _answers(f"CREATE TYPE json AS ENUM ('x');;CREATE TABLE kept (c0 VARCHAR);;{views}")
    own = {table.name for table in answers.schema.tables} - {"people", "pets"}
    assert {*asked_names(), "kept"} == own
    assert (answers.pages, answers.tested, answers.selects) == (honest.pages, honest.tested, honest.selects)
    assert [v.findings for v in answers.verdicts][1:3] == [v.findings for v in honest.verdicts][1:3]
    assert answers.verdicts[0] == honest.verdicts[0]


def test_a_database_that_takes_all_of_them_is_opened_and_held(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "taken.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SETUP)
        for name in sorted(asked_names() - WORDS):
            for statement in next(_macros(name)).split(";;"):
                connection.execute(statement)
    engine = opened(path)
    schema: Schema = engine.introspect()
    assert [table.name for table in schema.tables] == ["people", "pets"]
    assert schema.tables[0].columns[1].values == ("Ann", "Bo", "Cy")
    with pytest.raises(GuardError):
        guard.check("SELECT salary FROM people", POLICY, engine)
    checked = guard.check("SELECT name FROM people ORDER BY id", POLICY, engine)
    page = engine.fetch_page(checked, Window(contains={"name": "bo"}, limit=1), Limits())
    assert page.rows == [("Bo",)]
    assert run(engine, "SELECT id FROM people ORDER BY id LIMIT 1").rows == [(0,)]

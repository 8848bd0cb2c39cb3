"""Types and collations: a closed list, in whatever place a text can name one; and what else a catalogue holds."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import _duckdb
import duckdb
import pytest

from nl2sql import guard
from nl2sql.engines.duckdb.duckdb_catalog import read_catalog
from nl2sql.engines.duckdb.duckdb_parser import DuckDBParser
from nl2sql.engines.duckdb.hardening import lock
from nl2sql.guard.function_catalog import load_catalogue
from nl2sql.guard.named_types import STRUCTURED
from nl2sql.types import Policy

from .conftest import InProcessJudge

CATALOGUE = json.loads((Path(__file__).parent / "engine_inventory.json").read_text(encoding="utf-8"))["catalogue"]
SECRET = "lazuli-7"
SETUP = f"""
CREATE TYPE mood AS ENUM ('happy', 'it''s fine');
CREATE TYPE hidden AS ENUM ('{SECRET}', 'x');
CREATE TYPE pair AS STRUCT(a INTEGER, b hidden);
CREATE TYPE money AS DECIMAL(10, 2);
CREATE TYPE json AS ENUM ('{SECRET}');
CREATE SCHEMA hr;
CREATE TYPE hr.mood AS ENUM ('{SECRET}');
CREATE TABLE people (id INTEGER, m mood, many mood[], h hidden, p pair, j main.json, note system.main.JSON);
CREATE TABLE hr.staff (m hr.mood);
INSERT INTO people VALUES (1, 'happy', ['happy'], '{SECRET}', {{'a': 1, 'b': 'x'}}, '{SECRET}', '{{"a": 1}}');
CREATE TABLE trail (id INTEGER PRIMARY KEY, h VARCHAR);
CREATE VIEW named AS SELECT unnest(enum_range(NULL::hidden))::VARCHAR AS x;
CREATE VIEW folded AS SELECT typeof(NULL::hidden) AS x;
CREATE VIEW cast_away AS SELECT id FROM people WHERE id::VARCHAR IN (SELECT unnest(enum_range(NULL::mood))::VARCHAR);
CREATE MACRO scalar_macro() AS '{SECRET}';
CREATE MACRO table_macro() AS TABLE SELECT '{SECRET}' AS x;
CREATE SEQUENCE counting;
CREATE INDEX by_h ON trail (h);
"""
POLICY = Policy(
    deny_tables=frozenset({"hr.staff", "trail"}), deny_columns=frozenset({"people.h", "people.p", "people.j"})
)
NAMES = (
    *("hidden", "HIDDEN", '"hidden"', "main.hidden", "memory.hidden", "memory.main.hidden", "pair", "money", "json"),
    *("JSON", "hr.mood", "memory.hr.mood", "no_such_type", "people", "main.integer", "system.main.integer"),
)
PLACES = (
    "SELECT enum_range(NULL::{})",
    "SELECT CAST('x' AS {})",
    "SELECT TRY_CAST('x' AS {})",
    "SELECT {} 'x'",
    "SELECT enum_first(CAST(NULL AS {}))",
    "SELECT [NULL]::{}[]",
    "SELECT NULL::{}[3]",
    "SELECT NULL::MAP({}, INTEGER)",
    "SELECT NULL::MAP(INTEGER, {}[])",
    "SELECT NULL::STRUCT(a INTEGER, b {})",
    "SELECT NULL::ROW(a {})",
    "SELECT NULL::UNION(a {}, b INTEGER)",
    "SELECT typeof(NULL::{})",
    "SELECT x FROM (VALUES (NULL::{})) AS v(x)",
    "WITH w(x) AS (SELECT NULL::{}) SELECT x FROM w",
    "DESCRIBE SELECT NULL::{} AS x",
    "SUMMARIZE SELECT NULL::{} AS x",
    "EXPLAIN SELECT NULL::{}",
    "SELECT list_transform(['x'], lambda v: v::{})",
    "SELECT CASE WHEN true THEN NULL::{} END",
    "SELECT id FROM people ORDER BY id::VARCHAR::{}",
    "UNPIVOT (SELECT id FROM people) ON id::{} INTO NAME n VALUE v",
    "PIVOT (SELECT id FROM people) ON id::VARCHAR::{} USING count(*)",
    "SELECT count(*) OVER (PARTITION BY NULL::{})",
    "SELECT variant_typeof(NULL::{}::VARIANT)",
)


@pytest.fixture(scope="module")
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(SETUP)
        lock(connection, memory=200_000_000, seconds=5)
        yield connection


@pytest.fixture(scope="module")
def judge(memory: duckdb.DuckDBPyConnection) -> guard.Judge:
    schema = read_catalog(lambda sql: memory.execute(sql).fetchall())
    return InProcessJudge(schema, DuckDBParser(memory.cursor(), memory.cursor()))


@pytest.mark.parametrize("place", PLACES)
def test_a_type_of_the_database_is_named_nowhere(place: str, judge: guard.Judge) -> None:
    for name in NAMES:
        findings = guard.examine(place.format(name), POLICY, judge).findings
        assert [finding.rule for finding in findings][:1] == ["type"], name
        assert SECRET not in str(findings)


def test_unknown_and_hidden_types_look_the_same(judge: guard.Judge) -> None:
    hidden, unknown = (str(guard.examine(f"SELECT NULL::{name}", POLICY, judge)) for name in ("hidden", "hiddez"))
    assert hidden.replace("hidden", "hiddez") == unknown


@pytest.mark.parametrize(
    "sql", ["SELECT enum_range(NULL::mood)", "SELECT 'happy'::main.mood, NULL::memory.main.mood[]"]
)
def test_a_type_that_a_readable_column_has_may_be_named(sql: str, judge: guard.Judge) -> None:
    assert guard.examine(sql, POLICY, judge).is_allowed
    without = Policy(deny_columns=POLICY.deny_columns | {"people.m", "people.many"})
    assert guard.examine(sql, without, judge).findings[0].rule == "type"
    nested = Policy(deny_columns=POLICY.deny_columns | {"people.m"})
    assert guard.examine(sql, nested, judge).is_allowed


def test_views_show_no_type_of_a_denied_column(judge: guard.Judge) -> None:
    for name in ("named", "folded"):
        assert guard.examine(f"SELECT x FROM {name}", POLICY, judge).findings[0].rule == "type"
        assert guard.examine(f"SELECT x FROM {name}", Policy(), judge).is_allowed
    assert guard.examine("SELECT id FROM cast_away", POLICY, judge).is_allowed


def test_guessing_all_labels_is_not_told_from_a_hit(judge: guard.Judge) -> None:
    for labels in (f"'{SECRET}', 'x'", f"'{SECRET}', 'y'"):
        assert guard.examine(f"SELECT 'x'::ENUM({labels})", POLICY, judge).is_allowed


@pytest.mark.parametrize("call", ["json_transform", "json_transform_strict", "from_json", "from_json_strict"])
@pytest.mark.parametrize(
    "arguments",
    [
        "'\"x\"', '\"hidden\"'",
        "'\"x\"', '\"HIDDEN\"'",
        "'\"x\"', '\"main.hidden\"'",
        '\'"x"\', \'"\\"hidden\\""\'',
        "'\"x\"', '\"\\u0068idden\"'",
        "'[1]', '[\"hidden\"]'",
        "'{}', '{\"a\": \"hidden\"}'",
        '\'{}\', \'{"a": [{"b": "hidden[]"}]}\'',
        '\'{}\', \'{"a": "INTEGER", "a": "hidden"}\'',
        "'{}', '\"STRUCT(a hidden)\"'",
        "'{}', '\"STRUCT(a INTEGER)\"'",
        "'{}', '\"hid' || 'den\"'",
        "'{}', '\"hidden\"'::VARCHAR",
        "structure := '\"hidden\"', json := '\"INTEGER\"'",
        "'{}', structure := '\"hidden\"'",
        "'{}', note",
        "'{}', json_structure('{\"a\": 1}')",
        "'{}', '{'",
        "*COLUMNS(['note', 'note'])",
    ],
)
def test_type_texts_may_only_name_listed_types(call: str, arguments: str, judge: guard.Judge) -> None:
    verdict = guard.examine(f"SELECT {call}({arguments}) FROM people", POLICY, judge)
    assert verdict.findings[0].rule in ("type", "syntax")
    if arguments.startswith("'"):
        data, _, structure = arguments.partition(", ")
        assert guard.examine(f"SELECT ({data}).{call}({structure}) FROM people", POLICY, judge).findings


def test_plain_structures_are_taken(judge: guard.Judge, memory: duckdb.DuckDBPyConnection) -> None:
    structure = '{"a": ["decimal(4, 1)"], "b": {"c": "text"}}'
    sql = f"""SELECT json_transform('{{"a": ["1.5"], "b": {{"c": "x"}}}}', '{structure}') AS s"""
    verdict = guard.examine(sql, POLICY, judge)
    assert memory.execute(verdict.sql).fetchall() == memory.execute(sql).fetchall()
    for structure in ('"mood"', '["TIMESTAMP WITH TIME ZONE"]', '{"a": "INTEGER[][3]"}'):
        assert guard.examine(f"SELECT from_json('null', '{structure}')", POLICY, judge).is_allowed, structure


def test_no_other_function_takes_a_text_for_a_type(memory: duckdb.DuckDBPyConnection, judge: guard.Judge) -> None:
    texts = ("'hidden'", "'\"hidden\"'", "'main.hidden'")
    forms = ("{0}", "{0}, {0}", "'null', {0}", "NULL, {0}", "1, {0}", "{0}, {0}, {0}")
    telling = {
        (name, sql)
        for name in load_catalogue().functions.allowed
        for sql in (f'SELECT "{name}"({form.format(text)}) AS x' for form in forms for text in texts)
        if SECRET in _told(memory, f"SELECT x, typeof(x) FROM ({sql})")
    }
    assert {name for name, _ in telling} >= STRUCTURED
    # Macros of the engine's own cast to JSON by a name that the database took.
    assert {rule for _, sql in telling for rule in _rules(sql, judge)} == {"type"}


def _rules(sql: str, judge: guard.Judge) -> set[str]:
    return {finding.rule for finding in guard.examine(sql, POLICY, judge).findings} or {"allowed"}


def _told(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    with connection.cursor() as cursor:
        try:
            return str(cursor.execute(sql).fetchall())
        except duckdb.Error as error:
            return str(error)


@pytest.mark.parametrize("name", ["hidden", "main.nocase", "nocase.hidden", "no_such", '"de_de"', '"nocase.x"'])
def test_a_collation_is_one_of_the_list(name: str, judge: guard.Judge) -> None:
    for sql in ("SELECT 'a' COLLATE {}", "SELECT id FROM people ORDER BY note::VARCHAR COLLATE {}"):
        assert guard.examine(sql.format(name), POLICY, judge).findings[0].rule == "collation"


def test_every_type_and_collation_of_the_engine_is_classified() -> None:
    with duckdb.connect() as connection:
        types = connection.execute("SELECT DISTINCT lower(type_name) FROM duckdb_types() WHERE internal").fetchall()
        collations = connection.execute("SELECT collname FROM pragma_collations()").fetchall()
    assert {name for (name,) in types if name not in load_catalogue().types} == set()
    assert {name for (name,) in collations if name not in load_catalogue().collations} == set()
    assert load_catalogue().types.allowed.isdisjoint(load_catalogue().types.denied)


def test_every_type_of_the_list_may_be_named(judge: guard.Judge) -> None:
    nested = {"array", "enum", "list", "map", "row", "struct", "tuple", "union", "null", "json"}
    for name in sorted(load_catalogue().types.allowed - nested):
        assert guard.examine(f"SELECT NULL::{name}", POLICY, judge).is_allowed, name
    for name in sorted(load_catalogue().types.denied):
        assert guard.examine(f"SELECT NULL::{name}", POLICY, judge).findings[0].rule == "type", name


def test_every_kind_of_catalogue_entry_is_classified() -> None:
    if sys.platform != "linux":
        pytest.skip("other libraries' names differ in other platforms' files")
    found = re.findall(rb"\0([A-Z][A-Z_]+)_ENTRY(?=\0)", Path(_duckdb.__file__).read_bytes())
    kinds = {name.decode() for name in found}
    assert "TABLE" in kinds
    assert kinds - set(CATALOGUE["named"]) - set(CATALOGUE["not_named"]) == set()


@pytest.mark.parametrize(("kind", "sql"), [(kind, sql) for kind, texts in CATALOGUE["named"].items() for sql in texts])
def test_every_kind_of_catalogue_entry_is_judged_where_it_is_named(kind: str, sql: str, judge: guard.Judge) -> None:
    findings = guard.examine(sql, POLICY, judge).findings
    assert findings, kind
    assert SECRET not in str(findings)

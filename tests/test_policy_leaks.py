"""What an owner denies is told to nobody: not in the schema, the prompt, the values, a listing or a message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql.model.scripted import ScriptedModel, calls, says
from nl2sql.types import Policy

SECRETS = ("cobalt-1", "cobalt-2", "cobalt-3")
SETUP = """
CREATE TABLE g (
    id INTEGER, secret VARCHAR, leak VARCHAR AS (secret || '!'), shout VARCHAR AS (upper(name)), name VARCHAR);
INSERT INTO g (id, secret, name) SELECT i, 'cobalt-1', ['Ann', 'Bo'][i % 2 + 1] FROM range(20) r(i);
CREATE TYPE grade AS ENUM ('cobalt-2', 'other');
CREATE TABLE graded (id INTEGER, grade grade);
CREATE TABLE vault (code VARCHAR);
INSERT INTO graded VALUES (1, 'cobalt-2');
INSERT INTO vault VALUES ('cobalt-3');
CREATE VIEW plain AS SELECT id, name FROM g;
CREATE VIEW over_secret AS SELECT id, secret AS s FROM g;
CREATE VIEW over_leak AS SELECT leak AS s FROM g;
CREATE VIEW over_vault AS SELECT max(code) AS m FROM vault;
CREATE VIEW over_grades AS SELECT unnest(enum_range(NULL::grade))::VARCHAR AS x;
CREATE VIEW over_view AS SELECT s FROM over_secret;
CREATE MACRO told() AS (SELECT max(code) FROM vault);
CREATE VIEW over_macro AS SELECT told() AS t;
"""
# What no query may read, whatever a policy says; where it is run at all, it tells of this machine, or leaves a trace.
HOST = """
CREATE SEQUENCE counting;
CREATE TABLE s (id INTEGER, set_by VARCHAR AS (current_setting('temp_directory')), n BIGINT AS (nextval('counting')));
INSERT INTO s (id) VALUES (1);
CREATE VIEW settings AS SELECT name, value FROM duckdb_settings() WHERE value LIKE '%/%';
CREATE VIEW files AS SELECT database_name, path FROM duckdb_databases();
CREATE VIEW counted AS SELECT nextval('counting') AS n;
CREATE VIEW logged AS SELECT write_log('x') AS l;
CREATE VIEW slow AS SELECT sleep_ms(3000) AS z;
CREATE VIEW file AS SELECT content FROM read_text('/etc/passwd');
CREATE VIEW tables AS SELECT * FROM information_schema.tables;
CREATE VIEW honest AS SELECT id FROM s;
"""
POLICIES = [
    Policy(deny_tables=frozenset({"vault"}), deny_columns=frozenset({"g.secret", "graded.grade"})),
    Policy(deny_tables=frozenset({"MAIN.Vault"}), deny_columns=frozenset({"main.g.SECRET", '"graded"."grade"'})),
    Policy(
        frozenset({"g", "plain", "graded", "over_secret", "over_leak", "over_vault", "over_grades", "over_macro"}),
        deny_columns=frozenset({"g.secret", "graded.grade"}),
    ),
]


def _connected(tmp_path: Path, setup: str, policy: Policy, model: ScriptedModel | None = None) -> nl2sql.Assistant:
    path = tmp_path / "owned.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(setup)
    config = replace(nl2sql.load_config(url=str(path), start=tmp_path), home=tmp_path / "home", policy=policy)
    return nl2sql.connect(config=config, model=model or ScriptedModel())


@pytest.fixture(params=POLICIES, ids=["plain", "other-words", "allow-list"])
def owned(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[nl2sql.Assistant]:
    with _connected(tmp_path, SETUP, request.param) as assistant:
        yield assistant


def test_nothing_derived_from_what_is_denied_is_shown(owned: nl2sql.Assistant) -> None:
    shown = {table.name: [column.name for column in table.columns] for table in owned.schema.tables}
    assert shown == {"g": ["id", "shout", "name"], "graded": ["id"], "plain": ["id", "name"]}
    index = owned.database.allowed_schema.index
    for secret in SECRETS:
        assert secret not in owned.render_prompt()
        assert secret not in repr(owned.schema)
        assert index.find_exact(secret) == () and index.find_hits(f"who has {secret}?") == ()
    assert "'ANN', 'BO'" in owned.render_prompt()
    assert owned.database.unmatched_policy_names == []


def test_what_is_shown_may_be_read_and_what_is_not_may_not(owned: nl2sql.Assistant) -> None:
    shown = {(table.name, column.name) for table in owned.schema.tables for column in table.columns}
    tables = ("g", "graded", "vault", "plain", "over_secret", "over_leak", "over_vault", "over_grades", "over_view")
    for table in (*tables, "over_macro"):
        for column in ("id", "secret", "leak", "shout", "name", "grade", "code", "s", "m", "x", "t"):
            assert owned.check(f"SELECT {column} FROM {table}").is_allowed == ((table, column) in shown), (
                table,
                column,
            )
    assert owned.run("SHOW TABLES").rows == [("g",), ("graded",), ("plain",)]
    for sql in ("SELECT leek FROM g", "SELECT shoot FROM g", "SELECT x FROM over_secrets", "SELECT * FROM g"):
        findings = owned.check(sql).findings
        assert findings and not any(word in str(findings) for word in ("leak", "secret,", "over_secret?", *SECRETS))


def test_the_model_is_told_nothing_of_it_when_it_guesses(tmp_path: Path) -> None:
    model = ScriptedModel(
        calls("sql_query", query="SELECT leak FROM g"),
        calls("sql_query", query="SELECT lead FROM g WHERE name = 'ann'"),
        calls("describe_table", table="over_secret"),
        calls("list_tables", pattern="*"),
        calls("find_values", text="cobalt", table=None, column=None),
        says("I cannot tell."),
    )
    with _connected(tmp_path, SETUP, POLICIES[0], model) as assistant:
        answer = assistant.ask("what is secret?")
    seen = "".join(str(message) for messages in model.sent for message in messages)
    assert answer.steps and not any(secret in seen for secret in SECRETS)
    own_words = ("SELECT leak", '"leak"', "'leak'", "there is no column leak in g")
    assert "leak" not in re.sub("|".join(map(re.escape, own_words)), "", seen)


def test_what_no_query_may_read_is_neither_shown_nor_run(tmp_path: Path) -> None:
    with _connected(tmp_path, HOST, Policy()) as assistant:
        shown = {table.name: [column.name for column in table.columns] for table in assistant.schema.tables}
        assert shown == {"s": ["id"], "honest": ["id"]}
        assert not any(text in assistant.render_prompt() for text in (str(tmp_path), "/tmp", "root", SECRETS[0]))
        # An owner who reads it is told why it is refused.
        rules = {"settings": "scan", "files": "scan", "counted": "function", "slow": "function", "logged": "function"}
        for view, rule in {**rules, "file": "bind"}.items():
            assert assistant.check(f"SELECT * FROM {view}").findings[0].rule == rule
        unread = {table.name for table in assistant.database.engine.introspect().tables if table.refused}
        assert unread == {*rules, "file", "tables"}
        assert all(
            table.row_count is None
            for table in assistant.database.engine.introspect().tables
            if table.kind == "view" and table.refused
        )


@pytest.mark.parametrize(
    ("name", "denied"),
    [
        ("main", "main.salary"),
        ("main", "main.main.salary"),
        ("main.x", "main.x.salary"),
        ("main.main", "main.main.salary"),
        ("hr.t", "hr.t.salary"),
        ("two words", "Two Words.SALARY"),
        ("Ünï", "ünï.salary"),
        ('q"t', 'q"t.salary'),
        ("staff", "main.staff.salary"),
        ("owned", "owned.salary"),
    ],
)
def test_a_denied_column_is_denied_whatever_its_table_is_called(name: str, denied: str, tmp_path: Path) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    setup = f"CREATE TABLE {quoted} AS SELECT 1 AS id, 91000 AS salary; CREATE TABLE other AS SELECT 5 AS salary"
    with _connected(tmp_path, setup, Policy(deny_columns=frozenset({denied}))) as assistant:
        columns = {table.name: [column.name for column in table.columns] for table in assistant.schema.tables}
        assert columns == {name: ["id"], "other": ["salary"]}
        for sql in ("SELECT salary FROM {}", "SELECT * FROM {}", "FROM main.{}", "SELECT t FROM owned.main.{} AS t"):
            assert not assistant.check(sql.format(quoted)).is_allowed
        assert assistant.run(f"SELECT id FROM {quoted}").rows == [(1,)]
        assert assistant.run("SELECT salary FROM other").rows == [(5,)]


def test_include_and_exclude_hold_for_names_with_dots(tmp_path: Path) -> None:
    setup = 'CREATE TABLE "main.x" AS SELECT 1 AS a; CREATE TABLE x AS SELECT 2 AS a; CREATE TABLE y AS SELECT 3 AS a'
    path = tmp_path / "owned.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(setup)
    for include, exclude, shown in (
        (("x", "y"), (), ["x", "y"]),
        (("main.*",), (), ["main.x"]),
        ((), ("x",), ["main.x", "y"]),
        ((), ("main.x",), ["x", "y"]),
    ):
        config = nl2sql.load_config(url=str(path), start=tmp_path)
        config = replace(config, home=tmp_path / "home", include=include, exclude=exclude)
        with nl2sql.connect(config=config, model=ScriptedModel()) as assistant:
            assert [table.name for table in assistant.schema.tables] == shown
            for name in ("main.x", "x", "y"):
                assert assistant.check(f'SELECT a FROM "{name}"').is_allowed == (name in shown)

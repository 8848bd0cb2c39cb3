"""A catalog beside the database, as uploads are: it is read by its name, and changes nothing about the rest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from nl2sql import guard
from nl2sql.errors import GuardError, QueryError
from nl2sql.guard.name_resolution import Names
from nl2sql.types import Column, Policy, Schema, Table

from .conftest import LOCK, DuckParser, InProcessJudge, introspect

UPLOADED = """
CREATE TABLE leads (id INTEGER, isbn VARCHAR, s STRUCT(x INTEGER));
CREATE TABLE vault (code VARCHAR);
CREATE TABLE members (id INTEGER, pin VARCHAR);
CREATE TABLE "odd name" (a INTEGER);
INSERT INTO leads VALUES (1, '1', {'x': 5}), (2, '2', {'x': 6});
INSERT INTO vault VALUES ('mine');
INSERT INTO members VALUES (1, '1234');
INSERT INTO "odd name" VALUES (1);
"""
PLANLESS = "'1010'::BIT <> '1100'::BIT"
NAMES = ("leads", "vault", "members", "odd name")


@pytest.fixture(scope="module")
def beside(library_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessJudge]:
    """The judges over the library, with two catalogs beside it, of which the engine tells the guard of one."""
    folder = tmp_path_factory.mktemp("beside")
    copy = shutil.copy(library_file, folder / library_file.name)
    for name in ("uploads", "other"):
        with duckdb.connect(str(folder / f"{name}.duckdb")) as made:
            made.execute(UPLOADED)
    with duckdb.connect(copy, read_only=True, config={"threads": 1}) as connection:
        library = introspect(connection)
        for name in ("uploads", "other"):
            connection.execute(f"ATTACH '{folder / name}.duckdb' AS {name} (READ_ONLY)")
        for setting in LOCK:
            connection.execute(f"SET {setting}")
        uploaded = []
        for name in NAMES:
            rows = connection.execute(f'DESCRIBE uploads."{name}"').fetchall()
            uploaded.append(Table(f"uploads.{name}", tuple(Column(row[0], row[1]) for row in rows)))
        parser = DuckParser(connection, attached=frozenset({"uploads"}))
        yield InProcessJudge(replace(library, tables=(*library.tables, *uploaded)), parser)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT * FROM uploads.leads", {"uploads.leads"}),
        ("FROM UPLOADS.main.LEADS", {"uploads.leads"}),
        ("SELECT leads.id FROM uploads.leads JOIN books ON books.title = leads.isbn", {"uploads.leads", "books"}),
        ("WITH leads AS (SELECT 1 AS a) SELECT * FROM leads, uploads.leads AS l", {"uploads.leads"}),
        ("WITH uploads AS (SELECT 1 AS a) SELECT * FROM uploads, uploads.leads AS l", {"uploads.leads"}),
        ('SELECT a FROM uploads."odd name"', {"uploads.odd name"}),
        (f'SELECT a FROM uploads."odd name" WHERE {PLANLESS}', {"uploads.odd name"}),
        (f"SELECT l.s.x FROM uploads.leads AS l, books WHERE {PLANLESS}", {"uploads.leads", "books"}),
        ("SELECT code FROM uploads.vault", {"uploads.vault"}),
        ("SELECT pin FROM uploads.members", {"uploads.members"}),
        ("SUMMARIZE uploads.leads", {"uploads.leads"}),
        ("DESCRIBE uploads.members", set()),
        ("PIVOT uploads.leads ON isbn USING count(*)", {"uploads.leads"}),
    ],
)
def test_what_was_uploaded_is_read(sql: str, tables: set[str], beside: guard.Judge, policy: Policy) -> None:
    assert set(guard.check(sql, policy, beside).tables) == tables


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT * FROM leads", "table"),
        ("SELECT * FROM vault", "table"),
        ("SELECT * FROM main.vault", "table"),
        ("SELECT * FROM library.vault", "table"),
        ("SELECT * FROM library.main.vault", "table"),
        ("SELECT pin FROM members, uploads.leads", "column"),
        ("SELECT * FROM uploads.members JOIN members ON true", "column"),
        ("SELECT COLUMNS('pin') FROM members, uploads.members AS u", "column"),
        ("SELECT m FROM uploads.members AS u, members AS m", "column"),
        ("SELECT * FROM other.leads", "table"),
        ("SELECT * FROM other.main.leads", "table"),
        (f"SELECT id FROM other.leads WHERE {PLANLESS}", "table"),
        ("SELECT * FROM library.uploads.leads", "table"),
        ("SELECT * FROM main.uploads.leads", "table"),
        ('SELECT * FROM "uploads.leads"', "table"),
        ('SELECT * FROM main."uploads.leads"', "table"),
        ("SELECT * FROM uploads.uploads.leads", "table"),
        ("SELECT * FROM uploads.main.main.leads", "table"),
        ("SELECT * FROM uploads.temp.leads", "table"),
        ("SELECT * FROM uploads.archive.loans", "table"),
        ("SELECT * FROM uploads.books", "table"),
        ("SELECT * FROM uploads.main.books", "table"),
        ("SELECT * FROM uploads.information_schema.tables", "table"),
        ("SELECT * FROM uploads.pg_catalog.pg_tables", "table"),
        ("SELECT * FROM uploads.sqlite_master", "table"),
        ("SELECT * FROM uploads.duckdb_tables", "table"),
        ("SELECT * FROM temp.leads", "table"),
        ("SELECT * FROM system.main.duckdb_tables", "table"),
        ("SELECT uploads.main.upper(isbn) FROM uploads.leads", "function"),
        ("SELECT * FROM query_table('uploads.leads')", "table-function"),
        ("SELECT * FROM query('SELECT * FROM uploads.leads')", "table-function"),
        ("DETACH uploads", "read-only"),
        ("ATTACH ':memory:' AS more", "read-only"),
        ("USE uploads", "read-only"),
        ("SET search_path = 'uploads'", "read-only"),
        ("ALTER DATABASE uploads SET ALIAS TO library", "read-only"),
        ("CREATE TEMP TABLE leads AS FROM uploads.leads", "read-only"),
        ("WITH x AS (INSERT INTO uploads.leads VALUES (1) RETURNING *) FROM x", "read-only"),
        ("COPY uploads.leads TO 'leads.csv'", "read-only"),
        ("SUMMARIZE vault", "table"),
        ("DESCRIBE 'uploads.leads'", "table"),
    ],
)
def test_blocked_beside_uploads(sql: str, rule: str, beside: guard.Judge, policy: Policy) -> None:
    assert [finding.rule for finding in guard.examine(sql, policy, beside).findings][:1] == [rule]
    with pytest.raises((GuardError, QueryError)):
        guard.check(sql, policy, beside)


def test_an_upload_that_the_policy_denies_stays_denied(beside: guard.Judge) -> None:
    for policy in (
        Policy(deny_tables=frozenset({"uploads.leads"})),
        Policy(allow_tables=frozenset({"leads", "books"})),
    ):
        for sql in ("FROM uploads.leads", "FROM uploads.main.leads"):
            assert guard.examine(sql, policy, beside).findings[0].rule == "table"
    policy = Policy(deny_columns=frozenset({"uploads.leads.isbn"}))
    assert guard.examine("SELECT * FROM uploads.leads", policy, beside).findings[0].rule == "column"
    assert guard.examine("SELECT id FROM uploads.leads", policy, beside).is_allowed


def test_allowed_as_without(allowed_sql: str, beside: guard.Judge, session_judge: guard.Judge, policy: Policy) -> None:
    assert guard.examine(allowed_sql, policy, beside) == guard.examine(allowed_sql, policy, session_judge)


def test_blocked_as_without(
    blocked_case: tuple[str, str], beside: guard.Judge, session_judge: guard.Judge, policy: Policy
) -> None:
    _, sql = blocked_case
    found, alone = (guard.examine(sql, policy, judge).findings for judge in (beside, session_judge))
    assert [finding.rule for finding in found] == [finding.rule for finding in alone]


def test_nothing_of_the_database_passes_for_an_upload() -> None:
    names = Names(
        Schema((Table("uploads.leads", ()), Table("orders", ()))), Policy(), "shop", frozenset({"uploads", "shop"})
    )
    for path in (("shop", "uploads", "leads"), ("shop", "main", "uploads.leads"), ("uploads", "uploads", "leads")):
        assert names.find_scanned(path) is None
        assert names.find_table(path) is None
    assert names.find_table(("uploads.leads",)) is None
    assert names.find_scanned(("uploads", "main", "orders")) is None
    assert names.find_scanned(("other", "main", "leads")) is None
    for path in (("shop", "main", "orders"), ("uploads", "main", "leads")):
        assert names.find_scanned(path) is not None and names.find_table(path) is not None

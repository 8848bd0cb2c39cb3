"""Databases to repair queries for: a real DuckDB each, with its schema read and profiled as the engine does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.engines.duckdb.binder import GuardedBinder
from nl2sql.engines.duckdb.duckdb_catalog import read_catalog
from nl2sql.engines.duckdb.duckdb_parser import DuckDBParser
from nl2sql.errors import QueryError
from nl2sql.repair import RepairRequest, repair
from nl2sql.sample_database import build_sample_database
from nl2sql.schema.profile import profile
from nl2sql.types import Policy, Proof, RepairReport, Schema

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Database:
    """A connection and what is known of its tables."""

    connection: duckdb.DuckDBPyConnection
    schema: Schema
    binder: GuardedBinder

    def rows(self, sql: str) -> Counter[str]:
        """The rows as a bag, numbers rounded; duckdb.Error where the query fails."""
        found = self.connection.cursor().execute(sql).fetchall()
        return Counter(repr(tuple(map(_rounded, row))) for row in found)

    def repair(self, sql: str, question: str = "") -> RepairReport:
        """The report once what it rests on has been looked up, as the agent does."""
        error = self._error(sql)
        disproved: list[Proof] = []
        while True:
            report = repair(
                RepairRequest(sql, question, self.schema, error=error, disproved_proofs=frozenset(disproved)),
                self.binder,
            )
            failed = [proof for proof in report.proofs if bool(self.rows(proof.sql)) is not proof.wants_row]
            if not failed:
                return report
            disproved += failed

    def _error(self, sql: str) -> str:
        try:
            if found := self.connection.cursor().execute(sql):
                found.fetchall()
        except duckdb.Error as exc:
            return str(exc)
        return ""


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def introspect(connection: duckdb.DuckDBPyConnection) -> Schema:
    """The profiled schema."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        try:
            return connection.execute(sql).fetchall()
        except duckdb.Error as exc:
            raise QueryError(str(exc)) from exc

    return profile(read_catalog(run), run, 30.0)


def open_database(path: str, setup: str = "SELECT 1") -> Iterator[Database]:
    """A database made by that SQL."""
    with duckdb.connect(path, config={"threads": 1}) as connection:
        connection.execute(setup)
        schema = introspect(connection)
        yield Database(connection, schema, GuardedBinder(schema, Policy(), DuckDBParser(connection, connection)))


def read_setup(name: str) -> str:
    """The SQL of a file beside this one."""
    return (HERE / "cases" / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def festival() -> Iterator[Database]:
    yield from open_database(":memory:", read_setup("festival.sql"))


@pytest.fixture(scope="session")
def shop() -> Iterator[Database]:
    yield from open_database(":memory:", read_setup("shop.sql"))


@pytest.fixture(scope="session")
def library() -> Iterator[Database]:
    yield from open_database(":memory:", (HERE.parent / "guard" / "library.sql").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    yield from open_database(str(build_sample_database(tmp_path_factory.mktemp("sample"))))

"""Databases for the mends: a real DuckDB each, with its schema read and profiled as the engine does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.engines.duckdb_catalog import read_catalog
from nl2sql.errors import QueryError
from nl2sql.mend import mend
from nl2sql.sample import sample_database
from nl2sql.schema.profile import profile
from nl2sql.types import Mended, Schema

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Database:
    """A connection and what is known of its tables."""

    connection: duckdb.DuckDBPyConnection
    schema: Schema

    def rows(self, sql: str) -> Counter[str]:
        """The rows as a bag, numbers rounded; duckdb.Error where the query fails."""
        found = self.connection.cursor().execute(sql).fetchall()
        return Counter(repr(tuple(map(_rounded, row))) for row in found)

    def mend(self, sql: str, question: str = "") -> Mended | None:
        return mend(sql, question, self.schema, "duckdb")


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value


def introspected(connection: duckdb.DuckDBPyConnection) -> Schema:
    """The profiled schema."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        try:
            return connection.execute(sql).fetchall()
        except duckdb.Error as exc:
            raise QueryError(str(exc)) from exc

    return profile(read_catalog(run), run, 30.0)


def opened(path: str, setup: str = "") -> Iterator[Database]:
    with duckdb.connect(path, config={"threads": 1}) as connection:
        connection.execute(setup)
        yield Database(connection, introspected(connection))


@pytest.fixture(scope="session")
def festival() -> Iterator[Database]:
    yield from opened(":memory:", (HERE / "festival.sql").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def library() -> Iterator[Database]:
    yield from opened(":memory:", (HERE.parent / "guard" / "library.sql").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = sample_database(tmp_path_factory.mktemp("sample"))
    yield from opened(str(path), "SELECT 1")

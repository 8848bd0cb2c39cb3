"""A small database, and engines that are closed when the test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql.engines import open_engine
from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine
from nl2sql.engines.files.data_sources import DatabaseFile
from nl2sql.types import CheckedSQL, Limits, Result
from nl2sql.types.query_types import _Seal

Open = Callable[..., DuckDBEngine]

SCRIPT = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, city VARCHAR);
CREATE SCHEMA archive;
CREATE TABLE archive.sale (id INTEGER, amount DECIMAL(10, 2));
CREATE TABLE sale (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), amount DECIMAL(10, 2));
INSERT INTO customer VALUES (1, 'Ana', 'Lima'), (2, 'Bo', 'Oslo'), (3, 'Cy', NULL);
INSERT INTO sale SELECT i, 1 + i % 3, i * 1.5 FROM range(1, 101) t(i);
CREATE VIEW by_city AS
    SELECT city, sum(amount) AS total FROM sale JOIN customer ON customer.id = customer_id GROUP BY city;
CREATE MACRO twice(x) AS 2 * x;
COMMENT ON TABLE sale IS 'What was sold';
COMMENT ON COLUMN sale.amount IS 'In euros';
"""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of the small database."""
    path = tmp_path_factory.mktemp("built") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCRIPT)
    return path.read_bytes()


@pytest.fixture
def shop(built: bytes, tmp_path: Path) -> Path:
    """A copy of the small database, alone in its folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "shop.duckdb"
    path.write_bytes(built)
    return path


@pytest.fixture(scope="session")
def shared(built: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    """One engine on the small database for the tests that leave its worker alone."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "shop.duckdb").write_bytes(built)
    engine = DuckDBEngine("shop", DatabaseFile(folder / "shop.duckdb"), Limits(), folder / "cache")
    yield engine
    engine.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens engines, and closes them afterwards."""
    engines: list[DuckDBEngine] = []

    def open_one(path: Path | str, workers: int = 1, **limits: Any) -> DuckDBEngine:
        engine = open_engine(str(path), Limits(**limits), tmp_path / "cache", workers)
        assert isinstance(engine, DuckDBEngine)
        engines.append(engine)
        return engine

    yield open_one
    for engine in engines:
        engine.close()


def sealed(sql: str) -> CheckedSQL:
    """The SQL as if the guard had let it through."""
    return CheckedSQL(sql, sql, (), (), _Seal(sql))


def run(engine: DuckDBEngine, sql: str, **limits: Any) -> Result:
    """Run SQL without the guard, so that the walls behind it show."""
    return engine.execute(sealed(sql), Limits(**limits))


def worker_pid(engine: DuckDBEngine) -> int:
    """The process id of the worker that is running now."""
    [pid] = engine.worker_pids
    return pid

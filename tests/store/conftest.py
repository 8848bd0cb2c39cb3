"""A store, answers to put into it, and a small database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from nl2sql.store import Store
from nl2sql.types import Answer, ErrorInfo, Result, ResultColumn, Seconds, Status, Usage

Make = Callable[..., Answer]


@pytest.fixture
def path(home: Path) -> Path:
    return home / "store.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store(path) as store:
        yield store


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT i AS id, i * 1.5 AS total FROM range(1, 101) t(i)")
    return path


def result_of(*rows: tuple[Any, ...], truncated: bool = False) -> Result:
    columns = (ResultColumn("city", "VARCHAR"), ResultColumn("total", "DOUBLE"))
    table = pa.table({"city": [row[0] for row in rows], "total": pa.array([row[1] for row in rows], pa.float64())})
    return Result(columns, table, truncated=truncated)


def answer_of(identifier: str = "aaaa00000001", question: str = "Total by city?", **fields: Any) -> Answer:
    values: dict[str, Any] = {
        "status": Status.ANSWERED,
        "text": "Oslo has most.",
        "sql": "SELECT city, total FROM orders",
        "result": result_of(("Oslo", 1.5), ("Łódź", 2.0)),
        "usage": Usage(10, 2, 5, 1, 0.25),
        "seconds": Seconds(0.1, 0.2, 0.3, 0.4, 1.0),
        "model": "scripted",
        "session": "work",
        **fields,
    }
    return Answer(identifier, question, **values)


def failed_answer(identifier: str = "ffff00000001") -> Answer:
    error = ErrorInfo("query", "no such column", "Did you mean total?")
    return answer_of(identifier, "What?", status=Status.FAILED, text="", sql=None, result=None, error=error)

"""Two small databases, and a way to open them with a scripted model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

import nl2sql
from nl2sql import Assistant
from nl2sql.config import Config
from nl2sql.model.chat import ChatModel
from nl2sql.types import Limits

OpenDatabase = Callable[[str, ChatModel], Assistant]

SHOP = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, city VARCHAR, total DECIMAL(10,2));
INSERT INTO orders VALUES (1, 'Oslo', 1.5), (2, 'Łódź', 2.5), (3, 'Oslo', 3.0);
"""
ZOO = "CREATE TABLE animals (name VARCHAR, legs INTEGER); INSERT INTO animals VALUES ('<b>ox</b>', 4), ('emu', 2);"


@pytest.fixture(scope="session")
def db_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("databases")
    for name, setup in (("shop", SHOP), ("zoo", ZOO)):
        with duckdb.connect(str(folder / f"{name}.duckdb")) as connection:
            connection.execute(setup)
    return folder


@pytest.fixture
def open_database(db_root: Path, home: Path) -> OpenDatabase:
    def opened(name: str, model: ChatModel) -> Assistant:
        config = Config(home=home, url=str(db_root / f"{name}.duckdb"), limits=Limits(seconds=2.0))
        return nl2sql.connect(config=config, model=model)

    return opened

"""What can be opened, and what is said of what can't."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from nl2sql.errors import ConfigError, DatabaseError

from .conftest import Open, run

HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///shop.db",
        "postgresql://ana:secret@host/db",
        "postgresql+psycopg://host/db",
        "mysql://host/db",
        "trino://host/catalog",
        "snowflake://account/db",
        "sc://host:15002",
        "md:shop",
        "gopher://host",
    ],
)
def test_other_databases_are_refused_with_a_way_out(opened: Open, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened(url)
    assert caught.value.hint
    assert "secret" not in str(caught.value)


def test_missing_file_names_the_nearest(shop: Path, opened: Open) -> None:
    with pytest.raises(DatabaseError) as caught:
        opened(shop.with_name("shpo.duckdb"))
    assert caught.value.hint == "Did you mean shop.duckdb?"
    with pytest.raises(DatabaseError, match="no folder"):
        opened(shop.parent / "nowhere" / "shop.duckdb")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.duckdb", b"", "not a DuckDB database"),
        ("x.db", b"0123456789" * 100, "not a DuckDB database"),
        ("x.pdf", b"%PDF", "not a kind of file"),
    ],
)
def test_files_of_another_kind(tmp_path: Path, opened: Open, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatabaseError, match=message) as caught:
        opened(tmp_path / name)
    assert caught.value.hint


def test_paths_that_the_system_refuses(tmp_path: Path, opened: Open) -> None:
    for url in (tmp_path / ("x" * 300), "~no-such-user-here/shop.duckdb"):
        with pytest.raises(DatabaseError) as caught:
            opened(url)
        assert caught.value.hint


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions don't hold here")
def test_folders_that_may_not_be_read(shop: Path, opened: Open) -> None:
    shop.parent.chmod(0)
    try:
        for url in (shop, shop.parent):
            with pytest.raises(DatabaseError, match="Permission denied"):
                opened(url)
        shop.parent.chmod(0o100)
        with pytest.raises(DatabaseError, match="no file"):
            opened(shop.with_name("other.duckdb"))
    finally:
        shop.parent.chmod(0o700)


def test_sqlite_file_in_disguise(tmp_path: Path, opened: Open) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("CREATE TABLE t (i)")
    connection.commit()
    connection.close()
    with pytest.raises(ConfigError, match="SQLite"):
        opened(tmp_path / "x.db")


@pytest.mark.parametrize(("kept", "flipped"), [(20_000, None), (None, 12), (None, 4096)])
def test_damaged_database(shop: Path, opened: Open, kept: int | None, flipped: int | None) -> None:
    content = bytearray(shop.read_bytes()[:kept])
    if flipped:
        content[flipped] ^= 0xFF
    shop.write_bytes(content)
    engine = opened(shop)
    for _ in range(2):
        with pytest.raises(DatabaseError, match=r"damaged|version"):
            engine.introspect()


def test_database_open_for_writing_elsewhere(shop: Path, opened: Open) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(shop)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout and holder.stdout.readline() == "open\n"
        engine = opened(shop)
        with pytest.raises(DatabaseError, match="locked"):
            engine.introspect()
        holder.communicate("")
    assert run(engine, "SELECT count(*) FROM sale").rows == [(100,)]


def test_path_with_signs_in_it(built: bytes, tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "été; it's 'the' \"[data]\" *"
    folder.mkdir()
    path = folder / "my shop's.duckdb"
    path.write_bytes(built)
    assert run(opened(path), "SELECT count(*) FROM sale").rows == [(100,)]


def test_no_folder_of_data_files(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "notes.txt").write_text("x", "utf-8")
    (tmp_path / ".hidden.csv").write_text("x", "utf-8")
    with pytest.raises(DatabaseError, match="no data files") as caught:
        opened(tmp_path)
    assert "Parquet" in caught.value.hint

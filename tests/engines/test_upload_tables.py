"""Files uploaded beside a database: joined with it, kept to one session, within bounds, and gone afterwards."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from nl2sql import guard
from nl2sql.engines import open_engine
from nl2sql.engines.files.upload_folder import UploadFolder, forget_abandoned
from nl2sql.engines.files.upload_tables import UploadedFiles, choose_catalog_name, join_schemas
from nl2sql.errors import ConfigError, DatabaseError, GuardError, LimitError, QueryError
from nl2sql.types import ForeignKey, Limits, Policy, Schema, Table, Upload, Window

from .conftest import Open, run
from .test_data_sources import parquet, workbook, write


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def kept(tmp_path: Path) -> list[str]:
    """What lies where uploads are kept."""
    folder = tmp_path / "cache" / "uploads"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def test_every_kind_is_joined_with_the_base_which_stays_as_it_is(
    shop: Path, files: Path, tmp_path: Path, opened: Open
) -> None:
    before = shop.read_bytes()
    paths = [
        write(files, "leads.csv", "id,customer_id,note\n1,1,hello\n2,1,bye\n"),
        write(files, "customer.json", '[{"name": "not Ana"}]'),
        parquet(files / "big.parquet", "SELECT range AS i, map {'a': range} AS m FROM range(1000)"),
        workbook(files / "plan.xlsx", {"goals": [["city", "goal"], ["Lima", 5]], "more": [["a"], [1]]}),
        write(files, "odd'\" [name].tsv", "a\tb\n1\t2\n"),
    ]
    base = opened(shop)
    engine = base.attach_files(paths, Limits())
    try:
        assert engine.uploads == (
            Upload("leads.csv", "uploads.leads"),
            Upload("customer.json", "uploads.customer"),
            Upload("big.parquet", "uploads.big"),
            Upload("plan.xlsx", "uploads.goals"),
            Upload("plan.xlsx", "uploads.more"),
            Upload("odd'\" [name].tsv", "uploads.odd'\" [name]"),
        )
        schema = engine.introspect()
        own = base.introspect().tables
        assert schema.tables[: len(own)] == own and len(schema.tables) == len(own) + 6
        leads = schema.find_table("uploads.leads")
        assert leads and leads.row_count == 2 and leads.primary_key == ("id",)
        assert leads.foreign_keys == (ForeignKey(("customer_id",), "customer", ("id",), inferred=True),)

        def rows(sql: str) -> list[tuple[object, ...]]:
            return engine.execute(guard.check(sql, Policy(), engine), Limits()).rows

        joined_rows = "SELECT c.name, l.note FROM uploads.leads l JOIN customer c ON c.id = l.customer_id ORDER BY l.id"
        assert rows(joined_rows) == [("Ana", "hello"), ("Ana", "bye")]
        assert rows("SELECT name FROM uploads.customer") == [("not Ana",)]
        assert rows("SELECT name FROM customer WHERE id = 1") == [("Ana",)]
        assert rows("SELECT goal FROM uploads.goals JOIN by_city USING (city)") == [(5,)]
        assert rows('SELECT b FROM uploads."odd\'"" [name]"') == [(2,)]
        assert rows("SELECT m FROM uploads.big WHERE i = 7") == [([("a", 7)],)]
        paged = guard.check("SELECT i FROM uploads.big", Policy(), engine)
        assert engine.fetch_page(paged, Window(limit=1, order_by="i", descending=True), Limits()).rows == [(999,)]
        for path in paths:
            path.unlink()
        assert rows("SELECT count(*) FROM uploads.big") == [(1000,)]
    finally:
        engine.close()
    assert kept(tmp_path) == []
    assert shop.read_bytes() == before and [path.name for path in shop.parent.iterdir()] == [shop.name]
    assert run(base, "SELECT count(*) FROM sale").rows == [(100,)]


def test_another_session_and_the_base_see_nothing_of_it(shop: Path, files: Path, opened: Open) -> None:
    base = opened(shop)
    path = write(files, "leads.csv", "a\n1\n2\n")
    first, second = (
        base.attach_files([path], Limits()),
        base.attach_files([write(files, "other.csv", "b\n1\n")], Limits()),
    )
    try:
        for engine in (base, second):
            with pytest.raises(GuardError, match=r"no table uploads\.leads"):
                guard.check("SELECT * FROM uploads.leads", Policy(), engine)
            with pytest.raises(QueryError):
                run(engine, "SELECT * FROM uploads.leads")
        assert run(first, "SELECT count(*) FROM uploads.leads").rows == [(2,)]
    finally:
        first.close()
        second.close()


def test_the_walls_hold_beside_uploads(shop: Path, files: Path, tmp_path: Path, opened: Open) -> None:
    engine = opened(shop).attach_files([write(files, "leads.csv", "a\n1\n")], Limits())
    database = next((tmp_path / "cache" / "uploads").rglob("*.duckdb"))
    before = database.read_bytes()
    try:
        for sql in (
            "INSERT INTO uploads.leads VALUES (2)",
            "WITH x AS (INSERT INTO uploads.leads VALUES (2) RETURNING *) FROM x",
            "CREATE TABLE uploads.more (a INTEGER)",
            "DETACH uploads",
            f"ATTACH '{database}' AS again (READ_ONLY)",
            f"SELECT * FROM read_blob('{database}')",
            f"COPY (SELECT 1) TO '{database}'",
            f"COPY (SELECT 1) TO '{database.parent / 'new.csv'}'",
        ):
            with pytest.raises((QueryError, DatabaseError)):
                run(engine, sql)
        assert run(engine, "SELECT count(*) FROM uploads.leads").rows == [(1,)]
    finally:
        assert database.read_bytes() == before and len(list(database.parent.iterdir())) == 1
        engine.close()


def test_over_data_files_plans_are_bound_on_a_twin_with_uploads(tmp_path: Path, files: Path, opened: Open) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    parquet(folder / "products.parquet", "SELECT 1 AS id, 'x' AS name, 'y' AS secret")
    engine = opened(folder).attach_files([write(files, "stock.csv", "product_id,n\n1,7\n")], Limits())
    policy = Policy(deny_columns=frozenset({"products.secret"}))
    try:
        sql = "SELECT name, n FROM products JOIN uploads.stock ON product_id = id"
        assert engine.execute(guard.check(sql, policy, engine), Limits()).rows == [("x", 7)]
        with pytest.raises(GuardError, match="more of products"):
            guard.check("SELECT * FROM products, uploads.stock", policy, engine)
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ragged.csv", b"a,b\n1,2\n3,4,5,6\n7,8\n", "ragged.csv, line 3"),
        ("broken.jsonl", b'{"a": 1}\n{"a": 2}\n{bad\n', "broken.jsonl, line 3 cannot be read: it is not JSON"),
        ("broken.parquet", b"PAR1 nonsense", "broken.parquet"),
        ("broken.xlsx", b"PK nonsense", "broken.xlsx is not a spreadsheet"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("notes.txt", b"a", "notes.txt is not a kind of file that can be uploaded"),
    ],
)
def test_a_bad_file_is_told_and_leaves_nothing(
    shop: Path, files: Path, tmp_path: Path, opened: Open, name: str, content: bytes, message: str
) -> None:
    (files / name).write_bytes(content)
    with pytest.raises(DatabaseError, match=message) as caught:
        opened(shop).attach_files([write(files, "good.csv", "a\n1\n"), files / name], Limits())
    assert caught.value.hint and str(files) not in caught.value.message
    assert kept(tmp_path) == []


def test_uploads_have_bounds(shop: Path, files: Path, tmp_path: Path, opened: Open) -> None:
    base = opened(shop)
    rows = write(files, "rows.csv", "a\n" + "1\n" * 11)
    bomb = parquet(files / "bomb.parquet", "SELECT 0 AS a FROM range(5000000)")
    wide = parquet(files / "wide.parquet", "SELECT repeat('x', 1000000) AS a FROM range(3000)")
    numbers: list[list[object]] = [[n] for n in range(11)]
    cells: list[list[object]] = [["a"], *numbers]
    sheet = workbook(files / "sheet.xlsx", {"s": cells})
    for path in (rows, bomb, sheet):
        with pytest.raises(LimitError, match=f"{path.name} takes more than 10 rows") as caught:
            base.attach_files([path], Limits(upload_rows=10))
        assert caught.value.limit == "upload_rows" and caught.value.hint
    with pytest.raises(LimitError, match=r"rows\.csv: 24 bytes are more than an upload may have \(10\)") as caught:
        base.attach_files([rows], Limits(upload_bytes=10))
    assert caught.value.limit == "upload_bytes"
    with pytest.raises((LimitError, DatabaseError)):
        base.attach_files([wide], Limits(memory=200_000_000, upload_bytes=1_000_000))
    assert kept(tmp_path) == []
    engine = base.attach_files([rows], Limits(upload_rows=11))
    engine.close()


def test_links_that_leave_their_folder_are_not_uploaded(shop: Path, files: Path, tmp_path: Path, opened: Open) -> None:
    base = opened(shop)
    write(files, "leads.csv", "a\n1\n")
    (files / "out.csv").symlink_to(write(tmp_path, "secret.csv", "a\nhidden\n"))
    (files / "in.csv").symlink_to("leads.csv")
    with pytest.raises(DatabaseError, match=r"out\.csv is a link that leads out of its folder") as caught:
        base.attach_files([files / "leads.csv", files / "out.csv"], Limits())
    assert caught.value.hint and kept(tmp_path) == []
    os.mkfifo(files / "pipe.csv")
    with pytest.raises(DatabaseError, match=r"pipe\.csv"):
        base.attach_files([files / "pipe.csv"], Limits())
    engine = base.attach_files([files / "in.csv"], Limits())
    assert [upload.file for upload in engine.uploads] == ["leads.csv"]
    engine.close()


def test_no_files_missing_files_and_a_second_upload(shop: Path, files: Path, opened: Open) -> None:
    base = opened(shop)
    with pytest.raises(ConfigError, match="no files"):
        base.attach_files([], Limits())
    for missing in (files / "none.csv", files):
        with pytest.raises(DatabaseError) as caught:
            base.attach_files([missing], Limits())
        assert caught.value.hint
    engine = base.attach_files([write(files, "leads.csv", "a\n1\n")], Limits())
    try:
        with pytest.raises(ConfigError, match="already"):
            engine.attach_files([files / "leads.csv"], Limits())
    finally:
        engine.close()


def test_equal_names_are_told_apart_and_the_catalog_makes_way(files: Path, tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "uploads.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA uploads_2; CREATE TABLE uploads_2.leads (secret INTEGER)")
    (files / "more").mkdir()
    paths = [write(files, "leads.csv", "a\n1\n"), write(files / "more", "LEADS.csv", "a\n2\n")]
    engine = opened(path).attach_files(paths, Limits())
    try:
        assert [upload.table for upload in engine.uploads] == ["uploads_3.leads", "uploads_3.LEADS_csv"]
        assert run(engine, "SELECT a FROM uploads_3.leads_csv").rows == [(2,)]
        policy = Policy(deny_tables=frozenset({"uploads_2.leads"}))
        for sql in ("FROM uploads_2.leads", "FROM uploads.uploads_2.leads"):
            with pytest.raises(GuardError):
                guard.check(sql, policy, engine)
    finally:
        engine.close()


def test_names_that_the_base_takes_are_left_to_it() -> None:
    tables = (Table("UPLOADS", ()), Table("uploads_2.orders", ()))
    assert choose_catalog_name(Schema(tables), Path("uploads_3.old.duckdb")) == "uploads_4"
    assert choose_catalog_name(Schema(()), Path("shop.duckdb")) == "uploads"
    with pytest.raises(DatabaseError, match="has changed"):
        join_schemas(Schema((Table("Uploads.leads", ()),)), Schema(()), "uploads")


def test_a_base_that_changes_is_read_again_with_its_uploads(shop: Path, files: Path, opened: Open) -> None:
    engine = opened(shop).attach_files([write(files, "leads.csv", "a\n1\n")], Limits())
    try:
        copy = shop.with_name("copy.duckdb")
        shutil.copy(shop, copy)
        with duckdb.connect(str(copy)) as connection:
            connection.execute("CREATE TABLE fresh AS SELECT 5 AS a")
        copy.replace(shop)
        checked = guard.check("SELECT f.a, l.a FROM fresh f, uploads.leads l", Policy(), engine)
        assert engine.execute(checked, Limits()).rows == [(5, 1)]
    finally:
        engine.close()


def test_a_worker_that_was_killed_finds_the_uploads_again(shop: Path, files: Path, opened: Open) -> None:
    engine = opened(shop).attach_files([write(files, "leads.csv", "a\n1\n")], Limits())
    try:
        for pid in engine.worker_pids:
            os.kill(pid, signal.SIGKILL)
        # Whether it is noticed before or during the next call is a matter of time.
        with contextlib.suppress(DatabaseError):
            run(engine, "SELECT 1")
        assert run(engine, "SELECT a FROM uploads.leads").rows == [(1,)]
    finally:
        engine.close()
    with pytest.raises(DatabaseError, match="closed"):
        run(engine, "SELECT 1")


def test_uploads_that_nobody_closed_go_with_what_opened_them(
    shop: Path, files: Path, tmp_path: Path, opened: Open
) -> None:
    engine = opened(shop).attach_files([write(files, "leads.csv", "a\n1\n")], Limits())
    assert kept(tmp_path)
    del engine
    gc.collect()
    assert kept(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from nl2sql.engines.files.upload_tables import UploadedFiles
uploads = UploadedFiles("uploads", Path(sys.argv[1]))
uploads.database.write_text("secret")
print(uploads.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == "killed" else None
"""


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_what_a_program_leaves_goes_with_the_next_start(shop: Path, tmp_path: Path, how: str) -> None:
    cache = tmp_path / "cache"
    done = subprocess.run([sys.executable, "-c", KILLED, str(cache), how], capture_output=True, text=True, check=False)
    left = Path(done.stdout.strip())
    assert left.exists() == (how == "killed")
    held, given = UploadedFiles("uploads", cache), UploadFolder(cache)
    held.database.write_text("in use")
    (given.path / "leads.csv").write_text("a")
    open_engine(str(shop), Limits(), cache).close()
    assert not left.exists() and held.database.exists()
    forget_abandoned(cache)
    assert held.database.exists() and (given.path / "leads.csv").exists()
    held.close()
    held.close()
    given.close()
    assert kept(tmp_path) == []

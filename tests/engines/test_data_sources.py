"""Data files of every kind, single and in folders, good and bad."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from nl2sql import guard
from nl2sql.engines.files.data_sources import MAX_KEPT_IMPORTS, DataFiles, compute_import_bounds, run_importer
from nl2sql.engines.files.file_importer import build
from nl2sql.engines.worker.os_limits import find_machine_memory
from nl2sql.errors import ConfigError, DatabaseError, GuardError, LimitError, QueryError
from nl2sql.importing.import_errors import UnreadableError
from nl2sql.schema.identifiers import quote
from nl2sql.types import Limits, Policy

from .conftest import Open, run, worker_pid


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def parquet(path: Path, sql: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
    return path


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    book.close()
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.csv", "id,name\n1,Zoë\n2,\n"),
        ("data.csv", "id;name\r\n1;Zoë\r\n2;\r\n"),
        ("data.tsv", "id\tname\n1\tZoë\n2\t\n"),
        ("data.json", '[{"id": 1, "name": "Zoë"}, {"id": 2, "name": null}]'),
        ("data.jsonl", '{"id": 1, "name": "Zoë"}\n{"id": 2}\n'),
        ("DATA.NDJSON", '{"id": 1, "name": "Zoë"}\n{"id": 2}\n'),
    ],
)
def test_text_files(tmp_path: Path, name: str, text: str) -> None:
    database = str(tmp_path / "built.duckdb")
    build(database, [write(tmp_path, name, text)])
    with duckdb.connect(database) as connection:
        rows = connection.execute(f"SELECT * FROM {Path(name).stem} ORDER BY id")
        assert [(column[0], str(column[1])) for column in rows.description or ()] == [
            ("id", "BIGINT"),
            ("name", "VARCHAR"),
        ]
        assert rows.fetchall() == [(1, "Zoë"), (2, None)]


def test_a_late_surprise_makes_the_column_text(tmp_path: Path) -> None:
    database = str(tmp_path / "built.duckdb")
    build(database, [write(tmp_path, "late.csv", "a,b\n" + "1,2\n" * 30_000 + "x,2\n")])
    with duckdb.connect(database) as connection:
        assert [row[1] for row in connection.execute("DESCRIBE late").fetchall()] == ["VARCHAR", "BIGINT"]


def test_parquet_is_read_where_it_lies(tmp_path: Path, opened: Open) -> None:
    path = parquet(tmp_path / "big one.parquet", "SELECT range AS id, 'n' || range AS name FROM range(200000)")
    other = parquet(tmp_path / "other.parquet", "SELECT 1 AS hidden")
    engine = opened(path)
    table = engine.introspect().tables[0]
    assert (table.name, table.kind, table.row_count) == ("big one", "table", 200_000)
    checked = guard.check("SELECT max(id) AS top FROM \"big one\" WHERE name <> 'x'", Policy(), engine)
    assert engine.execute(checked, Limits()).rows == [(199_999,)]
    cached = list((tmp_path / "cache" / "imports").glob("*.duckdb"))
    assert len(cached) == 1 and cached[0].stat().st_size < path.stat().st_size
    for sql in (f"SELECT * FROM read_parquet('{path}')", f"SELECT * FROM '{other}'"):
        with pytest.raises(GuardError):
            guard.check(sql, Policy(), engine)


def test_denied_columns_of_parquet_stay_denied(tmp_path: Path, opened: Open) -> None:
    engine = opened(parquet(tmp_path / "staff.parquet", "SELECT 1 AS id, 2 AS salary"))
    policy = Policy(deny_columns=frozenset({"staff.salary"}))
    for sql in ("SELECT * FROM staff", "SELECT id FROM staff ORDER BY salary", "SELECT COLUMNS('sal') FROM staff"):
        with pytest.raises(GuardError):
            guard.check(sql, policy, engine)
    assert guard.check("SELECT id FROM staff", policy, engine).columns


def test_parquet_with_signs_in_its_name(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    stems = ["a1", "a[1]", "qux", "q?x", "s", "s*", "it's", 'a "b"', "été"]
    for stem in stems:
        parquet(folder / f"{stem}.parquet", "SELECT '{}' AS stem".format(stem.replace("'", "''")))
    engine = opened(folder)
    assert sorted(table.name for table in engine.introspect().tables) == sorted(stems)
    for stem in stems:
        quoted = stem.replace('"', '""')
        assert run(engine, f'SELECT stem FROM "{quoted}"').rows == [(stem,)]


def test_spreadsheet(tmp_path: Path, opened: Open) -> None:
    rows: list[list[object]] = [
        [None, None, None],
        ["id", "when", "code", "code", None, "ratio"],
        [1, datetime.datetime(2024, 5, 6), "007", "a", True, 0.5],
        [2, datetime.datetime(2024, 5, 7, 8, 9), "42", "b", None, 2],
        [],
    ]
    engine = opened(workbook(tmp_path / "Book One.xlsx", {"Data": rows, "Empty": []}))
    table = engine.introspect().tables[0]
    assert table.name == "Book One"
    assert [(column.name, column.type) for column in table.columns] == [
        ("id", "BIGINT"),
        ("when", "TIMESTAMP"),
        ("code", "VARCHAR"),
        ("code_2", "VARCHAR"),
        ("column5", "BOOLEAN"),
        ("ratio", "DOUBLE"),
    ]
    assert run(engine, 'SELECT id, code FROM "Book One" ORDER BY id').rows == [(1, "007"), (2, "42")]


def test_spreadsheet_with_several_sheets(tmp_path: Path, opened: Open) -> None:
    path = workbook(tmp_path / "book.xlsx", {"North": [["a"], [1]], "South East": [["a"], [2]]})
    assert [table.name for table in opened(path).introspect().tables] == ["North", "South East"]


def test_folder(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "data files"
    folder.mkdir()
    write(folder, "sales.csv", "id,amount\n1,2.5\n")
    write(folder, "sales.json", '[{"id": 9}]')
    write(folder, "Sales Ünits.tsv", "id\tn\n1\t2\n")
    write(folder, "readme.md", "not data")
    write(folder, ".hidden.csv", "a\n1\n")
    parquet(folder / "products.parquet", "SELECT 1 AS id, 'x' AS name")
    workbook(folder / "plan.xlsx", {"sales": [["a"], [1]], "goals": [["b"], [2]]})
    engine = opened(folder)
    names = [table.name for table in engine.introspect().tables]
    assert names == ["Sales Ünits", "goals", "plan sales", "products", "sales", "sales_json"]
    checked = guard.check("SELECT s.amount, p.name FROM sales s JOIN products p USING (id)", Policy(), engine)
    assert [str(value) for value in engine.execute(checked, Limits()).rows[0]] == ["2.5", "x"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ragged.csv", b"a,b\n1,2\n3,4,5,6\n7,8\n", "ragged.csv, line 3"),
        ("late.csv", b"a,b\n" + b"1,2\n" * 50 + b"3\n" + b"4,5,6\n" * 3, "late.csv, line 53"),
        ("late.csv", b"a,b\n" + b"1,2\n" * 50 + b"3,4,5\n" + b"6,7\n" * 3, "late.csv, line 52"),
        ("crlf.csv", b"a,b\r\n1,2\r\n3,4,5\r\n4,5\r\n", "crlf.csv, line 3 cannot be read: it has more cells"),
        ("broken.json", b'[\n{"a": 1},\n{"a": }]', "broken.json, line 3 cannot be read: it is not JSON"),
        ("whole.json", b'{"a": 1,\n "b": }', "whole.json, line 2 cannot be read: it is not JSON"),
        ("first.jsonl", b'{bad\n{"a": 2}\n', "first.jsonl, line 1 cannot be read: it is not JSON"),
        (
            "broken.jsonl",
            b'{"a": 1}\r\n\r\n{"a": 2}\n{bad\n{"a": 3}\n',
            "broken.jsonl, line 4 cannot be read",
        ),
        ("head.csv", b"a," + b"b" * 140_000 + b"\n1,2\n3,4\n", "head.csv, line 1: b+… is too long for a name"),
        ("broken.parquet", b"PAR1 nonsense", "broken.parquet"),
        ("broken.xlsx", b"PK nonsense", "broken.xlsx is not a spreadsheet"),
        ("empty.csv", b"", "empty.csv is empty"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableError, match=message) as caught:
        build(str(tmp_path / "built.duckdb"), [tmp_path / name])
    assert caught.value.hint
    assert str(tmp_path) not in caught.value.message


def test_a_bad_file_is_told_by_name_and_leaves_nothing(tmp_path: Path, opened: Open) -> None:
    path = write(tmp_path, "ragged.csv", "a,b\n1,2\n3,4,5,6\n7,8\n")
    with pytest.raises(
        DatabaseError, match=r"ragged\.csv, line 3 cannot be read: it has more cells than the others, which have 2"
    ) as caught:
        opened(path)
    assert caught.value.hint
    assert not [file for file in (tmp_path / "cache" / "imports").iterdir() if file.suffix != ".lock"]


def test_no_name_holds_what_no_query_may(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    engine = opened(write(folder, "a\u200bb.c\x1b\n [x]' \".csv", "n\n1\n").parent)
    [table] = engine.introspect().tables
    assert table.name == "a_b_c__ [x]' \""
    checked = guard.check(f"SELECT n FROM {quote(table.name)}", Policy(), engine)
    assert engine.execute(checked, Limits()).rows == [(1,)]


def test_a_title_before_the_header_is_no_fault(tmp_path: Path, opened: Open) -> None:
    path = write(tmp_path, "report.csv", "Sales, 2024\n\na,b,c\n1,2,3\n4,5,6\n")
    assert run(opened(path), "SELECT sum(a), sum(c) FROM report").rows == [(5, 9)]


def test_a_single_column_of_prose_is_not_taken_for_ragged(tmp_path: Path) -> None:
    text = "notes, free\n" + "plain words\n" * 5 + "one, two, three\n"
    build(str(tmp_path / "built.duckdb"), [write(tmp_path, "notes.csv", text)])


def test_import_is_kept_until_the_file_changes(tmp_path: Path, opened: Open) -> None:
    path = write(tmp_path, "d.csv", "a\n1\n")
    engine = opened(path)
    assert run(engine, "SELECT * FROM d").rows == [(1,)]
    imports = tmp_path / "cache" / "imports"
    first = {file.name: file.stat().st_mtime_ns for file in imports.glob("*.duckdb")}
    opened(path)
    assert {file.name: file.stat().st_mtime_ns for file in imports.glob("*.duckdb")} == first
    write(tmp_path, "d.csv", "a\n1\n22\n")
    assert engine.introspect().tables[0].row_count == 2
    assert run(engine, "SELECT max(a) FROM d").rows == [(22,)]
    assert {file.name for file in imports.glob("*.duckdb")}.isdisjoint(first)


def test_names_of_tables_hold_no_dots(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for name in ("sales.2024.csv", "sales_2024.csv", "sales.2024.tsv"):
        write(folder, name, "a\n1\n")
    workbook(folder / "plan.xlsx", {"Q1.2024": [["a.b"], [1]], "Q2": [["a"], [1]]})
    engine = opened(folder)
    names = [table.name for table in engine.introspect().tables]
    assert names == ["Q1_2024", "Q2", "sales_2024", "sales_2024_csv", "sales_2024_tsv"]
    checked = guard.check('SELECT "a.b" FROM Q1_2024 JOIN sales_2024 ON a = "a.b"', Policy(), engine)
    assert engine.execute(checked, Limits()).rows == [(1,)]


def test_only_the_imports_used_last_are_kept(tmp_path: Path, opened: Open) -> None:
    first, second = (opened(write(tmp_path, f"{name}.csv", "a\n1\n")) for name in ("first", "second"))
    assert run(first, "SELECT * FROM first").rows == run(second, "SELECT * FROM second").rows
    imports = tmp_path / "cache" / "imports"
    old = {path.name for path in imports.glob("*.duckdb")}
    for path in imports.glob("*.duckdb"):
        os.utime(path, (1, 1))
    opened(tmp_path / "second.csv")
    for i in range(MAX_KEPT_IMPORTS):
        (imports / f"{i}.duckdb").write_bytes(b"")
        os.utime(imports / f"{i}.duckdb", (i + 2, i + 2))
    opened(write(tmp_path, "third.csv", "a\n1\n"))
    kept = {path.name for path in imports.glob("*.duckdb")}
    assert len(kept) == MAX_KEPT_IMPORTS and len(kept & old) == 1
    assert run(first, "SELECT * FROM first").rows == [(1,)], "it is open still"
    assert run(first, "SELECT * FROM first", memory=500_000_000).rows == [(1,)], "and imported anew for a new worker"


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_a_disk_without_room_is_told(tmp_path: Path, opened: Open) -> None:
    import resource

    path = write(tmp_path, "big.csv", "a,b\n" + "".join(f"{i},{i * 7919}\n" for i in range(200_000)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with pytest.raises(DatabaseError, match="the imported data cannot be written: File too large") as caught:
            opened(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "NL2SQL_HOME" in caught.value.hint
    assert run(opened(path), "SELECT count(*) FROM big").rows == [(200_000,)]


def test_a_cache_that_cannot_be_written(tmp_path: Path, shop: Path, opened: Open) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", "utf-8")
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        opened(write(tmp_path, "d.csv", "a\n1\n"))
    assert "NL2SQL_HOME" in caught.value.hint
    engine = opened(shop)
    assert guard.check("SELECT id FROM sale", Policy(), engine).tables == ("sale",)


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"gone\.csv cannot be read: No such file"):
        build(str(tmp_path / "built.duckdb"), [tmp_path / "gone.csv"])


def test_two_at_once_build_once(tmp_path: Path, opened: Open) -> None:
    path = write(tmp_path, "d.csv", "a\n" + "1\n" * 1000)
    threads = [threading.Thread(target=opened, args=(path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list((tmp_path / "cache" / "imports").glob("*.duckdb"))) == 1
    assert run(opened(path), "SELECT count(*) FROM d").rows == [(1000,)]


def test_a_file_taken_away_while_open(tmp_path: Path, opened: Open) -> None:
    path = parquet(tmp_path / "p.parquet", "SELECT 1 AS a")
    engine = opened(path)
    assert run(engine, "SELECT * FROM p").rows == [(1,)]
    path.unlink()
    with pytest.raises(DatabaseError) as caught:
        run(engine, "SELECT * FROM p")
    assert str(tmp_path) not in caught.value.message
    with pytest.raises(DatabaseError, match=r"p\.parquet"):
        engine.introspect()


def test_links_that_leave_the_folder_are_left_out_and_said(tmp_path: Path, opened: Open) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "data"
    (folder / "more").mkdir(parents=True)
    outside.mkdir()
    write(outside, "secret.csv", "key\nhidden\n")
    write(folder, "own.csv", "a\n1\n")
    write(folder / "more", "inner.txt", "b\n2\n")
    parquet(folder / "more" / "p.parquet", "SELECT 3 AS c")
    (folder / "inside.csv").symlink_to("more/inner.txt")
    (folder / "big.parquet").symlink_to(folder / "more" / "p.parquet")
    (folder / "twice.csv").symlink_to("inside.csv")
    (folder / "out.csv").symlink_to(outside / "secret.csv")
    (folder / "up.csv").symlink_to("../outside/secret.csv")
    (folder / "through.csv").symlink_to("more/door/secret.csv")
    (folder / "more" / "door").symlink_to(outside)
    (folder / "a-folder.csv").symlink_to(outside)
    (folder / "archive").symlink_to("../outside")
    (folder / "archive-inside").symlink_to("more")
    (folder / "notes").symlink_to(outside / "secret.csv")
    (folder / "own-folder.csv").symlink_to("more")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "nothing.csv").symlink_to("not-there.csv")
    os.mkfifo(folder / "pipe.csv")
    engine = opened(folder)
    assert [table.name for table in engine.introspect().tables] == ["big", "inside", "own", "twice"]
    assert run(engine, "SELECT b, c, a FROM inside, big, own").rows == [(2, 3, 1)]
    out = "is left out: it is a link that leads out of the folder"
    nowhere = "is left out: it is a link that leads nowhere"
    assert engine.notes == (
        f"a-folder.csv {out}",
        f"archive {out}",
        f"loop.csv {nowhere}",
        f"nothing.csv {nowhere}",
        f"out.csv {out}",
        f"through.csv {out}",
        f"up.csv {out}",
    )


def test_a_link_that_the_user_names_is_followed(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    write(folder, "d.csv", "a\n1\n")
    (tmp_path / "link.csv").symlink_to(folder / "d.csv")
    (tmp_path / "link").symlink_to(folder)
    for path in (tmp_path / "link.csv", tmp_path / "link"):
        engine = opened(path)
        assert run(engine, "SELECT * FROM d").rows == [(1,)]
        assert engine.notes == ()


def test_a_folder_of_folders_says_that_they_are_not_read(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "data" / "2024").mkdir(parents=True)
    write(tmp_path / "data" / "2024", "d.csv", "a\n1\n")
    with pytest.raises(DatabaseError, match="no data files") as caught:
        opened(tmp_path / "data")
    assert "The folders in it are not read: name one of them." in caught.value.hint


def test_a_folder_of_nothing_but_links_says_so(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "out.csv").symlink_to(write(tmp_path, "secret.csv", "a\n1\n"))
    with pytest.raises(DatabaseError, match="no data files in data") as caught:
        opened(folder)
    assert "out.csv is left out: it is a link that leads out of the folder" in caught.value.hint


@pytest.mark.parametrize("name", ["pipe.csv", "pipe"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, opened: Open, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(DatabaseError, match=name):
        opened(tmp_path / name)


@pytest.mark.parametrize("exchanged", ["file", "folder"])
def test_what_is_exchanged_for_a_link_is_not_read(tmp_path: Path, exchanged: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "data"
    for made in (outside, folder, tmp_path / "made"):
        made.mkdir()
    secret = write(outside, "d.csv", "a\n1\n")
    if exchanged == "folder":
        folder.rmdir()
        folder.symlink_to(outside)
    else:
        (folder / "d.csv").symlink_to(secret)
        with pytest.raises(UnreadableError, match=r"there is a link now where d\.csv was"):
            build(str(tmp_path / "built.duckdb"), [folder / "d.csv"])
    bounds = {"rows": None, "memory": 500_000_000, "file_bytes": 100_000_000}
    request = {"database": str(tmp_path / "made" / "d.duckdb"), "called": [str(folder / "d.csv")], "bounds": bounds}
    with pytest.raises(DatabaseError, match=r"there is a link now where d\.csv was"):
        run_importer(request, [folder / "d.csv"], 60)


def test_a_parquet_file_that_is_exchanged_for_a_link_is_not_read(tmp_path: Path, opened: Open) -> None:
    parquet(tmp_path / "secret.parquet", "SELECT 2 AS a")
    folder = tmp_path / "data"
    folder.mkdir()
    path = parquet(folder / "p.parquet", "SELECT 1 AS a")
    engine = opened(folder)
    assert run(engine, "SELECT * FROM p").rows == [(1,)]
    path.unlink()
    path.symlink_to(tmp_path / "secret.parquet")
    with pytest.raises((DatabaseError, QueryError)):
        run(engine, "SELECT * FROM p")
    os.kill(worker_pid(engine), signal.SIGKILL)
    for _ in range(2):
        with pytest.raises((DatabaseError, QueryError)):
            run(engine, "SELECT * FROM p")


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_a_name_that_is_no_text_is_told(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder, os.fsdecode(b"\xff.csv"), "a\n1\n")
    with pytest.raises(DatabaseError, match=r"the name of .+\.csv, or of its folder, is not UTF-8") as caught:
        opened(folder)
    assert caught.value.hint


def test_progress_is_in_bytes_of_all_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    write(folder, "a.csv", "a,b\n" + "".join(f"{i},name {i}\n" for i in range(400_000)))
    write(folder, "b.json", '[{"a": 1}]')
    total = sum(path.stat().st_size for path in folder.iterdir())
    told: list[tuple[str, int, int]] = []
    DataFiles(folder, tmp_path / "cache", lambda *progress: told.append(progress)).prepare()
    assert told[0] == ("importing a.csv", 0, total)
    assert next(done for what, done, _ in told if what == "importing b.json") == (folder / "a.csv").stat().st_size
    reading = [done for what, done, of in told if what.startswith("importing") and of == total]
    assert reading == sorted(reading) and reading[-1] <= total
    assert told[-2:] == [("writing the imported data", total, 0), ("imported", 1, 1)]
    DataFiles(folder, tmp_path / "cache", lambda *progress: told.clear()).prepare()
    assert told, "what is imported already needs no progress"


def test_imports_have_bounds_by_the_files_and_the_machine(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = write(folder, "d.csv", "")

    def bounds(size: int) -> tuple[dict[str, Any], float]:
        os.truncate(path, size)
        return compute_import_bounds(DataFiles(folder, tmp_path).list_files())

    small, seconds = bounds(1000)
    assert small["rows"] is None and seconds > 100
    assert small["file_bytes"] >= 200_000_000 and small["memory"] <= find_machine_memory()
    large, longer = bounds(10_000_000_000)
    assert large["file_bytes"] >= 40_000_000_000 and longer > 10_000
    assert small["memory"] <= large["memory"] <= find_machine_memory()


@pytest.mark.parametrize(
    ("bounds", "seconds", "limit", "message"),
    [
        ({"memory": 10_000_000}, 60, "memory", r"d\.csv takes more memory than it may use"),
        ({"file_bytes": 300_000}, 60, "file_bytes", "the data takes more room on the disk than it may use"),
        ({}, 0.05, "seconds", "the import took longer than"),
        ({"rows": 1000, "settings": True}, 60, "upload_rows", r"d\.csv takes more than 1,000 rows"),
    ],
)
def test_an_import_beyond_its_bounds_is_ended(
    tmp_path: Path, bounds: dict[str, Any], seconds: float, limit: str, message: str
) -> None:
    path = write(tmp_path, "d.csv", "a,b\n" + "".join(f"{i},{i * 7919 % 100_003} and {i}\n" for i in range(200_000)))
    (tmp_path / "made").mkdir()
    own = {"rows": None, "memory": 500_000_000, "file_bytes": 100_000_000} | bounds
    request = {"database": str(tmp_path / "made" / "d.duckdb"), "called": [str(path)], "bounds": own}
    with pytest.raises(LimitError, match=message) as caught:
        run_importer(request, [path], seconds)
    assert caught.value.limit == limit and caught.value.hint
    assert ("upload_rows" in caught.value.hint) == (limit == "upload_rows")


# An import that has begun, and takes long.
BEGUN = """
import os, sys
sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
del sys.modules[__name__]
import importlib
importlib.import_module(__name__)
if sys.argv[-1] == "nl2sql.engines.files.file_importer":
    import duckdb, time
    connect = duckdb.connect
    def slow(database, **options):
        connection = connect(database, **options)
        time.sleep(60)
    duckdb.connect = slow
"""
IMPORTING = """
import sys
from pathlib import Path
from nl2sql.engines import open_engine
from nl2sql.types import Limits
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
open_engine(sys.argv[1], Limits(), Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_import_that_is_broken_off_leaves_nothing(tmp_path: Path, number: int, opened: Open) -> None:
    first, temporary, imports = tmp_path / "first", tmp_path / "temporary", tmp_path / "cache" / "imports"
    for folder in (first, temporary):
        folder.mkdir()
    write(first, "csv.py", BEGUN)
    path = write(tmp_path, "d.csv", "a\n1\n")
    program = subprocess.Popen(
        [sys.executable, "-c", IMPORTING, str(path), str(tmp_path / "cache")],
        env={**os.environ, "PYTHONPATH": str(first), "TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while not list(imports.glob("*.tmp/*.duckdb")) and time.monotonic() < deadline:
        time.sleep(0.02)
    [half] = imports.glob("*.tmp/*.duckdb")
    program.send_signal(number)
    program.wait(10)
    while half.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not half.exists()
    assert list(temporary.iterdir()) == []
    if number != signal.SIGKILL:
        assert [left.suffix for left in imports.iterdir()] == [".lock"]
    assert run(opened(write(tmp_path, "other.csv", "a\n2\n")), "SELECT * FROM other").rows == [(2,)]
    assert not list(imports.glob("*.tmp"))


def test_an_import_under_way_is_not_swept_away(tmp_path: Path, opened: Open) -> None:
    from filelock import FileLock

    imports = tmp_path / "cache" / "imports"
    for name in ("running", "killed"):
        (imports / f"{name}.tmp").mkdir(parents=True)
        write(imports / f"{name}.tmp", "half.duckdb", "half")
    write(imports, "of-another-version.tmp", "half")
    with FileLock(imports / "running.duckdb.lock"):
        opened(write(tmp_path, "d.csv", "a\n1\n"))
        assert [path.name for path in imports.glob("*.tmp")] == ["running.tmp"]
    opened(write(tmp_path, "d.csv", "a\n1\n"))
    assert not list(imports.glob("*.tmp"))

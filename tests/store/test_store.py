"""What the store keeps, for whom, and what it does with a file that is not as it should be."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from nl2sql.config import load_config
from nl2sql.errors import ConfigError, StoreError
from nl2sql.store import Store, Turn, make_entry_object, open_store
from nl2sql.store.history_entry import redact_secrets
from nl2sql.store.migrations import MIGRATIONS
from nl2sql.types import ErrorInfo, ResultColumn, Seconds, Status, Usage
from tests.store.conftest import answer_of, failed_answer, result_of


def ids(store: Store, **filters: object) -> list[str]:
    return [entry.id for entry in store.list_entries(**filters)]  # type: ignore[arg-type]


def test_an_entry_has_what_the_answer_had_but_its_rows(store: Store, path: Path) -> None:
    before = dt.datetime.now(dt.UTC)
    store.record(answer_of(verified_query="totals"), url="shop.duckdb", user="ada", client="page")
    entry = store.get_entry("aaaa00000001", user="ada")
    assert before - dt.timedelta(seconds=1) <= entry.at <= dt.datetime.now(dt.UTC)
    assert (entry.question, entry.sql, entry.text) == (
        "Total by city?",
        "SELECT city, total FROM orders",
        "Oslo has most.",
    )
    assert (entry.status, entry.row_count, entry.truncated) == (Status.ANSWERED, 2, False)
    assert entry.columns == (ResultColumn("city", "VARCHAR"), ResultColumn("total", "DOUBLE"))
    assert (entry.usage, entry.seconds) == (Usage(10, 2, 5, 1, 0.25), Seconds(0.1, 0.2, 0.3, 0.4, 1.0))
    assert (entry.url, entry.user, entry.client, entry.verified_query) == ("shop.duckdb", "ada", "page", "totals")
    assert (entry.session, entry.model, entry.error, entry.rating) == ("work", "scripted", None, None)
    assert make_entry_object(entry)["columns"] == [
        {"name": "city", "type": "VARCHAR"},
        {"name": "total", "type": "DOUBLE"},
    ]
    store.close()
    assert "Łódź".encode() not in path.read_bytes(), "a value of the rows lies in the store"


def test_an_answer_without_rows(store: Store) -> None:
    store.record(failed_answer(), url="shop.duckdb")
    entry = store.get_entry("ffff")
    assert (entry.sql, entry.columns, entry.row_count, entry.truncated, entry.result_hash) == (
        None,
        (),
        None,
        None,
        None,
    )
    assert entry.error == ErrorInfo("query", "no such column", "Did you mean total?")


def test_the_hash_counts_values_and_not_their_order(store: Store) -> None:
    rows: list[tuple[object, ...]] = [("Oslo", 0.1 + 0.2), ("Łódź", 2.0), ("Oslo", -0.0)]
    same: list[tuple[object, ...]] = [("Łódź", 2.0), ("Oslo", 0.0), ("Oslo", 0.3)]
    others: list[list[tuple[object, ...]]] = [
        rows[:2],
        [*rows, rows[0]],
        [("Oslo", 0.3), ("Łódź", 2.0), ("Oslo", None)],
        [("0.3", None)],
    ]
    for number, chosen in enumerate([rows, same, *others]):
        store.record(answer_of(f"{number}", result=result_of(*chosen)), url="x")
    hashes = [store.get_entry(f"{number}").result_hash for number in range(6)]
    assert hashes[0] == hashes[1] and len(set(hashes)) == 5


def test_newest_first_and_search_in_any_case(store: Store) -> None:
    store.record(answer_of("1", "How many in ŁÓDŹ?"), url="x")
    store.record(answer_of("2", "Revenue?", sql="SELECT sum(total) AS paid", session="other"), url="x")
    store.record(answer_of("3", "100% of what_now?", text="Nothing fits."), url="x")
    assert ids(store) == ["3", "2", "1"] and ids(store, limit=2) == ["3", "2"] and len(ids(store, limit=None)) == 3
    assert ids(store, search="łódź") == ["1"]
    assert ids(store, search="TOTAL  revenue") == ["2"]
    assert ids(store, search="fits") == ["3"]
    assert ids(store, search="%") == ["3"] and ids(store, search="'") == []
    assert ids(store, session="other") == ["2"]


def test_entries_are_private_to_their_user(store: Store) -> None:
    for number, user in enumerate(["ada", "bob", None]):
        store.record(answer_of(f"aaa{number}"), url="x", user=user)
    assert ids(store, user="ada") == ["aaa0"] and ids(store, user="bob") == ["aaa1"] and ids(store) == ["aaa2"]
    assert ids(store, user="eve") == [] and ids(store, user="ada", search="city") == ["aaa0"]
    assert store.get_entry("a", user="bob").id == "aaa1"
    assert not store.has_session("work", user="eve") and store.list_turns("work", user="eve") == ()
    assert len(store.list_turns("work", user="ada")) == 1
    for user in ("bob", None):
        with pytest.raises(ConfigError, match="no answer 'aaa0'"):
            store.get_entry("aaa0", user=user)
        with pytest.raises(ConfigError, match="no answer 'aaa0'"):
            store.rate("aaa0", True, user=user)
    assert store.get_entry("aaa0", user="ada").rating is None


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(store: Store) -> None:
    for identifier in ("abc1", "abd2", "ab"):
        store.record(answer_of(identifier), url="x")
    assert store.get_entry("ABD").id == "abd2" and store.get_entry(" ab ").id == "ab"
    with pytest.raises(ConfigError, match="several"):
        store.get_entry("a")
    for missing in ("", "zz", "%", "\udcff"):
        with pytest.raises(ConfigError, match="no answer"):
            store.get_entry(missing)


def test_feedback_is_kept_and_can_change(store: Store) -> None:
    store.record(answer_of("1"), url="x")
    store.rate("1", True, comment="right")
    assert (store.get_entry("1").rating, store.get_entry("1").comment) == (True, "right")
    store.rate("1", False)
    assert (store.get_entry("1").rating, store.get_entry("1").comment) == (False, "")


def test_recording_twice_keeps_the_first(store: Store) -> None:
    store.record(answer_of("1"), url="x", user="ada")
    store.record(answer_of("1", "Another?"), url="y", user="bob")
    assert store.get_entry("1", user="ada").question == "Total by city?" and ids(store, user="bob") == []


def test_turns_are_the_last_that_ran_on_that_database(store: Store) -> None:
    for number in range(5):
        store.record(answer_of(f"{number}", f"Question {number}?"), url="here")
    store.record(failed_answer("5"), url="here")
    store.record(answer_of("6", "Elsewhere?"), url="there")
    turns = store.list_turns("work", url="here")
    assert [turn.question for turn in turns] == ["Question 2?", "Question 3?", "Question 4?"]
    assert turns[0] == Turn("Question 2?", "SELECT city, total FROM orders", "(2 rows: city, total)")
    assert [turn.question for turn in store.list_turns("work")] == ["Question 3?", "Question 4?", "Elsewhere?"]


def test_text_that_is_not_unicode_is_kept_as_far_as_it_goes(store: Store) -> None:
    store.record(answer_of("1", "odd \udcff\x00 end"), url="x")
    assert store.get_entry("1").question == "odd ?\x00 end"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("postgresql://ada:secret@host/db", "postgresql://ada:***@host/db"),
        ("postgresql://ada:se:c/ret@host/db?x=1", "postgresql://ada:***@host/db?x=1"),
        ("md:db?motherduck_token=abc&x=1", "md:db?motherduck_token=***&x=1"),
        ("/data/a@b.duckdb", "/data/a@b.duckdb"),
    ],
)
def test_a_url_is_kept_without_its_password(url: str, kept: str) -> None:
    assert redact_secrets(url) == kept


def test_only_the_user_can_read_its_files(store: Store, path: Path) -> None:
    store.record(answer_of(), url="x")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("store*")}
    assert set(modes) >= {"store.sqlite", "store.sqlite-wal"} and set(modes.values()) == {0o600}


def test_an_older_store_is_brought_up_to_date_and_keeps_what_it_has(path: Path) -> None:
    with Store(path) as store:
        store.record(answer_of("1"), url="x")
    connection = sqlite3.connect(path)
    for table in ("feedback", "conversation", "preference", "pin"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("ALTER TABLE entry DROP COLUMN receipt")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with Store(path) as store:
        store.rate("1", True)
        assert store.get_entry("1").rating is True and store.get_entry("1").receipt is None


def test_a_newer_store_is_refused_and_left_alone(path: Path) -> None:
    Store(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version") as caught:
        open_store(load_config())
    assert "Update nl2sql" in caught.value.hint and path.read_bytes() == before


def aside(path: Path) -> list[Path]:
    return sorted(file for file in path.parent.glob("store.damaged-*") if file.suffix == ".sqlite")


def test_a_file_that_is_no_store_is_set_aside(path: Path) -> None:
    path.write_bytes(b"certainly not a database" * 400)
    with Store(path) as store:
        (kept,) = aside(path)
        (warning,) = store.take_warnings()
        assert kept.name in warning and store.take_warnings() == ()
        assert kept.read_bytes().startswith(b"certainly")
        store.record(answer_of("1"), url="x")
        assert ids(store) == ["1"]


def test_late_corruption_keeps_the_new_answer(path: Path) -> None:
    with Store(path) as store:
        for number in range(200):
            store.record(answer_of(f"{number:04}", "?" * 500), url="x")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    path.write_bytes(content)
    with Store(path) as store, Store(path) as other:
        store.record(answer_of("new"), url="x")
        other.record(answer_of("other"), url="x")
        assert ids(store) == ["other", "new"] and len(aside(path)) == 1
        assert store.take_warnings() and not other.take_warnings()


def test_a_store_that_is_deleted_while_open_begins_anew(store: Store, path: Path) -> None:
    store.record(answer_of("1"), url="x")
    for file in path.parent.glob("store*"):
        file.unlink()
    store.record(answer_of("2"), url="x")
    with Store(path) as other:
        assert ids(other) == ["2"]


@pytest.mark.parametrize("kind", ["a file for a folder", "a folder for a file"])
def test_a_home_that_cannot_be_written_is_said_clearly(home: Path, kind: str) -> None:
    if kind == "a file for a folder":
        (home / "blocked").write_text("")
        path = home / "blocked" / "store.sqlite"
    else:
        path = home / "store.sqlite"
        path.mkdir()
    with pytest.raises(StoreError, match="cannot be") as caught:
        Store(path)
    assert "NL2SQL_HOME" in caught.value.hint


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.list_entries()


def fill(path: Path, prefix: str, count: int) -> None:
    with Store(path) as store:
        for number in range(count):
            store.record(answer_of(f"{prefix}{number}"), url="x")


def test_many_processes_and_threads_make_and_fill_one_store(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fill, args=(path, f"p{number}-", 20)) for number in range(3)]
    for process in processes:
        process.start()
    with Store(path) as store:

        def record(prefix: str) -> None:
            for number in range(20):
                store.record(answer_of(f"{prefix}{number}"), url="x")

        threads = [threading.Thread(target=record, args=(f"t{number}-",)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0, 0]
        expected = {f"{kind}{one}-{number}" for kind in "pt" for one in range(3) for number in range(20)}
        assert set(ids(store, limit=None)) == expected
    assert not aside(path)

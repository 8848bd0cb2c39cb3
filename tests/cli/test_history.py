"""What the command line remembers: follow-ups in another process, the history, a replay, and a store that fails."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

BY_CITY = "SELECT city, count(*) AS n FROM orders GROUP BY city ORDER BY city"


@pytest.fixture
def own_shop(shop: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copy(shop, tmp_path / "own.duckdb"))


def asked(cli: Cli, endpoint: Endpoint, shop: Path, sql: str, question: str, *flags: str) -> str:
    """Ask, and return the answer's id."""
    endpoint.will_query(sql)
    endpoint.will_say("There they are.")
    done = cli("ask", "--db", str(shop), "-o", "json", *flags, question, **endpoint.variables)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["id"])


def questions(request: dict[str, Any]) -> list[str]:
    texts = [str(message["content"]) for message in request["messages"] if message["role"] == "user"]
    return ["\n".join(line for line in text.splitlines() if not line.startswith("Today is")) for text in texts]


def test_a_session_makes_follow_ups_across_processes(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    asked(cli, endpoint, shop, BY_CITY, "orders by city?", "-s", "my work")
    asked(cli, endpoint, shop, BY_CITY, "another matter")
    asked(cli, endpoint, shop, BY_CITY, "only Oslo", "--session", "my work")
    assert questions(endpoint.requests[-1]) == ["orders by city?", "only Oslo\nStored: orders.city = 'Oslo'"]
    assert "GROUP BY city" in json.dumps(endpoint.requests[-1]["messages"])
    assert questions(endpoint.requests[2]) == ["another matter"]


def test_a_session_says_when_it_begins(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    for expected in (b"note: 'work' is a new session\n", b""):
        endpoint.will_query("SELECT 1 AS one")
        endpoint.will_say("It is 1.")
        done = cli("ask", "--db", str(shop), "-s", "work", "one?", **endpoint.variables)
        assert (done.returncode, done.stderr) == (0, expected)
    bad = cli("ask", "--db", str(shop), "-s", "../work", "one?", **endpoint.variables)
    assert bad.returncode == 2 and b"cannot be a session's name" in bad.stderr and b"is a new session" not in bad.stderr


def test_history_lists_finds_and_shows(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    first = asked(cli, endpoint, shop, BY_CITY, "orders by city?", "-s", "work")
    second = asked(cli, endpoint, shop, "SELECT sum(total) AS revenue FROM orders", "ŁÓDŹ earns?")
    listed = cli("history").stdout.decode().splitlines()
    assert [line.split()[0] for line in listed] == ["id", second, first]
    assert listed[1].endswith("ŁÓDŹ earns?") and "answered     1" in listed[1]
    assert [e["id"] for e in json.loads(cli("history", "-o", "json", "--limit", "1").stdout)["entries"]] == [second]
    assert second in cli("history", "--search", "łódź REVENUE").stdout.decode()
    assert first not in cli("history", "--search", "łódź").stdout.decode()
    assert first in cli("history", "-s", "work").stdout.decode()
    nothing = cli("history", "--search", "nowhere")
    assert (nothing.returncode, nothing.stdout) == (0, b"") and b"no earlier answer matches" in nothing.stderr
    shown = cli("history", first[:6]).stdout.decode()
    assert "question: orders by city?\n" in shown and "rows: 2\n" in shown and f"database: {shop}\n" in shown
    assert cli("history", first, "-o", "sql").stdout.decode().startswith("SELECT city, count(*)")
    entry = json.loads(cli("history", first, "-o", "json").stdout)
    assert (entry["id"], entry["row_count"], entry["session"], entry["face"]) == (first, 2, "work", "cli")
    receipt = entry["receipt"]
    assert set(receipt["versions"]) == {"nl2sql", "duckdb", "sqlglot"} and receipt["settings"]["model"] == "scripted"
    assert all(receipt[name] for name in ("schema", "data", "policy", "prompt")) and "receipt: schema " in shown


@pytest.mark.parametrize("form", ["csv", "jsonl", "md", "parquet", "sql"])
def test_history_in_every_format(cli: Cli, endpoint: Endpoint, shop: Path, form: str) -> None:
    identifier = asked(cli, endpoint, shop, BY_CITY, 'orders, by "city"?')
    done = cli("history", "-o", form)
    assert (done.returncode, done.stderr) == (0, b"")
    if form == "csv":
        (row,) = csv.DictReader(io.StringIO(done.stdout.decode()))
        assert (row["id"], row["question"], row["row_count"]) == (identifier, 'orders, by "city"?', "2")
    elif form == "jsonl":
        assert json.loads(done.stdout)["id"] == identifier
    elif form == "parquet":
        assert pq.read_table(io.BytesIO(done.stdout))["id"].to_pylist() == [identifier]
    elif form == "md":
        assert identifier in done.stdout.decode().splitlines()[2]
    else:
        assert done.stdout.decode().startswith("SELECT city") and done.stdout.endswith(b";\n")


def test_no_history_yet_and_no_such_answer(cli: Cli) -> None:
    empty = cli("history")
    assert (empty.returncode, empty.stdout) == (0, b"") and b"no answers yet" in empty.stderr
    for command in ("history", "replay"):
        done = cli(command, "abc")
        assert done.returncode == 2 and b"no answer 'abc'" in done.stderr and b"`nl2sql history`" in done.stderr


def test_replay_says_what_changed(cli: Cli, endpoint: Endpoint, own_shop: Path) -> None:
    identifier = asked(cli, endpoint, own_shop, "SELECT id, total FROM orders WHERE id < 4", "small ones?")
    same = cli("replay", identifier[:5])
    assert json.loads(cli("replay", identifier, "-o", "json").stdout)["verdict"] == "same, model changed"
    assert json.loads(cli("replay", identifier, "-o", "json", **endpoint.variables).stdout)["verdict"] == "same"
    assert b"since then model was scripted and is local" in same.stdout
    assert same.returncode == 0 and b"nothing changed" in same.stdout and b": 3 rows" in same.stdout
    with duckdb.connect(str(own_shop)) as connection:
        connection.execute("UPDATE orders SET total = 99 WHERE id = 2")
    assert b"the values changed, the number of rows did not" in cli("replay", identifier).stdout
    assert json.loads(cli("replay", identifier, "-o", "json").stdout)["verdict"] == "data changed"
    with duckdb.connect(str(own_shop)) as connection:
        connection.execute("DELETE FROM orders WHERE id = 2; ALTER TABLE orders ALTER total TYPE DOUBLE")
    changed = json.loads(cli("replay", identifier, "-o", "json", **endpoint.variables).stdout)
    assert changed["verdict"] == "schema changed" and set(changed["since"]) == {"schema", "data"}
    assert changed["changes"] == [
        "the column total was DECIMAL(10,2) and is DOUBLE",
        "there were 3 rows and are 2 rows",
    ]
    assert changed["same"] is False and changed["row_count"] == {"before": 3, "now": 2}
    assert changed["result_hash"]["before"] != changed["result_hash"]["now"]


def test_a_good_answer_becomes_a_question_of_an_evaluation(
    cli: Cli, endpoint: Endpoint, own_shop: Path, tmp_path: Path
) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text('{"id": "old", "question": "One?", "gold_sql": "SELECT 1"}')
    first = asked(cli, endpoint, own_shop, BY_CITY, "orders by “city”?", "-s", "work")
    done = cli("history", first[:6], "--eval", str(file))
    assert (done.returncode, done.stdout) == (0, b"") and b"added to" in done.stderr and b"follow-up" not in done.stderr
    old, new = (json.loads(line) for line in file.read_text().splitlines())
    assert old["id"] == "old"
    assert (new["id"], new["db"], new["question"]) == (first, "own", "orders by “city”?")
    again = cli("history", first, "--eval", str(file))
    assert again.returncode == 2 and b"has that question already" in again.stderr
    second = asked(cli, endpoint, own_shop, BY_CITY, "and now?", "-s", "work")
    assert b"this was a follow-up question" in cli("history", second, "--eval", str(tmp_path / "more.jsonl")).stderr
    endpoint.will_query(BY_CITY)
    endpoint.will_say("There they are.")
    judged = cli("eval", str(tmp_path / "more.jsonl"), "--db", str(own_shop), "-o", "json", **endpoint.variables)
    assert json.loads(judged.stdout)["strict"] == 1.0
    assert cli("history", "--eval", str(file)).returncode == 2
    assert cli("history", first, "--eval", str(tmp_path / "no" / "file")).returncode == 2


def test_replay_cuts_where_the_answer_was_cut(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    identifier = asked(cli, endpoint, shop, "SELECT id FROM orders ORDER BY id", "all?", "--limit", "7")
    shown = json.loads(cli("replay", identifier, "-o", "json").stdout)
    assert shown["same"] is True and shown["row_count"]["now"] == 7 and shown["truncated"]["now"] is True
    unlimited = json.loads(cli("replay", identifier, "-o", "json", "--limit", "0").stdout)
    assert unlimited["same"] is True and unlimited["row_count"]["now"] == 7
    whole = asked(cli, endpoint, shop, "SELECT id FROM orders", "all?", "--limit", "5000")
    assert json.loads(cli("replay", whole, "-o", "json").stdout)["same"] is True


def test_replay_runs_under_the_guard_of_now(cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path) -> None:
    identifier = asked(cli, endpoint, shop, "SELECT total FROM orders LIMIT 3", "totals?")
    policy = tmp_path / "policy.toml"
    policy.write_text('[policy]\ndeny_columns = ["orders.total"]')
    done = cli("replay", identifier, "-o", "json", "--config", str(policy))
    assert done.returncode == 3 and json.loads(done.stdout)["error"]["rule"] == "column"
    assert cli("replay", identifier, "--db", "nowhere.duckdb").returncode == 5


def test_what_was_not_run_cannot_be_replayed(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query(BY_CITY)
    done = cli("ask", "--db", str(shop), "-o", "json", "--dry-run", "by city?", **endpoint.variables)
    again = cli("replay", json.loads(done.stdout)["id"])
    assert again.returncode == 2 and b"was not run" in again.stderr


@pytest.mark.parametrize("trouble", ["no room", "no folder"])
def test_an_answer_is_given_also_where_it_cannot_be_recorded(
    endpoint: Endpoint, shop: Path, home: Path, trouble: str
) -> None:
    endpoint.will_query("SELECT 1 AS one")
    endpoint.will_say("It is 1.")
    limit, folder = "unlimited", home
    if trouble == "no room":
        limit = "8"
    else:
        (home / "file").write_text("")
        folder = home / "file" / "home"
    environment = {**os.environ, **endpoint.variables, "NL2SQL_HOME": str(folder)}
    command = f"ulimit -f {limit}; exec {sys.executable} -m nl2sql ask --db '{shop}' -o csv 'one?'"
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, b"one\n1\n"), done.stderr
    assert b"recorded" in done.stderr


def test_an_answer_beside_a_newer_store(cli: Cli, endpoint: Endpoint, shop: Path, home: Path) -> None:
    cli("history")
    connection = sqlite3.connect(home / "store.sqlite")
    connection.execute("PRAGMA user_version = 1000")
    connection.close()
    endpoint.will_query("SELECT 1 AS one")
    endpoint.will_say("It is 1.")
    done = cli("ask", "--db", str(shop), "-o", "csv", "one?", **endpoint.variables)
    assert (done.returncode, done.stdout) == (0, b"one\n1\n") and b"newer version" in done.stderr
    for arguments in (["history"], ["replay", "a"], ["ask", "-s", "work", "one?"]):
        refused = cli(*arguments, NL2SQL_DB=str(shop), **endpoint.variables)
        assert refused.returncode == 2 and b"newer version" in refused.stderr and b"Update nl2sql" in refused.stderr


def test_a_damaged_store_is_set_aside_and_said(cli: Cli, endpoint: Endpoint, shop: Path, home: Path) -> None:
    (home / "store.sqlite").write_bytes(b"no store at all" * 500)
    endpoint.will_query("SELECT 1 AS one")
    endpoint.will_say("It is 1.")
    done = cli("ask", "--db", str(shop), "-o", "csv", "one?", **endpoint.variables)
    assert (done.returncode, done.stdout) == (0, b"one\n1\n") and b"set aside as" in done.stderr
    assert len(list(home.glob("store.damaged-*.sqlite"))) == 1 and b"one?" in cli("history").stdout


def test_no_key_lies_in_the_home(cli: Cli, endpoint: Endpoint, shop: Path, home: Path) -> None:
    asked(cli, endpoint, shop, BY_CITY, "orders by city?")
    assert (home / "store.sqlite").exists()
    assert all(b"sk-of-the-test" not in file.read_bytes() for file in home.rglob("*") if file.is_file())

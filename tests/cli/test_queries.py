"""`nl2sql queries` as a person uses it: approved SQL becomes a file, and the files are tested."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

COUNT = "SELECT count(*) AS n FROM orders"
BY_TOTAL = "SELECT id FROM orders WHERE total > $least ORDER BY id LIMIT $top"


@pytest.fixture
def project(cli: Cli, shop: Path, tmp_path: Path) -> Path:
    """The folder of a project about the shop."""
    assert cli("init", "--db", str(shop)).returncode == 0
    return tmp_path


def test_a_query_from_adding_to_removing(cli: Cli, project: Path) -> None:
    added = cli("queries", "add", "orders", "--question", "How many orders?", "--by", "Ann", "--yes", COUNT)
    assert added.returncode == 0, added.stderr
    assert COUNT.encode() in added.stderr and b"Reads orders." in added.stderr
    text = (project / "queries" / "orders.sql").read_text("utf-8")
    assert text.startswith("-- name: orders\n-- question: How many orders?\n-- verified_by: Ann\n-- verified_at: 20")
    assert b"How many orders?" in cli("queries", "list").stdout
    shown = json.loads(cli("queries", "show", "orders", "-o", "json").stdout)
    assert shown["sql"] == COUNT and shown["verified_by"] == "Ann" and shown["parameters"] == []
    assert cli("queries", "show", "orders").stdout.decode() == text
    tested = cli("queries", "test")
    assert (
        tested.returncode == 0 and b"ok     orders (1 row" in tested.stdout and b"1 passed, 0 failed" in tested.stderr
    )
    assert cli("queries", "remove", "orders", "--yes").returncode == 0
    assert not list((project / "queries").iterdir()) and b"no verified queries yet" in cli("queries", "list").stderr


def test_parameters_on_the_command_line(cli: Cli, project: Path) -> None:
    flags = ["--parameter", "least: number = 10  # the least total", "--parameter", "top: integer"]
    added = cli("queries", "add", "big", "--question", "Big ones?", *flags, "--yes", "-", stdin=BY_TOTAL.encode())
    assert added.returncode == 0, added.stderr
    listed = json.loads(cli("queries", "list", "-o", "json").stdout)
    assert [one["required"] for one in listed["queries"][0]["parameters"]] == [False, True]
    tested = json.loads(cli("queries", "test", "big", "-o", "json").stdout)
    assert tested["failed"] == 0 and tested["queries"][0]["row_count"] == 1


def test_what_the_guard_refuses_is_not_added(cli: Cli, project: Path) -> None:
    for sql, code in (("DROP TABLE orders", 3), ("SELECT nothing FROM orders", 5)):
        done = cli("queries", "add", "bad", "--question", "Bad?", "--yes", sql)
        assert done.returncode == code and not (project / "queries").exists(), done.stderr


def test_nothing_is_written_without_approval(cli: Cli, project: Path) -> None:
    done = cli("queries", "add", "orders", "--question", "How many?", COUNT)
    assert done.returncode == 2 and b"--yes" in done.stderr and COUNT.encode() in done.stderr
    assert not (project / "queries").exists()


@pytest.mark.parametrize(("said", "is_there"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_person_is_asked_with_the_sql_in_sight(project: Path, said: str, is_there: bool) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, said.encode())
    command = [sys.executable, "-m", "nl2sql", "queries", "add", "orders", "--question", "How many?", COUNT]
    done = subprocess.run(command, stdin=theirs, capture_output=True, cwd=project, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == (0 if is_there else 4), done.stderr
    assert done.stderr.index(COUNT.encode()) < done.stderr.index(b"Is this SQL right")
    assert (project / "queries" / "orders.sql").exists() is is_there


def test_an_earlier_answer_is_verified(cli: Cli, endpoint: Endpoint, project: Path) -> None:
    endpoint.will_query(COUNT)
    endpoint.will_say("There are 2000.")
    answer = json.loads(cli("ask", "-o", "json", "How many orders?", **endpoint.variables).stdout)
    assert cli("queries", "add", "orders", "--from", answer["id"][:6], "--yes").returncode == 0
    shown = json.loads(cli("queries", "show", "orders", "-o", "json").stdout)
    assert (shown["question"], shown["sql"]) == ("How many orders?", answer["sql"])
    both = cli("queries", "add", "two", "--from", answer["id"], "--yes", COUNT)
    assert both.returncode == 2 and b"SQL was given twice" in both.stderr


def test_the_test_says_which_fail(cli: Cli, project: Path, trust: Callable[[Path], None]) -> None:
    folder = project / "queries"
    folder.mkdir()
    (folder / "good.sql").write_text(f"-- question: How many?\n{COUNT}")
    (folder / "gone.sql").write_text("-- question: Gone?\nSELECT gone FROM orders")
    (folder / "write.sql").write_text("-- question: Write?\nDELETE FROM orders")
    trust(project)
    done = cli("queries", "test")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 5 and [line.replace(":", " ").split()[:2] for line in lines] == [
        ["failed", "gone"],
        ["ok", "good"],
        ["failed", "write"],
    ]
    assert b"1 passed, 2 failed" in done.stderr
    assert cli("queries", "test", "good").returncode == 0 and cli("queries", "test", "write").returncode == 3
    (folder / "broken.sql").write_text("-- quest: How many?\nSELECT 1")
    told = json.loads(cli("queries", "test", "-o", "json").stdout)
    assert told["failed"] == 3 and "broken.sql" in told["problems"][0]["message"]
    assert b"Did you mean question" in cli("queries", "list").stderr


def test_without_a_project_file_it_says_how_to_make_one(cli: Cli) -> None:
    for arguments in (["list"], ["show", "x"], ["add", "x", "SELECT 1"], ["remove", "x"], ["test"]):
        done = cli("queries", *arguments)
        assert done.returncode == 2 and b"nl2sql init" in done.stderr, arguments


def test_slips_are_told(cli: Cli, project: Path) -> None:
    for arguments, said in (
        (["add", "x", "SELECT 1"], b"--question"),
        (["add", "x", "--question", "y?"], b"no SQL given"),
        (["show", "x"], b"nl2sql queries list"),
        (["add", "a b", "--question", "y?", "SELECT 1"], b"revenue_by_month"),
        (["add", "x", "--question", "y?", "--parameter", "n integer", "SELECT $n"], b"describes no parameter"),
    ):
        done = cli("queries", *arguments)
        assert done.returncode == 2 and said in done.stderr, (arguments, done.stderr)


def test_a_verified_question_is_answered_without_a_model(
    cli: Cli, endpoint: Endpoint, project: Path, trust: Callable[[Path], None]
) -> None:
    (project / "queries").mkdir()
    (project / "queries" / "orders.sql").write_text(
        f"-- question: How many orders are there?\n-- verified_by: Ann \x1b[31m\n-- verified_at: 2025-01-31\n{COUNT}"
    )
    trust(project)
    done = cli("ask", "-o", "json", "how many orders are there", **endpoint.variables)
    answer = json.loads(done.stdout)
    assert (answer["verified_query"], answer["rows"], answer["usage"]["model_calls"]) == ("orders", [[2000]], 0)
    assert (answer["verified_by"], answer["verified_at"]) == ("Ann \x1b[31m", "2025-01-31")
    shown = cli("ask", "How many orders are there?", **endpoint.variables)
    assert b"n: 2,000." in shown.stdout and endpoint.requests == []
    assert b"Verified query: orders (verified by Ann [31m on 2025-01-31)\n" in shown.stdout
    assert json.loads(cli("history", "-o", "json").stdout)["entries"][0]["verified_query"] == "orders"


def test_one_is_run_with_values_of_ones_own(cli: Cli, project: Path) -> None:
    flags = ["--parameter", "least: number = 10", "--parameter", "top: integer"]
    assert cli("queries", "add", "big", "--question", "Big?", "--by", "Ann", *flags, "--yes", BY_TOTAL).returncode == 0
    done = cli("queries", "run", "big", "--set", "top=2", "--set", "least=-1.5", "-o", "csv")
    assert done.returncode == 0 and done.stdout.count(b"\n") == 3 and b"big was verified: Ann 20" in done.stderr
    assert cli("queries", "run", "big", "-q", "--set", "top=2").stderr == b""
    asked = json.loads(cli("queries", "run", "big", "--set", "top=1", "-o", "json").stdout)
    assert "> 10" in asked["sql"] and "LIMIT 1" in asked["sql"] and asked["row_count"] == 1
    for given, said in (
        ([], "the parameter top has no value"),
        (["top=two"], "the parameter top must be a whole number"),
        (["top=1; DROP TABLE orders"], "the parameter top must be a whole number"),
        (["top=1", "top=2"], "'top' is set twice"),
        (["top"], "'top' is not NAME=VALUE"),
        (["top=1", "lest=2"], "there is no parameter 'lest'. Did you mean least?"),
    ):
        failed = cli("queries", "run", "big", *(part for text in given for part in ("--set", text)))
        assert failed.returncode == 2 and said.partition(".")[0] in failed.stderr.decode(), failed.stderr
    error = json.loads(cli("queries", "run", "big", "-o", "json").stdout)["error"]
    assert error["code"] == "config" and "top has no value" in error["message"]

"""`nl2sql eval` from outside: reports, exit codes, a baseline, a stop and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

COUNT = "SELECT count(*) FROM orders"
QUESTIONS: list[dict[str, Any]] = [
    {"id": 1, "db": "shop", "question": "how many orders?", "gold_sql": COUNT, "difficulty": "easy"},
    {"id": 2, "db": "shop", "question": "how many cities?", "gold_sql": "SELECT count(DISTINCT city) FROM orders"},
]


def written(folder: Path, *questions: Any) -> str:
    path = folder / "questions.jsonl"
    lines = [one if isinstance(one, str) else json.dumps(one) for one in questions]
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


def test_json_has_the_figures_and_every_case(cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path) -> None:
    endpoint.will_query(COUNT)
    endpoint.will_query(COUNT)
    file = written(tmp_path, *QUESTIONS, "{broken")
    done = cli("eval", file, "--db-root", str(shop.parent), "-o", "json", **endpoint.variables)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["n"], report["strict"], report["lenient"]) == (2, 0.5, 0.5)
    assert [one["reason"] for one in report["cases"]] == [None, "wrong_values"]
    assert report["reasons"]["wrong_values"] == 1 and report["by_database"]["shop"]["n"] == 2
    assert report["usage"]["model_calls"] == 2 and report["seconds"]["p50"] > 0
    assert report["problems"] == [{"line": 3, "id": None, "problem": "it is not JSON"}]
    assert b"not scored: line 3: it is not JSON" in done.stderr and b"sample data" not in done.stderr
    assert "DISTINCT" not in json.dumps(endpoint.requests)


def test_one_database_serves_all_and_the_table_is_plain(
    cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path
) -> None:
    endpoint.will_query(COUNT)
    file = written(tmp_path, *({**one, "db": None} for one in QUESTIONS))
    done = cli("eval", file, "--db", str(shop), "--limit", "1", **endpoint.variables)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and lines[1].split()[:3] == ["all", "1", "100.0%"]
    assert b"\x1b" not in done.stdout + done.stderr


def test_reports_are_written_and_the_journal_goes_away(
    cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, *QUESTIONS)
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    done = cli("eval", file, "--db", str(shop), "--report", str(page), "--report", str(data), **endpoint.variables)
    assert done.returncode == 0 and json.loads(data.read_text("utf-8"))["reasons"]["no_sql"] == 2
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["questions.jsonl", "report.html", "report.json"]


def test_accuracy_that_fell_below_the_baseline_fails_and_says_where(
    cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, *({**QUESTIONS[0], "id": i} for i in range(4)))
    for _ in range(4):
        endpoint.will_query(COUNT)
    for name in ("good", "bad"):
        report = tmp_path / f"{name}.json"
        done = cli("eval", file, "--db", str(shop), "--report", str(report), **endpoint.variables)
        assert done.returncode == 0
    for _ in range(4):
        endpoint.will_query(COUNT)
    command = ["eval", file, "--db", str(shop), "--baseline"]
    kept = cli(*command, str(tmp_path / "bad.json"), **endpoint.variables)
    assert kept.returncode == 0, kept.stderr
    fell = cli(*command, str(tmp_path / "good.json"), **endpoint.variables)
    assert fell.returncode == 6 and b"fell below the baseline" in fell.stderr and b"how many orders?" in fell.stderr
    assert fell.stdout.startswith(b" "), "the figures are on stdout all the same"
    compared = cli("eval", "--compare", str(tmp_path / "good.json"), str(tmp_path / "bad.json"), "-o", "json")
    strict = json.loads(compared.stdout)["strict"]
    assert compared.returncode == 0 and len(strict["only_first"]) == 4 and strict["p"] == 0.125


def test_a_stopped_run_keeps_what_is_done_and_goes_on(
    cli: Cli, endpoint: Endpoint, home: Path, shop: Path, tmp_path: Path
) -> None:
    file = written(tmp_path, *({**QUESTIONS[0], "id": i} for i in range(60)))
    journal = tmp_path / "run.journal"
    command = ["eval", file, "--db", str(shop), "--resume", str(journal), "-o", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nl2sql", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "NL2SQL_HOME": str(home), **endpoint.variables},
    )
    deadline = time.monotonic() + 30
    while not (journal.exists() and journal.read_text("utf-8").count('"case"') >= 3) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, notes = process.communicate(timeout=30)
    first = json.loads(output)
    assert process.returncode == 130 and b"run the same command to continue" in notes, notes
    assert not first["finished"] and 3 <= first["n"] < 60
    asked = len(endpoint.requests)
    done = cli(*command, **endpoint.variables)
    second = json.loads(done.stdout)
    assert done.returncode == 0 and second["finished"] and second["n"] == 60
    assert f"{first['n']} of 60 questions are taken from" in done.stderr.decode()
    assert len(endpoint.requests) - asked == 60 - first["n"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no file of questions given"),
        (["nosuch.jsonl"], "cannot be read"),
        (["FILE", "--db-root", "nosuch"], "there is no folder nosuch"),
        (["FILE", "--report", "report.txt"], "neither .html nor .json"),
        (["FILE", "--report", "no/such.html"], "there is no folder no"),
        (["FILE", "--baseline", "FILE"], "is no report"),
        (["--compare", "FILE", "FILE"], "is no report"),
        (["FILE", "--compare", "FILE", "FILE"], "--compare takes no file of questions"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_asked(
    cli: Cli, endpoint: Endpoint, tmp_path: Path, arguments: list[str], told: str
) -> None:
    file = written(tmp_path, *QUESTIONS)
    done = cli("eval", *(file if one == "FILE" else one for one in arguments), **endpoint.variables)
    assert done.returncode == 2 and told in done.stderr.decode() and not endpoint.requests


def test_missing_and_escaping_databases_are_reported(cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path) -> None:
    away = [{**QUESTIONS[0], "id": name, "db": name} for name in ("nowhere", "../shop")]
    file = written(tmp_path, *away)
    done = cli("eval", file, "--db-root", str(shop.parent), **endpoint.variables)
    assert done.returncode == 2 and b"no question could be scored" in done.stderr
    assert b"not scored: nowhere: the database cannot be read" in done.stderr and b"../shop" in done.stderr


def test_a_model_that_never_replies_is_the_models_failure(
    cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path
) -> None:
    endpoint.status = 401
    done = cli("eval", written(tmp_path, *QUESTIONS), "--db", str(shop), **endpoint.variables)
    assert done.returncode == 7 and b"the model answered no question" in done.stderr
    assert b"error" in done.stdout and b"Traceback" not in done.stderr

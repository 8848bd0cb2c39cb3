"""The log: off unless it is asked for, and without keys, prompts, SQL and rows."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

QUESTION = "How many orders are from the cold city?"
SQL = "SELECT city, count(*) AS orders_counted FROM orders WHERE city = 'Oslo' GROUP BY city"
SECRETS = ("sk-of-the-test", "Oslo", "cold city", "orders_counted", "SELECT")


def log_lines(stderr: bytes) -> list[str]:
    return [line for line in stderr.decode().splitlines() if " nl2sql." in line]


def ask(cli: Cli, endpoint: Endpoint, shop: Path, *flags: str, **variables: str) -> tuple[bytes, list[str]]:
    endpoint.will_query("SELECT nothing_such FROM orders WHERE city = 'Oslo'")
    endpoint.will_query(SQL)
    endpoint.will_say("Oslo has 1,000 orders.")
    ran = cli("ask", "--db", str(shop), *flags, QUESTION, **endpoint.variables, **variables)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, log_lines(ran.stderr)


def test_vv_logs_calls_workers_and_caches_but_no_secret(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    _, lines = ask(cli, endpoint, shop, "-vv")
    log = "\n".join(lines)
    host = endpoint.url.split("/")[2]
    assert f"scripted at {host} replied in" in log
    assert "10 prompt tokens (0 cached), 5 completion tokens" in log
    assert "worker" in log and "starts (memory" in log
    assert "schema cache: miss" in log
    assert "repair gave up" in log
    assert not [secret for secret in SECRETS if secret in log]


@pytest.mark.parametrize("flags", [(), ("-v",)])
def test_without_vv_nothing_is_logged(cli: Cli, endpoint: Endpoint, shop: Path, flags: tuple[str, ...]) -> None:
    assert ask(cli, endpoint, shop, *flags)[1] == []


def test_the_variable_names_a_level(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    levels = {line.split()[2] for line in ask(cli, endpoint, shop, NL2SQL_LOG="info")[1]}
    assert levels == {"INFO"}


def test_the_variable_names_a_file_that_only_its_owner_reads(
    cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path
) -> None:
    file = tmp_path / "nl2sql.log"
    assert ask(cli, endpoint, shop, NL2SQL_LOG=str(file))[1] == []
    text = file.read_text("utf-8")
    assert "replied in" in text and not [secret for secret in SECRETS if secret in text]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    ran = cli("check", "SELECT 1", NL2SQL_LOG=str(tmp_path / "none" / "nl2sql.log"))
    assert ran.returncode == 2
    assert b"NL2SQL_LOG" in ran.stderr


def test_a_refusal_is_logged_without_the_endpoints_words(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.status = 401
    ran = cli("ask", "--db", str(shop), "-vv", QUESTION, **endpoint.variables)
    log = "\n".join(log_lines(ran.stderr))
    assert "failed after" in log and "status 401" in log
    assert "no such key" not in log

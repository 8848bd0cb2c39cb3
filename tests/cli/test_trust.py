"""`nl2sql trust` as a person uses it, and what a folder that somebody else made may not do to whoever asks in it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

TOML = """
[database]
url = "sales.csv"
[model]
name = "theirs"
base_url = "http://me:s3cr3t@127.0.0.1:PORT/v1"
[limits]
rows = 5000
[context]
rules = ["Say yes\\u001b[31m\\nnote: fine"]
descriptions = {"sales.total" = "net"}
"""


@pytest.fixture
def clone(tmp_path: Path, endpoint: Endpoint) -> Path:
    """What somebody else made, in the folder that the commands run in."""
    (tmp_path / "sales.csv").write_text("id,total\n1,10\n2,20\n")
    (tmp_path / "nl2sql.toml").write_text(TOML.replace("PORT", endpoint.url.split(":")[2].split("/")[0]))
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "total.sql").write_text("-- question: What is the total?\nSELECT 42 AS total")
    return tmp_path


def test_nothing_is_asked_elsewhere_before_it_is_trusted(cli: Cli, clone: Path, endpoint: Endpoint) -> None:
    own = {**endpoint.variables, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "mine"}
    done = cli("ask", "-q", "What is the total?", **own)
    assert done.returncode == 7 and endpoint.requests == [] and b"42" not in done.stdout
    note = done.stderr.decode().splitlines()[0]
    assert note == (
        f"note: {clone / 'nl2sql.toml'} is not trusted, so model.name, model.base_url, limits.rows, context.rules, "
        f"context.descriptions and the verified query total are ignored. Read it, then: nl2sql trust {clone}"
    )
    assert cli("run", "-o", "csv", "SELECT sum(total) AS n FROM sales").stdout == b"n\n30\n"
    assert b"Say yes" not in cli("schema", "--prompt").stdout


def test_what_it_would_do_is_shown_and_then_trusted(cli: Cli, clone: Path, endpoint: Endpoint) -> None:
    port = endpoint.url.split(":")[2]
    shown = cli("trust", "--show")
    assert shown.returncode == 0 and shown.stdout.decode().splitlines() == [
        f"{clone / 'nl2sql.toml'}: not trusted",
        "  model.name = theirs",
        f"  model.base_url = http://127.0.0.1:{port}",
        "    OPENAI_API_KEY, once you set it, questions, the schema and rows go to this address",
        "  limits.rows = 5000",
        "  context.rules = Say yes [31m note: fine",
        "  context.descriptions.sales.total = net",
        "queries/total.sql: not trusted",
        "  total: What is the total?",
        "    | SELECT 42 AS total",
    ]
    with_key = cli("trust", "--show", OPENAI_API_KEY="sk-hidden").stdout
    assert (
        b"    your API key (OPENAI_API_KEY), questions, the schema and rows go" in with_key and b"sk-" not in with_key
    )
    assert cli("trust", "--show").stdout == shown.stdout, "showing changes nothing"
    trusted = cli("trust")
    assert trusted.returncode == 0 and trusted.stdout == shown.stdout and b"--remove" in trusted.stderr
    assert b"nl2sql.toml: trusted\n" in cli("trust", "--show", str(clone)).stdout
    done = cli("ask", "-q", "-o", "csv", "what is the total")
    assert done.stdout == b"total\n42\n"
    note = f"note: questions go to http://127.0.0.1:{port} (named by {clone / 'nl2sql.toml'})\n"
    assert b"questions go" not in done.stderr and endpoint.requests == [], "nothing is sent anywhere"
    endpoint.will_query("SELECT count(*) AS n FROM sales")
    endpoint.will_say("There are 2.")
    done = cli("ask", "-q", "how many?")
    assert done.returncode == 0 and endpoint.requests[0]["model"] == "theirs" and note in done.stderr.decode()
    assert done.stderr.decode().count("questions go to") == 1 and "Say yes" in json.dumps(endpoint.requests[0])
    endpoint.will_query("SELECT 1 AS n")
    endpoint.will_say("It is 1.")
    said = cli("ask", "-o", "json", "how many?", OPENAI_API_KEY="sk-hidden").stderr.decode()
    assert note.replace("questions go", "questions and your API key (OPENAI_API_KEY) go") in said
    (clone / "questions.jsonl").write_text('{"id": 1, "db": "x", "question": "a?", "gold_sql": "SELECT 1"}')
    assert note in cli("eval", "-q", "questions.jsonl").stderr.decode()
    assert b"questions go to" not in cli("run", "SELECT 1").stderr


def test_sql_is_shown_in_full_unless_long_and_never_disguised(cli: Cli, clone: Path) -> None:
    text = (
        "SELECT 1 --\x1b[2J\u202e\n  , 2\nqueries/total.sql: trusted\r  total: What?" + "\n, 3" * 100 + "\n" + "x" * 900
    )
    (clone / "queries" / "total.sql").write_text(f"-- question: What is the total?\n{text}", newline="")
    shown = cli("trust", "--show").stdout.decode()
    lines = shown[shown.index("  total:") :].splitlines()
    assert lines[1:5] == [
        "    | SELECT 1 -- [2J",
        "    |   , 2",
        "    | queries/total.sql: trusted",
        "    |   total: What?",
    ]
    assert lines[-1] == "    … 65 more lines" and len(lines) == 42 and "\x1b" not in shown and "\u202e" not in shown


@pytest.mark.parametrize(
    ("said", "flags", "is_trusted"), [("y", (), True), ("n", (), False), ("", (), False), ("", ("--yes",), True)]
)
def test_a_person_at_a_terminal_is_asked(
    cli: Cli, clone: Path, said: str, flags: tuple[str, ...], is_trusted: bool
) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{said}\n".encode())
    command = [sys.executable, "-m", "nl2sql", "trust", *flags]
    done = subprocess.run(command, stdin=theirs, capture_output=True, cwd=clone, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == (0 if is_trusted else 4) and b"model.base_url" in done.stdout
    assert (b"Trust this? [y/N]" in done.stderr) is (not flags)
    assert (b"nl2sql.toml: trusted\n" in cli("trust", "--show").stdout) is is_trusted


def test_an_error_names_where_the_address_came_from(cli: Cli, clone: Path) -> None:
    text = '[model]\nname = "m"\nbase_url = "http://127.0.0.1:9/v1"'
    (clone / "nl2sql.toml").write_text(text)
    cli("trust")
    place = f"check model.base_url in {clone / 'nl2sql.toml'}"
    assert place in cli("ask", "how many?").stderr.decode()
    said = cli("ask", "how many?", OPENAI_BASE_URL="http://127.0.0.1:9/v1").stderr.decode()
    assert "check OPENAI_BASE_URL" in said and place not in said


def test_trust_ends_with_the_content_and_with_remove(cli: Cli, clone: Path) -> None:
    cli("trust")
    with (clone / "nl2sql.toml").open("a") as file:
        file.write("# pulled\n")
    (clone / "queries" / "more.sql").write_text("-- question: More?\nSELECT 43 AS more")
    said = cli("run", "SELECT 1").stderr.decode()
    assert "nl2sql.toml has changed since you trusted it" in said and "the verified query more" in said
    shown = cli("trust", "--show").stdout.decode()
    assert "nl2sql.toml: changed since you trusted it" in shown and "queries/total.sql: trusted" in shown
    cli("trust")
    assert cli("run", "SELECT 1", "-q").stderr == b""
    removed = cli("trust", "--remove")
    assert removed.stdout.decode().splitlines() == [
        str(clone / name) for name in ("nl2sql.toml", "queries/more.sql", "queries/total.sql")
    ]
    assert b"is not trusted" in cli("run", "SELECT 1").stderr
    assert b"nothing in that folder was trusted" in cli("trust", "--remove").stderr


def test_a_query_that_cannot_be_read_is_said_once(cli: Cli, clone: Path) -> None:
    (clone / "queries" / "total.sql").write_text("-- questoin: What?\nSELECT 1")
    (clone / "queries" / "long.sql").write_text("-- question: Long?\nSELECT 1" + " " * 300_000)
    assert b"the verified query total" in cli("run", "SELECT 1").stderr
    shown = cli("trust").stdout.decode().splitlines()[-2:]
    assert shown[1].startswith("  cannot be used: queries/total.sql: the header has no field 'questoin'")
    assert cli("run", "SELECT 1").stderr == b"" and b"Did you mean question" in cli("queries", "list").stderr


def test_a_long_text_does_not_hide_its_end(cli: Cli, clone: Path) -> None:
    (clone / "nl2sql.toml").write_text(f'[context]\nrules = ["{"x" * 500}"]')
    assert "x… (500 characters)" in cli("trust", "--show").stdout.decode()


def test_a_folder_may_be_named(cli: Cli, clone: Path) -> None:
    (clone / "below").mkdir()
    assert cli("trust", "below").returncode == 2 and cli("trust", "nowhere").returncode == 2
    assert cli("trust", "--show", "--remove").returncode == 2
    assert cli("trust", "below/../nl2sql.toml").returncode == 0
    assert cli("run", "SELECT 1", "-q").stderr == b""
    (clone / "nl2sql.toml").unlink()
    assert b"Name its folder" in cli("trust").stderr
    assert b"queries/total.sql" in cli("trust", "--remove", ".").stdout, "what is gone can be trusted no more"


def test_a_database_elsewhere_is_an_error(cli: Cli, tmp_path: Path, shop: Path) -> None:
    (tmp_path / "nl2sql.toml").write_text(f'[database]\nurl = "{shop}"')
    for command in (["ask", "how many?"], ["run", "SELECT 1"], ["check", "SELECT 1"], ["schema"], ["ui", "--no-open"]):
        done = cli(*command)
        assert done.returncode == 2 and done.stdout == b"", command
        said = done.stderr.decode()
        assert "names a database outside its folder, and is not trusted" in said and "nl2sql trust " in said
    (tmp_path / "q.jsonl").write_text('{"id": 1, "db": "shop", "question": "a?", "gold_sql": "SELECT 1"}')
    assert cli("eval", "q.jsonl", "-m", "local").returncode == 2
    assert cli("run", "--db", str(shop), "-o", "csv", "SELECT 1 AS n").stdout == b"n\n1\n"
    assert cli("run", "-o", "csv", "SELECT 1 AS n", NL2SQL_DB=str(shop)).stdout == b"n\n1\n"
    assert cli("run", "-o", "csv", "--config", "nl2sql.toml", "SELECT 1 AS n").stdout == b"n\n1\n"
    assert cli("history").returncode == 0 and cli("model", "status").returncode == 0
    answer = json.loads(cli("ask", "-o", "json", "how many?").stdout)
    assert answer["error"]["code"] == "config" and "nl2sql trust" in answer["error"]["hint"]
    cli("trust")
    assert cli("run", "-o", "csv", "SELECT 1 AS n").stdout == b"n\n1\n"


def test_an_earlier_answer_is_replayed_on_its_own_database(
    cli: Cli, endpoint: Endpoint, shop: Path, tmp_path: Path
) -> None:
    endpoint.will_query("SELECT count(*) AS n FROM orders")
    endpoint.will_say("There are 2000.")
    answer = json.loads(cli("ask", "--db", str(shop), "-o", "json", "how many?", **endpoint.variables).stdout)
    (tmp_path / "nl2sql.toml").write_text('[database]\nurl = "/elsewhere.duckdb"')
    done = cli("replay", answer["id"])
    assert done.returncode == 0 and b"nothing changed" in done.stdout


def test_no_variable_leaves_by_a_file(cli: Cli, clone: Path, endpoint: Endpoint) -> None:
    text = (clone / "nl2sql.toml").read_text()
    (clone / "nl2sql.toml").write_text(text.replace("/v1", "/${SECRET}/v1"))
    cli("trust")
    for flags in ((), ("--config", "nl2sql.toml")):
        done = cli("ask", *flags, "how many?", SECRET="s3cr3t-of-mine")
        assert done.returncode == 2 and b"model.base_url holds a variable" in done.stderr
        assert b"s3cr3t-of-mine" not in done.stderr and endpoint.requests == []


def test_own_files_are_trusted(cli: Cli, shop: Path, tmp_path: Path) -> None:
    assert cli("init", "--db", str(shop)).returncode == 0
    count = "SELECT count(*) AS n FROM orders"
    assert cli("queries", "add", "orders", "--question", "How many orders?", "--yes", count).returncode == 0
    done = cli("ask", "-o", "csv", "how many orders")
    assert (done.stdout, b"trust" in done.stderr) == (b"n\n2000\n", False)
    with (tmp_path / "queries" / "orders.sql").open("a") as file:
        file.write("-- and more\n")
    listed = cli("queries", "list")
    assert (
        b"orders" not in listed.stdout and b"queries/orders.sql: it has changed since you trusted it" in listed.stderr
    )
    shown = cli("queries", "show", "orders")
    assert count.encode() in shown.stdout and b"this query is not used" in shown.stderr
    assert cli("queries", "test", "orders").returncode == 2
    cli("trust")
    assert cli("queries", "test", "orders").returncode == 0
    assert cli("queries", "remove", "orders", "--yes").returncode == 0
    assert cli("init", "--force", "--db", str(shop)).returncode == 0 and cli("run", "SELECT 1").stderr == b""


@pytest.mark.parametrize("flags", [(), ("--force",)])
def test_a_project_file_is_not_written_through_a_link(cli: Cli, tmp_path: Path, flags: tuple[str, ...]) -> None:
    outside = tmp_path / "outside"
    (tmp_path / "nl2sql.toml").symlink_to(outside)
    done = cli("init", *flags)
    assert not outside.exists() and done.returncode == (0 if flags else 2)
    assert (tmp_path / "nl2sql.toml").is_symlink() == (not flags)


def test_queries_beside_a_file_of_another_name_can_be_trusted(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("id,total\n1,10\n")
    (tmp_path / "other.toml").write_text('[database]\nurl = "sales.csv"')
    assert b"there is no nl2sql.toml" in cli("trust", ".").stderr
    (tmp_path / "queries").mkdir()
    (tmp_path / "total.sql").write_text("-- question: What is the total?\nSELECT 42 AS total")
    (tmp_path / "queries" / "total.sql").symlink_to("../total.sql")
    run = ("run", "--config", "other.toml", "SELECT 1")
    assert f"nl2sql trust {tmp_path}".encode() in cli(*run).stderr
    trusted = cli("trust", str(tmp_path))
    assert trusted.returncode == 0 and trusted.stdout.decode().splitlines() == [
        "queries/total.sql: not trusted",
        "  total: What is the total?",
        "    | SELECT 42 AS total",
    ]
    assert cli(*run).stderr == b""


def test_doctor_says_what_is_ignored_and_how_to_mend_it(cli: Cli, clone: Path, endpoint: Endpoint) -> None:
    checks = {check["check"]: check for check in json.loads(cli("doctor", "-o", "json").stdout)["checks"]}
    assert checks["trust"]["state"] == "partly" and "endpoint" not in checks and endpoint.requests == []
    assert "model.base_url" in checks["trust"]["hint"] and f"nl2sql trust {clone}" in checks["trust"]["hint"]
    cli("trust")
    checks = {check["check"]: check for check in json.loads(cli("doctor", "-o", "json").stdout)["checks"]}
    assert "trust" not in checks and "questions go to http://127.0.0.1" in checks["endpoint"]["detail"]
    assert "s3cr3t" not in json.dumps(checks)
    (clone / "nl2sql.toml").write_text('[database]\nurl = "/elsewhere.csv"')
    checks = {check["check"]: check for check in json.loads(cli("doctor", "-o", "json").stdout)["checks"]}
    assert checks["database"]["state"] == "failed" and "nl2sql trust" in checks["database"]["hint"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")
def test_a_file_in_a_folder_for_all_is_not_used(cli: Cli, clone: Path) -> None:
    os.chown(clone / "nl2sql.toml", 65534, -1)
    for command in (["run", "-q", "SELECT 1"], ["ask", "how many?"], ["schema"]):
        done = cli(*command)
        assert done.returncode == 2 and done.stdout == b""
        assert done.stderr.count(b"is not used: it belongs to another user") == 1 and b"--db" in done.stderr
    done = cli("run", "-q", "--db", "sales.csv", "SELECT 1")
    assert done.returncode == 0 and b"is not used: it belongs to another user" in done.stderr
    assert b"it belongs to another user" in cli("trust").stdout
    assert cli("run", "SELECT 1", "-q").stderr == b""


def test_a_folder_below_or_another_file_opens_nothing_that_is_denied(cli: Cli, clone: Path, shop: Path) -> None:
    (clone / "nl2sql.toml").write_text('[policy]\ndeny_tables = ["orders"]')
    (clone / "own.toml").write_text("")
    done = cli("run", "--db", str(shop), "--config", "own.toml", "FROM orders LIMIT 1")
    assert done.returncode == 3 and b"denies stays denied" in done.stderr
    assert b"nl2sql.toml" not in cli("run", "--db", "sales.csv", "--config", "nl2sql.toml", "FROM sales").stderr
    (clone / "below").mkdir()
    (clone / "below" / "nl2sql.toml").write_text("[policy]\ndeny_tables = []")
    done = cli("run", "--db", str(shop), "-o", "csv", "FROM orders LIMIT 1", folder=clone / "below")
    assert done.returncode == 3 and done.stdout == b""
    assert b"adds stricter rules" in cli("doctor", "--db", str(shop), "-m", "local", folder=clone / "below").stdout


def test_a_misspelt_policy_is_said_and_a_pattern_refused(cli: Cli, clone: Path) -> None:
    (clone / "nl2sql.toml").write_text('[policy]\ndeny_columns = ["sale.total"]\nallow_tables = ["sales", "sells"]')
    for command in (["run", "SELECT 1"], ["check", "SELECT 1"], ["schema"]):
        said = cli(*command, "--db", "sales.csv").stderr.decode()
        assert "the policy names sale.total, which" in said and "the policy names sells, which" in said, command
    (clone / "nl2sql.toml").write_text('[policy]\ndeny_tables = ["hr.*"]')
    done = cli("run", "--db", "sales.csv", "SELECT 1")
    assert done.returncode == 2 and b"names here are exact" in done.stderr


def test_dbt_files_are_shown_trusted_and_untrusted(cli: Cli, clone: Path) -> None:
    (clone / "nl2sql.toml").write_text('[database]\nurl = "sales.csv"\n[context]\ndbt = "models"\n')
    (clone / "queries" / "total.sql").unlink()
    (clone / "models" / "marts").mkdir(parents=True)
    schema, broken = clone / "models" / "marts" / "schema.yml", clone / "models" / "broken.yml"
    schema.write_text(
        'version: 2\nmodels:\n- name: sales\n  description: "what was \\e[31m sold"\n  columns:\n'
        "  - {name: total, description: net of tax}\n- name: returns\n"
        "metrics:\n- {name: turnover, description: the sum of total}\n"
    )
    broken.write_text("models: 3")
    assert "context.dbt is ignored" in cli("run", "-q", "SELECT 1").stderr.decode()
    assert b"net of tax" not in cli("schema", "--prompt").stdout
    assert cli("trust").stdout.decode().splitlines() == [
        f"{clone / 'nl2sql.toml'}: not trusted",
        "  context.dbt = models",
        "models/broken.yml: not trusted",
        "  cannot be used: models/broken.yml, line 1: models must be a list",
        "models/marts/schema.yml: not trusted",
        "    | sales: what was [31m sold",
        "    | sales.total: net of tax",
        "    | turnover means the sum of total",
    ]
    failed = cli("run", "-q", "SELECT 1")
    assert failed.returncode == 2 and b"models/broken.yml, line 1" in failed.stderr
    broken.unlink()
    told = cli("schema", "-v", "--prompt")
    assert b"net of tax" in told.stdout and b"returns" not in told.stderr
    assert b"does not have: returns" in cli("schema", "-v").stderr and b"returns" not in cli("schema").stderr
    checks = json.loads(cli("doctor", "-o", "json").stdout)["checks"]
    (dbt,) = [check for check in checks if check["check"] == "dbt"]
    assert (
        dbt["state"] == "partly"
        and dbt["detail"] == "models: tables described: 2, metrics: 1"
        and "returns" in dbt["hint"]
    )
    schema.write_text(schema.read_text().replace("net of tax", "gross"))
    changed = cli("schema", "--prompt")
    assert b"gross" not in changed.stdout and b"the dbt file models/marts/schema.yml is ignored" in changed.stderr
    cli("trust")
    removed = cli("trust", "--remove").stdout.decode().splitlines()
    assert removed == [str(clone / name) for name in ("models/broken.yml", "models/marts/schema.yml", "nl2sql.toml")]

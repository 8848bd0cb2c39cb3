"""The commands from outside: stdout, stderr, exit codes and JSON, each run as a process."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow.parquet as pq
import pytest

from nl2sql.cli import _COMMANDS

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

ASK_FIELDS = [
    "id", "question", "status", "answer", "sql", "columns", "rows", "row_count", "truncated", "confidence",
    "grounding", "reading", "warnings", "repairs", "traps", "clarification", "chart", "verified_query", "verified_by",
    "verified_at", "steps", "usage", "seconds", "model", "error",
]  # fmt: skip
COUNT = "SELECT count(*) AS n FROM orders"


def test_ask_json_has_every_field(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT id, total, day FROM orders ORDER BY id LIMIT 2")
    endpoint.will_say("The first is 1.5.")
    done = cli("ask", "--db", str(shop), "-o", "json", "first two orders?", **endpoint.variables)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert list(answer) == ASK_FIELDS
    assert answer["status"] == "answered" and answer["answer"] == "The first is 1.5."
    assert answer["columns"] == [
        {"name": "id", "type": "INTEGER"},
        {"name": "total", "type": "DECIMAL(10,2)"},
        {"name": "day", "type": "DATE"},
    ]
    assert answer["rows"] == [[1, 1.5, "2025-01-02"], [2, 3, "2025-01-03"]]
    basis = [{"text": "1.5", "basis": "total, row 1"}]
    assert answer["grounding"] == {"numbers": 1, "supported": 1, "unsupported": [], "basis": basis}
    assert set(answer["usage"]) == {
        "prompt_tokens", "cached_tokens", "completion_tokens", "model_calls", "cost_usd",
    }  # fmt: skip
    assert set(answer["seconds"]) == {"schema", "model", "guard", "database", "total"}
    assert answer["steps"][0]["tool"] == "sql_query" and answer["model"] == "scripted"
    assert b"sk-of-the-test" not in done.stdout + done.stderr


def test_verbose_says_what_figures_rest_on(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query(COUNT)
    endpoint.will_say("There are 2000 orders.")
    done = cli("ask", "-v", "--db", str(shop), "how many orders?", **endpoint.variables)
    assert "2000: n, row 1" in done.stderr.decode().splitlines()


def test_ask_as_a_table_gives_rows_sentence_and_sql(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query(COUNT)
    endpoint.will_say("There are 2000 orders.")
    done = cli("ask", "--db", str(shop), "how many orders?", **endpoint.variables)
    assert done.stdout.decode() == (
        "   n\n----\n2000\n\nThere are 2000 orders.\n\nSQL:\nSELECT count(*) AS n\nFROM orders\n"
    )
    assert done.stderr == b""


@pytest.mark.parametrize("form", ["csv", "jsonl", "md", "parquet", "sql"])
def test_stdout_carries_the_rows_and_nothing_else(cli: Cli, endpoint: Endpoint, shop: Path, form: str) -> None:
    endpoint.will_query("SELECT city, count(*) AS n FROM orders GROUP BY city ORDER BY city")
    endpoint.will_say("1000 each.")
    done = cli("ask", "--db", str(shop), "-o", form, "orders by city?", **endpoint.variables)
    assert done.returncode == 0
    if form == "csv":
        assert list(csv.reader(io.StringIO(done.stdout.decode()))) == [
            ["city", "n"],
            ["Oslo", "1000"],
            ["Łódź", "1000"],
        ]
    elif form == "jsonl":
        assert [json.loads(line)["n"] for line in done.stdout.splitlines()] == [1000, 1000]
    elif form == "parquet":
        assert pq.read_table(io.BytesIO(done.stdout)).num_rows == 2
    elif form == "md":
        assert done.stdout.decode().startswith("| city | n |\n| --- | ---: |\n")
    else:
        assert done.stdout.decode() == "SELECT city, count(*) AS n\nFROM orders\nGROUP BY city\nORDER BY city\n"
    assert done.stderr.decode() == "1000 each.\n"


def test_a_reader_that_has_enough_ends_it_cleanly(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    code = (
        f"{sys.executable} -m nl2sql run --db '{shop}' -o csv --limit 0 "
        "'SELECT * FROM orders a CROSS JOIN orders b' | head -3; exit ${PIPESTATUS[0]}"
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, timeout=60, check=False)
    assert done.stdout.count(b"\n") == 3
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_cut_result_says_so_and_the_whole_of_it_streams(cli: Cli, shop: Path) -> None:
    cut = cli("run", "--db", str(shop), "-o", "json", "--limit", "5", "FROM orders")
    assert json.loads(cut.stdout)["truncated"] is True and json.loads(cut.stdout)["row_count"] == 5
    assert json.loads(cut.stdout)["warnings"]
    whole = cli("run", "--db", str(shop), "-o", "csv", "--limit", "0", "FROM orders")
    assert whole.stdout.count(b"\n") == 2001
    default = cli("run", "--db", str(shop), "-o", "csv", "FROM orders")
    assert default.stdout.count(b"\n") == 1001 and b"only the first 1,000 rows" in default.stderr


def test_csv_as_its_reader_wants_it(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    sql = "SELECT 1.5 AS a, NULL AS b, '' AS c, 'x;y' AS d"
    run = ("run", "--db", str(shop), "-o", "csv")
    assert cli(*run, "--csv-decimal", ",", sql).stdout.decode() == 'a;b;c;d\n1,5;;"";"x;y"\n'
    assert cli(*run, "--csv-delimiter", "tab", sql).stdout.decode() == 'a\tb\tc\td\n1.5\t\t""\tx;y\n'
    whole = cli(*run, "--limit", "0", "--csv-delimiter", "|", sql)
    assert whole.stdout.decode() == 'a|b|c|d\n1.5||""|x;y\n'
    endpoint.will_query(sql)
    ask = ("ask", "--no-summary", "--db", str(shop), "-o", "csv", "--csv-delimiter", ";", "--csv-decimal", ",")
    assert cli(*ask, "one and a half?", **endpoint.variables).stdout.decode().splitlines()[1].startswith("1,5;")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("-o", "csv", "--csv-delimiter", ",", "--csv-decimal", ","), b"cannot be both delimiter and decimal sign"),
        (("-o", "csv", "--csv-delimiter", "x"), b"'x' is no delimiter of CSV"),
        (("-o", "json", "--csv-delimiter", ";"), b"not -o json"),
    ],
)
def test_signs_that_make_no_csv_are_an_error(cli: Cli, shop: Path, flags: tuple[str, ...], says: bytes) -> None:
    done = cli("run", "--db", str(shop), *flags, "SELECT 1")
    assert done.returncode == 2 and says in done.stderr
    if "csv" in flags:
        assert done.stdout == b""


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl", "md"])
def test_columns_of_one_name_are_told_apart_and_said_once(cli: Cli, shop: Path, form: str) -> None:
    for limit in ("10", "0"):
        done = cli("run", "--db", str(shop), "-o", form, "--limit", limit, "SELECT 1 AS a, 2 AS a")
        assert b"a_2" in done.stdout
        assert done.stderr.decode() == "note: more than one column is called a: here the further one is a_2\n"


def test_json_has_one_type_a_column(cli: Cli, shop: Path) -> None:
    sql = "SELECT unnest([1.50, 12345678901234567.89]) AS d, unnest([1, 2]) AS n"
    done = cli("run", "--db", str(shop), "-o", "json", sql)
    assert json.loads(done.stdout)["rows"] == [["1.50", 1], ["12345678901234567.89", 2]]


def test_the_whole_result_of_a_question(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT id FROM orders")
    endpoint.will_say("Here they are.")
    done = cli("ask", "--db", str(shop), "-o", "csv", "--limit", "0", "all ids", **endpoint.variables)
    assert done.stdout.count(b"\n") == 2001


def test_run_json(cli: Cli, shop: Path) -> None:
    done = cli("run", "--db", str(shop), "-o", "json", "-", stdin=b"SELECT 1.10::DECIMAL(4,2) AS x")
    shown = json.loads(done.stdout)
    assert list(shown) == ["sql", "columns", "rows", "row_count", "truncated", "warnings", "seconds", "error"]
    assert shown["rows"] == [[1.1]]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "DROP TABLE orders"], 3, "error:"),
        (["run", "SELECT nope FROM orders"], 5, "nope"),
        (["run", "SELEC 1"], 5, "error:"),
        (["run", "--timeout", "0.5", "SELECT count(*) FROM range(100000000000) a, range(1000) b"], 6, "0.5"),
        (["run", "--memory", "64MB", "SELECT list(a.i || b.i) FROM range(90000) a(i), range(90000) b(i)"], 6, "memory"),
        (["run", "--memory", "lots", "SELECT 1"], 2, "is not a size"),
        (["run"], 2, "no SQL on stdin"),
        (["ask", "--nope"], 2, "--nope"),
        (["schema", "order"], 2, "Did you mean 'orders'?"),
        (["check", "DELETE FROM orders"], 3, ""),
        (["run", "--config", "none.toml", "SELECT 1"], 2, "there is no file"),
    ],
)
def test_exit_codes(cli: Cli, shop: Path, arguments: list[str], code: int, words: str) -> None:
    done = cli(*arguments, NL2SQL_DB=str(shop))
    assert done.returncode == code, done.stderr
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_database_that_is_not_there(cli: Cli) -> None:
    done = cli("run", "--db", "nowhere.duckdb", "SELECT 1")
    assert done.returncode == 5 and b"nowhere.duckdb" in done.stderr


def test_exit_codes_of_questions(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    def ask(*flags: str) -> int:
        return cli("ask", "--db", str(shop), *flags, "hm?", **endpoint.variables).returncode

    endpoint.will_query("DROP TABLE orders")
    endpoint.will_say("I can't.")
    assert ask() == 3
    endpoint.will_say("There is no weather here.")
    assert ask() == 4
    endpoint.will_call("ask_user", question="Which city?", options=["Oslo", "Łódź"])
    assert ask("-o", "json") == 4
    endpoint.will_query("SELECT count(*) FROM range(100000000000) a, range(1000) b")
    assert ask("--timeout", "0.5") == 6
    endpoint.status = 401
    assert ask("-o", "json") == 7


def test_a_model_that_cannot_be_reached(cli: Cli, shop: Path) -> None:
    done = cli("ask", "--db", str(shop), "-o", "json", "hm?", OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_MODEL="m")
    assert done.returncode == 7
    failed = json.loads(done.stdout)
    assert list(failed) == ASK_FIELDS and failed["status"] == "failed" and failed["error"]["code"] == "model"
    assert failed["error"]["hint"] and b"127.0.0.1:9" in done.stderr


def test_an_endpoint_without_a_model_is_a_matter_of_configuration(cli: Cli, shop: Path) -> None:
    done = cli("ask", "--db", str(shop), "hm?", OPENAI_API_KEY="k")
    assert done.returncode == 2 and b"-m MODEL" in done.stderr


def test_dry_run_and_sql_only_run_nothing(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query(COUNT)
    done = cli("ask", "--db", str(shop), "--sql-only", "how many?", **endpoint.variables)
    assert (done.returncode, done.stdout) == (0, b"SELECT count(*) AS n\nFROM orders\n")
    endpoint.will_query(COUNT)
    done = cli("ask", "--db", str(shop), "--dry-run", "-o", "json", "how many?", **endpoint.variables)
    shown = json.loads(done.stdout)
    assert shown["sql"] and shown["rows"] is None and shown["reading"]
    assert len(endpoint.requests) == 2


def test_confirm_needs_a_terminal(cli: Cli, endpoint: Endpoint, shop: Path) -> None:
    done = cli("ask", "--db", str(shop), "--confirm", "how many?", **endpoint.variables)
    assert done.returncode == 2 and b"--confirm" in done.stderr


def test_check_in_batch_answers_every_line_in_order(cli: Cli, shop: Path) -> None:
    lines = [
        {"id": "a", "sql": COUNT},
        {"id": "b", "sql": "DROP TABLE orders"},
        "not json",
        "[" * 100_000,
        {"id": "c"},
        {"id": 4, "sql": "SELECT * FROM read_text('x')"},
        {"id": "d", "sql": "SELECT max(total) FROM orders"},
    ]
    stdin = b"\xff\n" + "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()
    done = cli("check", "--jsonl", "--db", str(shop), stdin=stdin)
    assert done.returncode == 0
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(verdict["id"], verdict["allowed"]) for verdict in verdicts] == [
        (None, False), ("a", True), ("b", False), (None, False), (None, False), ("c", False), (4, False), ("d", True),
    ]  # fmt: skip
    assert all(list(verdict) == ["id", "allowed", "rule", "message"] for verdict in verdicts)
    assert all(bool(verdict["rule"]) is not verdict["allowed"] for verdict in verdicts)


_PARAMETERS = "refused (parameter); refused (parameter) at line 1, column 8"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (COUNT, ["allowed", "allowed", "allowed", "allowed"]),
        ("SELECT\b 1", ["refused (control-character) at line 1, column 7", "skipped", "skipped", "skipped"]),
        ("SELECT 1\nFROM nope", ["allowed", "refused (table) at line 2, column 6", "skipped", "allowed"]),
        (
            "SELECT idd FROM orders",
            ["allowed", "allowed", "refused (bind) at line 1, column 8", "allowed"],
        ),
        (
            "SELECT nextval(idd) FROM orders",
            ["allowed", "refused (function) at line 1, column 8", "refused (bind)", "allowed"],
        ),
        ("SELECT $1", ["allowed", _PARAMETERS, "skipped", "refused (parameter)"]),
    ],
)
def test_check_tells_what_every_judge_says(cli: Cli, shop: Path, sql: str, said: list[str]) -> None:
    lines = cli("check", "-v", "--db", str(shop), sql).stderr.decode().splitlines()
    assert [line.partition(" (")[0] for line in lines[:4]] == ["lexical", "engine-tree", "engine-plan", "sqlglot"]
    assert [line.partition("): ")[2].partition(", because")[0] for line in lines[:4]] == said


def test_check_one(cli: Cli, shop: Path) -> None:
    allowed = cli("check", "-v", "--db", str(shop), COUNT)
    assert (allowed.returncode, allowed.stdout) == (0, b"allowed\n")
    assert b"runs as: SELECT count_star() AS n FROM orders" in allowed.stderr
    refused = cli("check", "--db", str(shop), "SELECT * FROM '/etc/passwd'")
    assert refused.returncode == 3 and refused.stdout.startswith(b"refused (")


def test_a_policy_holds_and_what_it_denies_is_nowhere(cli: Cli, shop: Path, tmp_path: Path) -> None:
    config = tmp_path / "policy.toml"
    config.write_text('[policy]\ndeny_columns = ["orders.total"]')
    flags = ("--db", str(shop), "--config", str(config))
    assert cli("run", *flags, "SELECT total FROM orders").returncode == 3
    assert cli("run", *flags, "SELECT * FROM orders").returncode == 3
    assert cli("run", *flags, "SELECT count(*) FROM orders").returncode == 0
    assert b"total" not in cli("schema", *flags, "--prompt").stdout


def test_schema(cli: Cli, shop: Path) -> None:
    assert cli("schema", "--db", str(shop)).stdout.split()[:5] == [b"table", b"kind", b"rows", b"columns", b"comment"]
    assert b"city VARCHAR, -- 'Oslo'" in cli("schema", "--db", str(shop), "orders").stdout.replace(
        "'Łódź', ".encode(), b""
    )
    assert json.loads(cli("schema", "--db", str(shop), "-o", "json").stdout)["tables"][0]["row_count"] == 2000
    prompt = cli("schema", "--db", str(shop), "--prompt")
    assert b"CREATE TABLE orders" in prompt.stdout and b"tokens" in prompt.stderr


def test_files_and_folders(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cities.csv").write_text("id,city\n1,Oslo\n2,Łódź\n", "utf-8")
    (tmp_path / "data" / "visits.jsonl").write_text('{"city_id": 1, "n": 5}\n{"city_id": 2, "n": 7}\n')
    sql = "SELECT city, n FROM cities JOIN visits ON city_id = id ORDER BY n DESC"
    done = cli("run", "--db", "data", "-o", "csv", sql)
    assert done.stdout.decode() == "city,n\nŁódź,7\nOslo,5\n", done.stderr


def test_without_a_database_the_sample_data_answers_and_says_so(cli: Cli) -> None:
    done = cli("run", "SELECT 1 AS one")
    assert done.stdout == b"one\n---\n  1\n" and b"sample data" in done.stderr
    assert cli("run", "-q", "SELECT 1 AS one").stderr == b""


def test_an_empty_name_is_not_the_sample_data(cli: Cli) -> None:
    done = cli("run", "--db", "", "SELECT 1")
    assert done.returncode == 2 and b"--db is empty" in done.stderr


def test_output_is_utf_8_whatever_the_terminal_says(cli: Cli, shop: Path) -> None:
    done = cli("run", "--db", str(shop), "-o", "json", "SELECT 'Łódź' AS c", PYTHONIOENCODING="cp1252")
    assert json.loads(done.stdout)["rows"] == [["Łódź"]]


def test_comments_cannot_steer_the_terminal(cli: Cli, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "odd.duckdb")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER); COMMENT ON TABLE t IS 'x\x1b]0;owned\x07y'")
    for arguments in (["schema"], ["schema", "t"], ["schema", "--prompt"]):
        assert b"\x1b" not in cli(*arguments, "--db", "odd.duckdb").stdout


def test_init_writes_a_file_that_works_and_overwrites_nothing(
    cli: Cli, shop: Path, tmp_path: Path, trust: Callable[[Path], None]
) -> None:
    assert cli("init", "--db", str(shop)).returncode == 0
    assert cli("run", "-o", "csv", COUNT).stdout == b"n\n2000\n"
    again = cli("init", "--db", str(shop))
    assert again.returncode == 2 and b"--force" in again.stderr
    text = re.sub(r"(?m)^# (?=\w+ = |\[)", "", (tmp_path / "nl2sql.toml").read_text("utf-8"))
    (tmp_path / "nl2sql.toml").write_text(text.replace('name = "local"', 'name = "m"'), "utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "schema.yml").write_text("version: 2\n")
    trust(tmp_path)
    assert cli("check", "SELECT 1").returncode == 0 and "\nspill" in text and "\n[files" in text, (
        "every commented setting must be one that is known"
    )


def test_every_command_is_in_the_readme_and_has_an_example() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    for name in _COMMANDS:
        assert f"nl2sql {name}" in readme
        done = subprocess.run([sys.executable, "-m", "nl2sql", name, "--help"], capture_output=True, check=True)
        assert b"nl2sql " + name.encode() in done.stdout.split(b"Options:")[1], f"{name} --help has no example"


def test_doctor_says_what_is_wrong_and_how_to_mend_it(cli: Cli, shop: Path) -> None:
    done = cli("doctor", "--db", str(shop), "-o", "json", OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_MODEL="m")
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["database"]["state"] == "ok" and checks["model"]["state"] == "failed"
    assert checks["model"]["hint"] and done.returncode == 7
    broken = cli("doctor", "--db", "nowhere.csv")
    assert broken.returncode == 5 and b"nowhere.csv" in broken.stdout


def test_doctor_names_the_views_that_a_policy_hides(cli: Cli, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "pay.duckdb")) as connection:
        connection.execute("CREATE TABLE pay (id INTEGER, wage INTEGER); CREATE VIEW top AS SELECT wage FROM pay")
        connection.execute("CREATE VIEW ids AS SELECT id FROM pay; CREATE VIEW gone AS SELECT id FROM pay")
    text = '[database]\nurl = "pay.duckdb"\n[policy]\ndeny_columns = ["pay.wage"]\ndeny_tables = ["gone"]'
    (tmp_path / "nl2sql.toml").write_text(text)
    checks = {check["check"]: check for check in json.loads(cli("doctor", "-v", "-o", "json").stdout)["checks"]}
    assert checks["views"]["detail"] == "hidden, because they read what the policy denies: top"
    assert b"top" not in cli("doctor").stdout


def test_a_plan_is_shown_line_by_line(cli: Cli, shop: Path) -> None:
    done = cli("run", "--db", str(shop), "EXPLAIN ANALYZE SELECT city FROM orders WHERE id > 3")
    lines = done.stdout.decode().splitlines()
    assert lines[:2] == ["explain_key: analyzed_plan", "explain_value:"] and len(lines) > 5 and done.stderr == b""
    assert all(line.startswith("  ") for line in lines[2:]) and any("orders" in line for line in lines)
    done = cli("run", "--db", str(shop), "SELECT 1 AS n, NULL AS x, 'a' || chr(10) || chr(27) || 'SQL: b' AS text")
    assert done.stdout.decode() == "n: 1\nx: NULL\ntext:\n  a\n  ␛SQL: b\n"
    both = cli("run", "--db", str(shop), "SELECT 'a' || chr(10) || 'b' AS text FROM range(2)")
    assert both.stdout == b"text\n----\na b\na b\n"


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_file_in_place_of_sql_is_told_how_to_be_given(cli: Cli, shop: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "the query.sql").write_text("SELECT 1 AS n")
    done = cli(command, "--db", str(shop), "the query.sql")
    assert done.returncode == 2 and done.stdout == b""
    assert f"nl2sql {command} - < 'the query.sql'" in done.stderr.decode()
    assert cli(command, "--db", str(shop), "-", stdin=b"SELECT 1 AS n").returncode == 0
    assert b"is a file" not in cli(command, "--db", str(shop), "other.sql").stderr


def test_model_commands_without_a_server(cli: Cli) -> None:
    assert json.loads(cli("model", "status", "-o", "json").stdout)["running"] is False
    done = cli("model", "stop")
    assert (done.returncode, done.stderr) == (0, b"it was not running\n")

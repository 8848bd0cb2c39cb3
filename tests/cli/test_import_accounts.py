"""How data files were read is told: once on stderr, by `schema` and `doctor`, and as the owner of the files says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nl2sql
from nl2sql import FileRules
from nl2sql.model.scripted import ScriptedModel, calls

from .conftest import Cli

REPORT = "Report of March\n\nregion;total;pieces;day\nN;1.234,56;1.250;03.04.2025\nS;2,50;999;N/A\nSource: own counts\n"
OPEN = "k;v;n\n1;03/04/2025;1.250\n2;05/06/2025;2.500\n"


@pytest.fixture
def report(tmp_path: Path) -> str:
    (tmp_path / "report.csv").write_text(REPORT, "utf-8")
    return str(tmp_path / "report.csv")


def test_it_is_said_once_how_a_file_was_read(cli: Cli, report: str) -> None:
    first = cli("run", "--db", report, "SELECT sum(total) AS t, sum(pieces) AS p FROM report", "-o", "csv")
    assert first.stdout == b"t,p\n1237.06,2249\n"
    said = first.stderr.decode()
    assert "report.csv: 2 rows of 6 lines read as table report" in said
    assert "line 1 is left out, a title above the table: 'Report of March'" in said
    assert "line 6 is left out, a note below the table: 'Source: own counts'" in said
    assert cli("run", "--db", report, "SELECT 1").stderr == b""


def test_quiet_says_only_what_is_doubtful(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "open.csv").write_text(OPEN, "utf-8")
    said = cli("run", "--db", "open.csv", "-q", "SELECT 1").stderr.decode()
    assert "read open.csv" not in said
    assert "column v: stays text: nothing says whether" in said and "column n: stays text" in said


def test_schema_tells_the_account(cli: Cli, report: str) -> None:
    told = cli("schema", "--db", report, "report").stdout.decode()
    assert "-- format: utf-8, cells separated by semicolon, header in line 3" in told
    assert "-- total: DOUBLE; decimal sign ','" in told
    assert "-- day: DATE; day first, with points; read as NULL: 'N/A' (1)" in told
    [account] = json.loads(cli("schema", "--db", report, "-o", "json").stdout)["imports"]
    assert (account["rows"], account["lines"]) == (2, 6)
    assert [column["type"] for column in account["columns"]] == ["VARCHAR", "DOUBLE", "BIGINT", "DATE"]


def test_doctor_tells_what_is_doubtful(cli: Cli, tmp_path: Path, report: str) -> None:
    assert [check for check in _check(cli, report) if check["check"] == "data files"] == [
        {"check": "data files", "state": "ok", "detail": "1 table read from data files", "hint": None}
    ]
    (tmp_path / "open.csv").write_text(OPEN, "utf-8")
    [check] = [check for check in _check(cli, "open.csv") if check["check"] == "data files"]
    assert check["state"] == "partly" and "nothing says whether" in str(check["hint"])


def _check(cli: Cli, path: str) -> list[dict[str, object]]:
    checks: list[dict[str, object]] = json.loads(cli("doctor", "--db", path, "-o", "json").stdout)["checks"]
    return checks


def test_the_owner_says_how_a_file_is_read(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "open.csv").write_text(OPEN, "utf-8")
    (tmp_path / "nl2sql.toml").write_text(
        '[files."open.csv"]\ndates = "month first"\ndecimal = ","\ntypes = {k = "text"}\n', "utf-8"
    )
    sql = "SELECT typeof(k) AS k, v, n FROM open LIMIT 1"
    waiting = cli("run", "--db", "open.csv", "-o", "csv", sql)
    assert waiting.stdout == b"k,v,n\nBIGINT,03/04/2025,1.250\n" and b"is not trusted" in waiting.stderr
    assert cli("trust", ".").returncode == 0
    done = cli("run", "--db", "open.csv", "-o", "csv", sql)
    assert done.stdout == b"k,v,n\nVARCHAR,2025-03-04,1250\n", done.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("heder = 1", "Did you mean 'header'?"),
        ('decimal = ";"', "decimal must be"),
        ('dates = "daily"', "dates must be one of"),
        ('types = {a = "int"}', "types must be each one of text"),
        ('null = "-"', "null"),
        ('encoding = "${SECRET}"', "variable"),
    ],
)
def test_a_wrong_rule_is_told(cli: Cli, tmp_path: Path, report: str, setting: str, said: str) -> None:
    (tmp_path / "own.toml").write_text(f'[files."report.csv"]\n{setting}\n', "utf-8")
    done = cli("run", "--db", report, "--config", "own.toml", "SELECT 1")
    assert done.returncode == 2 and said in done.stderr.decode()


def test_python_warns_of_doubts_and_has_the_account(tmp_path: Path, home: Path) -> None:
    (tmp_path / "open.csv").write_text(OPEN, "utf-8")
    with pytest.warns(UserWarning) as caught:
        assistant = nl2sql.connect(str(tmp_path / "open.csv"))
    assert sum("nothing says whether" in str(one.message) for one in caught) == 2
    with assistant:
        assert [column.type for column in assistant.database.imports[0].columns] == ["BIGINT", "VARCHAR", "VARCHAR"]
        rules = {"open.csv": FileRules(dates="day first", decimal=".")}
        with assistant.with_files([tmp_path / "open.csv"], rules=rules) as session:
            assert [column.type for column in session.database.imports[-1].columns] == ["BIGINT", "DATE", "DOUBLE"]


def test_under_a_policy_the_account_holds_no_text_of_the_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "staff.csv").write_text("name,salary,since\nAnn,secret 1,01/02/2020\nTotal,2,3\n", "utf-8")
    (tmp_path / "own.toml").write_text('[policy]\ndeny_columns = ["staff.salary"]\n', "utf-8")
    done = cli("schema", "--db", "staff.csv", "--config", "own.toml", "-o", "json")
    [account] = json.loads(done.stdout)["imports"]
    assert [column["name"] for column in account["columns"]] == ["name", "since"]
    told = (done.stdout + done.stderr).decode()
    assert "salary" not in told and "secret" not in told and "01/02/2020" not in json.dumps(account)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("sql", "level", "warned"),
    [
        ("SELECT max(v) AS last FROM open", "check", True),
        ("SELECT k FROM open ORDER BY k", "high", False),
        ("SELECT year(v) AS y FROM open", None, True),
    ],
)
def test_an_answer_by_a_doubtful_column_says_so(
    tmp_path: Path, home: Path, sql: str, level: str | None, warned: bool
) -> None:
    (tmp_path / "open.csv").write_text(OPEN, "utf-8")
    model = ScriptedModel(calls("sql_query", query=sql), "Here it is.", "Here it is.", "Here it is.")
    with nl2sql.connect(str(tmp_path / "open.csv"), model=model) as assistant:
        answer = assistant.ask("the last v of each k")
    assert any("v of open stays text" in text for text in answer.warnings) == warned
    assert (answer.confidence.level if answer.confidence else None) == level, answer.confidence


STAFF = '[{"code": "c-17", "visits": [{"pay": 70001}]}, {"code": "c-18", "visits": [{"pay": 70002}]}]'


@pytest.mark.parametrize(
    ("denied", "seen"),
    [
        ('deny_columns = ["staff.visits"]', {"staff": ["code"]}),
        ('deny_columns = ["staff.code"]', {"staff": ["visits"], "staff_visits": ["pay"]}),
        ('deny_tables = ["staff"]', {}),
        ('deny_tables = ["staff_visits"]', {"staff": ["code"]}),
        ('deny_columns = ["staff_visits.pay"]', {"staff": ["code"], "staff_visits": ["staff_code"]}),
        (
            'allow_tables = ["staff_visits"]\ndeny_columns = ["shop.x"]',
            {"staff_visits": ["staff_code", "pay"]},
        ),
    ],
)
def test_what_is_denied_is_not_to_be_seen_in_a_table_made_of_it(
    cli: Cli, tmp_path: Path, denied: str, seen: dict[str, list[str]]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "staff.json").write_text(STAFF, "utf-8")
    (data / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    (tmp_path / "own.toml").write_text(f"[policy]\n{denied}\n", "utf-8")
    told = json.loads(cli("schema", "--db", "data", "--config", "own.toml", "-o", "json").stdout)
    found = {table["name"]: [column["name"] for column in table["columns"]] for table in told["tables"]}
    found.pop("other", None)
    assert found == seen
    if "staff.code" in denied:
        assert '"code"' not in json.dumps(told) and "staff_code" not in json.dumps(told)
    if "staff_visits" not in seen:
        done = cli("run", "--db", "data", "--config", "own.toml", "SELECT * FROM staff_visits")
        assert done.returncode != 0 and b"7000" not in done.stdout


@pytest.mark.parametrize(
    ("denied", "seen"),
    [
        ('deny_columns = ["sales_2025-02.salary"]', ["file", "name"]),
        ('deny_tables = ["sales_2025-02"]', None),
    ],
)
def test_policy_of_one_file_holds_for_the_merged_table(
    cli: Cli, tmp_path: Path, denied: str, seen: list[str] | None
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for month in ("01", "02"):
        (data / f"sales_2025-{month}.csv").write_text(f"name,salary\nAnn,{month}\n", "utf-8")
    (data / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    (tmp_path / "own.toml").write_text(f"[policy]\n{denied}\n", "utf-8")
    told = json.loads(cli("schema", "--db", "data", "--config", "own.toml", "-o", "json").stdout)
    found = {table["name"]: [column["name"] for column in table["columns"]] for table in told["tables"]}
    assert found.get("sales") == seen

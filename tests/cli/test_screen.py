"""What a terminal gets of hostile data, names, replies and arguments: no sign that steers it, in any format."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from nl2sql.cli.screen import Screen, escape_control_chars, spell_as_json, spell_as_picture
from nl2sql.config.trusted_files import TrustedFiles
from tests.cli.test_terminal import on_a_terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

POISON = "\x1b[5;41mRED\x1b]0;owned\x07\x9b31m\x90x\x9c\u202eabc\u2066\u200b\ufeff\xad\U000e0041\x7f\x08\r."
LINES = "\nerror: forged\x85error: forged\u2028error: forged\n"
DRAWN = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[ABCDGJK])")
NONE: Mapping[str, str] = {}
STEERS = ("Cc", "Cf", "Cs", "Zl", "Zp")
CELL = f"cell {POISON}{LINES}"
COLUMN = f"column | {POISON}{LINES}"
TABLE = f"table {POISON}{LINES}"


def assert_harmless(raw: str, *, one_line_each: bool = True) -> None:
    """Only what the command line draws itself may steer: colours, the spinner."""
    assert "\x1b[5;41m" not in raw
    left = DRAWN.sub("", raw)
    assert [hex(ord(c)) for c in left if c not in "\r\n\t" and unicodedata.category(c) in STEERS] == []
    assert re.findall(r"\r(?![\r\n\x1b]|$)", raw) == []
    if one_line_each:
        assert [line for line in re.split(r"[\r\n]+", left) if line.startswith("error: forged")] == []


@dataclass(frozen=True)
class World:
    """A project folder whose database, verified queries and history are hostile; `answer` is the id of an answer."""

    folder: Path
    home: Path

    def show(
        self, *arguments: str, variables: Mapping[str, str] = NONE, errors: bool = True, typed: str = ""
    ) -> tuple[str, int]:
        database = str(self.folder / self.file)
        environment = {"NL2SQL_HOME": str(self.home), "NL2SQL_DB": database, "TERM": "xterm-256color", "COLUMNS": "200"}
        environment |= variables
        return on_a_terminal(list(arguments), environment, self.folder, errors=errors, typed=typed)

    @property
    def file(self) -> str:
        return next(path.name for path in self.folder.glob("*.duckdb"))


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("project")
    path = folder / f"data {POISON}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"CREATE TABLE plain (id INTEGER, {name(COLUMN)} VARCHAR); COMMENT ON TABLE plain IS {literal(CELL)};"
            f"INSERT INTO plain VALUES (1, {literal(CELL)}), (2, NULL); CREATE TABLE {name(TABLE)} (a INTEGER);"
        )
    (folder / "nl2sql.toml").write_text("", "utf-8")
    (folder / "queries").mkdir()
    header = POISON.replace("\r", "")
    (folder / "queries" / "one.sql").write_text(
        f"-- question: One {header}?\n-- description: {header}\n-- verified_by: {header}\nSELECT id FROM plain", "utf-8"
    )
    (folder / "queries" / "broken.sql").write_text(f"-- question: Two {header}?\n-- nonsense {header}: x\nSELECT 1")
    (folder / "queries" / "failing.sql").write_text(f"-- question: Three {header}?\nSELECT {name(header)} FROM plain")
    home = tmp_path_factory.mktemp("home")
    for file in (folder / "nl2sql.toml", *(folder / "queries").iterdir()):
        TrustedFiles(home).add(file, file.read_bytes())
    return World(folder, home)


FORMATS = ("table", "csv", "json", "jsonl", "md", "sql")


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_a_query(world: World, form: str) -> None:
    raw, code = world.show("run", "-o", form, "SELECT * FROM plain")
    assert code == 0 and ("RED" in raw or form == "sql")
    assert_harmless(raw, one_line_each=form != "csv")


def test_csv_says_that_it_differs_from_a_file(world: World) -> None:
    raw, _ = world.show("run", "-o", "csv", "SELECT * FROM plain")
    assert re.search(r"note: \d+ control characters are shown as ␛ or \ufffd; .* -o csv > rows\.csv", raw)
    plain, _ = world.show("run", "-o", "csv", "SELECT id FROM plain")
    assert "note: " not in plain.replace("note: no database", "")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_on_a_terminal_is_the_same_value(world: World, form: str, cli: Cli) -> None:
    raw, _ = world.show("run", "-o", form, "SELECT * FROM plain", errors=False)
    done = cli("run", "-q", "--db", str(world.folder / world.file), "-o", form, "SELECT * FROM plain")
    shown = [json.loads(raw)] if form == "json" else [json.loads(line) for line in raw.split("\n") if line]
    written = done.stdout.decode()
    assert "\x9b31m\x90x" in written
    told = [json.loads(written)] if form == "json" else [json.loads(line) for line in written.split("\n") if line]
    for value in (*shown, *told):
        value.pop("seconds", None)
    assert shown == told


def test_a_file_gets_the_bytes_as_they_are(world: World, cli: Cli) -> None:
    database = str(world.folder / world.file)
    done = cli("run", "-q", "--db", database, "-o", "csv", "SELECT * FROM plain")
    rows = list(csv.reader(io.StringIO(done.stdout.decode(), newline="")))
    assert rows == [["id", COLUMN], ["1", CELL], ["2", ""]]
    (line, _) = cli("run", "-q", "--db", database, "-o", "jsonl", "SELECT * FROM plain").stdout.decode().split("\n")[:2]
    assert json.loads(line) == {"id": 1, COLUMN: CELL} and "\x9b" in line


@pytest.mark.parametrize(("form", "lines"), [("md", 4), ("table", 4)])
def test_tables_of_text_have_a_line_for_each_row(world: World, cli: Cli, form: str, lines: int) -> None:
    done = cli("run", "-q", "--db", str(world.folder / world.file), "-o", form, "SELECT * FROM plain")
    text = done.stdout.decode()
    assert len(text.splitlines()) == lines and "\x1b" not in text
    if form == "md":
        assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in text.splitlines())


COMMANDS: list[list[str]] = [
    ["run", "SELECT no_such FROM plain"],
    ["run", f"SELECT * FROM {name('tabel ' + POISON)}"],
    ["run", f"SELECT {literal(POISON)}"],
    ["run", "-v", "SELECT id FROM plain"],
    ["run", "--db", f"nowhere {POISON}{LINES}.csv", "SELECT 1"],
    ["run", "--config", f"nowhere {POISON}{LINES}.toml", "SELECT 1"],
    ["run", "--memory", f"1{POISON}{LINES}", "SELECT 1"],
    ["run", "--limit", f"1{POISON}{LINES}", "SELECT 1"],
    ["run", "-o", f"csv{POISON}{LINES}", "SELECT 1"],
    ["run", f"--no-such{POISON}{LINES}", "SELECT 1"],
    [f"run{POISON}{LINES}"],
    ["check", "-v", "SELECT no_such FROM plain"],
    ["check", "-v", "SELECT * FROM plain"],
    ["check", f"DROP TABLE {name(POISON)}"],
    ["check", "-o", "json", f"DROP TABLE {name(POISON)}"],
    ["schema"],
    ["schema", "plain"],
    ["schema", f"plane{POISON}{LINES}"],
    ["schema", "-o", "json"],
    ["schema", "-o", "sql"],
    ["schema", "--prompt"],
    ["queries", "list"],
    ["queries", "list", "-o", "json"],
    ["queries", "show", "one"],
    ["queries", "show", f"one{POISON}{LINES}"],
    ["queries", "test"],
    ["doctor"],
    ["doctor", "-m", f"gpt{POISON}{LINES}"],
    ["eval", f"nowhere{POISON}{LINES}.jsonl"],
    ["history", f"none{POISON}{LINES}"],
    ["replay", f"none{POISON}{LINES}"],
    ["init", "--db", f"nowhere{POISON}{LINES}"],
    ["model", "status", "--config", f"nowhere{POISON}{LINES}"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(map(ascii, arguments))[:60])
def test_what_commands_say(world: World, arguments: list[str]) -> None:
    raw, code = world.show(*arguments)
    assert code != 1 and "Traceback" not in raw and raw.strip()
    assert_harmless(raw)


@pytest.fixture
def asked(world: World, endpoint: Endpoint) -> Iterator[World]:
    """The world with an answer in its history, of which question, SQL, sentence and model are hostile."""
    endpoint.will_query(f"SELECT id, {name(COLUMN)} AS {name('as ' + POISON.replace(chr(13), ''))} FROM plain")
    endpoint.will_say(f"There are 2 {POISON}.")
    yield world


@pytest.mark.parametrize("form", FORMATS)
def test_a_question(asked: World, endpoint: Endpoint, form: str) -> None:
    variables = {**endpoint.variables, "OPENAI_MODEL": f"gpt{POISON}"}
    raw, _ = asked.show("ask", "-v", "-s", "work", "-o", form, f"How many {POISON}?", variables=variables)
    assert "Traceback" not in raw
    assert_harmless(raw, one_line_each=form != "csv")


def test_a_question_and_what_is_remembered_of_it(asked: World, endpoint: Endpoint) -> None:
    endpoint.replies.clear()
    endpoint.will_query("SELECT count(*) AS n FROM plain")
    endpoint.will_say(f"There are 2 {POISON}.")
    raw, code = asked.show("ask", "--confirm", f"How many {POISON}?{LINES}", typed="y\n", variables=endpoint.variables)
    assert code == 0 and "Run it?" in raw
    assert_harmless(raw)
    listed, _ = asked.show("history", "-o", "json", errors=False)
    identifier = json.loads(listed)["entries"][0]["id"]
    for arguments in (
        *([["history", "-o", form] for form in FORMATS]),
        *([["history", identifier, "-o", form] for form in FORMATS]),
        ["replay", "-v", identifier],
        ["replay", "-o", "json", identifier],
        ["queries", "add", "two", "--from", identifier, "--by", POISON],
    ):
        raw, code = asked.show(*arguments, typed="n\n" if "add" in arguments else "")
        assert code in (0, 2, 4) and "Traceback" not in raw, raw
        assert_harmless(raw, one_line_each="csv" not in arguments)


def test_what_an_endpoint_and_its_model_say(world: World, endpoint: Endpoint) -> None:
    endpoint.will_call("ask_user", question=f"Which {POISON}?", options=[f"this {POISON}{LINES}", "that"])
    raw, code = world.show("ask", "-v", "what?", variables=endpoint.variables)
    assert code == 4 and "- this" in raw
    assert_harmless(raw)
    endpoint.will_call(f"no_such{POISON}{LINES}", text=POISON)
    endpoint.will_query(f"SELECT no_such, {literal(POISON)}\nFROM plain {LINES}")
    endpoint.will_say(f"It is not there {POISON}.")
    raw, _ = world.show("ask", "-v", "what?", variables=endpoint.variables)
    assert_harmless(raw)


def test_errors_of_an_endpoint(world: World, cli: Cli) -> None:
    from tests.model.conftest import Endpoint as Scripted
    from tests.model.conftest import error

    scripted = Scripted()
    try:
        for status in (400, 404, 429):
            scripted.script = [error(status, f"no {POISON}{LINES}", {"x-should-retry": "false"})]
            scripted.models = [f"m{POISON}{LINES}", f"gpt{POISON}{LINES}"]
            variables = {"OPENAI_BASE_URL": scripted.url, "OPENAI_API_KEY": "k", "OPENAI_MODEL": "gpt"}
            raw, code = world.show("ask", "what?", variables=variables)
            assert code == 7
            assert_harmless(raw)
        raw, code = world.show("doctor", variables=variables)
        assert "does not list" in raw
        assert_harmless(raw)
    finally:
        scripted.close()


def test_an_evaluation(world: World, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.will_query("SELECT count(*) AS n FROM plain")
    endpoint.will_say("There are 2.")
    questions = tmp_path / f"q{POISON}.jsonl"
    lines: list[Any] = [
        {"id": f"a{POISON}{LINES}", "db": "", "question": f"how many {POISON}?", "gold_sql": "SELECT 2"},
        {"id": "b", "db": "", "question": "?", "gold_sql": f"SELECT {name(POISON)}"},
    ]
    questions.write_text("\n".join(map(json.dumps, lines)) + f"\nno json {POISON}\n", "utf-8")
    report = tmp_path / f"r{POISON}.json"
    raw, _ = world.show("eval", "-v", str(questions), "--report", str(report), variables=endpoint.variables)
    assert "Traceback" not in raw and report.exists()
    assert_harmless(raw)
    raw, code = world.show("eval", "--compare", str(report), str(report))
    assert code == 0
    assert_harmless(raw)


def test_each_sign_has_a_spelling() -> None:
    signs = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in STEERS]
    assert len(signs) > 2200
    for sign in signs:
        shown = escape_control_chars(sign)
        assert shown == sign if sign in "\n\t" else (len(shown) == 1 and shown.isprintable())
        assert json.loads(f'"{spell_as_json(sign)}"') == sign
        assert escape_control_chars(spell_as_json(sign)) == spell_as_json(sign)
    assert escape_control_chars("Łódź 漢字 🌱 ｗ\t\n") == "Łódź 漢字 🌱 ｗ\t\n"
    assert (spell_as_picture("\x1b"), spell_as_picture("\x7f"), spell_as_picture("\x85")) == ("␛", "␡", "␤")


def test_bytes_may_come_in_any_pieces() -> None:
    text = "Łódź 漢字 \x1b[31m🌱\x9b\u202e"
    terminal = io.BytesIO()
    under = io.TextIOWrapper(terminal, "utf-8")
    screen = Screen(under)
    for byte in text.encode():
        screen.write(bytes([byte]))
    assert terminal.getvalue().decode() == escape_control_chars(text)
    assert screen.replaced == 3

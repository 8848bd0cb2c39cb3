"""The command line as a person meets it: on a terminal, with Ctrl-C, and with the embedded model."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nl2sql.cli.terminal import ProgressReporter
from nl2sql.model.embedded import is_runtime_installed, read_status, stop_server
from nl2sql.model.embedded.weight_sources import QWEN, find_installed_pieces

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Endpoint

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(
    arguments: list[str], variables: dict[str, str], folder: Path | None = None, *, errors: bool = True, typed: str = ""
) -> tuple[str, int]:
    """What a terminal shows of the command, escapes and all, and its exit code.

    Without `errors` its stderr goes nowhere. `typed` is what a person types beforehand.
    """
    pid, screen = pty.fork()
    if pid == 0:
        if folder is not None:
            os.chdir(folder)
        if not errors:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.execve(sys.executable, [sys.executable, "-m", "nl2sql", *arguments], {**os.environ, **variables})
    if typed:
        os.write(screen, typed.encode())
    shown = b""
    try:
        while piece := os.read(screen, 65536):
            shown += piece
    except OSError:
        # Linux says so when the last writer of a terminal has gone.
        pass
    os.close(screen)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.alone
def test_steps_appear_as_they_happen_and_the_table_comes_before_the_words(endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT city, count(*) AS n FROM orders GROUP BY city ORDER BY city")
    endpoint.will_say("Each city has 1000 orders.")
    variables = {**endpoint.variables, "TERM": "xterm-256color", "COLUMNS": "100"}
    raw, code = on_a_terminal(["ask", "--db", str(shop), "orders by city?"], variables)
    shown = _ESCAPES.sub("", raw)
    places = [shown.index(text) for text in ("reading the schema", "writing SQL", "SELECT city", "2 rows")]
    places += [shown.index("Łódź"), shown.index("Each city has 1000 orders.")]
    assert code == 0 and places == sorted(places)
    assert "\x1b[?25h" in raw, "the cursor must be visible again"
    assert "SQL:" not in shown, "the SQL is on the screen already"


FIGURES = (
    "SELECT date_trunc('month', day) AS month, 10000 + id AS customer_id, sum(total) * 1000 AS revenue, "
    "sum(total) / 4000 AS share, NULL AS gap FROM orders WHERE id < 3 GROUP BY ALL ORDER BY ALL"
)


def test_figures_are_written_for_reading_on_a_terminal_only(shop: Path, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "own.toml").write_text("[display]\nlocale = 'de_DE'\n", "utf-8")
    for arguments, figures in (([], ["1,500.00", "0.038%"]), (["--config", "own.toml"], ["1.500,00", "0,038 %"])):
        command = ["run", *arguments, "--db", str(shop), FIGURES]
        raw, _ = on_a_terminal(command, {"TERM": "xterm-256color", "COLUMNS": "100"}, tmp_path)
        line = next(line for line in _ESCAPES.sub("", raw).splitlines() if "2025-01" in line)
        assert re.split(r"\s{2,}", line.strip().replace("\xa0", " ")) == ["2025-01", "10001", *figures, "NULL"]
    plain = cli("run", "--db", str(shop), FIGURES).stdout.decode().splitlines()[2].split()
    assert plain == ["2025-01-01", "00:00:00", "10001", "1500.00", "0.000375", "NULL"]


def test_no_color_is_respected(endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT 1 AS one")
    endpoint.will_say("It is 1.")
    variables = {**endpoint.variables, "TERM": "xterm-256color", "NO_COLOR": "1"}
    raw, _ = on_a_terminal(["ask", "--db", str(shop), "one?"], variables)
    assert not re.search(r"\x1b\[(?:3\d|9\d|38;)", raw)


def test_a_cell_cannot_steer_the_terminal(shop: Path) -> None:
    raw, _ = on_a_terminal(["run", "--db", str(shop), "SELECT 'a' || chr(27) || ']0;owned' || chr(7) AS x"], {})
    assert "\x1b]0;" not in raw and "\x07" not in raw


def test_an_import_shows_how_far_it_is_on_a_terminal_only(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "big [one].csv"
    arguments = ["run", "--db", str(path), 'SELECT count(*) AS n FROM "big [one]"']

    def write(rows: int) -> None:
        path.write_text("a,b\n" + "".join(f"{i},name {i}\n" for i in range(rows)), "utf-8")

    write(300_000)
    raw, code = on_a_terminal(arguments, {"TERM": "xterm-256color", "COLUMNS": "100"})
    shown = _ESCAPES.sub("", raw)
    assert code == 0 and "300,000" in shown
    assert re.search(r"importing big \[one\]\.csv \d+%", shown)
    assert raw.count("\x1b[?25h") >= raw.count("\x1b[?25l") > 0, "the cursor must be visible again"
    write(300_001)
    raw, code = on_a_terminal([*arguments, "-q"], {"TERM": "xterm-256color"})
    assert code == 0 and "import" not in raw and "\x1b[?25l" not in raw
    write(300_002)
    done = subprocess.run([sys.executable, "-m", "nl2sql", *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "300002"
    assert done.stderr == "read big [one].csv: 300,002 rows of 300,003 lines read as table big [one]\n"


def test_what_is_left_out_of_a_folder_is_said(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "own.csv").write_text("a\n1\n", "utf-8")
    (tmp_path / "secret.csv").write_text("a\nhidden\n", "utf-8")
    (folder / "x\x1b[31m.csv").symlink_to(tmp_path / "secret.csv")
    command = [sys.executable, "-m", "nl2sql", "schema", "--prompt", "--db", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "hidden" not in done.stdout
    assert "note: x [31m.csv is left out: it is a link that leads out of the folder\n" in done.stderr


@pytest.mark.alone
@pytest.mark.parametrize("arguments", [["run", "SELECT count(*) FROM range(100000000000) a, range(1000) b"]])
def test_ctrl_c_stops_a_query(home: Path, shop: Path, arguments: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nl2sql", *arguments, "--timeout", "60", "--db", str(shop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    time.sleep(3)
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - started < 3
    assert (process.returncode, out) == (130, b"") and b"Traceback" not in err


def test_ctrl_c_stops_a_question(endpoint: Endpoint, shop: Path) -> None:
    endpoint.will_query("SELECT count(*) FROM range(100000000000) a, range(1000) b")
    process = subprocess.Popen(
        [sys.executable, "-m", "nl2sql", "ask", "--timeout", "60", "--db", str(shop), "slow?"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **endpoint.variables},
    )
    while not endpoint.requests:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"") and b"Traceback" not in err


@pytest.fixture
def with_the_embedded_model(home: Path) -> Iterator[Path]:
    if not is_runtime_installed():
        pytest.skip("xllamacpp is not installed: install the `local` extra")
    if given := os.environ.get("NL2SQL_TEST_MODEL_PATH"):
        (home / "models").mkdir()
        (home / "models" / QWEN.file_name).symlink_to(Path(given).resolve())
    elif sum(piece.stat().st_size for piece in find_installed_pieces()) != QWEN.size_bytes:
        pytest.skip("the weight packages are not installed: install the `local` extra, or set NL2SQL_TEST_MODEL_PATH")
    yield home
    stop_server(home)
    assert read_status(home).server is None


@pytest.mark.local_model
def test_the_embedded_model_answers_with_no_key_and_no_server(
    cli: Cli, with_the_embedded_model: Path, shop: Path
) -> None:
    done = cli("ask", "--db", str(shop), "-o", "json", "How many orders are there?", timeout=600)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["rows"] == [[2000]] and "2000" in answer["answer"].replace(",", "")
    assert answer["model"] == "qwen2.5-coder-1.5b-instruct-q4_k_m" and answer["usage"]["model_calls"] == 2
    again = json.loads(cli("ask", "--db", str(shop), "-o", "json", "How many cities?", timeout=600).stdout)
    assert again["usage"]["cached_tokens"] > answer["usage"]["prompt_tokens"] / 4
    assert b"running" in cli("model", "status").stdout


def test_long_work_is_said_once_off_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    steps, quiet = (ProgressReporter(quiet=one, verbose=False, clock=lambda: now[0]) for one in (False, True))
    for now[0] in (0.0, 1.0, 1.9):
        steps.report_progress("importing sales.csv", 1, 10)
    assert capfd.readouterr().err == ""
    for now[0] in (2.0, 3.0, 9.0):
        steps.report_progress("importing sales.csv", 5, 10)
        quiet.report_progress("importing sales.csv", 5, 10)
    assert capfd.readouterr().err == "importing sales.csv\n"

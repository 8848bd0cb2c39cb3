"""`nl2sql ui` before the page is there: what it refuses to start with, and from where its paths are meant."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nl2sql.cli.ui import make_absolute
from nl2sql.config import Config, ModelSettings

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command in a folder of its own; it must end by itself, with nothing on stdout."""

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "nl2sql", "ui", "--no-open", *flags]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)
        assert done.stdout == ""
        return done

    return run


def test_secrets_that_would_set_the_environment_keep_it_from_starting(run: Run, home: Path) -> None:
    (home / "secrets.toml").write_text('OPENAI_BASE_URL = "http://127.0.0.1:9/v1"\n[auth]\nclient_id = "x"\n', "utf-8")
    done = run()
    assert done.returncode == 2 and "OPENAI_BASE_URL is outside a section" in done.stderr


def test_a_sign_in_that_could_not_work_keeps_it_from_starting(run: Run, home: Path) -> None:
    (home / "secrets.toml").write_text('[auth]\nclient_id = "x"\n', "utf-8")
    done = run()
    assert done.returncode == 2 and "redirect_uri is missing in [auth]" in done.stderr
    command = [sys.executable, "-P", "-m", "nl2sql", "doctor", "-m", "local", "-o", "json"]
    checks = json.loads(subprocess.run(command, capture_output=True, timeout=60).stdout)["checks"]
    states = {check["check"]: check for check in checks}
    assert states["extra ui"]["state"] == "ok" and states["page"]["state"] == "failed"
    assert "redirect_uri is missing" in states["page"]["detail"]
    (home / "secrets.toml").unlink()
    checks = json.loads(subprocess.run(command, capture_output=True, timeout=60).stdout)["checks"]
    assert {check["check"]: check["state"] for check in checks}["page"] == "ok"


def test_invalid_address_prevents_start(run: Run) -> None:
    done = run("--origin", "https://box/path")
    assert done.returncode == 2 and "nl2sql.example.com" in done.stderr


def test_a_folder_that_cannot_be_made_is_said(run: Run, home: Path) -> None:
    (home / "page").write_text("a file", "utf-8")
    done = run()
    assert done.returncode == 2 and "the page cannot work in" in done.stderr and "NL2SQL_HOME" in done.stderr


@pytest.mark.parametrize(
    ("url", "made"),
    [
        (None, None),
        ("sales.csv", "sales.csv"),
        ("./sub/../sales.csv", "sub/../sales.csv"),
        ("nowhere.csv", "nowhere.csv"),
        ("a:b.csv", "a:b.csv"),
    ],
)
def test_a_relative_path_is_meant_from_the_folder_of_the_command(
    tmp_path: Path, url: str | None, made: str | None
) -> None:
    (tmp_path / "a:b.csv").touch()
    (tmp_path / "sub").mkdir()
    given = Config(tmp_path, url=url, file=Path("x.toml"), model=ModelSettings(path=Path("m.gguf")))
    settled = make_absolute(given, tmp_path)
    assert settled.url == (made and str(tmp_path / made))
    assert (settled.file, settled.model.path) == (tmp_path / "x.toml", tmp_path / "m.gguf")


@pytest.mark.parametrize(
    "url", ["postgresql://box/shop", "md:shop", "sqlite:///shop.db", "/data/shop.duckdb", "~/shop.csv"]
)
def test_what_is_no_relative_path_stays(tmp_path: Path, url: str) -> None:
    assert make_absolute(Config(tmp_path, url=url), tmp_path) == Config(tmp_path, url=url)


def test_a_database_that_is_not_there_keeps_it_from_starting(run: Run) -> None:
    done = run("--db", "nothere.duckdb")
    assert done.returncode != 0 and "nothere.duckdb" in done.stderr and "nl2sql is at" not in done.stderr

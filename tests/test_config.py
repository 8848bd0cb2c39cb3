"""Settings: precedence, the project file, and errors that name the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest

from nl2sql.config import find_project_file, load_config, parse_size
from nl2sql.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_each_source_beats_the_one_before(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home")}
    write(tmp_path / "home" / "config.toml", '[model]\nname = "user"\n[limits]\nrows = 5\nseconds = 3')
    assert load_config(start=tmp_path, environ=env).model.name == "user"
    write(tmp_path / "nl2sql.toml", '[model]\nname = "project"\n[limits]\nrows = 7')
    config = load_config(start=tmp_path / "below", environ=env)
    assert (config.model.name, config.limits.rows, config.limits.seconds) == ("project", 7, 3.0)
    env["OPENAI_MODEL"] = "environment"
    assert load_config(start=tmp_path, environ=env).model.name == "environment"
    assert load_config(start=tmp_path, environ=env, model="argument").model.name == "argument"


def test_the_database_is_found_beside_the_file_that_names_it(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home")}
    write(tmp_path / "a" / "nl2sql.toml", '[database]\nurl = "shop.duckdb"')
    assert load_config(start=tmp_path / "a" / "b" / "c", environ=env).url == str(tmp_path / "a" / "shop.duckdb")
    assert load_config(start=tmp_path, environ=env).url is None
    assert load_config(start=tmp_path / "a", environ={**env, "NL2SQL_DB": "x.csv"}).url == "x.csv"
    assert load_config(start=tmp_path / "a", environ={**env, "NL2SQL_DB": "x.csv"}, url="y").url == "y"
    assert find_project_file(tmp_path / "a" / "b") == tmp_path / "a" / "nl2sql.toml"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[limit]\nrows = 1", "no section [limit]", "'limits'"),
        ("[limits]\nrow = 1", "no setting limits.row", "'rows'"),
        ("[limits]\nrows = 0", "limits.rows: must be a whole number", "without quotes"),
        ('[limits]\nmemory = "much"', "limits.memory: 'much' is not a size", "512MB"),
        ("[policy]\ndeny_columns = ['salary']", "policy.deny_columns: 'salary' names no table", "table.column"),
        ("[policy]\nmask_columns = ['a.b']", "policy.mask_columns is not supported", "nothing would enforce it"),
        ("[model]\nprotocol = 'carrier pigeon'", "is no protocol", "tools"),
        ("[database]\nurl = 'postgresql://me:secret@host/db'", "holds a password", "${NAME}"),
        ("[database]\nurl = '${NOT_SET_ANYWHERE}'", "NOT_SET_ANYWHERE is not set", "export"),
        ("[limits\nrows = 1", "not valid TOML", "Mend"),
        ("limits = 3", "must be a section", "[limits]"),
    ],
)
def test_a_bad_file_is_an_error_that_says_what_to_do(tmp_path: Path, text: str, message: str, hint: str) -> None:
    path = write(tmp_path / "nl2sql.toml", text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={"NL2SQL_HOME": str(tmp_path)})
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "secret" not in caught.value.message + caught.value.hint


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        load_config(tmp_path / "none.toml", environ={"NL2SQL_HOME": str(tmp_path)})


def test_variables_are_filled_in(tmp_path: Path) -> None:
    path = write(tmp_path / "nl2sql.toml", '[model]\nname = "${WHO}"\nbase_url = "http://${HOST}/v1"')
    config = load_config(path, environ={"NL2SQL_HOME": str(tmp_path), "WHO": "m", "HOST": "h"})
    assert (config.model.name, config.model.base_url) == ("m", "http://h/v1")


def test_the_embedded_model_answers_only_where_nothing_else_is_set(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path)}
    assert load_config(start=tmp_path, environ=env).model.is_local
    assert not load_config(start=tmp_path, environ={**env, "OPENAI_API_KEY": "k"}).model.is_local
    assert not load_config(start=tmp_path, environ={**env, "OPENAI_BASE_URL": "http://h"}).model.is_local
    assert not load_config(start=tmp_path, environ=env, model="gpt").model.is_local
    assert load_config(start=tmp_path, environ={**env, "OPENAI_API_KEY": "k"}, model="local").model.is_local


def test_the_key_never_shows(tmp_path: Path) -> None:
    config = load_config(start=tmp_path, environ={"NL2SQL_HOME": str(tmp_path), "OPENAI_API_KEY": "sk-hidden"})
    assert config.model.api_key == "sk-hidden"
    assert "sk-hidden" not in repr(config)


@pytest.mark.parametrize(
    ("text", "size"), [("512MB", 512_000_000), ("1GB", 10**9), ("1 GiB", 2**30), (7, 7), ("1.5kb", 1500)]
)
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size

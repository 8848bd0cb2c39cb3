"""Settings: precedence, the project file, and errors that name the nearest key."""

from __future__ import annotations

import datetime as dt
import traceback
from pathlib import Path

import pytest

from nl2sql import connect
from nl2sql.config import find_project_file, load_config, show_address
from nl2sql.config.setting_values import parse_size
from nl2sql.config.trusted_files import TrustedFiles
from nl2sql.errors import ConfigError, NL2SQLError
from nl2sql.schema import resolve
from nl2sql.types import Column, Policy, Schema, Table


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_each_source_beats_the_one_before(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home")}
    write(tmp_path / "home" / "config.toml", '[model]\nname = "user"\n[limits]\nrows = 5\nseconds = 3')
    assert load_config(start=tmp_path, environ=env).model.name == "user"
    project = write(tmp_path / "nl2sql.toml", '[model]\nname = "project"\n[limits]\nrows = 7')
    TrustedFiles(tmp_path / "home").add(project, project.read_bytes())
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
        ("[limits]\nrows = 0", "limits.rows: must be a whole number from 1 to", "Take one in that range"),
        ("[limits]\nrows = '5'", "limits.rows: must be a whole number", "without quotes"),
        ("[limits]\nseconds = 0.01", "must be a number from 0.1 to 86400", "Take one in that range"),
        ("[limits]\nseconds = '10'", "must be a number from 0.1 to 86400", "without quotes"),
        ("[page]\neditors = 'ann'", "page.editors: must be a list of texts", "ann@example.com"),
        ("[model]\nchoices = 'a'", "model.choices: must be a list of texts", "gpt-5"),
        ("[policy]\ndeny_columns = 'a'", "policy.deny_columns: must be a list of texts", "staff.salary"),
        ("[policy]\ndeny_tables = 'a'", "policy.deny_tables: must be a list of texts", "orders"),
        ('[limits]\nmemory = "much"', "limits.memory: 'much' is not a size", "512MB"),
        ("[policy]\ndeny_columns = ['salary']", "policy.deny_columns: 'salary' names no table", "table.column"),
        ("[policy]\nmask_columns = ['a.b']", "policy.mask_columns is not supported", "nothing would enforce it"),
        ("[model]\nprotocol = 'carrier pigeon'", "is no protocol", "tools"),
        ("[database]\nurl = 'postgresql://me:secret@host/db'", "holds a password", "${NAME}"),
        ("[database]\nurl = '${NOT_LISTED}'", "you have not allowed the variable NOT_LISTED here", "[trust]"),
        ("[database]\nurl = ' '", "no address of a database", "shop.duckdb"),
        ('[database]\nurl = "a\\u0000b"', "no address of a database", "a file"),
        ("[model]\nbase_url = 'http://h/${HOME}'", "model.base_url holds a variable", "Only database.url"),
        ("[context]\ntime_zone = 'Europe/Olso'", "'Europe/Olso' is no time zone", "'Europe/Oslo'"),
        ("[context]\ntime_zone = '../../etc/passwd'", "is no time zone", "Europe/Oslo"),
        ("[context]\nfiscal_year_start = '02-30'", "'02-30' is no day of a year", "04-01"),
        ("[context]\nfiscal_year_start = 13", "13 is no day of a year", "04-01"),
        ("[context]\ntoday = 'yesterday'", "'yesterday' is no day", "2025-01-31"),
        ("[context]\ntoday = 2025-01-31T10:00:00", "is no day", "2025-01-31"),
        ("[context]\nrules = ['${HOME}']", "context.rules holds a variable", "Only database.url"),
        ("[context]\ndescriptions = {'a.${HOME}' = 'x'}", "context.descriptions holds a variable", "Only database.url"),
        ("[policy]\ndeny_tables = ['${HOME}']", "policy.deny_tables holds a variable", "Only database.url"),
        ("[policy]\ndeny_tables = ['hr.*']", "'hr.*' is a pattern, and names here are exact", "in full"),
        ("[policy]\ndeny_columns = ['hr.*']", "'hr.*' is a pattern, and names here are exact", "in full"),
        ("[policy]\nallow_tables = ['sales_*']", "'sales_*' is a pattern, and names here are exact", "in full"),
        ("[trust]\nvariables = ['HOME']", "[trust] cannot stand in a project file", "config.toml"),
        ("[limits\nrows = 1", "not valid TOML", "Correct"),
        ("limits = 3", "must be a section", "[limits]"),
        ("a = " + "[" * 20_000, "nested too deep", "lists"),
        ("a = 1" + "0" * 5_000, "not valid TOML", "Correct"),
        ("a" + ".a" * 20_000 + " = 1", "a key of too many parts", "a section and a key"),
        ("a" + ' . "a"' * 20_000 + " = 1", "a key of too many parts", "a section and a key"),
        ("x = 1\n" * 200_000, "larger than 1,000 KB", "Shorten"),
        ("[limits]\nmemory = '1" + "0" * 400 + "GB'", "is not a size", "512MB"),
        ("[limits]\nmemory = '1" + " " * 300_000 + "x'", "is not a size", "512MB"),
        ('"limits]\\nnote: fine" = 1', "no section [limits] note: fine]", "limits"),
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


def test_variables_that_the_user_allows_are_filled_into_the_address(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home"), "WHERE": "here", "SECRET": "s3cr3t"}
    write(tmp_path / "home" / "config.toml", '[trust]\nvariables = ["WHERE", "UNSET"]')
    path = write(tmp_path / "nl2sql.toml", '[database]\nurl = "data/${WHERE}/shop.duckdb"')
    config = load_config(path, environ=env)
    assert config.url == str(tmp_path / "data" / "here" / "shop.duckdb") and config.variables == ("WHERE",)
    for url, said in (("${SECRET}", "have not allowed the variable SECRET"), ("${UNSET}", "UNSET is not set")):
        write(path, f'[database]\nurl = "{url}"')
        with pytest.raises(ConfigError, match=said) as caught:
            load_config(path, environ=env)
        assert "s3cr3t" not in caught.value.message + caught.value.hint
        assert load_config(path, environ=env, url="other.duckdb").url == "other.duckdb"


def test_no_error_holds_the_value_of_a_variable(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home"), "SECRET": "s3cr3t"}
    write(tmp_path / "home" / "config.toml", '[trust]\nvariables = ["SECRET"]')
    for url in (
        "x/${SECRET}/y.duckdb",
        "${SECRET}.csv",
        "${SECRET}",
        "${SECRET}://host/db",
        "pg://a:${SECRET}@h/${SECRET}",
    ):
        config = load_config(write(tmp_path / "p.toml", f'[database]\nurl = "{url}"'), environ=env)
        with pytest.raises(NL2SQLError) as caught:
            connect(config=config)
        said = "".join(traceback.format_exception(caught.value))
        assert "SECRET" in caught.value.message and "s3cr3t" not in said, said


TABLES = Schema(
    tuple(
        Table(name, (Column("id", "INTEGER"), Column("sum", "INTEGER")))
        for name in ("orders", "pay", "hr", "x", "other")
    )
)


@pytest.mark.parametrize(("own", "other"), [("É", "é"), ("Ka", "\u212aa"), ("main.a", "a"), ("a", "main.a")], ids=ascii)
def test_no_spelling_of_an_allowed_table_brings_in_another(tmp_path: Path, own: str, other: str) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home")}
    write(tmp_path / "home" / "config.toml", f'[policy]\nallow_tables = ["{own}"]')
    write(tmp_path / "nl2sql.toml", f'[policy]\nallow_tables = ["{other}"]')
    names = ("É", "é", "Ka", "\u212aa", "a", "main.a")
    schema = Schema(tuple(Table(name, (Column("id", "INTEGER"),), schema="main") for name in names))
    alone = resolve(schema, Policy(allow_tables=frozenset({own}))).tables
    both = resolve(schema, load_config(start=tmp_path, environ=env).policy).tables
    assert {table.name for table in both} <= {table.name for table in alone}


def test_what_either_policy_denies_is_denied(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home")}
    own = '[policy]\ndeny_columns = ["pay.sum"]\ndeny_tables = ["hr"]\nallow_tables = ["Orders", "main.pay", "hr"]'
    write(tmp_path / "home" / "config.toml", own)
    text = '[policy]\ndeny_columns = []\ndeny_tables = ["x"]\nallow_tables = ["main.orders", "pay", "x", "other"]'
    path = write(tmp_path / "nl2sql.toml", text)
    for config in (load_config(path, environ=env), load_config(start=tmp_path, environ=env)):
        policy = config.policy
        assert policy.allow_tables == frozenset({"Orders", "main.pay"})
        access = resolve(TABLES, policy)
        assert [table.name for table in access.tables] == ["orders", "pay"]
        assert [column.name for table in access.view.tables for column in table.columns] == ["id", "sum", "id"]
    write(path, "[policy]\nallow_tables = []")
    assert load_config(path, environ=env).policy.allow_tables == frozenset()
    write(path, "")
    assert "orders" in [table.name for table in resolve(TABLES, load_config(path, environ=env).policy).tables]


@pytest.mark.parametrize(
    ("base_url", "shown"),
    [
        ("http://me:pw@host:1/v1?k=pw#pw", "http://host:1/v1"),
        ("me:pw@host/v1?pw", "host/v1"),
        ("http:///me:pw@host/v1", "host/v1"),
        ("http://good.example:pw@evil.example/v1", "http://evil.example/v1"),
        ("http://evil.example?@good.example", "http://evil.example"),
        ("http://host/\u202ev1\n", "http://host/ v1"),
        ("http://[bad", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(base_url: str, shown: str) -> None:
    assert show_address(base_url) == shown


def test_where_questions_go_is_said_where_a_file_chose_it(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home")}
    path = write(tmp_path / "p.toml", '[model]\nname = "m"\nbase_url = "http://h/v1"')
    assert load_config(path, environ=env).endpoint_note == f"questions go to http://h/v1 (named by {path})"
    note = load_config(path, environ={**env, "OPENAI_BASE_URL": "http://own/v1"}).endpoint_note
    assert note == f"questions go to the model m at http://own/v1 (named by {path})"
    own = {**env, "OPENAI_BASE_URL": "http://own/v1", "OPENAI_MODEL": "own"}
    assert load_config(path, environ=own).endpoint_note == ""
    assert load_config(path, environ=env, model="local").endpoint_note == ""
    assert "http://h/v1" in load_config(path, environ=env, model="own").endpoint_note
    write(path, '[model]\nname = "m"')
    assert "the model m at OpenAI" in load_config(path, environ={**env, "OPENAI_API_KEY": "k"}).endpoint_note
    write(tmp_path / "home" / "config.toml", '[model]\nbase_url = "http://own/v1"\nname = "own"')
    assert load_config(write(path, ""), environ=env).endpoint_note == ""


def test_where_the_address_was_set_is_known(tmp_path: Path) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home")}
    own = write(tmp_path / "home" / "config.toml", '[model]\nbase_url = "http://own/v1"')
    path = write(tmp_path / "p.toml", "")
    assert load_config(path, environ=env).model.base_url_setting == f"model.base_url in {own}"
    write(path, '[model]\nbase_url = "http://h/v1"')
    assert load_config(path, environ=env).model.base_url_setting == f"model.base_url in {path}"
    set_otherwise = load_config(path, environ={**env, "OPENAI_BASE_URL": "http://e/v1"})
    assert set_otherwise.model.base_url_setting == "OPENAI_BASE_URL"


def test_the_environment_is_that_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"NL2SQL_HOME": str(tmp_path / "home"), "OPENAI_BASE_URL": "http://own/v1"}
    monkeypatch.setenv("NL2SQL_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("OPENAI_API_KEY", "late")
    monkeypatch.setenv("NL2SQL_DB", "late.csv")
    config = load_config(start=tmp_path, environ=env)
    env["OPENAI_BASE_URL"] = "http://late/v1"
    assert (config.home, config.url, config.model.api_key) == (tmp_path / "home", None, None)
    assert config.model.base_url == "http://own/v1"


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


@pytest.mark.parametrize("start", ["'04-01'", "4", "'--04-01'"])
@pytest.mark.parametrize("today", ["2025-01-31", "'2025-01-31'"])
def test_the_calendar_is_the_owners(tmp_path: Path, start: str, today: str) -> None:
    text = f"[context]\ntime_zone = 'Asia/Kathmandu'\nfiscal_year_start = {start}\ntoday = {today}"
    context = load_config(
        write(tmp_path / "nl2sql.toml", text), environ={"NL2SQL_HOME": str(tmp_path / "home")}
    ).context
    assert (context.time_zone, context.fiscal_year_start) == ("Asia/Kathmandu", (4, 1))
    assert context.find_today() == dt.date(2025, 1, 31)


def test_the_locale_of_tables_is_the_owners(tmp_path: Path) -> None:
    environ = {"NL2SQL_HOME": str(tmp_path / "home")}
    file = write(tmp_path / "nl2sql.toml", "[display]\nlocale = 'de-DE'")
    assert load_config(file, environ=environ).display.locale == "de-DE"
    with pytest.raises(ConfigError, match=r"display\.locale: 'de_DX' is no locale") as caught:
        load_config(write(tmp_path / "nl2sql.toml", "[display]\nlocale = 'de_DX'"), environ=environ)
    assert "Did you mean 'de_D" in caught.value.hint
    found = write(tmp_path / "nl2sql.toml", "[display]\nlocale = 'de_DE'")
    config = load_config(start=found.parent, environ=environ)
    assert config.display.locale == "" and any("display.locale" in note for note in config.notes)

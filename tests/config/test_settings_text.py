"""The table of settings agrees with the settings in force, and the texts made from it are complete."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from nl2sql.cli.ask import ask_command
from nl2sql.config import Config, load_config
from nl2sql.config.settings_file import read_settings
from nl2sql.config.settings_table import FILE_SETTINGS, FILES, SETTINGS, TRUST, VARIABLES, Setting, UntrustedUse
from nl2sql.config.settings_text import format_page, format_template
from nl2sql.config.trusted_files import TrustedFiles
from nl2sql.importing.file_rules import FileRules

ROOT = Path(__file__).parents[2]
PROJECT_SETTINGS = [setting for setting in SETTINGS if setting.section != TRUST]


def get_value(config: Config, setting: Setting) -> object:
    return getattr(config if setting.section == "database" else getattr(config, setting.section), setting.key)


def convert(setting: Setting, text: str) -> object:
    return setting.type.convert(tomllib.loads(f"value = {text}")["value"])


@pytest.mark.parametrize("setting", PROJECT_SETTINGS, ids=lambda setting: setting.name)
def test_the_default_in_the_table_is_the_one_in_force(setting: Setting, tmp_path: Path) -> None:
    value = get_value(Config(home=tmp_path), setting)
    if setting.default:
        assert convert(setting, setting.default) == value
    else:
        assert not value and setting.unset


@pytest.mark.parametrize("setting", [*SETTINGS, *FILE_SETTINGS], ids=lambda setting: setting.name)
def test_the_example_is_a_value_that_the_setting_may_have(setting: Setting) -> None:
    convert(setting, setting.shown_example)


def test_every_field_of_a_section_is_in_the_table(tmp_path: Path) -> None:
    config = Config(home=tmp_path)
    set_otherwise = {"api_key", "path", "name_from", "base_url_from", "base_url_setting", "dbt_notes"}
    for section in ("model", "limits", "policy", "context", "display", "page"):
        fields = {field.name for field in dataclasses.fields(getattr(config, section))} - set_otherwise
        assert fields == {setting.key for setting in SETTINGS if setting.section == section}
    assert {field.name for field in dataclasses.fields(FileRules)} == {setting.key for setting in FILE_SETTINGS}


def test_the_template_holds_every_setting(tmp_path: Path) -> None:
    text = format_template(None)
    assert read_settings(Path("nl2sql.toml"), text.encode()) == {
        section: {} for section in dict.fromkeys(setting.section for setting in PROJECT_SETTINGS)
    }, "all is commented out"
    sections = read_settings(Path("nl2sql.toml"), re.sub(r"(?m)^# (?=\w+ = |\[)", "", text).encode())
    rules = sections.pop(FILES)["sales.csv"]
    assert {(section, key) for section, values in sections.items() for key in values} == {
        (setting.section, setting.key) for setting in PROJECT_SETTINGS
    }
    assert all(getattr(rules, setting.key) for setting in FILE_SETTINGS)
    assert max(map(len, text.splitlines())) <= 120


def test_the_template_names_the_database_as_toml_does() -> None:
    for url in ("shop.duckdb", 'a"b\\c\n.csv', "ü {x}.csv"):
        assert tomllib.loads(format_template(url))["database"] == {"url": url}


def test_the_page_of_settings_is_the_one_in_the_docs() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert written == format_page(), "run: python -m nl2sql.config.settings_text > docs/configuration.md"


def test_every_variable_of_the_table_is_read(tmp_path: Path) -> None:
    home = {"NL2SQL_HOME": str(tmp_path / "home")}
    for setting in SETTINGS:
        if setting.variable:
            assert get_value(load_config(start=tmp_path, environ={**home, setting.variable: "x"}), setting) == "x"
    names = {name for name, _ in VARIABLES}
    config = load_config(start=tmp_path, environ=dict.fromkeys(names, "/x"))
    assert names == {"OPENAI_API_KEY", "NL2SQL_MODEL_PATH", "NL2SQL_HOME"}
    assert (config.home, config.model.api_key, config.model.path) == (Path("/x"), "/x", Path("/x"))


@pytest.mark.parametrize("setting", PROJECT_SETTINGS, ids=lambda setting: setting.name)
def test_an_untrusted_file_sets_what_the_table_lets_it_set(setting: Setting, tmp_path: Path) -> None:
    environ = {"NL2SQL_HOME": str(tmp_path / "home")}
    example = "1" if setting.untrusted is UntrustedUse.LOWER else setting.shown_example
    file = tmp_path / "nl2sql.toml"
    file.write_text(
        f"[{setting.section}]\n{setting.key} = {'1.5' if setting.name == 'model.temperature' else example}\n"
    )
    before = get_value(Config(home=tmp_path), setting)
    config = load_config(start=tmp_path, environ=environ)
    is_set = setting.name == "limits.spill" or get_value(config, setting) != before
    # The embedded model's name and the time zone are those in force already, or are told as ignored.
    assert is_set == (setting.untrusted is not UntrustedUse.NOTHING)
    assert any(setting.name in note for note in config.notes) == (
        setting.name == "limits.spill" or (setting.untrusted is UntrustedUse.NOTHING and setting.key != "time_zone")
    )
    TrustedFiles(tmp_path / "home").add(file, file.read_bytes())
    assert load_config(start=tmp_path, environ=environ).notes == ()


def test_every_flag_of_the_table_is_one_of_ask() -> None:
    flags = {flag for parameter in ask_command.params for flag in parameter.opts}
    assert {setting.flag for setting in SETTINGS if setting.flag} <= flags

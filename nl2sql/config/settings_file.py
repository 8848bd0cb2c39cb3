"""A settings file's text as checked settings, by the table of settings.

It opens no file, and does not say which settings count.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nl2sql.config.setting_values import MESSAGE_CHARS, VARIABLE
from nl2sql.config.settings_table import FILES, RESERVED, SECTIONS, TRUST
from nl2sql.config.trusted_files import PATH_CHARS
from nl2sql.errors import ConfigError
from nl2sql.importing.file_rules import FileRules
from nl2sql.schema.identifiers import find_closest
from nl2sql.text_safety import make_one_line

# Values by section and key, converted.
Sections = dict[str, dict[str, Any]]

_TOML_TEXT: Final = re.compile(
    r"\"{3}(?:[^\\]|\\.)*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?|#[^\n]*", re.S
)
# The parser's time and memory grow with the square of the parts of one key.
_DEEP_KEY: Final = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){5}")


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables that the user's own file, `source_file`, lets the address of a database hold, and their values."""

    values: Mapping[str, str] = field(repr=False)
    source_file: Path
    names: tuple[str, ...] = ()

    def fill_in(self, url: str, place: str) -> tuple[str, tuple[str, ...]]:
        """Return the address with the values of its variables, and the names of these.

        Raises:
            ConfigError: where a variable is not allowed or not set. It holds no value.
        """
        used = tuple(dict.fromkeys(VARIABLE.findall(url)))
        for name in used:
            if name not in self.names:
                hint = f'To allow it, list it in {self.source_file}: under [{TRUST}], variables = ["{name}"]'
                raise ConfigError(f"{place}: you have not allowed the variable {name} here", hint)
            if name not in self.values:
                raise ConfigError(f"{place}: the variable {name} is not set", f"Set it: export {name}=…")
        return VARIABLE.sub(lambda found: self.values[found[1]], url), used


def read_settings(path: Path, content: bytes, is_given: bool = False, *, is_own: bool = False) -> Sections:
    """Return the settings of a file's text, by section and key, each checked and converted.

    `path` is what errors name. `is_given` leaves out the database, since a flag or a variable names it. `is_own` says
    that the file is the user's own, which alone may have the section `trust`.

    Raises:
        ConfigError: where the text is not TOML, or a setting is unknown or has a value that it may not have.
    """
    shown = make_one_line(str(path), PATH_CHARS)
    sections: Sections = {}
    for section, values in _parse_toml(shown, content).items():
        if section == TRUST and not is_own:
            hint = "Only the config.toml in your NL2SQL_HOME may have it."
            raise ConfigError(f"{shown}: [{TRUST}] cannot stand in a project file", hint)
        if section not in SECTIONS:
            known = [one for one in SECTIONS if is_own or one != TRUST]
            raise _make_unknown_error(f"{shown}: there is no section [{_shorten(section)}]", section, known)
        if not isinstance(values, dict):
            raise ConfigError(f"{shown}: [{section}] must be a section", f"Write [{section}] on a line of its own.")
        read = _read_file_rules if section == FILES else _read_setting
        sections[section] = {key: read(shown, section, key, value) for key, value in values.items()}
    if is_given:
        sections.get("database", {}).pop("url", None)
    return sections


def _parse_toml(shown: str, content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        if _DEEP_KEY.search(_TOML_TEXT.sub("q", text)):
            raise ConfigError(f"{shown} has a key of too many parts", "Write at most a section and a key.")
        return tomllib.loads(text)
    except ValueError as exc:
        problem = _shorten(str(exc))
        raise ConfigError(f"{shown} is not valid TOML: {problem}", "Correct that line.") from exc
    except RecursionError as exc:
        raise ConfigError(f"{shown} is not valid TOML: it is nested too deep", "Write lists of texts only.") from exc


def _read_setting(path: str, section: str, key: str, value: Any) -> Any:
    name = f"{section}.{key}"
    place = f"{path}: {name}"
    if name in RESERVED:
        raise ConfigError(f"{place} is not supported by this version", "Take it out: nothing would enforce it.")
    if key not in SECTIONS[section]:
        raise _make_unknown_error(f"{path}: there is no setting {section}.{_shorten(key)}", key, SECTIONS[section])
    if name != "database.url" and _has_variable(value):
        hint = "Only database.url may hold one. Keys are never in a file: set OPENAI_API_KEY."
        raise ConfigError(f"{place} holds a variable, ${{…}}", hint)
    return _convert(place, section, key, value)


def _read_file_rules(path: str, section: str, file: str, value: Any) -> FileRules:
    """Return what the section of one data file says."""
    place = f'{path}: [{section}."{_shorten(file)}"]'
    if not isinstance(value, dict):
        raise ConfigError(f"{place} must be a section", 'Write [files."sales.csv"] on a line of its own.')
    rules = {}
    for key, one in value.items():
        if key not in SECTIONS[section]:
            message = f"{path}: there is no setting {section}.{_shorten(file)}.{_shorten(key)}"
            raise _make_unknown_error(message, key, SECTIONS[section])
        if _has_variable(one):
            raise ConfigError(f"{place}: {key} holds a variable, ${{…}}", "Only database.url may hold one.")
        rules[key] = _convert(f"{place}: {key}", section, key, one)
    try:
        return FileRules(**rules)
    except ConfigError as exc:
        raise ConfigError(f"{place}: {exc.message}", exc.hint) from exc


def _convert(place: str, section: str, key: str, value: Any) -> Any:
    try:
        return SECTIONS[section][key].type.convert(value)
    except ConfigError as exc:
        raise ConfigError(f"{place}: {_shorten(exc.message)}", exc.hint) from exc


def _make_unknown_error(message: str, name: str, known: Iterable[str]) -> ConfigError:
    near = find_closest(name, known)
    return ConfigError(message, f"Did you mean {near!r}?" if near else f"Known are: {', '.join(known)}.")


def _shorten(text: str) -> str:
    return make_one_line(text, MESSAGE_CHARS)


def _has_variable(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_variable(item) for item in value)
    if isinstance(value, dict):
        return any(_has_variable(item) for pair in value.items() for item in pair)
    return isinstance(value, str) and bool(VARIABLE.search(value))

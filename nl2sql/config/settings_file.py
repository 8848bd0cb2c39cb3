"""A settings file's text as checked settings: what each may be, and where a variable may stand.

It opens no file, and does not say which settings count.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nl2sql.config.trusted_files import PATH_CHARS
from nl2sql.errors import ConfigError
from nl2sql.importing.file_rules import FileRules
from nl2sql.schema.identifiers import find_closest
from nl2sql.text_safety import make_one_line

Sections = dict[str, dict[str, Any]]

TRUST: Final = "trust"
FILES: Final = "files"
UTC: Final = "UTC"
_UNITS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMG]I?B|B|)\Z", re.I)
_SIZE_CHARS: Final = 40
_URL_CHARS: Final = 4000
_MESSAGE_CHARS: Final = 300
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_PASSWORD_IN_URL: Final = re.compile(r"://(?=[^/@]*+@)[^/@]*?:(?!\$\{)[^/@]")
_TOML_TEXT: Final = re.compile(
    r"\"{3}(?:[^\\]|\\.)*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?|#[^\n]*", re.S
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# The parser's time and memory grow with the square of the parts of one key.
_DEEP_KEY: Final = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){5}")


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables that the user's own file, `source_file`, lets the address of a database hold, and their values."""

    values: Mapping[str, str] = field(repr=False)
    source_file: Path
    names: tuple[str, ...] = ()

    def fill_in(self, url: str, place: str) -> tuple[str, tuple[str, ...]]:
        """The address with their values, and which they were. ConfigError, without a value, where one may not be."""
        used = tuple(dict.fromkeys(_VARIABLE.findall(url)))
        for name in used:
            if name not in self.names:
                hint = f'To allow it, list it in {self.source_file}: under [{TRUST}], variables = ["{name}"]'
                raise ConfigError(f"{place}: you have not allowed the variable {name} here", hint)
            if name not in self.values:
                raise ConfigError(f"{place}: the variable {name} is not set", f"Set it: export {name}=…")
        return _VARIABLE.sub(lambda found: self.values[found[1]], url), used


def read_settings(path: Path, content: bytes, is_given: bool = False, *, is_own: bool = False) -> Sections:
    """The settings of a file's text, by section and key, each checked. ConfigError names the place."""
    shown = make_one_line(str(path), PATH_CHARS)
    try:
        text = content.decode("utf-8")
        if _DEEP_KEY.search(_TOML_TEXT.sub("q", text)):
            raise ConfigError(f"{shown} has a key of too many parts", "Write at most a section and a key.")
        data = tomllib.loads(text)
    except ValueError as exc:
        problem = make_one_line(str(exc), _MESSAGE_CHARS)
        raise ConfigError(f"{shown} is not valid TOML: {problem}", "Mend that line.") from exc
    except RecursionError as exc:
        raise ConfigError(f"{shown} is not valid TOML: it is nested too deep", "Write lists of texts only.") from exc
    sections: Sections = {}
    for section, values in data.items():
        if section == TRUST and not is_own:
            hint = "Only the config.toml in your NL2SQL_HOME may have it."
            raise ConfigError(f"{shown}: [{TRUST}] cannot stand in a project file", hint)
        if section not in _SETTINGS and section != FILES:
            raise _make_unknown_error(
                shown, "section [{}]", section, [one for one in _SETTINGS if is_own or one != TRUST]
            )
        if not isinstance(values, dict):
            raise ConfigError(f"{shown}: [{section}] must be a section", f"Write [{section}] on a line of its own.")
        sections[section] = {key: _read_setting(shown, section, key, value) for key, value in values.items()}
    if is_given:
        sections.get("database", {}).pop("url", None)
    return sections


def _read_setting(path: str, section: str, key: str, value: Any) -> Any:
    place = f"{path}: {section}.{key}"
    if key in _LATER.get(section, ()):
        raise ConfigError(f"{place} is not supported by this version", "Take it out: nothing would enforce it.")
    if section == FILES:
        return _read_file_rules(path, key, value)
    if key not in _SETTINGS[section]:
        raise _make_unknown_error(path, f"setting {section}.{{}}", key, _SETTINGS[section])
    if (section, key) != ("database", "url") and _has_variable(value):
        hint = "Only database.url may hold one. Keys are never in a file: set OPENAI_API_KEY."
        raise ConfigError(f"{place} holds a variable, ${{…}}", hint)
    try:
        return _SETTINGS[section][key](value)
    except ConfigError as exc:
        raise ConfigError(f"{place}: {make_one_line(exc.message, _MESSAGE_CHARS)}", exc.hint) from exc


def _make_unknown_error(path: str, what: str, name: str, known: Iterable[str]) -> ConfigError:
    near = find_closest(name, known)
    hint = f"Did you mean {near!r}?" if near else f"Known are: {', '.join(known)}."
    return ConfigError(f"{path}: there is no {what.format(make_one_line(name, _MESSAGE_CHARS))}", hint)


def _has_variable(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_variable(item) for item in value)
    if isinstance(value, dict):
        return any(_has_variable(item) for pair in value.items() for item in pair)
    return isinstance(value, str) and bool(_VARIABLE.search(value))


def parse_size(value: str | int) -> int:
    """Bytes from `512MB`, `1GB`, `1GiB` or a number. ConfigError where it is none of these."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    found = _SIZE.match(text) if len(text) <= _SIZE_CHARS else None
    if isinstance(value, bool) or not found:
        raise ConfigError(f"{make_one_line(repr(value), _SIZE_CHARS)} is not a size", "Write it like 512MB or 1GB.")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError("must be text", 'Put it in quotes, like "shop.duckdb".')
    return value


def _read_address(value: Any) -> str:
    url = _read_text(value)
    if not url.strip() or len(url) > _URL_CHARS or _CONTROL.search(url):
        raise ConfigError("is no address of a database", 'Write a file, a folder or a URL, like "shop.duckdb".')
    if _PASSWORD_IN_URL.search(url):
        raise ConfigError("holds a password", "Keep it out of the file: write ${NAME} and set that variable.")
    return url


def _read_variables(value: Any) -> tuple[str, ...]:
    names = _read_texts(value, '["SHOP_FOLDER"]')
    for name in names:
        if not re.fullmatch(r"\w+", name):
            raise ConfigError(f"{name!r} is no variable's name", 'Write it like "SHOP_PASSWORD", without $ and braces.')
    return names


def _make_number_reader(low: float, high: float) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigError(f"must be a number from {low:g} to {high:g}", _advise_number(value))
        return float(value)

    return convert


def _make_whole_reader(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(f"must be a whole number from {low} to {high}", _advise_number(value))
        return value

    return convert


def _advise_number(value: Any) -> str:
    return "Write it without quotes." if isinstance(value, str) else "Take one in that range."


def _read_texts(value: Any, example: str = '["orders", "customers"]') -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError("must be a list of texts", f"Write it like {example}.")
    return tuple(value)


def _make_texts_reader(example: str) -> Callable[[Any], tuple[str, ...]]:
    return lambda value: _read_texts(value, example)


def _read_names(value: Any, example: str = '["orders", "customers"]') -> frozenset[str]:
    names = frozenset(_read_texts(value, example))
    for name in names:
        if "*" in name:
            raise ConfigError(f"{name!r} is a pattern, and names here are exact", "Write each name in full.")
    return names


def _read_columns(value: Any) -> frozenset[str]:
    names = _read_names(value, '["staff.salary"]')
    for name in names:
        if "." not in name:
            raise ConfigError(f"{name!r} names no table", 'Write columns as "table.column".')
    return names


def _read_descriptions(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ConfigError("must be a table of texts", 'Write it like {"orders.status" = "where the order stands"}.')
    return dict(value)


def _read_synonyms(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ConfigError("must be a table of lists", 'Write it like {"orders.total" = ["revenue", "turnover"]}.')
    return {key: _read_texts(texts) for key, texts in value.items()}


def _read_time_zone(value: Any) -> str:
    name = _read_text(value).strip()
    return UTC if find_zone(name) is dt.UTC else name


def find_zone(name: str) -> dt.tzinfo:
    """The time zone of that name in the IANA database. ConfigError where there is none, or this machine has no such."""
    if name.upper() in (UTC, "ETC/UTC"):
        return dt.UTC
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        known = zoneinfo.available_timezones()
        if not known:
            raise ConfigError("this machine knows no time zones", "Install them: pip install tzdata") from exc
        near = find_closest(name, known)
        hint = f"Did you mean {near!r}?" if near else 'Write a name like "Europe/Oslo".'
        raise ConfigError(f"{make_one_line(repr(name), _MESSAGE_CHARS)} is no time zone", hint) from exc


def _read_locale(value: Any) -> str:
    """A locale that babel knows, such as `de_DE`; an empty text is none."""
    name = _read_text(value).strip()
    if not name:
        return name
    from babel import Locale, UnknownLocaleError, localedata

    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as exc:
        near = find_closest(name.replace("-", "_"), localedata.locale_identifiers())
        hint = f"Did you mean {near!r}?" if near else 'Write it like "de_DE" or "en_IN".'
        raise ConfigError(f"{make_one_line(repr(value), _MESSAGE_CHARS)} is no locale", hint) from exc
    return name


def _read_month_day(value: Any) -> tuple[int, int]:
    """A month and a day, from `"04-01"`, or the first of a month from its number."""
    text = f"{value:02d}-01" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    try:
        # The 29th of February is not in every year.
        day = dt.date.fromisoformat(f"2001-{text.strip().removeprefix('--')}")
    except ValueError as exc:
        raise ConfigError(
            f"{make_one_line(repr(value), _MESSAGE_CHARS)} is no day of a year", 'Write it like "04-01".'
        ) from exc
    return day.month, day.day


def _read_day(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError) as exc:
        raise ConfigError(
            f"{make_one_line(repr(value), _MESSAGE_CHARS)} is no day", 'Write it like "2025-01-31".'
        ) from exc


def _read_protocol(value: Any) -> str:
    if value not in ("tools", "functions", "text"):
        raise ConfigError(f"{value!r} is no protocol", 'Write "tools", "functions" or "text".')
    return str(value)


_SETTINGS: Final[dict[str, dict[str, Callable[[Any], Any]]]] = {
    "database": {"url": _read_address, "include": _read_texts, "exclude": _make_texts_reader('["*_old"]')},
    "model": {
        "name": _read_text,
        "base_url": _read_text,
        "protocol": _read_protocol,
        "temperature": _make_number_reader(0, 2),
        "candidates": _make_whole_reader(1, 16),
        "choices": _make_texts_reader('["gpt-5", "local"]'),
    },
    "limits": {
        "rows": _make_whole_reader(1, 10_000_000),
        "seconds": _make_number_reader(0.1, 86_400),
        "memory": parse_size,
        "cell_bytes": parse_size,
        "result_bytes": parse_size,
        "spill": parse_size,
        "steps": _make_whole_reader(1, 100),
        "upload_bytes": parse_size,
        "upload_rows": _make_whole_reader(1, 1_000_000_000),
    },
    "policy": {"allow_tables": _read_names, "deny_tables": _read_names, "deny_columns": _read_columns},
    "context": {
        "descriptions": _read_descriptions,
        "synonyms": _read_synonyms,
        "metrics": _read_descriptions,
        "rules": _make_texts_reader('["Revenue is without tax."]'),
        "dbt": _read_text,
        "time_zone": _read_time_zone,
        "fiscal_year_start": _read_month_day,
        "today": _read_day,
    },
    "display": {"locale": _read_locale},
    "page": {"editors": _make_texts_reader('["ann@example.com"]')},
    TRUST: {"variables": _read_variables},
}
_FILE_RULES: Final[dict[str, Callable[[Any], Any]]] = {
    "header": _make_whole_reader(0, 1000),
    "delimiter": _read_text,
    "encoding": _read_text,
    "decimal": _read_text,
    "dates": _read_text,
    "null": _make_texts_reader('["-", "n/a"]'),
    "types": _read_descriptions,
}


def _read_file_rules(path: str, file: str, value: Any) -> FileRules:
    """What the section of one data file says. ConfigError."""
    place = f'{path}: [files."{make_one_line(file, _MESSAGE_CHARS)}"]'
    if not isinstance(value, dict):
        raise ConfigError(f"{place} must be a section", 'Write [files."sales.csv"] on a line of its own.')
    found = {}
    for key, one in value.items():
        if key not in _FILE_RULES:
            raise _make_unknown_error(
                path, f"setting files.{make_one_line(file, _MESSAGE_CHARS)}.{{}}", key, _FILE_RULES
            )
        if _has_variable(one):
            raise ConfigError(f"{place}: {key} holds a variable, ${{…}}", "Only database.url may hold one.")
        try:
            found[key] = _FILE_RULES[key](one)
        except ConfigError as exc:
            raise ConfigError(f"{place}: {key}: {make_one_line(exc.message, _MESSAGE_CHARS)}", exc.hint) from exc
    try:
        return FileRules(**found)
    except ConfigError as exc:
        raise ConfigError(f"{place}: {exc.message}", exc.hint) from exc


_LATER: Final = {"policy": ("mask_columns", "row_filters", "min_group_size")}

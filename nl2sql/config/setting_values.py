"""What the value of a setting may be: one type for each form, which checks it and turns it into the product's own.

It knows no setting by its name, and opens no file.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import find_closest
from nl2sql.text_safety import make_one_line

UTC: Final = "UTC"
MESSAGE_CHARS: Final = 300
VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_UNITS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMG]I?B|B|)\Z", re.I)
_SIZE_CHARS: Final = 40
_URL_CHARS: Final = 4000
_PASSWORD_IN_URL: Final = re.compile(r"://(?=[^/@]*+@)[^/@]*?:(?!\$\{)[^/@]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_TABLE_NAMES: Final = '["orders", "customers"]'


@dataclass(frozen=True, slots=True)
class ValueType:
    """One form of value. `description` says what to write; `convert` takes what TOML holds and raises ConfigError."""

    description: str
    convert: Callable[[Any], Any]


def parse_size(value: str | int) -> int:
    """Return the bytes that `512MB`, `1GB`, `1GiB` or a number mean.

    Raises:
        ConfigError: where it is none of these.
    """
    text = str(value).strip() if isinstance(value, str | int) else ""
    found = _SIZE.match(text) if len(text) <= _SIZE_CHARS else None
    if isinstance(value, bool) or not found:
        raise ConfigError(f"{make_one_line(repr(value), _SIZE_CHARS)} is not a size", "Write it like 512MB or 1GB.")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def find_zone(name: str) -> dt.tzinfo:
    """Return the time zone of that name in the IANA database.

    Raises:
        ConfigError: where there is none of that name, or this machine knows no time zones.
    """
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
        raise ConfigError(f"{make_one_line(repr(name), MESSAGE_CHARS)} is no time zone", hint) from exc


def make_number(low: float, high: float) -> ValueType:
    """Return the type of numbers from `low` to `high`."""

    def convert(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigError(f"must be a number from {low:g} to {high:g}", _advise_number(value))
        return float(value)

    return ValueType(f"number from {low:g} to {high:,g}", convert)


def make_whole(low: int, high: int) -> ValueType:
    """Return the type of whole numbers from `low` to `high`."""

    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(f"must be a whole number from {low} to {high}", _advise_number(value))
        return value

    return ValueType(f"whole number from {low} to {high:,}", convert)


def make_texts(example: str = _TABLE_NAMES) -> ValueType:
    """Return the type of lists of texts; `example` is one, as TOML has it."""
    return ValueType("list of texts", lambda value: _read_texts(value, example))


def _advise_number(value: Any) -> str:
    return "Write it without quotes." if isinstance(value, str) else "Take one in that range."


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


def _read_variable_names(value: Any) -> tuple[str, ...]:
    names = _read_texts(value, '["SHOP_FOLDER"]')
    for name in names:
        if not re.fullmatch(r"\w+", name):
            raise ConfigError(f"{name!r} is no variable's name", 'Write it like "SHOP_PASSWORD", without $ and braces.')
    return names


def _read_texts(value: Any, example: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError("must be a list of texts", f"Write it like {example}.")
    return tuple(value)


def _read_names(value: Any, example: str = _TABLE_NAMES) -> frozenset[str]:
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


def _read_text_table(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ConfigError("must be a table of texts", 'Write it like {"orders.status" = "where the order stands"}.')
    return dict(value)


def _read_list_table(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ConfigError("must be a table of lists", 'Write it like {"orders.total" = ["revenue", "turnover"]}.')
    return {key: _read_texts(texts, _TABLE_NAMES) for key, texts in value.items()}


def _read_time_zone(value: Any) -> str:
    name = _read_text(value).strip()
    return UTC if find_zone(name) is dt.UTC else name


def _read_locale(value: Any) -> str:
    """Return a locale that babel knows, such as `de_DE`; an empty text is none."""
    name = _read_text(value).strip()
    if not name:
        return name
    from babel import Locale, UnknownLocaleError, localedata

    try:
        Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as exc:
        near = find_closest(name.replace("-", "_"), localedata.locale_identifiers())
        hint = f"Did you mean {near!r}?" if near else 'Write it like "de_DE" or "en_IN".'
        raise ConfigError(f"{make_one_line(repr(value), MESSAGE_CHARS)} is no locale", hint) from exc
    return name


def _read_month_day(value: Any) -> tuple[int, int]:
    """Return a month and a day, from `"04-01"`, or the first of a month from its number."""
    text = f"{value:02d}-01" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    try:
        # The 29th of February is not in every year.
        day = dt.date.fromisoformat(f"2001-{text.strip().removeprefix('--')}")
    except ValueError as exc:
        raise ConfigError(
            f"{make_one_line(repr(value), MESSAGE_CHARS)} is no day of a year", 'Write it like "04-01".'
        ) from exc
    return day.month, day.day


def _read_day(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value)
    except (TypeError, ValueError) as exc:
        raise ConfigError(
            f"{make_one_line(repr(value), MESSAGE_CHARS)} is no day", 'Write it like "2025-01-31".'
        ) from exc


def _read_protocol(value: Any) -> str:
    if value not in ("tools", "functions", "text"):
        raise ConfigError(f"{value!r} is no protocol", 'Write "tools", "functions" or "text".')
    return str(value)


TEXT: Final = ValueType("text", _read_text)
DATABASE_ADDRESS: Final = ValueType("a file, a folder or a URL", _read_address)
VARIABLE_NAMES: Final = ValueType("list of names of variables", _read_variable_names)
SIZE: Final = ValueType('bytes, or a text like "512MB" or "1GiB"', parse_size)
NAMES: Final = ValueType("list of exact names", _read_names)
COLUMN_NAMES: Final = ValueType('list of "table.column"', _read_columns)
TEXT_TABLE: Final = ValueType("table of texts", _read_text_table)
LIST_TABLE: Final = ValueType("table of lists of texts", _read_list_table)
TIME_ZONE: Final = ValueType("name in the IANA database", _read_time_zone)
LOCALE: Final = ValueType("name of a locale", _read_locale)
MONTH_DAY: Final = ValueType('"MM-DD", or a month\'s number', _read_month_day)
DAY: Final = ValueType("date", _read_day)
PROTOCOL: Final = ValueType('"tools", "functions" or "text"', _read_protocol)

"""Every setting, in one frozen Config: defaults < user's file < project file < environment < arguments.

It reads the two files and the environment; it opens no database and checks no key.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import platformdirs

from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import closest
from nl2sql.types import Limits, Policy

PROJECT_FILE: Final = "nl2sql.toml"
USER_FILE: Final = "config.toml"
LOCAL_MODEL: Final = "local"
_UNITS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG]I?B|B|)\s*\Z", re.I)
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_PASSWORD_IN_URL: Final = re.compile(r"://[^/@]*:(?!\$\{)[^/@]+@")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model writes the SQL. `name` None means the embedded one, unless a base URL or a key is set.

    `candidates` is how many queries are written for a question, of which the rows are compared; None leaves it to the
    product, 1 means one. `choices` are the models that people may choose between on the page.

    `api_key` never shows in `repr`, and is not read from any file.
    """

    name: str | None = None
    base_url: str | None = None
    protocol: str | None = None
    temperature: float = 0.0
    candidates: int | None = None
    choices: tuple[str, ...] = ()
    api_key: str | None = field(default=None, repr=False)
    path: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether the embedded model answers."""
        return self.name == LOCAL_MODEL or (self.name is None and not self.base_url and not self.api_key)


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """What the owner tells the model: `descriptions` and `synonyms` by `table` or `table.column`,
    `metrics` by name, and `rules` as sentences."""

    descriptions: Mapping[str, str] = field(default_factory=dict)
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What holds on the page where people sign in. `editors` may save verified queries, named as the history does."""

    editors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `url` None means the sample data; `home` holds state and cache; `file` is the project's.

    `notes` are sentences about what of the files was not obeyed, and why.
    """

    home: Path
    url: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    model: ModelSettings = ModelSettings()
    limits: Limits = Limits()
    policy: Policy = Policy()
    context: ContextSettings = ContextSettings()
    page: PageSettings = PageSettings()
    file: Path | None = None
    notes: tuple[str, ...] = ()

    def limited(self, rows: int | None, seconds: float | None, memory: str | None) -> Config:
        """With these limits on top, as flags give them: None leaves one as it is, 0 rows are all. ConfigError."""
        limits = self.limits
        if rows is not None:
            limits = replace(limits, rows=rows or None)
        if seconds is not None:
            limits = replace(limits, seconds=seconds)
        if memory is not None:
            limits = replace(limits, memory=parse_size(memory))
        return replace(self, limits=limits)


def load_config(
    file: Path | None = None,
    *,
    start: Path | None = None,
    environ: Mapping[str, str] | None = None,
    url: str | None = None,
    model: str | None = None,
) -> Config:
    """The settings in force: both files, the environment, then the arguments `url` and `model`.

    `file` names a project file, else the nearest `nl2sql.toml` in `start` (the working folder) or above it
    serves. ConfigError where a file is missing or not TOML, or a key is unknown or mistyped.
    """
    env = os.environ if environ is None else environ
    home = Path(env["NL2SQL_HOME"]) if env.get("NL2SQL_HOME") else platformdirs.user_data_path("nl2sql")
    config = Config(home=home.expanduser().absolute())
    user_file = config.home / USER_FILE
    if user_file.is_file():
        config = _with_file(config, user_file, env)
    project = file or find_project_file(start or Path.cwd())
    if file is not None and not file.is_file():
        raise ConfigError(f"there is no file {file}", "Check --config, or write one with `nl2sql init`.")
    if project is not None:
        config = replace(_with_file(config, project, env), file=project)
    config = _with_environment(config, env)
    if url is not None:
        config = replace(config, url=url)
    if model is not None:
        config = replace(config, model=replace(config.model, name=model))
    return config


def find_project_file(start: Path) -> Path | None:
    """The nearest `nl2sql.toml` in that folder or one above it."""
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
    return None


def parse_size(value: str | int) -> int:
    """Bytes from `512MB`, `1GB`, `1GiB` or a number. ConfigError where it is none of these."""
    found = _SIZE.match(str(value))
    if isinstance(value, bool) or not found:
        raise ConfigError(f"{value!r} is not a size", "Write it like 512MB or 1GB.")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _with_environment(config: Config, env: Mapping[str, str]) -> Config:
    model = config.model
    if value := env.get("OPENAI_MODEL"):
        model = replace(model, name=value)
    if value := env.get("OPENAI_BASE_URL"):
        model = replace(model, base_url=value)
    if value := env.get("OPENAI_API_KEY"):
        model = replace(model, api_key=value)
    if value := env.get("NL2SQL_MODEL_PATH"):
        model = replace(model, path=Path(value).expanduser())
    return replace(config, model=model, url=env.get("NL2SQL_DB") or config.url)


def _with_file(config: Config, path: Path, env: Mapping[str, str]) -> Config:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not valid TOML: {exc}", "Mend that line.") from exc
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}", "Check its permissions.") from exc
    sections: dict[str, dict[str, Any]] = {}
    for section, values in data.items():
        if section not in _SETTINGS:
            raise _unknown(path, f"section [{section}]", section, _SETTINGS)
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: [{section}] must be a section", f"Write [{section}] on a line of its own.")
        sections[section] = {
            key: _setting(path, section, key, value, env) for key, value in values.items() if value is not None
        }
    return _merged(config, sections, path)


def _setting(path: Path, section: str, key: str, value: Any, env: Mapping[str, str]) -> Any:
    place = f"{path}: {section}.{key}"
    if key in _LATER.get(section, ()):
        raise ConfigError(f"{place} is not supported by this version", "Take it out: nothing would enforce it.")
    if key not in _SETTINGS[section]:
        raise _unknown(path, f"setting {section}.{key}", key, _SETTINGS[section])
    if section == "database" and key == "url" and isinstance(value, str) and _PASSWORD_IN_URL.search(value):
        raise ConfigError(f"{place} holds a password", "Keep it out of the file: write ${NAME} and set that variable.")
    try:
        return _SETTINGS[section][key](_expanded(value, env))
    except ConfigError as exc:
        raise ConfigError(f"{place}: {exc.message}", exc.hint) from exc


def _unknown(path: Path, what: str, name: str, known: Mapping[str, Any]) -> ConfigError:
    near = closest(name, known)
    hint = f"Did you mean {near!r}?" if near else f"Known are: {', '.join(known)}."
    return ConfigError(f"{path}: there is no {what}", hint)


def _expanded(value: Any, env: Mapping[str, str]) -> Any:
    """`${NAME}` replaced by the environment's value, in every text."""
    if isinstance(value, list):
        return [_expanded(item, env) for item in value]
    if isinstance(value, dict):
        return {key: _expanded(item, env) for key, item in value.items()}
    if not isinstance(value, str):
        return value

    def variable(found: re.Match[str]) -> str:
        if found[1] not in env:
            raise ConfigError(f"the variable {found[1]} is not set", f"Set it: export {found[1]}=…")
        return env[found[1]]

    return _VARIABLE.sub(variable, value)


def _merged(config: Config, sections: Mapping[str, dict[str, Any]], path: Path) -> Config:
    database = dict(sections.get("database", {}))
    url = database.get("url")
    if url and "://" not in url and not Path(url).expanduser().is_absolute():
        database["url"] = str(path.parent / url)
    return replace(
        config,
        **database,
        model=replace(config.model, **sections.get("model", {})),
        limits=replace(config.limits, **sections.get("limits", {})),
        policy=replace(config.policy, **sections.get("policy", {})),
        context=replace(config.context, **sections.get("context", {})),
        page=replace(config.page, **sections.get("page", {})),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError("must be text", 'Put it in quotes, like "shop.duckdb".')
    return value


def _number(low: float, high: float) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ConfigError(f"must be a number from {low:g} to {high:g}", "Write it without quotes.")
        return float(value)

    return convert


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(f"must be a whole number from {low} to {high}", "Write it without quotes.")
        return value

    return convert


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError("must be a list of texts", 'Write it like ["orders", "customers"].')
    return tuple(value)


def _names(value: Any) -> frozenset[str]:
    return frozenset(_texts(value))


def _columns(value: Any) -> frozenset[str]:
    names = _names(value)
    for name in names:
        if "." not in name:
            raise ConfigError(f"{name!r} names no table", 'Write columns as "table.column".')
    return names


def _descriptions(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ConfigError("must be a table of texts", 'Write it like {"orders.status" = "where the order stands"}.')
    return dict(value)


def _synonyms(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ConfigError("must be a table of lists", 'Write it like {"orders.total" = ["revenue", "turnover"]}.')
    return {key: _texts(texts) for key, texts in value.items()}


def _protocol(value: Any) -> str:
    if value not in ("tools", "functions", "text"):
        raise ConfigError(f"{value!r} is no protocol", 'Write "tools", "functions" or "text".')
    return str(value)


_SETTINGS: Final[dict[str, dict[str, Callable[[Any], Any]]]] = {
    "database": {"url": _text, "include": _texts, "exclude": _texts},
    "model": {
        "name": _text,
        "base_url": _text,
        "protocol": _protocol,
        "temperature": _number(0, 2),
        "candidates": _whole(1, 16),
        "choices": _texts,
    },
    "limits": {
        "rows": _whole(1, 10_000_000),
        "seconds": _number(0.1, 86_400),
        "memory": parse_size,
        "cell_bytes": parse_size,
        "result_bytes": parse_size,
        "spill": parse_size,
        "steps": _whole(1, 100),
        "upload_bytes": parse_size,
        "upload_rows": _whole(1, 1_000_000_000),
    },
    "policy": {"allow_tables": _names, "deny_tables": _names, "deny_columns": _columns},
    "context": {"descriptions": _descriptions, "synonyms": _synonyms, "metrics": _descriptions, "rules": _texts},
    "page": {"editors": _texts},
}
_LATER: Final = {"policy": ("mask_columns", "row_filters", "min_group_size")}

"""Loads the settings: defaults < the user's file < the project file < the environment < arguments.

It reads the two files and the environment, once; it opens no database and checks no key. What a project file that was
only found may set, `project_file` says.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import platformdirs

from nl2sql.config.configuration import Config
from nl2sql.config.dbt_files import DbtFile, read_files, read_notes
from nl2sql.config.project_file import describe_stranger, note_denials, note_stranger, note_waiting, split_settings
from nl2sql.config.settings_file import Sections, Variables, read_settings
from nl2sql.config.settings_table import (
    ADDRESS_VARIABLE,
    DATABASE_VARIABLE,
    FILES,
    HOME_VARIABLE,
    KEY_VARIABLE,
    MODEL_PATH_VARIABLE,
    MODEL_VARIABLE,
    TRUST,
)
from nl2sql.config.trusted_files import PATH_CHARS, TrustedFiles, compose_trust, find_stranger, read_file
from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import fold
from nl2sql.text_safety import make_one_line
from nl2sql.types import MAIN_SCHEMA, Limits, Policy

PROJECT_FILE: Final = "nl2sql.toml"
USER_FILE: Final = "config.toml"
QUERY_FOLDER: Final = "queries"
QUERY_BYTES: Final = 200_000
_FILE_BYTES: Final = 1_000_000


def load_config(
    file: Path | None = None,
    *,
    start: Path | None = None,
    environ: Mapping[str, str] | None = None,
    url: str | None = None,
    model: str | None = None,
) -> Config:
    """Return the settings in force: both files, the environment, then the arguments `url` and `model`.

    `file` names a project file, which then counts in full; else the nearest `nl2sql.toml` in `start` (the working
    folder) or above it serves, as far as `nl2sql trust` lets it: `notes` says what it does not. What any `nl2sql.toml`
    there denies is denied, and without `file` the limits that one lowers are lowered too.

    Raises:
        ConfigError: where a file is missing or not TOML, or a setting is unknown or has a value that it may not have.
    """
    env = dict(os.environ if environ is None else environ)
    is_given = url is not None or bool(env.get(DATABASE_VARIABLE))
    config, variables = _load_own(env, is_given)
    if file is None:
        config = _apply_found_files(config, start, variables, is_given)
    elif not file.is_file():
        raise ConfigError(f"there is no file {file}", "Check --config, or write one with `nl2sql init`.")
    else:
        file = file.absolute()
        sections = read_settings(file, read_settings_file(file), is_given)
        config = _apply_project(config, sections, file, variables)
        config = _note_doubtful(config, file)
        for path in _find_project_files(start):
            config = _apply_denials(config, path)
    config = _apply_environment(config, env)
    if url is not None:
        config = config.point_to(url)
    if model is not None:
        config = replace(config, model=config.model.rename(model))
    return config


def add_dbt(config: Config) -> Config:
    """Return the settings with what the trusted dbt files say, where the owner's own words say nothing.

    Raises:
        ConfigError: where a file cannot be read. It names file and line.
    """
    context = config.context
    if not context.dbt:
        return config
    trusted = TrustedFiles(config.home)
    files = [
        file for file in _read_dbt(config) if not trusted.find_doubt(file.path, file.content, is_found=config.is_found)
    ]
    notes = read_notes(files)
    own = {name.casefold() for name in context.metrics}
    metrics = {name: text for name, text in notes.metrics.items() if name.casefold() not in own}
    context = replace(context, metrics={**context.metrics, **metrics}, dbt_notes=notes)
    return replace(config, context=context)


def find_home(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of state and cache."""
    env = os.environ if environ is None else environ
    home = Path(env[HOME_VARIABLE]) if env.get(HOME_VARIABLE) else platformdirs.user_data_path("nl2sql")
    return home.expanduser().absolute()


def find_project_file(start: Path | None = None) -> Path | None:
    """Return the nearest `nl2sql.toml` in that folder (None: the working folder) or above it, whoever wrote it."""
    return next(_find_project_files(start), None)


def read_settings_file(file: Path) -> bytes:
    """Return the content of a file of settings.

    Raises:
        ConfigError: where it cannot be read, or is too large.
    """
    return read_file(file, _FILE_BYTES, make_one_line(str(file), PATH_CHARS))


def find_waiting_settings(file: Path, content: bytes, environ: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """Return the settings of a project file that count only once it is trusted, by `section.key`.

    Raises:
        ConfigError: where the text of this file, or of the user's own, is wrong.
    """
    config, _ = _load_own(dict(os.environ if environ is None else environ), is_given=True)
    return split_settings(read_settings(file, content), _get_value_of(config), file.parent).pending_settings


def _load_own(env: Mapping[str, str], is_given: bool) -> tuple[Config, Variables]:
    """Return the settings of the user's own file, and the variables that it lets addresses of databases hold.

    `is_given` says that a flag or the environment names the database: then no file's counts.
    """
    config = Config(home=find_home(env))
    path = config.home / USER_FILE
    if not path.is_file():
        return config, Variables(env, path)
    sections = read_settings(path, read_settings_file(path), is_given, is_own=True)
    if sections.get("context", {}).get("dbt"):
        shown = make_one_line(str(path), PATH_CHARS)
        raise ConfigError(f"{shown}: context.dbt belongs to one project", f"Write it into the {PROJECT_FILE} there.")
    variables = Variables(env, path, sections.pop(TRUST, {}).get("variables", ()))
    return _apply_file(config, sections, path, variables), variables


def _apply_found_files(config: Config, start: Path | None, variables: Variables, is_given: bool) -> Config:
    """Return the settings with what the nearest project file may set, and what those above it deny and lower.

    One that others may write to is left out, unless it is trusted.
    """
    trusted, own = TrustedFiles(config.home), config
    unused: tuple[str, str] | None = None
    for path in _find_project_files(start):
        if config.file is not None:
            config = _apply_denials(config, path, own)
            continue
        stranger = find_stranger(path)
        try:
            content = read_settings_file(path)
        except ConfigError:
            if not stranger:
                raise
            content = None
        if content is not None and trusted.has(path, content):
            config = _apply_project(config, read_settings(path, content, is_given), path, variables)
            config = replace(config, is_found=True)
            config = _note_doubtful(config, path)
        elif content is not None and not stranger:
            config = _apply_untrusted(config, read_settings(path, content, is_given), path, trusted)
        else:
            config = _add_note(config, note_stranger(path, stranger))
            unused = unused or describe_stranger(path, stranger)
    return replace(config, database_problem=unused) if config.url is None and not config.database_problem else config


def _apply_denials(config: Config, path: Path, own: Config | None = None) -> Config:
    """Return the settings with what a further project file denies, and with the limits that it lowers.

    A limit is lowered against `own`, the user's settings. Where that is None the user named another file in place of
    this one: then it may deny only, and that is noted.
    """
    stranger = find_stranger(path)
    try:
        content = read_settings_file(path)
        sections = read_settings(path, content)
    except ConfigError:
        if not stranger:
            raise
        return config
    policy = _add_up(config.policy, sections.get("policy", {}))
    limits = (
        _lower(config.limits, split_settings(sections, _get_value_of(own), path.parent).accepted_settings)
        if own
        else config.limits
    )
    if (policy, limits) == (config.policy, config.limits):
        return config
    if stranger and not TrustedFiles(config.home).has(path, content):
        return _add_note(config, note_stranger(path, stranger))
    config = replace(config, policy=policy, limits=limits, stricter_files=(*config.stricter_files, path))
    return config if own else _add_note(config, note_denials(path))


def _lower(limits: Limits, sections: Sections) -> Limits:
    """Return the lower one of each limit and that of the sections."""
    lowered = {
        key: value if (current := getattr(limits, key)) is None else min(value, current)
        for key, value in sections.get("limits", {}).items()
    }
    return replace(limits, **lowered)


def _apply_untrusted(config: Config, sections: Sections, path: Path, trusted: TrustedFiles) -> Config:
    ruling = split_settings(sections, _get_value_of(config), path.parent)
    # A database elsewhere is an error where it would be opened.
    waiting = [name for name in ruling.pending_settings if name != "database.url"]
    config = replace(_merge(config, ruling.accepted_settings), file=path, is_found=True)
    if ruling.database_problem:
        state = _describe_state(path, trusted)
        problem = f"{make_one_line(str(path), PATH_CHARS)} {ruling.database_problem}, and {state}"
        advice = f"Read it, then: {compose_trust(path.parent)}"
        config = replace(config, url=None, variables=(), database_problem=(problem, advice))
    elif url := ruling.accepted_settings.get("database", {}).get("url"):
        # Without links, so that none can be turned elsewhere before it is opened.
        config = config.point_to(os.path.realpath(path.parent / url))
    queries = _find_doubtful_queries(config)
    if not waiting and not queries:
        return config
    return _add_note(config, note_waiting(path, waiting, queries, _describe_state(path, trusted)))


def _describe_state(path: Path, trusted: TrustedFiles) -> str:
    """Return how an untrusted file stands, as a clause about it."""
    return "has changed since you trusted it" if trusted.has_other(path) else "is not trusted"


def _apply_project(config: Config, sections: Sections, path: Path, variables: Variables) -> Config:
    """Return the settings with a project file that counts in full."""
    config = replace(_apply_file(config, sections, path, variables), file=path)
    model = sections.get("model", {})
    name_from = path if "name" in model else config.model.name_from
    base_url_from = path if "base_url" in model else config.model.base_url_from
    return replace(config, model=replace(config.model, name_from=name_from, base_url_from=base_url_from))


def _apply_file(config: Config, sections: Sections, path: Path, variables: Variables) -> Config:
    config = _merge(config, sections)
    if "base_url" in sections.get("model", {}):
        setting = f"model.base_url in {make_one_line(str(path), PATH_CHARS)}"
        config = replace(config, model=replace(config.model, base_url_setting=setting))
    url = sections.get("database", {}).get("url")
    if url is None:
        return config
    expanded, names = variables.fill_in(url, f"{make_one_line(str(path), PATH_CHARS)}: database.url")
    return replace(config, url=_locate(expanded, path.parent), variables=names)


def _apply_environment(config: Config, env: Mapping[str, str]) -> Config:
    model = config.model
    if value := env.get(MODEL_VARIABLE):
        model = model.rename(value)
    if value := env.get(ADDRESS_VARIABLE):
        model = replace(model, base_url=value, base_url_from=None, base_url_setting=ADDRESS_VARIABLE)
    if value := env.get(KEY_VARIABLE):
        model = replace(model, api_key=value)
    if value := env.get(MODEL_PATH_VARIABLE):
        model = replace(model, path=Path(value).expanduser())
    config = replace(config, model=model)
    return config.point_to(env[DATABASE_VARIABLE]) if env.get(DATABASE_VARIABLE) else config


def _add_note(config: Config, note: str) -> Config:
    return replace(config, notes=(*config.notes, note)) if note else config


def _note_doubtful(config: Config, file: Path) -> Config:
    """Return the settings with a note of the files beside a trusted project file that are not trusted, so not used."""
    return _add_note(config, note_waiting(file, (), _find_doubtful_queries(config), "", _find_doubtful_dbt(config)))


def _read_dbt(config: Config) -> tuple[DbtFile, ...]:
    if config.file is None:
        raise ConfigError("context.dbt is a path from the project file on, and there is none", "Name it: --config FILE")
    return read_files(config.file.parent, config.context.dbt)


def _find_doubtful_dbt(config: Config) -> dict[str, str]:
    """Return the dbt files that are not used, by name, each with the reason."""
    trusted = TrustedFiles(config.home)
    # Whoever reads them to use them says what is wrong with them.
    with contextlib.suppress(ConfigError):
        files = _read_dbt(config) if config.context.dbt else ()
        doubts = {file.name: trusted.find_doubt(file.path, file.content, is_found=config.is_found) for file in files}
        return {name: doubt for name, doubt in doubts.items() if doubt}
    return {}


def _find_doubtful_queries(config: Config) -> dict[str, str]:
    """Return the verified queries beside the project file that are not used, by name, each with the reason."""
    assert config.file is not None
    trusted, doubts = TrustedFiles(config.home), {}
    for path in sorted((config.file.parent / QUERY_FOLDER).glob("*.sql")):
        with contextlib.suppress(ConfigError):
            if doubt := trusted.find_doubt(path, read_file(path, QUERY_BYTES, path.name), is_found=config.is_found):
                doubts[path.stem] = doubt
    return doubts


def _find_project_files(start: Path | None) -> Iterator[Path]:
    """Yield the project files in that folder (None: the working folder) and above it, the nearest first."""
    try:
        folder = Path(os.path.realpath(start or Path.cwd()))
    except FileNotFoundError:
        # A working folder that somebody removed meanwhile has nothing in it or above.
        return
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            if (place / PROJECT_FILE).is_file():
                yield place / PROJECT_FILE


def _get_value_of(config: Config) -> Callable[[str, str], Any]:
    def get_value(section: str, key: str) -> Any:
        if section == FILES:
            return config.files.get(key)
        return getattr(config if section == "database" else getattr(config, section), key)

    return get_value


def _locate(url: str, folder: Path) -> str:
    """Return the address of a database that a file in that folder names; a relative path counts from the folder on."""
    if "://" in url:
        return url
    try:
        return str(folder / Path(url).expanduser())
    except RuntimeError:
        # Nobody has that home: whoever opens it says so.
        return url


def _merge(config: Config, sections: Sections) -> Config:
    database = {key: value for key, value in sections.get("database", {}).items() if key != "url"}
    return replace(
        config,
        **database,
        model=replace(config.model, **sections.get("model", {})),
        limits=replace(config.limits, **sections.get("limits", {})),
        policy=_add_up(config.policy, sections.get("policy", {})),
        context=replace(config.context, **sections.get("context", {})),
        page=replace(config.page, **sections.get("page", {})),
        files={**config.files, **sections.get("files", {})},
        display=replace(config.display, **sections.get("display", {})),
    )


def _add_up(policy: Policy, given: Mapping[str, frozenset[str]]) -> Policy:
    """Return both policies in one: what either denies is denied, and only what both allow is allowed."""
    allowed = given.get("allow_tables", policy.allow_tables)
    if policy.allow_tables is not None and allowed is not None:
        known = {_fold_name(name) for name in allowed}
        # By the names of the policy that was there: another spelling of one might mean a further table.
        allowed = frozenset(name for name in policy.allow_tables if _fold_name(name) in known)
    return Policy(
        allow_tables=allowed,
        deny_tables=policy.deny_tables | given.get("deny_tables", frozenset()),
        deny_columns=policy.deny_columns | given.get("deny_columns", frozenset()),
    )


def _fold_name(name: str) -> str:
    """Return the name as two lists compare it: folded as DuckDB does, without the main schema's name."""
    return fold(name).removeprefix(f"{MAIN_SCHEMA}.")

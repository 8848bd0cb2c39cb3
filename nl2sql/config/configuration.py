"""Every setting, in one frozen Config: defaults < user's file < project file < environment < arguments.

It reads the two files and the environment, once; it opens no database and checks no key. What a project file that was
only found may settle is `project_file`'s to say.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import platformdirs

from nl2sql.config.dbt_files import DbtFile, DbtNotes, read_files, read_notes
from nl2sql.config.project_file import describe_stranger, note_denials, note_stranger, note_waiting, split_settings
from nl2sql.config.settings_file import FILES, TRUST, UTC, Sections, Variables, find_zone, parse_size, read_settings
from nl2sql.config.trusted_files import PATH_CHARS, TrustedFiles, compose_trust, find_stranger, read_file
from nl2sql.errors import ConfigError
from nl2sql.importing.file_rules import FileRules
from nl2sql.schema.identifiers import fold
from nl2sql.text_safety import make_one_line
from nl2sql.types import MAIN_SCHEMA, Limits, Policy

PROJECT_FILE: Final = "nl2sql.toml"
KEY_VARIABLE: Final = "OPENAI_API_KEY"
ADDRESS_VARIABLE: Final = "OPENAI_BASE_URL"
USER_FILE: Final = "config.toml"
QUERY_FOLDER: Final = "queries"
QUERY_BYTES: Final = 200_000
LOCAL_MODEL: Final = "local"
_FILE_BYTES: Final = 1_000_000
_MESSAGE_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model writes the SQL. `name` None means the embedded one, unless a base URL or a key is set.

    `candidates` is how many queries are written for a question, of which the rows are compared; None leaves it to the
    product, 1 means one. `choices` are the models that people may choose between on the page. `name_from` and
    `base_url_from` are the project file that named them; None where that was the user, or nobody. `base_url_setting`
    says in an error where to mend the address: a variable, or a place in a file.

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
    name_from: Path | None = None
    base_url_from: Path | None = None
    base_url_setting: str = ADDRESS_VARIABLE

    def rename(self, name: str) -> ModelSettings:
        """With the model that the user names."""
        return replace(self, name=name, name_from=None)

    @property
    def is_local(self) -> bool:
        """Whether the embedded model answers."""
        return self.name == LOCAL_MODEL or (self.name is None and not self.base_url and not self.api_key)


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """What the owner tells the model: `descriptions` and `synonyms` by `table` or `table.column`,
    `metrics` by name, and `rules` as sentences.

    Days begin and end in `time_zone`, a name of the IANA database, for the engine too. `today` is the day to answer
    as of; None is the day that it is. `fiscal_year_start` is the month and day that fiscal years begin on, if any.

    `dbt` is where the properties files of a dbt project lie, a path from the project file on; `dbt_notes` is what
    they say, once `add_dbt` has read them.
    """

    descriptions: Mapping[str, str] = field(default_factory=dict)
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    dbt: str = ""
    dbt_notes: DbtNotes = DbtNotes()
    time_zone: str = UTC
    fiscal_year_start: tuple[int, int] | None = None
    today: dt.date | None = None

    def find_today(self) -> dt.date:
        """The day that it is: the one set, else that of the time zone."""
        return self.today or self.find_clock_day()

    def find_clock_day(self) -> dt.date:
        """The day that the engine takes it to be: that of the time zone, whatever day is set."""
        return dt.datetime.now(find_zone(self.time_zone)).date()


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How results are shown for reading. `locale` says how numbers are written, like `de_DE`; empty for English."""

    locale: str = ""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What holds on the page where people sign in. `editors` may save verified queries, named as the history does."""

    editors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `url` None means the sample data; `home` holds state and cache; `file` is the project's.

    `files` say how data files are read, by their names.

    `is_found` says that nobody named that file: it lay in the working folder or above. What is ignored of it, since the
    user does not trust it, is in `notes`, as sentences; `database_problem` says why no database of a found file is
    opened, and what to do. `stricter_files` are further files that were found, which deny more or lower limits.
    `variables` are the names of those whose values are in `url`.
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
    files: Mapping[str, FileRules] = field(default_factory=dict)
    display: DisplaySettings = DisplaySettings()
    file: Path | None = None
    is_found: bool = False
    notes: tuple[str, ...] = ()
    database_problem: tuple[str, str] | None = None
    stricter_files: tuple[Path, ...] = ()
    variables: tuple[str, ...] = ()

    @property
    def endpoint_note(self) -> str:
        """Where questions and key go, as a sentence, where a project file chose that; else empty."""
        model = self.model
        source = model.base_url_from or model.name_from
        if source is None or model.is_local:
            return ""
        place = show_address(model.base_url) if model.base_url else "OpenAI"
        if model.name_from and not model.base_url_from:
            place = f"the model {make_one_line(str(model.name), _MESSAGE_CHARS)} at {place}"
        takes_key = model.base_url_from is not None and model.api_key is not None
        what = f"questions and your API key ({KEY_VARIABLE})" if takes_key else "questions"
        return f"{what} go to {place} (named by {make_one_line(str(source), PATH_CHARS)})"

    def resolve_database(self) -> str | None:
        """The database to open; None is the sample data. ConfigError where the file's is not, and none is named."""
        if self.url is None and self.database_problem:
            message, advice = self.database_problem
            raise ConfigError(message, f"{advice}. Or name a database: --db, or NL2SQL_DB.")
        return self.url

    def point_to(self, url: str) -> Config:
        """The same with the database that the user names."""
        return replace(self, url=url, database_problem=None, variables=())

    def apply_limits(self, rows: int | None, seconds: float | None, memory: str | None) -> Config:
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

    `file` names a project file, which then counts in full; else the nearest `nl2sql.toml` in `start` (the working
    folder) or above it serves, as far as `nl2sql trust` lets it: `notes` says what it does not. What any `nl2sql.toml`
    there denies is denied, and without `file` the limits that one lowers are lowered too. ConfigError where a file is
    missing or not TOML, or a key is unknown or mistyped.
    """
    env = dict(os.environ if environ is None else environ)
    is_given = url is not None or bool(env.get("NL2SQL_DB"))
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
    """The settings with what the dbt files say where the owner's own words say nothing; untrusted ones are left out.

    ConfigError names the file, and the line, that cannot be read.
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
    """The folder of state and cache."""
    env = os.environ if environ is None else environ
    home = Path(env["NL2SQL_HOME"]) if env.get("NL2SQL_HOME") else platformdirs.user_data_path("nl2sql")
    return home.expanduser().absolute()


def find_project_file(start: Path | None = None) -> Path | None:
    """The nearest `nl2sql.toml` in that folder (None: the working folder) or above it, whoever wrote it."""
    return next(_find_project_files(start), None)


def read_settings_file(file: Path) -> bytes:
    """The content of a file of settings. ConfigError where it cannot be read, or is too large."""
    return read_file(file, _FILE_BYTES, make_one_line(str(file), PATH_CHARS))


def find_waiting_settings(file: Path, content: bytes, environ: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """The settings of a project file that count only once it is trusted, by `section.key`. ConfigError."""
    config, _ = _load_own(dict(os.environ if environ is None else environ), is_given=True)
    return split_settings(read_settings(file, content), _get_value_of(config), file.parent).pending_settings


def _load_own(env: Mapping[str, str], is_given: bool) -> tuple[Config, Variables]:
    """The settings of the user's own file, and the variables that it lets addresses of databases hold.

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
    """With what the nearest project file may settle, and what those above it deny and lower.

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
    """With what a further project file denies and, of the settings that are the user's `own`, with what it lowers.

    Without `own` another file was named in its place: then it may deny only, and that is noted.
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
    """The lower one of each limit and that of the sections."""
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
    """How an untrusted file stands, as a clause about it."""
    return "has changed since you trusted it" if trusted.has_other(path) else "is not trusted"


def _apply_project(config: Config, sections: Sections, path: Path, variables: Variables) -> Config:
    """With a project file that counts in full."""
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
    if value := env.get("OPENAI_MODEL"):
        model = model.rename(value)
    if value := env.get(ADDRESS_VARIABLE):
        model = replace(model, base_url=value, base_url_from=None, base_url_setting=ADDRESS_VARIABLE)
    if value := env.get(KEY_VARIABLE):
        model = replace(model, api_key=value)
    if value := env.get("NL2SQL_MODEL_PATH"):
        model = replace(model, path=Path(value).expanduser())
    config = replace(config, model=model)
    return config.point_to(env["NL2SQL_DB"]) if env.get("NL2SQL_DB") else config


def _add_note(config: Config, note: str) -> Config:
    return replace(config, notes=(*config.notes, note)) if note else config


def _note_doubtful(config: Config, file: Path) -> Config:
    """With a note of the files beside a project file that counts in full which are not used, for want of trust."""
    return _add_note(config, note_waiting(file, (), _find_doubtful_queries(config), "", _find_doubtful_dbt(config)))


def _read_dbt(config: Config) -> tuple[DbtFile, ...]:
    if config.file is None:
        raise ConfigError("context.dbt is a path from the project file on, and there is none", "Name it: --config FILE")
    return read_files(config.file.parent, config.context.dbt)


def _find_doubtful_dbt(config: Config) -> dict[str, str]:
    """The dbt files that are not used, by name, each with the reason."""
    trusted = TrustedFiles(config.home)
    # Whoever reads them to use them says what is wrong with them.
    with contextlib.suppress(ConfigError):
        files = _read_dbt(config) if config.context.dbt else ()
        doubts = {file.name: trusted.find_doubt(file.path, file.content, is_found=config.is_found) for file in files}
        return {name: doubt for name, doubt in doubts.items() if doubt}
    return {}


def _find_doubtful_queries(config: Config) -> dict[str, str]:
    """The files of verified queries beside the project file that are not used, by name, each with the reason."""
    assert config.file is not None
    trusted, doubts = TrustedFiles(config.home), {}
    for path in sorted((config.file.parent / QUERY_FOLDER).glob("*.sql")):
        with contextlib.suppress(ConfigError):
            if doubt := trusted.find_doubt(path, read_file(path, QUERY_BYTES, path.name), is_found=config.is_found):
                doubts[path.stem] = doubt
    return doubts


def _find_project_files(start: Path | None) -> Iterator[Path]:
    """The project files in that folder (None: the working folder) and above it, the nearest first."""
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


def show_address(base_url: str) -> str:
    """An endpoint's address to be shown: without what may be secret in it."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(base_url)
    except ValueError:
        return "an address that cannot be read"
    if not parts.netloc:
        place = base_url.partition("?")[0].partition("#")[0].rpartition("@")[2]
    else:
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return make_one_line(place, PATH_CHARS)


def _locate(url: str, folder: Path) -> str:
    """The address of a database as a file in that folder names it: a path from there on, where it is a path."""
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
    """Both policies: what either denies is denied, and only what both allow is allowed."""
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
    """The name as two lists compare it: as DuckDB does, with the main schema's name or without."""
    return fold(name).removeprefix(f"{MAIN_SCHEMA}.")

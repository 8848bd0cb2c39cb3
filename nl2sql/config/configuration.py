"""The settings as values: one frozen Config, and what can be asked of it.

It reads no file and no environment: `loading` does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nl2sql.config.dbt_files import DbtNotes
from nl2sql.config.setting_values import MESSAGE_CHARS, UTC, find_zone, parse_size
from nl2sql.config.settings_table import ADDRESS_VARIABLE, KEY_VARIABLE
from nl2sql.config.trusted_files import PATH_CHARS
from nl2sql.errors import ConfigError
from nl2sql.importing.file_rules import FileRules
from nl2sql.text_safety import make_one_line
from nl2sql.types import Limits, Policy

LOCAL_MODEL: Final = "local"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model writes the SQL. `name` None means the embedded one, unless a base URL or a key is set.

    `candidates` is how many queries are written for a question, of which the rows are compared; None leaves it to the
    product, 1 means one. `choices` are the models that people may choose between on the page. `name_from` and
    `base_url_from` are the project file that named them; None where that was the user, or nobody. `base_url_setting`
    says in an error where to change the address: a variable, or a place in a file.

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
        """Return the same with the model that the user names."""
        return replace(self, name=name, name_from=None)

    @property
    def is_local(self) -> bool:
        """Whether the embedded model answers."""
        return self.name == LOCAL_MODEL or (self.name is None and not self.base_url and not self.api_key)


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """What the owner tells the model.

    `descriptions` and `synonyms` go by `table` or `table.column`, `metrics` by name, and `rules` are sentences.

    Days begin and end in `time_zone`, a name of the IANA database, for the engine too. `today` is the day to answer as
    of; None is the day that it is. `fiscal_year_start` is the month and day that fiscal years begin on, if any.

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
        """Return the day to answer as of: the one set, else the current day in the time zone."""
        return self.today or self.find_clock_day()

    def find_clock_day(self) -> dt.date:
        """Return the current day in the time zone, whatever day is set: the engine's `current_date`."""
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
            place = f"the model {make_one_line(str(model.name), MESSAGE_CHARS)} at {place}"
        takes_key = model.base_url_from is not None and model.api_key is not None
        what = f"questions and your API key ({KEY_VARIABLE})" if takes_key else "questions"
        return f"{what} go to {place} (named by {make_one_line(str(source), PATH_CHARS)})"

    def resolve_database(self) -> str | None:
        """Return the database to open; None is the sample data.

        Raises:
            ConfigError: where the database of a found file is not opened, and no other is named.
        """
        if self.url is None and self.database_problem:
            message, advice = self.database_problem
            raise ConfigError(message, f"{advice}. Or name a database: --db, or NL2SQL_DB.")
        return self.url

    def point_to(self, url: str) -> Config:
        """Return the same with the database that the user names."""
        return replace(self, url=url, database_problem=None, variables=())

    def apply_limits(self, rows: int | None, seconds: float | None, memory: str | None) -> Config:
        """Return the same with these limits, as flags give them: None leaves one as it is, 0 rows are all.

        Raises:
            ConfigError: where `memory` is no size.
        """
        limits = self.limits
        if rows is not None:
            limits = replace(limits, rows=rows or None)
        if seconds is not None:
            limits = replace(limits, seconds=seconds)
        if memory is not None:
            limits = replace(limits, memory=parse_size(memory))
        return replace(self, limits=limits)


def show_address(base_url: str) -> str:
    """Return an endpoint's address to be shown: without what may be secret in it."""
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

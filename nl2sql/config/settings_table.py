"""The table of all settings: name, type, default, variable, flag, and what a file that is not trusted may do with each.

Files are read, the template of `nl2sql init` is written and docs/configuration.md is made from it. It reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nl2sql.config import setting_values as values
from nl2sql.config.setting_values import ValueType

TRUST: Final = "trust"
FILES: Final = "files"
KEY_VARIABLE: Final = "OPENAI_API_KEY"
ADDRESS_VARIABLE: Final = "OPENAI_BASE_URL"
MODEL_VARIABLE: Final = "OPENAI_MODEL"
DATABASE_VARIABLE: Final = "NL2SQL_DB"
HOME_VARIABLE: Final = "NL2SQL_HOME"
MODEL_PATH_VARIABLE: Final = "NL2SQL_MODEL_PATH"


class UntrustedUse(StrEnum):
    """What a project file that was found, and is not trusted, may do with a setting. The values are for the reader."""

    NOTHING = "no"
    IN_FOLDER = "a file or folder in the file's own folder"
    NARROW = "where your own settings have none"
    ADD = "adds to what holds"
    LOWER = "lower only"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` and `example` are written as TOML has them.

    `unset` says what holds where nobody sets it and there is no default. `example` empty is the default.
    `variable` and `flag` set it too, and beat a file.
    """

    section: str
    key: str
    type: ValueType
    explanation: str
    default: str = ""
    unset: str = ""
    example: str = ""
    variable: str = ""
    flag: str = ""
    untrusted: UntrustedUse = UntrustedUse.NOTHING

    @property
    def name(self) -> str:
        """The name in messages, `section.key`."""
        return f"{self.section}.{self.key}"

    @property
    def shown_example(self) -> str:
        """A value to start from, as TOML has it."""
        return self.example or self.default


SETTINGS: Final = (
    Setting(
        "database",
        "url",
        values.DATABASE_ADDRESS,
        "the database that questions are about; a path counts from the file's folder on, and ${NAME} may stand in it",
        unset="the sample data",
        example='"data.duckdb"',
        variable=DATABASE_VARIABLE,
        flag="--db",
        untrusted=UntrustedUse.IN_FOLDER,
    ),
    Setting(
        "database",
        "include",
        values.make_texts(),
        "only these tables; * stands for any letters",
        unset="all",
        example='["sales_*"]',
        untrusted=UntrustedUse.NARROW,
    ),
    Setting(
        "database",
        "exclude",
        values.make_texts('["*_old"]'),
        "all but these tables; * stands for any letters",
        unset="none",
        example='["*_backup"]',
        untrusted=UntrustedUse.ADD,
    ),
    Setting(
        "model",
        "name",
        values.TEXT,
        '"local" is the embedded model; else a model\'s name at base_url',
        unset="the embedded model, unless base_url or a key is set",
        example='"local"',
        variable=MODEL_VARIABLE,
        flag="-m",
    ),
    Setting(
        "model",
        "base_url",
        values.TEXT,
        "the address of an endpoint that takes OpenAI's Chat Completions",
        unset="OpenAI",
        example='"http://127.0.0.1:11434/v1"',
        variable=ADDRESS_VARIABLE,
    ),
    Setting(
        "model",
        "protocol",
        values.PROTOCOL,
        "how the model is offered its tools",
        unset="found by trying",
        example='"tools"',
    ),
    Setting("model", "temperature", values.make_number(0, 2), "how freely the model chooses its words", default="0"),
    Setting(
        "model",
        "candidates",
        values.make_whole(1, 16),
        "queries written for a question, whose rows are compared",
        unset="1, or more where an answer is doubtful and the model is cheap to ask",
        example="3",
        flag="--candidates",
    ),
    Setting(
        "model",
        "choices",
        values.make_texts('["gpt-5", "local"]'),
        "the models that people may choose between on the page",
        unset="none",
        example='["gpt-5", "local"]',
    ),
    Setting(
        "limits",
        "rows",
        values.make_whole(1, 10_000_000),
        "rows of a result",
        default="1000",
        flag="--limit",
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "seconds",
        values.make_number(0.1, 86_400),
        "time of one query",
        default="10",
        flag="--timeout",
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "memory",
        values.SIZE,
        "memory of one query",
        default='"1GB"',
        flag="--memory",
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "cell_bytes",
        values.SIZE,
        "a longer cell is shortened",
        default='"100KB"',
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "result_bytes",
        values.SIZE,
        "a larger result is cut",
        default='"64MB"',
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "spill",
        values.SIZE,
        'disk for big sorts, e.g. "2GB"',
        default="0",
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "steps",
        values.make_whole(1, 100),
        "tool calls for one question",
        default="8",
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "upload_bytes",
        values.SIZE,
        "the files of one upload together",
        default='"200MB"',
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "limits",
        "upload_rows",
        values.make_whole(1, 1_000_000_000),
        "each table made of an uploaded file",
        default="2000000",
        untrusted=UntrustedUse.LOWER,
    ),
    Setting(
        "policy",
        "allow_tables",
        values.NAMES,
        "only these tables may be read",
        unset="all",
        example='["orders", "customers"]',
        untrusted=UntrustedUse.ADD,
    ),
    Setting(
        "policy",
        "deny_tables",
        values.NAMES,
        "tables that may not be read",
        unset="none",
        example='["salaries"]',
        untrusted=UntrustedUse.ADD,
    ),
    Setting(
        "policy",
        "deny_columns",
        values.COLUMN_NAMES,
        "columns that may not be read",
        unset="none",
        example='["customers.email"]',
        untrusted=UntrustedUse.ADD,
    ),
    Setting(
        "context",
        "descriptions",
        values.TEXT_TABLE,
        "what tables and columns mean, by table or table.column",
        unset="none",
        example='{ "orders.status" = "where the order stands" }',
    ),
    Setting(
        "context",
        "synonyms",
        values.LIST_TABLE,
        "other words for tables and columns, by table or table.column",
        unset="none",
        example='{ "orders.total" = ["revenue", "turnover"] }',
    ),
    Setting(
        "context",
        "metrics",
        values.TEXT_TABLE,
        "what your figures are called, and how each is defined",
        unset="none",
        example='{ "active customer" = "a customer with an order in the last 90 days" }',
    ),
    Setting(
        "context",
        "rules",
        values.make_texts('["Revenue is without tax."]'),
        "sentences that hold for every question",
        unset="none",
        example='["Revenue excludes refunds unless the question says otherwise."]',
    ),
    Setting(
        "context",
        "dbt",
        values.TEXT,
        "folder with the properties files of a dbt project, a path from the project file on",
        unset="none",
        example='"models"',
    ),
    Setting(
        "context",
        "time_zone",
        values.TIME_ZONE,
        'where days begin and end, like "Europe/Oslo"',
        default='"UTC"',
    ),
    Setting(
        "context",
        "fiscal_year_start",
        values.MONTH_DAY,
        "the day that fiscal years begin on",
        unset="none",
        example='"04-01"',
    ),
    Setting(
        "context",
        "today",
        values.DAY,
        "the day to answer as of",
        unset="the day that it is",
        example='"2025-01-31"',
    ),
    Setting(
        "display",
        "locale",
        values.LOCALE,
        "how numbers are written in tables",
        unset="English",
        example='"de_DE"',
    ),
    Setting(
        "page",
        "editors",
        values.make_texts('["ann@example.com"]'),
        "who may save verified queries on the page, where people sign in",
        unset="nobody",
        example='["ann@example.com"]',
    ),
    Setting(
        TRUST,
        "variables",
        values.VARIABLE_NAMES,
        "the variables that database.url of any file may hold as ${NAME}",
        unset="none",
        example='["SHOP_FOLDER"]',
    ),
)
# Each stands in the section of one data file, like [files."sales.csv"].
FILE_SETTINGS: Final = (
    Setting(FILES, "header", values.make_whole(0, 1000), "the line of the header; 0 for none", example="1"),
    Setting(FILES, "delimiter", values.TEXT, "the sign between two values", example='";"'),
    Setting(FILES, "encoding", values.TEXT, "how letters are written as bytes", example='"utf-8"'),
    Setting(FILES, "decimal", values.TEXT, "the decimal sign, . or ,", example='","'),
    Setting(
        FILES, "dates", values.TEXT, "the order of dates: day first, month first or year first", example='"day first"'
    ),
    Setting(FILES, "null", values.make_texts('["-", "n/a"]'), "texts that are no values", example='["-", "n/a"]'),
    Setting(
        FILES,
        "types",
        values.TEXT_TABLE,
        "what columns hold, by name: text, number, date, time or boolean",
        example='{ zip = "text" }',
    ),
)
# Settings of a coming version: accepted, they would promise what nothing enforces.
RESERVED: Final = frozenset({"policy.mask_columns", "policy.row_filters", "policy.min_group_size"})
# What only the environment sets.
VARIABLES: Final = (
    (KEY_VARIABLE, "the API key of the endpoint; it is never read from a file"),
    (MODEL_PATH_VARIABLE, "a GGUF file in place of the embedded model's own weights"),
    (HOME_VARIABLE, "the folder of state, cache and your own config.toml"),
)


def _index_sections() -> Mapping[str, Mapping[str, Setting]]:
    sections: dict[str, dict[str, Setting]] = {}
    for setting in (*SETTINGS[:-1], *FILE_SETTINGS, SETTINGS[-1]):
        sections.setdefault(setting.section, {})[setting.key] = setting
    return sections


# The settings of each section by their keys.
SECTIONS: Final = _index_sections()

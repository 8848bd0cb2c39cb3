"""The flags that commands share, and the settings that they make.

It opens nothing.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from nl2sql.cli.logs import log_to_stderr
from nl2sql.cli.terminal import ProgressReporter, print_note
from nl2sql.config import Config, load_config
from nl2sql.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from nl2sql.exports.csv_text import CsvStyle

Command = TypeVar("Command", bound=Callable[..., Any])
Options = TypeVar("Options", bound="DataclassInstance")

FORMATS: Final = ("table", "csv", "json", "jsonl", "md", "parquet", "sql")


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """The shared flags as given."""

    db: str | None
    config: Path | None
    model: str | None = None
    output: str = "table"
    limit: int | None = None
    timeout: float | None = None
    memory: str | None = None
    candidates: int | None = None
    session: str | None = None
    quiet: bool = False
    verbose: bool = False
    csv_delimiter: str | None = None
    csv_decimal: str | None = None

    @property
    def csv(self) -> CsvStyle:
        """How CSV is written.

        Raises:
            ConfigError: the signs cannot be used together, or another format was asked for.
        """
        from nl2sql.exports.csv_text import choose_style

        if self.output != "csv" and (self.csv_delimiter is not None or self.csv_decimal is not None):
            raise ConfigError(f"--csv-delimiter and --csv-decimal need -o csv, not -o {self.output}", "Add -o csv.")
        return choose_style(self.csv_delimiter, self.csv_decimal)

    @property
    def steps(self) -> ProgressReporter:
        """A new reporter of progress."""
        return ProgressReporter(quiet=self.quiet, verbose=self.verbose)

    def load_with_notes(self, *, opens: bool = True, asks: bool = True) -> Config:
        """Return the settings with these flags applied, and print what was ignored in the files.

        Notes about the database or the model are left out for a command that `opens` no database of the settings, or
        `asks` no model.

        Raises:
            ConfigError: a setting or a flag is wrong.
        """
        config = self.load()
        # First, since its error says what a note would say.
        url = config.resolve_database() if opens else None
        # Said with -q too: they change what answers, and who is asked.
        for note in (*config.notes, *filter(None, [config.endpoint_note if asks else ""])):
            print_note(f"note: {note}")
        if opens and url is None and not self.quiet:
            print_note("note: no database is named: using the sample data (name yours with --db)")
        return config

    def load(self) -> Config:
        """Return the settings with these flags applied; print nothing.

        Raises:
            ConfigError: a setting or a flag is wrong.
        """
        if self.db is not None and not self.db.strip():
            raise ConfigError("--db is empty", "Name a file or folder, or leave out --db to use the sample data.")
        config = load_config(self.config, url=self.db, model=self.model)
        config = config.apply_limits(self.limit, self.timeout, self.memory)
        model = config.model if self.candidates is None else replace(config.model, candidates=self.candidates)
        return replace(config, model=model)


def take_options(kind: type[Options], flags: dict[str, Any]) -> Options:
    """Make a `kind`, a dataclass, of the flags that are named like its fields, and remove them from `flags`."""
    return kind(**{name: flags.pop(name) for name in [field.name for field in fields(kind)]})


def config_option(command: Command) -> Command:
    """Add --config."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Use this project file instead of the one found.",
    )(command)


def database_options(command: Command) -> Command:
    """Add --db and --config."""
    command = config_option(command)
    return click.option(
        "--db", metavar="URL", help="Database: a .duckdb, CSV, Parquet, JSON or Excel file, or a folder of them."
    )(command)


def model_option(command: Command) -> Command:
    """Add -m/--model."""
    return click.option(
        "-m", "--model", metavar="NAME", help="Model: local (the embedded model), or a model name at OPENAI_BASE_URL."
    )(command)


def candidates_option(command: Command) -> Command:
    """Add --candidates."""
    return click.option(
        "--candidates",
        type=click.IntRange(1, 16),
        metavar="N",
        help="Write N queries and keep the result that most of them agree on.",
    )(command)


def limit_options(command: Command) -> Command:
    """Add --limit, --timeout and --memory."""
    for option in (
        click.option("--memory", metavar="SIZE", help="Memory limit of one query.  [default: 1GB]"),
        click.option(
            "--timeout",
            type=click.FloatRange(0.1, 86400),
            metavar="S",
            help="Time limit of one query, in seconds.  [default: 10]",
        ),
        click.option(
            "--limit",
            type=click.IntRange(0, 10_000_000),
            metavar="N",
            help="Maximum number of rows to show; 0 for all.  [default: 1000]",
        ),
    ):
        command = option(command)
    return command


def output_option(*formats: str) -> Callable[[Command], Command]:
    """Return what adds -o/--output with those formats."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats or FORMATS),
        default="table",
        show_default=True,
        help="Output format.",
    )


def csv_options(command: Command) -> Command:
    """Add --csv-delimiter and --csv-decimal."""
    command = click.option(
        "--csv-decimal",
        metavar="SIGN",
        help="Decimal sign for -o csv: . or , (then the delimiter is a semicolon by default).",
    )(command)
    return click.option("--csv-delimiter", metavar="SIGN", help="Delimiter for -o csv: , ; | or tab.")(command)


def session_option(command: Command) -> Command:
    """Add -s/--session."""
    return click.option(
        "-s", "--session", metavar="NAME", help="Name of a conversation: questions with the same name are follow-ups."
    )(command)


def _read_verbosity(context: click.Context, parameter: click.Parameter, count: int) -> bool:
    """Return whether -v was given; given twice, start the log on stderr."""
    if count > 1 and not context.resilient_parsing:
        log_to_stderr()
    return count > 0


def verbosity_options(command: Command) -> Command:
    """Add -q, -v, and -vv, which turns the log on as well."""
    command = click.option(
        "-v",
        "--verbose",
        count=True,
        callback=_read_verbosity,
        help="Show each step and more detail; -vv also shows the log.",
    )(command)
    return click.option("-q", "--quiet", is_flag=True, help="Hide progress and all but important notes.")(command)


def read_text_argument(words: tuple[str, ...], what: str, example: str) -> str:
    """Return the text given as words, or read from stdin where it is `-` or left out in a pipe.

    Raises:
        ConfigError: there is no text, or it is the name of an SQL file.
    """
    if words and words != ("-",):
        text = " ".join(words)
        if what == "SQL" and text.lower().endswith(".sql") and Path(text).is_file():
            command = click.get_current_context().command_path
            raise ConfigError(f"{text} is a file, not SQL", f"Pass its content: {command} - < {shlex.quote(text)}")
        return text
    if not words and sys.stdin.isatty():
        raise ConfigError(f"no {what} given", f"Give it, or pipe it in: {example}")
    text = sys.stdin.read().strip()
    if not text:
        raise ConfigError(f"no {what} on stdin", f"Give it: {example}")
    return text

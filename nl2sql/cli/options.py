"""The flags that commands share, and the settings that they give.

It does not open anything.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from nl2sql.cli.logs import log_to_stderr
from nl2sql.cli.terminal import ProgressReporter, print_note
from nl2sql.config import Config, load_config
from nl2sql.errors import ConfigError

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant
    from nl2sql.exports.csv_text import CsvStyle
    from nl2sql.model.chat import ChatModel
    from nl2sql.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])

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
        """How CSV is written. ConfigError where the signs fit no CSV, or another format was asked for."""
        from nl2sql.exports.csv_text import choose_style

        if self.output != "csv" and (self.csv_delimiter is not None or self.csv_decimal is not None):
            raise ConfigError(f"--csv-delimiter and --csv-decimal are not for -o {self.output}", "Add -o csv.")
        return choose_style(self.csv_delimiter, self.csv_decimal)

    @property
    def steps(self) -> ProgressReporter:
        """What shows long work, as these flags want it."""
        return ProgressReporter(quiet=self.quiet, verbose=self.verbose)

    def load_with_notes(self, *, opens: bool = True, asks: bool = True) -> Config:
        """The settings in force, these flags on top, and on stderr what of the files is ignored. ConfigError.

        A command that `opens` no database of the settings, or `asks` no model, is not told of these.
        """
        config = self.load()
        # First, since its error says what a note would say.
        url = config.resolve_database() if opens else None
        # Said with -q too: they change what answers, and who is asked.
        for note in (*config.notes, *filter(None, [config.endpoint_note if asks else ""])):
            print_note(f"note: {note}")
        if opens and url is None and not self.quiet:
            print_note("note: no database is named, so the sample data answers (name yours with --db)")
        return config

    def load(self) -> Config:
        """The same, and nothing is said. ConfigError."""
        if self.db is not None and not self.db.strip():
            raise ConfigError("--db is empty", "Name a file or folder, or leave --db out for the sample data.")
        config = load_config(self.config, url=self.db, model=self.model)
        config = config.apply_limits(self.limit, self.timeout, self.memory)
        model = config.model if self.candidates is None else replace(config.model, candidates=self.candidates)
        return replace(config, model=model)


@contextmanager
def open_assistant(
    config: Config, steps: ProgressReporter, store: Store | None = None, model: ChatModel | None = None
) -> Iterator[Assistant]:
    """The database of these settings, opened while inside, with its import shown by `steps`.

    Says so where data files were left out, and where the policy has a name that is not there.
    """
    from nl2sql.assistant import connect

    with (
        steps.show_spinner(),
        connect(config=config, on_progress=steps.report_progress, store=store, model=model, client="cli") as assistant,
    ):
        steps.pause()
        print_assistant_notes(assistant, quiet=steps.quiet)
        yield assistant


_MAX_IMPORT_NOTES: Final = 10


def print_assistant_notes(assistant: Assistant, *, quiet: bool = False) -> None:
    """Say how data files were read the first time, what is doubtful, and which names of the policy match nothing."""
    if assistant.is_new_import and not quiet:
        imports = assistant.imports
        for account in imports[:_MAX_IMPORT_NOTES]:
            print_note(f"read {account.summarize()}")
        if len(imports) > _MAX_IMPORT_NOTES:
            print_note(f"read {len(imports) - _MAX_IMPORT_NOTES:,} more: `nl2sql schema TABLE` tells how")
    # Later on, an answer and `run` tell the doubts of the columns that they use.
    doubts = assistant.doubts
    for note in assistant.notes:
        if assistant.is_new_import or note not in doubts:
            print_note(f"note: {note}")
    for warning in assistant.policy_warnings:
        print_note(f"warning: {warning}")


def config_option(command: Command) -> Command:
    """--config."""
    return click.option(
        "--config", type=click.Path(path_type=Path, dir_okay=False), help="A project file other than the one found."
    )(command)


def database_options(command: Command) -> Command:
    """--db and --config."""
    command = config_option(command)
    return click.option(
        "--db", metavar="URL", help="A .duckdb, CSV, Parquet, JSON or Excel file, or a folder of them."
    )(command)


def model_option(command: Command) -> Command:
    """-m/--model."""
    return click.option(
        "-m", "--model", metavar="NAME", help="local (the embedded model), or a model's name at OPENAI_BASE_URL."
    )(command)


def candidates_option(command: Command) -> Command:
    """--candidates."""
    return click.option(
        "--candidates",
        type=click.IntRange(1, 16),
        metavar="N",
        help="Write N queries, take the one whose rows most of them give.",
    )(command)


def limit_options(command: Command) -> Command:
    """--limit, --timeout and --memory."""
    for option in (
        click.option("--memory", metavar="SIZE", help="Memory of one query.  [default: 1GB]"),
        click.option(
            "--timeout", type=click.FloatRange(0.1, 86400), metavar="S", help="Seconds of one query.  [default: 10]"
        ),
        click.option(
            "--limit",
            type=click.IntRange(0, 10_000_000),
            metavar="N",
            help="Rows shown; 0 for all of them.  [default: 1000]",
        ),
    ):
        command = option(command)
    return command


def output_option(*formats: str) -> Callable[[Command], Command]:
    """-o/--output with those formats."""
    return click.option(
        "-o", "--output", type=click.Choice(formats or FORMATS), default="table", show_default=True, help="Format."
    )


def csv_options(command: Command) -> Command:
    """--csv-delimiter and --csv-decimal."""
    command = click.option(
        "--csv-decimal", metavar="SIGN", help="Decimal sign of -o csv: . or , which makes the delimiter a semicolon."
    )(command)
    return click.option("--csv-delimiter", metavar="SIGN", help="Delimiter of -o csv: , ; | or tab.")(command)


def session_option(command: Command) -> Command:
    """-s/--session."""
    return click.option(
        "-s", "--session", metavar="NAME", help="A conversation: a name of your own; questions under it are follow-ups."
    )(command)


def _read_verbosity(context: click.Context, parameter: click.Parameter, count: int) -> bool:
    """Return whether -v was given; given twice, start the log on stderr."""
    if count > 1 and not context.resilient_parsing:
        log_to_stderr()
    return count > 0


def verbosity_options(command: Command) -> Command:
    """-q, -v, and -vv, which turns the log on as well."""
    command = click.option(
        "-v", "--verbose", count=True, callback=_read_verbosity, help="Say each step, and more; -vv logs what happens."
    )(command)
    return click.option("-q", "--quiet", is_flag=True, help="No progress, and only notes that matter.")(command)


def read_text_argument(words: tuple[str, ...], what: str, example: str) -> str:
    """The text given as words, or read from stdin where it is `-` or left out in a pipe."""
    if words and words != ("-",):
        text = " ".join(words)
        if what == "SQL" and text.lower().endswith(".sql") and Path(text).is_file():
            command = click.get_current_context().command_path
            raise ConfigError(f"{text} is a file, not SQL", f"Give what is in it: {command} - < {shlex.quote(text)}")
        return text
    if not words and sys.stdin.isatty():
        raise ConfigError(f"there is no {what}", f"Give it, or pipe it in: {example}")
    text = sys.stdin.read().strip()
    if not text:
        raise ConfigError(f"there is no {what} on stdin", f"Give one: {example}")
    return text

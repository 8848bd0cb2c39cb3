"""`nl2sql queries`: the verified queries beside the project file.

It asks for approval and prints; the store reads and writes the files, and the guard and the engine check the SQL.
"""

from __future__ import annotations

import datetime as dt
import getpass
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.options import (
    CommonOptions,
    config_option,
    database_options,
    limit_options,
    output_option,
    take_options,
    verbosity_options,
)
from nl2sql.cli.resources import open_assistant, open_history
from nl2sql.cli.run import run_and_show
from nl2sql.cli.terminal import print_lines, print_note
from nl2sql.config import Config, load_config
from nl2sql.database import Database
from nl2sql.errors import CallError, CancelledError, ConfigError, GuardError, NL2SQLError
from nl2sql.store import HistoryEntry, VerifiedQueries, VerifiedQuery, make_query_object
from nl2sql.store.query_parameters import Value, parse_parameter
from nl2sql.store.replay_diff import get_replay_sql
from nl2sql.store.verified_queries import format_query_file
from nl2sql.text_safety import make_one_line

_LINE_CHARS: Final = 2_000
_DECLINED_EXIT_CODE: Final = 4


@dataclass(frozen=True, slots=True)
class AddFlags:
    """The flags that only `queries add` has. `source` is the ID of an earlier answer."""

    name: str
    sql: tuple[str, ...]
    source: str | None
    question: str | None
    description: str
    by: str | None
    onboarding: bool
    parameters: tuple[str, ...]
    yes: bool


@click.group("queries", epilog="Example: nl2sql queries add open_orders --from 3f9a")
def queries_command() -> None:
    """Manage verified queries: list, show, run, add, remove, test.

    A verified query is SQL that a person approved as the answer to a question. Each one is a file in queries/
    beside nl2sql.toml.
    """


@queries_command.command("list", epilog="Example: nl2sql queries list")
@output_option("table", "json")
@config_option
def list_command(output: str, config: Path | None) -> int:
    """List the verified queries."""
    queries = VerifiedQueries.open_for_project(load_config(config))
    found, problems = queries.list(), queries.list_problems()
    if output == "json":
        results.write_json({"queries": [make_query_object(one) for one in found], "problems": _list_problems(problems)})
    elif found:
        rows = [[q.name, ", ".join(p.name for p in q.parameters), _format_verification(q), q.question] for q in found]
        results.write_text_table(["name", "parameters", "verified", "question"], rows)
    elif not problems:
        print_note('note: no verified queries yet: nl2sql queries add NAME --question "…" "SELECT …"')
    for problem in problems:
        print_note(f"warning: {problem.message}. {problem.hint}")
    return 0


@queries_command.command("show", epilog="Example: nl2sql queries show open_orders")
@click.argument("name")
@output_option("table", "json")
@config_option
def show_command(name: str, output: str, config: Path | None) -> int:
    """Show a verified query: its header and its SQL."""
    query, problem = VerifiedQueries.open_for_project(load_config(config)).find(name)
    if problem:
        print_note(f"note: this query is not used: {problem.message}. {problem.hint}")
    if output == "json":
        results.write_json(make_query_object(query))
    else:
        results.write_text(format_query_file(query).rstrip())
    return 0


@queries_command.command("run", epilog="Example: nl2sql queries run open_orders --set since=2025-01-01")
@click.argument("name")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="Value of a parameter; may be repeated.")
@database_options
@output_option()
@limit_options
@verbosity_options
def run_query_command(name: str, given: tuple[str, ...], **flags: Any) -> int:
    """Run a verified query with values for its parameters.

    Parameters that are not set take their defaults.
    """
    shared = CommonOptions(**flags)

    def get_sql() -> str:
        query = VerifiedQueries.open_for_project(shared.load()).get(name)
        sql = _fill_in(query, given)
        if not shared.quiet and (verified := _format_verification(query)):
            print_note(f"note: {name} was verified: {make_one_line(verified, _LINE_CHARS)}")
        return sql

    run_and_show(get_sql, shared)
    return 0


def _fill_in(query: VerifiedQuery, given: Sequence[str]) -> str:
    """Return the query's SQL with the values given as `name=value`.

    Raises:
        ConfigError: a value is wrong or missing.
    """
    parameters = {parameter.name: parameter for parameter in query.parameters}
    values: dict[str, Value] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or name in values:
            what = f"{name!r} is set twice" if sign else f"{text!r} is not NAME=VALUE"
            raise ConfigError(what, "Give each parameter once: --set since=2025-01-01")
        try:
            values[name] = parameters[name].parse_value(value) if name in parameters else value
        except CallError as exc:
            raise ConfigError(exc.message, exc.hint) from exc
    try:
        return query.bind(values)
    except CallError as exc:
        known = ", ".join(parameters) or "none"
        raise ConfigError(f"{query.name}: {exc.message}", f"{exc.hint} Its parameters: {known}.") from exc


@queries_command.command(
    "add",
    epilog='Example: nl2sql queries add open_orders --question "How many orders are open?" '
    '"SELECT count(*) FROM orders WHERE open"',
)
@click.argument("name")
@click.argument("sql", nargs=-1, metavar="[SQL|-]")
@click.option(
    "--from", "source", metavar="ID", help="Take the question and SQL of an earlier answer (see nl2sql history)."
)
@click.option("--question", metavar="TEXT", help="The question it answers.  [default: that of --from]")
@click.option("--description", metavar="TEXT", default="", help="Notes for the people who use it.")
@click.option("--by", metavar="WHO", help="Who verified it.  [default: your user name]")
@click.option("--onboarding", is_flag=True, help="Suggest its question on the start page.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="TEXT",
    help="Declare a $name of the SQL: 'name: type' or 'name: type = default  # description'. "
    "Types: text, integer, number, date, boolean.",
)
@click.option("--yes", is_flag=True, help="Approve the SQL without being asked. Read it first.")
@database_options
@verbosity_options
def add_command(**flags: Any) -> int:
    """Add a verified query, after you have read and approved its SQL."""
    own, shared = take_options(AddFlags, flags), CommonOptions(**flags)
    config = shared.load_with_notes(asks=False)
    queries = VerifiedQueries.open_for_project(config)
    query = _make_query(own, _find_entry(own.source, config, own.sql))
    with open_assistant(config, shared.steps) as assistant:
        checked = assistant.database.check_or_raise(query.bind_samples())
        reading = assistant.database.explain_sql(checked.sql)
    print_lines(format_query_file(query).rstrip())
    if not shared.quiet:
        print_lines("\n".join(reading))
    if not _ask_approval(f"Is this SQL right? Add {query.name}?", own.yes, own.sql):
        print_note("not added")
        return _DECLINED_EXIT_CODE
    queries.add(query)
    print_note(f"added {query.name}. Next: nl2sql queries test {query.name}")
    return 0


def _make_query(own: AddFlags, entry: HistoryEntry | None) -> VerifiedQuery:
    """Make the query of the flags; `entry` is the earlier answer whose question and SQL it takes.

    Raises:
        ConfigError: the question, the SQL or the user's name is missing, or a parameter cannot be read.
    """
    if own.question is None and entry is None:
        raise ConfigError("no question given", 'Give the question that the SQL answers: --question "…"')
    return VerifiedQuery(
        name=own.name,
        question=own.question or (entry.question if entry else ""),
        sql=get_replay_sql(entry) if entry else _read_sql(own.sql),
        description=own.description,
        verified_by=own.by or _find_user_name(),
        verified_at=dt.date.today(),
        use_as_onboarding_question=own.onboarding,
        parameters=tuple(parse_parameter(text) for text in own.parameters),
    )


@queries_command.command("remove", epilog="Example: nl2sql queries remove open_orders")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Remove it without being asked.")
@config_option
def remove_command(name: str, yes: bool, config: Path | None) -> int:
    """Remove a verified query: its file is deleted."""
    queries = VerifiedQueries.open_for_project(load_config(config))
    print_lines(format_query_file(queries.find(name)[0]).rstrip())
    if not _ask_approval(f"Remove {name}?", yes, ()):
        print_note("not removed")
        return _DECLINED_EXIT_CODE
    queries.remove(name)
    print_note(f"removed {name}")
    return 0


@queries_command.command("test", epilog="Example: nl2sql queries test")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@database_options
@output_option("table", "json")
@limit_options
@verbosity_options
def test_command(names: tuple[str, ...], **flags: Any) -> int:
    """Run all verified queries, or those named, and report which ones fail.

    Parameters take their defaults or sample values. The exit code is that of the first failure.
    """
    shared = CommonOptions(**flags)
    config = shared.load_with_notes(asks=False)
    queries = VerifiedQueries.open_for_project(config)
    chosen = [queries.get(name) for name in names] if names else queries.list()
    problems = () if names else queries.list_problems()
    if not chosen and not problems:
        print_note("note: there are no verified queries to test")
        return 0
    outcomes: list[dict[str, Any]] = []
    failures: list[NL2SQLError] = [*problems]
    with open_assistant(config, shared.steps) as assistant:
        for query in chosen:
            outcome, failure = _test_query(query, assistant.database)
            outcomes.append(outcome)
            failures += [failure] if failure else []
            if shared.output == "table":
                _write_outcome(outcome)
    if shared.output == "json":
        results.write_json({"queries": outcomes, "problems": _list_problems(problems), "failed": len(failures)})
    else:
        for problem in problems:
            results.write_text(make_one_line(f"failed {problem.message}. {problem.hint}", _LINE_CHARS))
        print_note(f"{len(chosen) + len(problems) - len(failures)} passed, {len(failures)} failed")
    return failures[0].exit_code if failures else 0


def _test_query(query: VerifiedQuery, database: Database) -> tuple[dict[str, Any], NL2SQLError | None]:
    start = time.perf_counter()
    outcome: dict[str, Any] = {"name": query.name, "ok": True, "row_count": None, "seconds": 0.0, "error": None}
    failure: NL2SQLError | None = None
    try:
        outcome["row_count"] = database.run(query.bind_samples()).row_count
    except CancelledError:
        raise
    except NL2SQLError as exc:
        failure = exc
        rule = exc.rule if isinstance(exc, GuardError) else None
        outcome |= {"ok": False, "error": {"code": exc.code, "rule": rule, "message": exc.message, "hint": exc.hint}}
    outcome["seconds"] = round(time.perf_counter() - start, 4)
    return outcome, failure


def _write_outcome(outcome: dict[str, Any]) -> None:
    if outcome["ok"]:
        count = outcome["row_count"]
        rows = f"{count:,} row{'' if count == 1 else 's'}"
        results.write_text(f"ok     {outcome['name']} ({rows}, {outcome['seconds']:.2f} s)")
    else:
        error = outcome["error"]
        rule = f" ({error['rule']})" if error["rule"] else ""
        failed = f"failed {outcome['name']}{rule}: {error['message']}. {error['hint']}"
        results.write_text(make_one_line(failed, _LINE_CHARS))


def _find_entry(source: str | None, config: Config, sql: Sequence[str]) -> HistoryEntry | None:
    if source is None:
        return None
    if sql:
        raise ConfigError("SQL was given twice", "Give either the SQL or --from ID.")
    with open_history(config) as store:
        return store.get_entry(source)


def _read_sql(sql: Sequence[str]) -> str:
    text = sys.stdin.read() if sql == ("-",) else " ".join(sql)
    if not text.strip():
        raise ConfigError("no SQL given", "Give it, pipe it in with -, or use --from ID.")
    return text


def _ask_approval(question: str, yes: bool, sql: Sequence[str]) -> bool:
    """Return whether a person says yes.

    Raises:
        ConfigError: there is no terminal to ask on.
    """
    if yes:
        return True
    if sql == ("-",) or not sys.stdin.isatty():
        raise ConfigError("a person must approve this, but there is no terminal to ask on", "Read it, then add --yes.")
    return click.confirm(question, default=False, err=True)


def _find_user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as exc:
        raise ConfigError("your user name could not be found", "Say who verified the query: --by NAME") from exc


def _format_verification(query: VerifiedQuery) -> str:
    parts = [query.verified_by, query.verified_at.isoformat() if query.verified_at else ""]
    return " ".join(part for part in parts if part)


def _list_problems(problems: Sequence[ConfigError]) -> list[dict[str, str]]:
    return [{"message": problem.message, "hint": problem.hint} for problem in problems]

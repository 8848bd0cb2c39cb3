"""`nl2sql queries`: the verified queries beside the project file.

It asks for approval and prints; the store reads and writes the files, the guard and the engine judge the SQL.
"""

from __future__ import annotations

import datetime as dt
import getpass
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nl2sql.cli import results
from nl2sql.cli.open_store import history
from nl2sql.cli.options import (
    Shared,
    config_option,
    database_options,
    limit_options,
    opened,
    output_option,
    voice_options,
)
from nl2sql.cli.run import run_and_show
from nl2sql.cli.terminal import say, say_lines
from nl2sql.config import Config, load_config
from nl2sql.database import Database
from nl2sql.errors import CallError, CancelledError, ConfigError, GuardError, NL2SQLError
from nl2sql.schema.ddl_prompt import one_line
from nl2sql.store import HistoryEntry, VerifiedQueries, VerifiedQuery, query_object
from nl2sql.store.query_parameters import Value, parse_parameter
from nl2sql.store.replay_diff import runnable
from nl2sql.store.verified_queries import as_text

_LINE_CHARS = 2_000


@click.group("queries", epilog="Example: nl2sql queries add open_orders --from 3f9a")
def queries_command() -> None:
    """Verified queries: list, show, run, add, remove, test.

    Each is SQL that a person approved as the answer to a question: a file in queries/ beside nl2sql.toml.
    """


@queries_command.command("list", epilog="Example: nl2sql queries list")
@output_option("table", "json")
@config_option
def list_command(output: str, config: Path | None) -> int:
    """List them."""
    queries = VerifiedQueries.beside(load_config(config))
    found, problems = queries.list(), queries.problems()
    if output == "json":
        results.write_json({"queries": [query_object(one) for one in found], "problems": _told(problems)})
    elif found:
        rows = [[q.name, ", ".join(p.name for p in q.parameters), _verified(q), q.question] for q in found]
        results.write_lines(["name", "parameters", "verified", "question"], rows)
    elif not problems:
        say('note: no verified queries yet: nl2sql queries add NAME --question "…" "SELECT …"')
    for problem in problems:
        say(f"warning: {problem.message}. {problem.hint}")
    return 0


@queries_command.command("show", epilog="Example: nl2sql queries show open_orders")
@click.argument("name")
@output_option("table", "json")
@config_option
def show_command(name: str, output: str, config: Path | None) -> int:
    """Show one: its header and its SQL."""
    query, problem = VerifiedQueries.beside(load_config(config)).find(name)
    if problem:
        say(f"note: it is not used. {problem.message}. {problem.hint}")
    if output == "json":
        results.write_json(query_object(query))
    else:
        results.write_text(as_text(query).rstrip())
    return 0


@queries_command.command("run", epilog="Example: nl2sql queries run open_orders --set since=2025-01-01")
@click.argument("name")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="The value of one of its parameters.")
@database_options
@output_option()
@limit_options
@voice_options
def run_query_command(name: str, given: tuple[str, ...], **flags: Any) -> int:
    """Run one with values of your own: parameters that are not set take their defaults."""
    shared = Shared(**flags)

    def get_sql() -> str:
        query = VerifiedQueries.beside(shared.load()).get(name)
        sql = _fill_in(query, given)
        if not shared.quiet and (verified := _verified(query)):
            say(f"note: {name} was verified: {one_line(verified, _LINE_CHARS)}")
        return sql

    run_and_show(get_sql, shared)
    return 0


def _fill_in(query: VerifiedQuery, given: Sequence[str]) -> str:
    """The query's SQL with the values given as `name=value`. ConfigError where one does not fit."""
    parameters = {parameter.name: parameter for parameter in query.parameters}
    values: dict[str, Value] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or name in values:
            what = f"{name!r} is set twice" if sign else f"{text!r} sets no parameter"
            raise ConfigError(what, "Write each once, like --set since=2025-01-01")
        try:
            values[name] = parameters[name].parse(value) if name in parameters else value
        except CallError as exc:
            raise ConfigError(exc.message, exc.hint) from exc
    try:
        return query.bound(values)
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
@click.option("--from", "source", metavar="ID", help="Take question and SQL of an earlier answer (nl2sql history).")
@click.option("--question", metavar="TEXT", help="The question it answers.  [default: that of --from]")
@click.option("--description", metavar="TEXT", default="", help="What to know about it.")
@click.option("--by", metavar="WHO", help="Who verified it.  [default: your user name]")
@click.option("--onboarding", is_flag=True, help="Offer its question to those who begin.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="TEXT",
    help="For each $name in the SQL: 'name: type', 'name: type = default  # description'. "
    "Types: text, integer, number, date, boolean.",
)
@click.option("--yes", is_flag=True, help="You have read the SQL and approve it: don't ask.")
@database_options
@voice_options
def add_command(
    name: str,
    sql: tuple[str, ...],
    source: str | None,
    question: str | None,
    description: str,
    by: str | None,
    onboarding: bool,
    parameters: tuple[str, ...],
    yes: bool,
    **flags: Any,
) -> int:
    """Add one: SQL that passes the guard, once you have read and approved it."""
    shared = Shared(**flags)
    config = shared.settings(asks=False)
    queries = VerifiedQueries.beside(config)
    entry = _entry(source, config, sql)
    if question is None and entry is None:
        raise ConfigError("there is no question", 'Say which one it answers: --question "…"')
    query = VerifiedQuery(
        name=name,
        question=question or (entry.question if entry else ""),
        sql=runnable(entry) if entry else _given(sql),
        description=description,
        verified_by=by or _user(),
        verified_at=dt.date.today(),
        use_as_onboarding_question=onboarding,
        parameters=tuple(parse_parameter(text) for text in parameters),
    )
    with opened(config, shared.steps) as assistant:
        checked = assistant.checked(query.sample())
        reading = assistant.reading(checked.sql)
    say_lines(as_text(query).rstrip())
    if not shared.quiet:
        say_lines("\n".join(reading))
    if not _approved(f"Is this SQL right, and may {name} be added?", yes, sql):
        say("not added")
        return 4
    queries.add(query)
    say(f"added {name}. Next: nl2sql queries test {name}")
    return 0


@queries_command.command("remove", epilog="Example: nl2sql queries remove open_orders")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@config_option
def remove_command(name: str, yes: bool, config: Path | None) -> int:
    """Remove one: its file is deleted."""
    queries = VerifiedQueries.beside(load_config(config))
    say_lines(as_text(queries.find(name)[0]).rstrip())
    if not _approved(f"Remove {name}?", yes, ()):
        say("not removed")
        return 4
    queries.remove(name)
    say(f"removed {name}")
    return 0


@queries_command.command("test", epilog="Example: nl2sql queries test")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@database_options
@output_option("table", "json")
@limit_options
@voice_options
def test_command(names: tuple[str, ...], **flags: Any) -> int:
    """Run them all, or those named, and say which fail. Parameters take their defaults, or simple values.

    Exits with the code of the first failure.
    """
    shared = Shared(**flags)
    config = shared.settings(asks=False)
    queries = VerifiedQueries.beside(config)
    chosen = [queries.get(name) for name in names] if names else queries.list()
    problems = () if names else queries.problems()
    if not chosen and not problems:
        say("note: there are no verified queries to test")
        return 0
    outcomes: list[dict[str, Any]] = []
    failures: list[NL2SQLError] = [*problems]
    with opened(config, shared.steps) as assistant:
        for query in chosen:
            outcome, failure = _tested(query, assistant)
            outcomes.append(outcome)
            failures += [failure] if failure else []
            if shared.output == "table":
                _say_outcome(outcome)
    if shared.output == "json":
        results.write_json({"queries": outcomes, "problems": _told(problems), "failed": len(failures)})
    else:
        for problem in problems:
            results.write_text(one_line(f"failed {problem.message}. {problem.hint}", _LINE_CHARS))
        say(f"{len(chosen) + len(problems) - len(failures)} passed, {len(failures)} failed")
    return failures[0].exit_code if failures else 0


def _tested(query: VerifiedQuery, database: Database) -> tuple[dict[str, Any], NL2SQLError | None]:
    start = time.perf_counter()
    outcome: dict[str, Any] = {"name": query.name, "ok": True, "row_count": None, "seconds": 0.0, "error": None}
    failure: NL2SQLError | None = None
    try:
        outcome["row_count"] = database.run(query.sample()).row_count
    except CancelledError:
        raise
    except NL2SQLError as exc:
        failure = exc
        rule = exc.rule if isinstance(exc, GuardError) else None
        outcome |= {"ok": False, "error": {"code": exc.code, "rule": rule, "message": exc.message, "hint": exc.hint}}
    outcome["seconds"] = round(time.perf_counter() - start, 4)
    return outcome, failure


def _say_outcome(outcome: dict[str, Any]) -> None:
    if outcome["ok"]:
        count = outcome["row_count"]
        rows = f"{count:,} row{'' if count == 1 else 's'}"
        results.write_text(f"ok     {outcome['name']} ({rows}, {outcome['seconds']:.2f} s)")
    else:
        error = outcome["error"]
        rule = f" ({error['rule']})" if error["rule"] else ""
        failed = f"failed {outcome['name']}{rule}: {error['message']}. {error['hint']}"
        results.write_text(one_line(failed, _LINE_CHARS))


def _entry(source: str | None, config: Config, sql: Sequence[str]) -> HistoryEntry | None:
    if source is None:
        return None
    if sql:
        raise ConfigError("there are two sources of SQL", "Give the SQL, or --from an answer.")
    with history(config) as store:
        return store.entry(source)


def _given(sql: Sequence[str]) -> str:
    text = sys.stdin.read() if sql == ("-",) else " ".join(sql)
    if not text.strip():
        raise ConfigError("there is no SQL", "Give it, pipe it in as -, or take it --from an answer's ID.")
    return text


def _approved(question: str, yes: bool, sql: Sequence[str]) -> bool:
    """Whether a person says yes. ConfigError where there is nobody to ask."""
    if yes:
        return True
    if sql == ("-",) or not sys.stdin.isatty():
        raise ConfigError("a person must approve this, and there is no terminal to ask on", "Read it, then add --yes.")
    return click.confirm(question, default=False, err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as exc:
        raise ConfigError("your user name is not known", "Say who verified it: --by NAME") from exc


def _verified(query: VerifiedQuery) -> str:
    parts = [query.verified_by, query.verified_at.isoformat() if query.verified_at else ""]
    return " ".join(part for part in parts if part)


def _told(problems: Sequence[ConfigError]) -> list[dict[str, str]]:
    return [{"message": problem.message, "hint": problem.hint} for problem in problems]

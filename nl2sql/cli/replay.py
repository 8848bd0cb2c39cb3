"""`nl2sql replay`: run an earlier answer's SQL again, and show what changed.

The guard and the engine decide as for any SQL; this prints the comparison.
"""

from __future__ import annotations

from typing import Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.options import CommonOptions, database_options, limit_options, verbosity_options
from nl2sql.cli.resources import open_assistant, open_history
from nl2sql.cli.terminal import print_lines
from nl2sql.errors import GuardError, NL2SQLError
from nl2sql.store.replay_diff import ReplayDiff, format_row_count, get_replay_sql, make_replay_object
from nl2sql.text_safety import make_one_line

_EXAMPLE: Final = "Example: nl2sql replay 3f9a"
_LINE_CHARS: Final = 10_000


@click.command("replay", epilog=_EXAMPLE)
@click.argument("id")
@database_options
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Output format.")
@limit_options
@verbosity_options
def replay_command(id: str, **flags: Any) -> int:
    """Run an earlier answer's SQL again and show what changed.

    The first characters of an ID are enough.
    """
    shared = CommonOptions(**flags)
    try:
        changes = _replay(id, shared)
    except NL2SQLError as exc:
        if shared.output == "json":
            rule = exc.rule if isinstance(exc, GuardError) else None
            error = {"code": exc.code, "rule": rule, "message": exc.message, "hint": exc.hint or None}
            results.write_json({"id": id, "same": None, "error": error})
        raise
    if shared.output == "json":
        results.write_json(make_replay_object(changes))
    else:
        _print_diff(changes)
    return 0


def _replay(identifier: str, shared: CommonOptions) -> ReplayDiff:
    """Return the comparison, on the database of the answer unless --db names another."""
    config = shared.load_with_notes(opens=False, asks=False)
    with open_history(config) as store:
        entry = store.get_entry(identifier)
    sql = get_replay_sql(entry)
    config = config.point_to(shared.db or entry.url)
    if shared.verbose:
        print_lines(f"runs on {make_one_line(str(config.url), _LINE_CHARS)}: {sql}")
    with open_assistant(config, shared.steps) as assistant:
        return assistant.replay(entry)


def _print_diff(changes: ReplayDiff) -> None:
    entry, result = changes.entry, changes.result
    results.write_text(f"question: {make_one_line(entry.question, _LINE_CHARS)}")
    results.write_text(f"SQL:\n{entry.sql or ''}")
    since = entry.at.astimezone().strftime("%Y-%m-%d %H:%M")
    for line in changes.differences:
        results.write_text(f"changed since {since}: {make_one_line(line, _LINE_CHARS)}")
    if changes.is_same:
        results.write_text(f"nothing changed since {since}: {format_row_count(result.row_count, result.truncated)}")
    for text in changes.causes.values():
        results.write_text(f"since then {make_one_line(text, _LINE_CHARS)}")

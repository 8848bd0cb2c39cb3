"""`nl2sql check`: whether SQL may run, and which rule refuses it. It runs nothing.

The guard decides; this prints what it says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.options import CommonOptions, database_options, read_text_argument, verbosity_options
from nl2sql.cli.resources import open_assistant
from nl2sql.cli.terminal import print_lines, print_note
from nl2sql.errors import DatabaseError, LimitError
from nl2sql.text_safety import make_one_line
from nl2sql.types import Finding, Verdict

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant

# In the order in which they judge; the first that refuses decides.
_JUDGES: Final = {
    "lexical": "text limits",
    "engine-tree": "DuckDB parse tree",
    "engine-plan": "DuckDB query plan",
    "sqlglot": "sqlglot parse tree",
}
_EXAMPLE: Final = 'nl2sql check "DROP TABLE orders"'
_REFUSED_EXIT_CODE: Final = 3
_MESSAGE_CHARS: Final = 2_000


@click.command(
    "check",
    epilog="Example: nl2sql check --db shop.duckdb \"SELECT * FROM read_csv('/etc/passwd')\"",
)
@click.argument("sql", nargs=-1, metavar="[SQL|-]")
@database_options
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Output format.")
@click.option(
    "--jsonl", is_flag=True, help='Read {"id","sql"} lines from stdin, write {"id","allowed","rule","message"} lines.'
)
@verbosity_options
def check_command(sql: tuple[str, ...], jsonl: bool, **flags: Any) -> int:
    """Check whether SQL may run, and which rule refuses it."""
    shared = CommonOptions(**flags)
    text = "" if jsonl else read_text_argument(sql, "SQL", _EXAMPLE)
    with open_assistant(shared.load_with_notes(asks=False), shared.steps) as assistant:
        if jsonl:
            _check_each_line(assistant)
            return 0
        verdict = assistant.check(text, collect_all=shared.verbose)
    if shared.output == "json":
        results.write_json(_make_object(None, verdict))
    else:
        _print_verdict(verdict, shared.verbose)
    return 0 if verdict.is_allowed else _REFUSED_EXIT_CODE


def _print_verdict(verdict: Verdict, verbose: bool) -> None:
    shown = verdict.findings if verbose else verdict.findings[:1]
    results.write_text(
        "\n".join(f"refused ({f.rule}): {make_one_line(f.message, _MESSAGE_CHARS)}" for f in shown) or "allowed"
    )
    if verbose:
        for judge, said in _describe_judges(verdict):
            print_note(f"{judge} ({_JUDGES[judge]}): {said}")
        if verdict.is_allowed:
            print_lines(f"runs as: {verdict.sql}")
            print_note(f"reads: {', '.join(verdict.tables) or 'no table'}")
    elif shown and _format_place(shown[0]):
        print_note(_format_place(shown[0]).strip())
    for hint in dict.fromkeys(finding.hint for finding in shown if finding.hint):
        print_note(hint)


def _describe_judges(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield each judge and what it said, in their order."""
    for judge in _JUDGES:
        own = [finding for finding in verdict.findings if finding.judge == judge]
        if own:
            yield judge, "; ".join(f"refused ({finding.rule}){_format_place(finding)}" for finding in own)
        elif judge in verdict.judges:
            yield judge, "allowed"
        else:
            yield judge, "skipped, because an earlier check refused the SQL"


def _format_place(finding: Finding) -> str:
    return f" at line {finding.line}, column {finding.column}" if finding.line else ""


def _check_each_line(assistant: Assistant) -> None:
    """Write one verdict per line, in order; an invalid line gets one too."""
    for line in sys.stdin.buffer:
        if line.strip():
            results.write_json_line(_check_line(assistant, line))


def _check_line(assistant: Assistant, line: bytes) -> dict[str, Any]:
    try:
        case = json.loads(line)
    except (ValueError, RecursionError):
        case = None
    identifier = case.get("id") if isinstance(case, dict) else None
    sql = case.get("sql") if isinstance(case, dict) else None
    if not isinstance(sql, str):
        return _make_refusal(identifier, "input", 'not a JSON line like {"id": 1, "sql": "SELECT 1"}')
    try:
        return _make_object(identifier, assistant.check(sql))
    except (LimitError, DatabaseError) as exc:
        return _make_refusal(identifier, exc.code, exc.message)


def _make_object(identifier: Any, verdict: Verdict) -> dict[str, Any]:
    if verdict.is_allowed:
        return {"id": identifier, "allowed": True, "rule": None, "message": None}
    first = verdict.findings[0]
    message = f"{first.message.rstrip('.')}. {first.hint}" if first.hint else first.message
    return _make_refusal(identifier, first.rule, message)


def _make_refusal(identifier: Any, rule: str, message: str) -> dict[str, Any]:
    return {"id": identifier, "allowed": False, "rule": rule, "message": message}

"""`nl2sql check`: whether SQL may run, and which rule stops it. Runs nothing.

The guard decides; this prints what it says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.options import Shared, database_options, opened, text_argument, voice_options
from nl2sql.cli.terminal import say, say_lines
from nl2sql.errors import DatabaseError, LimitError
from nl2sql.schema.ddl_prompt import one_line
from nl2sql.types import Finding, Verdict

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant

# In the order in which they are asked; the text is refused at the first that objects.
_JUDGES: Final = {
    "lexical": "the text's bounds",
    "engine-tree": "DuckDB's syntax tree",
    "engine-plan": "DuckDB's bound plan",
    "sqlglot": "sqlglot's syntax tree",
}
_EXAMPLE: Final = 'nl2sql check "DROP TABLE orders"'
_REFUSED: Final = 3
_MESSAGE_CHARS: Final = 2_000


@click.command(
    "check",
    epilog="Example: nl2sql check --db shop.duckdb \"SELECT * FROM read_csv('/etc/passwd')\"",
)
@click.argument("sql", nargs=-1, metavar="[SQL|-]")
@database_options
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Format.")
@click.option(
    "--jsonl", is_flag=True, help='Read {"id","sql"} lines on stdin, write {"id","allowed","rule","message"}.'
)
@voice_options
def check_command(sql: tuple[str, ...], jsonl: bool, **flags: Any) -> int:
    """Say whether SQL may run, and which rule stops it."""
    shared = Shared(**flags)
    text = "" if jsonl else text_argument(sql, "SQL", _EXAMPLE)
    with opened(shared.settings(asks=False), shared.steps) as assistant:
        if jsonl:
            _check_lines(assistant)
            return 0
        verdict = assistant.check(text, thorough=shared.verbose)
    if shared.output == "json":
        results.write_json(_as_object(None, verdict))
    else:
        _print_verdict(verdict, shared.verbose)
    return 0 if verdict.allowed else _REFUSED


def _print_verdict(verdict: Verdict, verbose: bool) -> None:
    shown = verdict.findings if verbose else verdict.findings[:1]
    results.write_text(
        "\n".join(f"refused ({f.rule}): {one_line(f.message, _MESSAGE_CHARS)}" for f in shown) or "allowed"
    )
    if verbose:
        for judge, said in _said(verdict):
            say(f"{judge} ({_JUDGES[judge]}): {said}")
        if verdict.allowed:
            say_lines(f"runs as: {verdict.sql}")
            say(f"reads: {', '.join(verdict.tables) or 'no table'}")
    elif shown and _place(shown[0]):
        say(_place(shown[0]).strip())
    for hint in dict.fromkeys(finding.hint for finding in shown if finding.hint):
        say(hint)


def _said(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """What each judge said of the text, in their order."""
    for judge in _JUDGES:
        own = [finding for finding in verdict.findings if finding.judge == judge]
        if own:
            yield judge, "; ".join(f"objects, {finding.rule}{_place(finding)}" for finding in own)
        elif judge in verdict.judges:
            yield judge, "no objection"
        else:
            yield judge, "not asked, because of what is objected to above"


def _place(finding: Finding) -> str:
    return f" at line {finding.line}, column {finding.column}" if finding.line else ""


def _check_lines(assistant: Assistant) -> None:
    """One verdict a line, in order; a line that is not as it should be gets one too."""
    for line in sys.stdin.buffer:
        if line.strip():
            results.write_json_line(_checked_line(assistant, line))


def _checked_line(assistant: Assistant, line: bytes) -> dict[str, Any]:
    try:
        case = json.loads(line)
    except (ValueError, RecursionError):
        case = None
    identifier = case.get("id") if isinstance(case, dict) else None
    sql = case.get("sql") if isinstance(case, dict) else None
    if not isinstance(sql, str):
        return _verdict_line(identifier, "input", 'this is not a line like {"id": 1, "sql": "SELECT 1"}')
    try:
        return _as_object(identifier, assistant.check(sql))
    except (LimitError, DatabaseError) as exc:
        return _verdict_line(identifier, exc.code, exc.message)


def _as_object(identifier: Any, verdict: Verdict) -> dict[str, Any]:
    if verdict.allowed:
        return {"id": identifier, "allowed": True, "rule": None, "message": None}
    first = verdict.findings[0]
    message = f"{first.message.rstrip('.')}. {first.hint}" if first.hint else first.message
    return _verdict_line(identifier, first.rule, message)


def _verdict_line(identifier: Any, rule: str, message: str) -> dict[str, Any]:
    return {"id": identifier, "allowed": False, "rule": rule, "message": message}

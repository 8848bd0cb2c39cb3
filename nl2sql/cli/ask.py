"""`nl2sql ask`: one question, answered.

It prints events and the answer; the assistant does the work.
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from nl2sql.cancellation import CancelToken
from nl2sql.cli import results
from nl2sql.cli.open_store import open_optional_store
from nl2sql.cli.options import (
    CommonOptions,
    candidates_option,
    csv_options,
    database_options,
    limit_options,
    model_option,
    open_assistant,
    output_option,
    read_text_argument,
    session_option,
    verbosity_options,
)
from nl2sql.cli.terminal import ProgressReporter, is_terminal, print_error, print_lines, print_note
from nl2sql.errors import EXIT_CODES, ConfigError, NL2SQLError
from nl2sql.exports.answer_json import make_answer_object
from nl2sql.exports.csv_text import CsvStyle
from nl2sql.text_safety import make_one_line
from nl2sql.types import Answer, CheckedSQL, ErrorInfo, EventKind, Limits, Status

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant

_EXAMPLE: Final = 'nl2sql ask "how many customers are there?"'

_APPROVAL_CHARS: Final = 200


@click.command(
    "ask",
    epilog='Example: nl2sql ask --db shop.duckdb -o csv "revenue by month in 2025" > revenue.csv',
)
@click.argument("question", nargs=-1, metavar="[QUESTION|-]")
@database_options
@model_option
@candidates_option
@output_option()
@csv_options
@limit_options
@session_option
@click.option("--sql-only", is_flag=True, help="Write the checked SQL, run nothing.")
@click.option("--dry-run", is_flag=True, help="Show the checked SQL and what it does, run nothing.")
@click.option("--confirm", is_flag=True, help="Show the SQL, and ask before it runs.")
@click.option("--no-summary", is_flag=True, help="Rows and SQL only: no sentence, one model call less.")
@verbosity_options
def ask_command(
    question: tuple[str, ...], sql_only: bool, dry_run: bool, confirm: bool, no_summary: bool, **flags: Any
) -> int:
    """Answer one question: rows, a sentence, and the SQL that ran."""
    shared = CommonOptions(**flags)
    steps = ProgressReporter(quiet=shared.quiet, verbose=shared.verbose)
    output = "sql" if sql_only else shared.output
    text = ""
    try:
        if confirm and not sys.stdin.isatty():
            raise ConfigError("--confirm needs a terminal to ask on", "Leave it out, or use --dry-run.")
        text = read_text_argument(question, "question", _EXAMPLE)
        answer = _answer(
            text, shared, steps, output, run=not (sql_only or dry_run), confirm=confirm, summary=not no_summary
        )
    except NL2SQLError as exc:
        if output == "json":
            error = ErrorInfo(exc.code, exc.message, exc.hint)
            results.write_json(make_answer_object(Answer("", text, Status.FAILED, "", error=error)))
        raise
    if answer.error is not None:
        return EXIT_CODES[answer.error.code]
    return 4 if answer.status in (Status.ABSTAINED, Status.CLARIFY) else 0


def _answer(
    text: str, shared: CommonOptions, steps: ProgressReporter, output: str, *, run: bool, confirm: bool, summary: bool
) -> Answer:
    style, config = shared.csv, shared.load_with_notes(asks=False)
    everything = config.limits.rows is None and shared.output in results.EXPORTS
    if everything:
        config = replace(config, limits=replace(config.limits, rows=Limits().rows))
    cancel = CancelToken()

    with (
        open_optional_store(config, needed=shared.session is not None) as store,
        open_assistant(config, steps, store) as assistant,
    ):

        def approve(checked: CheckedSQL) -> bool:
            if not run:
                return False
            steps.pause()
            if not steps.shows_sql:
                print_lines(assistant.format_sql(checked.sql))
            return click.confirm("Run it?", default=True, err=True)

        stream = assistant.stream(
            text,
            session=_open_session(assistant, shared),
            summary=summary,
            explain=output != "sql",
            approve=approve if confirm or not run else None,
            cancel=cancel,
        )
        endpoint_note = config.endpoint_note
        try:
            for event in stream:
                # Before anything is sent, and only where something is: a verified query needs no model.
                if endpoint_note and event.kind is EventKind.WRITING:
                    steps.pause()
                    print_note(f"note: {endpoint_note}")
                    endpoint_note = ""
                steps.report_event(event)
                if event.answer is not None:
                    answer = event.answer
        except KeyboardInterrupt:
            cancel.cancel()
            raise
        steps.pause()
        if confirm and answer.status is Status.ANSWERED and answer.result is None:
            answer = replace(answer, status=Status.ABSTAINED, text="Not run.")
        if everything and answer.is_truncated:
            assert answer.sql is not None
            results.write_all_rows(assistant, answer.sql, output, style)
            print_lines(answer.text)
        else:
            _write_answer(answer, output, assistant, style, steps)
    return answer


def _open_session(assistant: Assistant, shared: CommonOptions) -> str | None:
    """The session named, begun where there is none of that name: said, since it may be a slip of the keyboard."""
    if shared.session is None:
        return None
    is_known = assistant.has_session(shared.session)
    session = assistant.open_session(shared.session)
    if not is_known and not shared.quiet:
        print_note(f"note: the session {session!r} begins here")
    return session


def _write_answer(answer: Answer, output: str, assistant: Assistant, style: CsvStyle, steps: ProgressReporter) -> None:
    if output == "json":
        results.write_json(make_answer_object(answer))
        results.print_renamed_columns(answer.columns)
    elif output == "sql":
        if answer.sql:
            results.write_text(answer.sql)
    elif (result := answer.result) is not None:
        results.write_result(output, result, lambda: assistant.choose_column_formats(result, answer.sql or ""), style)
    _write_words(answer, output, steps)


def _write_words(answer: Answer, output: str, steps: ProgressReporter) -> None:
    """The sentence after the rows: on stdout for people, on stderr where stdout carries data."""
    if answer.error is not None:
        if output != "json":
            rule = f" ({answer.error.rule})" if answer.error.rule else ""
            print_error(f"{answer.error.message}{rule}", answer.error.hint)
            tried = [step.arguments["query"] for step in answer.steps if "query" in step.arguments]
            if tried and not steps.quiet:
                print_lines("The SQL was:\n" + textwrap.indent(str(tried[-1]), "  "))
        return
    if output == "json":
        return
    as_text = output == "table"
    for line in filter(None, [answer.text]):
        if as_text:
            results.write_text(("\n" if answer.result else "") + line)
        else:
            print_lines(line)
    if answer.clarification is not None:
        for option in answer.clarification.options:
            print_note(f"- {option}")
        print_note("Ask again, saying which one you mean.")
    for warning in answer.warnings:
        print_note(f"warning: {warning}")
    if steps.is_verbose and answer.grounding:
        for figure in answer.grounding.basis:
            print_note(f"{figure.text}: {figure.basis}")
    if as_text and answer.verified_query:
        approval = f" ({make_one_line(answer.approval, _APPROVAL_CHARS)})" if answer.approval else ""
        results.write_text(f"Verified query: {answer.verified_query}{approval}")
    already_shown = steps.shows_sql and is_terminal(sys.stdout)
    if as_text and answer.sql and not already_shown:
        results.write_text(("\n" if answer.text or answer.result else "") + f"SQL:\n{answer.sql}")
    if answer.sql and output != "sql" and (answer.result is None or steps.is_verbose):
        for line in answer.reading:
            print_note(line)
    if steps.is_verbose and answer.confidence is not None:
        reasons = "; ".join(answer.confidence.reasons)
        print_note(
            f"confidence: {answer.confidence.level}, {answer.confidence.score:.0%}{': ' if reasons else ''}{reasons}"
        )

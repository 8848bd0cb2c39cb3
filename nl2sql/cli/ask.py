"""`nl2sql ask`: one question, answered.

It passes the flags on and shows the events; `presenters` prints the answer, and the assistant does the work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import click

from nl2sql.cancellation import CancelToken
from nl2sql.cli import results
from nl2sql.cli.options import (
    CommonOptions,
    candidates_option,
    csv_options,
    database_options,
    limit_options,
    model_option,
    output_option,
    read_text_argument,
    session_option,
    take_options,
    verbosity_options,
)
from nl2sql.cli.presenters import make_presenter
from nl2sql.cli.resources import open_assistant, open_optional_store
from nl2sql.cli.terminal import ProgressReporter, print_lines, print_note
from nl2sql.errors import EXIT_CODES, ConfigError, NL2SQLError
from nl2sql.exports.answer_json import make_answer_object
from nl2sql.types import Answer, CheckedSQL, ErrorInfo, Event, EventKind, Limits, Status

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant

_EXAMPLE: Final = 'nl2sql ask "how many customers are there?"'
_NOT_ANSWERED_EXIT_CODE: Final = 4


@dataclass(frozen=True, slots=True)
class AskFlags:
    """The flags that only `ask` has."""

    sql_only: bool
    dry_run: bool
    confirm: bool
    no_summary: bool

    @property
    def runs_sql(self) -> bool:
        """Whether SQL may run at all."""
        return not (self.sql_only or self.dry_run)


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
@click.option("--sql-only", is_flag=True, help="Print the checked SQL without running it.")
@click.option("--dry-run", is_flag=True, help="Show the checked SQL and what it does, without running it.")
@click.option("--confirm", is_flag=True, help="Show each query and ask before it runs.")
@click.option("--no-summary", is_flag=True, help="Show rows and SQL without a sentence (saves one model call).")
@verbosity_options
def ask_command(question: tuple[str, ...], **flags: Any) -> int:
    """Answer one question: rows, a sentence, and the SQL that ran."""
    own, shared = take_options(AskFlags, flags), CommonOptions(**flags)
    output = "sql" if own.sql_only else shared.output
    text = ""
    try:
        if own.confirm and not sys.stdin.isatty():
            raise ConfigError("--confirm needs a terminal", "Leave it out, or use --dry-run.")
        text = read_text_argument(question, "question", _EXAMPLE)
        answer = _answer(text, shared, own, output)
    except NL2SQLError as exc:
        if output == "json":
            error = ErrorInfo(exc.code, exc.message, exc.hint)
            results.write_json(make_answer_object(Answer("", text, Status.FAILED, "", error=error)))
        raise
    if answer.error is not None:
        return EXIT_CODES[answer.error.code]
    return _NOT_ANSWERED_EXIT_CODE if answer.status in (Status.ABSTAINED, Status.CLARIFY) else 0


def _answer(text: str, shared: CommonOptions, own: AskFlags, output: str) -> Answer:
    """Ask the question, show its events and its answer, and return the answer."""
    style, config, steps = shared.csv, shared.load_with_notes(asks=False), shared.steps
    exports_all = config.limits.rows is None and shared.output in results.EXPORTS
    if exports_all:
        config = replace(config, limits=replace(config.limits, rows=Limits().rows))
    cancel = CancelToken()
    with (
        open_optional_store(config, needed=shared.session is not None) as store,
        open_assistant(config, steps, store) as assistant,
    ):
        events = assistant.stream(
            text,
            session=_open_session(assistant, shared),
            summary=not own.no_summary,
            explain=output != "sql",
            approve=_make_approval(assistant, own, steps),
            cancel=cancel,
        )
        try:
            answer = _show_events(events, steps, config.endpoint_note)
        except KeyboardInterrupt:
            cancel.cancel()
            raise
        if own.confirm and answer.status is Status.ANSWERED and answer.result is None:
            answer = replace(answer, status=Status.ABSTAINED, text="Not run.")
        make_presenter(output, assistant, steps, style, exports_all=exports_all).present(answer)
    return answer


def _open_session(assistant: Assistant, shared: CommonOptions) -> str | None:
    """Return the session that was named; print a note where it is new, since the name may be a typing error."""
    if shared.session is None:
        return None
    is_known = assistant.has_session(shared.session)
    session = assistant.open_session(shared.session)
    if not is_known and not shared.quiet:
        print_note(f"note: {session!r} is a new session")
    return session


def _make_approval(assistant: Assistant, own: AskFlags, steps: ProgressReporter) -> Callable[[CheckedSQL], bool] | None:
    """Return what decides whether a query may run; None where all of them may."""
    if not own.runs_sql:
        return lambda checked: False
    if not own.confirm:
        return None

    def ask_person(checked: CheckedSQL) -> bool:
        steps.pause()
        if not steps.shows_sql:
            print_lines(assistant.database.format_sql(checked.sql))
        return click.confirm("Run it?", default=True, err=True)

    return ask_person


def _show_events(events: Iterator[Event], steps: ProgressReporter, endpoint_note: str) -> Answer:
    """Show the events as they come, and return the answer of the last one.

    `endpoint_note` is printed before the first request to the model: a verified query needs none.
    """
    answer: Answer | None = None
    for event in events:
        if endpoint_note and event.kind is EventKind.WRITING:
            steps.pause()
            print_note(f"note: {endpoint_note}")
            endpoint_note = ""
        steps.report_event(event)
        answer = event.answer or answer
    steps.pause()
    assert answer is not None
    return answer

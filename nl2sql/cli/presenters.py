"""How `nl2sql ask` shows an answer: one presenter for each kind of output format.

A presenter prints; it asks nothing and runs nothing, except an export of every row.
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nl2sql.cli import results
from nl2sql.cli.terminal import ProgressReporter, is_terminal, print_error, print_lines, print_note
from nl2sql.exports.answer_json import make_answer_object
from nl2sql.exports.csv_text import PLAIN_CSV, CsvStyle
from nl2sql.text_safety import make_one_line
from nl2sql.types import Answer, ErrorInfo

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant

_APPROVAL_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Presenter:
    """Write the result of an answer to stdout, and its sentence, warnings and details to stderr.

    Formats differ in what they write to stdout: they override `write_result`, `write_sentence` and `write_query`.
    """

    assistant: Assistant
    steps: ProgressReporter

    def present(self, answer: Answer) -> None:
        """Write the answer, or its error."""
        self.write_result(answer)
        if answer.error is not None:
            self.write_error(answer, answer.error)
            return
        if answer.text:
            self.write_sentence(answer)
        _print_clarification(answer)
        for warning in answer.warnings:
            print_note(f"warning: {warning}")
        if self.steps.is_verbose:
            _print_figures(answer)
        self.write_query(answer)
        if self.steps.is_verbose:
            _print_confidence(answer)

    def write_result(self, answer: Answer) -> None:
        """Write the rows, or what stands for them, to stdout."""

    def write_error(self, answer: Answer, error: ErrorInfo) -> None:
        """Print the error, and the last SQL that was tried."""
        print_error(f"{error.message} ({error.rule})" if error.rule else error.message, error.hint)
        tried = [step.arguments["query"] for step in answer.steps if "query" in step.arguments]
        if tried and not self.steps.quiet:
            print_lines("The SQL was:\n" + textwrap.indent(str(tried[-1]), "  "))

    def write_sentence(self, answer: Answer) -> None:
        """Print the sentence."""
        print_lines(answer.text)

    def write_query(self, answer: Answer) -> None:
        """Print what the SQL does: with -v, and where there are no rows."""
        if answer.sql and (answer.result is None or self.steps.is_verbose):
            for line in answer.reading:
                print_note(line)


@dataclass(frozen=True, slots=True)
class TablePresenter(Presenter):
    """Everything on stdout: the table, the sentence, the verified query and the SQL."""

    def write_result(self, answer: Answer) -> None:
        """Write the table."""
        _write_rows(self.assistant, answer, "table", PLAIN_CSV)

    def write_sentence(self, answer: Answer) -> None:
        """Write the sentence below the table."""
        results.write_text(("\n" if answer.result else "") + answer.text)

    def write_query(self, answer: Answer) -> None:
        """Write the verified query and the SQL, unless it was shown before; then what it does."""
        if answer.verified_query:
            approval = f" ({make_one_line(answer.approval, _APPROVAL_CHARS)})" if answer.approval else ""
            results.write_text(f"Verified query: {answer.verified_query}{approval}")
        # The events have shown the SQL on this terminal already.
        if answer.sql and not (self.steps.shows_sql and is_terminal(sys.stdout)):
            results.write_text(("\n" if answer.text or answer.result else "") + f"SQL:\n{answer.sql}")
        Presenter.write_query(self, answer)


@dataclass(frozen=True, slots=True)
class JsonPresenter(Presenter):
    """One JSON object on stdout that holds everything."""

    def present(self, answer: Answer) -> None:
        """Write the object."""
        results.write_json(make_answer_object(answer))
        results.print_renamed_columns(answer.columns)


@dataclass(frozen=True, slots=True)
class SqlPresenter(Presenter):
    """The SQL alone on stdout."""

    def write_result(self, answer: Answer) -> None:
        """Write the SQL."""
        if answer.sql:
            results.write_text(answer.sql)

    def write_query(self, answer: Answer) -> None:
        """Print nothing: the SQL is the result."""


@dataclass(frozen=True, slots=True)
class ExportPresenter(Presenter):
    """The rows alone on stdout, in a format that other programs read.

    With `exports_all`, a result that was cut is run again and every row is streamed.
    """

    form: str
    style: CsvStyle
    exports_all: bool = False

    def present(self, answer: Answer) -> None:
        """Write the rows, all of them where asked for."""
        if self.exports_all and answer.is_truncated:
            assert answer.sql is not None
            results.write_all_rows(self.assistant, answer.sql, self.form, self.style)
            print_lines(answer.text)
        else:
            Presenter.present(self, answer)

    def write_result(self, answer: Answer) -> None:
        """Write the rows."""
        _write_rows(self.assistant, answer, self.form, self.style)


_PRESENTERS: Final = {"table": TablePresenter, "json": JsonPresenter, "sql": SqlPresenter}


def make_presenter(
    output: str, assistant: Assistant, steps: ProgressReporter, style: CsvStyle, *, exports_all: bool
) -> Presenter:
    """Return the presenter for the output format."""
    if kind := _PRESENTERS.get(output):
        return kind(assistant, steps)
    return ExportPresenter(assistant, steps, output, style, exports_all)


def _write_rows(assistant: Assistant, answer: Answer, form: str, style: CsvStyle) -> None:
    if (result := answer.result) is not None:
        results.write_result(
            form, result, lambda: assistant.database.choose_column_formats(result, answer.sql or ""), style
        )


def _print_clarification(answer: Answer) -> None:
    if answer.clarification is not None:
        for option in answer.clarification.options:
            print_note(f"- {option}")
        print_note("Ask again and say which one you mean.")


def _print_figures(answer: Answer) -> None:
    for figure in answer.grounding.basis if answer.grounding else ():
        print_note(f"{figure.text}: {figure.basis}")


def _print_confidence(answer: Answer) -> None:
    if answer.confidence is not None:
        level = f"confidence: {answer.confidence.level}, {answer.confidence.score:.0%}"
        print_note(": ".join(filter(None, [level, "; ".join(answer.confidence.reasons)])))

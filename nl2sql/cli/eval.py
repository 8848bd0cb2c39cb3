"""`nl2sql eval`: measure execution accuracy over questions with gold SQL, and compare two reports.

It opens files, shows progress and writes; the evals room asks, scores and counts.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nl2sql.cancellation import CancelToken
from nl2sql.cli import results
from nl2sql.cli.options import (
    CommonOptions,
    candidates_option,
    database_options,
    model_option,
    output_option,
    take_options,
    verbosity_options,
)
from nl2sql.cli.resources import print_assistant_notes
from nl2sql.cli.terminal import ProgressReporter, is_terminal, print_lines, print_note
from nl2sql.config import Config
from nl2sql.errors import ConfigError, LimitError, ModelError
from nl2sql.evals import text_report
from nl2sql.evals.eval_case import Case
from nl2sql.evals.example_file import EvalExample, read_examples, select_examples
from nl2sql.evals.journal import Journal
from nl2sql.evals.report import SCORES, EvalRun, build_report, compare_reports, read_report
from nl2sql.evals.runner import JUDGED_ROWS, run_examples
from nl2sql.text_safety import make_one_line

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant
    from nl2sql.model.chat import ChatModel

_STOPPED_EXIT_CODE: Final = 130
_CELL_CHARS: Final = 200
_SECONDS_BETWEEN_LINES: Final = 20.0
_REPORT_ENDINGS: Final = (".html", ".json")
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class EvalFlags:
    """The flags that only `eval` has."""

    file: Path | None
    db_root: Path | None
    limit: int | None
    seed: int | None
    reports: tuple[Path, ...]
    baseline: Path | None
    resume: Path | None
    compared: tuple[Path, Path] | None


@dataclass(frozen=True, slots=True)
class _Files:
    """Where questions, databases, reports and the journal are."""

    questions: Path
    db_root: Path | None
    reports: tuple[Path, ...]
    journal: Path | None
    is_journal_kept: bool
    baseline: dict[str, Any] | None


@click.command(
    "eval", epilog="Example: nl2sql eval questions.jsonl --db-root databases --report report.html -o json > report.json"
)
@click.argument("file", required=False, type=_FILE)
@database_options
@model_option
@candidates_option
@click.option(
    "--db-root", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="Folder that holds <db>.duckdb."
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Ask N questions: the first ones, or a random sample with --seed.",
)
@click.option("--seed", type=int, metavar="S", help="Seed to shuffle the questions with before --limit applies.")
@output_option("table", "json")
@click.option(
    "--report",
    "reports",
    type=_FILE,
    multiple=True,
    help="Write every case to FILE.html or FILE.json; may be repeated.",
)
@click.option("--baseline", type=_FILE, help="Earlier JSON report: exit with 6 if accuracy fell below its interval.")
@click.option(
    "--resume",
    type=_FILE,
    help="Journal file: questions in it are not asked again.  [default: REPORT.journal, kept until the run ends]",
)
@click.option("--compare", "compared", nargs=2, type=_FILE, help="Compare two JSON reports without asking questions.")
@verbosity_options
def eval_command(**flags: Any) -> int:
    """Measure accuracy on questions with known SQL.

    The questions of FILE are asked, and the rows are compared with those of their gold SQL. FILE holds one JSON object
    per line: id, db, question, gold_sql, and optionally evidence and difficulty. Stop with Ctrl-C; with --report or
    --resume the same command continues where it stopped.
    """
    own, shared = take_options(EvalFlags, flags), CommonOptions(**flags)
    if own.compared is not None:
        if own.file is not None:
            raise ConfigError("--compare takes no file of questions", "Leave out FILE, or use --baseline.")
        before, after = own.compared
        _write_comparison(compare_reports(read_report(before), read_report(after)), shared.output, own.compared)
        return 0
    if own.file is None:
        raise ConfigError("no file of questions given", "Name one: nl2sql eval questions.jsonl --db shop.duckdb")
    return _evaluate(_check_files(own.file, own), own, shared)


def _evaluate(files: _Files, own: EvalFlags, shared: CommonOptions) -> int:
    """Ask the questions, write the reports, and return the exit code."""
    examples, bad_lines = read_examples(files.questions)
    config = shared.load_with_notes(opens=own.db_root is None)
    # Without the project's folder there are no verified queries: what is measured is the SQL that a model writes.
    config = replace(config, file=None, limits=replace(config.limits, rows=JUDGED_ROWS))
    chosen = select_examples(examples, own.limit, own.seed)
    cases, about = _Evaluation(files, config, shared.steps).run(chosen)
    report = build_report(about, cases, bad_lines)
    _write_report(report, files, shared.output)
    if about.is_finished and files.journal and not files.is_journal_kept:
        files.journal.unlink(missing_ok=True)
    if not about.is_finished:
        print_note(f"stopped after {len(cases)} questions. " + _describe_resume(files))
        return _STOPPED_EXIT_CODE
    return _choose_exit_code(report, files)


class _Evaluation:
    """One run over the chosen questions: those in the journal are taken from it, the rest are asked."""

    def __init__(self, files: _Files, config: Config, steps: ProgressReporter) -> None:
        self._files, self._config, self._steps = files, config, steps
        self._said = time.monotonic()

    def run(self, examples: Sequence[EvalExample]) -> tuple[list[Case], EvalRun]:
        """Return the cases in the order of the examples, and what was run. Ctrl-C ends it early."""
        from nl2sql.model import open_chat_model

        cancel = CancelToken()
        started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with self._steps.show_spinner():
            model = open_chat_model(self._config, on_progress=self._steps.report_progress, cancel=cancel)
            self._steps.pause()
            about = EvalRun(self._files.questions.name, model.name, started)
            with contextlib.closing(model):
                cases, finished = self._ask(examples, model, cancel)
        return cases, replace(about, is_finished=finished)

    def _ask(self, examples: Sequence[EvalExample], model: ChatModel, cancel: CancelToken) -> tuple[list[Case], bool]:
        journal = Journal(self._files.journal, model.name) if self._files.journal else None
        done = (
            {case.id: case for case in (journal.find_done_case(example) for example in examples) if case}
            if journal
            else {}
        )
        left = [example for example in examples if example.question.id not in done]
        if done and not self._steps.quiet:
            print_note(f"{len(done)} of {len(examples)} questions are taken from {self._files.journal}")
        estimate = text_report.ProgressEstimate(len(examples), list(done.values()))
        finished = True
        try:
            with contextlib.closing(run_examples(left, self._open_database, model, cancel)) as cases:
                for case in cases:
                    done[case.id] = case
                    if journal:
                        journal.add(case)
                    self._report_case(case, estimate.advance(case))
        except KeyboardInterrupt:
            cancel.cancel()
            finished = False
        if journal:
            journal.close()
        return [done[example.question.id] for example in examples if example.question.id in done], finished

    def _open_database(self, name: str, model: ChatModel) -> Assistant:
        """Open the database of that name in the folder, or the one that serves all."""
        from nl2sql.connection import connect

        config = self._config
        if self._files.db_root is not None:
            if not name or Path(name).name != name:
                raise ConfigError(f"{name!r} is not a database in the folder", "`db` is a file name without .duckdb.")
            config = config.point_to(str(self._files.db_root / f"{name}.duckdb"))
        assistant = connect(config=config, model=model, client="cli")
        print_assistant_notes(assistant)
        return assistant

    def _report_case(self, case: Case, line: str) -> None:
        """Show the progress after a case: a moving line on a terminal, elsewhere a line now and then."""
        self._steps.report_note(f"{case.id}: {text_report.describe_outcome(case)}")
        now = time.monotonic()
        if is_terminal(sys.stderr):
            self._steps.report_activity(line)
        elif not self._steps.quiet and now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            print_note(line)


def _check_files(questions: Path, own: EvalFlags) -> _Files:
    """Return where everything is, checked before any question is asked.

    Raises:
        ConfigError: a folder is missing, or a report has an unknown ending.
    """
    for path in own.reports:
        if path.suffix not in _REPORT_ENDINGS:
            raise ConfigError(f"{path} is neither .html nor .json", "End the name of the report with .html or .json.")
        if not path.parent.is_dir():
            raise ConfigError(f"there is no folder {path.parent}", "Create it first.")
    if own.db_root is not None and not own.db_root.is_dir():
        raise ConfigError(f"there is no folder {own.db_root}", "--db-root is the folder that holds <db>.duckdb.")
    default = own.reports[0].with_name(own.reports[0].name + ".journal") if own.reports else None
    baseline = read_report(own.baseline) if own.baseline else None
    return _Files(questions, own.db_root, own.reports, own.resume or default, own.resume is not None, baseline)


def _write_report(report: dict[str, Any], files: _Files, output: str) -> None:
    """Write the report to stdout and to its files.

    Raises:
        ConfigError: a file cannot be written.
    """
    from nl2sql.evals.html_report import render_report

    for path in files.reports:
        content = render_report(report) if path.suffix == ".html" else json.dumps(report, ensure_ascii=False, indent=1)
        try:
            path.write_text(content, "utf-8")
        except OSError as exc:
            raise ConfigError(
                f"{path} cannot be written: {exc.strerror}", "Choose another file with --report."
            ) from exc
    if output == "json":
        results.write_json(report)
    else:
        _write_tables(text_report.make_report_tables(report))
    for problem in text_report.list_unjudged(report):
        print_note(f"not scored: {problem}")


def _write_comparison(compared: dict[str, Any], output: str, names: Sequence[Path]) -> None:
    if output == "json":
        results.write_json(compared)
    else:
        _write_tables(text_report.make_comparison_tables(compared, *(path.stem for path in names)))


def _write_tables(tables: Iterable[text_report.Table]) -> None:
    for position, (names, rows) in enumerate(tables):
        if position:
            results.write_text("")
        results.write_text_table(names, rows)


def _describe_resume(files: _Files) -> str:
    if files.journal is None:
        return "They were not saved: use --resume FILE to be able to continue."
    return f"They are saved in {files.journal}: run the same command to continue."


def _choose_exit_code(report: dict[str, Any], files: _Files) -> int:
    """Return 0, or compare with the baseline and fail.

    Raises:
        ConfigError: no question could be scored.
        ModelError: the model answered none.
        LimitError: accuracy fell below the baseline.
    """
    if not report["n"]:
        raise ConfigError("no question could be scored", "The reasons are above; check --db-root or --db.")
    errors = [case["error"]["code"] if case["error"] else None for case in report["cases"]]
    if set(errors) == {ModelError.code}:
        raise ModelError("the model answered no question", str(report["cases"][0]["error"]["message"]))
    if files.baseline is None:
        return 0
    compared = compare_reports(files.baseline, report)
    for names, rows in text_report.make_comparison_tables(compared, "baseline", "now"):
        for row in [names, *rows]:
            print_lines("  ".join(make_one_line(cell, _CELL_CHARS) for cell in row))
    fell = [name for name in SCORES if compared[name]["fell"]]
    if fell:
        raise LimitError(
            f"accuracy ({', '.join(fell)}) fell below the baseline's 95% interval",
            "Look at the questions that only the baseline got right.",
            limit="baseline",
        )
    return 0

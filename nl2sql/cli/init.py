"""`nl2sql init`: write a project file with every setting explained.

It overwrites nothing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import click

from nl2sql.atomic_write import write_atomically
from nl2sql.cli.terminal import print_note
from nl2sql.config import PROJECT_FILE, find_home
from nl2sql.config.trusted_files import TrustedFiles
from nl2sql.errors import ConfigError

_TEMPLATE: Final = """\
# Settings of nl2sql for this folder and those below it. A flag beats the environment, which beats this file.
# Keys and passwords don't belong here: a key is OPENAI_API_KEY in the environment.
# You trust this file as it was written. Once it has changed, read it and run: nl2sql trust

[database]
url = {url}
# include = ["sales_*"]          # only these tables
# exclude = ["*_backup"]         # all but these

[model]
# name = "local"                 # the embedded model; or a model's name at base_url
# base_url = "http://127.0.0.1:11434/v1"
# protocol = "tools"             # tools, functions or text; found by trying where not set
# temperature = 0

[limits]
# rows = 1000                    # rows shown
# seconds = 10                   # one query
# memory = "1GB"                 # one query
# cell_bytes = "100KB"           # a longer cell is shortened
# result_bytes = "64MB"          # a larger result is cut
# spill = 0                      # disk for big sorts, e.g. "2GB"
# steps = 8                      # tool calls for one question
# upload_bytes = "200MB"         # the files of one upload together
# upload_rows = 2000000          # each table made of an uploaded file

[policy]
# allow_tables = ["orders", "customers"]
# deny_tables = ["salaries"]
# deny_columns = ["customers.email"]

[context]
# rules = ["Revenue excludes refunds unless the question says otherwise."]
# descriptions = {{ "orders.status" = "where the order stands" }}
# synonyms = {{ "orders.total" = ["revenue", "turnover"] }}
# metrics = {{ "active customer" = "a customer with an order in the last 90 days" }}
# time_zone = "UTC"              # where days begin and end, like "Europe/Oslo"
# fiscal_year_start = "04-01"
# today = "2025-01-31"           # answer as of this day, not the day that it is

[display]
# locale = "de_DE"               # how numbers are written in tables; English where not set
"""


@click.command("init", epilog="Example: nl2sql init --db shop.duckdb")
@click.option("--db", metavar="URL", help="The database that questions in this folder are about.")
@click.option("--force", is_flag=True, help="Replace a project file that is there.")
def init_command(db: str | None, force: bool) -> int:
    """Write a project file, nl2sql.toml, in this folder."""
    path = Path(PROJECT_FILE)
    if os.path.lexists(path) and not force:
        raise ConfigError(f"{path} is there already", "Edit it, or replace it with --force.")
    if db is not None and "://" not in db and not Path(db).exists():
        raise ConfigError(f"there is no {db} here", "Check the path.")
    text = _TEMPLATE.format(url=json.dumps(db or "data.duckdb", ensure_ascii=False))
    if db is None:
        text = text.replace(
            '\nurl = "data.duckdb"', '\n# url = "data.duckdb"        # without it: NL2SQL_DB, else the sample data'
        )
    content = text.encode()
    # Whoever has it written trusts it.
    TrustedFiles(find_home()).add(path.absolute(), content)
    try:
        write_atomically(path, content, sync=True)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written here: {exc.strerror}", "Check the folder.") from exc
    print_note(f'wrote {path}. Next: nl2sql doctor, then nl2sql ask "…"')
    return 0

"""`nl2sql init`: write a project file that explains the settings.

It overwrites nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from nl2sql.atomic_write import write_atomically
from nl2sql.cli.terminal import print_note
from nl2sql.config import PROJECT_FILE, find_home
from nl2sql.config.settings_text import format_template
from nl2sql.config.trusted_files import TrustedFiles
from nl2sql.errors import ConfigError


@click.command("init", epilog="Example: nl2sql init --db shop.duckdb")
@click.option("--db", metavar="URL", help="Database for questions asked in this folder.")
@click.option("--force", is_flag=True, help="Replace an existing project file.")
def init_command(db: str | None, force: bool) -> int:
    """Write a project file, nl2sql.toml, in this folder."""
    path = Path(PROJECT_FILE)
    if os.path.lexists(path) and not force:
        raise ConfigError(f"{path} already exists", "Edit it, or replace it with --force.")
    if db is not None and "://" not in db and not Path(db).exists():
        raise ConfigError(f"{db} does not exist", "Check the path.")
    content = format_template(db).encode()
    # The person who runs `init` trusts its file.
    TrustedFiles(find_home()).add(path.absolute(), content)
    try:
        write_atomically(path, content, sync=True)
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written here: {exc.strerror}", "Check the folder.") from exc
    print_note(f'wrote {path}. Next: nl2sql doctor, then nl2sql ask "…"')
    return 0

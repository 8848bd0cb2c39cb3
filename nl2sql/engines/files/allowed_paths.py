"""The files that a confined DuckDB may read, as its setting names them, and whether their paths still lead to them.

It confines nothing itself: the worker's lock and the importer do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nl2sql.schema.identifiers import escape_glob, quote_literal

if TYPE_CHECKING:
    import duckdb


def write_allowed_paths(files: Sequence[str]) -> str:
    """Return the setting that allows these files and no others, whatever signs are in their names."""
    paths = (path for file in files for path in (file, escape_glob(file)))
    return f"allowed_paths=[{', '.join(map(quote_literal, paths))}]"


def find_moved_file(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> str | None:
    """Return the first of the allowed paths that leads elsewhere by now; None where all lead to the files they name.

    DuckDB keeps where a path led when it was allowed, and opens no other file by it.
    """
    if sys.platform == "win32":
        return None
    [(allowed,)] = connection.execute("SELECT system.main.current_setting('allowed_paths')").fetchall()
    known = set(allowed)
    return next((path for path in paths if path not in known), None)

"""Where SQL runs: `open_engine` opens a database file, or data files, behind the Engine protocol.

It does not judge SQL (the guard does) and runs none of it in this process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nl2sql.errors import ConfigError, DatabaseError
from nl2sql.types import Limits, Progress

if TYPE_CHECKING:
    from nl2sql.engines.engine import Engine
    from nl2sql.engines.files.data_sources import DataSource
    from nl2sql.importing.file_rules import FileRules

__all__ = ["DataSettings", "open_engine"]

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?://|.)")
_ELSEWHERE: Final = {
    "sqlite": "SQLite",
    "postgresql": "PostgreSQL",
    "postgres": "PostgreSQL",
    "mysql": "MySQL",
    "trino": "Trino",
    "snowflake": "Snowflake",
    "sc": "Spark",
    "md": "MotherDuck",
}
_COPY_IT: Final = "Export its tables to Parquet or CSV files in one folder, or into a .duckdb file, and open that."


@dataclass(frozen=True, slots=True)
class DataSettings:
    """How data is read: where days begin and end, whatever the machine's own zone is, and rules for files, by name."""

    time_zone: str = "UTC"
    rules: Mapping[str, FileRules] = field(default_factory=dict)


def open_engine(
    url: str,
    limits: Limits,
    cache_dir: Path,
    workers: int = 1,
    on_progress: Progress | None = None,
    settings: DataSettings | None = None,
) -> Engine:
    """Open a `.duckdb` file, a data file (CSV, TSV, Parquet, JSON, Excel), or a folder of data files.

    Data files are imported once, into `cache_dir`; Parquet is read where it lies. `limits.memory`, `.spill` and
    `.seconds` are those that each worker starts with; `workers` is how many calls may run side by side. `on_progress`
    hears of the import: bytes read, and of how many. Whether the database can be read is known at the first call.

    Raises:
        ConfigError: the URL is of a kind that this version does not open.
        DatabaseError: nothing readable is there.
        LimitError: a file is too large for this machine.
    """
    from nl2sql.engines.duckdb.duckdb_engine import DuckDBEngine, DuckDBOptions

    settings = settings or DataSettings()
    if (cache_dir / "uploads").exists():
        from nl2sql.engines.files.upload_folder import forget_abandoned

        forget_abandoned(cache_dir)
    source = _choose_source(url, cache_dir, on_progress, settings.rules)
    options = DuckDBOptions(workers, time_zone=settings.time_zone)
    return DuckDBEngine(url, source, limits, cache_dir, options)


def _choose_source(
    url: str, cache_dir: Path, on_progress: Progress | None, rules: Mapping[str, FileRules]
) -> DataSource:
    from nl2sql.engines.files.data_sources import (
        DATABASE_SUFFIXES,
        DatabaseFile,
        DataFiles,
        forget_unfinished,
    )
    from nl2sql.importing.file_kinds import KINDS_TEXT, is_data_file

    path = Path(url)
    try:
        path = path.expanduser()
        found = path.exists()
        path = path.resolve() if found else path
        is_folder = path.is_dir()
    except RuntimeError as exc:
        raise DatabaseError(f"{url} names the home of a user that is not known", "Write the path in full.") from exc
    except OSError as exc:
        raise DatabaseError(f"{path.name} cannot be read: {exc.strerror}", "Check the path's permissions.") from exc
    if not found:
        _refuse_other_engines(url)
        raise _make_missing_error(path)
    suffix = path.suffix.lower()
    if is_folder or is_data_file(path):
        forget_unfinished(cache_dir)
        return DataFiles(path, cache_dir, on_progress, rules)
    if _is_database(path):
        return DatabaseFile(path)
    if suffix in DATABASE_SUFFIXES:
        raise DatabaseError(
            f"{path.name} is not a DuckDB database file", f"Open one, or a file or folder of: {KINDS_TEXT}."
        )
    raise DatabaseError(
        f"{path.name} is not a kind of file that can be opened", f"Open a .duckdb file, or one of: {KINDS_TEXT}."
    )


def _refuse_other_engines(url: str) -> None:
    found = _SCHEME.match(url)
    if found is None:
        return
    scheme = found.group(1).split("+")[0].lower()
    if scheme in _ELSEWHERE:
        raise ConfigError(f"this version does not open {_ELSEWHERE[scheme]} ({scheme}:) databases", _COPY_IT)
    if "://" in url:
        raise ConfigError(f"{scheme}:// is not a kind of database that can be opened", "Name a file or a folder.")


def _is_database(path: Path) -> bool:
    if not path.is_file():
        # A pipe, for one, has its reader wait.
        return False
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as exc:
        raise DatabaseError(f"{path.name} cannot be read: {exc.strerror}", "Check its permissions.") from exc
    if start.startswith(b"SQLite format 3"):
        raise ConfigError(f"{path.name} is a SQLite database, which this version does not open", _COPY_IT)
    return start[8:12] == b"DUCK"


def _make_missing_error(path: Path) -> DatabaseError:
    from nl2sql.schema.identifiers import find_closest

    folder = path.parent
    if not folder.is_dir():
        return DatabaseError(f"there is no folder {folder}", "Check the path.")
    try:
        near = find_closest(path.name, [entry.name for entry in folder.iterdir()])
    except OSError:
        near = None
    hint = f"Did you mean {near}?" if near else "Check the path."
    return DatabaseError(f"there is no file {path}", hint)

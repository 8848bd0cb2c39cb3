"""Uploaded data files as a database of their own, beside another one for a session: imported, and gone with it.

The base is not copied and not written to. The import is a process that may be killed, with limits of its own;
nothing here opens a database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nl2sql.engines.files.data_sources import DataSource, PreparedDatabase, run_importer
from nl2sql.engines.files.upload_folder import UploadFolder
from nl2sql.errors import ConfigError, DatabaseError, LimitError
from nl2sql.importing.file_kinds import KINDS_TEXT, is_data_file
from nl2sql.importing.file_rules import FileRules, write_rules
from nl2sql.importing.import_account import TableAccount
from nl2sql.types import Limits, Schema, Upload

CATALOG: Final = "uploads"
IMPORT_SECONDS: Final = 60.0
# A Parquet file holds a value that repeats in next to no room; what it becomes may not take any amount of disk.
_GROWTH_RATIO: Final = 4
_MIN_FILE_BYTES: Final = 64_000_000


class UploadedFiles:
    """A DuckDB file made of data files, in a folder that goes with `close`, with this object, or with the program."""

    def __init__(self, catalog: str, cache_dir: Path) -> None:
        """Make the folder.

        Raises:
            ConfigError: that is not possible.
        """
        self.catalog = catalog
        self.tables: tuple[Upload, ...] = ()
        self.accounts: tuple[TableAccount, ...] = ()
        self._folder = UploadFolder(cache_dir)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder.path

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.folder / "uploads.duckdb"

    @property
    def is_open(self) -> bool:
        """Whether the files are still there."""
        return self._folder.is_open

    def close(self) -> None:
        """Remove it all. May be called twice."""
        self._folder.close()


@dataclass(frozen=True, slots=True)
class SourceWithUploads:
    """A source with uploaded files attached beside it."""

    base: DataSource
    uploads: UploadedFiles

    def compute_fingerprint(self) -> str:
        """As `DataSource.compute_fingerprint`: of the source and of this upload."""
        return hashlib.sha256(f"{self.base.compute_fingerprint()} {self.uploads.folder.name}".encode()).hexdigest()

    def prepare(self) -> PreparedDatabase:
        """As `DataSource.prepare`: the source's, with the uploads attached.

        Raises:
            DatabaseError: the uploads are gone, or as the source raises it.
        """
        if not self.uploads.is_open:
            raise DatabaseError("the uploaded files are gone", "Upload them again.")
        base = self.base.prepare()
        attached = {self.uploads.catalog: self.uploads.database}
        return replace(base, attachments=attached, accounts=(*base.accounts, *self.uploads.accounts))


def choose_catalog_name(schema: Schema, database: Path) -> str:
    """Return what SQL is to call the uploads: unlike every schema and table of the base, and unlike the base itself."""
    taken = {table.name.partition(".")[0].lower() for table in schema.tables}
    taken |= {database.name.partition(".")[0].lower(), database.stem.lower()}
    number, name = 1, CATALOG
    while name in taken:
        number += 1
        name = f"{CATALOG}_{number}"
    return name


def join_schemas(base: Schema, uploaded: Schema, catalog: str) -> Schema:
    """Return the schema of both.

    Raises:
        DatabaseError: the base has come to have names like those of the uploads.
    """
    if any(table.name.lower().startswith(f"{catalog}.") for table in base.tables):
        raise DatabaseError(f"the database has changed, and has a schema {catalog} now", "Upload the files again.")
    return replace(base, tables=(*base.tables, *uploaded.tables))


def import_files(
    files: Sequence[Path], catalog: str, limits: Limits, cache_dir: Path, rules: Mapping[str, FileRules] | None = None
) -> UploadedFiles:
    """Import the files for one session; `rules` say how to read them, by their names.

    Raises:
        DatabaseError: a file, which the text names with the line, cannot be read.
        LimitError: they are too large.
        ConfigError: the cache cannot be written, or rules are for no file of these.
    """
    paths = [_check_file(Path(file)) for file in files]
    if not paths:
        raise ConfigError("there are no files to upload", f"Name files that are one of: {KINDS_TEXT}.")
    _check_rules(paths, rules or {})
    _refuse_too_large(paths, limits)
    largest = max(_GROWTH_RATIO * limits.upload_bytes, _MIN_FILE_BYTES)
    bounds = {"rows": limits.upload_rows, "memory": limits.memory, "file_bytes": largest}
    bounds |= {"copies": True, "settings": True}
    with ExitStack() as stack:
        uploads = UploadedFiles(catalog, cache_dir)
        stack.callback(uploads.close)
        request = {"database": str(uploads.database), "called": list(map(str, paths)), "bounds": bounds, "rules": {}}
        request["rules"] = {name: write_rules(one) for name, one in (rules or {}).items()}
        made = run_importer(request, paths, IMPORT_SECONDS)
        # A policy allows the uploads, whatever tables they are like.
        uploads.accounts = tuple(
            replace(account, table=f"{catalog}.{account.table}", origins=()) for _, account in made
        )
        uploads.tables = tuple(Upload(paths[number].name, f"{catalog}.{account.table}") for number, account in made)
        stack.pop_all()
    return uploads


def _check_file(path: Path) -> Path:
    """Return the whole path of a data file that is there."""
    if not is_data_file(path):
        raise DatabaseError(f"{path.name} is not a kind of file that can be uploaded", f"Upload one of: {KINDS_TEXT}.")
    if not path.is_file():
        raise DatabaseError(f"there is no file {path.name}", "Check the path.")
    target = path.resolve()
    if path.is_symlink() and not target.is_relative_to(path.parent.resolve()):
        raise DatabaseError(f"{path.name} is a link that leads out of its folder", "Upload the file that it leads to.")
    return target


def _check_rules(paths: Sequence[Path], rules: Mapping[str, FileRules]) -> None:
    """Refuse rules that are none, or for no file of these."""
    names = {path.name for path in paths}
    for name, one in rules.items():
        if not isinstance(one, FileRules):
            raise ConfigError(f"the rules for {name} are not FileRules", 'Write FileRules(dates="day first"), say.')
        if name.partition(", sheet ")[0] not in names:
            raise ConfigError(f"there are rules for {name}, which is not among the files", "Use the file's name.")


def _refuse_too_large(paths: Sequence[Path], limits: Limits) -> None:
    try:
        size = sum(path.stat().st_size for path in paths)
    except OSError as exc:
        raise DatabaseError(f"an uploaded file cannot be read: {exc.strerror}", "Upload it again.") from exc
    if size > limits.upload_bytes:
        raise LimitError(
            f"{', '.join(path.name for path in paths)}: {size:,} bytes are more than an upload may have"
            f" ({limits.upload_bytes:,})",
            "Upload less, or raise upload_bytes under [limits] in the project file.",
            limit="upload_bytes",
        )

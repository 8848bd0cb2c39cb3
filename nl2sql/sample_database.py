"""The sample database, used when no database is named: built by its generator on first use, then kept in the cache.

The generator is in `sample_data/`, both in a checkout and in the installed package.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from filelock import FileLock

from nl2sql.errors import BugError, ConfigError


def find_sample_folder() -> Path:
    """Return the folder with the generator, the schema and the questions.

    Raises:
        BugError: the installation lacks it.
    """
    package = Path(__file__).parent
    for folder in (package / "_sample_data", package.parent / "sample_data"):
        if (folder / "generate.py").is_file():
            return folder
    raise BugError("the sample data is missing from this installation", "Install nl2sql again.")


def build_sample_database(cache_dir: Path) -> Path:
    """Return the path of the sample database, a DuckDB file; the first use builds it in about two seconds.

    Raises:
        ConfigError: the folder cannot be written to.
        BugError: the installation lacks the sample data.
    """
    folder = find_sample_folder()
    version = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".py", ".sql", ".csv", ".json"):
            version.update(path.read_bytes())
    target = cache_dir / f"sample-{version.hexdigest()[:12]}.duckdb"
    if not target.is_file():
        try:
            cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(f"{target}.lock"):
                if not target.is_file():
                    _build(folder / "generate.py", target)
        except OSError as exc:
            raise ConfigError(
                f"the sample data cannot be written to {cache_dir}: {exc.strerror}",
                "Set NL2SQL_HOME to a folder that you may write to, or name a database with --db.",
            ) from exc
    return target


def _build(generator: Path, target: Path) -> None:
    spec = importlib.util.spec_from_file_location("nl2sql_sample_data", generator)
    if spec is None or spec.loader is None:
        raise BugError("the sample data's generator cannot be loaded", "Install nl2sql again.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build(target)

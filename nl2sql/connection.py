"""Opens a database under its settings and wires it to a model and a store: `connect`.

It answers no question: that is the Assistant's work.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nl2sql.assistant import Assistant
from nl2sql.config import Config, add_dbt, load_config
from nl2sql.database import Database
from nl2sql.engines import DataSettings, open_engine
from nl2sql.errors import ConfigError, DatabaseError, NL2SQLError
from nl2sql.model import Progress
from nl2sql.model.chat import ChatModel
from nl2sql.store.sessions import SessionTurns
from nl2sql.text_safety import make_one_line
from nl2sql.types import Policy

if TYPE_CHECKING:
    from nl2sql.engines.engine import Engine
    from nl2sql.store import Store

_NAME_CHARS: Final = 100


def connect(  # noqa: PLR0913 - keywords are the public interface
    url: str | None = None,
    *,
    model: str | ChatModel | None = None,
    config: Config | None = None,
    on_progress: Progress | None = None,
    store: Store | None = None,
    user: str | None = None,
    client: str = "python",
    workers: int = 1,
) -> Assistant:
    """Open a database and return an Assistant over it; use it in a `with` block, or close it.

    The database is opened at once, the model with the first question. A project file that was found and is not trusted
    counts in part: what is ignored, `config.notes`, is a UserWarning, as is a name of the policy that the database does
    not have.

    Args:
        url: A `.duckdb` file, a CSV, Parquet, JSON or Excel file, or a folder of them. None takes `NL2SQL_DB`, then the
            project file, then the sample data.
        model: `local`, a model's name at `OPENAI_BASE_URL`, or a ChatModel. None takes that of the settings.
        config: The settings. None reads them from the environment and the project file.
        on_progress: Called with `(what, done, total)` during long work, such as the import of data files (in bytes).
        store: Where every answer is recorded before it is given, and from where sessions of earlier programs can go on.
            It is not closed with the Assistant.
        user: Whose answers the store records.
        client: Where the questions are asked, for the record.
        workers: How many queries may run side by side, each with the memory of the limits; further ones wait their
            turn.

    Raises:
        ConfigError: a setting is wrong, or the policy holds a pattern.
        DatabaseError: the database cannot be opened or read.
        LimitError: opening it takes more than the limits allow.
    """
    name = model if isinstance(model, str) else None
    if config is None:
        config = load_config(url=url, model=name)
    else:
        config = config.point_to(url) if url else config
        config = replace(config, model=config.model.rename(name)) if name else config
    notes = list(config.notes)
    try:
        config = add_dbt(config)
        engine = _open_engine(config, workers, on_progress)
        chat_model = None if model is None or isinstance(model, str) else model
        sessions = SessionTurns(store, url=engine.url, user=user, client=client)
        database = Database(engine, config)
        assistant = Assistant(database, chat_model, on_progress=on_progress, sessions=sessions)
        notes += [*database.notes, *_check_policy(database)]
    finally:
        for text in notes if client == "python" else ():
            warnings.warn(text, UserWarning, stacklevel=2)
    return assistant


def _open_engine(config: Config, workers: int, on_progress: Progress | None) -> Engine:
    """Open the database of the settings.

    Raises:
        ConfigError: the address is not one of a database.
        DatabaseError: it cannot be opened. No text holds the value of a variable that is in the address.
    """
    cache_dir = config.home / "cache"
    url = config.resolve_database() or _build_sample_database(cache_dir)
    try:
        settings = DataSettings(config.context.time_zone, config.files)
        return open_engine(url, config.limits, cache_dir, workers, on_progress, settings)
    except (ConfigError, DatabaseError):
        if not config.variables:
            raise
        names = ", ".join(config.variables)
        # Not from the error: its text may hold a value.
        raise DatabaseError(f"there is no database where database.url leads by {names}", "Check both.") from None


def _check_policy(database: Database) -> list[str]:
    """Return a sentence for each name of the policy that the database does not have.

    Raises:
        ConfigError: such a name is a pattern.
        DatabaseError: the database cannot be read.
    """
    if database.config.policy == Policy():
        return []
    try:
        unmatched = database.unmatched_policy_names
    except NL2SQLError:
        database.close()
        raise
    for name in unmatched:
        if "*" in name:
            database.close()
            problem = f"the policy has a pattern, {make_one_line(name, _NAME_CHARS)}, and its names are exact"
            raise ConfigError(problem, "Write each name in full.")
    return list(database.policy_warnings)


def _build_sample_database(cache_dir: Path) -> str:
    from nl2sql.sample_database import build_sample_database

    return str(build_sample_database(cache_dir))

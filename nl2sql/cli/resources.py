"""Open what a command works with, the database and the history store, and print what the user should know of it.

The settings come from `options`; the database and the store do the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from nl2sql.cli.terminal import ProgressReporter, print_note
from nl2sql.config import Config
from nl2sql.errors import StoreError

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant
    from nl2sql.model.chat import ChatModel
    from nl2sql.store import Store

_MAX_IMPORT_NOTES: Final = 10


@contextmanager
def open_assistant(
    config: Config, steps: ProgressReporter, store: Store | None = None, model: ChatModel | None = None
) -> Iterator[Assistant]:
    """Open the database of these settings while inside; `steps` shows the import of data files.

    Print which data files were left out, and which names of the policy match nothing.
    """
    from nl2sql.connection import connect

    with (
        steps.show_spinner(),
        connect(config=config, on_progress=steps.report_progress, store=store, model=model, client="cli") as assistant,
    ):
        steps.pause()
        print_assistant_notes(assistant, quiet=steps.quiet)
        yield assistant


def print_assistant_notes(assistant: Assistant, *, quiet: bool = False) -> None:
    """Print how new data files were read, what is doubtful, and which names of the policy match nothing."""
    if assistant.database.is_new_import and not quiet:
        imports = assistant.database.imports
        for account in imports[:_MAX_IMPORT_NOTES]:
            print_note(f"read {account.summarize()}")
        if len(imports) > _MAX_IMPORT_NOTES:
            more = len(imports) - _MAX_IMPORT_NOTES
            print_note(f"read {more:,} more tables: `nl2sql schema TABLE` shows how each was read")
    # After the first time, an answer and `run` report the doubts about the columns that they use.
    doubts = assistant.database.doubts
    for note in assistant.database.notes:
        if assistant.database.is_new_import or note not in doubts:
            print_note(f"note: {note}")
    for warning in assistant.database.policy_warnings:
        print_note(f"warning: {warning}")


@contextmanager
def open_optional_store(config: Config, *, needed: bool) -> Iterator[Store | None]:
    """Open the history store; without it, print a warning and go on with None.

    Raises:
        StoreError: the store is `needed` and cannot be opened.
    """
    from nl2sql.store import open_store

    try:
        store = open_store(config)
    except StoreError as exc:
        if needed:
            raise
        print_note(f"warning: this answer will not be recorded: {exc.message}. {exc.hint}")
        yield None
        return
    with store:
        for warning in store.take_warnings():
            print_note(f"warning: {warning}")
        yield store


@contextmanager
def open_history(config: Config) -> Iterator[Store]:
    """Open the history store for a command that needs it.

    Raises:
        StoreError: the store cannot be opened.
    """
    with open_optional_store(config, needed=True) as store:
        assert store is not None
        yield store

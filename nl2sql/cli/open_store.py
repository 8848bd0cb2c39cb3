"""The store as commands use it: opened, its warnings said, and done without where it fails and may be.

It prints warnings; the store remembers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nl2sql.cli.terminal import print_note
from nl2sql.config import Config
from nl2sql.errors import StoreError
from nl2sql.store import Store, open_store


@contextmanager
def open_optional_store(config: Config, *, needed: bool) -> Iterator[Store | None]:
    """The store, or None with a warning where it cannot be opened and is not `needed`. StoreError."""
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
    """The store, which the command is about. StoreError."""
    with open_optional_store(config, needed=True) as store:
        assert store is not None
        yield store

"""The store's tables, as the migrations that create them. A store's version is the number of migrations it has seen.

A released migration is never changed; a new one is appended. This module opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlite3 import Connection


def _create_entries(connection: Connection) -> None:
    connection.execute(
        """
        CREATE TABLE entry (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            at INTEGER NOT NULL, -- microseconds since 1970, UTC
            session TEXT,
            question TEXT NOT NULL,
            sql TEXT,
            status TEXT NOT NULL,
            text TEXT NOT NULL,
            columns TEXT, -- JSON: [[name, type], …]
            row_count INTEGER,
            truncated INTEGER,
            result_hash TEXT,
            verified_query TEXT,
            model TEXT NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            cached_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            model_calls INTEGER NOT NULL,
            cost_usd REAL,
            seconds TEXT NOT NULL, -- JSON: {"schema": …, "model": …, "guard": …, "database": …, "total": …}
            error TEXT, -- JSON: {"code": …, "message": …, "hint": …, "rule": …}
            url TEXT NOT NULL,
            user TEXT,
            face TEXT NOT NULL
        )
        """
    )
    connection.execute("CREATE INDEX entry_of_user ON entry (user, number)")
    connection.execute("CREATE INDEX entry_of_session ON entry (session, user, number)")


def _create_feedback(connection: Connection) -> None:
    connection.execute(
        """
        CREATE TABLE feedback (
            entry INTEGER PRIMARY KEY REFERENCES entry (number) ON DELETE CASCADE,
            at INTEGER NOT NULL,
            good INTEGER NOT NULL,
            comment TEXT NOT NULL
        )
        """
    )


def _add_receipts(connection: Connection) -> None:
    # JSON: {"schema": …, "data": …, "policy": …, "prompt": …, "settings": {…}, "versions": {…}}
    connection.execute("ALTER TABLE entry ADD COLUMN receipt TEXT")


def _create_conversations(connection: Connection) -> None:
    """Create the table of names and pins of conversations; the conversations themselves are the sessions of entries."""
    connection.execute(
        """
        CREATE TABLE conversation (
            user TEXT,
            session TEXT NOT NULL,
            name TEXT, -- NULL where the first question is its name
            pinned INTEGER -- microseconds since 1970, UTC; NULL where it is not
        )
        """
    )
    connection.execute(
        "CREATE UNIQUE INDEX conversation_of_user ON conversation (session, user IS NULL, coalesce(user, ''))"
    )


def _create_preferences(connection: Connection) -> None:
    connection.execute("CREATE TABLE preference (user TEXT, name TEXT NOT NULL, value TEXT NOT NULL)")  # value: JSON
    connection.execute("CREATE UNIQUE INDEX preference_of_user ON preference (name, user IS NULL, coalesce(user, ''))")


def _create_pins(connection: Connection) -> None:
    connection.execute(
        """
        CREATE TABLE pin (
            entry INTEGER PRIMARY KEY REFERENCES entry (number) ON DELETE CASCADE,
            place INTEGER NOT NULL, -- smaller ones come first
            ran_at INTEGER, -- when the rows of the digest came: microseconds since 1970, UTC
            digest TEXT -- JSON: see RowDigest; NULL until the SQL has run
        )
        """
    )


MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (
    _create_entries,
    _create_feedback,
    _add_receipts,
    _create_conversations,
    _create_preferences,
    _create_pins,
)

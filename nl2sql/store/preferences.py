"""What a user has chosen on the page, kept so that it holds after a reload, in every tab and after a restart.

It knows names and values as JSON; what they mean, and whether they still fit, is the page's to say.
"""

from __future__ import annotations

import json
from typing import Any, Final

from nl2sql.errors import ConfigError
from nl2sql.store.sqlite_file import Connection, StoreFile

_VALUE_CHARS: Final = 100_000


class Preferences:
    """Values by user and name. Methods may be called from several threads, and raise StoreError."""

    def __init__(self, database: StoreFile) -> None:
        self._database = database

    def read(self, *, user: str | None = None) -> dict[str, Any]:
        """Everything that the user has chosen, by name."""

        def fetch(connection: Connection) -> list[dict[str, Any]]:
            return connection.execute("SELECT name, value FROM preference WHERE user IS ?", [user]).fetchall()

        return {row["name"]: json.loads(row["value"]) for row in self._database.read(fetch)}

    def set(self, name: str, value: Any, *, user: str | None = None) -> None:
        """Keep the value, which JSON can hold, in place of the one before. ConfigError where it is very long."""
        text = json.dumps(value)
        if len(text) > _VALUE_CHARS:
            raise ConfigError("that is too much to be kept", "Choose fewer.")

        def replace(connection: Connection) -> None:
            connection.execute("DELETE FROM preference WHERE name = ? AND user IS ?", [name, user])
            connection.execute("INSERT INTO preference (user, name, value) VALUES (?, ?, ?)", [user, name, text])

        self._database.write(replace)

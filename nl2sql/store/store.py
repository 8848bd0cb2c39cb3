"""What is remembered of earlier answers: history, conversations, pins, preferences and feedback, for many processes.

A user's entries are never shown to another. The store keeps no rows and no keys, and opens no other database.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from nl2sql.config import Config
from nl2sql.errors import ConfigError
from nl2sql.store.conversation_list import ConversationList
from nl2sql.store.history_entry import (
    MAX_TURNS,
    HistoryEntry,
    Rating,
    Turn,
    make_entry_row,
    make_turn,
    read_entry_row,
    replace_surrogates,
)
from nl2sql.store.pins import Pins
from nl2sql.store.sqlite_file import Connection, StoreFile
from nl2sql.types import Answer

STORE_FILE: Final = "store.sqlite"
MAX_COMMENT_CHARS: Final = 4000
_MAX_PREFERENCE_CHARS: Final = 100_000
_SELECT: Final = "SELECT entry.*, good, comment FROM entry LEFT JOIN feedback ON feedback.entry = number"


def open_store(config: Config) -> Store:
    """Return the store in `config.home`; create it if there is none. Use it in a `with` block, or close it.

    A damaged store is set aside under another name.

    Raises:
        StoreError: the store cannot be opened, or a newer version of nl2sql wrote it.
    """
    return Store(config.home / STORE_FILE)


class Store:
    """An open store. Methods may be called from several threads, and raise StoreError if the disk fails.

    `user` None is the single user of a shell or a program. Entries, `conversations`, `pins` and `preferences` belong to
    one user each, and only that user sees them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = StoreFile(path)
        self.conversations = ConversationList(self._database)
        self.pins = Pins(self._database)
        self.preferences = Preferences(self._database)

    def record(self, answer: Answer, *, url: str, user: str | None = None, client: str = "python") -> None:
        """Write the answer to the disk; one that is recorded already stays as it is."""
        row = make_entry_row(answer, at=dt.datetime.now(dt.UTC), url=url, user=user, client=client)
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        insert = f"INSERT INTO entry ({names}) VALUES ({places}) ON CONFLICT (id) DO NOTHING"
        self._database.write(lambda connection: connection.execute(insert, row))

    def list_entries(
        self, *, search: str = "", session: str | None = None, user: str | None = None, limit: int | None = 50
    ) -> list[HistoryEntry]:
        """Return the user's entries, newest first.

        `search` finds entries with all of its words, in any case, in question, SQL or answer. `limit` None returns all.
        """
        conditions, values = ["user IS ?"], [user]
        if session is not None:
            conditions.append("session IS ?")
            values.append(session)
        for word in replace_surrogates(search).split():
            conditions.append("instr(casefold(question || ' ' || coalesce(sql, '') || ' ' || text), ?) > 0")
            values.append(word.casefold())
        sql = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"
        rows = self._select(sql, [*values, -1 if limit is None else limit])
        return [read_entry_row(row) for row in rows]

    def get_entry(self, identifier: str, *, user: str | None = None) -> HistoryEntry:
        """Return the user's entry with that id, or the only one whose id begins with that text.

        Raises:
            ConfigError: there is no such entry, or there are several.
        """
        wanted = replace_surrogates(identifier.strip().lower())
        rows = self._select(
            f"{_SELECT} WHERE user IS ? AND substr(id, 1, length(?)) = ? ORDER BY id = ? DESC, number DESC LIMIT 2",
            [user, wanted, wanted, wanted],
        )
        if not wanted or not rows:
            raise ConfigError(f"there is no answer {identifier!r} in the history", "`nl2sql history` lists them.")
        if len(rows) > 1 and rows[0]["id"] != wanted:
            raise ConfigError(f"several answers begin with {identifier!r}", "Write more of the id.")
        return read_entry_row(rows[0])

    def has_session(self, session: str, *, user: str | None = None) -> bool:
        """Return whether the user has asked anything in that session."""
        return bool(self._select("SELECT 1 FROM entry WHERE session IS ? AND user IS ? LIMIT 1", [session, user]))

    def list_turns(self, session: str, *, user: str | None = None, url: str | None = None) -> tuple[Turn, ...]:
        """Return the latest turns of the session, oldest first; only those about the database `url` if it is given."""
        rows = self._select(
            "SELECT question, sql, row_count, columns FROM entry WHERE session IS ? AND user IS ? "
            "AND sql IS NOT NULL AND row_count IS NOT NULL AND (? IS NULL OR url = ?) ORDER BY number DESC LIMIT ?",
            [session, user, url, url, MAX_TURNS],
        )
        return tuple(
            make_turn(row["question"], row["sql"], row["row_count"], [name for name, _ in json.loads(row["columns"])])
            for row in reversed(rows)
        )

    def rate(self, answer_id: str, good: bool | None, *, comment: str = "", user: str | None = None) -> None:
        """Record the user's rating of an answer in place of an earlier one; None removes it.

        Raises:
            ConfigError: there is no such answer, or several ids begin with that text.
        """
        identifier = self.get_entry(answer_id, user=user).id
        if good is None:
            sql = "DELETE FROM feedback WHERE entry = (SELECT number FROM entry WHERE id = ?)"
            self._database.write(lambda connection: connection.execute(sql, [identifier]))
            return
        at = int(dt.datetime.now(dt.UTC).timestamp() * 1_000_000)
        upsert = (
            "INSERT INTO feedback (entry, at, good, comment) SELECT number, ?, ?, ? FROM entry WHERE id = ? "
            "ON CONFLICT (entry) DO UPDATE SET at = excluded.at, good = excluded.good, comment = excluded.comment"
        )
        values = [at, good, replace_surrogates(comment)[:MAX_COMMENT_CHARS], identifier]
        self._database.write(lambda connection: connection.execute(upsert, values))

    def find_rating(self, answer_id: str, *, user: str | None = None) -> Rating | None:
        """Return the user's rating of the answer with that full id; None if there is none."""
        rows = self._select(
            "SELECT good, comment FROM entry JOIN feedback ON feedback.entry = number WHERE id = ? AND user IS ?",
            [answer_id, user],
        )
        return Rating(bool(rows[0]["good"]), rows[0]["comment"]) if rows else None

    def take_warnings(self) -> tuple[str, ...]:
        """Return the warnings for the user, such as that a damaged store was set aside, and forget them."""
        return self._database.take_warnings()

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _select(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        def fetch(connection: Connection) -> list[dict[str, Any]]:
            return connection.execute(sql, values).fetchall()

        return self._database.read(fetch)


class Preferences:
    """What a user has chosen on the page, by name. Methods may be called from several threads, and raise StoreError.

    Values are JSON; the page decides what they mean and whether they still apply.
    """

    def __init__(self, database: StoreFile) -> None:
        self._database = database

    def read(self, *, user: str | None = None) -> dict[str, Any]:
        """Return all choices of the user, by name."""

        def fetch(connection: Connection) -> list[dict[str, Any]]:
            return connection.execute("SELECT name, value FROM preference WHERE user IS ?", [user]).fetchall()

        return {row["name"]: json.loads(row["value"]) for row in self._database.read(fetch)}

    def set(self, name: str, value: Any, *, user: str | None = None) -> None:
        """Keep the value in place of an earlier one. It must be serializable as JSON.

        Raises:
            ConfigError: the value is too long.
        """
        text = json.dumps(value)
        if len(text) > _MAX_PREFERENCE_CHARS:
            raise ConfigError("that is too much to be kept", "Choose fewer.")

        def replace(connection: Connection) -> None:
            connection.execute("DELETE FROM preference WHERE name = ? AND user IS ?", [name, user])
            connection.execute("INSERT INTO preference (user, name, value) VALUES (?, ?, ?)", [user, name, text])

        self._database.write(replace)

"""What is remembered of earlier answers: history, conversations, pins and feedback, for all faces and many processes.

One user's entries are never shown to another. It keeps no rows and no keys, and asks nothing of databases or models.
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
    """The store in `config.home`, made where there is none yet. Use it in a `with` block, or close it.

    StoreError where it cannot be opened, or a newer version wrote it. A damaged one is set aside under another name.
    """
    return Store(config.home / STORE_FILE)


class Store:
    """An opened store. Methods may be called from several threads, and raise StoreError where the disk fails.

    `user` None is the one user of a shell or a program; entries of a named user are that user's alone, and so are
    their `conversations`, `pins` and `preferences`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = StoreFile(path)
        self.conversations = ConversationList(self._database)
        self.pins = Pins(self._database)
        self.preferences = Preferences(self._database)

    def record(self, answer: Answer, *, url: str, user: str | None = None, client: str = "python") -> None:
        """Remember the answer; it is on the disk when this returns. What is recorded already stays as it is."""
        row = make_entry_row(answer, at=dt.datetime.now(dt.UTC), url=url, user=user, client=client)
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        insert = f"INSERT INTO entry ({names}) VALUES ({places}) ON CONFLICT (id) DO NOTHING"
        self._database.write(lambda connection: connection.execute(insert, row))

    def list_entries(
        self, *, search: str = "", session: str | None = None, user: str | None = None, limit: int | None = 50
    ) -> list[HistoryEntry]:
        """The user's entries, newest first. `search` wants each of its words in question, SQL or answer, in any case.

        `limit` None gives all of them.
        """
        conditions, values = ["user IS ?"], [user]
        if session is not None:
            conditions.append("session IS ?")
            values.append(session)
        for word in replace_surrogates(search).split():
            conditions.append("instr(folded(question || ' ' || coalesce(sql, '') || ' ' || text), ?) > 0")
            values.append(word.casefold())
        sql = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"
        rows = self._select(sql, [*values, -1 if limit is None else limit])
        return [read_entry_row(row) for row in rows]

    def get_entry(self, identifier: str, *, user: str | None = None) -> HistoryEntry:
        """The user's entry whose id is, or alone begins with, that. ConfigError where there is none, or several."""
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
        """Whether the user has asked anything in that session."""
        return bool(self._select("SELECT 1 FROM entry WHERE session IS ? AND user IS ? LIMIT 1", [session, user]))

    def list_turns(self, session: str, *, user: str | None = None, url: str | None = None) -> tuple[Turn, ...]:
        """The session's last turns, oldest first, as a follow-up needs them; only those about `url` if it is given."""
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
        """Keep what the user thinks of an answer, in place of what was said before; None takes it back.

        ConfigError as `get_entry`.
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
        """What the user said of the answer with that whole id; None where nothing was said, or it is not there."""
        rows = self._select(
            "SELECT good, comment FROM entry JOIN feedback ON feedback.entry = number WHERE id = ? AND user IS ?",
            [answer_id, user],
        )
        return Rating(bool(rows[0]["good"]), rows[0]["comment"]) if rows else None

    def take_warnings(self) -> tuple[str, ...]:
        """What the user should hear of the store, once: that a damaged one was set aside."""
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
        if len(text) > _MAX_PREFERENCE_CHARS:
            raise ConfigError("that is too much to be kept", "Choose fewer.")

        def replace(connection: Connection) -> None:
            connection.execute("DELETE FROM preference WHERE name = ? AND user IS ?", [name, user])
            connection.execute("INSERT INTO preference (user, name, value) VALUES (?, ?, ?)", [user, name, text])

        self._database.write(replace)

"""The list of a user's conversations: the sessions in the history, with the names and pins that the user gave them.

A question without a session is a conversation of its own. The list shows no answers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.errors import ConfigError
from nl2sql.store.history_entry import replace_surrogates
from nl2sql.store.sqlite_file import Connection, StoreFile
from nl2sql.types import Status

MAX_NAME_CHARS: Final = 200
_TEXTS: Final = "question || ' ' || coalesce(sql, '') || ' ' || text"
# Each conversation by its first and last entry; a question without a session is one of its own.
_CONVERSATIONS: Final = """
SELECT entry.session AS session, min(number) AS first, max(number) AS last, count(*) AS questions,
  count(pin.entry) AS pinned_answers, max(coalesce(good = 0, 0)) AS has_bad
FROM entry LEFT JOIN feedback ON feedback.entry = number LEFT JOIN pin ON pin.entry = number
WHERE user IS :user GROUP BY entry.session, CASE WHEN entry.session IS NULL THEN number END
"""
_SELECT: Final = f"""
SELECT span.*, first_entry.id AS id, first_entry.question AS question, last_entry.at AS at, last_entry.url AS url,
  last_entry.status AS status, mark.name AS name, mark.pinned AS pinned
FROM ({_CONVERSATIONS}) AS span
JOIN entry AS first_entry ON first_entry.number = first JOIN entry AS last_entry ON last_entry.number = last
LEFT JOIN conversation AS mark ON mark.session = span.session AND mark.user IS :user
"""
_ORDER: Final = "ORDER BY pinned IS NULL, pinned DESC, last DESC LIMIT :limit"


@dataclass(frozen=True, slots=True)
class ConversationEntry:
    """One conversation. `at`, `url` and `status` are those of its last question; `id` is that of its first answer.

    `session` is None for a single question without a session. `name` is empty if the user gave none. `has_bad` says
    that one of its answers was rated bad, `pinned_answers` how many of them are on the board.
    """

    session: str | None
    id: str
    question: str
    name: str
    at: dt.datetime
    url: str
    status: Status
    questions: int
    pinned: bool
    pinned_answers: int
    has_bad: bool

    @property
    def title(self) -> str:
        """The name, or the first question if there is no name."""
        return self.name or self.question


class ConversationList:
    """The conversations of each user. Methods may be called from several threads, and raise StoreError."""

    def __init__(self, database: StoreFile) -> None:
        self._database = database

    def list(self, *, search: str = "", user: str | None = None, limit: int | None = 50) -> list[ConversationEntry]:
        """Return the user's conversations: pinned ones first, then the others, the latest question first.

        `search` finds conversations with all of its words, in any case, in one question with its SQL and answer, or in
        the name. `limit` None returns all.
        """
        values: dict[str, Any] = {"user": user, "limit": -1 if limit is None else limit}
        texts, names = [], []
        for position, word in enumerate(replace_surrogates(search).split()):
            values[f"word{position}"] = word.casefold()
            texts.append(f"instr(casefold({_TEXTS}), :word{position}) > 0")
            names.append(f"instr(casefold(mark.name), :word{position}) > 0")
        conditions = ""
        if texts:
            # As subqueries, both searches run once and not for each conversation.
            found = f"FROM entry WHERE user IS :user AND {' AND '.join(texts)}"
            conditions = (
                f"WHERE span.session IN (SELECT session {found}) "
                f"OR first IN (SELECT number {found} AND session IS NULL) OR ({' AND '.join(names)})"
            )
        return [_read_entry(row) for row in self._select(f"{_SELECT} {conditions} {_ORDER}", values)]

    def get(self, session: str, *, user: str | None = None) -> ConversationEntry | None:
        """Return the user's conversation of that session; None if there is none."""
        rows = self._select(f"{_SELECT} WHERE span.session = :session", {"user": user, "session": session})
        return _read_entry(rows[0]) if rows else None

    def find_name(self, session: str, *, user: str | None = None) -> str:
        """Return the name that the user gave to the conversation; empty if there is none."""
        sql = "SELECT name FROM conversation WHERE session = :session AND user IS :user"
        rows = self._select(sql, {"session": session, "user": user})
        return (rows[0]["name"] or "") if rows else ""

    def rename(self, session: str, name: str, *, user: str | None = None) -> None:
        """Name the conversation; an empty name makes its first question the title again.

        Raises:
            ConfigError: the user has no such conversation.
        """
        line = " ".join(replace_surrogates(name).split())[:MAX_NAME_CHARS]
        self._update_column(session, user, "name", line or None)

    def pin(self, session: str, pinned: bool, *, user: str | None = None) -> None:
        """Pin the conversation before all others, or unpin it.

        Raises:
            ConfigError: the user has no such conversation.
        """
        self._update_column(
            session, user, "pinned", int(dt.datetime.now(dt.UTC).timestamp() * 1_000_000) if pinned else None
        )

    def delete(self, session: str, *, user: str | None = None) -> int:
        """Delete the conversation's answers with their feedback and pins, and its name; return how many answers.

        Nothing of another user is deleted. A question that another program records at the same time is deleted too, or
        begins the conversation anew.
        """

        def erase(connection: Connection) -> int:
            connection.execute("DELETE FROM conversation WHERE session = ? AND user IS ?", [session, user])
            return connection.execute("DELETE FROM entry WHERE session = ? AND user IS ?", [session, user]).rowcount

        return self._database.write(erase)

    def delete_answer(self, answer_id: str, *, user: str | None = None) -> int:
        """Delete the answer with that full id and its feedback; return 1, or 0 if there is none."""
        sql = "DELETE FROM entry WHERE id = ? AND user IS ?"
        return self._database.write(lambda connection: connection.execute(sql, [answer_id, user]).rowcount)

    def _update_column(self, session: str, user: str | None, column: str, value: Any) -> None:
        def update(connection: Connection) -> bool:
            own: Sequence[Any] = [session, user]
            has_entry = connection.execute("SELECT 1 FROM entry WHERE session = ? AND user IS ? LIMIT 1", own)
            if has_entry.fetchone() is None:
                return False
            has_mark = connection.execute("SELECT 1 FROM conversation WHERE session = ? AND user IS ?", own)
            if has_mark.fetchone() is None:
                connection.execute("INSERT INTO conversation (session, user) VALUES (?, ?)", own)
            sql = f"UPDATE conversation SET {column} = ? WHERE session = ? AND user IS ?"
            connection.execute(sql, [value, *own])
            return True

        if not self._database.write(update):
            raise ConfigError("that conversation is no longer here", "It was deleted, in another window perhaps.")

    def _select(self, sql: str, values: dict[str, Any]) -> Sequence[dict[str, Any]]:
        def fetch(connection: Connection) -> Sequence[dict[str, Any]]:
            return connection.execute(sql, values).fetchall()

        return self._database.read(fetch)


def _read_entry(row: dict[str, Any]) -> ConversationEntry:
    return ConversationEntry(
        session=row["session"],
        id=row["id"],
        question=row["question"],
        name=row["name"] or "",
        at=dt.datetime.fromtimestamp(row["at"] / 1_000_000, dt.UTC),
        url=row["url"],
        status=Status(row["status"]),
        questions=row["questions"],
        pinned=row["pinned"] is not None,
        pinned_answers=row["pinned_answers"],
        has_bad=bool(row["has_bad"]),
    )

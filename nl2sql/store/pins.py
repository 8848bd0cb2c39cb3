"""The answers that a user has pinned to the board, in their order, with a digest of their rows when last looked at.

Rows are never kept. The digest says how many rows are new, gone or changed; values cannot be read from it. Earlier
figures therefore appear only in the sentence of the answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.answer.result_hash import hash_result
from nl2sql.answer.row_digest import RowChanges, RowDigest, compare_digests, make_digest, read_digest
from nl2sql.errors import ConfigError
from nl2sql.store.history_entry import HistoryEntry, read_entry_row
from nl2sql.store.sqlite_file import Connection, StoreFile
from nl2sql.types import Result

MAX_PINS: Final = 40
_SELECT: Final = (
    "SELECT entry.*, good, comment, pin.ran_at AS ran_at, pin.digest AS digest FROM pin "
    "CROSS JOIN entry ON entry.number = pin.entry LEFT JOIN feedback ON feedback.entry = entry.number "
    "WHERE user IS ? ORDER BY pin.place, pin.entry"
)
_OWN: Final = "SELECT number, at, result_hash FROM entry WHERE id = ? AND user IS ?"
_OWN_NUMBER: Final = "SELECT number FROM entry WHERE id = ? AND user IS ?"


@dataclass(frozen=True, slots=True)
class Pin:
    """One pinned answer. `ran_at` is when the digest's rows were read, in UTC; both are None until the SQL has run."""

    entry: HistoryEntry
    ran_at: dt.datetime | None
    digest: RowDigest | None

    def compare(self, result: Result, before: Result | None = None) -> RowChanges | None:
        """Return how these rows differ from those last looked at, or from `before`; None if there are neither."""
        digest = make_digest(before) if before is not None else self.digest
        return compare_digests(digest, make_digest(result, digest)) if digest else None


class Pins:
    """The pinned answers of each user. Methods may be called from several threads, and raise StoreError."""

    def __init__(self, database: StoreFile) -> None:
        self._database = database

    def list(self, *, user: str | None = None) -> list[Pin]:
        """Return the user's pinned answers, in their order."""

        def fetch(connection: Connection) -> list[dict[str, Any]]:
            return connection.execute(_SELECT, [user]).fetchall()

        return [_read_pin(row) for row in self._database.read(fetch)]

    def list_ids(self, *, user: str | None = None) -> frozenset[str]:
        """Return the ids of the user's pinned answers."""
        # CROSS makes SQLite begin with the few pins, not with all entries of the user.
        sql = "SELECT id FROM pin CROSS JOIN entry ON number = pin.entry WHERE user IS ?"

        def fetch(connection: Connection) -> list[dict[str, Any]]:
            return connection.execute(sql, [user]).fetchall()

        return frozenset(row["id"] for row in self._database.read(fetch))

    def add(self, answer_id: str, result: Result | None = None, *, user: str | None = None) -> None:
        """Pin the answer, last on the board. `result` are its rows, of the answer or newer ones, if known.

        An answer that is pinned already stays as it is.

        Raises:
            ConfigError: there is no such answer, or the board is full.
        """
        digest = make_digest(result).write_json() if result is not None else None
        hash_now = hash_result(result) if result is not None else None

        def insert(connection: Connection) -> str:
            if not (found := connection.execute(_OWN, [answer_id, user]).fetchone()):
                return "gone"
            ran_at = found["at"] if hash_now == found["result_hash"] else _make_timestamp(None)
            count = "SELECT count(*) AS n FROM pin JOIN entry ON number = entry WHERE user IS ?"
            if connection.execute(count, [user]).fetchone()["n"] >= MAX_PINS:
                return "full"
            connection.execute(
                "INSERT INTO pin (entry, place, ran_at, digest) "
                "VALUES (?, (SELECT coalesce(max(place), 0) + 1 FROM pin), ?, ?) ON CONFLICT (entry) DO NOTHING",
                [found["number"], ran_at if digest else None, digest],
            )
            return ""

        problem = self._database.write(insert)
        if problem == "gone":
            raise ConfigError("that answer is no longer here", "Ask the question again, and pin its new answer.")
        if problem == "full":
            raise ConfigError(f"the board has {MAX_PINS} answers, which is all it takes", "Take one off it first.")

    def remove(self, answer_id: str, *, user: str | None = None) -> None:
        """Remove the answer from the board, if it is there."""
        sql = f"DELETE FROM pin WHERE entry = ({_OWN_NUMBER})"
        self._database.write(lambda connection: connection.execute(sql, [answer_id, user]))

    def move(self, answer_id: str, by: int, *, user: str | None = None) -> None:
        """Move the answer by that many places, forward if negative; do nothing if it is not on the board."""

        def reorder(connection: Connection) -> None:
            own = connection.execute(
                "SELECT id, pin.entry AS number FROM pin JOIN entry ON entry.number = pin.entry WHERE user IS ? "
                "ORDER BY pin.place, pin.entry",
                [user],
            ).fetchall()
            ids: Sequence[str] = [row["id"] for row in own]
            if answer_id not in ids:
                return
            moved = own.pop(ids.index(answer_id))
            own.insert(max(0, min(len(own), ids.index(answer_id) + by)), moved)
            for place, row in enumerate(own, start=1):
                connection.execute("UPDATE pin SET place = ? WHERE entry = ?", [place, row["number"]])

        self._database.write(reorder)

    def record_run(
        self, answer_id: str, result: Result, *, at: dt.datetime | None = None, user: str | None = None
    ) -> None:
        """Compare with these rows from now on; do nothing if the answer is not on the board. `at` defaults to now."""
        sql = f"UPDATE pin SET ran_at = ?, digest = ? WHERE entry = ({_OWN_NUMBER})"
        values = [_make_timestamp(at), make_digest(result).write_json(), answer_id, user]
        self._database.write(lambda connection: connection.execute(sql, values))


def _make_timestamp(at: dt.datetime | None) -> int:
    """Return the time, by default the current one, in microseconds since 1970, UTC."""
    return int((at or dt.datetime.now(dt.UTC)).timestamp() * 1_000_000)


def _read_pin(row: dict[str, Any]) -> Pin:
    ran_at = None if row["ran_at"] is None else dt.datetime.fromtimestamp(row["ran_at"] / 1_000_000, dt.UTC)
    return Pin(read_entry_row(row), ran_at, read_digest(row["digest"]) if row["digest"] else None)

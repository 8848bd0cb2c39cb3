"""The turns of sessions, for follow-up questions: kept in the store if there is one, else in memory.

It asks no question.
"""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nl2sql.errors import ConfigError, StoreError
from nl2sql.store.history_entry import MAX_TURNS, Turn, make_turn, redact_secrets
from nl2sql.types import Answer

if TYPE_CHECKING:
    from nl2sql.store.store import Store

_SESSION_ID: Final = re.compile(r"\w[\w .@:+-]{0,99}\Z")
_MAX_SESSIONS: Final = 1000


class SessionTurns:
    """The latest turns by user and session. Methods may be called from several threads.

    Memory holds the turns that the store does not: all of them if there is no store, else those of a session from the
    first one on that the store failed to record.
    """

    def __init__(self, store: Store | None, *, url: str, user: str | None = None, client: str = "python") -> None:
        self._store = store
        self._url = redact_secrets(str(Path(url).absolute()) if Path(url).exists() else url)
        self._user = user
        self._client = client
        self._lock = threading.Lock()
        self._turns: dict[tuple[str | None, str], tuple[Turn, ...]] = {}

    def open(self, session: str | None, user: str | None) -> str:
        """Begin a session or continue it, and return its id; None makes a new id.

        Raises:
            ConfigError: the text cannot be a session id.
        """
        if session is not None and not _SESSION_ID.match(session):
            raise ConfigError(
                f"{session!r} cannot be a session's name",
                "Use up to 100 letters, digits, spaces and any of . _ @ : + -",
            )
        session = session or make_session_id()
        self._add(user or self._user, session, ())
        return session

    def has_session(self, session: str, user: str | None) -> bool:
        """Return whether the user has that session.

        Raises:
            StoreError: the store cannot be read.
        """
        user = user or self._user
        with self._lock:
            if (user, session) in self._turns:
                return True
        return self._store is not None and self._store.has_session(session, user=user)

    def list_turns(self, session: str | None, user: str | None) -> tuple[Turn, ...]:
        """Return the latest turns of the session that are about this database, oldest first.

        Raises:
            StoreError: the store cannot be read.
        """
        if session is None:
            return ()
        user = user or self._user
        with self._lock:
            cached = self._turns.get((user, session), ())
        stored = self._store.list_turns(session, user=user, url=self._url) if self._store else ()
        return (*(turn for turn in stored if turn not in cached), *cached)[-MAX_TURNS:]

    def record(self, answer: Answer, user: str | None) -> Answer:
        """Remember the answer, and return it; if the store failed to record it, with a warning."""
        assert answer.session is not None
        user = user or self._user
        warnings: tuple[str, ...] = ()
        recorded = False
        if self._store is not None:
            try:
                self._store.record(answer, url=self._url, user=user, client=self._client)
                recorded = True
            except StoreError as exc:
                warnings = (f"this answer was not recorded: {exc.message}. {exc.hint}",)
            warnings = (*self._store.take_warnings(), *warnings)
        self._add(user, answer.session, _make_turns(answer), unless_stored=recorded)
        return replace(answer, warnings=(*answer.warnings, *warnings)) if warnings else answer

    def _add(self, user: str | None, session: str, turns: tuple[Turn, ...], *, unless_stored: bool = False) -> None:
        with self._lock:
            # Removed and inserted again, so that the first one is the least recently used.
            cached = self._turns.pop((user, session), ())
            new = turns if cached or not unless_stored else ()
            self._turns[user, session] = (*cached, *new)[-MAX_TURNS:]
            while len(self._turns) > _MAX_SESSIONS:
                self._turns.pop(next(iter(self._turns)))


def _make_turns(answer: Answer) -> tuple[Turn, ...]:
    """Return the turn of the answer if its query ran, else nothing."""
    if answer.sql is None or answer.result is None:
        return ()
    names = [column.name for column in answer.result.columns]
    return (make_turn(answer.question, answer.sql, answer.result.row_count, names),)


def make_session_id() -> str:
    """Return a new session id that cannot be guessed."""
    return uuid.uuid4().hex[:16]

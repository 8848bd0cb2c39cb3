"""The sessions of one Assistant: in the store where there is one, else in memory.

It keeps what follow-ups need and asks no question itself.
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

_NAME: Final = re.compile(r"\w[\w .@:+-]{0,99}\Z")
_MAX_SESSIONS: Final = 1000


class SessionTurns:
    """Turns by user and session. Methods may be called from several threads.

    In memory lie the turns that are nowhere else: all of them without a store, with one those from the first on that
    it did not take.
    """

    def __init__(self, store: Store | None, *, url: str, user: str | None = None, client: str = "python") -> None:
        self._store = store
        self._url = redact_secrets(str(Path(url).absolute()) if Path(url).exists() else url)
        self._user = user
        self._face = client
        self._lock = threading.Lock()
        self._turns: dict[tuple[str | None, str], tuple[Turn, ...]] = {}

    def open(self, name: str | None, user: str | None) -> str:
        """Begin the session of that name, or go on with it. ConfigError where it cannot be a name."""
        if name is not None and not _NAME.match(name):
            raise ConfigError(
                f"{name!r} cannot be a session's name", "Use up to 100 letters, digits, spaces and any of . _ @ : + -"
            )
        session = name or make_session_id()
        self._add(user or self._user, session, ())
        return session

    def has_session(self, session: str, user: str | None) -> bool:
        """Whether that user has such a session. StoreError."""
        user = user or self._user
        with self._lock:
            if (user, session) in self._turns:
                return True
        return self._store is not None and self._store.has_session(session, user=user)

    def list_turns(self, session: str | None, user: str | None) -> tuple[Turn, ...]:
        """The last turns about this database, oldest first. StoreError."""
        if session is None:
            return ()
        user = user or self._user
        with self._lock:
            held = self._turns.get((user, session), ())
        stored = self._store.list_turns(session, user=user, url=self._url) if self._store else ()
        return (*(turn for turn in stored if turn not in held), *held)[-MAX_TURNS:]

    def record(self, answer: Answer, user: str | None) -> Answer:
        """Remember the answer, and return it with a warning on it where the store could not."""
        assert answer.session is not None
        user = user or self._user
        warnings: tuple[str, ...] = ()
        recorded = False
        if self._store is not None:
            try:
                self._store.record(answer, url=self._url, user=user, client=self._face)
                recorded = True
            except StoreError as exc:
                warnings = (f"this answer was not recorded: {exc.message}. {exc.hint}",)
            warnings = (*self._store.take_warnings(), *warnings)
        self._add(user, answer.session, _make_turns(answer), unless_stored=recorded)
        return replace(answer, warnings=(*answer.warnings, *warnings)) if warnings else answer

    def _add(self, user: str | None, session: str, turn: tuple[Turn, ...], *, unless_stored: bool = False) -> None:
        with self._lock:
            # Taken out and put back, so that the sessions used last are kept.
            held = self._turns.pop((user, session), ())
            new = turn if held or not unless_stored else ()
            self._turns[user, session] = (*held, *new)[-MAX_TURNS:]
            while len(self._turns) > _MAX_SESSIONS:
                self._turns.pop(next(iter(self._turns)))


def _make_turns(answer: Answer) -> tuple[Turn, ...]:
    """The answer's turn, if its query ran."""
    if answer.sql is None or answer.result is None:
        return ()
    names = [column.name for column in answer.result.columns]
    return (make_turn(answer.question, answer.sql, answer.result.row_count, names),)


def make_session_id() -> str:
    """A session's name that nobody can guess."""
    return uuid.uuid4().hex[:16]

"""Conversations of the pages: the jobs of each, in order, found again by an id that cannot be guessed.

They live as long as the server and are let go of when nobody has looked at them for long. Nothing here draws.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Final

from nl2sql import Assistant
from ui.jobs import Job

IDLE_SECONDS: Final = 12 * 3600.0
MOST: Final = 500
TURNS_WITH_ROWS: Final = 25
TURNS: Final = 200


@dataclass
class Conversation:
    """One conversation. Its id is the name of the assistant's session too.

    `branches` are the user's own versions of an answer's SQL, by the id of the answer's job; they lead nowhere.
    `own` asks the database with the files of `folder`, where the user added some. `variants` ask under other settings,
    by these.
    """

    owner: str | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    jobs: list[Job] = field(default_factory=list)
    branches: dict[str, Job] = field(default_factory=dict)
    touched: float = field(default_factory=time.monotonic)
    own: Assistant | None = None
    folder: TemporaryDirectory[str] | None = None
    variants: dict[object, Assistant] = field(default_factory=dict)

    @property
    def running(self) -> Job | None:
        """The question under way."""
        return self.jobs[-1] if self.jobs and not self.jobs[-1].view.done else None

    @property
    def busy(self) -> bool:
        """Whether anything of it is under way."""
        return any(not job.view.done for job in [*self.jobs, *self.branches.values()])

    def use(self, own: Assistant | None) -> None:
        """Ask of that from now on, and let go of what was asked before."""
        before, self.own = self.own, own
        self.variants.clear()
        if before is not None:
            before.close()

    def add(self, job: Job) -> None:
        """Append a question; rows of long ago are let go of, and the very old questions too."""
        self.jobs.append(job)
        for old in self.jobs[:-TURNS_WITH_ROWS]:
            old.forget_rows()
        del self.jobs[:-TURNS]

    def branch(self, job: Job, own: Job) -> None:
        """Put the user's own version beside an answer, in place of an earlier one."""
        if earlier := self.branches.get(job.id):
            earlier.stop()
        self.branches[job.id] = own

    def close(self) -> None:
        """Stop what runs, and let go of what was brought along."""
        for job in [*self.jobs, *self.branches.values()]:
            if not job.view.done:
                job.stop()
        self.use(None)
        if self.folder is not None:
            self.folder.cleanup()
            self.folder = None


class Conversations:
    """Every conversation of one server. A conversation is found by its owner only."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._lock = threading.Lock()
        self._idle = idle_seconds
        self._known: dict[str, Conversation] = {}

    def keep(self, conversation: Conversation) -> None:
        """Make it findable; one of its id that is there already stays."""
        with self._lock:
            self._known.setdefault(conversation.id, conversation)
            idle = self._swept()
        for one in idle:
            one.close()

    def find(self, id_: str, owner: str | None) -> Conversation | None:
        """The conversation of that id, if it is that owner's."""
        with self._lock:
            found = self._known.get(id_)
            if found is None or found.owner != owner:
                return None
            found.touched = time.monotonic()
            return found

    def find_answer(self, job_id: str, owner: str | None) -> tuple[Conversation, Job] | None:
        """The job of that id, or with the answer of that id, and its conversation, if they are that owner's."""
        with self._lock:
            for conversation in self._known.values():
                if conversation.owner == owner:
                    for job in conversation.jobs:
                        if job_id in (job.id, job.view.answer and job.view.answer.id):
                            return conversation, job
        return None

    def _swept(self) -> list[Conversation]:
        """Take out what nobody has looked at for long, and the oldest where there are too many."""
        by_age = sorted(self._known.values(), key=lambda one: one.touched)
        now = time.monotonic()
        gone = [one for one in by_age if not one.busy and now - one.touched > self._idle]
        gone += [one for one in by_age if not one.busy and one not in gone][: max(0, len(by_age) - MOST)]
        for one in gone:
            del self._known[one.id]
        return gone

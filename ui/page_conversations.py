"""Conversations of the pages: the jobs of each, in order, found again by an id that cannot be guessed.

They live as long as the server and are let go of when nobody has looked at them for long. Nothing here draws.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from nl2sql import Assistant, BugError, Changes, FileRules, NL2SQLError, UploadFolder
from ui.jobs import Job

IDLE_SECONDS: Final = 12 * 3600.0
# A database with uploads has worker processes of its own, which wait for the next question.
REST_SECONDS: Final = 20 * 60.0
MOST_WITH_FILES: Final = 20
MOST: Final = 500
TURNS_WITH_ROWS: Final = 25
TURNS: Final = 200
# What the name of a file begins with while it waits for whether another may take its place.
ASIDE: Final = "."


@dataclass
class Replay:
    """One more run of an answer's SQL. `changes` is what differs from the rows of then, `at` when it ran, in UTC."""

    job: Job
    changes: Changes | None = None
    at: dt.datetime | None = None


@dataclass
class Conversation:
    """One conversation. Its id is the name of the assistant's session too.

    `branches` are the user's own versions of an answer's SQL, by the id of the answer's job; they lead nowhere.
    `replays` are further runs of an answer's own SQL, by the same id.
    `own` asks the database with the files of `folder`, where the user added some; `originals` are the files' names as
    the user has them, `rules` what the user says of how to read them. `lost_files` says that the server has let go of
    them, and `unread` why, where it could not read them again. `changing` is held while files change. `variants` ask
    under other settings, by these. `deleted` says that its user has deleted it.
    """

    owner: str | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    jobs: list[Job] = field(default_factory=list)
    branches: dict[str, Job] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)
    touched: float = field(default_factory=time.monotonic)
    own: Assistant | None = None
    folder: UploadFolder | None = None
    originals: dict[str, str] = field(default_factory=dict)
    rules: dict[str, FileRules] = field(default_factory=dict)
    lost_files: bool = False
    unread: NL2SQLError | None = None
    changing: threading.Lock = field(default_factory=threading.Lock)
    variants: dict[object, Assistant] = field(default_factory=dict)
    deleted: bool = False

    @property
    def files(self) -> list[Path]:
        """The files that the user added."""
        if self.folder is None or not self.folder.is_open or not self.folder.path.is_dir():
            return []
        return sorted(file for file in self.folder.path.iterdir() if not file.name.startswith(ASIDE))

    @property
    def running(self) -> Job | None:
        """The last question without an answer yet: one that came after it may have been stopped meanwhile."""
        return next((job for job in reversed(self.jobs) if not job.view.done), None)

    @property
    def busy(self) -> bool:
        """Whether anything of it is under way."""
        return any(not job.view.done for job in self._all_jobs())

    def _all_jobs(self) -> list[Job]:
        return [*self.jobs, *self.branches.values(), *(replay.job for replay in list(self.replays.values()))]

    def touch(self) -> None:
        """Somebody looks at it."""
        self.touched = time.monotonic()

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
            if branch := self.branches.get(old.id):
                branch.forget_rows()
            self.replays.pop(old.id, None)
        del self.jobs[:-TURNS]

    def branch(self, job: Job, own: Job) -> None:
        """Put the user's own version beside an answer, in place of an earlier one."""
        if earlier := self.branches.get(job.id):
            earlier.stop()
            # Streamlit keeps what a button calls for as long as the session lasts, and with it the job.
            earlier.forget_rows()
        self.branches[job.id] = own

    def close(self) -> None:
        """Stop what runs, and let go of what was brought along."""
        for job in self._all_jobs():
            if not job.view.done:
                job.stop()
            job.forget_rows()
        self.drop_files()

    def drop_files(self) -> None:
        """Let go of what was brought along."""
        self.use(None)
        if self.folder is not None:
            self.lost_files = bool(self.files)
            self.folder.close()
            self.folder = None
            self.originals.clear()
            self.rules.clear()


def unreadable() -> NL2SQLError:
    """What is said of files where nothing better is known."""
    return BugError("the files could not be read", "The trace is where nl2sql ui was started.")


class Conversations:
    """Every conversation of one server. A conversation is found by its owner only."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS, rest_seconds: float = REST_SECONDS) -> None:
        self._lock = threading.Lock()
        self._idle, self._rest = idle_seconds, rest_seconds
        self._known: dict[tuple[str | None, str], Conversation] = {}

    def keep(self, conversation: Conversation) -> Conversation:
        """Make it findable and return it; one of its id and owner that is there already stays, and is returned."""
        with self._lock:
            kept = self._known.setdefault((conversation.owner, conversation.id), conversation)
            kept.touch()
            idle = self._swept(kept)
            crowded = self._crowded(kept)
            resting = self._resting()
        for one in idle:
            one.close()
        for one in crowded:
            one.drop_files()
        for one in resting:
            one.use(None)
        return kept

    def forget(self, id_: str, owner: str | None) -> None:
        """Let go of it for good, if it is that owner's: no window shows it again."""
        with self._lock:
            found = self._known.pop((owner, id_), None)
        if found is not None:
            found.deleted = True
            found.close()

    def find(self, id_: str, owner: str | None) -> Conversation | None:
        """The conversation of that id, if it is that owner's."""
        with self._lock:
            found = self._known.get((owner, id_))
            if found is not None:
                found.touch()
            return found

    def find_answer(self, job_id: str, owner: str | None) -> tuple[Conversation, Job] | None:
        """The job of that id, or with the answer of that id, and its conversation, if they are that owner's."""
        with self._lock:
            for conversation in self._known.values():
                if conversation.owner == owner:
                    for job in conversation.jobs:
                        if job_id in (job.id, job.view.answer and job.view.answer.id):
                            conversation.touch()
                            return conversation, job
        return None

    def _oldest(self, kept: Conversation) -> list[Conversation]:
        """The others, those that were looked at longest ago first."""
        return sorted((one for one in self._known.values() if one is not kept), key=lambda one: one.touched)

    def _swept(self, kept: Conversation) -> list[Conversation]:
        """Take out what nobody has looked at for long, and the oldest where there are too many."""
        others, now = self._oldest(kept), time.monotonic()
        gone = [one for one in others if now - one.touched > self._idle and not one.busy]
        left = (one for one in others if now - one.touched <= self._idle and not one.busy)
        gone += islice(left, max(0, len(self._known) - len(gone) - MOST))
        for one in gone:
            del self._known[one.owner, one.id]
        return gone

    def _crowded(self, kept: Conversation) -> list[Conversation]:
        """Whose files go, the oldest first, where too many have some."""
        having = sum(one.folder is not None for one in self._known.values())
        unused = (one for one in self._oldest(kept) if one.folder is not None and not one.busy)
        return list(islice(unused, max(0, having - MOST_WITH_FILES)))

    def _resting(self) -> list[Conversation]:
        """Whose database with uploads is closed: with the next question it is opened again."""
        long_ago = time.monotonic() - self._rest
        return [one for one in self._known.values() if one.own and one.touched < long_ago and not one.busy]

"""The conversations of the pages: the jobs of each, in order, found by an id that cannot be guessed.

They live in the server's memory and are dropped when nobody has looked at them for long. Nothing here draws.
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

from nl2sql import Assistant, BugError, FileRules, NL2SQLError, ReplayDiff, UploadFolder
from ui.jobs import Job

MAX_IDLE_SECONDS: Final = 12 * 3600.0
# A database with uploads has worker processes of its own, which wait for the next question.
MAX_IDLE_UPLOAD_SECONDS: Final = 20 * 60.0
MAX_UPLOAD_CONVERSATIONS: Final = 20
MAX_CONVERSATIONS: Final = 500
MAX_TURNS_WITH_ROWS: Final = 25
MAX_TURNS: Final = 200
# What the name of a file begins with while it waits for whether another may take its place.
SET_ASIDE_PREFIX: Final = "."


@dataclass
class Replay:
    """A further run of an answer's SQL. `changes` compares it with the first run; `run_at` is its time, in UTC."""

    job: Job
    changes: ReplayDiff | None = None
    run_at: dt.datetime | None = None


@dataclass
class Conversation:
    """One conversation. Its id is also the id of the assistant's session.

    `branches` are edited versions of an answer's SQL, by the id of the answer's job; follow-ups don't build on them.
    `replays` are further runs of an answer's own SQL, by the same id. `upload_assistant` has the database with the
    files of `folder`, if the user added some; `original_names` are the user's names for the files, `file_rules` how
    they are read. `has_lost_files` says that the server has removed them, and `upload_error` why, if they could not be
    read again. `files_lock` is held while files change. `variants` are assistants with other settings, by these.
    """

    owner: str | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    jobs: list[Job] = field(default_factory=list)
    branches: dict[str, Job] = field(default_factory=dict)
    replays: dict[str, Replay] = field(default_factory=dict)
    last_use: float = field(default_factory=time.monotonic)
    upload_assistant: Assistant | None = None
    folder: UploadFolder | None = None
    original_names: dict[str, str] = field(default_factory=dict)
    file_rules: dict[str, FileRules] = field(default_factory=dict)
    has_lost_files: bool = False
    upload_error: NL2SQLError | None = None
    files_lock: threading.Lock = field(default_factory=threading.Lock)
    variants: dict[object, Assistant] = field(default_factory=dict)
    is_deleted: bool = False

    @property
    def files(self) -> list[Path]:
        """The files that the user added."""
        if self.folder is None or not self.folder.is_open or not self.folder.path.is_dir():
            return []
        return sorted(file for file in self.folder.path.iterdir() if not file.name.startswith(SET_ASIDE_PREFIX))

    @property
    def pending_job(self) -> Job | None:
        """The last question without an answer yet: one that came after it may have been stopped meanwhile."""
        return next((job for job in reversed(self.jobs) if not job.view.is_done), None)

    @property
    def is_busy(self) -> bool:
        """Whether anything in it is running."""
        return any(not job.view.is_done for job in self._list_jobs())

    def _list_jobs(self) -> list[Job]:
        return [*self.jobs, *self.branches.values(), *(replay.job for replay in list(self.replays.values()))]

    def touch(self) -> None:
        """Record that somebody looks at it."""
        self.last_use = time.monotonic()

    def set_upload_assistant(self, assistant: Assistant | None) -> None:
        """Answer questions with this assistant from now on, and close the one before."""
        before, self.upload_assistant = self.upload_assistant, assistant
        self.variants.clear()
        if before is not None:
            before.close()

    def add_job(self, job: Job) -> None:
        """Append a question; drop the rows of old ones, and the oldest questions."""
        self.jobs.append(job)
        for old in self.jobs[:-MAX_TURNS_WITH_ROWS]:
            old.forget_rows()
            if branch := self.branches.get(old.id):
                branch.forget_rows()
            self.replays.pop(old.id, None)
        del self.jobs[:-MAX_TURNS]

    def set_branch(self, job: Job, branch: Job) -> None:
        """Set the branch of an answer, in place of an earlier one."""
        if earlier := self.branches.get(job.id):
            earlier.stop()
            # Streamlit keeps what a button calls for as long as the session lasts, and with it the job.
            earlier.forget_rows()
        self.branches[job.id] = branch

    def close(self) -> None:
        """Stop what runs, and remove the files."""
        for job in self._list_jobs():
            if not job.view.is_done:
                job.stop()
            job.forget_rows()
        self.drop_files()

    def drop_files(self) -> None:
        """Remove the files, and close the database that has them."""
        self.set_upload_assistant(None)
        if self.folder is not None:
            self.has_lost_files = bool(self.files)
            self.folder.close()
            self.folder = None
            self.original_names.clear()
            self.file_rules.clear()


def make_unreadable_error() -> NL2SQLError:
    """Return the error for files that could not be read for an unknown reason."""
    return BugError("the files could not be read", "The trace is in the terminal where nl2sql ui was started.")


class ConversationCache:
    """Every conversation of one server. A conversation is found by its owner only."""

    def __init__(self, idle_seconds: float = MAX_IDLE_SECONDS, rest_seconds: float = MAX_IDLE_UPLOAD_SECONDS) -> None:
        self._lock = threading.Lock()
        self._idle, self._rest = idle_seconds, rest_seconds
        self._known: dict[tuple[str | None, str], Conversation] = {}

    def keep(self, conversation: Conversation) -> Conversation:
        """Make the conversation findable and return it; where one of its id and owner is known, return that one."""
        with self._lock:
            kept = self._known.setdefault((conversation.owner, conversation.id), conversation)
            kept.touch()
            idle = self._remove_idle(kept)
            crowded = self._list_over_upload_limit(kept)
            resting = self._list_idle_uploads()
        for one in idle:
            one.close()
        for one in crowded:
            one.drop_files()
        for one in resting:
            one.set_upload_assistant(None)
        return kept

    def forget(self, id_: str, owner: str | None) -> None:
        """Remove and close the conversation, if it is that owner's."""
        with self._lock:
            found = self._known.pop((owner, id_), None)
        if found is not None:
            found.is_deleted = True
            found.close()

    def find(self, id_: str, owner: str | None) -> Conversation | None:
        """Return the conversation of that id, if it is that owner's."""
        with self._lock:
            found = self._known.get((owner, id_))
            if found is not None:
                found.touch()
            return found

    def find_answer(self, job_id: str, owner: str | None) -> tuple[Conversation, Job] | None:
        """Return the job with that id or answer id, and its conversation, if they are that owner's."""
        with self._lock:
            for conversation in self._known.values():
                if conversation.owner == owner:
                    for job in conversation.jobs:
                        if job_id in (job.id, job.view.answer and job.view.answer.id):
                            conversation.touch()
                            return conversation, job
        return None

    def _list_oldest_first(self, current: Conversation) -> list[Conversation]:
        """Return the other conversations, those that were looked at longest ago first."""
        return sorted((one for one in self._known.values() if one is not current), key=lambda one: one.last_use)

    def _remove_idle(self, current: Conversation) -> list[Conversation]:
        """Remove and return the idle conversations, and the oldest where there are too many."""
        others, now = self._list_oldest_first(current), time.monotonic()
        gone = [one for one in others if now - one.last_use > self._idle and not one.is_busy]
        left = (one for one in others if now - one.last_use <= self._idle and not one.is_busy)
        gone += islice(left, max(0, len(self._known) - len(gone) - MAX_CONVERSATIONS))
        for one in gone:
            del self._known[one.owner, one.id]
        return gone

    def _list_over_upload_limit(self, current: Conversation) -> list[Conversation]:
        """Return the conversations whose files are to be removed, since too many have some."""
        having = sum(one.folder is not None for one in self._known.values())
        unused = (one for one in self._list_oldest_first(current) if one.folder is not None and not one.is_busy)
        return list(islice(unused, max(0, having - MAX_UPLOAD_CONVERSATIONS)))

    def _list_idle_uploads(self) -> list[Conversation]:
        """Return the conversations whose database with uploads can be closed until the next question."""
        long_ago = time.monotonic() - self._rest
        return [
            one for one in self._known.values() if one.upload_assistant and one.last_use < long_ago and not one.is_busy
        ]

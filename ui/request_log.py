"""A line on stderr for each question, for whoever runs the page: who asked, how it ended and what it took.

It never has the question, the SQL or a row: those are in the history, where their owner alone finds them.
"""

from __future__ import annotations

import logging
from typing import Final

from ui.answer_cost import describe_cost
from ui.jobs import Job

_LOG: Final = logging.getLogger("nl2sql.page")
_LINE: Final = "%(asctime)s %(message)s"


def start_log() -> None:
    """Set up the log."""
    if not _LOG.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(_LINE))
        _LOG.addHandler(handler)
        _LOG.setLevel(logging.INFO)
        _LOG.propagate = False


def log_job(job: Job) -> None:
    """Log a job that has ended."""
    view = job.view
    # As a literal: a name that somebody chose elsewhere cannot begin a line of its own.
    who = repr(job.owner) if job.owner else "the user of this machine"
    if view.error is not None:
        _LOG.info("%s for %s", view.error.code, who)
    elif view.answer is not None:
        _LOG.info("%s %s for %s: %s", view.answer.status, view.answer.id, who, describe_cost(view.answer))

"""What a question took: a line for its answer, and a line on stderr for the person who runs the page.

The log has who asked, how it ended and what it took, but never the question, the SQL or a row.
"""

from __future__ import annotations

import logging
from typing import Final

from nl2sql import Answer
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


def describe_cost(answer: Answer) -> str:
    """Return time, tokens and money of an answer, and its model, in a line."""
    seconds, usage = answer.seconds, answer.usage
    parts = [f"{seconds.total:.1f} s (model {seconds.model:.1f}, database {seconds.database:.2f})"]
    if usage.model_calls:
        calls = f"{usage.model_calls} call{'' if usage.model_calls == 1 else 's'}"
        parts.append(f"{usage.prompt_tokens + usage.completion_tokens:,} tokens in {calls}")
    if usage.cost_usd is not None:
        parts.append(f"${usage.cost_usd:.4f}")
    return " · ".join([*parts, answer.model] if answer.model else parts)

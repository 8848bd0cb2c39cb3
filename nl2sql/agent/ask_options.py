"""Defines how a question is asked: its keywords, and the checks on them and on its text.

It answers nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

from nl2sql.agent.query_execution import Approver
from nl2sql.cancellation import CancelToken
from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import find_closest

MAX_QUESTION_CHARS: Final = 4000


class AskOptions(TypedDict, total=False):
    """How a question is asked: the keywords of `Assistant.ask` and `stream`.

    Attributes:
        session: An earlier answer's session, or one of `open_session`, which makes the question a follow-up.
        user: Whose session it is and for whom the answer is recorded; by default the user given to `connect`.
        summary: Whether the answer has a sentence; False saves a model call.
        explain: Whether the answer has a reading of the SQL.
        approve: Called with the checked SQL before it runs. No SQL runs without it; where it returns False, the answer
            has the SQL and no rows.
        approve_above_rows: With it, `approve` is called only where the engine estimates that a step handles more rows
            than that; further queries that only help the answer run below it.
        tables: The tables that the question is about, as is a table that it names like `@orders`. The model is shown
            these, and those that their keys lead to.
        cancel: Stops the question from another thread.
    """

    session: str | None
    user: str | None
    summary: bool
    explain: bool
    approve: Approver
    approve_above_rows: int | None
    tables: Sequence[str]
    cancel: CancelToken | None


def refuse_unknown_options(options: AskOptions) -> None:
    """Refuse misspelt keywords as Python itself does.

    Raises:
        TypeError: there is no such keyword.
    """
    for name in options:
        if name not in AskOptions.__annotations__:
            near = find_closest(name, AskOptions.__annotations__)
            hint = f": did you mean {near!r}?" if near else ""
            raise TypeError(f"ask() got an unexpected keyword argument {name!r}{hint}")


def check_question(question: str) -> str:
    """Return the question without space around it.

    Raises:
        ConfigError: there is no question, or it is too long.
    """
    question = question.strip()
    if not question:
        raise ConfigError("there is no question", 'Ask one: nl2sql ask "how many customers are there?"')
    if len(question) > MAX_QUESTION_CHARS:
        raise ConfigError(f"the question has {len(question):,} characters", f"Keep it under {MAX_QUESTION_CHARS:,}.")
    return question

"""How one question gets its answer, once the tools are there: by a verified query, or by SQL that a model writes.

Generators of events for the assistant, which keeps sessions and times. It opens nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from nl2sql.agent import loop, prompts
from nl2sql.agent.answer_building import conclude
from nl2sql.agent.few_shot import MAX_EXAMPLES, FewShotExample, find_closest_examples
from nl2sql.agent.query_execution import Approver
from nl2sql.agent.self_consistency import Candidates
from nl2sql.agent.verified_answer import recall
from nl2sql.agent.verified_query_tools import QueryFunction
from nl2sql.cancellation import Deadline
from nl2sql.errors import ConfigError, LimitError, ToolError
from nl2sql.text_safety import make_one_line
from nl2sql.types import Answer, CheckedSQL, Event, Message, Schema, Seconds

if TYPE_CHECKING:
    from nl2sql.agent.tools import LookupPermit, Toolbox
    from nl2sql.model.chat import ChatModel
    from nl2sql.store import Turn, VerifiedQuery

MAX_QUESTION_CHARS: Final = 4000
_SHOWN_CHARS: Final = 80
# Seconds for what follows the rows, where the model has taken all of the question's.
_MIN_ENDING_SECONDS: Final = 5.0
# Others are written only where the first failed or says nothing: beside a good one they were never better.
_ONLY_IF_DOUBTFUL: Final = Candidates(4, is_only_if_doubtful=True)


def check_question(question: str) -> str:
    """The question without space around it. ConfigError where there is none, or it is too long."""
    question = question.strip()
    if not question:
        raise ConfigError("there is no question", 'Ask one: nl2sql ask "how many customers are there?"')
    if len(question) > MAX_QUESTION_CHARS:
        raise ConfigError(f"the question has {len(question):,} characters", f"Keep it under {MAX_QUESTION_CHARS:,}.")
    return question


def restrict_approval(
    approve: Approver, above_rows: int | None, estimate: Callable[[CheckedSQL], int | None]
) -> Approver:
    """Ask only where the engine guesses that a step of the query handles more rows than `above_rows`."""
    if approve is None or above_rows is None:
        return approve

    def approve_if_heavy(checked: CheckedSQL) -> bool:
        rows = estimate(checked)
        return rows is None or rows <= above_rows or approve(checked)

    return approve_if_heavy


def make_lookup_permit(
    approve: Approver, above_rows: int | None, estimate: Callable[[CheckedSQL], int | None]
) -> LookupPermit | None:
    """Which queries that only help may run: none where each is approved, else what nobody would be asked about."""
    if approve is None:
        return lambda checked: True
    if above_rows is None:
        return None
    limit = above_rows

    def is_light(checked: CheckedSQL) -> bool:
        rows = estimate(checked)
        return rows is None or rows <= limit

    return is_light


def choose_candidates(model: ChatModel, count: int | None) -> Candidates:
    """How many queries the model writes for a question: as many as the settings say, else what is worth it."""
    if count is not None:
        return Candidates(count)
    return _ONLY_IF_DOUBTFUL if model.samples_cheaply else Candidates()


def make_query_functions(queries: Sequence[VerifiedQuery]) -> tuple[QueryFunction, ...]:
    """The verified queries with parameters, for models that call functions."""
    return tuple(
        QueryFunction(
            query.name,
            f"{query.question} {query.description}".strip(),
            {parameter.name: parameter.json_schema for parameter in query.parameters},
            query.bind,
        )
        for query in queries
        if query.parameters
    )


def answer_with_verified_query(
    question: str,
    query: VerifiedQuery,
    tools: Toolbox,
    dialect: str,
    approve: Approver,
    deadline: Deadline,
    explain: bool,
) -> Generator[Event, None, Answer]:
    """The answer by a verified query, without a model. GuardError and QueryError where it cannot run any more."""
    with deadline.pause():
        outcome = yield from recall(query.name, query.bind(), tools, approve)
    answer = _conclude(question, outcome, tools, dialect, 0, deadline, explain)
    return replace(answer, verified_query=query.name)


def answer_with_model(
    question: str,
    asked: loop.AgentTask,
    model: ChatModel,
    tools: Toolbox,
    dialect: str,
    omitted_count: int,
    deadline: Deadline,
    explain: bool,
) -> Generator[Event, None, Answer]:
    """The answer by SQL that the model writes. `omitted_count` counts the tables that it was not shown."""
    outcome = yield from loop.run(asked, model, tools, deadline)
    answer = _conclude(question, outcome, tools, dialect, omitted_count, deadline, explain)
    return replace(answer, model=model.name, seconds=Seconds(model=outcome.model_seconds))


def _conclude(
    question: str,
    outcome: loop.Outcome,
    tools: Toolbox,
    dialect: str,
    omitted_count: int,
    deadline: Deadline,
    explain: bool,
) -> Answer:
    return conclude(question, outcome, tools, dialect, omitted_count, deadline.extend(_MIN_ENDING_SECONDS), explain)


def choose_examples(question: str, queries: Sequence[VerifiedQuery], tools: Toolbox) -> list[FewShotExample]:
    """The verified queries closest to the question that the policy lets be seen and that still run."""
    known = [FewShotExample(query.question, query.bind_samples()) for query in queries]
    found: list[FewShotExample] = []
    for example in find_closest_examples(question, known):
        if len(found) == MAX_EXAMPLES:
            break
        with contextlib.suppress(ToolError, LimitError):
            tools.check(example.sql)
            found.append(example)
    return found


def add_approval(answer: Answer, queries: Sequence[VerifiedQuery]) -> Answer:
    """The answer with who verified its query and when, where it is one of these."""
    for query in queries:
        if query.name == answer.verified_query:
            return replace(answer, verified_by=query.verified_by, verified_at=query.verified_at)
    return answer


def say_follow_up(answer: Answer, turns: Sequence[Turn], schema: Schema) -> tuple[str, ...]:
    """What the answer's query keeps of the question before though this one does not say so."""
    if answer.sql is None or not turns:
        return ()
    from nl2sql.answer.follow_up import find_carried

    carried = find_carried(answer.question, answer.sql, turns[-1].sql, schema)
    before = make_one_line(turns[-1].question, _SHOWN_CHARS)
    return (f"builds on your previous question, “{before}”: {' and '.join(carried)}",) if carried else ()


def build_messages(system: Message, question: Message, turns: Sequence[Turn]) -> Sequence[Message]:
    """What the model is sent: the system message, the turns before, the question."""
    messages = [system]
    for turn in turns:
        messages += prompts.write_past_turn(turn.question, turn.sql, turn.result_summary)
    return [*messages, question]

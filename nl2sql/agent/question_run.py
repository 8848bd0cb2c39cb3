"""One question on its way to an Answer: by a verified query, or by SQL that a model writes.

It opens neither a model nor a database, and keeps no session: that is left to the assistant.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nl2sql.agent import prompts
from nl2sql.agent.answer_building import AnswerBuilder
from nl2sql.agent.few_shot import FewShotExample
from nl2sql.agent.loop import AgentRun
from nl2sql.agent.outcome import AgentTask, Outcome, QuestionBudget
from nl2sql.agent.owner_notes import select_notes
from nl2sql.agent.query_execution import ApprovalDeniedError, Approver, execute_verified
from nl2sql.agent.self_consistency import choose_candidates
from nl2sql.agent.tools import Toolbox
from nl2sql.answer.beyond_data import find_other_wish
from nl2sql.cancellation import Deadline
from nl2sql.errors import LimitError
from nl2sql.types import Answer, Event, EventKind, Message, Schema, Seconds, Status, Step, StepKind

if TYPE_CHECKING:
    from nl2sql.model.chat import ChatModel
    from nl2sql.schema import LinkedSchema
    from nl2sql.store import Turn, VerifiedQuery

# For building the answer, where the model has taken all of the question's time.
_MIN_ENDING_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What is wanted of an answer, and what it may use.

    `summary` and `explain` say whether a sentence and the reading of the SQL are wanted. `approve` is called before SQL
    runs. `candidate_count` is how many queries the model writes; None takes what is worth its cost.
    """

    summary: bool = True
    explain: bool = True
    approve: Approver = None
    budget: QuestionBudget = QuestionBudget()
    candidate_count: int | None = None


class QuestionRun:
    """One question with its tools and its time."""

    def __init__(self, tools: Toolbox, deadline: Deadline, options: RunOptions) -> None:
        self.tools = tools
        self.deadline = deadline
        self.options = options
        self.messages: Sequence[Message] = ()

    def refuse_other_wish(self, model: ChatModel, view: Schema) -> Answer | None:
        """Return the answer to a question that asks for something other than data; None where it asks for data.

        A model that calls tools says so itself.
        """
        reply = None if model.calls_tools else find_other_wish(self.tools.question, view)
        if reply is None:
            return None
        return Answer(uuid.uuid4().hex[:12], self.tools.question, Status.ABSTAINED, reply, model=model.name)

    def answer_with_query(self, query: VerifiedQuery) -> Generator[Event, None, Answer]:
        """Answer by a verified query as it was verified, without a model.

        Raises:
            GuardError: it may not run any more.
            QueryError: it does not fit the data any more.
        """
        with self.deadline.pause():
            outcome = yield from self._execute(query.name, query.bind())
        return replace(self._conclude(outcome), verified_query=query.name)

    def answer_with_model(
        self, model: ChatModel, linked: LinkedSchema, turns: Sequence[Turn], examples: Sequence[FewShotExample]
    ) -> Generator[Event, None, Answer]:
        """Answer by SQL that the model writes. `turns` went before; `examples` are questions answered well."""
        options = self.options
        self.messages = self._write_messages(model, linked, turns, examples)
        task = AgentTask(
            self.messages,
            options.summary,
            options.approve,
            is_reviewed=not self.tools.is_lookup_allowed,
            budget=options.budget,
            candidates=choose_candidates(model, options.candidate_count),
        )
        outcome = yield from AgentRun(task, model, self.tools, self.deadline).run()
        answer = self._conclude(outcome, len(linked.omitted_tables))
        return replace(answer, model=model.name, seconds=Seconds(model=outcome.model_seconds))

    def _write_messages(
        self, model: ChatModel, linked: LinkedSchema, turns: Sequence[Turn], examples: Sequence[FewShotExample]
    ) -> Sequence[Message]:
        tools, question = self.tools, self.tools.question
        found = tools.index.find_hits(question)
        notes = select_notes(f"{tools.earlier_turns} {question}", tools.context, tools.schema, found)
        system = prompts.write_system_message(linked, notes.general, calls_tools=model.calls_tools)
        tells_today = model.calls_tools or prompts.needs_today(question, linked.schema)
        today = prompts.describe_today(tools.context, tools.today) if tells_today else ""
        # A small model makes a condition of each stored text that it is shown.
        hits = found if model.calls_tools else ()
        message = prompts.write_question(question, hits, examples, today, notes.relevant)
        return prompts.build_messages(system, message, turns)

    def _execute(self, name: str, sql: str) -> Generator[Event, None, Outcome]:
        """Run a verified query. A limit that ran out, and an approval denied, end up in the outcome."""
        outcome, start = Outcome(), time.perf_counter()
        yield Event(EventKind.TOOL, f"{StepKind.VERIFIED_QUERY}({name})")
        try:
            outcome.executed_query = ran = yield from execute_verified(name, sql, self.tools, self.options.approve)
        except ApprovalDeniedError as declined:
            outcome.declined_sql = declined.checked
        except LimitError as exc:
            outcome.error = exc
        else:
            yield Event(EventKind.ROWS, f"{ran.result.row_count}", result=ran.result)
        error = outcome.error.message if outcome.error else None
        arguments = {"name": name, "query": sql}
        step = Step(StepKind.VERIFIED_QUERY, arguments, error is None, error, time.perf_counter() - start)
        outcome.steps.append(step)
        return outcome

    def _conclude(self, outcome: Outcome, omitted_count: int = 0) -> Answer:
        deadline = self.deadline.extend(_MIN_ENDING_SECONDS)
        explain = self.options.explain
        return AnswerBuilder(outcome, self.tools, deadline, omitted_count=omitted_count, explain=explain).build()

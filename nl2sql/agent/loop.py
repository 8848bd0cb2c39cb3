"""Runs the loop: call the model, run what it calls, report the result, until it answers.

A generator of events that returns the Outcome. It knows models and databases only through their protocols, and nothing
of user interfaces. After mini-swe-agent's loop: the object has the state; an exception that says why ends a run early.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

from nl2sql.agent import prompts
from nl2sql.agent.outcome import AgentTask, Outcome
from nl2sql.agent.query_execution import (
    ApprovalDeniedError,
    execute_query,
    execute_verified,
    is_empty_or_zero,
)
from nl2sql.agent.self_consistency import Candidate, Vote, elect, is_doubtful
from nl2sql.agent.tools import HELPERS, ClarificationNeededError, ExecutedQuery, Toolbox
from nl2sql.agent.trap_search import has_grave, search_traps
from nl2sql.cancellation import Deadline, TimeUpError
from nl2sql.errors import GuardError, LimitError, MissingNameError, ModelError, QueryError, ToolError
from nl2sql.generators import ReturnCapture
from nl2sql.model.chat import ChatModel
from nl2sql.text_safety import make_one_line
from nl2sql.types import (
    Event,
    EventKind,
    Message,
    Reply,
    Step,
    StepKind,
    ToolCall,
    ToolName,
)

# What a tool model may think and write in one reply.
MAX_REPLY_TOKENS: Final = 16_000
MAX_SENTENCE_TOKENS: Final = 120
MAX_BLOCK_TOKENS: Final = 500
_MAX_CALL_CHARS: Final = 300
_CUT_FINISHES: Final = ("cut", "length")


class _SpentError(LimitError):
    """The budget of the question as a whole is spent."""


class _RepeatedError(QueryError):
    """A query that has failed already: the error worth reporting is the first one."""


class _LackError(Exception):
    """The model says that the data lacks what the question needs; carries its words."""


class AgentRun:
    """One question under way: `run` it once."""

    def __init__(self, task: AgentTask, model: ChatModel, tools: Toolbox, deadline: Deadline) -> None:
        self.task = task
        self.model = model
        self.tools = tools
        self.deadline = deadline
        self.outcome = Outcome()
        self.conversation = list(task.messages)

    def run(self) -> Generator[Event, None, Outcome]:
        """Answer the question.

        Raises:
            DatabaseError: the engine itself fails.
            CancelledError: the user stops it.
            ModelError: the model fails and no rows are there yet.
        """
        outcome = self.outcome
        try:
            while not (yield from self._run_round()):
                pass
        except _LackError as lack:
            outcome.lack = str(lack)
        except ClarificationNeededError as question:
            outcome.clarification = question.clarification
        except ApprovalDeniedError as declined:
            outcome.declined_sql = declined.checked
        except (_SpentError, TimeUpError) as exc:
            outcome.interruption = exc.message
            outcome.error = outcome.error or (exc if outcome.executed_query is None else None)
        except LimitError as exc:
            outcome.error = exc
        except ModelError as exc:
            if not outcome.has_answer:
                raise
            outcome.interruption = exc.message
        return outcome

    def _run_round(self) -> Generator[Event, None, bool]:
        """Call the model once and do what it says; return whether the question is done with."""
        outcome = self.outcome
        reply = yield from self._call_model(self.conversation, speaking=outcome.has_answer)
        self.conversation.append(reply.message)
        if reply.is_unreadable:
            self.conversation.append(self._refuse_unreadable())
            return False
        if not reply.calls:
            return self._take_words(reply)
        known = len(outcome.missing)
        for call in map(self.tools.recognize, reply.calls):
            self._raise_if_spent()
            before = outcome.executed_query
            content = yield from self._run_call(call)
            outcome.logprobs = reply.logprobs if outcome.executed_query is not before else outcome.logprobs
            self.conversation.append(self.model.make_tool_message(call.id, call.name, content))
        outcome.has_given_up = _is_missing_again(outcome, known)
        if len(self.conversation) == len(self.task.messages) + 2 and self._should_draw_more(reply):
            self.conversation[-2:] = yield from self._elect_query(reply)
        if self._is_to_reconsider():
            self.conversation[-2:] = yield from self._ask_again()
        if self._is_done():
            return True
        self._raise_if_spent()
        return False

    def _take_words(self, reply: Reply) -> bool:
        """Take the model's last words, unless they broke off or hold figures that no query gave."""
        outcome = self.outcome
        if self._is_made_up(reply):
            outcome.was_reminded = True
            self.conversation.append({"role": "user", "content": prompts.refuse_figures()})
            return False
        if not self.model.calls_tools and outcome.executed_query is None and (lack := prompts.read_lack(reply.text)):
            outcome.lack = lack
        elif reply.finish in _CUT_FINISHES and outcome.has_answer:
            outcome.interruption = "its sentence broke off"
        else:
            outcome.text = reply.text
        return True

    def _is_made_up(self, reply: Reply) -> bool:
        """Return whether the words hold figures though nothing has run; the model is reminded once."""
        outcome = self.outcome
        if outcome.was_reminded or outcome.executed_query is not None:
            return False
        return bool(self.tools.find_unfounded(reply.text))

    def _refuse_unreadable(self) -> Message:
        """Return the message to the model about a call that cannot be read, once.

        Raises:
            ModelError: it was sent before.
        """
        if self.outcome.was_unreadable:
            raise ModelError(
                "the model writes its calls in a form that cannot be read",
                'Ask again, name another model with -m, or set [model] protocol = "text" in nl2sql.toml.',
            )
        self.outcome.was_unreadable = True
        return {"role": "user", "content": prompts.ask_for_call(calls_tools=self.model.calls_tools)}

    def _call_model(self, conversation: Sequence[Message], *, speaking: bool) -> Generator[Event, None, Reply]:
        """Call the model once. Where it is `speaking`, its text is passed on as it comes."""
        outcome = self.outcome
        if not speaking:
            yield Event(EventKind.WRITING)
        offered, max_tokens = self._offer_tools(speaking)
        start = time.perf_counter()
        pieces = self.model.stream(conversation, offered, max_tokens=max_tokens, cancel=self.deadline)
        try:
            captured = ReturnCapture(pieces)
            for piece in captured:
                if speaking:
                    yield Event(EventKind.TEXT, piece)
            reply = captured.value
        finally:
            pieces.close()
            outcome.model_seconds += time.perf_counter() - start
        outcome.count_usage(reply.usage, [*conversation, reply.message])
        outcome.shortfall = outcome.shortfall or reply.shortfall
        return reply

    def _offer_tools(self, speaking: bool) -> tuple[Sequence[Mapping[str, Any]], int | None]:
        """Return the tools and tokens of a call. A model that writes SQL blocks gets none for its sentence."""
        tools = self.tools.definitions
        if self.model.calls_tools:
            left = self.task.budget.tokens - self.outcome.tokens
            return tools, max(MAX_BLOCK_TOKENS, min(MAX_REPLY_TOKENS, left))
        return ((), MAX_SENTENCE_TOKENS) if speaking else (tools[:1], MAX_BLOCK_TOKENS)

    def _run_call(self, call: ToolCall) -> Generator[Event, None, str]:
        """Run one call and return its result for the model."""
        outcome, start = self.outcome, time.perf_counter()
        arguments: Mapping[str, Any] = call.arguments
        try:
            arguments = self.tools.check_arguments(call)
            if call.name == ToolName.SQL_QUERY:
                with self.deadline.pause():
                    content = yield from self._run_query(arguments["query"])
            elif function := self.tools.functions.get(call.name):
                yield _announce_call(call.name, arguments)
                with self.deadline.pause():
                    ran = yield from execute_verified(
                        call.name, function.fill(arguments), self.tools, self.task.approve
                    )
                content = yield from self._take_rows(ran)
            else:
                yield _announce_call(call.name, arguments)
                content = self.tools.call(call.name, arguments)
        except ToolError as exc:
            self._note_failure(call.name, exc)
            outcome.steps.append(Step(call.name, arguments, False, exc.message, time.perf_counter() - start))
            yield Event(EventKind.RETRY, exc.message)
            return prompts.describe_failure(exc, calls_tools=self.model.calls_tools)
        outcome.steps.append(Step(call.name, arguments, True, None, time.perf_counter() - start))
        return content

    def _note_failure(self, tool: str, error: ToolError) -> None:
        """Keep the error as the answer's, except where a correction of a query that ran cannot run."""
        if tool in HELPERS or isinstance(error, _RepeatedError) or has_grave(self.outcome.traps):
            return
        self.outcome.error = error
        if isinstance(error, MissingNameError | GuardError) and error.missing is not None:
            self.outcome.missing.append(error.missing)

    def _run_query(self, query: str) -> Generator[Event, None, str]:
        outcome = self.outcome
        if not self.model.calls_tools and outcome.executed_query is None and (lack := prompts.read_lack(query)):
            raise _LackError(lack)
        failure = outcome.failures.get(query)
        if isinstance(failure, MissingNameError | GuardError) and failure.missing is not None:
            raise failure
        if failure is not None:
            raise _RepeatedError("this is the query that failed before", "Write a different one.")
        try:
            ran = yield from execute_query(query, self.tools, outcome.steps, self.task.approve)
        except ToolError as exc:
            outcome.failures[query] = exc
            raise
        return (yield from self._take_rows(ran))

    def _take_rows(self, ran: ExecutedQuery) -> Generator[Event, None, str]:
        """Take the query's rows as the answer's so far; return the result for the model."""
        outcome, calls_tools = self.outcome, self.model.calls_tools
        outcome.executed_query, outcome.error = ran, None
        outcome.hints += [hint for hint in ran.hints if hint not in outcome.hints]
        yield Event(EventKind.ROWS, f"{ran.result.row_count}", result=ran.result)
        found = search_traps(ran, self.tools)
        outcome.traps, outcome.unchecked_warning = found.traps, found.warning
        content = (
            prompts.write_rows(prompts.write_result_digest(ran.result), calls_tools=calls_tools)
            if ran.result.row_count
            else prompts.write_empty_result()
        )
        new_traps = [trap for trap in outcome.traps if trap.rule not in outcome.known_rules]
        if not calls_tools:
            # A model that writes SQL blocks only puts the rows into words: what was changed is of no use to it.
            return content
        content = prompts.tell_changes(content, self.tools.lay_out(ran.checked), ran.repairs, ran.hints)
        if not new_traps:
            return content
        outcome.known_rules.update(trap.rule for trap in new_traps)
        return f"{content}\n\n{prompts.write_traps(new_traps)}"

    def _is_to_reconsider(self) -> bool:
        """Return whether to ask the model about its traps now, as it would not see them before its sentence."""
        outcome = self.outcome
        if outcome.error is not None or StepKind.RECONSIDER in {step.tool for step in outcome.steps}:
            return False
        return has_grave(outcome.traps) and not (self.model.calls_tools and self.task.summary)

    def _ask_again(self) -> Generator[Event, None, Sequence[Message]]:
        """Ask for a query without the traps and take it where it has none; return the last two messages then."""
        outcome, start = self.outcome, time.perf_counter()
        first, at = outcome.executed_query, len(outcome.steps)
        grave = [trap for trap in outcome.traps if trap.is_figure_changed]
        yield Event(EventKind.TRAP, "; ".join(trap.message for trap in grave))
        shown, taken = list(self.conversation), False
        messages: Sequence[Message] = self.conversation[-2:]
        if not self.model.calls_tools:
            shown[-1] = self.model.make_tool_message("", ToolName.SQL_QUERY, prompts.ask_to_reconsider(grave))
        try:
            reply = yield from self._call_model(shown, speaking=False)
        except (ModelError, TimeUpError):
            return messages
        call = next((call for call in reply.calls if call.name == ToolName.SQL_QUERY), None)
        query = call.arguments.get("query") if call is not None else None
        if call is not None and isinstance(query, str):
            # Where the correction cannot run, the answer that is there stays.
            with contextlib.suppress(ToolError, LimitError, ApprovalDeniedError), self.deadline.pause():
                ran = yield from execute_query(query, self.tools, outcome.steps, self.task.approve)
                is_emptier = is_empty_or_zero(ran.result) and first is not None and not is_empty_or_zero(first.result)
                if not is_emptier and not has_grave(search_traps(ran, self.tools).traps):
                    messages, taken = (yield from self._replace_query(reply, call, ran)), True
        arguments = {"query": query, "traps": [trap.rule for trap in grave], "taken": taken}
        outcome.steps.insert(at, Step(StepKind.RECONSIDER, arguments, True, None, time.perf_counter() - start))
        return messages

    def _should_draw_more(self, reply: Reply) -> bool:
        """Return whether further candidates are drawn beside the first query."""
        wanted, outcome = self.task.candidates, self.outcome
        if wanted.count < 2 or self.task.is_reviewed or [call.name for call in reply.calls] != [ToolName.SQL_QUERY]:
            return False
        return not wanted.is_only_if_doubtful or is_doubtful(outcome.executed_query if outcome.error is None else None)

    def _elect_query(self, reply: Reply) -> Generator[Event, None, Sequence[Message]]:
        """Draw further candidates; return the last two messages as if the winner's query had been the first."""
        outcome, conversation = self.outcome, self.conversation
        vote = outcome.vote = Vote()
        ran = outcome.executed_query
        vote.add(Candidate(reply, ran) if ran is not None and outcome.error is None else None)
        offered, max_tokens = self._offer_tools(speaking=False)
        start = time.perf_counter()
        drawn = self.model.sample(
            conversation[:-2],
            offered,
            count=self.task.candidates.count - 1,
            max_tokens=max_tokens,
            cancel=self.deadline,
        )
        try:
            with contextlib.closing(drawn):
                usage = yield from elect(vote, drawn, self.tools, outcome.steps, self.deadline, self.task.approve)
                outcome.count_usage(usage, [candidate.reply.message for candidate in vote.candidates])
        except (ModelError, TimeUpError):
            if not vote.candidates:
                return conversation[-2:]
        finally:
            outcome.model_seconds += time.perf_counter() - start
        winner = vote.winner
        if winner is None or winner.reply is reply:
            return conversation[-2:]
        call = next(call for call in winner.reply.calls if call.name == ToolName.SQL_QUERY)
        yield Event(EventKind.SQL, self.tools.lay_out(winner.executed_query.checked))
        return (yield from self._replace_query(winner.reply, call, winner.executed_query))

    def _replace_query(
        self, reply: Reply, call: ToolCall, ran: ExecutedQuery
    ) -> Generator[Event, None, Sequence[Message]]:
        """Take this query in place of the one that the model wrote first; return the two messages in its place."""
        content = yield from self._take_rows(ran)
        self.outcome.logprobs = reply.logprobs
        return [reply.message, self.model.make_tool_message(call.id, call.name, content)]

    def _is_done(self) -> bool:
        """Return whether to stop: no sentence is wanted, or a model that writes SQL blocks repeats its errors."""
        outcome = self.outcome
        if outcome.has_given_up:
            return True
        if outcome.executed_query is not None and outcome.error is None:
            is_wordless = not self.model.calls_tools and outcome.executed_query.result.row_count == 0
            return not self.task.summary or is_wordless
        if self.model.calls_tools:
            return False
        tried = [step for step in outcome.steps if step.tool != StepKind.CANDIDATE]
        failed = [str(step.arguments.get("query")) for step in tried if not step.ok]
        return len(failed) > self.task.budget.retries or len(failed) != len(set(failed))

    def _raise_if_spent(self) -> None:
        outcome, budget = self.outcome, self.task.budget
        if sum(step.tool != StepKind.CANDIDATE for step in outcome.steps) >= budget.steps:
            raise _SpentError(
                f"no answer after {budget.steps} steps", "Ask more precisely, or raise limits.steps.", limit="steps"
            )
        if outcome.tokens > budget.tokens:
            text = f"no answer within {budget.tokens:,} tokens"
            raise _SpentError(text, "Ask about fewer things at once, or try another model.", limit="tokens")
        self.deadline.raise_if_cancelled()


def _announce_call(name: str, arguments: Mapping[str, Any]) -> Event:
    return Event(EventKind.TOOL, make_one_line(f"{name}({', '.join(map(str, arguments.values()))})", _MAX_CALL_CHARS))


def _is_missing_again(outcome: Outcome, known: int) -> bool:
    """Return whether the last reply ended with a name that the data lacks, and that had been asked for before."""
    if not isinstance(outcome.error, MissingNameError | GuardError):
        return False
    before = {_strip_name(missing.name) for missing in outcome.missing[:known]}
    return any(_strip_name(missing.name) in before for missing in outcome.missing[known:])


def _strip_name(name: str) -> str:
    """Return the name without case and what separates its words."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())

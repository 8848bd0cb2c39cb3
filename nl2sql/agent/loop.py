"""The loop: call the model, run what it calls, tell it what came of it, until it answers.

A generator of events; what it returns is the Outcome. It knows models and databases only through their protocols,
and nothing of faces. After mini-swe-agent's loop: what ends it early is an exception that carries why.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nl2sql.agent import prompts
from nl2sql.agent.query_execution import Approve, Declined, execute_query, execute_verified, is_empty_or_zero
from nl2sql.agent.result_prompt import digest
from nl2sql.agent.self_consistency import CANDIDATE, Candidate, Candidates, Vote, elect, is_doubtful
from nl2sql.agent.tools import HELPERS, SQL_QUERY, AskedUser, Ran, Toolbox
from nl2sql.agent.trap_search import has_grave, search_traps
from nl2sql.cancellation import Deadline, TimeUpError
from nl2sql.errors import GuardError, LimitError, MissingNameError, ModelError, QueryError, ToolError
from nl2sql.model.chat import ChatModel
from nl2sql.schema import estimate_tokens
from nl2sql.schema.ddl_prompt import one_line
from nl2sql.types import (
    CheckedSQL,
    Clarification,
    ErrorInfo,
    Event,
    EventKind,
    Message,
    MissingName,
    Reply,
    Step,
    ToolCall,
    Trap,
    Usage,
)

# What a tool model may think and write in one reply.
REPLY_TOKENS: Final = 16_000
SENTENCE_TOKENS: Final = 120
BLOCK_TOKENS: Final = 500
RECONSIDER: Final = "reconsider"
_CALLED_CHARS: Final = 300
_BROKEN_OFF: Final = ("cut", "length")


class _SpentError(LimitError):
    """What the question as a whole may use is used up."""


class _RepeatedError(QueryError):
    """A query that has failed already: the error worth reporting is the first one."""


class _LackError(Exception):
    """The model says that the data lacks what was asked for; carries its words."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What one question may use: tool calls, tokens sent and made, seconds of the model's and the program's (a query
    has limits of its own). `retries` is how many failed queries a model that is asked for a block may correct.
    """

    steps: int = 8
    tokens: int = 200_000
    seconds: float = 600.0
    retries: int = 2


@dataclass(slots=True)
class Outcome:
    """How the loop ended: the model's last text, the last query that ran (or was not let run), and what went before.

    `error` is what stopped the last query; `unfinished` says why the model's words are missing though rows are
    there. `reminded` says that the model was told of figures without a query, `was_unreadable` of a call that could
    not be read. `shortfall` is the first that its replies tell. `failures` are the errors by their query, `missing`
    the names that the data does not have, as they were asked for; `gave_up` says that one was asked for again.
    `lacks` is what the model says that the data lacks. `hints` tell of texts that are not stored. `traps` are those
    of the query that ran; the model knows the rules in `told`; `unchecked` says which could not be checked, and why.
    `logprobs` are the reply's that held the query. `tokens` are guessed where an endpoint counts none.
    """

    text: str = ""
    ran: Ran | None = None
    declined: CheckedSQL | None = None
    clarification: Clarification | None = None
    error: ToolError | LimitError | None = None
    unfinished: str = ""
    reminded: bool = False
    was_unreadable: bool = False
    shortfall: ErrorInfo | None = None
    lacks: str = ""
    gave_up: bool = False
    failures: dict[str, ToolError] = field(default_factory=dict)
    missing: list[MissingName] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    vote: Vote | None = None
    traps: tuple[Trap, ...] = ()
    unchecked: str = ""
    told: set[str] = field(default_factory=set)
    logprobs: tuple[float, ...] = ()
    usage: Usage = Usage()
    tokens: int = 0
    model_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: the conversation so far, whether a sentence is wanted, who approves SQL before it runs.

    Where somebody reads each query first (`reviewed`), one is written: others would have to run to be compared.
    """

    messages: Sequence[Message]
    summary: bool = True
    approve: Approve = None
    reviewed: bool = False
    budget: Budget = Budget()
    candidates: Candidates = Candidates()


def run(asked: Asked, model: ChatModel, tools: Toolbox, deadline: Deadline) -> Generator[Event, None, Outcome]:
    """Answer one question. Raises DatabaseError, CancelledError, and ModelError where no rows are there yet."""
    conversation = list(asked.messages)
    outcome = Outcome()
    try:
        while True:
            reply = yield from _reply(conversation, model, tools, outcome, asked.budget, deadline)
            conversation.append(reply.message)
            if reply.is_unreadable:
                conversation.append(_refuse_unreadable(outcome, model.calls_tools))
                continue
            if not reply.calls:
                if _is_made_up(reply, outcome, tools):
                    outcome.reminded = True
                    conversation.append({"role": "user", "content": prompts.refuse_figures()})
                    continue
                _finish(reply, outcome, model.calls_tools)
                return outcome
            known = len(outcome.missing)
            for call in map(tools.recognize, reply.calls):
                _raise_if_spent(outcome, asked.budget, deadline)
                before = outcome.ran
                content = yield from _step(call, tools, outcome, asked, model.calls_tools, deadline)
                outcome.logprobs = reply.logprobs if outcome.ran is not before else outcome.logprobs
                conversation.append(model.tool_message(call.id, call.name, content))
            outcome.gave_up = _is_missing_again(outcome, known)
            if len(conversation) == len(asked.messages) + 2 and _wants_more(reply, outcome, asked):
                conversation[-2:] = yield from _elect_query(conversation, reply, model, tools, outcome, asked, deadline)
            if _is_to_reconsider(outcome, asked, model.calls_tools):
                conversation[-2:] = yield from _ask_again(conversation, model, tools, outcome, asked, deadline)
            if _is_done(outcome, asked, model.calls_tools):
                return outcome
            _raise_if_spent(outcome, asked.budget, deadline)
    except _LackError as lack:
        outcome.lacks = str(lack)
    except AskedUser as question:
        outcome.clarification = question.clarification
    except Declined as declined:
        outcome.declined = declined.checked
    except (_SpentError, TimeUpError) as exc:
        outcome.unfinished = exc.message
        outcome.error = outcome.error or (exc if outcome.ran is None else None)
    except LimitError as exc:
        outcome.error = exc
    except ModelError as exc:
        if not _has_answer(outcome):
            raise
        outcome.unfinished = exc.message
    return outcome


def _finish(reply: Reply, outcome: Outcome, calls_tools: bool) -> None:
    """Take the model's last words, unless they broke off."""
    if not calls_tools and outcome.ran is None and (lack := prompts.read_lack(reply.text)):
        outcome.lacks = lack
    elif reply.finish in _BROKEN_OFF and _has_answer(outcome):
        outcome.unfinished = "its sentence broke off"
    else:
        outcome.text = reply.text


def _is_made_up(reply: Reply, outcome: Outcome, tools: Toolbox) -> bool:
    """Whether the words hold figures though nothing has run, which a model is told once."""
    return not outcome.reminded and outcome.ran is None and bool(tools.find_unfounded(reply.text))


def _refuse_unreadable(outcome: Outcome, calls_tools: bool) -> Message:
    """What the model is told of a call that cannot be read, which it is told once. ModelError after that."""
    if outcome.was_unreadable:
        raise ModelError(
            "the model writes its calls in a form that cannot be read",
            'Ask again, name another model with -m, or set [model] protocol = "text" in nl2sql.toml.',
        )
    outcome.was_unreadable = True
    return {"role": "user", "content": prompts.ask_for_call(calls_tools=calls_tools)}


def _has_answer(outcome: Outcome) -> bool:
    return outcome.ran is not None and outcome.error is None


def _reply(
    conversation: Sequence[Message],
    model: ChatModel,
    tools: Toolbox,
    outcome: Outcome,
    budget: Budget,
    deadline: Deadline,
    *,
    speaking: bool | None = None,
) -> Generator[Event, None, Reply]:
    """One model call. Its text is passed on as it comes where it is `speaking`, which it is once rows are there."""
    if speaking is None:
        speaking = _has_answer(outcome)
    if not speaking:
        yield Event(EventKind.WRITING)
    offered, max_tokens = _offer(model, tools, speaking, budget.tokens - outcome.tokens)
    start = time.perf_counter()
    pieces = model.stream(conversation, offered, max_tokens=max_tokens, cancel=deadline)
    try:
        while True:
            piece = next(pieces)
            if speaking:
                yield Event(EventKind.TEXT, piece)
    except StopIteration as stop:
        reply: Reply = stop.value
    finally:
        pieces.close()
        outcome.model_seconds += time.perf_counter() - start
    _count(outcome, reply.usage, [*conversation, reply.message])
    outcome.shortfall = outcome.shortfall or reply.shortfall
    return reply


def _count(outcome: Outcome, usage: Usage, messages: Sequence[Message]) -> None:
    """Add what a call has cost. An endpoint that counts nothing spends the budget too."""
    outcome.usage += usage
    guessed = estimate_tokens("".join(map(str, messages))) if not usage.prompt_tokens else 0
    outcome.tokens += max(usage.prompt_tokens + usage.completion_tokens, guessed)


def _offer(
    model: ChatModel, tools: Toolbox, speaking: bool, left: int
) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    """What this call may use. A model of blocks writes its sentence without tools, so that words stay words."""
    if model.calls_tools:
        return tools.definitions, max(BLOCK_TOKENS, min(REPLY_TOKENS, left))
    return ((), SENTENCE_TOKENS) if speaking else (tools.definitions[:1], BLOCK_TOKENS)


def _step(
    call: ToolCall, tools: Toolbox, outcome: Outcome, asked: Asked, calls_tools: bool, deadline: Deadline
) -> Generator[Event, None, str]:
    """Run one call and return what the model is told of it."""
    start = time.perf_counter()
    arguments: Mapping[str, Any] = call.arguments
    try:
        arguments = tools.arguments(call)
        if call.name == SQL_QUERY:
            with deadline.paused():
                content = yield from _query(arguments["query"], tools, outcome, asked, calls_tools)
        elif function := tools.functions.get(call.name):
            yield _announce_call(call.name, arguments)
            with deadline.paused():
                ran = yield from execute_verified(call.name, function.fill(arguments), tools, asked.approve)
            content = yield from _take_rows(ran, tools, outcome, calls_tools)
        else:
            yield _announce_call(call.name, arguments)
            content = tools.call(call.name, arguments)
    except ToolError as exc:
        # A correction that cannot run leaves the answer that is there.
        if call.name not in HELPERS and not isinstance(exc, _RepeatedError) and not has_grave(outcome.traps):
            outcome.error = exc
            if isinstance(exc, MissingNameError | GuardError) and exc.missing is not None:
                outcome.missing.append(exc.missing)
        outcome.steps.append(Step(call.name, arguments, False, exc.message, time.perf_counter() - start))
        yield Event(EventKind.RETRY, exc.message)
        return prompts.describe_failure(exc, calls_tools=calls_tools)
    outcome.steps.append(Step(call.name, arguments, True, None, time.perf_counter() - start))
    return content


def _announce_call(name: str, arguments: Mapping[str, Any]) -> Event:
    return Event(EventKind.TOOL, one_line(f"{name}({', '.join(map(str, arguments.values()))})", _CALLED_CHARS))


def _query(
    query: str, tools: Toolbox, outcome: Outcome, asked: Asked, calls_tools: bool
) -> Generator[Event, None, str]:
    if not calls_tools and outcome.ran is None and (lack := prompts.read_lack(query)):
        raise _LackError(lack)
    failure = outcome.failures.get(query)
    if isinstance(failure, MissingNameError | GuardError) and failure.missing is not None:
        raise failure
    if failure is not None:
        raise _RepeatedError("this is the query that failed before", "Write a different one.")
    try:
        ran = yield from execute_query(query, tools, outcome.steps, asked.approve)
    except ToolError as exc:
        outcome.failures[query] = exc
        raise
    return (yield from _take_rows(ran, tools, outcome, calls_tools))


def _take_rows(ran: Ran, tools: Toolbox, outcome: Outcome, calls_tools: bool) -> Generator[Event, None, str]:
    """Take the query's rows as the answer's so far; what the model is told of them."""
    outcome.ran, outcome.error = ran, None
    outcome.hints += [hint for hint in ran.hints if hint not in outcome.hints]
    yield Event(EventKind.ROWS, f"{ran.result.row_count}", result=ran.result)
    found = search_traps(ran, tools)
    outcome.traps, outcome.unchecked = found.traps, found.warning
    content = prompts.rows(digest(ran.result), calls_tools=calls_tools) if ran.result.row_count else prompts.empty()
    untold = [trap for trap in outcome.traps if trap.rule not in outcome.told]
    if not calls_tools:
        # A model of blocks only puts the rows into words: what was changed would be read for nothing.
        return content
    content = prompts.tell_changes(content, tools.lay_out(ran.checked), ran.repairs, ran.hints)
    if not untold:
        return content
    outcome.told.update(trap.rule for trap in untold)
    return f"{content}\n\n{prompts.traps(untold)}"


def _is_to_reconsider(outcome: Outcome, asked: Asked, calls_tools: bool) -> bool:
    """Whether a model that would not see its traps again, or only to put them into words, is shown them once."""
    if outcome.error is not None or RECONSIDER in {step.tool for step in outcome.steps}:
        return False
    return has_grave(outcome.traps) and not (calls_tools and asked.summary)


def _ask_again(
    conversation: Sequence[Message],
    model: ChatModel,
    tools: Toolbox,
    outcome: Outcome,
    asked: Asked,
    deadline: Deadline,
) -> Generator[Event, None, Sequence[Message]]:
    """Ask for a query without the traps, and take it where it has none; the last two messages as they then are."""
    start, first, at = time.perf_counter(), outcome.ran, len(outcome.steps)
    grave = [trap for trap in outcome.traps if trap.changes_figure]
    yield Event(EventKind.TRAP, "; ".join(trap.message for trap in grave))
    shown, messages, taken = list(conversation), conversation[-2:], False
    if not model.calls_tools:
        shown[-1] = model.tool_message("", SQL_QUERY, prompts.reconsider(grave))
    try:
        reply = yield from _reply(shown, model, tools, outcome, asked.budget, deadline, speaking=False)
    except (ModelError, TimeUpError):
        return messages
    call = next((call for call in reply.calls if call.name == SQL_QUERY), None)
    query = call.arguments.get("query") if call is not None else None
    if call is not None and isinstance(query, str):
        # Where the correction cannot run, the answer that is there stays.
        with contextlib.suppress(ToolError, LimitError, Declined), deadline.paused():
            ran = yield from execute_query(query, tools, outcome.steps, asked.approve)
            says_less = is_empty_or_zero(ran.result) and first is not None and not is_empty_or_zero(first.result)
            if not says_less and not has_grave(search_traps(ran, tools).traps):
                content = yield from _take_rows(ran, tools, outcome, model.calls_tools)
                outcome.logprobs = reply.logprobs
                messages, taken = [reply.message, model.tool_message(call.id, call.name, content)], True
    arguments = {"query": query, "traps": [trap.rule for trap in grave], "taken": taken}
    outcome.steps.insert(at, Step(RECONSIDER, arguments, True, None, time.perf_counter() - start))
    return messages


def _wants_more(reply: Reply, outcome: Outcome, asked: Asked) -> bool:
    """Whether further candidates are drawn beside the first query."""
    wanted = asked.candidates
    if wanted.count < 2 or asked.reviewed or [call.name for call in reply.calls] != [SQL_QUERY]:
        return False
    return not wanted.in_doubt or is_doubtful(outcome.ran if outcome.error is None else None)


def _elect_query(
    conversation: Sequence[Message],
    reply: Reply,
    model: ChatModel,
    tools: Toolbox,
    outcome: Outcome,
    asked: Asked,
    deadline: Deadline,
) -> Generator[Event, None, Sequence[Message]]:
    """Draw further candidates; the last two messages as they are when the winner's query had been the first."""
    vote = outcome.vote = Vote()
    vote.add(Candidate(reply, outcome.ran) if outcome.ran is not None and outcome.error is None else None)
    offered, max_tokens = _offer(model, tools, speaking=False, left=asked.budget.tokens - outcome.tokens)
    start = time.perf_counter()
    drawn = model.samples(
        conversation[:-2], offered, count=asked.candidates.count - 1, max_tokens=max_tokens, cancel=deadline
    )
    try:
        with contextlib.closing(drawn):
            usage = yield from elect(vote, drawn, tools, outcome.steps, deadline, asked.approve)
            _count(outcome, usage, [candidate.reply.message for candidate in vote.candidates])
    except (ModelError, TimeUpError):
        if not vote.candidates:
            return conversation[-2:]
    finally:
        outcome.model_seconds += time.perf_counter() - start
    winner = vote.winner
    if winner is None or winner.reply is reply:
        return conversation[-2:]
    call = next(call for call in winner.reply.calls if call.name == SQL_QUERY)
    yield Event(EventKind.SQL, tools.lay_out(winner.ran.checked))
    content = yield from _take_rows(winner.ran, tools, outcome, model.calls_tools)
    outcome.logprobs = winner.reply.logprobs
    return winner.reply.message, model.tool_message(call.id, call.name, content)


def _is_done(outcome: Outcome, asked: Asked, calls_tools: bool) -> bool:
    """Whether another model call is worth nothing: no sentence is wanted, or a model of blocks is out of ideas."""
    if outcome.gave_up:
        return True
    if outcome.ran is not None and outcome.error is None:
        return not asked.summary or (not calls_tools and outcome.ran.result.row_count == 0)
    if calls_tools:
        return False
    tried = [step for step in outcome.steps if step.tool != CANDIDATE]
    failed = [str(step.arguments.get("query")) for step in tried if not step.ok]
    return len(failed) > asked.budget.retries or len(failed) != len(set(failed))


def _is_missing_again(outcome: Outcome, known: int) -> bool:
    """Whether the last reply ended with a name that the data does not have, and that had been asked for before."""
    if not isinstance(outcome.error, MissingNameError | GuardError):
        return False
    before = {_bare(missing.name) for missing in outcome.missing[:known]}
    return any(_bare(missing.name) in before for missing in outcome.missing[known:])


def _bare(name: str) -> str:
    """The name but for case and what separates its words."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _raise_if_spent(outcome: Outcome, budget: Budget, deadline: Deadline) -> None:
    if sum(step.tool != CANDIDATE for step in outcome.steps) >= budget.steps:
        raise _SpentError(
            f"no answer after {budget.steps} steps", "Ask more precisely, or raise limits.steps.", limit="steps"
        )
    if outcome.tokens > budget.tokens:
        text = f"no answer within {budget.tokens:,} tokens"
        raise _SpentError(text, "Ask about fewer things at once, or try another model.", limit="tokens")
    deadline.raise_if_cancelled()

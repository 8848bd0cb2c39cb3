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
from nl2sql.agent.query_execution import (
    ApprovalDeniedError,
    Approver,
    execute_query,
    execute_verified,
    is_empty_or_zero,
)
from nl2sql.agent.result_prompt import write_result_digest
from nl2sql.agent.self_consistency import CANDIDATE, Candidate, Candidates, Vote, elect, is_doubtful
from nl2sql.agent.tools import HELPERS, ClarificationNeededError, ExecutedQuery, Toolbox
from nl2sql.agent.trap_search import has_grave, search_traps
from nl2sql.cancellation import Deadline, TimeUpError
from nl2sql.errors import GuardError, LimitError, MissingNameError, ModelError, QueryError, ToolError
from nl2sql.generators import ReturnCapture
from nl2sql.model.chat import ChatModel
from nl2sql.schema import estimate_tokens
from nl2sql.text_safety import make_one_line
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
    ToolName,
    Trap,
    Usage,
)

# What a tool model may think and write in one reply.
MAX_REPLY_TOKENS: Final = 16_000
MAX_SENTENCE_TOKENS: Final = 120
MAX_BLOCK_TOKENS: Final = 500
RECONSIDER: Final = "reconsider"
_MAX_CALL_CHARS: Final = 300
_CUT_FINISHES: Final = ("cut", "length")


class _SpentError(LimitError):
    """What the question as a whole may use is used up."""


class _RepeatedError(QueryError):
    """A query that has failed already: the error worth reporting is the first one."""


class _LackError(Exception):
    """The model says that the data lacks what was asked for; carries its words."""


@dataclass(frozen=True, slots=True)
class QuestionBudget:
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

    `error` is what stopped the last query; `interruption` says why the model's words are missing though rows are
    there. `was_reminded` says that the model was told of figures without a query, `was_unreadable` of a call that could
    not be read. `shortfall` is the first that its replies tell. `failures` are the errors by their query, `missing`
    the names that the data does not have, as they were asked for; `has_given_up` says that one was asked for again.
    `lack` is what the model says that the data lacks. `hints` tell of texts that are not stored. `traps` are
    those of the query that ran; the model knows the rules in `told_rules`; `unchecked_warning` says which could not be
    checked, and why. `logprobs` are the reply's that held the query. `tokens` are guessed where an endpoint counts
    none.
    """

    text: str = ""
    executed_query: ExecutedQuery | None = None
    declined_sql: CheckedSQL | None = None
    clarification: Clarification | None = None
    error: ToolError | LimitError | None = None
    interruption: str = ""
    was_reminded: bool = False
    was_unreadable: bool = False
    shortfall: ErrorInfo | None = None
    lack: str = ""
    has_given_up: bool = False
    failures: dict[str, ToolError] = field(default_factory=dict)
    missing: list[MissingName] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    vote: Vote | None = None
    traps: tuple[Trap, ...] = ()
    unchecked_warning: str = ""
    told_rules: set[str] = field(default_factory=set)
    logprobs: tuple[float, ...] = ()
    usage: Usage = Usage()
    tokens: int = 0
    model_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentTask:
    """One question: the conversation so far, whether a sentence is wanted, who approves SQL before it runs.

    Where somebody reads each query first (`is_reviewed`), one is written: others would have to run to be compared.
    """

    messages: Sequence[Message]
    summary: bool = True
    approve: Approver = None
    is_reviewed: bool = False
    budget: QuestionBudget = QuestionBudget()
    candidates: Candidates = Candidates()


def run(asked: AgentTask, model: ChatModel, tools: Toolbox, deadline: Deadline) -> Generator[Event, None, Outcome]:
    """Answer one question. Raises DatabaseError, CancelledError, and ModelError where no rows are there yet."""
    conversation = list(asked.messages)
    outcome = Outcome()
    try:
        while True:
            reply = yield from _call_model(conversation, model, tools, outcome, asked.budget, deadline)
            conversation.append(reply.message)
            if reply.is_unreadable:
                conversation.append(_refuse_unreadable(outcome, model.calls_tools))
                continue
            if not reply.calls:
                if _is_made_up(reply, outcome, tools):
                    outcome.was_reminded = True
                    conversation.append({"role": "user", "content": prompts.refuse_figures()})
                    continue
                _finish(reply, outcome, model.calls_tools)
                return outcome
            known = len(outcome.missing)
            for call in map(tools.recognize, reply.calls):
                _raise_if_spent(outcome, asked.budget, deadline)
                before = outcome.executed_query
                content = yield from _run_call(call, tools, outcome, asked, model.calls_tools, deadline)
                outcome.logprobs = reply.logprobs if outcome.executed_query is not before else outcome.logprobs
                conversation.append(model.make_tool_message(call.id, call.name, content))
            outcome.has_given_up = _is_missing_again(outcome, known)
            if len(conversation) == len(asked.messages) + 2 and _should_draw_more(reply, outcome, asked):
                conversation[-2:] = yield from _elect_query(conversation, reply, model, tools, outcome, asked, deadline)
            if _is_to_reconsider(outcome, asked, model.calls_tools):
                conversation[-2:] = yield from _ask_again(conversation, model, tools, outcome, asked, deadline)
            if _is_done(outcome, asked, model.calls_tools):
                return outcome
            _raise_if_spent(outcome, asked.budget, deadline)
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
        if not _has_answer(outcome):
            raise
        outcome.interruption = exc.message
    return outcome


def _finish(reply: Reply, outcome: Outcome, calls_tools: bool) -> None:
    """Take the model's last words, unless they broke off."""
    if not calls_tools and outcome.executed_query is None and (lack := prompts.read_lack(reply.text)):
        outcome.lack = lack
    elif reply.finish in _CUT_FINISHES and _has_answer(outcome):
        outcome.interruption = "its sentence broke off"
    else:
        outcome.text = reply.text


def _is_made_up(reply: Reply, outcome: Outcome, tools: Toolbox) -> bool:
    """Whether the words hold figures though nothing has run, which a model is told once."""
    return not outcome.was_reminded and outcome.executed_query is None and bool(tools.find_unfounded(reply.text))


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
    return outcome.executed_query is not None and outcome.error is None


def _call_model(
    conversation: Sequence[Message],
    model: ChatModel,
    tools: Toolbox,
    outcome: Outcome,
    budget: QuestionBudget,
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
        captured = ReturnCapture(pieces)
        for piece in captured:
            if speaking:
                yield Event(EventKind.TEXT, piece)
        reply = captured.value
    finally:
        pieces.close()
        outcome.model_seconds += time.perf_counter() - start
    _count_usage(outcome, reply.usage, [*conversation, reply.message])
    outcome.shortfall = outcome.shortfall or reply.shortfall
    return reply


def _count_usage(outcome: Outcome, usage: Usage, messages: Sequence[Message]) -> None:
    """Add what a call has cost. An endpoint that counts nothing spends the budget too."""
    outcome.usage += usage
    guessed = estimate_tokens("".join(map(str, messages))) if not usage.prompt_tokens else 0
    outcome.tokens += max(usage.prompt_tokens + usage.completion_tokens, guessed)


def _offer(
    model: ChatModel, tools: Toolbox, speaking: bool, left: int
) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    """What this call may use. A model of blocks writes its sentence without tools, so that words stay words."""
    if model.calls_tools:
        return tools.definitions, max(MAX_BLOCK_TOKENS, min(MAX_REPLY_TOKENS, left))
    return ((), MAX_SENTENCE_TOKENS) if speaking else (tools.definitions[:1], MAX_BLOCK_TOKENS)


def _run_call(
    call: ToolCall, tools: Toolbox, outcome: Outcome, asked: AgentTask, calls_tools: bool, deadline: Deadline
) -> Generator[Event, None, str]:
    """Run one call and return what the model is told of it."""
    start = time.perf_counter()
    arguments: Mapping[str, Any] = call.arguments
    try:
        arguments = tools.check_arguments(call)
        if call.name == ToolName.SQL_QUERY:
            with deadline.pause():
                content = yield from _run_query(arguments["query"], tools, outcome, asked, calls_tools)
        elif function := tools.functions.get(call.name):
            yield _announce_call(call.name, arguments)
            with deadline.pause():
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
    return Event(EventKind.TOOL, make_one_line(f"{name}({', '.join(map(str, arguments.values()))})", _MAX_CALL_CHARS))


def _run_query(
    query: str, tools: Toolbox, outcome: Outcome, asked: AgentTask, calls_tools: bool
) -> Generator[Event, None, str]:
    if not calls_tools and outcome.executed_query is None and (lack := prompts.read_lack(query)):
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


def _take_rows(ran: ExecutedQuery, tools: Toolbox, outcome: Outcome, calls_tools: bool) -> Generator[Event, None, str]:
    """Take the query's rows as the answer's so far; what the model is told of them."""
    outcome.executed_query, outcome.error = ran, None
    outcome.hints += [hint for hint in ran.hints if hint not in outcome.hints]
    yield Event(EventKind.ROWS, f"{ran.result.row_count}", result=ran.result)
    found = search_traps(ran, tools)
    outcome.traps, outcome.unchecked_warning = found.traps, found.warning
    content = (
        prompts.write_rows(write_result_digest(ran.result), calls_tools=calls_tools)
        if ran.result.row_count
        else prompts.write_empty_result()
    )
    untold = [trap for trap in outcome.traps if trap.rule not in outcome.told_rules]
    if not calls_tools:
        # A model of blocks only puts the rows into words: what was changed would be read for nothing.
        return content
    content = prompts.tell_changes(content, tools.lay_out(ran.checked), ran.repairs, ran.hints)
    if not untold:
        return content
    outcome.told_rules.update(trap.rule for trap in untold)
    return f"{content}\n\n{prompts.write_traps(untold)}"


def _is_to_reconsider(outcome: Outcome, asked: AgentTask, calls_tools: bool) -> bool:
    """Whether a model that would not see its traps again, or only to put them into words, is shown them once."""
    if outcome.error is not None or RECONSIDER in {step.tool for step in outcome.steps}:
        return False
    return has_grave(outcome.traps) and not (calls_tools and asked.summary)


def _ask_again(
    conversation: Sequence[Message],
    model: ChatModel,
    tools: Toolbox,
    outcome: Outcome,
    asked: AgentTask,
    deadline: Deadline,
) -> Generator[Event, None, Sequence[Message]]:
    """Ask for a query without the traps, and take it where it has none; the last two messages as they then are."""
    start, first, at = time.perf_counter(), outcome.executed_query, len(outcome.steps)
    grave = [trap for trap in outcome.traps if trap.is_figure_changed]
    yield Event(EventKind.TRAP, "; ".join(trap.message for trap in grave))
    shown, messages, taken = list(conversation), conversation[-2:], False
    if not model.calls_tools:
        shown[-1] = model.make_tool_message("", ToolName.SQL_QUERY, prompts.ask_to_reconsider(grave))
    try:
        reply = yield from _call_model(shown, model, tools, outcome, asked.budget, deadline, speaking=False)
    except (ModelError, TimeUpError):
        return messages
    call = next((call for call in reply.calls if call.name == ToolName.SQL_QUERY), None)
    query = call.arguments.get("query") if call is not None else None
    if call is not None and isinstance(query, str):
        # Where the correction cannot run, the answer that is there stays.
        with contextlib.suppress(ToolError, LimitError, ApprovalDeniedError), deadline.pause():
            ran = yield from execute_query(query, tools, outcome.steps, asked.approve)
            says_less = is_empty_or_zero(ran.result) and first is not None and not is_empty_or_zero(first.result)
            if not says_less and not has_grave(search_traps(ran, tools).traps):
                content = yield from _take_rows(ran, tools, outcome, model.calls_tools)
                outcome.logprobs = reply.logprobs
                messages, taken = [reply.message, model.make_tool_message(call.id, call.name, content)], True
    arguments = {"query": query, "traps": [trap.rule for trap in grave], "taken": taken}
    outcome.steps.insert(at, Step(RECONSIDER, arguments, True, None, time.perf_counter() - start))
    return messages


def _should_draw_more(reply: Reply, outcome: Outcome, asked: AgentTask) -> bool:
    """Whether further candidates are drawn beside the first query."""
    wanted = asked.candidates
    if wanted.count < 2 or asked.is_reviewed or [call.name for call in reply.calls] != [ToolName.SQL_QUERY]:
        return False
    return not wanted.is_only_if_doubtful or is_doubtful(outcome.executed_query if outcome.error is None else None)


def _elect_query(
    conversation: Sequence[Message],
    reply: Reply,
    model: ChatModel,
    tools: Toolbox,
    outcome: Outcome,
    asked: AgentTask,
    deadline: Deadline,
) -> Generator[Event, None, Sequence[Message]]:
    """Draw further candidates; the last two messages as they are when the winner's query had been the first."""
    vote = outcome.vote = Vote()
    vote.add(
        Candidate(reply, outcome.executed_query)
        if outcome.executed_query is not None and outcome.error is None
        else None
    )
    offered, max_tokens = _offer(model, tools, speaking=False, left=asked.budget.tokens - outcome.tokens)
    start = time.perf_counter()
    drawn = model.sample(
        conversation[:-2], offered, count=asked.candidates.count - 1, max_tokens=max_tokens, cancel=deadline
    )
    try:
        with contextlib.closing(drawn):
            usage = yield from elect(vote, drawn, tools, outcome.steps, deadline, asked.approve)
            _count_usage(outcome, usage, [candidate.reply.message for candidate in vote.candidates])
    except (ModelError, TimeUpError):
        if not vote.candidates:
            return conversation[-2:]
    finally:
        outcome.model_seconds += time.perf_counter() - start
    winner = vote.winner
    if winner is None or winner.reply is reply:
        return conversation[-2:]
    call = next(call for call in winner.reply.calls if call.name == ToolName.SQL_QUERY)
    yield Event(EventKind.SQL, tools.lay_out(winner.executed_query.checked))
    content = yield from _take_rows(winner.executed_query, tools, outcome, model.calls_tools)
    outcome.logprobs = winner.reply.logprobs
    return winner.reply.message, model.make_tool_message(call.id, call.name, content)


def _is_done(outcome: Outcome, asked: AgentTask, calls_tools: bool) -> bool:
    """Whether another model call is worth nothing: no sentence is wanted, or a model of blocks is out of ideas."""
    if outcome.has_given_up:
        return True
    if outcome.executed_query is not None and outcome.error is None:
        return not asked.summary or (not calls_tools and outcome.executed_query.result.row_count == 0)
    if calls_tools:
        return False
    tried = [step for step in outcome.steps if step.tool != CANDIDATE]
    failed = [str(step.arguments.get("query")) for step in tried if not step.ok]
    return len(failed) > asked.budget.retries or len(failed) != len(set(failed))


def _is_missing_again(outcome: Outcome, known: int) -> bool:
    """Whether the last reply ended with a name that the data does not have, and that had been asked for before."""
    if not isinstance(outcome.error, MissingNameError | GuardError):
        return False
    before = {_strip_name(missing.name) for missing in outcome.missing[:known]}
    return any(_strip_name(missing.name) in before for missing in outcome.missing[known:])


def _strip_name(name: str) -> str:
    """The name but for case and what separates its words."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _raise_if_spent(outcome: Outcome, budget: QuestionBudget, deadline: Deadline) -> None:
    if sum(step.tool != CANDIDATE for step in outcome.steps) >= budget.steps:
        raise _SpentError(
            f"no answer after {budget.steps} steps", "Ask more precisely, or raise limits.steps.", limit="steps"
        )
    if outcome.tokens > budget.tokens:
        text = f"no answer within {budget.tokens:,} tokens"
        raise _SpentError(text, "Ask about fewer things at once, or try another model.", limit="tokens")
    deadline.raise_if_cancelled()

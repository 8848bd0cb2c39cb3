"""Makes an Answer of how the loop ended: its sentence is checked against the rows, or made by code.

It calls no model. Only for an empty result does it query the data again, where that needs no approval. What there is no
time for is left out, and a warning says so. What needs sqlglot is imported when it is needed: loading it takes longer
than all else here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from nl2sql.agent.outcome import Outcome
from nl2sql.agent.query_execution import is_empty_or_zero
from nl2sql.agent.tools import ExecutedQuery, Toolbox
from nl2sql.answer.confidence import AnswerRecord, assess_answer, describe_untraced_words, is_too_doubtful
from nl2sql.answer.display import choose_formats, find_keys
from nl2sql.answer.fallback_sentences import (
    describe_empty_result,
    describe_missing,
    describe_rows,
    find_unmatched_filters,
)
from nl2sql.answer.grounding import Evidence, check_numbers, drop_unnamed_currencies
from nl2sql.answer.result_notes import list_cuts
from nl2sql.cancellation import Deadline
from nl2sql.errors import GuardError, LimitError, MissingNameError, QueryError, ToolError
from nl2sql.types import Answer, CheckedSQL, ErrorInfo, Grounding, RepairKind, Result, Status, UntracedWord

MAX_SENTENCE_CHARS: Final = 4_000
_MIN_PROBE_SECONDS: Final = 0.1
_MAX_SHOWN_FIGURES: Final = 8
_DATED: Final = re.compile(r"(?:19|20)\d\d|current_|\b(?:now|today)\b", re.I)
_BLOCK: Final = re.compile(r"(?:```|~~~).*?(?:```|~~~|\Z)", re.DOTALL)
# `Select` and `With` begin a sentence.
_BARE_SQL: Final = re.compile(r"(?:SELECT|select|WITH|with)\b.*\b(?:FROM|from)\b", re.DOTALL)
_SENTENCE_END: Final = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_WORD: Final = re.compile(r"[^\W\d_]{2}")
_NO_QUERY: Final = "No query was run, so there are no figures to answer with: ask again, or more precisely."


class AnswerBuilder:
    """Makes the Answer of one question out of how the loop ended, without times and session."""

    def __init__(
        self, outcome: Outcome, tools: Toolbox, deadline: Deadline, *, omitted_count: int = 0, explain: bool = True
    ) -> None:
        """Take what is known of the question.

        After `deadline` no further query runs. `omitted_count` counts the tables that the model was not shown.
        `explain` says whether the reading of the SQL is wanted.
        """
        self._outcome = outcome
        self._tools = tools
        self._time = _TimeBudget(deadline)
        self._omitted_count = omitted_count
        self._explains = explain

    def build(self) -> Answer:
        """Return the Answer.

        Raises:
            CancelledError: the deadline is cancelled.
        """
        outcome, tools = self._outcome, self._tools
        answer = Answer(
            id=uuid.uuid4().hex[:12],
            question=tools.question,
            status=Status.ANSWERED,
            text=_shorten(_strip_blocks(outcome.text)),
            steps=tuple(outcome.steps),
            usage=outcome.usage,
            warnings=(outcome.shortfall.message,) if outcome.shortfall else (),
        )
        if outcome.clarification is not None:
            text = outcome.clarification.question
            return replace(answer, status=Status.CLARIFY, clarification=outcome.clarification, text=text)
        if outcome.declined_sql is not None:
            reading = self._explain(outcome.declined_sql)
            warnings = (*answer.warnings, *self._time.warnings)
            return replace(answer, text="", sql=tools.lay_out(outcome.declined_sql), reading=reading, warnings=warnings)
        if outcome.shortfall is not None and not outcome.has_answer:
            # The model has not seen the data: its words about it are worthless.
            return replace(answer, status=Status.FAILED, text="", error=outcome.shortfall)
        if isinstance(outcome.error, MissingNameError):
            text = f"This cannot be answered from the data: {describe_missing(outcome.error.missing)}."
            return replace(answer, status=Status.ABSTAINED, text=text)
        gave_words = outcome.executed_query is None and bool(answer.text or outcome.lack)
        if outcome.error is not None and not (gave_words and isinstance(outcome.error, QueryError)):
            return _conclude_with_error(answer, outcome.error)
        if outcome.executed_query is None:
            return self._conclude_without_rows(answer)
        return self._conclude_with_rows(answer, outcome.executed_query)

    def _conclude_without_rows(self, answer: Answer) -> Answer:
        """Return the model's words where no query ran, without the sentences whose figures rest on nothing."""
        lack, tools = self._outcome.lack, self._tools
        words = (
            f"This cannot be answered from the data. The model says what is missing: {lack}" if lack else answer.text
        )
        answer = replace(answer, status=Status.ABSTAINED, text=words)
        if not answer.text:
            return replace(answer, text="The model wrote neither SQL nor an answer: ask again, or more precisely.")
        unfounded = tools.find_unfounded(answer.text)
        if not unfounded:
            return answer
        figures = ", ".join(unfounded[:_MAX_SHOWN_FIGURES])
        founded = [sentence for sentence in _SENTENCE_END.split(answer.text) if not tools.find_unfounded(sentence)]
        text = " ".join(founded) if any(_WORD.search(sentence) for sentence in founded) else _NO_QUERY
        warning = f"no query ran: what the model said with figures of its own was left out ({figures})"
        return replace(answer, text=text, warnings=(*answer.warnings, warning))

    def _conclude_with_rows(self, answer: Answer, ran: ExecutedQuery) -> Answer:
        outcome, tools = self._outcome, self._tools
        sql, result = ran.checked.sql, ran.result
        warnings = self._list_warnings(ran)
        untraced = () if ran.verified_query else tools.trace_words(ran.checked)
        evidence = Evidence(result, answer.question, sql, tools.today)
        text, stated, changes = self._check_sentence(answer.text, ran, evidence)
        grounding: Grounding | None = stated
        if result.row_count and (not text or stated.unsupported):
            text, grounding = self._write_sentence(ran, evidence)
        confidence = assess_answer(self._gather_record(answer, ran, stated, untraced))
        answer = replace(
            answer,
            text=text,
            sql=tools.lay_out(ran.checked),
            reading=(*self._explain(ran.checked), *describe_untraced_words(untraced)) if self._explains else (),
            result=result,
            grounding=grounding,
            confidence=confidence,
            chart=_draw(sql, result, tools) if self._time.has_time_for("chart") else None,
            verified_query=ran.verified_query,
            traps=outcome.traps,
            warnings=(*answer.warnings, *warnings, *changes, *self._time.warnings),
            repairs=ran.repairs,
        )
        return _withhold_rows(answer) if is_too_doubtful(confidence) and result.row_count else answer

    def _gather_record(
        self, answer: Answer, ran: ExecutedQuery, stated: Grounding, untraced: Sequence[UntracedWord]
    ) -> AnswerRecord:
        """Gather what confidence is measured by."""
        outcome = self._outcome
        return AnswerRecord(
            ran.result,
            answer.steps,
            stated,
            outcome.logprobs,
            outcome.vote.count_agreeing(ran) if outcome.vote else None,
            ran.repairs,
            outcome.traps,
            untraced,
            self._omitted_count,
            ran.verified_query,
            bool(outcome.interruption),
            outcome.shortfall is not None,
            len(list(self._tools.find_doubts(ran.checked.sql))),
        )

    def _list_warnings(self, ran: ExecutedQuery) -> list[str]:
        """Say what to know of the rows: what was cut, changed, missing, or means something else than it seems."""
        outcome, tools, result = self._outcome, self._tools, ran.result
        warnings = list_cuts(result.row_count, result.truncated, result.cut_cells)
        warnings += [
            f"the query was changed: {repair.text}" for repair in ran.repairs if repair.kind is not RepairKind.EXACT
        ]
        warnings += [hint if hint in ran.hints else f"an earlier query found nothing: {hint}" for hint in outcome.hints]
        warnings += [
            f"{describe_missing(missing)}: the answer goes by what is there"
            for missing in dict.fromkeys(outcome.missing)
            if not missing.holders
        ]
        if ran.verified_query is None and self._time.deadline.has_time():
            warnings += _check_dates(ran.checked.sql, tools, is_empty_or_zero(result))
        warnings += tools.find_doubts(ran.checked.sql)
        warnings += [trap.message for trap in outcome.traps]
        warnings += [outcome.unchecked_warning] if outcome.unchecked_warning else []
        if outcome.interruption:
            warnings.append(f"the model did not finish: {outcome.interruption}")
        return warnings

    def _check_sentence(self, text: str, ran: ExecutedQuery, evidence: Evidence) -> tuple[str, Grounding, list[str]]:
        """Return the model's sentence as far as it may stay, what it rests on, and what was changed."""
        result, tools, stated, changes = ran.result, self._tools, Grounding(0, 0), list[str]()
        if result.row_count == 0:
            return self._describe_empty(ran), stated, changes
        if text and not self._time.has_time_for("sentence of the model's"):
            text = ""
        elif text:
            bare = drop_unnamed_currencies(text, evidence)
            if bare != text:
                changes.append("the model's sentence put a currency to figures; nothing names one, so it was left out")
            text = bare
            stated = check_numbers(text, evidence, knows=tools.has_name, find_stored=tools.find_stored)
        if stated.unsupported:
            figures = ", ".join(stated.unsupported[:_MAX_SHOWN_FIGURES])
            changes.append(f"the model's sentence was replaced: the rows don't bear out {figures}")
        return text, stated, changes

    def _describe_empty(self, ran: ExecutedQuery) -> str:
        """Say that no row came, and which condition matches nothing where that may be looked up."""
        if not self._tools.is_lookup_allowed:
            return describe_empty_result(())
        return describe_empty_result(find_unmatched_filters(ran.checked.sql, self._tools.dialect, self._has_rows))

    def _write_sentence(self, ran: ExecutedQuery, evidence: Evidence) -> tuple[str, Grounding | None]:
        """Return a sentence that code makes of the rows, and what its figures rest on where there is time to look."""
        tools, result = self._tools, ran.result
        formats = choose_formats(result, sql=ran.checked.sql, keys=find_keys(tools.schema))
        text = describe_rows(result, [replace(one, notation=tools.notation) for one in formats])
        if not self._time.has_time_for("check of the figures"):
            return text, None
        return text, _ground(describe_rows(result, formats), result, evidence)

    def _explain(self, checked: CheckedSQL) -> tuple[str, ...]:
        """Say what the query does, in words, where that is wanted and there is time for it."""
        if not self._explains or not self._time.has_time_for("explanation of the SQL"):
            return ()
        return self._tools.explain_sql(checked)

    def _has_rows(self, probe: str) -> bool:
        """Return whether a probing query gives a row; True for one that cannot run, or not in time."""
        if not self._time.has_time_for("reason why nothing matched"):
            return True
        limits = self._tools.limits
        seconds = min(limits.seconds, max(self._time.deadline.seconds_left, _MIN_PROBE_SECONDS))
        try:
            return self._tools.look_up(probe, replace(limits, rows=1, seconds=seconds)).row_count > 0
        except (ToolError, LimitError):
            return True


def warn_of_time(parts: Sequence[str]) -> str:
    """Return the warning that names what there was no time for."""
    return f"the time for the question was over, and with it there is no {', no '.join(parts)}"


def _shorten(text: str) -> str:
    """Return the model's words, cut to a bounded length."""
    return text if len(text) <= MAX_SENTENCE_CHARS else text[: MAX_SENTENCE_CHARS - 1] + "…"


def _strip_blocks(text: str) -> str:
    """Return the model's words, without the SQL and the blocks of results that it wrote into them."""
    text = _BLOCK.sub("", text).strip()
    return "" if not text.strip("` \n\tsql") or _BARE_SQL.match(text) else text


def _draw(sql: str, result: Result, tools: Toolbox) -> Mapping[str, Any] | None:
    """Return the most helpful chart of the rows as a Vega-Lite spec; None where none helps."""
    from nl2sql.charts.drawing import draw_chart

    return draw_chart(result, sql=sql, schema=tools.schema).spec


def _withhold_rows(answer: Answer) -> Answer:
    """Return the Answer without the rows of a query that is most likely wrong; its SQL stays."""
    reasons = answer.confidence.reasons if answer.confidence else ()
    why = f" ({'; '.join(reasons)})" if reasons else ""
    text = f"I don't know. The query below ran, but is most likely not what was asked for{why}. Ask in other words."
    return replace(answer, status=Status.ABSTAINED, text=text, result=None, grounding=None, chart=None)


def _check_dates(sql: str, tools: Toolbox, finds_nothing: bool) -> list[str]:
    """Return warnings about the days that the query looks at."""
    if not _DATED.search(sql):
        return []
    from nl2sql.answer.time_span import describe_end, describe_unnamed, find_bounds, find_clock_columns

    bounds, clocked = find_bounds(sql, tools.dialect), find_clock_columns(sql, tools.dialect)
    wording = " ".join([tools.question, tools.earlier_turns, *tools.context.rules, *tools.context.metrics.values()])
    found = [describe_unnamed(bounds, wording, tools.today, tools.schema)]
    if finds_nothing:
        found.append(describe_end(bounds, clocked, tools.today, tools.schema))
    if clocked and tools.context.today:
        found.append(
            f"the SQL takes the engine's date, not {tools.today.isoformat()}, which the settings have as today"
        )
    return [warning for warning in found if warning]


def _ground(text: str, result: Result, evidence: Evidence) -> Grounding:
    """Return the grounding of a sentence that code made, whose figures are the cells themselves."""
    found = check_numbers(text, evidence)
    # What the cells hold may read like another notation.
    return replace(found, numbers=found.supported, unsupported=())


class _TimeBudget:
    """Says whether there is time for a part of the answer, and remembers the parts that there was none for."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self._missing: dict[str, None] = {}

    def has_time_for(self, part: str) -> bool:
        if not self.deadline.has_time():
            self._missing[part] = None
        return part not in self._missing

    @property
    def warnings(self) -> tuple[str, ...]:
        return (warn_of_time(list(self._missing)),) if self._missing else ()


def _conclude_with_error(answer: Answer, error: ToolError | LimitError) -> Answer:
    rule = error.rule if isinstance(error, GuardError) else None
    status = Status.REFUSED if isinstance(error, GuardError) else Status.FAILED
    return replace(answer, status=status, text="", error=ErrorInfo(error.code, error.message, error.hint, rule))

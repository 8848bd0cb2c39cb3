"""From how the loop ended to an Answer: the sentence checked against the rows, or made by code.

It calls no model; only an empty result makes it look at the data once more, where that may be done unasked. What there
is no time for is left out, and said. What needs sqlglot is imported when it is needed: loading it takes longer than all
else here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nl2sql.agent.loop import Outcome
from nl2sql.agent.tools import Ran, Toolbox
from nl2sql.answer.as_json import cut_warnings
from nl2sql.answer.chart import chart
from nl2sql.answer.confidence import assess
from nl2sql.answer.grounding import Evidence, check_numbers, without_unnamed_currencies
from nl2sql.answer.sentence import describe_missing, of_nothing, of_rows
from nl2sql.cancel import Deadline
from nl2sql.errors import GuardError, LimitError, MissingNameError, QueryError, ToolError
from nl2sql.types import Answer, ErrorInfo, Grounding, RepairKind, Status

_FIGURE: Final = re.compile(r"\d+")

SENTENCE_CHARS: Final = 4_000
_SHORTEST_PROBE: Final = 0.1


def conclude(question: str, outcome: Outcome, tools: Toolbox, dialect: str, left_out: int, ending: Deadline) -> Answer:
    """The Answer, without reading, times and session. `left_out` counts the tables that the model was not shown.

    After `ending` nothing more is looked at. CancelledError once that is cancelled.
    """
    answer = Answer(
        id=uuid.uuid4().hex[:12],
        question=question,
        status=Status.ANSWERED,
        text="" if not outcome.text.strip("` \n\tsql") else _short(outcome.text.strip()),
        steps=tuple(outcome.steps),
        usage=outcome.usage,
    )
    if outcome.clarification is not None:
        text = outcome.clarification.question
        return replace(answer, status=Status.CLARIFY, clarification=outcome.clarification, text=text)
    if outcome.declined is not None:
        return replace(answer, text="", sql=outcome.declined.sql)
    if isinstance(outcome.error, MissingNameError):
        text = f"This cannot be answered from the data: {describe_missing(outcome.error.missing)}."
        return replace(answer, status=Status.ABSTAINED, text=text)
    gave_words = outcome.ran is None and bool(answer.text or outcome.lacks)
    if outcome.error is not None and not (gave_words and isinstance(outcome.error, QueryError)):
        return _failed(answer, outcome.error)
    if outcome.ran is None:
        return replace(answer, status=Status.ABSTAINED, text=_abstention(answer, outcome.lacks))
    return _with_rows(answer, outcome, outcome.ran, tools, dialect, left_out, ending)


def warn_of_time(parts: Sequence[str]) -> str:
    """The warning that names what there was no time for."""
    return f"the time for the question was over, and with it there is no {', no '.join(parts)}"


def _short(text: str) -> str:
    """The model's words, cut where nobody would read on."""
    return text if len(text) <= SENTENCE_CHARS else text[: SENTENCE_CHARS - 1] + "…"


def _with_rows(
    answer: Answer, outcome: Outcome, ran: Ran, tools: Toolbox, dialect: str, left_out: int, ending: Deadline
) -> Answer:
    time = _Time(ending)
    sql, result = ran.checked.sql, ran.result
    warnings = cut_warnings(result.row_count, result.truncated, result.cut_cells)
    warnings += [
        f"the query was changed: {repair.text}" for repair in ran.repairs if repair.kind is not RepairKind.EXACT
    ]
    warnings += outcome.hints
    warnings += [
        f"{describe_missing(missing)}: the answer goes by what is there"
        for missing in dict.fromkeys(outcome.missing)
        if not missing.holders
    ]
    text, stated = answer.text, Grounding(0, 0)
    evidence = Evidence(result, answer.question, sql)
    if outcome.unfinished:
        warnings.append(f"the model did not finish: {outcome.unfinished}")
    if result.row_count == 0:
        from nl2sql.answer.empty import unmatched_filters

        text = of_nothing(
            unmatched_filters(sql, dialect, lambda probe: _has_rows(probe, tools, time)) if tools.looks_up else ()
        )
    elif text and not time.allows("sentence of the model's"):
        text = ""
    elif text:
        bare = without_unnamed_currencies(text, result, evidence=evidence)
        if bare != text:
            warnings.append("the model's sentence put a currency to figures; nothing names one, so it was left out")
        text = bare
        stated = check_numbers(text, result, evidence=evidence)
    if stated.unsupported:
        figures = ", ".join(stated.unsupported)
        warnings.append(f"the model's sentence was replaced: the rows don't bear out {figures}")
    if result.row_count and (not text or stated.unsupported):
        text = of_rows(result)
    return replace(
        answer,
        text=text,
        sql=sql,
        result=result,
        grounding=check_numbers(text, result, evidence=evidence) if time.allows("check of the figures") else None,
        confidence=assess(
            result,
            answer.steps,
            stated,
            left_out,
            outcome.vote.agreeing if outcome.vote else None,
            ran.verified,
            ran.repairs,
        ),
        chart=chart(result) if time.allows("chart") else None,
        verified_query=ran.verified,
        warnings=(*warnings, *time.warnings),
        repairs=ran.repairs,
    )


def _abstention(answer: Answer, lacks: str) -> str:
    """What to say where no query ran: the model's words, but for such as hold figures, which no rows bear out."""
    words = f"This cannot be answered from the data. The model says what is missing: {lacks}" if lacks else answer.text
    if not words:
        return "The model wrote neither SQL nor an answer: ask again, or more precisely."
    if set(_FIGURE.findall(words)) - set(_FIGURE.findall(answer.question)):
        return "The model answered with figures and ran no query, so its words are not shown: ask again."
    return words


class _Time:
    """Whether there is time for a part of the answer; it keeps what there was none for."""

    def __init__(self, ending: Deadline) -> None:
        self.ending = ending
        self._missing: dict[str, None] = {}

    def allows(self, part: str) -> bool:
        if not self.ending.has_time():
            self._missing[part] = None
        return part not in self._missing

    @property
    def warnings(self) -> tuple[str, ...]:
        return (warn_of_time(list(self._missing)),) if self._missing else ()


def _has_rows(probe: str, tools: Toolbox, time: _Time) -> bool:
    """Whether a probing query gives a row; a probe that cannot run, or not in time, blames nothing."""
    if not time.allows("reason why nothing matched"):
        return True
    seconds = min(tools.limits.seconds, max(time.ending.left, _SHORTEST_PROBE))
    try:
        return tools.look_up(probe, replace(tools.limits, rows=1, seconds=seconds)).row_count > 0
    except (ToolError, LimitError):
        return True


def _failed(answer: Answer, error: ToolError | LimitError) -> Answer:
    rule = error.rule if isinstance(error, GuardError) else None
    status = Status.REFUSED if isinstance(error, GuardError) else Status.FAILED
    return replace(answer, status=status, text="", error=ErrorInfo(error.code, error.message, error.hint, rule))

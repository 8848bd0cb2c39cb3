"""From how the loop ended to an Answer: the sentence checked against the rows, or made by code.

It calls no model; only an empty result makes it look at the data once more. What needs sqlglot is imported when it
is needed: loading it takes longer than all else here.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Final

from nl2sql.agent.loop import Outcome
from nl2sql.agent.tools import Ran, Toolbox
from nl2sql.answer.as_json import cut_warnings
from nl2sql.answer.chart import chart
from nl2sql.answer.confidence import assess
from nl2sql.answer.grounding import check_numbers, without_unnamed_currencies
from nl2sql.answer.sentence import describe_missing, of_nothing, of_rows
from nl2sql.errors import GuardError, LimitError, MissingNameError, QueryError, ToolError
from nl2sql.types import Answer, ErrorInfo, Grounding, RepairKind, Status

_FIGURE: Final = re.compile(r"\d+")


def conclude(question: str, outcome: Outcome, tools: Toolbox, dialect: str, left_out: int) -> Answer:
    """The Answer, without reading, times and session. `left_out` counts the tables that the model was not shown."""
    answer = Answer(
        id=uuid.uuid4().hex[:12],
        question=question,
        status=Status.ANSWERED,
        text="" if not outcome.text.strip("` \n\tsql") else outcome.text.strip(),
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
    return _with_rows(answer, outcome, outcome.ran, tools, dialect, left_out)


def _with_rows(answer: Answer, outcome: Outcome, ran: Ran, tools: Toolbox, dialect: str, left_out: int) -> Answer:
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
    if outcome.unfinished:
        warnings.append(f"the model did not finish: {outcome.unfinished}")
    if result.row_count == 0:
        from nl2sql.answer.empty import unmatched_filters

        text = of_nothing(unmatched_filters(sql, dialect, lambda probe: _has_rows(probe, tools)))
    elif text:
        bare = without_unnamed_currencies(text, result, answer.question, sql)
        if bare != text:
            warnings.append("the model's sentence put a currency to figures; nothing names one, so it was left out")
        text = bare
        stated = check_numbers(text, result, answer.question, sql)
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
        grounding=check_numbers(text, result, answer.question, sql),
        confidence=assess(
            result,
            answer.steps,
            stated,
            left_out,
            outcome.vote.agreeing if outcome.vote else None,
            ran.verified,
            ran.repairs,
        ),
        chart=chart(result),
        verified_query=ran.verified,
        warnings=tuple(warnings),
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


def _has_rows(probe: str, tools: Toolbox) -> bool:
    """Whether a probing query gives a row; a probe that cannot run blames nothing."""
    try:
        return tools.run(tools.check(probe), replace(tools.limits, rows=1)).row_count > 0
    except (ToolError, LimitError):
        return True


def _failed(answer: Answer, error: ToolError | LimitError) -> Answer:
    rule = error.rule if isinstance(error, GuardError) else None
    status = Status.REFUSED if isinstance(error, GuardError) else Status.FAILED
    return replace(answer, status=status, text="", error=ErrorInfo(error.code, error.message, error.hint, rule))

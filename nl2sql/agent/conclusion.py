"""From how the loop ended to an Answer: the sentence checked against the rows, or made by code.

It calls no model; only an empty result makes it look at the data once more. What needs sqlglot is imported when it
is needed: loading it takes longer than all else here.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from nl2sql.agent.loop import Outcome
from nl2sql.agent.running import is_respelled
from nl2sql.agent.tools import Ran, Toolbox
from nl2sql.answer.as_json import cut_warnings
from nl2sql.answer.chart import chart
from nl2sql.answer.confidence import assess, say_untraced
from nl2sql.answer.grounding import check_numbers, without_unnamed_currencies
from nl2sql.answer.sentence import of_nothing, of_rows
from nl2sql.errors import GuardError, LimitError, ToolError
from nl2sql.types import Answer, ErrorInfo, Grounding, Status


def conclude(question: str, outcome: Outcome, tools: Toolbox, dialect: str, left_out: int) -> Answer:
    """The Answer, without times and session. `left_out` counts the tables that the model was not shown."""
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
        reading = tools.read(outcome.declined)
        return replace(answer, text="", sql=tools.lay_out(outcome.declined), reading=reading)
    if outcome.error is not None:
        return _failed(answer, outcome.error)
    if outcome.ran is None:
        return replace(
            answer,
            status=Status.ABSTAINED,
            text=answer.text or "The model wrote neither SQL nor an answer: ask again, or more precisely.",
        )
    return _with_rows(answer, outcome, outcome.ran, tools, dialect, left_out)


def _with_rows(answer: Answer, outcome: Outcome, ran: Ran, tools: Toolbox, dialect: str, left_out: int) -> Answer:
    sql, result = ran.checked.sql, ran.result
    warnings = cut_warnings(result.row_count, result.truncated, result.cut_cells)
    warnings += [
        f"{step.arguments['error']} at first: {step.arguments['mends']}" for step in answer.steps if is_respelled(step)
    ]
    warnings += [trap.message for trap in outcome.traps]
    text, stated = answer.text, Grounding(0, 0)
    untraced = () if ran.verified else tools.trace(ran.checked)
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
        sql=tools.lay_out(ran.checked),
        reading=(*tools.read(ran.checked), *say_untraced(untraced)),
        result=result,
        grounding=check_numbers(text, result, answer.question, sql),
        confidence=assess(
            result,
            answer.steps,
            stated,
            left_out,
            outcome.vote.agreeing if outcome.vote else None,
            ran.verified,
            outcome.traps,
            untraced,
        ),
        chart=chart(result),
        verified_query=ran.verified,
        warnings=tuple(warnings),
        traps=outcome.traps,
    )


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

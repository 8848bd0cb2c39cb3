"""Ask every question of an evaluation and judge its answer: a generator of cases.

An error in one question becomes its case, and the others are still asked. The assistant is given the question and its
evidence; the gold goes to the scorer, after the answer. It prints nothing and writes no file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from nl2sql.cancellation import CancelToken
from nl2sql.errors import BugError, CancelledError, GuardError, NL2SQLError
from nl2sql.evals import recording_model, scorer, ties
from nl2sql.evals.eval_case import Case, make_preview
from nl2sql.evals.example_file import EvalExample, GoldQuery, Question
from nl2sql.evals.recording_model import ModelRecorder
from nl2sql.exports.answer_json import make_answer_object
from nl2sql.types import Answer, Limits, Result, Status

if TYPE_CHECKING:
    from nl2sql.assistant import Assistant
    from nl2sql.model.chat import ChatModel

# Results are judged whole: one that is cut says nothing about its other rows.
JUDGED_ROWS: Final = 100_000
_TIMEOUT_RATIO: Final = 0.95
_TIED: Final = "right in another order of rows that tie by the gold's ORDER BY"
# The exceptions of bugs in this program: they fail one question, and the others are still asked.
_BUGS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

OpenDatabase = Callable[[str, "ChatModel"], "Assistant"]


def run_examples(
    examples: Sequence[EvalExample], open_database: OpenDatabase, model: ChatModel, cancel: CancelToken | None = None
) -> Generator[Case, None, None]:
    """Yield every example's case, in order. Consecutive examples of one database open it once.

    `open_database(name, model)` returns an Assistant with that model, which stays open.

    Raises:
        CancelledError: once `cancel` is set.
    """
    for name, group in groupby(examples, key=lambda example: example.question.db):
        recorded = ModelRecorder(model)
        opened = _open_database(name, open_database, recorded)
        if isinstance(opened, NL2SQLError):
            problem = _format_problem("the database cannot be read", opened)
            yield from (replace(_make_blank_case(example), status="failed", problem=problem) for example in group)
            continue
        with opened as assistant:
            for example in group:
                yield _run_example(example, assistant, recorded, cancel)


def _open_database(name: str, open_database: OpenDatabase, model: ChatModel) -> Assistant | NL2SQLError:
    """Return the database, introspected so that no question's time includes that; or the error that prevents it."""
    try:
        assistant = open_database(name, model)
    except CancelledError:
        raise
    except NL2SQLError as exc:
        return exc
    try:
        _ = assistant.schema
    except CancelledError:
        assistant.close()
        raise
    except NL2SQLError as exc:
        assistant.close()
        return exc
    return assistant


def _make_blank_case(example: EvalExample) -> Case:
    question = example.question
    return Case(
        id=question.id,
        db=question.db,
        question=question.text,
        gold_sql=example.gold.sql,
        evidence=question.evidence,
        difficulty=question.difficulty,
        source=question.source,
    )


def _run_example(example: EvalExample, assistant: Assistant, model: ModelRecorder, cancel: CancelToken | None) -> Case:
    model.exchanges.clear()
    answer = _ask(example.question, assistant, cancel)
    case = replace(
        _make_blank_case(example),
        calls=recording_model.make_call_records(model.exchanges),
        prompt=recording_model.find_system_prompt(model.exchanges),
    )
    result: Result | None = None
    if isinstance(answer, Answer):
        result = answer.result
        case = _add_answer(case, answer, assistant.config.limits)
    else:
        case = replace(case, status="failed", reason="error", error=answer)
    return _judge(case, result, example.gold, assistant, cancel)


def _ask(question: Question, assistant: Assistant, cancel: CancelToken | None) -> Answer | Mapping[str, Any]:
    """Return the assistant's answer, or the error that prevented one."""
    try:
        return assistant.ask(question.text_with_hint, summary=False, explain=False, cancel=cancel)
    except CancelledError:
        raise
    except NL2SQLError as exc:
        return _make_error(exc.code, exc.message, exc.hint)
    except _BUGS as exc:
        return _make_error(BugError.code, f"{type(exc).__name__}: {exc}", "This is a bug in nl2sql: please report it.")


def _make_error(code: str, message: str, hint: str) -> dict[str, Any]:
    return {"code": code, "rule": None, "message": message, "hint": hint or None}


def _add_answer(case: Case, answer: Answer, limits: Limits) -> Case:
    shown = make_answer_object(replace(answer, result=None))
    tried = [str(step.arguments["query"]) for step in answer.steps if "query" in step.arguments]
    return replace(
        case,
        status=answer.status.value,
        sql=answer.sql or (tried[-1] if tried else None),
        reason=_find_failure_reason(answer, limits),
        detail=None if answer.result else answer.text or None,
        error=shown["error"],
        confidence=shown["confidence"],
        signs=dict(answer.confidence.signs) if answer.confidence else {},
        rows=make_preview(answer.result) if answer.result else None,
        repairs=tuple(shown["repairs"]),
        steps=tuple(shown["steps"]),
        usage=shown["usage"],
        seconds=shown["seconds"],
    )


def _find_failure_reason(answer: Answer, limits: Limits) -> str | None:
    """Return why there are no rows to judge, or None where there are."""
    if answer.status is Status.REFUSED:
        return "refused"
    if answer.error is not None:
        return "timeout" if _is_timeout(answer, limits) else "error"
    return "no_sql" if answer.result is None else None


def _is_timeout(answer: Answer, limits: Limits) -> bool:
    longest = max(answer.seconds.database, answer.seconds.guard * 2)
    return answer.error is not None and answer.error.code == "limit" and longest >= limits.seconds * _TIMEOUT_RATIO


def _judge(
    case: Case, result: Result | None, gold: GoldQuery, assistant: Assistant, cancel: CancelToken | None
) -> Case:
    """Return the case with both verdicts, or with a problem where the gold gives nothing to judge by."""
    limits = replace(assistant.config.limits, rows=JUDGED_ROWS)
    try:
        gold_result = assistant.run(gold.sql, limits=limits, cancel=cancel)
    except CancelledError:
        raise
    except GuardError as exc:
        return replace(case, problem=_format_problem(f"the gold SQL is refused ({exc.rule})", exc))
    except NL2SQLError as exc:
        return replace(case, problem=_format_problem("the gold SQL fails", exc))
    case = replace(case, gold_rows=make_preview(gold_result))
    if gold_result.truncated:
        return replace(case, problem=f"the gold SQL gives more than {JUDGED_ROWS:,} rows")
    if result is None:
        return replace(case, strict=False, lenient=False)
    ordered = scorer.has_top_level_order(gold.sql) if gold.ordered is None else gold.ordered
    rows, gold_rows = result.rows, gold_result.rows
    verdict = scorer.score_result(rows, gold_rows, ordered=ordered)
    detail = None
    if not verdict.strict:
        for tied_rows, groups in _list_orders(gold.sql, gold_rows, assistant, limits, cancel):
            found = scorer.score_result(rows, tied_rows, ordered=ordered, groups=groups)
            if found.strict or (found.lenient and not verdict.lenient):
                verdict, detail = replace(found, is_tied=True), _TIED
            if found.strict:
                break
    if ordered and not verdict.is_tied and not verdict.strict and scorer.score_result(rows, gold_rows).strict:
        detail = "the rows are right, their order is not"
    return replace(
        case,
        strict=verdict.strict,
        lenient=verdict.lenient,
        reason=verdict.reason,
        tied=verdict.is_tied,
        detail=detail,
    )


def _list_orders(
    gold_sql: str, gold_rows: list[tuple[Any, ...]], assistant: Assistant, limits: Limits, cancel: CancelToken | None
) -> Iterator[tuple[list[tuple[Any, ...]], tuple[ties.TieGroup, ...]]]:
    """Yield the gold's rows for each order of its ties that is tried, and the ties that remain at its end."""
    for sql in (gold_sql, *ties.write_variants(gold_sql)):
        rows = gold_rows if sql is gold_sql else _run_variant(sql, assistant, limits, cancel)
        query = ties.write_tie_query(sql)
        ranked = _run_variant(query.sql, assistant, limits, cancel) if query else None
        if rows is not None:
            yield rows, ties.list_groups(ranked, query) if query and ranked else ()


def _run_variant(
    sql: str, assistant: Assistant, limits: Limits, cancel: CancelToken | None
) -> list[tuple[Any, ...]] | None:
    """Return the rows of a query made from the gold; None where it fails or has too many."""
    try:
        result = assistant.run(sql, limits=limits, cancel=cancel)
    except CancelledError:
        raise
    except NL2SQLError:
        return None
    return None if result.truncated else result.rows


def _format_problem(what: str, error: NL2SQLError) -> str:
    return f"{what}: {error.message}"

"""Write an Answer as the JSON object of `ask -o json`: every field is present, and null where it does not apply.

It returns values that JSON can hold, and writes no file.
"""

from __future__ import annotations

from typing import Any

from nl2sql.answer.result_notes import list_cuts
from nl2sql.exports.json_columns import encode_rows
from nl2sql.types import Answer, ErrorInfo, Result, Step, Usage, make_unique_names


def make_answer_object(answer: Answer) -> dict[str, Any]:
    """Return every field of `ask -o json`, in its order."""
    return {
        "id": answer.id or None,
        "question": answer.question,
        "status": answer.status.value,
        "answer": answer.text or None,
        "sql": answer.sql,
        **_make_rows_fields(answer.result),
        "confidence": _make_confidence_object(answer),
        "grounding": _make_grounding_object(answer),
        "reading": list(answer.reading) or None,
        "warnings": list(answer.warnings),
        "repairs": [
            {"rule": repair.rule, "class": repair.kind.value, "text": repair.text} for repair in answer.repairs
        ],
        "traps": [{"rule": trap.rule, "message": trap.message} for trap in answer.traps],
        "clarification": _make_clarification_object(answer),
        "chart": answer.chart,
        "verified_query": answer.verified_query,
        "verified_by": answer.verified_by or None,
        "verified_at": answer.verified_at.isoformat() if answer.verified_at else None,
        "steps": [_make_step_object(step) for step in answer.steps],
        "usage": _make_usage_object(answer.usage),
        "seconds": {
            "schema": round(answer.seconds.schema, 3),
            "model": round(answer.seconds.model, 3),
            "guard": round(answer.seconds.guard, 4),
            "database": round(answer.seconds.database, 4),
            "total": round(answer.seconds.total, 3),
        },
        "model": answer.model or None,
        "error": make_error_object(answer.error),
    }


def make_run_object(sql: str | None, result: Result | None, seconds: float, error: ErrorInfo | None) -> dict[str, Any]:
    """Return every field of `run -o json`."""
    warnings = list_cuts(result.row_count, result.truncated, result.cut_cells) if result else []
    return {
        "sql": sql,
        **_make_rows_fields(result),
        "warnings": warnings,
        "seconds": {"database": round(result.seconds, 4) if result else None, "total": round(seconds, 3)},
        "error": make_error_object(error),
    }


def make_error_object(error: ErrorInfo | None) -> dict[str, Any] | None:
    """Return the fields `code`, `rule`, `message` and `hint`; None where there is no error."""
    if error is None:
        return None
    return {"code": error.code, "rule": error.rule, "message": error.message, "hint": error.hint or None}


def _make_step_object(step: Step) -> dict[str, Any]:
    return {
        "tool": step.tool,
        "arguments": dict(step.arguments),
        "ok": step.ok,
        "error": step.error,
        "seconds": round(step.seconds, 3),
    }


def _make_usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "model_calls": usage.model_calls,
        "cost_usd": usage.cost_usd,
    }


def _make_rows_fields(result: Result | None) -> dict[str, Any]:
    if result is None:
        return {"columns": None, "rows": None, "row_count": None, "truncated": None}
    names = make_unique_names([column.name for column in result.columns])
    return {
        "columns": [{"name": name, "type": column.type} for name, column in zip(names, result.columns, strict=True)],
        "rows": encode_rows(result.table),
        "row_count": result.row_count,
        "truncated": result.truncated,
    }


def _make_confidence_object(answer: Answer) -> dict[str, Any] | None:
    if answer.confidence is None:
        return None
    return {
        "level": answer.confidence.level,
        "score": answer.confidence.score,
        "reasons": list(answer.confidence.reasons),
    }


def _make_grounding_object(answer: Answer) -> dict[str, Any] | None:
    if answer.grounding is None:
        return None
    return {
        "numbers": answer.grounding.numbers,
        "supported": answer.grounding.supported,
        "unsupported": list(answer.grounding.unsupported),
        "basis": [{"text": number.text, "basis": number.basis} for number in answer.grounding.basis],
    }


def _make_clarification_object(answer: Answer) -> dict[str, Any] | None:
    if answer.clarification is None:
        return None
    return {"question": answer.clarification.question, "options": list(answer.clarification.options)}

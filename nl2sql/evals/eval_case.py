"""The outcome of one question in an evaluation: what was asked, written, run and judged.

It holds only values that JSON can hold, so that a journal and a report can store it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from nl2sql.answer.cell_text import encode_json_value, text_of
from nl2sql.json_codec import decode_known_fields
from nl2sql.types import Result

PREVIEW_ROWS: Final = 20
_PREVIEW_COLUMNS: Final = 30
_CELL_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Case:
    """The outcome of one question.

    `status` is the answer's, or `failed`. `strict` and `lenient` are None where nothing could be judged, and `problem`
    says why: the database or the gold is at fault, so the case does not count. `reason` is one of `scorer.REASONS`,
    None where strict; `tied` says that it is right only because rows tie. `error` is `{code, rule, message, hint}` or
    None. `rows` and `gold_rows` are previews. `steps` are the queries tried; `calls` are the messages and replies after
    `prompt`, the text before every question. `usage`, `seconds`, `confidence` and `repairs` are those of `ask -o json`;
    `signs` are the values that the confidence was computed from, by name.
    """

    id: str
    db: str
    question: str
    gold_sql: str
    evidence: str = ""
    difficulty: str = ""
    source: str = ""
    status: str = ""
    sql: str | None = None
    strict: bool | None = None
    lenient: bool | None = None
    reason: str | None = None
    detail: str | None = None
    tied: bool = False
    problem: str | None = None
    error: Mapping[str, Any] | None = None
    confidence: Mapping[str, Any] | None = None
    signs: Mapping[str, float] = field(default_factory=dict)
    repairs: tuple[Mapping[str, Any], ...] = ()
    rows: Mapping[str, Any] | None = None
    gold_rows: Mapping[str, Any] | None = None
    steps: tuple[Mapping[str, Any], ...] = ()
    calls: tuple[Mapping[str, Any], ...] = ()
    prompt: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_judged(self) -> bool:
        """Whether it was judged."""
        return self.problem is None

    @property
    def is_final(self) -> bool:
        """Whether asking again would change nothing: neither the surroundings nor the model's endpoint failed."""
        return self.problem is None and (self.error is None or self.error["code"] != "model")


def encode_case(case: Case) -> dict[str, Any]:
    """Return the case as a JSON object, every field there."""
    return asdict(case)


def decode_case(data: Any) -> Case:
    """Return the case that this version or an earlier one wrote.

    Raises:
        ValueError: where `data` is no case.
    """
    case = decode_known_fields(data, Case)
    if not {"steps", "calls"} <= data.keys():
        raise ValueError("a case without its steps and calls")
    return case


def make_preview(result: Result) -> dict[str, Any]:
    """Return the first rows and columns as `{columns, column_count, rows, row_count}`, with long cells shortened."""
    rows = Result(result.columns, result.table.slice(0, PREVIEW_ROWS)).rows
    return {
        "columns": [column.name for column in result.columns[:_PREVIEW_COLUMNS]],
        "column_count": len(result.columns),
        "rows": [[_shorten_cell(value) for value in row[:_PREVIEW_COLUMNS]] for row in rows],
        "row_count": result.row_count,
    }


def _shorten_cell(value: Any) -> Any:
    shown = encode_json_value(value)
    text = text_of(value) if isinstance(shown, list | dict) else shown
    if isinstance(text, str) and len(text) > _CELL_CHARS:
        return text[: _CELL_CHARS - 1] + "…"
    return text

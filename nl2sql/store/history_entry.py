"""What is remembered of one answer, and how it lies in the store.

Rows are not: only their columns, how many there were, and their hash. It opens nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from nl2sql.answer.result_hash import hash_result
from nl2sql.types import Answer, ErrorInfo, Receipt, ResultColumn, Seconds, Status, Usage

MAX_TURNS: Final = 3
_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*+):(?:(?!://)[^@])*+@")
_SECRET_PARAMETER: Final = re.compile(
    r"([?&;](?=[^=&;?]*+=)[^=&;?]*?(?:password|pwd|token|secret|key)[^=&;?]*+=)[^&;]*+", re.I
)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One remembered answer. `at` is when it was given, in UTC.

    `columns` is empty and `row_count`, `truncated` and `result_hash` are None where nothing ran; `row_count` counts
    the rows that came, which is not all of them where `truncated` is true. `url` holds no password. `user` is None
    for the one user of a shell. `rating` is what the user thought of it, None where nothing was said. `receipt` is None
    for answers of earlier versions.
    """

    id: str
    at: dt.datetime
    session: str | None
    question: str
    sql: str | None
    status: Status
    text: str
    columns: tuple[ResultColumn, ...]
    row_count: int | None
    truncated: bool | None
    result_hash: str | None
    verified_query: str | None
    model: str
    usage: Usage
    seconds: Seconds
    error: ErrorInfo | None
    url: str
    user: str | None
    client: str
    rating: bool | None = None
    comment: str = ""
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What a user thought of an answer, and what they said of it, which may be nothing."""

    is_good: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Turn:
    """An answered question, as a follow-up needs it: what was asked, the SQL, and its result in a few words."""

    question: str
    sql: str
    result_summary: str


def make_turn(question: str, sql: str, row_count: int, names: list[str]) -> Turn:
    """The turn of a query that ran."""
    return Turn(question, sql, f"({row_count} rows: {', '.join(names)})")


def make_entry_row(answer: Answer, *, at: dt.datetime, url: str, user: str | None, client: str) -> dict[str, Any]:
    """The answer as a row of the table `entry`, by column."""
    result = answer.result
    row = {
        "id": answer.id,
        "at": int(at.timestamp() * 1_000_000),
        "session": answer.session,
        "question": answer.question,
        "sql": answer.sql,
        "status": answer.status.value,
        "text": answer.text,
        "columns": _dump_json([[c.name, c.type] for c in result.columns]) if result else None,
        "row_count": result.row_count if result else None,
        "truncated": result.truncated if result else None,
        "result_hash": hash_result(result) if result else None,
        "verified_query": answer.verified_query,
        "model": answer.model,
        "prompt_tokens": answer.usage.prompt_tokens,
        "cached_tokens": answer.usage.cached_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "model_calls": answer.usage.model_calls,
        "cost_usd": answer.usage.cost_usd,
        "seconds": _dump_json(asdict(answer.seconds)),
        "error": _dump_json(asdict(answer.error)) if answer.error else None,
        "url": redact_secrets(url),
        "user": user,
        "face": client,
        "receipt": _dump_json(asdict(answer.receipt)) if answer.receipt else None,
    }
    return {name: replace_surrogates(value) if isinstance(value, str) else value for name, value in row.items()}


def read_entry_row(row: Mapping[str, Any]) -> HistoryEntry:
    """The entry of a row of `entry`, with the columns `is_good` and `comment` of its feedback."""
    return HistoryEntry(
        id=row["id"],
        at=dt.datetime.fromtimestamp(row["at"] / 1_000_000, dt.UTC),
        session=row["session"],
        question=row["question"],
        sql=row["sql"],
        status=Status(row["status"]),
        text=row["text"],
        columns=tuple(ResultColumn(name, kind) for name, kind in json.loads(row["columns"] or "[]")),
        row_count=row["row_count"],
        truncated=None if row["truncated"] is None else bool(row["truncated"]),
        result_hash=row["result_hash"],
        verified_query=row["verified_query"],
        model=row["model"],
        usage=Usage(
            row["prompt_tokens"],
            row["cached_tokens"],
            row["completion_tokens"],
            row["model_calls"],
            row["cost_usd"],
        ),
        seconds=Seconds(**json.loads(row["seconds"])),
        error=ErrorInfo(**json.loads(row["error"])) if row["error"] else None,
        url=row["url"],
        user=row["user"],
        client=row["face"],
        rating=None if row["good"] is None else bool(row["good"]),
        comment=row["comment"] or "",
        receipt=Receipt(**json.loads(row["receipt"])) if row["receipt"] else None,
    )


def make_entry_object(entry: HistoryEntry) -> dict[str, Any]:
    """Every field of an entry as JSON has it: names as in `ask -o json`, and a few of its own."""
    return {
        "id": entry.id,
        "at": entry.at.isoformat(timespec="seconds"),
        "session": entry.session,
        "question": entry.question,
        "status": entry.status.value,
        "answer": entry.text or None,
        "sql": entry.sql,
        "columns": [{"name": c.name, "type": c.type} for c in entry.columns] if entry.row_count is not None else None,
        "row_count": entry.row_count,
        "truncated": entry.truncated,
        "result_hash": entry.result_hash,
        "verified_query": entry.verified_query,
        "usage": asdict(entry.usage),
        "seconds": {name: round(seconds, 4) for name, seconds in asdict(entry.seconds).items()},
        "model": entry.model or None,
        "error": asdict(entry.error) if entry.error else None,
        "db": entry.url,
        "user": entry.user,
        "face": entry.client,
        "rating": None if entry.rating is None else "good" if entry.rating else "bad",
        "comment": entry.comment or None,
        "receipt": asdict(entry.receipt) if entry.receipt else None,
    }


def redact_secrets(url: str) -> str:
    """The URL without its password, and without what parameters named like secrets hold."""
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def replace_surrogates(text: str) -> str:
    """The text as UTF-8 can carry it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _dump_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

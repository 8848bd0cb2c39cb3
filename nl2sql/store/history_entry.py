"""One remembered answer, and its row in the store.

Result rows are not kept: only their columns, their number and their hash. This module opens nothing.
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

    `columns` is empty and `row_count`, `truncated` and `result_hash` are None if no query ran; `row_count` counts the
    rows received, which are not all if `truncated` is True. `url` holds no password. `user` is None for the single user
    of a shell. `rating` is the user's, None without feedback. `receipt` is None for answers of earlier versions.
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
    """A user's rating of an answer, with a comment that may be empty."""

    is_good: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer as a follow-up needs them: question, SQL, and a short summary of the result."""

    question: str
    sql: str
    result_summary: str


def make_turn(question: str, sql: str, row_count: int, names: list[str]) -> Turn:
    """Return the turn of a query that ran. `names` are the result's columns."""
    return Turn(question, sql, f"({row_count} rows: {', '.join(names)})")


def make_entry_row(answer: Answer, *, at: dt.datetime, url: str, user: str | None, client: str) -> dict[str, Any]:
    """Return the answer as a row of the table `entry`, by column."""
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
    """Return the entry of a row of `entry`, joined with the columns `good` and `comment` of its feedback."""
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
    """Return an entry as a JSON object, with the field names of `ask -o json` and a few more."""
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
    """Return the URL with the password and the values of secret-like parameters replaced by `***`.

    >>> redact_secrets("postgres://ann:secret@db/shop?sslkey=abc")
    'postgres://ann:***@db/shop?sslkey=***'
    """
    return _SECRET_PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def replace_surrogates(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot encode, replaced by `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _dump_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

"""The differences between a remembered result and a new result of the same query.

It compares columns, counts and hashes. It runs nothing, and cannot say which rows differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nl2sql.answer.receipt import compare_receipts
from nl2sql.answer.result_hash import hash_result
from nl2sql.errors import ConfigError
from nl2sql.store.history_entry import HistoryEntry
from nl2sql.types import Limits, Receipt, Result


@dataclass(frozen=True, slots=True)
class ReplayDiff:
    """A remembered answer and a new result of its SQL. `differences` has a sentence for each thing that changed.

    `causes` has a sentence for each possible cause that changed, by its kind: schema, data, policy, model, settings,
    versions.
    """

    entry: HistoryEntry
    result: Result
    new_hash: str
    differences: tuple[str, ...]
    causes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_same(self) -> bool:
        """Whether the results are the same."""
        return not self.differences

    @property
    def verdict(self) -> str:
        """The outcome in a few words: `same`, or the change that explains it best."""
        causes = ("schema", "model") if self.is_same else ("schema", "data", "model")
        changed = next((cause for cause in causes if cause in self.causes), None)
        if self.is_same:
            return f"same, {changed} changed" if changed else "same"
        return f"{changed or 'data'} changed"


def get_replay_sql(entry: HistoryEntry) -> str:
    """Return the SQL of an entry.

    Raises:
        ConfigError: the entry has no SQL, or its SQL gave no rows.
    """
    if entry.sql is None or entry.row_count is None:
        what = "no SQL" if entry.sql is None else "SQL but no rows: it was not run, or they were held back"
        raise ConfigError(f"the answer {entry.id} has {what}", "Choose another answer.")
    return entry.sql


def make_replay_limits(entry: HistoryEntry, limits: Limits) -> Limits:
    """Return limits under which the new result can be compared: a truncated result is cut at the same row again."""
    if entry.row_count is None:
        return limits
    if entry.truncated:
        return replace(limits, rows=entry.row_count)
    return limits if limits.rows is None else replace(limits, rows=max(limits.rows, entry.row_count + 1))


def compare_replay(entry: HistoryEntry, result: Result, receipt: Receipt | None = None) -> ReplayDiff:
    """Return what changed since the entry was recorded. `receipt` is that of the new result."""
    hash_now = hash_result(result)
    found = [*_compare_columns(entry, result), *_compare_counts(entry, result)]
    if not found and hash_now != entry.result_hash:
        text = "the values changed, the number of rows did not"
        if entry.truncated:
            text += "; both results were cut, and which rows come first may change by itself"
        found.append(text)
    causes = compare_receipts(entry.receipt, receipt) if entry.receipt and receipt else {}
    return ReplayDiff(entry, result, hash_now, tuple(found), causes)


def _compare_columns(entry: HistoryEntry, result: Result) -> list[str]:
    before, now = entry.columns, result.columns
    if [c.name for c in before] != [c.name for c in now]:
        names = ", ".join(c.name for c in before)
        return [f"the columns were {names} and are {', '.join(c.name for c in now)}"]
    return [
        f"the column {old.name} was {old.type} and is {new.type}"
        for old, new in zip(before, now, strict=True)
        if old.type != new.type
    ]


def _compare_counts(entry: HistoryEntry, result: Result) -> list[str]:
    was, now = format_row_count(entry.row_count, entry.truncated), format_row_count(result.row_count, result.truncated)
    return [f"there were {was} and are {now}"] if was != now else []


def format_row_count(count: int | None, truncated: bool | None) -> str:
    """Return the number of rows in words.

    >>> format_row_count(1000, True)
    'more than 1,000 rows'
    """
    return f"{'more than ' if truncated else ''}{count or 0:,} row{'' if count == 1 else 's'}"


def make_replay_object(diff: ReplayDiff) -> dict[str, Any]:
    """Return all fields of `replay -o json`."""
    entry, result = diff.entry, diff.result
    return {
        "id": entry.id,
        "question": entry.question,
        "sql": entry.sql,
        "db": entry.url,
        "at": entry.at.isoformat(timespec="seconds"),
        "same": diff.is_same,
        "verdict": diff.verdict,
        "since": dict(diff.causes),
        "changes": list(diff.differences),
        "columns": _pair_values(
            [_describe_column(c) for c in entry.columns], [_describe_column(c) for c in result.columns]
        ),
        "row_count": _pair_values(entry.row_count, result.row_count),
        "truncated": _pair_values(entry.truncated, result.truncated),
        "result_hash": _pair_values(entry.result_hash, diff.new_hash),
        "seconds": _pair_values(round(entry.seconds.database, 4), round(result.seconds, 4)),
        "error": None,
    }


def _pair_values(before: Any, now: Any) -> dict[str, Any]:
    return {"before": before, "now": now}


def _describe_column(column: Any) -> dict[str, str]:
    return {"name": column.name, "type": column.type}

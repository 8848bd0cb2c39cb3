"""A digest of rows, so that a later run can tell how many are new, gone or changed, without any value being stored.

A digest has two short hashes for each row, of its key and of the whole row, with a salt of its own. No value can be
read back from it, but whoever has it can check a guessed row. Which values changed it cannot tell: `list_changes` does,
where both results are at hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nl2sql.answer.result_hash import make_comparable_text
from nl2sql.types import Result
from nl2sql.types.type_families import is_fractional, is_whole

_HASH_BYTES: Final = 8
_SALT_BYTES: Final = 16
# For more rows a digest tells that rows changed, not how many.
MAX_HASHED_ROWS: Final = 10_000
_MAX_LISTED_CHANGES: Final = 5
_MAX_LISTED_FIGURES: Final = 3

Mark = tuple[bytes, bytes]
Show = Callable[[int, Any], str]


@dataclass(frozen=True, slots=True)
class RowDigest:
    """The digest of a result.

    `key` has the positions of the columns that identify a row; where it is empty, the whole row does. `rows` is None
    where there are too many rows; `total` is a hash of all of them.
    """

    columns: tuple[tuple[str, str], ...]
    row_count: int
    is_truncated: bool
    salt: bytes
    key: tuple[int, ...]
    total: int
    rows: tuple[Mark, ...] | None

    def write_json(self) -> str:
        """Return the digest as JSON."""
        rows = None if self.rows is None else base64.b64encode(b"".join(key + row for key, row in self.rows)).decode()
        return json.dumps(
            {
                "columns": self.columns,
                "row_count": self.row_count,
                "truncated": self.is_truncated,
                "salt": self.salt.hex(),
                "key": self.key,
                "total": self.total,
                "rows": rows,
            }
        )


@dataclass(frozen=True, slots=True)
class RowChanges:
    """How rows differ: how many are new, gone or changed.

    `text` says what counts cannot, and is empty where counts can. `is_partial`: both results were truncated, so there
    may be more changes.
    """

    new_rows: int = 0
    gone_rows: int = 0
    changed_rows: int = 0
    text: str = ""
    is_partial: bool = False

    @property
    def is_same(self) -> bool:
        """Whether nothing changed."""
        return not (self.new_rows or self.gone_rows or self.changed_rows or self.text)

    @property
    def sentence(self) -> str:
        """What changed, as a clause without a capital: `2 rows new, 1 changed`."""
        counts = [(self.new_rows, "new"), (self.gone_rows, "gone"), (self.changed_rows, "changed")]
        parts = [f"{count:,} {word}" for count, word in counts if count]
        if parts:
            first = next(count for count, _ in counts if count)
            parts[0] = parts[0].replace(" ", " row " if first == 1 else " rows ", 1)
        clause = self.text or ", ".join(parts) or "nothing changed"
        return f"{clause}; only the first rows were compared" if self.is_partial else clause


def read_digest(text: str) -> RowDigest:
    """Read a digest from the JSON of `RowDigest.write_json`."""
    data = json.loads(text)
    rows = None
    if data["rows"] is not None:
        packed, size = base64.b64decode(data["rows"]), _HASH_BYTES
        starts = range(0, len(packed), 2 * size)
        rows = tuple((packed[at : at + size], packed[at + size : at + 2 * size]) for at in starts)
    return RowDigest(
        columns=tuple((name, kind) for name, kind in data["columns"]),
        row_count=data["row_count"],
        is_truncated=data["truncated"],
        salt=bytes.fromhex(data["salt"]),
        key=tuple(data["key"]),
        total=data["total"],
        rows=rows,
    )


def make_digest(result: Result, like: RowDigest | None = None) -> RowDigest:
    """Make the digest of a result; with `like`, by that digest's salt and key, so that the two can be compared."""
    rows = result.rows
    salt = like.salt if like else secrets.token_bytes(_SALT_BYTES)
    key = like.key if like else find_key(result)
    marks: list[Mark] = []
    total = 0
    for row in rows:
        cells = [make_comparable_text(value) for value in row]
        whole = _hash(salt, cells)
        total += int.from_bytes(whole)
        if len(rows) <= MAX_HASHED_ROWS:
            marks.append((_hash(salt, [cells[at] for at in key]) if key else whole, whole))
    return RowDigest(
        columns=tuple((column.name, column.type) for column in result.columns),
        row_count=result.row_count,
        is_truncated=result.truncated,
        salt=salt,
        key=key,
        total=total % (1 << 8 * _HASH_BYTES),
        rows=tuple(marks) if len(rows) <= MAX_HASHED_ROWS else None,
    )


def find_key(result: Result) -> tuple[int, ...]:
    """Return the fewest columns from the left that identify the rows; texts and dates come before whole numbers.

    Columns of measures are excluded. Empty where no columns do, or only all together: such rows are new or gone, never
    changed.
    """
    rows = result.rows
    # Types of measures and lists of them: their values do not identify a row.
    kinds = [column.type.partition("[")[0] for column in result.columns]
    possible = [at for at, kind in enumerate(kinds) if not is_fractional(kind)]
    candidates = sorted(possible, key=lambda at: (is_whole(kinds[at]), at))
    if len(rows) < 2:
        return ()
    for count in range(1, len(candidates) + 1):
        key = tuple(sorted(candidates[:count]))
        if len(key) < len(kinds) and len({_read_key(row, key) for row in rows}) == len(rows):
            return key
    return ()


def compare_digests(before: RowDigest, now: RowDigest) -> RowChanges:
    """Return how the rows of `now` differ from those of `before`; both must have one salt and key."""
    if before.columns != now.columns:
        return RowChanges(text=_describe_columns(before, now))
    is_partial = before.is_truncated and now.is_truncated
    if before.rows is None or now.rows is None:
        if before.row_count != now.row_count:
            return RowChanges(
                text=f"there were {before.row_count:,} rows and are {now.row_count:,}", is_partial=is_partial
            )
        return RowChanges(
            text="" if before.total == now.total else "values changed in some rows", is_partial=is_partial
        )
    old, new = dict(before.rows), dict(now.rows)
    if before.key and len(old) == len(before.rows) and len(new) == len(now.rows):
        changed = sum(old[key] != new[key] for key in old.keys() & new.keys())
        return RowChanges(len(new.keys() - old.keys()), len(old.keys() - new.keys()), changed, is_partial=is_partial)
    had, has = Counter(row for _, row in before.rows), Counter(row for _, row in now.rows)
    added, lost = (has - had).total(), (had - has).total()
    if before.row_count == now.row_count == 1 and added:
        return RowChanges(changed_rows=1, is_partial=is_partial)
    return RowChanges(added, lost, is_partial=is_partial)


def list_changes(before: Result, now: Result, show: Show) -> list[str]:
    """Return a line for each of the first values that changed, and of the first rows that are new or gone.

    `show` writes the value of the column at that position. Empty where the columns differ.
    """
    if before.columns != now.columns:
        return []
    if before.row_count == now.row_count == 1:
        return _list_changed_figures("", before.rows[0], now.rows[0], (), before, show)
    key = find_key(before)
    old = {_read_key(row, key): row for row in before.rows} if key else {}
    new = {_read_key(row, key): row for row in now.rows} if key else {}
    if not key or len(old) != before.row_count or len(new) != now.row_count:
        return []
    lines = []
    for values, row in new.items():
        name = ", ".join(show(at, row[at]) for at in key)
        if values not in old:
            lines.append(f"{name}: new")
        else:
            lines += _list_changed_figures(f"{name}: ", old[values], row, key, before, show)
    lines += [f"{', '.join(show(at, row[at]) for at in key)}: gone" for values, row in old.items() if values not in new]
    more = len(lines) - _MAX_LISTED_CHANGES
    return lines if more <= 0 else [*lines[:_MAX_LISTED_CHANGES], f"and {more:,} more"]


def _list_changed_figures(
    name: str, before: Sequence[Any], now: Sequence[Any], key: Sequence[int], result: Result, show: Show
) -> list[str]:
    """Return the values that changed in one row, on one line."""
    changed = [
        at
        for at in range(len(result.columns))
        if at not in key and make_comparable_text(before[at]) != make_comparable_text(now[at])
    ]
    if not changed:
        return []
    changes = [
        f"{result.columns[at].name} {show(at, before[at])} → {show(at, now[at])}"
        for at in changed[:_MAX_LISTED_FIGURES]
    ]
    return [name + ", ".join(changes) + (", …" if len(changed) > _MAX_LISTED_FIGURES else "")]


def _read_key(row: Sequence[Any], key: Sequence[int]) -> tuple[str | None, ...]:
    return tuple(make_comparable_text(row[at]) for at in key)


def _hash(salt: bytes, cells: Sequence[str | None]) -> bytes:
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=_HASH_BYTES, salt=salt).digest()


def _describe_columns(before: RowDigest, now: RowDigest) -> str:
    names = [", ".join(name for name, _ in digest.columns) for digest in (before, now)]
    if names[0] == names[1]:
        others = [
            f"{name} was {kind} and is {new}"
            for (name, kind), (_, new) in zip(before.columns, now.columns, strict=True)
            if kind != new
        ]
        return f"the column {others[0]}"
    return f"the columns were {names[0]} and are {names[1]}"

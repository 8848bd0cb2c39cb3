"""Which joins lead from the tables of a query to another one: the shortest path along keys, if there is one.

Keys are the schema's, declared or inferred. Where several paths are equally short the question's words may tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from nl2sql.types import Schema

LONGEST: Final = 3
KEY_WORDS: Final = frozenset({"id", "ids", "key", "code", "no", "number", "nr", "num", "pk"})
_WORD: Final = re.compile(r"[^\W_]+")
_IRREGULAR: Final = {"people": "person", "children": "child", "men": "man", "women": "woman", "staff": "staff"}


@dataclass(frozen=True, slots=True)
class Join:
    """From `table` to `target`, pairwise on the columns. `many`: several rows of the target may belong to one."""

    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    many: bool = False


Path = tuple[Join, ...]


def words(text: str) -> frozenset[str]:
    """The words of a text or a name, lower case, without a plural's s."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return frozenset(_stem(word.lower()) for word in _WORD.findall(split))


def _stem(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def path(schema: Schema, start: Iterable[str], target: str, asked: frozenset[str]) -> Path | None:
    """The one shortest path from any of the tables to the target; None where there is none or no one stands out.

    `asked` are the question's words: of several equally short paths the one whose columns they name is taken.
    """
    found = _shortest(_edges(schema), {name.lower() for name in start}, target.lower())
    if len(found) > 1:
        scored = sorted(((_named(candidate, asked), i) for i, candidate in enumerate(found)), reverse=True)
        if scored[0][0] == scored[1][0]:
            return None
        return found[scored[0][1]]
    return found[0] if found else None


def keys_between(schema: Schema, left: str, right: str) -> list[Join]:
    """The keys that lead from the one table to the other, in either direction."""
    return [e for e in _edges(schema) if (e.table.lower(), e.target.lower()) == (left.lower(), right.lower())]


def _named(candidate: Path, asked: frozenset[str]) -> int:
    """How many of the question's words the columns and the tables between name."""
    named: set[str] = set()
    for join in candidate:
        for column in (*join.columns, *join.target_columns):
            named |= words(column)
    for join in candidate[:-1]:
        named |= words(join.target)
    return len(named & asked)


def _edges(schema: Schema) -> list[Join]:
    edges: list[Join] = []
    for table in schema.tables:
        for key in table.foreign_keys:
            if schema.table(key.target_table) is not None:
                edges.append(Join(table.name, key.columns, key.target_table, key.target_columns))
                many = not (table.primary_key and set(table.primary_key) <= set(key.columns))
                edges.append(Join(key.target_table, key.target_columns, table.name, key.columns, many))
    return edges


def _shortest(edges: Collection[Join], start: set[str], target: str) -> list[Path]:
    """Every path of the least length."""
    frontier: list[Path] = [()]
    for _ in range(LONGEST):
        longer: list[Path] = []
        for candidate in frontier:
            at = {candidate[-1].target.lower()} if candidate else start
            visited = {join.target.lower() for join in candidate} | start
            longer += [
                (*candidate, edge) for edge in edges if edge.table.lower() in at and edge.target.lower() not in visited
            ]
        if arrived := [candidate for candidate in longer if candidate[-1].target.lower() == target]:
            return arrived
        frontier = longer[:2000]
    return []

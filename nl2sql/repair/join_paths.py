"""Find the keys that lead from the tables of a query to another table.

Keys are the schema's, declared or inferred. What an inferred key claims must be proved by the data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nl2sql.repair.proving import prove_reference, prove_unique
from nl2sql.types import ForeignKey, Proof, Schema, Table

MAX_PATH_JOINS: Final = 3
_MAX_PATHS: Final = 200


@dataclass(frozen=True, slots=True)
class Join:
    """A join from `table` to `target`, pairwise on the columns.

    `is_to_many`: a row may match several rows of the target. `proofs` are what must hold of the data where the key is
    not declared.
    """

    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    is_to_many: bool = False
    proofs: tuple[Proof, ...] = ()


Path = tuple[Join, ...]


def list_joins(schema: Schema) -> list[Join]:
    """Return every key of the schema, in both directions."""
    joins: list[Join] = []
    for table in schema.tables:
        for key in table.foreign_keys:
            target = schema.find_table(key.target_table)
            if target is None:
                continue
            proofs = _prove_key(table, key, target) if key.inferred else ()
            joins.append(Join(table.name, key.columns, target.name, key.target_columns, proofs=proofs))
            is_own_key = bool(table.primary_key) and set(table.primary_key) <= set(key.columns)
            unique = (prove_unique(table, table.primary_key),) if is_own_key and table.inferred_key else ()
            joins.append(
                Join(target.name, key.target_columns, table.name, key.columns, not is_own_key, (*proofs, *unique))
            )
    return joins


def _prove_key(table: Table, key: ForeignKey, target: Table) -> tuple[Proof, ...]:
    """Return what proves an inferred key: unique target columns, and no value without a target."""
    pairs = zip(key.columns, key.target_columns, strict=True)
    references = (prove_reference(table, name, target, other) for name, other in pairs)
    return prove_unique(target, key.target_columns), *references


def list_keys_between(schema: Schema, left: str, right: str) -> list[Join]:
    """Return the keys that lead from the left table to the right one, whichever of them declares the key."""
    wanted = (left.lower(), right.lower())
    return [join for join in list_joins(schema) if (join.table.lower(), join.target.lower()) == wanted]


def list_paths(schema: Schema, start: Iterable[str], target: str) -> list[Path]:
    """Return every path from these tables to the target that repeats no row: each step leads to at most one row.

    A key that leads straight from the target to them is listed too: it is another way to read the two together.
    """
    joins = list_joins(schema)
    starts = {name.lower() for name in start}
    found: list[Path] = [
        (join,) for join in joins if join.is_to_many and join.table.lower() in starts and _is_leading_to(join, target)
    ]
    frontier: list[Path] = [(join,) for join in joins if not join.is_to_many and join.table.lower() in starts]
    for _ in range(MAX_PATH_JOINS):
        found += [path for path in frontier if _is_leading_to(path[-1], target)]
        frontier = [
            (*path, join)
            for path in frontier
            for join in joins
            if not join.is_to_many
            and join.table == path[-1].target
            and join.target.lower() not in _collect_visited(path, starts)
        ][:_MAX_PATHS]
    return found


def list_shortest_paths(schema: Schema, start: Iterable[str], target: str) -> list[Path]:
    """Return the shortest paths to the target along any keys, for hints to the model."""
    joins = list_joins(schema)
    starts = {name.lower() for name in start}
    frontier: list[Path] = [(join,) for join in joins if join.table.lower() in starts]
    for _ in range(MAX_PATH_JOINS):
        if found := [path for path in frontier if _is_leading_to(path[-1], target)]:
            return found
        frontier = [
            (*path, join)
            for path in frontier
            for join in joins
            if join.table == path[-1].target and join.target.lower() not in _collect_visited(path, starts)
        ][:_MAX_PATHS]
    return []


def _is_leading_to(join: Join, target: str) -> bool:
    return join.target.lower() == target.lower()


def _collect_visited(path: Path, starts: set[str]) -> set[str]:
    return {join.target.lower() for join in path} | starts

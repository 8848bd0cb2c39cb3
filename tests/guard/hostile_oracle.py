"""What is wrong with the guard's verdicts over a database with hostile names: told by running what it allows.

What a query gives is looked at for the markers of denied cells; the guard's own reading of the policy is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random
from types import TracebackType
from typing import Final, Self

import duckdb

from nl2sql import guard
from nl2sql.engines.duckdb.duckdb_catalog import read_catalog
from nl2sql.engines.duckdb.duckdb_parser import DuckDBParser
from nl2sql.engines.duckdb.hardening import lock
from nl2sql.engines.worker.pipe_messages import decode_policy, encode_policy
from nl2sql.schema import apply_policy
from nl2sql.schema.access import Access, make_key
from nl2sql.schema.identifiers import fold, quote, quote_table
from nl2sql.types import Policy, Verdict
from tests.guard.hostile_schemas import (
    CATALOG,
    MARKER,
    build,
    places,
    plain_shapes,
    policy_of,
    quoted,
    shapes,
    type_shapes,
)

_UNSEEN: Final = re.compile("[\x07\u200b\u200d\u202e]")
MEMORY: Final = 300_000_000


class HostileWorld:
    """One database with a policy, opened and read as the engine does."""

    def __init__(self, chance: Random) -> None:
        self.connection = duckdb.connect(config={"threads": 1, "async_threads": 0})

        self.made = build(self.connection, chance)
        self.policy, self.victims = policy_of(self.made, chance)
        # What a generated column tells may be read where it is made of a column that may be read.
        self.denied = {marker for one in self.victims if not one.generated for marker in one.markers}
        lock(self.connection, memory=MEMORY, seconds=5)
        self._parser = DuckDBParser(self.connection.cursor(), self.connection.cursor())
        whole = read_catalog(lambda sql: self.connection.execute(sql).fetchall())
        self.schema = guard.mark_refused(whole, lambda sql: guard.judge(sql, whole, Policy(), self._parser).is_allowed)
        self.told = guard.deny_refused(self.schema, self.policy, lambda sql: self.judge(sql, self.policy).is_allowed)
        self.view = apply_policy(self.schema, self.told)

    def judge(self, sql: str, policy: Policy) -> Verdict:
        return guard.judge(sql, self.schema, policy, self._parser)

    def run(self, sql: str) -> tuple[str, bool]:
        """Everything that the text gives, and whether it ran."""
        with self.connection.cursor() as cursor:
            try:
                rows = cursor.execute(sql).fetchall()
                return repr(([column[0] for column in cursor.description or ()], rows)), True
            except duckdb.Error as error:
                return str(error), False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


def judged(world: HostileWorld, chance: Random | None = None, texts: int = 60) -> Iterator[str]:
    """Each thing that is wrong, in words. `chance` picks so many of the queries; without it all are tried."""
    yield from _names(world)
    yield from _shown(world)
    yield from _victims(world)
    queries = list(_queries(world))
    of_types = [sql for name in world.made.types for sql in type_shapes(name)]
    chosen = [*queries, *of_types]
    if chance:
        chosen = chance.sample(queries, min(len(queries), texts)) + chance.sample(
            of_types, min(len(of_types), texts // 4)
        )
    for sql in chosen:
        yield from told_of(world, sql, chance.choice([world.policy, world.told]) if chance else world.policy)


def told_of(world: HostileWorld, sql: str, policy: Policy) -> Iterator[str]:
    """What is denied and comes back, in rows or in words."""
    verdict = world.judge(sql, policy)
    told = " ".join(f"{finding.message} {finding.hint}" for finding in verdict.findings)
    if verdict.is_allowed:
        told, _ = world.run(verdict.sql)
    if found := world.denied & set(MARKER.findall(told)):
        yield f"{sql} tells {sorted(found)} under {policy}: {told[:300]}"


def _names(world: HostileWorld) -> Iterator[str]:
    """A policy means the same wherever it has been."""
    again = decode_policy(encode_policy(world.policy))
    if again != world.policy:
        yield f"{world.policy} becomes {again}"
    first, second = Access(world.schema, world.policy), Access(world.schema, decode_policy(encode_policy(again)))
    if first.view != second.view:
        yield f"{world.policy} shows something else after the pipe"
    for table in first.view.tables:
        if not set(table.columns) <= set(
            next(t for t in world.schema.tables if make_key(t) == make_key(table)).columns
        ):
            yield f"{table.name} shows what is not there"


def _shown(world: HostileWorld) -> Iterator[str]:
    """Each column is shown where the guard lets it be read, and then it can be; nowhere else."""
    shown = {(make_key(table), column.name) for table in world.view.tables for column in table.columns}
    for marker in world.denied & set(MARKER.findall(repr(world.view))):
        yield f"the view tells {marker} under {world.policy}"
    for table in world.schema.tables:
        for column in table.columns:
            sql = f"SELECT {quote(column.name)} FROM {quote_table(table)}"
            if _UNSEEN.search(sql):
                # A star still takes what no text may name.
                continue
            verdict = world.judge(sql, world.told)
            is_shown = (make_key(table), column.name) in shown
            if is_shown != verdict.is_allowed:
                yield f"{sql} is {'' if is_shown else 'not '}shown: {verdict.findings} under {world.told}"
            elif is_shown and not world.run(verdict.sql)[1]:
                yield f"{sql} is shown and does not run: {world.run(verdict.sql)[0]}"
            if verdict.is_allowed != world.judge(sql, world.policy).is_allowed:
                yield f"{sql} is judged otherwise under {world.told} than under {world.policy}"


def _victims(world: HostileWorld) -> Iterator[str]:
    """What the policy names is neither shown nor let be taken, generated or not."""
    shown = {(make_key(table), fold(column.name)) for table in world.view.tables for column in table.columns}
    for one in world.victims:
        if ((fold(one.schema), fold(one.table)), fold(one.column)) in shown:
            yield f"{one} is shown under {world.policy}"
        for sql in plain_shapes(quoted(CATALOG, one.schema, one.table), quoted(one.column)):
            if world.judge(sql, world.policy).is_allowed:
                yield f"{sql} is allowed under {world.policy}"


def _queries(world: HostileWorld) -> Iterator[str]:
    for one in world.made.columns:
        for where in places(one):
            yield from shapes(where, quoted(one.column))
    for table in world.schema.tables:
        if table.kind == "view":
            yield from shapes(quote_table(table), "v")
    yield from ("SHOW TABLES", "SHOW ALL TABLES", f"SHOW TABLES FROM {CATALOG}", "FROM (SHOW ALL TABLES)")

"""The types of SQL before it runs: policy, the guard's verdicts and findings, repairs, and checked SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import final


@dataclass(frozen=True, slots=True)
class Policy:
    """What an owner allows, in the owner's words: `schema.access` says which tables and columns they mean.

    Columns are written `table.column`. `allow_tables` None allows every table that is not denied.
    """

    allow_tables: frozenset[str] | None = None
    deny_tables: frozenset[str] = frozenset()
    deny_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's objection to a query: `rule` is a stable name, `line` and `column` count from 1."""

    rule: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None
    judge: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judges say of one text. `sql` is the engine's canonical text of it where nothing objects.

    `findings` empty means allowed. `tables` are the tables read, views looked through not included. `judges` are those
    that were asked, in their order.
    """

    sql: str = ""
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    judges: tuple[str, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Whether no judge objects."""
        return not self.findings


class RepairKind(StrEnum):
    """How certain a repair is. EXACT: the same query in another spelling. KEYED: a key or the data proves the reading.

    A GUESS is one reading of several: it goes back to the model and never runs by itself.
    """

    EXACT = "exact"
    KEYED = "keyed"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Repair:
    """One change that code made to a model's SQL. `rule` is a stable name; `text` says what was changed."""

    rule: str
    kind: RepairKind
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A query that a repair rests on: it must give a row where `wants_row`, and no row where not."""

    sql: str
    wants_row: bool = False


@dataclass(frozen=True, slots=True)
class MissingName:
    """A table or column (`kind`) that a query names and the data does not have.

    `sources` are the tables in which a column was looked for, `holders` other tables with a column of just that name,
    `aliases` those that the query reads already, as it calls them.
    `nearest` are the names there that share a word with it or are spelled much alike, `present` the first that are
    there at all.
    """

    kind: str
    name: str
    sources: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What code can do for a query that does not bind.

    `sql` is the repaired query, unjudged, and empty where it cannot be repaired; it counts only where all `proofs`
    hold. Otherwise `missing` is the name that stands in the way, if it is one, `joins` how to reach the table that
    has it, and `guesses` readings that bind, none of which is the only one.
    """

    sql: str = ""
    repairs: tuple[Repair, ...] = ()
    proofs: tuple[Proof, ...] = ()
    missing: MissingName | None = None
    joins: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seal:
    """Set by `guard.check` alone, on one text: without it no CheckedSQL can be made, nor another text put in one."""

    sql: str


@final
@dataclass(frozen=True, slots=True)
class CheckedSQL:
    """SQL that passed the guard: the only thing an engine runs. Made by `guard.check`, by nothing else."""

    sql: str
    source_sql: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    seal: _Seal = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.seal) is not _Seal or self.seal.sql != self.sql:
            raise TypeError("only guard.check makes a CheckedSQL")

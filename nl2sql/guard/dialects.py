"""What the guard and its callers need to know of a database's SQL, and the judges of those without a parser to ask.

It opens no session and asks no server: an engine does, and hands in what it says as a `SecondOpinion`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from nl2sql.guard.lexical import LEXICAL, check_text_bounds
from nl2sql.guard.name_resolution import Names
from nl2sql.types import Finding, Policy, Schema, Verdict


@dataclass(frozen=True, slots=True)
class Dialect:
    """One database's SQL, the same for all its engines.

    `name` is sqlglot's, in lower case; `label` is what people call the database. `judges` names, in their order, those
    that a text must pass, as `Verdict.judges` does. `read_only_statements` are sent in every session before any query,
    for the database itself to refuse writes and reading beyond its tables; what else does so when a session is opened
    (a flag of the driver, a login of least rights) is the engine's to do and to document. `quote_name` writes any name
    as an identifier that means exactly that name, `quote_literal` any text as a string.
    """

    name: str
    label: str
    judges: tuple[str, ...]
    read_only_statements: tuple[str, ...]
    quote_name: Callable[[str], str]
    quote_literal: Callable[[str], str]


class SecondOpinion(Protocol):
    """A judge that is asked of what sqlglot allows: a server's own EXPLAIN, or an authorizer's record."""

    @property
    def name(self) -> str:
        """Its name in `Verdict.judges`, `Dialect.judges` and `Finding.judge`."""
        ...

    def find_objections(self, verdict: Verdict, names: Names) -> Sequence[Finding]:
        """Return what speaks against running `verdict.sql`, which the judges before allowed; empty where nothing does.

        It does not run the text. A text whose relations it cannot tell is objected to, not allowed. What the database
        says of a text that it cannot parse or bind is a finding of the rule `syntax` or `bind`.

        Raises:
            LimitError, CancelledError, DatabaseError: as `Engine.judge`.
        """
        ...


def judge_by_names(
    sql: str, schema: Schema, policy: Policy, dialect: str, opinions: Sequence[SecondOpinion] = ()
) -> Verdict:
    """Return the verdict on a text for an engine other than DuckDB: bounds, sqlglot's rules, then each opinion in turn.

    The first judge that objects has the last word. What runs is the SQL that sqlglot writes of the tree that it judged.

    Raises:
        LimitError, CancelledError, DatabaseError: as the opinions raise them.
    """
    from nl2sql.guard.sqlglot_rules import judge_alone

    names = Names(schema, policy)
    if findings := check_text_bounds(sql, names.invisible_names):
        return Verdict(findings=findings, judges=(LEXICAL,))
    verdict = judge_alone(sql, names, dialect)
    for opinion in opinions:
        if verdict.findings:
            break
        objections = tuple(opinion.find_objections(verdict, names))
        verdict = replace(verdict, findings=objections, judges=(*verdict.judges, opinion.name))
    return replace(verdict, sql="") if verdict.findings else verdict

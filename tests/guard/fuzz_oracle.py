"""What is wrong with the guard's verdict on a text, told by running it in three worlds and by two parsers.

The oracle does not ask the guard: an allowed text must answer alike whatever the denied cells hold and also where
they are absent, and like the text as written. It bounds no time and no memory.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from nl2sql.engines.duckdb.duckdb_catalog import read_catalog
from nl2sql.engines.duckdb.duckdb_parser import DuckDBParser
from nl2sql.engines.duckdb.hardening import SessionOptions, open_locked
from nl2sql.guard import judge
from nl2sql.types import Verdict
from tests.guard.fuzz_worlds import HIDDEN_NAMES, MARKERS, POLICY

ROWS: Final = 500
SECONDS: Final = 2.0
MEMORY: Final = 300_000_000
_VIEWS: Final = {
    "main.lent_by_branch": {"main.loans", "main.members"},
    "main.staff_roles": {"main.staff"},
    "main.staff_all": {"main.staff"},
    "main.codes": {"main.vault"},
}
_CHANCE: Final = re.compile(
    r"(?i)\b(?:random|uuid\w*|gen_random_uuid|now|today|age|ago|get_current_\w+|transaction_timestamp)\W*\("
    r"|\bcurrent_(?:date|time)|\blocaltime|\bsample\b|tablesample"
)
# Why a table that DuckDB reads is not in sqlglot's tree, most telling first.
_TRICKS: Final = tuple(
    (name, re.compile(pattern, re.IGNORECASE | re.DOTALL))
    for name, pattern in (
        ("EXPLAIN and the like", r"\b(explain|describe|desc|summarize|show)\b"),
        ("a table named by text", r"query_table|query\(|histogram|top_code|roles\("),
        ("zero-width characters", "[\u200b-\u200d\u2060\ufeff\u180e\u00ad]"),
        ("other blanks", "[\x0b\x0c\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000\x00]"),
        ("jinja", r"\{#|\{\{|\{%"),
        ("backticks", "`"),
        ("//*", r"//\*"),
        ("nested comments", r"/\*.*/\*"),
        ("comments", r"/\*|--"),
        ("dollar quotes", r"\$"),
        ("backslashes", r"\\"),
        ("a statement that reads in its own way", r"\b(pivot|unpivot|copy|set|delete|insert)\b"),
    )
)
_PART: Final = r'(?:"(?:[^"]|"")*"|[^."\s]+)'
_DOTTED: Final = re.compile(rf"{_PART}(?:\.{_PART})*")
# What a query tells of the schema, never of a value, by binding at all.
_NAMED: Final = (
    ("a list of aliases tells how many columns there are", "columns available but"),
    ("a denied column is named to be left out", "EXCLUDE list not found"),
    ("a denied column is named to be replaced", "REPLACE list not found"),
    ("a denied column is named to be renamed", "RENAME list not found"),
)
# A plan tells how the text is spelt.
_EXPLAINED: Final = re.compile(r"(?i)\bexplain\b")
# What a run took is never the same twice.
_MEASURED: Final = "EXPLAIN (ANALYZE"
# Statements that run as a SELECT of the guard's own, which names no tables where none is read.
_REWRITTEN: Final = re.compile(r"(?i)\b(explain|describe|desc|show|summarize|pivot|pivot_wider)\b")
# DuckDB's spelling of unnamed VALUES, of `[*]` and of `row(*)` is not what was written.
_SPELT_ANEW: Final = re.compile(r"valueslist|\[\s*\*|(?:list_value|\"?row\"?)\(\*")
_ENGINE_RULES: Final = frozenset({"syntax", "bind"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run gave: `failed` is the class of the error, empty where there are rows."""

    names: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    whole: bool = True
    failed: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`kind` says which oracle objects; `shape` groups records of a like cause; `detail` is for reading."""

    kind: str
    shape: str
    detail: str


class World:
    """One library opened as the engine opens it, with the guard's parser over it."""

    def __init__(self, path: Path) -> None:
        self.connection = open_locked(str(path), SessionOptions(memory=MEMORY, seconds=SECONDS))
        self.schema = read_catalog(lambda sql: self.connection.execute(sql).fetchall())
        self._parser = DuckDBParser(self.connection.cursor(), self.connection.cursor())

    def judge(self, sql: str) -> Verdict:
        """The guard's verdict; out of memory and interrupts come through."""
        return judge(sql, self.schema, POLICY, self._parser)

    def run(self, sql: str) -> Outcome:
        """Run the text on a connection of its own, whatever it is."""
        with self.connection.cursor() as cursor:
            # A recursive query does not heed the engine's own limit of time.
            alarm = threading.Timer(SECONDS, cursor.interrupt)
            alarm.start()
            try:
                cursor.execute(sql)
                names = tuple(column[0] for column in cursor.description or ())
                rows = cursor.fetchmany(ROWS + 1)
            except (duckdb.Error, OverflowError, ValueError, MemoryError) as error:
                return Outcome(failed=type(error).__name__, message=str(error))
            finally:
                alarm.cancel()
            return Outcome(names, tuple(sorted(map(repr, rows[:ROWS]))), len(rows) <= ROWS)

    def tables(self, sql: str) -> frozenset[str]:
        """The tables that DuckDB's own helper reads in the text, as `schema.table`."""
        names = self.connection.get_table_names(sql, qualified=True)
        return frozenset(map(_table_name, names))

    def close(self) -> None:
        self.connection.close()


class Oracle:
    """The three worlds, and what they say of one text. `counts` adds up what happened, by name."""

    def __init__(self, worlds: Mapping[str, Path]) -> None:
        self._worlds = {name: World(path) for name, path in worlds.items()}
        self._marked = self._worlds["marked"]
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        for world in self._worlds.values():
            world.close()

    def verdict(self, sql: str) -> Verdict:
        """The guard's verdict in the first world."""
        return self._marked.judge(sql)

    def disagreements(self, sql: str, kind: str) -> list[Disagreement]:
        """Everything wrong with the verdict on one text; `kind` is how the text was made."""
        try:
            verdict = self.verdict(sql)
        except (duckdb.OutOfMemoryException, duckdb.InterruptException, MemoryError) as error:
            self.counts[f"limit while judging: {type(error).__name__}"] += 1
            return []
        outcome = "allowed" if verdict.is_allowed else f"refused: {verdict.findings[0].rule}"
        self.counts[f"{kind} {outcome}"] += 1
        found = [*self._told(sql, verdict), *self._parsers(sql)]
        if verdict.is_allowed:
            self.counts["allowed"] += 1
            found += [*self.objections(sql, verdict), *self._tables(sql, verdict)]
            if kind == "hostile":
                found.append(Disagreement("hostile-allowed", "", verdict.sql))
        elif kind in ("honest", "shown"):
            found += self._refused_honest(sql, verdict, kind)
        return found

    def objections(self, sql: str, verdict: Verdict) -> Iterator[Disagreement]:
        """What speaks against running what the verdict allows: markers, the text as written, the other worlds."""
        ran = self._marked.run(verdict.sql)
        self.counts["ran: " + (ran.failed or "rows")] += 1
        told = " ".join((*ran.names, *ran.rows, ran.message))
        if any(marker in told for marker in MARKERS):
            yield Disagreement("marker", "", told[:500])
        if ran.failed in ("InterruptException", "OutOfMemoryException") or verdict.sql.startswith(_MEASURED):
            return
        others = {
            "as-written": self._marked.run(sql),
            **{n: self._worlds[n].run(verdict.sql) for n in ("other", "absent")},
        }
        for name, other in others.items():
            if _alike(ran, other) or other.failed in ("InterruptException", "OutOfMemoryException"):
                continue
            if name == "absent" and (harmless := next((why for why, told in _NAMED if told in other.message), "")):
                self.counts[harmless] += 1
                continue
            if name == "as-written" and (_EXPLAINED.search(sql) or any(map(_SPELT_ANEW.search, (sql, verdict.sql)))):
                self.counts["differs where the text is spelt anew"] += 1
                continue
            if _CHANCE.search(verdict.sql) or not _alike(ran, self._marked.run(verdict.sql)):
                self.counts["differs by chance"] += 1
                continue
            shape = f"{ran.failed or 'rows'} / {other.failed or 'rows'}" + ("" if ran.whole else " (cut)")
            yield Disagreement(name, shape, f"{verdict.sql}\n{_shown(ran)}\n{_shown(other)}")

    def _tables(self, sql: str, verdict: Verdict) -> Iterator[Disagreement]:
        """Oracle c: DuckDB's helper on both texts, and the tables of the verdict, which come from the plan."""
        try:
            canonical, written = self._marked.tables(verdict.sql), self._marked.tables(sql)
        except duckdb.Error as error:
            self.counts[f"no table names: {type(error).__name__}"] += 1
            return
        if canonical != written and not _REWRITTEN.search(sql):
            yield Disagreement("tables-as-written", "", f"{sorted(canonical)} / {sorted(written)}\n{verdict.sql}")
        plan = {name if "." in name else f"main.{name}" for name in verdict.tables}
        if plan != canonical:
            yield Disagreement("tables-of-plan", "", f"{sorted(plan)} / {sorted(canonical)}\n{verdict.sql}")
        if any(name.startswith(("archive.", "main.vault", "main.codes")) for name in canonical):
            yield Disagreement("denied-table", "", f"{sorted(canonical)}\n{verdict.sql}")

    def _parsers(self, sql: str) -> Iterator[Disagreement]:
        """sqlglot against DuckDB on the text as written: why the guard gives sqlglot only DuckDB's spelling."""
        try:
            duck: frozenset[str] | None = self._marked.tables(sql)
        except (duckdb.Error, UnicodeError):
            duck = None
        glot = _sqlglot_tables(sql)
        reads = ["fails" if tables is None else "reads" for tables in (duck, glot)]
        self.counts[f"parsers: DuckDB {reads[0]}, sqlglot {reads[1]}"] += 1
        # sqlglot's own reading of CTE names is coarse, so only what it does not see at all is told.
        if duck is not None and glot is not None and (hidden := duck - glot):
            self.counts["parsers: tables hidden from sqlglot"] += 1
            trick = next((name for name, found in _TRICKS if found.search(sql)), "other")
            yield Disagreement("parsers", f"hidden from sqlglot by {trick}", f"{sorted(hidden)}")

    def _told(self, sql: str, verdict: Verdict) -> Iterator[Disagreement]:
        """No finding tells a denied value, nor a denied name that the text does not hold."""
        told = " ".join(f"{finding.message} {finding.hint}" for finding in verdict.findings).lower()
        if any(marker in told for marker in MARKERS):
            yield Disagreement("marker-in-finding", "", told)
        lowered = sql.lower()
        for name in HIDDEN_NAMES:
            if name not in lowered and re.search(rf"(?<!\w){name}(?!\w)", told):
                yield Disagreement("name-in-finding", name, told)

    def _refused_honest(self, sql: str, verdict: Verdict, kind: str) -> Iterator[Disagreement]:
        """A refusal of an honest text that runs, and reads nothing denied, is one too many."""
        ran = self._marked.run(sql)
        if ran.failed and verdict.findings[0].rule in _ENGINE_RULES:
            self.counts["honest text that does not run"] += 1
            return
        rule = f"{verdict.findings[0].judge}: {verdict.findings[0].rule}"
        if kind == "shown":
            self.counts[f"shown text refused that runs: {rule}"] += 1
            return
        yield Disagreement("over-refusal", rule, f"{verdict.findings[0].message} / {_shown(ran)[:300]}")


def _table_name(name: str) -> str:
    """DuckDB tells a table's path, at times with its alias and sample behind it."""
    dotted = _DOTTED.match(name)
    parts = re.findall(_PART, dotted.group() if dotted else name)
    return _qualified([part.strip('"').lower() for part in parts])


def _qualified(path: list[str]) -> str:
    """`schema.table`; a path of two may name the library itself in place of its main schema."""
    return ".".join(["main", *path][-2:]).replace("library.", "main.")


def _alike(a: Outcome, b: Outcome) -> bool:
    if a.failed or b.failed:
        return a.failed == b.failed
    return a.names == b.names and a.whole == b.whole and (a.rows == b.rows or not a.whole)


def _shown(outcome: Outcome) -> str:
    return f"{outcome.failed} {outcome.message}"[:600] if outcome.failed else f"{outcome.names} {outcome.rows}"[:600]


def _sqlglot_tables(sql: str) -> frozenset[str] | None:
    """Every name that sqlglot takes for a table in any statement, CTEs too; None where it cannot parse."""
    try:
        statements = sqlglot.parse(sql, dialect="duckdb", error_level=sqlglot.ErrorLevel.RAISE)
    except (SqlglotError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    tables: set[str] = set()
    for statement in statements:
        found: Any = statement.find_all(exp.Table) if statement is not None else ()
        tables |= {_qualified([part.name.lower() for part in table.parts]) for table in found}
    return frozenset(base for name in tables for base in _VIEWS.get(name, {name}))

"""Databases whose names mean two things, and policies in the words of an owner: for property tests and the fuzzer.

Every cell and every label of a type holds a marker of its own, so that what comes back tells where it was read. It
knows nothing of how the guard compares names.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

import duckdb

from nl2sql.types import Policy

CATALOG: Final = "memory"
SCHEMAS: Final = ("main", "main", "main", "hr", "a", "main.x", CATALOG, "a.b", "x y", "Main2", "ünï", "system")
TABLES: Final = (
    *(
        "main",
        "main.x",
        "x",
        "main.main",
        CATALOG,
        f"{CATALOG}.main",
        "hr",
        "hr.t",
        "t",
        "a.b",
        "b",
        "a",
        "b.c",
        "a.b.c",
        "c",
    ),
    *('q"t', '"x"', "two words", " sp", "sp ", "Ünï", "ÜNÏ", "\u212a", "K", "select", "order", "system", "temp"),
    *("uploads", "t;--", "it's", "`b`", "*", "(", "Größe", "größe", "İx", "ſ", "kept", "valueslist", "duckdb_tables"),
    *("zero\u200bwidth", "join\u200der", "right\u202eleft", "bell\x07", "e\u0301", "\u00e9", "pg_catalog", "columns"),
)
COLUMNS: Final = (
    *("id", "salary", "main", "main.x", "x", "x.y", "t.x", "secret", 'we"ird', " sp", "select", "rowid", "#1", "*"),
    *("Ünï", "ÜNÏ", "\u212a", "k", "it's", "a.b", "zero\u200bwidth", "join\u200der", "right\u202eleft", "columns"),
    *("system", "hr", "shop", "e\u0301", "\u00e9", "value", "count"),
)
MARKER: Final = re.compile(r"mk\d+x")


@dataclass(slots=True)
class Made:
    """A column that was made: where it is, its type, and the markers that it must not tell where it is denied."""

    schema: str
    table: str
    column: str
    markers: frozenset[str]
    kind: str = "VARCHAR"
    generated: bool = False


@dataclass(slots=True)
class Hostile:
    """A database by the statements that made it. `columns` are those of tables; `types` have a label each."""

    statements: list[str] = field(default_factory=list)
    columns: list[Made] = field(default_factory=list)
    types: dict[str, frozenset[str]] = field(default_factory=dict)
    markers: int = 0

    def marker(self) -> str:
        self.markers += 1
        return f"mk{self.markers}x"


def quoted(*parts: str) -> str:
    """The dotted name, with quotes."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def build(connection: duckdb.DuckDBPyConnection, chance: Random) -> Hostile:
    """Make a database in the catalog that is open, of a few schemas, tables, views, generated columns and types."""
    made = Hostile()
    for schema in {"main", *chance.sample(SCHEMAS, 3)}:
        if schema != "main":
            _run(connection, made, f"CREATE SCHEMA {quoted(CATALOG, schema)}")
        for table in chance.sample(TABLES, chance.choice([2, 3, 4])):
            _make_table(connection, made, chance, schema, table)
    for number in range(chance.choice([0, 1, 2])):
        _make_view(connection, made, chance, f"view{number}")
    return made


def _make_table(connection: duckdb.DuckDBPyConnection, made: Hostile, chance: Random, schema: str, table: str) -> None:
    columns, cells, new = ['"plain" VARCHAR'], [f"'{made.marker()}'"], []
    for name in chance.sample(COLUMNS, chance.choice([1, 2, 3])):
        marker, kind = made.marker(), chance.choice(["VARCHAR", "VARCHAR", "struct", "enum", "list"])
        if kind == "struct":
            columns.append(f'{quoted(name)} STRUCT(f VARCHAR, "x.y" VARCHAR)')
            cells.append(f"{{'f': '{marker}', 'x.y': '{marker}'}}")
        elif kind == "list":
            columns.append(f"{quoted(name)} VARCHAR[]")
            cells.append(f"['{marker}']")
        elif kind == "enum" and (type_ := _make_type(connection, made, chance, schema, marker)):
            columns.append(f"{quoted(name)} {type_}")
            cells.append(f"'{marker}'")
        else:
            columns.append(f"{quoted(name)} VARCHAR")
            cells.append(f"'{marker}'")
        new.append(Made(schema, table, name, frozenset({marker}), columns[-1].removeprefix(f"{quoted(name)} ")))
    if chance.random() < 0.5:
        source = chance.choice(new)
        generated = chance.choice(["gen", "main.gen", "Gen x"])
        columns.append(f"{quoted(generated)} VARCHAR AS ({quoted(source.column)}::VARCHAR)")
        new.append(Made(schema, table, generated, source.markers, generated=True))
    where = quoted(CATALOG, schema, table)
    if _run(connection, made, f"CREATE TABLE {where} ({', '.join(columns)})"):
        names = ", ".join(["plain", *(quoted(one.column) for one in new[: len(cells) - 1])])
        _run(connection, made, f"INSERT INTO {where} ({names}) VALUES ({', '.join(cells)})")
        made.columns += new


def _make_type(connection: duckdb.DuckDBPyConnection, made: Hostile, chance: Random, schema: str, marker: str) -> str:
    """A new ENUM type's name, or nothing where it cannot be made."""
    name = quoted(CATALOG, schema, chance.choice(["kind", "mood", "json", "main.kind", "hr", "t", "Ünï"]))
    if name in made.types or not _run(connection, made, f"CREATE TYPE {name} AS ENUM ('{marker}')"):
        return ""
    made.types[name] = frozenset({marker})
    return name


def _make_view(connection: duckdb.DuckDBPyConnection, made: Hostile, chance: Random, name: str) -> None:
    one = chance.choice(made.columns)
    where, column = quoted(CATALOG, one.schema, one.table), quoted(one.column)
    selects = [f"SELECT {column} AS v FROM {where}", f"SELECT max({column}::VARCHAR) AS v FROM {where}"]
    selects += [f"SELECT * FROM {where}", f"SELECT plain FROM {where}", "SELECT current_setting('threads') AS v"]
    selects += [f"SELECT unnest(enum_range(NULL::{type_}))::VARCHAR AS v" for type_ in made.types]
    _run(connection, made, f"CREATE VIEW {quoted(CATALOG, 'main', name)} AS {chance.choice(selects)}")


def _run(connection: duckdb.DuckDBPyConnection, made: Hostile, sql: str) -> bool:
    """Whether the engine takes the statement: names that clash are left out."""
    with contextlib.suppress(duckdb.Error, UnicodeError):
        connection.execute(sql)
        made.statements.append(sql)
        return True
    return False


def policy_of(made: Hostile, chance: Random) -> tuple[Policy, list[Made]]:
    """A policy in an owner's words, and the columns that it denies whatever else its words may mean."""
    columns: set[str] = set()
    tables: set[str] = set()
    victims: list[Made] = []
    for one in chance.sample(made.columns, min(len(made.columns), chance.choice([1, 1, 2, 3]))):
        spellings = list(_spellings(one))
        if chance.random() < 0.75:
            spelled = f"{chance.choice(spellings)}.{one.column}"
            if chance.random() < 0.2 and one.kind.startswith("STRUCT"):
                spelled += ".f"
            columns.add(spelled)
            victims.append(one)
        else:
            tables.add(chance.choice(spellings))
            victims += [other for other in made.columns if (other.schema, other.table) == (one.schema, one.table)]
    allowed = None
    if chance.random() < 0.25:
        kept = [one for one in made.columns if chance.random() < 0.7]
        allowed = frozenset(chance.choice(list(_spellings(one))) for one in kept)
    return Policy(allowed, frozenset(tables), frozenset(columns)), victims


def _spellings(one: Made) -> Iterator[str]:
    """How an owner may write the table."""
    yield f"{one.schema}.{one.table}"
    yield f"{one.schema}.{one.table}".upper() if f"{one.schema}{one.table}".isascii() else f"{one.schema}.{one.table}"
    yield quoted(one.schema, one.table)
    if one.schema == "main":
        yield one.table
        yield one.table
        yield quoted(one.table)


def shapes(where: str, column: str) -> Iterator[str]:
    """Queries that would tell a column's cells, each in its own way; `where` and `column` are written as SQL is."""
    for text in (
        "SELECT {c} FROM {t}",
        "SELECT * FROM {t}",
        "FROM {t}",
        "TABLE {t}",
        "SELECT q.{c} FROM {t} AS q",
        "SELECT q FROM {t} AS q",
        "SELECT to_json(q) FROM {t} AS q",
        "SELECT max({c}::VARCHAR) FROM {t}",
        "SELECT list({c}) FROM {t}",
        "SELECT COLUMNS(*)::VARCHAR FROM {t}",
        "SELECT concat(*COLUMNS(*)) FROM {t}",
        "SELECT #1, #2 FROM {t}",
        "SELECT b FROM {t} AS q(a, b)",
        "SELECT {c}.f FROM {t}",
        "SELECT {c}['f'] FROM {t}",
        "SELECT unnest({c}) FROM {t}",
        "SELECT enum_range({c}) FROM {t}",
        "SELECT enum_first({c})::VARCHAR FROM {t}",
        "SELECT typeof({c}) FROM {t}",
        "SELECT plain FROM {t} WHERE {c}::VARCHAR > ''",
        "SELECT * EXCLUDE (plain) FROM {t}",
        "WITH w AS (FROM {t}) SELECT * FROM w",
        "SELECT (SELECT {c} FROM {t} LIMIT 1)",
        "SELECT 1 FROM (SELECT 1) AS o, LATERAL (SELECT {c} FROM {t}) AS l",
        "SUMMARIZE {t}",
        "SUMMARIZE SELECT {c} FROM {t}",
        "DESCRIBE {t}",
        "DESCRIBE SELECT {c} FROM {t}",
        "EXPLAIN ANALYZE SELECT {c} FROM {t}",
        "EXPLAIN SELECT plain FROM {t} WHERE {c} IS NOT NULL",
        "UNPIVOT (SELECT {c}::VARCHAR AS u FROM {t}) ON u INTO NAME n VALUE v",
        "PIVOT {t} ON {c} USING count(*)",
        "SELECT {c} FROM {t} WHERE '101'::BIT <> '100'::BIT",
        "SELECT * FROM {t} WHERE '101'::BIT <> '100'::BIT",
    ):
        yield text.replace("{t}", where).replace("{c}", column)


def plain_shapes(where: str, column: str) -> Iterator[str]:
    """Queries that take the column, alone or with all others, and show it."""
    yield f"SELECT {column} FROM {where}"
    yield f"SELECT * FROM {where}"
    yield f"SELECT q FROM {where} AS q"
    yield f"SELECT COLUMNS(*) FROM {where}"
    yield f"WITH w AS (FROM {where}) SELECT w FROM w"


def places(one: Made) -> Iterator[str]:
    """How SQL may name the table of a column."""
    yield quoted(one.schema, one.table)
    yield quoted(CATALOG, one.schema, one.table)
    if one.schema == "main":
        yield quoted(one.table)
        yield quoted(CATALOG, one.table)


def type_shapes(name: str) -> Iterator[str]:
    """Queries that would tell the labels of a type by its name."""
    bare = re.findall(r'"((?:[^"]|"")*)"', name)
    for written in (name, quoted(*bare[1:]), quoted(bare[-1])):
        yield f"SELECT enum_range(NULL::{written})"
        yield f"SELECT typeof(NULL::STRUCT(a MAP(INTEGER, {written}[])))"
        yield f"DESCRIBE SELECT CAST(NULL AS {written}) AS x"
        yield "SELECT enum_range(json_transform('null', '\"" + written.replace('"', '\\"').replace("'", "''") + "\"'))"
    yield "SELECT enum_range(from_json('null', '\"" + bare[-1].replace("'", "''") + "\"'))"

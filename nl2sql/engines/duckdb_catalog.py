"""What DuckDB's catalogue says: tables, views, columns, keys, comments, estimated row counts.

It reads no data: `schema.profile` does, with the Schema that comes out of here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from nl2sql.engines.lock import quoted
from nl2sql.types import MAIN_SCHEMA, Column, ForeignKey, Schema, Table

Run = Callable[[str], list[tuple[Any, ...]]]

_TABLES: Final = """
    SELECT schema_name, table_name, 'table', comment, estimated_size
    FROM duckdb_tables() WHERE NOT internal AND database_name = {database} AND NOT temporary
    UNION ALL
    SELECT schema_name, view_name, 'view', comment, NULL
    FROM duckdb_views() WHERE NOT internal AND database_name = {database} AND NOT temporary
    ORDER BY ALL"""
_COLUMNS: Final = """
    SELECT schema_name, table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns()
    WHERE NOT internal AND database_name = {database} ORDER BY schema_name, table_name, column_index"""
_KEYS: Final = """
    SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names
    FROM duckdb_constraints()
    WHERE database_name = {database} AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')
    ORDER BY constraint_index"""

_Key = tuple[str, str]


def read_catalog(run: Run, attached: str = "") -> Schema:
    """The Schema of the opened database, or of one attached beside it, without a profile. `run(sql)` returns rows."""
    database = quoted(attached) if attached else "current_database()"

    def named(schema: str, table: str) -> str:
        return f"{attached}.{table}" if attached else _sql_name(schema, table)

    columns: dict[_Key, list[Column]] = defaultdict(list)
    for schema, table, name, kind, nullable, comment in run(_COLUMNS.format(database=database)):
        columns[schema, table].append(Column(name, kind, bool(nullable), comment))
    primary: dict[_Key, tuple[str, ...]] = {}
    foreign: dict[_Key, list[ForeignKey]] = defaultdict(list)
    for schema, table, constraint, names, target, target_names in run(_KEYS.format(database=database)):
        if constraint == "PRIMARY KEY":
            primary[schema, table] = tuple(names)
        else:
            foreign[schema, table].append(ForeignKey(tuple(names), named(schema, target), tuple(target_names)))
    tables = (
        Table(
            name=named(schema, name),
            columns=tuple(columns[schema, name]),
            kind=kind,
            comment=comment,
            row_count=rows,
            primary_key=primary.get((schema, name), ()),
            foreign_keys=tuple(foreign[schema, name]),
            dotted=schema == MAIN_SCHEMA and "." in name and not attached,
        )
        for schema, name, kind, comment, rows in run(_TABLES.format(database=database))
    )
    return Schema(tuple(table for table in tables if table.columns))


def user_functions(run: Run) -> frozenset[str]:
    """The names, in lower case, of the macros that the database's owner made."""
    return frozenset(row[0].lower() for row in run("SELECT function_name FROM duckdb_functions() WHERE NOT internal"))


def _sql_name(schema: str, table: str) -> str:
    return table if schema == MAIN_SCHEMA else f"{schema}.{table}"

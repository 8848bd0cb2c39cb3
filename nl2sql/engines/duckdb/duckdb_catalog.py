"""What DuckDB's catalogue says: tables, views, columns, keys, comments, estimated row counts; functions and types.

It reads no data: `schema.profile` does, with the Schema that comes out of here. Functions are asked for by their full
names, as a database may define its own of the same name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from nl2sql.schema.identifiers import fold, quote_literal, quote_name
from nl2sql.types import MAIN_SCHEMA, Column, ForeignKey, Schema, Table

Run = Callable[[str], list[tuple[Any, ...]]]

CATALOG: Final = "SELECT system.main.current_database()"
_TABLES: Final = """
    SELECT schema_name, table_name, 'table', comment, estimated_size
    FROM system.main.duckdb_tables() WHERE NOT internal AND database_name = {database} AND NOT temporary
    UNION ALL
    SELECT schema_name, view_name, 'view', comment, NULL
    FROM system.main.duckdb_views() WHERE NOT internal AND database_name = {database} AND NOT temporary
    ORDER BY ALL"""
_COLUMNS: Final = """
    SELECT schema_name, table_name, column_name, data_type, is_nullable, comment, is_generated
    FROM system.main.duckdb_columns()
    WHERE NOT internal AND database_name = {database} ORDER BY schema_name, table_name, column_index"""
_KEYS: Final = """
    SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, referenced_column_names
    FROM system.main.duckdb_constraints()
    WHERE database_name = {database} AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')
    ORDER BY constraint_index"""
_FUNCTIONS: Final = "SELECT function_name FROM system.main.duckdb_functions() WHERE NOT internal"
_TYPES: Final = """
    SELECT database_name, schema_name, type_name FROM system.main.duckdb_types()
    WHERE NOT internal AND database_name = system.main.current_database()"""

_ALWAYS_OPEN: Final = ("system", "temp")

_Key = tuple[str, str]


def read_catalog(run: Run, attached_catalog: str = "") -> Schema:
    """Return the schema of the opened database, or of one attached to it, without a profile. `run` gives rows."""
    catalog = attached_catalog or str(run(CATALOG)[0][0])
    database = quote_literal(catalog)

    def name_table(schema: str, table: str) -> str:
        return f"{attached_catalog}.{table}" if attached_catalog else _write_sql_name(catalog, schema, table)

    columns: dict[_Key, list[Column]] = defaultdict(list)
    for schema, table, name, kind, nullable, comment, generated in run(_COLUMNS.format(database=database)):
        columns[schema, table].append(Column(name, kind, bool(nullable), comment, generated=bool(generated)))
    primary: dict[_Key, tuple[str, ...]] = {}
    foreign: dict[_Key, list[ForeignKey]] = defaultdict(list)
    for schema, table, constraint, names, target, target_names in run(_KEYS.format(database=database)):
        if constraint == "PRIMARY KEY":
            primary[schema, table] = tuple(names)
        else:
            foreign[schema, table].append(ForeignKey(tuple(names), name_table(schema, target), tuple(target_names)))
    tables = (
        Table(
            name=name_table(schema, name),
            columns=tuple(columns[schema, name]),
            kind=kind,
            comment=comment,
            row_count=rows,
            primary_key=primary.get((schema, name), ()),
            foreign_keys=tuple(foreign[schema, name]),
            schema=None if attached_catalog else _find_unclear_schema(catalog, schema, name),
            catalog=catalog if not attached_catalog and _is_namesake(catalog, schema) else "",
        )
        for schema, name, kind, comment, rows in run(_TABLES.format(database=database))
    )
    return Schema(tuple(table for table in tables if table.columns))


def list_user_functions(run: Run) -> frozenset[str]:
    """Return the names, in lower case, of the functions and macros that the database's owner made."""
    return frozenset(row[0].lower() for row in run(_FUNCTIONS))


def list_user_types(run: Run) -> Mapping[_Key, str]:
    """Return what each type that the owner made stands for, by the folded names of its schema and its own."""
    found = {}
    for path in run(_TYPES):
        name = ".".join(map(quote_name, path))
        found[fold(path[1]), fold(path[2])] = str(run(f"SELECT system.main.typeof(CAST(NULL AS {name}))")[0][0])
    return found


def _write_sql_name(catalog: str, schema: str, table: str) -> str:
    if schema == MAIN_SCHEMA:
        return table
    return f"{catalog}.{schema}.{table}" if _is_namesake(catalog, schema) else f"{schema}.{table}"


def _find_unclear_schema(catalog: str, schema: str, table: str) -> str | None:
    """Return the schema's name where the first dot of the table's full name does not tell it."""
    if _is_namesake(catalog, schema) or (schema == MAIN_SCHEMA and "." in table) or "." in schema:
        return schema
    return None


def _is_namesake(catalog: str, schema: str) -> bool:
    """Whether the schema is called like a database that is open, so that SQL must name the database too."""
    return fold(schema) in (fold(catalog), *_ALWAYS_OPEN)

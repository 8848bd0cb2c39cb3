"""Make tables of a JSON file: of its list of records, wherever that lies in it, and of the lists within records.

A file that is one object with one list of objects is that list; one with none is one row. Texts stay texts but for
dates and times; numbers keep every digit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nl2sql.importing.account import ColumnAccount, TableAccount
from nl2sql.importing.column_types import TEXT, TextColumn, TypedColumn, prove_types
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.layout import name_columns
from nl2sql.importing.plain_text import PlainText
from nl2sql.importing.table_names import TableNames, UnreadableError, clean_column_name, table_name
from nl2sql.schema.identifiers import escape_glob, literal, quote_name

if TYPE_CHECKING:
    import duckdb

_LARGEST_OBJECT: Final = 16_000_000
_DEEPEST: Final = 3
_SAMPLE: Final = 2000
_NUMBERS: Final = ("UBIGINT", "BIGINT", "HUGEINT", "UHUGEINT", "DOUBLE")
_LEAST_KEYED: Final = 2
_RECORDS: Final = "temp.main.records"


@dataclass(frozen=True, slots=True)
class _Place:
    """A list of objects within the one object of a file: the keys that lead to it, and the SQL of its records."""

    keys: tuple[str, ...]
    sql: str


def make_tables(
    connection: duckdb.DuckDBPyConnection,
    called: Path,
    text: PlainText,
    names: TableNames,
    rules: FileRules,
    end: str = "",
) -> list[TableAccount]:
    """Make the file's tables. UnreadableError where it has no records; duckdb.Error where it is no JSON."""
    largest = max(_LARGEST_OBJECT, text.size + 1)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE records AS SELECT json AS e FROM read_json_objects("
        f"{literal(escape_glob(str(text.path)))}, format='auto', maximum_object_size={largest})"
    )
    try:
        [(count, objects)] = connection.execute(
            f"SELECT count(*), count(*) FILTER (json_type(e) = 'OBJECT') FROM {_RECORDS}"
        ).fetchall()
        if not count:
            raise UnreadableError(f"{called.name} holds no records", "Remove it, or put data in it.")
        own = table_name(called.stem)
        places, left_out = _find_places(connection) if count == objects == 1 else ([], [])
        if not places:
            sql = f"SELECT e FROM {_RECORDS}"
            return _make_table(connection, called, sql, names.take(own, table_name(called.name)), names, rules, end)
        made: list[TableAccount] = []
        for place in places:
            wanted = (
                (own, table_name(called.name)) if len(places) == 1 else (table_name(f"{called.stem}_{place.keys[-1]}"),)
            )
            made += _make_table(connection, called, place.sql, names.take(*wanted), names, rules, end)
        kept = " and ".join(".".join(place.keys) or "its keys" for place in places)
        beside = f"only the records in {kept} are read; left out beside them: {', '.join(left_out)}"
        told = [(beside, "")] if left_out else []
        made[0] = replace(made[0], left_out=(*told, *made[0].left_out), format=f"JSON, records in {kept}")
        return made
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {_RECORDS}")


def _find_places(connection: duckdb.DuckDBPyConnection) -> tuple[list[_Place], list[str]]:
    """Where the records of the one object lie, and what there is beside them."""
    [(text,)] = connection.execute(f"SELECT json_structure(e) FROM {_RECORDS}").fetchall()
    structure = json.loads(text)
    places = list(_walk(structure, ()))
    if places:
        told = [name for name in structure if not any(place.keys[0] == name for place in places)]
        beside = [name for place in places if len(place.keys) > 1 for name in _list_beside(structure, place.keys)]
        return places, told + beside
    if table := _find_columns_and_rows(structure):
        return [table], [name for name in structure if name not in ("columns", "rows", "data")]
    if keyed := _find_keyed(structure):
        return [keyed], []
    return [], []


def _list_beside(structure: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    """What lies beside the list on the way to it."""
    inner: Any = structure
    for depth, key in enumerate(keys):
        if depth:
            yield from (".".join((*keys[:depth], name)) for name in inner if name != key)
        inner = inner[key]


def _walk(structure: Any, keys: tuple[str, ...]) -> Iterator[_Place]:
    """The lists of objects within a structure, the outermost ones."""
    if not isinstance(structure, dict) or len(keys) >= _DEEPEST:
        return
    for name, inner in structure.items():
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            path = _write_path((*keys, name))
            yield _Place((*keys, name), f"SELECT unnest(json_extract(e, '{path}[*]')) AS e FROM {_RECORDS}")
        else:
            yield from _walk(inner, (*keys, name))


def _find_columns_and_rows(structure: Mapping[str, Any]) -> _Place | None:
    """A table written as the names of its columns and a list of rows."""
    rows = next((name for name in ("rows", "data") if isinstance(structure.get(name), list)), None)
    if (
        structure.get("columns") != ["VARCHAR"]
        or rows is None
        or not (structure[rows] and isinstance(structure[rows][0], list))
    ):
        return None
    names = "CAST(json_extract(e, '$.columns') AS VARCHAR[])"
    pairs = (
        "list_transform(range(len(n)), lambda i: struct_pack(k := n[i + 1], v := json_extract(r, '$[' || i || ']')))"
    )
    sql = (
        f"SELECT CAST(map_from_entries({pairs}) AS JSON) AS e FROM "
        f"(SELECT {names} AS n, unnest(json_extract(e, '{_write_path((rows,))}[*]')) AS r FROM {_RECORDS})"
    )
    return _Place((rows,), sql)


def _find_keyed(structure: Mapping[str, Any]) -> _Place | None:
    """Objects by their keys, all of them much alike: each is a record, whose key is a value too."""
    inner = [value for value in structure.values() if isinstance(value, dict)]
    if len(inner) < len(structure) or len(inner) < _LEAST_KEYED:
        return None
    shared = set(inner[0]).intersection(*inner[1:])
    if 2 * len(shared) < max(map(len, inner)) or not shared:
        return None
    key = next(name for name in ("key", "record_key", "key_of_record") if not any(name in one for one in inner))
    sql = (
        f"SELECT json_merge_patch(json_object('{key}', k), json_extract(e, '$.' || json_quote(k))) AS e "
        f"FROM (SELECT e, unnest(json_keys(e)) AS k FROM {_RECORDS})"
    )
    return _Place((), sql)


def _write_path(keys: Sequence[str]) -> str:
    """A path of DuckDB's, for use within single quotes."""
    inner = "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
    return ("$" + inner).replace("'", "''")


# One table


def _make_table(
    connection: duckdb.DuckDBPyConnection,
    called: Path,
    sql: str,
    table: str,
    names: TableNames,
    rules: FileRules,
    end: str,
) -> list[TableAccount]:
    """The table of these records, and one for each list of objects in them."""
    [(text,)] = connection.execute(f"SELECT json_group_structure(e) FROM ({sql})").fetchall()
    structure = json.loads(text)
    if not isinstance(structure, dict):
        structure, sql = {"value": structure}, f"SELECT json_object('value', e) AS e FROM ({sql})"
    fields = list(structure)
    columns = name_columns(fields, len(fields), clean_column_name)
    shown = [_write_column(field, structure[field], f"c{i}") for i, field in enumerate(fields)]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE flat AS SELECT {', '.join(shown) or 'e AS c0'} FROM ({sql})")
    try:
        typed, rows = _type_flat(connection, structure, fields, columns, rules)
        parts = ", ".join(f"{one.sql} AS {quote_name(one.name)}" for one in typed)
        connection.execute(f"CREATE TABLE {quote_name(table)} AS SELECT {parts} FROM temp.main.flat{end}")
        types = [str(row[1]) for row in connection.execute(f"DESCRIBE {quote_name(table)}").fetchall()]
        accounts = tuple(
            ColumnAccount(one.name, field, kind, one.why, dict(one.nulls) or None, one.doubt)
            for one, field, kind in zip(typed, fields, types, strict=True)
        )
        made = [TableAccount(table, called.name, rows, "JSON", accounts)]
        children = [
            (field, column)
            for field, column in zip(fields, columns, strict=True)
            if _is_list_of_objects(structure[field])
        ]
        for field, column in children:
            key = _find_key(connection, table, typed)
            link = None if key is None else (key, fields[columns.index(key)])
            made += _make_child(connection, called, (field, column, table), link, sql, names, rules, end)
        return made
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.main.flat")


def _is_list_of_objects(structure: Any) -> bool:
    return isinstance(structure, list) and bool(structure) and isinstance(structure[0], dict)


def _write_column(field: str, structure: Any, name: str) -> str:
    """The SQL of a field: text where it is one value, else what it is nested of."""
    path = _write_path((field,))
    if isinstance(structure, str):
        return f"json_extract_string(e, '{path}') AS {name}"
    inner = json.dumps(structure).replace("'", "''").replace('"NULL"', '"VARCHAR"')
    return f"json_transform(json_extract(e, '{path}'), '{inner}') AS {name}"


def _type_flat(
    connection: duckdb.DuckDBPyConnection,
    structure: Mapping[str, Any],
    fields: Sequence[str],
    columns: Sequence[str],
    rules: FileRules,
) -> tuple[list[TypedColumn], int]:
    """The type of each column, in order, and the number of rows."""
    keys = [f"c{i}" for i in range(len(fields))]
    single = [i for i, field in enumerate(fields) if isinstance(structure[field], str)]
    found = {key: TypedColumn(key, column, "nested", key) for key, column in zip(keys, columns, strict=True)}
    [(rows,)] = connection.execute("SELECT count(*) FROM temp.main.flat").fetchall()
    if single:
        shown = ", ".join(keys[i] for i in single)
        sample = connection.execute(f"SELECT {shown} FROM temp.main.flat LIMIT {_SAMPLE}").fetchall()
        texts = [
            TextColumn(
                keys[i],
                columns[i],
                [row[at] for row in sample if row[at] is not None],
                numeric=structure[fields[i]] in _NUMBERS,
                kinds=_list_kinds(structure[fields[i]]),
            )
            for at, i in enumerate(single)
        ]
        typed, _ = prove_types(connection, "temp.main.flat", "true", texts, rules)
        found |= {one.key: one for one in typed}
    return [found[key] for key in keys], rows


def _list_kinds(kind: str) -> tuple[str, ...]:
    """What a value that JSON calls so may be."""
    if kind in _NUMBERS:
        return ("number",)
    return ("boolean",) if kind == "BOOLEAN" else ("date", "time") if kind == "VARCHAR" else ()


def _make_child(
    connection: duckdb.DuckDBPyConnection,
    called: Path,
    place: tuple[str, str, str],
    link: tuple[str, str] | None,
    sql: str,
    names: TableNames,
    rules: FileRules,
    end: str,
) -> list[TableAccount]:
    """The table of a list within the records: its objects, each with the key of its record, or its number.

    `place` is the field, its column and the table of the records; `link` the column that is a key, and its field.
    """
    field, column, parent = place
    path = _write_path((field,))
    if link is None:
        numbered, name = f"SELECT e, row_number() OVER () AS k FROM ({sql})", f"{parent}_row"
    else:
        name = f"{parent}_{link[0]}"
        numbered = f"SELECT e, json_extract(e, '{_write_path((link[1],))}') AS k FROM ({sql})"
    inner = (
        f"SELECT json_merge_patch(json_object({literal(name)}, k), i) AS e FROM "
        f"(SELECT k, unnest(json_extract(e, '{path}[*]')) AS i FROM ({numbered})) WHERE json_type(i) = 'OBJECT'"
    )
    table = names.take(table_name(f"{parent}_{column}"))
    made = _make_table(connection, called, inner, table, names, rules, end)
    made[0] = replace(made[0], format=f"JSON, the lists in {field!r} of {parent}; {name} says of which record")
    return made


def _find_key(connection: duckdb.DuckDBPyConnection, table: str, typed: Sequence[TypedColumn]) -> str | None:
    """The column named like a key whose values are there and all different."""
    named = [
        one.name for one in typed if one.type in ("BIGINT", TEXT) and one.name.lower().endswith(("id", "key", "code"))
    ]
    for name in named:
        [(count, different)] = connection.execute(
            f"SELECT count(*), count(DISTINCT {quote_name(name)}) FROM {quote_name(table)}"
        ).fetchall()
        if count == different:
            return name
    return None

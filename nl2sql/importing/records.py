"""Make tables of a JSON file: of its list of records, wherever that is in the file, and of the lists within records.

A file that is one object with one list of objects is read as that list; one without a list is one row. Texts stay text
unless they are dates or times; numbers keep every digit.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nl2sql.importing.column_types import prove_types
from nl2sql.importing.file_kinds import name_stem
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.import_account import ColumnAccount, Origin, TableAccount
from nl2sql.importing.import_errors import UnreadableError
from nl2sql.importing.import_names import TableNames, clean_column_name, clean_table_name, name_columns
from nl2sql.importing.plain_text import PlainText
from nl2sql.importing.plain_types import TEXT, TextColumn, TypedColumn
from nl2sql.schema.identifiers import escape_glob, quote_literal, quote_name

if TYPE_CHECKING:
    import duckdb

_MIN_OBJECT_LIMIT_BYTES: Final = 16_000_000
_MAX_DEPTH: Final = 3
_SAMPLE_ROWS: Final = 2000
_NUMBERS: Final = ("UBIGINT", "BIGINT", "HUGEINT", "UHUGEINT", "DOUBLE")
_MIN_KEYED_RECORDS: Final = 2
# No table of a file has a dot in its name, so these hide none.
_RECORDS: Final = 'temp.main."import.records"'
_FLAT: Final = 'temp.main."import.flat"'
_TOO_DEEP: Final = "Save it with fewer levels, or leave it out."
# Numbers with a decimal point and more digits than DuckDB keeps of a number in JSON.
_LONG_NUMBER: Final = "[0-9][0-9.]{16,}"
_NUMBER_TOKEN: Final = r"[:,\[]\s*-?([0-9]+[.][0-9]+)"


@dataclass(frozen=True, slots=True)
class _ListPlace:
    """A list of objects within the one object of a file: the keys that lead to it, its records' SQL, and doubts."""

    keys: tuple[str, ...]
    sql: str
    doubts: tuple[str, ...] = ()


def make_tables(
    connection: duckdb.DuckDBPyConnection,
    called: Path,
    text: PlainText,
    names: TableNames,
    rules: FileRules,
    end: str = "",
) -> list[TableAccount]:
    """Make the file's tables. `called` is its name; `end` is SQL after the SELECT that limits the rows.

    Raises:
        UnreadableError: where it has no records.
        duckdb.Error: where it is no JSON.
    """
    largest = max(_MIN_OBJECT_LIMIT_BYTES, text.size + 1)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_RECORDS} AS SELECT json AS e FROM read_json_objects("
        f"{quote_literal(escape_glob(str(text.path)))}, format='auto', maximum_object_size={largest})"
    )
    try:
        [(count, objects)] = connection.execute(
            f"SELECT count(*), count(*) FILTER (json_type(e) = 'OBJECT') FROM {_RECORDS}"
        ).fetchall()
        if not count:
            raise UnreadableError(f"{called.name} holds no records", "Remove it, or put data in it.")
        rounded = tuple(_find_rounded(connection))
        places, left_out = _find_places(connection) if count == objects == 1 else ([], [])
        importer = _RecordImporter(connection, called, names, rules, end)
        made = importer.make_place_tables(places, left_out)
        made[0] = replace(made[0], doubts=(*rounded, *made[0].doubts))
        return made
    except RecursionError as error:
        raise UnreadableError(f"{called.name} cannot be read: it is nested too deep", _TOO_DEEP) from error
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {_RECORDS}")


def _find_rounded(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield a sentence where numbers have more digits than DuckDB keeps of a number in JSON."""
    [(count, text)] = connection.execute(
        f"SELECT count(*), any_value(t) FROM (SELECT unnest(regexp_extract_all(CAST(e AS VARCHAR), '{_NUMBER_TOKEN}', "
        f"1)) AS t FROM {_RECORDS} WHERE regexp_matches(CAST(e AS VARCHAR), '{_LONG_NUMBER}')) WHERE length(t) > 16 "
        "AND CAST(CAST(t AS DOUBLE) AS VARCHAR) <> t AND TRY_CAST(t AS DECIMAL(38, 18)) IS DISTINCT FROM "
        "TRY_CAST(CAST(CAST(t AS DOUBLE) AS VARCHAR) AS DECIMAL(38, 18))"
    ).fetchall()
    if count:
        numbers = "number has" if count == 1 else "numbers have"
        yield f"{count:,} {numbers} more digits than are kept of a number in JSON, such as {text}: compare them"


def _find_places(connection: duckdb.DuckDBPyConnection) -> tuple[list[_ListPlace], list[str]]:
    """Return where the records of the one object are, and the names of what else it holds."""
    [(text,)] = connection.execute(f"SELECT json_structure(e) FROM {_RECORDS}").fetchall()
    structure = json.loads(text)
    places = list(_walk_structure(structure, ()))
    if places:
        others = [name for name in structure if not any(place.keys[0] == name for place in places)]
        beside = [name for place in places if len(place.keys) > 1 for name in _list_beside(structure, place.keys)]
        return places, others + beside
    if table := _find_columns_and_rows(connection, structure):
        return [table], [name for name in structure if name not in ("columns", *table.keys)]
    if keyed := _find_keyed(structure):
        return [keyed], []
    return [], []


def _list_beside(structure: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    """Yield the names of what is beside the list on the way to it."""
    inner: Any = structure
    for depth, key in enumerate(keys):
        if depth:
            yield from (".".join((*keys[:depth], name)) for name in inner if name != key)
        inner = inner[key]


def _walk_structure(structure: Any, keys: tuple[str, ...]) -> Iterator[_ListPlace]:
    """Yield the outermost lists of objects within a structure."""
    if not isinstance(structure, dict) or len(keys) >= _MAX_DEPTH:
        return
    for name, inner in structure.items():
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            path = quote_literal(_write_path((*keys, name)) + "[*]")
            yield _ListPlace((*keys, name), f"SELECT unnest(json_extract(e, {path})) AS e FROM {_RECORDS}")
        else:
            yield from _walk_structure(inner, (*keys, name))


def _find_columns_and_rows(connection: duckdb.DuckDBPyConnection, structure: Mapping[str, Any]) -> _ListPlace | None:
    """Return a table written as the names of its columns and a list of rows; None where it is not written so.

    Raises:
        UnreadableError: where a row has more cells than there are columns.
    """
    rows = next((name for name in ("rows", "data") if isinstance(structure.get(name), list)), None)
    if (
        structure.get("columns") != ["VARCHAR"]
        or rows is None
        or not (structure[rows] and isinstance(structure[rows][0], list))
    ):
        return None
    [(header,)] = connection.execute(
        f"SELECT CAST(json_extract(e, '$.columns') AS VARCHAR[]) FROM {_RECORDS}"
    ).fetchall()
    names = name_columns([name or "" for name in header], len(header), clean_column_name)
    listed = f"SELECT unnest(json_extract(e, {quote_literal(_write_path((rows,)) + '[*]')})) AS r FROM {_RECORDS}"
    [(longest, short)] = connection.execute(
        f"SELECT max(json_array_length(r)), count(*) FILTER (coalesce(json_array_length(r), 0) < {len(names)}) "
        f"FROM ({listed})"
    ).fetchall()
    if (longest or 0) > len(names):
        raise UnreadableError(
            f"a row in {rows!r} has {longest:,} cells, but there are {len(names):,} columns",
            "Name each column in `columns`.",
        )
    doubt = f"{short:,} {'row has' if short == 1 else 'rows have'} fewer cells than there are columns: the rest is NULL"
    cells = ", ".join(f"{quote_literal(name)}, json_extract(r, '$[{i}]')" for i, name in enumerate(names))
    return _ListPlace((rows,), f"SELECT json_object({cells}) AS e FROM ({listed})", (doubt,) if short else ())


def _find_keyed(structure: Mapping[str, Any]) -> _ListPlace | None:
    """Return objects by their keys as a place, where all are alike: each is a record, with its key as a value too."""
    inner = [value for value in structure.values() if isinstance(value, dict)]
    if len(inner) < len(structure) or len(inner) < _MIN_KEYED_RECORDS:
        return None
    shared = set(inner[0]).intersection(*inner[1:])
    if 2 * len(shared) < max(map(len, inner)) or not shared:
        return None
    key = _find_free_name("key", {name for fields in inner for name in fields})
    record = "json_extract(e, '$.' || json_quote(k))"
    sql = (
        f"SELECT {_put_first(key, 'to_json(k)', 'r')} AS e FROM "
        f"(SELECT k, {record} AS r FROM (SELECT e, unnest(json_keys(e)) AS k FROM {_RECORDS}))"
    )
    return _ListPlace((), sql)


def _find_free_name(wanted: str, taken: Collection[str]) -> str:
    """Return the wanted name, followed by the first number that makes it free where it is taken."""
    folded = {name.lower() for name in taken}
    numbered = (f"{wanted}_{number}" for number in itertools.count(2))
    return wanted if wanted.lower() not in folded else next(name for name in numbered if name.lower() not in folded)


def _put_first(name: str, value: str, record: str) -> str:
    """Return the SQL of a JSON object with a new field before its others; the SQL's NULL becomes JSON's null."""
    start = quote_literal("{" + json.dumps(name, ensure_ascii=False) + ":")
    rest = f"CASE WHEN json_keys({record}) = [] THEN '}}' ELSE ',' || ltrim(CAST({record} AS VARCHAR), ' \n\t\r{{') END"
    return f"CAST({start} || coalesce(CAST({value} AS VARCHAR), 'null') || {rest} AS JSON)"


def _point_at(field: str) -> str:
    """Return the path of one field; an empty name needs a JSON pointer."""
    return _write_path((field,)) if field else "/"


def _write_path(keys: Sequence[str]) -> str:
    """Return a path in DuckDB's notation."""
    inner = "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
    return "$" + inner


@dataclass(frozen=True, slots=True)
class _RecordImporter:
    """Makes tables of the records of one file. `select_end` is SQL after each SELECT that limits the rows."""

    connection: duckdb.DuckDBPyConnection
    file: Path
    names: TableNames
    rules: FileRules
    select_end: str

    def make_place_tables(self, places: Sequence[_ListPlace], left_out: Sequence[str]) -> list[TableAccount]:
        """Make the tables of each place, or of the whole file where there is none."""
        own = clean_table_name(name_stem(self.file))
        whole = own, clean_table_name(self.file.name)
        if not places:
            return self.make_tables(f"SELECT e FROM {_RECORDS}", self.names.take_free_name(*whole))
        made: list[TableAccount] = []
        for place in places:
            wanted = whole if len(places) == 1 else (f"{own}_{clean_table_name(place.keys[-1])}",)
            made += self.make_tables(place.sql, self.names.take_free_name(*wanted))
        read = " and ".join(".".join(place.keys) or "its keys" for place in places)
        reason = f"only the records in {read} are read; left out beside them: {', '.join(left_out)}"
        reasons = [(reason, "")] if left_out else []
        made[0] = replace(
            made[0],
            left_out=(*reasons, *made[0].left_out),
            format=f"JSON, records in {read}",
            doubts=(*places[0].doubts, *made[0].doubts),
        )
        return made

    def make_tables(self, sql: str, table: str) -> list[TableAccount]:
        """Make the table of the records that the SQL selects as `e`, and one for each list of objects in them."""
        connection = self.connection
        [(text,)] = connection.execute(f"SELECT json_group_structure(e) FROM ({sql})").fetchall()
        structure = json.loads(text)
        if not isinstance(structure, dict):
            structure, sql = {"value": structure}, f"SELECT json_object('value', e) AS e FROM ({sql})"
        fields = list(structure)
        columns = name_columns(fields, len(fields), clean_column_name)
        shown = [_write_column(field, structure[field], f"c{i}") for i, field in enumerate(fields)]
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_FLAT} AS SELECT {', '.join(shown) or 'e AS c0'} FROM ({sql})"
        )
        try:
            typed, rows = _type_flat_columns(connection, structure, fields, columns, self.rules)
            accounts = self._make_flat_table(table, fields, typed)
            made = [TableAccount(table, self.file.name, rows, "JSON", accounts)]
            for field, column in zip(fields, columns, strict=True):
                if not _is_list_of_objects(structure[field]):
                    continue
                key = _find_key(connection, table, typed)
                link = None if key is None else (key, fields[columns.index(key)])
                child = _ChildList(field, column, table, link, structure[field][0])
                made += self._make_child_tables(child, sql)
            return made
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {_FLAT}")

    def _make_flat_table(
        self, table: str, fields: Sequence[str], typed: Sequence[TypedColumn]
    ) -> tuple[ColumnAccount, ...]:
        """Make the table of the flat columns, and return their accounts."""
        parts = ", ".join(f"{column.sql} AS {quote_name(column.name)}" for column in typed)
        self.connection.execute(f"CREATE TABLE {quote_name(table)} AS SELECT {parts} FROM {_FLAT}{self.select_end}")
        types = [str(row[1]) for row in self.connection.execute(f"DESCRIBE {quote_name(table)}").fetchall()]
        return tuple(
            ColumnAccount(column.name, field, kind, column.why, dict(column.nulls) or None, column.doubt)
            for column, field, kind in zip(typed, fields, types, strict=True)
        )

    def _make_child_tables(self, child: _ChildList, sql: str) -> list[TableAccount]:
        """Make the table of a list within the records: its objects, each with the key of its record, or its number."""
        path, link = quote_literal(_write_path((child.field,)) + "[*]"), child.link
        name = _find_free_name(f"{child.parent}_{link[0] if link else 'row'}", child.field_names)
        key = (
            "to_json(row_number() OVER ())" if link is None else f"json_extract(e, {quote_literal(_point_at(link[1]))})"
        )
        inner = (
            f"SELECT {_put_first(name, 'k', 'i')} AS e FROM (SELECT k, unnest(json_extract(e, {path})) AS i FROM "
            f"(SELECT e, {key} AS k FROM ({sql}))) WHERE json_type(i) = 'OBJECT'"
        )
        made = self.make_tables(inner, self.names.take_free_name(clean_table_name(f"{child.parent}_{child.column}")))
        shown = made[0].columns[0].name
        origins = (Origin("", child.parent, child.column), *([Origin(shown, child.parent, link[0])] if link else ()))
        how = f"JSON, the lists in {child.field!r} of {child.parent}; {shown} names the record that each belongs to"
        made[0] = replace(made[0], format=how, origins=origins)
        return made


@dataclass(frozen=True, slots=True)
class _ChildList:
    """A list of objects in a field of records: the field, its column, and the table of these records.

    `link` is the column that is a key of the records, and its field; None where there is none. `field_names` are the
    fields of the list's objects.
    """

    field: str
    column: str
    parent: str
    link: tuple[str, str] | None
    field_names: Collection[str]


def _is_list_of_objects(structure: Any) -> bool:
    return isinstance(structure, list) and bool(structure) and isinstance(structure[0], dict)


def _write_column(field: str, structure: Any, name: str) -> str:
    """Return the SQL of a field: text where it is one value, else its nested type."""
    path = quote_literal(_point_at(field))
    if isinstance(structure, str):
        return f"json_extract_string(e, {path}) AS {name}"
    inner = quote_literal(json.dumps(_fill_types(structure)))
    return f"json_transform(json_extract(e, {path}), {inner}) AS {name}"


def _fill_types(structure: Any) -> Any:
    """Return the same structure, with text where no value shows a type."""
    if isinstance(structure, dict):
        return {name: _fill_types(inner) for name, inner in structure.items()}
    if isinstance(structure, list):
        return [_fill_types(inner) for inner in structure]
    return TEXT if structure == "NULL" else structure


def _type_flat_columns(
    connection: duckdb.DuckDBPyConnection,
    structure: Mapping[str, Any],
    fields: Sequence[str],
    columns: Sequence[str],
    rules: FileRules,
) -> tuple[list[TypedColumn], int]:
    """Return the type of each column, in order, and the number of rows."""
    keys = [f"c{i}" for i in range(len(fields))]
    single = [i for i, field in enumerate(fields) if isinstance(structure[field], str)]
    found = {key: TypedColumn(key, column, "nested", key) for key, column in zip(keys, columns, strict=True)}
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {_FLAT}").fetchall()
    if single:
        shown = ", ".join(keys[i] for i in single)
        sample = connection.execute(f"SELECT {shown} FROM {_FLAT} LIMIT {_SAMPLE_ROWS}").fetchall()
        texts = [
            TextColumn(
                keys[i],
                columns[i],
                [row[at] for row in sample if row[at] is not None],
                is_numeric=structure[fields[i]] in _NUMBERS,
                kinds=_list_kinds(structure[fields[i]]),
            )
            for at, i in enumerate(single)
        ]
        typed, _ = prove_types(connection, _FLAT, "true", texts, rules)
        found |= {column.key: column for column in typed}
    return [found[key] for key in keys], rows


def _list_kinds(kind: str) -> tuple[str, ...]:
    """Return the kinds that a value of this JSON type may have."""
    if kind in _NUMBERS:
        return ("number",)
    return ("boolean",) if kind == "BOOLEAN" else ("date", "time") if kind == "VARCHAR" else ()


def _find_key(connection: duckdb.DuckDBPyConnection, table: str, typed: Sequence[TypedColumn]) -> str | None:
    """Return the first column named like a key whose values are all present and different; None where there is none."""
    names = [
        column.name
        for column in typed
        if column.type in ("BIGINT", TEXT) and column.name.lower().endswith(("id", "key", "code"))
    ]
    for name in names:
        [(count, different)] = connection.execute(
            f"SELECT count(*), count(DISTINCT {quote_name(name)}) FROM {quote_name(table)}"
        ).fetchall()
        if count == different:
            return name
    return None

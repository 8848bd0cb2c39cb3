"""Find the type of each column of texts and prove it by every value: none is rounded, cut or dropped on the way.

A few rows suggest a type. A pass over all rows proves it; where it does not, the shapes of all values are examined. A
column that can be read in two ways stays text, and the account says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nl2sql.importing.column_notations import choose_notation
from nl2sql.importing.column_shapes import (
    BLANKS,
    ZERO_DATES,
    ColumnNotation,
    NotationChoice,
    Shape,
    Signs,
)
from nl2sql.importing.date_notations import LENGTH
from nl2sql.importing.file_rules import FileRules
from nl2sql.importing.number_notations import find_signs
from nl2sql.importing.plain_types import PLAIN, TEXT, TextColumn, TypedColumn, guess_type, has_kind, make_plain
from nl2sql.schema.identifiers import quote_literal, quote_name
from nl2sql.types.type_families import is_temporal

if TYPE_CHECKING:
    import duckdb

_MAX_SHAPES: Final = 5000
_STAGE: Final = "temp.main.texts"
_DIGITS: Final = f"translate(trim({{}}, '{BLANKS}'), '0123456789', '9999999999')"
_ZERO_FIRST: Final = "regexp_matches({}, '^[^0-9]*0')"


@dataclass(frozen=True, slots=True)
class Counts:
    """The result of a pass over all rows: how many rows there are, and how many of them are empty."""

    rows: int
    blank_rows: int


def prove_types(
    connection: duckdb.DuckDBPyConnection, reader: str, keep: str, columns: Sequence[TextColumn], rules: FileRules
) -> tuple[list[TypedColumn], Counts]:
    """Return the type of each column over all rows of `reader` for which `keep` holds, and the counts of these rows.

    Raises:
        duckdb.Error: where the reader cannot read the file.
    """
    guesses = [guess_type(column, rules) for column in columns]
    plain = [
        PLAIN[guess].replace("{}", quote_name(column.key)) if guess in PLAIN else "false"
        for column, guess in zip(columns, guesses, strict=True)
    ]
    names = [quote_name(column.key) for column in columns]
    tests = [f"count(*) FILTER ({name} IS NOT NULL AND {test})" for name, test in zip(names, plain, strict=True)]
    blank = " AND ".join(f"{name} IS NULL" for name in names)
    shown = [f"any_value({name})" for name in names]
    [row] = connection.execute(
        f"SELECT count(*), count(*) FILTER ({blank}), {', '.join(tests + shown)} FROM {reader} WHERE {keep}"
    ).fetchall()
    misfits, values = row[2 : 2 + len(columns)], row[2 + len(columns) :]
    typed: dict[str, TypedColumn] = {}
    unsure = []
    for column, guess, wrong, value in zip(columns, guesses, misfits, values, strict=True):
        if value is None:
            typed[column.key] = TypedColumn(column.key, column.name, why="it holds no value", is_empty=True)
        elif guess and not wrong:
            typed[column.key] = make_plain(column, guess)
        else:
            unsure.append(column)
    if unsure:
        proved_point = any(typed.get(column.key, TypedColumn("", "")).type == "DOUBLE" for column in columns)
        typed |= _prove_by_shapes(connection, reader, keep, unsure, rules, proved_point=proved_point)
    if rules.null:
        typed = {key: _take_null(column, rules.null) for key, column in typed.items()}
    ordered = [replace(typed[column.key], sql=typed[column.key].sql or quote_name(column.key)) for column in columns]
    return ordered, Counts(row[0], row[1])


def _take_null(column: TypedColumn, null: Sequence[str]) -> TypedColumn:
    """Return a text column that reads the owner's texts for no value as NULL; another type does so already."""
    if column.type != TEXT or column.sql:
        return column
    name = quote_name(column.key)
    return replace(column, sql=f"CASE WHEN {_is_none_of(name, null)} THEN {name} END")


def _is_none_of(name: str, null: Sequence[str]) -> str:
    """Return the SQL that is true where a value is none of the texts that stand for no value."""
    nulls = ", ".join(quote_literal(text.strip(BLANKS).lower()) for text in null)
    return f"lower(trim({name}, '{BLANKS}')) NOT IN ({nulls})"


def _prove_by_shapes(
    connection: duckdb.DuckDBPyConnection,
    reader: str,
    keep: str,
    columns: Sequence[TextColumn],
    rules: FileRules,
    *,
    proved_point: bool,
) -> dict[str, TypedColumn]:
    """Return the types of columns that the first rows do not settle, from the shapes of all of their values."""
    names = ", ".join(quote_name(column.key) for column in columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE texts AS SELECT {names} FROM {reader} WHERE {keep}")
    try:
        shapes = {column.key: _collect_all_shapes(connection, column, rules.null) for column in columns}
        signs = _find_file_signs(columns, shapes, rules, proved_point=proved_point)
        choices = {
            column.key: _choose_column_notation(
                column, shapes[column.key], Signs(".", "") if column.is_numeric else signs, rules
            )
            for column in columns
        }
        typed = {column.key: _prove_notation(connection, column, choices[column.key], rules) for column in columns}
        open_ones = [column.key for column in columns if len(choices[column.key].rivals) > 1]
        orders = {typed[key].why.partition(";")[0] for key in open_ones} & {"day first", "month first"}
        if len(orders) == 1 and not rules.dates:
            [order] = orders
            for column in columns:
                if len(choices[column.key].rivals) > 1 and typed[column.key].doubt:
                    by_order = replace(rules, dates=order)
                    typed[column.key] = _prove_notation(
                        connection, column, choices[column.key], by_order, by_others=True
                    )
        return typed
    finally:
        connection.execute(f"DROP TABLE {_STAGE}")


def _collect_all_shapes(connection: duckdb.DuckDBPyConnection, column: TextColumn, null: Sequence[str]) -> list[Shape]:
    """Return the shapes of all values, at most _MAX_SHAPES: a column with more of them is neither numbers nor dates."""
    name = quote_name(column.key)
    zero_dates = ", ".join(map(quote_literal, ZERO_DATES))
    found = connection.execute(
        f"SELECT {_DIGITS.replace('{}', name)}, {_ZERO_FIRST.replace('{}', name)}, count(*), any_value({name}) "
        f"FROM {_STAGE} WHERE {name} IS NOT NULL AND {name} NOT IN ({zero_dates}) "
        f"{f'AND {_is_none_of(name, null)} ' if null else ''}"
        f"GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT {_MAX_SHAPES}"
    ).fetchall()
    return [Shape(text, count, example, zero) for text, zero, count, example in found]


def _find_file_signs(
    columns: Sequence[TextColumn], shapes: Mapping[str, Sequence[Shape]], rules: FileRules, *, proved_point: bool
) -> Signs | None:
    """Return the owner's decimal sign, or the one that all columns which prove one agree on."""
    if rules.decimal:
        return Signs(rules.decimal, "." if rules.decimal == "," else ",")
    found = {signs for column in columns if (signs := find_signs(shapes[column.key], column.name))}
    decimals = {signs.decimal for signs in found} | ({"."} if proved_point else set())
    if len(decimals) != 1:
        return None
    [decimal] = decimals
    group = next((signs.group for signs in found if signs.group), "." if decimal == "," else ",")
    return Signs(decimal, group)


def _choose_column_notation(
    column: TextColumn, shapes: Sequence[Shape], signs: Signs | None, rules: FileRules
) -> NotationChoice:
    wanted = rules.types.get(column.name, "").lower()
    if wanted == "text":
        return NotationChoice()
    if len(shapes) >= _MAX_SHAPES:
        return NotationChoice()
    choice = choose_notation(shapes, column.name, signs)
    if column.kinds == ("length",):
        return NotationChoice((LENGTH,), nulls=choice.nulls)
    if not has_kind(choice, column.kinds):
        return NotationChoice()
    if wanted and not has_kind(choice, (wanted,)):
        return NotationChoice(doubt=_describe_unfit(wanted))
    if wanted and not choice.rivals:
        return NotationChoice(doubt=choice.doubt or _describe_unfit(wanted))
    return choice


def _describe_unfit(wanted: str) -> str:
    """Return why a column does not have the type that the owner gives it."""
    return f"stays text: not every value is a {wanted}, as `types` says"


def _prove_notation(
    connection: duckdb.DuckDBPyConnection,
    column: TextColumn,
    choice: NotationChoice,
    rules: FileRules,
    *,
    by_others: bool = False,
) -> TypedColumn:
    """Return the column in the notation that holds for every value, else as text; `by_others` proves its dates."""
    order = rules.dates
    untyped = TypedColumn(column.key, column.name, doubt=choice.doubt)
    rivals = [rival for rival in choice.rivals if not order or len(choice.rivals) == 1 or rival.why.startswith(order)]
    if not rivals:
        return untyped
    zero_dates = ZERO_DATES if is_temporal(rivals[0].type) else ()
    name = quote_name(column.key)
    no_values = _list_no_values(choice, (*zero_dates, *rules.null))
    is_value = f"{name} IS NOT NULL" + (
        f" AND lower(trim({name}, '{BLANKS}')) NOT IN ({no_values})" if no_values else ""
    )
    failures = {
        notation: _count_failures(connection, notation, name, is_value) for notation in (*rivals, *choice.fallbacks)
    }
    holding = [notation for notation in rivals if not failures[notation][0]]
    holding = holding or [notation for notation in choice.fallbacks if not failures[notation][0]][:1]
    if len(holding) > 1 and not _has_difference(connection, holding, name, is_value):
        holding = holding[:1]
    if len(holding) > 1:
        return replace(untyped, doubt=_describe_ambiguity(connection, holding, name, is_value))
    if not holding:
        return replace(untyped, doubt=_describe_failures(rivals, failures))
    [found] = holding
    why = f"{found.why}, as elsewhere in the file" if by_others else found.why
    nulls = _count_nulls(connection, name, is_value)
    sql = found.sql.replace("{}", name)
    if no_values:
        sql = f"CASE WHEN {is_value} THEN {sql} END"
    return TypedColumn(column.key, column.name, found.type, sql, why, nulls)


def _list_no_values(choice: NotationChoice, others: Sequence[str]) -> str:
    texts = {shape.example.strip(BLANKS).lower() for shape in choice.nulls} | {""}
    texts |= {text.strip(BLANKS).lower() for text in others}
    return ", ".join(quote_literal(text) for text in sorted(texts)) if choice.nulls or others else ""


def _count_failures(
    connection: duckdb.DuckDBPyConnection, notation: ColumnNotation, name: str, is_value: str
) -> tuple[int, str, int]:
    """Return how many values the notation cannot read, one of them, and how many values there are."""
    sql = notation.sql.replace("{}", name)
    [(wrong, text, count)] = connection.execute(
        f"SELECT count(*) FILTER (({sql}) IS NULL), any_value({name}) FILTER (({sql}) IS NULL), count(*) "
        f"FROM {_STAGE} WHERE {is_value}"
    ).fetchall()
    return wrong, text or "", count


def _has_difference(
    connection: duckdb.DuckDBPyConnection, notations: Sequence[ColumnNotation], name: str, is_value: str
) -> bool:
    first, *others = (notation.sql.replace("{}", name) for notation in notations)
    tests = " OR ".join(f"({first}) IS DISTINCT FROM ({other})" for other in others)
    [(count,)] = connection.execute(f"SELECT count(*) FROM {_STAGE} WHERE {is_value} AND ({tests})").fetchall()
    return bool(count)


def _describe_ambiguity(
    connection: duckdb.DuckDBPyConnection, notations: Sequence[ColumnNotation], name: str, is_value: str
) -> str:
    orders = " or ".join(notation.why.partition(";")[0] for notation in notations)
    [(text,)] = connection.execute(f"SELECT any_value({name}) FROM {_STAGE} WHERE {is_value}").fetchall()
    return f"stays text: nothing says whether {text!r} is {orders}; set `dates` to settle it"


def _describe_failures(
    rivals: Sequence[ColumnNotation], failures: Mapping[ColumnNotation, tuple[int, str, int]]
) -> str:
    if len(rivals) > 1:
        values = " and ".join(f"{failures[rival][1]!r} is not {rival.why.partition(';')[0]}" for rival in rivals[:2])
        return f"stays text: its dates are in more than one order: {values}"
    wrong, text, count = failures[rivals[0]]
    return f"stays text: {wrong:,} of {count:,} values cannot be read, such as {text!r}"


def _count_nulls(connection: duckdb.DuckDBPyConnection, name: str, is_value: str) -> dict[str, int]:
    found = connection.execute(
        f"SELECT {name}, count(*) FROM {_STAGE} WHERE {name} IS NOT NULL AND NOT ({is_value}) "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20"
    ).fetchall()
    return dict(found)

"""Guess the types of texts written by programs from a few rows, and load a file in one pass that tests each value.

A value that does not fit leaves no table behind; `column_types` then finds the type of its column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from nl2sql.importing.column_notations import choose_notation
from nl2sql.importing.column_shapes import BLANKS, NotationChoice, Shape, Signs, collect_shapes
from nl2sql.importing.file_rules import FileRules
from nl2sql.schema.identifiers import quote_literal, quote_name

if TYPE_CHECKING:
    import duckdb

_MAX_EXACT_CHARS: Final = 16
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_FLOAT: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[-+][0-9]{2,3})?")
_MAYBE_THOUSANDS: Final = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_MISFIT: Final = "a value is not of the type that was guessed"
TEXT: Final = "VARCHAR"


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column as the file has it: `key` in the reader, `name` in the table, some of its texts.

    `is_numeric` says that the file itself stores its values as numbers, written with a point. `kinds` are what they may
    be: "number", "date", "time", "boolean", "length"; None for any.
    """

    key: str
    name: str
    sample: Sequence[str]
    is_numeric: bool = False
    kinds: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """How a column is read: `sql` gives its values, `nulls` counts each text that is read as NULL."""

    key: str
    name: str
    type: str = TEXT
    sql: str = ""
    why: str = ""
    nulls: Mapping[str, int] = field(default_factory=dict)
    doubt: str = ""
    is_empty: bool = False


# The types that one pass proves cheaply, each with SQL that is true for a text that is not of the type.
PLAIN: Final[Mapping[str, str]] = {
    "BIGINT": "CAST(TRY_CAST({} AS BIGINT) AS VARCHAR) IS DISTINCT FROM {}",
    "DOUBLE": (
        "CASE WHEN length({}) <= 16 AND regexp_full_match({}, '-?(0|[1-9][0-9]*)([.][0-9]+)?') THEN false "
        "ELSE CAST(TRY_CAST({} AS DOUBLE) AS VARCHAR) IS DISTINCT FROM {} OR NOT isfinite(TRY_CAST({} AS DOUBLE)) END"
    ),
    "DATE": "CAST(TRY_CAST({} AS DATE) AS VARCHAR) IS DISTINCT FROM {}",
    "TIMESTAMP": "CAST(TRY_CAST({} AS TIMESTAMP) AS VARCHAR) IS DISTINCT FROM {}",
}
_PLAIN_REASONS: Final = {
    "BIGINT": "whole numbers",
    "DOUBLE": "decimals",
    "DATE": "year first",
    "TIMESTAMP": "year first",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A table to make of the rows for which `keep_condition` holds; `select_end` is SQL after the SELECT."""

    table: str
    keep_condition: str
    select_end: str = ""


def create_table(
    connection: duckdb.DuckDBPyConnection, reader: str, target: Target, typed: Sequence[TypedColumn]
) -> None:
    """Make the table.

    Raises:
        duckdb.Error: where DuckDB cannot read the file.
    """
    shown = ", ".join(f"{column.sql} AS {quote_name(column.name)}" for column in typed)
    name = quote_name(target.table)
    connection.execute(
        f"CREATE TABLE {name} AS SELECT {shown} FROM {reader} WHERE {target.keep_condition}{target.select_end}"
    )


def guess_plain_types(columns: Sequence[TextColumn], rules: FileRules) -> list[TypedColumn] | None:
    """Return the columns as their samples suggest, where each is text or of a plain type; else None."""
    typed = []
    for column in columns:
        guess = guess_type(column, rules)
        if not guess:
            return None
        typed.append(make_plain(column, guess))
    return typed


def make_plain(column: TextColumn, guess: str) -> TypedColumn:
    """Return the column read as `guess`, which is text or a plain type."""
    name = quote_name(column.key)
    if guess == TEXT:
        return TypedColumn(column.key, column.name, sql=name)
    doubt = _doubt_day_numbers(column) if guess == "BIGINT" else ""
    cast = f"CAST({name} AS {guess})"
    return TypedColumn(column.key, column.name, guess, cast, _PLAIN_REASONS[guess], doubt=doubt)


def load_plain_table(
    connection: duckdb.DuckDBPyConnection, reader: str, target: Target, typed: Sequence[TypedColumn]
) -> bool:
    """Make the table and test each value on the way; return False, and leave no table, where one does not fit.

    Rows of unequal length do not fit either.

    Raises:
        duckdb.Error: where DuckDB cannot read the file.
    """
    import duckdb

    checked = []
    for column in typed:
        name = quote_name(column.key)
        if column.type != TEXT:
            test = PLAIN[column.type].replace("{}", name)
            misfit = f"error({quote_literal(_MISFIT)})"
            value = f"CASE WHEN {name} IS NULL THEN NULL WHEN {test} THEN {misfit} ELSE {column.sql} END"
            checked.append(replace(column, sql=value))
        else:
            checked.append(column)
    try:
        create_table(connection, reader, target, checked)
    except duckdb.InvalidInputException as error:
        if _MISFIT in str(error) or "Expected Number of Columns" in str(error):
            return False
        raise
    return True


def _doubt_day_numbers(column: TextColumn) -> str:
    """Return a doubt where whole numbers in a column called a date may be a spreadsheet's days counted from 1900 on."""
    if not any(word in column.name.lower() for word in ("date", "datum", "fecha", "data", "dato", "day", "tag")):
        return ""
    is_day = [len(text) == 5 and "20000" <= text <= "60000" for text in column.sample if text.strip(BLANKS)]
    return "its numbers may be a spreadsheet's days counted from 1900 on" if is_day and all(is_day) else ""


def guess_type(column: TextColumn, rules: FileRules) -> str:
    """Return a plain type or text; empty where only all values together can tell."""
    if rules.types.get(column.name, "").lower() == "text" or column.kinds == ():
        return TEXT
    if column.name in rules.types or rules.null:
        return ""
    if column.kinds == ("length",):
        return ""
    texts = [text for text in column.sample if text.strip(BLANKS)]
    if column.kinds in (None, ("number",)) and _are_program_decimals(texts, column):
        return "DOUBLE"
    shapes = collect_shapes(texts)
    signs = Signs(".", "") if column.is_numeric else None
    choice = choose_notation(shapes, column.name, signs)
    if len(choice.rivals) == 1 and not choice.nulls and choice.rivals[0].type in PLAIN:
        kind = choice.rivals[0].type
        return kind if all(_is_plain_value(text, kind) for text in texts) else ""
    if not has_kind(choice, column.kinds):
        return TEXT
    return TEXT if texts and not choice.rivals and not choice.nulls and not choice.doubt and _is_prose(shapes) else ""


def _are_program_decimals(texts: Sequence[str], column: TextColumn) -> bool:
    """Return whether the texts are decimals as programs write them, and none might have thousands instead."""
    if not any("." in text for text in texts) or "version" in column.name.lower():
        return False
    if not column.is_numeric and all(_MAYBE_THOUSANDS.fullmatch(text) for text in texts if "." in text):
        return False
    return all(_is_plain_value(text, "DOUBLE") for text in texts)


def _is_plain_value(text: str, kind: str) -> bool:
    """Return whether the text is what a program writes for such a value."""
    if kind == "BIGINT":
        return _PLAIN_NUMBER.fullmatch(text) is not None and "." not in text
    if kind == "DOUBLE":
        is_short = len(text) <= _MAX_EXACT_CHARS and _PLAIN_NUMBER.fullmatch(text) is not None
        return is_short or (_FLOAT.fullmatch(text) is not None and repr(float(text)) == text)
    return "-" in text[4:5] and len(text) in (10, 19) and "T" not in text


def _is_prose(shapes: Sequence[Shape]) -> bool:
    """Return whether at most 5 % of the texts are numbers or dates."""
    count = sum(shape.frequency for shape in shapes)
    readable = sum(shape.frequency for shape in shapes if choose_notation([shape], "", None).rivals)
    return 20 * readable <= count


def has_kind(choice: NotationChoice, kinds: Sequence[str] | None) -> bool:
    """Return whether the notation is of one of these kinds, or there is none."""
    if kinds is None or not choice.rivals:
        return True
    return choice.rivals[0].type.partition("(")[0] in {kind for name in kinds for kind in _KINDS.get(name, ())}


_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("BIGINT", "HUGEINT", "DOUBLE", "DECIMAL"),
    "date": ("DATE", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMP_NS"),
    "time": ("TIME", "INTERVAL"),
    "boolean": ("BOOLEAN",),
}

"""A schema as the model reads it: CREATE TABLE lines with keys, comments, values and ranges.

Text from the data (names, comments, values) is shortened, stripped of control characters and kept on its line, and
markers that structure a chat are replaced: it can neither end its line nor pass for another message. Nothing here
decides which tables are shown.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from nl2sql.schema.identifiers import quote, quote_literal, quote_table
from nl2sql.text_safety import escape_for_model
from nl2sql.types import Column, ForeignKey, Schema, Table

COMMENT_CHARS: Final = 80
NAME_CHARS: Final = 150
TYPE_CHARS: Final = 200
VALUE_CHARS: Final = 30
VALUES_CHARS: Final = 120
_MAX_DISTINCT_RATIO: Final = 0.5
_LOOKUP_COLUMNS: Final = 3
_CHARS_PER_TOKEN: Final = 3.2


class _Parts(NamedTuple):
    """What the text of a column has besides its name, type and keys."""

    values: bool
    comments: bool
    synonyms: bool


def render(schema: Schema, *, values: bool = True, comments: bool = True) -> str:
    """Return all tables as text, in the order of the schema.

    `values` adds row counts, stored values and ranges; `comments` adds comments.
    """
    return "\n".join(render_table(table, schema, values=values, comments=comments) for table in schema.tables)


def render_table(
    table: Table,
    schema: Schema | None = None,
    *,
    values: bool = True,
    comments: bool = True,
    synonyms: bool = False,
) -> str:
    """Return one table as a CREATE statement whose comments describe the columns.

    `values` and `comments` are as in `render`; `synonyms` adds the owner's synonyms. `schema` is where the tables that
    the keys lead to are looked up, so that their names are qualified as SQL needs them.
    """
    kind = "VIEW" if table.kind == "view" else "TABLE"
    remarks = [f"{table.row_count:,} rows"] if table.row_count is not None and values else []
    if comments and table.comment:
        remarks.append(escape_for_model(table.comment, COMMENT_CHARS))
    if synonyms and table.synonyms:
        remarks.append(_render_synonyms(table.synonyms))
    head = f"CREATE {kind} {_render_name(quote_table(table))} (" + _render_remarks(remarks)
    single = {key.columns[0]: key for key in table.foreign_keys if len(key.columns) == 1}
    parts = _Parts(values, comments, synonyms)
    lines = [_render_column(column, table, single, schema, parts) for column in table.columns]
    if len(table.primary_key) > 1:
        lines.append(f"  PRIMARY KEY ({_render_names(table.primary_key)})")
    lines += [_render_composite_key(key, schema) for key in table.foreign_keys if len(key.columns) > 1]
    return "\n".join([head, *lines, ");"])


def estimate_tokens(text: str) -> int:
    """Estimate how many tokens a text takes, without a tokenizer."""
    return int(len(text) / _CHARS_PER_TOKEN) + 1


def _render_synonyms(synonyms: tuple[str, ...]) -> str:
    return escape_for_model(f"also called {', '.join(synonyms)}", COMMENT_CHARS)


def _render_column(
    column: Column, table: Table, keys: dict[str, ForeignKey], schema: Schema | None, parts: _Parts
) -> str:
    text = f"  {_render_name(quote(column.name))} {escape_for_model(column.type, TYPE_CHARS)}"
    if table.primary_key == (column.name,):
        text += " PRIMARY KEY"
    if column.name in keys:
        key = keys[column.name]
        text += f" REFERENCES {_render_target(key, schema)}({_render_names(key.target_columns)})"
    remarks = [escape_for_model(column.comment, COMMENT_CHARS)] if parts.comments and column.comment else []
    if parts.synonyms and column.synonyms:
        remarks.append(_render_synonyms(column.synonyms))
    if parts.values and (shown := _render_values(column, table)):
        remarks.append(shown)
    if parts.values and column.null_fraction:
        remarks.append("has NULLs")
    return text + "," + _render_remarks(remarks)


def _render_name(quoted: str) -> str:
    """Return the name on one line: a line break in it would end the line of the text."""
    return escape_for_model(quoted, NAME_CHARS)


def _render_names(names: tuple[str, ...]) -> str:
    return ", ".join(_render_name(quote(name)) for name in names)


def _render_composite_key(key: ForeignKey, schema: Schema | None) -> str:
    target = f"{_render_target(key, schema)}({_render_names(key.target_columns)})"
    return f"  FOREIGN KEY ({_render_names(key.columns)}) REFERENCES {target}"


def _render_target(key: ForeignKey, schema: Schema | None) -> str:
    """Return the table that the key leads to, as SQL writes it."""
    found = schema.find_table(key.target_table) if schema else None
    return _render_name(quote_table(found or Table(key.target_table, ())))


def _render_remarks(remarks: list[str]) -> str:
    return " -- " + "; ".join(remarks) if remarks else ""


def _render_values(column: Column, table: Table) -> str:
    """Return the range; else all values where they recur or make up a lookup table; else two as examples."""
    if column.is_temporal and column.minimum and column.maximum:
        first, last = (escape_for_model(end[:10], VALUE_CHARS) for end in (column.minimum, column.maximum))
        return f"{first} to {last}"
    rows = (table.row_count or 0) * (1 - (column.null_fraction or 0))
    shows_all = len(column.values) <= rows * _MAX_DISTINCT_RATIO or len(table.columns) <= _LOOKUP_COLUMNS
    few = (column.samples or column.values)[:2]
    chosen, prefix = (column.values, "") if column.values and shows_all else (few, "e.g. ")
    texts: list[str] = []
    for value in chosen:
        text = quote_literal(escape_for_model(value, VALUE_CHARS))
        if sum(map(len, texts)) + len(text) > VALUES_CHARS:
            texts.append("…")
            break
        texts.append(text)
    return prefix + ", ".join(texts) if texts else ""

"""Keys in a result whose names the question asks for: `grade_id` where it says "the grade of …".

Only the outermost SELECT is looked at, and only tables that hold nothing but keys and their names.
"""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp

from nl2sql.mend.joins import KEY_WORDS, Join, words
from nl2sql.mend.query import Query, add_joins, identifier, is_text, owner, place
from nl2sql.mend.scopes import Scope, Source
from nl2sql.types import Column, Table

_LOOKUP_COLUMNS: Final = 2
_KEY_ENDING: Final = re.compile(rf"[_ ]?(?:{'|'.join(sorted(KEY_WORDS))})$", re.IGNORECASE)


def name_keys(query: Query) -> None:
    """Show the name instead of the key; a row whose key is empty stays."""
    for scope in query.scopes():
        select = scope.select
        if select is not query.tree or scope.is_open or select.args.get("group") or select.args.get("distinct"):
            continue
        for expression in list(select.expressions):
            column = expression.this if isinstance(expression, exp.Alias) else expression
            if isinstance(column, exp.Column) and (found := _lookup(query, scope, column)):
                source, key, named = found
                before, name = column.sql("duckdb"), column.name
                place(column, add_joins(query, scope, (key,), source.alias, keeps_rows=True), named.name)
                query.added.pop()
                if expression is column and isinstance(column.parent, exp.Alias):
                    column.parent.set("alias", identifier(_KEY_ENDING.sub("", name) or named.name))
                query.done.append(f"{before} is shown by its name, {column.sql('duckdb')}")


def _lookup(query: Query, scope: Scope, column: exp.Column) -> tuple[Source, Join, Column] | None:
    """The key from the column to a table of names, and the name in it, where the question speaks of just that."""
    found = owner(scope, column)
    if found is None or found[0].table is None:
        return None
    source, known = found
    meant = words(known.name) - KEY_WORDS
    if not words(known.name) & KEY_WORDS or not meant or not _asks_for_names(query.question, meant):
        return None
    assert source.table is not None
    for key in source.table.foreign_keys:
        if len(key.columns) == 1 and key.columns[0].lower() == known.name.lower():
            target = query.schema.table(key.target_table)
            named = _name_of(target) if target is not None else None
            if named is not None:
                return source, Join(source.table.name, key.columns, key.target_table, key.target_columns), named
    return None


def _asks_for_names(question: str, meant: frozenset[str]) -> bool:
    """Whether the question has all these words, the last of them not followed by "id", "code" or the like."""
    said = re.findall(r"[^\W_]+", question)
    stems = [next(iter(words(word)), "") for word in said]
    places = [at for at, stem in enumerate(stems) if stem in meant]
    if {stems[at] for at in places} != meant:
        return False
    return not any(at + 1 < len(stems) and stems[at + 1] in KEY_WORDS for at in places)


def _name_of(target: Table) -> Column | None:
    """The text of a table that holds nothing but keys and their names."""
    texts = [column for column in target.columns if is_text(column)]
    return texts[0] if len(target.columns) == _LOOKUP_COLUMNS and len(texts) == 1 else None

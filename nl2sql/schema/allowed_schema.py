"""What may be seen of a database: the schema without what policy and settings hide, and the texts that it holds.

It is made once for what was introspected, and shared by all questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from nl2sql.schema.value_index import ValueIndex
from nl2sql.types import Policy, Schema

_STAR: Final = re.compile(r"(?:\bselect|\bdistinct|\ball|,|\.)\s*\*|^\s*from\b|[(;]\s*from\b|\bcolumns\s*\(", re.I)


class ColumnDoubt(NamedTuple):
    """What is doubtful of how one column was read of its file, as a clause."""

    table: str
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class AllowedSchema:
    """What may be seen, the policy that holds everybody to it, the index of the texts in it, and doubtful columns."""

    schema: Schema
    policy: Policy
    index: ValueIndex
    doubts: tuple[ColumnDoubt, ...] = ()

    def find_doubts(self, sql: str) -> Iterator[str]:
        """A sentence for each doubtful column that the SQL names or takes by a star, be it readable or not."""
        if not self.doubts:
            return
        text, has_star = sql.replace('""', '"').lower(), _STAR.search(sql) is not None
        for doubt in self.doubts:
            if _has_name(text, doubt.table.rpartition(".")[2]) and (has_star or _has_name(text, doubt.column)):
                yield f"{doubt.column} of {doubt.table} {doubt.text}"


def add_descriptions(schema: Schema, descriptions: Mapping[str, str], synonyms: Mapping[str, Sequence[str]]) -> Schema:
    """Put the owner's descriptions in place of the database's comments, and add the owner's synonyms.

    Both are by `table` or `table.column`, in lower case; an empty description takes a comment away.
    """

    def describe(key: str, present: str | None) -> dict[str, Any]:
        return {
            "comment": descriptions.get(key.lower(), present) or None,
            "synonyms": tuple(synonyms.get(key.lower(), ())),
        }

    tables = []
    for table in schema.tables:
        columns = tuple(replace(c, **describe(f"{table.name}.{c.name}", c.comment)) for c in table.columns)
        tables.append(replace(table, columns=columns, **describe(table.name, table.comment)))
    return replace(schema, tables=tuple(tables))


def _has_name(text: str, name: str) -> bool:
    """Whether the name, in small letters, stands anywhere in the text and is no part of another word."""
    return re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text) is not None

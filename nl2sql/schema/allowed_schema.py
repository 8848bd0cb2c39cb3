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
    """A doubt about how one column was read from its file. `text` is a clause that follows the column's name."""

    table: str
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class AllowedSchema:
    """The schema that may be seen, the policy that enforces it, the index of its texts, and its doubtful columns."""

    schema: Schema
    policy: Policy
    index: ValueIndex
    doubts: tuple[ColumnDoubt, ...] = ()

    def find_doubts(self, sql: str) -> Iterator[str]:
        """Yield a sentence for each doubtful column that the SQL names or selects by a star. It need not parse."""
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
    """Return whether the name stands in the lower-case text as a whole word."""
    return re.search(rf"(?<!\w){re.escape(name.lower())}(?!\w)", text) is not None

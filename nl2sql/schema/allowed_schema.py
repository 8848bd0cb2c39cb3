"""What may be seen of a database: the schema without what policy and settings hide, and the texts that it holds.

It is made once for what was introspected, and shared by all questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from nl2sql.schema.value_index import ValueIndex
from nl2sql.types import Policy, Schema

_WORD: Final = re.compile(r'"((?:[^"]|"")+)"|(\w+)')


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
        """A sentence for each doubtful column that the SQL names, whether it can be read or not."""
        if not self.doubts:
            return
        words = {(found[1] or found[2]).replace('""', '"').lower() for found in _WORD.finditer(sql)}
        for doubt in self.doubts:
            parts = {doubt.table.rpartition(".")[2].lower(), doubt.column.lower()}
            if parts <= words:
                yield f"{doubt.column} of {doubt.table} {doubt.text}"

"""The tables that the user says a question is about: given by name, or written `@orders` in the question.

It narrows what the model is shown, not what it may read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nl2sql.errors import ConfigError
from nl2sql.schema.identifiers import find_closest
from nl2sql.types import Schema

_NAMED: Final = re.compile(r'(?<!\w)@(?:"([^"]+)"|([^\W\d][\w.]*\w|[^\W\d]))')


def narrow_to_mentions(question: str, schema: Schema, tables: Sequence[str] = ()) -> Schema:
    """Return the schema with the mentioned tables and those that their keys lead to; all of it where none is mentioned.

    `tables` adds names to those in the question. An `@name` that is no table is ignored: it may mean anything.

    Raises:
        ConfigError: `tables` names a table that is not there.
    """
    wanted = [name for found in _NAMED.finditer(question) if schema.find_table(name := found[1] or found[2])]
    for name in tables:
        if schema.find_table(name) is None:
            near = find_closest(name, [table.name for table in schema.tables])
            raise ConfigError(f"there is no table {name!r}", f"Did you mean {near!r}?" if near else "Look at `schema`.")
        wanted.append(name)
    mentioned = {name.lower() for name in wanted}
    if not mentioned:
        return schema
    targets = {
        key.target_table.lower() for name in wanted if (table := schema.find_table(name)) for key in table.foreign_keys
    }
    return replace(schema, tables=tuple(table for table in schema.tables if table.name.lower() in mentioned | targets))

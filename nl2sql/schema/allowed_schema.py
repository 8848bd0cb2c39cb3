"""What may be seen of a database: the schema without what policy and settings hide, and the texts that it holds.

It is made once for what was introspected, and shared by all questions.
"""

from __future__ import annotations

from dataclasses import dataclass

from nl2sql.schema.value_index import ValueIndex
from nl2sql.types import Policy, Schema


@dataclass(frozen=True, slots=True)
class AllowedSchema:
    """What may be seen, the policy that holds everybody to it, and the index of the texts in it."""

    schema: Schema
    policy: Policy
    index: ValueIndex

"""What the data is: profile, inferred keys, linking to a question, and the text that the model reads.

It opens no database: the engine reads the catalogue, and passes in a `run` for the profile.
"""

from nl2sql.schema.access import apply_policy, resolve
from nl2sql.schema.ddl_prompt import estimate_tokens, render, render_table
from nl2sql.schema.linking import LinkedSchema, SchemaBudget, link
from nl2sql.schema.table_mentions import narrow_to_mentions

__all__ = [
    "LinkedSchema",
    "SchemaBudget",
    "apply_policy",
    "estimate_tokens",
    "link",
    "narrow_to_mentions",
    "render",
    "render_table",
    "resolve",
]

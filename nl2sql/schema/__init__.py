"""What the data is: profile, inferred keys, linking to a question, and the text that the model reads.

It opens no database: the engine reads the catalogue, and passes in a `run` for the profile.
"""

from nl2sql.schema.access import allowed, resolve
from nl2sql.schema.ddl_prompt import estimate_tokens, render, render_table
from nl2sql.schema.linking import Budget, LinkedSchema, link
from nl2sql.schema.table_mentions import pinned

__all__ = [
    "Budget",
    "LinkedSchema",
    "allowed",
    "estimate_tokens",
    "link",
    "pinned",
    "render",
    "render_table",
    "resolve",
]

"""What the data is: profile, inferred keys, linking to a question, and the text that the model reads.

It opens no database: the engine reads the catalogue, and passes in a `run` for the profile.
"""

from nl2sql.schema.access import allowed, resolve
from nl2sql.schema.link import Budget, LinkedSchema, link
from nl2sql.schema.pin import pinned
from nl2sql.schema.render import estimate_tokens, render, render_table

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

"""What code may set right in a query that a model wrote: only where one reading is left.

Pure: SQL, schema, question and the engine's error in, SQL and a list of what was changed out. It judges and runs
nothing; what it makes goes before the guard like any other text. A query that binds is never changed, but for the
spelling of a text that nothing stored equals. What needs a guess goes back to the model as what is near.
"""

from nl2sql.repair.binding import Binder, BindError, Fault, read_bind_error
from nl2sql.repair.pipeline import RULES, TEXT_RULES, repair
from nl2sql.repair.stored_values import StoredMatch, StoredValues, match_stored_values

__all__ = [
    "RULES",
    "TEXT_RULES",
    "BindError",
    "Binder",
    "Fault",
    "StoredMatch",
    "StoredValues",
    "match_stored_values",
    "read_bind_error",
    "repair",
]

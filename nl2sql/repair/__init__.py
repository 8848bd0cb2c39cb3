"""Repair queries that a model wrote and that do not bind, where only one reading is left.

Pure: takes SQL, schema, question and the engine's error; returns SQL and a list of the changes. It judges and runs
nothing: a repaired text goes before the guard like any other. A query that binds is changed in one way only: a text
that equals no stored value gets the stored spelling. What would need a guess goes back to the model as a hint.
"""

from nl2sql.repair.binding import Binder, BindError, Fault, read_bind_error
from nl2sql.repair.pipeline import RULES, TEXT_RULES, RepairRequest, repair
from nl2sql.repair.stored_values import StoredMatch, StoredValues, match_stored_values

__all__ = [
    "RULES",
    "TEXT_RULES",
    "BindError",
    "Binder",
    "Fault",
    "RepairRequest",
    "StoredMatch",
    "StoredValues",
    "match_stored_values",
    "read_bind_error",
    "repair",
]

"""Mends SQL that does not bind, without asking the model again: names, joins, literals, grouping.

Pure: SQL, schema and question in, SQL out. It judges nothing and runs nothing; what it makes goes before the guard
like any other text. A mend is made only where one reading fits; what stays unclear is left for the model.
"""

from nl2sql.mend.mending import MENDS, mend, tidy
from nl2sql.mend.values import respell

__all__ = ["MENDS", "mend", "respell", "tidy"]

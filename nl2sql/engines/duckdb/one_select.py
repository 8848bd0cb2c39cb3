"""Whether a text is one SELECT, by DuckDB's own syntax tree: the worker's last question before anything runs.

It does not judge what the SELECT reads; the guard has.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_TREE: Final = "SELECT system.main.json_serialize_sql(?::VARCHAR)"
_WRITING_NODE: Final = re.compile(r'"type":"(?!CTE_|RECURSIVE_CTE_|SELECT_|SET_OPERATION_)[A-Z_]*_NODE"')


def check_single_select(cursor: Any, sql: str) -> str:
    """Why the text is no SELECT; empty where it is one.

    A COPY or an INSERT may hide in a WITH, and a locked DuckDB still opens its own files for writing. EXPLAIN of a
    SELECT passes in the guard's own spelling.
    """
    from nl2sql.guard import strip_explain

    tree = str(cursor.execute(_TREE, [strip_explain(sql)]).fetchall()[0][0])
    try:
        document = json.loads(tree)
    except (ValueError, RecursionError):
        document = {"error": True}
    if document["error"] or len(document["statements"]) != 1 or _WRITING_NODE.search(tree):
        return "only one SELECT at a time runs here"
    return ""

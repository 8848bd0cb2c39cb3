"""What is DuckDB's own in SQL: its dialect, and what its EXPLAIN guesses of a query.

It does not import DuckDB.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from nl2sql.guard import DUCKDB_JUDGES, Dialect, strip_explain
from nl2sql.schema.identifiers import quote_literal, quote_name
from nl2sql.types import CheckedSQL, Result

# The connection is read-only by its own flag. These close what a read-only one may still do, and hold for every
# cursor of it: a plain SET of some would hold for one connection alone.
DUCKDB: Final = Dialect(
    name="duckdb",
    label="DuckDB",
    judges=DUCKDB_JUDGES,
    read_only_statements=(
        "SET GLOBAL autoinstall_known_extensions=false",
        "SET GLOBAL autoload_known_extensions=false",
        "SET GLOBAL allow_community_extensions=false",
        "SET GLOBAL allow_persistent_secrets=false",
        "SET GLOBAL python_enable_replacements=false",
        "SET GLOBAL python_scan_all_frames=false",
    ),
    quote_name=quote_name,
    quote_literal=quote_literal,
)
_ESTIMATE: Final = "Estimated Cardinality"
_PAIRS: Final = ("CROSS_PRODUCT", "BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN")


class ExplainEstimates:
    """Implements `engine.CostEstimates` by EXPLAIN, whose JSON has the rows that are expected of each step."""

    def write_explain(self, checked: CheckedSQL) -> str:
        """As `CostEstimates.write_explain`."""
        return f"EXPLAIN (FORMAT json) {strip_explain(checked.sql)}"

    def read_estimate(self, result: Result) -> int | None:
        """As `CostEstimates.read_estimate`."""
        return estimate_rows(str(result.rows[0][-1])) if result.rows else None


def estimate_rows(plan: str) -> int | None:
    """Return the greatest estimate of any step; None where none has one, or the text is not a plan."""
    try:
        steps = json.loads(plan)
    except ValueError:
        return None
    return max(
        (greatest for step in _list_steps(steps) for _, greatest in [_estimate_step(step)] if greatest), default=None
    )


def _estimate_step(step: dict[str, Any]) -> tuple[int, int]:
    """Return the rows that the step gives, and the most that it or a step below handles; 0 where nothing is said.

    A step that pairs every row with every row and says nothing gives the product.
    """
    below = [_estimate_step(child) for child in _list_steps(step.get("children"))]
    text = str((step.get("extra_info") or {}).get(_ESTIMATE, ""))
    rows = [rows for rows, _ in below]
    if text.isdecimal():
        own = int(text)
    elif step.get("name") in _PAIRS:
        own = math.prod(rows)
    else:
        own = max(rows, default=0)
    return own, max([own, *(greatest for _, greatest in below)])


def _list_steps(steps: Any) -> list[dict[str, Any]]:
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []

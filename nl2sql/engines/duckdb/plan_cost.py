"""What the engine guesses of a query before it runs: the most rows that any of its steps would handle.

A hint and no limit: guesses are often far off. What protects is in the engine.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

_ESTIMATE: Final = "Estimated Cardinality"
_PAIRS: Final = ("CROSS_PRODUCT", "BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN")


def estimate_rows(plan: str) -> int | None:
    """The greatest estimate of any step; None where none has one, or the text is not a plan."""
    try:
        steps = json.loads(plan)
    except ValueError:
        return None
    return max(
        (greatest for step in _list_steps(steps) for _, greatest in [_estimate_step(step)] if greatest), default=None
    )


def _estimate_step(step: dict[str, Any]) -> tuple[int, int]:
    """The rows that the step gives, and the most that it or a step below handles; 0 where nothing is said.

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

"""What EXPLAIN's JSON says of how many rows a query handles.

It asks no engine, and its figure protects nothing: half of what is costly looks cheap before it runs.
"""

from __future__ import annotations

import json
from typing import Any, Final

_ESTIMATE: Final = "Estimated Cardinality"


def estimated_rows(plan: str) -> int | None:
    """The greatest estimate of any step; None where none has one, or the text is not a plan."""
    try:
        steps = json.loads(plan)
    except ValueError:
        return None
    return max(_estimates(steps), default=None)


def _estimates(steps: Any) -> list[int]:
    found: list[int] = []
    for step in steps if isinstance(steps, list) else ():
        text = str((step.get("extra_info") or {}).get(_ESTIMATE, ""))
        found += [int(text)] if text.isdecimal() else []
        found += _estimates(step.get("children"))
    return found

"""How much to trust an answer, from signs that code can see.

The score is a ranking, not a probability: it is not calibrated against questions with known answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nl2sql.types import Confidence, Grounding, Repair, RepairKind, Result, Step

HIGH: Final = 0.75
CHECK: Final = 0.45
_AGREED: Final = 0.05
_ALONE: Final = 0.25
_KEYED: Final = 0.7


def assess(
    result: Result,
    steps: tuple[Step, ...],
    grounding: Grounding | None,
    left_out: int = 0,
    agreeing: tuple[int, int] | None = None,
    verified: str | None = None,
    repairs: Sequence[Repair] = (),
) -> Confidence:
    """The confidence in an answer whose query ran. `left_out` counts tables that the model was not shown.

    `agreeing` are how many candidates gave these rows, and of how many; None where there was one query only.
    `verified` names the verified query whose rows these are. `repairs` are what code changed in the query: one that
    rests on a key or on the data is for a person to check.
    """
    score, reasons = 0.9, []
    signs: dict[str, float] = {}
    if verified:
        signs["verified"] = 1.0
        reasons.append(f"the SQL is the verified query {verified}")
    failed = sum(not step.ok and step.tool != "candidate" for step in steps)
    if failed:
        score -= 0.2 * min(failed, 3)
        signs["failed_tries"] = float(failed)
        reasons.append(f"{failed} quer{'ies' if failed > 1 else 'y'} failed before this one ran")
    if repairs:
        score -= 0.1
        signs["repaired"] = float(len(repairs))
        reasons.append("code changed the query: " + "; ".join(repair.text for repair in repairs))
    if agreeing is not None:
        same, of = agreeing
        score += _AGREED if 2 * same > of else -_ALONE if same == 1 else 0.0
        signs["disagreement"] = 1.0 - same / of
        reasons.append(f"{same} of {of} queries written for it give these rows")
    if result.row_count == 0:
        score -= 0.35
        signs["no_rows"] = 1.0
        reasons.append("no rows matched")
    elif all(column.null_count == len(column) for column in result.table.columns):
        score -= 0.4
        signs["all_null"] = 1.0
        reasons.append("every value is NULL")
    if grounding is not None and grounding.unsupported:
        score -= 0.2
        signs["unsupported_figures"] = 1.0
        reasons.append("the model's sentence named figures that the rows don't have, so it was replaced")
    if left_out:
        score -= 0.15
        signs["tables_left_out"] = float(left_out)
        reasons.append(f"{left_out} tables did not fit into the prompt")
    if any(repair.kind is not RepairKind.EXACT for repair in repairs):
        score = min(score, _KEYED)
    score = max(0.05, round(score, 2))
    level = "high" if score >= HIGH else "check" if score >= CHECK else "low"
    return Confidence(level, score, tuple(reasons), signs)

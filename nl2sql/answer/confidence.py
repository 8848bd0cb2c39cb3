"""How much to trust an answer, from signs that code can see.

The score is a ranking, not a probability: it is not calibrated against questions with known answers.
"""

from __future__ import annotations

from typing import Final

from nl2sql.types import Confidence, Grounding, Result, Step, Trap, Untraced

HIGH: Final = 0.75
CHECK: Final = 0.45
_AGREED: Final = 0.05
_ALONE: Final = 0.25
_TRAPPED: Final = 0.6


def assess(
    result: Result,
    steps: tuple[Step, ...],
    grounding: Grounding | None,
    left_out: int = 0,
    agreeing: tuple[int, int] | None = None,
    verified: str | None = None,
    traps: tuple[Trap, ...] = (),
    untraced: tuple[Untraced, ...] = (),
) -> Confidence:
    """The confidence in an answer whose query ran. `left_out` counts tables that the model was not shown.

    `agreeing` are how many candidates gave these rows, and of how many; None where there was one query only.
    `verified` names the verified query whose rows these are. With one of the `traps` that makes the figures others
    than those asked for it is `check` at best. `untraced` are words of the question that nothing in the SQL stands for:
    a reason that costs nothing, since a synonym that nobody wrote down is one too.
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
    if mended := [str(step.arguments["mends"]) for step in steps if step.tool == "mend"]:
        score -= 0.1
        signs["mended"] = float(len(mended))
        reasons.append("code mended the query: " + "; ".join(mended))
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
    signs |= _signs_of_words(untraced)
    reasons += [line[0].lower() + line[1:].rstrip(".") for line in say_untraced(untraced)]
    if told := sum(not trap.changes_figure for trap in traps):
        signs["told_traps"] = float(told)
    if grave := list(dict.fromkeys(trap.rule for trap in traps if trap.changes_figure)):
        score = min(score, _TRAPPED)
        signs["grave_traps"] = float(len(grave))
        reasons.append(f"the figures may be others than those asked for: {', '.join(grave)}")
    score = max(0.05, round(score, 2))
    level = "high" if score >= HIGH else "check" if score >= CHECK else "low"
    return Confidence(level, score, tuple(reasons) or ("the first query ran",), signs)


def say_untraced(untraced: tuple[Untraced, ...]) -> tuple[str, ...]:
    """A line that names the words that weigh; none where there are none."""
    words = [one.word for one in untraced if one.weighs]
    return (f"Nothing in the SQL stands for: {', '.join(words)}.",) if words else ()


def _signs_of_words(untraced: tuple[Untraced, ...]) -> dict[str, float]:
    """How many words nothing stands for, in all and by what makes them weigh."""
    counts = {
        "untraced_words": len(untraced),
        "untraced_elsewhere": sum(one.elsewhere for one in untraced),
        "untraced_qualifiers": sum(one.qualifies for one in untraced),
        "untraced_measures": sum(one.is_measured for one in untraced),
        "untraced_names": sum(one.is_name for one in untraced),
        "untraced_numbers": sum(one.is_number for one in untraced),
    }
    return {name: float(count) for name, count in counts.items() if count}

"""How far to trust an answer: signs that code can see, with weights fitted on questions with known answers.

`SIGNS` is the table: how each sign is measured, its weight, and its description for a person. It calls no model and
runs nothing. `python -m nl2sql.evals.calibration` fits the weights again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nl2sql.types import Confidence, Grounding, Repair, RepairKind, Result, Step, StepKind, Trap, UntracedWord

# Log-odds that an answer without any sign is right.
BIAS_LOG_ODDS: Final = 3.18
# On databases outside the fit, 95% of the answers at or above this score were right.
MIN_HIGH_SCORE: Final = 0.88
MIN_CHECK_SCORE: Final = 0.2
# An answer below this score is withheld: of 21 such answers, on databases outside the fit, one was right.
MIN_ANSWER_SCORE: Final = 0.1
# The signs that rest on log-probabilities, and the one that stands for their absence.
LOGPROB_SIGNS: Final = ("surprise",)
NO_LOGPROBS: Final = "no_logprobs"
_VERIFIED_SCORE: Final = 0.97
_MAX_SURPRISE_NATS: Final = 12.0
_MIN_SURE_PROBABILITY: Final = 0.1
_MAX_LOG_ODDS: Final = 50.0


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """How an answer whose query ran was made.

    `logprobs` are the natural log-probabilities of the tokens of the SQL, empty where the endpoint reports none.
    `agreement` is how many of the queries written for the question give these rows, and how many were written; None
    where it was one. `hidden_table_count` counts the tables that the model was not shown. `verified_query` names the
    verified query whose rows these are. `is_unfinished`: the model did not finish. `is_prompt_cut`: its endpoint read
    only a part of the prompt. `doubtful_column_count` counts columns of the query whose file can be read in two ways.
    """

    result: Result
    steps: Sequence[Step] = ()
    grounding: Grounding | None = None
    logprobs: Sequence[float] = ()
    agreement: tuple[int, int] | None = None
    repairs: Sequence[Repair] = ()
    traps: Sequence[Trap] = ()
    untraced_words: Sequence[UntracedWord] = ()
    hidden_table_count: int = 0
    verified_query: str | None = None
    is_unfinished: bool = False
    is_prompt_cut: bool = False
    doubtful_column_count: int = 0


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign: `measure` returns its value, 0 where it is absent; `weight` is the log-odds for one unit of the value.

    `describe` explains it to a person and is called only where the sign is present; an empty text is not shown.
    `is_fitted` is False where the weight is set by hand and kept by every fit, because questions with known answers
    hardly ever show this sign alone.
    """

    name: str
    weight: float
    measure: Callable[[AnswerRecord], float]
    describe: Callable[[AnswerRecord], str] = lambda record: ""
    is_fitted: bool = True


def assess_answer(record: AnswerRecord) -> Confidence:
    """Weigh the signs of an answer. Its score is the probability (0 to 1) that the answer is right."""
    signs = {sign.name: value for sign in SIGNS if (value := sign.measure(record))}
    shown = [sign for sign in SIGNS if sign.name in signs]
    reasons = tuple(text for sign in shown if (text := sign.describe(record)))
    if record.verified_query:
        reasons = (f"the SQL is the verified query {record.verified_query}", *reasons)
        score = _VERIFIED_SCORE
    else:
        score = round(score_signs(signs), 2)
    level = "high" if score >= MIN_HIGH_SCORE else "check" if score >= MIN_CHECK_SCORE else "low"
    return Confidence(level, score, reasons, signs)


def is_too_doubtful(confidence: Confidence) -> bool:
    """Return whether the rows should not be given as an answer."""
    return confidence.score < MIN_ANSWER_SCORE


def score_signs(signs: dict[str, float]) -> float:
    """Return the probability (0 to 1) that an answer with signs of these values is right."""
    odds = BIAS_LOG_ODDS + sum(sign.weight * signs.get(sign.name, 0.0) for sign in SIGNS)
    return 1 / (1 + math.exp(-max(-_MAX_LOG_ODDS, odds)))


def describe_untraced_words(untraced: Sequence[UntracedWord]) -> tuple[str, ...]:
    """Return a line that names the words that have weight; an empty tuple where there are none."""
    words = [word.word for word in untraced if word.has_weight]
    return (f"Nothing in the SQL stands for: {', '.join(words)}.",) if words else ()


def _sum_surprise(record: AnswerRecord) -> float:
    """Return how unlikely the tokens of the SQL were to the model, in nats."""
    return min(_MAX_SURPRISE_NATS, -sum(record.logprobs))


def _describe_surprise(record: AnswerRecord) -> str:
    share = math.exp(sum(record.logprobs))
    return f"the model was {share:.0%} sure of the SQL as a whole" if share < _MIN_SURE_PROBABILITY else ""


def _is_failure(step: Step) -> bool:
    """Return whether the step is a failed call of the model, other than a further candidate query."""
    return not step.ok and step.tool != StepKind.CANDIDATE


def _has_failed(record: AnswerRecord) -> float:
    return float(any(map(_is_failure, record.steps)))


def _describe_failures(record: AnswerRecord) -> str:
    failed = sum(_is_failure(step) for step in record.steps)
    return f"{failed} of the model's tries failed"


def _describe_repairs(record: AnswerRecord, kind: RepairKind, what: str) -> str:
    return f"{what}: {'; '.join(repair.text for repair in record.repairs if repair.kind is kind)}"


def _measure_disagreement(record: AnswerRecord) -> float:
    """Return the share of the queries written for the question that gave other rows or none."""
    if record.agreement is None:
        return 0.0
    same, written = record.agreement
    return 1.0 - same / max(written, 1)


def _describe_disagreement(record: AnswerRecord) -> str:
    same, written = record.agreement or (1, 1)
    return f"{same} of {written} queries written for the question give these rows"


def _is_all_null(record: AnswerRecord) -> float:
    columns = record.result.table.columns
    return float(record.result.row_count > 0 and all(column.null_count == len(column) for column in columns))


def _list_grave_traps(record: AnswerRecord) -> list[str]:
    return list(dict.fromkeys(trap.rule for trap in record.traps if trap.is_figure_changed))


def _describe_grave_traps(record: AnswerRecord) -> str:
    grave = [trap.message for trap in record.traps if trap.is_figure_changed]
    return f"the figures may be others than those asked for: {'; '.join(grave)}"


def _list_untraced_words(record: AnswerRecord) -> list[UntracedWord]:
    return [word for word in record.untraced_words if not word.is_label]


def _list_labels(record: AnswerRecord) -> list[UntracedWord]:
    """Return the words that only a column alias of the query stands for."""
    return [word for word in record.untraced_words if word.is_label]


def _describe_labels(record: AnswerRecord) -> str:
    words = ", ".join(label.word for label in _list_labels(record))
    return f"nothing in the data is called {words}: it is only what the SQL calls its result"


def _describe_untraced(record: AnswerRecord) -> str:
    return "".join(line[0].lower() + line[1:].rstrip(".") for line in describe_untraced_words(record.untraced_words))


SIGNS: Final[tuple[Sign, ...]] = (
    Sign(
        NO_LOGPROBS,
        -1.29,
        lambda record: float(not record.logprobs and not record.verified_query),
        lambda record: "the model does not tell how sure it is of the SQL",
    ),
    Sign("surprise", -0.49, _sum_surprise, _describe_surprise),
    Sign("failed_tries", -1.4, _has_failed, _describe_failures, is_fitted=False),
    Sign(
        "exact_repairs",
        -0.5,
        lambda record: float(sum(repair.kind is RepairKind.EXACT for repair in record.repairs)),
        lambda record: _describe_repairs(record, RepairKind.EXACT, "code changed the spelling"),
    ),
    Sign(
        "keyed_repairs",
        -1.5,
        lambda record: float(sum(repair.kind is not RepairKind.EXACT for repair in record.repairs)),
        lambda record: _describe_repairs(record, RepairKind.KEYED, "code changed the query by keys and stored values"),
        is_fitted=False,
    ),
    Sign("disagreement", -0.9, _measure_disagreement, _describe_disagreement, is_fitted=False),
    Sign("untraced_words", -0.06, lambda record: float(len(_list_untraced_words(record))), _describe_untraced),
    Sign(
        "untraced_elsewhere",
        -0.53,
        lambda record: float(sum(word.is_in_schema for word in _list_untraced_words(record))),
    ),
    Sign(
        "untraced_measures", -0.1, lambda record: float(sum(word.is_measured for word in _list_untraced_words(record)))
    ),
    Sign("untraced_names", -0.62, lambda record: float(sum(word.is_name for word in _list_untraced_words(record)))),
    Sign("untraced_numbers", -1.45, lambda record: float(sum(word.is_number for word in _list_untraced_words(record)))),
    Sign("labels", -1.33, lambda record: float(len(_list_labels(record))), _describe_labels),
    Sign(
        "grave_traps",
        -2.0,
        lambda record: float(len(_list_grave_traps(record))),
        _describe_grave_traps,
        is_fitted=False,
    ),
    Sign("told_traps", -1.34, lambda record: float(sum(not trap.is_figure_changed for trap in record.traps))),
    Sign(
        "no_rows",
        -1.89,
        lambda record: float(record.result.row_count == 0),
        lambda record: "no rows matched",
    ),
    Sign("all_null", -2.0, _is_all_null, lambda record: "every value is NULL", is_fitted=False),
    Sign(
        "unsupported_figures",
        -1.4,
        lambda record: float(record.grounding is not None and bool(record.grounding.unsupported)),
        lambda record: "the model's sentence named figures that the rows don't have, so it was replaced",
        is_fitted=False,
    ),
    Sign(
        "tables_left_out",
        -0.5,
        lambda record: float(bool(record.hidden_table_count)),
        lambda record: f"{record.hidden_table_count} tables did not fit into the prompt",
        is_fitted=False,
    ),
    Sign(
        "unfinished",
        -3.0,
        lambda record: float(record.is_unfinished),
        lambda record: "the model did not come to its end",
        is_fitted=False,
    ),
    Sign(
        "doubtful_columns",
        -2.0,
        lambda record: float(bool(record.doubtful_column_count)),
        lambda record: "how a column of the query was read of its file is doubtful",
        is_fitted=False,
    ),
    Sign(
        "cut_prompt",
        -2.0,
        lambda record: float(record.is_prompt_cut),
        lambda record: "the model's endpoint read only a part of the prompt",
        is_fitted=False,
    ),
)

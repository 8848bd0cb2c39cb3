"""Find traps: ways in which a query that runs says something other than it seems to.

A trap is reported only where the data has it. Rules over the syntax tree use facts of the schema's profile and of small
probing queries, which the caller runs. They change nothing; whether a trap matters to the question, the model or the
user decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from nl2sql.answer.plain_tree import is_about_tables, parse_plain
from nl2sql.answer.traps import fan_out, misleading_figures, null_values, result_ends, text_values
from nl2sql.answer.traps.ran_query import Ask, RanQuery
from nl2sql.types import Result, Schema, Trap, TrapReport

__all__ = ["TRAPS", "Ask", "TrapRule", "find_traps"]


@dataclass(frozen=True, slots=True)
class TrapRule:
    """A kind of trap. `find` yields a message for each; `purpose` is what it looks for, as a clause.

    `is_figure_affected`: the figures shown then differ from those asked for, so the model is called once more;
    otherwise the trap is only reported.
    """

    name: str
    purpose: str
    find: Callable[[RanQuery], Iterator[str]]
    is_figure_affected: bool = False


TRAPS: Final[tuple[TrapRule, ...]] = (
    TrapRule("fan-out", "whether a join repeats rows", fan_out.find_fan_out, is_figure_affected=True),
    TrapRule("dropped-rows", "whether a join leaves rows out", fan_out.find_dropped_rows),
    TrapRule(
        "not-in-null",
        "whether the list of NOT IN holds NULL",
        null_values.find_nulls_in_not_in,
        is_figure_affected=True,
    ),
    TrapRule("count-of-nulls", "whether a counted column is empty in some rows", null_values.find_uncounted_nulls),
    TrapRule(
        "average-of-averages",
        "whether averages of groups of different sizes are averaged",
        misleading_figures.find_average_of_averages,
        is_figure_affected=True,
    ),
    TrapRule("unfinished-period", "whether the last period is over", result_ends.find_unfinished_period),
    TrapRule(
        "text-compared",
        "whether numbers or dates are compared as text",
        text_values.find_text_comparison,
        is_figure_affected=True,
    ),
    TrapRule(
        "text-ranked",
        "whether numbers or dates are ranked as text",
        text_values.find_text_ranking,
        is_figure_affected=True,
    ),
    TrapRule("unknown-value", "whether each text is stored", text_values.find_unknown_value),
    TrapRule("idle-value", "whether each text is stored", text_values.find_idle_value, is_figure_affected=True),
    TrapRule("limit-without-order", "whether LIMIT cuts rows", result_ends.find_limit_without_order),
    TrapRule("cut-ties", "whether rows tie where LIMIT cuts", result_ends.find_cut_ties),
    TrapRule(
        "integer-division",
        "whether a division drops decimals",
        misleading_figures.find_integer_division,
        is_figure_affected=True,
    ),
    TrapRule(
        "unrounded",
        "whether figures are rounded as asked",
        misleading_figures.find_unrounded_figures,
        is_figure_affected=True,
    ),
    TrapRule("division-by-zero", "whether a divisor is 0", misleading_figures.find_division_by_zero),
    TrapRule(
        "constant-for-column",
        "whether a constant is named like a column",
        misleading_figures.find_constant_for_column,
        is_figure_affected=True,
    ),
)
"""The rules, in the order in which they are tried."""
_UNREAD: Final = "whether the query says what it seems to"


def find_traps(sql: str, schema: Schema, result: Result, ask: Ask, question: str = "") -> TrapReport:
    """Return the traps of a query that ran, each once, and the purposes whose probes got no answer.

    `sql` is its canonical text. `ask(sql)` runs a probing query and returns its rows, or None where it may not run.
    """
    tree = parse_plain(sql, schema.dialect)
    if tree is None:
        return TrapReport(unchecked_claims=() if is_about_tables(sql) else (_UNREAD,))
    ran = RanQuery(tree, schema, result, ask, question)
    traps: list[Trap] = []
    unchecked: dict[str, None] = {}
    for rule in TRAPS:
        ran.has_unanswered_probe = False
        traps += [Trap(rule.name, message, rule.is_figure_affected) for message in rule.find(ran)]
        if ran.has_unanswered_probe:
            unchecked[rule.purpose] = None
    return TrapReport(tuple(traps), tuple(unchecked))

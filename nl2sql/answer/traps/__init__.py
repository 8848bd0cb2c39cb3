"""Traps: ways in which a query that runs says something else than it seems to, told only where the data makes it so.

Rules over the syntax tree with facts of the schema's profile and of small probing queries, which the caller runs. They
change nothing; whether a trap matters to the question, the model or the user decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from nl2sql.answer.plain_tree import parse_plain
from nl2sql.answer.traps import ends, figures, multiplied, nulls, texts
from nl2sql.answer.traps.ran_query import Ask, RanQuery
from nl2sql.types import Result, Schema, Trap

__all__ = ["TRAPS", "Ask", "TrapRule", "find_traps"]


@dataclass(frozen=True, slots=True)
class TrapRule:
    """A kind of trap. `find` gives a message for each.

    `changes_figure` says that the figures shown are then others than those asked for, so that a further call of the
    model is worth it; else it is only told.
    """

    name: str
    find: Callable[[RanQuery], Iterator[str]]
    changes_figure: bool = False


TRAPS: Final[tuple[TrapRule, ...]] = (
    TrapRule("fan-out", multiplied.find_fan_out, changes_figure=True),
    TrapRule("dropped-rows", multiplied.find_dropped_rows),
    TrapRule("not-in-null", nulls.find_nulls_in_not_in, changes_figure=True),
    TrapRule("count-of-nulls", nulls.find_uncounted_nulls),
    TrapRule("average-of-averages", figures.find_average_of_averages, changes_figure=True),
    TrapRule("unfinished-period", ends.find_unfinished_period),
    TrapRule("text-compared", texts.find_text_compared, changes_figure=True),
    TrapRule("text-ranked", texts.find_text_ranked, changes_figure=True),
    TrapRule("unknown-value", texts.find_unknown_value),
    TrapRule("idle-value", texts.find_idle_value, changes_figure=True),
    TrapRule("limit-without-order", ends.find_limit_without_order),
    TrapRule("cut-ties", ends.find_cut_ties),
    TrapRule("integer-division", figures.find_integer_division, changes_figure=True),
    TrapRule("division-by-zero", figures.find_division_by_zero),
    TrapRule("constant-for-column", figures.find_constant_for_column, changes_figure=True),
)
"""What is looked for, in this order."""


def find_traps(sql: str, schema: Schema, result: Result, ask: Ask, question: str = "") -> tuple[Trap, ...]:
    """The traps of a query that ran, each once.

    `sql` is its canonical text, `ask(sql)` runs a probing query and gives its rows, or None where it may not.
    """
    tree = parse_plain(sql, schema.dialect)
    if tree is None:
        return ()
    ran = RanQuery(tree, schema, result, ask, question)
    return tuple(Trap(rule.name, message, rule.changes_figure) for rule in TRAPS for message in rule.find(ran))
